/** What is written is read again, in all formats: ids, vectors to the bit, texts, metadata. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { shortestFloat32 } from '../../src/exchange/decimals.ts';
import { readEntries, type WriteRowsOptions, writeRows } from '../../src/exchange/files.ts';
import type { Entry, Id, Schema } from '../../src/types.ts';

const folder = mkdtempSync(join(tmpdir(), 'vecino-exchange-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

async function read(name: string): Promise<Entry[]> {
	const entries: Entry[] = [];
	for await (const entry of readEntries(path(name))) entries.push(entry);
	return entries;
}

/** An entry as JSON has it, so that typed arrays and -0 compare. */
function plain({ id, vector, text, metadata }: Entry): object {
	return { id, vector: vector && Array.from(vector, (x) => x + 0), text, metadata: metadata ?? {} };
}

const SCHEMA: Schema = {
	genre: 'string',
	score: 'number',
	year: { type: 'integer' },
	seen: 'boolean',
	at: 'datetime',
	tags: 'string[]',
	sizes: 'number[]',
	extra: 'json',
};

const float = fc.float({ noNaN: true, noDefaultInfinity: true });
const json = fc.jsonValue({ maxDepth: 2 });
/** -0 is written as 0. */
const clean = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const id = (kind: WriteRowsOptions['ids']): fc.Arbitrary<Id> =>
	kind === 'integer'
		? fc.maxSafeInteger()
		: kind === 'string'
			? fc.string({ unit: 'grapheme', minLength: 1 })
			: fc.oneof(id('integer'), id('string'));
const metadata = fc
	.record(
		{
			genre: fc.option(fc.string({ unit: 'grapheme' })),
			score: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
			year: fc.oneof(fc.integer(), fc.string()),
			seen: fc.option(fc.boolean()),
			at: fc.oneof(
				fc
					.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') })
					.map((date) => date.toISOString()),
				fc.constant('2024-05-01T10:00:00+02:00'),
			),
			tags: fc.option(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 3 })),
			sizes: fc.oneof(fc.array(fc.integer(), { maxLength: 3 }), json),
			extra: json,
			vector: fc.constant('a field called vector'),
			'quoted "key"\n': json,
		},
		{ requiredKeys: [] },
	)
	.map((value) => clean(value) as Record<string, unknown>);

const rows = (kind: WriteRowsOptions['ids'], everyVector: boolean) =>
	fc.integer({ min: 1, max: 5 }).chain((d) => {
		const vector = fc.array(float, { minLength: d, maxLength: d }).map((x) => Float32Array.from(x));
		const text = fc.string({ unit: 'grapheme' });
		const row = { id: id(kind), vector, text, metadata };
		const required = everyVector ? (['id', 'vector'] as const) : (['id', 'text'] as const);
		return fc.array(fc.record(row, { requiredKeys: [...required] }), { maxLength: 6 });
	});

describe.each([
	['rows.jsonl', {}],
	['rows.parquet', {}],
	['columns.parquet', { schema: SCHEMA }],
	['pair', {}],
	['named.npy', {}],
] as const)('%s', (name, options) => {
	it.each(['integer', 'string', 'mixed'] as const)('with %s ids', async (ids) => {
		const everyVector = !/jsonl|parquet/.test(name);
		await fc.assert(
			fc.asyncProperty(rows(ids, everyVector), async (given) => {
				const written = await writeRows(path(name), given, { ...options, ids });
				expect(written.rows).toBe(given.length);
				expect((await read(name)).map(plain)).toEqual(given.map(plain));
			}),
			{ numRuns: 12 },
		);
	});
});

it('large Parquet files come in row groups, read page by page', async () => {
	const d = 40;
	const rows = Array.from({ length: 9000 }, (_, i) => ({
		id: i,
		vector: Float32Array.from({ length: d }, (_, j) => Math.fround(Math.sin(i * 7 + j))),
		text: `row ${i}`,
		metadata: { half: i / 2, ...(i % 3 === 0 && { tags: ['a', String(i)] }) },
	}));
	const schema: Schema = { half: 'number', tags: 'string[]' };
	await writeRows(path('large.parquet'), rows, { schema });
	let i = 0;
	for await (const entry of readEntries(path('large.parquet'))) {
		if (i % 97 === 0) expect(plain(entry)).toEqual(plain(rows[i]!));
		else expect(entry.vector![i % d]).toBe(rows[i]!.vector[i % d]);
		i++;
	}
	expect(i).toBe(rows.length);
});

it('writes float32 in the fewest digits that read back', () => {
	const cases: [number, string][] = [
		[0.1, '0.1'],
		[1 / 3, '0.33333334'],
		[-0.19, '-0.19'],
		[16777216, '16777216'],
		[3.4028234663852886e38, '3.4028235e+38'],
		[1.401298464324817e-45, '1e-45'],
		[1e-10, '1e-10'],
	];
	for (const [x, text] of cases) expect(JSON.stringify(shortestFloat32(Math.fround(x)))).toBe(text);
	fc.assert(
		fc.property(float, (x) => {
			const text = JSON.stringify(shortestFloat32(x));
			expect(Math.fround(JSON.parse(text))).toBe(x + 0);
			let digits = 1;
			while (Math.fround(Number(x.toPrecision(digits))) !== x) digits++;
			expect(text.length).toBeLessThanOrEqual(JSON.stringify(Number(x.toPrecision(digits))).length);
		}),
		{ numRuns: 3000 },
	);
});
