/**
 * Parquet files as entries: a column of vectors (lists of numbers, or float32 bytes), found by its name or, where there is
 * one alone, by its type; columns id, text and metadata (JSON) by name; every other column becomes metadata.
 *
 * One row group is in memory at a time, or 1024 rows of it where the file has an offset index.
 */

import { type FileMetaData, parquetMetadataAsync, parquetReadObjects, parquetSchema, type SchemaTree } from 'hyparquet';
import { type RangeSource, VecinoError } from 'vecino';
import { checkSignal } from './bytes.ts';
import { EntryReader, isObject, type PlacedEntry, type ReadEntriesOptions, USUAL_KEYS } from './entries.ts';
import { decompressLz4 } from './lz4.ts';

/** Decompressors by codec: what the reader gives beside SNAPPY, which is built in. */
export type Decompressors = Readonly<Record<string, (input: Uint8Array, outputLength: number) => Uint8Array>>;

export interface ReadParquetOptions extends ReadEntriesOptions {
	readonly decompressors?: Decompressors | undefined;
}

/** Rows read at once where pages can be found without reading the whole row group. */
const ROWS = 1024;

/** A row group may be this large, bytes. */
const LARGEST_GROUP = 2 ** 31 - 2 ** 20;

/** Types that a vector can consist of. */
const NUMBERS = ['FLOAT', 'DOUBLE', 'INT32', 'INT64', 'FIXED_LEN_BYTE_ARRAY'];

/** How many rows the file says it has. */
export async function parquetRows(source: RangeSource, name: string): Promise<number> {
	return Number((await readFooter(source, name)).num_rows);
}

/**
 * Entries of a Parquet file; a place is a row, counted from 1.
 *
 * @throws VecinoError 'corrupt-data', 'not-finite', 'dimension-mismatch', 'unsupported' for codecs that are not there.
 */
export async function* readParquet(source: RangeSource, options: ReadParquetOptions = {}): AsyncGenerator<PlacedEntry> {
	const reader = new EntryReader('row', options);
	const metadata = await readFooter(source, reader.name);
	const columns = parquetSchema(metadata).children;
	const key = vectorColumn(columns, reader, options.keys);
	const byType = key !== undefined && !USUAL_KEYS.vector.some((usual) => usual === key);
	const keyed = byType ? new EntryReader('row', { ...options, keys: { ...options.keys, vector: key } }) : reader;
	const isBytes = columns.some(({ element }) => element.name === key && isRawBytes(element.type));
	const decode = {
		metadata,
		file: asyncBuffer(source),
		compressors: { LZ4_RAW: decompressLz4, ...options.decompressors },
		utf8: false,
	};
	let start = 0;
	for (const [group, { num_rows, columns: chunks }] of metadata.row_groups.entries()) {
		const rows = Number(num_rows);
		const indexed = chunks.every((chunk) => chunk.offset_index_offset !== undefined);
		const size = chunks.reduce((sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0), 0);
		if (size > LARGEST_GROUP && !indexed) throw tooLarge(reader.name, group, size);
		for (let from = 0; from < rows; from += indexed ? ROWS : rows) {
			checkSignal(options.signal);
			const rowStart = start + from;
			const rowEnd = start + Math.min(rows, indexed ? from + ROWS : rows);
			const found = await readRows({ ...decode, rowStart, rowEnd, useOffsetIndex: indexed }, reader.name, group);
			for (const [i, row] of found.entries()) {
				const place = rowStart + i + 1;
				yield { entry: keyed.read(plain(row, isBytes ? key : undefined, keyed, place), place), place };
			}
		}
		start += rows;
	}
}

/** The range source as hyparquet takes it. */
function asyncBuffer(source: RangeSource): {
	byteLength: number;
	slice(start: number, end?: number): Promise<ArrayBuffer>;
} {
	const { byteLength } = source;
	return {
		byteLength,
		async slice(start, end = byteLength) {
			const from = start < 0 ? byteLength + start : start;
			const bytes = await source.read(from, end - from);
			const { buffer } = bytes;
			if (bytes.byteOffset === 0 && buffer.byteLength === bytes.length) return buffer as ArrayBuffer;
			return bytes.slice().buffer as ArrayBuffer;
		},
	};
}

async function readFooter(source: RangeSource, name: string): Promise<FileMetaData> {
	try {
		const metadata = await parquetMetadataAsync(asyncBuffer(source), { geoparquet: false });
		checkFooter(metadata, source.byteLength);
		return metadata;
	} catch (cause) {
		throw damaged(name, 'its footer', cause);
	}
}

/** Counts and places that cannot be: found before anything is allocated for them. */
function checkFooter({ row_groups, num_rows }: FileMetaData, byteLength: number): void {
	let rows = 0;
	for (const group of row_groups) {
		rows += Number(group.num_rows);
		for (const { meta_data } of group.columns) {
			if (meta_data === undefined) throw new Error('a column without metadata');
			const { total_compressed_size, data_page_offset, dictionary_page_offset } = meta_data;
			const start = Number(dictionary_page_offset || data_page_offset);
			const size = Number(total_compressed_size);
			if (!(start >= 4 && size >= 0 && start + size <= byteLength)) throw new Error('a column outside the file');
		}
	}
	if (!(rows >= 0) || rows !== Number(num_rows)) throw new Error(`${num_rows} rows, ${rows} in its row groups`);
}

type ReadOptions = Parameters<typeof parquetReadObjects>[0];

async function readRows(options: ReadOptions, name: string, group: number): Promise<Record<string, unknown>[]> {
	try {
		return await parquetReadObjects(options);
	} catch (cause) {
		const codec = /codec:? ([A-Z0-9_]+)/.exec(String(cause))?.[1];
		if (codec !== undefined) {
			const message = `${name}: compressed with ${codec}, which cannot be read here; write it with SNAPPY or ZSTD`;
			throw new VecinoError('unsupported', message, { cause });
		}
		throw damaged(name, `row group ${group}`, cause);
	}
}

function damaged(name: string, what: string, cause: unknown): unknown {
	if (cause instanceof VecinoError) return cause;
	const reason = cause instanceof Error ? cause.message.slice(0, 160) : String(cause);
	return new VecinoError('corrupt-data', `${name}: a damaged Parquet file, ${what}: ${reason}`, { cause });
}

function tooLarge(name: string, group: number, bytes: number): VecinoError {
	const message = `${name}: row group ${group} has ${bytes} bytes, more than fits in memory at once; write smaller ones (row_group_size=10000)`;
	return new VecinoError('unsupported', message, { requested: bytes, limit: LARGEST_GROUP });
}

/** The name of the column of vectors; undefined where there is none. */
function vectorColumn(
	columns: readonly SchemaTree[],
	reader: EntryReader,
	keys: ReadEntriesOptions['keys'],
): string | undefined {
	const names = columns.map(({ element }) => element.name);
	const wanted = keys?.vector;
	if (wanted !== undefined) {
		if (names.includes(wanted)) return wanted;
		throw new VecinoError('corrupt-data', `${reader.name}: no column '${wanted}'; it has ${names.join(', ')}`);
	}
	const usual = USUAL_KEYS.vector.find((key) =>
		columns.some(
			(column) => column.element.name === key && (isListOfNumbers(column) || isRawBytes(column.element.type)),
		),
	);
	if (usual !== undefined) return usual;
	const lists = columns.filter((column) => isListOfNumbers(column, ['FLOAT', 'DOUBLE', 'FIXED_LEN_BYTE_ARRAY']));
	if (lists.length < 2) return lists[0]?.element.name;
	const which = lists.map(({ element }) => element.name).join(', ');
	throw new VecinoError('corrupt-data', `${reader.name}: several columns could be the vectors (${which}); say which`);
}

function isListOfNumbers(column: SchemaTree, types: readonly string[] = NUMBERS): boolean {
	let node = column;
	let repeated = node.element.repetition_type === 'REPEATED';
	while (node.children.length === 1) {
		node = node.children[0]!;
		repeated ||= node.element.repetition_type === 'REPEATED';
	}
	const { type, converted_type, logical_type } = node.element;
	if (type === 'FIXED_LEN_BYTE_ARRAY' && logical_type?.type !== 'FLOAT16') return false;
	return repeated && node.children.length === 0 && types.includes(type ?? '') && converted_type !== 'UTF8';
}

function isRawBytes(type: string | undefined): boolean {
	return type === 'BYTE_ARRAY' || type === 'FIXED_LEN_BYTE_ARRAY';
}

/** A row in the values that JSON has: no bigints, dates or bytes. */
function plain(
	row: Record<string, unknown>,
	bytesKey: string | undefined,
	reader: EntryReader,
	place: number,
): Record<string, unknown> {
	const out: [string, unknown][] = [];
	for (const [key, value] of Object.entries(row)) {
		if (value === null || value === undefined) continue;
		if (key === bytesKey && value instanceof Uint8Array) {
			if (value.length % 4 !== 0) throw reader.error(place, `'${key}' has ${value.length} bytes, no whole float32`);
			out.push([key, new Float32Array(value.slice().buffer)]);
		} else out.push([key, jsonValue(key, value, reader, place)]);
	}
	return Object.fromEntries(out);
}

function jsonValue(key: string, value: unknown, reader: EntryReader, place: number): unknown {
	if (typeof value === 'bigint') {
		const number = Number(value);
		return Number.isSafeInteger(number) ? number : String(value);
	}
	if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
	if (value instanceof Uint8Array) return text(key, value, reader, place);
	if (ArrayBuffer.isView(value))
		return Array.from(value as unknown as ArrayLike<unknown>, (x) => jsonValue(key, x, reader, place));
	if (Array.isArray(value)) {
		if (typeof value[0] === 'number') return value;
		return value.map((inner) => jsonValue(key, inner, reader, place));
	}
	if (!isObject(value)) return typeof value === 'number' && !Number.isFinite(value) ? null : value;
	return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, jsonValue(key, inner, reader, place)]));
}

/** Bytes that no type says to be text are text all the same where they are valid UTF-8. */
function text(key: string, bytes: Uint8Array, reader: EntryReader, place: number): string {
	try {
		return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
	} catch (cause) {
		throw reader.error(place, `'${key}' holds bytes that are no text`, cause);
	}
}
