// 4-bit scalar quantization: x_j ~ min_j + code_j * step_j, two codes a byte, the even dimension in the low
// half. Lane order of distances.ts.
//
// Arrays that depend on the query or the quantizer are padded with zeros to a multiple of 16 values, so the
// tail needs no mask; a code row may be read up to 7 bytes past its end.
import { sum1 } from './common';
import { listAt, biasAt, offer, TILE } from './scan';

// @ts-ignore: decorator
@inline function level(x: usize, mins: usize, inverse: usize): u32 {
	const v = (load<f32>(x) - load<f32>(mins)) * load<f32>(inverse);
	return <u32>(min<f32>(max<f32>(v, 0), 15) + <f32>0.5);
}

/** Codes of n rows of d values: (x - min) * inverse, clamped to 0..15, rounded half up; (d + 1) / 2 bytes a row. */
export function sq4Encode(x: usize, n: usize, d: usize, mins: usize, inverse: usize, codes: usize): void {
	for (let i: usize = 0; i < n; ++i) {
		for (let j: usize = 0; j < d; j += 2) {
			const at = j << 2;
			const high = j + 1 < d ? level(x + at + 4, mins + at + 4, inverse + at + 4) : 0;
			store<u8>(codes++, level(x + at, mins + at, inverse + at) | (high << 4));
		}
		x += d << 2;
	}
}

/** Rows of d values: min + code * step. */
export function sq4Decode(codes: usize, n: usize, d: usize, mins: usize, steps: usize, out: usize): void {
	for (let i: usize = 0; i < n; ++i) {
		for (let j: usize = 0; j < d; ++j) {
			const code = (load<u8>(codes + (j >> 1)) >> <u8>((j & 1) << 2)) & 15;
			store<f32>(out, load<f32>(mins + (j << 2)) + <f32>code * load<f32>(steps + (j << 2)));
			out += 4;
		}
		codes += (d + 1) >> 1;
	}
}

/** 16 codes from 8 bytes, a byte each. */
// @ts-ignore: decorator
@inline function unpack(codes: usize, mask: v128): v128 {
	const v = v128.load64_zero(codes);
	const low = v128.and(v, mask), high = v128.and(i16x8.shr_u(v, 4), mask);
	return v128.shuffle<u8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

// @ts-ignore: decorator
@inline function low(v: v128): v128 { return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(v)); }
// @ts-ignore: decorator
@inline function high(v: v128): v128 { return f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(v)); }

/** out[i] = sum of (shifted_j - code_j * step_j)^2, shifted = q - min. */
export function sq4L2Many(shifted: usize, steps: usize, codes: usize, n: usize, d: usize, out: usize): void {
	const end = shifted + (((d + 15) & ~15) << 2), bytes = (d + 1) >> 1, mask = i8x16.splat(15);
	for (let i: usize = 0; i < n; ++i) {
		let a = f32x4.splat(0), b = a, p = shifted, s = steps, c = codes;
		do {
			const v = unpack(c, mask), e = i16x8.extend_low_i8x16_u(v), f = i16x8.extend_high_i8x16_u(v);
			let t = f32x4.sub(v128.load(p), f32x4.mul(low(e), v128.load(s))); a = f32x4.add(a, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(p, 16), f32x4.mul(high(e), v128.load(s, 16))); b = f32x4.add(b, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(p, 32), f32x4.mul(low(f), v128.load(s, 32))); a = f32x4.add(a, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(p, 48), f32x4.mul(high(f), v128.load(s, 48))); b = f32x4.add(b, f32x4.mul(t, t));
			p += 64; s += 64; c += 8;
		} while (p < end);
		store<f32>(out + (i << 2), sum1(f32x4.add(a, b)));
		codes += bytes;
	}
}

/** out[i] = -(sum of code_j * weight_j), weight = q * step. */
export function sq4IpMany(weights: usize, codes: usize, n: usize, d: usize, out: usize): void {
	const end = weights + (((d + 15) & ~15) << 2), bytes = (d + 1) >> 1, mask = i8x16.splat(15);
	for (let i: usize = 0; i < n; ++i) {
		let a = f32x4.splat(0), b = a, p = weights, c = codes;
		do {
			const v = unpack(c, mask), e = i16x8.extend_low_i8x16_u(v), f = i16x8.extend_high_i8x16_u(v);
			a = f32x4.add(a, f32x4.mul(low(e), v128.load(p)));
			b = f32x4.add(b, f32x4.mul(high(e), v128.load(p, 16)));
			a = f32x4.add(a, f32x4.mul(low(f), v128.load(p, 32)));
			b = f32x4.add(b, f32x4.mul(high(f), v128.load(p, 48)));
			p += 64; c += 8;
		} while (p < end);
		store<f32>(out + (i << 2), -sum1(f32x4.add(a, b)));
		codes += bytes;
	}
}

/** SQ4 codes, squared L2: q = query - min, steps; both padded to a multiple of 16. Returns the number of codes scanned. */
export function scanSq4L2(
	directory: usize, listNos: usize, biases: usize, nLists: usize, base: u32, tile: usize, topk: usize,
	q: usize, steps: usize, d: usize,
): u32 {
	let scanned: u32 = 0;
	for (let t: usize = 0; t < nLists; ++t) {
		const list = listAt(directory, listNos, t), codes = <usize>load<u32>(list), n = <usize>load<u32>(list, 12);
		for (let i: usize = 0; i < n; i += TILE) {
			const count = min(TILE, n - i);
			sq4L2Many(q, steps, codes + i * ((d + 1) >> 1), count, d, tile);
			offer(list, i, count, biasAt(biases, t), tile, base, topk);
		}
		scanned += <u32>n;
	}
	return scanned;
}

/** SQ4 codes, negated inner product with `weights` = query * step, padded to a multiple of 16; `shift` = -(query . min). */
export function scanSq4Ip(
	directory: usize, listNos: usize, biases: usize, nLists: usize, base: u32, tile: usize, topk: usize,
	weights: usize, shift: f32, d: usize,
): u32 {
	let scanned: u32 = 0;
	for (let t: usize = 0; t < nLists; ++t) {
		const list = listAt(directory, listNos, t), codes = <usize>load<u32>(list), n = <usize>load<u32>(list, 12);
		for (let i: usize = 0; i < n; i += TILE) {
			const count = min(TILE, n - i);
			sq4IpMany(weights, codes + i * ((d + 1) >> 1), count, d, tile);
			offer(list, i, count, shift + biasAt(biases, t), tile, base, topk);
		}
		scanned += <u32>n;
	}
	return scanned;
}
