// Search of inverted lists for a block of queries: what one query needs, with the loop over queries on this side.
//
// States, top-k states and rows of a block lie a fixed number of bytes apart. Coarse results (distances, labels) have
// layout (n, nprobe), as rankMany leaves them.
import { pqTable } from './pq';
import { fastTables, scanFast } from './fastscan';
import { scanIp, scanL2, scanPq, scanSq8Ip, scanSq8L2 } from './scan';
import { scanHalf } from './half';
import { scanRabitq } from './rabitqscan';
import { scanSq4Ip, scanSq4L2 } from './sq4';
import { topkFinish, topkInit } from './topk';

/** Rows of d values less one and the same row. */
export function subtractRow(x: usize, n: usize, d: usize, row: usize): void {
	for (let i: usize = 0; i < n; ++i) {
		const end = row + (d << 2);
		let p = row;
		for (; p + 16 <= end; p += 16, x += 16) v128.store(x, f32x4.sub(v128.load(x), v128.load(p)));
		for (; p < end; p += 4, x += 4) store<f32>(x, load<f32>(x) - load<f32>(p));
	}
}

/** Copies a query of d values and fills it up with zeros to `length` values. */
// @ts-ignore: decorator
@inline function padQuery(q: usize, d: usize, length: usize, out: usize): void {
	memory.copy(out, q, d << 2);
	memory.fill(out + (d << 2), 0, (length - d) << 2);
}

/** Prepared queries of floats: the queries themselves, with zeros up to `padded` values. */
export function floatPrepare(q: usize, n: usize, d: usize, padded: usize, states: usize, stride: usize): void {
	for (let i: usize = 0; i < n; ++i) padQuery(q + (i * d << 2), d, padded, states + i * stride);
}

/** Prepared queries of PQ codes: the table of pqTable, then the query in m * dsub values. */
export function pqPrepare(
	q: usize, n: usize, d: usize, m: usize, dsub: usize, nbits: usize, panels: usize, scale: f32, states: usize, stride: usize,
): void {
	const tableBytes = m << (nbits + 2);
	for (let i: usize = 0; i < n; ++i) {
		const state = states + i * stride, padded = state + tableBytes;
		padQuery(q, d, m * dsub, padded);
		pqTable(padded, m, dsub, nbits, panels, scale, state);
		q += d << 2;
	}
}

/**
 * Prepared queries of fast-scan codes: the 7-bit tables (padded m * 16 bytes), then f32 1 / scale, offset, term scale.
 * `work`: room for a table and a padded query. With terms their middle `mid` goes to the offset, and the term scale
 * is scale * step * 2^15, rounded, at most 32767; without, step is 0.
 */
export function fastPrepare(
	q: usize, n: usize, d: usize, m: usize, dsub: usize, panels: usize, scale: f32, maxScale: f32, mid: f32, step: f32,
	work: usize, states: usize, stride: usize,
): void {
	const padded = work + (m << 6), paramsAt = ((m + 1) >> 1) << 5;
	for (let i: usize = 0; i < n; ++i) {
		const state = states + i * stride, params = state + paramsAt;
		padQuery(q, d, m * dsub, padded);
		pqTable(padded, m, dsub, 4, panels, scale, work);
		const used = fastTables(work, m, maxScale, state, params);
		store<f32>(params, load<f32>(params, 4) + mid, 4);
		store<f32>(params, <f32>min<f64>(32767, floor<f64>(<f64>used * <f64>step * 32768 + 0.5)), 8);
		q += d << 2;
	}
}

/** n empty top-k states, stride bytes apart. */
export function topkInitMany(states: usize, n: usize, stride: usize, k: u32, capacity: u32, filter: usize, filterBits: u32, limit: f32): void {
	for (let i: usize = 0; i < n; ++i) topkInit(states + i * stride, k, capacity, filter, filterBits, limit);
}

/** topkFinish of n states; distances and labels in layout (n, k), counts (u32) how many there are. */
export function topkFinishMany(states: usize, n: usize, stride: usize, k: usize, outDistances: usize, outLabels: usize, counts: usize): void {
	for (let i: usize = 0; i < n; ++i) {
		store<u32>(counts + (i << 2), topkFinish(states + i * stride, outDistances + (i * k << 2), outLabels + (i * k << 2)));
	}
}

/**
 * The n pairs (query, cell) numbered 0..n-1 in order of their cell, pairs of one cell in order of their number: a counting
 * sort. `counts`: room for nlist + 1 values (u32).
 */
export function orderByList(listNos: usize, n: usize, nlist: usize, counts: usize, order: usize): void {
	memory.fill(counts, 0, (nlist + 1) << 2);
	for (let i: usize = 0; i < n; ++i) {
		const p = counts + (<usize>load<u32>(listNos + (i << 2)) << 2);
		store<u32>(p, load<u32>(p, 4) + 1, 4);
	}
	for (let p = counts; p < counts + (nlist << 2); p += 4) store<u32>(p, load<u32>(p) + load<u32>(p, 4), 4);
	for (let i: usize = 0; i < n; ++i) {
		const p = counts + (<usize>load<u32>(listNos + (i << 2)) << 2), at = load<u32>(p);
		store<u32>(p, at + 1);
		store<u32>(order + (<usize>at << 2), <u32>i);
	}
}

/**
 * Scans the lists of n queries, nprobe each, and returns the number of codes scanned. `kind` and its arguments a, b, c:
 * 0 flat l2 (d); 1 flat inner product (d); 2 PQ (m, nbits, codeSize); 3 SQ8 l2 (d, steps); 4 SQ8 inner product (d, padded);
 * 5 fast-scan (pairs); 6, 7 SQ4 like SQ8; 8 16-bit floats (d, their kind, metric); 9 RaBitQ (size, nbits). With `order` (orderByList) the pairs are scanned list by list: what a list holds is read once for
 * all its queries. biases: one per pair, or 0.
 */
export function scanLists(
	kind: i32, directory: usize, listNos: usize, biases: usize, order: usize, n: usize, nprobe: usize,
	states: usize, stride: usize, topks: usize, topkStride: usize, tile: usize, a: usize, b: usize, c: usize,
): u32 {
	let scanned: u32 = 0;
	if (order == 0) {
		for (let i: usize = 0; i < n; ++i) {
			const at = i * nprobe << 2;
			scanned += scanKind(kind, directory, listNos + at, biases != 0 ? biases + at : 0, nprobe, tile, topks + i * topkStride, states + i * stride, a, b, c);
		}
		return scanned;
	}
	for (let t: usize = 0; t < n * nprobe; ++t) {
		const pair = <usize>load<u32>(order + (t << 2)), i = pair / nprobe, at = pair << 2;
		scanned += scanKind(kind, directory, listNos + at, biases != 0 ? biases + at : 0, 1, tile, topks + i * topkStride, states + i * stride, a, b, c);
	}
	return scanned;
}

/** One query, lists of one kind (scanLists). */
export function scanKind(
	kind: i32, directory: usize, listNos: usize, biases: usize, nLists: usize, tile: usize, topk: usize, state: usize,
	a: usize, b: usize, c: usize,
): u32 {
	if (kind == 5) {
		const params = state + (a << 5);
		return scanFast(directory, listNos, biases, nLists, 0, tile, topk, state, a, load<f32>(params), load<f32>(params, 4), <i32>load<f32>(params, 8));
	}
	if (kind == 2) return scanPq(directory, listNos, biases, nLists, 0, tile, topk, state, a, b, c);
	if (kind == 0) return scanL2(directory, listNos, biases, nLists, 0, tile, topk, state, a);
	if (kind == 1) return scanIp(directory, listNos, biases, nLists, 0, tile, topk, state, a);
	if (kind == 3) return scanSq8L2(directory, listNos, biases, nLists, 0, tile, topk, state, b, a);
	if (kind == 4) return scanSq8Ip(directory, listNos, biases, nLists, 0, tile, topk, state, load<f32>(state + (b << 2)), a);
	if (kind == 6) return scanSq4L2(directory, listNos, biases, nLists, 0, tile, topk, state, b, a);
	if (kind == 7) return scanSq4Ip(directory, listNos, biases, nLists, 0, tile, topk, state, load<f32>(state + (b << 2)), a);
	if (kind == 9) return scanRabitq(directory, listNos, biases, nLists, 0, tile, topk, state, a, <i32>b);
	return scanHalf(directory, listNos, biases, nLists, 0, tile, topk, <u32>b, <u32>c, state, a);
}
