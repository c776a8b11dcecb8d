/**
 * What SQ8 and SQ4 share: queries made ready for their scans.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { f } from './arithmetic.ts';

export function scalarKernels(arena: Arena): Pick<KernelFunctions, 'scalarPrepare'> {
	return {
		scalarPrepare(q, n, d, metric, mins, steps, padded, states, stride) {
			const { f32 } = arena;
			for (let i = 0; i < n; i++) {
				const out = (states + i * stride) >>> 2;
				f32.fill(0, out, out + padded);
				let shift = 0;
				for (let t = 0; t < d; t++) {
					const value = f32[(q >>> 2) + i * d + t]!;
					const low = f32[(mins >>> 2) + t]!;
					f32[out + t] = metric === 0 ? f(value - low) : f(value * f32[(steps >>> 2) + t]!);
					shift -= value * low;
				}
				f32[out + padded] = shift;
			}
		},
	};
}
