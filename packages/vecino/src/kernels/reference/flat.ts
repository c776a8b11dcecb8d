/**
 * Exact search that skips rows: none is skipped here. What the integers of assembly/flat.ts are is part of no result.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { ip, l2 } from './arithmetic.ts';
import { topkKernels } from './topk.ts';

export function flatKernels(
	arena: Arena,
): Pick<KernelFunctions, 'flatQueries' | 'flatScan' | 'flatBounds' | 'flatPruned'> {
	const { topkPush } = topkKernels(arena);
	const offer = (
		q: number,
		d: number,
		metric: number,
		room: number,
		topk: number,
		row: number,
		label: number,
	): void => {
		const [a, b] = [q >>> 2, row >>> 2];
		arena.f32[room >>> 2] = metric === 0 ? l2(arena, a, b, d) : -ip(arena, a, b, d);
		topkPush(topk, room, 1, 0, label);
	};
	return {
		flatQueries() {},

		flatBounds() {},

		flatScan(q, nq, d, metric, state, topks, stride, x, n, base) {
			for (let i = 0; i < n; i++) {
				for (let j = 0; j < nq; j++) {
					offer(q + j * d * 4, d, metric, state, topks + j * stride, x + i * d * 4, base + i);
				}
			}
			return n * nq;
		},

		flatPruned(q, d, metric, state, topk, _bounds, x, n, base) {
			for (let i = 0; i < n; i++) offer(q, d, metric, state, topk, x + i * d * 4, base + i);
			return n;
		},
	};
}
