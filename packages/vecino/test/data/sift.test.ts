/**
 * SIFT descriptors, 100,000 x 128, squared L2: exact search equals the ground truth, and recall is that of native
 * FAISS (1.7.3; nlist 1024, m 16, 8 bits, its default seed unless said).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabelMatrix } from '../../src/eval/recall.ts';
import {
	explainMissed,
	IndexFlat,
	IndexHNSW,
	IndexIVFFlat,
	IndexIVFPQ,
	IndexRefine,
	measureRecall,
	recallAtK,
	type VectorSet,
} from '../../src/index.ts';
import { findSet, readSet, readTruth } from './sets.ts';

const NAME = 'sift-free-100k';
const { title, skip } = findSet(NAME, { large: true });
const K = 10;
/** efSearch, recall@10 of IndexHNSW at least. */
const FLOORS = [
	[16, 0.84],
	[64, 0.97],
	[256, 0.995],
] as const;

describe.skipIf(skip)(title, () => {
	let base: VectorSet;
	let queries: VectorSet;
	let truth: LabelMatrix;
	let refine: IndexRefine;
	let ivfpq: IndexIVFPQ;
	let ivfflat: IndexIVFFlat;

	beforeAll(async () => {
		base = await readSet(NAME, 'base.bvecs');
		queries = await readSet(NAME, 'query.bvecs');
		truth = await readTruth(NAME);
		ivfpq = new IndexIVFPQ({ d: base.d, nlist: 1024, m: 16 });
		refine = new IndexRefine({ base: ivfpq });
		refine.train(base).add(base);
		// The same seed gives the same cells, so they are not trained again.
		ivfflat = new IndexIVFFlat({ d: base.d, nlist: 1024 });
		ivfflat.setTrained(ivfpq.centroids, ivfpq.nprobe);
		ivfflat.add(base);
	}, 120_000);

	afterAll(() => {
		refine?.[Symbol.dispose]();
		ivfflat?.[Symbol.dispose]();
	});

	it('IndexFlat finds the 100 true neighbours of every query, in their order', { timeout: 60_000 }, () => {
		using index = new IndexFlat({ d: base.d });
		const found = index.add(base).search(queries, truth.k);
		// Distances of bytes are whole numbers below 2^24, exact in float32: ties too go to the lower label.
		expect(Int32Array.from(found.labels)).toEqual(truth.labels);
	});

	it('IVFFlat with nprobe = nlist equals IndexFlat', { timeout: 60_000 }, () => {
		const [some, few] = [base.slice(0, 20_000), queries.slice(0, 200)];
		using flat = new IndexFlat({ d: base.d });
		using ivf = new IndexIVFFlat({ d: base.d, nlist: 64 });
		const want = flat.add(some).search(few, 50);
		const found = ivf.train(some).add(some).search(few, 50, { nprobe: 64 });
		expect(found.labels).toEqual(want.labels);
		expect(found.distances).toEqual(want.distances);
	});

	// Recorded here: 0.8705, 0.9461, 0.9834 (relaxed and fixed SIMD alike).
	it.each([
		[16, 0.876],
		[32, 0.949],
		[64, 0.983],
	])('IVFFlat, nprobe %i: recall@10 within 0.01 of FAISS, %d', (nprobe, faiss) => {
		const recall = recallAtK(ivfflat.search(queries, K, { nprobe }), truth, K);
		expect(recall).toBeGreaterThan(faiss - 0.01);
	});

	// Recorded here: 0.6342, 0.6585, 0.6651; means of ten seeds 0.637, 0.658, 0.666, of FAISS those below. FAISS's
	// default seed is a lucky one: 0.643, 0.666, 0.674. Standard deviation over seeds: 0.003 to 0.005.
	it.each([
		[16, 0.639],
		[32, 0.66],
		[64, 0.668],
	])('IVFPQ, nprobe %i: raw recall@10 within 0.01 of FAISS, %d', (nprobe, faiss) => {
		const recall = recallAtK(ivfpq.search(queries, K, { nprobe }), truth, K);
		expect(recall).toBeGreaterThan(faiss - 0.01);
	});

	// Recorded here: 0.8703, 0.9452, 0.9816.
	it.each([
		[16, 0.876],
		[32, 0.948],
		[64, 0.982],
	])('IVFPQ, nprobe %i, re-ranked over 100: recall@10 within 0.01 of FAISS, %d', (nprobe, faiss) => {
		const recall = recallAtK(refine.search(queries, K, { nprobe, kFactor: 10 }), truth, K);
		expect(recall).toBeGreaterThan(faiss - 0.01);
	});

	// Recorded: 0.8616, 0.9872, 0.9996; with all 100,000 rows 0.8248, 0.9722, 0.9986.
	it('HNSW: recall@10 by efSearch', { timeout: 120_000 }, () => {
		const some = base.slice(0, 30_000);
		using flat = new IndexFlat({ d: base.d });
		using hnsw = new IndexHNSW({ d: base.d, M: 16, efConstruction: 40 });
		const few = queries.slice(0, 500);
		const want = flat.add(some).search(few, K);
		hnsw.add(some);
		for (const [efSearch, floor] of FLOORS) {
			expect(recallAtK(hnsw.search(few, K, { efSearch }), want, K)).toBeGreaterThan(floor);
		}
	});

	// Recorded here, nprobe 16, kFactor 3: recall 0.8502, lost 0.1224 and 0.0274; nprobe 76 and kFactor 6: 0.9808.
	it('says where recall is lost, and what mends it', { timeout: 60_000 }, () => {
		const params = { nprobe: 16, kFactor: 3 };
		const { recall, losses, suggestion } = measureRecall(refine, { queries, truth, ...params });
		expect(recall.mean).toBeCloseTo(recallAtK(refine.search(queries, K, params), truth, K), 10);
		expect(recall.mean + losses.cellNotProbed + losses.codeTooCoarse).toBeCloseTo(1, 10);
		expect(losses.cellNotProbed).toBeCloseTo(0.122, 1);
		expect(losses.codeTooCoarse).toBeCloseTo(0.027, 1);
		const { nprobe, kFactor } = suggestion!;
		const mended = recallAtK(refine.search(queries, K, { nprobe: nprobe!, kFactor: kFactor! }), truth, K);
		expect(mended).toBeGreaterThan(0.98 - 1e-9);
		expect(suggestion!.recall.mean).toBeCloseTo(mended, 10);
	});

	// Recorded here: of vectors drawn from the index 0.841 (0.819 to 0.861); of the queries 0.8502.
	it('measures with its own vectors about what other queries find', { timeout: 60_000 }, () => {
		const live = measureRecall(refine, { nprobe: 16, kFactor: 3 });
		expect(live.truth).toBe('exact');
		expect(live.recall.low).toBeLessThan(0.8502);
		expect(live.recall.high).toBeGreaterThan(0.8502);
		expect(measureRecall(ivfpq, { nprobe: 16, sample: 50 }).truth).toBe('decoded');
	});

	// Recorded here, of 2,000 neighbours of 200 queries: 224 in cells not opened, 53 behind the candidates; all are found with the fix.
	it('explains each neighbour that is missed, and finds it', { timeout: 60_000 }, () => {
		const params = { nprobe: 16, kFactor: 3 };
		const verdicts: Record<string, number> = {};
		for (let i = 0; i < 200; i++) {
			const near = truth.labels as Int32Array;
			const missed = explainMissed(refine, queries.row(i), near.subarray(i * truth.k, i * truth.k + K), params);
			for (const { label, verdict, fix } of missed) {
				verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
				expect(refine.search(queries.row(i), K, { ...params, ...fix }).labels).toContain(label);
			}
		}
		expect(Object.keys(verdicts).sort()).toEqual(['cell not probed', 'code too coarse']);
		expect(verdicts['cell not probed']).toBeGreaterThan(180);
		expect(verdicts['code too coarse']).toBeGreaterThan(30);
	});

	it('measures a default nprobe that finds most neighbours', () => {
		// Recorded: nprobe 39, recall 0.9593; the aim is 0.95.
		expect(recallAtK(refine.search(queries, K), truth, K)).toBeGreaterThan(0.93);
	});
});
