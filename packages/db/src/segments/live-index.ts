/**
 * The vector index of a collection: deltas that are searched exactly, and segments behind a model each. Searches are
 * synchronous and see every row that was added and none that was removed, whatever goes on in the background.
 *
 * Rows come in by `add` when they are committed, and go by `remove`. What is made of them in the background (models,
 * segments) is written first and committed through RowSource.commit afterwards, so that every crash leaves a state that
 * `open` takes: files that the manifest does not know are swept.
 */

import { defaultEngine, type Engine, type IndexHealth, type Metric, parseSpec, VecinoError } from 'vecino';
import { Lane, pacer } from './background.ts';
import { type Builder, SlicedBuilder, ThreadBuilder } from './build-thread.ts';
import type { LiveHits, LiveSearchParams, LiveStats, RidSet, RowSource, SegmentFiles } from './contract.ts';
import { FilterCache } from './filters.ts';
import { type Thresholds, thresholdsFor } from './growth.ts';
import { follow, sweep } from './manifest.ts';
import { dueModel, nextMaking, nextSeal } from './policy.ts';
import { type PartSearch, rangeParts, searchParts } from './search.ts';
import { State } from './state.ts';
import { statsOf } from './stats.ts';

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
	/** Makes segments whose files are damaged again from the rows, where open would throw. */
	readonly rebuild?: boolean | undefined;
	/** Sizes at which things happen. */
	readonly thresholds?: Partial<Thresholds> | undefined;
	/** Where models and segments are made: on threads, or in slices on this one. Default: 'thread'. */
	readonly builder?: 'thread' | 'slices' | (() => Builder) | undefined;
	/** Lets the event loop turn between two pieces of work. */
	readonly pause?: (() => Promise<void>) | undefined;
	/** Waits in milliseconds before a job that failed is tried again: the first, and the longest. Default: 1000, 60,000. */
	readonly backoffMs?: readonly [number, number] | undefined;
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
	readonly #state: State;
	readonly #filters: FilterCache;
	readonly #readOnly: boolean;
	readonly #sealing: Lane;
	readonly #making: Lane;
	/** Those who wait for room, or for all to be done. */
	#waiting: (() => void)[] = [];
	#waiters = 0;
	/** Rows added and removed since background work was looked for. */
	#touched = 0;
	/** One catches up after the other. */
	#refreshing: Promise<void> = Promise.resolve();
	#closing: Promise<void> | undefined;

	private constructor(options: LiveIndexOptions) {
		const { rows, files, metric, spec, engine, readOnly, thresholds, builder = 'thread', pause, backoffMs } = options;
		if (spec !== 'auto') parseSpec(spec);
		this.d = rows.d;
		this.metric = metric;
		this.#readOnly = readOnly === true;
		const build = (): Builder => {
			if (typeof builder === 'function') return builder();
			return builder === 'thread' ? new ThreadBuilder() : new SlicedBuilder();
		};
		const state = new State({
			rows,
			files,
			metric,
			spec,
			engine: engine ?? defaultEngine(),
			limits: thresholdsFor(rows.d, thresholds),
			pause: pause ?? pacer(),
			sealer: build(),
			maker: build(),
		});
		this.#state = state;
		this.#filters = new FilterCache(() => state.parts());
		const ended = (): void => this.#ended();
		state.arrived = ended;
		this.#sealing = new Lane({ next: () => this.#due(nextSeal), ended, ...(backoffMs && { backoffMs }) });
		this.#making = new Lane({ next: () => this.#due(nextMaking), ended, ...(backoffMs && { backoffMs }) });
	}

	/**
	 * Loads models and segments, then the rows that are in none.
	 *
	 * @throws {VecinoError} `corrupt-data` naming a segment or model file that is missing or damaged; `bad-spec`.
	 */
	static async open(options: LiveIndexOptions): Promise<LiveIndex> {
		const live = new LiveIndex(options);
		try {
			if (options.rebuild === true && !options.rows.keepsOriginals) {
				throw new VecinoError(
					'unsupported',
					'LiveIndex.open: without originals nothing can be made again from the rows; restore a snapshot',
				);
			}
			if (!live.#readOnly) await sweep(live.#state);
			await follow(live.#state, options.rebuild === true);
		} catch (error) {
			await live.close();
			throw error;
		}
		live.#poke();
		return live;
	}

	/** Rows that can be found; one that is on its way from one place to another may count twice. */
	get count(): number {
		return this.#state.count;
	}

	/** Seals that wait or are under way; 0 as long as rows are few enough to be searched exactly. */
	get backlog(): number {
		const { deltas, current, limits } = this.#state;
		if (this.#readOnly) return 0;
		const { length } = deltas.frozen;
		if (current !== undefined) return length;
		// While the first model is trained, what came since it was due.
		return Math.max(0, length - Math.ceil(limits.flatRows / limits.sealRows));
	}

	/** Settles when few enough seals are pending for more rows to be added, or when background work fails: rows stay as they are then. */
	async whenRoom(): Promise<void> {
		this.#checkOpen('whenRoom');
		const { limits } = this.#state;
		const failed = (): boolean => (this.#sealing.error ?? this.#making.error) !== undefined;
		await this.#waitUntil(() => this.backlog <= limits.maxBacklog || failed());
	}

	/**
	 * Takes rows in that were committed; searches find them from now on.
	 *
	 * @param rids - Ascending, higher than any before.
	 * @param vectors - As many rows of d values, finite.
	 */
	add(rids: ArrayLike<number>, vectors: Float32Array): void {
		this.#checkOpen('add');
		const { deltas } = this.#state;
		if (vectors.length !== rids.length * this.d) {
			throw new RangeError(
				`LiveIndex.add: ${rids.length} rids need ${rids.length * this.d} values, got ${vectors.length}`,
			);
		}
		let before = deltas.lastRid;
		for (let i = 0; i < rids.length; i++) {
			if (!(rids[i]! > before)) throw new RangeError(`LiveIndex.add: rids must ascend, got ${rids[i]} after ${before}`);
			before = rids[i]!;
		}
		const full = deltas.frozen.length;
		deltas.add(rids, vectors);
		this.#touch(rids.length, deltas.frozen.length > full);
	}

	/**
	 * Lets go of rows whose end was committed; searches do not find them any more.
	 *
	 * @returns How many there were.
	 */
	remove(rids: ArrayLike<number>): number {
		this.#checkOpen('remove');
		const removed = this.#state.remove(rids);
		this.#touch(removed, false);
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
		return searchParts(this.#searches(k, params), q, k, this.metric);
	}

	/**
	 * All rows within a radius, nearest first: squared distance <= radius under 'l2', similarity >= radius otherwise.
	 *
	 * @throws {VecinoError} `dimension-mismatch`, `not-finite`.
	 */
	range(q: Float32Array, radius: number, { maxResults = MAX_RESULTS, ...params }: LiveRangeParams = {}): LiveHits {
		this.#checkOpen('range');
		return rangeParts(this.#searches(RANGE_K, params), q, radius, maxResults, this.metric);
	}

	/** Vectors as the index has them, decoded (normalised under 'cosine'); rows that it does not have are NaN. */
	reconstruct(rids: ArrayLike<number>): Float32Array {
		this.#checkOpen('reconstruct');
		const { d } = this;
		const out = new Float32Array(rids.length * d).fill(Number.NaN);
		// What is exact comes first.
		const parts = [...this.#state.parts()].reverse();
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
		const kind = this.#making.kind ?? this.#sealing.kind ?? (this.#state.arriving.size > 0 ? 'sealing' : 'idle');
		const error = this.#sealing.error ?? this.#making.error;
		return statsOf(this.#state, kind, error instanceof Error ? error.message : undefined);
	}

	/** Whether the cells of the newest model still suit the rows; undefined where there are none. Takes some milliseconds. */
	health(): IndexHealth | undefined {
		this.#checkOpen('health');
		const cells = this.#state.current?.cells;
		return cells === undefined || cells.ntotal === 0 ? undefined : cells.health();
	}

	/**
	 * Settles when nothing is under way or due in the background.
	 *
	 * @throws why background work failed, if it did; it is tried again later.
	 */
	async settle(): Promise<void> {
		this.#checkOpen('settle');
		if (this.#readOnly) return;
		this.#hold(1);
		try {
			// What one lane does may be work for the other.
			do {
				await Promise.all([this.#sealing.settle(), this.#making.settle(), ...this.#state.arriving]);
			} while (
				!this.#closing &&
				(this.#state.arriving.size > 0 || (nextSeal(this.#state) ?? nextMaking(this.#state)) !== undefined)
			);
		} finally {
			this.#hold(-1);
		}
	}

	/**
	 * Makes everything as good as it gets: all rows sealed, segments as few as may be and without rows that are gone, a new
	 * model where the vectors have changed too much for the one there is, recall measured.
	 */
	async optimize(): Promise<void> {
		this.#checkOpen('optimize');
		if (this.#readOnly) throw new VecinoError('read-only', 'LiveIndex.optimize: the collection was opened to be read');
		const { deltas, wishes } = this.#state;
		deltas.freeze();
		// Few enough rows to be searched exactly stay as they are.
		if (this.#state.current === undefined && dueModel(this.#state) === undefined) return;
		await this.settle();
		wishes.retrain = this.health()?.verdict === 'retrain';
		wishes.compact = true;
		wishes.measure = this.#state.current !== undefined;
		try {
			await this.settle();
		} finally {
			wishes.retrain = false;
			wishes.compact = false;
			wishes.measure = false;
		}
	}

	/** Catches up with what another process has committed; for readers. */
	refresh(): Promise<void> {
		this.#checkOpen('refresh');
		const run = async (): Promise<void> => {
			this.#checkOpen('refresh');
			await follow(this.#state, false);
		};
		const last = this.#refreshing.then(run, run);
		this.#refreshing = last.catch(() => {});
		return last;
	}

	/** Ends background work and gives the memory back. Whatever was not sealed is still in the rows. */
	close(): Promise<void> {
		this.#closing ??= this.#close();
		return this.#closing;
	}

	async #close(): Promise<void> {
		const state = this.#state;
		state.closed = true;
		this.#ended();
		const lanes = [this.#sealing.close(), this.#making.close(), this.#refreshing];
		await Promise.all([state.sealer.close(), state.maker.close()]);
		await Promise.all([...lanes, ...state.arriving]);
		state.dispose();
	}

	#searches(k: number, params: LiveSearchParams): PartSearch[] {
		const { filter } = params;
		const searches: PartSearch[] = [];
		const key = filter && this.#filters.keyOf(filter);
		const add = (part: PartSearch['part'], setting: () => PartSearch['setting']): void => {
			if (part.count === 0) return;
			const prepared = key === undefined ? undefined : part.filtered(key, filter as RidSet);
			if (key !== undefined && prepared === undefined) return;
			searches.push({ part, filter: prepared, setting: setting() });
		};
		const state = this.#state;
		for (const group of state.groups) for (const part of group.parts) add(part, () => group.setting(k, params));
		for (const { parts } of state.lost) for (const part of parts) add(part, noSetting);
		for (const part of state.deltas.parts) add(part, noSetting);
		return searches;
	}

	#due(next: typeof nextSeal): ReturnType<typeof nextSeal> {
		return this.#state.closed || this.#readOnly ? undefined : next(this.#state);
	}

	/** A job has ended: who waits looks again, and so does the other lane. */
	#ended(): void {
		const waiting = this.#waiting;
		this.#waiting = [];
		for (const look of waiting) look();
		this.#poke();
	}

	/** Looks for work now and then: that costs more than adding a row. */
	#touch(rows: number, now: boolean): void {
		this.#touched += rows;
		if (!now && this.#touched < this.#state.limits.sealRows >> 3) return;
		this.#touched = 0;
		this.#poke();
	}

	#poke(): void {
		if (this.#readOnly || this.#state.closed) return;
		this.#sealing.poke();
		this.#making.poke();
	}

	async #waitUntil(done: () => boolean): Promise<void> {
		if (done()) return;
		this.#hold(1);
		try {
			while (!done() && !this.#state.closed) {
				this.#poke();
				await new Promise<void>((resolve) => this.#waiting.push(resolve));
			}
		} finally {
			this.#hold(-1);
		}
	}

	/** While somebody waits for the background, threads keep the process alive. */
	#hold(change: 1 | -1): void {
		this.#waiters += change;
		this.#state.sealer.hold(this.#waiters > 0);
		this.#state.maker.hold(this.#waiters > 0);
	}

	#checkOpen(method: string): void {
		if (this.#closing) throw new VecinoError('disposed', `LiveIndex.${method}: the collection was closed`);
	}
}

const MAX_RESULTS = 2 ** 31;
/** Cells of a search by radius are as many as for so many neighbours. */
const RANGE_K = 100;
const noSetting = (): PartSearch['setting'] => ({});
