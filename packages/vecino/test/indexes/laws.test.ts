/** Laws that hold exactly, whatever the data. */
import { describe, expect, it } from 'vitest';
import { METRICS, normalize } from '../../src/core/metric.ts';
import type { SearchResult } from '../../src/core/result.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { recallAtK } from '../../src/eval/recall.ts';
import { exactNeighbors } from '../../src/eval/truth.ts';
import { IndexIVFPQFastScan } from '../../src/indexes/fast-scan.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexPQ } from '../../src/indexes/pq.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { IndexScalarQuantizer } from '../../src/indexes/scalar-quantizer.ts';
import { ProductQuantizer } from '../../src/quantizers/product.ts';
import { bruteForce, clustered, split } from '../support/data.ts';

const D = 16;
const { base, queries } = split(clustered(2100, D, { clusters: 30, seed: 5 }), 100);
const same = (a: SearchResult, b: SearchResult): void => {
	expect(a.labels).toEqual(b.labels);
	expect(a.distances).toEqual(b.distances);
};

describe.each(METRICS)('metric %s', (metric) => {
	it('IVFFlat with nprobe = nlist is Flat, distances included', () => {
		using flat = new IndexFlat({ d: D, metric });
		using ivf = new IndexIVFFlat({ d: D, metric, nlist: 40 });
		flat.add(base);
		ivf.train(base).add(base);
		same(ivf.search(queries, 20, { nprobe: 40 }), flat.search(queries, 20));
	});

	it('HNSW with efSearch = ntotal is what it is over, distances included, for all that links lead to', () => {
		for (const store of ['flat', 'sq8'] as const) {
			using flat = store === 'flat' ? new IndexFlat({ d: D, metric }) : new IndexScalarQuantizer({ d: D, metric });
			using hnsw = new IndexHNSW({ d: D, metric, M: 16, store });
			flat.train(base).add(base);
			hnsw.train(base).add(base);
			same(hnsw.search(queries, 20, { efSearch: base.n }), flat.search(queries, 20));
			expect(hnsw.search(queries, 30, { efSearch: 1 })).toEqual(hnsw.search(queries, 30, { efSearch: 30 }));
		}
	});

	it('refining everything is Flat', () => {
		using flat = new IndexFlat({ d: D, metric });
		using refine = new IndexRefine({ base: new IndexIVFPQ({ d: D, metric, nlist: 20, m: 2, nbits: 4 }) });
		flat.add(base);
		refine.train(base).add(base);
		same(refine.search(queries, 10, { nprobe: 20, kFactor: base.n / 10 }), flat.search(queries, 10));
	});

	it('recall never falls as nprobe grows', () => {
		using ivf = new IndexIVFFlat({ d: D, metric, nlist: 40 });
		ivf.train(base).add(base);
		const truth = exactNeighbors(base, queries, 10, { metric });
		const recalls = [1, 2, 3, 5, 8, 13, 21, 40].map((nprobe) => recallAtK(ivf.search(queries, 10, { nprobe }), truth));
		for (const [i, recall] of recalls.entries()) if (i > 0) expect(recall).toBeGreaterThanOrEqual(recalls[i - 1]!);
		expect(recalls.at(-1)).toBe(1);
	});

	it('cells ranked by a graph: nearly those of an exact ranking, and as many hits when they hold too few', async () => {
		const many = clustered(6000, D, { clusters: 40, seed: 6 });
		const options = { d: D, metric, nlist: 2000 } as const;
		const train = { niter: 1, seed: 3 } as const;
		using flat = new IndexIVFFlat(options);
		using graph = new IndexIVFFlat({ ...options, coarse: 'hnsw' });
		flat.train(many, train).add(many);
		await graph.trainAsync(many, train);
		graph.add(many);
		expect(graph.centroids).toEqual(flat.centroids);
		expect(graph.byteLength).toBeGreaterThan(flat.byteLength + 2000 * 256);
		const want = flat.search(queries, 3, { nprobe: 3 });
		// Recorded: 0.997 or more under l2 and cosine.
		expect(recallAtK(graph.search(queries, 3, { nprobe: 3 }), want)).toBeGreaterThan(metric === 'ip' ? 0.8 : 0.98);
		const wide = graph.search(queries, 400, { nprobe: 1 });
		for (let i = 0; i < queries.n; i++) {
			const labels = wide.hits(i).map(({ label }) => label);
			expect(labels).toHaveLength(400);
			expect(new Set(labels).size).toBe(400);
		}
	});

	it('many cells: those opened are the nearest, exactly', () => {
		using ivf = new IndexIVFFlat({ d: D, metric, nlist: 300 });
		ivf.train(base).add(base);
		const bytes = ivf.byteLength;
		using cells = new IndexFlat({ d: D, metric: metric === 'l2' ? 'l2' : 'ip' });
		cells.add(ivf.centroids);
		const cellOf = ivf.assign(base);
		const rows =
			metric === 'cosine' ? VectorSet.from(Array.from({ length: base.n }, (_, i) => normalize(base.row(i)))) : base;
		for (let i = 0; i < 20; i++) {
			const q = metric === 'cosine' ? normalize(queries.row(i)) : queries.row(i);
			const opened = new Set(cells.search(q, 20).labels);
			const members = [...cellOf.keys()].filter((row) => opened.has(cellOf[row]!));
			const expected = bruteForce(rows.take(members), q, 5, metric).map(({ label }) => members[label]);
			expect(
				ivf
					.search(queries.row(i), 5, { nprobe: 20 })
					.hits()
					.map(({ label }) => label),
			).toEqual(expected);
		}
		expect(ivf.byteLength).toBe(bytes);
	});

	it('the default nprobe was measured: it finds 95 % of the neighbours, or nearly so on other queries', () => {
		using ivf = new IndexIVFFlat({ d: D, metric, nlist: 40 });
		ivf.train(base).add(base);
		const truth = exactNeighbors(base, queries, 10, { metric });
		expect(ivf.nprobe).toBeLessThan(40);
		// Recorded: l2 0.99, ip 0.99, cosine 0.99.
		expect(recallAtK(ivf.search(queries, 10), truth)).toBeGreaterThan(0.93);
	});

	it('IVFPQ with one cell and no residuals is PQ', () => {
		using pq = new IndexPQ({ d: D, metric, m: 4 });
		using ivf = new IndexIVFPQ({ d: D, metric, nlist: 1, m: 4, byResidual: false });
		pq.train(base).add(base);
		ivf.train(base);
		ivf.pq.setCodebook(pq.pq.codebook);
		ivf.add(base);
		same(ivf.search(queries, 10), pq.search(queries, 10));
	});

	it('residual codes: the distance is that to the reconstructed vector', () => {
		using ivf = new IndexIVFPQ({ d: D, metric, nlist: 10, m: 4 });
		ivf.train(base).add(base);
		const result = ivf.search(queries.slice(0, 5), 5, { nprobe: 10 });
		for (let i = 0; i < 5; i++) {
			const q = queries.row(i);
			const norm = metric === 'cosine' ? Math.hypot(...q) : 1;
			for (const { label, distance } of result.hits(i)) {
				const x = ivf.reconstruct(label);
				let sum = 0;
				for (let t = 0; t < D; t++) sum += metric === 'l2' ? (x[t]! - q[t]!) ** 2 : (x[t]! * q[t]!) / norm;
				expect(Math.abs(distance - sum)).toBeLessThan(1e-3 * (1 + Math.abs(sum)));
			}
		}
	});

	it('fast-scan finds what the exact sums of the same codes find, but for rounding', () => {
		const truth = exactNeighbors(base, queries, 10, { metric });
		for (const byResidual of [true, false]) {
			using exact = new IndexIVFPQ({ d: D, metric, nlist: 20, m: 8, nbits: 4, byResidual });
			using fast = new IndexIVFPQFastScan({ d: D, metric, nlist: 20, m: 8, byResidual });
			exact.train(base).add(base);
			fast.train(base).add(base);
			expect(fast.pq.codebook).toEqual(exact.pq.codebook);
			for (const label of [0, 77, base.n - 1]) expect(fast.reconstruct(label)).toEqual(exact.reconstruct(label));
			const expected = exact.search(queries, 10, { nprobe: 20 });
			const actual = fast.search(queries, 10, { nprobe: 20 });
			// Recorded: differences of at most 0.011 (100 queries; on 1,000 of real data at most 0.0011).
			expect(Math.abs(recallAtK(actual, truth) - recallAtK(expected, truth))).toBeLessThan(0.03);
			// Rounding is in steps of 1/127 of the widest row of the table. Recorded mean errors: 1 to 3 %.
			const errors = expected.distances.map((b, i) => Math.abs(actual.distances[i]! - b) / (1 + Math.abs(b)));
			expect(errors.reduce((a, b) => a + b) / errors.length).toBeLessThan(0.05);
		}
	});

	it('no squared distance is below zero, whatever the rounding', () => {
		if (metric !== 'l2') return;
		using ivf = new IndexIVFPQ({ d: D, metric, nlist: 30, m: 4 });
		ivf.train(base).add(base);
		const decoded = new VectorSet(
			Float32Array.from(Array.from({ length: 300 }, (_, i) => [...ivf.reconstruct(i)]).flat()),
			D,
		);
		expect(Math.min(...ivf.search(decoded, 3).distances)).toBe(0);
	});

	it('rows in another order give the same neighbours under other labels', () => {
		const order = Uint32Array.from({ length: base.n }, (_, i) => (i * 7) % base.n);
		using flat = new IndexFlat({ d: D, metric });
		using permuted = new IndexFlat({ d: D, metric });
		flat.add(base);
		permuted.add(base.take(order));
		const expected = flat.search(queries, 5);
		const actual = permuted.search(queries, 5);
		expect(actual.distances).toEqual(expected.distances);
		expect([...actual.labels].map((label) => order[label]!)).toEqual([...expected.labels]);
	});
});

describe('product quantizer', () => {
	it('decode then encode gives the codes back', () => {
		for (const nbits of [4, 6, 8, 11]) {
			using pq = new ProductQuantizer({ d: D, m: 4, nbits });
			pq.train(base);
			const codes = pq.encode(base.slice(0, 200));
			expect(pq.encode(pq.decode(codes))).toEqual(codes);
			expect(codes.length).toBe(200 * Math.ceil((4 * nbits) / 8));
		}
	});

	it('the error falls as m or nbits grows', () => {
		const error = (m: number, nbits: number): number => {
			using pq = new ProductQuantizer({ d: D, m, nbits });
			pq.train(base);
			const back = pq.decode(pq.encode(base));
			return base.data.reduce((sum, value, i) => sum + (value - back.data[i]!) ** 2, 0);
		};
		const byM = [1, 2, 4, 8, 16].map((m) => error(m, 6));
		const byBits = [4, 5, 6, 8, 10].map((nbits) => error(4, nbits));
		for (const errors of [byM, byBits]) {
			for (const [i, value] of errors.entries()) if (i > 0) expect(value).toBeLessThan(errors[i - 1]!);
		}
	});

	it('adc over a table is the distance to the decoded vector', () => {
		using pq = new ProductQuantizer({ d: D, m: 8, nbits: 7 });
		pq.train(base);
		const codes = pq.encode(base.slice(0, 50));
		const decoded = pq.decode(codes);
		for (const metric of ['l2', 'ip'] as const) {
			const q = queries.row(0);
			const distances = pq.adc(pq.distanceTable(q, metric), codes);
			for (let i = 0; i < 50; i++) {
				let sum = 0;
				for (let t = 0; t < D; t++)
					sum += metric === 'l2' ? (decoded.row(i)[t]! - q[t]!) ** 2 : -decoded.row(i)[t]! * q[t]!;
				expect(Math.abs(distances[i]! - sum)).toBeLessThan(1e-4 * (1 + Math.abs(sum)));
			}
		}
	});
});
