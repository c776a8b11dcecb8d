/**
 * Nearest centroids by few dimensions first: the same as nearestRows.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { nearestKernels } from './nearest.ts';

export function reducedKernels(arena: Arena): Pick<KernelFunctions, 'reduceRows' | 'nearestReduced'> {
	const { nearestRows } = nearestKernels(arena);
	return {
		// Reduced forms only serve the SIMD kernel to find candidates; their bits are part of no result.
		reduceRows() {},

		nearestReduced(x, n, d, centroids, k, metric, ...rest) {
			const [scratch, outLabels, outDistances] = rest.slice(-3) as [number, number, number];
			nearestRows(x, n, d, centroids, k, metric, 0, 0, 0, 0, scratch, outLabels, outDistances);
		},
	};
}
