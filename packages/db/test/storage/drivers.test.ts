/**
 * What every driver does alike: one suite, run on each, and a collection over each.
 */

import sqlite3InitModule from '@sqlite.org/sqlite-wasm';
import BetterSqlite3 from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import {
	betterSqlite3Driver,
	type Database,
	type Driver,
	nodeSqliteDriver,
	open,
	sqliteWasmDriver,
} from '../../src/index.ts';
import { isUniqueViolation } from '../../src/storage/errors.ts';

const sqlite3 = await sqlite3InitModule();
// It writes errors to the console, expected ones as well.
(sqlite3 as unknown as { config: { warn: () => void } }).config.warn = () => {};

const drivers: [string, Driver][] = [
	nodeSqliteDriver(),
	betterSqlite3Driver(BetterSqlite3),
	sqliteWasmDriver(sqlite3),
].map((driver) => [driver.name, driver]);

describe.each(drivers)('%s', (_, driver) => {
	let db: Database;

	beforeEach(() => {
		db = driver.open(':memory:');
		db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, x UNIQUE); CREATE TABLE u (a, b, c)');
		return () => db.close();
	});

	test('values come back as they went in', () => {
		const values = ['', 'a', 'naïve ☃ 🎬', 0, 1, -1, 0.1, 2 ** 53 - 1, -(2 ** 31) - 1, 1e300, null];
		const put = db.prepare('INSERT INTO u (a) VALUES (?)');
		for (const value of values) put.run(value);
		expect(
			db
				.prepare('SELECT a FROM u ORDER BY rowid')
				.all()
				.map(({ a }) => a),
		).toEqual(values);
		expect(db.prepare('SELECT a FROM u WHERE a = ?').get('naïve ☃ 🎬')).toMatchObject({ a: 'naïve ☃ 🎬' });
	});

	test('integers beyond 32 bits bound as bigint are integers', () => {
		db.prepare('INSERT INTO u (a, b) VALUES (?, ?)').run(2n ** 40n, 7n);
		expect(db.prepare('SELECT a, typeof(a) AS ta, typeof(b) AS tb FROM u').get()).toMatchObject({
			a: 2 ** 40,
			ta: 'integer',
			tb: 'integer',
		});
	});

	test('bytes are copies, empty ones as well', () => {
		const bytes = new Uint8Array([1, 2, 3, 255]);
		const put = db.prepare('INSERT INTO u (a) VALUES (?)');
		put.run(bytes.subarray(1));
		put.run(new Uint8Array(0));
		bytes.fill(9);
		const read = db.prepare('SELECT a FROM u ORDER BY rowid');
		const [first, second] = read.all().map(({ a }) => a as Uint8Array);
		expect([...first!]).toEqual([2, 3, 255]);
		expect(first).toBeInstanceOf(Uint8Array);
		expect([...second!]).toEqual([]);
		read.all();
		expect([...first!]).toEqual([2, 3, 255]);
		expect(
			db
				.prepare('SELECT typeof(a) AS t FROM u')
				.all()
				.map(({ t }) => t),
		).toEqual(['blob', 'blob']);
	});

	test('run says how many rows changed', () => {
		const put = db.prepare('INSERT INTO t (x) VALUES (?)');
		expect(put.run(1).changes).toBe(1);
		put.run(2);
		expect(db.prepare('UPDATE t SET x = x + 10').run().changes).toBe(2);
		expect(db.prepare('DELETE FROM t WHERE x = ?').run(99).changes).toBe(0);
	});

	test('get gives the first row or undefined, all and iterate give each', () => {
		db.exec("INSERT INTO u VALUES (1, 'a', NULL), (2, 'b', NULL), (3, 'c', NULL)");
		const read = db.prepare('SELECT a, b FROM u WHERE a > ? ORDER BY a');
		expect(read.get(0)).toEqual(expect.objectContaining({ a: 1, b: 'a' }));
		expect(read.get(9)).toBeUndefined();
		expect(read.all(1).map(({ b }) => b)).toEqual(['b', 'c']);
		expect(Array.from(read.iterate(0), ({ b }) => b)).toEqual(['a', 'b', 'c']);
		for (const { a } of read.iterate(0)) if (a === 2) break;
		expect(read.all(2)).toHaveLength(1);
	});

	test('a statement can be run while another of the same text is iterated', () => {
		db.exec('INSERT INTO u (a) VALUES (1), (2), (3)');
		const text = 'SELECT a FROM u ORDER BY a';
		const [one, other] = [db.prepare(text), db.prepare(text)];
		expect(Array.from(one.iterate(), ({ a }) => [a, other.all().length])).toEqual([
			[1, 3],
			[2, 3],
			[3, 3],
		]);
	});

	test('transactions are taken back', () => {
		db.exec('BEGIN IMMEDIATE');
		db.prepare('INSERT INTO t (x) VALUES (1)').run();
		db.exec('ROLLBACK');
		expect(db.prepare('SELECT count(*) AS n FROM t').get()).toMatchObject({ n: 0 });
		db.prepare('BEGIN IMMEDIATE').run();
		db.prepare('INSERT INTO t (x) VALUES (1)').run();
		db.prepare('COMMIT').run();
		expect(db.prepare('SELECT count(*) AS n FROM t').get()).toMatchObject({ n: 1 });
	});

	test('errors have codes, and a statement goes on after one', () => {
		const put = db.prepare('INSERT INTO t (x) VALUES (?)');
		put.run('a');
		let error: unknown;
		try {
			put.run('a');
		} catch (thrown) {
			error = thrown;
		}
		expect(isUniqueViolation(error)).toBe(true);
		expect(put.run('b').changes).toBe(1);
		expect(() => db.prepare('SELEC 1')).toThrow(/syntax/);
		expect(() => db.exec('SELECT x FROM nowhere')).toThrow(/nowhere/);
	});

	test('many statements can be prepared and forgotten', () => {
		for (let i = 0; i < 1000; i++) expect(db.prepare(`SELECT ${i} AS n`).get()?.['n']).toBe(i);
	});

	test('has what collections need: JSON, full-text search without contents, PRAGMAs', () => {
		db.exec("CREATE VIRTUAL TABLE f USING fts5(text, content='', contentless_delete=1, tokenize='porter unicode61')");
		db.prepare('INSERT INTO f (rowid, text) VALUES (?, ?)').run(3, 'running dogs');
		expect(db.prepare('SELECT rowid FROM f WHERE f MATCH ?').get('run')).toMatchObject({ rowid: 3 });
		db.prepare('DELETE FROM f WHERE rowid = ?').run(3);
		expect(db.prepare('SELECT rowid FROM f WHERE f MATCH ?').get('run')).toBeUndefined();
		expect(db.prepare(`SELECT json_extract(?, '$."a\\"b"') AS v`).get('{"a\\"b": [1]}')).toMatchObject({ v: '[1]' });
		db.exec('PRAGMA application_id = 77');
		expect(db.prepare('PRAGMA application_id').get()).toMatchObject({ application_id: 77 });
	});

	test('nothing runs after close', () => {
		const other = driver.open(':memory:');
		const read = other.prepare('SELECT 1');
		other.close();
		expect(() => read.get()).toThrow();
		expect(() => other.prepare('SELECT 1')).toThrow();
	});

	test('a collection', async () => {
		const schema = { year: 'integer', tags: 'string[]', price: 'number' } as const;
		await using films = await open(':memory:', { dimension: 2, schema, driver });
		await films.add([
			{ id: 'a', vector: [1, 0], text: 'a running dog', metadata: { year: 1999, tags: ['x', 'y'], price: 0.1 } },
			{ id: 1, vector: [0, 1], metadata: { year: 2005, tags: ['y'], price: 2 } },
			{ id: '1', vector: [1, 1], metadata: { year: 2010 } },
		]);
		await films.update('a', { price: 12.34 });
		const ids = async (where: Parameters<typeof films.count>[0]) =>
			(await films.query({ vector: [1, 0.1], k: 3, where })).map(({ id }) => id);
		expect(await ids({})).toEqual(['a', '1', 1]);
		expect(await ids({ tags: 'y' })).toEqual(['a', 1]);
		expect(await ids({ price: 12.34 })).toEqual(['a']);
		expect(await ids({ price: { $gt: 1.5, $lt: 12.340001 } })).toEqual(['a', 1]);
		expect(await ids({ year: { $gte: 2005 }, $not: { tags: { $contains: 'y' } } })).toEqual(['1']);
		await expect(films.add({ id: 'a', vector: [0, 0] })).rejects.toMatchObject({ code: 'duplicate-id' });
		expect(await films.delete(['a', 'b'])).toBe(1);
		expect(await films.verify()).toMatchObject({ ok: true, checked: { rows: 2 } });
	});
});

test('sqliteWasmDriver says what it wants', () => {
	expect(() => sqliteWasmDriver(sqlite3InitModule as never)).toThrow(/await sqlite3InitModule/);
});
