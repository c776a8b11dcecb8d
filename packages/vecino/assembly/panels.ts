// Nearest reproduction value of many short rows in float32, register-blocked: 4 rows x 8 values.
//
// For row x and value c it is bias_c - x . c that is compared, summed one dimension after the other in f32
// (multiply, round, subtract, round), bias = |c|^2 / 2. Ties go to the lower number. For long rows there is
// nearest.ts, which is twice as fast.
//
// Rows and values are packed dimension-major (4 rows, 8 values side by side); the innermost loop stays
// tiny, because V8 spills when it is unrolled.
import { select } from './common';

/** Rows packed at a time: 256 rows of 128 dimensions are 128 KiB, which stays in L2. */
export const ROW_CHUNK: usize = 256;

/**
 * Packs n rows of `d` values (row stride `stride` values) as panels [ceil(n/4)][dims][4], negated,
 * dimensions d..dims and missing rows as zero.
 */
export function packRows(x: usize, n: usize, stride: usize, d: usize, dims: usize, out: usize): void {
	const row = stride << 2;
	for (let i: usize = 0; i < n; i += 4) {
		if (n - i >= 4) {
			let p = x, t: usize = 0;
			const p1 = row, p2 = row << 1, p3 = p2 + row;
			while (t + 4 <= d) {
				const a = f32x4.neg(v128.load(p)), b = f32x4.neg(v128.load(p + p1));
				const c = f32x4.neg(v128.load(p + p2)), e = f32x4.neg(v128.load(p + p3));
				const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5), AB = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
				const ce = v128.shuffle<f32>(c, e, 0, 4, 1, 5), CE = v128.shuffle<f32>(c, e, 2, 6, 3, 7);
				v128.store(out, v128.shuffle<f32>(ab, ce, 0, 1, 4, 5));
				v128.store(out, v128.shuffle<f32>(ab, ce, 2, 3, 6, 7), 16);
				v128.store(out, v128.shuffle<f32>(AB, CE, 0, 1, 4, 5), 32);
				v128.store(out, v128.shuffle<f32>(AB, CE, 2, 3, 6, 7), 48);
				p += 16; t += 4; out += 64;
			}
			while (t < d) {
				store<f32>(out, -load<f32>(p));
				store<f32>(out, -load<f32>(p + p1), 4);
				store<f32>(out, -load<f32>(p + p2), 8);
				store<f32>(out, -load<f32>(p + p3), 12);
				p += 4; ++t; out += 16;
			}
			while (t < dims) { v128.store(out, f32x4.splat(0)); ++t; out += 16; }
			x += row << 2;
		} else {
			for (let t: usize = 0; t < dims; ++t) {
				for (let r: usize = 0; r < 4; ++r) {
					store<f32>(out + (r << 2), i + r < n && t < d ? -load<f32>(x + r * row + (t << 2)) : 0);
				}
				out += 16;
			}
		}
	}
}

/** Packs up to 8 centroids as one panel [d][8]; missing ones are zero. */
export function packPanel(c: usize, count: usize, d: usize, out: usize): void {
	const row = d << 2;
	if (count >= 8) {
		for (let h: usize = 0; h < 2; ++h) {
			let p = c + (h << 2) * row, o = out + (h << 4), t: usize = 0;
			const p2 = row << 1, p3 = p2 + row;
			while (t + 4 <= d) {
				const a = v128.load(p), b = v128.load(p + row), e = v128.load(p + p2), f = v128.load(p + p3);
				const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5), AB = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
				const ef = v128.shuffle<f32>(e, f, 0, 4, 1, 5), EF = v128.shuffle<f32>(e, f, 2, 6, 3, 7);
				v128.store(o, v128.shuffle<f32>(ab, ef, 0, 1, 4, 5));
				v128.store(o, v128.shuffle<f32>(ab, ef, 2, 3, 6, 7), 32);
				v128.store(o, v128.shuffle<f32>(AB, EF, 0, 1, 4, 5), 64);
				v128.store(o, v128.shuffle<f32>(AB, EF, 2, 3, 6, 7), 96);
				p += 16; t += 4; o += 128;
			}
			while (t < d) {
				for (let r: usize = 0; r < 4; ++r) store<f32>(o + (r << 2), load<f32>(p + r * row));
				p += 4; ++t; o += 32;
			}
		}
		return;
	}
	for (let t: usize = 0; t < d; ++t) {
		for (let r: usize = 0; r < 8; ++r) {
			store<f32>(out + (r << 2), r < count ? load<f32>(c + r * row + (t << 2)) : 0);
		}
		out += 32;
	}
}

/** Running minima of n packed rows, per lane: f32x4 values, i32x4 centroid numbers; 32 bytes a row. */
export function resetMinima(minima: usize, n: usize): void {
	const end = minima + (((n + 3) & ~3) << 5);
	while (minima < end) {
		v128.store(minima, f32x4.splat(Infinity));
		v128.store(minima, i32x4.splat(0), 16);
		minima += 32;
	}
}

/** One panel of 8 centroids, numbered from `first`, against n packed rows. */
export function panelMinima(rows: usize, n: usize, panel: usize, bias: usize, d: usize, first: i32, minima: usize): void {
	const bias0 = v128.load(bias), bias1 = v128.load(bias, 16);
	const idx0 = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
	const idx1 = i32x4.add(idx0, i32x4.splat(4));
	const bytes = d << 4;
	const rowsEnd = rows + ((n + 3) >> 2) * bytes;
	let a = rows;
	while (a < rowsEnd) {
		let b = panel;
		const end = a + bytes;
		let c00 = bias0, c01 = bias1, c10 = bias0, c11 = bias1;
		let c20 = bias0, c21 = bias1, c30 = bias0, c31 = bias1;
		do {
			const b0 = v128.load(b), b1 = v128.load(b, 16);
			let x = v128.load32_splat(a);
			c00 = f32x4.add(c00, f32x4.mul(x, b0)); c01 = f32x4.add(c01, f32x4.mul(x, b1));
			x = v128.load32_splat(a, 4);
			c10 = f32x4.add(c10, f32x4.mul(x, b0)); c11 = f32x4.add(c11, f32x4.mul(x, b1));
			x = v128.load32_splat(a, 8);
			c20 = f32x4.add(c20, f32x4.mul(x, b0)); c21 = f32x4.add(c21, f32x4.mul(x, b1));
			x = v128.load32_splat(a, 12);
			c30 = f32x4.add(c30, f32x4.mul(x, b0)); c31 = f32x4.add(c31, f32x4.mul(x, b1));
			a += 16; b += 32;
		} while (a < end);
		keep(minima, c00, c01, idx0, idx1);
		keep(minima + 32, c10, c11, idx0, idx1);
		keep(minima + 64, c20, c21, idx0, idx1);
		keep(minima + 96, c30, c31, idx0, idx1);
		minima += 128;
	}
}

// @ts-ignore: decorator
@inline function keep(p: usize, v0: v128, v1: v128, i0: v128, i1: v128): void {
	let best = v128.load(p), index = v128.load(p, 16);
	index = select(i0, index, f32x4.lt(v0, best));
	best = f32x4.pmin(best, v0);
	index = select(i1, index, f32x4.lt(v1, best));
	best = f32x4.pmin(best, v1);
	v128.store(p, best);
	v128.store(p, index, 16);
}

/** Value of the best lane of a row. */
// @ts-ignore: decorator
@inline export function bestLane(p: usize): usize {
	let best = load<f32>(p), index = load<u32>(p, 16), lane: usize = 0;
	for (let l: usize = 4; l < 16; l += 4) {
		const v = load<f32>(p + l), i = load<u32>(p + l, 16);
		if (v < best || (v == best && i < index)) { best = v; index = i; lane = l; }
	}
	return lane;
}
