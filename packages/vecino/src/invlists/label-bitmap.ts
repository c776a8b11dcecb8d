/**
 * A set of row numbers as a bitmap in the arena: what a search lets in, or which rows of an index are alive.
 *
 * u32 words, lowest bit first, as top-k states read them (assembly/topk.ts): rows from `bits` on are not in the set. Bits
 * behind `bits` in the last word are 0. How many rows are in the set is known at all times.
 */

import type { Arena } from '../kernels/arena.ts';
import type { Admission } from '../kernels/kernels.ts';

/** What a search makes of a set of rows and can use again. */
export interface Derived extends Disposable {
	readonly byteLength: number;
}

export class LabelBitmap implements Disposable {
	readonly #arena: Arena;
	#ptr: number;
	#bits: number;
	#count = 0;
	#derived: { readonly key: object; readonly value: Derived } | undefined;
	/** Many searches are to come: work done once for all of them counts less. */
	readonly kept: boolean;

	/** Rows 0..bits - 1, all of them in the set, or none. */
	constructor(arena: Arena, bits: number, full = false, kept = false) {
		this.#arena = arena;
		this.kept = kept;
		this.#bits = bits;
		this.#ptr = arena.allocZeroed(wordsOf(bits) * 4);
		if (full) this.setRange(0, bits);
	}

	/** Where the words are: valid until `grow`. */
	get ptr(): number {
		return this.#ptr;
	}

	/** Rows it knows of. */
	get bits(): number {
		return this.#bits;
	}

	/** Rows in the set. */
	get count(): number {
		return this.#count;
	}

	/** Resident bytes. */
	get byteLength(): number {
		return this.#arena.sizeOf(this.#ptr) + (this.#derived?.value.byteLength ?? 0);
	}

	/** What was made of this set for `key`, if it has not changed since. */
	derivedFor(key: object): Derived | undefined {
		return this.#derived?.key === key ? this.#derived.value : undefined;
	}

	/** Keeps what was made of this set, in place of what was kept before; disposed of when the set changes or is. */
	derive(key: object, value: Derived): void {
		this.#changed();
		this.#derived = { key, value };
	}

	/** What a top-k state takes in: rows of the set, at any distance. */
	get admission(): Admission {
		return [this.#ptr, this.#bits, Number.POSITIVE_INFINITY];
	}

	/** The words, ceil(bits / 32) of them: a view, gone when the arena grows. */
	words(): Uint32Array {
		const first = this.#ptr >>> 2;
		return this.#arena.u32.subarray(first, first + wordsOf(this.#bits));
	}

	has(row: number): boolean {
		if (row >= this.#bits) return false;
		return ((this.#arena.u32[(this.#ptr >>> 2) + (row >>> 5)]! >>> (row & 31)) & 1) === 1;
	}

	/** Puts row (below `bits`) in; false when it was in already. */
	set(row: number): boolean {
		const { u32 } = this.#arena;
		const at = (this.#ptr >>> 2) + (row >>> 5);
		const bit = 1 << (row & 31);
		if ((u32[at]! & bit) !== 0) return false;
		this.#changed();
		u32[at] = u32[at]! | bit;
		this.#count++;
		return true;
	}

	/** Takes row (below `bits`) out; false when it was not in. */
	clear(row: number): boolean {
		const { u32 } = this.#arena;
		const at = (this.#ptr >>> 2) + (row >>> 5);
		const bit = 1 << (row & 31);
		if ((u32[at]! & bit) === 0) return false;
		this.#changed();
		u32[at] = u32[at]! & ~bit;
		this.#count--;
		return true;
	}

	/** Puts rows start..end - 1 in. */
	setRange(start: number, end: number): void {
		const [from, to] = [Math.max(0, start), Math.min(end, this.#bits)];
		if (from >= to) return;
		this.#changed();
		const words = this.words();
		const [first, last] = [from >>> 5, (to - 1) >>> 5];
		this.#count -= countBits(words.subarray(first, last + 1));
		const head = 0xffffffff << (from & 31);
		const tail = 0xffffffff >>> (31 - ((to - 1) & 31));
		if (first === last) {
			words[first] = words[first]! | (head & tail);
		} else {
			words[first] = words[first]! | head;
			words.fill(0xffffffff, first + 1, last);
			words[last] = words[last]! | tail;
		}
		this.#count += countBits(words.subarray(first, last + 1));
	}

	/** Puts rows start + i in, below `bits`, where row i is in the other set. */
	setFrom(other: LabelBitmap, start: number): void {
		for (let row = 0; row < other.bits; row++) if (other.has(row)) this.set(start + row);
	}

	/** Rows start..end - 1 as a set of their own, numbered from 0, in the same arena or another. */
	part(arena: Arena, start: number, end: number): LabelBitmap {
		const part = new LabelBitmap(arena, end - start, false, this.kept);
		const [from, to] = [this.words(), part.words()];
		const shift = start & 31;
		for (let i = 0, at = start >>> 5; i < to.length; i++, at++) {
			// What is behind the last word counts as 0.
			to[i] = shift === 0 ? from[at]! : (from[at]! >>> shift) | ((from[at + 1] ?? 0) << (32 - shift));
		}
		part.#trim();
		return part;
	}

	/** Rows up to `bits` are known of: the new ones in the set, or not. */
	grow(bits: number, full = false): void {
		if (bits <= this.#bits) return;
		this.#changed();
		const before = this.#bits;
		const bytes = wordsOf(bits) * 4;
		if (bytes > this.#arena.sizeOf(this.#ptr)) {
			// An eighth more than asked, so that adding row by row does not copy each time.
			const ptr = this.#arena.allocZeroed(Math.ceil((bytes + bytes / 8) / 4) * 4);
			this.#arena.u8.copyWithin(ptr, this.#ptr, this.#ptr + wordsOf(before) * 4);
			this.#arena.free(this.#ptr);
			this.#ptr = ptr;
		} else {
			this.#arena.u32.fill(0, (this.#ptr >>> 2) + wordsOf(before), (this.#ptr >>> 2) + wordsOf(bits));
		}
		this.#bits = bits;
		if (full) this.setRange(before, bits);
	}

	/** Only rows 0..bits - 1 are known of from now on. */
	truncate(bits: number): void {
		if (bits >= this.#bits) return;
		this.#bits = bits;
		const words = this.words();
		if ((bits & 31) !== 0) words[words.length - 1] = words.at(-1)! & (0xffffffff >>> (32 - (bits & 31)));
		this.#recount();
	}

	/** Keeps the rows that the other set has, too. */
	and(other: LabelBitmap): void {
		const words = this.words();
		const others = other.words();
		const both = Math.min(words.length, others.length);
		for (let i = 0; i < both; i++) words[i] = words[i]! & others[i]!;
		words.fill(0, both);
		this.#recount();
	}

	/** Takes the rows of the other set in, below `bits`. */
	or(other: LabelBitmap): void {
		const words = this.words();
		const others = other.words();
		for (let i = 0; i < Math.min(words.length, others.length); i++) words[i] = words[i]! | others[i]!;
		this.#trim();
	}

	/** Takes out what is in and takes in what is not. */
	not(): void {
		const words = this.words();
		for (let i = 0; i < words.length; i++) words[i] = ~words[i]!;
		this.#trim();
	}

	/** Takes words as they are; what is behind `bits` counts as 0. */
	setWords(from: Uint32Array): void {
		const words = this.words();
		const both = Math.min(words.length, from.length);
		words.set(from.subarray(0, both));
		words.fill(0, both);
		this.#trim();
	}

	[Symbol.dispose](): void {
		this.#changed();
		this.#arena.free(this.#ptr);
		this.#ptr = 0;
	}

	#changed(): void {
		this.#derived?.value[Symbol.dispose]();
		this.#derived = undefined;
	}

	#trim(): void {
		const over = this.#bits & 31;
		const words = this.words();
		if (over !== 0) words[words.length - 1] = words.at(-1)! & (0xffffffff >>> (32 - over));
		this.#recount();
	}

	#recount(): void {
		this.#changed();
		this.#count = countBits(this.words());
	}
}

function countBits(words: Uint32Array): number {
	let count = 0;
	for (let i = 0; i < words.length; i++) {
		const word = words[i]!;
		const pairs = word - ((word >>> 1) & 0x55555555);
		const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
		count += Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
	}
	return count;
}

function wordsOf(bits: number): number {
	return Math.ceil(bits / 32);
}
