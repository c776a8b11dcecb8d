/**
 * What building an index will take, before it is built: bytes of the result, peak memory, seconds.
 *
 * Bytes follow from the layout (those of flat and PQ indexes exactly; the lengths of inverted lists are not known
 * yet, so theirs to within 2 %). Seconds are multiply-adds counted, times what a few calls of the kernels take here.
 */

import { CHUNK } from '../cluster/rows.ts';
import { codedBytes, packedBytes, total } from '../factory/bytes.ts';
import { poolSize } from '../indexes/nprobe.ts';
import { defaultEngine } from '../kernels/engine.ts';
import { nearestScratchBytes } from '../kernels/kernels.ts';
import { type BuildEstimateOptions, type BuildPlan, planBuild, planStore } from './build-plan.ts';
import { estimateSeconds } from './estimate-seconds.ts';

/** What building will take. */
export interface BuildEstimate {
	/** Bytes of the index once all vectors are in, at once or followed by shrink(): what `byteLength` will be. */
	readonly bytes: number;
	/** The same by component, as stats() names them. */
	readonly components: Readonly<Record<string, number>>;
	/** Most bytes held at once by training and adding on one thread, the index included, the vectors handed over not. */
	readonly peakBytes: number;
	/** Absent without `measure`. One thread. */
	readonly seconds?: { readonly train: number; readonly add: number } | undefined;
}

/**
 * Forecasts bytes and seconds of building an index; `seconds` are of one thread, from kernels timed here.
 *
 * @example
 * const kind = { type: 'IndexIVFPQ', d: 128, n: 1_000_000, nlist: 4096, m: 16 } as const;
 * const { bytes, seconds } = estimateBuild({ ...kind, measure: false });
 * console.log(Math.round(bytes / 1e6), seconds); // 28 undefined
 */
export function estimateBuild(options: BuildEstimateOptions): BuildEstimate {
	const plan = planBuild(options);
	const store = planStore(options);
	const plans = store === undefined ? [plan] : [plan, store];
	const components = codedBytes(plan.coded);
	if (store !== undefined) components['refine'] = total(codedBytes(store.coded));
	const bytes = total(components);
	const peakBytes = Math.max(...plans.map(trainPeak), ...plans.map((one) => bytes + addScratch(one)));
	if (options.measure === false) return { bytes, components, peakBytes };
	const parts = plans.map((one) => estimateSeconds(options.engine ?? defaultEngine(), one));
	const seconds = { train: total(parts.map(({ train }) => train)), add: total(parts.map(({ add }) => add)) };
	return { bytes, components, peakBytes, seconds };
}

/** Packed centroids, scratch and results of an assignment, and a chunk of rows. */
function assignBytes(k: number, d: number): number {
	return packedBytes(k, d) + nearestScratchBytes(k, d) + CHUNK * (8 + 4 * d);
}

/** Most bytes that training holds. Rows and labels are counted where they are arrays of JavaScript too. @internal */
export function trainPeak(plan: BuildPlan): number {
	const { m, dsub, nbits, coarseRows, codecRows, twoLevels, trainingRows } = plan;
	const { d, nlist } = plan.coded;
	const ksub = 2 ** nbits;
	const centroids = nlist * d * 4;
	const working = (k: number, dims: number, rows: number): number =>
		k * dims * 12 + k * 4 + assignBytes(k, dims) + rows * 12;
	const coarse = nlist === 0 ? 0 : working(nlist, d, coarseRows) + (twoLevels ? centroids + coarseRows * 4 : 0);
	const pool = poolSize(trainingRows, d) * (4 * d + 4);
	const nprobe = nlist === 0 ? 0 : centroids + pool + assignBytes(nlist, d) + CHUNK * 4 * d;
	const assign = plan.ofResiduals ? assignBytes(nlist, d) : CHUNK * d * 4;
	const codec = m === 0 ? 0 : codecRows * m * dsub * 4 + working(ksub, dsub, codecRows) + m * ksub * dsub * 4;
	return Math.max(coarse, nprobe, centroids + assign + codec + codecRows * 4);
}

/** Bytes that adding holds beside the index. @internal */
export function addScratch({ coded: { n, nlist, d }, layout, m, dsub }: BuildPlan): number {
	const chunk = CHUNK * (4 * d + layout.codeSize + 8) + (m > 0 ? 256 * (dsub * 4 + 32) : 0);
	return nlist === 0 ? chunk : chunk + assignBytes(nlist, d) + n * 8 + nlist * 8;
}
