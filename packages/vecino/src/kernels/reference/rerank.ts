/**
 * Ranking candidates again by codes that lie anywhere.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { listKernels } from './lists.ts';
import { rowKernels } from './rows.ts';
import { topkKernels } from './topk.ts';

export function rerankKernels(arena: Arena): Pick<KernelFunctions, 'rerankCodes'> {
	const { topkInit, topkFinish } = topkKernels(arena);
	const { gatherRows } = rowKernels(arena);
	const { scanLists } = listKernels(arena);
	return {
		rerankCodes(
			kind,
			a,
			b,
			c,
			states,
			stride,
			nq,
			codeSize,
			labels,
			addresses,
			counts,
			wide,
			k,
			capacity,
			topk,
			tile,
			entry,
			gathered,
			some,
			outDistances,
			outLabels,
		) {
			const { u32 } = arena;
			for (let i = 0; i < nq; i++) {
				const n = u32[(counts >>> 2) + i]!;
				topkInit(topk, k, capacity, 0, 0, Number.POSITIVE_INFINITY);
				for (let j = 0; j < n; j += some) {
					const at = (i * wide + j) * 4;
					const count = Math.min(some, n - j);
					gatherRows(addresses + at, codeSize, count, gathered);
					u32.set([gathered, 0, labels + at, count], entry >>> 2);
					// One query and one list, entry 0.
					scanLists(kind, entry, 0, 0, 0, 1, 1, states + i * stride, stride, topk, 0, tile, a, b, c);
				}
				const out = i * k * 4;
				u32[(counts >>> 2) + i] = topkFinish(topk, outDistances + out, outLabels + out);
			}
		},
	};
}
