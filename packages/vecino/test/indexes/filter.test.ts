/** Selectors by themselves, prepared filters, and searches of cells that are limited or chosen. */
import { describe, expect, it } from 'vitest';
import {
	createEngineSync,
	emptySearchStats,
	type Filter,
	IDSelector,
	IDSelectorAnd,
	IDSelectorBatch,
	IDSelectorBitmap,
	IDSelectorNot,
	IDSelectorOr,
	IDSelectorRange,
	IndexFlat,
	IndexHNSW,
	IndexIDMap,
	type IndexIVF,
	IndexIVFFlat,
	IndexIVFPQ,
	IndexIVFPQFastScan,
	IndexIVFRaBitQ,
	isVecinoError,
	type Metric,
	type SearchResult,
} from '../../src/index.ts';
import { clustered, split } from '../support/data.ts';

const D = 16;
const NLIST = 24;
const { base, queries } = split(clustered(2040, D, { clusters: 20 }), 40);
const METRICS: readonly Metric[] = ['l2', 'ip', 'cosine'];

const CELLED: readonly [string, (metric: Metric) => IndexIVF][] = [
	['IVFFlat', (metric) => new IndexIVFFlat({ d: D, metric, nlist: NLIST })],
	['IVFPQ', (metric) => new IndexIVFPQ({ d: D, metric, nlist: NLIST, m: 4 })],
	['IVFPQFastScan', (metric) => new IndexIVFPQFastScan({ d: D, metric, nlist: NLIST, m: 8 })],
	['IVFRaBitQ', (metric) => new IndexIVFRaBitQ({ d: D, metric, nlist: NLIST })],
];

function expectSame(found: SearchResult, expected: SearchResult): void {
	expect(found.labels).toEqual(expected.labels);
	expect(found.distances).toEqual(expected.distances);
}

describe('selectors', () => {
	it('have what they say', () => {
		const has = (selector: IDSelector): number[] =>
			Array.from({ length: 12 }, (_, i) => i).filter((i) => selector.has(i));
		expect(has(new IDSelectorRange(3, 6))).toEqual([3, 4, 5]);
		expect(has(new IDSelectorRange(9))).toEqual([9, 10, 11]);
		expect(has(new IDSelectorBatch(new Set([1, 7])))).toEqual([1, 7]);
		expect(has(new IDSelectorBitmap(Uint8Array.of(0b11, 0b100)))).toEqual([0, 1, 10]);
		expect(has(new IDSelectorNot(new IDSelectorRange(1, 11)))).toEqual([0, 11]);
		expect(has(new IDSelectorAnd([1, 2, 3], (label) => label > 1))).toEqual([2, 3]);
		expect(has(new IDSelectorOr([1], new IDSelectorRange(11)))).toEqual([1, 11]);
		expect(has(new IDSelectorAnd())).toHaveLength(12);
		expect(has(new IDSelectorOr())).toEqual([]);
	});

	it('one of a caller works as a filter', () => {
		class Multiples extends IDSelector {
			has(label: number): boolean {
				return label % 400 === 0;
			}
		}
		using index = new IndexFlat({ d: D });
		index.add(base);
		expect([...index.search(queries.row(0), 10, { filter: new Multiples() }).labels].sort((a, b) => a - b)).toEqual([
			-1, -1, -1, -1, -1, 0, 400, 800, 1200, 1600,
		]);
	});

	it('refuse what makes no sense, and say so', () => {
		using index = new IndexFlat({ d: D });
		index.add(base);
		const search = (filter: unknown): unknown => index.search(queries, 3, { filter: filter as Filter });
		expect(() => search(7)).toThrow('IndexFlat.search: filter must be an IDSelector, a function of a label, or labels');
		expect(() => search('odd')).toThrow('got "odd"');
		expect(() => search({})).toThrow('got Object');
		expect(() => search(null)).toThrow('got null');
		expect(() => search((label: number) => label)).toThrow(
			'IndexFlat.search: filter must return true or false, got 0 for label 0',
		);
		expect(() => search(async () => true)).toThrow('got Promise');
		expect(() => search([1, -2])).toThrow('IDSelectorBatch: labels must be integers in 0..9007199254740991, got -2');
		expect(() => search([0.5])).toThrow('got 0.5 at position 0');
		expect(() => new IDSelectorRange(Number.NaN)).toThrow('IDSelectorRange: min must be a number, got NaN');
		expect(() => new IDSelectorBitmap([1] as unknown as Uint8Array)).toThrow('bits must be a Uint8Array, got Array(1)');
		expect(() =>
			search(() => {
				throw new Error('mine');
			}),
		).toThrow('mine');
		// Nothing is left under way by the throw.
		index.reset();
	});

	it('ids under an IndexIDMap may be beyond 32 bits', () => {
		using index = new IndexIDMap({ index: new IndexFlat({ d: D }) });
		const first = 2 ** 40;
		index.addWithIds(
			base.slice(0, 10),
			Array.from({ length: 10 }, (_, i) => first + i),
		);
		const found = index.search(queries.row(0), 10, { filter: new IDSelectorRange(first + 4, first + 6) });
		expect(
			found
				.hits()
				.map((hit) => hit.label)
				.sort(),
		).toEqual([first + 4, first + 5]);
		expect(index.search(queries.row(0), 10, { filter: [first + 9, 9] }).hits()).toHaveLength(1);
	});
});

describe('prepared filters', () => {
	it('belong to one index, and are asked once', () => {
		using index = new IndexIVFFlat({ d: D, nlist: NLIST });
		using other = new IndexFlat({ d: D });
		index.train(base).add(base);
		other.add(base);
		let asked = 0;
		using filter = index.prepareFilter((label) => {
			asked++;
			return label < 100;
		});
		const expected = index.search(queries, 5, { filter: new IDSelectorRange(0, 100), nprobe: NLIST });
		for (let i = 0; i < 3; i++) expectSame(index.search(queries, 5, { filter, nprobe: NLIST }), expected);
		expect(asked).toBe(base.n);
		expect(() => other.search(queries, 5, { filter })).toThrow(
			'IndexFlat.search: filter was prepared for another index',
		);
		index.shrink();
		expectSame(index.search(queries, 5, { filter, nprobe: NLIST }), expected);
	});

	it('give their memory back, after searches that are under way', async () => {
		const engine = createEngineSync();
		using index = new IndexIVFPQ({ d: D, nlist: NLIST, m: 4, engine });
		index.train(base).add(base);
		const before = engine.arena.allocatedBytes;
		const filter = index.prepareFilter((label) => label % 50 === 0);
		const [one, two] = [0, 1].map(() => index.searchAsync(queries, 5, { filter, sliceMs: 0 }));
		filter[Symbol.dispose]();
		expectSame((await one)!, (await two)!);
		expect(engine.arena.allocatedBytes).toBe(before);
		expect(isVecinoError(await index.searchAsync(queries, 5, { filter }).catch((error) => error), 'disposed')).toBe(
			true,
		);
		const controller = new AbortController();
		const aborted = index.searchAsync(queries, 5, {
			filter: () => true,
			sliceMs: 0,
			signal: controller.signal,
			onProgress: () => controller.abort(),
		});
		await expect(aborted).rejects.toThrow();
		expect(engine.arena.allocatedBytes).toBe(before);
	});
});

describe('graphs', () => {
	it('walk for wide filters, scan for narrow ones, and are complete either way', () => {
		using index = new IndexHNSW({ d: D, M: 8 });
		using exact = new IndexFlat({ d: D });
		index.add(base);
		exact.add(base);
		for (const [share, fraction] of [
			[2, 0.2],
			[100, 0],
		] as const) {
			const filter = (label: number): boolean => label % share === 0;
			const stats = emptySearchStats();
			const found = index.search(queries, 5, { filter, stats, efSearch: 16 });
			expect(found.complete).toBe(true);
			expect(found.labels.every((label) => label % share === 0)).toBe(true);
			const expected = exact.search(queries, 5, { filter });
			const same = found.labels.filter((label, i) => label === expected.labels[i]).length;
			expect(same / found.labels.length).toBeGreaterThan(0.9);
			if (fraction === 0) expect(stats.ndis).toBe(queries.n * Math.ceil(base.n / share));
			else expect(stats.ndis).toBeLessThan(queries.n * base.n);
		}
	});
});

describe.each(CELLED)('%s', (_, make) => {
	it.each(METRICS)('maxCodes ends a search, nearest cells first (%s)', (metric) => {
		using index = make(metric);
		index.train(base).add(base);
		const all = index.search(queries, 10, { nprobe: NLIST });
		expectSame(index.search(queries, 10, { nprobe: NLIST, maxCodes: base.n }), all);
		expectSame(index.search(queries, 10, { nprobe: 3, maxCodes: base.n }), index.search(queries, 10, { nprobe: 3 }));
		const stats = emptySearchStats();
		const one = index.search(queries, 10, { nprobe: NLIST, maxCodes: 1, stats });
		expect(stats.nlistsVisited).toBe(queries.n);
		expectSame(one, index.searchPreassigned(queries, 10, index.assign(queries)));
		for (const maxCodes of [100, 500]) {
			const some = emptySearchStats();
			index.search(queries, 10, { nprobe: NLIST, maxCodes, stats: some });
			expect(some.ndis / queries.n).toBeGreaterThanOrEqual(maxCodes);
			expect(some.ndis / queries.n).toBeLessThan(maxCodes + 400);
		}
		// Where the limit leaves fewer than k, the result says so.
		expect(index.search(queries, 1000, { maxCodes: 1 }).complete).toBe(false);
		expect(index.search(queries, 1000, {}).complete).toBe(true);
		const filtered = index.search(queries, 10, { maxCodes: 1, filter: (label) => label % 2 === 0 });
		expect(filtered.labels.every((label) => label === -1 || label % 2 === 0)).toBe(true);
	});

	it.each(METRICS)('searches cells that are given (%s)', (metric) => {
		using index = make(metric);
		index.train(base).add(base);
		using cells = new IndexFlat({ d: D, metric: metric === 'l2' ? 'l2' : 'ip' });
		cells.add(index.centroids);
		const unit = queries.data.slice();
		for (let i = 0; metric === 'cosine' && i < queries.n; i++) {
			const row = unit.subarray(i * D, (i + 1) * D);
			const norm = Math.hypot(...row);
			for (let t = 0; t < D; t++) row[t] = row[t]! / norm;
		}
		for (const nprobe of [1, 5, NLIST]) {
			const expected = index.search(queries, 10, { nprobe, maxCodes: 2 ** 31 });
			const ranked = cells.search(unit, nprobe);
			const found = index.searchPreassigned(queries, 10, ranked.labels);
			expect(found.labels).toEqual(expected.labels);
			expectSame(index.searchPreassigned(queries, 10, ranked.labels), found);
			const near = index.searchPreassigned(queries, 10, ranked.labels, ranked.distances);
			for (const [i, distance] of near.distances.entries()) {
				if (Number.isFinite(distance)) expect(distance).toBeCloseTo(found.distances[i]!, 2);
			}
			// In any order, with gaps.
			const backwards = Array.from({ length: queries.n }, (_, i) => [
				...[...ranked.labels.subarray(i * nprobe, (i + 1) * nprobe)].reverse(),
				...(nprobe < NLIST ? [-1] : []),
			]);
			expectSame(index.searchPreassigned(queries, 10, backwards.flat()), found);
			const filter = new IDSelectorRange(500, 1500);
			const some = index.searchPreassigned(queries, 10, ranked.labels, undefined, { filter });
			const wide = index.searchPreassigned(queries, base.n, ranked.labels);
			for (let i = 0; i < queries.n; i++) {
				const matching = wide.hits(i).filter((hit) => filter.has(hit.label));
				expect(some.hits(i)).toEqual(matching.slice(0, 10));
			}
		}
		const none = index.searchPreassigned(queries, 10, new Int32Array(queries.n).fill(-1));
		expect([none.complete, ...new Set(none.labels)]).toEqual([false, -1]);
		expect(index.searchPreassigned([], 10, []).nq).toBe(0);
	});

	it('refuses cells that do not fit', () => {
		using index = make('l2');
		index.train(base).add(base);
		const search = (cells: ArrayLike<number>, distances?: ArrayLike<number>) => (): unknown =>
			index.searchPreassigned(queries, 3, cells, distances);
		expect(search([1, 2, 3])).toThrow('cells must be 40 x nprobe numbers, nprobe at most 24, got 3');
		expect(search(new Array(40).fill(NLIST))).toThrow('cells must be integers in -1..23, got 24 for query 0');
		expect(search(new Array(80).fill(3))).toThrow('cell 3 is given twice for query 0');
		expect(search(new Array(40).fill(3), [1])).toThrow(
			'centroidDistances must be 40 numbers, one for each cell, got 1',
		);
		expect(search(new Array(40).fill(3), new Array(40).fill(Number.NaN))).toThrow('must be finite, got NaN at 0');
		expect(() =>
			index.searchPreassigned(queries, 3, new Array(40).fill(3), undefined, { nprobe: 3 } as object),
		).toThrow('unknown option "nprobe"');
		expect(() => index.search(queries, 3, { maxCodes: 0 })).toThrow('maxCodes must be an integer in 1..');
	});
});
