/**
 * Search of inverted lists, a block of queries at a time.
 *
 * A block is a straight line of kernel calls over one piece of scratch: rank the cells, prepare the queries, scan the
 * lists, sort the results. Between them nothing happens in JavaScript, so that a single query costs few crossings,
 * and the whole line could run on any thread.
 *
 * Where candidates are ranked again (rerank.ts), that follows in the same line.
 *
 * Where the queries of a block share lists, these are scanned list by list: a list's codes are read once for all of them.
 */

import type { SearchResult, SearchStats } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { ADMIT_ALL, type Admission, bindCalls, type Call, TILE, topkBytes, topkCapacity } from '../kernels/kernels.ts';
import { align16 } from '../quantizers/codec.ts';
import type { Steps } from '../util/steps.ts';
import { loadRows } from './batch.ts';
import { Reranker } from './rerank.ts';
import type { GivenCells, Rerank, SearchedCells, SearchScope } from './searched-cells.ts';
import { sideBySide } from './side-by-side.ts';

const MAX_BLOCK = 256;
/** Times as many cells when those ranked were too few. */
const WIDER = 2;
/** The same under a filter, where it is known how much of the lists matches. */
const MUCH_WIDER = 4;
/** Prepared queries and top-k states of a block stay in L2. */
const BLOCK_BYTES = 512 * 1024;
/**
 * Queries of a block that is ranked again: several parts, because what re-ranking reads pushes codes and centroids out of L2
 * (8 % of the time of a search, when it follows every part of 26 queries).
 */
const RERANKED = 256;
/** Bytes of codes that a block scans, about: a few milliseconds between two turns of the event loop. */
const SCAN_BYTES = 16 * 1024 * 1024;
/** List by list pays from so many queries per list on. */
const SHARED = 2;

/** How many queries a block takes. */
export function blockSize(cells: SearchedCells, k: number, nprobe: number, nq: number, rerank?: Rerank): number {
	const { lists, ntotal } = cells;
	const again = rerank === undefined ? 0 : k * rerank.store.codeSize;
	const scanned = (nprobe / lists.nlist) * ntotal * lists.layout.codeSize + again;
	const most = rerank === undefined ? partSize(cells, k, nprobe) : RERANKED;
	return Math.max(1, Math.floor(Math.min(most, SCAN_BYTES / Math.max(1, scanned), nq)));
}

/** How many queries are prepared and scanned at a time. */
function partSize({ scanner }: SearchedCells, k: number, nprobe: number): number {
	const perQuery = scanner.stateBytes + topkBytes(k) + 8 * nprobe + 8 * k;
	return Math.max(1, Math.floor(Math.min(MAX_BLOCK, BLOCK_BYTES / perQuery)));
}

/** Multiply-adds that a query takes, about. @param wide - Candidates that are ranked again. */
export function searchCost({ lists, d, ntotal }: SearchedCells, nprobe: number, wide = 0): number {
	return (lists.nlist + wide) * d + (nprobe / lists.nlist) * ntotal * lists.layout.codeSize;
}

/** Searches of blocks side by side, on threads. */
export function* searchTogether(
	cells: SearchedCells,
	q: VectorSet,
	k: number,
	nprobe: number,
	most: number,
	result: SearchResult,
	stats: SearchStats | undefined,
	scope?: SearchScope,
	rerank?: Rerank,
): Steps<void> {
	const make = (size: number): BlockSearch => new BlockSearch(cells, k, nprobe, size, scope, rerank);
	yield* sideBySide(cells.engine, 'search', q.n, most, make, {
		load: (search, first, n) => search.load(q, first, n),
		run: (search, n) => search.scan(n),
		settle: (search, first, n) => search.settle(q, first, n, result, stats),
	});
}

export class BlockSearch implements Disposable {
	readonly #cells: SearchedCells;
	readonly #k: number;
	readonly #nprobe: number;
	readonly #n: number;
	/** Queries that are scanned at a time; after the last of them all are ranked again. */
	readonly #part: number;
	readonly #admission: Admission;
	/** Neighbours that there can be. */
	readonly #wanted: number;
	readonly #scope: SearchScope;
	readonly #byteLength: number;
	readonly #sizes: Readonly<Record<Part, number>>;
	readonly #topkStride: number;
	readonly #again: Reranker | undefined;
	/** Whether queries for the store are others, and which those are now. */
	readonly #transformed: boolean;
	#queries: VectorSet | undefined;
	/** Scratch; 0 between searches. */
	#block: number;
	/** Pointers into the scratch. */
	#at: Readonly<Record<Part, number>>;
	/** The program for n queries at these pointers. */
	#calls: readonly (() => unknown)[];

	/**
	 * @param nprobe - Cells that are ranked, and opened if nothing else decides. @param n - Queries of a block, at most.
	 * @param rerank - What the k candidates are for; without it they are the result.
	 */
	constructor(cells: SearchedCells, k: number, nprobe: number, n: number, scope: SearchScope = {}, rerank?: Rerank) {
		const { engine, d, scanner, ranker, lists, centre } = cells;
		this.#cells = cells;
		this.#k = k;
		this.#nprobe = nprobe;
		this.#n = n;
		this.#part = Math.min(n, partSize(cells, k, nprobe));
		const part = this.#part;
		this.#scope = scope;
		this.#admission = scope.rows?.admission ?? ADMIT_ALL;
		this.#wanted = Math.min(k, scope.rows?.count ?? cells.ntotal);
		this.#topkStride = align16(topkBytes(k));
		if (rerank !== undefined) this.#again = new Reranker(rerank.store, rerank.k, k, n);
		this.#queries = rerank?.queries;
		this.#transformed = rerank?.queries !== undefined;
		const asTheyWere = rerank !== undefined && (centre !== 0 || rerank.queries !== undefined);
		const ordered = isShared(cells, part, nprobe);
		this.#sizes = {
			queries: n * d * 4,
			cellDistances: n * nprobe * 4,
			cells: n * nprobe * 4,
			order: ordered ? part * nprobe * 4 : 0,
			listCounts: ordered ? (lists.nlist + 2) * 4 : 0,
			chosen: scope.choice === undefined ? 0 : n * 8,
			states: part * scanner.stateBytes,
			topks: part * this.#topkStride,
			// Ranking is over when queries are prepared, and that when lists are scanned.
			work: Math.max(ranker.workBytes(nprobe), scanner.workBytes, TILE * 4),
			distances: n * k * 4,
			labels: n * k * 4,
			counts: n * 4,
			// The queries as they were before they were transformed, or a centre was taken off.
			rawQueries: asTheyWere ? n * rerank.store.d * 4 : 0,
			again: this.#again?.byteLength ?? 0,
		};
		this.#byteLength = Object.values(this.#sizes).reduce((sum, bytes) => sum + align16(bytes), 0);
		this.#block = engine.arena.allocScratch(this.#byteLength);
		this.#at = this.#layOut();
		this.#calls = this.#bind(n);
	}

	/** Whether this search, given back, serves another one of that shape. */
	fits(cells: SearchedCells, k: number, nprobe: number, n: number, rerank?: Rerank): boolean {
		if (this.#cells !== cells || this.#k !== k || this.#nprobe !== nprobe || this.#n !== n) return false;
		const again = this.#again;
		if (again?.store !== rerank?.store || again?.k !== rerank?.k) return false;
		if (this.#transformed !== (rerank?.queries !== undefined)) return false;
		return again === undefined || again.isCurrent;
	}

	/** Takes scratch again after dispose. Most often it is the same piece, and so is the program. */
	resume(rerank?: Rerank): void {
		this.#queries = rerank?.queries;
		const block = this.#cells.engine.arena.allocScratch(this.#byteLength);
		this.#block = block;
		if (block === this.#at[FIRST]) this.#again?.init(this.#at.again);
		else {
			this.#at = this.#layOut();
			this.#calls = this.#bind(this.#n);
		}
	}

	#layOut(): Record<Part, number> {
		let at = this.#block;
		const pointers = {} as Record<Part, number>;
		for (const part of Object.keys(this.#sizes) as Part[]) {
			pointers[part] = at;
			at += align16(this.#sizes[part]);
		}
		this.#again?.init(pointers.again);
		return pointers;
	}

	/** Finds the neighbours of queries first..first + n - 1 and writes them to the same rows of the result. */
	run(q: VectorSet, first: number, n: number, result: SearchResult, stats?: SearchStats): void {
		this.load(q, first, n);
		this.scan(n);
		this.settle(q, first, n, result, stats);
	}

	/** Brings queries first..first + n - 1 in. */
	load(q: VectorSet, first: number, n: number): void {
		const { engine, metric } = this.#cells;
		const { queries, rawQueries } = this.#at;
		loadRows(engine, metric, q, first, n, queries);
		if (this.#queries !== undefined) loadRows(engine, metric, this.#queries, first, n, rawQueries);
		else if (this.#sizes.rawQueries > 0) engine.arena.u8.copyWithin(rawQueries, queries, queries + n * q.d * 4);
		if (this.#scope.given !== undefined) this.#loadCells(this.#scope.given, first, n);
	}

	#loadCells({ cells, distances }: GivenCells, first: number, n: number): void {
		const { engine, d, metric, lists, centroids, byResidual } = this.#cells;
		const { arena, kernels } = engine;
		const nprobe = this.#nprobe;
		const at = this.#at;
		const mine = cells.subarray(first * nprobe, (first + n) * nprobe);
		arena.u32.set(mine, at.cells >>> 2);
		if (distances !== undefined) {
			arena.f32.set(distances.subarray(first * nprobe, (first + n) * nprobe), at.cellDistances >>> 2);
			return;
		}
		if (!byResidual) return;
		for (const [j, cell] of mine.entries()) {
			if (cell === lists.nlist) continue;
			const pair = [at.queries + Math.floor(j / nprobe) * d * 4, centroids + cell * d * 4, 1, d] as const;
			if (metric === 'l2') kernels.l2Many(...pair, at.cellDistances + j * 4);
			else kernels.ipMany(...pair, at.cellDistances + j * 4);
		}
	}

	/** Nothing but kernel calls. */
	scan(n: number): void {
		for (const call of n === this.#n ? this.#calls : this.#bind(n)) call();
	}

	/** Writes what was found. */
	settle(q: VectorSet, first: number, n: number, result: SearchResult, stats?: SearchStats): void {
		const { engine, lists } = this.#cells;
		const { choice, given } = this.#scope;
		const canWiden = this.#nprobe < lists.nlist && given === undefined;
		for (let i = 0; i < n; i++) {
			const { u32 } = engine.arena;
			const found = u32[(this.#at.counts >>> 2) + i]!;
			const chosen = choice === undefined ? ENOUGH : u32[(this.#at.chosen >>> 2) + 2 * i + 1]!;
			// Short of k: open more cells, until there are k or all are open.
			const more = chosen === TOO_FEW || (chosen === ENOUGH && found < this.#wanted);
			if (more && canWiden) {
				this.#widen(q, first + i, result, stats);
				continue;
			}
			if (this.#again === undefined) this.#emit(i, found, first + i, result);
			else this.#again.emit(this.#at.again, i, first + i, result);
			if (stats !== undefined) this.#count(i, stats);
		}
	}

	#bind(n: number): readonly (() => unknown)[] {
		return bindCalls(this.#cells.engine.kernels, this.#program(n));
	}

	/** The line of kernel calls for n queries. */
	#program(n: number): Call[] {
		const at = this.#at;
		const calls: Call[] = [];
		for (let i = 0; i < n; i += this.#part) calls.push(...this.#scanned(i, Math.min(this.#part, n - i)));
		const queries = this.#sizes.rawQueries > 0 ? at.rawQueries : at.queries;
		if (this.#again !== undefined) calls.push(...this.#again.calls(at.again, n, queries, at.labels, at.counts));
		return calls;
	}

	/** The part of n queries from query `first` on. */
	#scanned(first: number, n: number): Call[] {
		const { d, ranker, scanner, lists, centre, byResidual } = this.#cells;
		const at = this.#at;
		const [k, nprobe, stride] = [this.#k, this.#nprobe, this.#topkStride];
		const [kind, a, b, c] = scanner.scan();
		const order = isShared(this.#cells, n, nprobe) ? at.order : 0;
		const queries = at.queries + first * d * 4;
		const [cells, cellDistances] = [at.cells + first * nprobe * 4, at.cellDistances + first * nprobe * 4];
		const biases = byResidual ? cellDistances : 0;
		const { choice, given } = this.#scope;
		const calls: Call[] = [];
		if (given === undefined) calls.push(ranker.call(queries, n, nprobe, at.work, cellDistances, cells));
		if (centre !== 0) calls.push(['subtractRow', queries, n, d, centre]);
		calls.push(scanner.prepare(queries, n, at.states, at.work));
		calls.push(['topkInitMany', at.topks, n, stride, k, topkCapacity(k), ...this.#admission]);
		if (choice !== undefined) {
			const { counts, wanted, maxCodes } = choice;
			const least = Math.min(choice.least, nprobe);
			const [filter, bits] = this.#admission;
			const from = [lists.directory, lists.nlist, filter, bits, counts, cells, n, nprobe] as const;
			calls.push(['chooseLists', ...from, least, wanted, this.#wanted, maxCodes, at.chosen + first * 8]);
		}
		if (order !== 0) calls.push(['orderByList', cells, n * nprobe, lists.nlist + 1, at.listCounts, order]);
		const { stateBytes } = scanner;
		const head = [kind, lists.directory, cells, biases, order, n, nprobe] as const;
		calls.push(['scanLists', ...head, at.states, stateBytes, at.topks, stride, at.work, a, b, c]);
		const [distances, labels] = [at.distances + first * k * 4, at.labels + first * k * 4];
		calls.push(['topkFinishMany', at.topks, n, stride, k, distances, labels, at.counts + first * 4]);
		return calls;
	}

	/** Writes what was found for query i as a row of the result; inner products lose their minus. */
	#emit(i: number, found: number, row: number, result: SearchResult): void {
		const { engine, metric } = this.#cells;
		const { f32, u32 } = engine.arena;
		const k = this.#k;
		const [distances, labels] = [(this.#at.distances >>> 2) + i * k, (this.#at.labels >>> 2) + i * k];
		for (let j = 0; j < found; j++) {
			const distance = f32[distances + j]!;
			// Sums of parts can end a rounding below zero; squared distances do not. 0 - 0 is 0, not -0.
			result.distances[row * k + j] = metric === 'l2' ? Math.max(0, distance) : 0 - distance;
			result.labels[row * k + j] = u32[labels + j]!;
		}
	}

	/** Counts the work for query i. */
	#count(i: number, stats: SearchStats): void {
		const { engine, lists } = this.#cells;
		const { u32 } = engine.arena;
		const cells = (this.#at.cells >>> 2) + i * this.#nprobe;
		for (let p = 0; p < this.#nprobe; p++) {
			const listNo = u32[cells + p]!;
			if (listNo === lists.nlist) continue;
			stats.ndis += lists.listSize(listNo);
			stats.nlistsVisited++;
		}
	}

	#widen(q: VectorSet, row: number, result: SearchResult, stats: SearchStats | undefined): void {
		const factor = this.#scope.choice === undefined ? WIDER : MUCH_WIDER;
		const nprobe = Math.min(factor * this.#nprobe, this.#cells.lists.nlist);
		const again = this.#again;
		const rerank = again && { store: again.store, k: again.k, queries: this.#queries };
		using wider = new BlockSearch(this.#cells, this.#k, nprobe, 1, this.#scope, rerank);
		wider.run(q, row, 1, result, stats);
	}

	[Symbol.dispose](): void {
		if (this.#block !== 0) this.#cells.engine.arena.freeScratch(this.#block, this.#byteLength);
		this.#block = 0;
		this.#queries = undefined;
	}
}

/** What chooseLists says of a query. */
const TOO_FEW = 0;
const ENOUGH = 1;

/** The part at the start of the scratch. */
const FIRST = 'queries';

type Part =
	| 'queries'
	| 'cellDistances'
	| 'cells'
	| 'order'
	| 'listCounts'
	| 'chosen'
	| 'states'
	| 'topks'
	| 'work'
	| 'distances'
	| 'labels'
	| 'counts'
	| 'rawQueries'
	| 'again';

/** Whether lists have several queries of a block, and are longer than what changes from query to query. */
function isShared({ lists, scanner, ntotal }: SearchedCells, n: number, nprobe: number): boolean {
	const mean = (ntotal / lists.nlist) * lists.layout.codeSize;
	return !scanner.inOrder && n * nprobe >= SHARED * lists.nlist && mean > scanner.stateBytes;
}
