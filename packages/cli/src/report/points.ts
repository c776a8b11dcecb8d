/**
 * What the pictures of every report are made of: operating points.
 */

import type { Interval } from 'vecino';

/** One way to search one index. */
export interface ReportPoint {
	/** As in the table, from 1. */
	readonly no: number;
	/** The setting in words: those parameters that are not the same everywhere. */
	readonly name: string;
	/** Points of one series are of one colour: mostly, one index. */
	readonly series: string;
	/** Whether exact or finer vectors put the candidates in order. */
	readonly reranked: boolean;
	readonly recall: Interval;
	/** Resident bytes over the number of vectors, with those that re-ranking reads. */
	readonly bytesPerVector: number;
	/** Of a query, alone on one thread: the median, or what it is forecast to be. */
	readonly ms: number;
	/** No other point has at least this recall with no more bytes and no more time. */
	readonly front: boolean;
	/** Shares of the true neighbours; null where they were not counted. */
	readonly losses: { readonly cellNotProbed: number; readonly codeTooCoarse: number } | null;
	/** Of a tuner: what it chose. */
	readonly chosen?: boolean;
}

/** Series in the order in which they appear. */
export function seriesOf(points: readonly ReportPoint[]): string[] {
	return [...new Set(points.map(({ series }) => series))];
}

/** The corners of the best recall that is to be had for at most so much, from the cheapest on. */
export function staircase(
	points: readonly ReportPoint[],
	cost: (point: ReportPoint) => number,
): { x: number; y: number }[] {
	const order = [...points].sort((a, b) => cost(a) - cost(b) || b.recall.mean - a.recall.mean);
	const out: { x: number; y: number }[] = [];
	for (const point of order) {
		if (out.length > 0 && point.recall.mean <= out.at(-1)!.y) continue;
		out.push({ x: cost(point), y: point.recall.mean });
	}
	return out;
}

/** The fewest bytes, and the least time, with which each recall is reached; null where none reaches it. */
export interface Pick {
	readonly target: number;
	readonly smallest: ReportPoint | null;
	readonly fastest: ReportPoint | null;
}

export const TARGETS: readonly number[] = [0.8, 0.9, 0.95, 0.99];

export function picks(points: readonly ReportPoint[], targets: readonly number[] = TARGETS): Pick[] {
	return targets.map((target) => {
		const enough = points.filter(({ recall }) => recall.mean >= target);
		const least = (cost: (point: ReportPoint) => number, then: (point: ReportPoint) => number) =>
			enough.reduce<ReportPoint | null>((best, point) => {
				if (best === null) return point;
				const by = cost(point) - cost(best) || then(point) - then(best);
				return by < 0 ? point : best;
			}, null);
		const size = ({ bytesPerVector }: ReportPoint): number => bytesPerVector;
		const time = ({ ms }: ReportPoint): number => ms;
		return { target, smallest: least(size, time), fastest: least(time, size) };
	});
}
