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
	PAGE_PARAMS,
	type PageParams,
	RANGE_PARAMS,
	type RangeParams,
	REBALANCE_OPTIONS,
	RETRAIN_OPTIONS,
	type RefineSearchParams,
	RUN_OPTIONS,
	resolveOptions,
	type SearchParams,
	TRAIN_OPTIONS,
} from '../core/options.ts';
import { checkRecallTable, type RecallTable, settingFor } from '../core/recall-table.ts';
import { type IndexStats, type RangeResult, SearchResult } from '../core/result.ts';
import { type Filter, IDSelector, toSelector } from '../core/selector.ts';
import { MAX_D, toVectorSet, VectorSet, type Vectors } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import { defaultEngine, type Engine } from '../kernels/engine.ts';
import { checkInt, checkOneOf, show } from '../util/check.ts';
import { checkDistinct, type Labels, toLabels } from '../util/labels.ts';
import { type AsyncRunOptions, type RunOptions, runAsync, runSync, type Steps } from '../util/steps.ts';
import { type LabelSpace, PreparedFilter, selectRows } from './filter.ts';
import { type CellMeasures, type IndexHealth, judge, type RowSource } from './health.ts';
import { PageReader } from './pages.ts';
import { rangeSteps } from './range-search.ts';
import type { RebalanceOptions, RebalanceReport } from './rebalance.ts';
import { firstDifference, type TrainedState } from './trained.ts';

/** A search among rows that may be found, all where there are none given. */
type RowSearch<P> = (q: VectorSet, params: P, result: SearchResult, rows: LabelBitmap | undefined) => Steps<void>;

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

/** Options of retrain. */
export interface RetrainOptions extends TrainOptions {
	/** What to learn from, at best vectors like those to come. Default: the vectors held. */
	readonly sample?: Vectors | undefined;
	/** Cells afterwards. Default: as many as now. */
	readonly nlist?: number | undefined;
	/** The exact vector of a label (or id), d values. Default: the store of an IndexRefine, else what codes stand for. */
	readonly source?: ((label: number) => ArrayLike<number>) | undefined;
}

/** Vectors that are encoded and not yet in their places. @internal */
export interface StagedRows extends Disposable {
	/** Puts them there, at once and without fail. */
	commit(): void;
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
	#recallTable: RecallTable | undefined;
	/** Counts what has changed the rows. */
	#version = 0;

	protected constructor(where: string, options: IndexOptions) {
		this.d = checkInt(where, 'd', options.d, 1, MAX_D);
		this.metric = checkOneOf(where, 'metric', options.metric ?? 'l2', METRICS);
		this.engine = options.engine ?? defaultEngine();
	}

	/** Name of the class, also in files. */
	abstract readonly type: string;
	/** Vectors held, without those that were removed. */
	abstract get ntotal(): number;
	/**
	 * One more than the highest label given out: where the next add begins. The same as ntotal until something is removed.
	 * Of an IndexIDMap, the labels of the index inside.
	 */
	get labelEnd(): number {
		return this.ntotal;
	}
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
	 * What recall each setting of the search parameters reaches, for searches that ask for `recall`; undefined until it is
	 * set, and again after train or retrain. Kept in files. Measured of the vectors there were: measure again after large
	 * changes, and after rebalance.
	 *
	 * @throws {TypeError} @throws {RangeError} for what is no table, or one whose recall does not grow from row to row.
	 *
	 * @example
	 * using index = new IndexIVFFlat({ d: 64, nlist: 16 });
	 * index.train(vectors).add(vectors);
	 * const truth = exactNeighbors(vectors, queries, 10);
	 * index.recallTable = measureRecallTable(index, queries, { truth });
	 * console.log(recallAtK(index.search(queries, 10, { recall: 0.9 }), truth) >= 0.9); // true
	 */
	get recallTable(): RecallTable | undefined {
		return this.#recallTable;
	}

	set recallTable(table: RecallTable | undefined) {
		this.checkUsable('recallTable');
		this.#recallTable = table === undefined ? undefined : checkRecallTable(`${this.type}.recallTable`, table);
	}

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
	 * Adds n vectors with labels labelEnd .. labelEnd + n - 1; all of them or, on an error, none.
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
	 * Whether a vector with that label is in the index.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 1 });
	 * index.add([[0], [1]]).remove(0);
	 * console.log(index.has(0), index.has(1)); // false true
	 */
	has(label: number): boolean {
		this.checkUsable('has');
		return Number.isSafeInteger(label) && label >= 0 && this.hasLabel(label);
	}

	/**
	 * Removes vectors, each in constant time; the labels of the others stay what they are, and no label is given out
	 * again (an id of an IndexIDMap may be). The first removal from an index with cells makes a table of where each label
	 * is, 8 bytes for each. Inverted lists give the room to vectors added later; other indexes keep the row, wiped, for
	 * good, unless an IndexIDMap around them uses it again. IndexHNSW keeps vector and links, as ways to others.
	 *
	 * @param labels - One or many, of which those that are not in the index are passed over; or an IDSelector, or a function
	 * that is asked about every label there is.
	 * @returns How many were removed.
	 * @example
	 * using index = new IndexFlat({ d: 2 });
	 * index.add([[0, 0], [3, 4], [6, 8]]);
	 * console.log(index.remove([0, 1, 77])); // 2
	 * console.log(index.search([0, 0], 1).hits()); // [{ label: 2, distance: 100 }]
	 */
	remove(labels: Labels | IDSelector | ((label: number) => boolean)): number {
		this.checkUsable('remove');
		const where = `${this.type}.remove`;
		const isFilter = typeof labels === 'function' || labels instanceof IDSelector;
		const given = isFilter ? toSelector(where, labels) : toLabels(where, labels);
		this.#checkQuiet('remove');
		if (this.ntotal === 0) return 0;
		this.checkTrained('remove');
		const list = given instanceof IDSelector ? this.#labelsOf(given) : given;
		if (list.length === 0) return 0;
		this.prepareRemoval();
		this.#version++;
		let removed = 0;
		for (const label of list) {
			if (!this.hasLabel(label)) continue;
			this.removeLabel(label);
			removed++;
		}
		return removed;
	}

	/**
	 * Replaces the vectors of labels that are in the index; all of them or, on an error, none.
	 *
	 * @param labels - One for each row of x, none twice.
	 * @throws {VecinoError} `unknown-label` naming the first that is not there, `duplicate-id`, `dimension-mismatch`,
	 * `not-finite`; `unsupported` for an IndexHNSW, whose links belong to the vector that was there.
	 * @example
	 * using index = new IndexFlat({ d: 2 });
	 * index.add([[0, 0], [3, 4]]);
	 * index.update(1, [0, 1]);
	 * console.log(index.search([0, 0], 2).hits()[1]); // { label: 1, distance: 1 }
	 */
	update(labels: Labels, x: Vectors, options?: RunOptions): this {
		const { steps, resolved } = this.#prepareUpdate('update', labels, x, options);
		runSync(steps, resolved);
		return this;
	}

	/**
	 * As update, in slices or on the threads of the engine; searches and other changes throw `busy` meanwhile.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 2 });
	 * index.add([[0, 0], [3, 4]]);
	 * await index.updateAsync([0, 1], [[1, 1], [2, 2]]);
	 * console.log([...index.reconstruct(1)]); // [2, 2]
	 */
	async updateAsync(labels: Labels, x: Vectors, options?: AsyncRunOptions): Promise<this> {
		const { steps, resolved } = this.#prepareUpdate('updateAsync', labels, x, options);
		await runAsync(steps, resolved);
		return this;
	}

	/**
	 * Vectors under ids, new or in place of those that are there: IndexIDMap does that, other indexes throw `unsupported`.
	 *
	 * @example
	 * using index: Index = new IndexIDMap({ index: new IndexFlat({ d: 1 }) });
	 * index.upsert([[1], [2]], [10, 20]).upsert([[5]], [20]);
	 * console.log(index.ntotal, index.search([5], 1).labels[0]); // 2 20
	 */
	upsert(_x: Vectors, _ids: ArrayLike<number>, _options?: RunOptions): this {
		const message = `${this.type}.upsert: labels are row numbers here; wrap the index: new IndexIDMap({ index })`;
		throw new VecinoError('unsupported', message);
	}

	/**
	 * Appends the vectors of an index that was trained alike: same class, d, metric and options, and the same centroids,
	 * codebooks and transforms, bit for bit (cloneTrained makes one; so does reading one file twice). Codes are copied as
	 * they are. Labels of `other` go on behind those here: label l becomes labelEnd + l, and those removed stay removed; ids of
	 * an IndexIDMap are kept. `other` stays as it is, where FAISS's merge_from empties it. All of them or, on an error, none.
	 *
	 * @param other - May live in another engine.
	 * @throws {VecinoError} `not-alike` naming what differs, `duplicate-id` naming the id, `out-of-memory`.
	 *
	 * @example
	 * using index = new IndexIVFPQ({ d: 64, nlist: 20, m: 8 });
	 * index.train(vectors).add(vectors.slice(0, 1500));
	 * using part = index.cloneTrained();
	 * part.add(vectors.slice(1500));
	 * console.log(index.mergeFrom(part).ntotal, part.ntotal); // 2000 500
	 */
	mergeFrom(other: Index, options?: RunOptions): this {
		const { steps, resolved } = this.#prepareMerge('mergeFrom', other, options);
		runSync(steps, resolved);
		return this;
	}

	/**
	 * mergeFrom in slices; an abort leaves both as they were.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 64 });
	 * using part = new IndexFlat({ d: 64 });
	 * await index.add(vectors).mergeFromAsync(part.add(vectors.slice(0, 5)));
	 * console.log(index.ntotal); // 2005
	 */
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
	 * using index = new IndexPQ({ d: 64, m: 8 });
	 * using copy = index.train(vectors).add(vectors).cloneTrained({ engine: createEngineSync() });
	 * console.log(copy.isTrained, copy.ntotal); // true 0
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
	 * using index = new IndexIVFFlat({ d: 64, nlist: 20 });
	 * const { verdict, reasons } = index.train(vectors).add(vectors).health();
	 * console.log(verdict, reasons.join(' ')); // ok Cells suit the vectors held.
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
	 * using index = new IndexIVFFlat({ d: 64, nlist: 20 });
	 * index.train(vectors.slice(0, 200)).add(vectors);
	 * const { imbalance } = index.health();
	 * const { splits } = index.rebalance({ longest: 1.1 });
	 * console.log(splits > 0, index.health().imbalance < imbalance); // true true
	 */
	rebalance(options?: RebalanceOptions): RebalanceReport {
		const { steps, resolved } = this.#prepareRebalance('rebalance', options);
		return runSync(steps, resolved);
	}

	/**
	 * rebalance in slices.
	 *
	 * @example
	 * using index = new IndexIVFFlat({ d: 64, nlist: 20 });
	 * index.train(vectors.slice(0, 200)).add(vectors);
	 * const { moved } = await index.rebalanceAsync({ longest: 1.1 });
	 * console.log(moved > 0, index.ntotal); // true 2000
	 */
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
	 * using index = new IndexIVFPQ({ d: 64, nlist: 20, m: 8 });
	 * index.train(vectors.slice(0, 100)).add(vectors);
	 * index.retrain({ source: (label) => vectors.row(label), nlist: 40 });
	 * console.log(index.nlist, index.ntotal); // 40 2000
	 */
	retrain(options?: RetrainOptions): this {
		const { steps, resolved } = this.#prepareRetrain('retrain', options);
		runSync(steps, resolved);
		return this;
	}

	/**
	 * retrain in slices, or on the threads of the engine.
	 *
	 * @example
	 * using index = new IndexIVFFlat({ d: 64, nlist: 20 });
	 * index.train(vectors.slice(0, 100)).add(vectors);
	 * console.log((await index.retrainAsync()).health().verdict); // ok
	 */
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
	 * A filter for many searches of this index: what `filter` takes is turned into rows once, at the first search, and anew
	 * only when the index has changed. Pays for functions, and for narrow filters. Dispose of it before the index.
	 *
	 * @example
	 * const price = (label: number) => label % 50;
	 * using index = new IndexFlat({ d: 64 }).add(vectors);
	 * using cheap = index.prepareFilter((label) => price(label) < 20);
	 * for (let i = 0; i < queries.n; i++) index.search(queries.row(i), 10, { filter: cheap });
	 */
	prepareFilter(filter: Filter): PreparedFilter {
		this.checkUsable('prepareFilter');
		return new PreparedFilter(this, toSelector(`${this.type}.prepareFilter`, filter));
	}

	/**
	 * Every vector within a radius of each query, nearest first. Of an index with cells those that a search for as many
	 * neighbours would open: with `nprobe` all of them, for a result that is complete.
	 *
	 * @param radius - Squared distance under 'l2', where vectors with distance <= radius are found; similarity under 'ip' and
	 * 'cosine', where those with similarity >= radius are. (FAISS leaves out those at the radius.)
	 * @throws {VecinoError} `not-trained`, `dimension-mismatch`, `not-finite`.
	 * @example
	 * using index = new IndexFlat({ d: 2 });
	 * index.add([[0, 0], [3, 4], [6, 8]]);
	 * const found = index.rangeSearch([0, 0], 25);
	 * console.log(found.hits()); // [{ label: 0, distance: 0 }, { label: 1, distance: 25 }]
	 * console.log(found.complete); // true
	 */
	rangeSearch(q: Vectors, radius: number, params?: P & RangeParams): RangeResult {
		const { steps, resolved } = this.#prepareRange('rangeSearch', q, radius, params);
		return runSync(steps, resolved);
	}

	/**
	 * rangeSearch in slices; the same results.
	 *
	 * @throws {VecinoError} as rangeSearch; `aborted`.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 64 }).add(vectors);
	 * const { lims } = await index.rangeSearchAsync(vectors.slice(0, 2), 0, { sliceMs: 4 });
	 * console.log(lims); // Float64Array(3) [0, 1, 2]
	 */
	async rangeSearchAsync(q: Vectors, radius: number, params?: P & RangeParams & AsyncRunOptions): Promise<RangeResult> {
		const { steps, resolved } = this.#prepareRange('rangeSearchAsync', q, radius, params);
		return await runAsync(steps, resolved);
	}

	/**
	 * The neighbours of one query, page by page, each once, until all vectors have come. Within a page and from page to page
	 * they come nearest first, as far as the search finds them in time: with cells or a graph one may come late. When the
	 * index changes between two pages, reading goes on in it as it is then.
	 *
	 * @returns Pages of one query, `pageSize` neighbours each, the last one fewer. Taking one more page costs, on average,
	 * less than a third of searching for all so far.
	 * @example
	 * using index = new IndexFlat({ d: 1 });
	 * index.add([[0], [1], [2], [3], [4]]);
	 * const pages = [...index.pages([0], { pageSize: 2 })];
	 * console.log(pages.map(({ labels }) => [...labels])); // [[0, 1], [2, 3], [4]]
	 * for (const page of index.pages([0], { pageSize: 2, offset: 4 })) console.log(page.labels[0]); // 4
	 */
	pages(q: Vectors, params?: P & PageParams): Generator<SearchResult, void, undefined> {
		return this.#readPages(this.#preparePages('pages', q, params));
	}

	/**
	 * pages in slices; the same pages.
	 *
	 * @throws {VecinoError} as pages; `aborted`.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 64 }).add(vectors);
	 * for await (const page of index.pagesAsync(queries.row(0), { pageSize: 20 })) {
	 *   console.log(page.hits().length); // 20
	 *   break;
	 * }
	 */
	pagesAsync(q: Vectors, params?: P & PageParams & AsyncRunOptions): AsyncGenerator<SearchResult, void, undefined> {
		return this.#readPagesAsync(this.#preparePages('pagesAsync', q, params));
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
		if (!this.has(label)) {
			const message = `${this.type}.reconstruct: no vector has label ${label}; there are ${this.ntotal}`;
			throw new VecinoError('unknown-label', message, { found: label });
		}
		return this.reconstructRow(label);
	}

	/**
	 * The vectors of many labels, decoded from their codes, in the order asked for.
	 *
	 * @param labels - Any number, any order, repeats allowed.
	 * @returns labels.length rows of d values.
	 * @throws {VecinoError} `unknown-label` naming the first that is not there.
	 * @example
	 * using index = new IndexFlat({ d: 2 });
	 * index.add([[0, 0], [3, 4]]);
	 * console.log([...index.reconstructMany([1, 0]).data]); // [3, 4, 0, 0]
	 */
	reconstructMany(labels: Labels): VectorSet {
		const where = `${this.type}.reconstructMany`;
		this.checkUsable('reconstructMany');
		const list = toLabels(where, labels);
		const missing = list.findIndex((label) => !this.hasLabel(label));
		if (missing >= 0) {
			const message = `${where}: no vector has label ${list[missing]}; there are ${this.ntotal}`;
			throw new VecinoError('unknown-label', message, { row: missing, found: list[missing]! });
		}
		const out = new VectorSet(new Float32Array(list.length * this.d), this.d);
		this.reconstructRows(this.rowsOf(list), out.data);
		return out;
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
		checkInt(where, 'n', n, 0, MAX_NTOTAL - this.labelEnd);
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
	 * Forgets all vectors, and all labels given out; keeps what was trained.
	 *
	 * @example
	 * using index = new IndexPQ({ d: 64, m: 8 });
	 * index.train(vectors).add(vectors).reset();
	 * console.log(index.ntotal, index.isTrained); // 0 true
	 */
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
	/** Rows of d values into `out`, in the order of `rows`. @internal */
	reconstructRows(rows: Uint32Array, out: Float32Array): void {
		for (const [i, row] of rows.entries()) out.set(this.reconstructRow(row), i * this.d);
	}
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
		return this.labelEnd;
	}

	/** Rows of labels that are there. @internal */
	rowsOf(labels: Float64Array): Uint32Array {
		return Uint32Array.from(labels);
	}

	/** Search parameters with which as large a share of the k nearest is found as with `params` of the ten nearest. @internal */
	widened(params: P, _k: number): P {
		return params;
	}

	/** Whether a search for the k nearest looks at every vector. @internal */
	isExhaustive(_params: P, _k: number): boolean {
		return true;
	}

	/** Cells of an index that codes residuals; 0 for any other. @internal */
	get residualCells(): number {
		return 0;
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

	/** Whether a label, an integer >= 0, is in the index. @internal */
	hasLabel(label: number): boolean {
		return label < this.ntotal;
	}

	/** Labels that are in the index, in any order. @internal */
	*liveLabels(): Generator<number> {
		for (let label = 0; label < this.labelEnd; label++) if (this.hasLabel(label)) yield label;
	}

	/** Allocates what removeLabel needs, so that it cannot fail. @internal */
	prepareRemoval(): void {}

	/** Removes a vector that is there. @internal */
	removeLabel(_label: number): void {
		throw new Error(`internal: ${this.type} cannot remove`);
	}

	/**
	 * To call when what was put in since is out again by removeLabel: brings back what that does not, how far vectors are off
	 * their centroids. @internal
	 */
	noteSpread(): () => void {
		return () => {};
	}

	/** Whether stageSteps works: labels can get other vectors. @internal */
	get canUpdate(): boolean {
		return true;
	}

	/**
	 * Encodes vectors for labels below labelEnd, each given once, that are in the index or were removed from it. Nothing
	 * may be added or removed before the result is committed. @internal
	 */
	stageSteps(_x: VectorSet, _labels: Uint32Array): Steps<StagedRows> {
		throw new Error(`internal: ${this.type} cannot update`);
	}

	/** Replaces the vectors of labels that are there, each given once. @internal */
	*updateSteps(x: VectorSet, labels: Float64Array): Steps<void> {
		if (x.n === 0) return;
		using staged = yield* this.stageSteps(x, Uint32Array.from(labels));
		staged.commit();
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
		if (this.labelEnd > 0) {
			const message = `${where}: the index holds ${this.ntotal} vectors coded with what was trained before; call reset first`;
			throw new VecinoError('unsupported', message);
		}
		return { steps: this.#writing(method, this.#training(set, resolved)), resolved };
	}

	*#training(x: VectorSet, options: TrainOptions): Steps<void> {
		yield* this.trainSteps(x, options);
		this.#recallTable = undefined;
	}

	#prepareAdd(method: string, x: Vectors, options: RunOptions | undefined) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		const resolved = resolveOptions(where, options, RUN_OPTIONS);
		const set = toVectorSet(where, 'x', x, this.d);
		if (this.labelEnd + set.n > MAX_NTOTAL)
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
		return { steps: this.#writing(method, this.#relearn(this.retrainSteps(x, resolved, exact))), resolved };
	}

	/** Settings were measured with the cells before. */
	*#relearn(steps: Steps<void>): Steps<void> {
		yield* steps;
		this.#recallTable = undefined;
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

	/** Labels in the index that a selector has. */
	#labelsOf(selector: IDSelector): number[] {
		const { ids } = this.labelSpace;
		using rows = runSync(selectRows(this.engine.arena, selector, this.labelSpace, false));
		const labels: number[] = [];
		for (let row = 0; row < rows.bits; row++) if (rows.has(row)) labels.push(ids?.idOf(row) ?? row);
		return labels;
	}

	#prepareUpdate(method: string, labels: Labels, x: Vectors, options: RunOptions | undefined) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		const resolved = resolveOptions(where, options, RUN_OPTIONS);
		const set = toVectorSet(where, 'x', x, this.d);
		const list = toLabels(where, labels);
		if (list.length !== set.n) {
			throw new RangeError(`${where}: ${set.n} vectors need as many labels, got ${list.length}`);
		}
		checkDistinct(where, list);
		const stranger = list.find((label) => !this.hasLabel(label));
		if (stranger !== undefined) {
			const message = `${where}: no vector has label ${stranger}; there are ${this.ntotal}`;
			throw new VecinoError('unknown-label', message, { row: list.indexOf(stranger), found: stranger });
		}
		if (!this.canUpdate) {
			const message = `${where}: the links of a graph belong to the vector that was there; remove it and add the new one, or wrap the index: new IndexIDMap({ index })`;
			throw new VecinoError('unsupported', message);
		}
		return { steps: this.#writing(method, this.updateSteps(set, list)), resolved };
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
		const resolved = this.#reaching(where, resolveOptions(where, params, table), table);
		const set = toVectorSet(where, 'q', q, this.d);
		const result = new SearchResult(set.n, k, this.metric);
		if (resolved.stats !== undefined) resolved.stats.nq += set.n;
		const { filter } = resolved;
		const { live } = this;
		const run = (rows: LabelBitmap | undefined): Steps<void> =>
			search === undefined ? this.searchSteps(set, k, resolved, result, rows) : search(set, resolved, result, rows);
		// The way of most searches, with no step more than they need.
		if (filter === undefined && live?.count !== 0) {
			return { steps: this.#reading(method, run(live), result), resolved, result };
		}
		const steps = this.#among(method, filter, function* (rows, matches) {
			if (matches > 0) yield* run(rows);
			result.settle(matches);
		});
		return { steps: this.#reading(method, steps), resolved, result };
	}

	/** A search among the rows that the filter lets in and that are alive: `rows`, all if undefined; `matches` of them. */
	*#among<T>(
		method: string,
		filter: Filter | undefined,
		search: (rows: LabelBitmap | undefined, matches: number) => Steps<T>,
	): Steps<T> {
		if (filter === undefined) {
			const { live } = this;
			return yield* search(live, live?.count ?? this.ntotal);
		}
		const { engine } = this;
		const kept = filter instanceof PreparedFilter;
		const selector = kept ? filter.selector : (filter as IDSelector);
		const make = () => selectRows(engine.arena, selector, this.labelSpace, kept);
		// A filter that lets everything in is none.
		const among = (rows: LabelBitmap): Steps<T> => search(rows.count === rows.bits ? undefined : rows, rows.count);
		if (kept) return yield* filter.use(`${this.type}.${method}`, this, this.#version, make, among);
		using rows = yield* make();
		return yield* among(rows);
	}

	/** Puts in place of `recall` the parameters measured to reach it. Those given, other than defaults, stand. */
	#reaching<Q extends SearchParams>(where: string, params: Q, table: OptionTable): Q {
		const { recall, ...rest } = params as Q & { recall?: number };
		if (recall === undefined) return params;
		const found: Record<string, unknown> = { ...rest };
		for (const [name, value] of Object.entries(settingFor(where, this.#recallTable, recall))) {
			const given = found[name];
			if (name in table && (given === undefined || given === table[name]!.default)) found[name] = value;
		}
		return found as unknown as Q;
	}

	#prepareRange(method: string, q: Vectors, radius: number, params: (P & RangeParams) | undefined) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		if (typeof radius !== 'number' || Number.isNaN(radius)) {
			throw new TypeError(`${where}: radius must be a number, got ${show(radius)}`);
		}
		const table = { ...RANGE_PARAMS, ...this.searchTable };
		const { maxResults = MAX_NTOTAL, ...resolved } = this.#reaching(
			where,
			resolveOptions<SearchParams & RangeParams>(where, params, table),
			table,
		);
		const set = toVectorSet(where, 'q', q, this.d);
		if (resolved.stats !== undefined) resolved.stats.nq += set.n;
		const steps = this.#among(method, resolved.filter, (admitted, matches) =>
			rangeSteps(this, set, { radius, maxResults, params: resolved as P, admitted, matches }),
		);
		return { steps: this.#reading(method, steps), resolved };
	}

	#preparePages(method: string, q: Vectors, params: (P & PageParams) | undefined): Paging {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		const table = { ...PAGE_PARAMS, ...this.searchTable };
		const { pageSize, offset, ...rest } = this.#reaching(
			where,
			resolveOptions<SearchParams & PageParams>(where, params, table),
			table,
		);
		const set = toVectorSet(where, 'q', q, this.d);
		if (set.n !== 1) throw new RangeError(`${where}: q must be one query, got ${set.n}`);
		const resolved = rest as P;
		if (resolved.stats !== undefined) resolved.stats.nq++;
		const reader = new PageReader(this, new VectorSet(set.data.slice(), this.d), resolved);
		const read = (n: number): Steps<SearchResult> => {
			const steps = this.#among(method, resolved.filter, (rows, matches) => reader.next(n, rows, matches));
			return this.#reading(method, steps);
		};
		return { read, pageSize: pageSize!, offset: offset!, resolved };
	}

	*#readPages({ read, offset, pageSize, resolved }: Paging): Generator<SearchResult, void, undefined> {
		if (offset > 0) runSync(read(offset), resolved);
		for (let last = false; !last; ) {
			const page = runSync(read(pageSize), resolved);
			last = page.k < pageSize;
			if (page.k > 0) yield page;
		}
	}

	async *#readPagesAsync({ read, offset, pageSize, resolved }: Paging): AsyncGenerator<SearchResult, void, undefined> {
		if (offset > 0) await runAsync(read(offset), resolved);
		for (let last = false; !last; ) {
			const page = await runAsync(read(pageSize), resolved);
			last = page.k < pageSize;
			if (page.k > 0) yield page;
		}
	}

	/** Only one writer at a time, and no reader beside it: async work may be under way. */
	*#writing<T>(method: string, steps: Steps<T>): Steps<T> {
		this.checkUsable(method);
		this.#checkQuiet(method);
		this.#state = 'writing';
		this.#version++;
		try {
			return yield* steps;
		} finally {
			this.#state = 'ready';
		}
	}

	*#reading<T>(method: string, steps: Steps<T>, result?: SearchResult): Steps<T> {
		this.checkUsable(method);
		if (this.#state === 'writing') throw this.#busy(method, 'a train or add');
		this.#readers++;
		try {
			const out = yield* steps;
			result?.settle(this.live?.count ?? this.ntotal);
			return out;
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

/** Pages that are being read. */
interface Paging {
	readonly read: (n: number) => Steps<SearchResult>;
	readonly pageSize: number;
	readonly offset: number;
	readonly resolved: AsyncRunOptions;
}
