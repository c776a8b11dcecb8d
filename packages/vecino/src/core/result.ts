/**
 * What a search returns.
 */

import { checkInt } from '../util/check.ts';
import { isBetter, type Metric, worstDistance } from './metric.ts';

/** One neighbour. `distance` is in the metric's own terms (core/metric.ts). */
export interface Hit {
	readonly label: number;
	readonly distance: number;
}

/** nq x k neighbours, row-major, nearest first; missing ones have label -1 and distance ±Infinity. */
export class SearchResult {
	readonly nq: number;
	readonly k: number;
	/** Size nq * k, layout (nq, k). */
	readonly distances: Float32Array<ArrayBuffer>;
	/** Size nq * k, layout (nq, k): row numbers, or ids under IndexIDMap. */
	readonly labels: Float64Array<ArrayBuffer>;

	constructor(nq: number, k: number, metric: Metric) {
		this.nq = nq;
		this.k = k;
		this.distances = new Float32Array(nq * k).fill(worstDistance(metric));
		this.labels = new Float64Array(nq * k).fill(-1);
	}

	/** The neighbours of query i without the padding. */
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

/** The k nearest of two results for the same queries; the first wins ties. */
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

export function emptySearchStats(): SearchStats {
	return { nq: 0, ndis: 0, nlistsVisited: 0 };
}

/** What an index holds; `bytes` adds up to `byteLength`. */
export interface IndexStats {
	readonly type: string;
	readonly ntotal: number;
	readonly d: number;
	/** Resident bytes by component: codes, labels, centroids, ... */
	readonly bytes: Readonly<Record<string, number>>;
	/** Inverted lists, for IVF indexes. */
	readonly lists?: ListStats;
}

/** Sizes of the cells of an IVF index. */
export interface ListStats {
	readonly nlist: number;
	readonly mean: number;
	readonly min: number;
	readonly max: number;
	readonly empty: number;
	/** nlist * sum(size^2) / ntotal^2: 1 when all lists are equally long; scan cost grows with it. */
	readonly imbalance: number;
	/** Lists a search opens unless told otherwise. */
	readonly nprobe: number;
}
