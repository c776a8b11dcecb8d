/**
 * Metrics and distance helpers.
 *
 * 'l2' is the squared Euclidean distance, as in FAISS (smaller is nearer); 'ip' the inner product and
 * 'cosine' the cosine similarity (larger is nearer), which is normalise + inner product: zero vectors
 * stay zero and are at 0 to everything.
 */

import { VecinoError } from '../errors.ts';

/** How vectors are compared: squared Euclidean distance, inner product or cosine similarity. */
export type Metric = 'l2' | 'ip' | 'cosine';

export const METRICS: readonly Metric[] = Object.freeze(['l2', 'ip', 'cosine']);

/**
 * True when distance `a` is nearer than `b`: the only place that knows the direction of a metric.
 *
 * @example
 * console.log(isBetter('l2', 1, 2), isBetter('cosine', 1, 2)); // true false
 */
export function isBetter(metric: Metric, a: number, b: number): boolean {
	return metric === 'l2' ? a < b : a > b;
}

/** The distance of a missing result: Infinity for 'l2', -Infinity for 'ip' and 'cosine'. */
export function worstDistance(metric: Metric): number {
	return metric === 'l2' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}

function checkPair(where: string, a: ArrayLike<number>, b: ArrayLike<number>): void {
	if (a.length === b.length) return;
	const message = `${where}: vectors must have the same dimension, got ${a.length} and ${b.length}`;
	throw new VecinoError('dimension-mismatch', message, { expected: a.length, found: b.length });
}

/**
 * Inner product, summed in double precision.
 *
 * @example
 * console.log(innerProduct([1, 2], [3, 4])); // 11
 */
export function innerProduct(a: ArrayLike<number>, b: ArrayLike<number>): number {
	checkPair('innerProduct', a, b);
	let sum = 0;
	for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
	return sum;
}

/**
 * Squared Euclidean distance: what metric 'l2' returns.
 *
 * @example
 * console.log(squaredL2([0, 0], [3, 4])); // 25
 */
export function squaredL2(a: ArrayLike<number>, b: ArrayLike<number>): number {
	checkPair('squaredL2', a, b);
	let sum = 0;
	for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
	return sum;
}

/**
 * Euclidean distance: the root of squaredL2.
 *
 * @example
 * console.log(euclideanDistance([0, 0], [3, 4])); // 5
 */
export function euclideanDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
	return Math.sqrt(squaredL2(a, b));
}

/**
 * Cosine similarity in -1..1: what metric 'cosine' returns. 0 when either vector is zero.
 *
 * @example
 * console.log(cosineSimilarity([1, 0], [5, 0])); // 1
 */
export function cosineSimilarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
	const norms = Math.sqrt(innerProduct(a, a) * innerProduct(b, b));
	if (!(norms > 0)) return 0;
	return Math.min(1, Math.max(-1, innerProduct(a, b) / norms));
}

/**
 * 1 - cosine similarity, 0 (same direction) .. 2 (opposite).
 *
 * @example
 * console.log(cosineDistance([1, 0], [0, 2])); // 1
 */
export function cosineDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
	return 1 - cosineSimilarity(a, b);
}

/**
 * -(a . b): the inner product as a distance, smaller is nearer.
 *
 * @example
 * console.log(negativeDot([1, 2], [3, 4])); // -11
 */
export function negativeDot(a: ArrayLike<number>, b: ArrayLike<number>): number {
	return -innerProduct(a, b);
}

/**
 * A copy of the vector with length 1; a zero vector stays zero.
 *
 * @example
 * console.log(normalize([3, 0])); // Float32Array(2) [1, 0]
 */
export function normalize(a: ArrayLike<number>): Float32Array<ArrayBuffer> {
	const norm = Math.sqrt(innerProduct(a, a));
	return Float32Array.from(a, (value) => (norm > 0 ? value / norm : 0));
}
