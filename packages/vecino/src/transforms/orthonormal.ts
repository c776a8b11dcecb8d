/**
 * Orthonormal rows, and the orthonormal matrix nearest to a given one. Float64; the same bits on every runtime.
 */

import type { Steps } from '../util/steps.ts';
import { eigenSteps } from './eigen.ts';

/** What is left of a row below this share of the longest counts as nothing. */
const NOTHING = 1e-13;

/**
 * Makes `count` <= n rows of n values orthonormal, one after the other (Gram-Schmidt, twice for every row, which is
 * enough). A row that depends on those before it is replaced by a unit vector's part that does not.
 */
export function* orthonormalizeSteps(a: Float64Array, count: number, n: number, phase = 'orthonormal'): Steps<void> {
	let longest = 0;
	for (let i = 0; i < count; i++) longest = Math.max(longest, lengthOf(a, i * n, n));
	for (let i = 0; i < count; i++) {
		const at = i * n;
		project(a, i, n);
		if (lengthOf(a, at, n) <= NOTHING * longest) {
			a.fill(0, at, at + n);
			a[at + freeAxis(a, i, n)] = 1;
			project(a, i, n);
		}
		scaleRow(a, at, n);
		project(a, i, n);
		scaleRow(a, at, n);
		if (i % 8 === 7) yield { phase, done: i + 1, total: count };
	}
}

/**
 * The orthonormal matrix U nearest to M, which is also the one with the largest sum of products U_ij M_ij: with
 * M = P S Q^T it is P Q^T (orthogonal Procrustes). Q comes from M^T M, P from M Q, made orthonormal from the largest
 * singular value to the smallest; so U is orthonormal whatever the rank of M.
 *
 * @param m - Size n * n, row-major. @returns Size n * n.
 */
export function* nearestOrthonormalSteps(m: Float64Array, n: number, phase: string): Steps<Float64Array<ArrayBuffer>> {
	const gram = yield* multiplySteps(transpose(m, n), transpose(m, n), n, phase);
	const { vectors } = yield* eigenSteps(gram, n, n, phase);
	const left = yield* multiplySteps(vectors, m, n, phase);
	yield* orthonormalizeSteps(left, n, n, phase);
	return yield* multiplySteps(transpose(left, n), transpose(vectors, n), n, phase);
}

/** a b^T of n x n matrices: out[i][j] = row i of a . row j of b. */
function* multiplySteps(a: Float64Array, b: Float64Array, n: number, phase: string): Steps<Float64Array<ArrayBuffer>> {
	const out = new Float64Array(n * n);
	for (let i = 0; i < n; i++) {
		for (let j = 0; j < n; j += 4) fourDots(a, i * n, b, j * n, Math.min(4, n - j), n, out, i * n + j);
		if (i % 32 === 31) yield { phase, done: i + 1, total: n };
	}
	return out;
}

/** Products of one row with 1..4 rows that follow each other. */
function fourDots(
	a: Float64Array,
	at: number,
	b: Float64Array,
	first: number,
	rows: number,
	n: number,
	out: Float64Array,
	to: number,
): void {
	const b1 = rows > 1 ? first + n : first;
	const b2 = rows > 2 ? first + 2 * n : first;
	const b3 = rows > 3 ? first + 3 * n : first;
	let s0 = 0;
	let s1 = 0;
	let s2 = 0;
	let s3 = 0;
	for (let t = 0; t < n; t++) {
		const value = a[at + t]!;
		s0 += value * b[first + t]!;
		s1 += value * b[b1 + t]!;
		s2 += value * b[b2 + t]!;
		s3 += value * b[b3 + t]!;
	}
	out[to] = s0;
	if (rows > 1) out[to + 1] = s1;
	if (rows > 2) out[to + 2] = s2;
	if (rows > 3) out[to + 3] = s3;
}

/** Size n * n. */
export function transpose(a: Float64Array, rows: number, columns: number = rows): Float64Array<ArrayBuffer> {
	const out = new Float64Array(rows * columns);
	for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = a[i * columns + j]!;
	return out;
}

/** Takes the parts along rows 0..i - 1 away from row i. */
function project(a: Float64Array, i: number, n: number): void {
	const dots = new Float64Array(4);
	for (let j = 0; j < i; j += 4) {
		const rows = Math.min(4, i - j);
		fourDots(a, i * n, a, j * n, rows, n, dots, 0);
		for (let r = 0; r < rows; r++) {
			const dot = dots[r]!;
			const from = (j + r) * n;
			const at = i * n;
			for (let t = 0; t < n; t++) a[at + t] = a[at + t]! - dot * a[from + t]!;
		}
	}
}

/** An axis of which the first i rows, orthonormal, leave a good part. */
function freeAxis(a: Float64Array, i: number, n: number): number {
	for (let t = 0; t < n; t++) {
		let taken = 0;
		for (let j = 0; j < i; j++) taken += a[j * n + t]! * a[j * n + t]!;
		if (1 - taken > (0.5 * (n - i)) / n) return t;
	}
	throw new Error('internal: more rows than dimensions');
}

function lengthOf(a: Float64Array, at: number, n: number): number {
	let sum = 0;
	for (let t = 0; t < n; t++) sum += a[at + t]! * a[at + t]!;
	return Math.sqrt(sum);
}

function scaleRow(a: Float64Array, at: number, n: number): void {
	const length = lengthOf(a, at, n);
	for (let t = 0; t < n; t++) a[at + t] = a[at + t]! / length;
}
