/**
 * 8-bit scalar quantization.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { f, reduce8 } from './arithmetic.ts';

export function sq8Kernels(arena: Arena): Pick<KernelFunctions, 'sq8Encode' | 'sq8Decode' | 'sq8L2Many' | 'sq8IpMany'> {
	return {
		sq8Encode(x, n, d, mins, inverse, codes) {
			const { f32, u8 } = arena;
			for (let i = 0; i < n; i++) {
				for (let t = 0; t < d; t++) {
					const v = f(f(f32[(x >>> 2) + i * d + t]! - f32[(mins >>> 2) + t]!) * f32[(inverse >>> 2) + t]!);
					u8[codes + i * d + t] = Math.floor(f(Math.min(Math.max(v, 0), 255) + 0.5));
				}
			}
		},

		sq8Decode(codes, n, d, mins, steps, out) {
			const { f32, u8 } = arena;
			for (let i = 0; i < n; i++) {
				for (let t = 0; t < d; t++) {
					const scaled = f(u8[codes + i * d + t]! * f32[(steps >>> 2) + t]!);
					f32[(out >>> 2) + i * d + t] = f32[(mins >>> 2) + t]! + scaled;
				}
			}
		},

		sq8L2Many(shifted, steps, codes, n, d, out) {
			const { f32, u8 } = arena;
			for (let i = 0; i < n; i++) {
				const lanes = new Float32Array(8);
				for (let t = 0; t < d; t++) {
					const v = f(f32[(shifted >>> 2) + t]! - f(u8[codes + i * d + t]! * f32[(steps >>> 2) + t]!));
					lanes[t & 7] = lanes[t & 7]! + f(v * v);
				}
				f32[(out >>> 2) + i] = reduce8(lanes);
			}
		},

		sq8IpMany(weights, codes, n, d, out) {
			const { f32, u8 } = arena;
			for (let i = 0; i < n; i++) {
				const lanes = new Float32Array(8);
				for (let t = 0; t < d; t++) {
					lanes[t & 7] = lanes[t & 7]! + f(u8[codes + i * d + t]! * f32[(weights >>> 2) + t]!);
				}
				f32[(out >>> 2) + i] = -reduce8(lanes);
			}
		},
	};
}
