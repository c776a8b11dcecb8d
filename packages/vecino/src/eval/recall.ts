/**
 * How good are the answers? Recall against exact neighbours, with a confidence interval.
 */

import { checkInt, checkNumber } from '../util/check.ts';

/** Neighbours of nq queries, k labels each, nearest first, layout (nq, k); -1 is padding. A SearchResult is one. */
export interface LabelMatrix {
	/** Queries. */
	readonly nq: number;
	/** Labels per query. */
	readonly k: number;
	/** Size nq * k, layout (nq, k). */
	readonly labels: ArrayLike<number>;
}

/** A mean with its confidence interval. */
export interface Interval {
	/** The mean itself. */
	readonly mean: number;
	/** Lower end of the interval. */
	readonly low: number;
	/** Upper end of the interval. */
	readonly high: number;
}

/**
 * recall@k of every query: |found in the first k, among the true first k| / k, where k is cut to the number
 * of true neighbours there are. Size nq.
 *
 * @param k - Default: the smaller k of the two.
 *
 * @example
 * const found = { nq: 2, k: 2, labels: [5, 1, 7, 8] };
 * const truth = { nq: 2, k: 2, labels: [1, 2, 7, 8] };
 * console.log(recallPerQuery(found, truth)); // Float64Array(2) [0.5, 1]
 */
export function recallPerQuery(found: LabelMatrix, truth: LabelMatrix, k?: number): Float64Array<ArrayBuffer> {
	const width = checkPair('recallPerQuery', found, truth, k);
	const out = new Float64Array(found.nq);
	for (let i = 0; i < found.nq; i++) {
		const nearest = firstLabels(truth, i, width);
		let hits = 0;
		for (const label of firstLabels(found, i, width)) if (nearest.has(label)) hits++;
		out[i] = nearest.size === 0 ? 1 : hits / nearest.size;
	}
	return out;
}

/**
 * Mean recall@k over all queries: |found ∩ true top-k| / k. 1 when there are no queries.
 *
 * @example
 * using index = new IndexIVFFlat({ d: 64, nlist: 20 });
 * index.train(vectors).add(vectors);
 * const truth = exactNeighbors(vectors, queries, 10);
 * console.log(recallAtK(index.search(queries, 10, { nprobe: 20 }), truth)); // 1
 */
export function recallAtK(found: LabelMatrix, truth: LabelMatrix, k?: number): number {
	return mean(recallPerQuery(found, truth, k));
}

/**
 * 1R@R: the share of queries whose nearest neighbour is among the first R found (FAISS's 1-recall@R).
 *
 * @example
 * const found = { nq: 2, k: 2, labels: [5, 1, 7, 8] };
 * const truth = { nq: 2, k: 1, labels: [1, 7] };
 * console.log(oneRecallAtR(found, truth, 1), oneRecallAtR(found, truth, 2)); // 0.5 1
 */
export function oneRecallAtR(found: LabelMatrix, truth: LabelMatrix, r: number = found.k): number {
	checkPair('oneRecallAtR', found, truth, 1);
	checkInt('oneRecallAtR', 'r', r, 1, found.k);
	let hits = 0;
	for (let i = 0; i < found.nq; i++) {
		const [nearest] = firstLabels(truth, i, 1);
		if (nearest === undefined || firstLabels(found, i, r).has(nearest)) hits++;
	}
	return found.nq === 0 ? 1 : hits / found.nq;
}

/**
 * Mean of per-query values in 0..1 with a confidence interval: Wilson's score interval (1927) for as many
 * yes-or-no trials as would give the spread seen. It stays inside 0..1 and does not shrink to nothing when
 * every query scored 1.
 *
 * @param z - Half width in standard errors. Default: 1.96, a 95 % interval.
 *
 * @example
 * const { mean, low, high } = meanInterval([1, 1, 0.9, 1, 0.8]);
 * console.log(mean.toFixed(2), low.toFixed(2), high.toFixed(2)); // 0.94 0.81 0.98
 */
export function meanInterval(perQuery: ArrayLike<number>, z = 1.96): Interval {
	checkNumber('meanInterval', 'z', z, 0, 10);
	const n = perQuery.length;
	if (n === 0) return { mean: 1, low: 0, high: 1 };
	const p = mean(perQuery);
	let squares = 0;
	for (let i = 0; i < n; i++) squares += (perQuery[i]! - p) ** 2;
	const variance = n > 1 ? squares / (n - 1) : p * (1 - p);
	const trials = variance > 0 ? (n * p * (1 - p)) / variance : n;
	return scoreInterval(p, trials, z);
}

/**
 * A share of yes-or-no trials with Wilson's score interval (1927).
 *
 * @param z - Half width in standard errors. Default: 1.96, a 95 % interval.
 *
 * @example
 * const { mean, low, high } = wilsonInterval(95, 100);
 * console.log(mean, low.toFixed(3), high.toFixed(3)); // 0.95 0.888 0.978
 */
export function wilsonInterval(hits: number, trials: number, z = 1.96): Interval {
	checkNumber('wilsonInterval', 'trials', trials, 0, Number.MAX_SAFE_INTEGER);
	checkNumber('wilsonInterval', 'hits', hits, 0, trials);
	checkNumber('wilsonInterval', 'z', z, 0, 10);
	return trials === 0 ? { mean: 1, low: 0, high: 1 } : scoreInterval(hits / trials, trials, z);
}

function scoreInterval(p: number, trials: number, z: number): Interval {
	const scale = 1 + (z * z) / trials;
	const centre = (p + (z * z) / (2 * trials)) / scale;
	const half = (z * Math.sqrt((p * (1 - p)) / trials + (z * z) / (4 * trials * trials))) / scale;
	return { mean: p, low: Math.max(0, Math.min(p, centre - half)), high: Math.min(1, Math.max(p, centre + half)) };
}

function mean(values: ArrayLike<number>): number {
	if (values.length === 0) return 1;
	let sum = 0;
	for (let i = 0; i < values.length; i++) sum += values[i]!;
	return sum / values.length;
}

function checkPair(where: string, found: LabelMatrix, truth: LabelMatrix, k: number | undefined): number {
	if (found.nq !== truth.nq) {
		throw new RangeError(`${where}: results of ${found.nq} queries cannot be compared with truth for ${truth.nq}`);
	}
	const most = Math.min(found.k, truth.k);
	return k === undefined ? most : checkInt(where, 'k', k, 1, most);
}

function firstLabels({ labels, k }: LabelMatrix, i: number, count: number): Set<number> {
	const out = new Set<number>();
	for (let j = i * k; j < i * k + count; j++) if (labels[j] !== -1) out.add(labels[j]!);
	return out;
}
