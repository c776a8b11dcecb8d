import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { open } from '@vecino/db';
import { describe, expect, it } from 'vitest';
import { Processes } from '../support/child.ts';
import { DRIVERS, TemporaryFolder, VowelEmbedder } from '../support/collections.ts';

describe.each(DRIVERS)('opening a collection over $name', (driver) => {
	it('keeps what it was made with, and says what does not fit', async () => {
		using folder = new TemporaryFolder();
		const path = join(folder.path, 'deep', 'inside');
		const embedder = new VowelEmbedder();
		const schema = { genre: 'string', year: { type: 'integer', required: true } } as const;
		{
			await using rows = await open(path, { embedder, schema, metric: 'ip', originals: 'f16', driver });
			await rows.add({ text: 'a film', metadata: { genre: 'Drama', year: 2001 } });
			await expect(rows.add({ text: 'x', metadata: { genre: 'Drama' } as never })).rejects.toThrow(/year.*required/);
		}
		const refused = async (options: object) =>
			(await open(path, { driver, ...options }).catch((error) => error)) as { code: string; message: string };
		expect(await refused({ metric: 'l2' })).toMatchObject({ code: 'not-alike', expected: 'ip', found: 'l2' });
		expect(await refused({ index: 'Flat' })).toMatchObject({ code: 'not-alike', expected: 'auto' });
		expect(await refused({ originals: 'none' })).toMatchObject({ code: 'not-alike' });
		expect(await refused({ dimension: 6 })).toMatchObject({ code: 'dimension-mismatch', expected: 5, found: 6 });
		expect((await refused({ dimension: 6 })).message).toContain('test/vowels');
		expect(await refused({ embedder: new VowelEmbedder('other') })).toMatchObject({
			code: 'embedder',
			expected: 'test/vowels',
			found: 'other',
		});
		expect(await refused({ schema: { genre: 'string' } })).toMatchObject({ code: 'not-alike' });
		expect(await refused({ schema: { ...schema, genre: 'number' } })).toMatchObject({
			code: 'not-alike',
			expected: 'string',
			found: 'number',
		});
		expect(await refused({ dimensions: 5 })).toMatchObject({
			message: expect.stringContaining('unknown option "dimensions"'),
		});
		expect(await refused({ metric: 'euclid' })).toMatchObject({
			message: expect.stringContaining("'l2', 'ip' or 'cosine'"),
		});
		expect(await refused({ index: 'IVF12,PQ' })).toMatchObject({ code: 'bad-spec' });
		expect(await refused({ schema: { genre: 'text' } })).toBeInstanceOf(TypeError);
		// Without the embedder it opens, but takes no texts; more fields may come.
		await using rows = await open(path, { driver, schema: { ...schema, tags: 'string[]' } });
		expect(await rows.count({ genre: 'Drama' })).toBe(1);
		await rows.add({ vector: [1, 2, 3, 4, 5], metadata: { year: 1, tags: ['new'] } });
		expect(await rows.count({ tags: 'new' })).toBe(1);
		await expect(rows.query({ text: 'a' })).rejects.toThrow(/test\/vowels/);
	});

	it('takes the dimension of the first vector', async () => {
		using folder = new TemporaryFolder();
		{
			await using rows = await open(folder.path, { driver });
			expect([rows.dimension, await rows.count(), await rows.list()]).toEqual([undefined, 0, []]);
			expect(await rows.query({ vector: [1, 2, 3] })).toEqual([]);
			await rows.add({ id: 1, vector: [1, 2, 3] });
			await expect(rows.add({ vector: [1, 2] })).rejects.toMatchObject({ code: 'dimension-mismatch' });
		}
		await using rows = await open(folder.path, { driver });
		expect(rows.dimension).toBe(3);
	});

	it('refuses what is no collection', async () => {
		using folder = new TemporaryFolder();
		const at = (name: string): string => join(folder.path, name);
		await expect(open(at('none'), { readOnly: true, driver })).rejects.toMatchObject({ code: 'storage' });
		await expect(open(at('none'), { create: false, driver })).rejects.toThrow(/there is no collection/);
		expect(existsSync(at('none'))).toBe(false);
		writeFileSync(at('file'), 'text');
		await expect(open(at('file'), { driver })).rejects.toThrow(/is a file; a collection is a folder/);
		mkdirSync(at('full'));
		writeFileSync(join(at('full'), 'thesis.doc'), 'text');
		await expect(open(at('full'), { driver })).rejects.toThrow(/has other files in it/);
		mkdirSync(at('foreign'));
		const other = new DatabaseSync(join(at('foreign'), 'meta.db'));
		other.exec('CREATE TABLE t(a); PRAGMA application_id = 7');
		other.close();
		await expect(open(at('foreign'), { driver })).rejects.toMatchObject({ code: 'corrupt-data', found: 7 });
		mkdirSync(at('noise'));
		writeFileSync(join(at('noise'), 'meta.db'), Buffer.alloc(5000, 'noise'));
		await expect(open(at('noise'), { driver })).rejects.toMatchObject({ code: 'corrupt-data' });
		await (await open(at('new'), { driver })).close();
		const newer = new DatabaseSync(join(at('new'), 'meta.db'));
		newer.exec('PRAGMA user_version = 99');
		newer.close();
		await expect(open(at('new'), { driver })).rejects.toMatchObject({ code: 'unsupported-version', found: 99 });
	});

	it('lets one write at a time', async () => {
		using folder = new TemporaryFolder();
		const first = await open(folder.path, { dimension: 1, driver });
		for (const other of DRIVERS) {
			const error = await open(folder.path, { driver: other }).catch((error) => error);
			expect(error).toMatchObject({ code: 'locked', found: process.pid });
			expect(error.message).toContain('this process');
		}
		await first.close();
		await (await open(folder.path, { driver })).close();
		expect(readdirSync(folder.path).sort()).toEqual(['meta.db', 'writer.lock']);
	});

	it('is over with close', async () => {
		const rows = await open(':memory:', { dimension: 1, driver });
		const late = rows.add({ vector: [1] });
		await rows.close();
		await rows.close();
		await expect(late).rejects.toMatchObject({ code: 'disposed' });
		await expect(rows.query({ vector: [1] })).rejects.toMatchObject({ code: 'disposed' });
		await expect(rows.add({ vector: [1] })).rejects.toMatchObject({ code: 'disposed' });
		await expect(rows.get(1)).rejects.toMatchObject({ code: 'disposed' });
	});

	it('says that the disk is full, and has changed nothing', async () => {
		using folder = new TemporaryFolder();
		const small = {
			name: driver.name,
			open: (path: string, options?: object) => {
				const db = driver.open(path, options);
				if (path.endsWith('meta.db')) db.exec('PRAGMA page_size = 16384; PRAGMA max_page_count = 60');
				return db;
			},
		};
		await using rows = await open(folder.path, { dimension: 256, driver: small });
		await rows.add({ id: 'first', vector: new Float32Array(256).fill(1) });
		const many = Array.from({ length: 1000 }, (_, id) => ({ id, vector: new Float32Array(256).fill(id + 1) }));
		const error = await rows.add(many).catch((error) => error);
		expect(error).toMatchObject({ code: 'storage' });
		expect(error.message).toContain('the disk is full; nothing was changed');
		expect(await rows.count()).toBe(1);
		expect(await rows.query({ vector: new Float32Array(256).fill(1) })).toHaveLength(1);
		await rows.add({ id: 'second', vector: new Float32Array(256).fill(1) });
		expect(await rows.count()).toBe(2);
	});

	it.skipIf(process.getuid?.() === 0)('says that a folder may not be written', async () => {
		using folder = new TemporaryFolder();
		const rows = await open(join(folder.path, 'c'), { dimension: 1, driver });
		await rows.add({ id: 'a', vector: [1] });
		await rows.close();
		chmodSync(join(folder.path, 'c'), 0o500);
		await expect(open(join(folder.path, 'c'), { driver })).rejects.toMatchObject({ code: 'storage' });
		if (driver.name === 'node:sqlite') {
			await using reader = await open(join(folder.path, 'c'), { readOnly: true, driver });
			expect((await reader.query({ vector: [1] })).map(({ id }) => id)).toEqual(['a']);
		}
		chmodSync(join(folder.path, 'c'), 0o700);
	});
});

describe('two processes', () => {
	it('cannot both write, and the lock ends with the process, however that ends', async () => {
		using folder = new TemporaryFolder();
		using processes = new Processes();
		const writer = await processes.start(folder.path);
		const error = await open(folder.path).catch((error) => error);
		expect(error).toMatchObject({ code: 'locked', found: writer.pid });
		expect(error.message).toMatch(/process \d+ on .*, since 20/);
		await writer.ask('add 5');
		await writer.kill();
		await using rows = await open(folder.path);
		expect(await rows.count()).toBe(5);
		await rows.add({ vector: [1, 2] });
	});

	it('see each other: a reader has every row that was committed before its query', async () => {
		using folder = new TemporaryFolder();
		using processes = new Processes();
		const writer = await processes.start(folder.path);
		await using reader = await open(folder.path, { readOnly: true });
		await expect(reader.add({ vector: [1, 2] })).rejects.toMatchObject({ code: 'read-only' });
		expect(await reader.count()).toBe(0);
		await writer.ask('add 3');
		expect(await reader.count()).toBe(3);
		expect((await reader.query({ vector: [0, 1], where: { odd: false } })).map(({ id }) => id)).toEqual([0, 2]);
		await writer.ask('delete 0');
		await writer.ask('add 2');
		expect((await reader.query({ vector: [0, 1] })).map(({ id }) => id).sort()).toEqual([1, 2, 3, 4]);
		await writer.ask('update 2');
		expect((await reader.query({ vector: [0, 1], where: { odd: false } })).map(({ id }) => id)).toEqual([4]);
		expect(await reader.get(2)).toMatchObject({ metadata: { odd: 'no longer' } });
		await writer.ask('close');
		expect(await reader.count()).toBe(4);
	});
});
