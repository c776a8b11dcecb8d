/**
 * Rows that no segment has yet: parts that are searched exactly. The last one takes new rows; when it is full it is frozen
 * and waits to be sealed, the oldest first.
 */

import type { Engine, Metric } from 'vecino';
import { newDelta, type Part } from './parts.ts';

export interface DeltaOptions {
	readonly d: number;
	readonly metric: Metric;
	readonly engine: Engine;
	/** Rows of a part. */
	readonly rows: number;
}

/** Frozen parts, oldest first, and the active one. */
export class Deltas implements Disposable {
	readonly #options: DeltaOptions;
	#frozen: Part[] = [];
	#active: Part;
	#lastRid = 0;

	constructor(options: DeltaOptions) {
		this.#options = options;
		this.#active = this.#fresh();
	}

	/** Parts waiting to be sealed, the oldest first. */
	get frozen(): readonly Part[] {
		return this.#frozen;
	}

	get active(): Part {
		return this.#active;
	}

	get parts(): Part[] {
		return [...this.#frozen, this.#active];
	}

	/** Rows alive. */
	get count(): number {
		return this.parts.reduce((sum, { count }) => sum + count, 0);
	}

	/** The highest rid put in so far. */
	get lastRid(): number {
		return this.#lastRid;
	}

	/** @param rids - Ascending, all above lastRid. */
	add(rids: ArrayLike<number>, vectors: Float32Array): void {
		const { d, rows } = this.#options;
		const all = Float64Array.from(rids);
		for (let start = 0; start < all.length; ) {
			const room = rows - this.#active.labels;
			if (room <= 0) {
				this.freeze();
				continue;
			}
			const end = Math.min(all.length, start + room);
			this.#active.add(all.subarray(start, end), vectors.subarray(start * d, end * d));
			this.#lastRid = all[end - 1]!;
			start = end;
		}
	}

	/** Closes the active part, so that it can be sealed; nothing when no row was put in. */
	freeze(): void {
		if (this.#active.labels === 0) return;
		this.#active.index.shrink();
		this.#frozen.push(this.#active);
		this.#active = this.#fresh();
	}

	/** Takes a part out of the frozen ones and disposes of it. */
	drop(part: Part): void {
		this.#frozen = this.#frozen.filter((other) => other !== part);
		part[Symbol.dispose]();
	}

	/** Everything out: `lastRid` stays. */
	clear(): void {
		for (const part of this.parts) part[Symbol.dispose]();
		this.#frozen = [];
		this.#active = this.#fresh();
	}

	#fresh(): Part {
		const { d, metric, engine } = this.#options;
		return newDelta(d, metric, engine);
	}

	[Symbol.dispose](): void {
		for (const part of this.parts) part[Symbol.dispose]();
		this.#frozen = [];
	}
}
