/**
 * Recall of an index that is in use: its own vectors serve as queries, each left out of its own answer, and what is lost is
 * laid at the door of the stage that lost it.
 *
 * A true neighbour that a search does not return was in a cell that was not opened, or it was scanned and ranked behind the
 * candidates that were kept, or a graph's walk went by. Counting at which rank its cell stands, and its code, gives at
 * once the fewest cells and candidates that lose no more than is wanted: no grid of searches.
 */

import type { RefineSearchParams } from '../core/options.ts';
import { emptySearchStats, SearchResult } from '../core/result.ts';
import { VectorSet } from '../core/vectors.ts';
import { type Index, MAX_K } from '../indexes/base.ts';
import { IndexFlat } from '../indexes/flat.ts';
import type { VectorFile } from '../io/vectors.ts';
import { show } from '../util/check.ts';
import { type AsyncRunOptions, isParallel, runAsync, runSync, type Steps } from '../util/steps.ts';
import { checkSameRows, checkVectors } from './exact.ts';
import {
	candidatesOf,
	estimateSteps,
	kFactorOf,
	knownRow,
	labelOf,
	type Parts,
	queriesOf,
	rankCells,
	rowOf,
	truthSteps,
} from './parts.ts';
import { type LabelMatrix, meanInterval } from './recall.ts';
import { type MeasureRecallOptions, makePlan, type Plan } from './recall-plan.ts';
import { type Losses, type RecallReport, recallText, type Suggestion } from './recall-report.ts';
import { exactNeighborsOfParts } from './truth.ts';

/** Options of measureRecallAsync. */
export interface MeasureRecallAsyncOptions extends Omit<MeasureRecallOptions, 'vectors'>, AsyncRunOptions {
	/** As for measureRecall, or an open file of the vectors, which is read in parts. */
	readonly vectors?: VectorSet | VectorFile | undefined;
}

/** Share of the worst queries that are reported apart. */
const WORST = 0.05;
/** Candidates looked through for the rank of a true neighbour, at least. */
const DEPTH = 10_000;

/**
 * Recall of an index as it is, with where it is lost and what would mend it.
 *
 * @throws {RangeError} for an empty index. @throws {VecinoError} what `search` throws.
 *
 * @example
 * using index = new IndexIVFPQ({ d: 64, nlist: 40, m: 8 });
 * index.train(vectors).add(vectors);
 * const { text, recall, losses, suggestion } = measureRecall(index, { k: 10, nprobe: 1, vectors });
 * // text: recall@10 is 0.518 (0.495 to 0.541) over 200 vectors of the index, the worst 5 % of them 0.100.
 * // Lost: 24.4 % in cells not opened, 23.8 % to coarse codes. To lose 1.0 % at most to each: nprobe 4, ...
 * console.log((recall.mean + losses.cellNotProbed + losses.codeTooCoarse).toFixed(6)); // 1.000000
 * console.log(suggestion!.nprobe! > 1, suggestion!.needsStore, text.length > 100); // true true true
 */
export function measureRecall(index: Index, options: MeasureRecallOptions = {}): RecallReport {
	const where = 'measureRecall';
	const plan = makePlan(where, index, options);
	if (options.vectors !== undefined) checkVectors(where, plan.parts, options.vectors);
	return runSync(recallSteps(plan, options.vectors, undefined, undefined), options);
}

/**
 * The same in slices, or on the threads of the index's engine; takes the vectors from a file too, which are read in parts.
 *
 * @example
 * using index = new IndexIVFFlat({ d: 64, nlist: 20 });
 * const signal = AbortSignal.timeout(60_000);
 * const { recall, truth } = await measureRecallAsync(index.train(vectors).add(vectors), { nprobe: 20, suggest: false, signal });
 * console.log(recall.mean, truth); // 1 exact
 * // Where the index holds codes only: { vectors: await openVectors('base.fvecs') }, of vecino/node.
 */
export async function measureRecallAsync(
	index: Index,
	{ vectors, ...options }: MeasureRecallAsyncOptions = {},
): Promise<RecallReport> {
	const where = 'measureRecallAsync';
	const { signal, onProgress, sliceMs } = options;
	const plan = makePlan(where, index, options);
	const { parts, queries, width } = plan;
	if (vectors === undefined || vectors instanceof VectorSet) {
		if (vectors !== undefined) checkVectors(where, parts, vectors);
		return runAsync(recallSteps(plan, vectors, undefined, undefined), options);
	}
	if (typeof vectors?.chunks !== 'function') {
		throw new TypeError(`${where}: vectors must be a VectorSet or an open vector file, got ${show(vectors)}`);
	}
	checkSameRows(where, index, vectors);
	if (index.labelEnd > index.ntotal) {
		throw new RangeError(
			`${where}: vectors were removed from the index: give them as a VectorSet, which can be searched without`,
		);
	}
	const asked = queries ?? (await readRows(vectors, plan.rows, signal));
	const known = plan.truth !== undefined || parts.exact;
	const truth = known
		? undefined
		: await exactNeighborsOfParts(vectors.chunks({ signal }), index.d, asked, width, {
				metric: index.metric,
				engine: index.engine,
				signal,
				onProgress,
				sliceMs,
			});
	return runAsync(recallSteps(plan, undefined, asked, truth), options);
}

/** One query among those measured. */
interface Asked {
	/** Rows of its true neighbours, at most k, without itself. */
	readonly truth: readonly number[];
	/** Its own row, or -1. */
	readonly own: number;
	readonly leafQuery: VectorSet;
	/** For each true neighbour, the rank of its cell, from 0. */
	readonly cellRanks: readonly number[];
}

/** @param asked - The queries, @param exact - and their true neighbours, where they have been read. */
function* recallSteps(
	plan: Plan,
	vectors: VectorSet | undefined,
	asked: VectorSet | undefined,
	exact: SearchResult | undefined,
): Steps<RecallReport> {
	const { parts, k, params, where, maxLoss } = plan;
	const { index } = parts;
	const release = index.hold(where);
	try {
		const queries = plan.queries ?? asked ?? drawn(plan, vectors);
		const kind = plan.truth !== undefined ? 'given' : parts.exact || vectors || exact ? 'exact' : 'decoded';
		const truth = plan.truth ?? exact ?? (yield* trueNeighbors(plan, queries, vectors));
		const all = rank(plan, queries, truth, plan.truth !== undefined);
		const found = yield* searchEach(plan, queries, all, params);
		const losses = yield* whereLost(plan, all, found);
		const perQuery = recalls(all, found.rows);

		const suggestion = plan.suggest ? yield* suggest(plan, queries, all) : undefined;
		const facts = {
			k,
			nq: queries.n,
			drawn: plan.queries === undefined ? Float64Array.from(plan.rows, (row) => labelOf(parts, row)) : undefined,
			truth: kind,
			recall: meanInterval(perQuery),
			perQuery,
			worst: worstOf(perQuery),
			losses,
			maxLoss,
			suggestion,
		} as const;
		return Object.freeze({ ...facts, text: recallText(facts) });
	} finally {
		release();
	}
}

/** The cheapest parameters that lose no more than asked for, and the recall with them. */
function* suggest(plan: Plan, queries: VectorSet, all: readonly Asked[]): Steps<Suggestion> {
	const { parts, k, params, maxLoss } = plan;
	const { ivf, refine } = parts;
	const nprobe = ivf && fewestCells(all, ivf.nlist, maxLoss);
	const candidates = yield* fewestCandidates(plan, all, nprobe);
	const kFactor = candidates === undefined ? undefined : kFactorOf(candidates, k);
	const needsStore = refine === undefined && candidates !== undefined && candidates > k;
	const change = { ...(nprobe && { nprobe }), ...(refine && kFactor !== undefined && { kFactor }) };
	const { rows } = yield* searchEach(plan, queries, all, { ...params, ...change });
	return Object.freeze({ nprobe, kFactor, needsStore, recall: meanInterval(recalls(all, rows)) });
}

/** Vectors of the index as queries. */
function drawn({ parts: { index }, rows }: Plan, vectors: VectorSet | undefined): VectorSet {
	if (vectors !== undefined) return vectors.take(rows);
	const out = new VectorSet(new Float32Array(rows.length * index.d), index.d);
	for (const [i, row] of rows.entries()) out.row(i).set(index.reconstructRow(row));
	return out;
}

async function readRows(file: VectorFile, rows: Uint32Array, signal: AbortSignal | undefined): Promise<VectorSet> {
	const out = new VectorSet(new Float32Array(rows.length * file.d), file.d);
	for (const [i, row] of rows.entries()) out.row(i).set(await file.read(row, 1, { signal }));
	return out;
}

/** Row numbers of the true neighbours. */
function* trueNeighbors(
	{ parts, width, params }: Plan,
	queries: VectorSet,
	vectors: VectorSet | undefined,
): Steps<SearchResult> {
	if (parts.exact || vectors === undefined) return yield* under('truth', truthSteps(parts, queries, width, params));
	const { d, metric, engine } = parts.index;
	using flat = new IndexFlat({ d, metric, engine, pruned: false });
	yield* under('truth', flat.addSteps(vectors));
	const result = new SearchResult(queries.n, width, metric);
	yield* under('truth', flat.searchSteps(queries, width, {}, result, parts.index.labelSpace.live));
	return result;
}

/** The true neighbours of each query, and how far its cells lie. */
function rank({ where, parts, rows, k }: Plan, queries: VectorSet, truth: LabelMatrix, labels: boolean): Asked[] {
	const { ivf } = parts;
	const all = Array.from({ length: queries.n }, (_, i) => {
		const own = rows[i] ?? -1;
		const given = Array.from({ length: truth.k }, (_, j) => truth.labels[i * truth.k + j]!);
		const near = labels ? given.map((label) => (label === -1 ? -1 : knownRow(where, parts, label))) : given;
		return { own, truth: near.filter((row, j) => row !== own && given[j] !== -1).slice(0, k) };
	});
	const cellOf = ivf && cellsOf(ivf, new Set(all.flatMap((one) => one.truth)));
	return all.map((one, i) => {
		const leafQuery = queriesOf(parts, queries.slice(i, i + 1)).leaf;
		if (ivf === undefined) return { ...one, leafQuery, cellRanks: one.truth.map(() => 0) };
		const rankOf = new Uint32Array(ivf.nlist);
		for (const [rank, cell] of rankCells(ivf, leafQuery, ivf.nlist).cells.entries()) rankOf[cell] = rank;
		return { ...one, leafQuery, cellRanks: one.truth.map((row) => rankOf[cellOf!.get(row)!]!) };
	});
}

function cellsOf({ lists, nlist, engine }: NonNullable<Parts['ivf']>, rows: Set<number>): Map<number, number> {
	const out = new Map<number, number>();
	for (let cell = 0; cell < nlist; cell++) {
		const { ids, n } = lists.list(cell);
		const { u32 } = engine.arena;
		for (let i = ids >>> 2; i < (ids >>> 2) + n; i++) if (rows.has(u32[i]!)) out.set(u32[i]!, cell);
	}
	return out;
}

interface Found {
	/** Rows returned for each query, at most k, without itself. */
	readonly rows: readonly Set<number>[];
	/** Cells opened for each. */
	readonly opened: readonly number[];
}

/** The searches that are measured. With cells one at a time, because how many were opened is counted for each. */
function* searchEach(
	{ parts, k, width }: Plan,
	queries: VectorSet,
	all: readonly Asked[],
	params: RefineSearchParams,
): Steps<Found> {
	const { index, ivf, refine } = parts;
	// The query itself takes the place of one candidate.
	const wide = Math.min(MAX_K, candidatesOf(parts, k, params.kFactor) + width - k);
	const exactly = { ...params, ...(refine && { kFactor: kFactorOf(Math.max(width, wide), width) }) };
	const rows: Set<number>[] = [];
	const opened: number[] = [];
	const size = ivf === undefined ? queries.n : 1;
	for (let i = 0; i < queries.n; i += size) {
		const stats = emptySearchStats();
		const result = new SearchResult(size, width, index.metric);
		const some = queries.slice(i, i + size);
		yield* under('recall', index.searchSteps(some, width, { ...exactly, ...(ivf && { stats }) }, result, index.live));
		for (let j = 0; j < size; j++) {
			const { own } = all[i + j]!;
			const found = result.hits(j).map(({ label }) => rowOf(parts, label));
			rows.push(new Set(found.filter((row) => row !== own).slice(0, k)));
			opened.push(stats.nlistsVisited);
		}
		yield { phase: 'recall', done: i + size, total: queries.n };
	}
	return { rows, opened };
}

function recalls(all: readonly Asked[], found: readonly Set<number>[]): Float64Array<ArrayBuffer> {
	return Float64Array.from(all, ({ truth }, i) => {
		if (truth.length === 0) return 1;
		return truth.filter((row) => found[i]!.has(row)).length / truth.length;
	});
}

/** Shares of the true neighbours that each stage lost. */
function* whereLost({ parts, k, params }: Plan, all: readonly Asked[], found: Found): Steps<Losses> {
	const { ivf, hnsw, lossy, index } = parts;
	const wide = candidatesOf(parts, k, params.kFactor);
	let [cells, codes, walk] = [0, 0, 0];
	for (const [i, one] of all.entries()) {
		const missed = one.truth.map((row, j) => [row, one.cellRanks[j]!] as const);
		const lost = missed.filter(([row]) => !found.rows[i]!.has(row));
		if (lost.length === 0) continue;
		const weight = 1 / one.truth.length / all.length;
		const isOpen = opensRank(parts, one.leafQuery, found.opened[i]!);
		let kept: Set<number> | undefined;
		if (hnsw !== undefined && lossy) {
			const deep = Math.min(wide + 1, index.ntotal);
			const { rows } = yield* under('recall', estimateSteps(parts, one.leafQuery, deep, 1, params));
			kept = new Set(rows.filter((row) => row !== one.own).slice(0, wide));
		}
		for (const [row, rank] of lost) {
			if (ivf !== undefined && !isOpen(rank)) cells += weight;
			else if (hnsw !== undefined && (kept?.has(row) ?? true)) walk += weight;
			else codes += weight;
		}
	}
	return Object.freeze({ cellNotProbed: cells, codeTooCoarse: codes, notReached: walk });
}

/** Whether a search that opened so many cells opened the one of a rank. A graph over the centroids misses some of the nearest. */
function opensRank({ ivf }: Parts, q: VectorSet, opened: number): (rank: number) => boolean {
	if (ivf?.coarse !== 'hnsw' || opened >= ivf.cells.ranker.exactFrom) return (rank) => rank < opened;
	const { cells } = rankCells(ivf, q, ivf.nlist);
	const open = new Set(rankCells(ivf, q, opened).cells);
	return (rank) => open.has(cells[rank]!);
}

/** Fewest cells that hold all true neighbours but a share of maxLoss. */
function fewestCells(all: readonly Asked[], nlist: number, maxLoss: number): number {
	const lost = new Float64Array(nlist);
	for (const { truth, cellRanks } of all) for (const rank of cellRanks) lost[rank]! += 1 / truth.length / all.length;
	let sum = 0;
	for (let nprobe = nlist; nprobe > 1; nprobe--) {
		sum += lost[nprobe - 1]!;
		if (sum > maxLoss + 1e-12) return nprobe;
	}
	return 1;
}

/** Fewest candidates that hold all true neighbours in these cells but a share of maxLoss; undefined when more than looked through. */
function* fewestCandidates(
	{ parts, k, params, maxLoss }: Plan,
	all: readonly Asked[],
	nprobe: number | undefined,
): Steps<number | undefined> {
	const { index, ivf, lossy } = parts;
	if (!lossy) return k;
	const depth = Math.min(index.ntotal, MAX_K, Math.max(DEPTH, candidatesOf(parts, k, params.kFactor) + 1));
	const ranks: { readonly rank: number; readonly weight: number }[] = [];
	for (const [i, one] of all.entries()) {
		let size = index.ntotal;
		if (ivf !== undefined) {
			size = 0;
			for (const cell of rankCells(ivf, one.leafQuery, nprobe!).cells) size += ivf.lists.listSize(cell);
		}
		const { rows } = yield* under(
			'recall',
			estimateSteps(parts, one.leafQuery, Math.min(size, depth), nprobe ?? 1, params),
		);
		const weight = 1 / one.truth.length / all.length;
		const near = new Set(one.truth.filter((_, j) => ivf === undefined || one.cellRanks[j]! < nprobe!));
		let rank = 0;
		for (let at = 0; at < rows.length && near.size > 0; at++) {
			if (rows[at] !== one.own) rank++;
			if (near.delete(rows[at]!)) ranks.push({ rank, weight });
		}
		for (const _ of near) ranks.push({ rank: Number.POSITIVE_INFINITY, weight });
		yield { phase: 'recall', done: i + 1, total: all.length };
	}
	ranks.sort((a, b) => b.rank - a.rank);
	let sum = 0;
	for (const { rank, weight } of ranks) {
		sum += weight;
		if (sum > maxLoss + 1e-12) return rank === Number.POSITIVE_INFINITY ? undefined : Math.max(k, rank);
	}
	return k;
}

/** Mean over the worst twentieth of the queries, and which they are, worst first. */
function worstOf(perQuery: Float64Array): RecallReport['worst'] {
	const order = Array.from(perQuery.keys()).sort((a, b) => perQuery[a]! - perQuery[b]! || a - b);
	const queries = order.slice(0, Math.max(1, Math.ceil(WORST * order.length)));
	return Object.freeze({
		recall: queries.reduce((sum, i) => sum + perQuery[i]!, 0) / queries.length,
		queries: Object.freeze(queries),
	});
}

/** Steps whose progress is that of another phase. */
function* under<T>(phase: string, steps: Steps<T>): Steps<T> {
	try {
		for (;;) {
			const step = steps.next();
			if (step.done) return step.value;
			yield isParallel(step.value) ? step.value : { ...step.value, phase };
		}
	} finally {
		steps.return(undefined as T);
	}
}
