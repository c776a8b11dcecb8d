/**
 * Recall of every pair of (nprobe, candidates) from one pass over an index: counted, not searched.
 *
 * A search with nprobe finds what one with more cells finds, without the rows of cells ranked nprobe or later. So one deep
 * search over many cells, with the cell of each candidate known, says what every smaller search proposes: candidates in the
 * order of their codes, those of later cells left out, cut where the search cuts. What re-ranking makes of them follows
 * from the order in which the store puts all candidates, which is asked for once. Not seen is a true neighbour ranked behind
 * all candidates of the deep search by its code: then recall is counted a little low.
 *
 * Rows may stand for several: an index of a sample in which the nearest of each query are planted. The others then weigh
 * what the share of the sample makes them weigh, and ranks are as if all rows were there.
 */

import type { RefineSearchParams } from '../core/options.ts';
import { SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { Index } from '../indexes/base.ts';
import type { IndexFlatCodes } from '../indexes/flat-codes.ts';
import type { IndexIVF } from '../indexes/ivf.ts';
import { RerankBlock } from '../indexes/rerank.ts';
import type { Steps } from '../util/steps.ts';
import { kFactorOf, type Parts, queriesOf, rankCells, takeApart } from './parts.ts';

/** Queries, and what is to be found. */
export interface Asked {
	readonly queries: VectorSet;
	readonly k: number;
	/** Rows of the true neighbours, size nq * k, layout (nq, k); -1 is padding. */
	readonly truth: Int32Array;
	/** Row of each query where it is one of the index, which its own answer leaves out; else -1. Size nq. */
	readonly own: Int32Array;
}

/** What is measured: an index as it is, or cells with a store that several share. */
export interface Subject {
	readonly parts: Parts;
	readonly store: IndexFlatCodes | undefined;
	/** Whether the store is not one of the index. */
	readonly shared: boolean;
}

/** How many rows a row stands for, where an index holds a sample. */
export interface Weights {
	/** Size ntotal: 1 for rows that are there for themselves. */
	readonly of: Float32Array;
	/** Rows that the index stands for. */
	readonly n: number;
}

/** What was counted. P pairs: numbers of cells times numbers of candidates. */
export interface Counts {
	/** Ascending; [1] without cells. */
	readonly nprobes: readonly number[];
	/** Candidates kept, ascending; [k] without a store. */
	readonly wides: readonly number[];
	readonly nq: number;
	readonly k: number;
	/** True neighbours found, size nq * P, layout (nq, nprobes, wides). */
	readonly hits: Uint16Array;
	/** True neighbours there are, size nq. */
	readonly most: Uint16Array;
	/** Codes scanned per query on average, size P, layout (nprobes, wides). */
	readonly codes: Float64Array;
}

export function subjectOf(index: Index, store?: IndexFlatCodes): Subject {
	const parts = takeApart(index);
	return { parts, store: store ?? parts.refine?.refine, shared: store !== undefined };
}

/** Searches with the stages that the subject has. @param nprobe - Of graphs: efSearch. @param wide - Candidates kept, k at least. */
export function searchSubject(
	{ parts, store, shared }: Subject,
	q: VectorSet,
	k: number,
	nprobe: number,
	wide: number,
	result: SearchResult,
): Steps<void> {
	const { index, ivf, hnsw } = parts;
	const params: RefineSearchParams = ivf !== undefined ? { nprobe } : hnsw !== undefined ? { efSearch: nprobe } : {};
	if (shared) return (index as IndexIVF).searchSteps(q, wide, params, result, undefined, { store: store!, k });
	const factor = store === undefined ? {} : { kFactor: kFactorOf(wide, k) };
	return index.searchSteps(q, k, { ...params, ...factor }, result, index.live);
}

/** Most candidates that are looked at per result, and in all. */
const MAX_FACTOR = 50;
const MAX_WIDE = 1000;
const FACTORS = [1, 1.5, 2, 3, 4, 5, 6, 8, 10, 14, 20, 30, 50];
/** Ranked cells of a query. */
const MAX_RANKED = 4096;
/** Queries of a deep search at a time. */
const BLOCK = 8;
const NEVER = 0xffffffff;

/** Cells ranked for each query, nearest first. */
interface Ranked {
	/** Cells per query. */
	readonly ranks: number;
	/** Size nq * ranks. */
	readonly cells: Uint32Array;
}

/**
 * Counts what each pair finds.
 *
 * @param loss - Share of the true neighbours that the largest nprobe may leave in cells not opened.
 */
export function* countSteps(
	subject: Subject,
	asked: Asked,
	loss: number,
	weights?: Weights,
	phase = 'count',
): Steps<Counts> {
	const { parts, store } = subject;
	const { leaf, ivf } = parts;
	const { queries, k, truth, own } = asked;
	const nq = queries.n;
	const total = weights?.n ?? leaf.ntotal;
	const cellOf = new Uint32Array(leaf.labelEnd);
	const sizes = ivf === undefined ? Float64Array.of(total) : readCells(ivf, cellOf, weights);
	const ranked = yield* rankSteps(subject, queries, phase);
	const nprobes = ivf === undefined ? [1] : ladder(coverage(asked, ranked, cellOf, sizes.length, loss));
	const deepest = nprobes.at(-1)!;
	const wides = store === undefined ? [k] : widths(k, total);
	const depth = Math.min(leaf.ntotal, Math.max(Math.ceil(1.25 * wides.at(-1)!), 10 * k + 100));
	const pairs = nprobes.length * wides.length;
	const counts: Counts = {
		...{ nprobes, wides, nq, k },
		hits: new Uint16Array(nq * pairs),
		most: new Uint16Array(nq),
		codes: new Float64Array(pairs),
	};
	const sweep = new Sweep(counts, depth, leaf.labelEnd, total, weights);
	const rankOf = new Uint32Array(sizes.length).fill(NEVER);
	const held = new Float64Array(ranked.ranks + 1);
	for (let first = 0; first < nq; first += BLOCK) {
		const some = queries.slice(first, Math.min(nq, first + BLOCK));
		const led = queriesOf(parts, some);
		const proposed = new SearchResult(some.n, depth, leaf.metric);
		const params = ivf === undefined ? {} : { nprobe: deepest };
		yield* named(leaf.searchSteps(led.leaf, depth, params, proposed, leaf.live), phase, first, nq);
		const order = store === undefined ? undefined : storeOrder(store, led.store, proposed);
		for (let j = 0; j < some.n; j++) {
			yield { phase, done: first + j, total: nq };
			const i = first + j;
			const cells = ranked.cells.subarray(i * ranked.ranks, (i + 1) * ranked.ranks);
			for (const [rank, cell] of cells.entries()) {
				rankOf[cell] = rank;
				held[rank + 1] = held[rank]! + sizes[cell]!;
			}
			const labels = proposed.labels.subarray(j * depth, (j + 1) * depth);
			const stored = order?.labels.subarray(j * depth, (j + 1) * depth);
			sweep.query(i, truth.subarray(i * k, (i + 1) * k), own[i]!, labels, stored, cellOf, rankOf, held);
			for (const cell of cells) rankOf[cell] = NEVER;
		}
	}
	for (let i = 0; i < pairs; i++) counts.codes[i] = counts.codes[i]! / nq;
	return counts;
}

/** The candidates of each query in the order of the store. */
function storeOrder(store: IndexFlatCodes, q: VectorSet, proposed: SearchResult): SearchResult {
	const { k: depth } = proposed;
	const out = new SearchResult(q.n, depth, store.metric);
	const size = Math.min(q.n, 4);
	using block = new RerankBlock(store, depth, depth, size);
	for (let first = 0; first < q.n; first += size) {
		const n = Math.min(size, q.n - first);
		block.load(q, proposed, first, n);
		block.run(n);
		block.emit(first, n, out);
	}
	return out;
}

/** The cell of each row, and how many rows each cell stands for. */
function readCells(
	{ lists, nlist, engine }: IndexIVF,
	cellOf: Uint32Array,
	weights: Weights | undefined,
): Float64Array {
	const sizes = new Float64Array(nlist);
	for (let cell = 0; cell < nlist; cell++) {
		const { ids, n } = lists.list(cell);
		const { u32 } = engine.arena;
		let size = 0;
		for (let i = ids >>> 2; i < (ids >>> 2) + n; i++) {
			const row = u32[i]!;
			cellOf[row] = cell;
			size += weights === undefined ? 1 : weights.of[row]!;
		}
		sizes[cell] = size;
	}
	return sizes;
}

function* rankSteps(subject: Subject, queries: VectorSet, phase: string): Steps<Ranked> {
	const { ivf } = subject.parts;
	const ranks = Math.min(ivf?.nlist ?? 1, MAX_RANKED);
	const cells = new Uint32Array(queries.n * ranks);
	if (ivf === undefined) return { ranks, cells };
	for (let i = 0; i < queries.n; i++) {
		const { leaf } = queriesOf(subject.parts, queries.slice(i, i + 1));
		cells.set(rankCells(ivf, leaf, ranks).cells, i * ranks);
		if (i % BLOCK === 0) yield { phase, done: 0, total: queries.n };
	}
	return { ranks, cells };
}

/** Fewest cells that leave out so small a share of the true neighbours. */
function coverage(
	{ truth, queries, k }: Asked,
	{ ranks, cells }: Ranked,
	cellOf: Uint32Array,
	nlist: number,
	loss: number,
): number {
	const rankOf = new Uint32Array(nlist);
	const missed = new Float64Array(ranks + 1);
	let all = 0;
	for (let i = 0; i < queries.n; i++) {
		rankOf.fill(ranks);
		for (let rank = 0; rank < ranks; rank++) rankOf[cells[i * ranks + rank]!] = rank;
		for (let j = i * k; j < (i + 1) * k; j++) {
			if (truth[j]! < 0) continue;
			missed[rankOf[cellOf[truth[j]!]!]!]!++;
			all++;
		}
	}
	let lost = missed[ranks]!;
	for (let nprobe = ranks; nprobe > 1; nprobe--) {
		lost += missed[nprobe - 1]!;
		if (lost > loss * all) return nprobe;
	}
	return 1;
}

/** 1, 2, 3, ... 8, then a sixth more each time. */
function ladder(most: number): number[] {
	const steps: number[] = [];
	for (let nprobe = 1; nprobe < most; nprobe = Math.max(nprobe + 1, Math.round(nprobe * 1.16))) steps.push(nprobe);
	return [...steps, most];
}

function widths(k: number, total: number): number[] {
	const most = Math.min(total, Math.max(4 * k, Math.min(MAX_FACTOR * k, MAX_WIDE)));
	return [...new Set(FACTORS.map((factor) => Math.min(most, Math.ceil(k * factor))))];
}

/** Walks the candidates of one query at a time. */
class Sweep {
	readonly #counts: Counts;
	readonly #total: number;
	readonly #weight: Float32Array | undefined;
	/** Number of the query, from 1, that a row is a true neighbour of; size labelEnd. */
	readonly #trueOf: Uint32Array;
	/** Place in the order of the store, size labelEnd. */
	readonly #placeOf: Uint32Array;
	/** Candidates: rank of the cell, place in the store's order, whether it is a true neighbour, its weight. Size depth. */
	readonly #rank: Uint32Array;
	readonly #place: Uint32Array;
	readonly #good: Uint8Array;
	readonly #weighs: Float32Array;
	/** The best so far by the store: size k. */
	readonly #best: Uint32Array;

	constructor(counts: Counts, depth: number, rows: number, total: number, weights: Weights | undefined) {
		this.#counts = counts;
		this.#total = total;
		this.#weight = weights?.of;
		this.#trueOf = new Uint32Array(rows);
		this.#placeOf = new Uint32Array(rows);
		this.#rank = new Uint32Array(depth);
		this.#place = new Uint32Array(depth);
		this.#good = new Uint8Array(depth);
		this.#weighs = new Float32Array(depth);
		this.#best = new Uint32Array(counts.k);
	}

	query(
		i: number,
		truth: Int32Array,
		own: number,
		labels: Float64Array,
		stored: Float64Array | undefined,
		cellOf: Uint32Array,
		rankOf: Uint32Array,
		held: Float64Array,
	): void {
		const { nprobes, wides, hits, most, codes } = this.#counts;
		for (const row of truth) {
			if (row < 0) continue;
			most[i]!++;
			this.#trueOf[row] = i + 1;
		}
		if (stored !== undefined) {
			for (let at = 0; at < stored.length && stored[at] !== -1; at++) this.#placeOf[stored[at]!] = at;
		}
		let n = 0;
		for (let at = 0; at < labels.length && labels[at] !== -1; at++) {
			const row = labels[at]!;
			const rank = rankOf[cellOf[row]!]!;
			if (row === own || rank === NEVER) continue;
			this.#rank[n] = rank;
			this.#place[n] = stored === undefined ? n : this.#placeOf[row]!;
			this.#good[n] = this.#trueOf[row] === i + 1 ? 1 : 0;
			this.#weighs[n++] = this.#weight?.[row] ?? 1;
		}
		let pair = 0;
		for (const nprobe of nprobes) {
			for (let w = 0; w < wides.length; ) {
				const opened = this.#widened(held, nprobe, wides[w]!);
				let end = w + 1;
				while (end < wides.length && this.#widened(held, nprobe, wides[end]!) === opened) end++;
				const at = i * nprobes.length * wides.length + pair;
				this.#walk(n, opened, wides.slice(w, end), hits.subarray(at, at + end - w));
				for (; w < end; w++) codes[pair++]! += held[opened]!;
			}
		}
	}

	/** Cells that a search opens which keeps `wide` candidates: it goes on until there are as many. */
	#widened(held: Float64Array, nprobe: number, wide: number): number {
		const most = held.length - 1;
		const wanted = Math.min(wide, this.#total);
		let opened = Math.min(nprobe, most);
		while (held[opened]! < wanted && opened < most) opened = Math.min(2 * opened, most);
		return opened;
	}

	/** True neighbours among the best k of the first `wides` candidates in the cells opened. */
	#walk(n: number, opened: number, wides: readonly number[], out: Uint16Array): void {
		const { k } = this.#counts;
		const best = this.#best;
		let kept = 0;
		let before = 0;
		let w = 0;
		for (let at = 0; at < n && w < wides.length; at++) {
			if (this.#rank[at]! >= opened) continue;
			while (w < wides.length && before >= wides[w]!) out[w++] = this.#found(kept);
			if (w === wides.length) return;
			before += this.#weighs[at]!;
			const place = this.#place[at]!;
			if (kept === k && place > this.#place[best[k - 1]!]!) continue;
			let to = kept < k ? kept++ : k - 1;
			for (; to > 0 && this.#place[best[to - 1]!]! > place; to--) best[to] = best[to - 1]!;
			best[to] = at;
		}
		while (w < wides.length) out[w++] = this.#found(kept);
	}

	/** True neighbours among the first k, when each candidate kept stands for as many rows as it weighs. */
	#found(kept: number): number {
		let hits = 0;
		let before = 0;
		for (let i = 0; i < kept && before < this.#counts.k; i++) {
			const at = this.#best[i]!;
			hits += this.#good[at]!;
			before += this.#weighs[at]!;
		}
		return hits;
	}
}

/** Steps whose progress is that of a part of other work. */
export function* named<T>(steps: Steps<T>, phase: string, done: number, total: number): Steps<T> {
	try {
		for (;;) {
			const step = steps.next();
			if (step.done) return step.value;
			yield 'parallel' in step.value ? step.value : { phase, done, total };
		}
	} finally {
		steps.return(undefined as T);
	}
}
