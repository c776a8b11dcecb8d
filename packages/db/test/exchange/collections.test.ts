/** Collections into files and out of them. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Collection, type Entry, open, type Row, readEntries } from '../../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'vecino-exchange-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

async function all(name: string): Promise<Entry[]> {
	const entries: Entry[] = [];
	for await (const entry of readEntries(path(name))) entries.push(entry);
	return entries;
}

const rows = Array.from({ length: 600 }, (_, i) => ({
	id: i % 2 === 0 ? i : `row ${i}`,
	vector: Float32Array.of(i, 1, 0.5 - i / 3),
	...(i % 3 === 0 && { text: `text ${i}` }),
	metadata: { year: 2000 + (i % 30), ...(i % 5 === 0 && { tags: ['five', `${i}`] }) },
}));

async function filled(at = ':memory:'): Promise<Collection> {
	const collection = (await open(at, {
		metric: 'l2',
		schema: { year: 'integer', tags: 'string[]' },
	})) as unknown as Collection;
	await collection.add(rows);
	return collection;
}

describe.each([':memory:', 'folder'])('%s', (at) => {
	it.each(['out.jsonl', 'out.parquet', 'out'])('goes into %s and comes back the same', async (name) => {
		await using collection = await filled(at === 'folder' ? path(`from ${name}`) : at);
		const written = await collection.export(path(name));
		expect(written).toMatchObject({
			rows: 600,
			paths: name === 'out' ? [expect.anything(), expect.anything()] : [path(name)],
		});
		await using other = await open(':memory:', { metric: 'l2' });
		const progress: number[] = [];
		const imported = await other.import(path(name), { onProgress: ({ rows: done }) => progress.push(done) });
		expect(imported.rows).toBe(600);
		expect(progress.at(-1)).toBe(600);
		for (const row of rows) expect(await other.get(row.id, { include: ['metadata', 'text', 'vector'] })).toEqual(row);
	});
});

it('exports what is asked for', async () => {
	await using collection = await filled();
	await collection.export(path('some.jsonl'), { where: { year: { $lt: 2002 } }, include: ['metadata'] });
	const some = rows.filter(({ metadata }) => metadata.year < 2002);
	const lines = readFileSync(path('some.jsonl'), 'utf8').trim().split('\n');
	expect(lines.map((line) => JSON.parse(line))).toEqual(some.map(({ id, metadata }) => ({ id, metadata })));
	await expect(collection.export(path('x.jsonl'), { where: { yaer: 1 } })).rejects.toMatchObject({
		code: 'unknown-field',
	});
	expect(existsSync(path('x.jsonl'))).toBe(false);
	await expect(collection.export(path('x.xml'))).rejects.toMatchObject({ code: 'unsupported' });
	await expect(collection.export(path('x.jsonl'), { include: ['all'] as never })).rejects.toThrow(RangeError);
});

it('an export has the rows of one moment, while others are written', async () => {
	await using collection = await filled(path('moment'));
	let written = false;
	const exporting = collection.export(path('moment.jsonl'), {
		onProgress: () => {
			if (written) return;
			written = true;
			void collection.upsert(rows.slice(0, 10).map((row) => ({ ...row, vector: [9, 9, 9] })));
			void collection.delete(rows[599]!.id);
		},
	});
	expect((await exporting).rows).toBe(600);
	const entries = await all('moment.jsonl');
	expect(entries.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
	expect(Array.from(entries[0]!.vector!)).toEqual([0, 1, 0.5]);
	expect(written).toBe(true);
	expect(await collection.has(rows[599]!.id)).toBe(false);
});

describe('an import that fails', () => {
	const lines = (count: number, last: string): string =>
		`${Array.from({ length: count }, (_, i) => `{"id":${i},"vector":[${i},0]}`).join('\n')}\n\n${last}\n`;

	it.each([
		['{"id":7,"vector":[1,1]}', 'duplicate-id', 'line 1502: '],
		['{"id":"x","vector":[1]}', 'dimension-mismatch', 'line 1502: '],
		['{"id":"","vector":[1,1]}', 'corrupt-data', 'line 1502: '],
		['{"id":', 'corrupt-data', 'line 1502: '],
	])('at %j names the line, what is committed, and goes on from there', async (last, code, message) => {
		await using collection = await open(':memory:', { metric: 'l2' });
		writeFileSync(path('bad.jsonl'), lines(1500, last));
		const failure = await collection.import(path('bad.jsonl')).then(
			() => undefined,
			(error: Error & { code?: string; committed?: number }) => error,
		);
		expect(failure?.code).toBe(code);
		expect(failure?.message).toMatch(/^bad\.jsonl: /);
		expect(failure?.message).toContain(message);
		expect(failure?.message).toContain('the first 1000 entries were imported (skip: 1000 goes on)');
		expect(failure?.committed).toBe(1000);
		expect(await collection.count()).toBe(1000);
		writeFileSync(path('bad.jsonl'), lines(1500, '{"id":"good","vector":[1,1]}'));
		expect(await collection.import(path('bad.jsonl'), { skip: 1000 })).toEqual({ format: 'jsonl', rows: 501 });
		expect(await collection.count()).toBe(1501);
	});

	it('by a signal keeps what was committed', async () => {
		await using collection = await open(':memory:', { metric: 'l2' });
		writeFileSync(path('long.jsonl'), lines(5000, ''));
		const controller = new AbortController();
		const importing = collection.import(path('long.jsonl'), {
			signal: controller.signal,
			onProgress: () => controller.abort(),
		});
		await expect(importing).rejects.toMatchObject({ code: 'aborted', committed: 1000 });
		expect(await collection.count()).toBe(1000);
	});
});

it('upserts, and reads the JSON of MiniVecDB', async () => {
	await using collection = await open(':memory:', { metric: 'cosine' });
	const document = {
		dimension: 2,
		next_id: 3,
		vectors: { 0: [1, 0], 2: [0, 1] },
		metadatas: { 0: { headline: 'a', genre: 'x' }, 2: { headline: 'b', genre: 'y' } },
	};
	writeFileSync(path('headlines.json'), JSON.stringify(document));
	expect(await collection.import(path('headlines.json'))).toEqual({ format: 'json', rows: 2 });
	await expect(collection.import(path('headlines.json'))).rejects.toMatchObject({ code: 'duplicate-id' });
	expect((await collection.import(path('headlines.json'), { mode: 'upsert' })).rows).toBe(2);
	const [hit] = await collection.query({ vector: [0.1, 1], k: 1 });
	expect(hit).toMatchObject({ id: 2, metadata: { headline: 'b', genre: 'y' } } satisfies Partial<Row>);
});
