/**
 * What a search of inverted lists is told: the index, what holds the search, and what becomes of its candidates.
 */

import type { Metric } from '../core/metric.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { CodeLayout } from '../invlists/layout.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Call } from '../kernels/kernels.ts';
import type { BlockScanner } from '../quantizers/codec.ts';
import type { IndexFlatCodes } from './flat-codes.ts';

/** What a search needs of an IVF index. */
export interface SearchedCells {
	readonly engine: Engine;
	readonly d: number;
	readonly metric: Metric;
	readonly ranker: CellOrder;
	readonly scanner: BlockScanner;
	readonly lists: SearchedLists;
	/** Pointer to the centroids, (nlist, d). */
	readonly centroids: number;
	/** Pointer to a row that is taken off each query before it is prepared; 0: none. */
	readonly centre: number;
	readonly byResidual: boolean;
	readonly ntotal: number;
}

/** What becomes of the candidates of a search: the best k by the codes of a store of the same rows. */
export interface Rerank {
	readonly store: IndexFlatCodes;
	readonly k: number;
	/** The queries for the store, where they are others than those for the cells (transforms). */
	readonly queries?: VectorSet | undefined;
}

/** Puts cells in the order in which they are opened. */
export interface CellOrder {
	/** Bytes of scratch that a call needs. */
	workBytes(nprobe: number): number;
	/** Distances and numbers of the first nprobe cells for n queries, layout (n, nprobe). */
	call(q: number, n: number, nprobe: number, work: number, distances: number, labels: number): Call;
}

export interface SearchedLists {
	readonly nlist: number;
	readonly layout: CodeLayout;
	/** Entries of the lists, and an empty one behind them (kernels.ts). */
	readonly directory: number;
	listSize(listNo: number): number;
}

/** Which of the ranked lists are opened, where not all are (chooseLists). */
export interface ListChoice {
	/** Pointer to the matches of each list; 0 without a filter. */
	readonly counts: number;
	/** Ranked lists that are gone through at least. */
	readonly least: number;
	/** Lists that those opened are to count as, each by the share of it that matches. */
	readonly wanted: number;
	/** Codes after which no further list is opened; 0: no limit. */
	readonly maxCodes: number;
}

/** Cells that the caller has chosen, layout (nq, nprobe): nlist stands for none. */
export interface GivenCells {
	readonly cells: Uint32Array;
	/** Distances of the centroids as kernels have them: smaller is better. Default: they are computed. */
	readonly distances: Float32Array | undefined;
}

/** All that are ranked, until they hold so many codes. */
export function upTo(maxCodes: number): ListChoice {
	return { counts: 0, least: Number.POSITIVE_INFINITY, wanted: 0, maxCodes };
}

/** What a search is held to. */
export interface SearchScope {
	/** Rows that may be found. Default: all. */
	readonly rows?: LabelBitmap | undefined;
	readonly choice?: ListChoice | undefined;
	readonly given?: GivenCells | undefined;
}
