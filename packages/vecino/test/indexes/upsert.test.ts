/** Vectors that come and go under ids: rows used again, memory that does not grow, threads. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isVecinoError } from '../../src/errors.ts';
import { createEngine, type Engine } from '../../src/index.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { D, expectAsNew, fresh, type Held, isGraph, lookEverywhere, POOL, QUERIES } from '../support/changes.ts';
import { clustered } from '../support/data.ts';
import { KINDS, type Kind } from '../support/indexes.ts';

const BARE = KINDS.filter((kind) => !kind.name.startsWith('IDMap'));
const MANY = clustered(2600, D);

const mapped = (kind: Kind, engine?: Engine): IndexIDMap => new IndexIDMap({ index: fresh(kind, 'l2', engine) });
/** Ids far apart, some above 2^32. */
const idOf = (i: number): number => i * 1_000_003 + (i % 3) * 2 ** 33;

let threaded: Engine;
beforeAll(async () => {
	threaded = await createEngine({ threads: 2 });
	// Small tasks, so that small data makes many of them.
	threaded.pool!.grain = 2 ** 14;
});
afterAll(() => threaded[Symbol.dispose]());

const ids = fc.uniqueArray(fc.nat(120), { maxLength: 50 });
const actions = fc.array(
	fc.oneof(
		{ weight: 2, arbitrary: fc.record({ add: ids, from: fc.nat(200) }) },
		{ weight: 3, arbitrary: fc.record({ upsert: ids, from: fc.nat(200) }) },
		{ weight: 3, arbitrary: fc.record({ remove: ids }) },
		{ weight: 1, arbitrary: fc.record({ update: ids, from: fc.nat(200) }) },
		{ weight: 1, arbitrary: fc.constant({ do: 'reopen' as const }) },
		{ weight: 1, arbitrary: fc.constant({ do: 'compare' as const }) },
	),
	{ minLength: 5, maxLength: 16 },
);

describe.each(BARE)('$name under ids', (kind) => {
	it('whatever comes and goes, it answers as if it had never held anything else', () => {
		fc.assert(
			fc.property(actions, (list) => {
				const held: Held = new Map();
				let index = mapped(kind);
				/** Puts pool rows from..; `from` is below 200 and there are at most 60 of them. */
				const put = (some: readonly number[], from: number, how: 'addWithIds' | 'upsert' | 'update'): void => {
					const given = some.map(idOf);
					const x = POOL.slice(from, from + some.length);
					if (how === 'update') index.update(given, x);
					else index[how](x, given);
					for (const [i, id] of given.entries()) held.set(id, from + i);
				};
				const compare = (): void => {
					expect([...index.ids].sort()).toEqual([...held.keys()].sort());
					// Rows are used again before there are more.
					if (!isGraph(kind)) expect(index.labelEnd).toBeLessThanOrEqual(121);
					expectAsNew(index, kind, held, [...index.ids]);
				};
				try {
					for (const action of list) {
						if ('add' in action) {
							const some = action.add.filter((i) => !held.has(idOf(i)));
							put(some, action.from, 'addWithIds');
						} else if ('upsert' in action) put(action.upsert, action.from, 'upsert');
						else if ('update' in action) {
							const some = action.update.filter((i) => held.has(idOf(i)));
							put(some, action.from, 'update');
						} else if ('remove' in action) {
							const given = action.remove.map(idOf);
							expect(index.remove(given)).toBe(given.filter((id) => held.delete(id)).length);
							for (const id of given) expect(index.has(id)).toBe(false);
						} else if (action.do === 'reopen') {
							const file = writeIndex(index);
							index[Symbol.dispose]();
							index = readIndex(file) as IndexIDMap;
							expect(writeIndex(index)).toEqual(file);
						} else compare();
					}
					compare();
				} finally {
					index[Symbol.dispose]();
				}
			}),
			{ numRuns: 6, seed: 11 },
		);
	});

	it('as many coming as going do not make it grow', () => {
		using index = mapped(kind);
		const n = 200;
		index.addWithIds(
			POOL.slice(0, n),
			Array.from({ length: n }, (_, i) => i),
		);
		let oldest = 0;
		let after2 = 0;
		for (let round = 0; round < 20; round++) {
			index.remove(Array.from({ length: n / 2 }, (_, i) => oldest + i));
			oldest += n / 2;
			const rows = Array.from({ length: n / 2 }, (_, i) => (round * 37 + i) % POOL.n);
			index.addWithIds(
				POOL.take(rows),
				Array.from({ length: n / 2 }, (_, i) => oldest + n / 2 + i),
			);
			expect(index.ntotal).toBe(n);
			if (round === 1) after2 = index.byteLength;
		}
		if (isGraph(kind)) {
			// A graph keeps what was removed, as ways to the rest.
			expect(index.stats().removed).toBe(20 * (n / 2));
			return;
		}
		expect(index.labelEnd).toBe(n);
		// Lists change their lengths, and keep room.
		expect(index.byteLength).toBeLessThan(1.25 * after2);
	});

	it('what is refused or aborted changes nothing', async () => {
		using index = mapped(kind);
		const n = isGraph(kind) ? 150 : 1500;
		index.addWithIds(
			MANY.slice(0, n),
			Array.from({ length: n }, (_, i) => i),
		);
		index.remove(Array.from({ length: n / 2 }, (_, i) => 2 * i));
		const before = writeIndex(index);
		const found = index.search(QUERIES, 10, lookEverywhere(kind));
		const refused = (run: () => unknown, code: string): void => {
			expect(run).toThrow(expect.objectContaining({ code }));
			expect(writeIndex(index)).toEqual(before);
		};
		refused(() => index.addWithIds(MANY.slice(0, 2), [0, 1]), 'duplicate-id');
		refused(() => index.upsert(MANY.slice(0, 2), [8, 8]), 'duplicate-id');
		refused(() => index.update([1, 2], MANY.slice(0, 2)), 'unknown-label');
		expect(() => index.upsert(MANY.slice(0, 2), [0])).toThrow(/2 vectors need as many ids, got 1/);
		expect(() => index.upsert(MANY.slice(0, 1), [-1])).toThrow(RangeError);
		// Some are there, some were, most are new.
		const some = n + (isGraph(kind) ? 100 : 1100);
		const given = Array.from({ length: some }, (_, i) => i);
		let aborted = 0;
		for (const step of [1, 2, 3, 4, 6, 9, 13]) {
			const controller = new AbortController();
			let steps = 0;
			const onProgress = (): void => void (++steps === step && controller.abort());
			const outcome = await index
				.upsertAsync(MANY.slice(0, some), given, { signal: controller.signal, sliceMs: 0, onProgress })
				.catch((error) => (isVecinoError(error) ? error.code : error));
			if (outcome === index) break;
			expect(outcome).toBe('aborted');
			aborted++;
			expect([...index.ids].sort()).toEqual(
				given
					.slice(0, n)
					.filter((i) => i % 2 === 1)
					.map(Number)
					.sort(),
			);
			const now = index.search(QUERIES, 10, lookEverywhere(kind));
			if (!isGraph(kind)) expect([now.labels, now.distances]).toEqual([found.labels, found.distances]);
			expect(index.ntotal).toBe(n / 2);
		}
		expect(aborted).toBeGreaterThan(2);
		// And then it works.
		index.upsert(MANY.slice(0, some), given);
		expect(index.ntotal).toBe(some);
		if (!isGraph(kind)) expect(index.labelEnd).toBe(some);
	});

	it('on threads it is the same', async () => {
		const run = async (engine?: Engine): Promise<unknown> => {
			using index = mapped(kind, engine);
			const n = isGraph(kind) ? 150 : 1500;
			await index.addAsync(MANY.slice(0, n));
			index.remove(Array.from({ length: n / 3 }, (_, i) => 3 * i));
			await index.upsertAsync(
				MANY.slice(n - 100, n + 900),
				Array.from({ length: 1000 }, (_, i) => i + n - 500),
			);
			const live = [...index.ids].slice(0, 400);
			await index.updateAsync(live, MANY.slice(100, 500));
			const params = lookEverywhere(kind);
			const found = await index.searchAsync(MANY.slice(0, 100), 10, params);
			const one = await index.searchAsync(QUERIES.row(0), 10, params);
			return [writeIndex(index), found, one];
		};
		if (isGraph(kind)) return;
		const before = threaded.arena.allocatedBytes;
		expect(await run(threaded)).toEqual(await run());
		expect(threaded.arena.allocatedBytes).toBe(before);
	});
});

describe('IndexIDMap', () => {
	it('an id may be used again after its removal, and its row is', () => {
		using index = new IndexIDMap({ index: new IndexFlat({ d: 1 }) });
		index.addWithIds([[1], [2], [3]], [10, 20, 30]);
		expect(index.remove(20)).toBe(1);
		expect([...index.ids]).toEqual([10, 30]);
		index.addWithIds([[5], [6]], [20, 40]);
		expect([index.ntotal, index.labelEnd, ...index.ids]).toEqual([4, 4, 10, 20, 30, 40]);
		expect(index.search([5], 1).hits()).toEqual([{ label: 20, distance: 0 }]);
		index.add([[9]]);
		expect(index.has(41)).toBe(true);
	});

	it('other indexes know of no ids', () => {
		using index = new IndexFlat({ d: 1 });
		expect(() => index.upsert([[1]], [5])).toThrow(/IndexFlat.upsert: labels are row numbers here; wrap the index/);
	});

	it('a file is refused when the index inside was changed behind its back', () => {
		using index = new IndexIDMap({ index: new IndexFlat({ d: 1 }) });
		index.addWithIds([[1], [2]], [10, 20]);
		index.index.remove(1);
		expect(() => writeIndex(index)).toThrow(/changed behind its back \(1 vectors in 2 rows, 2 ids\)/);
	});
});
