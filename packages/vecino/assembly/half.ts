// Rows of 16-bit floats: IEEE binary16 (f16) and bfloat16 (bf16, the upper half of a float32). Rounded to
// nearest, ties to even; values beyond the largest finite one are stored as that one. Codes never hold NaN or
// infinity. Lane order of distances.ts.
//
// A query is float32, padded with zeros to a multiple of 8 values; a code row may be read up to 14 bytes past its
// end, and what lies there is masked out.
import { sum1 } from './common';
import { listAt, biasAt, offer, TILE } from './scan';

/** The kinds: F16 = 0, BF16 = 1. */
const F16: u32 = 0;

// @ts-ignore: decorator
@inline function toF16(x: f32): u32 {
	const bits = reinterpret<u32>(x), sign = (bits >> 16) & 0x8000, a = bits & 0x7fffffff;
	if (a >= 0x477ff000) return sign | 0x7bff; // from 65520 on: 65504
	// Normal from 2^-14 on: the exponent moves by 112, 13 bits of the mantissa are rounded off.
	if (a >= 0x38800000) return sign | ((a - 0x38000000 + 0xfff + ((a >> 13) & 1)) >> 13);
	// Below, in units of 2^-24, which are those of the last place from 0.5 on: an addition rounds.
	return sign | (reinterpret<u32>(reinterpret<f32>(a) + <f32>0.5) - 0x3f000000);
}

// @ts-ignore: decorator
@inline function toBf16(x: f32): u32 {
	const bits = reinterpret<u32>(x), sign = (bits >> 16) & 0x8000, a = bits & 0x7fffffff;
	return sign | min<u32>((a + 0x7fff + ((a >> 16) & 1)) >> 16, 0x7f7f);
}

/** Codes of n values (not rows). */
export function halfEncode(kind: u32, x: usize, n: usize, codes: usize): void {
	const end = x + (n << 2);
	for (; x < end; x += 4, codes += 2) {
		const v = load<f32>(x);
		store<u16>(codes, kind == F16 ? toF16(v) : toBf16(v));
	}
}

/** Where sign, exponent and mantissa of an f16 lie once they are moved, and 2^112. */
const F16_BITS: i32 = 0x8fffe000;
const F16_SCALE: u32 = 0x77800000;

/**
 * Four f16 as float32. With the sign extended and everything moved up by 13 bits, exponent and mantissa lie where
 * those of a float32 do, the exponent too small by 112: also that of the subnormals, so that one exact product
 * mends both.
 */
// @ts-ignore: decorator
@inline function f16Low(v: v128, bits: v128, scale: v128): v128 {
	return f32x4.mul(v128.and(i32x4.shl(i32x4.extend_low_i16x8_s(v), 13), bits), scale);
}
// @ts-ignore: decorator
@inline function f16High(v: v128, bits: v128, scale: v128): v128 {
	return f32x4.mul(v128.and(i32x4.shl(i32x4.extend_high_i16x8_s(v), 13), bits), scale);
}
// @ts-ignore: decorator
@inline function bf16Low(v: v128, zero: v128): v128 { return v128.shuffle<u16>(zero, v, 0, 8, 1, 9, 2, 10, 3, 11); }
// @ts-ignore: decorator
@inline function bf16High(v: v128, zero: v128): v128 { return v128.shuffle<u16>(zero, v, 4, 12, 5, 13, 6, 14, 7, 15); }

/** The first d & 7 of eight codes; all of them when that is 0. */
// @ts-ignore: decorator
@inline function tail(d: usize): v128 {
	return i16x8.lt_s(i16x8(0, 1, 2, 3, 4, 5, 6, 7), i16x8.splat(<i16>(((d - 1) & 7) + 1)));
}

/** n values (not rows) from their codes. Writes only those. */
export function halfDecode(kind: u32, codes: usize, n: usize, out: usize): void {
	const end = codes + (n << 1);
	for (; codes < end; codes += 2, out += 4) {
		const h = <u32>load<u16>(codes);
		store<f32>(out, kind == F16
			? reinterpret<f32>((<u32>(<i32>(<i16>h)) << 13) & F16_BITS) * reinterpret<f32>(F16_SCALE)
			: reinterpret<f32>(h << 16));
	}
}

/** out[i] = sum of (x_i - q)^2 over n rows of f16. */
export function f16L2Many(q: usize, codes: usize, n: usize, d: usize, out: usize): void {
	const bits = i32x4.splat(F16_BITS), scale = f32x4.splat(reinterpret<f32>(F16_SCALE));
	const main = q + (((d - 1) & ~7) << 2), mask = tail(d), bytes = d << 1;
	for (let i: usize = 0; i < n; ++i) {
		let a = f32x4.splat(0), b = a, p = q, c = codes;
		while (p < main) {
			const v = v128.load(c);
			let t = f32x4.sub(f16Low(v, bits, scale), v128.load(p)); a = f32x4.add(a, f32x4.mul(t, t));
			t = f32x4.sub(f16High(v, bits, scale), v128.load(p, 16)); b = f32x4.add(b, f32x4.mul(t, t));
			p += 32; c += 16;
		}
		const v = v128.and(v128.load(c), mask);
		let t = f32x4.sub(f16Low(v, bits, scale), v128.load(p)); a = f32x4.add(a, f32x4.mul(t, t));
		t = f32x4.sub(f16High(v, bits, scale), v128.load(p, 16)); b = f32x4.add(b, f32x4.mul(t, t));
		store<f32>(out + (i << 2), sum1(f32x4.add(a, b)));
		codes += bytes;
	}
}

/** out[i] = -(q . x_i) over n rows of f16. */
export function f16IpMany(q: usize, codes: usize, n: usize, d: usize, out: usize): void {
	const bits = i32x4.splat(F16_BITS), scale = f32x4.splat(reinterpret<f32>(F16_SCALE));
	const main = q + (((d - 1) & ~7) << 2), mask = tail(d), bytes = d << 1;
	for (let i: usize = 0; i < n; ++i) {
		let a = f32x4.splat(0), b = a, p = q, c = codes;
		while (p < main) {
			const v = v128.load(c);
			a = f32x4.add(a, f32x4.mul(f16Low(v, bits, scale), v128.load(p)));
			b = f32x4.add(b, f32x4.mul(f16High(v, bits, scale), v128.load(p, 16)));
			p += 32; c += 16;
		}
		const v = v128.and(v128.load(c), mask);
		a = f32x4.add(a, f32x4.mul(f16Low(v, bits, scale), v128.load(p)));
		b = f32x4.add(b, f32x4.mul(f16High(v, bits, scale), v128.load(p, 16)));
		store<f32>(out + (i << 2), -sum1(f32x4.add(a, b)));
		codes += bytes;
	}
}

/** out[i] = sum of (x_i - q)^2 over n rows of bf16. */
export function bf16L2Many(q: usize, codes: usize, n: usize, d: usize, out: usize): void {
	const zero = i16x8.splat(0);
	const main = q + (((d - 1) & ~7) << 2), mask = tail(d), bytes = d << 1;
	for (let i: usize = 0; i < n; ++i) {
		let a = f32x4.splat(0), b = a, p = q, c = codes;
		while (p < main) {
			const v = v128.load(c);
			let t = f32x4.sub(bf16Low(v, zero), v128.load(p)); a = f32x4.add(a, f32x4.mul(t, t));
			t = f32x4.sub(bf16High(v, zero), v128.load(p, 16)); b = f32x4.add(b, f32x4.mul(t, t));
			p += 32; c += 16;
		}
		const v = v128.and(v128.load(c), mask);
		let t = f32x4.sub(bf16Low(v, zero), v128.load(p)); a = f32x4.add(a, f32x4.mul(t, t));
		t = f32x4.sub(bf16High(v, zero), v128.load(p, 16)); b = f32x4.add(b, f32x4.mul(t, t));
		store<f32>(out + (i << 2), sum1(f32x4.add(a, b)));
		codes += bytes;
	}
}

/** out[i] = -(q . x_i) over n rows of bf16. */
export function bf16IpMany(q: usize, codes: usize, n: usize, d: usize, out: usize): void {
	const zero = i16x8.splat(0);
	const main = q + (((d - 1) & ~7) << 2), mask = tail(d), bytes = d << 1;
	for (let i: usize = 0; i < n; ++i) {
		let a = f32x4.splat(0), b = a, p = q, c = codes;
		while (p < main) {
			const v = v128.load(c);
			a = f32x4.add(a, f32x4.mul(bf16Low(v, zero), v128.load(p)));
			b = f32x4.add(b, f32x4.mul(bf16High(v, zero), v128.load(p, 16)));
			p += 32; c += 16;
		}
		const v = v128.and(v128.load(c), mask);
		a = f32x4.add(a, f32x4.mul(bf16Low(v, zero), v128.load(p)));
		b = f32x4.add(b, f32x4.mul(bf16High(v, zero), v128.load(p, 16)));
		store<f32>(out + (i << 2), -sum1(f32x4.add(a, b)));
		codes += bytes;
	}
}

/** Rows of 16-bit floats, squared L2 (metric 0) or negated inner product (1). Returns the number of rows scanned. */
export function scanHalf(
	directory: usize, listNos: usize, biases: usize, nLists: usize, base: u32, tile: usize, topk: usize,
	kind: u32, metric: u32, q: usize, d: usize,
): u32 {
	let scanned: u32 = 0;
	for (let t: usize = 0; t < nLists; ++t) {
		const list = listAt(directory, listNos, t), codes = <usize>load<u32>(list), n = <usize>load<u32>(list, 12);
		for (let i: usize = 0; i < n; i += TILE) {
			const count = min(TILE, n - i), rows = codes + (i * d << 1);
			if (kind == F16) {
				if (metric == 0) f16L2Many(q, rows, count, d, tile);
				else f16IpMany(q, rows, count, d, tile);
			} else if (metric == 0) bf16L2Many(q, rows, count, d, tile);
			else bf16IpMany(q, rows, count, d, tile);
			offer(list, i, count, biasAt(biases, t), tile, base, topk);
		}
		scanned += <u32>n;
	}
	return scanned;
}
