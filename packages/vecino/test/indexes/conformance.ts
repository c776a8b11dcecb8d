/** What every index does, on every metric: one suite, all kinds (conformance-l2.test.ts and beside it). */
import { describe, expect, it } from 'vitest';
import { isBetter, type Metric } from '../../src/core/metric.ts';
import { emptySearchStats } from '../../src/core/result.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { isVecinoError } from '../../src/errors.ts';
import { recallAtK } from '../../src/eval/recall.ts';
import { exactNeighbors } from '../../src/eval/truth.ts';
import { bruteForce, clustered, split } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const D = 24;
const { base, queries } = split(clustered(430, D), 30);

/** The suite of one metric; a file for each, so that they run side by side. */
export function conformance(metric: Metric): void {
	describe.each(KINDS)('$name', (kind) => {
		/** Opens every cell where there are cells, goes everywhere in a graph. */
		const all = kind.all ?? (kind.hasCells ? { nprobe: 8 } : {});
		const codeOf = (run: () => unknown): string => {
			try {
				run();
			} catch (error) {
				return isVecinoError(error) ? error.code : String(error);
			}
			return 'no error';
		};

		it('knows whether it is trained, and says so when it is not', () => {
			using index = kind.make(D, metric);
			expect([index.d, index.metric, index.ntotal]).toEqual([D, metric, 0]);
			if (!index.isTrained) {
				expect(codeOf(() => index.add(base))).toBe('not-trained');
				expect(codeOf(() => index.search(queries, 3))).toBe('not-trained');
			}
			expect(index.train(base)).toBe(index);
			expect(index.isTrained).toBe(true);
			expect(index.ntotal).toBe(0);
		});

		it('an empty index answers with padding', () => {
			using index = kind.make(D, metric);
			index.train(base);
			const result = index.search(queries, 3);
			expect([...new Set(result.labels)]).toEqual([-1]);
			expect([...new Set(result.distances)]).toEqual([metric === 'l2' ? Infinity : -Infinity]);
			expect(result.hits(0)).toEqual([]);
		});

		it('results are ordered, without repeats, of known labels, with plausible distances', () => {
			using index = kind.make(D, metric);
			index.train(base).add(base);
			expect(index.ntotal).toBe(base.n);
			const result = index.search(queries, 10, all);
			for (let i = 0; i < queries.n; i++) {
				const hits = result.hits(i);
				expect(hits).toHaveLength(10);
				expect(new Set(hits.map((hit) => hit.label)).size).toBe(10);
				for (const [j, hit] of hits.entries()) {
					expect(hit.label).toBeGreaterThanOrEqual(0);
					expect(hit.label).toBeLessThan(base.n);
					if (j > 0) expect(isBetter(metric, hit.distance, hits[j - 1]!.distance)).toBe(false);
				}
				if (!kind.exact) continue;
				const truth = bruteForce(base, queries.row(i), 10, metric);
				expect(hits.map((hit) => hit.label)).toEqual(truth.map((hit) => hit.label));
				for (const [j, hit] of hits.entries()) {
					expect(Math.abs(hit.distance - truth[j]!.distance)).toBeLessThan(1e-4 * (1 + Math.abs(truth[j]!.distance)));
				}
			}
		});

		it('finds most true neighbours', () => {
			using index = kind.make(D, metric);
			index.train(base).add(base);
			const truth = exactNeighbors(base, queries, 10, { metric });
			// Recorded: the lowest is 0.54 (IVF8,PQ8x5, ip); exact kinds give 1.
			expect(recallAtK(index.search(queries, 10, all), truth)).toBeGreaterThan(kind.exact ? 0.999 : 0.45);
		});

		it('adding in parts is adding at once; searching in parts is searching at once', () => {
			using once = kind.make(D, metric);
			using parts = kind.make(D, metric);
			once.train(base).add(base);
			parts.train(base);
			for (const [start, end] of [
				[0, 1],
				[1, 1],
				[1, 3],
				[3, 200],
				[200, base.n],
			] as const) {
				parts.add(base.slice(start, end));
			}
			const expected = once.search(queries, 10, all);
			const actual = parts.search(queries, 10, all);
			expect(actual.labels).toEqual(expected.labels);
			expect(actual.distances).toEqual(expected.distances);
			for (let i = 0; i < 5; i++) {
				const single = parts.search(queries.row(i), 10, all);
				expect(single.labels).toEqual(expected.labels.slice(i * 10, i * 10 + 10));
				expect(single.distances).toEqual(expected.distances.slice(i * 10, i * 10 + 10));
			}
		});

		it('the async forms give the same, with progress, and can be aborted without a trace', async () => {
			using sync = kind.make(D, metric);
			using index = kind.make(D, metric);
			sync.train(base).add(base);
			const phases = new Set<string>();
			const onProgress = (p: { phase: string; done: number; total: number }): void => {
				phases.add(p.phase);
				if (p.total > 0) expect(p.done).toBeLessThanOrEqual(p.total);
			};
			await index.trainAsync(base, { onProgress, sliceMs: 0 });
			const controller = new AbortController();
			const aborting = index.addAsync(base, {
				signal: controller.signal,
				onProgress: () => controller.abort('enough'),
			});
			await expect(aborting).rejects.toMatchObject({ code: 'aborted', cause: 'enough' });
			expect(index.ntotal).toBe(0);
			await index.addAsync(base, { onProgress, sliceMs: 0 });
			expect(phases).toContain('add');
			const expected = sync.search(queries, 5, all);
			const actual = await index.searchAsync(queries, 5, { ...all, sliceMs: 0 });
			expect(actual.labels).toEqual(expected.labels);
			expect(actual.distances).toEqual(expected.distances);
		});

		it('refuses to change while an async call is under way', async () => {
			using index = kind.make(D, metric);
			index.train(base).add(base.slice(0, 50));
			const adding = index.addAsync(base, { sliceMs: 0 });
			expect(codeOf(() => index.search(queries, 1))).toBe('busy');
			expect(codeOf(() => index.add(base))).toBe('busy');
			await adding;
			const searching = index.searchAsync(queries, 1, { sliceMs: 0 });
			expect(codeOf(() => index.add(base))).toBe('busy');
			expect(codeOf(() => index.search(queries, 1))).toBe('no error');
			await searching;
			expect(index.ntotal).toBe(base.n + 50);
		});

		it('reconstructs: close to what was added, exactly for exact kinds', () => {
			using index = kind.make(D, metric);
			index.train(base).add(base);
			for (const label of [0, 17, base.n - 1]) {
				const row = base.row(label);
				const norm = metric === 'cosine' ? Math.hypot(...row) : 1;
				const back = index.reconstruct(label);
				let error = 0;
				let total = 0;
				for (let t = 0; t < D; t++) {
					error += (back[t]! - row[t]! / norm) ** 2;
					total += (row[t]! / norm) ** 2;
				}
				// Of signs alone 36 % of the length of a residual is lost.
				expect(error).toBeLessThanOrEqual(kind.exact ? 1e-10 : (kind.estimates ? 0.5 : 0.25) * total);
			}
			expect(codeOf(() => index.reconstruct(base.n))).toBe('unknown-label');
			expect(codeOf(() => index.reconstruct(-1))).toBe('unknown-label');
		});

		it('counts its bytes and its work', () => {
			using index = kind.make(D, metric);
			const before = index.engine.arena.allocatedBytes;
			index.train(base).add(base);
			const { bytes, lists, ntotal } = index.stats();
			expect(Object.values(bytes).reduce((a, b) => a + b, 0)).toBe(index.byteLength);
			expect(Math.min(...Object.values(bytes))).toBeGreaterThanOrEqual(0);
			// All arena memory that the index took is in its count (which also has a few arrays outside).
			expect(index.byteLength).toBeGreaterThanOrEqual(index.engine.arena.allocatedBytes - before);
			expect(ntotal).toBe(base.n);
			const stats = emptySearchStats();
			index.search(queries, 5, { ...all, stats });
			expect(stats).toEqual({
				nq: queries.n,
				// A graph also compares on its upper levels; under 'ip' a few vectors may be where no link leads.
				ndis: kind.all === undefined ? queries.n * base.n : expect.closeTo(queries.n * base.n * 1.05, -3),
				nlistsVisited: kind.hasCells ? queries.n * 8 : 0,
			});
			if (!kind.hasCells) return;
			expect(lists).toMatchObject({ nlist: 8, mean: base.n / 8 });
			expect(lists!.imbalance).toBeGreaterThanOrEqual(1);
			expect(lists!.nprobe).toBeGreaterThanOrEqual(1);
		});

		it('reserve: added in parts takes no more memory than at once, but for lists', () => {
			using once = kind.make(D, metric);
			using parts = kind.make(D, metric);
			once.train(base).add(base);
			expect(codeOf(() => parts.reserve(-1))).toMatch(/RangeError|not-trained/);
			parts.train(base).reserve(base.n);
			expect(parts.ntotal).toBe(0);
			for (let start = 0; start < base.n; start += 50) parts.add(base.slice(start, Math.min(base.n, start + 50)));
			const spare = (index: typeof once): number => index.stats().bytes['spare'] ?? 0;
			expect(parts.byteLength - spare(parts)).toBe(once.byteLength - spare(once));
			expect(parts.search(queries, 3, all).labels).toEqual(once.search(queries, 3, all).labels);
		});

		it('k beyond ntotal, k out of range, wrong dimension, NaN, unknown options', () => {
			using index = kind.make(D, metric);
			index.train(base).add(base.slice(0, 7));
			const result = index.search(queries.row(0), 20);
			expect(result.hits()).toHaveLength(7);
			expect(result.labels[7]).toBe(-1);
			expect(() => index.search(queries, 0)).toThrow(
				new RangeError(`${index.type}.search: k must be an integer in 1..65536, got 0`),
			);
			expect(() => index.search(queries, 1.5)).toThrow(RangeError);
			expect(codeOf(() => index.search(new Float32Array(D + 1), 1))).toBe('dimension-mismatch');
			expect(codeOf(() => index.add(VectorSet.from([[1, 2, 3]])))).toBe('dimension-mismatch');
			const bad = base.take([0, 1, 2]);
			bad.data[2 * D + 5] = Number.NaN;
			expect(() => index.add(bad)).toThrow(/row 2 of x holds NaN \(component 5\)/);
			expect(() => index.search(bad, 1)).toThrow(/row 2 of q holds NaN/);
			expect(() => index.train(bad)).toThrow(/row 2 of x holds NaN/);
			expect(index.ntotal).toBe(7);
			expect(() => index.search(queries, 1, { nprob: 3 } as object)).toThrow(
				/unknown option "nprob"; known options are/,
			);
		});

		it('an index with vectors is not trained again; reset empties it', () => {
			using index = kind.make(D, metric);
			index.train(base).add(base);
			expect(codeOf(() => index.train(base))).toBe('unsupported');
			index.reset();
			expect(index.ntotal).toBe(0);
			index.train(base).add(base.slice(0, 100));
			const hits = index.search(base.row(3), 1, all).hits();
			expect(hits).toHaveLength(1);
		});

		it('dispose gives everything back, twice is fine, later calls say disposed', () => {
			const index = kind.make(D, metric);
			const arena = index.engine.arena;
			const before = arena.allocatedBytes;
			index.train(base).add(base);
			expect(arena.allocatedBytes).toBeGreaterThan(before);
			index[Symbol.dispose]();
			index[Symbol.dispose]();
			for (const call of [
				() => index.add(base),
				() => index.search(queries, 1),
				() => index.train(base),
				() => index.reset(),
			]) {
				expect(codeOf(call)).toBe('disposed');
			}
		});
	});
}
