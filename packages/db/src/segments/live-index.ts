/**
 * The vector index of a collection: deltas that are searched exactly, and segments behind a model each. Searches are
 * synchronous and see every row that was added and none that was removed, whatever goes on in the background.
 *
 * Rows come in by `add` when they are committed, and go by `remove`. What is made of them in the background (models,
 * segments) is written first and committed through RowSource.commit afterwards, so that every crash leaves a state that
 * `open` takes: files that the manifest does not know are swept.
 */

import { defaultEngine, type Engine, type Metric, VecinoError } from 'vecino';
import type { LiveHits, LiveSearchParams, LiveStats, RidSet, RowSource, SegmentFiles } from './contract.ts';
import { Deltas } from './deltas.ts';
import { FilterCache } from './filters.ts';
import { type Thresholds, thresholdsFor } from './growth.ts';
import type { Part } from './parts.ts';
import { type PartSearch, rangeParts, searchParts } from './search.ts';

export interface LiveIndexOptions {
	readonly rows: RowSource;
	readonly files: SegmentFiles;
	readonly metric: Metric;
	/** 'auto', or a factory string that is kept to. */
	readonly spec: string;
	/** Where indexes in memory live. Default: the default engine. */
	readonly engine?: Engine | undefined;
	/** Nothing is written, and nothing is done in the background. */
	readonly readOnly?: boolean | undefined;
	/** Sizes at which things happen. */
	readonly thresholds?: Partial<Thresholds> | undefined;
	/** Makes segments whose files are damaged again from the rows, where open would throw. */
	readonly rebuild?: boolean | undefined;
	/** Lets the event loop turn between two pieces of work. */
	readonly pause?: (() => Promise<void>) | undefined;
}

export interface LiveRangeParams extends LiveSearchParams {
	/** Default: no limit. */
	readonly maxResults?: number | undefined;
}

/**
 * The vector index of a collection.
 *
 * @example
 * const live = await LiveIndex.open({ rows, files, metric: 'cosine', spec: 'auto' });
 * live.add([rid], vector);
 * const { rids, distances } = live.search(query, 10);
 * await live.close();
 */
export class LiveIndex {
	readonly d: number;
	readonly metric: Metric;
	readonly #rows: RowSource;
	readonly #engine: Engine;
	readonly #thresholds: Thresholds;
	readonly #deltas: Deltas;
	readonly #filters: FilterCache;
	readonly #pause: () => Promise<void>;
	#closed = false;

	private constructor({ rows, metric, engine, thresholds, pause }: LiveIndexOptions) {
		this.d = rows.d;
		this.metric = metric;
		this.#rows = rows;
		this.#engine = engine ?? defaultEngine();
		this.#thresholds = thresholdsFor(rows.d, thresholds);
		this.#pause = pause ?? nextTurn;
		const { d } = this;
		this.#deltas = new Deltas({ d, metric, engine: this.#engine, rows: this.#thresholds.sealRows });
		this.#filters = new FilterCache(() => this.#parts());
	}

	/**
	 * Loads models and segments, then the rows that are in none.
	 *
	 * @throws {VecinoError} `corrupt-data` naming a segment or model file that is missing or damaged.
	 */
	static async open(options: LiveIndexOptions): Promise<LiveIndex> {
		const live = new LiveIndex(options);
		await live.#loadDelta();
		return live;
	}

	/** Rows that can be found. */
	get count(): number {
		let count = 0;
		for (const part of this.#parts()) count += part.count;
		return count;
	}

	/** Seals that wait or are under way. */
	get backlog(): number {
		return 0;
	}

	/** Settles when fewer seals are pending than `add` should wait for; at once where that is so. */
	async whenRoom(): Promise<void> {}

	/**
	 * Takes rows in that were committed; searches find them from now on.
	 *
	 * @param rids - Ascending, higher than any before.
	 * @param vectors - As many rows of d values, finite.
	 */
	add(rids: ArrayLike<number>, vectors: Float32Array): void {
		this.#checkOpen('add');
		if (vectors.length !== rids.length * this.d) {
			throw new RangeError(
				`LiveIndex.add: ${rids.length} rids need ${rids.length * this.d} values, got ${vectors.length}`,
			);
		}
		let before = this.#deltas.lastRid;
		for (let i = 0; i < rids.length; i++) {
			if (!(rids[i]! > before)) throw new RangeError(`LiveIndex.add: rids must ascend, got ${rids[i]} after ${before}`);
			before = rids[i]!;
		}
		this.#deltas.add(rids, vectors);
	}

	/**
	 * Lets go of rows whose end was committed; searches do not find them any more.
	 *
	 * @returns How many there were.
	 */
	remove(rids: ArrayLike<number>): number {
		this.#checkOpen('remove');
		let removed = 0;
		for (const part of this.#parts()) if (part.count > 0) removed += part.remove(rids);
		return removed;
	}

	/**
	 * The k nearest rows.
	 *
	 * @param q - d finite values.
	 * @throws {VecinoError} `dimension-mismatch`, `not-finite`.
	 */
	search(q: Float32Array, k: number, params: LiveSearchParams = {}): LiveHits {
		this.#checkOpen('search');
		return searchParts(this.#searches(params), q, k, this.metric);
	}

	/**
	 * All rows within a radius, nearest first: squared distance <= radius under 'l2', similarity >= radius otherwise.
	 *
	 * @throws {VecinoError} `dimension-mismatch`, `not-finite`.
	 */
	range(q: Float32Array, radius: number, { maxResults = MAX_RESULTS, ...params }: LiveRangeParams = {}): LiveHits {
		this.#checkOpen('range');
		return rangeParts(this.#searches(params), q, radius, maxResults, this.metric);
	}

	/** Vectors as the index has them, decoded (normalised under 'cosine'); rows that it does not have are NaN. */
	reconstruct(rids: ArrayLike<number>): Float32Array {
		this.#checkOpen('reconstruct');
		const { d } = this;
		const out = new Float32Array(rids.length * d).fill(Number.NaN);
		const parts = [...this.#parts()];
		for (let i = 0; i < rids.length; i++) {
			for (const { map, index } of parts) {
				const label = map.labelOf(rids[i]!);
				if (label < 0 || !index.has(label)) continue;
				out.set(index.reconstruct(label), i * d);
				break;
			}
		}
		return out;
	}

	stats(): LiveStats {
		this.#checkOpen('stats');
		let memoryBytes = 0;
		for (const part of this.#parts()) memoryBytes += part.byteLength;
		return {
			sealed: 0,
			delta: this.#deltas.count,
			dead: 0,
			segments: 0,
			indexes: [],
			cells: { nlist: 0, mean: 0, min: 0, max: 0, empty: 0 },
			nprobe: 0,
			memoryBytes,
			fileBytes: 0,
			deadFileBytes: 0,
			drift: undefined,
			background: 'idle',
			backgroundError: undefined,
		};
	}

	/** Settles when nothing is to be done in the background any more. */
	async settle(): Promise<void> {}

	/** Catches up with what another process has committed; for readers. */
	async refresh(): Promise<void> {
		this.#checkOpen('refresh');
		const gone = this.#rows.deadRids();
		await this.#loadDelta();
		this.remove(gone);
	}

	/** Ends background work and gives the memory back. Whatever was not sealed is still in the rows. */
	async close(): Promise<void> {
		if (this.#closed) return;
		this.#closed = true;
		for (const part of this.#parts()) part[Symbol.dispose]();
	}

	*#parts(): Generator<Part, void, undefined> {
		yield* this.#deltas.parts;
	}

	#searches({ filter, nprobe: _ }: LiveSearchParams): PartSearch[] {
		const searches: PartSearch[] = [];
		const key = filter && this.#filters.keyOf(filter);
		for (const part of this.#parts()) {
			if (part.count === 0) continue;
			const prepared = key === undefined ? undefined : part.filtered(key, filter as RidSet);
			if (key !== undefined && prepared === undefined) continue;
			searches.push({ part, filter: prepared, setting: {} });
		}
		return searches;
	}

	/** Reads rows behind those that are here, a piece at a time. */
	async #loadDelta(): Promise<void> {
		const { pieceRows } = this.#thresholds;
		const upTo = this.#rows.lastRid();
		let after = Math.max(this.#rows.sealedUpTo(), this.#deltas.lastRid);
		while (after < upTo) {
			const { rids, vectors } = this.#rows.vectorsAfter(after, upTo, pieceRows);
			if (rids.length > 0) this.#deltas.add(rids, vectors);
			if (rids.length < pieceRows) return;
			after = rids.at(-1)!;
			await this.#pause();
		}
	}

	#checkOpen(method: string): void {
		if (this.#closed) throw new VecinoError('disposed', `LiveIndex.${method}: the index was closed`);
	}
}

const MAX_RESULTS = 2 ** 31;

/** Lets timers, input and output have their turn. */
function nextTurn(): Promise<void> {
	return new Promise((resolve) => setImmediate(resolve));
}
