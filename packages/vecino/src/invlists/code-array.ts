/**
 * Codes of rows 0, 1, 2, ...: a growing array in segments, so that growing never copies and never
 * needs the memory twice.
 */

import type { Arena } from '../kernels/arena.ts';
import { type CodeLayout, clearBehind, codesBytes, wholeBlocks, wipeCode } from './layout.ts';

export interface CodeSegment {
	readonly ptr: number;
	/** Row number of its first code. */
	readonly start: number;
	readonly capacity: number;
}

export class CodeArray implements Disposable {
	readonly layout: CodeLayout;
	readonly #arena: Arena;
	#segments: CodeSegment[] = [];
	#n = 0;

	constructor(arena: Arena, layout: CodeLayout) {
		this.#arena = arena;
		this.layout = layout;
	}

	/** Bytes of one code. */
	get codeSize(): number {
		return this.layout.codeSize;
	}

	/** Codes held. */
	get n(): number {
		return this.#n;
	}

	/** Resident bytes, spare room included. */
	get byteLength(): number {
		return this.#segments.reduce((sum, segment) => sum + this.#arena.sizeOf(segment.ptr), 0);
	}

	/** Segments that hold codes, with the number of codes in each. */
	*segments(): Generator<{ ptr: number; start: number; n: number }> {
		for (const { ptr, start, capacity } of this.#segments) {
			const n = Math.min(capacity, this.#n - start);
			if (n > 0) yield { ptr, start, n };
		}
	}

	/** Makes room for `extra` more codes; `exactly`: and for no more than that. */
	reserve(extra: number, exactly = false): void {
		const last = this.#segments.at(-1);
		const room = last ? last.start + last.capacity - this.#n : 0;
		if (extra <= room) return;
		// The first segment fits exactly; later ones leave an eighth of what is there as room to grow.
		const wanted = last && !exactly ? Math.max(extra - room, Math.ceil(this.#n / 8), 16) : extra - room;
		const capacity = wholeBlocks(this.layout, wanted);
		const start = last ? last.start + last.capacity : 0;
		// Kernels may read 8 bytes past a code. Blocks are filled bit by bit and start empty.
		const byteLength = codesBytes(this.layout, capacity) + 8;
		const ptr = this.layout.blockSize === 1 ? this.#arena.alloc(byteLength) : this.#arena.allocZeroed(byteLength);
		this.#segments.push({ ptr, start, capacity });
	}

	/** Gives back the spare room behind the last code; the last segment is held twice meanwhile. */
	shrink(): void {
		while (this.#segments.length > 0 && this.#segments.at(-1)!.start >= this.#n) {
			this.#arena.free(this.#segments.pop()!.ptr);
		}
		const last = this.#segments.at(-1);
		if (last === undefined) return;
		const capacity = wholeBlocks(this.layout, this.#n - last.start);
		if (capacity === last.capacity) return;
		const ptr = this.#arena.alloc(codesBytes(this.layout, capacity) + 8);
		this.#arena.u8.copyWithin(ptr, last.ptr, last.ptr + codesBytes(this.layout, capacity));
		this.#arena.free(last.ptr);
		this.#segments[this.#segments.length - 1] = { ...last, ptr, capacity };
	}

	/** Where the codes behind those written so far plus `pending` go: position `at` of the codes at `ptr`. */
	tail(pending: number): { ptr: number; at: number; room: number } {
		const row = this.#n + pending;
		for (const { ptr, start, capacity } of this.#segments) {
			if (row < start + capacity) return { ptr, at: row - start, room: start + capacity - row };
		}
		throw new Error('internal: no room was reserved');
	}

	/** Counts `added` codes, written at tail(), as part of the array. */
	commit(added: number): void {
		this.#n += added;
	}

	/** Forgets rows n and later, also those that were written and never committed; their room stays. */
	truncate(n: number): void {
		this.#n = n;
		for (const { ptr, start, capacity } of this.#segments) {
			if (start + capacity > n) clearBehind(this.#arena.u8, this.layout, ptr, 0, Math.max(0, n - start), capacity);
		}
	}

	/** Pointer to the code of a row; codes must lie one after the other. */
	at(row: number): number {
		const { ptr, at } = this.where(row);
		return ptr + at * this.codeSize;
	}

	/** The code of a row: position `at` of the codes at `ptr`, the first of `room` places behind each other. */
	where(row: number): { ptr: number; at: number; room: number } {
		let low = 0;
		let high = this.#segments.length - 1;
		while (low < high) {
			const middle = (low + high + 1) >> 1;
			if (this.#segments[middle]!.start <= row) low = middle;
			else high = middle - 1;
		}
		const { ptr, start, capacity } = this.#segments[low]!;
		return { ptr, at: row - start, room: start + capacity - row };
	}

	/** Makes the code of a row zero. */
	wipe(row: number): void {
		const { ptr, at } = this.where(row);
		wipeCode(this.#arena.u8, this.layout, ptr, 0, at);
	}

	clear(): void {
		for (const { ptr } of this.#segments) this.#arena.free(ptr);
		this.#segments = [];
		this.#n = 0;
	}

	[Symbol.dispose](): void {
		this.clear();
	}
}
