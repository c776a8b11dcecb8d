/** From what indexes measure to what hits say: a distance (lower is nearer) and a score (higher is better). */

import { cosineSimilarity, innerProduct, type Metric, squaredL2 } from 'vecino';

/** Hit.distance of what the engine returns: squared l2, inner product, cosine similarity. */
export function distanceOf(metric: Metric, raw: number): number {
	if (metric === 'l2') return raw;
	return metric === 'cosine' ? 1 - raw : 0 - raw;
}

/** Hit.score of what the engine returns. */
export function scoreOf(metric: Metric, raw: number): number {
	return metric === 'l2' ? 1 / (1 + raw) : raw;
}

/** What the engine takes as a radius, from a distance. */
export function rawOfDistance(metric: Metric, distance: number): number {
	return metric === 'l2' ? distance : distanceOf(metric, distance);
}

/** What the engine takes as a radius, from a score. */
export function rawOfScore(metric: Metric, score: number): number {
	return metric === 'l2' ? 1 / score - 1 : score;
}

/** What the engine would return for two vectors. */
export function rawOf(metric: Metric, a: Float32Array, b: Float32Array): number {
	if (metric === 'l2') return squaredL2(a, b);
	return metric === 'cosine' ? cosineSimilarity(a, b) : innerProduct(a, b);
}
