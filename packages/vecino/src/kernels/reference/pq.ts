/**
 * Product quantization: encoding, decoding, tables, asymmetric distances.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { f } from './arithmetic.ts';

/** Reads sub-code j of a bit string, first sub-code in the lowest bits. */
function getCode({ u8 }: Arena, code: number, j: number, nbits: number): number {
	const bit = j * nbits;
	const p = code + (bit >> 3);
	const word = (u8[p]! | (u8[p + 1]! << 8) | (u8[p + 2]! << 16)) >>> (bit & 7);
	return word & ((1 << nbits) - 1);
}

/** Index of a codebook value in the panel layout (m, ksub / 8, dsub, 8). */
function panelIndex(panels: number, j: number, c: number, t: number, ksub: number, dsub: number): number {
	return (panels >>> 2) + j * ksub * dsub + (c >> 3) * dsub * 8 + t * 8 + (c & 7);
}

/** The four partial sums of ADC: entry j goes to sum j mod 4. */
function adcSum(arena: Arena, codes: number, m: number, nbits: number, table: number): number {
	const { f32 } = arena;
	const s = [0, 0, 0, 0];
	for (let j = 0; j < m; j++) {
		s[j & 3] = f(s[j & 3]! + f32[(table >>> 2) + (j << nbits) + getCode(arena, codes, j, nbits)]!);
	}
	return f(f(s[0]! + s[1]!) + f(s[2]! + s[3]!));
}

export function pqKernels(
	arena: Arena,
): Pick<KernelFunctions, 'pqEncode' | 'pqDecode' | 'pqTable' | 'adc8' | 'adcBits'> {
	return {
		// Each sub-code is the argmin of |c|^2 / 2 - x . c, one dimension after the other, ties to the lower
		// value; dimensions past d count as zero.
		pqEncode(x, n, d, m, dsub, nbits, panels, halfNorms, _scratch, codes, codeSize) {
			const { f32, u8 } = arena;
			const ksub = 1 << nbits;
			u8.fill(0, codes, codes + n * codeSize);
			for (let i = 0; i < n; i++) {
				for (let j = 0; j < m; j++) {
					let best = Number.POSITIVE_INFINITY;
					let code = 0;
					for (let c = 0; c < ksub; c++) {
						let value = f32[(halfNorms >>> 2) + j * ksub + c]!;
						for (let t = 0; t < dsub; t++) {
							const at = j * dsub + t;
							const v = at < d ? f32[(x >>> 2) + i * d + at]! : 0;
							value = f(value - f(v * f32[panelIndex(panels, j, c, t, ksub, dsub)]!));
						}
						if (value < best) {
							best = value;
							code = c;
						}
					}
					const bit = j * nbits;
					let p = codes + i * codeSize + (bit >> 3);
					for (let v = code << (bit & 7); v !== 0; v >>>= 8) u8[p] = u8[p++]! | (v & 255);
				}
			}
		},

		pqDecode(codes, n, codeSize, d, m, dsub, nbits, panels, out) {
			const { f32 } = arena;
			for (let i = 0; i < n; i++) {
				for (let at = 0; at < d && at < m * dsub; at++) {
					const j = Math.floor(at / dsub);
					const c = getCode(arena, codes + i * codeSize, j, nbits);
					f32[(out >>> 2) + i * d + at] = f32[panelIndex(panels, j, c, at % dsub, 1 << nbits, dsub)]!;
				}
			}
		},

		pqTable(q, m, dsub, nbits, panels, scale, out) {
			const { f32 } = arena;
			const ksub = 1 << nbits;
			for (let j = 0; j < m; j++) {
				for (let c = 0; c < ksub; c++) {
					let sum = 0;
					for (let t = 0; t < dsub; t++) {
						const v = f32[(q >>> 2) + j * dsub + t]!;
						const w = f32[panelIndex(panels, j, c, t, ksub, dsub)]!;
						const diff = f(v - w);
						sum = f(sum + (scale === 0 ? f(diff * diff) : f(v * w)));
					}
					f32[(out >>> 2) + j * ksub + c] = scale === 0 ? sum : f(sum * f(scale)) + 0;
				}
			}
		},

		adc8(codes, n, m, table, out) {
			for (let i = 0; i < n; i++) arena.f32[(out >>> 2) + i] = adcSum(arena, codes + i * m, m, 8, table);
		},

		adcBits(codes, n, m, nbits, codeSize, table, out) {
			for (let i = 0; i < n; i++) arena.f32[(out >>> 2) + i] = adcSum(arena, codes + i * codeSize, m, nbits, table);
		},
	};
}
