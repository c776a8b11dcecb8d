/**
 * Filters by the RidSet that they came from: a query that comes again with the same set finds the bitmaps of each part
 * ready. The last few are kept; a set that nobody holds any more is not kept alive, and gives its place up.
 */

import type { RidSet } from './contract.ts';
import type { FilterKey, Part } from './parts.ts';

/** Sets whose bitmaps are kept; each takes two bits per row at most. */
const KEPT = 16;

/** Keys of the sets used last. */
export class FilterCache {
	#keys = new WeakMap<RidSet, FilterKey>();
	/** From the least to the most recently used. */
	#order = new Map<FilterKey, WeakRef<RidSet>>();
	readonly #parts: () => Iterable<Part>;

	/** @param parts - All parts that may have made a filter of a key. */
	constructor(parts: () => Iterable<Part>) {
		this.#parts = parts;
	}

	keyOf(set: RidSet): FilterKey {
		let key = this.#keys.get(set);
		const order = this.#order;
		if (key === undefined || !order.has(key)) {
			key = {};
			this.#keys.set(set, key);
			this.#evict();
		}
		const ref = order.get(key) ?? new WeakRef(set);
		order.delete(key);
		order.set(key, ref);
		return key;
	}

	#evict(): void {
		for (const [key, ref] of this.#order) if (ref.deref() === undefined) this.#drop(key);
		for (const key of this.#order.keys()) {
			if (this.#order.size < KEPT) return;
			this.#drop(key);
		}
	}

	#drop(key: FilterKey): void {
		this.#order.delete(key);
		for (const part of this.#parts()) part.forgetFilter(key);
	}
}
