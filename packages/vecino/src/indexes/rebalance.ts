/**
 * Long lists split in two, short ones dissolved.
 *
 * A split takes the longest list L and the shortest S. The vectors of L get two centroids (2-means), which take the places
 * of those of L and S, so that there are as many cells as before; the vectors of both go to the nearest cell. When no list
 * is long enough any more, all vectors that now lie nearer to another centroid than to their own move there, list by list:
 * without that recall stays behind (SPFresh, Xu et al., 2023, calls it the nearest partition assignment). Then lists may
 * be long again: a few rounds.
 *
 * Codes of residuals are made anew for vectors that move, from exact vectors where there are some, else from what the
 * old code stands for; other codes move as they are.
 *
 * Everything is computed beside the lists and put in place at the end of a step at once: an abort, or memory that ends,
 * leaves an index with the steps before. What codes are relative to besides their centroid stays where it was
 * (IndexIVF, fixedCentre), so that codes of vectors that do not move stay good.
 *
 * Measured (bench/engine/health.ts): 100,000 SIFT vectors in 512 cells that were trained on a tenth of their clusters,
 * nprobe 16: recall@10 0.865 scanning 5090 codes before, 0.903 scanning 3200 after, 0.919 scanning 3139 after retrain.
 */

import { Assigner, kmeansSteps } from '../cluster/kmeans.ts';
import { CHUNK, residentRows } from '../cluster/rows.ts';
import type { Metric } from '../core/metric.ts';
import { moveCode } from '../invlists/layout.ts';
import { align16 } from '../quantizers/codec.ts';
import type { RunOptions, Steps } from '../util/steps.ts';
import { chunks, kernelMetric } from './batch.ts';
import type { RowSource } from './health.ts';
import { decodeCodes, fetchCodes, type HeldCells, takeExact } from './held-rows.ts';

/** Options of rebalance; core/options.ts has their ranges. */
export interface RebalanceOptions extends RunOptions {
	/** Lists longer than so many times the mean are split. Default: 1.5. */
	readonly longest?: number | undefined;
	/** The exact vector of a label (or id), d values, which moved codes are made from. Default: the store of an IndexRefine, else decoded codes. */
	readonly source?: ((label: number) => ArrayLike<number>) | undefined;
	/** Default: 1234. */
	readonly seed?: number | undefined;
}

/** What rebalance has done. */
export interface RebalanceReport {
	/** Lists split; as many were dissolved. */
	readonly splits: number;
	/** Times that a vector changed cells, or its cell got a new centroid. */
	readonly moved: number;
}

/** Cells that may be changed. */
export interface ChangedCells extends HeldCells {
	/** Pointer to what terms are relative to, d values; 0 without terms. */
	readonly centre: number;
	/** A step is done: vectors are so much further off their centroids than before, all together. */
	onMoved(change: number): void;
}

/** Vectors that 2-means looks at. */
const SAMPLE = 8192;
const ITERATIONS = 8;
/** Rounds of splitting lists and moving vectors to the cells that are nearest then. */
const ROUNDS = 4;
/** A list is dissolved for another so many times as long, at least. */
const RATIO = 2;

export function* rebalanceCells(
	cells: ChangedCells,
	options: RebalanceOptions,
	exact: RowSource | undefined,
): Steps<RebalanceReport> {
	const { lists, engine, d, centroids, metric } = cells;
	const whole = new Set<number>();
	using moves = new Moves(cells, exact);
	using all = new Assigner(engine, d, centroids, lists.nlist, kernelMetric(metric), CHUNK);
	let splits = 0;
	for (let round = 0; round < ROUNDS; round++) {
		const before = splits;
		for (;;) {
			const pair = nextPair(cells, options.longest!, whole);
			if (pair === undefined) break;
			const halves = yield* twoMeans(cells, pair[0], exact, (options.seed! + splits) >>> 0);
			if (halves === undefined) {
				// All its vectors are alike.
				whole.add(pair[0]);
				continue;
			}
			yield* split(cells, pair, halves, moves, all);
			splits++;
			yield { phase: 'rebalance', done: splits, total: 0 };
		}
		if (splits === before) break;
		yield* sweep(cells, moves, all);
	}
	return { splits, moved: moves.applied };
}

/** The longest list that can be split, and the shortest, if it pays. */
function nextPair(
	{ lists }: HeldCells,
	longest: number,
	whole: ReadonlySet<number>,
): [long: number, short: number] | undefined {
	let [long, short, total] = [-1, -1, 0];
	for (let listNo = 0; listNo < lists.nlist; listNo++) {
		const n = lists.listSize(listNo);
		total += n;
		if (!whole.has(listNo) && (long < 0 || n > lists.listSize(long))) long = listNo;
		if (short < 0 || n < lists.listSize(short)) short = listNo;
	}
	if (long < 0 || long === short) return undefined;
	const n = lists.listSize(long);
	const pays = n > (longest * total) / lists.nlist && n >= RATIO * Math.max(1, lists.listSize(short));
	return pays ? [long, short] : undefined;
}

/** Gives the vectors of a list two centroids, the second in place of that of another, whose vectors go where they are nearest. */
function* split(
	cells: ChangedCells,
	[long, short]: readonly [number, number],
	halves: Float32Array,
	moves: Moves,
	all: Assigner,
): Steps<void> {
	const { arena, d, centroids } = cells;
	const at = (listNo: number): number => centroids + listNo * d * 4;
	const before = arena.alloc(2 * d * 4);
	const put = (target: number, from: number): void => void arena.u8.copyWithin(target, from, from + d * 4);
	put(before, at(long));
	put(before + d * 4, at(short));
	let done = false;
	try {
		arena.writeF32(at(long), halves.subarray(0, d));
		arena.writeF32(at(short), halves.subarray(d));
		all.update();
		yield* moves.take(long, before, all, false);
		yield* moves.take(short, before + d * 4, all, false);
		moves.apply();
		done = true;
	} finally {
		if (!done) {
			put(at(long), before);
			put(at(short), before + d * 4);
			moves.forget();
		}
		arena.free(before);
	}
}

/** Moves vectors that have come to be nearer to another centroid than to their own, list by list. */
function* sweep({ lists, centroids, d }: ChangedCells, moves: Moves, all: Assigner): Steps<void> {
	let done = false;
	try {
		for (let listNo = 0; listNo < lists.nlist; listNo++) {
			yield* moves.take(listNo, centroids + listNo * d * 4, all, true);
			moves.apply();
		}
		done = true;
	} finally {
		if (!done) moves.forget();
	}
}

/** Two centroids for the vectors of a list, size 2 * d; undefined if they are all alike. */
function* twoMeans(
	cells: ChangedCells,
	listNo: number,
	exact: RowSource | undefined,
	seed: number,
): Steps<Float32Array | undefined> {
	const { arena, d, lists, engine, metric, centroids } = cells;
	const size = lists.listSize(listNo);
	const step = Math.max(1, size / SAMPLE);
	const n = Math.min(size, SAMPLE);
	const rows = arena.alloc(n * d * 4);
	const code = arena.alloc(cells.codec.codeSize + 8);
	let trained = 0;
	try {
		for (let i = 0; i < n; i++) {
			const position = Math.floor(i * step);
			const row = rows + i * d * 4;
			if (exact === undefined) {
				fetchCodes(cells, listNo, position, 1, code);
				decodeCodes(cells, centroids + listNo * d * 4, code, 1, row);
			} else {
				takeExact(cells, exact, [arena.u32[(lists.list(listNo).ids >>> 2) + position]!], row);
			}
			if (i % CHUNK === CHUNK - 1) yield { phase: 'rebalance', done: 0, total: 0 };
		}
		const options = { niter: ITERATIONS, seed, spherical: metric !== 'l2', init: 'kmeans++', balance: true } as const;
		trained = (yield* kmeansSteps(engine, residentRows(rows, n, d), 2, options, 'rebalance')).ptr;
		const halves = arena.readF32(trained, 2 * d);
		const alike = halves.every((value, t) => t >= d || value === halves[t + d]);
		return alike ? undefined : halves;
	} finally {
		for (const ptr of [rows, code, trained]) arena.free(ptr);
	}
}

/** Where a vector goes; its new code and term are at the same place of a part. */
interface Move {
	readonly from: number;
	readonly position: number;
	readonly to: number;
	readonly label: number;
	readonly code: number;
	readonly term: number;
}

/** Vectors on their way from one list to another. */
class Moves implements Disposable {
	readonly #cells: ChangedCells;
	readonly #exact: RowSource | undefined;
	#moves: Move[] = [];
	/** Blocks of codes and terms. */
	#blocks: number[] = [];
	#applied = 0;
	/** Rows of a chunk, labels, codes as they are, scratch of the codec. */
	readonly #rows: number;
	readonly #labels: number;
	readonly #codes: number;
	readonly #scratch: number;
	#change = 0;

	constructor(cells: ChangedCells, exact: RowSource | undefined) {
		const { arena, codec, d } = cells;
		this.#cells = cells;
		this.#exact = exact;
		const sizes = [CHUNK * d * 4, CHUNK * 4, CHUNK * codec.codeSize + 8, codec.encodeScratchBytes].map(align16);
		this.#rows = arena.alloc(sizes.reduce((a, b) => a + b));
		this.#labels = this.#rows + sizes[0]!;
		this.#codes = this.#labels + sizes[1]!;
		this.#scratch = this.#codes + sizes[2]!;
	}

	/** Vectors moved so far. */
	get applied(): number {
		return this.#applied;
	}

	/** The vectors of a list, whose centroid was at `centroid`, to the nearest cell of all; `others`: only those that leave. */
	*take(listNo: number, centroid: number, all: Assigner, others: boolean): Steps<void> {
		const { arena, lists } = this.#cells;
		for (const [first, count] of chunks(lists.listSize(listNo))) {
			this.#load(listNo, first, count, centroid);
			all.assignChunk(this.#rows, count);
			const moves: { position: number; to: number }[] = [];
			for (let i = 0; i < count; i++) {
				const to = arena.u32[(all.labels >>> 2) + i]!;
				if (!others || to !== listNo) moves.push({ position: first + i, to });
			}
			this.#add(listNo, centroid, moves, first);
			yield { phase: 'rebalance', done: 0, total: 0 };
		}
	}

	/** Brings codes and vectors first.. of a list in. */
	#load(listNo: number, first: number, count: number, centroid: number): void {
		const { arena, lists } = this.#cells;
		fetchCodes(this.#cells, listNo, first, count, this.#codes);
		decodeCodes(this.#cells, centroid, this.#codes, count, this.#rows);
		if (this.#exact === undefined) return;
		const ids = (lists.list(listNo).ids >>> 2) + first;
		takeExact(this.#cells, this.#exact, arena.u32.slice(ids, ids + count), this.#rows);
	}

	/** Codes of some vectors of the chunk that begins with position `first`, for other lists. */
	#add(from: number, centroid: number, moves: readonly { position: number; to: number }[], first: number): void {
		const { arena, codec, d, engine, lists, byResidual, hasTerms, centroids, centre } = this.#cells;
		const n = moves.length;
		if (n === 0) return;
		const codeBytes = align16(n * codec.codeSize + 8);
		const codes = arena.alloc(codeBytes + (hasTerms ? n * 4 : 0));
		this.#blocks.push(codes);
		const terms = codes + codeBytes;
		const { codeSize } = codec;
		// The rows that move close up.
		const { u8 } = arena;
		for (const [i, { position }] of moves.entries()) {
			const row = this.#rows + (position - first) * d * 4;
			const code = this.#codes + (position - first) * codeSize;
			u8.copyWithin(this.#rows + i * d * 4, row, row + d * 4);
			u8.copyWithin(codes + i * codeSize, code, code + codeSize);
		}
		arena.u32.set(
			moves.map(({ to }) => to),
			this.#labels >>> 2,
		);
		for (const [i, { to }] of moves.entries()) {
			const row = this.#rows + i * d * 4;
			this.#change += this.#off(row, centroids + to * d * 4) - this.#off(row, centroid);
		}
		if (byResidual) {
			engine.kernels.residuals(this.#rows, n, d, this.#labels, centroids, this.#rows);
			codec.encodeRows(this.#rows, n, codes, this.#scratch, this.#labels, centroids);
		}
		if (hasTerms) {
			codec.decodeRows(codes, n, this.#rows);
			engine.kernels.residualTerms(this.#rows, n, d, this.#labels, centroids, centre, terms);
		}
		const ids = lists.list(from).ids >>> 2;
		for (const [i, { position, to }] of moves.entries()) {
			const label = arena.u32[ids + position]!;
			this.#moves.push({ from, position, to, label, code: codes + i * codeSize, term: terms + i * 4 });
		}
	}

	/** How far a row is from a centroid (indexes/spread.ts). */
	#off(row: number, centroid: number): number {
		const { d, metric, arena } = this.#cells;
		return off(arena.f32, row >>> 2, centroid >>> 2, d, metric);
	}

	/** Puts everything in place. Only making room can fail, before anything moves. */
	apply(): void {
		if (this.#moves.length === 0) return;
		const { arena, codec, lists, hasTerms } = this.#cells;
		const gone = byList(this.#moves, 'from');
		const come = byList(this.#moves, 'to');
		for (const [listNo, moves] of come) lists.reserve(listNo, moves.length - (gone.get(listNo)?.length ?? 0));
		for (const [listNo, moves] of gone) this.#closeUp(listNo, new Set(moves.map(({ position }) => position)));
		for (const [listNo, moves] of come) {
			const { codes, terms, ids, n } = lists.list(listNo);
			for (const [i, { code, term, label }] of moves.entries()) {
				codec.place(codes, n + i, code, terms);
				if (hasTerms) codec.placeTerm(terms, n + i, arena.f32[term >>> 2]!);
				arena.u32[(ids >>> 2) + n + i] = label;
			}
			lists.commit(listNo, moves.length);
		}
		this.#applied += this.#moves.length;
		this.#cells.onMoved(this.#change);
		this.forget();
	}

	/** Leaves vectors where they are. */
	forget(): void {
		for (const block of this.#blocks) this.#cells.arena.free(block);
		this.#blocks = [];
		this.#moves = [];
		this.#change = 0;
	}

	/** Takes some positions out of a list. */
	#closeUp(listNo: number, gone: ReadonlySet<number>): void {
		const { arena, lists } = this.#cells;
		const { codes, terms, ids, n } = lists.list(listNo);
		const { u8, u32 } = arena;
		let to = 0;
		for (let at = 0; at < n; at++) {
			if (gone.has(at)) continue;
			if (to < at) {
				moveCode(u8, lists.layout, codes, terms, at, to);
				u32[(ids >>> 2) + to] = u32[(ids >>> 2) + at]!;
			}
			to++;
		}
		lists.cut(listNo, to);
	}

	[Symbol.dispose](): void {
		this.forget();
		this.#cells.arena.free(this.#rows);
	}
}

function byList(moves: readonly Move[], end: 'from' | 'to'): Map<number, Move[]> {
	const lists = new Map<number, Move[]>();
	for (const move of moves) {
		const list = lists.get(move[end]);
		if (list === undefined) lists.set(move[end], [move]);
		else list.push(move);
	}
	return lists;
}

function off(f32: Float32Array, row: number, centroid: number, d: number, metric: Metric): number {
	let sum = 0;
	if (metric === 'l2') {
		for (let t = 0; t < d; t++) sum += (f32[row + t]! - f32[centroid + t]!) ** 2;
		return sum;
	}
	let norm = 0;
	for (let t = 0; t < d; t++) {
		sum += f32[row + t]! * f32[centroid + t]!;
		norm += f32[row + t]! * f32[row + t]!;
	}
	return norm > 0 ? 2 - (2 * sum) / Math.sqrt(norm) : 2;
}
