/** A schema that is given to a collection that has rows. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { open, type Schema, verify } from '../../src/index.ts';

const root = mkdtempSync(join(tmpdir(), 'vecino-schema-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let next = 0;

async function withRows(schema?: Schema): Promise<string> {
	const path = join(root, `c${next++}`);
	await using collection = await open(path, { dimension: 1, schema });
	await collection.add([
		{ id: 'a', vector: [1], metadata: { tags: ['x'], seen: '2020-01-01', year: 3 } },
		{ id: 'b', vector: [1] },
	]);
	return path;
}

const full = { tags: 'string[]', seen: 'datetime', year: 'integer' } as const satisfies Schema;

test('rows that fit are found by it: dates are kept in UTC, arrays by their values', async () => {
	const path = await withRows();
	await using collection = await open(path, { schema: full });
	expect(await collection.count({ tags: 'x', year: { $gte: 3 }, seen: { $gte: new Date('2020-01-01') } })).toBe(1);
	expect((await collection.get('a'))?.metadata).toMatchObject({ seen: '2020-01-01T00:00:00.000Z' });
	expect(await collection.verify()).toMatchObject({ ok: true, checked: { values: 1 } });
});

test('rows that do not fit are named, and nothing is changed', async () => {
	const path = await withRows();
	const refused = (schema: Schema, message: RegExp) =>
		expect(open(path, { schema })).rejects.toMatchObject({
			code: 'not-alike',
			message: expect.stringMatching(message),
		});
	await refused({ ...full, year: 'string' }, /row 'a': field 'year' is declared 'string', got 3/);
	await refused({ year: 'integer' }, /row 'a': metadata: there is no field 'tags'/);
	await refused({ ...full, year: { type: 'integer', required: true } }, /row 'b': field 'year' is required/);
	await using collection = await open(path);
	expect(await collection.count({ tags: 'x' })).toBe(1);
});

test('an array that is indexed later is found, and not twice when it is indexed no more', async () => {
	const path = await withRows({ ...full, tags: { type: 'string[]', index: false } });
	for (const index of [true, false]) {
		const collection = await open(path, { schema: { ...full, tags: { type: 'string[]', index } } });
		expect(await collection.count({ tags: 'x' })).toBe(1);
		await collection.close();
		expect(await verify(path)).toMatchObject({ ok: true, checked: { values: index ? 1 : 0 } });
	}
	await expect(open(path, { schema: { ...full, year: { type: 'integer', required: true } } })).rejects.toThrow(
		/required/,
	);
	await using wider = await open(path, { schema: { ...full, more: 'json' } });
	expect(await wider.count({ more: null })).toBe(2);
});
