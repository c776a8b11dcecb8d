/**
 * Snapshots of collections that are written to, and what verify and repair make of each kind of damage.
 */

import {
	appendFileSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	truncateSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import BetterSqlite3 from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
	betterSqlite3Driver,
	type Collection,
	open,
	type RepairReport,
	repair,
	restore,
	type Schema,
	verify,
} from '../../src/index.ts';

const D = 8;
const schema = { n: 'integer', tags: 'string[]' } as const satisfies Schema;

const root = mkdtempSync(join(tmpdir(), 'vecino-maintain-'));
/** A collection with an index file, a delta, and rows that are gone from both. Copied for each test. */
const original = join(root, 'original');
let next = 0;

function vectorOf(i: number): Float32Array {
	let seed = i + 1;
	return Float32Array.from({ length: D }, () => {
		seed = (seed * 48_271 + 11) % 2_147_483_647;
		return (seed % 2000) / 1000 - 1;
	});
}

const entry = (i: number) => ({
	id: `r${i}`,
	vector: vectorOf(i),
	text: `word${i} all`,
	metadata: { n: i, tags: [`t${i % 3}`, 'all'] },
});

async function fill(collection: Collection<typeof schema>): Promise<void> {
	await collection.add(Array.from({ length: 300 }, (_, i) => entry(i)));
	await collection.optimize();
	await collection.add(Array.from({ length: 50 }, (_, i) => entry(300 + i)));
	await collection.delete(['r1', 'r2', 'r303']);
}

const ROWS = 347;
const options = { dimension: D, index: 'IVF4,SQ8', schema };

beforeAll(async () => {
	const collection = await open(original, options);
	await fill(collection);
	await collection.close();
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A copy of the original, to be damaged. */
function copyOf(folder = original): string {
	const to = join(root, `copy${next++}`);
	mkdirSync(join(to, 'seg'), { recursive: true });
	copyFileSync(join(folder, 'meta.db'), join(to, 'meta.db'));
	for (const name of readdirSync(join(folder, 'seg'))) copyFileSync(join(folder, 'seg', name), join(to, 'seg', name));
	return to;
}

function sql(folder: string, text: string): void {
	const db = new DatabaseSync(join(folder, 'meta.db'));
	db.exec(text);
	db.close();
}

/** Path of the one segment, or of the model. */
function segment(folder: string, kind = 's'): string {
	return join(folder, 'seg', readdirSync(join(folder, 'seg')).find((name) => name.startsWith(kind))!);
}

async function isWhole(folder: string): Promise<void> {
	expect(await verify(folder)).toMatchObject({ ok: true, problems: [], checked: { rows: ROWS } });
	const collection = await open(folder, { schema });
	try {
		for (const i of [0, 3, 150, 299, 300, 349]) {
			const hits = await collection.query({ vector: vectorOf(i), k: 3 });
			expect(hits.map(({ id }) => id)).toContain(`r${i}`);
			expect(new Set(hits.map(({ id }) => id)).size).toBe(3);
		}
		expect(await collection.count({ tags: 'all' })).toBe(ROWS);
		const hits = await collection.query({ vector: vectorOf(1), k: 10 });
		expect(hits.map(({ id }) => id)).not.toContain('r1');
	} finally {
		await collection.close();
	}
}

/** Damages a copy, sees that it is noticed, repairs it, and sees that nothing is missing. */
async function mends(damage: (folder: string) => void, kind: string, what: RegExp): Promise<RepairReport> {
	const folder = copyOf();
	damage(folder);
	const found = await verify(folder);
	expect(found.ok).toBe(false);
	expect(found.problems).toContainEqual(
		expect.objectContaining({ kind, repairable: true, what: expect.stringMatching(what) }),
	);
	const report = await repair(folder);
	expect(report).toMatchObject({ ok: true, remaining: [] });
	expect(report.repaired.map((problem) => problem.kind)).toContain(kind);
	await isWhole(folder);
	return report;
}

describe('snapshots', () => {
	test('are collections of their own, made while rows are written', async () => {
		const folder = copyOf();
		const path = join(root, 'snapshot');
		await using collection = await open(folder, { schema });
		const copying = collection.snapshot(path);
		for (let i = 400; i < 450; i++) await collection.add(entry(i));
		const { rows, linked, copied, bytes } = await copying;
		expect(rows).toBeGreaterThanOrEqual(ROWS);
		expect(linked + copied).toBe(2);
		expect(bytes).toBeGreaterThan(1000);
		expect(await verify(path)).toMatchObject({ ok: true, checked: { rows } });
		await collection.optimize();
		await using again = await open(path);
		expect(again.stats()).toBeDefined();
		expect(await again.count()).toBe(rows);
		await again.add(entry(900));
		expect(await collection.has('r900')).toBe(false);
		expect(readdirSync(root).filter((name) => name.endsWith('.tmp'))).toEqual([]);
	});

	test('are restored to what they were', async () => {
		const collection = await open(copyOf(), { schema });
		const path = join(root, 'to-restore');
		await collection.snapshot(path);
		await collection.close();
		const restored = join(root, 'restored');
		expect(await restore(path, restored)).toMatchObject({ rows: ROWS, linked: 0, copied: 2 });
		rmSync(path, { recursive: true });
		await isWhole(restored);
	});

	test('of collections in memory are folders', async () => {
		await using collection = await open(':memory:', options);
		await fill(collection);
		const path = join(root, 'from-memory');
		expect(await collection.snapshot(path)).toMatchObject({ rows: ROWS, linked: 0, copied: 2 });
		await isWhole(path);
		expect(await collection.verify()).toMatchObject({ ok: true, checked: { rows: ROWS } });
	});

	test('are the same with another driver', async () => {
		const driver = betterSqlite3Driver(BetterSqlite3);
		const folder = copyOf();
		const path = join(root, 'by-another');
		const collection = await open(folder, { schema, driver });
		await collection.snapshot(path);
		await collection.close();
		rmSync(segment(path));
		expect(await repair(path, { driver })).toMatchObject({ ok: true, repaired: [{ kind: 'bad-segment' }] });
		await isWhole(path);
	});

	test('name no files of others', async () => {
		const folder = copyOf();
		writeFileSync(join(root, 'secret.vecino'), 'secret');
		sql(folder, "UPDATE segments SET name = '../../secret'");
		await expect(restore(folder, join(root, 'stolen'))).rejects.toMatchObject({
			code: 'corrupt-data',
			message: expect.stringMatching(/no name/),
		});
		expect(existsSync(join(root, 'stolen'))).toBe(false);
		expect((await verify(folder)).problems).toContainEqual(expect.objectContaining({ kind: 'bad-manifest' }));
		await expect(open(folder)).rejects.toMatchObject({ code: 'corrupt-data' });
		expect(await repair(folder)).toMatchObject({ ok: true });
		await isWhole(folder);
		expect(readFileSync(join(root, 'secret.vecino'), 'utf8')).toBe('secret');
	});

	test('never touch what is there', async () => {
		await using collection = await open(':memory:', options);
		const path = join(root, 'taken');
		writeFileSync(path, 'mine');
		await expect(collection.snapshot(path)).rejects.toMatchObject({
			code: 'storage',
			message: expect.stringMatching(/there already/),
		});
		await expect(restore(original, root)).rejects.toMatchObject({ code: 'storage' });
		await expect(restore(join(root, 'nowhere'), join(root, 'x'))).rejects.toMatchObject({
			message: expect.stringMatching(/no meta.db/),
		});
		await expect(collection.snapshot('')).rejects.toThrow(TypeError);
		await expect(collection.snapshot(join(path, 'below', 'a-file'))).rejects.toMatchObject({ code: 'storage' });
		expect(readFileSync(path, 'utf8')).toBe('mine');
		const stopped = AbortSignal.abort();
		await expect(collection.snapshot(join(root, 'stopped'), { signal: stopped })).rejects.toMatchObject({
			code: 'aborted',
		});
		expect(readdirSync(root).filter((name) => name.includes('stopped') || name.endsWith('.tmp'))).toEqual([]);
	});

	test('say which index file is missing', async () => {
		const folder = copyOf();
		rmSync(segment(folder));
		await expect(restore(folder, join(root, 'broken'))).rejects.toMatchObject({
			code: 'corrupt-data',
			message: expect.stringMatching(/repair\(\)/),
		});
		expect(existsSync(join(root, 'broken'))).toBe(false);
	});
});

describe('index files that are damaged are made again', () => {
	test('a truncated one', async () => {
		await mends(
			(folder) => truncateSync(segment(folder), statSync(segment(folder)).size - 100),
			'bad-segment',
			/bytes instead of/,
		);
	});
	test('one that is gone', async () => {
		await mends((folder) => rmSync(segment(folder)), 'bad-segment', /missing/);
	});
	test('a model that is gone', async () => {
		await mends((folder) => rmSync(segment(folder, 'm')), 'bad-segment', /missing/);
	});
	test('one with a byte flipped', async () => {
		const flip = (folder: string): void => {
			const bytes = readFileSync(segment(folder));
			const place = Math.floor(bytes.length * 0.9);
			bytes[place] = bytes[place]! ^ 64;
			writeFileSync(segment(folder), bytes);
		};
		await mends(flip, 'bad-segment', /\.vecino/);
	});
	test('wherever the byte is, and whatever stands behind the end, it is noticed', async () => {
		const folder = copyOf();
		const file = segment(folder);
		const whole = readFileSync(file);
		const isBad = async (): Promise<void> => {
			expect((await verify(folder)).problems).toMatchObject([{ kind: 'bad-segment', repairable: true }]);
		};
		for (let place = 3; place < whole.length; place += Math.ceil(whole.length / 25)) {
			const bytes = Uint8Array.from(whole);
			bytes[place] = bytes[place]! ^ 16;
			writeFileSync(file, bytes);
			await isBad();
		}
		writeFileSync(file, whole);
		appendFileSync(file, 'x');
		await isBad();
	});
	test('but not where originals were not kept', async () => {
		const folder = join(root, `none${next++}`);
		const collection = await open(folder, { ...options, originals: 'none' });
		await fill(collection);
		await collection.close();
		expect(await verify(folder)).toMatchObject({ ok: true });
		rmSync(segment(folder));
		const { ok, remaining } = await repair(folder);
		expect(ok).toBe(false);
		expect(remaining).toMatchObject([
			{ kind: 'bad-segment', repairable: false, how: expect.stringMatching(/snapshot/) },
		]);
	});
	test('quick looks at sizes alone', async () => {
		const folder = copyOf();
		expect(await verify(folder, { quick: true })).toMatchObject({ ok: true });
		rmSync(segment(folder));
		expect(await verify(folder, { quick: true })).toMatchObject({ ok: false });
	});
});

describe('what is made from rows is made again', () => {
	test.each<[string, string, string, RegExp]>([
		['words that are missing', 'DELETE FROM fts WHERE rowid < 20', 'bad-words', /whose words are not found/],
		['words of no row', "INSERT INTO fts (rowid, text) VALUES (9999, 'ghost')", 'bad-words', /words of 1 rows/],
		['values that are missing', "DELETE FROM kv WHERE field = 'tags' AND rid < 9", 'bad-values', /array fields/],
		['values that are too many', "INSERT INTO kv VALUES ('tags', 'ghost', 5)", 'bad-values', /array fields/],
		['values of no row', "INSERT INTO kv VALUES ('tags', 'ghost', 9999)", 'bad-values', /rows that are gone/],
		['vectors of no row', "INSERT INTO vectors VALUES (9999, x'00')", 'orphan-vector', /1 vectors/],
		['the count of rows', "UPDATE info SET value = 5 WHERE key = 'rows'", 'bad-counter', /5 rows were counted/],
		['the last rid', "UPDATE info SET value = 5 WHERE key = 'lastRid'", 'bad-counter', /last rid is said to be 5/],
		['an index that is gone', `DROP INDEX "${'INDEX'}"`, 'bad-index', /no index for 'n'/],
		[
			'a table that was being made',
			'CREATE TABLE vectors_next (rid INTEGER PRIMARY KEY, vec BLOB)',
			'leftover',
			/being made/,
		],
		['rows listed as dead', 'INSERT INTO dead VALUES (7, 99)', 'bad-manifest', /find them once \(rids 7\)/],
		['the dead of a file forgotten', 'DELETE FROM dead', 'bad-manifest', /never were/],
		['a segment forgotten', 'DELETE FROM segments', 'bad-manifest', /298 rows are not where searches find them/],
		[
			'a segment listed twice',
			"INSERT INTO segments SELECT name || 'x', model, rows, bytes, rids FROM segments",
			'bad-manifest',
			/find them once/,
		],
		[
			'rows said to be sealed that are not',
			"UPDATE info SET value = 320 WHERE key = 'sealedUpTo'",
			'bad-manifest',
			/find them once/,
		],
	])('%s', async (_, statement, kind, what) => {
		const damage = (folder: string): void => {
			const db = new DatabaseSync(join(folder, 'meta.db'));
			const index = db.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'meta_n_%'").get()?.['name'];
			db.exec(statement.replace('INDEX"', `${index}"`));
			db.close();
		};
		await mends(damage, kind, what);
	});

	test('files that belong to nothing', async () => {
		const damage = (folder: string): void => {
			writeFileSync(join(folder, 'seg', 'ghost.vecino'), 'x');
			writeFileSync(join(folder, 'seg', '.s1.vecino.12.ab.tmp'), 'x');
		};
		await mends(damage, 'leftover', /2 files/);
	});

	test('a whole collection is left as it is', async () => {
		const folder = copyOf();
		expect(await repair(folder)).toMatchObject({
			ok: true,
			repaired: [],
			remaining: [],
			checked: { rows: ROWS, values: 2 * ROWS },
		});
	});
});

describe('what cannot be repaired is said', () => {
	const put = (bytes: string | Uint8Array) => (folder: string) => writeFileSync(join(folder, 'meta.db'), bytes);

	test.each<[string, (folder: string) => void, string, RegExp]>([
		['no meta.db', (folder) => rmSync(join(folder, 'meta.db')), 'no-collection', /has no meta.db/],
		[
			'a foreign file',
			put('%PDF-1.7 this is not a database, however long it is. '.repeat(50)),
			'no-collection',
			/not a SQLite database/,
		],
		['an empty file', put(''), 'no-collection', /another program/],
		[
			'a database of another program',
			(folder) => sql(folder, 'PRAGMA application_id = 1234'),
			'no-collection',
			/another program/,
		],
		['a newer version', (folder) => sql(folder, 'PRAGMA user_version = 1000'), 'newer-version', /newer version/],
		['a table that is gone', (folder) => sql(folder, 'DROP TABLE vectors'), 'damaged-database', /no table vectors/],
		[
			'settings',
			(folder) => sql(folder, "UPDATE info SET value = 'x' WHERE key = 'metric'"),
			'bad-settings',
			/metric is x/,
		],
		[
			'a schema',
			(folder) => sql(folder, "UPDATE info SET value = '{' WHERE key = 'schema'"),
			'bad-settings',
			/schema cannot be read/,
		],
		[
			'a vector that is gone',
			(folder) => sql(folder, 'DELETE FROM vectors WHERE rid = 5'),
			'missing-vector',
			/row 'r4' has no vector/,
		],
		[
			'a vector of another size',
			(folder) => sql(folder, "UPDATE vectors SET vec = x'00' WHERE rid = 5"),
			'bad-vector',
			/row 'r4' has a vector of another size/,
		],
		[
			'metadata',
			(folder) => sql(folder, `UPDATE docs SET meta = '{"n":"x"}' WHERE rid = 5`),
			'bad-metadata',
			/row 'r4' has metadata/,
		],
	])('%s', async (_, damage, kind, what) => {
		const folder = copyOf();
		damage(folder);
		const { ok, problems } = await verify(folder);
		expect(ok).toBe(false);
		expect(problems).toContainEqual(
			expect.objectContaining({ kind, repairable: false, what: expect.stringMatching(what) }),
		);
		expect(problems.every(({ how }) => how.length > 10)).toBe(true);
		const before = existsSync(join(folder, 'meta.db')) && readFileSync(join(folder, 'meta.db'));
		const report = await repair(folder);
		expect(report.ok).toBe(false);
		expect(report.remaining.map((problem) => problem.kind)).toContain(kind);
		if (before !== false && kind.startsWith('no'))
			expect(readFileSync(join(folder, 'meta.db')).equals(before)).toBe(true);
	});

	test('pages of the database', async () => {
		const folder = copyOf();
		const bytes = readFileSync(join(folder, 'meta.db'));
		for (let page = 3; page < bytes.length / 16_384; page += 2) bytes.fill(0xa5, page * 16_384, page * 16_384 + 4000);
		writeFileSync(join(folder, 'meta.db'), bytes);
		const { ok, problems } = await verify(folder);
		expect(ok).toBe(false);
		expect(problems).toContainEqual(expect.objectContaining({ kind: 'damaged-database', repairable: false }));
		expect(await repair(folder)).toMatchObject({ ok: false });
	});

	test('a collection that is open is not repaired, but can be verified', async () => {
		const folder = copyOf();
		const collection = await open(folder, { schema });
		await expect(repair(folder)).rejects.toMatchObject({ code: 'locked' });
		writeFileSync(join(folder, 'seg', '.s1.vecino.12.ab.tmp'), 'x');
		expect(await collection.verify()).toMatchObject({ ok: true, checked: { rows: ROWS, files: 2 } });
		expect(await verify(folder)).toMatchObject({ ok: true });
		await collection.close();
		await expect(collection.verify()).rejects.toMatchObject({ code: 'disposed' });
		expect(await verify(folder)).toMatchObject({ ok: false });
		const stop = AbortSignal.abort();
		await expect(verify(folder, { signal: stop })).rejects.toMatchObject({ code: 'aborted' });
	});
});
