/** Removing, replacing, filters, ranges and pages over shards: as of one index that never held anything else. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import { IDSelectorRange } from '../../src/core/selector.ts';
import { explain } from '../../src/eval/explain.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexShards } from '../../src/indexes/shards.ts';
import { loadShards, saveShards } from '../../src/node/shard-files.ts';
import { D, expectAsNew, fresh, type Held, POOL, QUERIES } from '../support/changes.ts';
import { KINDS } from '../support/indexes.ts';

/** Those whose results depend on how many candidates there are in one place, and those that are no shards. */
const OTHERS = /RaBitQ4|RaBitQ3|Refine|RFlat|HNSW5|HNSW8|IDMap/;
const alike = KINDS.filter(({ name }) => !OTHERS.test(name));
const from = (start: number, end: number, step = 1): number[] =>
	Array.from({ length: Math.ceil((end - start) / step) }, (_, i) => start + i * step);

describe.each(METRICS)('metric %s', (metric) => {
	it.each(alike.map((kind) => [kind.name, kind] as const))(
		'%s: labels never move',
		(_name, kind) => {
			using index = new IndexShards({ shards: [fresh(kind, metric)], rowsPerShard: 70 });
			index.add(POOL.slice(0, 200));
			const held: Held = new Map(from(0, 200).entries());
			const compare = (): void =>
				expectAsNew(
					index,
					kind,
					held,
					[...held.keys()].sort((a, b) => a - b),
				);
			const remove = (labels: readonly number[]): void => {
				expect(index.remove([...labels, 900])).toBe(labels.length);
				for (const label of labels) held.delete(label);
			};
			remove(from(0, 200, 3));
			compare();
			// The last of a shard, the first of one, and the last of all.
			remove([68, 70, 139, 140, 199]);
			compare();
			index.add(POOL.slice(200, 260));
			for (let i = 0; i < 60; i++) held.set(200 + i, 200 + i);
			expect(index.shards.map(({ labelEnd }) => labelEnd)).toEqual([70, 70, 70, 50]);
			index.update([1, 71, 200, 259], POOL.slice(270, 274));
			for (const [i, label] of [1, 71, 200, 259].entries()) held.set(label, 270 + i);
			compare();
			// A whole shard.
			remove([...held.keys()].filter((label) => label >= 70 && label < 140));
			compare();
			expect(Object.values(index.stats().bytes).reduce((a, b) => a + b)).toBe(index.byteLength);
			remove([...held.keys()].filter((label) => label !== 5));
			expect([...index.search(QUERIES.row(0), 3).labels]).toEqual(held.has(5) ? [5, -1, -1] : [-1, -1, -1]);
		},
		60_000,
	);
});

it('prepared filters follow, and selectors pick what goes', () => {
	using index = new IndexShards({ shards: [new IndexIVFFlat({ d: D, nlist: 4 })], rowsPerShard: 50 });
	index.train(POOL).add(POOL);
	using even = index.prepareFilter((label) => label % 2 === 0);
	const search = () => index.search(QUERIES, 40, { nprobe: 4, filter: even });
	expect(search().matches).toBe(150);
	expect(index.remove(new IDSelectorRange(40, 110))).toBe(70);
	expect(search().matches).toBe(115);
	expect([...search().labels].some((label) => label >= 40 && label < 110)).toBe(false);
	expect(index.remove((label) => label === 2)).toBe(1);
	expect(search().matches).toBe(114);
	// In a shard itself.
	index.shards[0]!.remove(4);
	expect([...index.search(POOL.row(4), 300, { filter: (label) => label < 40 }).labels]).not.toContain(4);
	expect(index.rangeSearch(QUERIES, 1e9, { nprobe: 1 }).complete).toBe(false);
	const found = index.rangeSearch(QUERIES, 1e9, { nprobe: 4 });
	expect(found.complete).toBe(true);
	expect(found.lims[1]).toBe(index.ntotal);
	expect(() => explain(index, POOL.row(0), 0)).toThrow('explain: not for IndexShards as a whole');
	expect(explain(index.shards[0]!, POOL.row(0), 0).verdict).toBe('found');
	expect(() => index.rebalance()).toThrow('IndexShards.rebalance: shards share their cells');
	expect(() => index.retrain()).toThrow('IndexShards.retrain: shards share their cells');
	index.reset();
	expect([index.ntotal, index.labelEnd]).toEqual([0, 0]);
	expect(search().matches).toBe(0);
});

it('ids outside: rows that are free are filled in whatever shard they are', async () => {
	using index = new IndexIDMap({ index: new IndexShards({ shards: [new IndexFlat({ d: D })], rowsPerShard: 40 }) });
	const ids = from(0, 100).map((i) => 500 + i);
	index.addWithIds(POOL.slice(0, 100), ids);
	index.remove([500, 539, 540, 599, 560]);
	index.upsert(POOL.slice(100, 106), [1, 2, 3, 4, 5, 510]);
	expect([index.ntotal, index.labelEnd]).toEqual([100, 100]);
	for (const [i, id] of [1, 2, 3, 4, 5, 510].entries()) {
		expect(index.search(POOL.row(100 + i), 1).labels[0]).toBe(id);
		expect(index.reconstruct(id)).toEqual(POOL.row(100 + i));
	}
	expect([...index.search(POOL.row(0), 1, { filter: [1, 2, 3] }).labels].every((id) => id <= 3)).toBe(true);
	// New rows go to a shard of their own, and out again.
	const before = [...index.ids];
	const stopped = index.upsertAsync(POOL.slice(0, 150), from(550, 700), { signal: AbortSignal.abort() });
	await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
	expect([...index.ids]).toEqual(before);
});

it('files keep the gaps, and a shard of which nothing is left', async () => {
	const folder = await mkdtemp(join(tmpdir(), 'shards-'));
	try {
		using index = new IndexShards({ shards: [new IndexIVFFlat({ d: D, nlist: 4 })], rowsPerShard: 60 });
		index.train(POOL).add(POOL.slice(0, 180));
		index.remove(from(50, 121));
		index.remove(from(170, 180));
		const path = join(folder, 'some.vecino');
		await saveShards(index, path);
		using again = await loadShards(path, { rowsPerShard: 60 });
		expect([again.ntotal, again.labelEnd]).toEqual([99, 180]);
		expect(again.search(QUERIES, 10)).toEqual(index.search(QUERIES, 10));
		again.remove(from(0, 180));
		await saveShards(again, path);
		using empty = await loadShards(path, { rowsPerShard: 60 });
		expect([empty.ntotal, empty.labelEnd]).toEqual([0, 180]);
		empty.add(POOL.slice(0, 1));
		expect(empty.search(POOL.row(0), 1).labels[0]).toBe(180);
	} finally {
		await rm(folder, { recursive: true });
	}
});
