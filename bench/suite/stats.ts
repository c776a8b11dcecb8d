/** Numbers about numbers: quantiles, the Pareto front of recall and speed, speed at equal recall. */

/** Median with the quartiles around it. */
export interface Quartiles {
	readonly q1: number;
	readonly median: number;
	readonly q3: number;
}

/** One setting of search parameters: how good and how fast. */
export interface Operating {
	readonly recall: number;
	/** Queries per second. */
	readonly qps: number;
}

/** The p-quantile (0..1), interpolated between neighbours in order; NaN of nothing. */
export function quantile(values: ArrayLike<number>, p: number): number {
	const sorted = Float64Array.from(values).sort();
	if (sorted.length === 0) return Number.NaN;
	const at = p * (sorted.length - 1);
	const below = Math.floor(at);
	const above = Math.min(below + 1, sorted.length - 1);
	return sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!);
}

export function quartiles(values: ArrayLike<number>): Quartiles {
	return { q1: quantile(values, 0.25), median: quantile(values, 0.5), q3: quantile(values, 0.75) };
}

export function median(values: ArrayLike<number>): number {
	return quantile(values, 0.5);
}

/** Points that no other beats in both recall and speed, by rising recall and so by falling speed. */
export function paretoFront<T extends Operating>(points: readonly T[]): T[] {
	const order = [...points].sort((a, b) => b.recall - a.recall || b.qps - a.qps);
	const front: T[] = [];
	let fastest = 0;
	for (const point of order) {
		if (point.qps <= fastest) continue;
		fastest = point.qps;
		front.push(point);
	}
	return front.reverse();
}

/**
 * Points worth measuring well after a first rough look: those that no other beats by `slack` in speed at no less recall.
 */
export function worthwhile<T extends Operating>(points: readonly T[], slack: number): T[] {
	return points.filter(
		(one) => !points.some((other) => other.recall >= one.recall && other !== one && other.qps > slack * one.qps),
	);
}

/**
 * Queries per second at a recall: along the Pareto front, the logarithm of speed linear in recall between two settings.
 * Below the lowest recall of the front its fastest setting counts, which is better than asked; above the highest there
 * is no answer.
 */
export function qpsAtRecall(points: readonly Operating[], recall: number): number | undefined {
	const front = paretoFront(points);
	const above = front.findIndex((point) => point.recall >= recall);
	if (above === -1) return undefined;
	const right = front[above]!;
	const left = front[above - 1];
	if (left === undefined || right.recall === recall) return right.qps;
	const share = (recall - left.recall) / (right.recall - left.recall);
	return Math.exp(Math.log(left.qps) + share * (Math.log(right.qps) - Math.log(left.qps)));
}

/** Highest recall of the points; 0 of none. */
export function bestRecall(points: readonly Operating[]): number {
	return points.reduce((most, { recall }) => Math.max(most, recall), 0);
}
