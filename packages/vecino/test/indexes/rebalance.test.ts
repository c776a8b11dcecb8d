/** Lists split and dissolved, and cells learnt anew: what an index holds stays what it was. */
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import type { SearchResult } from '../../src/core/result.ts';
import { recallAtK } from '../../src/eval/recall.ts';
import { exactNeighbors } from '../../src/eval/truth.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexIVFRaBitQ } from '../../src/indexes/rabitq.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { clustered } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const D = 24;
/** The cells are made for few of the clusters that come. */
const all = clustered(900, D, { clusters: 14, seed: 4 });
const firstRow = all.row(0);
const near = all.take(
	Array.from({ length: all.n }, (_, i) => i)
		.map((i) => ({ i, far: all.row(i).reduce((sum, value, t) => sum + (value - firstRow[t]!) ** 2, 0) }))
		.sort((a, b) => a.far - b.far)
		.slice(0, 300)
		.map(({ i }) => i),
);
const queries = all.slice(0, 25);
const cellKinds = KINDS.filter(({ hasCells }) => hasCells);
const labelsOf = (result: SearchResult): number[][] =>
	Array.from({ length: result.nq }, (_, i) => result.hits(i).map(({ label }) => label));

function drifted(index: Index): Index {
	index.train(near, { seed: 3 }).add(all);
	return index;
}

/** Mean squared error of what the index holds. */
function errorOf(index: Index, reversible: boolean): number {
	if (!reversible) return 0;
	let sum = 0;
	for (let i = 0; i < all.n; i += 7) {
		const row = index.reconstruct(i);
		const x = index.metric === 'cosine' ? unit(all.row(i)) : all.row(i);
		for (let t = 0; t < D; t++) sum += (row[t]! - x[t]!) ** 2;
	}
	return sum;
}

function unit(row: Float32Array): Float32Array {
	const length = Math.hypot(...row);
	return row.map((value) => value / length);
}

describe.each(METRICS)('metric %s', (metric) => {
	it.each(cellKinds.map((kind) => [kind.name, kind] as const))('%s: rebalance', (_name, kind) => {
		using index = drifted(kind.make(D, metric));
		const before = index.search(queries, 20, { nprobe: 8 });
		const { imbalance } = index.health();
		const error = errorOf(index, true);
		const report = index.rebalance({ longest: 1.1, source: (label) => all.row(label) });
		expect(report.splits).toBeGreaterThan(0);
		expect(report.moved).toBeGreaterThan(0);
		expect(index.ntotal).toBe(all.n);
		const health = index.health();
		expect(health.imbalance).toBeLessThan(imbalance);
		const after = index.search(queries, 20, { nprobe: 8 });
		if (kind.exact) expect(after).toEqual(before);
		// Codes of residuals were made again.
		else expect(recallAtK(after, { nq: before.nq, k: 20, labels: before.labels })).toBeGreaterThan(0.6);
		expect(errorOf(index, true)).toBeLessThan(1.2 * error + 1e-3);
		// Every vector is there once.
		const found = index.search(all.row(0), all.n, { nprobe: 8, ...(kind.name.match(/Ref|RFl/) && { kFactor: 1 }) });
		expect(found.labels.slice().sort()).toEqual(Float64Array.from(all.data.subarray(0, all.n), (_, i) => i));
		const bytes = writeIndex(index);
		{
			using again = readIndex(bytes);
			expect(again.search(queries, 20)).toEqual(index.search(queries, 20));
			expect(writeIndex(again)).toEqual(bytes);
		}
		// From what codes stand for, which loses.
		index.rebalance({ longest: 1 });
		expect(index.search(all.row(0), all.n, { nprobe: 8 }).labels.every((label) => label >= 0)).toBe(true);
		using copy = index.cloneTrained();
		copy.add(all.slice(0, 50));
		if (kind.name.startsWith('IDMap')) return;
		index.mergeFrom(copy);
		expect(index.ntotal).toBe(950);
	});

	it.each(cellKinds.map((kind) => [kind.name, kind] as const))('%s: retrain', (_name, kind) => {
		using index = drifted(kind.make(D, metric));
		const before = index.search(queries, 20, { nprobe: 8 });
		index.retrain({ seed: 3 });
		expect(index.ntotal).toBe(all.n);
		const after = index.search(queries, 20, { nprobe: 8 });
		if (kind.exact) expect(after).toEqual(before);
		const health = index.health();
		expect(health.drift).toBeLessThan(1.2);
		index.add(all.slice(0, 10));
		const bytes = writeIndex(index);
		using again = readIndex(bytes);
		expect(again.search(queries, 20)).toEqual(index.search(queries, 20));
		expect(writeIndex(again)).toEqual(bytes);
	});
});

it('retraining exact vectors is building anew', () => {
	using index = new IndexIVFFlat({ d: D, nlist: 8 });
	drifted(index);
	using fresh = new IndexIVFFlat({ d: D, nlist: 8 });
	fresh.train(all, { seed: 3 }).add(all);
	index.retrain({ seed: 3 });
	expect(writeIndex(index)).toEqual(writeIndex(fresh));
	index.retrain({ seed: 3, nlist: 20, sample: all });
	expect(index.nlist).toBe(20);
});

describe('with exact vectors', () => {
	const truth = exactNeighbors(all, queries, 10);

	it('codes of moved vectors lose nothing', () => {
		using decoded = drifted(new IndexIVFPQ({ d: D, nlist: 30, m: 8 }));
		using exact = drifted(new IndexIVFPQ({ d: D, nlist: 30, m: 8 }));
		decoded.rebalance();
		exact.rebalance({ source: (label) => all.row(label) });
		expect(errorOf(exact, true)).toBeLessThan(errorOf(decoded, true));
		expect(recallAtK(exact.search(queries, 10), truth)).toBeGreaterThan(0.4);
	});

	it('an IndexRefine has them, and ids lead to them', () => {
		using refine = drifted(new IndexRefine({ base: new IndexIVFPQ({ d: D, nlist: 30, m: 8 }) }));
		using plain = drifted(new IndexIVFPQ({ d: D, nlist: 30, m: 8 }));
		refine.rebalance();
		plain.rebalance({ source: (label) => all.row(label) });
		expect(writeIndex((refine as IndexRefine).base)).toEqual(writeIndex(plain));
		expect(refine.health().codeError).toBeGreaterThan(0);
		expect(refine.health().codeError).toBeLessThan(1);
		using mapped = new IndexIDMap({ index: new IndexIVFPQ({ d: D, nlist: 30, m: 8 }) });
		mapped.train(near, { seed: 3 });
		mapped.addWithIds(
			all,
			Array.from({ length: all.n }, (_, i) => 5000 - i),
		);
		mapped.rebalance({ source: (id) => all.row(5000 - id) });
		expect(writeIndex(mapped.index)).toEqual(writeIndex(plain));
	});

	it('a source that is wrong stops everything', () => {
		using index = drifted(new IndexIVFPQ({ d: D, nlist: 8, m: 4 }));
		const bytes = writeIndex(index);
		expect(() => index.rebalance({ source: () => [1, 2] })).toThrow('IndexIVFPQ.rebalance');
		expect(() => index.retrain({ source: () => new Float32Array(D).fill(Number.NaN) })).toThrow('NaN');
		expect(writeIndex(index)).toEqual(bytes);
	});
});

it('an aborted rebalance leaves splits that are whole', async () => {
	for (const make of [
		() => new IndexIVFFlat({ d: D, nlist: 40 }),
		() => new IndexIVFPQ({ d: D, nlist: 40, m: 4 }),
		() => new IndexIVFRaBitQ({ d: D, nlist: 40, nbits: 3 }),
	]) {
		using index = drifted(make());
		const before = index.search(queries, 10, { nprobe: 40 });
		let steps = 0;
		const controller = new AbortController();
		const run = index.rebalanceAsync({
			longest: 1.2,
			signal: controller.signal,
			onProgress: ({ done }) => {
				if (done >= 2 && ++steps === 4) controller.abort();
			},
		});
		await expect(run).rejects.toMatchObject({ code: 'aborted' });
		const after = index.search(queries, 10, { nprobe: 40 });
		if (index instanceof IndexIVFFlat) expect(after).toEqual(before);
		expect(after.labels.every((label) => label >= 0)).toBe(true);
		using again = readIndex(writeIndex(index));
		expect(again.search(queries, 10)).toEqual(index.search(queries, 10));
		index.add(queries);
		expect(labelsOf(index.search(queries, 30, { nprobe: 40 })).some((row) => row.some((label) => label >= all.n))).toBe(
			true,
		);
	}
});

it('an aborted retrain leaves the index', async () => {
	using index = drifted(new IndexIVFPQ({ d: D, nlist: 8, m: 4 }));
	const bytes = writeIndex(index);
	for (const phase of ['sample', 'coarse k-means', 'add']) {
		const controller = new AbortController();
		const onProgress = (progress: { phase: string }) => progress.phase === phase && controller.abort();
		const run = index.retrainAsync({ signal: controller.signal, onProgress });
		await expect(run, phase).rejects.toMatchObject({ code: 'aborted' });
		expect(writeIndex(index)).toEqual(bytes);
	}
});

it('there is nothing to do for even lists, and for vectors that are all alike', () => {
	using even = new IndexIVFFlat({ d: D, nlist: 8 });
	even.train(all).add(all);
	const bytes = writeIndex(even);
	expect(even.rebalance({ longest: 100 })).toEqual({ splits: 0, moved: 0 });
	expect(writeIndex(even)).toEqual(bytes);
	using alike = new IndexIVFFlat({ d: D, nlist: 8 });
	alike.train(all);
	for (let i = 0; i < 100; i++) alike.add(all.row(0));
	expect(alike.rebalance().splits).toBe(0);
});

it('indexes without cells say so', () => {
	using index = new IndexFlat({ d: 2 });
	expect(() => index.health()).toThrow('only for indexes with cells');
	expect(() => index.rebalance()).toThrow('only for indexes with cells');
	expect(() => index.add([1, 2]).retrain()).toThrow('only for indexes with cells');
	using cells = new IndexIVFFlat({ d: D, nlist: 4 });
	expect(() => cells.health()).toThrow('call train first');
	cells.train(all);
	expect(() => cells.retrain()).toThrow('there are no vectors');
	expect(() => cells.rebalance({ longest: 0 })).toThrow('longest must be in 1..');
	expect(cells.health()).toMatchObject({ ntotal: 0, drift: undefined, verdict: 'ok' });
});
