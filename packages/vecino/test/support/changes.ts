/** Indexes that vectors come to and go from, beside the plainest record of what they should hold. */
import { expect } from 'vitest';
import type { Metric } from '../../src/core/metric.ts';
import type { RefineSearchParams } from '../../src/core/options.ts';
import { IDSelectorNot } from '../../src/core/selector.ts';
import type { VectorSet } from '../../src/core/vectors.ts';
import type { Index } from '../../src/indexes/base.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import type { Engine } from '../../src/kernels/engine.ts';
import { clustered } from './data.ts';
import type { Kind } from './indexes.ts';

export const D = 24;
/** Vectors to train on and to draw from, and queries. */
export const POOL: VectorSet = clustered(300, D);
export const QUERIES: VectorSet = clustered(12, D, { seed: 2 });

const trained = new Map<string, Uint8Array>();

/** An empty index of a kind, trained; training is done once. */
export function fresh(kind: Kind, metric: Metric, engine?: Engine): Index {
	const key = `${kind.name}, ${metric}`;
	let file = trained.get(key);
	if (file === undefined) {
		using index = kind.make(D, metric);
		file = writeIndex(index.train(POOL, { niter: 4 }));
		trained.set(key, file);
	}
	return readIndex(file, engine && { engine });
}

/** Parameters with which everything is looked at. */
export function lookEverywhere(kind: Kind): RefineSearchParams {
	return kind.all ?? (kind.hasCells ? { nprobe: 8 } : {});
}

export const isGraph = (kind: Kind): boolean => kind.name.startsWith('HNSW');

/** Which row of POOL is held under each label. */
export type Held = Map<number, number>;

/**
 * The index answers as one that never held anything else: the same labels, distances and vectors to the bit. `order`: the
 * labels in the order in which ties go.
 */
export function expectAsNew(index: Index, kind: Kind, held: Held, order: readonly number[]): void {
	expect(index.ntotal).toBe(held.size);
	const rows = order.map((label) => held.get(label)!);
	using twin = fresh(kind, index.metric);
	if (rows.length > 0) twin.add(POOL.take(rows));
	const params = lookEverywhere(kind);
	for (const k of [10, 400]) {
		const expected = twin.search(QUERIES, k, params);
		const actual = index.search(QUERIES, k, params);
		if (isGraph(kind)) {
			expectGraphLike(actual, expected, order);
			continue;
		}
		expect([actual.matches, actual.complete]).toEqual([held.size, expected.complete]);
		expect(actual.labels).toEqual(expected.labels.map((label) => (label < 0 ? label : order[label]!)));
		expect(actual.distances).toEqual(expected.distances);
	}
	expectFiltered(index, held);
	if (!isGraph(kind) && order.length > 20) {
		const radius = twin.search(QUERIES, 20, params).distances[19]!;
		const expected = twin.rangeSearch(QUERIES, radius, params);
		const actual = index.rangeSearch(QUERIES, radius, params);
		expect([actual.lims, actual.distances, actual.complete]).toEqual([
			expected.lims,
			expected.distances,
			expected.complete,
		]);
		expect(actual.labels).toEqual(expected.labels.map((label) => order[label]!));
		const paged = [...index.pages(QUERIES.row(0), { pageSize: 50 })].flatMap(({ labels }) => [...labels]);
		expect(paged.sort((a, b) => a - b)).toEqual([...held.keys()].sort((a, b) => a - b));
	}
	for (const at of [0, order.length >> 1, order.length - 1]) {
		if (order.length === 0) break;
		expect(index.has(order[at]!)).toBe(true);
		expect(index.reconstruct(order[at]!)).toEqual(twin.reconstruct(at));
	}
}

interface Found {
	readonly labels: Float64Array;
	readonly distances: Float32Array;
}

/** Another graph over the same vectors finds the same but for a few that no link leads to; what it finds is as far. */
function expectGraphLike(actual: Found, expected: Found, order: readonly number[]): void {
	const k = actual.labels.length / QUERIES.n;
	let [same, all] = [0, 0];
	for (let i = 0; i < QUERIES.n; i++) {
		const far = new Map<number, number>();
		for (let j = i * k; j < (i + 1) * k; j++) {
			if (expected.labels[j] !== -1) far.set(order[expected.labels[j]!]!, expected.distances[j]!);
		}
		all += far.size;
		for (let j = i * k; j < (i + 1) * k; j++) {
			const label = actual.labels[j]!;
			if (label === -1) continue;
			expect(order).toContain(label);
			if (!far.has(label)) continue;
			same++;
			expect(actual.distances[j]).toBe(far.get(label));
		}
	}
	expect(same).toBeGreaterThanOrEqual(0.9 * all);
}

/** A filter is asked about what is there, and finds that alone; so does one that was prepared. */
function expectFiltered(index: Index, held: Held): void {
	const all = new Set(held.keys());
	const odd = new Set([...all].filter((label) => label % 2 === 1));
	const asked = (label: number): boolean => {
		expect(all.has(label)).toBe(true);
		return label % 2 === 1;
	};
	for (const filter of [asked, new IDSelectorNot((label) => label % 2 === 0), [...odd, 999_999]]) {
		const found = index.search(QUERIES, 5, { filter });
		expect(found.matches).toBe(odd.size);
		for (const label of found.labels) expect(label === -1 || odd.has(label)).toBe(true);
		for (let i = 0; i < QUERIES.n; i++) expect(found.hits(i)).toHaveLength(Math.min(5, odd.size));
	}
}
