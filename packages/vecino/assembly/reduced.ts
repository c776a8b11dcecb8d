// Nearest centroid of many rows by few dimensions first: what nearestRows finds, to the bit.
//
// Rows and centroids, less their mean, are turned so that the first dimensions hold most of what differs (the principal
// axes of the centroids; any orthonormal axes are right). With x1 the first r - 1 coordinates and t(x) the length of the rest,
//   x . c <= x1 . c1 + t(x) t(c)          (Cauchy-Schwarz on the rest)
// so (x1, t(x)) and (c1, t(c)), r values each, give a lower bound of |c|^2 / 2 - x . c, and hence of the distance. The int16
// pass of nearest.ts runs over these; the exact distance of its best is the first limit, which falls as better ones are
// found; only centroids whose bound is below are compared.
//
// What is off. t is taken too long rather than too short: t^2 = |x|^2 - |x1|^2 + share * |x|^2, `share` above what axes and
// float32 are off. int16 rounding as in nearest.ts, on one side. All the rest is `error` * 8 |x| (|x| + M), with M the longest
// row or centroid before the mean is taken off, `error` = (d / 8 + 40) 2^-23 + twice what the axes are off.
import { ipOne, l2One } from './distances';
import { subtractRow } from './lists';
import { BLOCK, LARGEST_MARGIN, LENGTH, largestNorm, minimaStride, nearestPack, nearestRows, panel } from './nearest';
import { applyLinear } from './transforms';

/**
 * Reduced forms, (n, r), of n rows of d values: r - 1 coordinates, then the length of the rest. `centre`: a row to take off, or
 * 0. `basis`: axes in panels of 8 (packPanel), the last of r zero, then r zeros. `centred`: room for n * d values.
 */
export function reduceRows(x: usize, n: usize, d: usize, centre: usize, basis: usize, r: usize, share: f32, centred: usize, out: usize): void {
	memory.copy(centred, x, n * d << 2);
	if (centre != 0) subtractRow(centred, n, d, centre);
	applyLinear(centred, n, d, basis, basis + (r * d << 2), r, out);
	for (let i: usize = 0; i < n; ++i) {
		const o = out + (i * r << 2), a = ipOne(centred, centred, d), b = ipOne(o, o, r);
		store<f32>(o + ((r - 1) << 2), sqrt<f32>(max<f32>(a - b, 0) + share * a));
		centred += d << 2;
	}
}

/**
 * nearestRows by reduced forms. `centre`: the mean of the centroids; rows keep it under inner products (metric 1). `packed`: the
 * centroids' reduced forms by nearestPack(group 8, LENGTH / reducedNorm), `magnitude` what that returned, `halfNorms`: half
 * of their squared lengths (k rounded up to 8), `reducedNorm` their largestNorm. `far`: largestNorm of centroids as they are.
 */
export function nearestReduced(
	x: usize, n: usize, d: usize, centroids: usize, k: usize, metric: i32, centre: usize, basis: usize, r: usize,
	share: f32, error: f32, packed: usize, magnitude: i32, halfNorms: usize, reducedNorm: f32, far: f32,
	scratch: usize, outLabels: usize, outDistances: usize,
): void {
	const pairs = (r + 1) >> 1, panels = (k + 7) >> 3;
	const bias = scratch + ((BLOCK * (r + 1)) << 1);
	const minima = bias + (panels << 5);
	const stride = minimaStride(panels);
	const centred = minima + BLOCK * stride;
	const reduced = centred + (BLOCK * d << 2);
	let longest: f32 = 0;
	for (let i: usize = 0; i < n; ++i) {
		const p = x + (i * d << 2);
		longest = max(longest, metric == 0 ? l2One(p, centre, d) : ipOne(p, p, d));
	}
	// Reduced forms are longer by share / 2.
	const rowNorm = max<f32>(sqrt<f32>(longest) * (<f32>1.001 + share), reducedNorm);
	const most = max<f32>(largestNorm(x, n, d), far);
	const rowScale = LENGTH / rowNorm, scale = rowScale * (LENGTH / reducedNorm);
	const off = error * 8 * (metric == 0 ? rowNorm * (rowNorm + most) : rowNorm * rowNorm + most * most);
	const slack: f32 = off * scale + <f32>r * 12 + <f32>1500;
	if (!(reducedNorm > 1e-15 && most < 1e15 && slack <= LARGEST_MARGIN)) {
		nearestRows(x, n, d, centroids, k, metric, 0, 0, 0, 0, scratch, outLabels, outDistances);
		return;
	}
	for (let c: usize = 0; c < panels << 3; ++c) {
		store<i32>(bias + (c << 2), c >= k ? i32.MAX_VALUE : metric != 0 ? 0 : <i32>nearest<f32>(load<f32>(halfNorms + (c << 2)) * scale));
	}
	const axis = metric == 0 ? centre : 0;
	for (let start: usize = 0; start < n; start += BLOCK) {
		const count = min(BLOCK, n - start);
		let row = x + (start * d << 2);
		reduceRows(row, count, d, axis, basis, r, share, centred, reduced);
		const margin = <f32>((nearestPack(reduced, count, r, 4, rowScale, scratch) + magnitude) >> 1) + slack;
		let b = packed;
		for (let j: usize = 0; j < panels; ++j) {
			panel(scratch, count, b, pairs, bias + (j << 5), minima + (j << 4), stride);
			b += pairs << 5;
		}
		for (let i: usize = 0; i < count; ++i) {
			const offset: f32 = metric == 0 ? <f32>-0.5 * l2One(row, centre, d) : ipOne(row, centre, d);
			const at = (start + i) << 2;
			verify(row, d, centroids, k, metric, minima + i * stride, panels, offset, scale, margin, outLabels + at, outDistances + at);
			row += d << 2;
		}
	}
}

// @ts-ignore: decorator
@inline function distance(metric: i32, x: usize, c: usize, d: usize): f32 {
	return metric == 0 ? l2One(x, c, d) : -ipOne(x, c, d);
}

/** What the bound of a centroid at this distance or nearer is at most. */
// @ts-ignore: decorator
@inline function limitOf(metric: i32, best: f32, offset: f32, scale: f32, margin: f32): v128 {
	const limit = ((metric == 0 ? best * <f32>0.5 : best) + offset) * scale + margin;
	return i32x4.splat(limit < 2147483000 ? <i32>limit : i32.MAX_VALUE);
}

/** The nearest of the centroids whose bound allows it; equal distances go to the lower one. */
function verify(
	x: usize, d: usize, centroids: usize, k: usize, metric: i32, minima: usize, panels: usize,
	offset: f32, scale: f32, margin: f32, outLabel: usize, outDistance: usize,
): void {
	const end = minima + (panels << 4);
	let m = v128.load(minima);
	for (let p = minima + 16; p < end; p += 16) m = i32x4.min_s(m, v128.load(p));
	m = i32x4.min_s(m, v128.shuffle<i32>(m, m, 2, 3, 0, 1));
	m = i32x4.min_s(m, v128.shuffle<i32>(m, m, 1, 0, 3, 2));
	// The best bound first: a limit that lets few pass.
	let p = minima;
	while (!v128.any_true(i32x4.eq(v128.load(p), m))) p += 16;
	let best: f32 = Infinity, label: u32 = 0, limit = m, first: usize = (p - minima) >> 1;
	const start = p;
	for (;;) {
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
				else if (value == best && <u32>c < label) label = <u32>c;
			}
			limit = limitOf(metric, best, offset, scale, margin);
		}
		// Round from the best one.
		p += 16; first += 8;
		if (p == end) { p = minima; first = 0; }
		if (p == start) break;
	}
	// The first panel again: its other lanes were held to the best bound only.
	const again = i32x4.bitmask(i32x4.le_s(v128.load(start), limit));
	for (let lane: usize = 0; lane < 8; ++lane) {
		const c = ((start - minima) >> 1) + lane;
		if (!(again & (1 << <i32>(lane & 3))) || c >= k) continue;
		const value = distance(metric, x, centroids + (c * d << 2), d);
		if (value < best) { best = value; label = <u32>c; }
		else if (value == best && <u32>c < label) label = <u32>c;
	}
	store<u32>(outLabel, label);
	store<f32>(outDistance, best);
}
