/**
 * Training of an index with cells: centroids, the number of cells to open, the codec, how far vectors are off.
 */

import { Assigner, kmeansSteps } from '../cluster/kmeans.ts';
import { CHUNK, sampledRows, sampleRows } from '../cluster/rows.ts';
import { twoLevelSteps } from '../cluster/two-level.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { Steps } from '../util/steps.ts';
import type { TrainOptions } from './base.ts';
import { kernelMetric } from './batch.ts';
import { cellGraphSteps } from './cells.ts';
import type { HnswGraph } from './hnsw-graph.ts';
import type { TrainedCells } from './ivf-cells.ts';
import { MAX_POOL, measureNprobe } from './nprobe.ts';
import { trainedSpread } from './spread.ts';
import { termRange } from './terms.ts';

/** Iterations for coarse centroids, as in FAISS: more barely change recall. */
export const COARSE_ITERATIONS = 10;
/** Cells from which they are found on two levels (cluster/two-level.ts): lists about as good in a half to a fifth of the time. */
export const TWO_LEVEL_FROM = 512;
/** Cells from which they are balanced: 2 to 8 % fewer codes scanned for equal recall. Of fewer, most are opened anyway. */
const BALANCE_FROM = 64;
/** Training rows of a cell, as in FAISS. */
const POINTS_PER_CELL = 256;

/** Rows that training looks at, at most. */
export function trainingRows({ nlist, codec }: TrainedCells, options: TrainOptions): number {
	const perCell = options.maxPointsPerCentroid ?? POINTS_PER_CELL;
	return Math.max(nlist * perCell, codec.trainingLimit(options), MAX_POOL);
}

/** Finds centroids, and a graph over them with coarse 'hnsw', teaches the codec, and makes empty lists. */
export function* trainCells(
	cells: TrainedCells,
	coarse: 'flat' | 'hnsw',
	x: VectorSet,
	options: TrainOptions,
): Steps<void> {
	const { engine, d, metric } = cells;
	const { arena } = engine;
	const seed = options.seed ?? 1234;
	const k = Math.min(cells.nlist, x.n);
	const sample = sampleRows(x.n, k * (options.maxPointsPerCentroid ?? POINTS_PER_CELL), seed);
	using rows = sampledRows(engine, x, sample, metric === 'cosine');
	let graph: HnswGraph | undefined;
	const { clustering = 'auto', ...rest } = options;
	const twoLevels = clustering === 'two-level' || (clustering === 'auto' && k >= TWO_LEVEL_FROM);
	const steps = twoLevels ? twoLevelSteps : kmeansSteps;
	const balance = k >= BALANCE_FROM;
	const asked = { ...rest, niter: options.niter ?? COARSE_ITERATIONS, spherical: metric !== 'l2', balance };
	const trained = yield* steps(engine, rows, k, asked, 'coarse k-means');
	try {
		const nprobe = yield* measureNprobe(engine, x, metric, trained.ptr, k, seed);
		// Last, because it takes effect at once: an abort before leaves the index as it was.
		if (coarse === 'hnsw') graph = yield* cellGraphSteps(engine, d, kernelMetric(metric), trained.ptr, k);
		yield* trainCodec(cells, x, trained.ptr, k, options);
		const spread = yield* trainedSpread(engine, metric, x, trained.ptr, k, sample.length, seed);
		cells.setTrained(arena.readF32(trained.ptr, k * d), nprobe, graph);
		cells.setSpread({ trained: spread, sum: 0, n: 0 });
	} finally {
		if (graph !== cells.graph) graph?.[Symbol.dispose]();
		arena.free(trained.ptr);
	}
}

/** Takes over the cells of an index trained on the same rows with the same options, and teaches the codec as training would. */
export function* trainWithCells(
	cells: TrainedCells,
	from: TrainedCells,
	x: VectorSet,
	options: TrainOptions,
): Steps<void> {
	yield* trainCodec(cells, x, from.centroids, from.nlist, options);
	cells.setTrained(from.readCentroids(), from.nprobe);
	cells.setSpread(from.spread && { ...from.spread.now, sum: 0, n: 0 });
}

/** Teaches the codec rows, or what they are off the k centroids of d values at `centroids`. */
function* trainCodec(
	{ engine, d, metric, codec, byResidual, hasTerms }: TrainedCells,
	x: VectorSet,
	centroids: number,
	k: number,
	options: TrainOptions,
): Steps<void> {
	const limit = codec.trainingLimit(options);
	if (limit === 0) return;
	const sample = sampleRows(x.n, limit, ((options.seed ?? 1234) + 1) >>> 0);
	using rows = sampledRows(engine, x, sample, metric === 'cosine');
	if (!byResidual) {
		yield* codec.trainSteps(rows, options);
		return;
	}
	const assigned = new Uint32Array(rows.n);
	{
		using assigner = new Assigner(engine, d, centroids, k, kernelMetric(metric), rows.n);
		yield* assigner.run(rows, assigned, 'assign');
	}
	const labels = engine.arena.alloc(CHUNK * 4);
	try {
		const chunk = (start: number, count: number): number => {
			const ptr = rows.chunk(start, count);
			engine.arena.u32.set(assigned.subarray(start, start + count), labels >>> 2);
			engine.kernels.residuals(ptr, count, d, labels, centroids, ptr);
			return ptr;
		};
		const residuals = { n: rows.n, d, chunk };
		yield* codec.trainSteps(residuals, options);
		if (!hasTerms || codec.learnTerms === undefined) return;
		const { min, max } = termRange(engine, codec, residuals, labels, centroids, k);
		codec.learnTerms(min, max);
	} finally {
		engine.arena.free(labels);
	}
}
