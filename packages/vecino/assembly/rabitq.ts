// RaBitQ codes of 1..8 bits per dimension: rotation, encoding, decoding (quantizers/rabitq.ts has the method,
// rabitqscan.ts the search). `size` is the dimension after padding, a multiple of 16.
//
// Code of a row, in bytes: size / 8 of sign bits (bit t of the code read as one number: value t of the rotated row is not
// negative), 4 of the record of the sign bits (bfloat16 B, then bfloat16 A); from 2 bits on f32 A, f32 B and
// (nbits - 1) planes of extra bits for every 16 dimensions, the highest first, 2 bytes each.
import { ipOne } from './distances';
import { sum1 } from './common';

/** Walsh-Hadamard transform of n values (a power of two, at least 16), not scaled: partners h = 1, 2, 4, ... apart. */
function hadamard(x: usize, n: usize): void {
	const end = x + (n << 2);
	const odd = i32x4(0, i32.MIN_VALUE, 0, i32.MIN_VALUE), high = i32x4(0, 0, i32.MIN_VALUE, i32.MIN_VALUE);
	let p = x;
	do {
		let v = v128.load(p);
		v = f32x4.add(v128.shuffle<f32>(v, v, 0, 0, 2, 2), v128.xor(v128.shuffle<f32>(v, v, 1, 1, 3, 3), odd));
		v = f32x4.add(v128.shuffle<f32>(v, v, 0, 1, 0, 1), v128.xor(v128.shuffle<f32>(v, v, 2, 3, 2, 3), high));
		v128.store(p, v);
		p += 16;
	} while (p < end);
	let h: usize = 16;
	const bytes = n << 2;
	// Two levels at a time: half the passes over memory, the same sums.
	for (; (h << 2) <= bytes; h <<= 2) {
		for (let block = x; block < end; block += h << 2) {
			let a = block;
			const stop = block + h;
			do {
				const b = a + h, c = b + h, d = c + h;
				const va = v128.load(a), vb = v128.load(b), vc = v128.load(c), vd = v128.load(d);
				const s = f32x4.add(va, vb), t = f32x4.sub(va, vb), u = f32x4.add(vc, vd), w = f32x4.sub(vc, vd);
				v128.store(a, f32x4.add(s, u)); v128.store(b, f32x4.add(t, w));
				v128.store(c, f32x4.sub(s, u)); v128.store(d, f32x4.sub(t, w));
				a += 16;
			} while (a < stop);
		}
	}
	for (; h < bytes; h <<= 1) {
		for (let block = x; block < end; block += h << 1) butterflies(block, block + h, h);
	}
}

/** Sums and differences of `bytes` bytes of values at a and at b. */
function butterflies(a: usize, b: usize, bytes: usize): void {
	const stop = a + bytes;
	do {
		const va = v128.load(a), vb = v128.load(b);
		v128.store(a, f32x4.add(va, vb)); v128.store(b, f32x4.sub(va, vb));
		a += 16; b += 16;
	} while (a < stop);
}

function multiply(x: usize, y: usize, size: usize): void {
	const end = x + (size << 2);
	do { v128.store(x, f32x4.mul(v128.load(x), v128.load(y))); x += 16; y += 16; } while (x < end);
}

/** Largest power of two that is not above `size`. */
// @ts-ignore: decorator
@inline function powerWithin(size: usize): usize {
	return (<usize>1) << (31 - clz(<u32>size));
}

/**
 * Rotates `size` values in place. Four rounds: multiply by a row of `signs`, layout (4, size); transform the first (even
 * rounds) or last (odd rounds) largest power of two of values; where that is not all, sums and differences of the two
 * halves. The rows of `signs` carry the factors that keep lengths.
 */
function rotate(x: usize, size: usize, signs: usize): void {
	const n = powerWithin(size), rest = (size - n) << 2;
	for (let round: usize = 0; round < 4; ++round) {
		multiply(x, signs + round * (size << 2), size);
		hadamard(round & 1 ? x + rest : x, n);
		if (rest != 0) butterflies(x, x + (size << 1), size << 1);
	}
}

/** Undoes rotate: every step undoes itself. */
function rotateBack(x: usize, size: usize, signs: usize): void {
	const n = powerWithin(size), rest = (size - n) << 2;
	for (let round: usize = 4; round > 0;) {
		--round;
		if (rest != 0) butterflies(x, x + (size << 1), size << 1);
		hadamard(round & 1 ? x + rest : x, n);
		multiply(x, signs + round * (size << 2), size);
	}
}

/** out = x - y (or x when y is 0), d values, filled up with zeros. */
function difference(x: usize, y: usize, d: usize, size: usize, out: usize): void {
	const end = out + (size << 2), main = out + ((d & ~3) << 2);
	while (out < main) {
		let v = v128.load(x);
		if (y != 0) { v = f32x4.sub(v, v128.load(y)); y += 16; }
		v128.store(out, v);
		x += 16; out += 16;
	}
	for (let t: usize = 0; t < (d & 3); ++t) {
		const v = load<f32>(x + (t << 2));
		store<f32>(out, y != 0 ? v - load<f32>(y + (t << 2)) : v);
		out += 4;
	}
	while (out < end) { store<f32>(out, 0); out += 4; }
}

/** out = rotated (x - y), y 0 for none; d values in, `size` out. */
export function rabitqRotate(x: usize, y: usize, d: usize, size: usize, signs: usize, out: usize): void {
	difference(x, y, d, size, out);
	rotate(out, size, signs);
}

/** The upper half of the float32 nearest to x, halves to even. */
// @ts-ignore: decorator
@inline function bfloat16(x: f32): u32 {
	const bits = reinterpret<u32>(x);
	return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

/** The upper half of the largest float32 with an empty lower half that is not above x. */
// @ts-ignore: decorator
@inline function below(x: f32): u32 {
	const bits = reinterpret<u32>(x);
	return (bits + (bits >> 31) * 0xffff) >> 16;
}

/** 2a + 1 for whole a nearest to w * scale - 0.5 (halves to even) in 0..most; a = 0 where that is no number. */
// @ts-ignore: decorator
@inline function odd(w: v128, scale: v128, most: v128): v128 {
	const half = f32x4.splat(0.5), magic = f32x4.splat(8388608); // 2^23: adding it rounds
	const a = f32x4.pmin(most, f32x4.pmax(f32x4.splat(0), f32x4.sub(f32x4.mul(w, scale), half)));
	const b = f32x4.sub(f32x4.add(a, magic), magic);
	return f32x4.add(f32x4.add(b, b), f32x4.splat(1));
}

/** How well Y = odd(|x|) follows |x|: <Y, |x|>^2 / |Y|^2. */
function fit(x: usize, size: usize, scale: f32, most: f32): f64 {
	const end = x + (size << 2), s = f32x4.splat(scale), limit = f32x4.splat(most);
	let a = f32x4.splat(0), b = a, c = a, e = a;
	do {
		let w = f32x4.abs(v128.load(x)), y = odd(w, s, limit);
		a = f32x4.add(a, f32x4.mul(y, w)); c = f32x4.add(c, f32x4.mul(y, y));
		w = f32x4.abs(v128.load(x, 16)); y = odd(w, s, limit);
		b = f32x4.add(b, f32x4.mul(y, w)); e = f32x4.add(e, f32x4.mul(y, y));
		x += 32;
	} while (x < end);
	const dot = <f64>sum1(f32x4.add(a, b));
	return dot * dot / <f64>sum1(f32x4.add(c, e));
}

/** The scale with the best fit among nine. */
function bestScale(x: usize, size: usize, start: f32, most: f32): f32 {
	let best = start, score = fit(x, size, start, most);
	for (let i = 0; i < 8; ++i) {
		// 0.8, 0.9, 1.1, 1.2, 1.35, 1.5 of the start, then 0.95 and 1.05 of the best of these.
		if (i == 6) start = best;
		const factor: f32 = i == 0 ? 0.8 : i == 1 ? 0.9 : i == 2 ? 1.1 : i == 3 ? 1.2 : i == 4 ? 1.35 : i == 5 ? 1.5 : i == 6 ? 0.95 : 1.05;
		const scale = start * factor, other = fit(x, size, scale, most);
		if (other > score) { score = other; best = scale; }
	}
	return best;
}

/** Extra bits of rotated x at `planes`; returns <Y, |x| with the signs of Y> at `sums` and <Y, u> behind it. */
function encodeExtra(x: usize, u: usize, size: usize, scale: f32, extra: i32, planes: usize, sums: usize): void {
	const end = x + (size << 2), s = f32x4.splat(scale), most = f32x4.splat(<f32>((1 << extra) - 1));
	const limit = i32x4.splat((1 << extra) - 1), zero = f32x4.splat(0), sign = i32x4.splat(i32.MIN_VALUE);
	let a = zero, b = zero, c = zero, e = zero;
	do {
		let bytes = zero;
		for (let half = 0; half < 2; ++half) {
			const x0 = v128.load(x), x1 = v128.load(x, 16);
			const n0 = f32x4.lt(x0, zero), n1 = f32x4.lt(x1, zero);
			const w0 = f32x4.abs(x0), w1 = f32x4.abs(x1);
			const y0 = odd(w0, s, most), y1 = odd(w1, s, most);
			// Halves of odd numbers cut off are a again.
			const i0 = i32x4.shr_u(i32x4.trunc_sat_f32x4_s(y0), 1), i1 = i32x4.shr_u(i32x4.trunc_sat_f32x4_s(y1), 1);
			a = f32x4.add(a, f32x4.mul(y0, w0)); b = f32x4.add(b, f32x4.mul(y1, w1));
			if (u != 0) {
				c = f32x4.add(c, f32x4.mul(v128.xor(y0, v128.and(n0, sign)), v128.load(u)));
				e = f32x4.add(e, f32x4.mul(v128.xor(y1, v128.and(n1, sign)), v128.load(u, 16)));
				u += 32;
			}
			// limit - i is limit xor i, because limit is all ones.
			const both = i16x8.narrow_i32x4_u(v128.xor(i0, v128.and(n0, limit)), v128.xor(i1, v128.and(n1, limit)));
			bytes = half == 0 ? i8x16.narrow_i16x8_u(both, both) : v128.shuffle<i64>(bytes, i8x16.narrow_i16x8_u(both, both), 0, 2);
			x += 32;
		}
		for (let plane = extra - 1; plane >= 0; --plane) {
			store<u16>(planes, <u16>i8x16.bitmask(i8x16.shl(bytes, 7 - plane)));
			planes += 2;
		}
	} while (x < end);
	store<f32>(sums, sum1(f32x4.add(a, b)));
	store<f32>(sums, sum1(f32x4.add(c, e)), 4);
}

/**
 * Codes of n rows of d values. With `labels` rows are residuals and row i belongs to centroid labels[i]; without, the centre
 * is subtracted here. metric 0: squared L2, 1: negated inner product. `step`: width of the cells of a good quantizer of
 * nbits for a normal distribution. `scratch`: 2 * size + 4 values.
 */
export function rabitqEncode(
	x: usize, n: usize, d: usize, size: usize, nbits: i32, step: f32, metric: u32, labels: usize, centroids: usize, centre: usize,
	signs: usize, scratch: usize, codes: usize, codeSize: usize,
): void {
	const r = scratch, sums = scratch + (size << 3), factor: f32 = metric == 0 ? -2 : -1;
	const zero = f32x4.splat(0), sign = i32x4.splat(i32.MIN_VALUE);
	for (let i: usize = 0; i < n; ++i, x += d << 2, codes += codeSize) {
		const u = labels != 0 ? scratch + (size << 2) : 0;
		const c = labels != 0 ? centroids + <usize>load<u32>(labels + (i << 2)) * (d << 2) : centre;
		difference(x, labels != 0 ? 0 : centre, d, size, r);
		let base = metric == 0 ? <f32>0 : -ipOne(c, r, d);
		rotate(r, size, signs);
		if (u != 0) rabitqRotate(c, centre, d, size, signs, u);
		let n0 = zero, n1 = zero, a = zero, b = zero, e = zero, f = zero;
		for (let t: usize = 0; t < size; t += 8) {
			const x0 = v128.load(r + (t << 2)), x1 = v128.load(r + (t << 2), 16);
			const p0 = f32x4.ge(x0, zero), p1 = f32x4.ge(x1, zero);
			store<u8>(codes + (t >> 3), i32x4.bitmask(p0) | (i32x4.bitmask(p1) << 4));
			n0 = f32x4.add(n0, f32x4.mul(x0, x0)); n1 = f32x4.add(n1, f32x4.mul(x1, x1));
			a = f32x4.add(a, f32x4.abs(x0)); b = f32x4.add(b, f32x4.abs(x1));
			if (u != 0) {
				e = f32x4.add(e, v128.xor(v128.load(u + (t << 2)), v128.andnot(sign, p0)));
				f = f32x4.add(f, v128.xor(v128.load(u + (t << 2), 16), v128.andnot(sign, p1)));
			}
		}
		const norm = sum1(f32x4.add(n0, n1)), length = sum1(f32x4.add(a, b));
		if (metric == 0) base = norm;
		const scale = bfloat16(length > 0 ? norm / length * factor : 0);
		const exact = base - reinterpret<f32>(scale << 16) * sum1(f32x4.add(e, f));
		// Part of a lower bound from 2 bits on: rounded down then.
		const add = nbits == 1 ? bfloat16(exact) : below(exact);
		const record = codes + (size >> 3);
		store<u32>(record, scale | (add << 16));
		if (nbits == 1) continue;
		const most = <f32>((1 << (nbits - 1)) - 1);
		const start = sqrt<f32>(<f32>size / norm) / step;
		const best = norm > 0 ? bestScale(r, size, start, most) : <f32>0;
		encodeExtra(r, u, size, best, nbits - 1, record + 12, sums);
		const dot = load<f32>(sums), finer = dot > 0 ? norm / dot * factor : <f32>0;
		store<f32>(record, base - finer * load<f32>(sums, 4), 4);
		store<f32>(record, finer, 8);
	}
}

/** Rows of d values from n codes: Y * (B * gain), rotated back. `scratch`: size values. */
export function rabitqDecode(
	codes: usize, n: usize, codeSize: usize, d: usize, size: usize, nbits: i32, gain: f32, signs: usize, scratch: usize, out: usize,
): void {
	const extra = <usize>(nbits - 1), levels = (1 << nbits) - 1;
	for (let i: usize = 0; i < n; ++i, codes += codeSize) {
		const record = codes + (size >> 3);
		const scale = (nbits == 1 ? reinterpret<f32>(load<u32>(record) << 16) : load<f32>(record, 8)) * gain;
		for (let t: usize = 0; t < size; ++t) {
			let y = (<i32>load<u8>(codes + (t >> 3)) >> <i32>(t & 7)) & 1;
			const planes = record + 12 + (t >> 4) * (extra << 1);
			for (let p: usize = 0; p < extra; ++p) y = (y << 1) | ((<i32>load<u16>(planes + (p << 1)) >> <i32>(t & 15)) & 1);
			store<f32>(scratch + (t << 2), <f32>(y + y - levels) * scale);
		}
		rotateBack(scratch, size, signs);
		for (let t: usize = 0; t < d; ++t, out += 4) store<f32>(out, load<f32>(scratch + (t << 2)));
	}
}
