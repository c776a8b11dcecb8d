/**
 * What building an index will take, before it is built: bytes of the result, peak memory, seconds.
 *
 * Bytes follow from the layout (those of flat and PQ indexes exactly; the lengths of inverted lists are not known
 * yet, so theirs to within 2 %). Seconds are multiply-adds counted, times what a few calls of the kernels take here.
 */

import { CHUNK } from '../cluster/rows.ts';
import { METRICS, type Metric } from '../core/metric.ts';
import { MAX_D } from '../core/vectors.ts';
import type { TrainOptions } from '../indexes/base.ts';
import { PACK_CELLS } from '../indexes/cells.ts';
import { TWO_LEVEL_FROM } from '../indexes/ivf.ts';
import { poolSize } from '../indexes/nprobe.ts';
import { directoryBytes, listBlock } from '../invlists/array-lists.ts';
import { type CodeLayout, codesBytes } from '../invlists/layout.ts';
import { defaultEngine, type Engine } from '../kernels/engine.ts';
import { nearestPackedBytes, nearestScratchBytes } from '../kernels/kernels.ts';
import { checkBoolean, checkInt, checkKeys, checkOneOf } from '../util/check.ts';
import { estimateSeconds } from './estimate-seconds.ts';

const KINDS = {
	IndexFlat: 'flat',
	IndexScalarQuantizer: 'sq8',
	IndexPQ: 'pq',
	IndexPQFastScan: 'fast',
	IndexIVFFlat: 'flat',
	IndexIVFScalarQuantizer: 'sq8',
	IndexIVFPQ: 'pq',
	IndexIVFPQFastScan: 'fast',
} as const;
const TYPES = Object.keys(KINDS) as (keyof typeof KINDS)[];

/** The index to be built and how: parameters as its constructor takes them. */
export interface BuildEstimateOptions {
	readonly type: keyof typeof KINDS;
	readonly d: number;
	/** Vectors to be added. */
	readonly n: number;
	/** Default: 'l2'. */
	readonly metric?: Metric | undefined;
	/** IVF kinds only, and needed there. */
	readonly nlist?: number | undefined;
	/** PQ kinds only, and needed there. */
	readonly m?: number | undefined;
	/** Default: 8; of fast-scan 4. */
	readonly nbits?: number | undefined;
	/** Default: true. */
	readonly byResidual?: boolean | undefined;
	/** Store of an IndexRefine around it. */
	readonly refine?: 'flat' | 'sq8' | undefined;
	/** Vectors handed to train. Default: n. */
	readonly trainingRows?: number | undefined;
	readonly training?: Pick<TrainOptions, 'niter' | 'maxPointsPerCentroid' | 'coarse'> | undefined;
	/** Measure this device (a quarter of a second) and give seconds. Default: true. */
	readonly measure?: boolean | undefined;
	readonly engine?: Engine | undefined;
}

export interface BuildEstimate {
	/** Bytes of the index once all vectors are in, at once or followed by shrink(): what `byteLength` will be. */
	readonly bytes: number;
	/** The same by component, as stats() names them. */
	readonly components: Readonly<Record<string, number>>;
	/** Most bytes held at once by training and adding, the index included, the vectors handed over not. */
	readonly peakBytes: number;
	/** Absent without `measure`. One thread. */
	readonly seconds?: { readonly train: number; readonly add: number } | undefined;
}

/** Parameters with defaults filled in. @internal */
export interface BuildPlan {
	readonly kind: 'flat' | 'sq8' | 'pq' | 'fast';
	readonly d: number;
	readonly n: number;
	readonly metric: Metric;
	/** 0: not an IVF index. */
	readonly nlist: number;
	readonly m: number;
	readonly dsub: number;
	readonly nbits: number;
	readonly layout: CodeLayout;
	readonly trainingRows: number;
	/** Rows that the coarse quantizer and the codec train on. */
	readonly coarseRows: number;
	readonly codecRows: number;
	readonly niter: number | undefined;
	readonly twoLevels: boolean;
	readonly byResidual: boolean;
}

/**
 * @example
 * const { bytes, peakBytes, seconds } = estimateBuild({ type: 'IndexIVFPQ', d: 128, n: 1_000_000, nlist: 4096, m: 16 });
 */
export function estimateBuild(options: BuildEstimateOptions): BuildEstimate {
	const plan = planBuild(options);
	const components: Record<string, number> = { ...indexBytes(plan) };
	if (options.refine !== undefined) components['refine'] = storeBytes(options.refine, plan.n, plan.d);
	const bytes = Object.values(components).reduce((a, b) => a + b, 0);
	const peakBytes = Math.max(trainPeak(plan), bytes + addScratch(plan));
	if (options.measure === false) return { bytes, components, peakBytes };
	return { bytes, components, peakBytes, seconds: estimateSeconds(options.engine ?? defaultEngine(), plan) };
}

function planBuild(options: BuildEstimateOptions): BuildPlan {
	const where = 'estimateBuild';
	checkKeys(where, options, [
		...['type', 'd', 'n', 'metric', 'nlist', 'm', 'nbits', 'byResidual', 'refine'],
		...['trainingRows', 'training', 'measure', 'engine'],
	]);
	const type = checkOneOf(where, 'type', options.type, TYPES);
	const kind = KINDS[type];
	const d = checkInt(where, 'd', options.d, 1, MAX_D);
	const n = checkInt(where, 'n', options.n, 0, 2 ** 32 - 1);
	const metric = checkOneOf(where, 'metric', options.metric ?? 'l2', METRICS);
	const trainingRows = checkInt(where, 'trainingRows', options.trainingRows ?? n, 0, 2 ** 32 - 1);
	const byResidual = checkBoolean(where, 'byResidual', options.byResidual ?? true);
	if (options.refine !== undefined) checkOneOf(where, 'refine', options.refine, ['flat', 'sq8']);
	const quantized = kind === 'pq' || kind === 'fast';
	const m = quantized ? checkInt(where, 'm', options.m, 1, d) : 0;
	const nbits = kind === 'fast' ? 4 : quantized ? checkInt(where, 'nbits', options.nbits ?? 8, 4, 12) : 0;
	const ivf = type.startsWith('IndexIVF');
	const nlist = ivf ? Math.min(checkInt(where, 'nlist', options.nlist, 1, 2 ** 24), Math.max(1, trainingRows)) : 0;
	const { niter, maxPointsPerCentroid = 256, coarse = 'auto' } = options.training ?? {};
	const codecRows = quantized ? Math.min(262_144, 2 ** nbits * maxPointsPerCentroid) : kind === 'sq8' ? 100_000 : 0;
	const codeSize = quantized ? Math.ceil((m * nbits) / 8) : kind === 'sq8' ? d : 4 * d;
	const hasTerms = ivf && quantized && byResidual && metric === 'l2';
	const layout =
		kind === 'fast'
			? { codeSize, blockSize: 32, termBytes: hasTerms ? 2 : 0 }
			: { codeSize, blockSize: 1, termBytes: hasTerms ? 4 : 0 };
	return {
		...{ kind, d, n, metric, nlist, m, nbits, layout, trainingRows, niter },
		dsub: quantized ? Math.ceil(d / m) : 0,
		coarseRows: Math.min(trainingRows, nlist * maxPointsPerCentroid),
		codecRows: Math.min(trainingRows, codecRows),
		twoLevels: coarse === 'two-level' || (coarse === 'auto' && nlist >= TWO_LEVEL_FROM),
		byResidual: ivf && quantized && byResidual,
	};
}

/** What the arena gives for a block. */
function block(bytes: number): number {
	return Math.max(64, Math.ceil(bytes / 64) * 64);
}

function codecBytes({ kind, d, m, dsub, nbits }: BuildPlan): Record<string, number> {
	const ksub = 2 ** nbits;
	if (kind === 'flat') return {};
	if (kind === 'sq8') return { ranges: 3 * block(Math.ceil(d / 8) * 32) };
	return { codebook: block(m * ksub * dsub * 4) + block(m * ksub * 4) };
}

function indexBytes(plan: BuildPlan): Record<string, number> {
	const { n, nlist, d, layout } = plan;
	if (nlist === 0) return { codes: n === 0 ? 0 : block(codesBytes(layout, n) + 8), ...codecBytes(plan) };
	const { codeSize, termBytes } = layout;
	const packed = nlist < PACK_CELLS ? 0 : block(packedBytes(nlist, d));
	const centroids = block(nlist * d * 4 + 8) + (termBytes > 0 ? block(d * 4) : 0) + packed;
	return {
		codes: n * codeSize,
		...(termBytes > 0 && { terms: n * termBytes }),
		labels: n * 4,
		spare: Math.max(0, Math.round(listBytes(layout, n, nlist) - n * (codeSize + termBytes + 4))),
		directory: block(nlist * 16) + directoryBytes(nlist) - nlist * 16,
		centroids,
		...codecBytes(plan),
	};
}

/** Mean bytes of nlist lists of about n / nlist codes: block of every length near it, spread as lists are. */
function listBytes(layout: CodeLayout, n: number, nlist: number): number {
	const mean = n / nlist;
	const few = 33;
	let sum = 0;
	let codes = 0;
	for (let i = 0; i < few; i++) {
		const size = Math.max(1, Math.round(mean * (0.5 + i / (few - 1))));
		sum += block(listBlock(layout, Math.ceil(size / layout.blockSize) * layout.blockSize).byteLength);
		codes += size;
	}
	const unit = layout.codeSize + layout.termBytes + 4;
	return n * unit + Math.min(nlist, n) * ((sum - codes * unit) / few);
}

function packedBytes(k: number, d: number): number {
	return nearestPackedBytes(k, d) + Math.ceil(k / 8) * 32;
}

function storeBytes(store: 'flat' | 'sq8', n: number, d: number): number {
	const codeSize = store === 'flat' ? 4 * d : d;
	return (n === 0 ? 0 : block(n * codeSize + 8)) + (store === 'sq8' ? 3 * block(Math.ceil(d / 8) * 32) : 0);
}

/** Packed centroids, scratch and results of an assignment, and a chunk of rows. */
function assignBytes(k: number, d: number): number {
	return packedBytes(k, d) + nearestScratchBytes(k, d) + CHUNK * (8 + 4 * d);
}

/** Rows and labels are counted where they are arrays of JavaScript too. */
function trainPeak(plan: BuildPlan): number {
	const { d, nlist, m, dsub, nbits, coarseRows, codecRows, twoLevels, trainingRows } = plan;
	const ksub = 2 ** nbits;
	const centroids = nlist * d * 4;
	const working = (k: number, dims: number, rows: number): number =>
		k * dims * 12 + k * 4 + assignBytes(k, dims) + rows * 12;
	const coarse = nlist === 0 ? 0 : working(nlist, d, coarseRows) + (twoLevels ? centroids + coarseRows * 4 : 0);
	const pool = poolSize(trainingRows, d) * (4 * d + 4);
	const nprobe = nlist === 0 ? 0 : centroids + pool + CHUNK * (4 * d + 4);
	const assign = plan.byResidual ? assignBytes(nlist, d) : CHUNK * d * 4;
	const codec = m === 0 ? 0 : codecRows * m * dsub * 4 + working(ksub, dsub, codecRows) + m * ksub * dsub * 4;
	return Math.max(coarse, nprobe, centroids + assign + codec + codecRows * 4);
}

function addScratch({ n, nlist, d, layout, m, dsub }: BuildPlan): number {
	const chunk = CHUNK * (4 * d + layout.codeSize + 8) + (m > 0 ? 256 * (dsub * 4 + 32) : 0);
	return nlist === 0 ? chunk : chunk + assignBytes(nlist, d) + n * 8 + nlist * 8;
}
