/**
 * Whether, and in how few dimensions, the cells of many rows are found by bounds first (assembly/reduced.ts). It
 * depends on how the centroids lie: of SIFT's 128 dimensions 32 leave one in 300 of 4096 centroids to be compared. The cells
 * found are the same.
 */

import { ReducedCentroids } from '../cluster/reduced.ts';
import { CHUNK, residentRows } from '../cluster/rows.ts';
import type { Metric } from '../core/metric.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { Engine } from '../kernels/engine.ts';
import { align16 } from '../quantizers/codec.ts';
import { momentsSteps } from '../transforms/covariance.ts';
import { eigenSteps } from '../transforms/eigen.ts';
import type { Steps } from '../util/steps.ts';
import { kernelMetric, loadRows } from './batch.ts';

/** Fewer centroids are compared as fast as they are ruled out. */
const LEAST_CENTROIDS = 512;
const LEAST_D = 32;
/** Shares of the dimensions that are tried. */
const SHARES = [1 / 8, 1 / 4, 3 / 8, 1 / 2];
/** Rows that are tried. */
const TRIED = 32;
/** Multiply-adds of the int16 pass that take as long as what comes beside those of a centroid, ... */
const PER_CENTROID = 8;
/** ... as comparing centroids exactly, for each whose bound lies below the nearest distance, ... */
const PER_PASSED = 5000;
/** ... and as the rest of the work for a row. */
const PER_ROW = 15_000;
/** It must cost no more than this share of comparing all. */
const WORTH = 0.75;

/** The k centroids in few dimensions if that serves to find the cells of the rows x; dispose it. */
export function* reduceCells(
	engine: Engine,
	d: number,
	centroids: number,
	k: number,
	metric: Metric,
	x: VectorSet,
): Steps<ReducedCentroids | undefined> {
	// What axes and trials take, about, in multiply-adds of the int16 pass.
	const before = 20 * k * d * d + 400 * d ** 3;
	if (k < LEAST_CENTROIDS || d < LEAST_D || x.n * k * d * (1 - WORTH) < before) return undefined;
	const { mean, covariance } = yield* momentsSteps(engine, residentRows(centroids, k, d), true, 'axes');
	const sizes = SHARES.map((share) => Math.ceil((d * share) / 8) * 8);
	const { vectors } = yield* eigenSteps(covariance, d, sizes.at(-1)! - 1, 'axes');
	let best: ReducedCentroids | undefined;
	let least = WORTH * k * (d + PER_CENTROID);
	for (const r of sizes) {
		const made = new ReducedCentroids(engine, d, centroids, k, { mean, vectors }, r);
		let kept = false;
		try {
			const passed = countPassed(engine, d, centroids, k, metric, x, made);
			const cost = k * (r + PER_CENTROID) + passed * PER_PASSED + r * d + PER_ROW;
			kept = cost < least;
			if (!kept) continue;
			least = cost;
			best?.[Symbol.dispose]();
			best = made;
		} finally {
			if (!kept) made[Symbol.dispose]();
		}
	}
	return best;
}

/** How many centroids have a bound below the nearest distance, mean over some rows. */
function countPassed(
	engine: Engine,
	d: number,
	centroids: number,
	k: number,
	metric: Metric,
	x: VectorSet,
	{ r, centre, basis, share, halfNorms }: ReducedCentroids,
): number {
	const { arena, kernels } = engine;
	const l2 = kernelMetric(metric) === 'l2';
	const rows = Math.min(TRIED, x.n);
	const part = Math.min(CHUNK, k);
	// Reduced centroids, a row as it is, centred and reduced, bounds, distances.
	const sizes = [k * r * 4, d * 4, part * d * 4, r * 4, k * 4, k * 4].map(align16);
	const reduced = arena.alloc(sizes.reduce((a, b) => a + b));
	const at = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, reduced));
	const [, row, centred, form, dots, distances] = at as [number, number, number, number, number, number];
	try {
		for (let start = 0; start < k; start += part) {
			const count = Math.min(part, k - start);
			const from = centroids + start * d * 4;
			kernels.reduceRows(from, count, d, centre, basis, r, share, centred, reduced + start * r * 4);
		}
		let passed = 0;
		for (let i = 0; i < rows; i++) {
			loadRows(engine, metric, x, Math.floor((i * x.n) / rows), 1, row);
			kernels.reduceRows(row, 1, d, l2 ? centre : 0, basis, r, share, centred, form);
			kernels.ipMany(form, reduced, k, r, dots);
			if (l2) kernels.l2Many(row, centroids, k, d, distances);
			else kernels.ipMany(row, centroids, k, d, distances);
			const { f32 } = arena;
			let nearest = Number.POSITIVE_INFINITY;
			for (let c = 0; c < k; c++) nearest = Math.min(nearest, f32[(distances >>> 2) + c]!);
			// In terms of |c|^2 / 2 - x . c, with the mean taken off.
			let offset = 0;
			for (let t = 0; t < d; t++) {
				const value = l2 ? f32[(centred >>> 2) + t]! : f32[(row >>> 2) + t]!;
				offset += value * (l2 ? -value / 2 : f32[(centre >>> 2) + t]!);
			}
			const limit = (l2 ? nearest / 2 : nearest) + offset;
			for (let c = 0; c < k; c++) {
				const bound = (l2 ? f32[(halfNorms >>> 2) + c]! : 0) + f32[(dots >>> 2) + c]!;
				if (bound <= limit) passed++;
			}
		}
		return passed / rows;
	} finally {
		arena.free(reduced);
	}
}
