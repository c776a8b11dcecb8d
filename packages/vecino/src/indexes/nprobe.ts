/**
 * The default nprobe of an IVF index, measured in training: the fewest cells that hold 95 % of the ten
 * nearest neighbours of training rows among a sample of training rows.
 *
 * The sample is sparser than the full data, so neighbours are further away and the value errs on the
 * side of recall. Costs about QUERIES * POOL distances: a fraction of a second.
 */

import { copyRows, sampleRows } from '../cluster/rows.ts';
import type { Metric } from '../core/metric.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Steps } from '../util/steps.ts';
import { kernelMetric, SearchScratch } from './batch.ts';

export const QUERIES = 128;
const NEIGHBOURS = 10;
const TARGET = 0.95;
/** Sampled rows are held to this many bytes. */
const POOL_BYTES = 64 * 1024 * 1024;
const MAX_POOL = 65_536;
/** Ranks looked at; a neighbour further down counts as a miss. */
const MAX_RANK = 1024;

/** Rows of the sample of n. */
export function poolSize(n: number, d: number): number {
	return Math.min(n, Math.max(1, Math.min(MAX_POOL, Math.floor(POOL_BYTES / (4 * d)))));
}

/** Fewest cells for TARGET; `centroids` points to nlist * d values. */
export function* measureNprobe(
	engine: Engine,
	x: VectorSet,
	metric: Metric,
	centroids: number,
	nlist: number,
	seed: number,
): Steps<number> {
	if (nlist === 1) return 1;
	const { arena, kernels } = engine;
	const { d } = x;
	const sample = sampleRows(x.n, poolSize(x.n, d), (seed + 2) >>> 0);
	const n = sample.length;
	const kind = kernelMetric(metric);
	const ranks = Math.min(nlist, MAX_RANK);
	const k = Math.min(NEIGHBOURS + 1, n);
	const pool = arena.alloc(n * d * 4);
	try {
		using cells = new SearchScratch(engine, d, ranks, 1, 0);
		using near = new SearchScratch(engine, d, k, 1, 0);
		copyRows(engine, x, sample, 0, n, pool);
		if (metric === 'cosine') kernels.normalizeRows(pool, n, d);
		const scan = kind === 'l2' ? kernels.scanL2 : kernels.scanIp;
		const search = (scratch: SearchScratch, rows: number, count: number, q: number): number => {
			scratch.initTopk(0);
			arena.u32.set([rows, 0, 0, count], scratch.entry >>> 2);
			scan(scratch.entry, 0, 0, 1, 0, scratch.tile, scratch.topk(0), q, d);
			return scratch.finish(0);
		};
		/** Neighbours whose cell has rank r, over all queries; beyond the last rank: misses. */
		const histogram = new Uint32Array(ranks + 1);
		const queries = Math.min(QUERIES, n);
		const nearestCell = new Map<number, number>();
		for (let i = 0; i < queries; i++) {
			const row = Math.floor((i * n) / queries);
			const q = pool + row * d * 4;
			const found = search(near, pool, n, q);
			const neighbours = Array.from(arena.u32.subarray(near.labels >>> 2, (near.labels >>> 2) + found));
			for (const neighbour of neighbours) {
				if (nearestCell.has(neighbour)) continue;
				search(cells, centroids, nlist, pool + neighbour * d * 4);
				nearestCell.set(neighbour, arena.u32[cells.labels >>> 2]!);
			}
			search(cells, centroids, nlist, q);
			const order = arena.u32.subarray(cells.labels >>> 2, (cells.labels >>> 2) + ranks);
			for (const neighbour of neighbours) {
				if (neighbour === row) continue;
				const rank = order.indexOf(nearestCell.get(neighbour)!);
				const at = rank < 0 ? ranks : rank;
				histogram[at] = histogram[at]! + 1;
			}
			yield { phase: 'nprobe', done: i + 1, total: queries };
		}
		return fewest(histogram, ranks);
	} finally {
		arena.free(pool);
	}
}

function fewest(histogram: Uint32Array, ranks: number): number {
	const total = histogram.reduce((a, b) => a + b, 0);
	let covered = 0;
	for (let rank = 0; rank < ranks; rank++) {
		covered += histogram[rank]!;
		if (covered >= TARGET * total) return rank + 1;
	}
	return ranks;
}
