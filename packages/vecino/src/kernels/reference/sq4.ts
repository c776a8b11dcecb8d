/**
 * 4-bit scalar quantization: two codes a byte, the even dimension in the low half.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions, ScanArgs } from '../kernels.ts';
import { f, reduce8 } from './arithmetic.ts';
import { scan } from './scan.ts';

type Sq4Kernels = Pick<
	KernelFunctions,
	'sq4Encode' | 'sq4Decode' | 'sq4L2Many' | 'sq4IpMany' | 'scanSq4L2' | 'scanSq4Ip'
>;

export function sq4Kernels(arena: Arena): Sq4Kernels {
	/** Code of dimension t of the row at `code`. */
	const at = (code: number, t: number): number => (arena.u8[code + (t >> 1)]! >> ((t & 1) * 4)) & 15;
	const kernels: Sq4Kernels = {
		sq4Encode(x, n, d, mins, inverse, codes) {
			const { f32, u8 } = arena;
			const codeSize = (d + 1) >> 1;
			u8.fill(0, codes, codes + n * codeSize);
			for (let i = 0; i < n; i++) {
				for (let t = 0; t < d; t++) {
					const v = f(f(f32[(x >>> 2) + i * d + t]! - f32[(mins >>> 2) + t]!) * f32[(inverse >>> 2) + t]!);
					const code = Math.floor(f(Math.min(Math.max(v, 0), 15) + 0.5));
					u8[codes + i * codeSize + (t >> 1)]! |= code << ((t & 1) * 4);
				}
			}
		},

		sq4Decode(codes, n, d, mins, steps, out) {
			const { f32 } = arena;
			for (let i = 0; i < n; i++) {
				const row = codes + i * ((d + 1) >> 1);
				for (let t = 0; t < d; t++) {
					f32[(out >>> 2) + i * d + t] = f32[(mins >>> 2) + t]! + f(at(row, t) * f32[(steps >>> 2) + t]!);
				}
			}
		},

		sq4L2Many(shifted, steps, codes, n, d, out) {
			const { f32 } = arena;
			for (let i = 0; i < n; i++) {
				const row = codes + i * ((d + 1) >> 1);
				const lanes = new Float32Array(8);
				for (let t = 0; t < d; t++) {
					const v = f(f32[(shifted >>> 2) + t]! - f(at(row, t) * f32[(steps >>> 2) + t]!));
					lanes[t & 7] = lanes[t & 7]! + f(v * v);
				}
				f32[(out >>> 2) + i] = reduce8(lanes);
			}
		},

		sq4IpMany(weights, codes, n, d, out) {
			const { f32 } = arena;
			for (let i = 0; i < n; i++) {
				const row = codes + i * ((d + 1) >> 1);
				const lanes = new Float32Array(8);
				for (let t = 0; t < d; t++) lanes[t & 7] = lanes[t & 7]! + f(at(row, t) * f32[(weights >>> 2) + t]!);
				f32[(out >>> 2) + i] = -reduce8(lanes);
			}
		},

		scanSq4L2(...args) {
			const [, , , , , tile, , q, steps, d] = args;
			const codeSize = (d + 1) >> 1;
			return scan(arena, args.slice(0, 7) as ScanArgs, 0, (codes, start, count) =>
				kernels.sq4L2Many(q, steps, codes + start * codeSize, count, d, tile),
			);
		},

		scanSq4Ip(...args) {
			const [, , , , , tile, , weights, shift, d] = args;
			const codeSize = (d + 1) >> 1;
			return scan(arena, args.slice(0, 7) as ScanArgs, f(shift), (codes, start, count) =>
				kernels.sq4IpMany(weights, codes + start * codeSize, count, d, tile),
			);
		},
	};
	return kernels;
}
