// Small loops over rows that training and adding need.
import { ipOne } from './distances';
import { sum1, tailMask } from './common';

/** out[i] = x_i . x_i, lane order of distances.ts. */
export function normsSquared(x: usize, n: usize, d: usize, out: usize): void {
	for (let i: usize = 0; i < n; ++i) {
		store<f32>(out + (i << 2), ipOne(x, x, d));
		x += d << 2;
	}
}

/** Divides each row by its length, found in f64; zero rows stay zero. In place. */
export function normalizeRows(x: usize, n: usize, d: usize): void {
	for (let i: usize = 0; i < n; ++i) {
		let sum: f64 = 0;
		const end = x + (d << 2);
		for (let p = x; p < end; p += 4) { const v = <f64>load<f32>(p); sum += v * v; }
		if (sum > 0) {
			const norm = sqrt<f64>(sum);
			for (let p = x; p < end; p += 4) store<f32>(p, <f32>(<f64>load<f32>(p) / norm));
		}
		x = end;
	}
}

/** sums[labels[i]] += x_i in f64, in row order; counts[labels[i]] += 1. */
export function sumRows(x: usize, n: usize, d: usize, labels: usize, sums: usize, counts: usize): void {
	for (let i: usize = 0; i < n; ++i) {
		const label = <usize>load<u32>(labels + (i << 2));
		store<u32>(counts + (label << 2), load<u32>(counts + (label << 2)) + 1);
		let s = sums + (label * d << 3), t: usize = 0;
		while (t + 2 <= d) {
			v128.store(s, f64x2.add(v128.load(s), f64x2.promote_low_f32x4(v128.load64_zero(x))));
			s += 16; x += 8; t += 2;
		}
		if (t < d) { store<f64>(s, load<f64>(s) + <f64>load<f32>(x)); x += 4; }
	}
}

/** out_i = x_i - centroids[labels[i]]. `out` may be x. */
export function residuals(x: usize, n: usize, d: usize, labels: usize, centroids: usize, out: usize): void {
	for (let i: usize = 0; i < n; ++i) {
		let c = centroids + (<usize>load<u32>(labels + (i << 2)) * d << 2), t: usize = 0;
		while (t + 4 <= d) {
			v128.store(out, f32x4.sub(v128.load(x), v128.load(c)));
			x += 16; c += 16; out += 16; t += 4;
		}
		while (t < d) { store<f32>(out, load<f32>(x) - load<f32>(c)); x += 4; c += 4; out += 4; ++t; }
	}
}

/**
 * out[i] = r_i . (r_i + 2 (c - centre)), c = centroids[labels[i]]: the part of |q - (c + r)|^2 that does not depend
 * on the query beyond |q - c|^2 and -2 (q - centre) . r. Lane order of distances.ts.
 */
export function residualTerms(r: usize, n: usize, d: usize, labels: usize, centroids: usize, centre: usize, out: usize): void {
	const main = d & ~7;
	for (let i: usize = 0; i < n; ++i) {
		let c = centroids + (<usize>load<u32>(labels + (i << 2)) * d << 2), p = r, m = centre;
		let a = f32x4.splat(0), b = a;
		const end = r + (main << 2);
		while (p < end) {
			let v = v128.load(p), w = f32x4.sub(v128.load(c), v128.load(m));
			a = f32x4.add(a, f32x4.mul(v, f32x4.add(v, f32x4.add(w, w))));
			v = v128.load(p, 16); w = f32x4.sub(v128.load(c, 16), v128.load(m, 16));
			b = f32x4.add(b, f32x4.mul(v, f32x4.add(v, f32x4.add(w, w))));
			p += 32; c += 32; m += 32;
		}
		if (d & 4) {
			const v = v128.load(p), w = f32x4.sub(v128.load(c), v128.load(m));
			a = f32x4.add(a, f32x4.mul(v, f32x4.add(v, f32x4.add(w, w))));
			p += 16; c += 16; m += 16;
		}
		if (d & 3) {
			const mask = tailMask(d & 3), v = v128.and(v128.load(p), mask), w = v128.and(f32x4.sub(v128.load(c), v128.load(m)), mask);
			const t = f32x4.mul(v, f32x4.add(v, f32x4.add(w, w)));
			if (d & 4) b = f32x4.add(b, t);
			else a = f32x4.add(a, t);
		}
		store<f32>(out + (i << 2), sum1(f32x4.add(a, b)));
		r += d << 2;
	}
}

/** Copies n rows of `bytes` bytes from the addresses given (u32 each) to `dst`, one after the other. */
export function gatherRows(addresses: usize, bytes: usize, n: usize, dst: usize): void {
	for (let i: usize = 0; i < n; ++i) {
		let p = <usize>load<u32>(addresses + (i << 2));
		const end = dst + bytes;
		if (bytes >= 16) {
			// The last 16 bytes may lie over some that were copied before.
			const last = end - 16;
			for (; dst < last; dst += 16, p += 16) v128.store(dst, v128.load(p));
			v128.store(last, v128.load(p - (dst - last)));
			dst = end;
		} else while (dst < end) store<u8>(dst++, load<u8>(p++));
	}
}
