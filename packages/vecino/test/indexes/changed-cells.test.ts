/** Merging, evening out and learning anew of indexes that vectors left: gaps stay gaps, and all else is found. */
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { createEngineSync, defaultEngine } from '../../src/kernels/engine.ts';
import { D, expectAsNew, fresh, type Held, isGraph, POOL, QUERIES } from '../support/changes.ts';
import { clustered } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const BARE = KINDS.filter(({ name }) => !name.startsWith('IDMap'));
const CELLS = KINDS.filter(({ hasCells }) => hasCells);
const ascending = (held: Held): number[] => [...held.keys()].sort((a, b) => a - b);
const from = (start: number, end: number, step = 1): number[] =>
	Array.from({ length: Math.ceil((end - start) / step) }, (_, i) => start + i * step);

/** Adds rows of POOL and takes labels out again. */
function filled(index: Index, rows: readonly number[], gone: readonly number[]): Held {
	index.add(POOL.take(rows));
	expect(index.remove(gone)).toBe(gone.length);
	const held: Held = new Map(rows.entries());
	for (const label of gone) held.delete(label);
	return held;
}

describe.each(METRICS)('metric %s', (metric) => {
	it.each(BARE.map((kind) => [kind.name, kind] as const))(
		'%s: merged with gaps',
		(_name, kind) => {
			const ends: [number[], number[]][] = [
				[[], from(0, 90, 3)],
				[from(1, 100, 3), []],
				[from(0, 100, 2), [...from(0, 40), 60, 89]],
				[from(0, 100), from(0, 90)],
			];
			for (const [goneHere, goneThere] of ends) {
				using index = fresh(kind, metric);
				const held = filled(index, from(0, 100), goneHere);
				using other = index.cloneTrained({ engine: createEngineSync({ kernels: defaultEngine().backend }) });
				const others = filled(other, from(100, 190), goneThere);
				index.mergeFrom(other);
				for (const [label, row] of others) held.set(100 + label, row);
				expect(index.labelEnd).toBe(190);
				for (const label of goneThere) expect(index.has(100 + label)).toBe(false);
				expectAsNew(index, kind, held, ascending(held));
				// It goes on as any other.
				index.add(POOL.take([5, 6]));
				held.set(190, 5).set(191, 6);
				const leaves = [191, ascending(held)[0]!];
				index.remove(leaves);
				for (const label of leaves) held.delete(label);
				if (!isGraph(kind) && held.size > 1) {
					const label = ascending(held)[1]!;
					index.update(label, POOL.row(7));
					held.set(label, 7);
				}
				const file = writeIndex(index);
				using again = readIndex(file);
				expect(writeIndex(again)).toEqual(file);
				expectAsNew(again, kind, held, ascending(held));
				expect(Object.values(index.stats().bytes).reduce((a, b) => a + b)).toBe(index.byteLength);
			}
		},
		60_000,
	);
});

it.each([
	['Flat', () => new IndexFlat({ d: D })],
	['IVF', () => new IndexIVFFlat({ d: D, nlist: 8 })],
	['HNSW', () => new IndexHNSW({ d: D, M: 8 })],
] as const)('ids over %s: rows that are free stay free', (_name, make) => {
	using index = new IndexIDMap({ index: make() });
	index.train(POOL, { niter: 4 });
	using other = index.cloneTrained() as IndexIDMap;
	index.addWithIds(
		POOL.slice(0, 50),
		from(0, 50).map((i) => 1000 + i),
	);
	index.remove([1000, 1049, 1007]);
	other.addWithIds(
		POOL.slice(50, 90),
		from(0, 40).map((i) => 1007 + 100 * i),
	);
	// Both had 1007; one has it no more.
	other.remove([1107, 1007 + 3900]);
	index.mergeFrom(other);
	expect(index.ntotal).toBe(85);
	expect(index.table.freeCount).toBe(5);
	expect(index.ids).toHaveLength(85);
	expect(index.has(1107)).toBe(false);
	expect(index.search(POOL.row(50), 1).labels[0]).toBe(1007);
	expect(index.search(POOL.row(52), 1).labels[0]).toBe(1207);
	expect(() => index.mergeFrom(other)).toThrow('id 1007 of other is in the index already');
	const file = writeIndex(index);
	using again = readIndex(file) as IndexIDMap;
	expect(writeIndex(again)).toEqual(file);
	for (const one of [index, again]) {
		const { labelEnd } = one;
		one.upsert(POOL.slice(90, 96), [1, 2, 3, 4, 1207, 5]);
		expect(one.ntotal).toBe(90);
		// A graph links what comes anew; others fill the gaps.
		expect(one.labelEnd).toBe(one.index instanceof IndexHNSW ? labelEnd + 6 : labelEnd);
		for (const [i, id] of [1, 2, 3, 4, 1207, 5].entries()) {
			expect(one.search(POOL.row(90 + i), 1, { filter: [id] }).labels[0]).toBe(id);
			expect(one.reconstruct(id)).toEqual(POOL.row(90 + i));
		}
	}
});

/** The cells are made for few of the clusters that come. */
const all = clustered(700, D, { clusters: 14, seed: 4 });
const near = all.take(from(0, 700, 14));
const gone = from(0, 700).filter((label) => label % 5 === 0 || label > 690);
const open = { nprobe: 8 };

/** Every vector that is to be there is, once, and nothing else. */
function expectHeld(index: Index, labels: readonly number[]): void {
	const found = index.search(all.row(3), labels.length + 10, { ...open, ...wide(index) });
	expect(found.matches).toBe(labels.length);
	expect([...found.labels].filter((label) => label >= 0).sort((a, b) => a - b)).toEqual(labels);
	for (const label of gone) expect(index.has(label)).toBe(false);
}

const wide = (index: Index) => ('kFactor' in index.searchTable ? { kFactor: 1 } : {});

describe.each(CELLS.map((kind) => [kind.name, kind] as const))('%s', (_name, kind) => {
	it.each(['rebalance', 'retrain'] as const)('%s after removals, and removals after it', (what) => {
		using index = kind.make(D, 'l2');
		index.train(near, { seed: 3 }).add(all);
		// Of what goes, one half goes later.
		expect(index.remove(gone.slice(0, 70))).toBe(70);
		using even = index.prepareFilter((label) => label % 2 === 0);
		const before = index.search(QUERIES, 15, { ...open, filter: even });
		if (what === 'rebalance') {
			const { splits } = index.rebalance({ longest: 1, source: (label) => all.row(label) });
			expect(splits).toBeGreaterThan(0);
		} else {
			index.retrain({ seed: 3, source: (label) => all.row(label) });
		}
		expect([index.ntotal, index.labelEnd]).toEqual([630, 700]);
		const after = index.search(QUERIES, 15, { ...open, filter: even });
		if (kind.exact) expect(after).toEqual(before);
		expect(after.matches).toBe(before.matches);
		for (const label of after.labels) expect(label % 2 === 0 && index.has(label)).toBe(true);
		expect(index.remove(gone)).toBe(gone.length - 70);
		const left = from(0, 700).filter((label) => !gone.includes(label));
		expectHeld(index, left);
		index.update([1, 2], all.take([0, 5]));
		for (const [label, row] of [
			[1, 0],
			[2, 5],
		] as const) {
			const error = index.reconstruct(label).reduce((sum, value, t) => sum + (value - all.row(row)[t]!) ** 2, 0);
			const length = all.row(row).reduce((sum, value) => sum + value * value, 0);
			expect(error).toBeLessThan(kind.exact ? 1e-4 * length : 0.7 * length);
		}
		index.add(all.slice(0, 1));
		if (!kind.name.startsWith('IDMap')) expect(index.has(700)).toBe(true);
		expect(index.ntotal).toBe(left.length + 1);
		const file = writeIndex(index);
		using again = readIndex(file);
		expect(writeIndex(again)).toEqual(file);
		expect(again.search(QUERIES, 15, open)).toEqual(index.search(QUERIES, 15, open));
		expect(again.health()).toEqual(index.health());
	});
});

it('retraining what is left is building it anew', () => {
	using index = new IndexIVFFlat({ d: D, nlist: 8 });
	index.train(near, { seed: 3 }).add(all);
	index.remove(gone);
	index.retrain({ seed: 3 });
	using anew = new IndexIVFFlat({ d: D, nlist: 8 });
	const left = from(0, 700).filter((label) => !gone.includes(label));
	anew.train(all.take(left), { seed: 3 }).add(all.take(left));
	expect(index.centroids).toEqual(anew.centroids);
	const [a, b] = [index.search(QUERIES, 10, open), anew.search(QUERIES, 10, open)];
	expect(a.distances).toEqual(b.distances);
	expect(a.labels).toEqual(b.labels.map((label) => left[label]!));
});

it('retraining forgets what recall was measured with the cells before', async () => {
	using index = new IndexIVFFlat({ d: D, nlist: 8 });
	index.train(near).add(all);
	const table = { k: 10, settings: [{ recall: 1, nprobe: 8 }] };
	index.recallTable = table;
	await expect(index.retrainAsync({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' });
	expect(index.recallTable).toEqual(table);
	index.retrain();
	expect(index.recallTable).toBeUndefined();
});

it('drift is that of what is there: what goes takes the mean along, what is replaced counts anew', () => {
	const x = clustered(1200, D, { clusters: 20, seed: 3 });
	const strangers = clustered(600, D, { clusters: 20, seed: 9 });
	using index = new IndexIVFFlat({ d: D, nlist: 20 });
	index.train(x).add(x.slice(0, 600));
	const { drift } = index.health();
	index.remove(from(0, 300));
	expect(index.health().drift).toBeCloseTo(drift!, 9);
	expect(index.spread!.n).toBe(300);
	index.add(strangers);
	const half = index.health().drift!;
	expect(half).toBeGreaterThan(1.3 * drift!);
	index.update(from(600, 1200), x.slice(600));
	expect(index.spread!.n).toBe(900);
	expect(index.health().drift).toBeLessThan(half);
	index.update(from(300, 1200), strangers.take(from(0, 900).map((i) => i % 600)));
	expect(index.health()).toMatchObject({ verdict: 'retrain' });
	index.remove(from(0, 1200));
	expect(index.health().drift).toBeUndefined();
	// What was taken in and out again leaves nothing behind.
	index.add(strangers);
	const { n, sum } = index.spread!;
	using anew = index.cloneTrained() as IndexIVFFlat;
	anew.add(strangers);
	expect([n, sum]).toEqual([anew.spread!.n, anew.spread!.sum]);
});
