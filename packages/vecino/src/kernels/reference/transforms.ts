/**
 * Linear transforms of rows, sums of products.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { f } from './arithmetic.ts';

export function transformKernels(arena: Arena): Pick<KernelFunctions, 'applyLinear' | 'covariance'> {
	return {
		applyLinear(x, n, dIn, panels, bias, dOut, out) {
			const { f32 } = arena;
			for (let i = 0; i < n; i++) {
				for (let j = 0; j < dOut; j++) {
					const row = (x >>> 2) + i * dIn;
					const column = (panels >>> 2) + (j >> 3) * dIn * 8 + (j & 7);
					let sum = f32[(bias >>> 2) + j]!;
					for (let t = 0; t < dIn; t++) sum = f(sum + f(f32[row + t]! * f32[column + t * 8]!));
					f32[(out >>> 2) + i * dOut + j] = sum;
				}
			}
		},

		covariance(x, n, d, _scratch, sums) {
			const { f32, f64 } = arena;
			const stride = Math.ceil(d / 4) * 4;
			for (let i = 0; i < d; i++) {
				for (let j = i & ~3; j < d; j++) {
					const at = sums / 8 + i * stride + j;
					let sum = f64[at]!;
					for (let row = x >>> 2; row < (x >>> 2) + n * d; row += d) sum += f32[row + i]! * f32[row + j]!;
					f64[at] = sum;
				}
			}
		},
	};
}
