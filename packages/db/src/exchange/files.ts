/**
 * Entries from files and rows into files, for Node: the format is found out, sources are opened and closed, outputs are
 * replaced whole or not at all. The readers and writers themselves are in the files beside this one and know no files.
 */

import { mkdir, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as zlib from 'node:zlib';
import { bytesSource, type Progress, type RangeSource, VecinoError } from 'vecino';
import { fileSource, openVectors, writeFileAtomic, writeVectors } from 'vecino/node';
import type { Entry, Row } from '../types.ts';
import { checkSignal, parts } from './bytes.ts';
import { Channel } from './channel.ts';
import type { PlacedEntry, ReadEntriesOptions } from './entries.ts';
import { readJsonDocument } from './json.ts';
import { jsonlBytes, readJsonl } from './jsonl.ts';
import { lineOf, METADATA_FILE, readNpyPair, VECTORS_FILE } from './npy.ts';
import { type Decompressors, parquetRows, readParquet } from './parquet-read.ts';
import { parquetBytes, type WriteParquetOptions } from './parquet-write.ts';
import { type ExchangeFormat, formatOfOutput, sniffExchange } from './sniff.ts';

/** Options of readEntries and openEntries. */
export interface OpenEntriesOptions extends ReadEntriesOptions {
	/** Default: by the first bytes and the name. */
	readonly format?: ExchangeFormat | undefined;
}

/** A file, bytes in memory, or lines of JSON as they come (stdin). */
export type EntriesInput = string | URL | Uint8Array | RangeSource | AsyncIterable<Uint8Array>;

/** Entries that are being read. */
export interface OpenedEntries extends AsyncDisposable {
	/** What the input is. */
	readonly format: ExchangeFormat;
	/** How errors call it. */
	readonly name: string;
	/** What `place` counts. */
	readonly unit: 'line' | 'row' | 'entry';
	/** How much there is in all, in the unit of `read()`; 0 where that is not known. */
	readonly total: number;
	/** How much has been read. */
	read(): number;
	/** In order; once. */
	readonly entries: AsyncIterable<PlacedEntry>;
}

/** Options of writeRows. */
export interface WriteRowsOptions extends WriteParquetOptions {
	/** Default: by the extension of the path. */
	readonly format?: Exclude<ExchangeFormat, 'json'> | undefined;
	/** Stops the writing; what was there before stays. */
	readonly signal?: AbortSignal | undefined;
	/** Called with the rows written so far. */
	readonly onProgress?: ((progress: Progress) => void) | undefined;
	/** Rows to come, for progress. */
	readonly total?: number | undefined;
}

/** What was written. */
export interface WrittenRows {
	/** As it was given, or as the name says. */
	readonly format: ExchangeFormat;
	/** Rows written. */
	readonly rows: number;
	/** Size of all files together. */
	readonly byteLength: number;
	/** The files. */
	readonly paths: readonly string[];
}

const HEAD_BYTES = 2 ** 16;

/** Characters of lines gathered before they are written. */
const PART_BYTES = 2 ** 18;
/** Values of vectors gathered before they are written. */
const PART_VALUES = 2 ** 16;

/**
 * Reads entries one by one, whatever the size of the file.
 *
 * @param input - A file of JSON lines, JSON (MiniVecDB's among it) or Parquet; an .npy file (.fvecs, .bvecs) or a folder with
 *   vectors.npy, and metadata.jsonl beside it; bytes; or a stream of JSON lines.
 * @throws VecinoError 'unsupported' naming what the file is where it is none of these; 'corrupt-data', 'not-finite' and
 *   'dimension-mismatch' with the line or row; 'storage', 'aborted'.
 *
 * @example
 * await writeRows('rows.jsonl', [{ id: 1, vector: [0.5, 1], metadata: { genre: 'Sports' } }]);
 * for await (const entry of readEntries('rows.jsonl')) console.log(entry.id, entry.metadata); // 1 { genre: 'Sports' }
 */
export async function* readEntries(input: EntriesInput, options: OpenEntriesOptions = {}): AsyncGenerator<Entry> {
	await using opened = await openEntries(input, options);
	for await (const { entry } of opened.entries) yield entry;
}

/**
 * As readEntries, with the place of each entry and how far reading has come. Dispose of it after use.
 *
 * @example
 * await writeRows('two.jsonl', [{ id: 'a', vector: [1, 2] }, { id: 'b', vector: [3, 4] }]);
 * await using opened = await openEntries('two.jsonl');
 * const places: number[] = [];
 * for await (const { place } of opened.entries) places.push(place);
 * console.log(opened.unit, places); // line [ 1, 2 ]
 */
export async function openEntries(input: EntriesInput, options: OpenEntriesOptions = {}): Promise<OpenedEntries> {
	if (typeof input === 'string' || input instanceof URL) return openPath(pathOf(input), options);
	const { name = 'input' } = options;
	if (Symbol.asyncIterator in input) return openStream(input, { ...options, name });
	const source = input instanceof Uint8Array ? bytesSource(input) : input;
	return openSource(source, name, options, async () => {});
}

async function openPath(path: string, options: OpenEntriesOptions): Promise<OpenedEntries> {
	const found = await stat(path).catch(() => undefined);
	if (found?.isDirectory()) return openFolder(path, options);
	if (VECTOR_NAME.test(path) && options.format === undefined) return openPair(path, await besideVectors(path), options);
	const source = await fileSource(path);
	try {
		const name = options.name ?? basename(path);
		const sniffed = options.format ?? (await sniff(source, path));
		if (sniffed !== 'npy') return await openSource(source, name, { ...options, format: sniffed }, () => source.close());
	} catch (error) {
		await source.close();
		throw error;
	}
	await source.close();
	return openPair(path, await besideVectors(path), options);
}

async function openFolder(path: string, options: OpenEntriesOptions): Promise<OpenedEntries> {
	const names = await readdir(path);
	if (names.includes(VECTORS_FILE)) {
		const lines = names.includes(METADATA_FILE) ? join(path, METADATA_FILE) : undefined;
		return openPair(join(path, VECTORS_FILE), lines, options);
	}
	const what = names.includes('meta.db') ? 'a collection; open it, or export it' : `a folder without ${VECTORS_FILE}`;
	throw new VecinoError('unsupported', `${path}: ${what}`);
}

/** Files of vectors alone. */
const VECTOR_NAME = /\.(npy|fvecs|bvecs)$/i;

/** The lines that belong to x.npy: x.jsonl, or metadata.jsonl beside it. */
async function besideVectors(path: string): Promise<string | undefined> {
	for (const lines of [path.replace(VECTOR_NAME, '.jsonl'), join(dirname(path), METADATA_FILE)]) {
		if (lines !== path && (await stat(lines).catch(() => undefined))?.isFile()) return lines;
	}
	return undefined;
}

async function openPair(path: string, lines: string | undefined, options: OpenEntriesOptions): Promise<OpenedEntries> {
	const { signal } = options;
	const vectors = await openVectors(path, signal === undefined ? {} : { signal });
	let source: Awaited<ReturnType<typeof fileSource>> | undefined;
	const close = async (): Promise<void> => {
		await vectors.close();
		await source?.close();
	};
	try {
		source = lines === undefined ? undefined : await fileSource(lines);
	} catch (error) {
		await close();
		throw error;
	}
	const name = lines === undefined ? basename(path) : basename(lines);
	const open = source === undefined ? undefined : () => parts(source, 0, source.byteLength, signal);
	const entries = readNpyPair(vectors, open, { ...options, name });
	const unit = lines === undefined ? 'row' : 'line';
	return opened({ format: 'npy', name, unit, total: vectors.n }, entries, close);
}

async function openSource(
	source: RangeSource,
	name: string,
	options: OpenEntriesOptions,
	close: () => Promise<void>,
): Promise<OpenedEntries> {
	const format = options.format ?? (await sniff(source, name));
	const given = { ...options, name };
	if (format === 'parquet') {
		const total = await parquetRows(source, name);
		const entries = readParquet(source, { ...given, decompressors: DECOMPRESSORS });
		return opened({ format, name, unit: 'row', total }, entries, close);
	}
	if (format === 'npy')
		throw new VecinoError('unsupported', `${name}: .npy is read from a path, with its metadata beside it`);
	let at = 0;
	const counted: RangeSource = {
		byteLength: source.byteLength,
		read(offset, length, readOptions) {
			at = Math.max(at, offset + length);
			return source.read(offset, length, readOptions);
		},
	};
	const total = source.byteLength;
	const read = (): number => at;
	if (format === 'json') {
		return opened({ format, name, unit: 'entry', total: 0 }, readJsonDocument(counted, given), close);
	}
	const entries = readJsonl(parts(counted, 0, total, options.signal), given);
	return opened({ format, name, unit: 'line', total }, entries, close, read);
}

/** Lines that come as they come: only JSON lines can be read without looking back. */
async function openStream(chunks: AsyncIterable<Uint8Array>, options: OpenEntriesOptions): Promise<OpenedEntries> {
	const { format = 'jsonl', name = 'input', signal } = options;
	if (format !== 'jsonl') {
		throw new VecinoError('unsupported', `${name}: ${format} cannot be read from a stream; give a file, or JSON lines`);
	}
	const checked = async function* (): AsyncGenerator<Uint8Array> {
		let first = true;
		try {
			for await (const chunk of chunks) {
				checkSignal(signal);
				if (first && chunk.length >= 16) checkStream(chunk, name);
				first = false;
				yield chunk;
			}
		} catch (error) {
			// Streams that know the signal throw errors of their own.
			checkSignal(signal);
			throw error;
		}
	};
	return opened({ format, name, unit: 'line', total: 0 }, readJsonl(checked(), options), async () => {});
}

function checkStream(head: Uint8Array, name: string): void {
	const { format, what } = sniffExchange(head.subarray(0, HEAD_BYTES), '.jsonl');
	// A JSON array may be a line that is no object: its reader says so.
	if (format === 'jsonl' || format === 'json') return;
	const is = format === undefined ? what : `a ${format} file; give its path`;
	throw new VecinoError('unsupported', `${name}: expected JSON lines, found ${is}`);
}

function opened(
	facts: Pick<OpenedEntries, 'format' | 'name' | 'unit' | 'total'>,
	source: AsyncIterable<PlacedEntry>,
	close: () => Promise<void>,
	read?: () => number,
): OpenedEntries {
	let count = 0;
	const entries = (async function* () {
		for await (const placed of source) {
			count++;
			yield placed;
		}
	})();
	return {
		...facts,
		entries,
		read: read ?? (() => count),
		async [Symbol.asyncDispose]() {
			await entries.return(undefined);
			await close();
		},
	};
}

async function sniff(source: RangeSource, path: string): Promise<ExchangeFormat> {
	const { format, what } = sniffExchange(await source.read(0, Math.min(HEAD_BYTES, source.byteLength)), path);
	if (format !== undefined) return format;
	throw new VecinoError('unsupported', `${path}: ${what}`);
}

/**
 * Writes rows into a file (.jsonl, .parquet) or a folder (vectors.npy and metadata.jsonl), one after the other, whatever
 * their number. What was there before stays until all is written.
 *
 * @throws VecinoError 'unsupported' where the format cannot hold a row, or the name says no format; 'storage', 'aborted'.
 *
 * @example
 * const rows = [{ id: 'a', vector: [0.1, 0.2], text: 'a text', metadata: { year: 2020 } }];
 * const { rows: written } = await writeRows('rows.parquet', rows);
 * console.log(written); // 1
 */
export async function writeRows(
	path: string | URL,
	rows: Iterable<Entry | Row> | AsyncIterable<Entry | Row>,
	options: WriteRowsOptions = {},
): Promise<WrittenRows> {
	const name = pathOf(path);
	const { format = formatOfOutput(name), signal, onProgress, total = 0 } = options;
	let count = 0;
	const counted = (async function* () {
		for await (const row of rows) {
			checkSignal(signal);
			yield row;
			count++;
			if (count % 256 === 0) onProgress?.({ phase: 'write rows', done: count, total });
		}
	})();
	const file = signal === undefined ? {} : { signal };
	if (format === 'npy') return writeFolder(name, counted, () => count, file);
	const bytes =
		format === 'parquet' ? parquetBytes(counted, { ...options, name: basename(name) }) : jsonlBytes(counted);
	const byteLength = await writeFileAtomic(name, bytes, file);
	return { format, rows: count, byteLength, paths: [name] };
}

async function writeFolder(
	path: string,
	rows: AsyncIterable<Entry | Row>,
	count: () => number,
	options: { readonly signal?: AbortSignal },
): Promise<WrittenRows> {
	const vectorsPath = /\.npy$/i.test(path) ? path : join(path, VECTORS_FILE);
	const linesPath = /\.npy$/i.test(path) ? path.replace(/\.npy$/i, '.jsonl') : join(path, METADATA_FILE);
	if (vectorsPath !== path) {
		await mkdir(path, { recursive: true }).catch((cause: unknown) => {
			throw new VecinoError('storage', `cannot make the folder ${path}: ${(cause as Error).message}`, { cause });
		});
	}
	const source = rows[Symbol.asyncIterator]();
	const first = await source.next();
	const d = first.done ? 1 : (first.value.vector?.length ?? 1);
	const lines = new Channel<Uint8Array>();
	const linesWritten = writeFileAtomic(linesPath, lines, options);
	linesWritten.catch(() => {});
	const vectors = async function* (): AsyncGenerator<Float32Array> {
		const encoder = new TextEncoder();
		let text = '';
		let part = new Float32Array(d * Math.max(1, Math.floor(PART_VALUES / d)));
		let filled = 0;
		for (let step = first; !step.done; step = await source.next()) {
			const { vector } = step.value;
			if (vector === undefined) {
				const message = `${path}: row ${count()} has no vector, which .npy cannot hold`;
				throw new VecinoError('unsupported', message, { row: count() });
			}
			text += `${lineOf(step.value)}\n`;
			if (text.length >= PART_BYTES) {
				// Where the lines cannot be written, their error is the one to be told.
				if (!(await lines.push(encoder.encode(text)))) await linesWritten;
				text = '';
			}
			if (vector.length !== d) {
				const message = `${path}: row ${count()} has a vector of ${vector.length} numbers, those before have ${d}`;
				throw new VecinoError('dimension-mismatch', message, { row: count(), expected: d, found: vector.length });
			}
			part.set(vector, filled);
			filled += d;
			if (filled < part.length) continue;
			yield part;
			part = new Float32Array(part.length);
			filled = 0;
		}
		if (filled > 0) yield part.subarray(0, filled);
		if (text !== '') await lines.push(encoder.encode(text));
	};
	try {
		const written = await writeVectors(vectorsPath, vectors(), { d, format: 'npy', ...options });
		lines.end();
		const byteLength = written.byteLength + (await linesWritten);
		return { format: 'npy', rows: written.n, byteLength, paths: [vectorsPath, linesPath] };
	} catch (error) {
		lines.fail(error);
		await source.return?.(undefined);
		await linesWritten.catch(() => {});
		throw error;
	}
}

/** Codecs that Node brings along; zstd from 22.15 on. */
const DECOMPRESSORS: Decompressors = {
	GZIP: (input) => zlib.gunzipSync(input),
	BROTLI: (input) => zlib.brotliDecompressSync(input),
	...(typeof zlib.zstdDecompressSync === 'function' && { ZSTD: (input: Uint8Array) => zlib.zstdDecompressSync(input) }),
};

function pathOf(path: string | URL): string {
	return path instanceof URL ? fileURLToPath(path) : path;
}
