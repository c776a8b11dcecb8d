/**
 * Training rows less the centroid of their cell, for what learns ahead of an index that codes residuals: the cells of that
 * index are not there yet, so these are found in a sample, by the same k-means.
 */

import { Assigner, kmeansSteps } from '../cluster/kmeans.ts';
import { CHUNK, type TrainingRows } from '../cluster/rows.ts';
import { twoLevelSteps } from '../cluster/two-level.ts';
import type { Metric } from '../core/metric.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Steps } from '../util/steps.ts';
import { kernelMetric } from './batch.ts';
import { COARSE_ITERATIONS, TWO_LEVEL_FROM } from './ivf-train.ts';

/**
 * Rows of the sample for each cell, at least, as many as a centroid of the index has: those of fewer lie nearer to them than
 * to other rows. Text, 256 dimensions, 32 codes of 4 bits, re-ranked: .906 with 25, .911 to .917 from 100 on.
 */
const ROWS_PER_CELL = 256;

/** Residuals of `rows` for about nlist cells. Dispose to free centroids and buffers. */
export function* residualRowsSteps(
	engine: Engine,
	rows: TrainingRows,
	{ metric, nlist, seed }: { metric: Metric; nlist: number; seed: number },
): Steps<TrainingRows & Disposable> {
	const { arena, kernels } = engine;
	const { n, d } = rows;
	const k = Math.max(1, Math.min(nlist, Math.floor(n / ROWS_PER_CELL)));
	const steps = k >= TWO_LEVEL_FROM ? twoLevelSteps : kmeansSteps;
	const asked = { niter: COARSE_ITERATIONS, seed, spherical: metric !== 'l2' };
	const trained = yield* steps(engine, rows, k, asked, 'cells of a sample');
	let done = false;
	let labels = 0;
	try {
		const assigned = new Uint32Array(n);
		using assigner = new Assigner(engine, d, trained.ptr, k, kernelMetric(metric), n);
		yield* assigner.run(rows, assigned, 'assign');
		labels = arena.alloc(CHUNK * 4);
		done = true;
		return {
			n,
			d,
			chunk(start, count) {
				const ptr = rows.chunk(start, count);
				arena.u32.set(assigned.subarray(start, start + count), labels >>> 2);
				kernels.residuals(ptr, count, d, labels, trained.ptr, ptr);
				return ptr;
			},
			[Symbol.dispose]: () => {
				arena.free(labels);
				arena.free(trained.ptr);
			},
		};
	} finally {
		if (!done) arena.free(trained.ptr);
	}
}
