/**
 * Vector files: n rows of d numbers in .npy, .fvecs, .bvecs or .ivecs, read from any RangeSource in parts.
 *
 * Opening reads the header only; what the header claims is compared with the size of the source before anything
 * is allocated. Reading takes ranges of at most BLOCK_BYTES (or one row), so that beside its result it holds one
 * block, whatever the size of the file. Typed arrays are taken as little-endian, as in WebAssembly memory.
 */

import { VecinoError } from '../errors.ts';
import { checkInt, checkKeys, checkOneOf } from '../util/check.ts';
import { checkAborted } from '../util/steps.ts';
import { describeForeignFile } from './foreign.ts';
import { isNpy, MAX_NPY_PREFIX, type NpyDtype, parseNpyHeader } from './npy.ts';
import type { RangeSource } from './source.ts';
import { checkTexmexRows, parseTexmexHeader, TEXMEX_ITEM_SIZE, type TexmexFormat } from './texmex.ts';

/** A format of vector files; each is also its extension. */
export type VectorFormat = 'npy' | TexmexFormat;

/** Type of the stored values. fvecs: f4, bvecs: u1, ivecs: i4, npy: any of them. */
export type VectorDtype = NpyDtype;

/** What a vector file holds, and where. */
export interface VectorFileInfo {
	/** The file's name, for messages. */
	readonly name: string;
	/** How the file is laid out. */
	readonly format: VectorFormat;
	/** Type of the values as stored. */
	readonly dtype: VectorDtype;
	/** Rows. */
	readonly n: number;
	/** Values per row. */
	readonly d: number;
	/** True for .npy values stored column by column, layout (d, n). */
	readonly fortranOrder: boolean;
	/** Where the values (npy) or the first row (texmex) begin, bytes. */
	readonly dataOffset: number;
	/** Bytes of one value as stored. */
	readonly itemSize: number;
	/** Bytes from one row to the next as stored; for fortranOrder, from one column to the next. */
	readonly rowStride: number;
}

export interface VectorReadOptions {
	/** Stops the reading: a VecinoError with code 'aborted'. */
	readonly signal?: AbortSignal | undefined;
}

export interface VectorChunksOptions extends VectorReadOptions {
	/** First row. Default 0. */
	readonly start?: number | undefined;
	/** Rows in all. Default: to the end. */
	readonly count?: number | undefined;
	/** Rows per part. Default: about 8 MiB of float32. */
	readonly rowsPerChunk?: number | undefined;
}

/** Some rows of a file. */
export interface VectorChunk {
	/** Row of the file that data begins with. */
	readonly start: number;
	/** Rows, layout (rows, d). */
	readonly data: Float32Array<ArrayBuffer>;
}

/** An open vector file. */
export interface VectorFile {
	/** What its header says. */
	readonly info: VectorFileInfo;
	/** Rows. */
	readonly n: number;
	/** Values per row. */
	readonly d: number;
	/**
	 * Rows start..start+count as float32: a fresh array of size count*d, layout (count, d).
	 *
	 * @throws VecinoError 'not-finite' with the row of the file for NaN, infinities and float64 beyond float32;
	 *   'unsupported' for integers that float32 cannot hold exactly; 'corrupt-data', 'storage', 'out-of-memory',
	 *   'aborted'. RangeError for rows outside the file.
	 */
	read(start: number, count: number, options?: VectorReadOptions): Promise<Float32Array<ArrayBuffer>>;
	/**
	 * Rows start..start+count of a file of integers as int32, layout (count, d). For ground truth, which float32
	 * would round.
	 *
	 * @throws as `read`; VecinoError 'unsupported' for files of floats and for int64 values outside int32.
	 */
	readInts(start: number, count: number, options?: VectorReadOptions): Promise<Int32Array<ArrayBuffer>>;
	/** Rows in order, in parts of at most rowsPerChunk rows. Errors as `read`. */
	chunks(options?: VectorChunksOptions): AsyncGenerator<VectorChunk, void, undefined>;
}

export interface OpenVectorOptions extends VectorReadOptions {
	/** Name for messages; its extension tells the texmex formats apart. Default 'vectors'. */
	readonly name?: string | undefined;
	/** The format, where the name does not say it. */
	readonly format?: VectorFormat | undefined;
}

/** The formats, each also its file extension. */
export const VECTOR_FORMATS: readonly VectorFormat[] = ['npy', 'fvecs', 'bvecs', 'ivecs'];

/** Largest range read at once, bytes. */
const BLOCK_BYTES = 4 * 2 ** 20;
/** Size of a part that chunks() gives when not told, bytes of float32. */
const CHUNK_BYTES = 8 * 2 ** 20;
/** Rows of a Fortran-order file that are gathered at once, bytes of float32. */
const WINDOW_BYTES = 16 * 2 ** 20;
/** Columns of a Fortran-order file are read together when no more than this is read in vain between two of them. */
const MAX_GAP = 2 ** 16;

/**
 * Opens a vector file: recognised by its content first (.npy begins with a magic), then by the extension of
 * `options.name`, or by `options.format`.
 *
 * @throws VecinoError 'unsupported' for another kind of file, named where known, and for .npy arrays that are not
 *   [n, d] of a type we read; 'unsupported-version'; 'corrupt-data' for a file that contradicts itself; 'storage'.
 *
 * @example
 * const blob = new Blob([encodeFvecs(vectors.data, 64)]);
 * const source = {
 *   byteLength: blob.size,
 *   read: async (offset: number, length: number) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
 * };
 * const file = await openVectorSource(source, { name: 'vectors.fvecs' });
 * console.log(file.n, file.d, file.info.format); // 2000 64 fvecs
 */
export async function openVectorSource(source: RangeSource, options: OpenVectorOptions = {}): Promise<VectorFile> {
	checkKeys('openVectorSource', options, ['name', 'format', 'signal']);
	const { name = 'vectors', format, signal } = options;
	if (format !== undefined) checkOneOf('openVectorSource', 'format', format, VECTOR_FORMATS);
	if (source.byteLength === 0) throw new VecinoError('corrupt-data', `${name}: the file is empty`);
	const head = await readBytes(source, 0, Math.min(64, source.byteLength), name, signal);
	if (isNpy(head)) {
		if (format !== undefined && format !== 'npy') {
			throw new VecinoError('unsupported', `${name}: an .npy file, opened as ${format}; leave the format out`);
		}
		const prefix = await readBytes(source, 0, Math.min(MAX_NPY_PREFIX, source.byteLength), name, signal);
		return new RowReader(source, npyInfo(prefix, source.byteLength, name));
	}
	const known = format ?? formatOfName(name);
	const foreign = describeForeignFile(head);
	if (foreign !== undefined) throw new VecinoError('unsupported', `${name}: ${foreign}`);
	if (known === undefined) {
		const advice = 'name it .npy, .fvecs, .bvecs or .ivecs, or give the format';
		throw new VecinoError('unsupported', `${name}: not recognised as a file of vectors; ${advice}`);
	}
	if (known === 'npy') parseNpyHeader(head, name); // throws: the magic is missing
	return new RowReader(source, texmexInfo(head, source.byteLength, known as TexmexFormat, name));
}

/** The format that a file name's extension stands for, in any case; undefined for others. */
export function formatOfName(name: string): VectorFormat | undefined {
	const extension = /\.([^.]*)$/.exec(name)?.[1]?.toLowerCase();
	return VECTOR_FORMATS.find((format) => format === extension);
}

/** Index of the first NaN or infinity; -1 when all values are finite. */
export function firstNonFinite(values: Float32Array | Float64Array | Int32Array): number {
	for (let i = 0; i < values.length; i++) {
		const value = values[i]!;
		if (value - value !== 0) return i;
	}
	return -1;
}

function npyInfo(prefix: Uint8Array, byteLength: number, name: string): VectorFileInfo {
	const header = parseNpyHeader(prefix, name);
	const { n, d, dtype, dataOffset, fortranOrder } = header;
	const itemSize = Number(dtype[1]);
	const expected = dataOffset + n * d * itemSize;
	if (byteLength < expected) {
		const message = `${name}: cut short: ${n} rows of ${d} ${dtype} values need ${expected} bytes, ${byteLength} found`;
		throw new VecinoError('corrupt-data', message, { expected, found: byteLength });
	}
	const rowStride = (fortranOrder ? n : d) * itemSize;
	return { name, format: 'npy', dtype, n, d, fortranOrder, dataOffset, itemSize, rowStride };
}

function texmexInfo(head: Uint8Array, byteLength: number, format: TexmexFormat, name: string): VectorFileInfo {
	const { n, d, rowStride } = parseTexmexHeader(head, byteLength, format, name);
	const dtype = format === 'fvecs' ? 'f4' : format === 'bvecs' ? 'u1' : 'i4';
	const itemSize = TEXMEX_ITEM_SIZE[format];
	return { name, format, dtype, n, d, fortranOrder: false, dataOffset: 0, itemSize, rowStride };
}

/** Stored values; f2 become Float32Array, i8 Float64Array. */
type Values = Float32Array | Float64Array | Uint8Array | Int8Array | Int32Array;
type Rows = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

class RowReader implements VectorFile {
	readonly info: VectorFileInfo;
	readonly n: number;
	readonly d: number;
	readonly #source: RangeSource;

	constructor(source: RangeSource, info: VectorFileInfo) {
		this.#source = source;
		this.info = info;
		this.n = info.n;
		this.d = info.d;
	}

	async read(start: number, count: number, options?: VectorReadOptions): Promise<Float32Array<ArrayBuffer>> {
		this.#checkRange('VectorFile.read', start, count, options);
		const out = this.#allocate(Float32Array, count);
		await this.#fill(out, start, count, options?.signal);
		return out;
	}

	async readInts(start: number, count: number, options?: VectorReadOptions): Promise<Int32Array<ArrayBuffer>> {
		this.#checkRange('VectorFile.readInts', start, count, options);
		const { name, dtype } = this.info;
		if (dtype[0] === 'f') throw new VecinoError('unsupported', `${name}: holds floats (${dtype}), not integers`);
		const out = this.#allocate(Int32Array, count);
		await this.#fill(out, start, count, options?.signal);
		return out;
	}

	chunks(options: VectorChunksOptions = {}): AsyncGenerator<VectorChunk, void, undefined> {
		const where = 'VectorFile.chunks';
		checkKeys(where, options, ['start', 'count', 'rowsPerChunk', 'signal']);
		const start = checkInt(where, 'start', options.start ?? 0, 0, this.n);
		const count = checkInt(where, 'count', options.count ?? this.n - start, 0, this.n - start);
		const rows = options.rowsPerChunk ?? Math.max(1, Math.floor(CHUNK_BYTES / (4 * this.d)));
		checkInt(where, 'rowsPerChunk', rows, 1, Number.MAX_SAFE_INTEGER);
		return this.#chunks(start, start + count, rows, options.signal);
	}

	async *#chunks(
		start: number,
		end: number,
		rows: number,
		signal: AbortSignal | undefined,
	): AsyncGenerator<VectorChunk> {
		for (let at = start; at < end; at += rows) {
			yield { start: at, data: await this.read(at, Math.min(rows, end - at), { signal }) };
		}
	}

	#checkRange(where: string, start: number, count: number, options: VectorReadOptions | undefined): void {
		checkInt(where, 'start', start, 0, this.n);
		checkInt(where, 'count', count, 0, this.n - start);
		checkKeys(where, options, ['signal']);
	}

	#allocate<T extends Rows>(type: new (length: number) => T, count: number): T {
		try {
			return new type(count * this.d);
		} catch (cause) {
			const requested = count * this.d * 4;
			const message = `${this.info.name}: no memory for ${count} rows (${requested} bytes); read it in chunks`;
			throw new VecinoError('out-of-memory', message, { requested, cause });
		}
	}

	/** Rows start..start+count into `out`, layout (count, d). */
	async #fill(out: Rows, start: number, count: number, signal: AbortSignal | undefined): Promise<void> {
		checkAborted(signal);
		if (this.info.fortranOrder) return this.#fillByColumn(out, start, count, signal);
		const { name, format, d, dataOffset, itemSize, rowStride } = this.info;
		const stride = rowStride / itemSize;
		const rowsPerBlock = Math.max(1, Math.floor(BLOCK_BYTES / rowStride));
		for (let at = 0; at < count; at += rowsPerBlock) {
			const rows = Math.min(rowsPerBlock, count - at);
			const offset = dataOffset + (start + at) * rowStride;
			const bytes = await readBytes(this.#source, offset, rows * rowStride, name, signal);
			if (format !== 'npy') checkTexmexRows(bytes, d, rowStride, start + at, name);
			const stored = this.#values(bytes);
			const part = out.subarray(at * d, (at + rows) * d) as Rows;
			if (stride === d) part.set(stored);
			else for (let i = 0; i < rows; i++) part.set(stored.subarray((i + 1) * stride - d, (i + 1) * stride), i * d);
			this.#check(stored, stride, part, d, start + at);
		}
	}

	/**
	 * The same for values in layout (d, n), in windows of rows: one range per column of a window, or, where columns
	 * are short or mostly wanted, several whole columns in one range of at most BLOCK_BYTES.
	 */
	async #fillByColumn(out: Rows, start: number, count: number, signal: AbortSignal | undefined): Promise<void> {
		const { name, n, d, dataOffset, itemSize, rowStride } = this.info;
		const fitting = Math.floor(Math.min(WINDOW_BYTES / (4 * d), BLOCK_BYTES / itemSize));
		const window = Math.min(count, Math.max(1, fitting));
		const gap = (n - window) * itemSize;
		const together = gap <= Math.max(MAX_GAP, window * itemSize);
		const columnsPerBlock = together ? Math.max(1, Math.floor(BLOCK_BYTES / rowStride)) : 1;
		for (let at = 0; at < count; at += window) {
			const rows = Math.min(window, count - at);
			const part = out.subarray(at * d, (at + rows) * d);
			const converted = part.slice(0, rows);
			for (let first = 0; first < d; first += columnsPerBlock) {
				const columns = Math.min(columnsPerBlock, d - first);
				const offset = dataOffset + first * rowStride + (start + at) * itemSize;
				const length = (columns - 1) * rowStride + rows * itemSize;
				const stored = this.#values(await readBytes(this.#source, offset, length, name, signal));
				for (let j = 0; j < columns; j++) {
					const column = stored.subarray(j * n, j * n + rows);
					converted.set(column);
					this.#check(column, 1, converted, 1, start + at);
					for (let i = 0; i < rows; i++) part[i * d + first + j] = converted[i]!;
				}
			}
		}
	}

	/** Stored bytes as numbers: a view where type and alignment allow it. */
	#values(bytes: Uint8Array): Values {
		const { dtype, itemSize } = this.info;
		if (dtype === 'u1') return bytes;
		const aligned = bytes.byteOffset % itemSize === 0 ? bytes : bytes.slice();
		const { buffer, byteOffset } = aligned;
		const length = aligned.byteLength / itemSize;
		if (dtype === 'i1') return new Int8Array(buffer, byteOffset, length);
		if (dtype === 'i4') return new Int32Array(buffer, byteOffset, length);
		if (dtype === 'f4') return new Float32Array(buffer, byteOffset, length);
		if (dtype === 'f8') return new Float64Array(buffer, byteOffset, length);
		if (dtype === 'f2') return fromFloat16(new Uint16Array(buffer, byteOffset, length));
		return fromInt64(new Int32Array(buffer, byteOffset, length * 2));
	}

	/**
	 * Refuses stored values that are not finite, or that conversion changed beyond rounding.
	 *
	 * @param stored Rows of `stride` values, the last `width` of which were converted (texmex rows begin with d).
	 * @param converted Layout (rows, width). Its first row is row `firstRow` of the file.
	 */
	#check(stored: Values, stride: number, converted: Rows, width: number, firstRow: number): void {
		const { name, dtype } = this.info;
		const floats = dtype[0] === 'f';
		const ints = converted instanceof Int32Array;
		if (dtype === 'u1' || dtype === 'i1' || (dtype === 'i4' && ints)) return;
		const storedAt = (i: number): number => stored[(Math.floor(i / width) + 1) * stride - width + (i % width)]!;
		const bad = floats ? firstNonFinite(converted) : converted.findIndex((value, i) => value !== storedAt(i));
		if (bad < 0) return;
		const row = firstRow + Math.floor(bad / width);
		const value = storedAt(bad);
		if (floats && !Number.isFinite(value)) {
			throw new VecinoError('not-finite', `${name}: row ${row} holds ${value}; remove or replace it`, { row });
		}
		const shown = Number.isNaN(value) ? 'an integer beyond 2**53' : String(value);
		const reason = ints ? 'is outside int32' : `float32 cannot hold${floats ? '' : ' exactly; read it with readInts'}`;
		const message = `${name}: row ${row} holds ${shown}, which ${reason}`;
		throw new VecinoError(floats ? 'not-finite' : 'unsupported', message, { row });
	}
}

/**
 * float16 to float32, exactly. Exponent and mantissa bits, moved up 13 places, are the value times 2**-112
 * (the biases are 15 and 127), subnormal numbers included.
 */
function fromFloat16(halves: Uint16Array): Float32Array {
	const out = new Float32Array(halves.length);
	const bits = new Uint32Array(out.buffer);
	for (let i = 0; i < halves.length; i++) {
		const half = halves[i]!;
		bits[i] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13);
		out[i]! *= 2 ** 112;
		if ((half & 0x7c00) === 0x7c00) out[i] = half & 0x3ff ? Number.NaN : half & 0x8000 ? -Infinity : Infinity;
	}
	return out;
}

/** int64, given as pairs (low, high), to float64; NaN for what lies beyond 2**53. */
function fromInt64(pairs: Int32Array): Float64Array {
	const out = new Float64Array(pairs.length / 2);
	for (let i = 0; i < out.length; i++) {
		const value = pairs[2 * i + 1]! * 2 ** 32 + (pairs[2 * i]! >>> 0);
		out[i] = Number.isSafeInteger(value) ? value : Number.NaN;
	}
	return out;
}

async function readBytes(
	source: RangeSource,
	offset: number,
	length: number,
	name: string,
	signal: AbortSignal | undefined,
): Promise<Uint8Array> {
	checkAborted(signal);
	const bytes = await source.read(offset, length, signal === undefined ? {} : { signal });
	if (bytes.length === length) return bytes;
	const message = `${name}: ${length} bytes expected at ${offset}, ${bytes.length} found`;
	throw new VecinoError('storage', message, { offset, expected: length, found: bytes.length });
}
