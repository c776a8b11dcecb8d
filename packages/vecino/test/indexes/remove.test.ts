/** Removing and updating by label: every kind of index, on every metric, against a plain record of what is held. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { METRICS, type Metric } from '../../src/core/metric.ts';
import { IDSelectorNot } from '../../src/core/selector.ts';
import { isVecinoError } from '../../src/errors.ts';
import type { Index } from '../../src/indexes/base.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import type { AsyncRunOptions } from '../../src/util/steps.ts';
import { D, expectAsNew, fresh, type Held, isGraph, lookEverywhere, POOL, QUERIES } from '../support/changes.ts';
import { clustered } from '../support/data.ts';
import { KINDS, type Kind } from '../support/indexes.ts';

const codeOf = (run: () => unknown): string => {
	try {
		run();
	} catch (error) {
		return isVecinoError(error) ? error.code : String(error);
	}
	return 'no error';
};

const MANY = clustered(2600, D);
const BARE = KINDS.filter((kind) => !kind.name.startsWith('IDMap'));
const ascending = (held: Held): number[] => [...held.keys()].sort((a, b) => a - b);

/** Does at random what can be done, and compares now and then. */
class Model {
	index: Index;
	readonly #kind: Kind;
	readonly #held: Held = new Map();
	#labelEnd = 0;

	constructor(kind: Kind, metric: Metric) {
		this.#kind = kind;
		this.index = fresh(kind, metric);
	}

	add(rows: readonly number[]): void {
		this.index.add(POOL.take(rows));
		for (const row of rows) this.#held.set(this.#labelEnd++, row);
	}

	/** `share` of all labels that were ever given out, and one that never was. */
	remove(share: number, seed: number): void {
		const labels = this.#some(this.#labelEnd, share, seed);
		const expected = labels.filter((label) => this.#held.delete(label)).length;
		expect(this.index.remove(new Set([...labels, this.#labelEnd + 7]))).toBe(expected);
		for (const label of labels) expect(this.index.has(label)).toBe(false);
	}

	update(share: number, seed: number): void {
		const labels = this.#some(this.#labelEnd, share, seed).filter((label) => this.#held.has(label));
		const rows = labels.map((label) => (label * 7 + seed) % POOL.n);
		if (isGraph(this.#kind)) {
			expect(codeOf(() => this.index.update(labels, POOL.take(rows)))).toBe('unsupported');
			return;
		}
		this.index.update(labels, POOL.take(rows));
		for (const [i, label] of labels.entries()) this.#held.set(label, rows[i]!);
	}

	reopen(): void {
		const file = writeIndex(this.index);
		this.index[Symbol.dispose]();
		this.index = readIndex(file);
		expect(writeIndex(this.index)).toEqual(file);
	}

	compare(): void {
		expect(this.index.labelEnd).toBe(this.#labelEnd);
		const { bytes } = this.index.stats();
		expect(Object.values(bytes).reduce((a, b) => a + b, 0)).toBe(this.index.byteLength);
		expectAsNew(this.index, this.#kind, this.#held, ascending(this.#held));
	}

	#some(n: number, share: number, seed: number): number[] {
		return [...Array(n).keys()].filter((i) => ((i * 2654435761 + seed * 40503) >>> 7) % 100 < share * 100);
	}
}

const rowsOf = fc.array(fc.nat(POOL.n - 1), { maxLength: 60 });
const share = fc.constantFrom(0.02, 0.3, 0.7, 1);
const actions = fc.array(
	fc.oneof(
		{ weight: 3, arbitrary: fc.record({ add: rowsOf }) },
		{ weight: 3, arbitrary: fc.record({ remove: share, seed: fc.nat(1000) }) },
		{ weight: 2, arbitrary: fc.record({ update: share, seed: fc.nat(1000) }) },
		{ weight: 1, arbitrary: fc.constant({ do: 'reopen' as const }) },
		{ weight: 1, arbitrary: fc.constant({ do: 'shrink' as const }) },
		{ weight: 1, arbitrary: fc.constant({ do: 'compare' as const }) },
	),
	{ minLength: 5, maxLength: 14 },
);

describe.each(METRICS)('%s', (metric) => {
	describe.each(BARE)('$name', (kind) => {
		it('whatever comes and goes, it answers as if it had never held anything else', () => {
			fc.assert(
				fc.property(actions, (list) => {
					const model = new Model(kind, metric);
					try {
						model.add([...Array(70).keys()]);
						for (const action of list) {
							if ('add' in action) model.add(action.add);
							else if ('remove' in action) model.remove(action.remove, action.seed);
							else if ('update' in action) model.update(action.update, action.seed);
							else if (action.do === 'reopen') model.reopen();
							else if (action.do === 'shrink') model.index.shrink();
							else model.compare();
						}
						model.compare();
						model.reopen();
						model.compare();
					} finally {
						model.index[Symbol.dispose]();
					}
				}),
				{ numRuns: metric === 'l2' ? 4 : 2, seed: 7 },
			);
		});
	});
});

describe.each(KINDS)('$name', (kind) => {
	const metric = 'l2';

	it('what is refused changes nothing', () => {
		using index = fresh(kind, metric);
		expect(index.remove([0, 1])).toBe(0);
		index.add(POOL.slice(0, 100));
		index.remove([3, 50]);
		const before = writeIndex(index);
		const { type } = index;
		expect(() => index.remove('3' as never)).toThrow(
			new TypeError(`${type}.remove: labels must be a number or an iterable of numbers, got "3"`),
		);
		expect(() => index.remove([1, -1])).toThrow(/labels must be integers in 0..9007199254740991, got -1 at position 1/);
		expect(() => index.remove(0.5)).toThrow(RangeError);
		expect(() => index.update([1, 2], POOL.slice(0, 1))).toThrow(
			`${type}.update: 1 vectors need as many labels, got 2`,
		);
		expect(codeOf(() => index.update([1, 3], POOL.slice(0, 2)))).toBe('unknown-label');
		expect(() => index.update([1, 3], POOL.slice(0, 2))).toThrow(`${type}.update: no vector has label 3; there are 98`);
		expect(codeOf(() => index.update(100, POOL.slice(0, 1)))).toBe('unknown-label');
		expect(codeOf(() => index.update([1, 1], POOL.slice(0, 2)))).toBe('duplicate-id');
		expect(codeOf(() => index.update(1, new Float32Array(D).fill(Number.NaN)))).toBe('not-finite');
		expect(codeOf(() => index.update(1, new Float32Array(D + 1)))).toBe('dimension-mismatch');
		expect(codeOf(() => index.reconstruct(3))).toBe('unknown-label');
		expect(codeOf(() => index.train(POOL))).toBe('unsupported');
		expect([index.has(3), index.has(4), index.has(-1), index.has(0.5), index.has(100)]).toEqual([
			false,
			true,
			false,
			false,
			false,
		]);
		expect(writeIndex(index)).toEqual(before);
	});

	it('an add or update that is aborted leaves everything as it was', async () => {
		using index = fresh(kind, metric);
		// Several windows of rows; a graph is slow to make.
		const many = isGraph(kind) ? POOL : MANY;
		index.add(many.slice(0, many.n - 7));
		index.remove([0, 40, 76, many.n - 8]);
		const before = writeIndex(index);
		const live = [...Array(many.n - 8).keys()].filter((label) => index.has(label));
		const calls: ((run: AsyncRunOptions) => Promise<unknown>)[] = [
			(run) => index.addAsync(many, run),
			(run) => index.updateAsync(live, many.slice(4, 4 + live.length), run),
		];
		let aborted = 0;
		for (const call of isGraph(kind) ? calls.slice(0, 1) : calls) {
			for (const step of [1, 2, 3, 5, 8, 13]) {
				const controller = new AbortController();
				let steps = 0;
				const onProgress = (): void => void (++steps === step && controller.abort());
				const run = call({ signal: controller.signal, sliceMs: 0, onProgress }).then(
					() => 'done',
					(error) => error.code,
				);
				expect(codeOf(() => index.remove(1))).toBe('busy');
				if ((await run) === 'done') break;
				aborted++;
				expect(writeIndex(index)).toEqual(before);
			}
			index.reset();
			index.add(many.slice(0, many.n - 7));
			index.remove([0, 40, 76, many.n - 8]);
		}
		expect(aborted).toBeGreaterThan(isGraph(kind) ? 2 : 4);
	});

	it('everything removed is an empty index, whose labels go on', () => {
		using index = fresh(kind, metric);
		index.add(POOL);
		expect(index.remove(Array(POOL.n).keys())).toBe(POOL.n);
		expect(index.ntotal).toBe(0);
		expect(new Set(index.search(QUERIES, 5).labels)).toEqual(new Set([-1]));
		using reopened = readIndex(writeIndex(index));
		for (const each of [index, reopened]) {
			each.add(POOL.slice(0, 3));
			const labels = kind.name.startsWith('IDMap') ? [0, 1, 2] : [300, 301, 302];
			expect(
				each
					.search(POOL.row(1), 5)
					.hits()
					.map(({ label }) => label)
					.sort(),
			).toEqual(labels);
			each.reset();
			expect([each.ntotal, each.labelEnd, each.remove(300)]).toEqual([0, 0, 0]);
			expect(each.add(POOL.slice(0, 3)).search(QUERIES, 1).labels[0]).toBeLessThan(3);
		}
	});

	it('removes what a function or a selector picks, and prepared filters follow', () => {
		using index = fresh(kind, metric);
		index.add(POOL.slice(0, 100));
		using even = index.prepareFilter((label) => label % 2 === 0);
		const params = { ...lookEverywhere(kind), filter: even };
		const found = (): number[] =>
			index
				.search(POOL.row(8), 100, params)
				.hits()
				.map(({ label }) => label)
				.sort((a, b) => a - b);
		expect(found()).toHaveLength(50);
		expect(index.remove((label) => label < 20)).toBe(20);
		expect(index.remove((label) => label < 21)).toBe(1);
		expect(found()).toEqual(Array.from({ length: 39 }, (_, i) => 22 + 2 * i));
		expect(index.remove(new IDSelectorNot(even))).toBe(40);
		expect(found()).toHaveLength(39);
		if (!isGraph(kind)) {
			index.update([50, 52], POOL.take([8, 200]));
			expect(index.search(POOL.row(8), 1, params).distances[0]).toBe(
				index.search(POOL.row(8), 1, { ...params, filter: [50] }).distances[0],
			);
		}
		expect(index.remove(() => false)).toBe(0);
		expect(index.remove(even)).toBe(39);
		expect([index.ntotal, found()]).toEqual([0, []]);
	});

	it('updateAsync does what update does', async () => {
		if (isGraph(kind)) return;
		using index = fresh(kind, metric);
		using other = fresh(kind, metric);
		const labels = [...Array(120).keys()].map((i) => (i * 7) % 200);
		index.add(POOL.slice(0, 200)).update(labels, POOL.slice(100, 220));
		await other.add(POOL.slice(0, 200)).updateAsync(labels, POOL.slice(100, 220), { sliceMs: 0 });
		expect(writeIndex(other)).toEqual(writeIndex(index));
	});
});
