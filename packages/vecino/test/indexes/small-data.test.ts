/** Little or degenerate data never crashes: what happens instead is defined here. */
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexPQ } from '../../src/indexes/pq.ts';
import { IndexScalarQuantizer } from '../../src/indexes/scalar-quantizer.ts';
import { clustered } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const D = 16;

describe.each(METRICS)('metric %s', (metric) => {
	describe.each(KINDS)('$name', (kind) => {
		it('one vector', () => {
			using index = kind.make(D, metric);
			const one = clustered(1, D);
			index.train(one).add(one);
			const [hit, ...rest] = index.search(one, 3).hits();
			expect(rest).toEqual([]);
			expect(hit!.label).toBe(0);
			// A training set of one is coded without loss, so the vector is at its own place.
			const expected = metric === 'l2' ? 0 : metric === 'cosine' ? 1 : one.data.reduce((s, v) => s + v * v, 0);
			const tolerance = kind.estimates && metric === 'ip' ? 0.3 : 1e-3;
			expect(Math.abs(hit!.distance - expected)).toBeLessThan(tolerance * (1 + expected));
		});

		it('fewer vectors than centroids and reproduction values', () => {
			using index = kind.make(D, metric);
			const few = clustered(5, D);
			index.train(few).add(few);
			const nlist = index.stats().lists?.nlist;
			if (nlist !== undefined) expect(nlist).toBe(5);
			for (let i = 0; i < 5; i++) {
				const hits = index.search(few.row(i), 5, kind.hasCells ? { nprobe: 8 } : {}).hits();
				expect(hits).toHaveLength(5);
				if (metric !== 'ip') expect(hits[0]!.label).toBe(i);
			}
		});

		it('all vectors equal: every label is found, lower ones first', () => {
			using index = kind.make(D, metric);
			const row = clustered(1, D).data;
			const equal = VectorSet.from(Array.from({ length: 300 }, () => row));
			index.train(equal).add(equal);
			const hits = index.search(row, 10, kind.hasCells ? { nprobe: 8 } : {}).hits();
			expect(hits.map((hit) => hit.label)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
			expect(new Set(hits.map((hit) => hit.distance)).size).toBe(1);
		});

		it('constant dimensions', () => {
			using index = kind.make(D, metric);
			const x = clustered(300, D);
			for (let i = 0; i < x.n; i++) x.data.fill(7.5, i * D + 3, i * D + 9);
			index.train(x).add(x);
			const hits = index.search(x.row(11), 300, kind.hasCells ? { nprobe: 8 } : {}).hits();
			expect(hits).toHaveLength(300);
			for (const hit of hits) expect(Number.isFinite(hit.distance)).toBe(true);
		});

		it('zero vectors', () => {
			using index = kind.make(D, metric);
			const x = clustered(64, D);
			x.data.fill(0, 5 * D, 9 * D);
			index.train(x).add(x);
			const result = index.search(x, 64, kind.hasCells ? { nprobe: 8 } : {});
			expect(result.distances.some(Number.isNaN)).toBe(false);
			expect(result.hits(5)).toHaveLength(64);
			// A zero query is at inner product 0 (cosine 0) to everything, whatever the code, unless it is estimated.
			if (metric !== 'l2' && !kind.estimates) for (const hit of result.hits(6)) expect(Math.abs(hit.distance)).toBe(0);
		});

		it('nothing to add, nothing to ask', () => {
			using index = kind.make(D, metric);
			index.train(clustered(20, D)).add(new Float32Array(0)).add([]);
			expect(index.ntotal).toBe(0);
			const result = index.search([], 3);
			expect([result.nq, result.labels.length]).toEqual([0, 0]);
			expect(() => index.reset()).not.toThrow();
			expect(() => kind.make(D, metric)[Symbol.dispose]()).not.toThrow();
		});
	});

	it('a search that finds too few in its cells opens more', () => {
		using ivf = new IndexIVFFlat({ d: D, metric, nlist: 50 });
		const x = clustered(500, D, { clusters: 50 });
		ivf.train(x).add(x);
		const { lists } = ivf.stats();
		expect(lists!.max).toBeLessThan(400);
		expect(ivf.search(x.row(0), 400, { nprobe: 1 }).hits()).toHaveLength(400);
		expect(ivf.search(x.row(0), 500, { nprobe: 1 }).hits()).toHaveLength(500);
	});
});

it('training without vectors is refused', () => {
	using ivf = new IndexIVFFlat({ d: 4, nlist: 3 });
	expect(() => ivf.train([])).toThrow(new RangeError('IndexIVFFlat.train: at least one vector is needed'));
});

it('constructors name what is wrong', () => {
	expect(() => new IndexPQ({ d: 12, m: 5 })).toThrow(
		'ProductQuantizer: m must divide d = 12, got 5; valid m are 1, 2, 3, 4, 6, 12 (or set pad: true to fill up with zeros)',
	);
	expect(() => new IndexPQ({ d: 12, m: 4, nbits: 3 })).toThrow('nbits must be an integer in 4..12, got 3');
	expect(() => new IndexPQ({ d: 12, m: 4, nbits: 13 })).toThrow(RangeError);
	expect(() => new IndexFlat({ d: 0 })).toThrow('IndexFlat: d must be an integer in 1..65536, got 0');
	expect(() => new IndexFlat({ d: 4, metric: 'l1' as 'l2' })).toThrow(
		"IndexFlat: metric must be 'l2', 'ip' or 'cosine', got \"l1\"",
	);
	expect(() => new IndexIVFFlat({ d: 4, nlist: 0 })).toThrow(
		'IndexIVFFlat: nlist must be an integer in 1..16777216, got 0',
	);
	expect(() => new IndexIVFPQ({ d: 4, nlist: 2, m: 2, residual: false } as never)).toThrow(/unknown option "residual"/);
});

it('large values overflow to infinity and never to NaN or a crash', () => {
	using flat = new IndexFlat({ d: 2 });
	flat.add([
		[3e38, 3e38],
		[0, 0],
	]);
	const hits = flat.search([-3e38, -3e38], 2).hits();
	expect(hits).toEqual([
		{ label: 0, distance: Infinity },
		{ label: 1, distance: Infinity },
	]);
});

it('values outside the training range are clamped by SQ8', () => {
	using sq = new IndexScalarQuantizer({ d: 1 });
	sq.train([[0], [255]]).add([[-100], [99.4], [1000]]);
	expect([0, 1, 2].map((label) => sq.reconstruct(label)[0])).toEqual([0, 99, 255]);
});

describe('IndexIDMap', () => {
	it('returns and reconstructs by id, any safe integer', () => {
		using index = new IndexIDMap({ index: new IndexFlat({ d: 2 }) });
		const ids = [Number.MAX_SAFE_INTEGER, 0, 2 ** 40 + 1];
		index.addWithIds(
			[
				[0, 0],
				[1, 1],
				[5, 5],
			],
			ids,
		);
		expect([...index.search([5, 4], 3).labels]).toEqual([2 ** 40 + 1, 0, Number.MAX_SAFE_INTEGER]);
		expect([...index.reconstruct(2 ** 40 + 1)]).toEqual([5, 5]);
		expect([...index.ids]).toEqual(ids);
		expect([index.has(0), index.has(1)]).toEqual([true, false]);
		expect(() => index.reconstruct(1)).toThrow('IndexIDMap.reconstruct: no vector has id 1');
	});

	it('refuses ids that are taken, given twice, or no ids, and then adds nothing', () => {
		using index = new IndexIDMap({ index: new IndexFlat({ d: 1 }) });
		index.addWithIds([[1], [2]], [7, 8]);
		expect(() => index.addWithIds([[3], [4]], [9, 7])).toThrow('IndexIDMap.addWithIds: id 7 is in the index already');
		expect(() => index.addWithIds([[3], [4]], [9, 9])).toThrow('id 9 is given twice, at rows 0 and 1');
		expect(() => index.addWithIds([[3]], [-1])).toThrow('ids must be integers in 0..9007199254740991, got -1 at row 0');
		expect(() => index.addWithIds([[3]], [0.5])).toThrow(RangeError);
		expect(() => index.addWithIds([[3]], [1, 2])).toThrow('1 vectors need as many ids, got 2');
		expect([index.ntotal, index.ids.length]).toEqual([2, 2]);
		index.add([[5]]);
		expect([...index.ids]).toEqual([7, 8, 9]);
	});

	it('other indexes point to it', () => {
		using flat = new IndexFlat({ d: 1 });
		expect(() => flat.addWithIds([[1]], [5])).toThrow(/wrap the index: new IndexIDMap/);
	});

	it('takes many ids quickly', () => {
		using index = new IndexIDMap({ index: new IndexFlat({ d: 1 }) });
		const n = 50_000;
		index.addWithIds(
			new Float32Array(n),
			Float64Array.from({ length: n }, (_, i) => i * 1024),
		);
		expect(index.has(1024 * (n - 1))).toBe(true);
		expect(index.has(1)).toBe(false);
	});
});
