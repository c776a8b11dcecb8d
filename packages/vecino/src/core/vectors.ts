/**
 * Vectors as the engine takes them: n rows of d float32 values, row-major.
 */

import { VecinoError } from '../errors.ts';
import { checkInt, show } from '../util/check.ts';

/** Largest dimension accepted. */
export const MAX_D = 65536;

/**
 * n row-major float32 vectors of dimension d: component j of vector i is `data[i * d + j]`.
 *
 * @example
 * const x = VectorSet.from([[1, 0], [0, 1], [1, 1]]);
 * console.log(x.n, x.d, x.row(2)); // 3 2 Float32Array(2) [1, 1]
 */
export class VectorSet {
	/** Size n * d. The set does not copy: it sees later changes of this array. */
	readonly data: Float32Array;
	/** Rows. */
	readonly n: number;
	/** Values per row. */
	readonly d: number;

	/** @throws {RangeError} when data.length is not a multiple of d. */
	constructor(data: Float32Array, d: number) {
		checkInt('VectorSet', 'd', d, 1, MAX_D);
		if (!(data instanceof Float32Array))
			throw new TypeError(`VectorSet: data must be a Float32Array, got ${show(data)}`);
		if (data.length % d !== 0) {
			throw new RangeError(`VectorSet: data.length must be a multiple of d = ${d}, got ${data.length}`);
		}
		this.data = data;
		this.d = d;
		this.n = data.length / d;
	}

	/**
	 * Copies rows of numbers, all of the same length.
	 *
	 * @example
	 * console.log(VectorSet.from([[1, 2], [3, 4]]).data); // Float32Array(4) [1, 2, 3, 4]
	 */
	static from(rows: Iterable<ArrayLike<number>>): VectorSet {
		const list = [...rows];
		const d = list[0]?.length ?? 0;
		if (d === 0) throw new RangeError('VectorSet.from: at least one row with at least one value is needed');
		return fromRows('VectorSet.from', list, d);
	}

	/**
	 * A view of row i.
	 *
	 * @example
	 * console.log(VectorSet.from([[1, 2], [3, 4]]).row(1)); // Float32Array(2) [3, 4]
	 */
	row(i: number): Float32Array {
		checkInt('VectorSet.row', 'i', i, 0, this.n - 1);
		return this.data.subarray(i * this.d, (i + 1) * this.d);
	}

	/**
	 * A view of rows start..end - 1.
	 *
	 * @example
	 * console.log(VectorSet.from([[1, 0], [0, 1], [1, 1]]).slice(1).n); // 2
	 */
	slice(start: number, end: number = this.n): VectorSet {
		checkInt('VectorSet.slice', 'start', start, 0, this.n);
		checkInt('VectorSet.slice', 'end', end, start, this.n);
		return new VectorSet(this.data.subarray(start * this.d, end * this.d), this.d);
	}

	/**
	 * A copy of the rows named.
	 *
	 * @example
	 * console.log(VectorSet.from([[1, 0], [0, 1], [1, 1]]).take([2, 0]).data); // Float32Array(4) [1, 1, 1, 0]
	 */
	take(rows: ArrayLike<number>): VectorSet {
		const data = new Float32Array(rows.length * this.d);
		for (let i = 0; i < rows.length; i++) data.set(this.row(rows[i]!), i * this.d);
		return new VectorSet(data, this.d);
	}
}

/**
 * What methods accept as vectors: a VectorSet, one flat array of one or more rows of the index's
 * dimension, or an array of rows. Float32Array and VectorSet are taken as they are, the rest is copied.
 */
export type Vectors = VectorSet | Float32Array | Float64Array | readonly number[] | readonly ArrayLike<number>[];

/** Brings any accepted form to a VectorSet of dimension d and refuses NaN and infinities, naming the row. */
export function toVectorSet(where: string, name: string, x: Vectors, d: number): VectorSet {
	const set = convert(where, name, x, d);
	if (set.d !== d) throw dimensionMismatch(where, name, d, set.d);
	checkFinite(where, name, set);
	return set;
}

function convert(where: string, name: string, x: Vectors, d: number): VectorSet {
	if (x instanceof VectorSet) return x;
	if (x instanceof Float32Array) return flat(where, name, x, d);
	if (x instanceof Float64Array) return flat(where, name, Float32Array.from(x), d);
	if (!Array.isArray(x)) {
		const expected = 'a VectorSet, a Float32Array, or an array of numbers or rows';
		throw new TypeError(`${where}: ${name} must be ${expected}, got ${show(x)}`);
	}
	if (x.length === 0) return new VectorSet(new Float32Array(0), d);
	if (typeof x[0] === 'number') return flat(where, name, Float32Array.from(x as number[]), d);
	return fromRows(where, x as ArrayLike<number>[], d);
}

function flat(where: string, name: string, data: Float32Array, d: number): VectorSet {
	if (data.length % d === 0) return new VectorSet(data, d);
	const message = `${where}: ${name} has ${data.length} values, which is not a multiple of the dimension ${d}`;
	throw new VecinoError('dimension-mismatch', message, { expected: d, found: data.length });
}

function fromRows(where: string, rows: readonly ArrayLike<number>[], d: number): VectorSet {
	const data = new Float32Array(rows.length * d);
	for (const [i, row] of rows.entries()) {
		if (typeof row !== 'object' || row === null || typeof row.length !== 'number') {
			throw new TypeError(`${where}: row ${i} must be an array of numbers, got ${show(row)}`);
		}
		if (row.length !== d) {
			const message = `${where}: row ${i} has ${row.length} values, expected ${d}`;
			throw new VecinoError('dimension-mismatch', message, { row: i, expected: d, found: row.length });
		}
		data.set(row, i * d);
	}
	return new VectorSet(data, d);
}

function dimensionMismatch(where: string, name: string, expected: number, found: number): VecinoError {
	const message = `${where}: ${name} has dimension ${found}, expected ${expected}`;
	return new VecinoError('dimension-mismatch', message, { expected, found });
}

function checkFinite(where: string, name: string, { data, d }: VectorSet): void {
	for (let i = 0; i < data.length; i++) {
		const value = data[i]!;
		if (value - value === 0) continue;
		const row = Math.floor(i / d);
		const what = Number.isNaN(value) ? 'NaN' : String(value);
		const message = `${where}: row ${row} of ${name} holds ${what} (component ${i % d}); remove or replace it`;
		throw new VecinoError('not-finite', message, { row });
	}
}
