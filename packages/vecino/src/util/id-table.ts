/**
 * A map from ids (safe integers) to row numbers 0, 1, 2, ... in typed arrays: 8 bytes per id plus a
 * hash table of 4 bytes per slot, where a Map of numbers takes about 40 and ends at 16.7 million entries.
 */

const EMPTY = 0xffffffff;

export class IdTable {
	/** Id of each row. */
	#ids: Float64Array<ArrayBuffer>;
	/** Open addressing: row number or EMPTY. */
	#slots: Uint32Array<ArrayBuffer>;
	#n = 0;
	readonly #key1 = randomBits();
	readonly #key2 = randomBits();

	constructor() {
		this.#ids = new Float64Array(0);
		this.#slots = new Uint32Array(16).fill(EMPTY);
	}

	get n(): number {
		return this.#n;
	}

	get byteLength(): number {
		return this.#ids.byteLength + this.#slots.byteLength;
	}

	/** Ids in row order, a view. */
	get ids(): Float64Array<ArrayBuffer> {
		return this.#ids.subarray(0, this.#n);
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
		for (let row = 0; row < this.#n; row++) this.#slots[this.#find(this.#ids[row]!)] = row;
	}

	/** Gives the next row to an id that is not in the table. */
	push(id: number): void {
		this.reserve(1);
		this.#ids[this.#n] = id;
		this.#slots[this.#find(id)] = this.#n++;
	}

	clear(): void {
		this.#ids = new Float64Array(0);
		this.#slots = new Uint32Array(16).fill(EMPTY);
		this.#n = 0;
	}

	/** Slot that holds the id, or the empty slot where it belongs. */
	#find(id: number): number {
		const mask = this.#slots.length - 1;
		// Two rounds with a key of the table's own: nobody can choose ids that all fall on one slot.
		const high = Math.floor(id / 4294967296) | 0;
		let slot = (mix(mix((id | 0) ^ this.#key1) ^ high ^ this.#key2) >>> 0) & mask;
		for (;;) {
			const row = this.#slots[slot]!;
			if (row === EMPTY || this.#ids[row] === id) return slot;
			slot = (slot + 1) & mask;
		}
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
