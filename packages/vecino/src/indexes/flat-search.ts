/**
 * Exact search of float32 rows that compares few of them in float32 (assembly/flat.ts): a batch of queries against int16
 * copies made on the way, or a few queries against the int8 bounds kept beside the rows.
 *
 * Rows are visited in pieces, in an order that spreads over all of them from the start: rows that lie in order of their
 * distance would otherwise all be near when their turn comes. The result does not depend on the order.
 */

import type { Metric } from '../core/metric.ts';
import type { SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { CodeArray } from '../invlists/code-array.ts';
import type { Engine } from '../kernels/engine.ts';
import { type Admission, flatScratchBytes, flatStateBytes, topkBytes } from '../kernels/kernels.ts';
import { together } from '../kernels/pool/parallel.ts';
import type { Steps } from '../util/steps.ts';
import { chunks, loadRows, SearchScratch } from './batch.ts';
import { placeOf, type RowBounds } from './row-bounds.ts';

/** Rows per result from which on most are skipped; with fewer the second look costs what the first saves. */
const ROWS_PER_RESULT = 64;
/** Smallest batch for which rows are worth converting, and the dimension from which half of that is enough. */
const MIN_BATCH = 32;
const LARGE_D = 64;
/** Below that a plain scan is faster. */
const MIN_BATCH_D = 32;
/** Queries of one block, and the bytes they may have: they stay in L2. */
const MAX_BLOCK = 128;
const QUERY_BYTES = 256 * 1024;
/** Top-k states of one block. */
const TOPK_BYTES = 4 * 2 ** 20;
/** Blocks side by side for each thread: threads differ in how fast they are. */
const BLOCKS_PER_THREAD = 2;
/** Rows, or bounds, of one piece. */
const PIECE_BYTES = 128 * 1024;

export interface FlatRows {
	readonly engine: Engine;
	readonly d: number;
	readonly metric: Metric;
	readonly codes: CodeArray;
	readonly bounds: RowBounds | undefined;
}

/** How nq queries are best searched. */
export function flatPlan({ engine, d, codes, bounds }: FlatRows, nq: number, k: number): 'plain' | 'block' | 'pruned' {
	// The reference kernels skip nothing.
	if (codes.n < k * ROWS_PER_RESULT || engine.backend === 'reference') return 'plain';
	const isBatch = nq >= (d >= LARGE_D ? MIN_BATCH / 2 : MIN_BATCH);
	if (isBatch && d >= MIN_BATCH_D) return 'block';
	return bounds === undefined ? 'plain' : 'pruned';
}

/** Searches by 'block' or 'pruned': what the plain scan of all rows would find. */
export function* flatSearch(
	rows: FlatRows,
	plan: 'block' | 'pruned',
	q: VectorSet,
	k: number,
	result: SearchResult,
	admission?: Admission,
): Steps<void> {
	const { engine, codes } = rows;
	const most = Math.min(MAX_BLOCK, Math.floor(QUERY_BYTES / (2 * rows.d)), Math.floor(TOPK_BYTES / topkBytes(k)));
	const { pool } = engine;
	const side = pool === undefined ? 1 : engine.threads * BLOCKS_PER_THREAD;
	const blocks = Math.max(Math.ceil(q.n / Math.max(most, MIN_BATCH / 2)), Math.min(side, Math.ceil(q.n / MIN_BATCH)));
	const block = Math.ceil(q.n / blocks);
	const group = Math.min(side, blocks);
	const codeSize = (plan === 'pruned' ? rows.bounds!.records : codes).codeSize;
	const perPiece = Math.max(16, Math.floor(PIECE_BYTES / codeSize / 8) * 8);
	/** Pieces between two turns of the event loop, or of one task of a thread. */
	const perStep = pool === undefined ? 1 : Math.max(1, Math.floor(pool.grain / (block * perPiece * rows.d)));
	const sets: FlatBlock[] = [];
	try {
		while (sets.length < group) sets.push(new FlatBlock(rows, plan, k, block, admission));
		for (const [start, many] of chunks(q.n, group * block)) {
			const parts = [...chunks(many, block)].map(([from, nq], i) => ({ set: sets[i]!, first: start + from, nq }));
			for (const { set, first, nq } of parts) set.load(q, first, nq);
			const pieces = [...spread(codes.n, perPiece)];
			for (const [from, some] of chunks(pieces.length, perStep)) {
				const now = pieces.slice(from, from + some);
				yield together(
					engine,
					parts.map(({ set, nq }) => () => {
						for (const [row, n] of now) set.scan(nq, row, n);
					}),
				);
				yield { phase: 'search', done: start, total: q.n };
			}
			for (const { set, first, nq } of parts) set.settle(first, nq, result);
			yield { phase: 'search', done: start + many, total: q.n };
		}
	} finally {
		for (const set of sets) set[Symbol.dispose]();
	}
}

/** A block of queries and what is found for them. */
class FlatBlock implements Disposable {
	readonly #rows: FlatRows;
	readonly #pruned: boolean;
	readonly #kind: number;
	readonly #scratch: SearchScratch;
	readonly #stride: number;
	readonly #stateBytes: number;
	readonly #roomBytes: number;
	readonly #queries: number;
	readonly #states: number;
	readonly #room: number;

	constructor(rows: FlatRows, plan: 'block' | 'pruned', k: number, block: number, admission?: Admission) {
		const { engine, d, metric } = rows;
		this.#rows = rows;
		this.#pruned = plan === 'pruned';
		this.#kind = metric === 'l2' ? 0 : 1;
		this.#scratch = new SearchScratch(engine, d, k, block, 0, admission);
		this.#stride = this.#scratch.topk(1) - this.#scratch.topk(0);
		// Against bounds a query has a state of its own.
		this.#stateBytes = this.#pruned ? flatStateBytes(1, d) : 0;
		const queryBytes = Math.ceil((block * d * 4) / 64) * 64;
		const statesBytes = this.#pruned ? block * this.#stateBytes : flatStateBytes(block, d);
		this.#roomBytes = queryBytes + statesBytes + flatScratchBytes(d);
		this.#queries = engine.arena.allocScratch(this.#roomBytes);
		this.#states = this.#queries + queryBytes;
		this.#room = this.#states + statesBytes;
	}

	load(q: VectorSet, first: number, nq: number): void {
		const { engine, d, metric } = this.#rows;
		const { kernels } = engine;
		loadRows(engine, metric, q, first, nq, this.#queries);
		const each = this.#pruned ? 1 : nq;
		for (let i = 0; i < nq; i++) this.#scratch.initTopk(i);
		for (let i = 0; i < nq; i += each) {
			const [query, state] = [this.#queries + i * d * 4, this.#states + i * this.#stateBytes];
			kernels.flatQueries(query, each, d, this.#kind, state, this.#scratch.topk(i), this.#stride);
		}
	}

	/** Rows start..start + n - 1. Nothing but kernel calls. */
	scan(nq: number, start: number, n: number): void {
		const { engine, d, codes, bounds } = this.#rows;
		const { kernels } = engine;
		for (let row = start; row < start + n; ) {
			const { ptr, room } = placeOf(codes, row);
			const bound = this.#pruned ? placeOf(bounds!.records, row) : undefined;
			const count = Math.min(start + n - row, room, bound?.room ?? room);
			if (bound === undefined) {
				const to = [this.#states, this.#scratch.topk(0), this.#stride] as const;
				kernels.flatScan(this.#queries, nq, d, this.#kind, ...to, ptr, count, row, this.#room);
			} else {
				for (let i = 0; i < nq; i++) {
					const [query, state] = [this.#queries + i * d * 4, this.#states + i * this.#stateBytes];
					kernels.flatPruned(query, d, this.#kind, state, this.#scratch.topk(i), bound.ptr, ptr, count, row);
				}
			}
			row += count;
		}
	}

	settle(first: number, nq: number, result: SearchResult): void {
		for (let i = 0; i < nq; i++) this.#scratch.emit(i, first + i, this.#rows.metric, result);
	}

	[Symbol.dispose](): void {
		this.#rows.engine.arena.freeScratch(this.#queries, this.#roomBytes);
		this.#scratch[Symbol.dispose]();
	}
}

/** [start, count] of all pieces of n rows, each once, by steps of about 0.618 of the whole. */
export function* spread(n: number, size: number): Generator<[start: number, count: number]> {
	const pieces = Math.ceil(n / size);
	let step = Math.max(1, Math.round(pieces * 0.618));
	while (gcd(step, pieces) !== 1) step++;
	for (let i = 0, piece = 0; i < pieces; i++, piece = (piece + step) % pieces) {
		yield [piece * size, Math.min(size, n - piece * size)];
	}
}

function gcd(a: number, b: number): number {
	return b === 0 ? a : gcd(b, a % b);
}
