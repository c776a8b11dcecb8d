// 8-bit scalar quantization: x_j ~ min_j + code_j * step_j. Lane order of distances.ts.
//
// Arrays that depend on the query or the quantizer are padded with zeros to a multiple of 8 values,
// so the tail needs no mask; a code row may be read up to 7 bytes past its end.
import { sum1 } from './common';

/** Codes of n rows of d values: (x - min) * inverse, clamped to 0..255, rounded half up. */
export function sq8Encode(x: usize, n: usize, d: usize, mins: usize, inverse: usize, codes: usize): void {
	for (let i: usize = 0; i < n; ++i) {
		for (let j: usize = 0; j < d; ++j) {
			const v = (load<f32>(x + (j << 2)) - load<f32>(mins + (j << 2))) * load<f32>(inverse + (j << 2));
			store<u8>(codes + j, <u8>(<u32>(min<f32>(max<f32>(v, 0), 255) + <f32>0.5)));
		}
		x += d << 2;
		codes += d;
	}
}

/** Rows of d values: min + code * step. */
export function sq8Decode(codes: usize, n: usize, d: usize, mins: usize, steps: usize, out: usize): void {
	for (let i: usize = 0; i < n; ++i) {
		for (let j: usize = 0; j < d; ++j) {
			store<f32>(out + (j << 2), load<f32>(mins + (j << 2)) + <f32>load<u8>(codes + j) * load<f32>(steps + (j << 2)));
		}
		codes += d;
		out += d << 2;
	}
}

// @ts-ignore: decorator
@inline function low(v: v128): v128 { return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(v)); }
// @ts-ignore: decorator
@inline function high(v: v128): v128 { return f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(v)); }

/** out[i] = sum of (shifted_j - code_j * step_j)^2, shifted = q - min. */
export function sq8L2Many(shifted: usize, steps: usize, codes: usize, n: usize, d: usize, out: usize): void {
	const end = shifted + (((d + 7) & ~7) << 2);
	for (let i: usize = 0; i < n; ++i) {
		let a = f32x4.splat(0), b = a, p = shifted, s = steps, c = codes;
		do {
			const v = v128.load_ext<u8>(c);
			let t = f32x4.sub(v128.load(p), f32x4.mul(low(v), v128.load(s))); a = f32x4.add(a, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(p, 16), f32x4.mul(high(v), v128.load(s, 16))); b = f32x4.add(b, f32x4.mul(t, t));
			p += 32; s += 32; c += 8;
		} while (p < end);
		store<f32>(out + (i << 2), sum1(f32x4.add(a, b)));
		codes += d;
	}
}

/** out[i] = -(sum of code_j * weight_j), weight = q * step. */
export function sq8IpMany(weights: usize, codes: usize, n: usize, d: usize, out: usize): void {
	const end = weights + (((d + 7) & ~7) << 2);
	for (let i: usize = 0; i < n; ++i) {
		let a = f32x4.splat(0), b = a, p = weights, c = codes;
		do {
			const v = v128.load_ext<u8>(c);
			a = f32x4.add(a, f32x4.mul(low(v), v128.load(p)));
			b = f32x4.add(b, f32x4.mul(high(v), v128.load(p, 16)));
			p += 32; c += 8;
		} while (p < end);
		store<f32>(out + (i << 2), -sum1(f32x4.add(a, b)));
		codes += d;
	}
}
