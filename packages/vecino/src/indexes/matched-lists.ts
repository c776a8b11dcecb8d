/**
 * Inverted lists under a filter: what is known of which lists match how much, and, where few vectors match, an index of
 * these alone, its codes copied together and its cells those that hold some.
 *
 * Whether opening lists or looking at every match is faster is reckoned in nanoseconds, as measured (bench/engine/filters.ts)
 * on one machine; only their ratios count.
 */

import type { Derived, LabelBitmap } from '../invlists/label-bitmap.ts';
import type { CodeLayout } from '../invlists/layout.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Call } from '../kernels/kernels.ts';
import { align16 } from '../quantizers/codec.ts';
import type { Steps } from '../util/steps.ts';
import type { CellOrder, SearchedCells, SearchedLists } from './searched-cells.ts';

/** Lists that a share s of matches makes a search open: s^-GROWTH times as many, as chooseLists reckons. */
const GROWTH = 3 / 8;
/** Ids that are looked at between two turns of the event loop. */
const IDS_PER_STEP = 2 ** 20;
/** Nanoseconds: to count an id, to copy a cell, a block of codes and a byte of it. */
const COUNT = 1.2;
const COPY_CELL = 300;
const COPY_BLOCK = 250;
const COPY_BYTE = 0.06;
/** To rank by a value of a centroid, to open a list, to scan a code and a byte of it. */
const RANK = 0.1;
const OPEN = 60;
const SCAN = 4;
const SCAN_BYTE = 0.06;
/** Calls that share what is kept for them. */
const KEPT_CALLS = 16;
/** Of the bytes of the lists, at most this part is copied together. */
const MOST_COPIED = 1 / 4;

/** Cells that a filtered search opens in place of nprobe, about. */
export function expectedProbes(nprobe: number, share: number): number {
	return nprobe * share ** -GROWTH;
}

/** What a set of rows means for the lists of one index. */
export class MatchedLists implements Derived {
	/** Matches of each list (u32), 2^32 - 1 where they were not counted. */
	readonly counts: number;
	readonly #engine: Engine;
	#gathered: Gathered | undefined;

	constructor({ engine, lists }: SearchedCells) {
		this.#engine = engine;
		this.counts = engine.arena.alloc(lists.nlist * 4);
		engine.arena.u32.fill(0xffffffff, this.counts >>> 2, (this.counts >>> 2) + lists.nlist);
	}

	/** What `rows` means for these lists, kept with it. */
	static of(cells: SearchedCells, rows: LabelBitmap): MatchedLists {
		const known = rows.derivedFor(cells);
		if (known instanceof MatchedLists) return known;
		const matched = new MatchedLists(cells);
		rows.derive(cells, matched);
		return matched;
	}

	get byteLength(): number {
		return this.#engine.arena.sizeOf(this.counts) + (this.#gathered?.byteLength ?? 0);
	}

	/** An index of the matches alone, if looking at all of them is the faster way for nq queries; undefined otherwise. */
	*narrow(cells: SearchedCells, rows: LabelBitmap, nq: number, nprobe: number): Steps<SearchedCells | undefined> {
		if (this.#gathered !== undefined) return this.#gathered.cells;
		if (!isNarrow(cells, rows, nq, nprobe)) return undefined;
		const gathered = yield* gather(cells, rows);
		// Another search may have been as far meanwhile, and be using its own.
		if (this.#gathered === undefined) this.#gathered = gathered;
		else gathered[Symbol.dispose]();
		return this.#gathered.cells;
	}

	[Symbol.dispose](): void {
		this.#gathered?.[Symbol.dispose]();
		this.#engine.arena.free(this.counts);
	}
}

function isNarrow({ lists, ntotal, d }: SearchedCells, rows: LabelBitmap, nq: number, nprobe: number): boolean {
	const { codeSize, blockSize, termBytes } = lists.layout;
	const share = rows.count / ntotal;
	const blocks = Math.min(rows.count, (ntotal / blockSize) * (1 - (1 - share) ** blockSize));
	const blockBytes = blockSize * (codeSize + termBytes + 4);
	if (blocks * blockBytes > MOST_COPIED * ntotal * (codeSize + termBytes + 4)) return false;
	const scan = SCAN + SCAN_BYTE * codeSize;
	const calls = rows.kept ? KEPT_CALLS : 1;
	const { nlist } = lists;
	const mean = ntotal / nlist;
	// Either the nearest lists, which are counted when they are first met,
	const probes = Math.min(nlist, expectedProbes(nprobe, share));
	const counted = Math.min(nlist, calls * nq * probes) * mean * COUNT;
	const open = (nlist * d * RANK) / 4 + probes * (OPEN + mean * scan);
	// or all that matches: counted and copied once.
	const cells = Math.min(rows.count, nlist);
	const copied = 2 * ntotal * COUNT + cells * COPY_CELL + blocks * (COPY_BLOCK + COPY_BYTE * blockBytes);
	const every = cells * (d * RANK + OPEN) + blocks * blockSize * scan;
	return copied + calls * nq * every < counted + calls * nq * open;
}

/** Copies the matches of all lists together. */
function* gather(cells: SearchedCells, rows: LabelBitmap): Steps<Gathered> {
	const { engine, lists } = cells;
	const { arena, kernels } = engine;
	const { nlist, directory, layout } = lists;
	const { blockSize, codeSize, termBytes } = layout;
	const counts = arena.alloc(nlist * 8);
	let gathered: Gathered | undefined;
	let done = false;
	try {
		const pieces = [...piecesOf(cells)];
		for (const [first, n] of pieces) {
			kernels.countMatches(directory + first * 16, n, rows.ptr, rows.bits, blockSize, counts + first * 8);
			yield { phase: 'filter', done: first + n, total: 2 * nlist };
		}
		gathered = new Gathered(cells, rows, arena.u32.slice(counts >>> 2, (counts >>> 2) + 2 * nlist));
		const { listNos, directory: out } = gathered;
		for (const [first, n] of [...piecesOf(cells, gathered.numbers)]) {
			const bytes = [blockSize * codeSize, blockSize * termBytes] as const;
			const from = [directory, listNos + first * 4, n, rows.ptr, rows.bits, blockSize] as const;
			kernels.gatherMatches(...from, ...bytes, out + first * 16);
			yield { phase: 'filter', done: nlist + Math.min(nlist, first + n), total: 2 * nlist };
		}
		done = true;
		return gathered;
	} finally {
		arena.free(counts);
		if (!done) gathered?.[Symbol.dispose]();
	}
}

/** [first, n] of runs of lists, by default of all, that hold so many ids that they are a step. */
function* piecesOf({ lists }: SearchedCells, numbers?: Uint32Array): Generator<[first: number, n: number]> {
	const n = numbers?.length ?? lists.nlist;
	for (let first = 0; first < n; ) {
		let [end, ids] = [first, 0];
		while (end < n && ids < IDS_PER_STEP) {
			ids += 1 + lists.listSize(numbers === undefined ? end : numbers[end]!);
			end++;
		}
		yield [first, end - first];
		first = end;
	}
}

/** An index of the matches: a directory, lists of whole blocks, and the centroids of cells that hold some. */
class Gathered implements Derived, CellOrder, SearchedLists {
	readonly cells: SearchedCells;
	readonly layout: CodeLayout;
	readonly directory: number;
	/** Numbers of the lists that hold a match (u32), here and in the arena. */
	readonly numbers: Uint32Array;
	readonly listNos: number;
	readonly #centroids: number;
	readonly #engine: Engine;
	readonly #block: number;
	readonly #d: number;
	readonly #metric: number;

	/** @param counts - Matches and blocks that hold some, of each list. */
	constructor(of: SearchedCells, rows: LabelBitmap, counts: Uint32Array) {
		const { engine, lists, d, metric } = of;
		const { arena } = engine;
		const { blockSize, codeSize, termBytes } = lists.layout;
		this.#engine = engine;
		this.#d = d;
		this.#metric = metric === 'l2' ? 0 : 1;
		this.layout = lists.layout;
		const numbers = new Uint32Array(lists.nlist);
		let n = 0;
		for (let c = 0; c < lists.nlist; c++) if (counts[2 * c]! > 0) numbers[n++] = c;
		this.numbers = numbers.slice(0, n);
		let end = 0;
		const room = (bytes: number): number => {
			const at = end;
			end += align16(bytes);
			return at;
		};
		const head = { directory: room((n + 1) * 16), listNos: room(n * 4), centroids: room(n * d * 4) };
		/** Codes, terms, ids and n of each list, relative to the block. */
		const entries = new Uint32Array(4 * (n + 1));
		for (let t = 0; t < n; t++) {
			const codes = counts[2 * this.numbers[t]! + 1]! * blockSize;
			// Kernels read 8 bytes past the last code.
			entries[4 * t] = room(codes * codeSize + 8);
			entries[4 * t + 1] = room(codes * termBytes);
			entries[4 * t + 2] = room(codes * 4);
		}
		const block = arena.alloc(end);
		this.#block = block;
		this.directory = block + head.directory;
		this.listNos = block + head.listNos;
		this.#centroids = block + head.centroids;
		const { u32, u8 } = arena;
		u32.set(this.numbers, this.listNos >>> 2);
		for (let t = 0; t < n; t++) {
			entries[4 * t] = entries[4 * t]! + block;
			entries[4 * t + 1] = termBytes === 0 ? 0 : entries[4 * t + 1]! + block;
			entries[4 * t + 2] = entries[4 * t + 2]! + block;
			const from = of.centroids + this.numbers[t]! * d * 4;
			u8.copyWithin(this.#centroids + t * d * 4, from, from + d * 4);
		}
		u32.set(entries, this.directory >>> 2);
		const ntotal = rows.count;
		this.cells = { ...of, lists: this, ranker: this, ntotal, centroids: this.#centroids };
	}

	get nlist(): number {
		return this.numbers.length;
	}

	get byteLength(): number {
		return this.#engine.arena.sizeOf(this.#block);
	}

	listSize(listNo: number): number {
		return this.#engine.arena.u32[(this.directory >>> 2) + 4 * listNo + 3]!;
	}

	workBytes(): number {
		return 0;
	}

	/** All cells, in their own order: all are opened. */
	call(q: number, n: number, _nprobe: number, _work: number, distances: number, labels: number): Call {
		return ['rankAll', q, n, this.#d, this.#centroids, this.nlist, this.#metric, distances, labels];
	}

	[Symbol.dispose](): void {
		this.#engine.arena.free(this.#block);
	}
}
