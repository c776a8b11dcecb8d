/** What a filter does to every index, on every metric: one suite, all kinds (filter-l2.test.ts and beside it). */
import { describe, expect, it } from 'vitest';
import type { Metric } from '../../src/core/metric.ts';
import type { RefineSearchParams } from '../../src/core/options.ts';
import { emptySearchStats } from '../../src/core/result.ts';
import {
	type Filter,
	IDSelectorAnd,
	IDSelectorBatch,
	IDSelectorBitmap,
	IDSelectorNot,
	IDSelectorOr,
	IDSelectorRange,
} from '../../src/core/selector.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { clustered, split } from '../support/data.ts';
import { KINDS, type Kind } from '../support/indexes.ts';

const D = 24;
const { base, queries } = split(clustered(438, D), 8);

/** Labels of rows: ids of the caller's own under IndexIDMap. */
function labelsOf(index: Index): number[] {
	return Array.from({ length: base.n }, (_, row) => (index instanceof IndexIDMap ? 7 + 3 * row : row));
}

function build(kind: Kind, metric: Metric): Index {
	const index = kind.make(D, metric);
	index.train(base);
	return index instanceof IndexIDMap ? index.addWithIds(base, labelsOf(index)) : index.add(base);
}

function bits(labels: Iterable<number>, length: number): Uint8Array {
	const out = new Uint8Array(length);
	for (const label of labels) out[label >> 3]! |= 1 << (label & 7);
	return out;
}

/** Filters and what they are to let in. */
function filters(labels: readonly number[]): [name: string, filter: Filter, has: (label: number) => boolean][] {
	const few = labels.filter((_, row) => row % 61 === 3);
	const odd = (label: number): boolean => label % 2 === 1;
	const low = labels[100]!;
	return [
		['range', new IDSelectorRange(low, low + 90), (label) => label >= low && label < low + 90],
		['open range', new IDSelectorRange(low), (label) => label >= low],
		['batch', new IDSelectorBatch([...few, 1_000_000]), (label) => few.includes(label)],
		['bitmap', new IDSelectorBitmap(bits(few, 60)), (label) => label < 480 && few.includes(label)],
		['not', new IDSelectorNot(few), (label) => !few.includes(label)],
		['and', new IDSelectorAnd(odd, new IDSelectorRange(0, low)), (label) => odd(label) && label < low],
		['or', new IDSelectorOr(few, new IDSelectorRange(low)), (label) => few.includes(label) || label >= low],
		['function', odd, odd],
		['array', [labels[5]!, labels[5]!, labels[17]!], (label) => label === labels[5] || label === labels[17]],
		['set', new Set(few), (label) => few.includes(label)],
		['typed array', Uint32Array.from(few), (label) => few.includes(label)],
	];
}

/** The suite of one metric; a file for each, so that they run side by side. */
export function filterSuite(metric: Metric): void {
	describe.each(KINDS)('$name', (kind) => {
		const all: RefineSearchParams = kind.all ?? (kind.hasCells ? { nprobe: 8 } : {});

		it('finds what its own full ranking has of the matches', () => {
			using index = build(kind, metric);
			const labels = labelsOf(index);
			const everything = index instanceof IndexRefine ? { ...all, kFactor: base.n } : all;
			const full = index.search(queries, base.n, everything);
			for (const [name, filter, has] of filters(labels)) {
				using prepared = index.prepareFilter(filter);
				const ways: [string, RefineSearchParams][] = [
					['at once', { ...everything, filter }],
					['prepared', { ...everything, filter: prepared }],
				];
				// A limit that is never reached, which keeps lists from being copied together.
				if (kind.hasCells) ways.push(['list by list', { ...everything, filter, maxCodes: 2 ** 32 - 1 }]);
				const matches = labels.filter(has).length;
				for (const [way, params] of ways) {
					for (const k of [1, 10, 100]) {
						const found = index.search(queries, k, params);
						const where = `${name}, ${way}, k = ${k}`;
						expect([found.matches, found.complete], where).toEqual([matches, true]);
						for (let i = 0; i < queries.n; i++) {
							const hits = found.hits(i);
							expect(
								hits.every((hit) => has(hit.label)),
								where,
							).toBe(true);
							expect(hits.length, where).toBe(Math.min(k, matches));
							expect(new Set(hits.map((hit) => hit.label)).size, where).toBe(hits.length);
							// A graph under inner products may not reach every node.
							if (!full.complete) continue;
							const expected = full
								.hits(i)
								.filter((hit) => has(hit.label))
								.slice(0, k);
							if (kind.estimates) {
								// With several bits a search may pass a vector over (quantizers/rabitq.ts), with a filter another one.
								const same = hits.filter((hit) => expected.some((other) => other.label === hit.label)).length;
								expect(same, where).toBeGreaterThanOrEqual(0.9 * expected.length);
								continue;
							}
							expect(hits, where).toEqual(expected);
						}
					}
				}
			}
		});

		it('lets everything in, or nothing', () => {
			using index = build(kind, metric);
			const plain = index.search(queries, 5);
			const every = index.search(queries, 5, { filter: () => true });
			expect(every.labels).toEqual(plain.labels);
			expect(every.distances).toEqual(plain.distances);
			expect([plain.matches, every.matches]).toEqual([base.n, base.n]);
			for (const filter of [[], () => false, new IDSelectorRange(5, 5), new IDSelectorOr(), [1e9]] as const) {
				const none = index.search(queries, 5, { filter });
				expect([...new Set(none.labels)]).toEqual([-1]);
				expect([none.matches, none.complete]).toEqual([0, true]);
			}
		});

		it('is never short of what matches, whatever the parameters', () => {
			using index = build(kind, metric);
			const labels = labelsOf(index);
			for (const share of [2, 20, 150]) {
				const some = labels.filter((_, row) => (row * 7) % share === 1);
				const filter = new IDSelectorBatch(some);
				const stats = emptySearchStats();
				const found = index.search(queries, 30, { filter, stats });
				expect([found.complete, found.matches, stats.nq]).toEqual([true, some.length, queries.n]);
				expect(stats.ndis).toBeGreaterThan(0);
				for (let i = 0; i < queries.n; i++) {
					const hits = found.hits(i).map((hit) => hit.label);
					expect(hits.length).toBe(Math.min(30, some.length));
					expect(hits.every((label) => some.includes(label))).toBe(true);
					if (kind.hasCells === false && kind.all !== undefined) continue;
					const single = index.search(queries.row(i), 30, { filter });
					if (!kind.hasCells) expect(single.hits(0).map((hit) => hit.label)).toEqual(hits);
				}
			}
		});

		it('a prepared filter follows the index', async () => {
			using index = kind.make(D, metric);
			index.train(base).add(base.slice(0, 200));
			using filter = index.prepareFilter((label) => label % 5 === 0);
			expect(index.search(queries, 100, { filter }).matches).toBe(40);
			index.add(base.slice(200, 300));
			expect(index.search(queries, 100, { filter }).matches).toBe(60);
			expect((await index.searchAsync(queries, 100, { filter, sliceMs: 0 })).matches).toBe(60);
			expect(filter.byteLength).toBeGreaterThan(0);
			index.reset();
			expect(index.search(queries, 100, { filter }).matches).toBe(0);
			expect(index.search(queries, 3, { filter: new IDSelectorNot(filter) }).matches).toBe(0);
		});
	});
}
