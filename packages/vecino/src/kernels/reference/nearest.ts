/**
 * Nearest centroids: the argmin of exact distances.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { ip, l2 } from './arithmetic.ts';
import { distanceKernels } from './distances.ts';
import { topkKernels } from './topk.ts';

export function nearestKernels(
	arena: Arena,
): Pick<KernelFunctions, 'packPanel' | 'nearestPack' | 'largestNorm' | 'nearestRows' | 'rankCells' | 'rankMany'> {
	const distances = distanceKernels(arena);
	const topk = topkKernels(arena);
	const kernels: ReturnType<typeof nearestKernels> = {
		packPanel(c, count, d, out) {
			const { f32 } = arena;
			for (let t = 0; t < d; t++) {
				for (let r = 0; r < 8; r++) f32[(out >>> 2) + t * 8 + r] = r < count ? f32[(c >>> 2) + r * d + t]! : 0;
			}
		},

		// The packed form only serves the SIMD kernel to find candidates; its bits are part of no result.
		nearestPack() {
			return 0;
		},

		largestNorm() {
			return 0;
		},

		// The argmin of l2Many or ipMany, ties to the lower centroid.
		nearestRows(x, n, d, centroids, k, metric, ...rest) {
			const { f32, u32 } = arena;
			const [outLabels, outDistances] = rest.slice(-2) as [number, number];
			for (let i = 0; i < n; i++) {
				let best = Number.POSITIVE_INFINITY;
				let label = 0;
				for (let c = 0; c < k; c++) {
					const [row, centroid] = [(x >>> 2) + i * d, (centroids >>> 2) + c * d];
					const value = metric === 0 ? l2(arena, row, centroid, d) : -ip(arena, row, centroid, d);
					if (value < best) {
						best = value;
						label = c;
					}
				}
				u32[(outLabels >>> 2) + i] = label;
				f32[(outDistances >>> 2) + i] = best;
			}
		},

		// The nprobe nearest of all centroids by l2Many or ipMany.
		rankCells(q, d, centroids, k, metric, ...rest) {
			const [scratch, nprobe, capacity, state] = rest.slice(-4) as [number, number, number, number];
			topk.topkInit(state, nprobe, capacity, 0, 0, Number.POSITIVE_INFINITY);
			const many = metric === 0 ? distances.l2Many : distances.ipMany;
			for (let c = 0; c < k; c++) {
				many(q, centroids + c * d * 4, 1, d, scratch);
				topk.topkPush(state, scratch, 1, 0, c);
			}
		},

		rankMany(q, n, d, centroids, k, metric, ...rest) {
			const [scratch, nprobe, capacity, state, outDistances, outLabels] = rest.slice(-6) as [
				number,
				number,
				number,
				number,
				number,
				number,
			];
			for (let i = 0; i < n; i++) {
				const row = q + i * d * 4;
				kernels.rankCells(row, d, centroids, k, metric, 0, 0, 0, 0, scratch, nprobe, capacity, state);
				topk.topkFinish(state, outDistances + i * nprobe * 4, outLabels + i * nprobe * 4);
			}
		},
	};
	return kernels;
}
