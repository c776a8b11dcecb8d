/**
 * The default nprobe of an IVF index, measured in training: the fewest cells that hold 95 % of the ten
 * nearest neighbours of training rows among a sample of training rows.
 *
 * The sample is sparser than the full data, so neighbours are further away and the value errs on the
 * side of recall. Costs about QUERIES * POOL distances: a fraction of a second.
 */

import { Assigner } from '../cluster/kmeans.ts';
import { copyRows, sampledRows, sampleRows } from '../cluster/rows.ts';
import type { Metric } from '../core/metric.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { Engine } from '../kernels/engine.ts';
import { together } from '../kernels/pool/parallel.ts';
import type { Steps } from '../util/steps.ts';
import { chunks, kernelMetric, SearchScratch } from './batch.ts';

export const QUERIES = 128;
const NEIGHBOURS = 10;
const TARGET = 0.95;
/** Sampled rows are held to this many bytes. */
const POOL_BYTES = 64 * 1024 * 1024;
export const MAX_POOL = 65_536;
/** Searches a thread is given at a time. */
const SEARCHES_PER_THREAD = 4;
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
		copyRows(engine, x, sample, 0, n, pool);
		if (metric === 'cosine') kernels.normalizeRows(pool, n, d);
		const many = Math.min(QUERIES, n);
		const queries = Array.from({ length: many }, (_, i) => Math.floor((i * n) / many));
		const all = { engine, d, kind, pool };
		const near = yield* nearest(all, pool, n, queries, k);
		const neighbours = Uint32Array.from(new Set(near.flat())).sort();
		const cells = new Uint32Array(neighbours.length);
		{
			using assigner = new Assigner(engine, d, centroids, nlist, kind, neighbours.length);
			const chosen = neighbours.map((neighbour) => sample[neighbour]!);
			using rows = sampledRows(engine, x, chosen, metric === 'cosine');
			yield* assigner.run(rows, cells, 'nprobe');
		}
		const cellOf = new Map([...neighbours].map((neighbour, i) => [neighbour, cells[i]!]));
		const orders = yield* nearest(all, centroids, nlist, queries, ranks);
		/** Neighbours whose cell has rank r, over all queries; beyond the last rank: misses. */
		const histogram = new Uint32Array(ranks + 1);
		for (const [i, row] of queries.entries()) {
			for (const neighbour of near[i]!) {
				if (neighbour === row) continue;
				const rank = orders[i]!.indexOf(cellOf.get(neighbour)!);
				const at = rank < 0 ? ranks : rank;
				histogram[at] = histogram[at]! + 1;
			}
		}
		return fewest(histogram, ranks);
	} finally {
		arena.free(pool);
	}
}

interface Searched {
	readonly engine: Engine;
	readonly d: number;
	readonly kind: 'l2' | 'ip';
	/** Pointer to the sampled rows. */
	readonly pool: number;
}

/** The k nearest of `count` rows of d values at `rows`, nearest first, for each of some sampled rows. */
function* nearest(
	{ engine, d, kind, pool }: Searched,
	rows: number,
	count: number,
	queries: readonly number[],
	k: number,
): Steps<number[][]> {
	const { arena, kernels, threads } = engine;
	const scan = kind === 'l2' ? kernels.scanL2 : kernels.scanIp;
	const found: number[][] = [];
	const scratches: SearchScratch[] = [];
	try {
		const size = threads === 1 ? 1 : Math.min(queries.length, threads * SEARCHES_PER_THREAD);
		while (scratches.length < size) scratches.push(new SearchScratch(engine, d, k, 1, 0));
		for (const scratch of scratches) arena.u32.set([rows, 0, 0, count], scratch.entry >>> 2);
		for (const [start, many] of chunks(queries.length, size)) {
			const now = scratches.slice(0, many);
			const pieces = now.map((scratch, i) => () => {
				scratch.initTopk(0);
				const q = pool + queries[start + i]! * d * 4;
				scan(scratch.entry, 0, 0, 1, 0, scratch.tile, scratch.topk(0), q, d);
				scratch.finish(0);
			});
			yield together(engine, pieces);
			for (const scratch of now) {
				const labels = scratch.labels >>> 2;
				found.push(Array.from(arena.u32.subarray(labels, labels + scratch.count(0))));
			}
			yield { phase: 'nprobe', done: start + many, total: queries.length };
		}
		return found;
	} finally {
		for (const scratch of scratches) scratch[Symbol.dispose]();
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
