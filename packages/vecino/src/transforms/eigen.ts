/**
 * Eigenvalues and eigenvectors of a symmetric matrix: Householder reflections to tridiagonal form, then implicit QL
 * (Golub and Van Loan, Matrix Computations, 8.3). Float64, and of all functions only the square root, so that every
 * runtime gets the same bits. About 5 n^3 multiply-adds; n = 768 takes a second or two.
 */

import type { Steps } from '../util/steps.ts';

export interface Eigen {
	/** Eigenvalues in descending order, size n. */
	readonly values: Float64Array<ArrayBuffer>;
	/** One eigenvector a row, size count * n, layout (count, n): length 1, its component of largest magnitude positive. */
	readonly vectors: Float64Array<ArrayBuffer>;
}

/** An eigenvalue takes one or two sweeps; more than this many means that the matrix holds NaN. */
const MAX_SWEEPS = 60;
const EPSILON = 2 ** -52;
/** Off-diagonal elements below this share of the largest element count as zero, whatever is beside them. */
const TINY = 2 ** -80;

/**
 * The `count` largest eigenvalues and their vectors.
 *
 * @param a - Symmetric, size n * n; only what is on and below the diagonal is read. Overwritten.
 */
export function* eigenSteps(a: Float64Array, n: number, count: number = n, phase = 'eigenvectors'): Steps<Eigen> {
	let largest = 0;
	for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) largest = Math.max(largest, Math.abs(a[i * n + j]!));
	// Elements of at most 1: squares then neither overflow nor vanish.
	const scale = largest > 0 ? largest : 1;
	for (let i = 0; i < n * n; i++) a[i] = a[i]! / scale;

	const diagonal = new Float64Array(n);
	/** Off-diagonal elements: i beside i + 1. */
	const off = new Float64Array(n);
	const halves = new Float64Array(n);
	yield* tridiagonalize(a, n, diagonal, off, halves, phase);
	const z = new Float64Array(n * n);
	for (let i = 0; i < n; i++) z[i * n + i] = 1;
	yield* implicitQL(diagonal, off, z, n, phase);

	const order = Array.from(diagonal.keys()).sort((i, j) => diagonal[j]! - diagonal[i]! || i - j);
	const values = Float64Array.from(order, (i) => diagonal[i]! * scale);
	const vectors = new Float64Array(count * n);
	for (let i = 0; i < count; i++) vectors.set(z.subarray(order[i]! * n, (order[i]! + 1) * n), i * n);
	for (let i = 0; i < count; i += 4) {
		reflect(vectors, i, Math.min(4, count - i), a, halves, n);
		yield { phase, done: 2 * n + Math.floor((i * n) / count), total: 3 * n };
	}
	for (let i = 0; i < count; i++) makePositive(vectors, i * n, n);
	return { values, vectors };
}

/**
 * Turns row i of `a`, left of the diagonal, into the vector v of the reflection I - v v^T / halves[i] that leaves of
 * that row nothing but its last element; from the last row to the first.
 */
function* tridiagonalize(
	a: Float64Array,
	n: number,
	diagonal: Float64Array,
	off: Float64Array,
	halves: Float64Array,
	phase: string,
): Steps<void> {
	const p = new Float64Array(n);
	for (let i = n - 1; i > 0; i--) {
		const row = i * n;
		diagonal[i] = a[row + i]!;
		let rest = 0;
		for (let j = 0; j < i - 1; j++) rest += a[row + j]! * a[row + j]!;
		const last = a[row + i - 1]!;
		if (rest === 0) {
			off[i - 1] = last;
			continue;
		}
		const length = Math.sqrt(rest + last * last);
		const g = last >= 0 ? -length : length;
		off[i - 1] = g;
		a[row + i - 1] = last - g;
		const half = rest + last * last - last * g;
		halves[i] = half;
		multiplyLower(a, n, row, i, p);
		let dot = 0;
		for (let j = 0; j < i; j++) {
			p[j] = p[j]! / half;
			dot += p[j]! * a[row + j]!;
		}
		const k = dot / (half + half);
		for (let j = 0; j < i; j++) p[j] = p[j]! - k * a[row + j]!;
		for (let r = 0; r < i; r++) updateRow(a, r * n, row, p, r);
		if (i % 8 === 0) yield { phase, done: n - i, total: 3 * n };
	}
	diagonal[0] = a[0]!;
}

/** p = S v, S the leading size x size block by its lower triangle, v at `row`. */
function multiplyLower(a: Float64Array, n: number, row: number, size: number, p: Float64Array): void {
	for (let r = 0; r < size; r++) {
		const at = r * n;
		const v = a[row + r]!;
		let sum = 0;
		for (let j = 0; j < r; j++) {
			const value = a[at + j]!;
			sum += value * a[row + j]!;
			p[j] = p[j]! + value * v;
		}
		p[r] = sum + a[at + r]! * v;
	}
}

/** Row r of S - v p^T - p v^T, up to the diagonal. */
function updateRow(a: Float64Array, at: number, row: number, p: Float64Array, r: number): void {
	const v = a[row + r]!;
	const w = p[r]!;
	for (let j = 0; j <= r; j++) a[at + j] = a[at + j]! - (v * p[j]! + w * a[row + j]!);
}

/** Diagonalises; rows of z become eigenvectors. */
function* implicitQL(
	diagonal: Float64Array,
	off: Float64Array,
	z: Float64Array,
	n: number,
	phase: string,
): Steps<void> {
	for (let l = 0; l < n; l++) {
		for (let sweep = 0; ; sweep++) {
			let m = l;
			while (m < n - 1) {
				const around = Math.abs(diagonal[m]!) + Math.abs(diagonal[m + 1]!);
				if (Math.abs(off[m]!) <= EPSILON * around + TINY) break;
				m++;
			}
			if (m === l) break;
			if (sweep === MAX_SWEEPS) throw new Error('internal: eigenvalues do not converge');
			let g = (diagonal[l + 1]! - diagonal[l]!) / (2 * off[l]!);
			const root = Math.sqrt(g * g + 1);
			g = diagonal[m]! - diagonal[l]! + off[l]! / (g + (g < 0 ? -root : root));
			let s = 1;
			let c = 1;
			let p = 0;
			let i = m - 1;
			for (; i >= l; i--) {
				const f = s * off[i]!;
				const b = c * off[i]!;
				const r = Math.sqrt(f * f + g * g);
				off[i + 1] = r;
				if (r === 0) {
					diagonal[i + 1] = diagonal[i + 1]! - p;
					off[m] = 0;
					break;
				}
				s = f / r;
				c = g / r;
				g = diagonal[i + 1]! - p;
				const t = (diagonal[i]! - g) * s + 2 * c * b;
				p = s * t;
				diagonal[i + 1] = g + p;
				g = c * t - b;
				rotate(z, i * n, n, c, s);
			}
			if (i >= l) continue;
			diagonal[l] = diagonal[l]! - p;
			off[l] = g;
			off[m] = 0;
			yield { phase, done: n + l, total: 3 * n };
		}
	}
}

/** Turns the row at `at` and the next. */
function rotate(z: Float64Array, at: number, n: number, c: number, s: number): void {
	const next = at + n;
	for (let k = 0; k < n; k++) {
		const a = z[at + k]!;
		const b = z[next + k]!;
		z[next + k] = s * a + c * b;
		z[at + k] = c * a - s * b;
	}
}

/** Applies the reflections, first row first, to `rows` (1..4) rows of z from `first`: four at a time share the loads. */
function reflect(z: Float64Array, first: number, rows: number, a: Float64Array, halves: Float64Array, n: number): void {
	const z0 = first * n;
	const z1 = rows > 1 ? z0 + n : z0;
	const z2 = rows > 2 ? z0 + 2 * n : z0;
	const z3 = rows > 3 ? z0 + 3 * n : z0;
	for (let i = 1; i < n; i++) {
		const half = halves[i]!;
		if (half === 0) continue;
		const v = i * n;
		let s0 = 0;
		let s1 = 0;
		let s2 = 0;
		let s3 = 0;
		for (let j = 0; j < i; j++) {
			const value = a[v + j]!;
			s0 += value * z[z0 + j]!;
			s1 += value * z[z1 + j]!;
			s2 += value * z[z2 + j]!;
			s3 += value * z[z3 + j]!;
		}
		s0 /= half;
		s1 = rows > 1 ? s1 / half : 0;
		s2 = rows > 2 ? s2 / half : 0;
		s3 = rows > 3 ? s3 / half : 0;
		for (let j = 0; j < i; j++) {
			const value = a[v + j]!;
			z[z0 + j] = z[z0 + j]! - s0 * value;
			z[z1 + j] = z[z1 + j]! - s1 * value;
			z[z2 + j] = z[z2 + j]! - s2 * value;
			z[z3 + j] = z[z3 + j]! - s3 * value;
		}
	}
}

/** Of v and -v the one whose component of largest magnitude (the first of those) is positive. */
function makePositive(z: Float64Array, at: number, n: number): void {
	let largest = 0;
	for (let j = 1; j < n; j++) if (Math.abs(z[at + j]!) > Math.abs(z[at + largest]!)) largest = j;
	if (z[at + largest]! >= 0) return;
	for (let j = 0; j < n; j++) z[at + j] = -z[at + j]!;
}
