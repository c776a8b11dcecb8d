/**
 * Which lists a search of an index with cells opens: the nprobe nearest, some more where a filter leaves few vectors in
 * each, no more than hold so many codes, or those that the caller names.
 */

import { normalize } from '../core/metric.ts';
import type { IVFSearchParams } from '../core/options.ts';
import type { SearchResult } from '../core/result.ts';
import { VectorSet } from '../core/vectors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { Steps } from '../util/steps.ts';
import { chunks } from './batch.ts';
import type { CellRows } from './cell-rows.ts';
import type { TrainedCells } from './ivf-cells.ts';
import { BlockSearch, blockSize, searchCost, searchTogether } from './ivf-search.ts';
import { expectedProbes, MatchedLists } from './matched-lists.ts';
import { type GivenCells, type Rerank, type SearchedCells, type SearchScope, upTo } from './searched-cells.ts';

/**
 * The k nearest are found as surely as the ten nearest in (k / 10) ** WIDER times as many cells. Measured with 1,024 cells
 * for k = 50 / 200 / 1,000 / 2,000: 0.23 / 0.25 / 0.29 / 0.30 (sift-free-100k), 0.25 / 0.33 / 0.41 / 0.46 (text-lsa-50k).
 */
const WIDER = 0.4;
/** Cells that a filtered search ranks, times those it is expected to open. */
const WIDTH = 1.5;

/** The k nearest of each query in the lists of the nearest cells. */
export function searchNearest(
	rows: CellRows,
	q: VectorSet,
	k: number,
	params: IVFSearchParams,
	result: SearchResult,
	admitted: LabelBitmap | undefined,
	rerank: Rerank | undefined,
): Steps<void> {
	if (admitted !== undefined) return searchFiltered(rows, q, k, params, result, admitted, rerank);
	const nprobe = probesOf(rows.cells, params);
	const { maxCodes } = params;
	const scope = maxCodes === undefined ? undefined : { choice: upTo(maxCodes) };
	return searchLists(rows, searchedCells(rows), q, k, nprobe, params, result, scope, rerank);
}

/** The k nearest of each query in the lists of given cells. */
export function searchGiven(
	rows: CellRows,
	q: VectorSet,
	k: number,
	params: IVFSearchParams,
	result: SearchResult,
	admitted: LabelBitmap | undefined,
	given: GivenCells,
): Steps<void> {
	const { maxCodes } = params;
	const nprobe = q.n === 0 ? 0 : given.cells.length / q.n;
	if (nprobe === 0) return (function* (): Steps<void> {})();
	const choice = maxCodes === undefined ? undefined : upTo(maxCodes);
	return searchLists(rows, searchedCells(rows), q, k, nprobe, params, result, { rows: admitted, given, choice });
}

/** The nprobe cells nearest to each query by all centroids, as the result of a search for these. */
export function nearestCells({ metric, quantizer }: TrainedCells, q: VectorSet, nprobe: number): SearchResult {
	if (metric !== 'cosine') return quantizer.search(q, nprobe);
	const queries = new VectorSet(new Float32Array(q.data.length), q.d);
	for (let i = 0; i < q.n; i++) queries.row(i).set(normalize(q.row(i)));
	return quantizer.search(queries, nprobe);
}

/** Cells that are opened without a filter. */
export function probesOf({ nprobe, nlist }: TrainedCells, params: IVFSearchParams): number {
	return Math.min(params.nprobe ?? nprobe, nlist);
}

/** Parameters that find k as surely as these find ten. */
export function widerFor({ nprobe, nlist }: TrainedCells, params: IVFSearchParams, k: number): IVFSearchParams {
	if (params.nprobe !== undefined) return params;
	return { ...params, nprobe: Math.min(nlist, Math.ceil(nprobe * Math.max(1, k / 10) ** WIDER)) };
}

function* searchFiltered(
	rows: CellRows,
	q: VectorSet,
	k: number,
	params: IVFSearchParams,
	result: SearchResult,
	admitted: LabelBitmap,
	rerank: Rerank | undefined,
): Steps<void> {
	const { nlist } = rows.cells;
	const least = probesOf(rows.cells, params);
	const { maxCodes = 0 } = params;
	const cells = searchedCells(rows);
	const matched = MatchedLists.of(cells, admitted);
	const narrow = maxCodes === 0 ? yield* matched.narrow(cells, admitted, q.n, least) : undefined;
	if (narrow !== undefined) {
		yield* searchLists(rows, narrow, q, k, narrow.lists.nlist, params, result, { rows: admitted }, rerank);
		return;
	}
	// Some more than are expected to be opened, so that few queries rank cells twice.
	const width = Math.ceil(WIDTH * expectedProbes(least, Math.min(1, admitted.count / rows.ntotal))) + 8;
	const choice = { counts: matched.counts, least, wanted: least, maxCodes };
	const scope = { rows: admitted, choice };
	yield* searchLists(rows, cells, q, k, Math.min(width, nlist), params, result, scope, rerank);
}

function* searchLists(
	rows: CellRows,
	cells: SearchedCells,
	q: VectorSet,
	k: number,
	nprobe: number,
	{ stats }: IVFSearchParams,
	result: SearchResult,
	scope?: SearchScope,
	rerank?: Rerank,
): Steps<void> {
	const { engine } = cells;
	const block = blockSize(cells, k, nprobe, q.n, rerank);
	const cost = q.n * searchCost(cells, nprobe, rerank === undefined ? 0 : k);
	if (engine.pool !== undefined && cost > engine.pool.grain) {
		yield* searchTogether(cells, q, k, nprobe, block, result, stats, scope, rerank);
		return;
	}
	using search =
		scope === undefined
			? takeSearch(rows, k, nprobe, block, rerank)
			: new BlockSearch(cells, k, nprobe, block, scope, rerank);
	for (const [first, n] of chunks(q.n, block)) {
		search.run(q, first, n, result, stats);
		yield { phase: 'search', done: first + n, total: q.n };
	}
	if (scope === undefined) rows.cells.idle = search;
}

/** The last search, if it had the same shape: laying one out takes a few microseconds. */
function takeSearch(rows: CellRows, k: number, nprobe: number, block: number, rerank: Rerank | undefined): BlockSearch {
	const cells = searchedCells(rows);
	const { idle } = rows.cells;
	rows.cells.idle = undefined;
	if (!idle?.fits(cells, k, nprobe, block, rerank)) return new BlockSearch(cells, k, nprobe, block, {}, rerank);
	idle.resume(rerank);
	return idle;
}

/** What searches know of the index; the same object until it changes. */
function searchedCells({ cells, ntotal }: CellRows): SearchedCells {
	cells.searched ??= makeSearched(cells, ntotal);
	return cells.searched;
}

function makeSearched(cells: TrainedCells, ntotal: number): SearchedCells {
	const { engine, d, metric, ranker, scanner, lists, centroids, byResidual } = cells;
	return { engine, d, metric, ranker, scanner, lists, centroids, centre: cells.centre(), byResidual, ntotal };
}
