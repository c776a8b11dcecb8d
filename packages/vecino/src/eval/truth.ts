/**
 * Exact nearest neighbours: the ground truth that recall is measured against.
 */

import type { Metric } from '../core/metric.ts';
import { mergeResults, SearchResult } from '../core/result.ts';
import { toVectorSet, VectorSet, type Vectors } from '../core/vectors.ts';
import { IndexFlat } from '../indexes/flat.ts';
import type { Engine } from '../kernels/engine.ts';
import type { AsyncRunOptions, RunOptions } from '../util/steps.ts';

/** Options of exactNeighbors. */
export interface TruthOptions {
	/** What is compared. Default: 'l2'. */
	readonly metric?: Metric | undefined;
	/** Whose memory and kernels to use. Default: the shared engine. */
	readonly engine?: Engine | undefined;
}

/**
 * The k nearest rows of x for each query, ties to the lower row. Labels are row numbers of x.
 *
 * @example
 * const truth = exactNeighbors(vectors, vectors.slice(3, 5), 10);
 * console.log(truth.labels[0], truth.labels[10]); // 3 4
 */
export function exactNeighbors(
	x: VectorSet,
	q: Vectors,
	k: number,
	{ metric = 'l2', engine, ...run }: TruthOptions & RunOptions = {},
): SearchResult {
	using index = new IndexFlat({ d: x.d, metric, pruned: false, ...(engine && { engine }) });
	return index.add(x).search(q, k, run);
}

/**
 * The same over rows that arrive in parts (a file larger than memory): one part is resident at a time.
 *
 * @param parts - Parts of x in row order, `start` the row number of the first row of each.
 *
 * @example
 * async function* parts() {
 *   yield { start: 0, data: vectors.slice(0, 1000).data };
 *   yield { start: 1000, data: vectors.slice(1000).data };
 * }
 * const { labels } = await exactNeighborsOfParts(parts(), 64, vectors.slice(1500, 1501), 10);
 * console.log(labels[0]); // 1500
 */
export async function exactNeighborsOfParts(
	parts: AsyncIterable<{ start: number; data: Float32Array }>,
	d: number,
	q: Vectors,
	k: number,
	{ metric = 'l2', engine, ...run }: TruthOptions & AsyncRunOptions = {},
): Promise<SearchResult> {
	const queries = toVectorSet('exactNeighborsOfParts', 'q', q, d);
	let best = new SearchResult(queries.n, k, metric);
	for await (const { start, data } of parts) {
		using index = new IndexFlat({ d, metric, pruned: false, ...(engine && { engine }) });
		index.add(new VectorSet(data, d));
		const found = await index.searchAsync(queries, k, run);
		for (let i = 0; i < found.labels.length; i++)
			if (found.labels[i] !== -1) found.labels[i] = found.labels[i]! + start;
		best = mergeResults(best, found, metric);
	}
	return best;
}
