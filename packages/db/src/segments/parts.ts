/**
 * A part of what is searched: an index of the engine, and the rid of each of its labels. A delta is a part that is exact
 * and takes rows one by one; the index that holds the segments of a model is another.
 */

import { type Engine, IDSelectorBitmap, type Index, IndexFlat, type Metric, type PreparedFilter } from 'vecino';
import type { RidSet } from './contract.ts';
import { RidMap } from './rid-map.ts';

/** Parameters that an index takes beside the filter, as its kind has them. */
export interface SearchSetting {
	readonly nprobe?: number | undefined;
	readonly kFactor?: number | undefined;
	readonly efSearch?: number | undefined;
}

/** An index and the rids of its rows. */
export class Part implements Disposable {
	readonly index: Index;
	readonly map: RidMap = new RidMap();
	/** Searches are exact. */
	readonly exact: boolean;
	#filters = new Map<FilterKey, PartFilter>();

	constructor(index: Index, exact: boolean) {
		this.index = index;
		this.exact = exact;
	}

	/** Rows alive. */
	get count(): number {
		return this.index.ntotal;
	}

	/** Labels given out, dead ones counted. */
	get labels(): number {
		return this.map.n;
	}

	get byteLength(): number {
		let bytes = this.index.byteLength + this.map.byteLength;
		for (const filter of this.#filters.values()) bytes += filter.byteLength;
		return bytes;
	}

	/** @param rids - Ascending. */
	add(rids: ArrayLike<number>, vectors: Float32Array): void {
		this.index.add(vectors);
		this.map.append(rids);
	}

	/** Appends what another index holds, in one go; `rids` of its labels, ascending. */
	merge(other: Index, rids: ArrayLike<number>): void {
		this.index.mergeFrom(other);
		this.map.append(rids);
	}

	has(rid: number): boolean {
		const label = this.map.labelOf(rid);
		return label >= 0 && this.index.has(label);
	}

	/**
	 * @param gone - Told each rid that was there.
	 * @returns How many there were.
	 */
	remove(rids: ArrayLike<number>, gone?: (rid: number) => void): number {
		const labels: number[] = [];
		for (let i = 0; i < rids.length; i++) {
			const label = this.map.labelOf(rids[i]!);
			if (label < 0 || !this.index.has(label)) continue;
			labels.push(label);
			gone?.(rids[i]!);
		}
		return labels.length === 0 ? 0 : this.index.remove(labels);
	}

	/**
	 * Has the table made that removing needs while there are few rows; it follows from then on. With the first removal from
	 * a million rows it would take a tenth of a second.
	 */
	prepareRemoval(): void {
		this.index.remove([NO_LABEL]);
	}

	/** Rids alive, in the order of their labels. */
	liveRids(): Float64Array {
		const { rids } = this.map;
		return this.index.ntotal === rids.length ? rids.slice() : rids.filter((_, label) => this.index.has(label));
	}

	/** The rows of this part that a filter lets in; undefined where there are none. */
	filtered(key: FilterKey, set: RidSet): PreparedFilter | undefined {
		let filter = this.#filters.get(key);
		if (filter === undefined) {
			filter = new PartFilter(this.index, this.map);
			this.#filters.set(key, filter);
		}
		return filter.follow(set);
	}

	forgetFilter(key: FilterKey): void {
		this.#filters.get(key)?.[Symbol.dispose]();
		this.#filters.delete(key);
	}

	[Symbol.dispose](): void {
		for (const filter of this.#filters.values()) filter[Symbol.dispose]();
		this.#filters.clear();
		this.index[Symbol.dispose]();
	}
}

/** No index has that many rows. */
const NO_LABEL = 2 ** 32;

/** An empty delta. */
export function newDelta(d: number, metric: Metric, engine: Engine): Part {
	return new Part(new IndexFlat({ d, metric, engine }), true);
}

/** Stands for a RidSet, so that parts do not keep it from being collected. */
export type FilterKey = object;

/** A set of rids as labels of one part, kept while the set and the part grow. */
class PartFilter implements Disposable {
	readonly #index: Index;
	readonly #map: RidMap;
	#bits = new Uint8Array(0);
	/** Labels and rids of the set that have met. */
	#labels = 0;
	#size = 0;
	#matches = 0;
	#prepared: PreparedFilter | undefined;

	constructor(index: Index, map: RidMap) {
		this.#index = index;
		this.#map = map;
	}

	get byteLength(): number {
		return this.#bits.byteLength + (this.#prepared?.byteLength ?? 0);
	}

	/** As of now; undefined where nothing matches. */
	follow(set: RidSet): PreparedFilter | undefined {
		const { n } = this.#map;
		if (n > this.#labels || set.size > this.#size) {
			this.#reserve(n);
			const { rids, size } = set;
			const before = this.#matches;
			// New rids of the set among the labels known, then all of it among the new labels.
			if (size > this.#size && this.#labels > 0) this.#matches += this.#map.mark(rids, this.#size, size, 0, this.#bits);
			if (n > this.#labels) this.#matches += this.#map.mark(rids, 0, size, this.#labels, this.#bits);
			this.#labels = n;
			this.#size = size;
			if (this.#matches > before) this.#forget();
		}
		if (this.#matches === 0) return undefined;
		this.#prepared ??= this.#index.prepareFilter(new IDSelectorBitmap(this.#bits));
		return this.#prepared;
	}

	#reserve(labels: number): void {
		const bytes = Math.ceil(labels / 8);
		if (bytes <= this.#bits.length) return;
		const grown = new Uint8Array(Math.max(64, bytes + (bytes >>> 3)));
		grown.set(this.#bits);
		this.#bits = grown;
		this.#forget();
	}

	#forget(): void {
		this.#prepared?.[Symbol.dispose]();
		this.#prepared = undefined;
	}

	[Symbol.dispose](): void {
		this.#forget();
	}
}
