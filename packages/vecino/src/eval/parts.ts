/**
 * The stages of a search, taken apart: what ranks cells, what estimates distances by code, what puts candidates in order,
 * and what knows the vectors best. For those who ask why a search found what it found (explain.ts, live-recall.ts).
 *
 * An index is a chain: IndexIDMap, transforms, IndexRefine, transforms, and at the end a leaf that holds codes. Each stage
 * is asked by the same code that searches use, so that its answers are theirs to the bit.
 */

import type { RefineSearchParams } from '../core/options.ts';
import { resolveOptions } from '../core/options.ts';
import { SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import { type Index, MAX_K } from '../indexes/base.ts';
import { loadRows } from '../indexes/batch.ts';
import { IndexFlatCodes } from '../indexes/flat-codes.ts';
import { IndexHNSW } from '../indexes/hnsw.ts';
import { IndexIDMap } from '../indexes/id-map.ts';
import { IndexIVF } from '../indexes/ivf.ts';
import { IndexPreTransform } from '../indexes/pre-transform.ts';
import { IndexRefine } from '../indexes/refine.ts';
import { bindCalls } from '../kernels/kernels.ts';
import { align16, FlatCodec } from '../quantizers/codec.ts';
import { MatrixTransform } from '../transforms/linear.ts';
import type { Transform } from '../transforms/transform.ts';
import { show } from '../util/check.ts';
import type { IdTable } from '../util/id-table.ts';
import { runSync, type Steps } from '../util/steps.ts';

export interface Parts {
	readonly index: Index;
	/** Ids in place of row numbers. */
	readonly ids: IdTable | undefined;
	/** Ahead of the store, and between the store and the leaf. */
	readonly outer: IndexPreTransform | undefined;
	readonly inner: IndexPreTransform | undefined;
	readonly refine: IndexRefine | undefined;
	/** Holds the codes that candidates are found by. */
	readonly leaf: Index;
	readonly ivf: IndexIVF | undefined;
	readonly hnsw: IndexHNSW | undefined;
	/** Distances by code are not those of the vectors. */
	readonly lossy: boolean;
	/** The best that the index holds of its vectors are the vectors themselves. */
	readonly exact: boolean;
}

export function takeApart(index: Index): Parts {
	const ids = index instanceof IndexIDMap ? index.table : undefined;
	let at = index instanceof IndexIDMap ? index.index : index;
	const outer = at instanceof IndexPreTransform ? at : undefined;
	at = outer?.index ?? at;
	const refine = at instanceof IndexRefine ? at : undefined;
	at = refine?.base ?? at;
	const inner = at instanceof IndexPreTransform ? at : undefined;
	const leaf = inner?.index ?? at;
	const ivf = leaf instanceof IndexIVF ? leaf : undefined;
	const hnsw = leaf instanceof IndexHNSW ? leaf : undefined;
	const lossy = !keepsVectors(leaf) || !keepsDistances(inner) || (refine === undefined && !keepsDistances(outer));
	const exact = keepsDistances(outer) && keepsVectors(refine?.refine ?? leaf);
	return { index, ids, outer, inner, refine, leaf, ivf, hnsw, lossy, exact };
}

function keepsVectors(index: Index): boolean {
	if (index instanceof IndexHNSW) return index.store === 'flat';
	return (index instanceof IndexIVF || index instanceof IndexFlatCodes) && index.codec instanceof FlatCodec;
}

/** Rotations keep distances; what drops dimensions, scales or shifts inner products does not. */
function keepsDistances(pre: IndexPreTransform | undefined): boolean {
	const rotates = (one: Transform): boolean =>
		one instanceof MatrixTransform &&
		one.isReversible &&
		one.dOut >= one.dIn &&
		(pre?.metric === 'l2' || one.bias.every((value) => value === 0));
	return pre === undefined || pre.transforms.every(rotates);
}

/** Row number of a label, -1 when the index does not hold it. */
export function rowOf({ ids, index }: Parts, label: number): number {
	if (ids !== undefined) return ids.rowOf(label);
	return index.has(label) ? label : -1;
}

/** Row number of a label that the index must hold. */
export function knownRow(where: string, parts: Parts, label: number): number {
	const row = rowOf(parts, label);
	if (row >= 0) return row;
	const message = `${where}: no vector has label ${show(label)}; there are ${parts.index.ntotal}`;
	throw new VecinoError('unknown-label', message, { found: label });
}

export function labelOf({ ids }: Parts, row: number): number {
	return ids === undefined || row < 0 ? row : ids.idOf(row);
}

/** Queries as the store gets them, and as the leaf does. */
export function queriesOf(
	{ outer, inner }: Parts,
	q: VectorSet,
): { readonly store: VectorSet; readonly leaf: VectorSet } {
	const store = outer === undefined ? q : runSync(outer.querySteps(q));
	return { store, leaf: inner === undefined ? store : runSync(inner.querySteps(store)) };
}

/** Candidates that a search for k puts in order. */
export function candidatesOf({ refine, index }: Parts, k: number, kFactor: number | undefined): number {
	if (refine === undefined) return k;
	return Math.min(Math.ceil(k * (kFactor ?? refine.kFactor)), MAX_K, Math.max(k, index.ntotal));
}

/** The kFactor with which a search for k keeps exactly so many candidates, which are k at least. */
export function kFactorOf(candidates: number, k: number): number {
	const plain = candidates / k;
	// Rounding can make a product exceed the whole number it should be: 1.1 * 10 > 11.
	return Math.ceil(k * plain) === candidates ? plain : (candidates - 0.5) / k;
}

/** Cells in the order of a search: numbers and distances from the query, in the metric's own terms. */
export interface RankedCells {
	/** Size nprobe. */
	readonly cells: Uint32Array;
	/** Size nprobe. */
	readonly distances: Float32Array;
}

/** The cells that a search with nprobe opens for one query. */
export function rankCells(ivf: IndexIVF, q: VectorSet, nprobe: number): RankedCells {
	const { engine, d, metric, ranker } = ivf.cells;
	const { arena } = engine;
	const sizes = [d * 4, ranker.workBytes(nprobe), nprobe * 4, nprobe * 4].map(align16) as [
		number,
		number,
		number,
		number,
	];
	const bytes = sizes.reduce((a, b) => a + b);
	const query = arena.allocScratch(bytes);
	try {
		const work = query + sizes[0];
		const distances = work + sizes[1];
		const cells = distances + sizes[2];
		loadRows(engine, metric, q, 0, 1, query);
		for (const call of bindCalls(engine.kernels, [ranker.call(query, 1, nprobe, work, distances, cells)])) call();
		const found = arena.readF32(distances, nprobe);
		return {
			cells: arena.u32.slice(cells >>> 2, (cells >>> 2) + nprobe),
			distances: metric === 'l2' ? found : found.map((value) => 0 - value),
		};
	} finally {
		arena.freeScratch(query, bytes);
	}
}

/** Rows and estimated distances, nearest first. */
export interface Estimates {
	readonly rows: Float64Array;
	readonly distances: Float32Array;
}

/**
 * What the leaf proposes to one query: the k best by code, of the nprobe nearest cells where there are cells, of all rows
 * where not, without the walk of a graph.
 */
export function* estimateSteps(
	parts: Parts,
	q: VectorSet,
	k: number,
	nprobe: number,
	params: RefineSearchParams,
): Steps<Estimates> {
	if (k === 0) return { rows: new Float64Array(0), distances: new Float32Array(0) };
	const searched = parts.hnsw?.storage ?? parts.leaf;
	const result = new SearchResult(1, k, searched.metric);
	const resolved = leafParams(searched, { ...params, ...(parts.ivf && { nprobe }) });
	yield* searched.searchSteps(q, k, resolved, result, parts.leaf.live);
	const end = result.labels.indexOf(-1);
	return end < 0
		? { rows: result.labels, distances: result.distances }
		: { rows: result.labels.slice(0, end), distances: result.distances.slice(0, end) };
}

/** The candidates that the leaf hands over in a search, with the walk of a graph. */
export function* proposeSteps(
	{ leaf }: Parts,
	q: VectorSet,
	wide: number,
	params: RefineSearchParams,
): Steps<Float64Array> {
	const result = new SearchResult(q.n, wide, leaf.metric);
	yield* leaf.searchSteps(q, wide, leafParams(leaf, params), result, leaf.live);
	return result.labels;
}

/** The k nearest rows of each query by the best that the index holds of its vectors. */
export function* truthSteps(parts: Parts, q: VectorSet, k: number, params: RefineSearchParams): Steps<SearchResult> {
	const { refine, leaf, ivf, hnsw } = parts;
	const queries = parts.outer === undefined ? q : yield* parts.outer.querySteps(q);
	const searched: Index = refine?.refine ?? parts.inner ?? hnsw?.storage ?? leaf;
	const result = new SearchResult(q.n, k, searched.metric);
	const all = { ...params, ...(refine === undefined && ivf && { nprobe: ivf.nlist }) };
	// A store knows nothing of which rows are gone.
	const rows = refine === undefined ? leaf.live : parts.index.labelSpace.live;
	yield* searched.searchSteps(queries, k, leafParams(searched, all), result, rows);
	return result;
}

/** Those of the parameters that an index takes. */
function leafParams(index: Index, params: RefineSearchParams): RefineSearchParams {
	const { searchTable } = index;
	const known = Object.entries(params).filter(([name]) => name in searchTable && name !== 'stats');
	return resolveOptions('search', Object.fromEntries(known) as RefineSearchParams, searchTable);
}
