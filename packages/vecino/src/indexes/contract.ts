/**
 * What all that an index does stands on: its fields, what a kind of index supplies, and the doors, which let in many
 * readers or one writer.
 *
 * The beginning of a chain of classes; searchable.ts and changeable.ts go on from here, and `Index` (base.ts) ends it.
 */

import type { KMeansOptions } from '../cluster/kmeans.ts';
import { METRICS, type Metric } from '../core/metric.ts';
import type { OptionTable, SearchParams } from '../core/options.ts';
import type { IndexStats, SearchResult } from '../core/result.ts';
import { MAX_D, type VectorSet } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import { defaultEngine, type Engine } from '../kernels/engine.ts';
import { checkInt, checkOneOf } from '../util/check.ts';
import type { RunOptions, Steps } from '../util/steps.ts';
import type { LabelSpace } from './filter.ts';

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

/** Vectors that are encoded and not yet in their places. @internal */
export interface StagedRows extends Disposable {
	/** Puts them there, at once and without fail. */
	commit(): void;
}

export const MAX_K: number = 65536;
/** Labels are u32 inside. */
export const MAX_NTOTAL: number = 2 ** 32 - 1;

/** Fields, what kinds of index supply, and the doors. @typeParam P - Search parameters. */
export abstract class IndexContract<P extends SearchParams> implements Disposable {
	/** Dimension of the vectors. */
	readonly d: number;
	/** What is compared: squared distances, inner products or cosines. */
	readonly metric: Metric;
	/** @internal */
	readonly engine: Engine;
	/** Counts what has changed the rows. @internal */
	protected version = 0;
	#state: 'ready' | 'writing' | 'disposed' = 'ready';
	#readers = 0;

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

	/** Gives all memory back; later calls throw `disposed`. */
	[Symbol.dispose](): void {
		if (this.#state === 'disposed') return;
		this.checkQuiet('dispose');
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

	/** Only one writer at a time, and no reader beside it: async work may be under way. @internal */
	protected *writing<T>(method: string, steps: Steps<T>): Steps<T> {
		this.checkUsable(method);
		this.checkQuiet(method);
		this.#state = 'writing';
		this.version++;
		try {
			return yield* steps;
		} finally {
			this.#state = 'ready';
		}
	}

	/** Any number of readers at a time, and no writer beside them; `result` is padded at the end. @internal */
	protected *reading<T>(method: string, steps: Steps<T>, result?: SearchResult): Steps<T> {
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

	/** Throws while a writer or a reader is at work. @internal */
	protected checkQuiet(method: string): void {
		if (this.#state === 'writing') throw this.#busy(method, 'another train or add');
		if (this.#readers > 0) throw this.#busy(method, 'a search or a save');
	}

	#busy(method: string, other: string): VecinoError {
		return new VecinoError('busy', `${this.type}.${method}: ${other} on this index is still under way; await it first`);
	}
}
