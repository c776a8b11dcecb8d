/**
 * What SQ8 and SQ4 share: a query made ready for their scans.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { f } from './arithmetic.ts';

export function scalarKernels(arena: Arena): Pick<KernelFunctions, 'scalarQuery'> {
	return {
		scalarQuery(metric, q, mins, steps, d, padded, state) {
			const { f32 } = arena;
			const out = state >>> 2;
			f32.fill(0, out, out + padded);
			let shift = 0;
			for (let t = 0; t < d; t++) {
				const value = f32[(q >>> 2) + t]!;
				const low = f32[(mins >>> 2) + t]!;
				f32[out + t] = metric === 0 ? f(value - low) : f(value * f32[(steps >>> 2) + t]!);
				shift -= value * low;
			}
			f32[out + padded] = shift;
		},
	};
}
