/**
 * 4-bit codes in blocks of 32.
 */

import type { Arena } from '../arena.ts';
import { fastSlot, type KernelFunctions } from '../kernels.ts';
import { f, roundHalfEven } from './arithmetic.ts';
import { topkKernels } from './topk.ts';

/** Byte and shift of sub-code j of the code at position `at` of a list in blocks of 32 (assembly/fastscan.ts). */
function fastPosition(blocks: number, at: number, j: number, pairs: number): [byte: number, shift: number] {
	const i = at & 31;
	return [blocks + (at >> 5) * pairs * 32 + j * 16 + (i & 15), (i >> 4) * 4];
}

export function fastScanKernels(
	arena: Arena,
): Pick<KernelFunctions, 'fastPlace' | 'fastFetch' | 'fastTables' | 'scanFast'> {
	const { topkPush } = topkKernels(arena);
	return {
		fastPlace(blocks, at, code, pairs) {
			const { u8 } = arena;
			for (let j = 0; j < 2 * pairs; j++) {
				const nibble = (u8[code + (j >> 1)]! >> (4 * (j & 1))) & 15;
				const [p, shift] = fastPosition(blocks, at, j, pairs);
				u8[p] = (u8[p]! & ~(15 << shift)) | (nibble << shift);
			}
		},

		fastFetch(blocks, at, code, pairs) {
			const { u8 } = arena;
			for (let j = 0; j < 2 * pairs; j += 2) {
				const [p, shift] = fastPosition(blocks, at, j, pairs);
				u8[code + (j >> 1)] = ((u8[p]! >> shift) & 15) | (((u8[p + 16]! >> shift) & 15) << 4);
			}
		},

		// entry = round((value - smallest of the row) * scale), half to even; returns scale, writes 1 / scale and the sum of minima.
		fastTables(table, m, maxScale, out, params) {
			const { f32, u8 } = arena;
			const row = (j: number): Float32Array => f32.subarray((table >>> 2) + j * 16, (table >>> 2) + j * 16 + 16);
			let widest = 0;
			let base = 0;
			for (let j = 0; j < m; j++) {
				const low = Math.min(...row(j));
				widest = Math.max(widest, f(Math.max(...row(j)) - low));
				base = f(base + low);
			}
			const scale = f(widest * f(maxScale)) > 127 ? f(127 / widest) : f(maxScale);
			u8.fill(0, out, out + Math.ceil(m / 2) * 32);
			for (let j = 0; j < m; j++) {
				const low = Math.min(...row(j));
				for (let c = 0; c < 16; c++)
					u8[out + j * 16 + c] = Math.min(127, roundHalfEven(f(f(row(j)[c]! - low) * scale)));
			}
			f32[params >>> 2] = 1 / scale;
			f32[(params >>> 2) + 1] = base;
			return scale;
		},

		// V = sum of entries + rounded(term * termScale / 2^15), held to i16; distance = V * inverse + (offset + bias).
		scanFast(directory, listNos, biases, nLists, base, values, topk, tables, pairs, inverse, offset, termScale) {
			const { u8, u32, f32 } = arena;
			const i16 = new Int16Array(arena.memory.buffer);
			let scanned = 0;
			for (let t = 0; t < nLists; t++) {
				const listNo = listNos === 0 ? t : u32[(listNos >>> 2) + t]!;
				const [codes, terms, ids, n] = u32.subarray((directory >>> 2) + listNo * 4, (directory >>> 2) + listNo * 4 + 4);
				const shift = f(f(offset) + (biases === 0 ? 0 : f32[(biases >>> 2) + t]!));
				for (let i = 0; i < n!; i++) {
					let value = 0;
					for (let j = 0; j < 2 * pairs; j++) {
						const [p, bits] = fastPosition(codes!, i, j, pairs);
						value += u8[tables + j * 16 + ((u8[p]! >> bits) & 15)]!;
					}
					if (terms !== 0) {
						const term = i16[(terms! >>> 1) + (i & ~31) + fastSlot(i & 31)]!;
						value = Math.max(-32768, Math.min(32767, value + ((term * termScale + 16384) >> 15)));
					}
					f32[values >>> 2] = f(value * f(inverse)) + shift;
					topkPush(topk, values, 1, ids === 0 ? 0 : ids! + i * 4, base + i);
				}
				scanned += n!;
			}
			return scanned;
		},
	};
}
