/**
 * What measureRecall is asked, checked.
 */

import { MEASURE_RECALL_OPTIONS, type RefineSearchParams, resolveOptions } from '../core/options.ts';
import { toVectorSet, type VectorSet, type Vectors } from '../core/vectors.ts';
import type { Index } from '../indexes/base.ts';
import { Rng } from '../util/rng.ts';
import { knownRow, type Parts, takeApart } from './parts.ts';
import type { LabelMatrix } from './recall.ts';

/** Options of measureRecall, and the parameters of the searches that are measured. */
export interface MeasureRecallOptions extends RefineSearchParams {
	/** Queries to measure with. Default: vectors drawn from the index, each left out of its own answer. */
	readonly queries?: Vectors | undefined;
	/** Labels of `queries`, where these are vectors of the index: each is left out of its own answer. */
	readonly own?: ArrayLike<number> | undefined;
	/** The true neighbours of `queries`, k at least. Default: computed. */
	readonly truth?: LabelMatrix | undefined;
	/**
	 * The vectors in the index, all rows in the order of adding: where the index does not hold them itself, the truth is computed
	 * from these (held a second time meanwhile). Without them the truth is the best that the index knows: see RecallReport.truth.
	 */
	readonly vectors?: VectorSet | undefined;
	/** Default: 10. */
	readonly k?: number | undefined;
	/** Vectors to draw as queries. Default: 200. */
	readonly sample?: number | undefined;
	/** Of the draw. Default: 1234. */
	readonly seed?: number | undefined;
	/** Share of the true neighbours that each stage may lose with the parameters suggested, 0..1. Default: 0.01. */
	readonly maxLoss?: number | undefined;
	/** Whether to work out the cheapest parameters that lose no more: the longer part of the work. Default: true. */
	readonly suggest?: boolean | undefined;
}

/** What is to be measured, checked. */
export interface Plan {
	readonly where: string;
	readonly parts: Parts;
	readonly k: number;
	readonly maxLoss: number;
	readonly params: RefineSearchParams;
	/** Queries and truth as given. */
	readonly queries: VectorSet | undefined;
	readonly truth: LabelMatrix | undefined;
	/** Rows of the queries, where they are of the index. */
	readonly rows: Uint32Array;
	readonly suggest: boolean;
	/** Neighbours to search for: one more where queries find themselves. */
	readonly width: number;
}

export function makePlan(
	where: string,
	index: Index,
	{ queries, own: mine, truth, vectors: _, k, sample, seed, maxLoss, suggest, ...rest }: MeasureRecallOptions,
): Plan {
	index.checkTrained(where);
	const own = resolveOptions(where, { k, sample, seed, maxLoss, suggest }, MEASURE_RECALL_OPTIONS) as {
		k: number;
		sample: number;
		seed: number;
		maxLoss: number;
		suggest: boolean;
	};
	const { stats: __, ...params } = resolveOptions(where, rest as RefineSearchParams, index.searchTable);
	if (index.ntotal === 0) throw new RangeError(`${where}: the index is empty`);
	const set = queries === undefined ? undefined : toVectorSet(where, 'queries', queries, index.d);
	if (set?.n === 0) throw new RangeError(`${where}: at least one query is needed`);
	if (truth !== undefined && set === undefined) throw new TypeError(`${where}: truth belongs to queries; give both`);
	if (truth !== undefined && (truth.nq !== set!.n || truth.k < own.k)) {
		const got = `${truth.nq} queries, ${truth.k} each`;
		throw new RangeError(`${where}: truth must hold ${own.k} neighbours of ${set!.n} queries, got those of ${got}`);
	}
	const parts = takeApart(index);
	const rows = set === undefined ? drawRows(index, own.sample, own.seed) : rowsOf(where, parts, set, mine);
	const width = rows.length > 0 ? own.k + 1 : own.k;
	return { where, parts, ...own, params, queries: set, truth, rows, width };
}

function drawRows({ ntotal, labelSpace }: Index, sample: number, seed: number): Uint32Array {
	const drawn = new Rng(seed).sample(ntotal, Math.min(sample, ntotal));
	const { span, live } = labelSpace;
	if (live === undefined) return drawn;
	const rows = new Uint32Array(ntotal);
	for (let row = 0, n = 0; row < span; row++) if (live.has(row)) rows[n++] = row;
	return drawn.map((i) => rows[i]!);
}

/** Rows of labels that belong to queries. */
function rowsOf(where: string, parts: Parts, { n }: VectorSet, labels: ArrayLike<number> = []): Uint32Array {
	if (labels.length !== 0 && labels.length !== n) {
		throw new RangeError(`${where}: own must hold the labels of ${n} queries, got ${labels.length}`);
	}
	return Uint32Array.from(labels, (label) => knownRow(where, parts, label));
}
