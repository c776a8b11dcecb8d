/**
 * Scan of 8-bit PQ codes for up to eight queries at once. What it leaves in the top-k states is all that counts: the
 * tables of lower bounds that the SIMD builds make for it are not looked at.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { pqKernels } from './pq.ts';
import { topkKernels } from './topk.ts';

export function pqManyKernels(arena: Arena): Pick<KernelFunctions, 'pqTablesMany' | 'pqScanMany'> {
	const { adc8 } = pqKernels(arena);
	const { topkPush } = topkKernels(arena);
	return {
		pqTablesMany() {},

		pqScanMany(states, stride, nq, m, _tables, codes, n, base, topks, topkStride, tile) {
			for (let i = 0; i < n; i++) {
				for (let q = 0; q < nq; q++) {
					adc8(codes + i * m, 1, m, states + q * stride, tile);
					topkPush(topks + q * topkStride, tile, 1, 0, base + i);
				}
			}
		},
	};
}
