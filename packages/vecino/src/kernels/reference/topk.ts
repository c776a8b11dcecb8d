/**
 * Top-k selection.
 */

import type { Arena } from '../arena.ts';
import { type KernelFunctions, TOPK_HEADER } from '../kernels.ts';

export function topkKernels(arena: Arena): Pick<KernelFunctions, 'topkInit' | 'topkPush' | 'topkFinish'> {
	return {
		// Same state layout as the WebAssembly kernel, kept as a sorted list of at most k entries:
		// what comes out is defined by the order (distance, label) alone.
		topkInit(state, k, capacity, filter, filterBits, limit) {
			arena.u32.set([k, capacity, 0, 0, filter, filterBits], state >>> 2);
			arena.f32[(state >>> 2) + 3] = limit;
		},

		topkPush(state, distances, n, ids, base) {
			const { u32, f32 } = arena;
			const k = u32[state >>> 2]!;
			const limit = f32[(state >>> 2) + 3]!;
			const keys = (state + TOPK_HEADER) >>> 2;
			let count = u32[(state >>> 2) + 2]!;
			for (let i = 0; i < n; i++) {
				const distance = f32[(distances >>> 2) + i]! + 0;
				if (!(distance <= limit)) continue;
				const label = ids === 0 ? base + i : u32[(ids >>> 2) + i]!;
				if (!admits(u32, state, label)) continue;
				let at = count;
				while (at > 0) {
					const d = f32[keys + 2 * at - 1]!;
					if (d < distance || (d === distance && u32[keys + 2 * at - 2]! <= label)) break;
					at--;
				}
				if (at >= k) continue;
				if (count < k) count++;
				u32.copyWithin(keys + 2 * at + 2, keys + 2 * at, keys + 2 * count - 2);
				u32[keys + 2 * at] = label;
				f32[keys + 2 * at + 1] = distance;
			}
			u32[(state >>> 2) + 2] = count;
		},

		topkFinish(state, outDistances, outLabels) {
			const { u32, f32 } = arena;
			const count = u32[(state >>> 2) + 2]!;
			const keys = (state + TOPK_HEADER) >>> 2;
			for (let i = 0; i < count; i++) {
				u32[(outLabels >>> 2) + i] = u32[keys + 2 * i]!;
				f32[(outDistances >>> 2) + i] = f32[keys + 2 * i + 1]!;
			}
			return count;
		},
	};
}

/** Whether the filter of a top-k state lets a label in. */
export function admits(u32: Uint32Array, state: number, label: number): boolean {
	const [filter, bits] = [u32[(state >>> 2) + 4]!, u32[(state >>> 2) + 5]!];
	return filter === 0 || (label < bits && ((u32[(filter >>> 2) + (label >>> 5)]! >>> (label & 31)) & 1) === 1);
}
