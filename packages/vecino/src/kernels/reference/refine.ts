/**
 * Ranking candidates again: exact distances of few rows that lie anywhere.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { ip, l2 } from './arithmetic.ts';
import { topkKernels } from './topk.ts';

/** A label that is none: the padding behind candidates. */
const NONE = 0xffffffff;

export function refineKernels(arena: Arena): Pick<KernelFunctions, 'rowAddresses' | 'refineRows'> {
	const { topkInit, topkPush, topkFinish } = topkKernels(arena);
	return {
		rowAddresses(segments, nSegments, rowBytes, labels, nq, wide, limits, addresses, counts) {
			const { u32 } = arena;
			for (let i = 0; i < nq; i++) {
				let count = 0;
				const most = limits === 0 ? wide : u32[(limits >>> 2) + i]!;
				for (; count < most; count++) {
					const label = u32[(labels >>> 2) + i * wide + count]!;
					if (label === NONE) break;
					let s = nSegments - 1;
					while (u32[(segments >>> 2) + 2 * s + 1]! > label) s--;
					const [ptr, first] = [u32[(segments >>> 2) + 2 * s]!, u32[(segments >>> 2) + 2 * s + 1]!];
					u32[(addresses >>> 2) + i * wide + count] = ptr + (label - first) * rowBytes;
				}
				u32[(counts >>> 2) + i] = count;
			}
		},

		refineRows(
			metric,
			queries,
			nq,
			d,
			labels,
			addresses,
			counts,
			wide,
			k,
			capacity,
			topk,
			tile,
			outDistances,
			outLabels,
		) {
			const { u32, f32 } = arena;
			for (let i = 0; i < nq; i++) {
				const q = (queries >>> 2) + i * d;
				topkInit(topk, k, capacity, 0, 0, Number.POSITIVE_INFINITY);
				for (let j = 0; j < u32[(counts >>> 2) + i]!; j++) {
					const row = u32[(addresses >>> 2) + i * wide + j]! >>> 2;
					f32[tile >>> 2] = metric === 0 ? l2(arena, q, row, d) : -ip(arena, q, row, d);
					topkPush(topk, tile, 1, labels + (i * wide + j) * 4, 0);
				}
				u32[(counts >>> 2) + i] = topkFinish(topk, outDistances + i * k * 4, outLabels + i * k * 4);
			}
		},
	};
}
