// Nearest centroid of many rows: the argmin of l2Many (or of ipMany), ties to the lower centroid.
//
// A first pass in int16 finds the few centroids that can be it, a second computes exact float32
// distances of those: 8 multiply-adds an instruction instead of 4, and the result is that of l2Many.
//
// Rows and centroids are scaled so that the longest has length N = LENGTH, and rounded to integers. With
// bias = |c|^2 / 2 (0 for inner product), value = bias - x . c is an i32 that cannot overflow:
// |x . c| <= N^2 for every prefix of the dimensions (Cauchy-Schwarz), bias <= N^2 / 2.
//
// What is off, in these units: rounding moves x . c by at most (|x|_1 + |c|_1) / 2 + 3 d / 4; the bias is within
// 120 + 5 d; and l2Many itself is within g = (d / 8 + 5) 2^-24 of the true distance, which is at most
// 4 |x| |x|: 4 g N^2 r, where r = longest row / longest centroid. A centroid is a candidate when its value is
// within twice the first two plus the last of the smallest value; so the argmin of l2Many always is one.
import { l2One, ipOne } from './distances';
import { topkInit, topkPush, topkWorst, topkAppend, topkRoom } from './topk';

/** Length of the longest vector after scaling: one component may be all of it, and must fit int16. */
export const LENGTH: f32 = 32700;
/** A margin above this would let nearly all centroids pass. */
export const LARGEST_MARGIN: f32 = 1e8;
/** Rows of one block: their panel minima and the packed rows stay in L2. */
export const BLOCK: usize = 32;

/**
 * Packs n rows of d values as int16 pairs, panels [ceil(n / group)][pairs][group] of i32 (low half the even
 * dimension), each value times `scale`, rounded. Returns the largest sum of magnitudes of a row.
 * group is 4 (rows) or 8 (centroids); missing rows and an odd last dimension are zero.
 */
export function nearestPack(x: usize, n: usize, d: usize, group: usize, scale: f32, out: usize): i32 {
	const pairs = (d + 1) >> 1;
	const step = group << 2;
	const factor = f32x4.splat(scale);
	let largest: i32 = 0;
	for (let i: usize = 0; i < n; i += group) {
		for (let r: usize = 0; r < group; ++r) {
			let o = out + (r << 2);
			if (i + r >= n) {
				for (let t: usize = 0; t < pairs; ++t) { store<i32>(o, 0); o += step; }
				continue;
			}
			let p = x + ((i + r) * d << 2), t: usize = 0;
			let magnitude = i32x4.splat(0);
			while (t + 8 <= d) {
				const a = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(p), factor)));
				const b = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(p, 16), factor)));
				const v = i16x8.narrow_i32x4_s(a, b);
				magnitude = i32x4.add(magnitude, i32x4.extadd_pairwise_i16x8_s(i16x8.abs(v)));
				v128.store_lane<i32>(o, v, 0); o += step;
				v128.store_lane<i32>(o, v, 1); o += step;
				v128.store_lane<i32>(o, v, 2); o += step;
				v128.store_lane<i32>(o, v, 3); o += step;
				p += 32; t += 8;
			}
			let sum = i32x4.extract_lane(magnitude, 0) + i32x4.extract_lane(magnitude, 1)
				+ i32x4.extract_lane(magnitude, 2) + i32x4.extract_lane(magnitude, 3);
			while (t < d) {
				const a = <i32>nearest<f32>(load<f32>(p) * scale);
				const b = t + 1 < d ? <i32>nearest<f32>(load<f32>(p, 4) * scale) : 0;
				sum += abs(a) + abs(b);
				store<i32>(o, (a & 0xffff) | (b << 16)); o += step;
				p += 8; t += 2;
			}
			largest = max(largest, sum);
		}
		out += pairs * step;
	}
	return largest;
}

/** Largest length of n rows, in f32 and rounded up a little; 0 when all are zero. */
export function largestNorm(x: usize, n: usize, d: usize): f32 {
	let largest: f32 = 0;
	for (let i: usize = 0; i < n; ++i) {
		largest = max(largest, ipOne(x, x, d));
		x += d << 2;
	}
	return sqrt<f32>(largest) * <f32>1.0001;
}

/** Bytes from the panel minima of one row to those of the next: one line more than they take, so that rows do not lie on each other in the cache. */
// @ts-ignore: decorator
@inline export function minimaStride(panels: usize): usize {
	return (panels << 4) + 64;
}

/** What the bias and float32 rounding add to the margin (head of this file). */
// @ts-ignore: decorator
@inline export function slackOf(d: usize, rowNorm: f32, centroidNorm: f32): f32 {
	const dims = <f32>d;
	return <f32>12 * dims + <f32>500 + (<f32>39 * dims + <f32>1600) * (rowNorm / centroidNorm);
}

/**
 * outLabels[i] (u32) = nearest of k centroids for each of n rows of d values, outDistances[i] (f32) its
 * distance: squared L2 (metric 0) or negated inner product (metric 1).
 *
 * `packed`: the centroids by nearestPack(group 8, LENGTH / centroidNorm), or 0 for few rows, which are then compared
 * directly; `magnitude` what that returned, `halfNorms`: |c|^2 / 2 (f32), `centroidNorm`: largestNorm of the centroids.
 */
export function nearestRows(
	x: usize, n: usize, d: usize, centroids: usize, k: usize, metric: i32,
	packed: usize, magnitude: i32, halfNorms: usize, centroidNorm: f32,
	scratch: usize, outLabels: usize, outDistances: usize,
): void {
	const pairs = (d + 1) >> 1;
	const panels = (k + 7) >> 3;
	const bias = scratch + ((BLOCK * (d + 1)) << 1);
	const minima = bias + (panels << 5);
	const stride = minimaStride(panels);
	// Scales of lengths beyond these would overflow or vanish in float32.
	const plain = packed == 0 || !(centroidNorm > 1e-15 && centroidNorm < 1e15);
	const rowNorm: f32 = plain ? <f32>1 : max<f32>(largestNorm(x, n, d), centroidNorm);
	const slack = slackOf(d, rowNorm, centroidNorm);
	if (plain || !(rowNorm < 1e15) || slack > LARGEST_MARGIN) {
		for (let i: usize = 0; i < n; ++i) {
			nearestExact(x + (i * d << 2), d, centroids, k, metric, outLabels + (i << 2), outDistances + (i << 2));
		}
		return;
	}
	const rowScale = LENGTH / rowNorm;
	const biasScale = rowScale * (LENGTH / centroidNorm);
	for (let c: usize = 0; c < panels << 3; ++c) {
		const half = c >= k ? i32.MAX_VALUE : metric != 0 ? 0 : <i32>nearest<f32>(load<f32>(halfNorms + (c << 2)) * biasScale);
		store<i32>(bias + (c << 2), half);
	}
	for (let start: usize = 0; start < n; start += BLOCK) {
		const count = min(BLOCK, n - start);
		const rows = x + (start * d << 2);
		const margin = nearestPack(rows, count, d, 4, rowScale, scratch) + magnitude + <i32>slack;
		let b = packed;
		for (let j: usize = 0; j < panels; ++j) {
			panel(scratch, count, b, pairs, bias + (j << 5), minima + (j << 4), stride);
			b += pairs << 5;
		}
		for (let i: usize = 0; i < count; ++i) {
			verify(rows + (i * d << 2), d, centroids, k, metric, minima + i * stride, panels, margin,
				outLabels + ((start + i) << 2), outDistances + ((start + i) << 2));
		}
	}
}

/** Minima per lane of bias - x . c, 8 centroids against `n` packed rows; one v128 per row, `stride` apart. */
export function panel(rows: usize, n: usize, packed: usize, pairs: usize, bias: usize, out: usize, stride: usize): void {
	const bias0 = v128.load(bias), bias1 = v128.load(bias, 16);
	const bytes = pairs << 4;
	const rowsEnd = rows + ((n + 3) >> 2) * bytes;
	let a = rows;
	while (a < rowsEnd) {
		let b = packed;
		const end = a + bytes;
		let s00 = i32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
		do {
			const b0 = v128.load(b), b1 = v128.load(b, 16);
			let x = v128.load32_splat(a);
			s00 = i32x4.add(s00, i32x4.dot_i16x8_s(x, b0)); s01 = i32x4.add(s01, i32x4.dot_i16x8_s(x, b1));
			x = v128.load32_splat(a, 4);
			s10 = i32x4.add(s10, i32x4.dot_i16x8_s(x, b0)); s11 = i32x4.add(s11, i32x4.dot_i16x8_s(x, b1));
			x = v128.load32_splat(a, 8);
			s20 = i32x4.add(s20, i32x4.dot_i16x8_s(x, b0)); s21 = i32x4.add(s21, i32x4.dot_i16x8_s(x, b1));
			x = v128.load32_splat(a, 12);
			s30 = i32x4.add(s30, i32x4.dot_i16x8_s(x, b0)); s31 = i32x4.add(s31, i32x4.dot_i16x8_s(x, b1));
			a += 16; b += 32;
		} while (a < end);
		v128.store(out, i32x4.min_s(i32x4.sub(bias0, s00), i32x4.sub(bias1, s01)));
		v128.store(out + stride, i32x4.min_s(i32x4.sub(bias0, s10), i32x4.sub(bias1, s11)));
		v128.store(out + (stride << 1), i32x4.min_s(i32x4.sub(bias0, s20), i32x4.sub(bias1, s21)));
		v128.store(out + stride * 3, i32x4.min_s(i32x4.sub(bias0, s30), i32x4.sub(bias1, s31)));
		out += stride << 2;
	}
}

// @ts-ignore: decorator
@inline function distance(metric: i32, x: usize, c: usize, d: usize): f32 {
	return metric == 0 ? l2One(x, c, d) : -ipOne(x, c, d);
}

/** Exact distances of the centroids whose panel minimum is within `margin` of the row's smallest. */
function verify(
	x: usize, d: usize, centroids: usize, k: usize, metric: i32, minima: usize, panels: usize, margin: i32,
	outLabel: usize, outDistance: usize,
): void {
	const end = minima + (panels << 4);
	let m = v128.load(minima);
	for (let p = minima + 16; p < end; p += 16) m = i32x4.min_s(m, v128.load(p));
	m = i32x4.min_s(m, v128.shuffle<i32>(m, m, 2, 3, 0, 1));
	m = i32x4.min_s(m, v128.shuffle<i32>(m, m, 1, 0, 3, 2));
	const limit = i32x4.add(m, i32x4.splat(margin));
	let best: f32 = Infinity, label: u32 = 0;
	let first: usize = 0;
	for (let p = minima; p < end; p += 16) {
		const near = i32x4.le_s(v128.load(p), limit);
		if (v128.any_true(near)) {
			let lanes = i32x4.bitmask(near);
			lanes |= lanes << 4;
			while (lanes != 0) {
				const c = first + <usize>ctz(lanes);
				lanes &= lanes - 1;
				if (c >= k) continue;
				const value = distance(metric, x, centroids + (c * d << 2), d);
				if (value < best) { best = value; label = <u32>c; }
			}
		}
		first += 8;
	}
	store<u32>(outLabel, label);
	store<f32>(outDistance, best);
}

function nearestExact(x: usize, d: usize, centroids: usize, k: usize, metric: i32, outLabel: usize, outDistance: usize): void {
	let best: f32 = Infinity, label: u32 = 0;
	for (let c: usize = 0; c < k; ++c) {
		const value = distance(metric, x, centroids + (c * d << 2), d);
		if (value < best) { best = value; label = <u32>c; }
	}
	store<u32>(outLabel, label);
	store<f32>(outDistance, best);
}

/** Values of the 8 centroids of a panel: |c|^2 / 2 - x . c, as f32. */
// @ts-ignore: decorator
@inline function rankOut(half: usize, out: usize, biasScale: v128, s0: v128, s1: v128): void {
	const bias0 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(half), biasScale)));
	const bias1 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(half, 16), biasScale)));
	v128.store(out, f32x4.convert_i32x4_s(i32x4.sub(bias0, s0)));
	v128.store(out, f32x4.convert_i32x4_s(i32x4.sub(bias1, s1)), 16);
}

/**
 * The nprobe < k nearest of k centroids to one query, left in the top-k `state` (made for nprobe): those that l2Many (metric
 * 0) or ipMany (1) over all of them would leave. The int16 pass ranks all, then those that can be among the nearest, by
 * the bound at the head of this file, are compared exactly.
 */
export function rankCells(
	q: usize, d: usize, centroids: usize, k: usize, metric: i32,
	packed: usize, magnitude: i32, halfNorms: usize, centroidNorm: f32,
	scratch: usize, nprobe: u32, capacity: u32, state: usize,
): void {
	const norm = max<f32>(largestNorm(q, 1, d), centroidNorm);
	const slack = slackOf(d, norm, centroidNorm);
	topkInit(state, nprobe, capacity, 0, 0, f32.MAX_VALUE * 2);
	if (!(centroidNorm > 1e-15 && norm < 1e15) || slack > LARGEST_MARGIN) {
		for (let c: usize = 0; c < k; ++c) {
			topkRoom(state, 1);
			topkAppend(state, distance(metric, q, centroids + (c * d << 2), d), <u32>c);
		}
		return;
	}
	const pairs = (d + 1) >> 1;
	const panels = (k + 7) >> 3;
	const values = scratch + (((d + 1) << 1) + 15 & ~15);
	const scale = LENGTH / norm;
	const biasScale = metric == 0 ? f32x4.splat(scale * (LENGTH / centroidNorm)) : f32x4.splat(0);
	const rounding = nearestPack(q, 1, d, 1, scale, scratch) + magnitude;
	const queryEnd = scratch + (pairs << 2);
	// Two panels at a time.
	const panelBytes = pairs << 5;
	let b = packed;
	for (let j: usize = 0; j < panels; j += 2) {
		// The last of an odd number goes with itself.
		const next = b + (j + 1 < panels ? panelBytes : 0);
		let a = scratch, c = next, s0 = i32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
		do {
			const x = v128.load32_splat(a);
			s0 = i32x4.add(s0, i32x4.dot_i16x8_s(x, v128.load(b)));
			s1 = i32x4.add(s1, i32x4.dot_i16x8_s(x, v128.load(b, 16)));
			s2 = i32x4.add(s2, i32x4.dot_i16x8_s(x, v128.load(c)));
			s3 = i32x4.add(s3, i32x4.dot_i16x8_s(x, v128.load(c, 16)));
			a += 4; b += 32; c += 32;
		} while (a < queryEnd);
		b = c;
		rankOut(halfNorms + (j << 5), values + (j << 5), biasScale, s0, s1);
		if (j + 1 < panels) rankOut(halfNorms + ((j + 1) << 5), values + ((j + 1) << 5), biasScale, s2, s3);
	}
	topkPush(state, values, k, 0, 0);
	// Converting to float32 rounds by up to 64 on either side, the sum by 128.
	const limit = f32x4.splat(topkWorst(state) + <f32>rounding + slack + 512);
	topkInit(state, nprobe, capacity, 0, 0, f32.MAX_VALUE * 2);
	for (let c: usize = 0; c < k; c += 4) {
		let mask = i32x4.bitmask(f32x4.le(v128.load(values + (c << 2)), limit));
		if (mask == 0) continue;
		topkRoom(state, 4);
		while (mask != 0) {
			const at = c + <usize>ctz(mask);
			mask &= mask - 1;
			if (at < k) topkAppend(state, distance(metric, q, centroids + (at * d << 2), d), <u32>at);
		}
	}
}
