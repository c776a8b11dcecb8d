/** Indexes made from factory strings, and the strings of indexes that are there. */
import { describe, expect, it } from 'vitest';
import {
	createEngineSync,
	type Index,
	type IndexFactoryOptions,
	IndexFlat,
	type IndexHNSW,
	IndexIVF,
	type IndexIVFRaBitQ,
	IndexPreTransform,
	IndexRefine,
	indexFactory,
	isVecinoError,
	LinearTransform,
	type OPQTransform,
	parseSpec,
	printSpec,
	readIndex,
	specOf,
	type VecinoError,
	writeIndex,
} from '../../src/index.ts';
import { clustered } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const d = 24;
const n = 2500;
const x = clustered(n, d, { clusters: 20 });

/** String, types from the outside in. */
const MADE: readonly (readonly [text: string, types: string])[] = [
	['Flat', 'IndexFlat'],
	['SQ8', 'IndexScalarQuantizer'],
	['SQfp16', 'IndexScalarQuantizer'],
	['PQ8', 'IndexPQ'],
	['PQ6x5', 'IndexPQ'],
	['PQ8x4fs', 'IndexPQFastScan'],
	['RaBitQ3', 'IndexRaBitQ'],
	['HNSW8', 'IndexHNSW'],
	['HNSW8,SQ8', 'IndexHNSW'],
	['HNSW8,SQ4', 'IndexHNSW'],
	['HNSW8,SQfp16', 'IndexHNSW'],
	['IVF20,Flat', 'IndexIVFFlat'],
	['IVF20_HNSW32,SQ4', 'IndexIVFScalarQuantizer'],
	['IVF20,PQ8', 'IndexIVFPQ'],
	['IVF20,PQ8x6nr', 'IndexIVFPQ'],
	['IVF20,PQ12x4fs', 'IndexIVFPQFastScan'],
	['IVF20,PQ12x4fsr', 'IndexIVFPQFastScan'],
	['IVF20,RaBitQ2', 'IndexIVFRaBitQ'],
	['PQ8x4fs,RFlat', 'IndexRefine IndexPQFastScan'],
	['IVF20,PQ12x4fsr,Refine(SQ8)', 'IndexRefine IndexIVFPQFastScan'],
	['IVF20,PQ4,Refine(PQ12x10)', 'IndexRefine IndexIVFPQ'],
	['PCA16,IVF20,Flat', 'IndexPreTransform IndexIVFFlat'],
	['OPQ8_16,PQ8', 'IndexPreTransform IndexPQ'],
	['PCAWR16,L2norm,RR8,Flat', 'IndexPreTransform IndexFlat'],
	['PCA16,PQ8,RFlat', 'IndexRefine IndexPreTransform IndexPQ'],
	['PCA16,(PQ8,RFlat)', 'IndexPreTransform IndexRefine IndexPQ'],
	['IDMap,OPQ8,IVF20,PQ8x4fsr,RFlat', 'IndexIDMap IndexRefine IndexPreTransform IndexIVFPQFastScan'],
];

function typesOf(index: Index): string {
	const { index: inside, base } = index as unknown as { index?: Index; base?: Index };
	const inner = inside ?? base;
	return inner === undefined ? index.type : `${index.type} ${typesOf(inner)}`;
}

describe('indexFactory', () => {
	it.each(MADE)('%s', (text, types) => {
		using index = indexFactory(d, text);
		expect(typesOf(index)).toBe(types);
		expect(printSpec(specOf(index))).toBe(text);
		index.train(x, { niter: 2 });
		if (index.type === 'IndexIDMap')
			index.addWithIds(
				x,
				Array.from({ length: n }, (_, i) => i + 7),
			);
		else index.add(x);
		expect(printSpec(specOf(index))).toBe(text);
		expect(index.search(x.slice(0, 3), 2).labels.every((label) => label >= 0)).toBe(true);
		using again = readIndex(writeIndex(index));
		expect(specOf(again)).toEqual(specOf(index));
	});

	it('takes specs, and the metric where FAISS has it', () => {
		using one = indexFactory(d, parseSpec('IVF4k,Flat'), 'ip');
		expect([one.metric, printSpec(specOf(one))]).toEqual(['ip', 'IVF4096,Flat']);
		using other = indexFactory(d, 'Flat', { metric: 'cosine' });
		expect(other.metric).toBe('cosine');
		expect(() => indexFactory(d, 'Flat', 'l1' as 'l2')).toThrow('indexFactory: metric must be');
		expect(() => indexFactory(0, 'Flat')).toThrow('indexFactory: d must be an integer in 1..65536, got 0');
		expect(() => indexFactory(d, 'Flat', { nlist: 3 } as IndexFactoryOptions)).toThrow('unknown option "nlist"');
	});

	it('hands options on', () => {
		const engine = createEngineSync();
		const options = { engine, kFactor: 3, efConstruction: 17, seed: 5, pad: true, n: 10_000 };
		using refine = indexFactory(d, 'IVF,RaBitQ,RFlat', options) as IndexRefine;
		expect(refine.engine).toBe(engine);
		expect(refine.kFactor).toBe(3);
		expect((refine.base as IndexIVFRaBitQ).rabitq.seed).toBe(5);
		expect((refine.base as IndexIVFRaBitQ).nlist).toBe(128);
		using graph = indexFactory(d, 'HNSW16', options) as IndexHNSW;
		expect(graph.efConstruction).toBe(17);
		using padded = indexFactory(d, 'PQ7', options);
		expect(printSpec(specOf(padded))).toBe('PQ7');
	});

	it('rotates for the bits of the codes behind', () => {
		for (const [text, nbits] of [
			['OPQ8,IVF16,PQ8x4fsr,RFlat', 4],
			['OPQ8,PQ8', 8],
			['OPQ8,(PQ8x5,RFlat)', 5],
			['OPQ8,PQ8x10', 8],
			['OPQ8,Flat', 8],
		] as const) {
			using index = indexFactory(d, text);
			const outer = index instanceof IndexRefine ? index.base : index;
			expect(((outer as IndexPreTransform).transforms[0] as OPQTransform).nbits, text).toBe(nbits);
		}
	});
});

/** d, string, where, part of the message, nearest. */
const UNFIT: readonly (readonly [d: number, text: string, at: number, says: string, nearest: string | undefined])[] = [
	[128, 'IVF4096,PQ24', 8, '24 sub-vectors do not divide 128 dimensions evenly; 16 and 32 do', 'PQ16'],
	[128, 'PQ200x6', 0, '200 sub-vectors do not divide 128 dimensions evenly; 128 does', 'PQ128x6'],
	[96, 'OPQ7_64,Flat', 0, '7 does not divide the 64 dimensions that come out', 'OPQ7_63'],
	[16, 'OPQ32_16,Flat', 0, 'more sub-vectors than dimensions (16)', 'OPQ16'],
	[128, 'PCA200,Flat', 0, '200 components of vectors of 128 dimensions', 'PCA128'],
	[128, 'OPQ16_60,PCA62,PQ16', 0, '16 does not divide the 60 dimensions', 'OPQ16_64'],
	[128, 'PCA60, PQ16x4fs', 7, '15 and 20 do', 'PQ15x4fs'],
	[64, 'IVF10_HNSW16,Flat', 0, 'the graph over cells has 32 links here', 'IVF10_HNSW32'],
	[64, 'Linear64,Flat', 0, 'no string holds it', 'RR'],
	[9000, 'RR,Flat', 0, '8192 dimensions at most, not 9000', undefined],
	[16, 'SQ8,Refine(PQ20)', 11, 'more sub-vectors than dimensions (16)', 'PQ16'],
	[64, 'Auto', 0, 'give it as option n', 'IVF1024,PQ16'],
	[64, 'IVF,Flat', 0, 'give it as option n', 'IVF1024'],
];

describe('strings that do not fit the dimension', () => {
	it.each(UNFIT)('d %i: %s', (d, text, at, says, nearest) => {
		let error: unknown;
		try {
			indexFactory(d, text);
		} catch (thrown) {
			error = thrown;
		}
		expect(isVecinoError(error, 'bad-spec')).toBe(true);
		const wrong = error as VecinoError;
		expect(wrong.message).toContain(`indexFactory: ${JSON.stringify(text)}: `);
		expect(wrong.message).toContain(says);
		expect([wrong.position, wrong.nearest]).toEqual([at, nearest]);
	});
});

describe('specOf', () => {
	it.each(KINDS)('$name: its string makes the same kind of index', ({ make }) => {
		using index = make(32, 'l2');
		const text = printSpec(specOf(index));
		expect(parseSpec(text)).toEqual(specOf(index));
		using again = indexFactory(32, text, { pad: true });
		expect(typesOf(again)).toBe(typesOf(index));
		expect(specOf(again)).toEqual(specOf(index));
	});

	it('names what a string cannot make', () => {
		const matrix = new Float32Array(4 * d);
		const transforms = [new LinearTransform({ dIn: d, dOut: 4, matrix })];
		using index = new IndexPreTransform({ transforms, index: new IndexFlat({ d: 4 }) });
		expect(printSpec(specOf(index))).toBe('Linear4,Flat');
		expect(() => specOf({} as Index)).toThrow('specOf: index must be an index');
	});

	it('tells the cells that training made', () => {
		using index = indexFactory(d, 'IVF100,Flat');
		index.train(x.slice(0, 30), { niter: 1 });
		expect(index).toBeInstanceOf(IndexIVF);
		expect(printSpec(specOf(index))).toBe('IVF30,Flat');
	});
});
