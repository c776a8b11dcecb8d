/** Headers, section tables and JSON that lie, with right checksums: each lie is named, before memory is taken for it. */
import { describe, expect, it } from 'vitest';
import { readIndex } from '../../src/io/read-index.ts';
import { type Lies, type Parts, putTogether } from './craft.ts';
import {
	ALL,
	chain,
	errorOf,
	expectCorrupt,
	f16,
	flat,
	idMap,
	ivfFlat,
	ivfpq,
	pca,
	pq,
	pqFastScan,
	refine,
	sq8,
} from './crafted-files.ts';

describe('the tools', () => {
	it('put together what they took apart', () => {
		for (const make of ALL) {
			expect(errorOf(make())).toBeUndefined();
		}
	});
});

describe('versions', () => {
	it('tells a newer major version from damage', () => {
		const error = errorOf(flat(), { major: 2, minor: 3 });
		expect(error).toMatchObject({ code: 'unsupported-version', expected: '1.2', found: '2.3' });
		expect(error?.message).toBe(
			'vecino file: file format 2.3 is newer than 1.2, which this version of vecino reads; update vecino',
		);
		expectCorrupt(flat(), 'file format 0.0 does not exist', { major: 0 });
	});

	it('a newer header may even be of another kind', () => {
		const file = putTogether(flat(), { major: 2, file: (bytes) => bytes.fill(0xff, 10) });
		expect(() => readIndex(file)).toThrow(expect.objectContaining({ code: 'unsupported-version' }));
	});

	it('reads newer minor versions as long as it understands them', () => {
		expect(errorOf(flat(), { minor: 3 })).toBeUndefined();
		const { json, sections } = flat();
		const error = errorOf({ json: { ...json, colour: 'red' }, sections }, { minor: 7 });
		expect(error).toMatchObject({ code: 'unsupported-version', found: '1.7' });
		expect(error?.message).toMatch('and holds what it does not know: colour is not known; update vecino');
		const reserved = errorOf(flat(), { minor: 3, header: (header) => header.fill(1, 40, 41) });
		expect(reserved?.code).toBe('unsupported-version');
	});
});

describe('the header', () => {
	const header = (change: (view: DataView) => void): Lies => ({ header: (_, view) => change(view) });

	it.each<[message: string, lies: Lies]>([
		['reserved bytes of the header', header((view) => view.setUint8(59, 1))],
		['a JSON header of 4294967295 bytes; at most 1048576', header((view) => view.setUint32(24, 2 ** 32 - 1, true))],
		['4294967295 sections; at most 64', header((view) => view.setUint32(12, 2 ** 32 - 1, true))],
		['a length of 18446744073709552000 bytes', header((view) => view.setBigUint64(16, 2n ** 64n - 1n, true))],
		['the header needs', header((view) => view.setBigUint64(16, 100n, true))],
		['the sections end at byte', header((view) => view.setBigUint64(16, 10_000n, true))],
		['is no JSON in UTF-8', { text: new TextEncoder().encode('{"type":') }],
		['is no JSON in UTF-8', { text: Uint8Array.of(0x22, 0xff, 0x22) }],
		['is no JSON in UTF-8', { text: new Uint8Array(0) }],
		['the index must be a JSON object, got an array', { text: new TextEncoder().encode('[1]') }],
		['the index must be a JSON object, got null', { text: new TextEncoder().encode('null') }],
		[
			'the index must be a JSON object, got an array',
			{ text: new TextEncoder().encode('['.repeat(5e5) + ']'.repeat(5e5)) },
		],
	])('%s', (message, lies) => {
		expectCorrupt(flat(), message, lies);
	});

	it('padding behind the JSON must be zero', () => {
		const { json, sections } = flat();
		const text = new TextEncoder().encode(JSON.stringify({ ...json, ntotal: 11 }));
		const padding = 64 + text.length;
		expect(padding % 8).not.toBe(0);
		expectCorrupt({ json, sections }, 'padding behind the JSON header', {
			header: (bytes) => bytes.fill(1, padding, padding + 1),
		});
	});
});

describe('the section table', () => {
	/** Entry i of the table of a file with these parts. */
	const table = (parts: Parts, i: number, change: (entry: DataView) => void): Lies => ({
		header: (header) => {
			const end = header.length - (parts.sections.length - i) * 24;
			change(new DataView(header.buffer, end, 24));
		},
	});
	const parts = pq();

	it.each<[message: string, lies: Lies]>([
		['section 1 claims to begin at byte 0', table(parts, 1, (entry) => entry.setBigUint64(0, 0n, true))],
		['section 1 claims to begin at byte 320', table(parts, 1, (entry) => entry.setBigUint64(0, 320n, true))],
		['section 1 claims to begin', table(parts, 1, (entry) => entry.setBigUint64(0, 2n ** 64n - 64n, true))],
		[
			'section 1 claims 18446744073709552000 bytes',
			table(parts, 1, (entry) => entry.setBigUint64(8, 2n ** 64n - 1n, true)),
		],
		['section 0 claims 9007199254740992 bytes', table(parts, 0, (entry) => entry.setBigUint64(8, 2n ** 53n, true))],
		['section 1 claims to begin', table(parts, 0, (entry) => entry.setBigUint64(8, 0n, true))],
		['the sections end at byte', table(parts, 1, (entry) => entry.setBigUint64(8, 0n, true))],
		['reserved bytes of section 0', table(parts, 0, (entry) => entry.setUint32(20, 1, true))],
		['section 0 (codebook): it fails its checksum', table(parts, 0, (entry) => entry.setUint32(16, 1, true))],
		['section 1 (codes): it fails its checksum', table(parts, 1, (entry) => entry.setUint32(16, 1, true))],
	])('%s', (message, lies) => {
		expectCorrupt(parts, message, lies);
	});

	it('may not have more or fewer sections than the index', () => {
		const { json, sections } = parts;
		expectCorrupt({ json, sections: [...sections, new Uint8Array(8)] }, 'the index has 2 sections, the file 3');
		expectCorrupt({ json, sections: sections.slice(1) }, 'the index has 2 sections, the file 1');
		expectCorrupt({ json, sections: [] }, 'the index has 2 sections, the file 0');
	});
});

describe('the JSON header', () => {
	const change = (parts: Parts, changes: object): Parts => ({ ...parts, json: { ...parts.json, ...changes } });
	const blank = { ...flat().json, ntotal: 0, sections: {} };
	const unlearnt = { ...blank, type: 'IndexScalarQuantizer', isTrained: false };
	const untrained: Parts = {
		json: {
			...blank,
			type: 'IndexRefine',
			isTrained: false,
			sections: undefined,
			kFactor: 2,
			base: unlearnt,
			refine: unlearnt,
		},
		sections: [],
	};

	it('may describe what is not trained', () => {
		expect(errorOf(untrained)).toBeUndefined();
		expect(errorOf({ json: unlearnt, sections: [] })).toBeUndefined();
	});

	it.each<[message: string, parts: Parts]>([
		['type must be one of IndexFlat', change(flat(), { type: 'IndexLSH' })],
		['type must be one of IndexFlat', change(flat(), { type: ['IndexFlat'] })],
		['type must be one of IndexFlat, IndexPQ', change(flat(), { type: undefined })],
		['d must be an integer in 1..65536, got 0', change(flat(), { d: 0 })],
		['d must be an integer in 1..65536, got 65537', change(flat(), { d: 65537 })],
		['d must be an integer in 1..65536, got 1.5', change(flat(), { d: 1.5 })],
		['d must be an integer in 1..65536, got "4"', change(flat(), { d: '4' })],
		[
			'd must be an integer in 1..65536, got an object',
			change(flat(), { d: { constructor: { name: { toString: 1 } } } }),
		],
		['metric must be one of l2, ip, cosine, got "l1"', change(flat(), { metric: 'l1' })],
		['ntotal must be an integer in 0..4294967295, got -1', change(flat(), { ntotal: -1 })],
		['ntotal must be an integer in 0..4294967295, got 4294967296', change(flat(), { ntotal: 2 ** 32 })],
		['section 0 (codes) must have 68719476720 bytes, it has 176', change(flat(), { ntotal: 2 ** 32 - 1 })],
		['section 0 (codes) must have 192 bytes, it has 176', change(flat(), { ntotal: 12 })],
		['isTrained must be true or false, got 1', change(flat(), { isTrained: 1 })],
		['ntotal must be 0 in an index that is not trained', change(flat(), { isTrained: false })],
		['isTrained must be true: an IndexFlat needs no training', change(flat(), { isTrained: false, ntotal: 0 })],
		['extra is not known', change(flat(), { extra: 1 })],
		['m is not known', change(flat(), { m: 1 })],
		['sections must be a JSON object, got nothing', change(flat(), { sections: undefined })],
		['sections.codes must be 0, got nothing', change(flat(), { sections: {} })],
		['sections.codes must be 0, got 1', change(flat(), { sections: { codes: 1 } })],
		['sections.codes must be 0, got "0"', change(flat(), { sections: { codes: '0' } })],
		['sections.lists is not known', change(flat(), { sections: { codes: 0, lists: 1 } })],
		['sections.codes must be 1, got 0', change(pq(), { sections: { codebook: 0, codes: 0 } })],
		['sections.codebook must be 0, got 1', change(pq(), { sections: { codebook: 1, codes: 0 } })],
		['sections.codebook is not known', change(pq(), { isTrained: false, ntotal: 0 })],
		['m must be an integer in 1..4, got 5', change(pq(), { m: 5 })],
		['nbits must be an integer in 4..12, got 3', change(pq(), { nbits: 3 })],
		['nbits must be an integer in 4..12, got 13', change(pq(), { nbits: 13 })],
		['section 0 (codebook) must have 65536 bytes', change(pq(), { nbits: 12 })],
		['nlist must be an integer in 1..16777216, got 16777217', change(ivfFlat(), { nlist: 2 ** 24 + 1 })],
		['section 0 (centroids) must have 268435456 bytes', change(ivfFlat(), { nlist: 2 ** 24 })],
		['spread must be two numbers and a whole one', change(ivfFlat(), { spread: [1, 2] })],
		['spread must be two numbers and a whole one', change(ivfFlat(), { spread: [1, -2, 3] })],
		['spread must be two numbers and a whole one', change(ivfFlat(), { spread: [1, 2, 0.5] })],
		['spread must be two numbers and a whole one', change(ivfFlat(), { spread: 'wide' })],
		['nprobe must be an integer in 1..3, got 4', change(ivfFlat(), { nprobe: 4 })],
		['nprobe must be an integer in 1..3, got nothing', change(ivfFlat(), { nprobe: undefined })],
		['section 2 (lists) must have 240 to 249 bytes', change(ivfFlat(), { ntotal: 12 })],
		['byResidual must be true or false', change(ivfpq(), { byResidual: 'yes' })],
		['section 3 (lists) must have 66 to 75 bytes', change(ivfpq(), { metric: 'ip' })],
		['kFactor must be a number in 1..1000000, got 0.5', change(refine(), { kFactor: 0.5 })],
		['kFactor must be a number in 1..1000000, got 1e+300', change(refine(), { kFactor: 1e300 })],
		['base must be a JSON object', change(refine(), { base: 3 })],
		['base.d must be 8 as around it', change(refine(), { d: 8 })],
		['base.metric must be ip as around it', change(refine(), { metric: 'ip' })],
		['base.ntotal must be 10 as around it', change(refine(), { ntotal: 10 })],
		['isTrained does not follow from base and refine', change(untrained, { isTrained: true })],
		[
			'isTrained does not follow from index',
			change(idMap(), { isTrained: false, ntotal: 0, index: { ...flat().json, ntotal: 0, sections: { codes: 1 } } }),
		],
		['base cannot be an IndexIDMap', change(refine(), { base: idMap().json })],
		['base cannot be an IndexRefine', change(refine(), { base: refine().json })],
		[
			'refine cannot be an IndexPQFastScan',
			change(refine(), { refine: { ...pqFastScan().json, sections: { codebook: 2, codes: 3 } } }),
		],
		['quantizer must be one of sq4, f16, bf16, got "sq8"', change(sq8(), { quantizer: 'sq8' })],
		['quantizer must be one of sq4, f16, bf16, got "f64"', change(f16(), { quantizer: 'f64' })],
		['sections.ranges must be 0, got nothing', change(f16(), { quantizer: undefined })],
		['quantizer is not known', change(flat(), { quantizer: 'f16' })],
		['section 1 (codes) must have 22 bytes, it has 44', change(sq8(), { quantizer: 'sq4' })],
		['sections.ranges is not known', change(sq8(), { quantizer: 'f16' })],
		[
			'section 0 (codes) must have 88 bytes, it has 176',
			change(flat(), { type: 'IndexScalarQuantizer', quantizer: 'bf16' }),
		],
		['isTrained must be true: f16 needs no training', change(f16(), { isTrained: false, ntotal: 0 })],
		[
			'index cannot be an IndexIDMap',
			change(idMap(), {
				index: { ...idMap().json, sections: { ids: 1 }, index: { ...flat().json, sections: { codes: 2 } } },
			}),
		],
		[
			'section 0 (ids) must have 80 bytes',
			change(idMap(), { ntotal: 10, index: { ...flat().json, ntotal: 10, sections: { codes: 1 } } }),
		],
	])('%s', (message, parts) => {
		expectCorrupt(parts, message);
	});

	describe('of transforms', () => {
		type Node = Record<string, unknown>;
		/** An index of transforms, one of which, or the index inside, says something else. */
		const changed = (parts: Parts, i: number, changes: object): Parts => {
			const list = (parts.json['transforms'] as Node[]).map((node, at) => (at === i ? { ...node, ...changes } : node));
			return change(parts, { transforms: list });
		};
		const inside = (parts: Parts, changes: object): Parts =>
			change(parts, { index: { ...(parts.json['index'] as Node), ...changes } });

		it.each<[message: string, parts: Parts]>([
			['transforms must be an array of 1..8', change(pca(), { transforms: [] })],
			['transforms must be an array of 1..8', change(pca(), { transforms: 'PCA' })],
			['transforms must be an array of 1..8', change(pca(), { transforms: Array(9).fill({}) })],
			['transforms[0] must be a JSON object', change(pca(), { transforms: [3] })],
			['transforms[0].type must be one of LinearTransform', changed(pca(), 0, { type: 'ITQ' })],
			['transforms[0].dIn must be an integer in 1..8192', changed(pca(), 0, { dIn: 8193 })],
			['transforms[0].dIn must be 4 as before it, got 5', changed(pca(), 0, { dIn: 5 })],
			['transforms[0].dOut must be an integer in 1..4', changed(pca(), 0, { dOut: 5 })],
			['index.d must be 2 as around it, got 3', changed(pca(), 0, { dOut: 2 })],
			['index.d must be 3 as around it, got 4', inside(pca(), { d: 4 })],
			['index.metric must be l2 as around it', inside(pca(), { metric: 'ip' })],
			['index.ntotal must be 11 as around it', inside(pca(), { ntotal: 10 })],
			['index cannot be an IndexPreTransform', change(pca(), { index: nameless(pca().json) })],
			['transforms[0].eigenPower must be 0 or -0.5, got 1', changed(pca(), 0, { eigenPower: 1 })],
			['transforms[0].randomRotation must be true or false', changed(pca(), 0, { randomRotation: 0 })],
			['transforms[0].isTrained must be true or false', changed(pca(), 0, { isTrained: 'yes' })],
			['transforms[0].sections.matrix is not known', changed(pca(), 0, { isTrained: false })],
			[
				'transforms[0].sections.mean must be 1, got 2',
				changed(pca(), 0, { sections: { matrix: 0, mean: 2, variances: 1 } }),
			],
			['transforms[0].colour is not known', changed(pca(), 0, { colour: 1 })],
			['isTrained does not follow from transforms and index', inside(blind(), { sections: { codes: 0 } })],
			['transforms[0].dOut must be dIn = 4, got 5', changed(chain(), 0, { dOut: 5 })],
			['transforms[0].isTrained must be true', changed(chain(), 0, { isTrained: false })],
			['transforms[1].dIn must be 4 as before it, got 3', changed(chain(), 1, { dIn: 3 })],
			['transforms[1].isOrthonormal must be true or false', changed(chain(), 1, { isOrthonormal: 1 })],
			['transforms[2].seed must be an integer in 0..4294967295', changed(chain(), 2, { seed: -1 })],
			['transforms[3].m must divide dOut = 4, got 3', changed(chain(), 3, { m: 3 })],
			['transforms[3].nbits must be an integer in 4..8, got 9', changed(chain(), 3, { nbits: 9 })],
			['transforms[3].niter must be an integer in 0..10000', changed(chain(), 3, { niter: 1e9 })],
		])('%s', (message, parts) => {
			expectCorrupt(parts, message);
		});

		/** Its transform is not trained. */
		function blind(): Parts {
			return changed(pca(), 0, { isTrained: false, sections: {} });
		}
		/** With sections that follow those before it. */
		function nameless(json: Node): Node {
			const [first] = json['transforms'] as [Node];
			const inner = json['index'] as Node;
			const sections = { matrix: 3, mean: 4, variances: 5 };
			return {
				...json,
				d: 3,
				transforms: [{ ...first, dIn: 3, sections }],
				index: { ...inner, sections: { codes: 6 } },
			};
		}
	});

	it('may not nest without end', () => {
		let json: object = flat().json;
		for (let depth = 0; depth < 10; depth++) json = { ...idMap().json, sections: { ids: 9 - depth }, index: json };
		expectCorrupt({ json, sections: [] }, 'nested more than 4 deep');
	});

	it('is no way into prototypes', () => {
		const { json, sections } = flat();
		const text = JSON.stringify(json);
		for (const extra of ['"__proto__":{"d":3}', '"constructor":{}', '"toString":1', '"length":5']) {
			const crafted = new TextEncoder().encode(`{${extra},${text.slice(1)}`);
			expectCorrupt({ json, sections }, 'is not known', { text: crafted });
		}
		expect(({} as Record<string, unknown>)['d']).toBeUndefined();
	});
});
