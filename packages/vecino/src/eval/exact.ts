/**
 * Distances of the vectors themselves, from the index where it holds them, else from the caller.
 */

import { cosineSimilarity, innerProduct, isBetter, type Metric, squaredL2 } from '../core/metric.ts';
import type { RefineSearchParams } from '../core/options.ts';
import { VectorSet } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import { show } from '../util/check.ts';
import { runSync } from '../util/steps.ts';
import { type Parts, queriesOf, truthSteps } from './parts.ts';

/** Ranks looked up in the index. */
const RANKS = 1000;

/** What is known of the true distances from one query. */
export interface Exact {
	/** In the metric's own terms; undefined where the vector is not at hand. */
	distance(label: number, row: number): number | undefined;
	/** Rank among all vectors, from 1; Infinity when beyond those looked up, undefined when not known. */
	rank(row: number, distance: number | undefined): number | undefined;
}

export function distanceOf(metric: Metric, a: ArrayLike<number>, b: ArrayLike<number>): number {
	if (metric === 'l2') return squaredL2(a, b);
	return metric === 'ip' ? innerProduct(a, b) : cosineSimilarity(a, b);
}

/** The vectors that an index was made of: all rows in the order of adding, or a function from a label to its vector. */
export type VectorLookup = VectorSet | ((label: number) => ArrayLike<number> | undefined);

/** What is known of the true distances from one query. */
export function exactDistances(
	where: string,
	parts: Parts,
	q: VectorSet,
	k: number,
	params: RefineSearchParams,
	vectors: VectorLookup | undefined,
): Exact {
	if (vectors !== undefined) checkVectors(where, parts, vectors);
	if (parts.exact) return ofIndex(parts, q, k, params);
	const { metric, d } = parts.index;
	if (vectors === undefined) return { distance: () => undefined, rank: () => undefined };
	if (vectors instanceof VectorSet) {
		return {
			distance: (_, row) => distanceOf(metric, q.data, vectors.row(row)),
			rank: (row, distance) => rankAmong(metric, q.data, vectors, row, distance!, parts.index.labelSpace.live),
		};
	}
	const distance = (label: number): number | undefined => {
		const vector = vectors(label);
		if (vector === undefined) return undefined;
		if (vector.length === d) return distanceOf(metric, q.data, vector);
		const message = `${where}: vectors(${label}) has ${vector.length} values, expected ${d}`;
		throw new VecinoError('dimension-mismatch', message, { expected: d, found: vector.length });
	};
	return { distance, rank: () => undefined };
}

/** Refuses what cannot be the vectors of an index. */
export function checkVectors(where: string, { index }: Parts, vectors: unknown): void {
	if (typeof vectors === 'function') return;
	if (!(vectors instanceof VectorSet)) {
		throw new TypeError(
			`${where}: vectors must be a VectorSet or a function from a label to its vector, got ${show(vectors)}`,
		);
	}
	checkSameRows(where, index, vectors);
}

/** Refuses rows of another number or dimension than those of an index. */
export function checkSameRows(
	where: string,
	{ d, labelEnd }: { readonly d: number; readonly labelEnd: number },
	vectors: { readonly n: number; readonly d: number },
): void {
	if (vectors.d !== d) {
		const message = `${where}: vectors has dimension ${vectors.d}, expected ${d}`;
		throw new VecinoError('dimension-mismatch', message, { expected: d, found: vectors.d });
	}
	if (vectors.n === labelEnd) return;
	throw new RangeError(
		`${where}: vectors must be the ${labelEnd} rows in the index, in the order of adding, got ${vectors.n}`,
	);
}

/** From an index that holds the vectors themselves. */
function ofIndex(parts: Parts, q: VectorSet, k: number, params: RefineSearchParams): Exact {
	const { index, refine, leaf } = parts;
	const store = refine ?? leaf;
	const query = queriesOf(parts, q).store.row(0);
	let nearest: Float64Array | undefined;
	return {
		distance: (_, row) => distanceOf(index.metric, query, store.reconstructRow(row)),
		rank: (row) => {
			nearest ??= runSync(truthSteps(parts, q, Math.min(index.ntotal, Math.max(k, RANKS)), params), params).labels;
			const at = nearest.indexOf(row);
			return at < 0 ? Number.POSITIVE_INFINITY : at + 1;
		},
	};
}

/** Rank of a row among those alive; ties go to the lower one. */
function rankAmong(
	metric: Metric,
	q: Float32Array,
	x: VectorSet,
	row: number,
	distance: number,
	live: LabelBitmap | undefined,
): number {
	let rank = 1;
	for (let i = 0; i < x.n; i++) {
		if (live?.has(i) === false) continue;
		const other = distanceOf(metric, q, x.row(i));
		if (isBetter(metric, other, distance) || (other === distance && i < row)) rank++;
	}
	return rank;
}
