/**
 * Why a search found a vector, or did not.
 *
 * A search can lose a neighbour in a few places: its cell was not opened, its code made it look too far away, a graph's walk
 * went by, or a store that is itself compressed put it behind others. All stages are asked what they say of the vector, and the
 * change of parameters that finds it is worked out, then tried.
 */

import type { RefineSearchParams } from '../core/options.ts';
import { HNSW_SEARCH_PARAMS } from '../core/options.ts';
import { emptySearchStats } from '../core/result.ts';
import { toVectorSet, type VectorSet, type Vectors } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import { type Index, MAX_K } from '../indexes/base.ts';
import { checkInt } from '../util/check.ts';
import { runSync } from '../util/steps.ts';
import { type Exact, exactDistances, type VectorLookup } from './exact.ts';
import { type Explanation, explanationText, type Fix, type Verdict } from './explanation.ts';
import {
	candidatesOf,
	type Estimates,
	estimateSteps,
	kFactorOf,
	knownRow,
	type Parts,
	proposeSteps,
	queriesOf,
	type RankedCells,
	rankCells,
	takeApart,
} from './parts.ts';

/** Parameters of the search to explain, as given to `search`, and what else is known. */
export interface ExplainOptions extends RefineSearchParams {
	/** Neighbours asked for. Default: 10. */
	readonly k?: number | undefined;
	/** For exact distances, where the index does not hold the vectors themselves. */
	readonly vectors?: VectorLookup | undefined;
}

/**
 * Why a search found a label, or did not. Costs about a search that opens all cells up to the label's, and some
 * more to try the fix out: for looking into single queries, not for every query served.
 *
 * @param query - One query, d values.
 * @param labels - One label, or several; as many explanations come back.
 * @throws {VecinoError} `unknown-label`, `unsupported` for an IndexShards, and what `search` throws.
 *
 * @example
 * using index = new IndexIVFFlat({ d: 64, nlist: 40 });
 * index.train(vectors).add(vectors);
 * const query = queries.row(0);
 * const label = exactNeighbors(vectors, query, 10).labels[9]!; // the 10th nearest
 * const why = explain(index, query, label, { k: 10, nprobe: 1 });
 * // String(why): Label 1880 was missed: its cell 37 is the 2nd nearest of 40, and 1 was opened. nprobe 2 finds it.
 * const found = index.search(query, 10, { nprobe: 1, ...why.fix });
 * console.log(found.labels.includes(label)); // true
 */
export function explain(index: Index, query: Vectors, labels: number, options?: ExplainOptions): Explanation;
export function explain(
	index: Index,
	query: Vectors,
	labels: ArrayLike<number>,
	options?: ExplainOptions,
): Explanation[];
export function explain(
	index: Index,
	query: Vectors,
	labels: number | ArrayLike<number>,
	options?: ExplainOptions,
): Explanation | Explanation[] {
	if (typeof labels === 'number') return explainAll('explain', index, query, [labels], options)[0]!;
	return explainAll('explain', index, query, Array.from(labels), options);
}

/**
 * Why a search missed what it should have found: an explanation for each of the true neighbours that it did not return.
 *
 * @param trueLabels - The k true neighbours, as exactNeighbors gives them; -1 is skipped.
 *
 * @example
 * using index = new IndexIVFFlat({ d: 64, nlist: 40 });
 * index.train(vectors).add(vectors);
 * const query = queries.row(0);
 * const truth = exactNeighbors(vectors, query, 10);
 * const missed = explainMissed(index, query, truth.labels, { k: 10, nprobe: 1 });
 * console.log(missed.length > 0, missed.every(({ verdict }) => verdict === 'cell not probed')); // true true
 * console.log(explainMissed(index, query, truth.labels, { k: 10, nprobe: 40 })); // []
 */
export function explainMissed(
	index: Index,
	query: Vectors,
	trueLabels: ArrayLike<number>,
	options?: ExplainOptions,
): Explanation[] {
	const labels = Array.from(trueLabels).filter((label) => label !== -1);
	return explainAll('explainMissed', index, query, labels, options).filter(({ verdict }) => verdict !== 'found');
}

function explainAll(
	where: string,
	index: Index,
	query: Vectors,
	labels: readonly number[],
	{ k = 10, vectors, ...params }: ExplainOptions = {},
): Explanation[] {
	index.checkTrained(where);
	checkInt(where, 'k', k, 1, MAX_K);
	const q = toVectorSet(where, 'query', query, index.d);
	if (q.n !== 1) throw new RangeError(`${where}: query must be one vector, got ${q.n}`);
	const parts = takeApart(index);
	if (parts.leaf.type === 'IndexShards') {
		const message = `${where}: not for IndexShards as a whole; ask the shard that holds the vector (shards), where its labels begin with 0`;
		throw new VecinoError('unsupported', message);
	}
	const rows = labels.map((label) => knownRow(where, parts, label));
	const release = index.hold(where);
	try {
		const exact = exactDistances(where, parts, q, k, params, vectors);
		const asked = new Asked(parts, q, k, params, rows);
		return rows.map((row, i) => asked.explain(labels[i]!, row, exact));
	} finally {
		release();
	}
}

/** One search, and what its stages say of some rows. */
class Asked {
	readonly #parts: Parts;
	readonly #q: VectorSet;
	readonly #k: number;
	readonly #params: RefineSearchParams;
	readonly #leafQuery: VectorSet;
	/** Candidates kept. */
	readonly #wide: number;
	readonly #found: Float64Array;
	/** Cells that the search was told to open, and that it did; 1 where there are none. */
	readonly #told: number;
	readonly #opened: number;
	readonly #openCells = new Set<number>();
	readonly #cells: RankedCells | undefined;
	/** Rank of each cell, from 0, size nlist. */
	readonly #rankOf: Uint32Array;
	/** Codes in the nearest 0, 1, ... nlist cells, size nlist + 1. */
	readonly #held: Float64Array;
	/** Number of the cell of each row, size labelEnd; empty without cells. */
	readonly #cellOf: Uint32Array;
	/** By code, all rows of enough cells to hold the rows asked about. */
	readonly #estimates: Estimates;
	#proposed: Set<number> | undefined;

	constructor(parts: Parts, q: VectorSet, k: number, params: RefineSearchParams, rows: readonly number[]) {
		const { ivf, index } = parts;
		const { stats: _, ...rest } = params;
		this.#parts = parts;
		this.#q = q;
		this.#k = k;
		this.#params = rest;
		this.#wide = candidatesOf(parts, k, params.kFactor);
		this.#told = Math.min(params.nprobe ?? ivf?.nprobe ?? 1, ivf?.nlist ?? 1);
		const stats = emptySearchStats();
		this.#found = index.search(q, k, { ...rest, stats }).labels;
		this.#opened = Math.max(1, stats.nlistsVisited);
		this.#leafQuery = queriesOf(parts, q).leaf;
		this.#cellOf = ivf === undefined ? new Uint32Array(0) : cellsOfRows(ivf);
		this.#cells = ivf && rankCells(ivf, this.#leafQuery, ivf.nlist);
		this.#rankOf = new Uint32Array(ivf?.nlist ?? 1);
		this.#held = new Float64Array(this.#rankOf.length + 1);
		let deep = 1;
		let size = index.ntotal;
		if (ivf !== undefined) {
			for (const [rank, cell] of this.#cells!.cells.entries()) {
				this.#rankOf[cell] = rank;
				this.#held[rank + 1] = this.#held[rank]! + ivf.lists.listSize(cell);
			}
			for (const cell of rankCells(ivf, this.#leafQuery, this.#opened).cells) this.#openCells.add(cell);
			deep = Math.max(this.#opened, ...rows.map((row) => this.#cellRank(row) + 1));
			// A graph over the centroids misses some of the nearest; from so many cells on there is none.
			deep = Math.max(deep, Math.min(ivf.nlist, ivf.cells.ranker.exactFrom));
			size = this.#held[deep]!;
		}
		this.#estimates = runSync(estimateSteps(parts, this.#leafQuery, size, deep, rest), rest);
	}

	explain(label: number, row: number, exact: Exact): Explanation {
		const { ivf, index } = this.#parts;
		const at = this.#found.indexOf(label);
		const place = this.#estimates.rows.indexOf(row);
		const cell = ivf && this.#cellOf[row]!;
		const rank = cell === undefined ? 0 : this.#rankOf[cell]!;
		const probed = cell === undefined ? undefined : this.#openCells.has(cell);
		const distance = exact.distance(label, row);
		const exactRank = exact.rank(row, distance);
		const verdict = at >= 0 ? 'found' : this.#verdict(row, place, probed, exactRank);
		const { fix, opened } = this.#fix(label, place, rank, probed, verdict);
		const estimated = place < 0 ? undefined : this.#estimates.distances[place]!;
		const error = estimated === undefined || distance === undefined ? undefined : estimated - distance;
		const facts = {
			label,
			verdict,
			position: at < 0 ? undefined : at + 1,
			k: this.#k,
			candidates: this.#wide,
			cell,
			nlist: ivf?.nlist,
			cellRank: ivf && rank + 1,
			cellDistance: this.#cells?.distances[rank],
			cellsOpened: ivf && this.#opened,
			probed,
			estimated,
			exact: distance,
			error,
			relativeError: error === undefined ? undefined : shareOf(error, distance!),
			estimatedRank: place < 0 ? undefined : this.#rankAmong(place, opened),
			exactRank: exactRank === Number.POSITIVE_INFINITY ? undefined : exactRank,
			fix,
		} as const;
		const text = explanationText(facts, index.metric);
		const explanation = { ...facts, text };
		Object.defineProperty(explanation, 'toString', { value: () => text });
		return Object.freeze(explanation) as Explanation;
	}

	#verdict(row: number, place: number, probed: boolean | undefined, exactRank: number | undefined): Verdict {
		const { lossy, refine, hnsw, exact } = this.#parts;
		if (place < 0) return 'filtered';
		if (exactRank !== undefined && exactRank > this.#k) return 'outranked';
		if (probed === false) return 'cell not probed';
		if (this.#rankAmong(place, undefined) > this.#wide) return lossy ? 'code too coarse' : 'outranked';
		if (refine === undefined) return hnsw === undefined ? 'code too coarse' : 'not reached';
		if (!this.#candidates().has(row)) return hnsw === undefined ? 'code too coarse' : 'not reached';
		return exact ? 'outranked' : 'store too coarse';
	}

	#cellRank(row: number): number {
		return this.#rankOf[this.#cellOf[row]!]!;
	}

	/** Rank of the code at `place` of the estimates among those of the nprobe nearest cells; undefined: of the cells opened. */
	#rankAmong(place: number, nprobe: number | undefined): number {
		if (this.#cells === undefined) return place + 1;
		const { rows } = this.#estimates;
		let rank = 1;
		for (let i = 0; i < place; i++) {
			const cell = this.#cellOf[rows[i]!]!;
			if (nprobe === undefined ? this.#openCells.has(cell) : this.#rankOf[cell]! < nprobe) rank++;
		}
		return rank;
	}

	/** Rows that the leaf proposed. */
	#candidates(): Set<number> {
		this.#proposed ??= new Set(
			runSync(proposeSteps(this.#parts, this.#leafQuery, this.#wide, this.#params), this.#params),
		);
		return this.#proposed;
	}

	/** Cells that a search with nprobe opens which keeps `wide` candidates: it goes on until there are as many. */
	#widened(nprobe: number, wide: number): number {
		const nlist = this.#rankOf.length;
		const wanted = Math.min(wide, this.#parts.index.ntotal);
		let opened = nprobe;
		while (this.#held[opened]! < wanted && opened < nlist) opened = Math.min(2 * opened, nlist);
		return opened;
	}

	/** The parameters that find a label, and the cells that its rank is to be taken of, unless of those opened. */
	#fix(
		label: number,
		place: number,
		rank: number,
		probed: boolean | undefined,
		verdict: Verdict,
	): { fix: Fix | undefined; opened: number | undefined } {
		const k = this.#k;
		const hasStore = this.#parts.refine !== undefined;
		const closed = probed === false;
		let nprobe = closed ? this.#smallestNprobe(rank, this.#wide) : undefined;
		let cells = nprobe === undefined ? undefined : this.#widened(nprobe, this.#wide);
		if (verdict === 'found' || verdict === 'outranked' || verdict === 'filtered')
			return { fix: undefined, opened: cells };
		const wide = Math.max(this.#wide, this.#rankAmong(place, cells));
		if (closed && wide > this.#wide) {
			// More candidates may have more cells opened, so that fewer do.
			const fewer = this.#smallestNprobe(rank, wide);
			const opened = this.#widened(fewer, wide);
			if (fewer < nprobe! && this.#rankAmong(place, opened) <= wide) [nprobe, cells] = [fewer, opened];
			if (nprobe === this.#told) nprobe = undefined;
		}
		const fixOf = (wide: number, nprobe: number | undefined, efSearch?: number): Fix => ({
			...(nprobe !== undefined && { nprobe }),
			...(efSearch !== undefined && { efSearch }),
			...(wide > this.#wide && (hasStore ? { kFactor: kFactorOf(wide, k) } : { k: wide })),
		});
		const works = (fix: Fix): boolean => this.#finds(label, fix);
		const most = Math.min(MAX_K, this.#parts.index.ntotal);
		if (wide > most) return { fix: undefined, opened: cells };
		let fix: Fix | undefined = fixOf(wide, nprobe);
		if (Object.keys(fix).length === 0 || !works(fix)) {
			// What cannot be counted is tried: walks over graphs, codes that are dropped half read (RaBitQ).
			if (this.#parts.hnsw !== undefined) {
				const before = Math.max(wide, this.#params.efSearch ?? (HNSW_SEARCH_PARAMS['efSearch']!.default as number));
				fix = smallest(before, most, (ef) => fixOf(wide, undefined, ef), works);
			} else {
				const graph = this.#parts.ivf?.coarse === 'hnsw' && closed;
				fix = graph ? smallest(nprobe!, this.#parts.ivf!.nlist, (more) => fixOf(wide, more), works) : undefined;
				fix ??= smallest(wide, most, (more) => fixOf(more, nprobe), works);
			}
		}
		return { fix: fix && Object.freeze(fix), opened: cells };
	}

	/** Fewest cells that a search has to be told to open the one of this rank, at least as many as this one was. */
	#smallestNprobe(rank: number, wide: number): number {
		for (let nprobe = this.#told; nprobe <= rank; nprobe++) if (this.#widened(nprobe, wide) > rank) return nprobe;
		return rank + 1;
	}

	#finds(label: number, { k = this.#k, ...fix }: Fix): boolean {
		return this.#parts.index.search(this.#q, k, { ...this.#params, ...fix }).labels.includes(label);
	}
}

/** The fix with the smallest value above `from` that works: by doubling, then halving. */
function smallest(
	from: number,
	most: number,
	make: (value: number) => Fix,
	works: (fix: Fix) => boolean,
): Fix | undefined {
	let low = from;
	let high = from;
	do {
		if (high >= most) return undefined;
		low = high;
		high = Math.min(most, 2 * high);
	} while (!works(make(high)));
	while (high - low > 1) {
		const middle = (low + high) >>> 1;
		if (works(make(middle))) high = middle;
		else low = middle;
	}
	return make(high);
}

/** The cell of each row, size labelEnd. */
function cellsOfRows({ lists, nlist, labelEnd, engine }: NonNullable<Parts['ivf']>): Uint32Array {
	const out = new Uint32Array(labelEnd);
	for (let cell = 0; cell < nlist; cell++) {
		const { ids, n } = lists.list(cell);
		const { u32 } = engine.arena;
		for (let i = ids >>> 2; i < (ids >>> 2) + n; i++) out[u32[i]!] = cell;
	}
	return out;
}

/** An error as share of a distance; undefined where that is 0, or only what rounding has left of 0. */
function shareOf(error: number, distance: number): number | undefined {
	const size = Math.abs(distance);
	return size === 0 || size < 1e-6 * Math.abs(error) ? undefined : error / size;
}
