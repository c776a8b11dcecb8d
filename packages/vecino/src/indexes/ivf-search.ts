/**
 * Search of inverted lists, a block of queries at a time.
 *
 * A block is a straight line of kernel calls over one piece of scratch: rank the cells, prepare the queries, scan the
 * lists, sort the results. Between them nothing happens in JavaScript, so that a single query costs few crossings,
 * and the whole line could run on any thread.
 *
 * Where the queries of a block share lists, these are scanned list by list: a list's codes are read once for all of them.
 */

import type { Metric } from '../core/metric.ts';
import type { SearchResult, SearchStats } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { CodeLayout } from '../invlists/layout.ts';
import type { Engine } from '../kernels/engine.ts';
import { ADMIT_ALL, type Admission, bindCalls, type Call, TILE, topkBytes, topkCapacity } from '../kernels/kernels.ts';
import { align16, type BlockScanner } from '../quantizers/codec.ts';
import type { Steps } from '../util/steps.ts';
import { loadRows } from './batch.ts';
import { sideBySide } from './side-by-side.ts';

/** What a search needs of an IVF index. */
export interface SearchedCells {
	readonly engine: Engine;
	readonly d: number;
	readonly metric: Metric;
	readonly ranker: CellOrder;
	readonly scanner: BlockScanner;
	readonly lists: SearchedLists;
	/** Pointer to the centroids, (nlist, d). */
	readonly centroids: number;
	/** Pointer to a row that is taken off each query before it is prepared; 0: none. */
	readonly centre: number;
	readonly byResidual: boolean;
	readonly ntotal: number;
}

/** Puts cells in the order in which they are opened. */
export interface CellOrder {
	/** Bytes of scratch that a call needs. */
	workBytes(nprobe: number): number;
	/** Distances and numbers of the first nprobe cells for n queries, layout (n, nprobe). */
	call(q: number, n: number, nprobe: number, work: number, distances: number, labels: number): Call;
}

export interface SearchedLists {
	readonly nlist: number;
	readonly layout: CodeLayout;
	/** Entries of the lists, and an empty one behind them (kernels.ts). */
	readonly directory: number;
	listSize(listNo: number): number;
}

/** Which of the ranked lists are opened, where not all are (chooseLists). */
export interface ListChoice {
	/** Pointer to the matches of each list; 0 without a filter. */
	readonly counts: number;
	/** Ranked lists that are gone through at least. */
	readonly least: number;
	/** Lists that those opened are to count as, each by the share of it that matches. */
	readonly wanted: number;
	/** Codes after which no further list is opened; 0: no limit. */
	readonly maxCodes: number;
}

/** Cells that the caller has chosen, layout (nq, nprobe): nlist stands for none. */
export interface GivenCells {
	readonly cells: Uint32Array;
	/** Distances of the centroids as kernels have them: smaller is better. Default: they are computed. */
	readonly distances: Float32Array | undefined;
}

/** All that are ranked, until they hold so many codes. */
export function upTo(maxCodes: number): ListChoice {
	return { counts: 0, least: Number.POSITIVE_INFINITY, wanted: 0, maxCodes };
}

/** What a search is held to. */
export interface SearchScope {
	/** Rows that may be found. Default: all. */
	readonly rows?: LabelBitmap | undefined;
	readonly choice?: ListChoice | undefined;
	readonly given?: GivenCells | undefined;
}

const MAX_BLOCK = 256;
/** Times as many cells when those ranked were too few. */
const WIDER = 2;
/** The same under a filter, where it is known how much of the lists matches. */
const MUCH_WIDER = 4;
/** Prepared queries and top-k states of a block stay in L2. */
const BLOCK_BYTES = 512 * 1024;
/** Bytes of codes that a block scans, about: a few milliseconds between two turns of the event loop. */
const SCAN_BYTES = 16 * 1024 * 1024;
/** List by list pays from so many queries per list on. */
const SHARED = 2;

/** How many queries a block takes. */
export function blockSize(cells: SearchedCells, k: number, nprobe: number, nq: number): number {
	const { scanner, lists, ntotal } = cells;
	const perQuery = scanner.stateBytes + topkBytes(k) + 8 * nprobe + 8 * k;
	const scanned = (nprobe / lists.nlist) * ntotal * lists.layout.codeSize;
	const most = Math.min(MAX_BLOCK, BLOCK_BYTES / perQuery, SCAN_BYTES / Math.max(1, scanned), nq);
	return Math.max(1, Math.floor(most));
}

/** Multiply-adds that a query takes, about. */
export function searchCost({ lists, d, ntotal }: SearchedCells, nprobe: number): number {
	return lists.nlist * d + (nprobe / lists.nlist) * ntotal * lists.layout.codeSize;
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
): Steps<void> {
	const make = (size: number): BlockSearch => new BlockSearch(cells, k, nprobe, size, scope);
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
	readonly #admission: Admission;
	/** Neighbours that there can be. */
	readonly #wanted: number;
	readonly #scope: SearchScope;
	readonly #byteLength: number;
	readonly #sizes: Readonly<Record<Part, number>>;
	readonly #topkStride: number;
	/** Scratch; 0 between searches. */
	#block: number;
	/** Pointers into the scratch. */
	#at: Readonly<Record<Part, number>>;
	/** The program for n queries at these pointers. */
	#calls: readonly (() => unknown)[];

	/** @param nprobe - Cells that are ranked, and opened if nothing else decides. @param n - Queries of a block, at most. */
	constructor(cells: SearchedCells, k: number, nprobe: number, n: number, scope: SearchScope = {}) {
		const { engine, d, scanner, ranker, lists } = cells;
		this.#cells = cells;
		this.#k = k;
		this.#nprobe = nprobe;
		this.#n = n;
		this.#scope = scope;
		this.#admission = scope.rows?.admission ?? ADMIT_ALL;
		this.#wanted = Math.min(k, scope.rows?.count ?? cells.ntotal);
		this.#topkStride = align16(topkBytes(k));
		const ordered = isShared(cells, n, nprobe);
		this.#sizes = {
			queries: n * d * 4,
			cellDistances: n * nprobe * 4,
			cells: n * nprobe * 4,
			order: ordered ? n * nprobe * 4 : 0,
			listCounts: ordered ? (lists.nlist + 2) * 4 : 0,
			chosen: scope.choice === undefined ? 0 : n * 8,
			states: n * scanner.stateBytes,
			topks: n * this.#topkStride,
			// Ranking is over when queries are prepared, and that when lists are scanned.
			work: Math.max(ranker.workBytes(nprobe), scanner.workBytes, TILE * 4),
			distances: n * k * 4,
			labels: n * k * 4,
			counts: n * 4,
		};
		this.#byteLength = Object.values(this.#sizes).reduce((sum, bytes) => sum + align16(bytes), 0);
		this.#block = engine.arena.allocScratch(this.#byteLength);
		this.#at = this.#layOut();
		this.#calls = this.#bind(n);
	}

	/** Whether this search, given back, serves another one of that shape. */
	fits(cells: SearchedCells, k: number, nprobe: number, n: number): boolean {
		return this.#cells === cells && this.#k === k && this.#nprobe === nprobe && this.#n === n;
	}

	/** Takes scratch again after dispose. Most often it is the same piece, and so is the program. */
	resume(): void {
		const block = this.#cells.engine.arena.allocScratch(this.#byteLength);
		if (block === this.#at[FIRST]) {
			this.#block = block;
			return;
		}
		this.#block = block;
		this.#at = this.#layOut();
		this.#calls = this.#bind(this.#n);
	}

	#layOut(): Record<Part, number> {
		let at = this.#block;
		const pointers = {} as Record<Part, number>;
		for (const part of Object.keys(this.#sizes) as Part[]) {
			pointers[part] = at;
			at += align16(this.#sizes[part]);
		}
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
		loadRows(engine, metric, q, first, n, this.#at.queries);
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
			if (more && canWiden) this.#widen(q, first + i, result, stats);
			else this.#emit(i, found, first + i, result, stats);
		}
	}

	#bind(n: number): readonly (() => unknown)[] {
		return bindCalls(this.#cells.engine.kernels, this.#program(n));
	}

	/** The line of kernel calls for n queries. */
	#program(n: number): Call[] {
		const { d, ranker, scanner, lists, centre, byResidual } = this.#cells;
		const at = this.#at;
		const [k, nprobe, stride] = [this.#k, this.#nprobe, this.#topkStride];
		const [kind, a, b, c] = scanner.scan();
		const order = isShared(this.#cells, n, nprobe) ? at.order : 0;
		const biases = byResidual ? at.cellDistances : 0;
		const { choice, given } = this.#scope;
		const calls: Call[] = [];
		if (given === undefined) calls.push(ranker.call(at.queries, n, nprobe, at.work, at.cellDistances, at.cells));
		if (centre !== 0) calls.push(['subtractRow', at.queries, n, d, centre]);
		calls.push(scanner.prepare(at.queries, n, at.states, at.work));
		calls.push(['topkInitMany', at.topks, n, stride, k, topkCapacity(k), ...this.#admission]);
		if (choice !== undefined) {
			const { counts, wanted, maxCodes } = choice;
			const least = Math.min(choice.least, nprobe);
			const [filter, bits] = this.#admission;
			const from = [lists.directory, lists.nlist, filter, bits, counts, at.cells, n, nprobe] as const;
			calls.push(['chooseLists', ...from, least, wanted, this.#wanted, maxCodes, at.chosen]);
		}
		if (order !== 0) calls.push(['orderByList', at.cells, n * nprobe, lists.nlist + 1, at.listCounts, order]);
		const { stateBytes } = scanner;
		const head = [kind, lists.directory, at.cells, biases, order, n, nprobe] as const;
		calls.push(['scanLists', ...head, at.states, stateBytes, at.topks, stride, at.work, a, b, c]);
		calls.push(['topkFinishMany', at.topks, n, stride, k, at.distances, at.labels, at.counts]);
		return calls;
	}

	/** Writes what was found for query i as a row of the result; inner products lose their minus. */
	#emit(i: number, found: number, row: number, result: SearchResult, stats: SearchStats | undefined): void {
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
		if (stats === undefined) return;
		const { lists } = this.#cells;
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
		using wider = new BlockSearch(this.#cells, this.#k, nprobe, 1, this.#scope);
		wider.run(q, row, 1, result, stats);
	}

	[Symbol.dispose](): void {
		if (this.#block !== 0) this.#cells.engine.arena.freeScratch(this.#block, this.#byteLength);
		this.#block = 0;
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
	| 'counts';

/** Whether lists have several queries of a block, and are longer than what changes from query to query. */
function isShared({ lists, scanner, ntotal }: SearchedCells, n: number, nprobe: number): boolean {
	const mean = (ntotal / lists.nlist) * lists.layout.codeSize;
	return !scanner.inOrder && n * nprobe >= SHARED * lists.nlist && mean > scanner.stateBytes;
}
