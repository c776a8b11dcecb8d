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
import { sum4, tailMask } from './common';
import { l2One, ipOne } from './distances';
import { topkInit, topkPush, topkFinish } from './topk';

/** Rows computed and offered at a time. */
const GROUP: usize = 16;
/** Bytes of rows brought near at a time, at least those of GROUP rows. */
const WINDOW: usize = 65536;
/** A label that is none: the padding behind candidates. */
const NONE: u32 = 0xffffffff;

/**
 * Addresses of the rows named by labels, layout (nq, wide). A list of labels may end early with 2^32 - 1; counts[i] is
 * how many there are. Segments: u32 address and u32 first row of each, in order of rows.
 */
export function rowAddresses(
	segments: usize, nSegments: usize, rowBytes: usize, labels: usize, nq: usize, wide: usize, addresses: usize, counts: usize,
): void {
	for (let i: usize = 0; i < nq; ++i) {
		let count: usize = 0;
		const p = labels + (i * wide << 2), out = addresses + (i * wide << 2);
		while (count < wide) {
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

/** Squared L2 of the query to the `count` rows at the addresses given. */
function l2At(q: usize, addresses: usize, count: usize, d: usize, out: usize): void {
	const end = addresses + (count << 2), end4 = addresses + ((count & ~3) << 2), main = q + ((d & ~7) << 2);
	for (; addresses < end4; addresses += 16, out += 16) {
		let x0 = <usize>load<u32>(addresses), x1 = <usize>load<u32>(addresses, 4);
		let x2 = <usize>load<u32>(addresses, 8), x3 = <usize>load<u32>(addresses, 12);
		let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
		let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
		let p = q;
		if (p < main) do {
			const qa = v128.load(p), qb = v128.load(p, 16);
			let t = f32x4.sub(v128.load(x0), qa); a0 = f32x4.add(a0, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(x1), qa); a1 = f32x4.add(a1, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(x2), qa); a2 = f32x4.add(a2, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(x3), qa); a3 = f32x4.add(a3, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(x0, 16), qb); b0 = f32x4.add(b0, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(x1, 16), qb); b1 = f32x4.add(b1, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(x2, 16), qb); b2 = f32x4.add(b2, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(x3, 16), qb); b3 = f32x4.add(b3, f32x4.mul(t, t));
			x0 += 32; x1 += 32; x2 += 32; x3 += 32; p += 32;
		} while (p < main);
		if (d & 4) {
			const qa = v128.load(p);
			let t = f32x4.sub(v128.load(x0), qa); a0 = f32x4.add(a0, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(x1), qa); a1 = f32x4.add(a1, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(x2), qa); a2 = f32x4.add(a2, f32x4.mul(t, t));
			t = f32x4.sub(v128.load(x3), qa); a3 = f32x4.add(a3, f32x4.mul(t, t));
			x0 += 16; x1 += 16; x2 += 16; x3 += 16; p += 16;
		}
		if (d & 3) {
			const mask = tailMask(d & 3), qa = v128.load(p);
			const t0 = v128.and(f32x4.sub(v128.load(x0), qa), mask), t1 = v128.and(f32x4.sub(v128.load(x1), qa), mask);
			const t2 = v128.and(f32x4.sub(v128.load(x2), qa), mask), t3 = v128.and(f32x4.sub(v128.load(x3), qa), mask);
			if (d & 4) {
				b0 = f32x4.add(b0, f32x4.mul(t0, t0)); b1 = f32x4.add(b1, f32x4.mul(t1, t1));
				b2 = f32x4.add(b2, f32x4.mul(t2, t2)); b3 = f32x4.add(b3, f32x4.mul(t3, t3));
			} else {
				a0 = f32x4.add(a0, f32x4.mul(t0, t0)); a1 = f32x4.add(a1, f32x4.mul(t1, t1));
				a2 = f32x4.add(a2, f32x4.mul(t2, t2)); a3 = f32x4.add(a3, f32x4.mul(t3, t3));
			}
		}
		v128.store(out, sum4(f32x4.add(a0, b0), f32x4.add(a1, b1), f32x4.add(a2, b2), f32x4.add(a3, b3)));
	}
	for (; addresses < end; addresses += 4, out += 4) store<f32>(out, l2One(q, <usize>load<u32>(addresses), d));
}

/** Negated inner products of the query and the `count` rows at the addresses given. */
function ipAt(q: usize, addresses: usize, count: usize, d: usize, out: usize): void {
	const end = addresses + (count << 2), end4 = addresses + ((count & ~3) << 2), main = q + ((d & ~7) << 2);
	for (; addresses < end4; addresses += 16, out += 16) {
		let x0 = <usize>load<u32>(addresses), x1 = <usize>load<u32>(addresses, 4);
		let x2 = <usize>load<u32>(addresses, 8), x3 = <usize>load<u32>(addresses, 12);
		let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
		let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
		let p = q;
		if (p < main) do {
			const qa = v128.load(p), qb = v128.load(p, 16);
			a0 = f32x4.add(a0, f32x4.mul(v128.load(x0), qa)); a1 = f32x4.add(a1, f32x4.mul(v128.load(x1), qa));
			a2 = f32x4.add(a2, f32x4.mul(v128.load(x2), qa)); a3 = f32x4.add(a3, f32x4.mul(v128.load(x3), qa));
			b0 = f32x4.add(b0, f32x4.mul(v128.load(x0, 16), qb)); b1 = f32x4.add(b1, f32x4.mul(v128.load(x1, 16), qb));
			b2 = f32x4.add(b2, f32x4.mul(v128.load(x2, 16), qb)); b3 = f32x4.add(b3, f32x4.mul(v128.load(x3, 16), qb));
			x0 += 32; x1 += 32; x2 += 32; x3 += 32; p += 32;
		} while (p < main);
		if (d & 4) {
			const qa = v128.load(p);
			a0 = f32x4.add(a0, f32x4.mul(v128.load(x0), qa)); a1 = f32x4.add(a1, f32x4.mul(v128.load(x1), qa));
			a2 = f32x4.add(a2, f32x4.mul(v128.load(x2), qa)); a3 = f32x4.add(a3, f32x4.mul(v128.load(x3), qa));
			x0 += 16; x1 += 16; x2 += 16; x3 += 16; p += 16;
		}
		if (d & 3) {
			const mask = tailMask(d & 3), qa = v128.and(v128.load(p), mask);
			const t0 = f32x4.mul(v128.and(v128.load(x0), mask), qa), t1 = f32x4.mul(v128.and(v128.load(x1), mask), qa);
			const t2 = f32x4.mul(v128.and(v128.load(x2), mask), qa), t3 = f32x4.mul(v128.and(v128.load(x3), mask), qa);
			if (d & 4) {
				b0 = f32x4.add(b0, t0); b1 = f32x4.add(b1, t1); b2 = f32x4.add(b2, t2); b3 = f32x4.add(b3, t3);
			} else {
				a0 = f32x4.add(a0, t0); a1 = f32x4.add(a1, t1); a2 = f32x4.add(a2, t2); a3 = f32x4.add(a3, t3);
			}
		}
		v128.store(out, f32x4.neg(sum4(f32x4.add(a0, b0), f32x4.add(a1, b1), f32x4.add(a2, b2), f32x4.add(a3, b3))));
	}
	for (; addresses < end; addresses += 4, out += 4) store<f32>(out, -ipOne(q, <usize>load<u32>(addresses), d));
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
		topkInit(topk, k, capacity);
		for (let j: usize = 0; j < n; j += window) {
			const end = min(n, j + window);
			touched |= touch(addresses + first + (j << 2), end - j, rowBytes);
			for (let g = j; g < end; g += GROUP) {
				const at = first + (g << 2), count = min(GROUP, end - g);
				if (metric == 0) l2At(q, addresses + at, count, d, tile);
				else ipAt(q, addresses + at, count, d, tile);
				topkPush(topk, tile, count, labels + at, 0);
			}
		}
		const out = i * <usize>k << 2;
		store<u32>(counts + (i << 2), topkFinish(topk, outDistances + out, outLabels + out));
	}
	store<u32>(tile, touched);
}
