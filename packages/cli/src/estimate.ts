/**
 * What product quantization with cells would cost and give on some vectors: builds the indexes and measures them.
 */

import {
	emptySearchStats,
	estimateBuild,
	IndexIVFPQ,
	IndexRefine,
	type Interval,
	type ListStats,
	type Metric,
	measureRecallAsync,
	type VectorSet,
} from 'vecino';
import type { Context } from './context.ts';
import type { Split } from './data.ts';
import { exactTruth, kFactorFor, recallInterval, searchEach, type Timing } from './measure.ts';
import { paretoFront } from './pareto.ts';

/** Every combination of the lists is measured; one index is built for each (m, nbits, nlist). */
export interface EstimateGrid {
	readonly m: readonly number[];
	readonly nbits: readonly number[];
	readonly nlist: readonly number[];
	/** Undefined: the value that the index measures for itself. */
	readonly nprobe: readonly number[] | undefined;
	/** Candidates re-ranked, 0 for none. */
	readonly rerank: readonly number[];
}

export interface EstimateSettings {
	readonly k: number;
	readonly metric: Metric;
	readonly pad: boolean;
	readonly seed: number;
	/** Whether to find out, too, where recall is lost, how long the lists are and what was to be expected of building. */
	readonly detail?: boolean;
}

/** One operating point. */
export interface EstimateRow {
	readonly m: number;
	readonly nbits: number;
	readonly nlist: number;
	readonly nprobe: number;
	readonly rerank: number;
	readonly recall: { readonly raw: Interval; readonly reranked: Interval | null };
	readonly ms: { readonly raw: Timing; readonly reranked: Timing | null };
	readonly bytes: EstimateBytes;
	/** float32 bytes over those of the codes and over everything resident. */
	readonly compression: { readonly codes: number; readonly resident: number };
	/** Shares of all cells and of all vectors, and vectors per query. */
	readonly scanned: { readonly cells: number; readonly vectors: number; readonly vectorsPerQuery: number };
	readonly seconds: { readonly train: number; readonly add: number };
	/** No other row has at least this recall with no more bytes and no more time. */
	readonly pareto: boolean;
	/** With `detail`: where the recall was lost. */
	readonly losses?: { readonly raw: RowLosses; readonly reranked: RowLosses | null };
}

/** Shares of the true neighbours; with the mean recall they add up to 1. */
export interface RowLosses {
	/** In cells that were not opened. */
	readonly cellNotProbed: number;
	/** Scanned, and ranked behind the candidates kept. */
	readonly codeTooCoarse: number;
}

/** With `detail`: an index that was built, against its forecast. */
export interface BuiltIndex {
	readonly m: number;
	readonly nbits: number;
	readonly nlist: number;
	readonly lists: ListStats;
	/** Bytes and seconds foretold, those of one thread, and as they turned out. Without the vectors that re-ranking reads. */
	readonly forecast: BuildCost;
	readonly measured: BuildCost;
	/** Vectors in each cell, size nlist. */
	readonly listSizes: Uint32Array;
}

export interface BuildCost {
	readonly bytes: number;
	readonly seconds: { readonly train: number; readonly add: number };
}

export interface EstimateBytes {
	/** The vectors as they are. */
	readonly float32: number;
	readonly codes: number;
	/** Codes, labels, centroids, codebook, tables, spare room. */
	readonly resident: number;
	/** The same with the exact vectors that re-ranking reads. */
	readonly residentWithStore: number | null;
}

export interface Estimate {
	/** The exact scan that recall is measured against. */
	readonly exact: { readonly ms: Timing; readonly bytes: number };
	readonly results: readonly EstimateRow[];
	/** With `detail`, one for each m, nbits and nlist. */
	readonly built?: readonly BuiltIndex[];
}

type Unmarked = Omit<EstimateRow, 'pareto'>;

export async function estimate(
	context: Context,
	data: Split,
	grid: EstimateGrid,
	settings: EstimateSettings,
): Promise<Estimate> {
	const { base, queries } = data;
	const { truth, ms } = await exactTruth(context, base, queries, settings.k, settings.metric);
	const shapes = grid.m.flatMap((m) => grid.nbits.flatMap((nbits) => grid.nlist.map((nlist) => ({ m, nbits, nlist }))));
	const rows: Unmarked[] = [];
	const built: BuiltIndex[] = [];
	for (const [i, shape] of shapes.entries()) {
		if (shapes.length > 1) context.progress.prefix = `index ${i + 1} of ${shapes.length}`;
		rows.push(...(await measureShape(context, data, truth, shape, grid, settings, built)));
	}
	context.progress.prefix = '';
	const front = paretoFront(rows.map(pointOf));
	const results = rows.map((row, i) => ({ ...row, pareto: front[i]! }));
	return { exact: { ms, bytes: base.data.byteLength }, results, ...(settings.detail && { built }) };
}

/** What the Pareto front is about: the recall that a row ends with, and what it takes. */
export function pointOf({ recall, bytes, ms }: Unmarked): { recall: number; bytes: number; ms: number } {
	return {
		recall: (recall.reranked ?? recall.raw).mean,
		bytes: bytes.residentWithStore ?? bytes.resident,
		ms: (ms.reranked ?? ms.raw).median,
	};
}

type Shape = Pick<EstimateRow, 'm' | 'nbits' | 'nlist'>;
type TruthLabels = Awaited<ReturnType<typeof exactTruth>>['truth'];

async function measureShape(
	context: Context,
	{ base, queries }: Split,
	truth: TruthLabels,
	shape: Shape,
	grid: EstimateGrid,
	{ k, metric, pad, seed, detail = false }: EstimateSettings,
	built: BuiltIndex[],
): Promise<Unmarked[]> {
	const ivf = new IndexIVFPQ({ d: base.d, metric, pad, ...shape });
	const withStore = grid.rerank.some((candidates) => candidates > 0);
	using index = withStore ? new IndexRefine({ base: ivf }) : ivf;
	const start = performance.now();
	await index.trainAsync(base, { seed, ...context.run });
	const trained = performance.now();
	await index.addAsync(base, context.run);
	const added = performance.now();
	const seconds = { train: (trained - start) / 1000, add: (added - trained) / 1000 };
	if (detail) built.push(describeBuilt(ivf, base, shape, seconds));

	const rows: Unmarked[] = [];
	const float32 = base.data.byteLength;
	const codes = base.n * ivf.codeSize;
	for (const nprobe of clip(grid.nprobe ?? [ivf.nprobe], ivf.nlist)) {
		const raw = await searchEach(context, queries, k, (q) => ivf.search(q, k, { nprobe }));
		const stats = emptySearchStats();
		await ivf.searchAsync(queries, k, { nprobe, stats, signal: context.signal });
		const scanned = stats.ndis / stats.nq;
		const cellsLost = detail ? await lostInCells(context, ivf, queries, truth, k, nprobe) : undefined;
		for (const rerank of grid.rerank) {
			const kFactor = kFactorFor(rerank, k);
			const search = (q: Float32Array) => (index as IndexRefine).search(q, k, { nprobe, kFactor });
			const reranked = rerank === 0 ? undefined : await searchEach(context, queries, k, search, 'search and re-rank');
			const recall = {
				raw: recallInterval(raw.found, truth, k),
				reranked: reranked === undefined ? null : recallInterval(reranked.found, truth, k),
			};
			rows.push({
				...shape,
				nlist: ivf.nlist,
				nprobe,
				rerank,
				recall,
				ms: { raw: raw.ms, reranked: reranked?.ms ?? null },
				bytes: {
					float32,
					codes,
					resident: ivf.byteLength,
					residentWithStore: rerank === 0 ? null : index.byteLength,
				},
				compression: { codes: float32 / codes, resident: float32 / ivf.byteLength },
				scanned: {
					cells: stats.nlistsVisited / stats.nq / ivf.nlist,
					vectors: scanned / base.n,
					vectorsPerQuery: scanned,
				},
				seconds,
				...(cellsLost !== undefined && {
					losses: {
						raw: lossesOf(recall.raw, cellsLost),
						reranked: recall.reranked && lossesOf(recall.reranked, cellsLost),
					},
				}),
			});
		}
	}
	return rows;
}

/**
 * Share of the true neighbours in cells that a search does not open. It is the same whatever happens to the candidates
 * afterwards: so it is counted once for searches with and without re-ranking, and the rest that is lost is due to the codes.
 */
async function lostInCells(
	{ run }: Context,
	ivf: IndexIVFPQ,
	queries: VectorSet,
	truth: TruthLabels,
	k: number,
	nprobe: number,
): Promise<number> {
	const { losses } = await measureRecallAsync(ivf, { ...run, queries, truth, k, nprobe, suggest: false });
	return losses.cellNotProbed;
}

function lossesOf({ mean }: Interval, cellNotProbed: number): RowLosses {
	return { cellNotProbed, codeTooCoarse: Math.max(0, 1 - mean - cellNotProbed) };
}

function describeBuilt(ivf: IndexIVFPQ, { n }: VectorSet, shape: Shape, seconds: BuildCost['seconds']): BuiltIndex {
	const { d, metric, nlist, byteLength } = ivf;
	const forecast = estimateBuild({ type: 'IndexIVFPQ', d, n, metric, ...shape, nlist });
	return {
		...shape,
		nlist,
		lists: ivf.stats().lists!,
		forecast: { bytes: forecast.bytes, seconds: forecast.seconds! },
		measured: { bytes: byteLength, seconds },
		listSizes: Uint32Array.from({ length: nlist }, (_, cell) => ivf.listLabels(cell).length),
	};
}

function clip(nprobes: readonly number[], nlist: number): number[] {
	return [...new Set(nprobes.map((nprobe) => Math.min(nprobe, nlist)))];
}
