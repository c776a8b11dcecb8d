/**
 * Seconds of a build: the work counted, times the rates of this device, each measured for some 40 ms on made-up rows.
 * What a rate leaves out (caches, the shape of the data) makes it right to within a third or so.
 * Where vectors lie along few directions, adding takes down to half of that (indexes/reduce-cells.ts): data decide.
 */

import { PackedCentroids } from '../cluster/packed.ts';
import { planProgress } from '../cluster/progressive.ts';
import { CHUNK } from '../cluster/rows.ts';
import { CELL_POINTS, PASSES } from '../cluster/two-level.ts';
import { VectorSet } from '../core/vectors.ts';
import type { Parts } from '../factory/bytes.ts';
import { IndexHNSW } from '../indexes/hnsw.ts';
import { COARSE_ITERATIONS } from '../indexes/ivf-train.ts';
import { poolSize, QUERIES } from '../indexes/nprobe.ts';
import type { Engine } from '../kernels/engine.ts';
import { nearestScratchBytes, pqEncodeScratchBytes } from '../kernels/kernels.ts';
import { RabitQuantizer } from '../quantizers/rabitq.ts';
import type { ScalarType } from '../quantizers/scalar-types.ts';
import { Rng } from '../util/rng.ts';
import type { BuildPlan } from './build-plan.ts';

const WARM_MS = 15;
const MEASURE_MS = 40;
/** Seconds of the loops of TypeScript around the kernels, for one row, in k-means and in adding. */
const ROW_SECONDS = 3e-8;
const PLACE_SECONDS = 2.5e-7;

/** @internal */
export function estimateSeconds(engine: Engine, plan: BuildPlan): { train: number; add: number } {
	const { m, dsub, nbits, coarseRows, codecRows, trainingRows, ofResiduals } = plan;
	const { d, n, nlist, codec, graphM, coarseM } = plan.coded;
	const ksub = 2 ** nbits;
	const quantized = m > 0;
	/** Seconds of a row's distances to k centroids, and of its part in an iteration. */
	const nearest = nlist > 0 ? assignRate(engine, d, Math.min(nlist, 512)) : 0;
	const small = quantized ? assignRate(engine, dsub, Math.min(ksub, 256)) : 0;
	const sum = nlist > 0 ? sumRate(engine, d) : 0;
	const encode = quantized
		? encodeRate(engine, plan)
		: codec.kind === 'rabitq'
			? rabitqRate(engine, d, codec.nbits)
			: (d * 4) / 8e9;

	const iteration = (rows: number, k: number): number => rows * (k * nearest + sum + ROW_SECONDS);
	const niter = plan.niter ?? COARSE_ITERATIONS;
	let train = 0;
	if (plan.twoLevels) {
		const cells = Math.round(Math.sqrt(nlist));
		train += niter * iteration(Math.min(coarseRows, cells * CELL_POINTS), cells) + iteration(coarseRows, cells);
		train += niter * iteration(coarseRows, nlist / cells);
		for (const points of PASSES) train += iteration(Math.min(coarseRows, nlist * points), nlist);
	} else if (nlist > 0) {
		train += niter * iteration(coarseRows, nlist);
	}
	if (nlist > 1) train += QUERIES * (poolSize(trainingRows, d) + 11 * nlist) * d * 1.3e-10;
	if (quantized) {
		const { first, few } = planProgress(codecRows, Math.min(ksub, codecRows), plan.niter ?? 25);
		const visits = first * few + ((plan.niter ?? 25) - first) * codecRows;
		train += m * visits * (ksub * small + 2 * ROW_SECONDS);
		if (ofResiduals) train += codecRows * nlist * nearest * (codec.kind === 'pqfs' ? 2 : 1);
	}
	if (coarseM > 0) train += linkSeconds(engine, d, coarseM, nlist);
	const link = graphM > 0 ? linkSeconds(engine, d, graphM, n, codec.kind === 'sq' ? codec.type : 'flat') : 0;
	const place = nlist > 0 ? PLACE_SECONDS + sum : PLACE_SECONDS / 5;
	return { train, add: link + n * (nlist * nearest + encode + place) };
}

/** Seconds of `work()`, in the best of a few calls. */
function time(work: () => void): number {
	const start = performance.now();
	while (performance.now() - start < WARM_MS) work();
	let best = Number.POSITIVE_INFINITY;
	const measured = performance.now();
	let before = measured;
	do {
		work();
		const now = performance.now();
		best = Math.min(best, now - before);
		before = now;
	} while (before - measured < MEASURE_MS);
	return best / 1000;
}

/** A block of the arena for the time of `use`. */
function withBlock<T>({ arena }: Engine, bytes: number, use: (ptr: number) => T): T {
	const ptr = arena.alloc(bytes);
	try {
		return use(ptr);
	} finally {
		arena.free(ptr);
	}
}

/** Rows in eight clumps: nearest centroids are as hard to tell apart as real ones. */
function fill({ arena }: Engine, ptr: number, n: number, d: number): void {
	const rng = new Rng(1);
	const { f32 } = arena;
	for (let i = 0; i < n * d; i++) f32[(ptr >>> 2) + i] = ((Math.floor(i / d) * 7 + i) % 8) + rng.float() * 4;
}

/** Seconds that nearestRows takes for one row and one centroid of d values. */
function assignRate(engine: Engine, d: number, k: number): number {
	const rows = Math.max(64, Math.min(CHUNK, Math.floor(2 ** 24 / (k * d)))) & ~31;
	const scratchBytes = Math.ceil(nearestScratchBytes(k, d) / 16) * 16;
	return withBlock(engine, (rows + k) * d * 4 + scratchBytes + rows * 8, (x) => {
		fill(engine, x, rows + k, d);
		const centroids = x + rows * d * 4;
		const scratch = centroids + k * d * 4;
		const out = scratch + scratchBytes;
		using packed = new PackedCentroids(engine, d, centroids, k);
		const { ptr, magnitude, halfNorms, norm } = packed;
		const work = (): void =>
			engine.kernels.nearestRows(
				...([x, rows, d, centroids, k, 0, ptr, magnitude, halfNorms, norm] as const),
				...([scratch, out, out + rows * 4] as const),
			);
		return (time(work) / (rows * k * d)) * d;
	});
}

/** Seconds of adding one row of d values to the sum of its cluster. */
function sumRate(engine: Engine, d: number): number {
	return withBlock(engine, CHUNK * (d * 12 + 8), (x) => {
		fill(engine, x, CHUNK, d);
		const sums = x + CHUNK * d * 4;
		const labels = sums + CHUNK * d * 8;
		const { u32 } = engine.arena;
		for (let i = 0; i < CHUNK; i++) u32[(labels >>> 2) + i] = (i * 97) % CHUNK;
		engine.arena.u8.fill(0, sums, labels);
		return time(() => engine.kernels.sumRows(x, CHUNK, d, labels, sums, labels + CHUNK * 4)) / CHUNK;
	});
}

/** Seconds of encoding one row. */
function encodeRate(engine: Engine, { coded: { d }, m, dsub, nbits }: BuildPlan): number {
	const some = Math.min(m, 4);
	const ksub = 2 ** nbits;
	const codeSize = Math.ceil((some * nbits) / 8);
	const rowBytes = CHUNK * some * dsub * 4;
	const scratchBytes = Math.ceil(pqEncodeScratchBytes(dsub) / 16) * 16;
	return withBlock(engine, rowBytes + some * ksub * (dsub + 1) * 4 + scratchBytes + CHUNK * codeSize + 8, (x) => {
		fill(engine, x, CHUNK, some * dsub);
		const panels = x + rowBytes;
		fill(engine, panels, some * ksub, dsub + 1);
		const norms = panels + some * ksub * dsub * 4;
		const scratch = norms + some * ksub * 4;
		const args = [Math.min(d, some * dsub), some, dsub, nbits, panels, norms, scratch] as const;
		const work = (): void => engine.kernels.pqEncode(x, CHUNK, ...args, scratch + scratchBytes, codeSize);
		return (time(work) / CHUNK) * (m / some);
	});
}

/** Seconds of encoding one row in RaBitQ. */
function rabitqRate(engine: Engine, d: number, nbits: number): number {
	using codec = new RabitQuantizer({ engine, d, metric: 'l2', nbits, seed: 1, cells: false });
	codec.setCentre(new Float32Array(d));
	const rows = 64;
	const scratch = Math.ceil(codec.encodeScratchBytes / 16) * 16;
	return withBlock(engine, rows * d * 4 + scratch + rows * codec.codeSize + 64, (x) => {
		fill(engine, x, rows, d);
		const codes = x + rows * d * 4 + scratch;
		return time(() => codec.encodeRows(x, rows, codes, x + rows * d * 4)) / rows;
	});
}

/** A graph is measured at about so many rows; at each ten times as many a row takes about so much longer. */
const LINK_ROWS = 800;
const LINK_GROWTH = 2;

/** Seconds of linking n rows, with 64 in view: from the best of a few parts. */
function linkSeconds(engine: Engine, d: number, M: number, n: number, store: 'flat' | ScalarType = 'flat'): number {
	if (n === 0) return 0;
	const rng = new Rng(1);
	const rows = (count: number): VectorSet =>
		new VectorSet(
			Float32Array.from({ length: count * d }, (_, i) => ((Math.floor(i / d) * 7 + i) % 8) + rng.float() * 4),
			d,
		);
	using index = new IndexHNSW({ d, M, engine, store });
	const first = rows(LINK_ROWS - 200);
	index.train(first).add(first);
	let best = Number.POSITIVE_INFINITY;
	for (let part = 0; part < 8; part++) {
		const x = rows(50);
		const start = performance.now();
		index.add(x);
		best = Math.min(best, (performance.now() - start) / 1000 / 50);
	}
	return n * best * LINK_GROWTH ** Math.log10(Math.max(1, n / LINK_ROWS));
}

/** Rows that PCA and OPQ learn from at most, multiply-adds of the eigenvectors, and iterations of OPQ. */
const MOMENT_ROWS = 50_000;
const OPQ_ROWS = 32_768;
const OPQ_ITERATIONS = 25;

/** Seconds of learning a transform from some of `rows` vectors, and of leading n through it. */
export function transformSeconds(
	engine: Engine,
	{ spec, dIn, dOut }: Parts['transforms'][number],
	n: number,
	rows: number,
): { train: number; add: number } {
	if (spec.kind === 'l2norm') return { train: 0, add: n * dIn * 1e-9 };
	const each = linearRate(engine);
	const add = n * dIn * dOut * each;
	if (spec.kind === 'rr') return { train: dOut * dIn * Math.min(dIn, dOut) * 2 * PLAIN_SECONDS, add };
	const moments = Math.min(rows, MOMENT_ROWS, 1000 * dIn) * dIn * dIn * each;
	const eigen = 9 * dIn ** 3 * PLAIN_SECONDS;
	if (spec.kind !== 'opq') return { train: moments + eigen, add };
	const iteration = Math.min(rows, OPQ_ROWS) * dOut * (256 + dOut) * each + 50 * dOut ** 3 * PLAIN_SECONDS;
	return { train: moments + eigen + OPQ_ITERATIONS * iteration, add };
}

/** Seconds of a multiply-add in plain TypeScript, in double precision. */
const PLAIN_SECONDS = 1.2e-9;

/** Seconds of a multiply-add of a matrix times rows. */
function linearRate(engine: Engine): number {
	const d = 64;
	return withBlock(engine, (2 * CHUNK + d + 1) * d * 4, (x) => {
		fill(engine, x, CHUNK + d + 1, d);
		const matrix = x + CHUNK * d * 4;
		const bias = matrix + d * d * 4;
		const work = (): void => engine.kernels.applyLinear(x, CHUNK, d, matrix, bias, d, bias + d * 4);
		return time(work) / (CHUNK * d * d);
	});
}
