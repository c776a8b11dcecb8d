/**
 * Rows to the bytes of any vector format. Nothing is written that would read back as something else: values that
 * the format cannot hold are refused with their row, NaN and infinities included. Only float64 is rounded, to float32.
 */

import { VecinoError } from '../errors.ts';
import { checkIntegers, encodeBvecs, encodeFvecs, encodeIvecs, type TexmexRows } from './texmex.ts';
import { firstNonFinite, type VectorFormat } from './vectors.ts';

/** Element types that are written. The texmex formats have their own; npy takes any of these. */
export type WritableDtype = 'f4' | 'u1' | 'i1' | 'i4';

export const WRITABLE_DTYPES: readonly WritableDtype[] = ['f4', 'u1', 'i1', 'i4'];

/** Smallest and largest value of the integer types. */
const RANGES = { u1: [0, 255], i1: [-128, 127], i4: [-(2 ** 31), 2 ** 31 - 1] } as const;

/**
 * Bytes of rows, layout (n, d), as they stand in a file; for npy, without its header.
 *
 * @param dtype Type of npy values; the texmex formats have their own.
 * @param firstRow The row of the file that rows begin with, for messages.
 * @throws VecinoError 'not-finite' or 'unsupported' with the row; RangeError for rows that are not whole.
 */
export function encodeRows(
	rows: TexmexRows,
	d: number,
	format: VectorFormat,
	dtype: WritableDtype,
	firstRow = 0,
): Uint8Array {
	if (format === 'bvecs') return encodeBvecs(rows, d, firstRow);
	if (format === 'ivecs') return encodeIvecs(rows, d, firstRow);
	if (format === 'fvecs') return encodeFvecs(toFloat32(rows, d, firstRow), d);
	if (rows.length % d !== 0) {
		throw new RangeError(`encodeRows: rows must be whole, of d = ${d} values, got ${rows.length} values`);
	}
	if (dtype === 'f4') return bytesOf(toFloat32(rows, d, firstRow));
	const [min, max] = RANGES[dtype];
	for (let at = 0; at < rows.length; at += d) {
		checkIntegers(rows.subarray(at, at + d), min, max, `.npy of ${dtype}`, firstRow + at / d);
	}
	if (dtype === 'u1') return new Uint8Array(rows);
	return bytesOf(dtype === 'i1' ? new Int8Array(rows) : new Int32Array(rows));
}

/** The rows themselves where they are float32 already. */
function toFloat32(rows: TexmexRows, d: number, firstRow: number): Float32Array {
	const floats = rows instanceof Float32Array ? rows : new Float32Array(rows);
	const changed = rows instanceof Int32Array ? rows.findIndex((value, i) => value !== floats[i]) : -1;
	const bad = changed >= 0 ? changed : firstNonFinite(floats);
	if (bad < 0) return floats;
	const row = firstRow + Math.floor(bad / d);
	const value = rows[bad]!;
	if (!Number.isFinite(value)) {
		throw new VecinoError('not-finite', `row ${row} holds ${value}; remove or replace it`, { row });
	}
	const code = rows instanceof Int32Array ? 'unsupported' : 'not-finite';
	throw new VecinoError(code, `row ${row} holds ${value}, which float32 cannot hold`, { row });
}

function bytesOf(values: TexmexRows): Uint8Array {
	return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
