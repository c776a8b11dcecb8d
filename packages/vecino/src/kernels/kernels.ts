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
export const TOPK_HEADER = 24;
/**
 * What a top-k state lets in: pointer to a bitmap of labels (u32 words, lowest bit first; 0: every label), its length in
 * bits (labels from there on stay out), and the largest distance.
 */
export type Admission = readonly [filter: number, filterBits: number, limit: number];
export const ADMIT_ALL: Admission = Object.freeze([0, 0, Number.POSITIVE_INFINITY]);
/** Rows that pqEncode and covariance pack at a time. */
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
	return NEAREST_BLOCK * (d + 1) * 2 + panels * 32 + NEAREST_BLOCK * (panels * 16 + 64);
}

/** Scratch bytes that nearestReduced needs, with reduced forms of r values. */
export function reducedScratchBytes(k: number, d: number, r: number): number {
	return nearestScratchBytes(k, r) + NEAREST_BLOCK * (d + r) * 4 + 64;
}

/** Scratch bytes that rankCells needs. */
export function rankScratchBytes(k: number, d: number): number {
	return Math.ceil(((d + 1) * 2) / 16) * 16 + Math.ceil(k / 8) * 32 + 64;
}

/** Scratch bytes that rankMany needs. */
export function rankManyScratchBytes(k: number, d: number): number {
	return Math.max(nearestScratchBytes(k, d), rankScratchBytes(k, d));
}

/** Bytes of nq queries by flatQueries. */
export function flatStateBytes(nq: number, d: number): number {
	return 64 + Math.ceil(nq / 4) * (64 + 64 * Math.ceil(d / 8));
}

/** Rows that flatScan packs at a time. */
const FLAT_GROUP = 8;

/** Scratch bytes that flatScan needs. */
export function flatScratchBytes(d: number): number {
	return FLAT_GROUP * (16 + 16 * Math.ceil(d / 8));
}

/** Bytes of the bounds of one row. */
export function flatBoundBytes(d: number): number {
	return 12 + 8 * Math.ceil(d / 8);
}

/** Scratch bytes that `pqEncode` needs. */
export function pqEncodeScratchBytes(dsub: number): number {
	return ROW_CHUNK * dsub * 4 + ROW_CHUNK * 32;
}

/** Queries that pqScanMany takes at once. */
export const PQ_WAYS = 8;

/** Bytes of tables by pqTablesMany. */
export function pqManyBytes(m: number): number {
	return m * 256 * 2 * PQ_WAYS + PQ_WAYS * (2 + 16);
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
	const state = Math.ceil(d / 16) * 64 + 16;
	return 16 + 7 * room + 2 * state + Math.ceil((ef + 1) / 2) * 16 + Math.ceil(rows / 128) * 16 + 64;
}

/** Values that a vector of dimension d counts as in `covariance`. */
export function covarianceStride(d: number): number {
	return Math.ceil(d / 4) * 4;
}

/** Scratch bytes that `covariance` needs. */
export function covarianceScratchBytes(d: number): number {
	return ROW_CHUNK * covarianceStride(d) * 8;
}

/** Where the term of code i of a fast-scan block of 32 is: the even codes of a half first, then the odd ones (assembly/fastscan.ts). */
export function fastSlot(i: number): number {
	return (i & 16) | ((i & 1) << 3) | ((i & 14) >> 1);
}

/** Where a query prepared by rabitqQuery keeps what: f32 parameters (assembly/rabitqscan.ts), u8 tables, i16 query. */
export const RABITQ_STATE: {
	readonly inverse: number;
	readonly offset: number;
	readonly unit: number;
	readonly total: number;
	readonly spread: number;
	readonly slack: number;
	readonly bias: number;
	readonly gapAdd: number;
	readonly gapScale: number;
	readonly looks: number;
	readonly tables: number;
} = {
	inverse: 0,
	offset: 4,
	unit: 8,
	total: 12,
	spread: 16,
	slack: 20,
	bias: 24,
	gapAdd: 28,
	gapScale: 32,
	looks: 36,
	tables: 64,
};

/** Bytes of a query prepared by rabitqQuery. */
export function rabitqStateBytes(size: number): number {
	return RABITQ_STATE.tables + size * 6;
}

/** Bytes of a RaBitQ code: sign bits, then the record of 4, then, from 2 bits on, two float32 and the other bits. */
export function rabitqCodeSize(size: number, nbits: number): number {
	return (size / 8) * nbits + (nbits > 1 ? 12 : 4);
}

/** See assembly/*.ts for the exact meaning of every argument. */
export interface KernelFunctions {
	l2Many(q: number, x: number, n: number, d: number, out: number): void;
	ipMany(q: number, x: number, n: number, d: number, out: number): void;

	topkInit(state: number, k: number, capacity: number, filter: number, filterBits: number, limit: number): void;
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

	reduceRows(
		x: number,
		n: number,
		d: number,
		centre: number,
		basis: number,
		r: number,
		share: number,
		centred: number,
		out: number,
	): void;
	nearestReduced(
		x: number,
		n: number,
		d: number,
		centroids: number,
		k: number,
		metric: number,
		centre: number,
		basis: number,
		r: number,
		share: number,
		error: number,
		packed: number,
		magnitude: number,
		halfNorms: number,
		reducedNorm: number,
		far: number,
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

	rankMany(
		q: number,
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
		nprobe: number,
		capacity: number,
		state: number,
		outDistances: number,
		outLabels: number,
	): void;

	subtractRow(x: number, n: number, d: number, row: number): void;
	floatPrepare(q: number, n: number, d: number, padded: number, states: number, stride: number): void;
	pqPrepare(
		q: number,
		n: number,
		d: number,
		m: number,
		dsub: number,
		nbits: number,
		panels: number,
		scale: number,
		states: number,
		stride: number,
	): void;
	fastPrepare(
		q: number,
		n: number,
		d: number,
		m: number,
		dsub: number,
		panels: number,
		scale: number,
		maxScale: number,
		mid: number,
		step: number,
		work: number,
		states: number,
		stride: number,
	): void;
	topkInitMany(
		states: number,
		n: number,
		stride: number,
		k: number,
		capacity: number,
		filter: number,
		filterBits: number,
		limit: number,
	): void;
	topkFinishMany(
		states: number,
		n: number,
		stride: number,
		k: number,
		outDistances: number,
		outLabels: number,
		counts: number,
	): void;
	orderByList(listNos: number, n: number, nlist: number, counts: number, order: number): void;
	scanLists(
		kind: number,
		directory: number,
		listNos: number,
		biases: number,
		order: number,
		n: number,
		nprobe: number,
		states: number,
		stride: number,
		topks: number,
		topkStride: number,
		tile: number,
		a: number,
		b: number,
		c: number,
	): number;

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
	pqTablesMany(states: number, stride: number, nq: number, m: number, out: number): void;
	pqScanMany(
		states: number,
		stride: number,
		nq: number,
		m: number,
		tables: number,
		codes: number,
		n: number,
		base: number,
		topks: number,
		topkStride: number,
		tile: number,
	): void;
	adcBits(codes: number, n: number, m: number, nbits: number, codeSize: number, table: number, out: number): void;

	sq8Encode(x: number, n: number, d: number, mins: number, inverse: number, codes: number): void;
	sq8Decode(codes: number, n: number, d: number, mins: number, steps: number, out: number): void;
	sq8L2Many(shifted: number, steps: number, codes: number, n: number, d: number, out: number): void;
	sq8IpMany(weights: number, codes: number, n: number, d: number, out: number): void;

	scalarPrepare(
		q: number,
		n: number,
		d: number,
		metric: number,
		mins: number,
		steps: number,
		padded: number,
		states: number,
		stride: number,
	): void;
	sq4Encode(x: number, n: number, d: number, mins: number, inverse: number, codes: number): void;
	sq4Decode(codes: number, n: number, d: number, mins: number, steps: number, out: number): void;
	sq4L2Many(shifted: number, steps: number, codes: number, n: number, d: number, out: number): void;
	sq4IpMany(weights: number, codes: number, n: number, d: number, out: number): void;
	scanSq4L2(...args: [...ScanArgs, q: number, steps: number, d: number]): number;
	scanSq4Ip(...args: [...ScanArgs, weights: number, shift: number, d: number]): number;

	halfEncode(kind: number, x: number, n: number, codes: number): void;
	halfDecode(kind: number, codes: number, n: number, out: number): void;
	f16L2Many(q: number, codes: number, n: number, d: number, out: number): void;
	f16IpMany(q: number, codes: number, n: number, d: number, out: number): void;
	bf16L2Many(q: number, codes: number, n: number, d: number, out: number): void;
	bf16IpMany(q: number, codes: number, n: number, d: number, out: number): void;
	scanHalf(...args: [...ScanArgs, kind: number, metric: number, q: number, d: number]): number;

	rowAddresses(
		segments: number,
		nSegments: number,
		rowBytes: number,
		labels: number,
		nq: number,
		wide: number,
		limits: number,
		addresses: number,
		counts: number,
	): void;
	refineRows(
		metric: number,
		queries: number,
		nq: number,
		d: number,
		labels: number,
		addresses: number,
		counts: number,
		wide: number,
		k: number,
		capacity: number,
		topk: number,
		tile: number,
		outDistances: number,
		outLabels: number,
	): void;

	rerankCodes(
		kind: number,
		a: number,
		b: number,
		c: number,
		states: number,
		stride: number,
		nq: number,
		codeSize: number,
		labels: number,
		addresses: number,
		counts: number,
		wide: number,
		k: number,
		capacity: number,
		topk: number,
		tile: number,
		entry: number,
		gathered: number,
		some: number,
		outDistances: number,
		outLabels: number,
	): void;

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
	hnswRank(...args: [graph: number, ef: number, ...rank: Parameters<KernelFunctions['rankMany']>]): void;
	chooseLists(
		directory: number,
		nlist: number,
		filter: number,
		filterBits: number,
		counts: number,
		listNos: number,
		n: number,
		width: number,
		least: number,
		wanted: number,
		k: number,
		maxCodes: number,
		out: number,
	): void;
	countMatches(directory: number, n: number, filter: number, filterBits: number, unit: number, out: number): void;
	gatherMatches(
		directory: number,
		listNos: number,
		n: number,
		filter: number,
		filterBits: number,
		unit: number,
		codeBytes: number,
		termBytes: number,
		out: number,
	): void;
	rankAll(
		q: number,
		n: number,
		d: number,
		centroids: number,
		k: number,
		metric: number,
		outDistances: number,
		outLabels: number,
	): void;
	flatQueries(q: number, nq: number, d: number, metric: number, state: number, topks: number, stride: number): void;
	flatScan(
		q: number,
		nq: number,
		d: number,
		metric: number,
		state: number,
		topks: number,
		stride: number,
		x: number,
		n: number,
		base: number,
		scratch: number,
	): number;
	flatBounds(x: number, n: number, d: number, metric: number, out: number): void;
	flatPruned(
		q: number,
		d: number,
		metric: number,
		state: number,
		topk: number,
		bounds: number,
		x: number,
		n: number,
		base: number,
	): number;
	rabitqRotate(x: number, y: number, d: number, size: number, signs: number, out: number): void;
	rabitqEncode(
		x: number,
		n: number,
		d: number,
		size: number,
		nbits: number,
		step: number,
		metric: number,
		labels: number,
		centroids: number,
		centre: number,
		signs: number,
		scratch: number,
		codes: number,
		codeSize: number,
	): void;
	rabitqDecode(
		codes: number,
		n: number,
		codeSize: number,
		d: number,
		size: number,
		nbits: number,
		gain: number,
		signs: number,
		scratch: number,
		out: number,
	): void;
	rabitqQuery(v: number, size: number, nbits: number, state: number): void;
	rabitqPrepare(
		q: number,
		n: number,
		d: number,
		size: number,
		nbits: number,
		metric: number,
		centre: number,
		signs: number,
		spread: number,
		slack: number,
		length: number,
		states: number,
		stride: number,
	): void;
	scanRabitq(...args: [...ScanArgs, state: number, size: number, nbits: number]): number;

	scanL2(...args: [...ScanArgs, q: number, d: number]): number;
	scanIp(...args: [...ScanArgs, q: number, d: number]): number;
	scanPq(...args: [...ScanArgs, table: number, m: number, nbits: number, codeSize: number]): number;
	scanSq8L2(...args: [...ScanArgs, q: number, steps: number, d: number]): number;
	scanSq8Ip(...args: [...ScanArgs, weights: number, shift: number, d: number]): number;

	applyLinear(x: number, n: number, dIn: number, panels: number, bias: number, dOut: number, out: number): void;
	covariance(x: number, n: number, d: number, scratch: number, sums: number): void;
}

/** What scanLists scans (assembly/lists.ts). */
export const SCAN_LISTS: Readonly<Record<ScanLists, number>> = Object.freeze({
	flatL2: 0,
	flatIp: 1,
	pq: 2,
	sq8L2: 3,
	sq8Ip: 4,
	fast: 5,
	sq4L2: 6,
	sq4Ip: 7,
	half: 8,
	rabitq: 9,
});
export type ScanLists = 'flatL2' | 'flatIp' | 'pq' | 'sq8L2' | 'sq8Ip' | 'fast' | 'sq4L2' | 'sq4Ip' | 'half' | 'rabitq';

/** A kernel and its arguments. */
export type Call = {
	readonly [K in keyof KernelFunctions]: readonly [K, ...Parameters<KernelFunctions[K]>];
}[keyof KernelFunctions];

/** A line of calls with its arguments bound: 0.5 us for seven calls, where spreading the arguments takes 1.8. */
export function bindCalls(kernels: KernelFunctions, calls: readonly Call[]): readonly (() => unknown)[] {
	return calls.map(([name, ...args]) => (kernels[name] as (...args: number[]) => unknown).bind(null, ...args));
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
