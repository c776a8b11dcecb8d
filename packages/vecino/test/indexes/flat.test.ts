/** IndexFlat with and without bounds: the same results, files and behaviour; memory counted and in step. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { METRICS, type Metric } from '../../src/core/metric.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { spread } from '../../src/indexes/flat-search.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexPQ } from '../../src/indexes/pq.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { openIndex, readIndex } from '../../src/io/read-index.ts';
import { bytesSource } from '../../src/io/source.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { createEngineSync } from '../../src/kernels/engine.ts';
import { Rng } from '../../src/util/rng.ts';
import { clustered } from '../support/data.ts';

/** Results of a search one query at a time: the plain scan of an index without bounds. */
function plain(index: IndexFlat, q: VectorSet, k: number): { labels: number[]; distances: number[] } {
	const each = Array.from({ length: q.n }, (_, i) => index.search(q.slice(i, i + 1), k));
	return {
		labels: each.flatMap(({ labels }) => [...labels]),
		distances: each.flatMap(({ distances }) => [...distances]),
	};
}

function expectSame(x: VectorSet, q: VectorSet, k: number, metric: Metric, parts = 1): void {
	using bare = new IndexFlat({ d: x.d, metric, pruned: false });
	using pruned = new IndexFlat({ d: x.d, metric, pruned: true });
	for (let i = 0; i < parts; i++) {
		const part = x.slice(Math.floor((x.n * i) / parts), Math.floor((x.n * (i + 1)) / parts));
		bare.add(part);
		pruned.add(part);
	}
	const expected = plain(bare, q, k);
	const few = q.slice(0, Math.min(q.n, 5));
	for (const [index, queries] of [
		[bare, q],
		[pruned, q],
		[pruned, few],
	] as const) {
		const { labels, distances } = index.search(queries, k);
		expect([...labels]).toEqual(expected.labels.slice(0, queries.n * k));
		expect([...distances]).toEqual(expected.distances.slice(0, queries.n * k));
	}
	expect(plain(pruned, few, k)).toEqual({
		labels: expected.labels.slice(0, few.n * k),
		distances: expected.distances.slice(0, few.n * k),
	});
}

describe.each(METRICS)('IndexFlat, pruned or not, finds the same: %s', (metric) => {
	it.each([
		[3, 700, 35],
		[32, 900, 40],
		[67, 900, 17],
		[128, 1200, 130],
		[384, 700, 20],
		[768, 650, 16],
		[1536, 650, 16],
	])('d = %i, %i rows in three parts, %i queries', (d, n, nq) => {
		const all = clustered(n + nq, d, { seed: d });
		for (const k of [1, 10]) expectSame(all.slice(0, n), all.slice(n), k, metric, 3);
	});

	it('for every k, also more than there are', () => {
		const all = clustered(260, 40);
		for (const k of [1, 2, 3, 4, 5, 30, 240, 300]) expectSame(all.slice(0, 240), all.slice(240), k, metric);
	});

	it('on rows of any size and number', () => {
		const shape = fc.record({
			d: fc.integer({ min: 1, max: 80 }),
			n: fc.integer({ min: 1, max: 500 }),
			nq: fc.integer({ min: 1, max: 40 }),
			k: fc.integer({ min: 1, max: 6 }),
			exponent: fc.integer({ min: -18, max: 17 }),
			offset: fc.constantFrom(0, 0, 1, 1000),
			distinct: fc.constantFrom(1, 3, 1000),
			seed: fc.integer({ min: 0, max: 2 ** 31 }),
		});
		fc.assert(
			fc.property(shape, ({ d, n, nq, k, exponent, offset, distinct, seed }) => {
				const rng = new Rng(seed);
				const scale = 10 ** exponent;
				const rows = (count: number): VectorSet => {
					const data = new Float32Array(count * d);
					for (let i = 0; i < count; i++) {
						const same = i >= distinct ? i % distinct : -1;
						for (let t = 0; t < d; t++) {
							data[i * d + t] = same >= 0 ? data[same * d + t]! : (rng.float() * 2 - 1 + offset) * scale;
						}
					}
					return new VectorSet(data, d);
				};
				expectSame(rows(n), rows(nq), k, metric);
			}),
			{ numRuns: 60 },
		);
	});
});

describe('bounds of an IndexFlat', () => {
	const x = clustered(900, 128);

	it('are there from d = 384 on, cost d + 12 bytes a row, and are counted', () => {
		using small = new IndexFlat({ d: 383 });
		using wide = new IndexFlat({ d: 384 });
		using large = new IndexFlat({ d: 128, pruned: true });
		expect([small.pruned, wide.pruned, large.pruned]).toEqual([false, true, true]);
		const before = large.engine.arena.allocatedBytes;
		large.add(x);
		expect(large.stats().bytes['bounds']).toBeGreaterThanOrEqual(900 * 140);
		expect(large.stats().bytes['bounds']).toBeLessThan(900 * 140 + 128);
		expect(large.byteLength).toBe(large.engine.arena.allocatedBytes - before);
		using odd = new IndexFlat({ d: 9, pruned: true });
		odd.add(clustered(100, 9));
		expect(odd.stats().bytes['bounds']).toBe(Math.ceil((100 * 28 + 8) / 64) * 64);
		expect(() => new IndexFlat({ d: 9, pruned: 1 as unknown as boolean })).toThrow(
			'IndexFlat: pruned must be true or false, got 1',
		);
	});

	it('are no part of cells or of a refine store', () => {
		using ivf = new IndexIVFFlat({ d: 128, nlist: 4 });
		ivf.train(x);
		expect(ivf.quantizer.pruned).toBe(false);
		using refine = new IndexRefine({ base: new IndexPQ({ d: 128, m: 8, nbits: 4 }) });
		expect((refine.refine as IndexFlat).pruned).toBe(false);
	});

	it('stay in step with the rows: reserve, add, abort, reset', async () => {
		using index = new IndexFlat({ d: 128, pruned: true });
		index.reserve(900);
		const reserved = index.byteLength;
		index.add(x.slice(0, 500));
		for (const step of [0, 1, 2, 3]) {
			const controller = new AbortController();
			let seen = 0;
			const onProgress = (): void => {
				if (seen++ === step) controller.abort();
			};
			const adding = index.addAsync(x.slice(500), { signal: controller.signal, sliceMs: 0, onProgress });
			await adding.catch((error) => expect(error.code).toBe('aborted'));
			if (index.ntotal === 900) break;
			expect(index.ntotal).toBe(500);
		}
		index.reset();
		index.reserve(900);
		index.add(x.slice(0, 400)).add(x.slice(400));
		expect(index.byteLength).toBe(reserved);
		using bare = new IndexFlat({ d: 128, pruned: false });
		bare.add(x);
		const q = x.slice(0, 20);
		expect(index.search(q, 5).hits()).toEqual(bare.search(q, 5).hits());
		expect(index.search(x.slice(7, 8), 5).hits()).toEqual(bare.search(x.slice(7, 8), 5).hits());
	});

	it('are not in files, and are made again on reading', async () => {
		const x = clustered(300, 384);
		using index = new IndexFlat({ d: 384 });
		using bare = new IndexFlat({ d: 384, pruned: false });
		index.add(x);
		bare.add(x);
		const bytes = writeIndex(index);
		expect(writeIndex(bare)).toEqual(bytes);
		using read = readIndex(bytes) as IndexFlat;
		using opened = (await openIndex(bytesSource(bytes))) as IndexFlat;
		for (const copy of [read, opened]) {
			expect(copy.stats()).toEqual(index.stats());
			expect(copy.search(x.slice(3, 4), 9).hits()).toEqual(bare.search(x.slice(3, 4), 9).hits());
		}
	});

	it('give way when memory ends, unless they were asked for', () => {
		const x = clustered(9000, 384);
		const engine = createEngineSync({ maxBytes: 9000 * 1536 + 3_300_000 });
		const insisting = new IndexFlat({ d: 384, engine, pruned: true });
		expect(() => insisting.add(x)).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
		expect([insisting.ntotal, insisting.pruned]).toEqual([0, true]);
		insisting[Symbol.dispose]();
		using index = new IndexFlat({ d: 384, engine });
		index.add(x);
		expect([index.ntotal, index.pruned, index.stats().bytes['bounds']]).toEqual([9000, false, undefined]);
		expect(index.search(x.slice(7, 8), 1).hits()).toEqual([{ label: 7, distance: 0 }]);
	});

	it('count all vectors as compared', () => {
		using index = new IndexFlat({ d: 128, pruned: true });
		index.add(x);
		const stats = { nq: 0, nlist: 0, ndis: 0 };
		index.search(x.slice(0, 3), 5, { stats } as object);
		index.search(x.slice(0, 20), 5, { stats } as object);
		expect(stats.ndis).toBe(23 * 900);
	});
});

describe('spread', () => {
	it('visits every row once', () => {
		for (const [n, size] of [
			[0, 16],
			[1, 16],
			[16, 16],
			[17, 16],
			[1000, 16],
			[999, 8],
		] as const) {
			const rows = [...spread(n, size)].flatMap(([start, count]) => Array.from({ length: count }, (_, i) => start + i));
			expect(rows.sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
		}
	});
});
