// Ranking candidates again: exact distances of few rows that lie anywhere.
//
// Rows of float32 are read where they are, a window of 64 KiB at a time: first one load a cache line brings the rows
// of the window near, hundreds of misses under way at once (WebAssembly has no prefetch), then the arithmetic runs
// from cache, four rows at a time, in a loop that would else wait for each row. Same bits as l2Many and ipMany.
//
// Distances are not abandoned half way when the k-th best is passed, though that would be exact (rounding is
// monotone, so a sum of some terms, reduced in the same order, is never above that of all). Candidates are too near
// each other: of the terms of those that fail, 85 % (SIFT, d = 128) to 92 % (text, d = 256) are needed to see it, and
// the checks break up the loads: 0.4 to 1.0 times the speed.
import { ipFour, ipOne, l2Four, l2One } from './distances';
import { topkInit, topkPush, topkFinish } from './topk';

/** Rows computed and offered at a time. */
const GROUP: usize = 16;
/** Bytes of rows brought near at a time, at least those of GROUP rows. */
const WINDOW: usize = 65536;
/** A label that is none: the padding behind candidates. */
const NONE: u32 = 0xffffffff;

/**
 * Addresses of the rows named by labels, layout (nq, wide). A list of labels ends after limits[i], where there are limits (not
 * 0), or early with 2^32 - 1; counts[i] is how many there are. Segments: u32 address and u32 first row of each, in order of rows.
 */
export function rowAddresses(
	segments: usize, nSegments: usize, rowBytes: usize, labels: usize, nq: usize, wide: usize, limits: usize, addresses: usize, counts: usize,
): void {
	for (let i: usize = 0; i < nq; ++i) {
		let count: usize = 0;
		const p = labels + (i * wide << 2), out = addresses + (i * wide << 2);
		const most = limits != 0 ? <usize>load<u32>(limits + (i << 2)) : wide;
		while (count < most) {
			const label = load<u32>(p + (count << 2));
			if (label == NONE) break;
			let low = segments;
			for (let n = nSegments; n > 1;) {
				const half = n >> 1, middle = low + (half << 3);
				if (load<u32>(middle, 4) <= label) low = middle;
				n = load<u32>(middle, 4) <= label ? n - half : half;
			}
			store<u32>(out + (count << 2), <u32>(<usize>load<u32>(low) + (<usize>(label - load<u32>(low, 4))) * rowBytes));
			++count;
		}
		store<u32>(counts + (i << 2), <u32>count);
	}
}

/** Loads a value of every cache line of rows. What it returns only keeps the loads from being left out. */
// @ts-ignore: decorator
@inline function touch(addresses: usize, count: usize, bytes: usize): u32 {
	let any: u32 = 0;
	const end = addresses + (count << 2);
	for (; addresses < end; addresses += 4) {
		let p = <usize>load<u32>(addresses);
		const last = p + bytes, main = p + (bytes & ~255);
		for (; p < main; p += 256) any |= load<u8>(p) | load<u8>(p, 64) | load<u8>(p, 128) | load<u8>(p, 192);
		for (; p < last; p += 64) any |= load<u8>(p);
	}
	return any;
}

/** Distances of the query to the `count` rows at the addresses given: squared L2 (metric 0) or negated inner products. */
function rowsAt(metric: u32, q: usize, addresses: usize, count: usize, d: usize, out: usize): void {
	const end = addresses + (count << 2), end4 = addresses + ((count & ~3) << 2);
	for (; addresses < end4; addresses += 16, out += 16) {
		const x0 = <usize>load<u32>(addresses), x1 = <usize>load<u32>(addresses, 4);
		const x2 = <usize>load<u32>(addresses, 8), x3 = <usize>load<u32>(addresses, 12);
		if (metric == 0) l2Four(q, x0, x1, x2, x3, d, out);
		else ipFour(q, x0, x1, x2, x3, d, out);
	}
	for (; addresses < end; addresses += 4, out += 4) {
		const x = <usize>load<u32>(addresses);
		store<f32>(out, metric == 0 ? l2One(q, x, d) : -ipOne(q, x, d));
	}
}

/**
 * The k best of the candidates of nq queries, by distance to float32 rows: squared L2 (metric 0) or negated inner
 * product (1). Queries: (nq, d). Labels and addresses: (nq, wide), counts[i] of them. Out: distances and labels,
 * (nq, k); counts[i] becomes how many there are. `topk`: a state for k, `tile`: 16 floats.
 */
export function refineRows(
	metric: u32, queries: usize, nq: usize, d: usize, labels: usize, addresses: usize, counts: usize, wide: usize,
	k: u32, capacity: u32, topk: usize, tile: usize, outDistances: usize, outLabels: usize,
): void {
	const rowBytes = d << 2, window = max(GROUP, (WINDOW / rowBytes) & ~(GROUP - 1));
	let touched: u32 = 0;
	for (let i: usize = 0; i < nq; ++i) {
		const q = queries + i * rowBytes, n = <usize>load<u32>(counts + (i << 2)), first = i * wide << 2;
		topkInit(topk, k, capacity, 0, 0, f32.MAX_VALUE * 2);
		for (let j: usize = 0; j < n; j += window) {
			const end = min(n, j + window);
			touched |= touch(addresses + first + (j << 2), end - j, rowBytes);
			for (let g = j; g < end; g += GROUP) {
				const at = first + (g << 2), count = min(GROUP, end - g);
				rowsAt(metric, q, addresses + at, count, d, tile);
				topkPush(topk, tile, count, labels + at, 0);
			}
		}
		const out = i * <usize>k << 2;
		store<u32>(counts + (i << 2), topkFinish(topk, outDistances + out, outLabels + out));
	}
	store<u32>(tile, touched);
}
