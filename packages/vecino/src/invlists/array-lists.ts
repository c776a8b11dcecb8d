/**
 * Inverted lists in the arena: one block of memory per list that holds its codes, then (optionally) a term
 * for each, then its labels (u32). The directory that kernels read stays beside them.
 */

import type { ListStats } from '../core/result.ts';
import { isVecinoError } from '../errors.ts';
import type { Arena } from '../kernels/arena.ts';
import { LabelLocator } from './label-locator.ts';
import { type CodeLayout, clearBehind, codesBytes, moveCode, termsBytes, wholeBlocks, wipeCode } from './layout.ts';

const ENTRY_BYTES = 16;
/** Kernels may read this far past the last code of a list. */
const SLACK = 8;

/** Bytes of the parts of a list's block, and of the whole. */
export function listBlock(
	layout: CodeLayout,
	capacity: number,
): { codeBytes: number; termBytes: number; byteLength: number } {
	const codeBytes = Math.ceil((codesBytes(layout, capacity) + SLACK) / 4) * 4;
	const termBytes = termsBytes(layout, capacity);
	return { codeBytes, termBytes, byteLength: codeBytes + termBytes + capacity * 4 };
}

/** Bytes that nlist lists take beside their blocks. */
export function directoryBytes(nlist: number): number {
	// Blocks of an arena are multiples of 64 bytes.
	return Math.ceil(((nlist + 1) * ENTRY_BYTES) / 64) * 64 + nlist * 12;
}

export class ArrayInvertedLists implements Disposable {
	readonly nlist: number;
	readonly layout: CodeLayout;
	/** Directory, nlist entries of u32 codes, terms, ids, n (kernels.ts), and an empty one that stands for no list. */
	readonly directory: number;
	readonly #arena: Arena;
	readonly #blocks: Float64Array;
	readonly #capacities: Uint32Array;
	#blockBytes = 0;
	/** Where each label is, once that was asked for. */
	#locator: LabelLocator | undefined;

	constructor(arena: Arena, nlist: number, layout: CodeLayout) {
		this.#arena = arena;
		this.nlist = nlist;
		this.layout = layout;
		this.directory = arena.allocZeroed((nlist + 1) * ENTRY_BYTES);
		this.#blocks = new Float64Array(nlist);
		this.#capacities = new Uint32Array(nlist);
	}

	listSize(listNo: number): number {
		return this.#arena.u32[this.#entry(listNo) + 3]!;
	}

	/** Pointers of a list; terms is 0 when there are none. */
	list(listNo: number): { codes: number; terms: number; ids: number; n: number } {
		const entry = this.#entry(listNo);
		const { u32 } = this.#arena;
		return { codes: u32[entry]!, terms: u32[entry + 1]!, ids: u32[entry + 2]!, n: u32[entry + 3]! };
	}

	/**
	 * Room for `extra` more codes in a list. A first filling fits exactly; later growth leaves an eighth
	 * (at least four codes) so that adding one by one does not copy each time.
	 */
	reserve(listNo: number, extra: number): void {
		const n = this.listSize(listNo);
		if (n + extra <= this.#capacities[listNo]!) return;
		this.#resize(listNo, n === 0 ? extra : Math.max(n + extra, n + Math.max(4, n >> 3)));
	}

	/**
	 * Gives back the spare room of every list, one at a time of which is held twice, and the table of where labels are: it
	 * is made again when it is needed.
	 */
	shrink(): void {
		this.unlocate();
		for (let listNo = 0; listNo < this.nlist; listNo++) {
			const n = this.listSize(listNo);
			if (n === 0) this.#drop(listNo);
			else if (wholeBlocks(this.layout, n) < this.#capacities[listNo]!) this.#resize(listNo, n);
		}
	}

	/** Moves a list to a block for `wanted` codes, at least as many as it holds. */
	#resize(listNo: number, wanted: number): void {
		const { codes, terms, ids, n } = this.list(listNo);
		const arena = this.#arena;
		const { layout } = this;
		const capacity = wholeBlocks(layout, wanted);
		const { codeBytes, termBytes, byteLength } = listBlock(layout, capacity);
		// Blocks are filled bit by bit and start empty.
		const block = layout.blockSize === 1 ? arena.alloc(byteLength) : arena.allocZeroed(byteLength);
		const newTerms = layout.termBytes > 0 ? block + codeBytes : 0;
		const newIds = block + codeBytes + termBytes;
		const { u8, u32 } = arena;
		u8.copyWithin(block, codes, codes + codesBytes(layout, n));
		if (terms !== 0) u8.copyWithin(newTerms, terms, terms + termsBytes(layout, n));
		u8.copyWithin(newIds, ids, ids + n * 4);
		this.#blockBytes += arena.sizeOf(block) - arena.sizeOf(this.#blocks[listNo]!);
		arena.free(this.#blocks[listNo]!);
		this.#blocks[listNo] = block;
		this.#capacities[listNo] = capacity;
		u32.set([block, newTerms, newIds], this.#entry(listNo));
	}

	/** Counts `added` codes, written behind the last, as part of the list. */
	commit(listNo: number, added: number): void {
		const entry = this.#entry(listNo);
		const { u32 } = this.#arena;
		const n = u32[entry + 3]!;
		u32[entry + 3] = n + added;
		const ids = u32[entry + 2]! >>> 2;
		for (let i = n; this.#locator !== undefined && i < n + added; i++) this.#locator.set(u32[ids + i]!, listNo, i);
	}

	/** Takes labels from n on out again, which are the last of their lists, and what was written and never committed. Their room stays. */
	truncate(n: number): void {
		for (let listNo = 0; listNo < this.nlist; listNo++) {
			const { codes, terms, ids, n: size } = this.list(listNo);
			const { u8, u32 } = this.#arena;
			let left = size;
			for (; left > 0 && u32[(ids >>> 2) + left - 1]! >= n; left--) {
				this.#locator?.delete(u32[(ids >>> 2) + left - 1]!);
			}
			u32[this.#entry(listNo) + 3] = left;
			clearBehind(u8, this.layout, codes, terms, left, this.#capacities[listNo]!);
		}
	}

	/** Forgets the codes of a list behind the first n, and where labels are. */
	cut(listNo: number, n: number): void {
		this.unlocate();
		const { codes, terms } = this.list(listNo);
		this.#arena.u32[this.#entry(listNo) + 3] = n;
		clearBehind(this.#arena.u8, this.layout, codes, terms, n, this.#capacities[listNo]!);
	}

	/** Gives labels[i] to what has label i; forgets where labels are. */
	relabel(labels: Uint32Array): void {
		this.unlocate();
		const { u32 } = this.#arena;
		for (let listNo = 0; listNo < this.nlist; listNo++) {
			const { ids, n } = this.list(listNo);
			for (let at = ids >>> 2; at < (ids >>> 2) + n; at++) u32[at] = labels[u32[at]!]!;
		}
	}

	/** Where a label is, or undefined. Without locate() it looks through the lists one after the other. */
	find(label: number): { listNo: number; position: number } | undefined {
		if (this.#locator !== undefined) return this.#locator.get(label);
		for (let listNo = 0; listNo < this.nlist; listNo++) {
			const { ids, n } = this.list(listNo);
			const position = this.#arena.u32.subarray(ids >>> 2, (ids >>> 2) + n).indexOf(label);
			if (position >= 0) return { listNo, position };
		}
		return undefined;
	}

	/** Makes the table of where labels are, 8 bytes for each, if it is not there: find and remove then take constant time. */
	locate(): void {
		if (this.#locator !== undefined) return;
		const locator = new LabelLocator();
		for (let listNo = 0; listNo < this.nlist; listNo++) {
			const { ids, n } = this.list(listNo);
			const { u32 } = this.#arena;
			for (let i = 0; i < n; i++) locator.set(u32[(ids >>> 2) + i]!, listNo, i);
		}
		this.#locator = locator;
	}

	/** Gives the table of where labels are back; needed when codes or labels move by other means than those here. */
	unlocate(): void {
		this.#locator = undefined;
	}

	/**
	 * Takes a label out: the last code of its list takes its place. Needs locate() before.
	 *
	 * @returns The list that it was in, undefined: none.
	 */
	remove(label: number): number | undefined {
		const found = this.#locator!.get(label);
		if (found === undefined) return undefined;
		const { listNo, position } = found;
		const { codes, terms, ids, n } = this.list(listNo);
		const { u8, u32 } = this.#arena;
		const last = n - 1;
		if (position < last) {
			moveCode(u8, this.layout, codes, terms, last, position);
			const moved = u32[(ids >>> 2) + last]!;
			u32[(ids >>> 2) + position] = moved;
			this.#locator!.set(moved, listNo, position);
		}
		wipeCode(u8, this.layout, codes, terms, last);
		this.#locator!.delete(label);
		u32[this.#entry(listNo) + 3] = last;
		return listNo;
	}

	/** Gives room of a list back that lost most of its codes; so little at a time that it does not count. */
	tighten(listNo: number): void {
		const n = this.listSize(listNo);
		if (this.#capacities[listNo]! <= 4 * n + 64) return;
		try {
			if (n === 0) this.#drop(listNo);
			else this.#resize(listNo, n + Math.max(4, n >> 1));
		} catch (error) {
			// Both blocks are there for a moment. Without memory for that everything stays as it is.
			if (!isVecinoError(error, 'out-of-memory')) throw error;
		}
	}

	/** Makes the code at a place zero, for another one to be written there. */
	wipe(listNo: number, position: number): void {
		const { codes, terms } = this.list(listNo);
		wipeCode(this.#arena.u8, this.layout, codes, terms, position);
	}

	/** Sizes of the lists. */
	stats(nprobe: number): ListStats {
		let min = Number.POSITIVE_INFINITY;
		let max = 0;
		let empty = 0;
		let sum = 0;
		let squares = 0;
		for (let listNo = 0; listNo < this.nlist; listNo++) {
			const n = this.listSize(listNo);
			min = Math.min(min, n);
			max = Math.max(max, n);
			if (n === 0) empty++;
			sum += n;
			squares += n * n;
		}
		const imbalance = sum === 0 ? 1 : (this.nlist * squares) / (sum * sum);
		return { nlist: this.nlist, mean: sum / this.nlist, min, max, empty, imbalance, nprobe };
	}

	/** Codes in all lists. */
	get ntotal(): number {
		let n = 0;
		for (let listNo = 0; listNo < this.nlist; listNo++) n += this.listSize(listNo);
		return n;
	}

	/** Resident bytes: codes, terms and labels with the spare room of each list apart. */
	bytes(): Record<string, number> {
		const n = this.ntotal;
		const { codeSize, termBytes } = this.layout;
		const codes = n * codeSize;
		const terms = n * termBytes;
		const labels = n * 4;
		const directory = this.#arena.sizeOf(this.directory) + this.#blocks.byteLength + this.#capacities.byteLength;
		return {
			codes,
			...(termBytes > 0 && { terms }),
			labels,
			spare: this.#blockBytes - codes - terms - labels,
			directory,
			...(this.#locator !== undefined && { locator: this.#locator.byteLength }),
		};
	}

	clear(): void {
		this.unlocate();
		for (let listNo = 0; listNo < this.nlist; listNo++) this.#drop(listNo);
	}

	/** Gives the block of a list back; there is nothing in it. */
	#drop(listNo: number): void {
		const block = this.#blocks[listNo]!;
		this.#blockBytes -= this.#arena.sizeOf(block);
		this.#arena.free(block);
		this.#arena.u32.fill(0, this.#entry(listNo), this.#entry(listNo) + 4);
		this.#blocks[listNo] = 0;
		this.#capacities[listNo] = 0;
	}

	[Symbol.dispose](): void {
		this.clear();
		this.#arena.free(this.directory);
	}

	#entry(listNo: number): number {
		return (this.directory >>> 2) + listNo * 4;
	}
}
