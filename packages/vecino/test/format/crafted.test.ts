/** Headers, section tables and JSON that lie, with right checksums: each lie is named, before memory is taken for it. */
import { describe, expect, it } from 'vitest';
import { readIndex } from '../../src/io/read-index.ts';
import { type Lies, type Parts, putTogether } from './craft.ts';
import { ALL, errorOf, expectCorrupt, flat, idMap, ivfFlat, ivfpq, pq, refine } from './crafted-files.ts';

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
		expect(error).toMatchObject({ code: 'unsupported-version', expected: '1.0', found: '2.3' });
		expect(error?.message).toBe(
			'vecino file: file format 2.3 is newer than 1.0, which this version of vecino reads; update vecino',
		);
		expectCorrupt(flat(), 'file format 0.0 does not exist', { major: 0 });
	});

	it('a newer header may even be of another kind', () => {
		const file = putTogether(flat(), { major: 2, file: (bytes) => bytes.fill(0xff, 10) });
		expect(() => readIndex(file)).toThrow(expect.objectContaining({ code: 'unsupported-version' }));
	});

	it('reads newer minor versions as long as it understands them', () => {
		expect(errorOf(flat(), { minor: 1 })).toBeUndefined();
		const { json, sections } = flat();
		const error = errorOf({ json: { ...json, colour: 'red' }, sections }, { minor: 7 });
		expect(error).toMatchObject({ code: 'unsupported-version', found: '1.7' });
		expect(error?.message).toMatch('and holds what it does not know: colour is not known; update vecino');
		const reserved = errorOf(flat(), { minor: 1, header: (header) => header.fill(1, 40, 41) });
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
			'refine cannot be an IndexPQ',
			change(refine(), { refine: { ...pq().json, sections: { codebook: 2, codes: 3 } } }),
		],
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
