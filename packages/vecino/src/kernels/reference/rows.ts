/**
 * Sums, residuals and gathering of rows.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { f, reduce8 } from './arithmetic.ts';

export function rowKernels(
	arena: Arena,
): Pick<KernelFunctions, 'sumRows' | 'residuals' | 'residualTerms' | 'gatherRows'> {
	return {
		sumRows(x, n, d, labels, sums, counts) {
			const { f32, f64, u32 } = arena;
			for (let i = 0; i < n; i++) {
				const label = u32[(labels >>> 2) + i]!;
				u32[(counts >>> 2) + label] = u32[(counts >>> 2) + label]! + 1;
				const sum = sums / 8 + label * d;
				for (let t = 0; t < d; t++) f64[sum + t] = f64[sum + t]! + f32[(x >>> 2) + i * d + t]!;
			}
		},

		residuals(x, n, d, labels, centroids, out) {
			const { f32, u32 } = arena;
			for (let i = 0; i < n; i++) {
				const c = (centroids >>> 2) + u32[(labels >>> 2) + i]! * d;
				for (let t = 0; t < d; t++) f32[(out >>> 2) + i * d + t] = f32[(x >>> 2) + i * d + t]! - f32[c + t]!;
			}
		},

		residualTerms(r, n, d, labels, centroids, centre, out) {
			const { f32, u32 } = arena;
			for (let i = 0; i < n; i++) {
				const c = (centroids >>> 2) + u32[(labels >>> 2) + i]! * d;
				const lanes = new Float32Array(8);
				for (let t = 0; t < d; t++) {
					const v = f32[(r >>> 2) + i * d + t]!;
					const w = f(f32[c + t]! - f32[(centre >>> 2) + t]!);
					lanes[t & 7] = lanes[t & 7]! + f(v * f(v + f(w + w)));
				}
				f32[(out >>> 2) + i] = reduce8(lanes);
			}
		},

		gatherRows(addresses, bytes, n, dst) {
			const { u8, u32 } = arena;
			for (let i = 0; i < n; i++) {
				const from = u32[(addresses >>> 2) + i]!;
				u8.copyWithin(dst + i * bytes, from, from + bytes);
			}
		},
	};
}
