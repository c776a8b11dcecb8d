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
	REBALANCE_OPTIONS,
	RETRAIN_OPTIONS,
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
import { checkInt, checkOneOf, show } from '../util/check.ts';
import { type AsyncRunOptions, type RunOptions, runAsync, runSync, type Steps } from '../util/steps.ts';
import { type CellMeasures, type IndexHealth, judge, type RowSource } from './health.ts';
import type { RebalanceOptions, RebalanceReport } from './rebalance.ts';
import { firstDifference, type TrainedState } from './trained.ts';

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

/** Options of retrain. */
export interface RetrainOptions extends TrainOptions {
	/** What to learn from, at best vectors like those to come. Default: the vectors held. */
	readonly sample?: Vectors | undefined;
	/** Cells afterwards. Default: as many as now. */
	readonly nlist?: number | undefined;
	/** The exact vector of a label (or id), d values. Default: the store of an IndexRefine, else what codes stand for. */
	readonly source?: ((label: number) => ArrayLike<number>) | undefined;
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
	 * Appends the vectors of an index that was trained alike: same class, d, metric and options, and the same centroids,
	 * codebooks and transforms, bit for bit (cloneTrained makes one; so does reading one file twice). Codes are copied as
	 * they are. Labels of `other` go on behind those here; ids of an IndexIDMap are kept. `other` stays as it is, where
	 * FAISS's merge_from empties it. All of them or, on an error, none.
	 *
	 * @param other - May live in another engine.
	 * @throws {VecinoError} `not-alike` naming what differs, `duplicate-id` naming the id, `out-of-memory`.
	 *
	 * @example
	 * using part = index.cloneTrained();
	 * part.add(more);
	 * index.mergeFrom(part);
	 */
	mergeFrom(other: Index, options?: RunOptions): this {
		const { steps, resolved } = this.#prepareMerge('mergeFrom', other, options);
		runSync(steps, resolved);
		return this;
	}

	/** mergeFrom in slices. */
	async mergeFromAsync(other: Index, options?: AsyncRunOptions): Promise<this> {
		const { steps, resolved } = this.#prepareMerge('mergeFromAsync', other, options);
		await runAsync(steps, resolved);
		return this;
	}

	/**
	 * An empty index that was trained as this one was, with copies of its centroids, codebooks and transforms: what it holds
	 * later can be merged, and searched beside this one (IndexShards).
	 *
	 * @param engine - Where it is to live. Default: that of this index.
	 * @throws {VecinoError} `not-trained`, `out-of-memory`.
	 *
	 * @example
	 * using copy = index.cloneTrained({ engine: createEngineSync() });
	 */
	cloneTrained({ engine = this.engine }: { readonly engine?: Engine | undefined } = {}): Index {
		this.checkTrained('cloneTrained');
		const copy = this.alike(engine);
		let done = false;
		try {
			copy.teach(this);
			done = true;
			return copy;
		} finally {
			if (!done) copy[Symbol.dispose]();
		}
	}

	/**
	 * Whether the cells of the index still suit the vectors it holds, and what to do if not. For indexes with cells, and
	 * those around them (IndexRefine, IndexPreTransform, IndexIDMap, IndexShards).
	 *
	 * @throws {VecinoError} `not-trained`; `unsupported` for indexes without cells.
	 *
	 * @example
	 * const { verdict, reasons } = index.health();
	 * if (verdict !== 'ok') console.log(reasons.join(' '));
	 */
	health(): IndexHealth {
		this.checkTrained('health');
		const release = this.hold('health');
		try {
			return judge(this.measureCells());
		} finally {
			release();
		}
	}

	/**
	 * Evens lists out, in place: long ones are split in two, short ones dissolved, so that there are as many cells as before.
	 * Labels stay. Codes of vectors that move are made anew where they are of residuals: from exact vectors (`source`, or the
	 * store of an IndexRefine) without loss, else from what the old codes stand for, whose error comes on top each time:
	 * recall@10 of IVF512,PQ16 that had drifted a little on SIFT fell from 0.637 to 0.615, that of codes of 1 bit a dimension
	 * by 40 %. An abort leaves the splits done so far.
	 *
	 * @throws {VecinoError} `not-trained`, `aborted`, `out-of-memory`; `unsupported` for indexes without cells.
	 *
	 * @example
	 * if (index.health().verdict === 'rebalance') index.rebalance();
	 */
	rebalance(options?: RebalanceOptions): RebalanceReport {
		const { steps, resolved } = this.#prepareRebalance('rebalance', options);
		return runSync(steps, resolved);
	}

	/** rebalance in slices. */
	async rebalanceAsync(options?: RebalanceOptions & AsyncRunOptions): Promise<RebalanceReport> {
		const { steps, resolved } = this.#prepareRebalance('rebalanceAsync', options);
		return runAsync(steps, resolved);
	}

	/**
	 * Learns cells and codebooks anew, from the vectors held or from `sample`, and codes all vectors again under the labels
	 * they have. Takes the memory of a second index meanwhile; an error or an abort leaves the index as it was. Transforms
	 * and the store of an IndexRefine stay as they are. Without exact vectors (`source`, or that store) codes are made from
	 * codes, and the error of both adds up: worth it for IndexIVFFlat and 8 bits a dimension, not for others (0.637 became
	 * 0.573 where rebalance left 0.615).
	 *
	 * @throws {VecinoError} `not-trained`, `aborted`, `out-of-memory`; `unsupported` for indexes without cells.
	 *
	 * @example
	 * if (index.health().verdict === 'retrain') index.retrain({ source: (label) => vectors.row(label) });
	 */
	retrain(options?: RetrainOptions): this {
		const { steps, resolved } = this.#prepareRetrain('retrain', options);
		runSync(steps, resolved);
		return this;
	}

	/** retrain in slices. */
	async retrainAsync(options?: RetrainOptions & AsyncRunOptions): Promise<this> {
		const { steps, resolved } = this.#prepareRetrain('retrainAsync', options);
		await runAsync(steps, resolved);
		return this;
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

	/** The label that the next vector gets. @internal */
	get labelEnd(): number {
		return this.ntotal;
	}

	/** @param _exact - Vectors that are nearer to those added than codes are, where somebody has them. @internal */
	measureCells(_exact?: RowSource): CellMeasures {
		throw new VecinoError('unsupported', `${this.type}.health: only for indexes with cells (IVF)`);
	}

	/** @internal */
	rebalanceSteps(_options: RebalanceOptions, _exact?: RowSource): Steps<RebalanceReport> {
		throw new VecinoError('unsupported', `${this.type}.rebalance: only for indexes with cells (IVF)`);
	}

	/** @internal */
	retrainSteps(_x: VectorSet | undefined, _options: RetrainOptions, _exact?: RowSource): Steps<void> {
		throw new VecinoError('unsupported', `${this.type}.retrain: only for indexes with cells (IVF)`);
	}

	/** An index with the same options, empty and not trained. @internal */
	alike(_engine: Engine): Index {
		throw new VecinoError('unsupported', `${this.type}.cloneTrained: not for this kind of index`);
	}

	/** What codes depend on, beside class, d and metric. @internal */
	trainedState(): TrainedState {
		throw new VecinoError('unsupported', `${this.type}: its training cannot be compared`);
	}

	/** Learns what a trained index with the same options has learnt; this one is empty. @internal */
	teach(_from: Index): void {
		throw new VecinoError('unsupported', `${this.type}.cloneTrained: not for this kind of index`);
	}

	/** Appends the vectors of an index trained alike; all of them or none. @internal */
	// biome-ignore lint/correctness/useYield: kinds of index that can merge yield
	*mergeSteps(_other: Index): Steps<void> {
		throw new VecinoError('unsupported', `${this.type}.mergeFrom: not for this kind of index`);
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

	#prepareRebalance(method: string, options: RebalanceOptions | undefined) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		const resolved = resolveOptions(where, options, REBALANCE_OPTIONS);
		const exact = checkedSource(where, resolved.source, this.d);
		return { steps: this.#writing(method, this.rebalanceSteps(resolved, exact)), resolved };
	}

	#prepareRetrain(method: string, options: RetrainOptions | undefined) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		const resolved = resolveOptions(where, options, RETRAIN_OPTIONS);
		const exact = checkedSource(where, resolved.source, this.d);
		const x = resolved.sample && toVectorSet(where, 'sample', resolved.sample, this.d);
		if (this.ntotal === 0 && x === undefined) throw new RangeError(`${where}: there are no vectors to learn from`);
		if (x?.n === 0) throw new RangeError(`${where}: at least one vector is needed`);
		return { steps: this.#writing(method, this.retrainSteps(x, resolved, exact)), resolved };
	}

	#prepareMerge(method: string, other: Index, options: RunOptions | undefined) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		const resolved = resolveOptions(where, options, RUN_OPTIONS);
		if (!(other instanceof Index)) throw new TypeError(`${where}: other must be an index, got ${show(other)}`);
		if (other === (this as Index<P> | Index)) throw new RangeError(`${where}: other must be another index`);
		checkAlike(where, this as unknown as Index, other);
		if (this.labelEnd + other.labelEnd > MAX_NTOTAL)
			throw new RangeError(`${where}: an index holds at most ${MAX_NTOTAL} vectors`);
		return { steps: this.#writing(method, mergeHeld(this as unknown as Index, other)), resolved };
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
	*#writing<T>(method: string, steps: Steps<T>): Steps<T> {
		this.checkUsable(method);
		this.#checkQuiet(method);
		this.#state = 'writing';
		try {
			return yield* steps;
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

/** Throws unless codes of one index mean the same in the other. */
export function checkAlike(where: string, index: Index, other: Index): void {
	const differs = (name: string, expected: string | number, found: string | number): VecinoError => {
		const message = `${where}: other must be trained alike, its ${name} is ${found}, not ${expected}`;
		return new VecinoError('not-alike', message, { expected, found });
	};
	for (const key of ['type', 'd', 'metric'] as const)
		if (other[key] !== index[key]) throw differs(key, index[key], other[key]);
	other.checkTrained('mergeFrom');
	const name = firstDifference(index.trainedState(), other.trainedState());
	if (name === undefined) return;
	throw new VecinoError('not-alike', `${where}: other must be trained alike, it has another ${name}`, { found: name });
}

/** Merges while `other` cannot change. */
function* mergeHeld(index: Index, other: Index): Steps<void> {
	const release = other.hold('mergeFrom');
	try {
		yield* index.mergeSteps(other);
	} finally {
		release();
	}
}

/** What a caller gives as the vectors of labels, looked at as they come. */
function checkedSource(
	where: string,
	source: ((label: number) => ArrayLike<number>) | undefined,
	d: number,
): RowSource | undefined {
	if (source === undefined) return undefined;
	return (label) => {
		const set = toVectorSet(where, `source(${label})`, Float32Array.from(source(label)), d);
		if (set.n === 1) return set.data;
		const message = `${where}: source(${label}) must be one vector of ${d} values, got ${set.n}`;
		throw new VecinoError('dimension-mismatch', message, { expected: d, found: set.n * d });
	};
}
