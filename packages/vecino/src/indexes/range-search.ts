/**
 * Everything within a radius: searches for the K nearest, K four times as large each time, until the last one found lies
 * beyond the radius. So each kind of index answers by the scans it has, and a query with few neighbours costs one search.
 * All searches together cost at most a third more than the last.
 */

import type { Metric } from '../core/metric.ts';
import type { SearchParams } from '../core/options.ts';
import { RangeResult, SearchResult } from '../core/result.ts';
import { VectorSet } from '../core/vectors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { Steps } from '../util/steps.ts';
import type { Searched } from './searched.ts';

/** Neighbours asked for at first, and how much more each time. */
const FIRST_K = 128;
const GROWTH = 4;
/** Neighbours of all queries of one search, at most; one query may need more. */
const MOST_AT_ONCE = 2 ** 20;

export interface RangeOptions<P extends SearchParams> {
	readonly radius: number;
	/** Most results of a query, the nearest. */
	readonly maxResults: number;
	readonly params: P;
	/** Rows that may be found; all, if absent. */
	readonly admitted: LabelBitmap | undefined;
	/** How many these are. */
	readonly matches: number;
}

/** All vectors within the radius of each query, nearest first. */
export function* rangeSteps<P extends SearchParams>(
	index: Searched<P>,
	q: VectorSet,
	{ radius, maxResults, params, admitted, matches }: RangeOptions<P>,
): Steps<RangeResult> {
	const { metric } = index;
	const found: Found[] = new Array(q.n);
	const most = Math.min(matches, maxResults);
	let open = Uint32Array.from({ length: q.n }, (_, i) => i);
	let complete = true;
	for (let k = Math.min(FIRST_K, most); open.length > 0; k = Math.min(k * GROWTH, most)) {
		if (most === 0) {
			for (const i of open) found[i] = NOTHING;
			break;
		}
		const widened = index.widened(params, k);
		const further: number[] = [];
		const block = Math.max(1, Math.floor(MOST_AT_ONCE / k));
		for (let first = 0; first < open.length; first += block) {
			const rows = open.subarray(first, first + block);
			const result = new SearchResult(rows.length, k, metric);
			yield* index.searchSteps(pick(q, rows), k, widened, result, admitted);
			for (const [i, row] of rows.entries()) {
				const n = countWithin(result, i, radius, metric);
				const isLast = n < k || k === most;
				if (!isLast) {
					further.push(row);
					continue;
				}
				const from = i * k;
				found[row] = {
					distances: result.distances.slice(from, from + n),
					labels: result.labels.slice(from, from + n),
				};
				if ((n === k && k < matches) || !index.isExhaustive(widened, k)) complete = false;
			}
		}
		open = Uint32Array.from(further);
	}
	return join(found, metric, complete);
}

interface Found {
	readonly distances: Float32Array;
	readonly labels: Float64Array;
}

const NOTHING: Found = { distances: new Float32Array(0), labels: new Float64Array(0) };

/** The rows of q named by `rows`; q itself when that is all of them. */
function pick(q: VectorSet, rows: Uint32Array): VectorSet {
	if (rows.length === q.n) return q;
	const some = new VectorSet(new Float32Array(rows.length * q.d), q.d);
	for (const [i, row] of rows.entries()) some.data.set(q.row(row), i * q.d);
	return some;
}

/** How many of the neighbours of query i are within the radius; they are in order. */
function countWithin({ k, distances, labels }: SearchResult, i: number, radius: number, metric: Metric): number {
	let [low, high] = [0, k];
	while (low < high) {
		const middle = (low + high) >> 1;
		const at = i * k + middle;
		const within = labels[at] !== -1 && (metric === 'l2' ? distances[at]! <= radius : distances[at]! >= radius);
		if (within) low = middle + 1;
		else high = middle;
	}
	return low;
}

function join(found: readonly Found[], metric: Metric, complete: boolean): RangeResult {
	const lims = new Float64Array(found.length + 1);
	for (const [i, { labels }] of found.entries()) lims[i + 1] = lims[i]! + labels.length;
	const result = new RangeResult(lims, metric, complete);
	for (const [i, { distances, labels }] of found.entries()) {
		result.distances.set(distances, lims[i]!);
		result.labels.set(labels, lims[i]!);
	}
	return result;
}
