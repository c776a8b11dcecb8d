/** IndexRefine: its stores, block by block. */
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import { emptySearchStats, SearchResult } from '../../src/core/result.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexIVFPQFastScan, IndexPQFastScan } from '../../src/indexes/fast-scan.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexPQ } from '../../src/indexes/pq.ts';
import { IndexPreTransform } from '../../src/indexes/pre-transform.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import type { RefineStore } from '../../src/indexes/refine-store.ts';
import { RerankBlock } from '../../src/indexes/rerank.ts';
import { IndexScalarQuantizer } from '../../src/indexes/scalar-quantizer.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { createEngineSync } from '../../src/kernels/engine.ts';
import { PCATransform } from '../../src/transforms/pca.ts';
import { clustered, split } from '../support/data.ts';

const D = 20;
const { base: rows, queries } = split(clustered(1500, D, { seed: 3 }), 150);

const STORES: readonly [store: RefineStore, word: string, alone: (metric: 'l2' | 'ip' | 'cosine') => Index][] = [
	['flat', 'flat', (metric) => new IndexFlat({ d: D, metric })],
	['sq8', 'sq8', (metric) => new IndexScalarQuantizer({ d: D, metric })],
	['sq4', 'sq4', (metric) => new IndexScalarQuantizer({ d: D, metric, type: 'sq4' })],
	['f16', 'f16', (metric) => new IndexScalarQuantizer({ d: D, metric, type: 'f16' })],
	['bf16', 'bf16', (metric) => new IndexScalarQuantizer({ d: D, metric, type: 'bf16' })],
	[{ pq: { m: 10 } }, 'pq10x8', (metric) => new IndexPQ({ d: D, metric, m: 10 })],
	[{ pq: { m: 7, nbits: 5 } }, 'pq7x5', (metric) => new IndexPQ({ d: D, metric, m: 7, nbits: 5, pad: true })],
];

describe.each(METRICS)('metric %s', (metric) => {
	it.each(STORES)(
		'store %j: re-ranking everything is searching the store, in one block and in many',
		(store, word, make) => {
			using alone = make(metric);
			using refine = new IndexRefine({ base: new IndexIVFFlat({ d: D, metric, nlist: 5 }), store });
			expect(refine.store).toBe(word);
			alone.train(rows).add(rows);
			// Three segments of codes.
			refine.train(rows).add(rows.slice(0, 7)).add(rows.slice(7, 900)).add(rows.slice(900));
			for (const [k, kFactor] of [
				[10, 150],
				[1, 1400],
				[1400, 1],
			] as const) {
				const found = refine.search(queries, k, { nprobe: 5, kFactor });
				expect(found).toEqual(alone.search(queries, k));
				expect(refine.search(queries.row(77), k, { nprobe: 5, kFactor }).hits()).toEqual(found.hits(77));
			}
			using again = readIndex(writeIndex(refine)) as IndexRefine;
			expect([again.store, again.kFactor]).toEqual([word, 10]);
			expect(again.search(queries, 5)).toEqual(refine.search(queries, 5));
		},
	);

	it('fewer candidates than k: the rest is padding, whatever is asked', () => {
		using refine = new IndexRefine({ base: new IndexPQ({ d: D, metric, m: 4, nbits: 4 }), store: 'f16' });
		refine.train(rows).add(rows.slice(0, 3));
		const result = refine.search(queries, 6);
		for (let i = 0; i < queries.n; i++) expect(result.hits(i)).toHaveLength(3);
		expect(new Set(result.labels)).toEqual(new Set([0, 1, 2, -1]));
	});
});

describe.each(METRICS)('cells as base, metric %s', (metric) => {
	it.each(STORES)(
		'store %j: what re-ranking the candidates of the base by themselves gives, stats included',
		(store) => {
			const bases = [
				new IndexIVFPQ({ d: D, metric, nlist: 30, m: 4, nbits: 4 }),
				new IndexIVFPQFastScan({ d: D, metric, nlist: 30, m: 10 }),
				new IndexIVFFlat({ d: D, metric, nlist: 30 }),
				new IndexPreTransform({
					transforms: [new PCATransform({ dIn: D, dOut: 12 })],
					index: new IndexIVFPQ({ d: 12, metric, nlist: 30, m: 4 }),
				}),
			];
			for (const base of bases) {
				using refine = new IndexRefine({ base, store });
				refine.train(rows, { niter: 3 }).add(rows.slice(0, 600)).add(rows.slice(600));
				// Cells too small for all candidates are among them: more are opened for those queries.
				for (const [k, kFactor, nprobe] of [
					[10, 10, 2],
					[3, 1, 1],
					[20, 30, 1],
				] as const) {
					const wide = k * kFactor;
					const [stats, before] = [emptySearchStats(), emptySearchStats()];
					const found = refine.search(queries, k, { nprobe, kFactor, stats });
					const candidates = base.search(queries, wide, { nprobe, stats: before });
					expect(stats).toEqual(before);
					const expected = new SearchResult(queries.n, k, metric);
					using block = new RerankBlock(refine.refine, k, wide, queries.n);
					block.load(queries, candidates, 0, queries.n);
					block.run(queries.n);
					block.emit(0, queries.n, expected);
					expected.settle(rows.n);
					expect(found).toEqual(expected);
					for (const i of [0, 149]) {
						expect(refine.search(queries.row(i), k, { nprobe, kFactor }).hits()).toEqual(found.hits(i));
					}
					// The scratch of a search before is taken again, also for another store or none.
					expect(base.search(queries, wide, { nprobe })).toEqual(candidates);
				}
				// Filters, wide and narrow, a limit of codes, and rows that were removed or have changed.
				const [k, wide, nprobe] = [5, 60, 3];
				for (const changed of [false, true]) {
					if (changed) {
						refine.remove((label) => label % 7 === 3);
						refine.update([0, 1], rows.slice(500, 502));
					}
					for (const params of [
						{},
						{ filter: (label: number) => label % 3 > 0 },
						{ filter: (label: number) => label % 100 === 7 },
						{ maxCodes: 100 },
						{ filter: (label: number) => label % 3 > 0, maxCodes: 100 },
					]) {
						const [stats, before] = [emptySearchStats(), emptySearchStats()];
						const found = refine.search(queries, k, { ...params, nprobe, kFactor: wide / k, stats });
						const candidates = base.search(queries, wide, { ...params, nprobe, stats: before });
						expect(stats).toEqual(before);
						const expected = new SearchResult(queries.n, k, metric);
						using block = new RerankBlock(refine.refine, k, wide, queries.n);
						block.load(queries, candidates, 0, queries.n);
						block.run(queries.n);
						block.emit(0, queries.n, expected);
						expect(found.labels).toEqual(expected.labels);
						expect(found.distances).toEqual(expected.distances);
						expect(found.labels.every((label) => params.filter?.(label) ?? true)).toBe(true);
						expect(changed && found.labels.some((label) => label % 7 === 3)).toBe(false);
					}
				}
				refine.add(rows.slice(0, 5));
				expect(refine.search(rows.row(2), 2, { nprobe: 30, kFactor: 800 }).hits()).toHaveLength(2);
			}
		},
	);
});

it('takes an index as its store, and gives it back with the rest', () => {
	using refine = new IndexRefine({
		base: new IndexPQ({ d: D, m: 4, nbits: 4 }),
		refine: new IndexPQ({ d: D, m: 5, nbits: 6 }),
	});
	refine.train(rows).add(rows);
	expect([refine.store, refine.refine.ntotal]).toEqual(['pq5x6', rows.n]);
	expect(refine.search(rows.row(4), 1, { kFactor: 200 }).hits()).toHaveLength(1);
});

it('says what is wrong with a store', () => {
	using base = new IndexPQ({ d: D, m: 4, nbits: 4 });
	const using_ = (options: object) => () => new IndexRefine({ base, ...options });
	const word = `IndexRefine: store must be 'flat', 'sq8', 'sq4', 'f16' or 'bf16', got`;
	expect(using_({ store: 'pq' })).toThrow(new RangeError(`${word} "pq"`));
	expect(using_({ store: null })).toThrow(new RangeError(`${word} null`));
	expect(using_({ store: {} })).toThrow(new TypeError('IndexRefine: store.pq must be { m, nbits }, got undefined'));
	expect(using_({ store: { pq: { m: 4, bits: 8 } } })).toThrow('unknown option "bits"');
	expect(using_({ store: { sq: 4 } })).toThrow('unknown option "sq"');
	expect(using_({ store: { pq: { m: 0 } } })).toThrow('m must be an integer');
	expect(using_({ refine: base })).toThrow('refine must be another index than base');
	expect(using_({ refine: 3 })).toThrow(TypeError);
	using fast = new IndexPQFastScan({ d: D, m: 4 });
	expect(using_({ refine: fast })).toThrow(
		'refine must be an IndexFlat, IndexScalarQuantizer or IndexPQ, got an IndexPQFastScan',
	);
	using flat = new IndexFlat({ d: D });
	expect(using_({ refine: flat, store: 'flat' })).toThrow('give store or refine, not both');
	using narrow = new IndexFlat({ d: 3 });
	expect(using_({ refine: narrow })).toThrow('refine.d must be 20 as in base, got 3');
	using ip = new IndexFlat({ d: D, metric: 'ip' });
	expect(using_({ refine: ip })).toThrow('refine.metric must be l2 as in base, got ip');
	using elsewhere = new IndexFlat({ d: D, engine: createEngineSync() });
	expect(using_({ refine: elsewhere })).toThrow('refine must be of the same engine as base');
	flat.add(rows);
	expect(using_({ refine: flat })).toThrow('refine must be empty, it holds');
});

it('an aborted add leaves neither rows in the base nor in the store', async () => {
	using refine = new IndexRefine({ base: new IndexPQ({ d: D, m: 4, nbits: 4 }), store: 'bf16' });
	refine.train(rows).add(rows.slice(0, 10));
	const controller = new AbortController();
	const onProgress = () => controller.abort('enough');
	await expect(refine.addAsync(rows, { signal: controller.signal, onProgress })).rejects.toThrow();
	expect([refine.base.ntotal, refine.refine.ntotal]).toEqual([10, 10]);
});

it('an aborted search gives its memory back', async () => {
	using refine = new IndexRefine({ base: new IndexPQ({ d: D, m: 4, nbits: 4 }) });
	refine.train(rows).add(rows);
	const { arena } = refine.engine;
	const before = arena.allocatedBytes;
	const controller = new AbortController();
	const onProgress = ({ phase }: { phase: string }) => {
		if (phase === 'refine') controller.abort('enough');
	};
	const searching = refine.searchAsync(queries, 10, { signal: controller.signal, onProgress, sliceMs: 0 });
	await expect(searching).rejects.toMatchObject({ code: 'aborted' });
	expect(arena.allocatedBytes).toBe(before);
});

it('values that a half cannot hold are stored as the largest it can', () => {
	using f16 = new IndexScalarQuantizer({ d: 3, type: 'f16' });
	using bf16 = new IndexScalarQuantizer({ d: 3, type: 'bf16' });
	for (const index of [f16, bf16]) index.add([[1e6, -1e6, 1 + 2 ** -12]]);
	expect([...f16.reconstruct(0)]).toEqual([65504, -65504, 1]);
	expect([...bf16.reconstruct(0)]).toEqual([999424, -999424, 1]);
	expect([f16.isTrained, f16.codeSize, bf16.codeSize]).toEqual([true, 6, 6]);
});
