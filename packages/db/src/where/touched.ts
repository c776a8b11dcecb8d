/**
 * The log of rows whose metadata was changed without a new rid: what sets of rids have to look at again.
 */

/** Rids kept; who comes later than that starts anew. */
const KEPT = 100_000;

/** Which rows' metadata was changed since when. */
export interface TouchedLog {
	/** Grows with each change. */
	readonly version: number;
	/** Rids changed after a version; undefined where the log does not go back so far. */
	since(version: number): ReadonlySet<number> | undefined;
}

/**
 * Rids whose metadata changed, in memory and in order.
 *
 * @example
 * const touched = new TouchedRids();
 * const version = touched.version;
 * touched.add([3, 5]);
 * touched.since(version); // Set { 3, 5 }
 */
export class TouchedRids implements TouchedLog {
	#rids: number[] = [];
	/** Rids that were forgotten. */
	#start = 0;

	/** Grows with each rid. */
	get version(): number {
		return this.#start + this.#rids.length;
	}

	/** To be called in the tick in which a change was committed. */
	add(rids: Iterable<number>): void {
		for (const rid of rids) this.#rids.push(rid);
		if (this.#rids.length <= 2 * KEPT) return;
		const gone = this.#rids.length - KEPT;
		this.#rids = this.#rids.slice(gone);
		this.#start += gone;
	}

	/** All rows may have changed: nobody can catch up. */
	all(): void {
		this.#start = this.version + 1;
		this.#rids = [];
	}

	/** Rids that changed after a version, each once; undefined where the log does not go back so far. */
	since(version: number): Set<number> | undefined {
		return version < this.#start ? undefined : new Set(this.#rids.slice(version - this.#start));
	}
}
