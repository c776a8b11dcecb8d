/** What files of others are read as, and what is said of those that cannot be read. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, parquetWrite, schemaFromColumnData } from 'hyparquet-writer';
import { bytesSource, IndexFlat, isVecinoError } from 'vecino';
import { saveIndex, writeVectors } from 'vecino/node';
import { afterAll, describe, expect, it } from 'vitest';
import {
	type EntriesInput,
	type OpenEntriesOptions,
	openEntries,
	readEntries,
	writeRows,
} from '../../src/exchange/files.ts';
import { decompressLz4 } from '../../src/exchange/lz4.ts';
import { sniffExchange } from '../../src/exchange/sniff.ts';
import type { Entry } from '../../src/types.ts';

const folder = mkdtempSync(join(tmpdir(), 'vecino-exchange-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
	const path = join(folder, name);
	writeFileSync(path, content);
	return path;
}

async function all(input: EntriesInput, options?: OpenEntriesOptions): Promise<object[]> {
	const entries: object[] = [];
	for await (const entry of readEntries(input, options)) entries.push(plain(entry));
	return entries;
}

function plain({ vector, ...rest }: Entry): object {
	return { ...rest, ...(vector !== undefined && { vector: Array.from(vector) }) };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** The error that reading ends in. */
async function failure(
	input: EntriesInput,
	options?: OpenEntriesOptions,
): Promise<{ code: string; message: string; row?: number }> {
	try {
		await all(input, options);
	} catch (error) {
		if (!isVecinoError(error)) throw error;
		return error;
	}
	throw new Error('it was read');
}

describe('JSON lines', () => {
	it('takes the usual names, and what is left as metadata', async () => {
		const text = [
			'{"id":1,"vector":[1,2],"text":"a","metadata":{"genre":"x"}}',
			'{"_id":"b","embedding":[3,4],"content":"c","year":2020,"tags":["t"]}',
			'{"id":"p","values":[5,6],"metadata":{"a":1},"b":null}',
			'{"document":"words alone","id":null,"vector":null}',
			'{"id":2,"_id":"mongo","vector":[7,8],"values":"cheap","content":7}',
			'{"id":3,"vector":[1,1],"payload":{"q":1},"__proto__":{"x":1}}',
		].join('\n');
		expect(await all(bytes(text))).toEqual([
			{ id: 1, vector: [1, 2], text: 'a', metadata: { genre: 'x' } },
			{ id: 'b', vector: [3, 4], text: 'c', metadata: { year: 2020, tags: ['t'] } },
			{ id: 'p', vector: [5, 6], metadata: { a: 1, b: null } },
			{ text: 'words alone' },
			{ id: 2, vector: [7, 8], metadata: { _id: 'mongo', values: 'cheap', content: 7 } },
			{ id: 3, vector: [1, 1], metadata: JSON.parse('{"q":1,"__proto__":{"x":1}}') },
		]);
	});

	it('takes the names it is given', async () => {
		const options = { keys: { id: 'uid', vector: 'emb', text: 'headline' } };
		expect(await all(bytes('{"uid":"u","emb":[1],"headline":"h","id":5,"text":"t"}'), options)).toEqual([
			{ id: 'u', vector: [1], text: 'h', metadata: { id: 5, text: 't' } },
		]);
		expect(await failure(bytes('{"id":1,"x":[1]}'), options)).toMatchObject({
			code: 'corrupt-data',
			message: expect.stringContaining("neither 'emb' nor 'headline', but 'id', 'x'"),
		});
	});

	it('minds neither byte order mark, CR LF, blank lines, a missing last line end nor where parts are cut', async () => {
		const text = '\ufeff\r\n{"text":"é"}\r\n\r\n  \n{"text":"ü\\n"}\r\n{"text":"😀"}';
		const whole = bytes(text);
		const expected = [{ text: 'é' }, { text: 'ü\n' }, { text: '😀' }];
		expect(await all(whole)).toEqual(expected);
		for (let size = 1; size < 12; size++) {
			const cut = async function* (): AsyncGenerator<Uint8Array> {
				for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
			};
			expect(await all(cut())).toEqual(expected);
		}
	});

	it.each([
		['{"vector":[1]}\n\n{"vector":[1]', 'corrupt-data', 'line 3: ends in the middle'],
		['{"vector":[1]}\nnull', 'corrupt-data', 'line 2: expected an object, got null'],
		[
			'{"vector":[1]}\n{"vector":[1,2]}',
			'dimension-mismatch',
			"line 2: 'vector' has 2 numbers, expected 1, as in line 1",
		],
		['{"vector":[1,null]}', 'corrupt-data', "line 1: 'vector'[1] must be a number, got null"],
		['{"vector":[1,1e39]}', 'not-finite', "'vector'[1] is 1e+39"],
		['{"vector":[NaN]}', 'corrupt-data', 'line 1: no JSON: it has NaN'],
		['{"vector":"abc"}', 'corrupt-data', '\'vector\' must be an array of numbers, got "abc"'],
		['{"vector":[]}', 'corrupt-data', 'got an empty array'],
		['{"id":1.5,"vector":[1]}', 'corrupt-data', "'id' must be a string or an integer, got 1.5"],
		['{"id":12345678901234567890,"vector":[1]}', 'corrupt-data', 'write longer ones as strings'],
		['{"id":{},"vector":[1]}', 'corrupt-data', "'id' must be"],
		['{"text":1}', 'corrupt-data', "'text' must be a string"],
		['{"text":"a","metadata":[1]}', 'corrupt-data', "'metadata' must be an object"],
		['{"text":"a","metadata":{"x":1},"x":2}', 'corrupt-data', "'x' stands beside 'metadata' and in it"],
		['{"text":"a"}\n{\n"text":"b"}', 'corrupt-data', "the format is 'json'"],
	])('refuses %j', async (text, code, message) => {
		expect(await failure(bytes(text), { name: 'x.jsonl', format: 'jsonl' })).toMatchObject({
			code,
			message: expect.stringContaining(message),
		});
	});

	it('names the line with bytes that are no UTF-8', async () => {
		const text = new Uint8Array([...bytes('{"text":"a"}\n{"text":"'), 0xff, ...bytes('"}')]);
		expect(await failure(text, { format: 'jsonl' })).toMatchObject({ code: 'corrupt-data', row: 1 });
	});

	it('gives what stands before an error', async () => {
		const seen: unknown[] = [];
		const reading = async (): Promise<void> => {
			for await (const { id } of readEntries(bytes('{"id":1,"text":"a"}\n{"id":2,"text":"b"}\n{'))) seen.push(id);
		};
		await expect(reading()).rejects.toThrow('line 3: ends in the middle');
		expect(seen).toEqual([1, 2]);
	});

	it('tells how far it has come, and stops when asked to', async () => {
		const path = file('far.jsonl', '{"text":"abc"}\n'.repeat(100_000));
		const controller = new AbortController();
		await using opened = await openEntries(path, { signal: controller.signal });
		expect(opened).toMatchObject({ format: 'jsonl', total: 1_500_000, unit: 'line' });
		const reading = async (): Promise<void> => {
			for await (const { place } of opened.entries) if (place === 10) controller.abort();
		};
		await expect(reading()).rejects.toMatchObject({ code: 'aborted' });
		expect(opened.read()).toBe(2 ** 20);
	});
});

describe('JSON documents', () => {
	const rows = [
		{ id: 0, vector: [1, 2], metadata: { title: 'a' } },
		{ id: 7, vector: [3, 4], metadata: { title: 'b' } },
	];
	it.each([
		[
			'MiniVecDB',
			{
				dimension: 2,
				next_id: 8,
				vectors: { 0: [1, 2], 7: [3, 4] },
				metadatas: { 0: { title: 'a' }, 7: { title: 'b' } },
			},
		],
		[
			'MiniVecDB, metadata first and in another order',
			{ metadatas: { 7: { title: 'b' }, 0: { title: 'a' } }, vectors: { 0: [1, 2], 7: [3, 4] } },
		],
		['an array of entries', rows],
		['entries in an object', { metric: 'cosine', dimension: 2, entries: rows }],
		[
			'flat entries',
			{
				data: [
					{ id: 0, embedding: [1, 2], title: 'a' },
					{ id: 7, embedding: [3, 4], title: 'b' },
				],
			},
		],
		[
			'entries by id',
			{ vectors: { 0: { vector: [1, 2], metadata: { title: 'a' } }, 7: { vector: [3, 4], title: 'b' } } },
		],
		[
			'columns',
			{
				ids: [0, 7],
				embeddings: [
					[1, 2],
					[3, 4],
				],
				documents: null,
				metadatas: [{ title: 'a' }, { title: 'b' }],
			},
		],
	])('%s', async (_, document) => {
		for (const indent of [undefined, 1]) {
			const text = bytes(JSON.stringify(document, undefined, indent));
			expect(sniffExchange(text, 'x.json').format).toBe('json');
			expect(await all(text, { format: 'json' })).toEqual(rows);
			expect(await all(bytes(`\ufeff${JSON.stringify(document, undefined, indent)} \n`), { format: 'json' })).toEqual(
				rows,
			);
		}
	});

	it('vectors alone, one entry alone, none at all', async () => {
		expect(await all(bytes('[[1,2],[3,4]]'))).toEqual([{ vector: [1, 2] }, { vector: [3, 4] }]);
		expect(await all(bytes('{\n"vector":[1,2],\n"x":1}'))).toEqual([{ vector: [1, 2], metadata: { x: 1 } }]);
		expect(await all(bytes('[ ]'))).toEqual([]);
		expect(await all(bytes('{"dimension":3,"next_id":0,"vectors":{},"metadatas":{}}'))).toEqual([]);
		const columns = { vectors: [[1], [2]], metadatas: [null, { a: 1 }], texts: ['x', null] };
		expect(await all(bytes(JSON.stringify(columns)))).toEqual([
			{ vector: [1], text: 'x' },
			{ vector: [2], metadata: { a: 1 } },
		]);
	});

	it('of several megabytes, whatever stands where they are cut', async () => {
		const noise = '\\\\"}],[{: "\\\\\\"é😀 \\n';
		const entries = Array.from({ length: 3000 }, (_, i) => ({
			id: i,
			text: noise.repeat(1 + ((i * 7919) % 60)),
			metadata: { [noise]: [noise, { deep: [[i]] }] },
		}));
		expect(await all(bytes(JSON.stringify(entries)))).toEqual(entries);
		const byId = Object.fromEntries(entries.map((entry) => [`${noise}${entry.id}`, { ...entry }]));
		expect(await all(bytes(JSON.stringify({ entries: byId }, undefined, '\t')))).toEqual(entries);
	});

	it('vectors without metadata, metadata without vectors', async () => {
		const document = { vectors: { 0: [1], x: [2], '01': [3] }, metadatas: { 9: { a: 1 }, x: { b: 2 } } };
		expect(await all(bytes(JSON.stringify(document)))).toEqual([
			{ id: 0, vector: [1] },
			{ id: 'x', vector: [2], metadata: { b: 2 } },
			{ id: '01', vector: [3] },
		]);
	});

	it.each([
		['[{"vector":[1]},', 'cut short'],
		['{"vectors":{"0":[1', 'cut short'],
		['[{"vector":[1]}}', 'byte'],
		['[{"vector":[1]},]', 'no JSON'],
		['[{"vector":[1]}] x', 'something after the end of the array'],
		['{"vectors":[[1]]}{"vectors":[]}', "give format 'jsonl'"],
		['{"a":1,"b":2}', "found 'a', 'b'"],
		['{"dimension":3,"vectors":{"0":[1,2]}}', "entry 1: 'vector' has 2 numbers, expected 3, as 'dimension' says"],
		['{"vectors":[[1]],"ids":[1,2]}', 'go on where the vectors end'],
		['{"vectors":[[1]],"ids":[{}]}', 'its id is neither'],
		['{"vectors":[[1]],"metadatas":[3]}', 'its metadata is no object'],
		['{"vectors":{"0":"abc"}}', 'entry 1: expected an object, got "abc"'],
		['12', 'neither an array nor an object'],
		['', 'neither an array nor an object'],
	])('refuses %j', async (text, message) => {
		const error = await failure(bytes(text), { format: 'json' });
		expect(error.code).toMatch(/corrupt-data|dimension-mismatch/);
		expect(error.message).toContain(message);
	});
});

describe('.npy with JSON lines', () => {
	const pair = async (name: string, lines: string | undefined, vectors = [1, 2, 3, 4]): Promise<string> => {
		const at = join(folder, name);
		mkdirSync(at);
		await writeVectors(join(at, 'vectors.npy'), Float32Array.from(vectors), { d: 2 });
		if (lines !== undefined) writeFileSync(join(at, 'metadata.jsonl'), lines);
		return at;
	};

	it('line i belongs to vector i', async () => {
		const at = await pair('flat', '{"id":"a","headline":"h","year":1}\n{"metadata":{"b":2}}\n');
		const expected = [
			{ id: 'a', vector: [1, 2], text: 'h', metadata: { year: 1 } },
			{ vector: [3, 4], metadata: { b: 2 } },
		];
		expect(await all(at, { keys: { text: 'headline' } })).toEqual(expected);
		expect(await all(join(at, 'vectors.npy'), { keys: { text: 'headline' } })).toEqual(expected);
		const fvecs = join(at, 'vectors.fvecs');
		await writeVectors(fvecs, Float32Array.of(5, 6, 7, 8), { d: 2 });
		expect(await all(fvecs)).toMatchObject([{ id: 'a', vector: [5, 6] }, { vector: [7, 8] }]);
		expect(await all(await pair('alone', undefined))).toEqual([{ vector: [1, 2] }, { vector: [3, 4] }]);
	});

	it('compares counts before anything is given, and finds numbers that are none', async () => {
		expect(await failure(await pair('fewer', '{}\n'))).toMatchObject({
			code: 'corrupt-data',
			message: expect.stringContaining('metadata.jsonl has 1 lines'),
		});
		const at = await pair('nan', '{}\n{}\n');
		const npy = readFileSync(join(at, 'vectors.npy'));
		npy.writeFloatLE(Number.NaN, npy.length - 8);
		writeFileSync(join(at, 'vectors.npy'), npy);
		expect(await failure(at)).toMatchObject({ code: 'not-finite' });
	});
});

describe('Parquet', () => {
	type Columns = Parameters<typeof parquetWrite>[0]['columnData'];
	/** A file of these columns; arrays of arrays are lists of floats, as other programs write vectors. */
	const parquet = (columnData: Columns, options = {}): Uint8Array => {
		const writer = new ByteWriter();
		const elements = columnData.flatMap((column): SchemaElement[] => {
			const { name, data } = column;
			if (!Array.isArray(data[0])) return schemaFromColumnData({ columnData: [column] }).slice(1);
			return [
				{ name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
				{ name: 'list', repetition_type: 'REPEATED', num_children: 1 },
				{ name: 'element', repetition_type: 'OPTIONAL', type: 'FLOAT' },
			];
		});
		const schema = [{ name: 'root', num_children: columnData.length }, ...elements];
		parquetWrite({ writer, columnData: columnData.map(({ name, data }) => ({ name, data })), schema, ...options });
		return new Uint8Array(writer.getBuffer());
	};
	const vectors = [
		[1, 2],
		[3, 4],
	];

	it('finds the vectors by type where no name says it; other columns are metadata, in the values of JSON', async () => {
		const file = parquet([
			{
				name: 'emb',
				data: [
					[0.5, 2],
					[3, 4],
				],
			},
			{ name: 'title', data: ['a', 'b'] },
			{ name: 'when', data: [new Date(0), new Date(1000)], type: 'TIMESTAMP' },
			{ name: 'big', data: [2n ** 60n, 5n], type: 'INT64' },
			{ name: 'none', data: [null, 'x'], type: 'STRING' },
			{ name: 'nested', data: [{ a: [1, 2] }, { a: [] }], type: 'JSON' },
		]);
		expect(await all(file)).toEqual([
			{
				vector: [0.5, 2],
				metadata: { title: 'a', when: '1970-01-01T00:00:00.000Z', big: String(2n ** 60n), nested: { a: [1, 2] } },
			},
			{
				vector: [3, 4],
				metadata: { title: 'b', when: '1970-01-01T00:00:01.000Z', big: 5, none: 'x', nested: { a: [] } },
			},
		]);
	});

	it('reads float32 as bytes, integers, and columns by the names given', async () => {
		const raw = [Uint8Array.of(0, 0, 128, 63), Uint8Array.of(0, 0, 0, 64)];
		expect(await all(parquet([{ name: 'vector', data: raw, type: 'BYTE_ARRAY' }]))).toEqual([
			{ vector: [1] },
			{ vector: [2] },
		]);
		const named = parquet([
			{ name: 'v', data: vectors },
			{ name: 'w', data: vectors },
			{ name: 'uid', data: ['a', 'b'] },
		]);
		expect(await all(named, { keys: { vector: 'w', id: 'uid' } })).toMatchObject([
			{ id: 'a', vector: [1, 2], metadata: { v: [1, 2] } },
			{ id: 'b', vector: [3, 4] },
		]);
		expect(await failure(named, { keys: { vector: 'x' } })).toMatchObject({
			message: expect.stringContaining("no column 'x'; it has v, w, uid"),
		});
		const two = parquet([
			{ name: 'v', data: [[0.5]] },
			{ name: 'w', data: [[0.5]] },
		]);
		expect(await failure(two)).toMatchObject({ message: expect.stringContaining('(v, w); say which') });
	});

	it('reads zstd, and many small row groups', async () => {
		const compressors = { ZSTD: (input: Uint8Array) => new Uint8Array(zstdCompressSync(input)) };
		const data = Array.from({ length: 50 }, (_, i) => [i, i / 2]);
		const file = parquet([{ name: 'vector', data }], { codec: 'ZSTD', compressors, rowGroupSize: 7 });
		expect(await all(file)).toEqual(data.map((vector) => ({ vector })));
	});

	it('reads LZ4, and says which codec it has not', async () => {
		// 'abcabcabcabcabcX': three literals, a copy that runs into itself, and a literal at the end.
		const block = Uint8Array.of(0x38, 0x61, 0x62, 0x63, 3, 0, 0x10, 0x58);
		expect(new TextDecoder().decode(decompressLz4(block, 16))).toBe('abcabcabcabcabcX');
		for (let end = 0; end < block.length; end++) expect(() => decompressLz4(block.subarray(0, end), 16)).toThrow('LZ4');
		const long = Uint8Array.of(0xf0, 255, 0, ...new Uint8Array(270).fill(7));
		expect(decompressLz4(long, 270)).toEqual(new Uint8Array(270).fill(7));
		const compressors = { LZO: (input: Uint8Array) => input };
		expect(await failure(parquet([{ name: 'vector', data: vectors }], { codec: 'LZO', compressors }))).toMatchObject({
			code: 'unsupported',
			message: expect.stringContaining('compressed with LZO'),
		});
	});

	it('names the row of a vector of another length, or of nothing', async () => {
		expect(await failure(parquet([{ name: 'vector', data: [[0.5, 1], [2]] }]))).toMatchObject({
			code: 'dimension-mismatch',
			row: 1,
		});
		expect(await failure(parquet([{ name: 'x', data: ['a'] }]))).toMatchObject({
			message: expect.stringContaining("row 1: has neither 'vector'"),
		});
	});

	it('says so of damaged files, whatever byte is wrong', async () => {
		const rows = Array.from({ length: 20 }, (_, i) => ({ id: i, vector: [i, 1, 2], metadata: { i } }));
		const path = join(folder, 'whole.parquet');
		await writeRows(path, rows);
		const whole = readFileSync(path);
		await fc.assert(
			fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), async (at, byte, cut) => {
				const damaged = cut ? whole.subarray(0, at) : Buffer.from(whole);
				if (!cut) damaged[at] = byte;
				try {
					for await (const _ of readEntries(bytesSource(damaged), { format: 'parquet' }));
				} catch (error) {
					expect(isVecinoError(error), String(error)).toBe(true);
				}
			}),
			{ numRuns: 400 },
		);
	});
});

describe('which format a file is', () => {
	it.each([
		['{"id":1}\n{"id":2}\n', 'x', 'jsonl'],
		['{"id":1}', 'x', 'jsonl'],
		['{"vector":[1,', 'x', 'jsonl'],
		['{"vectors":{"0":[1,', 'x', 'json'],
		['{"dimension":3,', 'x.txt', 'json'],
		['{"data":1}\n{"data":2}\n', 'x.json', 'jsonl'],
		['{"vector":[1,', 'x.json', 'json'],
		['{\n  "a": 1,', 'x', 'json'],
		[' [{', 'x', 'json'],
		['PAR1....', 'x', 'parquet'],
		['\x93NUMPY', 'x', 'npy'],
		['', 'x.jsonl', 'jsonl'],
	])('%j in %s is %s', (head, name, format) => {
		expect(
			sniffExchange(
				Uint8Array.from(head, (c) => c.charCodeAt(0)),
				name,
			).format,
		).toBe(format);
	});

	it('names what it is otherwise', async () => {
		using index = new IndexFlat({ d: 2 });
		await saveIndex(index, join(folder, 'x.vecino'));
		const cases: [string, string][] = [
			[join(folder, 'x.vecino'), 'a vecino index'],
			[file('a.jsonl', 'version https://git-lfs.github.com/spec/v1\n'), 'a Git LFS pointer'],
			[file('b.db', 'SQLite format 3\0...'), 'an SQLite database'],
			[file('c.index', Uint8Array.from([...bytes('IxFI'), 64, 0, 0, 0, 9, 0, 0, 0])), 'a FAISS index'],
			[file('d.gz', Uint8Array.of(0x1f, 0x8b, 8)), 'gunzip'],
			[file('e.csv', 'id,text\n1,a\n'), 'text (CSV?)'],
			[file('f.html', '<!doctype html>'), 'an HTML'],
			[file('g.bin', Uint8Array.of(1, 2, 3, 250)), 'no format that is known'],
			[file('h.json', ''), 'an empty file'],
			[file('i.txt', Uint8Array.of(0xff, 0xfe, 0x7b, 0)), 'UTF-16'],
			[folder, 'a folder without vectors.npy'],
		];
		for (const [path, what] of cases) {
			expect(await failure(path)).toMatchObject({ code: 'unsupported', message: expect.stringContaining(what) });
		}
		expect(await failure(join(folder, 'missing.jsonl'))).toMatchObject({ code: 'storage' });
		await expect(writeRows(join(folder, 'x.xlsx'), [])).rejects.toMatchObject({ code: 'unsupported' });
	});
});

it('an output that fails halfway leaves the old file and no other', async () => {
	const rows = function* (): Generator<Entry> {
		yield { id: 1, vector: [1] };
		throw new Error('no more');
	};
	for (const name of ['half.jsonl', 'half.parquet', 'half.npy']) {
		const path = file(name, 'old');
		await expect(writeRows(path, rows())).rejects.toThrow('no more');
		expect(readFileSync(path, 'utf8')).toBe('old');
	}
	await expect(writeRows(join(folder, 'no'), [{ id: 1, text: 'a' }])).rejects.toThrow('row 0 has no vector');
	await expect(writeRows(join(folder, 'no'), [{ vector: [1] }, { vector: [1, 2] }])).rejects.toMatchObject({
		code: 'dimension-mismatch',
		row: 1,
	});
	await expect(
		writeRows(join(folder, 'm.parquet'), [
			...Array.from({ length: 8192 }, (_, id) => ({ id, text: '' })),
			{ id: 'x', text: '' },
		]),
	).rejects.toThrow("give ids 'mixed'");
});

it('what is too long for an entry is refused while it is read', async () => {
	const long = async function* (): AsyncGenerator<Uint8Array> {
		for (let i = 0; i < 64; i++) yield new Uint8Array(2 ** 20).fill(0x5b);
	};
	expect(await failure(long())).toMatchObject({
		code: 'corrupt-data',
		row: 0,
		message: expect.stringContaining('longer than'),
	});
	const nested = new Uint8Array(2 ** 25).fill(0x5b);
	expect(await failure(nested, { format: 'json' })).toMatchObject({ code: 'corrupt-data' });
});
