/**
 * Latent semantic analysis (Deerwester et al., 1990): the K strongest right singular directions of the documents x words
 * matrix A, found by randomized subspace iteration (Halko, Martinsson and Tropp, 2011). Words that occur in the same
 * company get alike rows.
 *
 * One round replaces Y (V x K) by orthonormal columns spanning A'AY. A'AY is one pass over the documents, z = sum of
 * a_w Y_w, then Y'_w += a_w z, so that nothing of size documents x K is kept. Columns are made orthonormal through the
 * Cholesky factor of Y'Y. All sums run in a fixed order: same texts, same bits.
 */
import { splitmix32 } from './numbers.ts';
import type { Pace } from './pace.ts';

/** Documents as rows of a sparse matrix. */
export interface SparseRows {
	/** Number of columns: words. */
	readonly columns: number;
	/** Where the entries of a row begin, size rows + 1. */
	readonly starts: Uint32Array;
	/** Column of each entry. */
	readonly at: Uint32Array;
	/** Value of each entry. */
	readonly values: Float32Array;
}

/** Orthonormal columns spanning (nearly) the K strongest directions, layout (columns of A, K). */
export async function strongestDirections(
	A: SparseRows,
	K: number,
	rounds: number,
	seed: number,
	pace: Pace,
): Promise<Float32Array> {
	// Rows of zeros fill up the last four.
	const V = Math.ceil(A.columns / 4) * 4;
	const random = splitmix32(seed);
	let Y: Float32Array = new Float32Array(V * K);
	// Random signs serve as well as normal numbers, and need no logarithm.
	for (let i = 0; i < A.columns * K; i++) {
		if ((i & 0xffff) === 0 && pace.due()) await pace.rest('decompose', 0, 0);
		Y[i] = random() & 1 ? 1 : -1;
	}
	for (let round = 0; round < rounds; round++) {
		Y = await multiply(A, Y, K, pace);
		await orthonormalise(Y, V, K, pace);
	}
	return Y.subarray(0, A.columns * K);
}

/** A'AY. */
async function multiply(A: SparseRows, Y: Float32Array, K: number, pace: Pace): Promise<Float32Array> {
	const { starts, at, values } = A;
	const rows = starts.length - 1;
	const out = new Float32Array(Y.length);
	const z = new Float64Array(K);
	for (let row = 0; row < rows; row++) {
		if ((row & 15) === 0 && pace.due()) await pace.rest('decompose', row, rows);
		const end = starts[row + 1]!;
		z.fill(0);
		for (let e = starts[row]!; e < end; e++) {
			const a = values[e]!;
			const y = at[e]! * K;
			for (let j = 0; j < K; j++) z[j] = z[j]! + a * Y[y + j]!;
		}
		for (let e = starts[row]!; e < end; e++) {
			const a = values[e]!;
			const y = at[e]! * K;
			for (let j = 0; j < K; j++) out[y + j] = out[y + j]! + a * z[j]!;
		}
	}
	return out;
}

/** Makes the columns of Y (V x K) orthonormal in place; those that depend on earlier ones become zero. */
async function orthonormalise(Y: Float32Array, V: number, K: number, pace: Pace): Promise<void> {
	const G = new Float64Array(K * K);
	for (let row = 0; row < V; row += 4) {
		if ((row & 12) === 0 && pace.due()) await pace.rest('decompose', row, V);
		addSquares(G, Y, row, K);
	}
	const R = cholesky(G, K);
	for (let row = 0; row < V; row++) {
		if ((row & 15) === 0 && pace.due()) await pace.rest('decompose', row, V);
		solve(R, Y, row * K, K);
	}
}

/** G += y'y over four rows of Y, upper triangle: four products for one reading and writing of G. */
function addSquares(G: Float64Array, Y: Float32Array, row: number, K: number): void {
	const y0 = row * K;
	const y1 = y0 + K;
	const y2 = y1 + K;
	const y3 = y2 + K;
	for (let i = 0; i < K; i++) {
		const a = Y[y0 + i]!;
		const b = Y[y1 + i]!;
		const c = Y[y2 + i]!;
		const d = Y[y3 + i]!;
		const g = i * K;
		for (let j = i; j < K; j++) {
			G[g + j] = G[g + j]! + (a * Y[y0 + j]! + b * Y[y1 + j]! + (c * Y[y2 + j]! + d * Y[y3 + j]!));
		}
	}
}

/** Upper triangular R with R'R = G; the diagonal holds 1 / R_ii, or 0 where a column adds nothing. */
function cholesky(G: Float64Array, K: number): Float64Array {
	const R = new Float64Array(G);
	for (let i = 0; i < K; i++) {
		const before = G[i * K + i]!;
		const left = R[i * K + i]!;
		const inverse = left > 1e-10 * before ? 1 / Math.sqrt(left) : 0;
		R[i * K + i] = inverse;
		for (let j = i + 1; j < K; j++) R[i * K + j] = R[i * K + j]! * inverse;
		for (let below = i + 1; below < K; below++) {
			const r = R[i * K + below]!;
			if (r === 0) continue;
			for (let j = below; j < K; j++) R[below * K + j] = R[below * K + j]! - r * R[i * K + j]!;
		}
	}
	return R;
}

/** y = y R^-1. */
function solve(R: Float64Array, Y: Float32Array, y: number, K: number): void {
	for (let i = 0; i < K; i++) {
		const a = Y[y + i]! * R[i * K + i]!;
		Y[y + i] = a;
		if (a === 0) continue;
		const r = i * K;
		for (let j = i + 1; j < K; j++) Y[y + j] = Y[y + j]! - a * R[r + j]!;
	}
}
