/**
 * Sets of rids: as SQL has them at any moment, brought up to date, bounded, never changed but at their end.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RidSet } from '../../src/segments/contract.ts';
import { compileWhere } from '../../src/where/compile.ts';
import { RidSets } from '../../src/where/rid-sets.ts';
import { TouchedRids } from '../../src/where/touched.ts';
import { Documents } from '../support/documents.ts';

const schema = { genre: 'string', year: 'integer', tags: 'string[]', price: { type: 'number', index: false } } as const;

const rowOf = (i: number) => ({ genre: `g${i % 3}`, year: 2000 + (i % 7), tags: [`t${i % 5}`], price: i % 11 });

const wheres = [
	{ genre: 'g1' },
	{ year: { $gte: 2004 } },
	{ tags: 't2' },
	{ price: { $lt: 3 } },
	{ genre: { $ne: 'g1' }, $or: [{ tags: 't1' }, { price: 4 }] },
	{},
].map((where) => compileWhere(where, { schema }));

function setup(maxBytes?: number) {
	const documents = new Documents(schema);
	const touched = new TouchedRids();
	const sets = new RidSets({ db: documents.database, lastRid: () => documents.kept.size, touched, maxBytes });
	return { documents, touched, sets };
}

const listed = (set: RidSet): number[] => [...set.rids.subarray(0, set.size)];

describe('sets', () => {
	test('are what SQL finds, after any adding and updating', () => {
		const action = fc.oneof(
			fc.record({ kind: fc.constant('add' as const), n: fc.nat({ max: 20 }) }),
			fc.record({ kind: fc.constant('update' as const), n: fc.nat(), to: fc.nat() }),
			fc.record({ kind: fc.constant('ask' as const), n: fc.nat({ max: wheres.length - 1 }) }),
		);
		fc.assert(
			fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
				const { documents, touched, sets } = setup();
				using _ = documents;
				const given = new Map<RidSet, number[]>();
				const ask = (n: number): void => {
					const set = sets.peek(wheres[n]!) ?? sets.getSync(wheres[n]!);
					expect(listed(set)).toEqual(documents.rids(wheres[n]!));
					expect(documents.kept.size === 0 || set.has(1) === listed(set).includes(1)).toBe(true);
					given.set(set, listed(set));
				};
				for (const each of actions) {
					if (each.kind === 'add') for (let i = 0; i < each.n; i++) documents.add(rowOf(documents.kept.size + each.n));
					else if (each.kind === 'ask') ask(each.n);
					else if (documents.kept.size > 0) {
						const rid = 1 + (each.n % documents.kept.size);
						documents.update(rid, rowOf(each.to));
						touched.add([rid]);
					}
				}
				for (const n of wheres.keys()) ask(n);
				// Whoever holds a set still finds in it what was there.
				for (const [set, rids] of given) expect(listed(set).slice(0, rids.length)).toEqual(rids);
			}),
			{ numRuns: 60, seed: 4 },
		);
	});

	test('are made in steps, and what is written in between is in them', async () => {
		const { documents, touched, sets } = setup();
		using _ = documents;
		documents.db.exec('BEGIN');
		for (let i = 0; i < 12_000; i++) documents.add(rowOf(i));
		documents.db.exec('COMMIT');
		const where = wheres[3]!;
		expect(sets.peek(where)).toBeUndefined();
		const first = sets.get(where);
		expect(sets.peek(where)).toBeUndefined();
		documents.update(1, { ...rowOf(1), price: 9 });
		touched.add([1]);
		documents.add({ price: 0 });
		const [set, same] = await Promise.all([first, sets.get(where)]);
		expect(same).toBe(set);
		expect(listed(set)).toEqual(documents.rids(where));
		expect(set.has(1)).toBe(false);
		expect(set.has(12_001)).toBe(true);
		expect(sets.peek(where)).toBe(set);
	});

	test('stay the same object while they only grow', () => {
		const { documents, touched, sets } = setup();
		using _ = documents;
		documents.add({ genre: 'g1' });
		const set = sets.getSync(wheres[0]!);
		documents.add({ genre: 'g1' });
		documents.update(1, { genre: 'g1', year: 2001 });
		touched.add([1]);
		expect(sets.peek(wheres[0]!)).toBe(set);
		expect(listed(set)).toEqual([1, 2]);
		documents.update(1, { genre: 'g2' });
		touched.add([1]);
		expect(sets.peek(wheres[0]!)).not.toBe(set);
		expect(listed(set)).toEqual([1, 2]);
	});

	test('take bounded memory: the least recently used go', () => {
		const { documents, sets } = setup(3 * (500 + 8 * 100));
		using _ = documents;
		for (let i = 0; i < 100; i++) documents.add(rowOf(i));
		for (const where of wheres) sets.getSync(where);
		expect(sets.bytes).toBeLessThanOrEqual(3 * (500 + 8 * 100));
		expect(sets.size).toBeGreaterThan(1);
		expect(sets.peek(wheres.at(-1)!)).toBeDefined();
		expect(sets.peek(wheres[0]!)).toBeUndefined();
		sets.clear();
		expect(sets.bytes).toBe(0);
	});

	test('are made again where the log of changes does not go back far enough', () => {
		const { documents, touched, sets } = setup();
		using _ = documents;
		documents.add({ genre: 'g1' });
		sets.getSync(wheres[0]!);
		documents.update(1, { genre: 'g2' });
		touched.all();
		expect(sets.peek(wheres[0]!)).toBeUndefined();
		expect(sets.getSync(wheres[0]!).size).toBe(0);
		const version = touched.version;
		touched.add(Array.from({ length: 250_000 }, () => 1));
		expect(touched.since(version)).toBeUndefined();
		expect(touched.since(touched.version)?.size).toBe(0);
	});

	test('whoever stops waiting leaves the others waiting', async () => {
		const { documents, sets } = setup();
		using _ = documents;
		documents.db.exec('BEGIN');
		for (let i = 0; i < 12_000; i++) documents.add(rowOf(i));
		documents.db.exec('COMMIT');
		const stop = new AbortController();
		const [stopped, waits] = [sets.get(wheres[3]!, stop.signal), sets.get(wheres[3]!)];
		stop.abort(new Error('enough'));
		await expect(stopped).rejects.toMatchObject({ code: 'aborted', cause: { message: 'enough' } });
		expect(listed(await waits)).toEqual(documents.rids(wheres[3]!));
		await expect(sets.get(wheres[3]!, stop.signal)).rejects.toMatchObject({ code: 'aborted' });
	});

	test('a failure of the database reaches who asked, and the next asks again', async () => {
		const { documents, sets } = setup();
		documents.add({ genre: 'g1' });
		documents[Symbol.dispose]();
		await expect(sets.get(wheres[0]!)).rejects.toThrow('database is not open');
	});
});
