/**
 * What a search returns.
 */

import { checkInt } from '../util/check.ts';
import { isBetter, type Metric, worstDistance } from './metric.ts';

/** One neighbour. `distance` is in the metric's own terms (core/metric.ts). */
export interface Hit {
	/** Row number, or id under IndexIDMap. */
	readonly label: number;
	/** Squared for l2 (smaller is nearer), a similarity for ip and cosine (larger is nearer). */
	readonly distance: number;
}

/**
 * nq x k neighbours, row-major, nearest first; missing ones have label -1 and distance ±Infinity.
 *
 * @example
 * using index = new IndexFlat({ d: 2 });
 * const result = index.add([[0, 0], [3, 4]]).search([[0, 0], [3, 3]], 1);
 * console.log(result.labels, result.distances); // Float64Array(2) [0, 1] Float32Array(2) [0, 1]
 */
export class SearchResult {
	/** Queries answered. */
	readonly nq: number;
	/** Neighbours per query, padding included. */
	readonly k: number;
	/** Size nq * k, layout (nq, k). */
	readonly distances: Float32Array<ArrayBuffer>;
	/** Size nq * k, layout (nq, k): row numbers, or ids under IndexIDMap. */
	readonly labels: Float64Array<ArrayBuffer>;
	/**
	 * Whether every query has k neighbours or, where fewer vectors match, all of those. False only where a search was told
	 * to stop before that (maxCodes, searchPreassigned), or where a graph cannot be walked to enough of its nodes.
	 */
	complete = true;
	/** Vectors that could have been returned: those that the filter lets in, or all. */
	matches = 0;

	constructor(nq: number, k: number, metric: Metric) {
		this.nq = nq;
		this.k = k;
		this.distances = new Float32Array(nq * k).fill(worstDistance(metric));
		this.labels = new Float64Array(nq * k).fill(-1);
	}

	/** Takes note of how many vectors could have been returned; a full search has been. @internal */
	settle(matches: number): void {
		this.matches = matches;
		const last = Math.min(this.k, matches) - 1;
		this.complete = true;
		for (let i = 0; i < this.nq && last >= 0; i++) if (this.labels[i * this.k + last] === -1) this.complete = false;
	}

	/**
	 * The neighbours of query i without the padding, nearest first.
	 *
	 * @param i - 0..nq - 1. Default: 0.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 2 });
	 * console.log(index.add([[0, 0], [3, 4]]).search([0, 1], 10).hits()); // [{ label: 0, distance: 1 }, { label: 1, distance: 18 }]
	 */
	hits(i = 0): Hit[] {
		checkInt('SearchResult.hits', 'i', i, 0, this.nq - 1);
		const out: Hit[] = [];
		for (let at = i * this.k; at < (i + 1) * this.k; at++) {
			if (this.labels[at] === -1) break;
			out.push({ label: this.labels[at]!, distance: this.distances[at]! });
		}
		return out;
	}
}

/**
 * Everything within a radius of nq queries: a ragged table, each row nearest first, ties to the lower label.
 *
 * @example
 * using index = new IndexFlat({ d: 1 }).add([[0], [1], [5]]);
 * const { lims, labels } = index.rangeSearch([[0], [6]], 1);
 * console.log(lims); // Float64Array(3) [0, 2, 3]
 * console.log(labels); // Float64Array(3) [0, 1, 2]
 */
export class RangeResult {
	/** Queries answered. */
	readonly nq: number;
	/** Size nq + 1: what was found for query i is at lims[i] .. lims[i + 1] - 1. */
	readonly lims: Float64Array<ArrayBuffer>;
	/** Size lims[nq], in the metric's own terms. */
	readonly distances: Float32Array<ArrayBuffer>;
	/** Size lims[nq]: row numbers, or ids under IndexIDMap. */
	readonly labels: Float64Array<ArrayBuffer>;
	/**
	 * Whether nothing within the radius can be missing: every code was looked at, and no limit cut the results. Distances
	 * are those of the codes; of an IndexRefine, those of its store.
	 */
	readonly complete: boolean;

	constructor(lims: Float64Array<ArrayBuffer>, metric: Metric, complete: boolean) {
		this.nq = lims.length - 1;
		this.lims = lims;
		this.distances = new Float32Array(lims[this.nq]!).fill(worstDistance(metric));
		this.labels = new Float64Array(lims[this.nq]!).fill(-1);
		this.complete = complete;
	}

	/**
	 * What was found for query i, nearest first.
	 *
	 * @param i - 0..nq - 1. Default: 0.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 1 }).add([[0], [1], [5]]);
	 * console.log(index.rangeSearch([[0], [6]], 1).hits(1)); // [{ label: 2, distance: 1 }]
	 */
	hits(i = 0): Hit[] {
		checkInt('RangeResult.hits', 'i', i, 0, this.nq - 1);
		const out: Hit[] = [];
		for (let at = this.lims[i]!; at < this.lims[i + 1]!; at++) {
			out.push({ label: this.labels[at]!, distance: this.distances[at]! });
		}
		return out;
	}
}

/**
 * The k nearest of two results for the same queries; the first wins ties.
 *
 * @example
 * const one = exactNeighbors(vectors.slice(0, 1000), queries, 10);
 * const other = exactNeighbors(vectors.slice(1000), queries, 10);
 * // Labels of both are row numbers of their own part.
 * for (let i = 0; i < other.labels.length; i++) other.labels[i]! += 1000;
 * const both = mergeResults(one, other, 'l2');
 * console.log(recallAtK(both, exactNeighbors(vectors, queries, 10))); // 1
 */
export function mergeResults(a: SearchResult, b: SearchResult, metric: Metric): SearchResult {
	if (a.nq !== b.nq || a.k !== b.k) throw new RangeError('mergeResults: both results must have the same nq and k');
	const { nq, k } = a;
	const out = new SearchResult(nq, k, metric);
	for (let i = 0; i < nq; i++) {
		let fromA = i * k;
		let fromB = i * k;
		for (let at = i * k; at < (i + 1) * k; at++) {
			const takeB =
				a.labels[fromA] === -1 ||
				(b.labels[fromB] !== -1 && isBetter(metric, b.distances[fromB]!, a.distances[fromA]!));
			const [from, j] = takeB ? [b, fromB++] : [a, fromA++];
			out.labels[at] = from.labels[j]!;
			out.distances[at] = from.distances[j]!;
		}
	}
	out.complete = a.complete && b.complete;
	out.matches = a.matches + b.matches;
	return out;
}

/** What a search did; pass one as `stats` and it is added to. */
export interface SearchStats {
	/** Queries answered. */
	nq: number;
	/** Codes whose distance was computed, all queries together (refined ones not counted twice). */
	ndis: number;
	/** Inverted lists opened, all queries together. */
	nlistsVisited: number;
}

/**
 * Counters at zero, to pass as `stats` of searches.
 *
 * @example
 * using index = new IndexFlat({ d: 64 });
 * const stats = emptySearchStats();
 * index.add(vectors).search(queries, 10, { stats });
 * console.log(stats); // { nq: 10, ndis: 20000, nlistsVisited: 0 }
 */
export function emptySearchStats(): SearchStats {
	return { nq: 0, ndis: 0, nlistsVisited: 0 };
}

/** What an index holds; `bytes` adds up to `byteLength`. */
export interface IndexStats {
	/** Class of the index. */
	readonly type: string;
	/** Vectors held. */
	readonly ntotal: number;
	/** Rows of vectors that were removed, which searches step over; absent when there are none. */
	readonly removed?: number;
	/** Their dimension. */
	readonly d: number;
	/** Resident bytes by component: codes, labels, centroids, ... */
	readonly bytes: Readonly<Record<string, number>>;
	/** Inverted lists, for IVF indexes. */
	readonly lists?: ListStats;
}

/** Sizes of the cells of an IVF index. */
export interface ListStats {
	/** Inverted lists: one per cell. */
	readonly nlist: number;
	/** Vectors per list, on average. */
	readonly mean: number;
	/** Vectors in the shortest list. */
	readonly min: number;
	/** Vectors in the longest list. */
	readonly max: number;
	/** Lists without a vector. */
	readonly empty: number;
	/** nlist * sum(size^2) / ntotal^2: 1 when all lists are equally long; scan cost grows with it. */
	readonly imbalance: number;
	/** Lists a search opens unless told otherwise. */
	readonly nprobe: number;
}
