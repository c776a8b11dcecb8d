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
import { flatScratchBytes, flatStateBytes, topkBytes } from '../kernels/kernels.ts';
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
export function flatPlan({ d, codes, bounds }: FlatRows, nq: number, k: number): 'plain' | 'block' | 'pruned' {
	if (codes.n < k * ROWS_PER_RESULT) return 'plain';
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
): Steps<void> {
	const { engine, d, metric, codes } = rows;
	const { arena, kernels } = engine;
	const kind = metric === 'l2' ? 0 : 1;
	const records = plan === 'pruned' ? rows.bounds!.records : undefined;
	const fit = Math.min(MAX_BLOCK, Math.floor(QUERY_BYTES / (2 * d)), Math.floor(TOPK_BYTES / topkBytes(k)));
	const blocks = Math.ceil(q.n / Math.max(fit, MIN_BATCH / 2));
	const block = Math.ceil(q.n / blocks);
	using scratch = new SearchScratch(engine, d, k, block, 0);
	const stride = scratch.topk(1) - scratch.topk(0);
	// A query of its own has a state of its own.
	const stateBytes = records === undefined ? 0 : flatStateBytes(1, d);
	const queryBytes = Math.ceil((block * d * 4) / 64) * 64;
	const statesBytes = records === undefined ? flatStateBytes(block, d) : block * stateBytes;
	const roomBytes = queryBytes + statesBytes + flatScratchBytes(d);
	const queries = arena.allocScratch(roomBytes);
	const states = queries + queryBytes;
	const room = states + statesBytes;
	const perPiece = Math.max(16, Math.floor(PIECE_BYTES / (records ?? codes).codeSize / 8) * 8);
	try {
		for (const [first, nq] of chunks(q.n, block)) {
			loadRows(engine, metric, q, first, nq, queries);
			for (let i = 0; i < nq; i++) {
				const topk = scratch.initTopk(i);
				if (records !== undefined)
					kernels.flatQueries(queries + i * d * 4, 1, d, kind, states + i * stateBytes, topk, stride);
			}
			if (records === undefined) kernels.flatQueries(queries, nq, d, kind, states, scratch.topk(0), stride);
			for (const [start, n] of spread(codes.n, perPiece)) {
				for (let row = start; row < start + n; ) {
					const { ptr, room: here } = placeOf(codes, row);
					const bound = records === undefined ? undefined : placeOf(records, row);
					const count = Math.min(start + n - row, here, bound?.room ?? here);
					if (bound === undefined) {
						kernels.flatScan(queries, nq, d, kind, states, scratch.topk(0), stride, ptr, count, row, room);
					} else {
						for (let i = 0; i < nq; i++) {
							const [query, state] = [queries + i * d * 4, states + i * stateBytes];
							kernels.flatPruned(query, d, kind, state, scratch.topk(i), bound.ptr, ptr, count, row);
						}
					}
					row += count;
				}
				yield { phase: 'search', done: first, total: q.n };
			}
			for (let i = 0; i < nq; i++) scratch.emit(i, first + i, metric, result);
			yield { phase: 'search', done: first + nq, total: q.n };
		}
	} finally {
		arena.freeScratch(queries, roomBytes);
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
