/**
 * Recall and time of searches, one query at a time, as a service answers them.
 */

import {
	type Index,
	IndexFlat,
	IndexHNSW,
	type Interval,
	type LabelMatrix,
	type Metric,
	meanInterval,
	recallPerQuery,
	type SearchResult,
	type VectorSet,
} from 'vecino';
import type { Context } from './context.ts';
import { identify, partsOf } from './describe.ts';
import { UsageError } from './errors.ts';

/** Milliseconds per query, over single queries. */
export interface Timing {
	readonly median: number;
	readonly p95: number;
}

export interface Measured {
	readonly found: LabelMatrix;
	readonly ms: Timing;
}

/** Searches that are not timed, before those that are: so many at least, and for so long. */
const WARM_UP = { searches: 20, ms: 60 } as const;
/** Timed at least so often, going round when there are fewer queries. */
const MIN_TIMED = 50;

/** Answers each query on its own; the median time is over all of them. */
export async function searchEach(
	context: Context,
	queries: VectorSet,
	k: number,
	search: (query: Float32Array) => SearchResult,
	phase = 'search',
): Promise<Measured> {
	const { n } = queries;
	const labels = new Float64Array(n * k);
	const begin = performance.now();
	let pause = begin + 20;
	for (let i = 0; i < WARM_UP.searches || performance.now() < begin + WARM_UP.ms; i++) {
		search(queries.row(i % n));
		if (performance.now() < pause) continue;
		await context.breathe();
		pause = performance.now() + 20;
	}
	const times: number[] = [];
	for (let i = 0; i < Math.max(n, MIN_TIMED); i++) {
		const query = queries.row(i % n);
		const start = performance.now();
		const result = search(query);
		const end = performance.now();
		times.push(end - start);
		if (i < n) labels.set(result.labels, i * k);
		if (end < pause) continue;
		context.progress.report({ phase, done: Math.min(i, n), total: n });
		await context.breathe();
		pause = performance.now() + 20;
	}
	return { found: { nq: n, k, labels }, ms: timing(times) };
}

export interface Truth {
	readonly truth: SearchResult;
	/** Of an exact scan, one query at a time. */
	readonly ms: Timing;
}

/** Searches of the exact scan that are timed. */
const EXACT_TIMED = 15;

/** The exact neighbours, and what finding them costs without an index. */
export async function exactTruth(
	context: Context,
	base: VectorSet,
	queries: VectorSet,
	k: number,
	metric: Metric,
): Promise<Truth> {
	using flat = new IndexFlat({ d: base.d, metric });
	await flat.addAsync(base, context.run);
	const { signal, onProgress } = context.run;
	const truth = await flat.searchAsync(queries, k, {
		signal,
		onProgress: ({ done, total }) => onProgress({ phase: 'exact neighbours', done, total }),
	});
	const times: number[] = [];
	for (let i = 0; i < EXACT_TIMED; i++) {
		const query = queries.row(i % queries.n);
		const start = performance.now();
		flat.search(query, k);
		times.push(performance.now() - start);
		await context.breathe();
	}
	return { truth, ms: timing(times) };
}

/** recall@k over the queries with its 95 % interval. */
export function recallInterval(found: LabelMatrix, truth: LabelMatrix, k: number): Interval {
	return meanInterval(recallPerQuery(found, truth, Math.min(k, found.k, truth.k)));
}

/** Candidates per result that make a search for k re-rank exactly `candidates`, which is at least k. */
export function kFactorFor(candidates: number, k: number): number {
	// Rounded up to whole candidates by the search; the half keeps 100 / 3 * 3 from becoming 101.
	return candidates === k ? 1 : (candidates - 0.5) / k;
}

/** Refuses search options that the index has no use for. */
export function checkSearchOptions(
	index: Index,
	{ nprobe, kFactor, efSearch }: { nprobe?: unknown; kFactor?: unknown; efSearch?: unknown },
): void {
	const { base, ivf, refine } = partsOf(index);
	if (efSearch !== undefined && !(base instanceof IndexHNSW)) {
		throw new UsageError(`--ef-search is for graphs (build --type hnsw); this is an ${identify(index).type}`);
	}
	if (nprobe !== undefined && ivf === undefined) {
		throw new UsageError(`--nprobe is for indexes with cells; this is an ${identify(index).type}`);
	}
	if (kFactor !== undefined && refine === undefined) {
		throw new UsageError(`--k-factor is for indexes that re-rank (build --refine); this is an ${identify(index).type}`);
	}
}

function timing(times: number[]): Timing {
	times.sort((a, b) => a - b);
	const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(share * times.length))]!;
	return { median: at(0.5), p95: at(0.95) };
}
