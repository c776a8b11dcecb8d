// Ranking of cells for a block of queries: the nprobe nearest centroids of each, nearest first.
//
// One query against many centroids is nearest.ts's rankCells. From four queries on, packed queries go through the
// centroids four at a time, as nearestRows does: each centroid is read once for four queries. A panel gives the
// smaller of two centroids per lane, so the nprobe-th smallest of those is at least the nprobe-th smallest of all:
// a limit from it is safe, only a little wider.
import { l2Many, ipMany, l2One, ipOne } from './distances';
import { hnswSearch } from './hnsw';
import { BLOCK, LARGEST_MARGIN, LENGTH, largestNorm, nearestPack, panel, rankCells, slackOf } from './nearest';
import { topkAppend, topkFinish, topkInit, topkPush, topkRoom, topkWorst } from './topk';

/**
 * For n queries of d values: distances (f32) and labels (u32) of their nprobe <= k nearest of k centroids, layout (n, nprobe).
 * Arguments as for rankCells; packed = 0 compares all centroids exactly. Scratch: that of nearestRows and of rankCells, the
 * larger. `state`: a top-k for nprobe, of the given capacity.
 */
export function rankMany(
	q: usize, n: usize, d: usize, centroids: usize, k: usize, metric: i32,
	packed: usize, magnitude: i32, halfNorms: usize, centroidNorm: f32,
	scratch: usize, nprobe: u32, capacity: u32, state: usize, outDistances: usize, outLabels: usize,
): void {
	const step = <usize>nprobe << 2, bytes = d << 2;
	let i: usize = 0;
	while (packed != 0 && n - i >= 4) {
		const count = min(BLOCK, n - i);
		if (!rankBlock(q, count, d, centroids, k, metric, packed, magnitude, halfNorms, centroidNorm, scratch, nprobe, capacity, state, outDistances, outLabels)) break;
		q += count * bytes; outDistances += count * step; outLabels += count * step;
		i += count;
	}
	for (; i < n; ++i) {
		if (packed != 0) {
			rankCells(q, d, centroids, k, metric, packed, magnitude, halfNorms, centroidNorm, scratch, nprobe, capacity, state);
		} else {
			topkInit(state, nprobe, capacity, 0, 0, f32.MAX_VALUE * 2);
			if (metric == 0) l2Many(q, centroids, k, d, scratch);
			else ipMany(q, centroids, k, d, scratch);
			topkPush(state, scratch, k, 0, 0);
		}
		topkFinish(state, outDistances, outLabels);
		q += bytes; outDistances += step; outLabels += step;
	}
}

/**
 * rankMany by a walk over a graph of the k centroids with a pool of ef >= nprobe: nearly the nearest. A query whose walk ends with
 * fewer than nprobe is ranked by all centroids. Scratch: that of rankMany and of hnswSearch, the larger.
 */
export function hnswRank(
	g: usize, ef: u32, q: usize, n: usize, d: usize, centroids: usize, k: usize, metric: i32,
	packed: usize, magnitude: i32, halfNorms: usize, centroidNorm: f32,
	scratch: usize, nprobe: u32, capacity: u32, state: usize, outDistances: usize, outLabels: usize,
): void {
	const step = <usize>nprobe << 2, bytes = d << 2;
	for (let i: usize = 0; i < n; ++i) {
		if (hnswSearch(g, q, nprobe, ef, scratch, outDistances, outLabels) < nprobe) {
			rankMany(q, 1, d, centroids, k, metric, packed, magnitude, halfNorms, centroidNorm, scratch, nprobe, capacity, state, outDistances, outLabels);
		}
		q += bytes; outDistances += step; outLabels += step;
	}
}

/** Up to BLOCK queries; false when int16 is not safe for them. */
function rankBlock(
	q: usize, n: usize, d: usize, centroids: usize, k: usize, metric: i32,
	packed: usize, magnitude: i32, halfNorms: usize, centroidNorm: f32,
	scratch: usize, nprobe: u32, capacity: u32, state: usize, outDistances: usize, outLabels: usize,
): bool {
	const norm = max<f32>(largestNorm(q, n, d), centroidNorm);
	const slack = slackOf(d, norm, centroidNorm);
	if (!(centroidNorm > 1e-15 && norm < 1e15) || slack > LARGEST_MARGIN) return false;
	const pairs = (d + 1) >> 1;
	const panels = (k + 7) >> 3;
	const bias = scratch + ((BLOCK * (d + 1)) << 1);
	const minima = bias + (panels << 5);
	const stride = panels << 4;
	const scale = LENGTH / norm;
	const biasScale = scale * (LENGTH / centroidNorm);
	for (let c: usize = 0; c < panels << 3; ++c) {
		const half = c >= k ? i32.MAX_VALUE : metric != 0 ? 0 : <i32>nearest<f32>(load<f32>(halfNorms + (c << 2)) * biasScale);
		store<i32>(bias + (c << 2), half);
	}
	const rounding = <f32>(nearestPack(q, n, d, 4, scale, scratch) + magnitude);
	let b = packed;
	for (let j: usize = 0; j < panels; ++j) {
		panel(scratch, n, b, pairs, bias + (j << 5), minima + (j << 4), stride);
		b += pairs << 5;
	}
	const step = <usize>nprobe << 2;
	for (let i: usize = 0; i < n; ++i) {
		const row = minima + i * stride;
		for (let p = row; p < row + stride; p += 16) v128.store(p, f32x4.convert_i32x4_s(v128.load(p)));
		topkInit(state, nprobe, capacity, 0, 0, f32.MAX_VALUE * 2);
		topkPush(state, row, panels << 2, 0, 0);
		// Fewer lanes than cells asked for: all may be among the nearest. Converting to float32 rounds as in rankCells.
		const limit = f32x4.splat(<usize>nprobe < panels << 2 ? topkWorst(state) + rounding + slack + 512 : <f32>Infinity);
		exactOnes(q, d, centroids, k, metric, row, panels, limit, nprobe, capacity, state);
		topkFinish(state, outDistances, outLabels);
		q += d << 2; outDistances += step; outLabels += step;
	}
	return true;
}

/** Offers the exact distances of both centroids of every lane within the limit. */
function exactOnes(
	q: usize, d: usize, centroids: usize, k: usize, metric: i32, row: usize, panels: usize, limit: v128,
	nprobe: u32, capacity: u32, state: usize,
): void {
	topkInit(state, nprobe, capacity, 0, 0, f32.MAX_VALUE * 2);
	for (let j: usize = 0; j < panels; ++j) {
		let lanes = i32x4.bitmask(f32x4.le(v128.load(row + (j << 4)), limit));
		if (lanes == 0) continue;
		lanes |= lanes << 4;
		topkRoom(state, 8);
		while (lanes != 0) {
			const c = (j << 3) + <usize>ctz(lanes);
			lanes &= lanes - 1;
			if (c >= k) continue;
			const x = centroids + (c * d << 2);
			topkAppend(state, metric == 0 ? l2One(q, x, d) : -ipOne(q, x, d), <u32>c);
		}
	}
}
