/**
 * Scans of lists: distances of codes, terms and biases, top-k.
 */

import type { Arena } from '../arena.ts';
import { type KernelFunctions, type ScanArgs, TILE } from '../kernels.ts';
import { f } from './arithmetic.ts';
import { distanceKernels } from './distances.ts';
import { pqKernels } from './pq.ts';
import { sq8Kernels } from './sq8.ts';
import { topkKernels } from './topk.ts';

/** Lists of a scan, tile by tile: `distances(codes, start, count)` fills the tile. */
export function scan(
	arena: Arena,
	[directory, listNos, biases, nLists, base, tile, topk]: ScanArgs,
	shift: number,
	distances: (codes: number, start: number, count: number) => void,
): number {
	const { topkPush } = topkKernels(arena);
	let scanned = 0;
	for (let t = 0; t < nLists; t++) {
		const { u32, f32 } = arena;
		const listNo = listNos === 0 ? t : u32[(listNos >>> 2) + t]!;
		const entry = (directory >>> 2) + listNo * 4;
		const codes = u32[entry]!;
		const terms = u32[entry + 1]!;
		const ids = u32[entry + 2]!;
		const n = u32[entry + 3]!;
		const bias = f(shift + (biases === 0 ? 0 : f32[(biases >>> 2) + t]!));
		for (let start = 0; start < n; start += TILE) {
			const count = Math.min(TILE, n - start);
			distances(codes, start, count);
			for (let i = 0; i < count; i++) {
				const at = (tile >>> 2) + i;
				if (terms !== 0) f32[at] = f(f32[at]! + f32[(terms >>> 2) + start + i]!);
				if (terms !== 0 || bias !== 0) f32[at] = f32[at]! + bias;
			}
			topkPush(topk, tile, count, ids === 0 ? 0 : ids + start * 4, base + start);
		}
		scanned += n;
	}
	return scanned;
}

export function scanKernels(
	arena: Arena,
): Pick<KernelFunctions, 'scanL2' | 'scanIp' | 'scanPq' | 'scanSq8L2' | 'scanSq8Ip'> {
	const distances = distanceKernels(arena);
	const pq = pqKernels(arena);
	const sq8 = sq8Kernels(arena);
	return {
		scanL2(...args) {
			const [, , , , , tile, , q, d] = args;
			const head = args.slice(0, 7) as ScanArgs;
			return scan(arena, head, 0, (codes, start, count) => distances.l2Many(q, codes + start * d * 4, count, d, tile));
		},

		scanIp(...args) {
			const [, , , , , tile, , q, d] = args;
			const head = args.slice(0, 7) as ScanArgs;
			return scan(arena, head, 0, (codes, start, count) => distances.ipMany(q, codes + start * d * 4, count, d, tile));
		},

		scanPq(...args) {
			const [, , , , , tile, , table, m, nbits, codeSize] = args;
			const head = args.slice(0, 7) as ScanArgs;
			return scan(arena, head, 0, (codes, start, count) =>
				pq.adcBits(codes + start * codeSize, count, m, nbits, codeSize, table, tile),
			);
		},

		scanSq8L2(...args) {
			const [, , , , , tile, , q, steps, d] = args;
			const head = args.slice(0, 7) as ScanArgs;
			return scan(arena, head, 0, (codes, start, count) => sq8.sq8L2Many(q, steps, codes + start * d, count, d, tile));
		},

		scanSq8Ip(...args) {
			const [, , , , , tile, , weights, shift, d] = args;
			const head = args.slice(0, 7) as ScanArgs;
			return scan(arena, head, f(shift), (codes, start, count) =>
				sq8.sq8IpMany(weights, codes + start * d, count, d, tile),
			);
		},
	};
}
