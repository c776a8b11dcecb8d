/**
 * Files on disk, for Node (and Bun and Deno through their node: modules): range sources over file handles, vector
 * files by path, and writing that leaves either the old file or the whole new one.
 *
 * Writing goes to `.name.pid.random.tmp` beside the target, which is synced, renamed over the target, and
 * followed by a sync of the folder. A failure or an abort removes the temporary file; a killed process leaves it.
 */

import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, type FileHandle, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VecinoError } from '../errors.ts';
import { encodeRows, WRITABLE_DTYPES, type WritableDtype } from '../io/encode.ts';
import { npyHeader } from '../io/npy.ts';
import type { RangeSource } from '../io/source.ts';
import type { TexmexRows } from '../io/texmex.ts';
import {
	formatOfName,
	openVectorSource,
	VECTOR_FORMATS,
	type VectorFile,
	type VectorFormat,
	type VectorReadOptions,
} from '../io/vectors.ts';
import { checkInt, checkKeys, checkOneOf, show } from '../util/check.ts';
import { checkAborted, type Progress } from '../util/steps.ts';

/** An open file. */
export interface FileSource extends RangeSource, AsyncDisposable {
	/** Closes the file; reading from it then fails. */
	close(): Promise<void>;
}

/** An open vector file, which must be closed: `await using file = await openVectors(path)`. */
export type OpenVectorFile = VectorFile & AsyncDisposable & { close(): Promise<void> };

/** Options of openVectors and readVectors. */
export interface OpenVectorsOptions extends VectorReadOptions {
	/** The format, where the extension does not say it. */
	readonly format?: VectorFormat | undefined;
}

/** Options of everything that writes a file. */
export interface WriteFileOptions {
	/** Stops the writing; the file stays as it was. */
	readonly signal?: AbortSignal | undefined;
	/** Called after each part, with the bytes (for vectors: rows) written so far. */
	readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Options of writeVectors. */
export interface WriteVectorsOptions extends WriteFileOptions {
	/** Values per row. */
	readonly d: number;
	/** Format of the file. Default: by the extension of the path. */
	readonly format?: VectorFormat | undefined;
	/** Type of the values of an .npy file. Default 'f4'. */
	readonly dtype?: WritableDtype | undefined;
	/** Rows to come, where known: a different number is then an error. */
	readonly n?: number | undefined;
}

/** Options of convertVectors. */
export interface ConvertVectorsOptions extends WriteFileOptions {
	/** Format of the file that is read. Default: by content and extension. */
	readonly inputFormat?: VectorFormat | undefined;
	/** Format of the file that is written. Default: by the extension of the output. */
	readonly outputFormat?: VectorFormat | undefined;
}

/** What was written. */
export interface WrittenVectors {
	/** Rows. */
	readonly n: number;
	/** Values per row. */
	readonly d: number;
	/** Size of the file, bytes. */
	readonly byteLength: number;
}

/** One or many, at once or as they come. */
export type Chunks<T> = T | Iterable<T> | AsyncIterable<T>;

/** Largest range that one system call reads or writes, bytes. */
const CALL_BYTES = 2 ** 24;
/** Rows are encoded in parts of about this many values. */
const PART_VALUES = 2 ** 20;

/**
 * Opens a file for reading by range. Reads may overlap in time.
 *
 * @throws VecinoError 'storage' when there is no such file, it is no regular file, or it may not be read.
 *   Reads fail with 'storage' for ranges outside the file, 'disposed' after close.
 *
 * @example
 * await writeFileAtomic('three.bin', Uint8Array.of(1, 2, 3));
 * await using source = await fileSource('three.bin');
 * console.log(await source.read(1, 2)); // Uint8Array(2) [2, 3]
 */
export async function fileSource(path: string | URL): Promise<FileSource> {
	const name = pathOf('fileSource', path);
	const found = await attempt(name, 'read', stat(name));
	if (found.isDirectory()) throw new VecinoError('storage', `a folder, not a file: ${name}`);
	if (!found.isFile()) throw new VecinoError('storage', `not a regular file: ${name}`);
	const handle = await attempt(name, 'read', open(name, 'r'));
	const { size } = await attempt(name, 'read', handle.stat());
	let closed = false;
	const close = async (): Promise<void> => {
		closed = true;
		await handle.close();
	};
	const read: RangeSource['read'] = async (offset, length, options) => {
		if (closed) throw new VecinoError('disposed', `${name}: read after close`);
		if (!(offset >= 0 && length >= 0 && offset + length <= size)) {
			throw new VecinoError('storage', `${name}: cannot read ${length} bytes at ${offset}: it has ${size}`);
		}
		const bytes = allocate(name, length);
		for (let at = 0; at < length; ) {
			checkAborted(options?.signal);
			const wanted = Math.min(CALL_BYTES, length - at);
			const { bytesRead } = await attempt(name, 'read', handle.read(bytes, at, wanted, offset + at));
			if (bytesRead === 0) throw new VecinoError('storage', `${name}: became shorter while it was read`);
			at += bytesRead;
		}
		return bytes;
	};
	return { byteLength: size, read, close, [Symbol.asyncDispose]: close };
}

/**
 * Opens a vector file, .npy, .fvecs, .bvecs or .ivecs. Close it after use.
 *
 * @throws VecinoError 'storage' for a missing, empty or unreadable file, else as openVectorSource.
 *
 * @example
 * await writeVectors('vectors.fvecs', vectors.data, { d: 64 });
 * await using file = await openVectors('vectors.fvecs');
 * let rows = 0;
 * for await (const { data } of file.chunks({ rowsPerChunk: 1500 })) rows += data.length / file.d;
 * console.log(rows, file.n); // 2000 2000
 */
export async function openVectors(path: string | URL, options: OpenVectorsOptions = {}): Promise<OpenVectorFile> {
	checkKeys('openVectors', options, ['format', 'signal']);
	const name = pathOf('openVectors', path);
	const source = await fileSource(name);
	try {
		if (source.byteLength === 0) throw new VecinoError('storage', `an empty file: ${name}`);
		const file = await openVectorSource(source, { ...options, name });
		return Object.assign(file, { close: source.close, [Symbol.asyncDispose]: source.close });
	} catch (error) {
		await source.close();
		throw error;
	}
}

/**
 * All rows of a vector file as float32, layout (n, d).
 *
 * @throws as openVectors and VectorFile.read.
 *
 * @example
 * await writeVectors('vectors.npy', vectors.data, { d: 64 });
 * const { data, n, d } = await readVectors('vectors.npy');
 * console.log(n, d, data.length); // 2000 64 128000
 */
export async function readVectors(
	path: string | URL,
	options: OpenVectorsOptions = {},
): Promise<{ data: Float32Array<ArrayBuffer>; n: number; d: number }> {
	const file = await openVectors(path, options);
	try {
		const { n, d } = file;
		return { data: await file.read(0, n, { signal: options.signal }), n, d };
	} finally {
		await file.close();
	}
}

/**
 * Writes rows, layout (n, d), to a vector file: given at once, or in parts of whole rows. What the format cannot
 * hold exactly is refused, save that float64 is rounded to float32.
 *
 * @throws VecinoError 'not-finite' or 'unsupported' with the row of the file; 'storage', 'aborted'. RangeError for
 *   parts that are not whole rows, or other than n rows.
 *
 * @example
 * async function* parts() {
 *   yield vectors.slice(0, 1000).data;
 *   yield vectors.slice(1000).data;
 * }
 * console.log(await writeVectors('vectors.npy', parts(), { d: 64 })); // { n: 2000, d: 64, byteLength: 512128 }
 */
export async function writeVectors(
	path: string | URL,
	chunks: Chunks<TexmexRows>,
	options: WriteVectorsOptions,
): Promise<WrittenVectors> {
	const where = 'writeVectors';
	checkKeys(where, options, ['d', 'format', 'dtype', 'n', 'signal', 'onProgress']);
	const name = pathOf(where, path);
	const d = checkInt(where, 'd', options?.d, 1, 2 ** 20);
	const format = outputFormat(where, 'format', options.format, name);
	const dtype = checkOneOf(where, 'dtype', options.dtype ?? 'f4', WRITABLE_DTYPES);
	const { n, signal, onProgress } = options;
	if (n !== undefined) checkInt(where, 'n', n, 0, Number.MAX_SAFE_INTEGER);
	return replaceFile(name, signal, async (handle) => {
		let rows = 0;
		let byteLength = 0;
		const put = async (bytes: Uint8Array): Promise<void> => {
			await writeAll(handle, name, bytes, byteLength);
			byteLength += bytes.length;
		};
		if (format === 'npy') await put(npyHeader(n ?? 0, d, dtype));
		for await (const part of wholeRows(chunks, d)) {
			checkAborted(signal);
			await put(encodeRows(part, d, format, dtype, rows));
			rows += part.length / d;
			onProgress?.({ phase: 'write', done: rows, total: n ?? 0 });
		}
		if (n !== undefined && n !== rows) throw new RangeError(`${where}: n = ${n} rows were announced, ${rows} given`);
		if (format !== 'npy' && rows === 0) {
			throw new VecinoError('unsupported', `${name}: .${format} cannot hold an empty set; write .npy instead`);
		}
		// The length of the header does not depend on n.
		if (format === 'npy' && n === undefined) await writeAll(handle, name, npyHeader(rows, d, dtype), 0);
		return { n: rows, d, byteLength };
	});
}

/**
 * Copies a vector file into another format, in parts. Integers stay integers: int8, uint8 and int32 keep their type
 * in .npy, int64 becomes int32; floats become float32.
 *
 * @throws as openVectors, VectorFile.read and writeVectors; VecinoError 'unsupported' for an output of no known format.
 *
 * @example
 * await writeVectors('vectors.fvecs', vectors.data, { d: 64 });
 * const { n, byteLength } = await convertVectors('vectors.fvecs', 'vectors.npy');
 * console.log(n, byteLength); // 2000 512128
 */
export async function convertVectors(
	input: string | URL,
	output: string | URL,
	options: ConvertVectorsOptions = {},
): Promise<WrittenVectors> {
	const where = 'convertVectors';
	checkKeys(where, options, ['inputFormat', 'outputFormat', 'signal', 'onProgress']);
	const name = pathOf(where, output);
	const format = outputFormat(where, 'outputFormat', options.outputFormat, name);
	const { signal, onProgress } = options;
	const file = await openVectors(input, { format: options.inputFormat, signal });
	try {
		const stored = file.info.dtype;
		const integers = stored[0] !== 'f' && format !== 'fvecs';
		const dtype = !integers ? 'f4' : stored === 'u1' || stored === 'i1' ? stored : 'i4';
		const rows = Math.max(1, Math.floor(PART_VALUES / file.d));
		const chunks = async function* (): AsyncGenerator<TexmexRows> {
			for (let start = 0; start < file.n; start += rows) {
				const count = Math.min(rows, file.n - start);
				yield integers ? await file.readInts(start, count, { signal }) : await file.read(start, count, { signal });
			}
		};
		return await writeVectors(name, chunks(), { d: file.d, n: file.n, format, dtype, signal, onProgress });
	} finally {
		await file.close();
	}
}

/**
 * Replaces a file by the given bytes, whole or not at all. A symbolic link is followed; the file's permissions stay.
 *
 * @returns Bytes written.
 * @throws VecinoError 'storage' when the folder is missing, read-only or full, or the path is a folder;
 *   'aborted'. What `chunks` throws is passed on.
 *
 * @example
 * console.log(await writeFileAtomic('two.bin', [Uint8Array.of(1), Uint8Array.of(2)])); // 2
 */
export async function writeFileAtomic(
	path: string | URL,
	chunks: Chunks<Uint8Array>,
	options: WriteFileOptions = {},
): Promise<number> {
	checkKeys('writeFileAtomic', options, ['signal', 'onProgress']);
	const name = pathOf('writeFileAtomic', path);
	const { signal, onProgress } = options;
	return replaceFile(name, signal, async (handle) => {
		let byteLength = 0;
		for await (const bytes of chunks instanceof Uint8Array ? [chunks] : chunks) {
			if (!(bytes instanceof Uint8Array)) {
				throw new TypeError(`writeFileAtomic: chunks must hold Uint8Arrays, got ${show(bytes)}`);
			}
			for (let at = 0; at < bytes.length; at += CALL_BYTES) {
				checkAborted(signal);
				const part = bytes.subarray(at, at + CALL_BYTES);
				await writeAll(handle, name, part, byteLength);
				byteLength += part.length;
				onProgress?.({ phase: 'write', done: byteLength, total: 0 });
			}
		}
		return byteLength;
	});
}

function outputFormat(where: string, option: string, format: VectorFormat | undefined, name: string): VectorFormat {
	if (format !== undefined) return checkOneOf(where, option, format, VECTOR_FORMATS);
	const named = formatOfName(name);
	if (named !== undefined) return named;
	const advice = `end it in .npy, .fvecs, .bvecs or .ivecs, or give ${option}`;
	throw new VecinoError('unsupported', `${name}: its extension names no format of vectors; ${advice}`);
}

/** Gives `write` a temporary file beside `path`, and puts that in the place of `path` when it returns. */
async function replaceFile<T>(
	path: string,
	signal: AbortSignal | undefined,
	write: (handle: FileHandle) => Promise<T>,
): Promise<T> {
	checkAborted(signal);
	const old = await attempt(path, 'write', stat(path).catch(ignoreMissing));
	if (old?.isDirectory()) throw new VecinoError('storage', `a folder, not a file: ${path}`);
	if (old !== undefined && !old.isFile()) throw new VecinoError('storage', `not a regular file: ${path}`);
	if (old !== undefined) await attempt(path, 'write', access(path, constants.W_OK));
	const target = old === undefined ? path : await attempt(path, 'write', realpath(path));
	const folder = dirname(target);
	const unique = `${process.pid}.${randomUUID().slice(0, 8)}`;
	const temporary = join(folder, `.${basename(target).slice(0, 50)}.${unique}.tmp`);
	const handle = await attempt(path, 'write', open(temporary, 'wx'));
	try {
		const result = await write(handle);
		if (old !== undefined) await attempt(path, 'write', handle.chmod(old.mode & 0o777));
		await attempt(path, 'write', handle.sync());
		await attempt(path, 'write', handle.close());
		checkAborted(signal);
		await attempt(path, 'write', rename(temporary, target));
		await syncFolder(folder);
		return result;
	} catch (error) {
		await handle.close().catch(() => {});
		await unlink(temporary).catch(() => {});
		throw error;
	}
}

/** Makes the rename durable. Windows and some network folders refuse it; the file itself is synced by then. */
async function syncFolder(folder: string): Promise<void> {
	const handle = await open(folder, 'r').catch(() => undefined);
	await handle?.sync().catch(() => {});
	await handle?.close().catch(() => {});
}

async function writeAll(handle: FileHandle, path: string, bytes: Uint8Array, position: number): Promise<void> {
	for (let at = 0; at < bytes.length; ) {
		const wanted = Math.min(CALL_BYTES, bytes.length - at);
		const { bytesWritten } = await attempt(path, 'write', handle.write(bytes, at, wanted, position + at));
		at += bytesWritten;
	}
}

/** Parts of at most about PART_VALUES values, each of whole rows. */
async function* wholeRows(chunks: Chunks<TexmexRows>, d: number): AsyncGenerator<TexmexRows, void, undefined> {
	const size = d * Math.max(1, Math.floor(PART_VALUES / d));
	for await (const chunk of ArrayBuffer.isView(chunks) ? [chunks] : chunks) {
		if (!ArrayBuffer.isView(chunk))
			throw new TypeError(`writeVectors: chunks must hold typed arrays, got ${show(chunk)}`);
		if (chunk.length % d !== 0) {
			throw new RangeError(`writeVectors: chunks must hold whole rows of d = ${d} values, got ${chunk.length} values`);
		}
		for (let at = 0; at < chunk.length; at += size) yield chunk.subarray(at, at + size);
	}
}

function allocate(path: string, length: number): Uint8Array<ArrayBuffer> {
	try {
		return new Uint8Array(length);
	} catch (cause) {
		throw new VecinoError('out-of-memory', `${path}: no memory for ${length} bytes`, { requested: length, cause });
	}
}

function pathOf(where: string, path: unknown): string {
	if (path instanceof URL) return fileURLToPath(path);
	if (typeof path === 'string' && path !== '') return path;
	throw new TypeError(`${where}: path must be a path or a file URL, got ${show(path)}`);
}

/** Waits for a file operation; its failure becomes a VecinoError in words. */
async function attempt<T>(path: string, verb: 'read' | 'write', operation: Promise<T>): Promise<T> {
	try {
		return await operation;
	} catch (cause) {
		throw new VecinoError('storage', describeFailure(path, verb, cause), { cause });
	}
}

function describeFailure(path: string, verb: 'read' | 'write', cause: unknown): string {
	const code = (cause as { code?: unknown }).code;
	if (code === 'ENOENT') return verb === 'read' ? `no such file: ${path}` : `no such folder: ${dirname(path)}`;
	if (code === 'ENOTDIR') return `a part of the path is not a folder: ${path}`;
	if (code === 'EISDIR') return `a folder, not a file: ${path}`;
	if (code === 'EACCES' || code === 'EPERM') return `no permission to ${verb} ${path}`;
	if (code === 'EROFS') return `cannot write ${path}: the file system is read-only`;
	if (code === 'ENOSPC' || code === 'EDQUOT') return `cannot write ${path}: no space left`;
	return `cannot ${verb} ${path}: ${cause instanceof Error ? cause.message : String(cause)}`;
}

function ignoreMissing(error: unknown): undefined {
	if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
	return undefined;
}
