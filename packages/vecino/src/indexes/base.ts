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
import { MAX_D, toVectorSet, type VectorSet, type Vectors } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import { defaultEngine, type Engine } from '../kernels/engine.ts';
import { checkInt, checkOneOf } from '../util/check.ts';
import { type AsyncRunOptions, type RunOptions, runAsync, runSync, type Steps } from '../util/steps.ts';

/** Options that every index takes. */
export interface IndexOptions {
	/** Dimension of the vectors, 1..65536. */
	readonly d: number;
	/** What is compared. Default: 'l2'. */
	readonly metric?: Metric | undefined;
	/** Memory and kernels to use. Default: the shared engine. */
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
 * What every index can do. Abstract: make one of its kinds.
 *
 * @typeParam P - Search parameters. `Index` alone stands for any kind, with all parameters there are; one that the index
 * at hand does not have is refused when the search runs.
 *
 * @example
 * function firstHit(index: Index): number {
 *   return index.search(queries, 1).labels[0]!;
 * }
 * using exact = new IndexFlat({ d: 64 });
 * using cells = new IndexIVFFlat({ d: 64, nlist: 20 });
 * console.log(firstHit(exact.add(vectors)) === firstHit(cells.train(vectors).add(vectors))); // true
 */
export abstract class Index<P extends SearchParams = RefineSearchParams> implements Disposable {
	/** Dimension of the vectors. */
	readonly d: number;
	/** What is compared: squared distances, inner products or cosines. */
	readonly metric: Metric;
	/** @internal */
	readonly engine: Engine;
	#state: 'ready' | 'writing' | 'disposed' = 'ready';
	#readers = 0;

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
	/**
	 * Sizes and bytes by component.
	 *
	 * @example
	 * using index = new IndexIVFPQ({ d: 64, nlist: 20, m: 8 });
	 * const { bytes } = index.train(vectors).add(vectors).stats();
	 * console.log(Object.values(bytes).reduce((a, b) => a + b) === index.byteLength); // true
	 */
	abstract stats(): IndexStats;

	/**
	 * Learns centroids and codebooks from a sample of x; x is not added. A second call starts afresh and needs an empty index.
	 *
	 * @param x - n >= 1 vectors of dimension d. At most `maxPointsPerCentroid` (256) per centroid are used, drawn at random.
	 * @throws {VecinoError} `dimension-mismatch`, `not-finite`, `unsupported` when the index holds vectors.
	 *
	 * @example
	 * using index = new IndexIVFPQ({ d: 64, nlist: 20, m: 8 });
	 * console.log(index.isTrained, index.train(vectors, { seed: 7 }).isTrained, index.ntotal); // false true 0
	 */
	train(x: Vectors, options?: TrainOptions): this {
		const { steps, resolved } = this.#prepareTrain('train', x, options);
		runSync(steps, resolved);
		return this;
	}

	/**
	 * train in slices, or on the threads of the engine; an abort leaves the index as it was.
	 *
	 * @throws {VecinoError} as train; `aborted`.
	 *
	 * @example
	 * using index = new IndexPQ({ d: 64, m: 8 });
	 * const phases = new Set<string>();
	 * await index.trainAsync(vectors, { onProgress: ({ phase }) => phases.add(phase) });
	 * console.log(index.isTrained, phases.size > 0); // true true
	 */
	async trainAsync(x: Vectors, options?: TrainOptions & AsyncRunOptions): Promise<this> {
		const { steps, resolved } = this.#prepareTrain('trainAsync', x, options);
		await runAsync(steps, resolved);
		return this;
	}

	/**
	 * Adds n vectors with labels ntotal .. ntotal + n - 1; all of them or, on an error, none.
	 *
	 * @param x - n >= 0 vectors of dimension d.
	 * @throws {VecinoError} `not-trained`, `dimension-mismatch`, `not-finite` with the row, `out-of-memory`.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 2 });
	 * console.log(index.add([[0, 0], [3, 4]]).add([5, 5]).ntotal); // 3
	 */
	add(x: Vectors, options?: RunOptions): this {
		const { steps, resolved } = this.#prepareAdd('add', x, options);
		runSync(steps, resolved);
		return this;
	}

	/**
	 * add in slices, or on the threads of the engine; an abort adds nothing.
	 *
	 * @throws {VecinoError} as add; `aborted`.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 64 });
	 * const adding = index.addAsync(vectors, { signal: AbortSignal.abort() });
	 * console.log(await adding.catch(({ code }) => code), index.ntotal); // aborted 0
	 */
	async addAsync(x: Vectors, options?: AsyncRunOptions): Promise<this> {
		const { steps, resolved } = this.#prepareAdd('addAsync', x, options);
		await runAsync(steps, resolved);
		return this;
	}

	/**
	 * Adds vectors under ids of the caller's: IndexIDMap does that, other indexes throw `unsupported`.
	 *
	 * @example
	 * using index = new IndexIDMap({ index: new IndexFlat({ d: 2 }) });
	 * console.log(index.addWithIds([[0, 0], [3, 4]], [1001, 2002]).ntotal); // 2
	 */
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
	 *
	 * @example
	 * using index = new IndexFlat({ d: 2, metric: 'ip' });
	 * index.add([[0, 0], [3, 4]]);
	 * console.log(index.search([1, 1], 3).labels, index.search([1, 1], 3).hits(0)); // Float64Array(3) [1, 0, -1] [{ label: 1, distance: 7 }, { label: 0, distance: 0 }]
	 */
	search(q: Vectors, k: number, params?: P): SearchResult {
		const { steps, resolved, result } = this.#prepareSearch('search', q, k, params);
		runSync(steps, resolved);
		return result;
	}

	/**
	 * search in slices, or on the threads of the engine; the same results.
	 *
	 * @throws {VecinoError} as search; `aborted`.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 64 });
	 * const { labels } = await index.add(vectors).searchAsync(vectors.slice(0, 3), 1, { signal: AbortSignal.timeout(60_000) });
	 * console.log(labels); // Float64Array(3) [0, 1, 2]
	 */
	async searchAsync(q: Vectors, k: number, params?: P & AsyncRunOptions): Promise<SearchResult> {
		const { steps, resolved, result } = this.#prepareSearch('searchAsync', q, k, params);
		await runAsync(steps, resolved);
		return result;
	}

	/**
	 * The vector that the index holds for a label, decoded from its code (normalised under 'cosine').
	 *
	 * @throws {VecinoError} `unknown-label`.
	 *
	 * @example
	 * using index = new IndexScalarQuantizer({ d: 2, type: 'f16' });
	 * console.log(index.add([[0, 0], [3, 4]]).reconstruct(1)); // Float32Array(2) [3, 4]
	 */
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
	 *
	 * @example
	 * using index = new IndexFlat({ d: 64 });
	 * index.reserve(vectors.n);
	 * const before = index.byteLength;
	 * for (let i = 0; i < vectors.n; i += 100) index.add(vectors.slice(i, i + 100));
	 * console.log(index.byteLength === before); // true
	 */
	reserve(n: number): this {
		const where = `${this.type}.reserve`;
		this.checkTrained('reserve');
		checkInt(where, 'n', n, 0, MAX_NTOTAL - this.ntotal);
		this.#checkQuiet('reserve');
		this.reserveRows(n);
		return this;
	}

	/**
	 * Gives back room that adding in parts left to grow into: after it, the index is as large as one built at once (without
	 * cells: and 64 bytes for each part).
	 *
	 * @example
	 * using index = new IndexIVFFlat({ d: 64, nlist: 20 });
	 * index.train(vectors);
	 * for (let i = 0; i < vectors.n; i += 250) index.add(vectors.slice(i, i + 250));
	 * const grown = index.byteLength;
	 * console.log(index.shrink().byteLength < grown); // true
	 */
	shrink(): this {
		this.checkUsable('shrink');
		this.#checkQuiet('shrink');
		this.shrinkRows();
		return this;
	}

	/**
	 * Forgets all vectors, keeps what was trained.
	 *
	 * @example
	 * using index = new IndexPQ({ d: 64, m: 8 });
	 * index.train(vectors).add(vectors).reset();
	 * console.log(index.ntotal, index.isTrained); // 0 true
	 */
	reset(): void {
		this.checkUsable('reset');
		this.#checkQuiet('reset');
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
	/** Fills `result`; parameters are checked. @internal */
	abstract searchSteps(q: VectorSet, k: number, params: P, result: SearchResult): Steps<void>;
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

	#prepareSearch(method: string, q: Vectors, k: number, params: P | undefined) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		checkInt(where, 'k', k, 1, MAX_K);
		const resolved = resolveOptions(where, params, this.searchTable);
		const set = toVectorSet(where, 'q', q, this.d);
		const result = new SearchResult(set.n, k, this.metric);
		if (resolved.stats !== undefined) resolved.stats.nq += set.n;
		return { steps: this.#reading(method, this.searchSteps(set, k, resolved, result)), resolved, result };
	}

	/** Only one writer at a time, and no reader beside it: async work may be under way. */
	*#writing(method: string, steps: Steps<void>): Steps<void> {
		this.checkUsable(method);
		this.#checkQuiet(method);
		this.#state = 'writing';
		try {
			yield* steps;
		} finally {
			this.#state = 'ready';
		}
	}

	*#reading(method: string, steps: Steps<void>): Steps<void> {
		this.checkUsable(method);
		if (this.#state === 'writing') throw this.#busy(method, 'a train or add');
		this.#readers++;
		try {
			yield* steps;
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
