/**
 * A map from ids (safe integers) to row numbers 0, 1, 2, ... in typed arrays: 8 bytes per id plus a
 * hash table of 4 bytes per slot, where a Map of numbers takes about 40 and ends at 16.7 million entries.
 *
 * Rows whose id was removed are a chain, the last removed first: in place of its id such a row holds -2 less the number of
 * the next free row, the last one -1. So it takes no memory, and a file can hold it as it is (spec/format.md).
 */

const EMPTY = 0xffffffff;

export class IdTable {
	/** Id of each row, or what follows it in the chain of free rows. */
	#ids: Float64Array<ArrayBuffer>;
	/** Open addressing: row number or EMPTY. */
	#slots: Uint32Array<ArrayBuffer>;
	#n = 0;
	/** First free row, -1: none; and how many there are. */
	#free = -1;
	#freeCount = 0;
	/** Largest id, -1: none; undefined when it was removed and must be looked for. */
	#largest: number | undefined = -1;
	readonly #key1 = randomBits();
	readonly #key2 = randomBits();

	constructor() {
		this.#ids = new Float64Array(0);
		this.#slots = new Uint32Array(16).fill(EMPTY);
	}

	/** Rows, free ones included. */
	get n(): number {
		return this.#n;
	}

	/** First row that is free, -1: none. */
	get free(): number {
		return this.#free;
	}

	get freeCount(): number {
		return this.#freeCount;
	}

	get byteLength(): number {
		return this.#ids.byteLength + this.#slots.byteLength;
	}

	/** Ids in row order, below zero in free rows; a view. */
	get ids(): Float64Array<ArrayBuffer> {
		return this.#ids.subarray(0, this.#n);
	}

	/** Largest id, -1 when there is none. */
	get largest(): number {
		this.#largest ??= this.ids.reduce((most, id) => Math.max(most, id), -1);
		return this.#largest;
	}

	idOf(row: number): number {
		return this.#ids[row]!;
	}

	/** Row of an id, or -1. */
	rowOf(id: number): number {
		const slot = this.#slots[this.#find(id)]!;
		return slot === EMPTY ? -1 : slot;
	}

	/** Makes room for `extra` more ids. */
	reserve(extra: number): void {
		const wanted = this.#n + extra;
		if (wanted > this.#ids.length) {
			const grown = new Float64Array(this.#n === 0 ? wanted : Math.max(wanted, this.#n + (this.#n >> 3) + 16));
			grown.set(this.ids);
			this.#ids = grown;
		}
		let size = this.#slots.length;
		while (wanted * 4 > size * 3) size *= 2;
		if (size === this.#slots.length) return;
		this.#slots = new Uint32Array(size).fill(EMPTY);
		for (let row = 0; row < this.#n; row++) {
			const id = this.#ids[row]!;
			if (id >= 0) this.#slots[this.#find(id)] = row;
		}
	}

	/** Gives the next row to an id that is not in the table. */
	push(id: number): void {
		this.reserve(1);
		this.#ids[this.#n] = id;
		this.#slots[this.#find(id)] = this.#n++;
		this.#note(id);
	}

	/** Takes an id that is there out; its row, which is returned, is free now. */
	remove(id: number): number {
		const slot = this.#find(id);
		const row = this.#slots[slot]!;
		this.#close(slot);
		this.#ids[row] = -2 - this.#free;
		this.#free = row;
		this.#freeCount++;
		if (id === this.#largest) this.#largest = undefined;
		return row;
	}

	/** The next `n` free rows, or as many as there are, in the order in which `reuse` takes them. */
	freeRows(n: number): Uint32Array<ArrayBuffer> {
		const rows = new Uint32Array(Math.min(n, this.#freeCount));
		for (let i = 0, row = this.#free; i < rows.length; i++, row = -2 - this.#ids[row]!) rows[i] = row;
		return rows;
	}

	/** Gives the first free row to an id that is not in the table. */
	reuse(id: number): void {
		const row = this.#free;
		this.#free = -2 - this.#ids[row]!;
		this.#freeCount--;
		this.#ids[row] = id;
		this.#slots[this.#find(id)] = row;
		this.#note(id);
	}

	/** Appends what a file has for a row: an id that is not in the table, or a link of the chain of free rows. */
	load(value: number): void {
		if (value >= 0) {
			this.push(value);
			return;
		}
		this.reserve(1);
		this.#ids[this.#n++] = value;
	}

	/** Takes the first free row from a file; false if the chain that begins there is not that of all `count` free rows. */
	loadFree(first: number, count: number): boolean {
		let row = first;
		// A chain that ends passes no row twice.
		for (let i = 0; i < count; i++) {
			const value = this.#ids[row];
			if (row < 0 || row >= this.#n || value === undefined || value >= 0) return false;
			row = -2 - value;
		}
		if (row !== -1) return false;
		this.#free = first;
		this.#freeCount = count;
		return true;
	}

	/** A free row behind the others. */
	pushFree(): void {
		this.load(-2 - this.#free);
		this.#free = this.#n - 1;
		this.#freeCount++;
	}

	clear(): void {
		this.#ids = new Float64Array(0);
		this.#slots = new Uint32Array(16).fill(EMPTY);
		this.#n = 0;
		this.#free = -1;
		this.#freeCount = 0;
		this.#largest = -1;
	}

	#note(id: number): void {
		if (this.#largest !== undefined && id > this.#largest) this.#largest = id;
	}

	/** Empties a slot and moves later ones up that could not be found behind the gap. */
	#close(slot: number): void {
		const mask = this.#slots.length - 1;
		let gap = slot;
		for (let next = (gap + 1) & mask; this.#slots[next] !== EMPTY; next = (next + 1) & mask) {
			const row = this.#slots[next]!;
			const home = this.#home(this.#ids[row]!);
			if (((next - home) & mask) < ((next - gap) & mask)) continue;
			this.#slots[gap] = row;
			gap = next;
		}
		this.#slots[gap] = EMPTY;
	}

	/** Slot that holds the id, or the empty slot where it belongs. */
	#find(id: number): number {
		const mask = this.#slots.length - 1;
		let slot = this.#home(id);
		for (;;) {
			const row = this.#slots[slot]!;
			if (row === EMPTY || this.#ids[row] === id) return slot;
			slot = (slot + 1) & mask;
		}
	}

	/** Slot where the search for an id begins. */
	#home(id: number): number {
		// Two rounds with a key of the table's own: nobody can choose ids that all fall on one slot.
		const high = Math.floor(id / 4294967296) | 0;
		return (mix(mix((id | 0) ^ this.#key1) ^ high ^ this.#key2) >>> 0) & (this.#slots.length - 1);
	}
}

/** Mixes all bits of a 32-bit integer. */
function mix(x: number): number {
	let h = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
	h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
	return h ^ (h >>> 16);
}

function randomBits(): number {
	return crypto.getRandomValues(new Int32Array(1))[0]!;
}
