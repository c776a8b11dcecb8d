/**
 * The contract of every index.
 *
 * Vectors are n rows of d float32 values, row-major (core/vectors.ts). Labels are row numbers in the
 * order of adding. Computing is synchronous; the `...Async` forms do the same work in slices, or on the threads
 * of an engine that has some (createEngine). Search
 * parameters belong to the call, never to the index. An index owns memory in its engine's arena: give
 * it back with `using index = ...` or `index[Symbol.dispose]()`.
 */

import type { KMeansOptions } from '../cluster/kmeans.ts';
import { METRICS, type Metric } from '../core/metric.ts';
import {
	type OptionTable,
	type RefineSearchParams,
	RUN_OPTIONS,
	resolveOptions,
	type SearchParams,
	TRAIN_OPTIONS,
} from '../core/options.ts';
import { type IndexStats, SearchResult } from '../core/result.ts';
import { type Filter, type IDSelector, toSelector } from '../core/selector.ts';
import { MAX_D, toVectorSet, type VectorSet, type Vectors } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import { defaultEngine, type Engine } from '../kernels/engine.ts';
import { checkInt, checkOneOf } from '../util/check.ts';
import { type AsyncRunOptions, type RunOptions, runAsync, runSync, type Steps } from '../util/steps.ts';
import { type LabelSpace, PreparedFilter, selectRows } from './filter.ts';

/** A search among rows that may be found, all where there are none given. */
type RowSearch<P> = (q: VectorSet, params: P, result: SearchResult, rows: LabelBitmap | undefined) => Steps<void>;

/** Options that every index takes. */
export interface IndexOptions {
	/** Dimension of the vectors, 1..65536. */
	readonly d: number;
	/** Default: 'l2'. */
	readonly metric?: Metric | undefined;
	/** Default: the shared engine. */
	readonly engine?: Engine | undefined;
}

/** Options of train; those of k-means that make sense for an index. */
export interface TrainOptions
	extends Pick<KMeansOptions, 'niter' | 'seed' | 'init' | 'maxPointsPerCentroid'>,
		RunOptions {
	/**
	 * How an IVF index finds its cells: plain Lloyd, or k-means on two levels, which is two to five times faster with many
	 * cells and about as good. Default: 'auto', two levels from 512 cells.
	 */
	readonly clustering?: 'auto' | 'lloyd' | 'two-level' | undefined;
}

export const MAX_K: number = 65536;
/** Labels are u32 inside. */
export const MAX_NTOTAL: number = 2 ** 32 - 1;

/**
 * @typeParam P - Search parameters. `Index` alone stands for any kind, with all parameters there are; one that the index
 * at hand does not have is refused when the search runs.
 */
export abstract class Index<P extends SearchParams = RefineSearchParams> implements Disposable {
	readonly d: number;
	readonly metric: Metric;
	/** @internal */
	readonly engine: Engine;
	#state: 'ready' | 'writing' | 'disposed' = 'ready';
	#readers = 0;
	/** Counts what has changed the rows. */
	#version = 0;

	protected constructor(where: string, options: IndexOptions) {
		this.d = checkInt(where, 'd', options.d, 1, MAX_D);
		this.metric = checkOneOf(where, 'metric', options.metric ?? 'l2', METRICS);
		this.engine = options.engine ?? defaultEngine();
	}

	/** Name of the class, also in files. */
	abstract readonly type: string;
	/** Vectors held. */
	abstract get ntotal(): number;
	/** False until train has run, for indexes that need it. */
	abstract get isTrained(): boolean;
	/** Every resident byte that the index owns: codes, labels, centroids, tables, spare room. */
	abstract get byteLength(): number;
	/** Sizes and bytes by component. */
	abstract stats(): IndexStats;

	/** Learns centroids and codebooks from a sample of x; x is not added. A second call starts afresh and needs an empty index. */
	train(x: Vectors, options?: TrainOptions): this {
		const { steps, resolved } = this.#prepareTrain('train', x, options);
		runSync(steps, resolved);
		return this;
	}

	async trainAsync(x: Vectors, options?: TrainOptions & AsyncRunOptions): Promise<this> {
		const { steps, resolved } = this.#prepareTrain('trainAsync', x, options);
		await runAsync(steps, resolved);
		return this;
	}

	/** Adds n vectors with labels ntotal .. ntotal + n - 1; all of them or, on an error, none. */
	add(x: Vectors, options?: RunOptions): this {
		const { steps, resolved } = this.#prepareAdd('add', x, options);
		runSync(steps, resolved);
		return this;
	}

	async addAsync(x: Vectors, options?: AsyncRunOptions): Promise<this> {
		const { steps, resolved } = this.#prepareAdd('addAsync', x, options);
		await runAsync(steps, resolved);
		return this;
	}

	/** Adds vectors under ids of the caller's: IndexIDMap does that, other indexes throw `unsupported`. */
	addWithIds(_x: Vectors, _ids: ArrayLike<number>, _options?: RunOptions): this {
		const message = `${this.type}.addWithIds: labels are row numbers here; wrap the index: new IndexIDMap({ index })`;
		throw new VecinoError('unsupported', message);
	}

	/**
	 * The k nearest of each query.
	 *
	 * @param q - One or more queries of dimension d.
	 * @param k - 1..65536; when fewer vectors are there the rest is padding (label -1), absent in hits().
	 * @throws {VecinoError} `not-trained`, `dimension-mismatch`, `not-finite`.
	 */
	search(q: Vectors, k: number, params?: P): SearchResult {
		const { steps, resolved, result } = this.#prepareSearch('search', q, k, params);
		runSync(steps, resolved);
		return result;
	}

	async searchAsync(q: Vectors, k: number, params?: P & AsyncRunOptions): Promise<SearchResult> {
		const { steps, resolved, result } = this.#prepareSearch('searchAsync', q, k, params);
		await runAsync(steps, resolved);
		return result;
	}

	/**
	 * A filter for many searches of this index: what `filter` takes is turned into rows once, at the first search, and anew
	 * only when the index has changed. Pays for functions, and for narrow filters. Dispose of it before the index.
	 *
	 * @example
	 * using cheap = index.prepareFilter((label) => price[label] < 20);
	 * for (const q of queries) index.search(q, 10, { filter: cheap });
	 */
	prepareFilter(filter: Filter): PreparedFilter {
		this.checkUsable('prepareFilter');
		return new PreparedFilter(this, toSelector(`${this.type}.prepareFilter`, filter));
	}

	/** The vector that the index holds for a label, decoded from its code (normalised under 'cosine'). */
	reconstruct(label: number): Float32Array<ArrayBuffer> {
		this.checkUsable('reconstruct');
		if (!Number.isInteger(label) || label < 0 || label >= this.ntotal) {
			const message = `${this.type}.reconstruct: no vector has label ${label}; there are ${this.ntotal}`;
			throw new VecinoError('unknown-label', message, { found: label });
		}
		return this.reconstructRow(label);
	}

	/**
	 * Makes room for n more vectors at once, so that adding them in parts leaves no spare room behind. What depends on the
	 * vectors themselves (the length of inverted lists) still grows by an eighth at a time.
	 */
	reserve(n: number): this {
		const where = `${this.type}.reserve`;
		this.checkTrained('reserve');
		checkInt(where, 'n', n, 0, MAX_NTOTAL - this.ntotal);
		this.#checkQuiet('reserve');
		this.reserveRows(n);
		return this;
	}

	/** Gives back room that adding in parts left to grow into: after it, the index is as large as one built at once. */
	shrink(): this {
		this.checkUsable('shrink');
		this.#checkQuiet('shrink');
		this.shrinkRows();
		return this;
	}

	/** Forgets all vectors, keeps what was trained. */
	reset(): void {
		this.checkUsable('reset');
		this.#checkQuiet('reset');
		this.#version++;
		this.resetRows();
	}

	/** Gives all memory back; later calls throw `disposed`. */
	[Symbol.dispose](): void {
		if (this.#state === 'disposed') return;
		this.#checkQuiet('dispose');
		this.#state = 'disposed';
		this.release();
	}

	// ── What a kind of index supplies ──────────────────────────────────────────────────────────

	/** @internal */ abstract trainSteps(x: VectorSet, options: TrainOptions): Steps<void>;
	/** @internal */ abstract addSteps(x: VectorSet): Steps<void>;
	/** Fills `result`, with rows that are admitted only; parameters are checked. Without `admitted` every row is. @internal */
	abstract searchSteps(q: VectorSet, k: number, params: P, result: SearchResult, admitted?: LabelBitmap): Steps<void>;
	/** Rows of the option tables that its searches take. @internal */
	abstract get searchTable(): OptionTable;
	/** @internal */ abstract reconstructRow(row: number): Float32Array<ArrayBuffer>;
	/** @internal */ abstract reserveRows(n: number): void;
	/** @internal */ shrinkRows(): void {}
	/** @internal */ abstract resetRows(): void;
	/** @internal */ abstract release(): void;

	// ── What a kind of index may supply, for the indexes around it ─────────────────────────────

	/** Most rows that trainSteps looks at. @internal */
	trainingLimit(_options: TrainOptions): number {
		return MAX_NTOTAL;
	}

	/** Rows that are alive, where some are not: searches find no others. @internal */
	get live(): LabelBitmap | undefined {
		return undefined;
	}

	/** Row numbers are below this: ntotal, unless some rows are dead. @internal */
	get rowSpan(): number {
		return this.ntotal;
	}

	/** Rows and their labels, for filters. @internal */
	get labelSpace(): LabelSpace {
		return { span: this.rowSpan, live: this.live };
	}

	/** Whether truncateRows works. @internal */
	get canTruncate(): boolean {
		return false;
	}

	/** Forgets all rows but the first n. @internal */
	truncateRows(_n: number): void {
		throw new Error(`internal: ${this.type} cannot take rows back`);
	}

	// ── Doors ──────────────────────────────────────────────────────────────────────────────────

	/** Throws when disposed. @internal */
	checkUsable(method: string): void {
		if (this.#state !== 'disposed') return;
		throw new VecinoError('disposed', `${this.type}.${method}: the index was disposed`);
	}

	/** Keeps train, add, reset and dispose off, as a search under way does, until the returned function is called. @internal */
	hold(method: string): () => void {
		this.checkUsable(method);
		if (this.#state === 'writing') throw this.#busy(method, 'a train or add');
		this.#readers++;
		return () => void this.#readers--;
	}

	/** Throws when not trained. @internal */
	checkTrained(method: string): void {
		this.checkUsable(method);
		if (!this.isTrained) throw new VecinoError('not-trained', `${this.type}.${method}: call train first`);
	}

	#prepareTrain(method: string, x: Vectors, options: TrainOptions | undefined) {
		const where = `${this.type}.${method}`;
		this.checkUsable(method);
		const resolved = resolveOptions(where, options, TRAIN_OPTIONS);
		const set = toVectorSet(where, 'x', x, this.d);
		if (set.n === 0) throw new RangeError(`${where}: at least one vector is needed`);
		if (this.ntotal > 0) {
			const message = `${where}: the index holds ${this.ntotal} vectors coded with what was trained before; call reset first`;
			throw new VecinoError('unsupported', message);
		}
		return { steps: this.#writing(method, this.trainSteps(set, resolved)), resolved };
	}

	#prepareAdd(method: string, x: Vectors, options: RunOptions | undefined) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		const resolved = resolveOptions(where, options, RUN_OPTIONS);
		const set = toVectorSet(where, 'x', x, this.d);
		if (this.ntotal + set.n > MAX_NTOTAL)
			throw new RangeError(`${where}: an index holds at most ${MAX_NTOTAL} vectors`);
		return { steps: this.#writing(method, this.addSteps(set)), resolved };
	}

	/** A search by other means than searchSteps; parameters are those of `table`. @internal */
	protected searchBy(
		method: string,
		q: Vectors,
		k: number,
		params: P | undefined,
		table: OptionTable,
		search: RowSearch<P>,
	): SearchResult {
		const { steps, resolved, result } = this.#prepareSearch(method, q, k, params, table, search);
		runSync(steps, resolved);
		return result;
	}

	#prepareSearch(
		method: string,
		q: Vectors,
		k: number,
		params: P | undefined,
		table: OptionTable = this.searchTable,
		search?: RowSearch<P>,
	) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		checkInt(where, 'k', k, 1, MAX_K);
		const resolved = resolveOptions(where, params, table);
		const set = toVectorSet(where, 'q', q, this.d);
		const result = new SearchResult(set.n, k, this.metric);
		if (resolved.stats !== undefined) resolved.stats.nq += set.n;
		const filter = resolved.filter as IDSelector | undefined;
		const { live } = this;
		if (filter === undefined && search === undefined && live?.count !== 0) {
			const steps = this.searchSteps(set, k, resolved, result, live);
			return { steps: this.#reading(method, steps, result), resolved, result };
		}
		const among = (rows: LabelBitmap | undefined): Steps<void> =>
			search?.(set, resolved, result, rows) ?? this.searchSteps(set, k, resolved, result, rows);
		return { steps: this.#reading(method, this.#filtered(method, filter, result, among)), resolved, result };
	}

	/** Search among the rows that the filter lets in and that are alive. */
	*#filtered(
		method: string,
		filter: IDSelector | undefined,
		result: SearchResult,
		search: (rows: LabelBitmap | undefined) => Steps<void>,
	): Steps<void> {
		if (filter === undefined) {
			const { live } = this;
			if (live?.count !== 0) yield* search(live);
			result.settle(live?.count ?? this.ntotal);
			return;
		}
		const { engine } = this;
		const kept = filter instanceof PreparedFilter;
		const selector = kept ? filter.selector : filter;
		const make = () => selectRows(engine.arena, selector, this.labelSpace, kept);
		const among = function* (rows: LabelBitmap): Steps<void> {
			// A filter that lets everything in is none.
			if (rows.count > 0) yield* search(rows.count === rows.bits ? undefined : rows);
			result.settle(rows.count);
		};
		if (kept) {
			yield* filter.use(`${this.type}.${method}`, this, this.#version, make, among);
			return;
		}
		using rows = yield* make();
		yield* among(rows);
	}

	/** Only one writer at a time, and no reader beside it: async work may be under way. */
	*#writing(method: string, steps: Steps<void>): Steps<void> {
		this.checkUsable(method);
		this.#checkQuiet(method);
		this.#state = 'writing';
		this.#version++;
		try {
			yield* steps;
		} finally {
			this.#state = 'ready';
		}
	}

	*#reading(method: string, steps: Steps<void>, result?: SearchResult): Steps<void> {
		this.checkUsable(method);
		if (this.#state === 'writing') throw this.#busy(method, 'a train or add');
		this.#readers++;
		try {
			yield* steps;
			result?.settle(this.live?.count ?? this.ntotal);
		} finally {
			this.#readers--;
		}
	}

	#checkQuiet(method: string): void {
		if (this.#state === 'writing') throw this.#busy(method, 'another train or add');
		if (this.#readers > 0) throw this.#busy(method, 'a search or a save');
	}

	#busy(method: string, other: string): VecinoError {
		return new VecinoError('busy', `${this.type}.${method}: ${other} on this index is still under way; await it first`);
	}
}
