/**
 * Mean and covariance of training rows, in double precision and in row order.
 */

import { CHUNK, type TrainingRows } from '../cluster/rows.ts';
import type { Engine } from '../kernels/engine.ts';
import { covarianceScratchBytes, covarianceStride } from '../kernels/kernels.ts';
import type { Steps } from '../util/steps.ts';

/** Largest dimension of a matrix that is learnt: n^3 operations and 8 n^2 bytes each. */
export const MAX_TRAINED_D = 8192;

export interface Moments {
	/** Size d; zeros when not centred. */
	readonly mean: Float64Array<ArrayBuffer>;
	/** Of (x - mean) (x - mean)^T the mean over rows, size d * d, symmetric. */
	readonly covariance: Float64Array<ArrayBuffer>;
}

/** @param centred - Around the mean, or around zero. */
export function* momentsSteps(engine: Engine, rows: TrainingRows, centred: boolean, phase: string): Steps<Moments> {
	const { arena, kernels } = engine;
	const { n, d } = rows;
	const stride = covarianceStride(d);
	const sizes = [stride * stride * 8, Math.ceil(d / 8) * 64, covarianceScratchBytes(d), CHUNK * 4, 64];
	const sums = arena.allocZeroed(sizes.reduce((a, b) => a + b));
	const total = sums + sizes[0]!;
	const scratch = total + sizes[1]!;
	const labels = scratch + sizes[2]!;
	try {
		for (let start = 0; start < n; start += CHUNK) {
			const count = Math.min(CHUNK, n - start);
			const x = rows.chunk(start, count);
			if (centred) kernels.sumRows(x, count, d, labels, total, labels + CHUNK * 4);
			// In parts: a chunk of many dimensions takes longer than the event loop should wait.
			for (let at = 0; at < count; at += 256) {
				kernels.covariance(x + at * d * 4, Math.min(256, count - at), d, scratch, sums);
				yield { phase, done: start + Math.min(at + 256, count), total: n };
			}
		}
		const { f64 } = arena;
		const mean = Float64Array.from({ length: d }, (_, i) => f64[total / 8 + i]! / n);
		const covariance = new Float64Array(d * d);
		for (let i = 0; i < d; i++) {
			for (let j = i; j < d; j++) {
				const value = f64[sums / 8 + i * stride + j]! / n - mean[i]! * mean[j]!;
				covariance[i * d + j] = value;
				covariance[j * d + i] = value;
			}
		}
		return { mean, covariance };
	} finally {
		arena.free(sums);
	}
}
