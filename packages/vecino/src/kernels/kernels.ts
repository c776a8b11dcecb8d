/**
 * The kernel interface: pointers and counts in, pointers filled. Two builds of a WebAssembly module
 * implement it (fixed and relaxed SIMD), and reference/ in plain TypeScript, which defines the
 * arithmetic: all three return the same bits (spec/kernels.md).
 *
 * All distances inside the engine are "smaller is better": inner products arrive negated.
 */

/** Which implementation is in use. */
export type KernelBackend = 'relaxed' | 'simd' | 'reference';

/** Header of a top-k state in bytes; keys of 8 bytes follow. */
export const TOPK_HEADER = 16;
/** Rows that pqEncode packs at a time. */
export const ROW_CHUNK = 256;
/** Codes per tile of a scan. */
export const TILE = 1024;

/** Keys a top-k state of size k holds before it shrinks. */
export function topkCapacity(k: number): number {
	return 2 * k + 64;
}

/** Bytes of a top-k state of size k. */
export function topkBytes(k: number): number {
	return TOPK_HEADER + 8 * topkCapacity(k);
}

/** Rows that nearestRows takes at a time. */
const NEAREST_BLOCK = 32;
/** Length that nearestPack scales the longest centroid to. */
export const NEAREST_LENGTH = 32700;

/** Bytes of k centroids packed by nearestPack. */
export function nearestPackedBytes(k: number, d: number): number {
	return Math.ceil(k / 8) * Math.ceil(d / 2) * 32;
}

/** Scratch bytes that nearestRows needs. */
export function nearestScratchBytes(k: number, d: number): number {
	const panels = Math.ceil(k / 8);
	return NEAREST_BLOCK * (d + 1) * 2 + panels * 32 + NEAREST_BLOCK * panels * 16;
}

/** Scratch bytes that rankCells needs. */
export function rankScratchBytes(k: number, d: number): number {
	return Math.ceil(((d + 1) * 2) / 16) * 16 + Math.ceil(k / 8) * 32 + 64;
}

/** Scratch bytes that `pqEncode` needs. */
export function pqEncodeScratchBytes(dsub: number): number {
	return ROW_CHUNK * dsub * 4 + ROW_CHUNK * 32;
}

/** Bytes of a graph and the offsets of its u32 fields (assembly/graph.ts). */
export const GRAPH_BYTES = 64;
export const GRAPH = {
	kind: 0,
	d: 4,
	codeSize: 8,
	M: 12,
	pages: 16,
	offsets: 20,
	records: 24,
	top: 28,
	entry: 32,
	steps: 36,
	mins: 40,
	rows: 44,
	journal: 48,
	touched: 52,
	oldRows: 56,
	oldSlots: 60,
} as const;
/** Rows whose codes and lists lie in one piece. */
export const GRAPH_PAGE = 64;
/** What a list of a graph holds where there is no link. */
export const NO_LINK = 0xffffffff;

/** Scratch bytes that hnswSearch and hnswInsert need in a graph of so many rows. */
export function graphScratchBytes(M: number, d: number, rows: number, ef: number): number {
	const room = Math.ceil((2 * M + 16) / 4) * 16;
	const state = Math.ceil(d / 8) * 32 + 16;
	return 16 + 7 * room + 2 * state + Math.ceil((ef + 1) / 2) * 16 + Math.ceil(rows / 128) * 16 + 64;
}

/** Where the term of code i of a fast-scan block of 32 is: the even codes of a half first, then the odd ones (assembly/fastscan.ts). */
export function fastSlot(i: number): number {
	return (i & 16) | ((i & 1) << 3) | ((i & 14) >> 1);
}

/** See assembly/*.ts for the exact meaning of every argument. */
export interface KernelFunctions {
	l2Many(q: number, x: number, n: number, d: number, out: number): void;
	ipMany(q: number, x: number, n: number, d: number, out: number): void;

	topkInit(state: number, k: number, capacity: number): void;
	topkPush(state: number, distances: number, n: number, ids: number, base: number): void;
	topkFinish(state: number, outDistances: number, outLabels: number): number;

	packPanel(c: number, count: number, d: number, out: number): void;
	nearestPack(x: number, n: number, d: number, group: number, scale: number, out: number): number;
	largestNorm(x: number, n: number, d: number): number;
	nearestRows(
		x: number,
		n: number,
		d: number,
		centroids: number,
		k: number,
		metric: number,
		packed: number,
		magnitude: number,
		halfNorms: number,
		centroidNorm: number,
		scratch: number,
		outLabels: number,
		outDistances: number,
	): void;

	rankCells(
		q: number,
		d: number,
		centroids: number,
		k: number,
		metric: number,
		packed: number,
		magnitude: number,
		halfNorms: number,
		centroidNorm: number,
		scratch: number,
		nprobe: number,
		capacity: number,
		state: number,
	): void;

	normsSquared(x: number, n: number, d: number, out: number): void;
	normalizeRows(x: number, n: number, d: number): void;
	sumRows(x: number, n: number, d: number, labels: number, sums: number, counts: number): void;
	residuals(x: number, n: number, d: number, labels: number, centroids: number, out: number): void;
	residualTerms(r: number, n: number, d: number, labels: number, centroids: number, centre: number, out: number): void;
	gatherRows(addresses: number, bytes: number, n: number, dst: number): void;

	pqEncode(
		x: number,
		n: number,
		d: number,
		m: number,
		dsub: number,
		nbits: number,
		panels: number,
		halfNorms: number,
		scratch: number,
		codes: number,
		codeSize: number,
	): void;
	pqDecode(
		codes: number,
		n: number,
		codeSize: number,
		d: number,
		m: number,
		dsub: number,
		nbits: number,
		panels: number,
		out: number,
	): void;
	pqTable(q: number, m: number, dsub: number, nbits: number, panels: number, scale: number, out: number): void;
	adc8(codes: number, n: number, m: number, table: number, out: number): void;
	adcBits(codes: number, n: number, m: number, nbits: number, codeSize: number, table: number, out: number): void;

	sq8Encode(x: number, n: number, d: number, mins: number, inverse: number, codes: number): void;
	sq8Decode(codes: number, n: number, d: number, mins: number, steps: number, out: number): void;
	sq8L2Many(shifted: number, steps: number, codes: number, n: number, d: number, out: number): void;
	sq8IpMany(weights: number, codes: number, n: number, d: number, out: number): void;

	fastPlace(blocks: number, at: number, code: number, pairs: number): void;
	fastFetch(blocks: number, at: number, code: number, pairs: number): void;
	fastTables(table: number, m: number, maxScale: number, out: number, params: number): number;
	scanFast(
		...args: [...ScanArgs, tables: number, pairs: number, inverse: number, offset: number, termScale: number]
	): number;

	hnswSearch(
		graph: number,
		q: number,
		k: number,
		ef: number,
		scratch: number,
		outDistances: number,
		outLabels: number,
	): number;
	hnswInsert(graph: number, row: number, slot: number, level: number, ef: number, scratch: number): void;

	scanL2(...args: [...ScanArgs, q: number, d: number]): number;
	scanIp(...args: [...ScanArgs, q: number, d: number]): number;
	scanPq(...args: [...ScanArgs, table: number, m: number, nbits: number, codeSize: number]): number;
	scanSq8L2(...args: [...ScanArgs, q: number, steps: number, d: number]): number;
	scanSq8Ip(...args: [...ScanArgs, weights: number, shift: number, d: number]): number;
}

/** What every scan takes first: which lists, where labels start, scratch tile (TILE floats), top-k state. */
export type ScanArgs = [
	directory: number,
	listNos: number,
	biases: number,
	nLists: number,
	base: number,
	tile: number,
	topk: number,
];
