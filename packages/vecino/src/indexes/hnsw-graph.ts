/**
 * The graph of HNSW (Malkov and Yashunin, 2018) over the rows of a CodeArray: memory and growth around the kernels of
 * assembly/hnsw.ts.
 *
 * Level 0 takes 8 M bytes a row: 2 M links of u32, those not used NONE. One row in M reaches level 1, one in M^2 level 2;
 * such rows have numbers of their own (slots), by which upper levels link, and a record: u32 row, then M links for each
 * level above 0. That is 4 + 4 (1 + M) bytes for every M-th row, about 4 bytes a row.
 *
 * The level of a row follows from its number. So the graph depends on rows and their order alone, not on how many were
 * added at a time.
 */

import { CodeArray } from '../invlists/code-array.ts';
import type { Engine } from '../kernels/engine.ts';
import { GRAPH, GRAPH_BYTES, GRAPH_PAGE, graphScratchBytes } from '../kernels/kernels.ts';
import { SCALAR_TYPES, type ScalarType } from '../quantizers/scalar-types.ts';
import { Rng } from '../util/rng.ts';
import type { Steps } from '../util/steps.ts';

/** Rows above level 15 would need M^15 rows below. */
export const MAX_LEVEL: number = 15;
/** Room for lists kept while an add is under way, allocated so much at a time. */
const JOURNAL_BYTES = 2 ** 18;
/** Rows linked between two yields. */
const SLICE_ROWS = 4;
const SEED = 1234;

/** The rows that a graph is over, in `codes`. */
export interface GraphStore {
	readonly codes: CodeArray;
	/** The rows are all there are, and lie where they are: no room is made for more. */
	readonly fixed?: boolean;
	readonly d: number;
	readonly metric: 'l2' | 'ip';
	/** What rows are held as; absent for float32 rows. */
	readonly type?: ScalarType;
	/** Smallest values and steps of SQ8 and SQ4 codes, pointers; absent for others. */
	readonly ranges?: () => { readonly mins: number; readonly steps: number };
}

/** Highest level of a row: each next one with probability 1 / M. */
export function levelOf(row: number, M: number): number {
	const rng = new Rng(SEED ^ row);
	let level = 0;
	while (level < MAX_LEVEL && rng.below(M) === 0) level++;
	return level;
}

export class HnswGraph implements Disposable {
	readonly M: number;
	readonly efConstruction: number;
	readonly #engine: Engine;
	#store: GraphStore;
	/** Lists of level 0. */
	readonly links: CodeArray;
	/** Fields of GRAPH. */
	readonly ptr: number;
	#pages = 0;
	/** u32 per slot and one more: where its record begins in `records`, in words. */
	#offsets = 0;
	#records = 0;
	#slots = 0;
	/** Rows that there is room for: whole pages. */
	#capacity = 0;

	constructor(engine: Engine, store: GraphStore, M: number, efConstruction: number) {
		this.#engine = engine;
		this.#store = store;
		this.M = M;
		this.efConstruction = efConstruction;
		this.links = new CodeArray(engine.arena, { codeSize: 8 * M, blockSize: 1, termBytes: 0 });
		this.ptr = engine.arena.allocZeroed(GRAPH_BYTES);
	}

	/** Rows linked. */
	get n(): number {
		return this.links.n;
	}

	/** Rows above level 0. */
	get slots(): number {
		return this.#slots;
	}

	get byteLength(): number {
		const { arena } = this.#engine;
		const blocks = [this.ptr, this.#pages, this.#offsets, this.#records];
		return blocks.reduce((sum, ptr) => sum + arena.sizeOf(ptr), this.links.byteLength);
	}

	/** Row, highest level and the record of a slot, a pointer to u32. */
	slot(slot: number): { row: number; level: number; record: number } {
		const { u32 } = this.#engine.arena;
		const at = (this.#offsets >>> 2) + slot;
		const record = this.#records + u32[at]! * 4;
		return { row: u32[record >>> 2]!, level: (u32[at + 1]! - u32[at]! - 1) / this.M, record };
	}

	/** Makes room for n more rows here and in the store, with some to spare if it has to grow and `exactly` is not set. */
	reserve(n: number, exactly = false): void {
		const wanted = this.n + n;
		const upper = this.#upperOf(this.n, wanted);
		const fresh = this.#offsets === 0;
		const grow = (ptr: number, used: number, more: number): number => this.#grow(ptr, used * 4, more * 4, exactly);
		try {
			this.#offsets = grow(this.#offsets, this.#slots + 1, upper.slots);
			if (fresh) this.#engine.arena.u32[this.#offsets >>> 2] = 0;
			this.#records = grow(this.#records, this.#words(), upper.words);
			this.#makeRows(wanted, exactly);
		} finally {
			// Where memory ends, some blocks have moved already.
			this.#describe();
		}
	}

	/** Makes room for so many rows in all. Segments begin and end with a page. */
	#makeRows(wanted: number, exactly: boolean): void {
		if (wanted <= this.#capacity) return;
		const { codes } = this.#store;
		const spare = exactly || this.n === 0 ? 0 : Math.ceil(this.n / 8);
		const pages = Math.ceil((wanted + spare) / GRAPH_PAGE);
		if (this.#store.fixed !== true) codes.reserve(pages * GRAPH_PAGE - codes.n, true);
		this.links.reserve(pages * GRAPH_PAGE - this.links.n, true);
		this.#pages = this.#grow(this.#pages, 0, pages * 8, true);
		this.#capacity = pages * GRAPH_PAGE;
	}

	/** Goes on with the same rows at another place. */
	moveTo(store: GraphStore): void {
		this.#store = store;
		this.#describe();
	}

	/** Writes pages and pointers, which may have changed. */
	#describe(): void {
		const { codes, d, metric, type } = this.#store;
		const ranges = this.#store.ranges?.();
		const { u32 } = this.#engine.arena;
		for (let page = 0; page < this.#capacity / GRAPH_PAGE; page++) {
			const row = page * GRAPH_PAGE;
			const at = (this.#pages >>> 2) + 2 * page;
			u32[at] = codes.at(row) - row * codes.codeSize;
			u32[at + 1] = this.links.at(row) - row * this.links.codeSize;
		}
		const set = (field: keyof typeof GRAPH, value: number): void => {
			u32[(this.ptr + GRAPH[field]) >>> 2] = value;
		};
		const held = type === undefined ? 0 : 1 + SCALAR_TYPES.indexOf(type);
		set('kind', 2 * held + (metric === 'l2' ? 0 : 1));
		set('d', d);
		set('codeSize', codes.codeSize);
		set('M', this.M);
		set('pages', this.#pages);
		set('offsets', this.#offsets);
		set('records', this.#records);
		set('steps', ranges?.steps ?? 0);
		set('mins', ranges?.mins ?? 0);
	}

	/** A block of at least used + more bytes with the first `used` of this one. */
	#grow(ptr: number, used: number, more: number, exactly: boolean): number {
		const { arena } = this.#engine;
		const have = arena.sizeOf(ptr);
		if (ptr !== 0 && used + more <= have) return ptr;
		const next = arena.alloc(used + Math.max(more, exactly || ptr === 0 ? 0 : have / 8));
		if (ptr !== 0) arena.u8.copyWithin(next, ptr, ptr + used);
		arena.free(ptr);
		return next;
	}

	/** Slots that rows start..end - 1 need, and the words of their records. */
	#upperOf(start: number, end: number): { slots: number; words: number } {
		let slots = 0;
		let words = 0;
		for (let row = start; row < end; row++) {
			const level = levelOf(row, this.M);
			if (level === 0) continue;
			slots++;
			words += 1 + level * this.M;
		}
		return { slots, words };
	}

	/** Words of all records. */
	#words(): number {
		return this.#offsets === 0 ? 0 : this.#engine.arena.u32[(this.#offsets >>> 2) + this.#slots]!;
	}

	/** Links rows n..total - 1, which the store holds. Ended early, it leaves the graph as it was. */
	*addSteps(total: number, phase: string): Steps<void> {
		const { M, n: before } = this;
		const { arena, kernels } = this.#engine;
		if (total === before) return;
		this.reserve(total - before);
		const journal = new Journal(this.#engine, this.ptr, before, this.#slots);
		let scratch = 0;
		let done = false;
		try {
			scratch = arena.alloc(graphScratchBytes(M, this.#store.d, total, this.efConstruction));
			for (let row = before; row < total; row++) {
				const level = levelOf(row, M);
				const slot = level === 0 ? 0 : this.#newSlot(row, level);
				journal.makeRoom((level + 1) * M * (8 * M + 8));
				kernels.hnswInsert(this.ptr, row, slot, level, this.efConstruction, scratch);
				if ((row - before) % SLICE_ROWS === 0) yield { phase, done: row - before, total: total - before };
			}
			yield { phase, done: total - before, total: total - before };
			this.links.commit(total - before);
			done = true;
		} finally {
			if (!done) this.#slots = journal.undo();
			journal[Symbol.dispose]();
			arena.free(scratch);
		}
	}

	/** Takes a slot for a row above level 0; its lists are to be written. */
	#newSlot(row: number, level: number): number {
		const { u32 } = this.#engine.arena;
		const at = (this.#offsets >>> 2) + this.#slots;
		u32[(this.#records >>> 2) + u32[at]!] = row;
		u32[at + 1] = u32[at]! + 1 + level * this.M;
		return this.#slots++;
	}

	// ── Reading ────────────────────────────────────────────────────────────────────────────────

	/** Makes an empty graph one of n rows, whose lists of level 0 the caller writes to the pointer returned. */
	makeLinks(n: number): number {
		this.#makeRows(n, true);
		if (n === 0) return 0;
		const { ptr } = this.links.tail(0);
		this.links.commit(n);
		return ptr;
	}

	/** Takes slots, (row, level) each, and the lists of their levels above 0, one after the other. */
	makeSlots(rows: Uint32Array, lists: Uint32Array): void {
		const { M } = this;
		const count = rows.length / 2;
		this.#offsets = this.#grow(this.#offsets, 0, (count + 1) * 4, true);
		this.#records = this.#grow(this.#records, 0, (count + lists.length) * 4, true);
		this.#engine.arena.u32[this.#offsets >>> 2] = 0;
		let taken = 0;
		for (let slot = 0; slot < count; slot++) {
			const words = rows[2 * slot + 1]! * M;
			this.#newSlot(rows[2 * slot]!, rows[2 * slot + 1]!);
			this.#engine.arena.u32.set(lists.subarray(taken, taken + words), (this.slot(slot).record >>> 2) + 1);
			taken += words;
		}
	}

	/** Makes an empty graph over the same rows, held elsewhere, one with the links of another. */
	copyFrom(other: HnswGraph): void {
		const from = other.#engine.arena;
		let to = this.makeLinks(other.n);
		for (const { ptr, n } of other.links.segments()) {
			const byteLength = n * 8 * this.M;
			this.#engine.arena.u8.set(from.u8.subarray(ptr, ptr + byteLength), to);
			to += byteLength;
		}
		const slots = Array.from({ length: other.slots }, (_, slot) => other.slot(slot));
		const lists = slots.flatMap(({ record, level }) => {
			return Array.from(from.u32.subarray((record >>> 2) + 1, (record >>> 2) + 1 + level * this.M));
		});
		this.makeSlots(Uint32Array.from(slots.flatMap(({ row, level }) => [row, level])), Uint32Array.from(lists));
		this.finish();
	}

	/** Begins to answer, when links, slots and the store are there. */
	finish(): void {
		if (this.n === 0) return;
		this.#describe();
		let top = 0;
		let entry = 0;
		for (let slot = 0; slot < this.#slots; slot++) {
			const { level } = this.slot(slot);
			if (level > top) [top, entry] = [level, slot];
		}
		const { u32 } = this.#engine.arena;
		u32[(this.ptr + GRAPH.top) >>> 2] = top;
		u32[(this.ptr + GRAPH.entry) >>> 2] = entry;
		u32[(this.ptr + GRAPH.rows) >>> 2] = this.n;
	}

	clear(): void {
		const { arena } = this.#engine;
		for (const ptr of [this.#pages, this.#offsets, this.#records]) arena.free(ptr);
		this.links.clear();
		this.#pages = 0;
		this.#offsets = 0;
		this.#records = 0;
		this.#slots = 0;
		this.#capacity = 0;
		arena.u8.fill(0, this.ptr, this.ptr + GRAPH_BYTES);
	}

	[Symbol.dispose](): void {
		this.clear();
		this.#engine.arena.free(this.ptr);
	}
}

/** Lists of rows that were there before an add, as they were: what hnswInsert changes of them is undone from here. */
class Journal implements Disposable {
	readonly #engine: Engine;
	readonly #graph: number;
	readonly #slots: number;
	/** What the graph says of itself. */
	readonly #before: Uint8Array;
	/** A bit for each row, set when its list of level 0 was kept. */
	readonly #touched: number;
	/** Blocks of JOURNAL_BYTES or more: u32 bytes in use, then u32 address, u32 links, links, ... */
	readonly #blocks: number[] = [];

	constructor(engine: Engine, graph: number, rows: number, slots: number) {
		const { arena } = engine;
		this.#engine = engine;
		this.#graph = graph;
		this.#slots = slots;
		this.#before = arena.u8.slice(graph, graph + GRAPH_BYTES);
		this.#touched = rows === 0 ? 0 : arena.allocZeroed(Math.ceil(rows / 32) * 4);
		const { u32 } = arena;
		u32[(graph + GRAPH.touched) >>> 2] = this.#touched;
		u32[(graph + GRAPH.oldRows) >>> 2] = rows;
		u32[(graph + GRAPH.oldSlots) >>> 2] = slots;
	}

	/** The next insertion writes at most so many bytes. */
	makeRoom(byteLength: number): void {
		if (this.#touched === 0) return;
		const { arena } = this.#engine;
		const last = this.#blocks.at(-1);
		if (last !== undefined && 4 + arena.u32[last >>> 2]! + byteLength <= arena.sizeOf(last)) return;
		const block = arena.alloc(Math.max(JOURNAL_BYTES, byteLength + 4));
		this.#blocks.push(block);
		arena.u32[block >>> 2] = 0;
		arena.u32[(this.#graph + GRAPH.journal) >>> 2] = block;
	}

	/** Puts everything back; returns the number of slots there were. */
	undo(): number {
		const { u32, u8 } = this.#engine.arena;
		const found: number[] = [];
		for (const block of this.#blocks) {
			const start = (block >>> 2) + 1;
			for (let at = start; at < start + u32[block >>> 2]! / 4; at += 2 + u32[at + 1]!) found.push(at);
		}
		// The latest first: lists of upper levels may be there more than once.
		for (const at of found.reverse()) u32.copyWithin(u32[at]! >>> 2, at + 2, at + 2 + u32[at + 1]!);
		u8.set(this.#before, this.#graph);
		return this.#slots;
	}

	[Symbol.dispose](): void {
		const { arena } = this.#engine;
		for (const field of ['journal', 'touched', 'oldRows', 'oldSlots'] as const) {
			arena.u32[(this.#graph + GRAPH[field]) >>> 2] = 0;
		}
		for (const block of this.#blocks) arena.free(block);
		arena.free(this.#touched);
	}
}
