/**
 * The owner of one WebAssembly.Memory: codes, centroids, tables and scratch live here.
 *
 * Pointers are byte offsets (JavaScript numbers, 0..4 GiB). Views are taken when they are used
 * (`arena.f32[ptr >> 2]`) and never kept over a call that may allocate: growing replaces them.
 * Blocks are 64-byte aligned and never moved. A guard at the end lets kernels read a few bytes past
 * a block (spec/kernels.md says how many).
 */

import { VecinoError } from '../errors.ts';

const PAGE = 65536;
const ALIGN = 64;
/** The first bytes stay unused, so that 0 is no valid pointer. */
const START = 64;
const GUARD = 64;
const MAX_BYTES = 4 * 2 ** 30 - PAGE;
/** Scratch blocks kept at hand, and the largest. */
const MAX_AT_HAND = 8;
const MAX_SCRATCH = 2 ** 20;

export class Arena {
	readonly memory: WebAssembly.Memory;
	readonly #maxBytes: number;
	#end = START;
	#allocated = 0;
	#peak = 0;
	readonly #sizes = new Map<number, number>();
	/** Free blocks: start -> length and end -> start, kept merged with their neighbours. */
	readonly #free = new Map<number, number>();
	readonly #freeEnds = new Map<number, number>();
	/** Starts of free blocks by the logarithm of their length. */
	readonly #bins: Set<number>[] = Array.from({ length: 33 }, () => new Set());
	/** Scratch blocks at hand, by size; free, but not merged with their neighbours. */
	readonly #atHand = new Map<number, number[]>();
	#atHandCount = 0;
	#u8: Uint8Array;
	#u32: Uint32Array;
	#f32: Float32Array;
	#f64: Float64Array;

	/**
	 * @param maxBytes - Ceiling of this arena, at most 4 GiB less a page.
	 * @param shared - Other threads can be given the memory. Its views then are views of a SharedArrayBuffer, which some
	 * functions of the platform refuse (TextDecoder, Blob, crypto, writing files): copy what goes there.
	 */
	constructor(maxBytes: number = MAX_BYTES, shared = false) {
		this.#maxBytes = Math.min(maxBytes, MAX_BYTES);
		const maximum = Math.ceil(this.#maxBytes / PAGE) + 1;
		this.memory = new WebAssembly.Memory({ initial: 1, maximum, shared });
		const buffer = this.memory.buffer;
		this.#u8 = new Uint8Array(buffer);
		this.#u32 = new Uint32Array(buffer);
		this.#f32 = new Float32Array(buffer);
		this.#f64 = new Float64Array(buffer);
	}

	get u8(): Uint8Array {
		return this.#u8;
	}
	get u32(): Uint32Array {
		return this.#u32;
	}
	get f32(): Float32Array {
		return this.#f32;
	}
	get f64(): Float64Array {
		return this.#f64;
	}

	/** Bytes in live blocks. */
	get allocatedBytes(): number {
		return this.#allocated;
	}

	/** Highest value `allocatedBytes` has had. */
	get peakBytes(): number {
		return this.#peak;
	}

	/** Free blocks between live ones, for tests: it stays small however often scratch comes and goes. */
	get freeBlocks(): number {
		return this.#bins.reduce((sum, bin) => sum + bin.size, 0);
	}

	/** Bytes of the memory itself: what the process really holds. */
	get reservedBytes(): number {
		return this.#u8.byteLength;
	}

	/** A block of at least `byteLength` bytes; its content is not cleared. */
	alloc(byteLength: number): number {
		const size = Math.max(ALIGN, Math.ceil(byteLength / ALIGN) * ALIGN);
		let ptr = this.#takeFree(size);
		const full = this.#end + size + GUARD > this.#maxBytes;
		if (ptr === undefined && full && this.#releaseAtHand()) ptr = this.#takeFree(size);
		ptr ??= this.#extend(size);
		this.#sizes.set(ptr, size);
		this.#allocated += size;
		if (this.#allocated > this.#peak) this.#peak = this.#allocated;
		return ptr;
	}

	/** A block filled with zeros. */
	allocZeroed(byteLength: number): number {
		const ptr = this.alloc(byteLength);
		this.#u8.fill(0, ptr, ptr + byteLength);
		return ptr;
	}

	/** A block holding a copy of `values`. */
	allocCopy(values: Float32Array | Uint32Array | Uint8Array): number {
		const ptr = this.alloc(values.byteLength);
		this.#u8.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), ptr);
		return ptr;
	}

	/** Gives a block back. 0 is ignored, so that an empty handle can be freed. */
	free(ptr: number): void {
		if (ptr === 0) return;
		const size = this.#sizes.get(ptr);
		if (size === undefined) throw new Error(`internal: freeing ${ptr}, which is not a block`);
		this.#sizes.delete(ptr);
		this.#allocated -= size;
		this.#addFree(ptr, size);
	}

	/**
	 * A block for the time of one call, to be given back with freeScratch. A few of each size are kept at hand: the
	 * same search comes again, and keeping account of a block costs more than a microsecond.
	 */
	allocScratch(byteLength: number): number {
		const size = Math.max(ALIGN, Math.ceil(byteLength / ALIGN) * ALIGN);
		const ptr = this.#atHand.get(size)?.pop();
		if (ptr === undefined) return this.alloc(byteLength);
		this.#atHandCount--;
		this.#allocated += size;
		if (this.#allocated > this.#peak) this.#peak = this.#allocated;
		return ptr;
	}

	/** Gives a block of allocScratch back; `byteLength` as it was asked for. */
	freeScratch(ptr: number, byteLength: number): void {
		const size = Math.max(ALIGN, Math.ceil(byteLength / ALIGN) * ALIGN);
		if (size > MAX_SCRATCH || this.#atHandCount === MAX_AT_HAND) {
			this.free(ptr);
			return;
		}
		const blocks = this.#atHand.get(size);
		if (blocks === undefined) this.#atHand.set(size, [ptr]);
		else blocks.push(ptr);
		this.#atHandCount++;
		this.#allocated -= size;
	}

	/** Makes blocks at hand free like any other, where memory ends. True if there were some. */
	#releaseAtHand(): boolean {
		const had = this.#atHandCount > 0;
		for (const [size, blocks] of this.#atHand) {
			for (const ptr of blocks) {
				this.#sizes.delete(ptr);
				this.#addFree(ptr, size);
			}
		}
		this.#atHand.clear();
		this.#atHandCount = 0;
		return had;
	}

	/** Size of the block at `ptr`, rounded up as it is; 0 for 0. */
	sizeOf(ptr: number): number {
		return ptr === 0 ? 0 : (this.#sizes.get(ptr) ?? 0);
	}

	/** A copy of `length` float32 values. */
	readF32(ptr: number, length: number): Float32Array<ArrayBuffer> {
		return this.#f32.slice(ptr >>> 2, (ptr >>> 2) + length);
	}

	writeF32(ptr: number, values: ArrayLike<number>): void {
		this.#f32.set(values, ptr >>> 2);
	}

	#takeFree(size: number): number | undefined {
		for (let bin = log2(size); bin < this.#bins.length; bin++) {
			const starts = this.#bins[bin]!;
			if (starts.size === 0) continue;
			let tries = 0;
			for (const start of starts) {
				const length = this.#free.get(start)!;
				if (length >= size) {
					this.#removeFree(start, length);
					if (length > size) this.#insertFree(start + size, length - size);
					return start;
				}
				// Only the first bin can hold blocks that are too short; look at a few of them.
				if (++tries === 8) break;
			}
		}
		return undefined;
	}

	#addFree(ptr: number, size: number): void {
		let start = ptr;
		let length = size;
		const after = this.#free.get(ptr + size);
		if (after !== undefined) {
			this.#removeFree(ptr + size, after);
			length += after;
		}
		const before = this.#freeEnds.get(ptr);
		if (before !== undefined) {
			this.#removeFree(before, ptr - before);
			length += ptr - before;
			start = before;
		}
		if (start + length === this.#end) this.#end = start;
		else this.#insertFree(start, length);
	}

	#insertFree(start: number, length: number): void {
		this.#free.set(start, length);
		this.#freeEnds.set(start + length, start);
		this.#bins[log2(length)]!.add(start);
	}

	#removeFree(start: number, length: number): void {
		this.#free.delete(start);
		this.#freeEnds.delete(start + length);
		this.#bins[log2(length)]!.delete(start);
	}

	#extend(size: number): number {
		const ptr = this.#end;
		const needed = ptr + size + GUARD;
		if (needed > this.#u8.byteLength) this.#grow(needed, size);
		this.#end = ptr + size;
		return ptr;
	}

	#grow(needed: number, requested: number): void {
		if (needed > this.#maxBytes) throw this.#outOfMemory(requested);
		const have = this.#u8.byteLength;
		// An eighth more than asked, so that many small blocks do not grow it each time.
		const generous = Math.min(this.#maxBytes, needed + have / 8);
		try {
			this.memory.grow(Math.ceil((generous - have) / PAGE));
		} catch (cause) {
			throw this.#outOfMemory(requested, cause);
		}
		const buffer = this.memory.buffer;
		this.#u8 = new Uint8Array(buffer);
		this.#u32 = new Uint32Array(buffer);
		this.#f32 = new Float32Array(buffer);
		this.#f64 = new Float64Array(buffer);
	}

	#outOfMemory(requested: number, cause?: unknown): VecinoError {
		const message = `cannot allocate ${requested} bytes: ${this.#allocated} of at most ${this.#maxBytes} bytes are in use; split the data over several engines or use a smaller code`;
		return new VecinoError('out-of-memory', message, { requested, limit: this.#maxBytes, cause });
	}
}

function log2(value: number): number {
	return 31 - Math.clz32(Math.floor(value / ALIGN));
}
