/**
 * From counts and costs to settings: what each candidate offers, and which are worth being timed.
 */

import { type Interval, meanInterval } from './recall.ts';
import type { Counts } from './tune-count.ts';

/** A pair of parameters of a candidate. */
export interface Point {
	/** Its number among the pairs of the counts. */
	readonly pair: number;
	readonly nprobe: number;
	readonly wide: number;
	/** Mean recall of the queries counted. */
	readonly recall: number;
	/** Forecast. */
	readonly microseconds: number;
}

/** Microseconds of a query (tune-cost.ts). */
export interface CostModel {
	readonly fixed: number;
	readonly perCode: number;
	readonly perCandidate: number;
}

/** Share of the worst queries that are reported apart. */
const WORST = 0.05;

export function pointsOf(counts: Counts, cost: CostModel): Point[] {
	const { nprobes, wides } = counts;
	return nprobes.flatMap((nprobe, p) =>
		wides.map((wide, w) => {
			const pair = p * wides.length + w;
			const recall = meanOf(recallsOf(counts, pair));
			return { pair, nprobe, wide, recall, microseconds: forecast(cost, counts, pair) };
		}),
	);
}

/** recall@k of each query with one pair. */
export function recallsOf({ hits, most, nq, nprobes, wides }: Counts, pair: number): Float64Array<ArrayBuffer> {
	const pairs = nprobes.length * wides.length;
	return Float64Array.from({ length: nq }, (_, i) => (most[i] === 0 ? 1 : hits[i * pairs + pair]! / most[i]!));
}

function forecast({ fixed, perCode, perCandidate }: CostModel, { codes, wides }: Counts, pair: number): number {
	return fixed + perCode * codes[pair]! + (wides.length > 1 ? perCandidate * wides[pair % wides.length]! : 0);
}

/** Points that no quicker one finds as much as, quickest first. */
export function frontOf(points: readonly Point[]): Point[] {
	const front: Point[] = [];
	for (const point of [...points].sort((a, b) => a.microseconds - b.microseconds || b.recall - a.recall)) {
		if (point.recall > (front.at(-1)?.recall ?? -1)) front.push(point);
	}
	return front;
}

/** For each number of candidates the fewest cells that reach a recall, quickest first. */
export function reaching(points: readonly Point[], recall: number): Point[] {
	const least = new Map<number, Point>();
	for (const point of points) {
		if (point.recall >= recall && !least.has(point.wide)) least.set(point.wide, point);
	}
	return [...least.values()].sort((a, b) => a.microseconds - b.microseconds);
}

export interface Score {
	readonly recall: Interval;
	readonly worst: number;
}

export function scoreOf(perQuery: Float64Array): Score {
	const sorted = perQuery.slice().sort();
	const count = Math.max(1, Math.ceil(WORST * sorted.length));
	return { recall: meanInterval(perQuery), worst: meanOf(sorted.subarray(0, count)) };
}

export function meanOf(values: Float64Array): number {
	let sum = 0;
	for (const value of values) sum += value;
	return values.length === 0 ? 1 : sum / values.length;
}
