/** Factory strings: what they mean, that printing and reading lead back to the same, and what is said of wrong ones. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, insteadOf, nearestWord } from '../../src/factory/words.ts';
import { type IndexSpec, isVecinoError, parseSpec, printSpec, type VecinoError } from '../../src/index.ts';

/** String, canonical string. */
const STRINGS: readonly (readonly [text: string, canonical: string])[] = [
	['Flat', 'Flat'],
	['SQ8', 'SQ8'],
	['SQ4', 'SQ4'],
	['SQfp16', 'SQfp16'],
	['SQbf16', 'SQbf16'],
	['PQ16', 'PQ16'],
	['PQ16x8', 'PQ16'],
	['PQ16np', 'PQ16'],
	['PQ16x4', 'PQ16x4'],
	['PQ8x11', 'PQ8x11'],
	['PQ16x4fs', 'PQ16x4fs'],
	['PQ16x4fs_32', 'PQ16x4fs'],
	['RaBitQ', 'RaBitQ'],
	['RaBitQ1', 'RaBitQ'],
	['RaBitQfs4', 'RaBitQ4'],
	['IVF4096,Flat', 'IVF4096,Flat'],
	['IVF4k,PQ16', 'IVF4096,PQ16'],
	['IVF1M,SQ8', 'IVF1048576,SQ8'],
	['IVF,PQ16', 'IVF,PQ16'],
	['IVF100,PQ16nr', 'IVF100,PQ16nr'],
	['IVF100,PQ16x10np', 'IVF100,PQ16x10'],
	['IVF4096_HNSW,PQ32x4fsr', 'IVF4096_HNSW32,PQ32x4fsr'],
	['IVF4096_HNSW32,PQ32x4fs', 'IVF4096_HNSW32,PQ32x4fs'],
	['IVF1024(HNSW32),RaBitQ4', 'IVF1024_HNSW32,RaBitQ4'],
	['IVF1024(Flat),Flat', 'IVF1024,Flat'],
	['HNSW', 'HNSW32'],
	['HNSW16,Flat', 'HNSW16'],
	['HNSW16,SQ8', 'HNSW16,SQ8'],
	['HNSW16_SQ8', 'HNSW16,SQ8'],
	['HNSW16_SQfp16', 'HNSW16,SQfp16'],
	['HNSW16,SQbf16', 'HNSW16,SQbf16'],
	['HNSW16,SQ4,RFlat', 'HNSW16,SQ4,RFlat'],
	['OPQ16,PQ16', 'OPQ16,PQ16'],
	['OPQ16_64,IVF1024,PQ16x4fsr', 'OPQ16_64,IVF1024,PQ16x4fsr'],
	['PCA64,Flat', 'PCA64,Flat'],
	['PCAR64,Flat', 'PCAR64,Flat'],
	['PCAW64,Flat', 'PCAW64,Flat'],
	['PCAWR64,RR,RR32,L2Norm,Flat', 'PCAWR64,RR,RR32,L2norm,Flat'],
	['Linear64,Flat', 'Linear64,Flat'],
	['IVF4096,PQ16,RFlat', 'IVF4096,PQ16,RFlat'],
	['IVF4096,PQ16,Refine(Flat)', 'IVF4096,PQ16,RFlat'],
	['PQ16,Refine(SQ8)', 'PQ16,Refine(SQ8)'],
	['PQ16,Refine((PQ32x10))', 'PQ16,Refine(PQ32x10)'],
	['HNSW32,SQ8,RFlat', 'HNSW32,SQ8,RFlat'],
	['PCA64,(IVF100,PQ16,RFlat)', 'PCA64,(IVF100,PQ16,RFlat)'],
	['PCA64,(RR,(PQ16))', 'PCA64,RR,PQ16'],
	['IDMap,Flat', 'IDMap,Flat'],
	['IDMap2,HNSW32', 'IDMap,HNSW32'],
	['IVF100,PQ16,RFlat,IDMap', 'IDMap,IVF100,PQ16,RFlat'],
	['Flat,IDMap2', 'IDMap,Flat'],
	['Auto', 'Auto'],
	['IDMap, Auto( 32 )', 'IDMap,Auto(32)'],
	['  OPQ16_64 , IVF1024 , PQ16x4fsr , Refine( SQ8 ) ', 'OPQ16_64,IVF1024,PQ16x4fsr,Refine(SQ8)'],
];

describe('parseSpec and printSpec', () => {
	it.each(STRINGS)('%s is %s', (text, canonical) => {
		const spec = parseSpec(text);
		expect(printSpec(spec)).toBe(canonical);
		expect(parseSpec(canonical)).toEqual(spec);
	});

	it('returns trees that are frozen throughout', () => {
		const check = (node: object): void => {
			expect(Object.isFrozen(node)).toBe(true);
			for (const value of Object.values(node)) if (typeof value === 'object') check(value);
		};
		check(parseSpec('IDMap,PCA64,OPQ16,IVF10_HNSW32,PQ16,Refine(SQ8)'));
	});

	it('says what words mean', () => {
		expect(parseSpec('IVF64,PQ8x4fs')).toMatchObject({ kind: 'ivf', byResidual: false, codec: { kind: 'pqfs', m: 8 } });
		expect(parseSpec('IVF64,PQ8x4fsr')).toMatchObject({ byResidual: true });
		expect(parseSpec('IVF64,PQ8')).toMatchObject({ byResidual: true, codec: { kind: 'pq', m: 8, nbits: 8 } });
		expect(parseSpec('IVF64,SQ8')).toMatchObject({ byResidual: false });
		expect(parseSpec('IVF64,RaBitQ')).toMatchObject({ byResidual: true });
		// A store holds vectors as they were given, behind transforms only where parentheses say so.
		expect(parseSpec('PCA8,PQ8,RFlat').kind).toBe('refine');
		expect(parseSpec('PCA8,(PQ8,RFlat)').kind).toBe('pretransform');
	});

	it('refuses specs that are none', () => {
		expect(() => printSpec({ kind: 'tree' } as unknown as IndexSpec)).toThrow(TypeError);
		expect(() => printSpec('Flat' as unknown as IndexSpec)).toThrow('printSpec: spec must be what parseSpec');
		expect(() => parseSpec(5 as unknown as string)).toThrow(TypeError);
	});
});

// ── Any spec there can be ─────────────────────────────────────────────────────────────────────

const scalar = fc.constantFrom('sq8', 'sq4', 'f16', 'bf16').map((type) => ({ kind: 'sq', type }));
const flat = fc.constant({ kind: 'flat' });
const m = fc.integer({ min: 1, max: 256 });
const pq = fc.record({ kind: fc.constant('pq'), m, nbits: fc.integer({ min: 4, max: 12 }) });
const fast = fc.record({ kind: fc.constant('pqfs'), m });
const rabitq = fc.record({ kind: fc.constant('rabitq'), nbits: fc.integer({ min: 1, max: 8 }) });
const links = fc.integer({ min: 2, max: 512 });
const ivf = fc
	.record({
		nlist: fc.oneof(fc.constant('auto'), fc.integer({ min: 1, max: 2 ** 24 })),
		coarse: fc.oneof(flat, fc.record({ kind: fc.constant('hnsw'), M: links })),
		codec: fc.oneof(flat, scalar, pq, fast, rabitq),
		residual: fc.boolean(),
	})
	.map(({ residual, ...rest }) => {
		const choice = rest.codec.kind === 'pq' || rest.codec.kind === 'pqfs';
		return { kind: 'ivf', ...rest, byResidual: choice ? residual : rest.codec.kind === 'rabitq' };
	});
const hnsw = fc.record({
	kind: fc.constant('hnsw'),
	M: links,
	codec: fc.oneof(flat, fc.constant({ kind: 'sq', type: 'sq8' })),
});
const dims = fc.integer({ min: 1, max: 65536 });
const orAuto = fc.oneof(fc.constant('auto'), dims);
const transform = fc.oneof(
	fc.record({ kind: fc.constant('pca'), dOut: dims, whiten: fc.boolean(), rotate: fc.boolean() }),
	fc.record({ kind: fc.constant('opq'), m, dOut: orAuto }),
	fc.record({ kind: fc.constant('rr'), dOut: orAuto }),
	fc.constant({ kind: 'l2norm' }),
	fc.record({ kind: fc.constant('linear'), dOut: dims }),
);
const core = fc.oneof(flat, scalar, pq, fast, rabitq, ivf, hnsw);
const store = fc.oneof(flat, scalar, pq);
const transforms = fc.array(transform, { minLength: 1, maxLength: 4 });
const refine = (base: fc.Arbitrary<object>) => fc.record({ kind: fc.constant('refine'), base, store });
const pre = (index: fc.Arbitrary<object>) => fc.record({ kind: fc.constant('pretransform'), transforms, index });
const refined = fc.oneof(core, refine(core), pre(core), refine(pre(core)), pre(refine(core)), pre(refine(pre(core))));
const auto = fc.oneof(
	fc.constant({ kind: 'auto' }),
	fc.record({ kind: fc.constant('auto'), bytesPerVector: fc.integer({ min: 1, max: 2 ** 20 }) }),
);
const inner = fc.oneof({ weight: 9, arbitrary: refined }, { weight: 1, arbitrary: auto });
const spec = fc.oneof(
	inner,
	inner.map((index) => ({ kind: 'idmap', index })),
) as unknown as fc.Arbitrary<IndexSpec>;

describe('any spec', () => {
	it('is the same after printing and reading', () => {
		fc.assert(
			fc.property(spec, (tree) => {
				const text = printSpec(tree);
				const again = parseSpec(text);
				expect(again).toEqual(tree);
				expect(printSpec(again)).toBe(text);
			}),
			{ numRuns: 500 },
		);
	});

	it('with characters changed is read, or refused with a position inside and valid words', () => {
		const edit = fc.tuple(fc.nat(60), fc.constantFrom('', 'x', ',', '(', ')', '9', 'Q', ' ', 'f'), fc.nat(2));
		fc.assert(
			fc.property(spec, fc.array(edit, { minLength: 1, maxLength: 3 }), (tree, edits) => {
				let text = printSpec(tree);
				for (const [at, put, cut] of edits) text = text.slice(0, at) + put + text.slice(at + cut);
				try {
					printSpec(parseSpec(text));
				} catch (error) {
					expect(isVecinoError(error, 'bad-spec')).toBe(true);
					const { position, message } = error as VecinoError;
					expect(position).toBeGreaterThanOrEqual(0);
					expect(position).toBeLessThanOrEqual(text.length);
					expect(message).toMatch(/^parseSpec: ".*": at character \d+ \(.+\): .+/s);
				}
			}),
			{ numRuns: 1000 },
		);
	});
});

/** Wrong string, where, part of the message, nearest. */
const WRONG: readonly (readonly [text: string, position: number, says: string, nearest: string])[] = [
	['IVF4096,PQ16x', 12, 'expected a number of bits 4..12 after "x"', 'PQ16x8'],
	['', 0, 'at character 0 (the end): expected an index such as "Flat"', 'Flat'],
	['IVF4096', 7, 'expected a comma and codes behind "IVF4096"', 'IVF4096,PQ16'],
	['IVF4096,', 8, 'expected codes for the cells', 'PQ16'],
	['flat', 0, 'upper and lower case matter', 'Flat'],
	['ivf1024,PQ16', 0, 'upper and lower case matter', 'IVF1024'],
	['IVF1024,sq8', 8, 'upper and lower case matter', 'SQ8'],
	['PQ', 0, 'expected an index', 'PQ16'],
	['PQ16x13', 5, 'expected a number of bits 4..12, got 13', 'PQ16x12'],
	['PQ16xx4', 5, 'expected a number of bits', 'PQ16x8'],
	['PQ0', 2, 'expected sub-vectors 1..65536, got 0', 'PQ1'],
	['PQ16x4fsr', 0, '"fsr" codes residuals, which need cells', 'PQ16x4fs'],
	['PQ16fs', 0, '"fs" scans codes of 4 bits', 'PQ16x4fs'],
	['IVF10,PQ16x8fsr', 6, '"fs" scans codes of 4 bits', 'PQ16x4fsr'],
	['PQ999x4fs', 0, 'at most 256 sub-vectors', 'PQ256x4fs'],
	['PQ16x4fs_64', 8, 'blocks hold 32 codes here', 'PQ16x4fs'],
	['PQ16nr', 4, 'a comma or the end behind "PQ16"', 'PQ16'],
	['IVF1024,SQ6', 8, '"SQ6" is in FAISS and not in vecino', 'SQ8'],
	['NSG32', 0, 'is in FAISS and not in vecino', 'HNSW32'],
	['IVF100,PQ16+8', 7, 'is in FAISS and not in vecino', 'PQ16,Refine(PQ8)'],
	['ITQ64,LSH', 0, 'is in FAISS', 'RaBitQ'],
	['IMI2x8,PQ16', 0, 'is in FAISS', 'IVF65536_HNSW32'],
	['HNSW32,PQ16', 7, 'vecino links vectors held as "Flat" or SQ, not as "PQ16"', 'HNSW32,SQ8'],
	['HNSW1', 4, 'expected links 2..512, got 1', 'HNSW2'],
	['IVF1024,HNSW32', 8, 'stands before the comma', 'IVF1024_HNSW32,Flat'],
	['IVF1024_NSG32,Flat', 7, 'expected "_HNSW32" or a comma', 'IVF1024_HNSW32'],
	['IVF0,Flat', 3, 'expected cells 1..16777216, got 0', 'IVF1'],
	['IVF17M,Flat', 3, 'expected 1..16777216 cells', 'IVF16M'],
	['IVF10(PQ16),Flat', 6, 'to rank cells with', 'HNSW32'],
	['Refine(SQ8)', 0, '"Refine" stands behind an index', 'PQ16,Refine(SQ8)'],
	['PQ16,Refine', 5, 'expected a store in parentheses', 'Refine(SQ8)'],
	['PQ16,Refine()', 12, 'expected a store such as', 'SQ8'],
	['PQ16,Refine(SQ8', 15, 'expected ")" for "Refine("', 'PQ16,Refine(SQ8)'],
	['PQ16,Refine(PQ16x4fs)', 12, 'a store holds one code after the other', 'PQ16x4'],
	['PQ16,Refine(RaBitQ)', 12, 'a store holds one code after the other', 'SQ8'],
	['PQ16,RFlat,RFlat', 11, 'the index is refined already', 'PQ16,RFlat'],
	['(PQ16,RFlat),RFlat', 13, 'the index is refined already', '(PQ16,RFlat)'],
	['PQ16,Rflat', 5, 'upper and lower case matter', 'RFlat'],
	['IVF10,PQ16,SQ8', 11, 'expected "RFlat", "Refine(...)", "IDMap" or the end', 'RFlat'],
	['IDMap', 0, 'expected an index behind "IDMap"', 'IDMap,Flat'],
	['IDMap,IDMap,Flat', 6, 'can only stand at the very front', 'IDMap,Flat'],
	['IDMap,Flat,IDMap', 11, 'ids can be mapped once only', 'IDMap,Flat'],
	['PCA64,IDMap,Flat', 6, 'can only stand at the very front', 'IDMap,Flat'],
	['Flat,IDMap,Flat', 10, 'expected "," or the end', 'Flat,IDMap'],
	['PCA64', 5, 'expected a comma and an index behind the transform', 'Flat'],
	['PCA,Flat', 2, 'expected dimensions 1..65536 after "PCA"', 'PCA64'],
	['OPQ16_,Flat', 5, 'expected dimensions 1..65536 after "_"', 'OPQ16_64'],
	['L2norm3,Flat', 6, 'expected nothing more', 'L2norm'],
	['RaBitQ9', 6, 'expected bits per dimension 1..8, got 9', 'RaBitQ8'],
	['PQ16 PQ8', 5, 'expected "," or the end', 'PQ16'],
	['Auto(', 5, 'expected bytes per vector', 'Auto(32)'],
	['PCA64,Auto', 6, 'can only stand at the very front', 'Auto'],
	['Auto,RFlat', 5, 'chooses all but "IDMap" itself', 'Auto'],
];

describe('wrong strings', () => {
	it.each(WRONG)('%j', (text, position, says, nearest) => {
		let error: unknown;
		try {
			parseSpec(text);
		} catch (thrown) {
			error = thrown;
		}
		expect(isVecinoError(error, 'bad-spec')).toBe(true);
		const wrong = error as VecinoError;
		expect(wrong.message).toContain(says);
		expect(wrong.position).toBe(position);
		expect(wrong.nearest).toBe(nearest);
		expect(wrong.message).not.toContain('\n');
	});

	it('says it all in one line', () => {
		expect(() => parseSpec('IVF4096,PQ16x')).toThrow(
			'parseSpec: "IVF4096,PQ16x": at character 12 ("x"): expected a number of bits 4..12 after "x"; nearest valid: "PQ16x8"',
		);
	});

	it('ends soon with long or deep ones', () => {
		expect(() => parseSpec('('.repeat(900))).toThrow('parentheses are more than 16 deep');
		expect(() => parseSpec('PQ1,'.repeat(1000))).toThrow('more than 1000 characters');
		expect(() => parseSpec(`${'RR,'.repeat(9)}Flat`)).toThrow('at most 8 transforms');
		expect(() => parseSpec(`PQ16,Refine(${'('.repeat(500)}`)).toThrow('parentheses are more than 16 deep');
	});
});

describe('nearest words', () => {
	it('keep numbers and change few letters', () => {
		expect(nearestWord('RabitQ4', 'start')).toBe('RaBitQ4');
		expect(nearestWord('OPQ8-32', 'start')).toBe('OPQ8_32');
		expect(nearestWord('IVF256_hnsw16', 'start')).toBe('IVF256_HNSW16');
		expect(nearestWord('PQ24x4FS', 'code')).toBe('PQ24x4fs');
		expect(nearestWord('???', 'store')).toBe('SQ8');
	});

	it('names what comes near words of FAISS', () => {
		expect(insteadOf('EDEN4')).toBe('RaBitQ4');
		expect(insteadOf('RQ8x8')).toBe('PQ16');
		expect(insteadOf('PQ16')).toBeUndefined();
		expect(editDistance('abc', 'Abd')).toBe(1.25);
	});
});
