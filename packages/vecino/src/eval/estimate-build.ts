/**
 * What building an index will take, before it is built: bytes of the result, peak memory, seconds.
 *
 * Bytes follow from the layout (those of flat and PQ indexes exactly; the lengths of inverted lists are not known
 * yet, so theirs to within 2 %). Seconds are multiply-adds counted, times what a few calls of the kernels take here.
 */

import { CHUNK } from '../cluster/rows.ts';
import { PACK_CELLS } from '../indexes/cells.ts';
import { poolSize } from '../indexes/nprobe.ts';
import { directoryBytes, listBlock } from '../invlists/array-lists.ts';
import { type CodeLayout, codesBytes } from '../invlists/layout.ts';
import { defaultEngine } from '../kernels/engine.ts';
import { flatBoundBytes, nearestPackedBytes, nearestScratchBytes } from '../kernels/kernels.ts';
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
	const components = indexBytes(plan);
	if (store !== undefined) components['refine'] = total(indexBytes(store));
	const bytes = total(components);
	const peakBytes = Math.max(...plans.map(trainPeak), ...plans.map((one) => bytes + addScratch(one)));
	if (options.measure === false) return { bytes, components, peakBytes };
	const parts = plans.map((one) => estimateSeconds(options.engine ?? defaultEngine(), one));
	const seconds = { train: total(parts.map(({ train }) => train)), add: total(parts.map(({ add }) => add)) };
	return { bytes, components, peakBytes, seconds };
}

function total(parts: Readonly<Record<string, number>> | readonly number[]): number {
	return Object.values(parts).reduce((a, b) => a + b, 0);
}

/** What the arena gives for a block. */
function block(bytes: number): number {
	return Math.max(64, Math.ceil(bytes / 64) * 64);
}

function codecBytes({ kind, d, m, dsub, nbits }: BuildPlan): Record<string, number> {
	const ksub = 2 ** nbits;
	if (kind === 'flat' || kind === 'f16' || kind === 'bf16') return {};
	if (kind === 'sq8') return { ranges: 3 * block(Math.ceil(d / 8) * 32) };
	if (kind === 'sq4') return { ranges: 3 * block(Math.ceil(d / 16) * 64) };
	return { codebook: block(m * ksub * dsub * 4) + block(m * ksub * 4) };
}

function indexBytes(plan: BuildPlan): Record<string, number> {
	const { n, nlist, d, layout, pruned } = plan;
	if (nlist === 0) {
		const rows = (bytes: number): number => (n === 0 ? 0 : block(bytes + 8));
		const bounds = rows(n * flatBoundBytes(d));
		return { codes: rows(codesBytes(layout, n)), ...codecBytes(plan), ...(pruned && { bounds }) };
	}
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
	const nprobe = nlist === 0 ? 0 : centroids + pool + assignBytes(nlist, d) + CHUNK * 4 * d;
	const assign = plan.byResidual ? assignBytes(nlist, d) : CHUNK * d * 4;
	const codec = m === 0 ? 0 : codecRows * m * dsub * 4 + working(ksub, dsub, codecRows) + m * ksub * dsub * 4;
	return Math.max(coarse, nprobe, centroids + assign + codec + codecRows * 4);
}

function addScratch({ n, nlist, d, layout, m, dsub }: BuildPlan): number {
	const chunk = CHUNK * (4 * d + layout.codeSize + 8) + (m > 0 ? 256 * (dsub * 4 + 32) : 0);
	return nlist === 0 ? chunk : chunk + assignBytes(nlist, d) + n * 8 + nlist * 8;
}
