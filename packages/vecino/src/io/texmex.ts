/**
 * The texmex formats .fvecs, .bvecs and .ivecs: no file header, every row on its own.
 *
 *     row = int32 d, then d values     fvecs: float32 · bvecs: uint8 · ivecs: int32, all little-endian
 *
 * So a row takes 4 + d * (4, 1 or 4) bytes, row i begins at i times that, and the file holds nothing else.
 * All rows have the same d: readers check every one, since a wrong format or a cut file shows there first.
 * Format: http://corpus-texmex.irisa.fr
 */

import { VecinoError, type VecinoErrorFields } from '../errors.ts';
import { checkInt, show } from '../util/check.ts';

export type TexmexFormat = 'fvecs' | 'bvecs' | 'ivecs';

/** What the first row and the size of a file say. */
export interface TexmexHeader {
	/** Rows, >= 1: the formats cannot hold an empty set. */
	readonly n: number;
	/** Values per row, >= 1. */
	readonly d: number;
	/** Bytes from one row to the next. */
	readonly rowStride: number;
}

/** Rows to encode, layout (n, d). */
export type TexmexRows = Float32Array | Float64Array | Int32Array | Int8Array | Uint8Array;

/** Bytes per value. */
export const TEXMEX_ITEM_SIZE: Readonly<Record<TexmexFormat, number>> = { fvecs: 4, bvecs: 1, ivecs: 4 };

/** Widest row accepted; a larger d at the start of a file means another format. */
const MAX_D = 2 ** 20;

/**
 * Shape of a file of `byteLength` bytes that begins with `head` (4 bytes are enough).
 *
 * @param name The file's name, for messages.
 * @throws VecinoError 'corrupt-data' for a d out of range, or a size that is no whole number of rows.
 */
export function parseTexmexHeader(
	head: Uint8Array,
	byteLength: number,
	format: TexmexFormat,
	name: string,
): TexmexHeader {
	if (byteLength < 4 || head.length < 4) {
		throw corrupt(`${name}: row 0 is cut short: the file has ${byteLength} bytes`, { row: 0, offset: byteLength });
	}
	const d = viewOf(head).getInt32(0, true);
	if (d < 1 || d > MAX_D) {
		const message = `${name}: row 0 has d = ${d}, expected 1..${MAX_D}; is it a .${format} file?`;
		throw corrupt(message, { row: 0, expected: `1..${MAX_D}`, found: d, offset: 0 });
	}
	const rowStride = 4 + d * TEXMEX_ITEM_SIZE[format];
	const n = Math.floor(byteLength / rowStride);
	const rest = byteLength - n * rowStride;
	if (rest !== 0) {
		const message = `${name}: row ${n} is cut short: ${rowStride} bytes expected, ${rest} found`;
		const fields = { row: n, expected: rowStride, found: rest, offset: n * rowStride };
		throw corrupt(message + otherFormat(d, byteLength, format), fields);
	}
	return { n, d, rowStride };
}

/**
 * Checks that each of the rows in `bytes` (whole rows of `rowStride` bytes, the first being row `firstRow` of
 * the file) says `d`.
 *
 * @throws VecinoError 'corrupt-data' with the first row that differs, and both values.
 */
export function checkTexmexRows(bytes: Uint8Array, d: number, rowStride: number, firstRow: number, name: string): void {
	const view = viewOf(bytes);
	for (let at = 0; at < bytes.length; at += rowStride) {
		const found = view.getInt32(at, true);
		if (found === d) continue;
		const row = firstRow + at / rowStride;
		const message = `${name}: row ${row} has d = ${found}, but row 0 has d = ${d}; the file is damaged or of another format`;
		throw corrupt(message, { row, expected: d, found, offset: row * rowStride });
	}
}

/**
 * Rows as .fvecs bytes. Values are written as float32, as they are; parts of a file may be encoded one by one
 * and joined.
 *
 * @throws RangeError when data.length is not a multiple of d.
 *
 * @example
 * console.log(encodeFvecs(Float32Array.of(1, 2, 3, 4), 2).length); // 24
 */
export function encodeFvecs(data: TexmexRows, d: number): Uint8Array<ArrayBuffer> {
	const { n, bytes, headers } = prepare('encodeFvecs', data, d, 4);
	const values = new Float32Array(bytes.buffer);
	for (let i = 0; i < n; i++) {
		headers.setInt32(i * (d + 1) * 4, d, true);
		values.set(data.subarray(i * d, (i + 1) * d), i * (d + 1) + 1);
	}
	return bytes;
}

/**
 * Rows as .ivecs bytes.
 *
 * @param firstRow The row of the file that data begins with, for messages.
 * @throws VecinoError 'unsupported' with the row for a value that is no integer in -2**31..2**31-1;
 *   RangeError when data.length is not a multiple of d.
 *
 * @example
 * console.log(encodeIvecs(Int32Array.of(7, 8), 2)); // Uint8Array(12) [2, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0]
 */
export function encodeIvecs(data: TexmexRows, d: number, firstRow = 0): Uint8Array<ArrayBuffer> {
	const { n, bytes, headers } = prepare('encodeIvecs', data, d, 4);
	const values = new Int32Array(bytes.buffer);
	for (let i = 0; i < n; i++) {
		const row = data.subarray(i * d, (i + 1) * d);
		checkIntegers(row, -(2 ** 31), 2 ** 31 - 1, '.ivecs', firstRow + i);
		headers.setInt32(i * (d + 1) * 4, d, true);
		values.set(row, i * (d + 1) + 1);
	}
	return bytes;
}

/**
 * Rows as .bvecs bytes.
 *
 * @param firstRow The row of the file that data begins with, for messages.
 * @throws VecinoError 'unsupported' with the row for a value that is no integer in 0..255;
 *   RangeError when data.length is not a multiple of d.
 *
 * @example
 * console.log(encodeBvecs(Uint8Array.of(7, 8), 2)); // Uint8Array(6) [2, 0, 0, 0, 7, 8]
 */
export function encodeBvecs(data: TexmexRows, d: number, firstRow = 0): Uint8Array<ArrayBuffer> {
	const { n, bytes, headers } = prepare('encodeBvecs', data, d, 1);
	for (let i = 0; i < n; i++) {
		const row = data.subarray(i * d, (i + 1) * d);
		checkIntegers(row, 0, 255, '.bvecs', firstRow + i);
		headers.setInt32(i * (4 + d), d, true);
		bytes.set(row, i * (4 + d) + 4);
	}
	return bytes;
}

function prepare(
	where: string,
	data: TexmexRows,
	d: number,
	itemSize: number,
): { n: number; bytes: Uint8Array<ArrayBuffer>; headers: DataView } {
	checkInt(where, 'd', d, 1, MAX_D);
	if (!ArrayBuffer.isView(data)) throw new TypeError(`${where}: data must be a typed array, got ${show(data)}`);
	if (data.length % d !== 0) {
		throw new RangeError(`${where}: data must hold whole rows of d = ${d} values, got ${data.length} values`);
	}
	const n = data.length / d;
	const bytes = new Uint8Array(n * (4 + d * itemSize));
	return { n, bytes, headers: viewOf(bytes) };
}

/**
 * Checks that values, all of row `row`, are integers in min..max, as `what` needs.
 *
 * @throws VecinoError 'unsupported' with the row.
 */
export function checkIntegers(values: TexmexRows, min: number, max: number, what: string, row: number): void {
	for (const value of values) {
		if (value >= min && value <= max && Number.isInteger(value)) continue;
		const message = `row ${row} holds ${value}; ${what} holds integers in ${min}..${max} only`;
		throw new VecinoError('unsupported', message, { row, expected: `${min}..${max}`, found: value });
	}
}

/** A hint for files named by the wrong extension, where the size fits the other width. */
function otherFormat(d: number, byteLength: number, format: TexmexFormat): string {
	const fits = format === 'bvecs' ? byteLength % (4 + 4 * d) === 0 : byteLength % (4 + d) === 0;
	return fits ? `; its size fits ${format === 'bvecs' ? '.fvecs or .ivecs' : '.bvecs'}` : '';
}

function viewOf(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function corrupt(message: string, fields: VecinoErrorFields): VecinoError {
	return new VecinoError('corrupt-data', message, fields);
}
