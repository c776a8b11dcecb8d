/**
 * How far vectors lie from the centroids of their cells, on average: of training rows and of vectors added. Where the
 * second grows beyond the first, new vectors are unlike those that the cells were made for (indexes/health.ts). How far a
 * vector is that goes again nobody remembers: it counts as far as the average.
 *
 * Under 'l2' it is the squared distance; else 2 - 2 cos, the squared distance of directions.
 */

import { Assigner } from '../cluster/kmeans.ts';
import type { ReducedCentroids } from '../cluster/reduced.ts';
import { sampledRows, sampleRows } from '../cluster/rows.ts';
import type { Metric } from '../core/metric.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Steps } from '../util/steps.ts';
import { kernelMetric } from './batch.ts';

/** Training rows looked at: the mean is then about 1 % off. */
const ROWS = 4096;
/** See trainedSpread. */
const FIT = 1.5;

/** Rows `sample` of x to their nearest of nlist centroids, numbers to `assigned`; returns the sum of what they are off. */
export function* assignRows(
	engine: Engine,
	metric: Metric,
	x: VectorSet,
	sample: Uint32Array,
	centroids: number,
	nlist: number,
	assigned: Uint32Array,
	phase: string,
	reduced?: ReducedCentroids,
): Steps<number> {
	const { d, data } = x;
	const n = sample.length;
	using assigner = new Assigner(engine, d, centroids, nlist, kernelMetric(metric), n, false, reduced);
	using rows = sampledRows(engine, x, sample, metric === 'cosine');
	if (metric !== 'ip') {
		const sum = yield* assigner.run(rows, assigned, phase);
		return metric === 'l2' ? sum : 2 * n - 2 * sum;
	}
	let cosines = 0;
	const see = (_cell: number, distance: number, i: number): void => {
		const start = sample[i]! * d;
		let length = 0;
		for (let t = start; t < start + d; t++) length += data[t]! * data[t]!;
		if (length > 0) cosines -= distance / Math.sqrt(length);
	};
	yield* assigner.run(rows, assigned, phase, undefined, { see });
	return 2 * n - 2 * cosines;
}

/**
 * What rows like those of x are to be expected off k centroids that `trained` of them have made. Rows that centroids are
 * the mean of are nearer than others: with p of them to a centroid by (p - FIT) / (p + FIT), about (seeded clusters, p of
 * 10, 33 and 100: rows left out came to 1.11, 1.03 and 1.02 times what FIT = 1 expects).
 */
export function* trainedSpread(
	engine: Engine,
	metric: Metric,
	x: VectorSet,
	centroids: number,
	k: number,
	trained: number,
	seed: number,
): Steps<number> {
	const sample = sampleRows(x.n, ROWS, (seed + 4) >>> 0);
	const sum = yield* assignRows(engine, metric, x, sample, centroids, k, new Uint32Array(sample.length), 'spread');
	const perCell = Math.max(3, trained / k);
	const share = trained / x.n;
	return (sum / sample.length) * (1 - share + (share * (perCell + FIT)) / (perCell - FIT));
}

/** Spread of training rows, and of those of `n` added vectors, `sum` together. */
export interface Spread {
	readonly trained: number;
	readonly sum: number;
	readonly n: number;
}

/** Takes vectors added in, and out again when they are taken back. */
export class SpreadSum {
	readonly trained: number;
	#sum: number;
	#n: number;
	/** Next label and sum before each of the last adds. */
	#before: { readonly labelEnd: number; readonly sum: number; readonly n: number }[] = [];

	constructor({ trained, sum, n }: Spread) {
		this.trained = trained;
		this.#sum = sum;
		this.#n = n;
	}

	get now(): Spread {
		return { trained: this.trained, sum: this.#sum, n: this.#n };
	}

	/** n vectors, `sum` off together, where the next label was `labelEnd`. */
	add(n: number, sum: number, labelEnd: number): void {
		this.#before.push({ labelEnd, sum: this.#sum, n: this.#n });
		if (this.#before.length > MAX_KEPT) this.#before.shift();
		this.#sum += sum;
		this.#n += n;
	}

	/** Vectors that were here have moved to cells that they are `change` further off, all together. */
	move(change: number): void {
		this.#sum = Math.max(0, this.#sum + change);
	}

	/** n vectors are gone, any: they take the mean of all with them. */
	drop(n: number): void {
		const left = Math.max(0, this.#n - n);
		this.#sum = left === 0 ? 0 : this.#sum * (left / this.#n);
		this.#n = left;
		// What was before does not come back.
		this.#before = [];
	}

	/** Labels from n on are gone, where the next one was `labelEnd`. */
	truncate(n: number, labelEnd: number): void {
		const before = this.#before.findLast((one) => one.labelEnd === n);
		this.#before = before === undefined ? [] : this.#before.filter((one) => one.labelEnd < n);
		// Where nobody knows, they were as far off as the others.
		const share = labelEnd === 0 ? 0 : n / labelEnd;
		this.#sum = before?.sum ?? this.#sum * share;
		this.#n = before?.n ?? Math.round(this.#n * share);
	}
}

const MAX_KEPT = 4096;
