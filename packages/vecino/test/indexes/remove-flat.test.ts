/** Rows that go where bounds are kept beside them, and graphs inside other indexes. */
import { describe, expect, it } from 'vitest';
import type { VectorSet } from '../../src/core/vectors.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexPreTransform } from '../../src/indexes/pre-transform.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { RandomRotation } from '../../src/transforms/rotation.ts';
import { clustered } from '../support/data.ts';

const D = 64;
const x = clustered(3000, D);
const queries = clustered(64, D, { seed: 3 });

/** Found by one query at a time, and by many at once: by bounds, and by int16 copies. */
function answers(index: Index, order: readonly number[]): unknown {
	const named = (labels: Float64Array): Float64Array => labels.map((label) => (label < 0 ? label : order[label]!));
	const all = index.search(queries, 10);
	const ones = [0, 1, 2].map((i) => index.search(queries.row(i), 10));
	return [all, ...ones].map(({ labels, distances }) => [named(labels), distances]);
}

describe.each(['l2', 'ip', 'cosine'] as const)('bounds, %s', (metric) => {
	it('rows that go and change are found as if they had always been so', () => {
		using index = new IndexFlat({ d: D, metric, pruned: true }).add(x);
		const held = new Map(Array.from({ length: x.n }, (_, i) => [i, i]));
		const check = (which: Index): void => {
			const order = [...held.keys()].sort((a, b) => a - b);
			using twin = new IndexFlat({ d: D, metric, pruned: true });
			twin.add(x.take(order.map((label) => held.get(label)!)));
			const same = Array.from({ length: which.labelEnd }, (_, i) => i);
			expect(answers(which, same)).toEqual(answers(twin, order));
		};
		index.remove((label) => label % 5 === 2 && held.delete(label));
		check(index);
		const labels = [...held.keys()].filter((label) => label % 7 === 0);
		index.update(labels, x.take(labels.map((label) => (label * 13) % x.n)));
		for (const label of labels) held.set(label, (label * 13) % x.n);
		check(index);
		index.add(x.slice(0, 50));
		for (let i = 0; i < 50; i++) held.set(x.n + i, i);
		check(index);
		using back = readIndex(writeIndex(index));
		check(back);
		// Nearly all gone: what is left is copied together.
		index.remove((label) => label % 97 !== 0 && held.delete(label));
		check(index);
	});
});

it('bounds are taken back with rows', () => {
	using index = new IndexFlat({ d: D, pruned: true }).add(x);
	index.remove([5, 2000]);
	// As IndexPreTransform does when an add in several parts is aborted.
	index.truncateRows(1000);
	expect([index.ntotal, index.labelEnd]).toEqual([999, 1000]);
	index.add(x.slice(500, 2500));
	using plain = new IndexFlat({ d: D, pruned: false }).add(x.slice(0, 1000)).add(x.slice(500, 2500));
	plain.remove(5);
	const same = Array.from({ length: 3000 }, (_, i) => i);
	expect(answers(index, same)).toEqual(answers(plain, same));
});

describe('graphs inside other indexes', () => {
	const make = (kind: string): Index => {
		const graph = new IndexHNSW({ d: D, M: 8, efConstruction: 20 });
		if (kind === 'refine') return new IndexRefine({ base: graph, store: 'sq8' });
		return new IndexPreTransform({ transforms: [new RandomRotation({ dIn: D })], index: graph });
	};

	it.each(['refine', 'transform'])('%s: new vectors are appended, old ones not found any more', (kind) => {
		using index = new IndexIDMap({ index: make(kind) });
		const part: VectorSet = x.slice(0, 400);
		index.train(part).add(part);
		expect(() => index.index.update(3, x.row(500))).toThrow(/wrap the index: new IndexIDMap/);
		index.update([3, 4], x.slice(500, 502)).upsert(x.slice(502, 504), [5, 1000]);
		index.remove([0, 1]);
		expect([index.ntotal, index.labelEnd, index.stats().removed]).toEqual([399, 404, 5]);
		using back = readIndex(writeIndex(index));
		for (const each of [index, back]) {
			for (const [id, row] of [
				[3, 500],
				[4, 501],
				[5, 502],
				[1000, 503],
				[6, 6],
			] as const) {
				expect(each.search(x.row(row), 1, { efSearch: 400 }).labels[0]).toBe(id);
			}
			expect(each.search(x.row(0), 1, { efSearch: 400 }).labels[0]).not.toBe(0);
			expect([each.has(0), each.has(3)]).toEqual([false, true]);
		}
		expect(writeIndex(back)).toEqual(writeIndex(index));
	});

	it('a graph with few left finds them all the same', () => {
		using index = new IndexHNSW({ d: D, M: 8, efConstruction: 20 });
		index.add(x.slice(0, 1000)).remove((label) => label % 50 !== 0);
		expect(index.search(queries, 20).labels.every((label) => label % 50 === 0)).toBe(true);
		expect(index.search(queries.row(0), 30).hits()).toHaveLength(20);
	});
});

it('the oldest go and new ones come: a bare index with cells does not grow, but for a bit a label', () => {
	using index = new IndexIVFFlat({ d: D, nlist: 8 });
	index.train(x).add(x.slice(0, 1000));
	let [oldest, early] = [0, 0];
	for (let round = 0; round < 30; round++) {
		index.remove(Array.from({ length: 500 }, (_, i) => oldest + i));
		oldest += 500;
		index.add(x.slice((round % 5) * 500, (round % 5) * 500 + 500));
		if (round === 5) early = index.byteLength;
	}
	expect([index.ntotal, index.labelEnd, index.has(oldest - 1), index.has(oldest)]).toEqual([1000, 16_000, false, true]);
	expect(index.byteLength).toBeLessThan(1.2 * early);
});
