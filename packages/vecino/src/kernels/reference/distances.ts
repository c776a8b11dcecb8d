/**
 * Distances of a query to rows, norms.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { ip, l2 } from './arithmetic.ts';

export function distanceKernels(
	arena: Arena,
): Pick<KernelFunctions, 'l2Many' | 'ipMany' | 'normsSquared' | 'normalizeRows'> {
	return {
		l2Many(q, x, n, d, out) {
			for (let i = 0; i < n; i++) arena.f32[(out >>> 2) + i] = l2(arena, q >>> 2, (x >>> 2) + i * d, d);
		},

		ipMany(q, x, n, d, out) {
			for (let i = 0; i < n; i++) arena.f32[(out >>> 2) + i] = -ip(arena, q >>> 2, (x >>> 2) + i * d, d);
		},

		normsSquared(x, n, d, out) {
			for (let i = 0; i < n; i++) {
				const row = (x >>> 2) + i * d;
				arena.f32[(out >>> 2) + i] = ip(arena, row, row, d);
			}
		},

		normalizeRows(x, n, d) {
			const { f32 } = arena;
			for (let row = x >>> 2; row < (x >>> 2) + n * d; row += d) {
				let sum = 0;
				for (let t = 0; t < d; t++) sum += f32[row + t]! * f32[row + t]!;
				if (!(sum > 0)) continue;
				const norm = Math.sqrt(sum);
				for (let t = 0; t < d; t++) f32[row + t] = f32[row + t]! / norm;
			}
		},
	};
}
