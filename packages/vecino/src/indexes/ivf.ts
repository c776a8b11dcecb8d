/**
 * Inverted files (IVF): k-means cuts space into nlist cells, each vector goes to the list of its cell,
 * a search opens the nprobe cells nearest to the query.
 *
 * Search is two steps, as in FAISS: rank the cells (coarse quantizer), then scan their lists. Cells are
 * ranked by the index's own metric.
 *
 * Residual codes under l2 (IVFADC): with centroid c and decoded residual r,
 *   |q - (c + r)|^2 = |q - c|^2  +  r . (r + 2 (c - o))  -  2 (q - o) . r
 * for any o; with the mean of the centroids the two last parts are small. The first part is the coarse distance
 * of the list, the second does not depend on the query and is stored as one float32 per vector (`terms`), the
 * third is a table look-up with one table per query. FAISS keeps the second part as a table of nlist * m * ksub
 * floats instead.
 */

import { IVF_SEARCH_PARAMS, type IVFSearchParams, type OptionTable, PREASSIGNED_PARAMS } from '../core/options.ts';
import type { IndexStats, SearchResult } from '../core/result.ts';
import { toVectorSet, type VectorSet, type Vectors } from '../core/vectors.ts';
import type { ArrayInvertedLists } from '../invlists/array-lists.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Codec } from '../quantizers/codec.ts';
import { checkInt, checkOneOf } from '../util/check.ts';
import type { Steps } from '../util/steps.ts';
import { Index, type IndexOptions, type RetrainOptions, type StagedRows, type TrainOptions } from './base.ts';
import { CellRows } from './cell-rows.ts';
import { coarseFor } from './cells.ts';
import type { LabelSpace } from './filter.ts';
import type { IndexFlat } from './flat.ts';
import { givenCells } from './given-cells.ts';
import type { CellMeasures, RowSource } from './health.ts';
import { decodeLabel, decodeLabels } from './held-rows.ts';
import { TrainedCells } from './ivf-cells.ts';
import { addRows, measureRows, mergeRows, rebalanceRows, retrainRows, stageRows } from './ivf-change.ts';
import { nearestCells, probesOf, searchGiven, searchNearest, widerFor } from './ivf-choose.ts';
import { trainCells, trainingRows } from './ivf-train.ts';
import type { RebalanceOptions, RebalanceReport } from './rebalance.ts';
import type { Rerank } from './searched-cells.ts';
import type { Spread } from './spread.ts';
import type { TrainedState } from './trained.ts';

/** Options that every IVF index takes; all there are of IndexIVFFlat. */
export interface IndexIVFOptions extends IndexOptions {
	/** Cells, 1..2^24; training on fewer vectors makes fewer. */
	readonly nlist: number;
	/**
	 * How a search ranks cells: by all centroids ('flat', exact), or by a graph over them ('hnsw', FAISS's IVF..._HNSW32),
	 * which takes 260 bytes a cell and longer to train, misses some in a thousand of the nearest, and is faster for single
	 * queries from about 32,768 cells on, where 'auto' takes it. Default: 'flat'.
	 */
	readonly coarse?: 'flat' | 'hnsw' | 'auto' | undefined;
}

/**
 * What the indexes with cells have in common. Abstract: make an IndexIVFFlat, IndexIVFPQ, ...
 *
 * @example
 * using index: IndexIVF = new IndexIVFPQ({ d: 64, nlist: 20, m: 8 });
 * index.train(vectors).add(vectors);
 * const { mean, imbalance } = index.stats().lists!;
 * console.log(index.nlist, mean, imbalance < 2, index.assign(queries).length); // 20 100 true 10
 */
export abstract class IndexIVF extends Index<IVFSearchParams> {
	/** @internal */
	readonly codec: Codec;
	/** Codes are of x - centroid. */
	readonly byResidual: boolean;
	/** How a search ranks cells. */
	readonly coarse: 'flat' | 'hnsw';
	/** What is learnt and resident. @internal */
	readonly cells: TrainedCells;
	/** Which vectors are in the lists. @internal */
	readonly rows: CellRows;

	protected constructor(
		where: string,
		options: IndexIVFOptions,
		byResidual: boolean,
		makeCodec: (index: Index) => Codec,
	) {
		super(where, options);
		const nlist = checkInt(where, 'nlist', options.nlist, 1, 2 ** 24);
		this.coarse = coarseFor(nlist, checkOneOf(where, 'coarse', options.coarse ?? 'flat', ['flat', 'hnsw', 'auto']));
		this.codec = makeCodec(this);
		this.byResidual = byResidual;
		const { engine, d, metric, codec } = this;
		this.cells = new TrainedCells({ engine, d, metric, codec, byResidual, nlist });
		this.rows = new CellRows(this.cells);
	}

	get ntotal(): number {
		return this.rows.ntotal;
	}

	override get labelEnd(): number {
		return this.rows.labelEnd;
	}

	get isTrained(): boolean {
		return this.cells.isTrained;
	}

	/** Cells; after training on fewer vectors than asked, as many as there are. */
	get nlist(): number {
		return this.cells.nlist;
	}

	/** Cells a search opens by default, measured in training. */
	get nprobe(): number {
		return this.cells.nprobe;
	}

	/** Bytes per code, without label (4) and term (4, of fast-scan 2; residual l2 only). */
	get codeSize(): number {
		return this.codec.codeSize;
	}

	/** A copy of the centroids, size nlist * d. */
	get centroids(): Float32Array<ArrayBuffer> {
		this.checkTrained('centroids');
		return this.cells.readCentroids();
	}

	get byteLength(): number {
		return Object.values(this.stats().bytes).reduce((a, b) => a + b, 0);
	}

	stats(): IndexStats {
		const { type, ntotal, d, rows } = this;
		const base = { type, ntotal, d, bytes: rows.bytes() };
		return this.isTrained ? { ...base, lists: this.lists.stats(this.nprobe) } : base;
	}

	/**
	 * Number of the nearest cell of each vector, size n.
	 *
	 * @example
	 * using index = new IndexIVFFlat({ d: 1, nlist: 2 });
	 * const [near, same, far] = index.train([[0], [1], [9], [8]]).assign([[0], [0.5], [9]]);
	 * console.log(near === same, near === far); // true false
	 */
	assign(x: Parameters<Index['add']>[0]): Uint32Array<ArrayBuffer> {
		this.checkTrained('assign');
		const nearest = this.quantizer.search(x, 1);
		return Uint32Array.from(nearest.labels);
	}

	/**
	 * The cells nearest to each query, ranked by all centroids: their numbers as labels, and the distances of their centroids,
	 * similarities under 'ip' and 'cosine'. The first half of a search; searchPreassigned is the second.
	 *
	 * @param q - nq queries of dimension d.
	 * @param nprobe - Cells for each, 1..nlist.
	 * @throws {VecinoError} `not-trained`, `dimension-mismatch`, `not-finite`.
	 *
	 * @example
	 * using index = new IndexIVFFlat({ d: 64, nlist: 16 });
	 * index.train(vectors).add(vectors);
	 * const { labels, distances } = index.rankCells(queries, 4);
	 * const found = index.searchPreassigned(queries, 10, labels, distances);
	 * console.log(found.labels.length, index.search(queries, 10, { nprobe: 4 }).labels.join() === found.labels.join()); // 100 true
	 */
	rankCells(q: Vectors, nprobe: number): SearchResult {
		const where = `${this.type}.rankCells`;
		this.checkTrained('rankCells');
		checkInt(where, 'nprobe', nprobe, 1, this.nlist);
		return nearestCells(this.cells, toVectorSet(where, 'q', q, this.d), nprobe);
	}

	/**
	 * Labels of the vectors in a cell, in no particular order.
	 *
	 * @param cell - 0..nlist - 1.
	 *
	 * @example
	 * using index = new IndexIVFFlat({ d: 1, nlist: 2 });
	 * index.train([[0], [1], [9], [8]]).add([[0], [9], [1]]);
	 * const [cell] = index.assign([[0.4]]);
	 * console.log([...index.listLabels(cell)]); // [0, 2]
	 */
	listLabels(cell: number): Float64Array<ArrayBuffer> {
		this.checkTrained('listLabels');
		const { ids, n } = this.lists.list(checkInt(`${this.type}.listLabels`, 'cell', cell, 0, this.nlist - 1));
		return Float64Array.from(this.engine.arena.u32.subarray(ids >>> 2, (ids >>> 2) + n));
	}

	/**
	 * The k nearest of each query among given cells, such as a coarse quantizer of your own chooses, or `assign` names. Opens
	 * no others, so results can be short of k.
	 *
	 * @param q - nq queries of dimension d.
	 * @param cells - nq * nprobe cell numbers, layout (nq, nprobe), -1 for none; no cell twice for one query.
	 * @param centroidDistances - Of the centroids of these cells from the queries, in terms of the metric, layout (nq, nprobe).
	 * Default: computed. Distances of codes of residuals build on them.
	 * @throws {VecinoError} as search does. @throws {RangeError} when cells do not fit.
	 *
	 * @example
	 * using index = new IndexIVFFlat({ d: 64, nlist: 20 });
	 * index.train(vectors).add(vectors);
	 * const nearest = index.assign(queries); // one cell each
	 * const found = index.searchPreassigned(queries, 10, nearest);
	 * console.log(found.labels.join() === index.search(queries, 10, { nprobe: 1 }).labels.join()); // true
	 */
	searchPreassigned(
		q: Vectors,
		k: number,
		cells: ArrayLike<number>,
		centroidDistances?: ArrayLike<number>,
		params?: Omit<IVFSearchParams, 'nprobe'>,
	): SearchResult {
		const method = 'searchPreassigned';
		return this.searchBy(method, q, k, params, PREASSIGNED_PARAMS, (set, resolved, result, rows) => {
			const given = givenCells(`${this.type}.${method}`, this, set.n, cells, centroidDistances);
			return searchGiven(this.rows, set, k, resolved, result, rows, given);
		});
	}

	// ── For readers, writers and indexes around this one ───────────────────────────────────────

	/** @internal */
	get quantizer(): IndexFlat {
		return this.cells.quantizer;
	}

	/** @internal */
	get lists(): ArrayInvertedLists {
		return this.cells.lists;
	}

	/** @internal */
	get spread(): Spread | undefined {
		return this.cells.spread?.now;
	}

	/** Takes centroids (nlist * d values) and makes empty lists. @internal */
	setTrained(centroids: Float32Array, nprobe: number): void {
		this.cells.setTrained(centroids, nprobe);
	}

	/** The options of an index alike. @internal */
	cellOptions(engine: Engine): IndexIVFOptions {
		const { d, metric, nlist, coarse } = this;
		return { d, metric, engine, nlist, coarse };
	}

	// ── What Index asks for ────────────────────────────────────────────────────────────────────

	/** @internal */
	get searchTable(): OptionTable {
		return IVF_SEARCH_PARAMS;
	}

	/** @internal */
	override trainingLimit(options: TrainOptions): number {
		return trainingRows(this.cells, options);
	}

	/** @internal */
	trainSteps(x: VectorSet, options: TrainOptions): Steps<void> {
		return trainCells(this.cells, this.coarse, x, options);
	}

	/** @internal */
	addSteps(x: VectorSet): Steps<void> {
		return addRows(this.rows, x);
	}

	/** @param rerank - What becomes of the candidates; without it they are the result. @internal */
	searchSteps(
		q: VectorSet,
		k: number,
		params: IVFSearchParams,
		result: SearchResult,
		admitted?: LabelBitmap,
		rerank?: Rerank,
	): Steps<void> {
		return searchNearest(this.rows, q, k, params, result, admitted, rerank);
	}

	/** @internal */
	override widened(params: IVFSearchParams, k: number): IVFSearchParams {
		return widerFor(this.cells, params, k);
	}

	/** @internal */
	override isExhaustive(params: IVFSearchParams): boolean {
		return probesOf(this.cells, params) >= this.nlist;
	}

	/** @internal */
	override hasLabel(label: number): boolean {
		return this.rows.has(label);
	}

	/** @internal */
	override get labelSpace(): LabelSpace {
		return { span: this.labelEnd, live: this.rows.known() };
	}

	/** @internal */
	override liveLabels(): Generator<number> {
		return this.rows.labels();
	}

	/** @internal */
	override prepareRemoval(): void {
		this.rows.prepareRemoval();
	}

	/** @internal */
	override removeLabel(label: number): void {
		this.rows.remove(label);
	}

	/** @internal */
	override stageSteps(x: VectorSet, labels: Uint32Array): Steps<StagedRows> {
		return stageRows(this.rows, x, labels);
	}

	/** @internal */
	override get residualCells(): number {
		return this.byResidual ? this.nlist : 0;
	}

	/** @internal */
	override trainedState(): TrainedState {
		return this.cells.state();
	}

	/** @internal */
	override teach(from: Index): void {
		this.cells.teach((from as IndexIVF).cells);
	}

	/** @internal */
	override mergeSteps(other: Index): Steps<void> {
		return mergeRows(this.rows, (other as IndexIVF).rows);
	}

	/** @internal */
	override noteSpread(): () => void {
		return this.cells.noteSpread();
	}

	/** @internal */
	override measureCells(exact?: RowSource): CellMeasures {
		return measureRows(this.rows, exact);
	}

	/** @internal */
	override rebalanceSteps(options: RebalanceOptions, exact?: RowSource): Steps<RebalanceReport> {
		return rebalanceRows(this.rows, options, exact);
	}

	/** @internal */
	override *retrainSteps(x: VectorSet | undefined, options: RetrainOptions, exact?: RowSource): Steps<void> {
		using fresh = this.alike(this.engine) as IndexIVF;
		yield* retrainRows(this.rows, fresh.rows, this.coarse, x, options, exact);
	}

	/** @internal */
	reconstructRow(row: number): Float32Array<ArrayBuffer> {
		return decodeLabel(this.cells.held, row);
	}

	/** @internal */
	override reconstructRows(rows: Uint32Array, out: Float32Array): void {
		decodeLabels(this.cells.held, this.labelEnd, rows, out);
	}

	/** @internal */
	reserveRows(): void {}

	/** @internal */
	override shrinkRows(): void {
		this.rows.shrink();
	}

	/** @internal */
	override get canTruncate(): boolean {
		return true;
	}

	/** @internal */
	override truncateRows(n: number): void {
		this.rows.truncate(n);
	}

	/** @internal */
	resetRows(): void {
		this.rows.clear();
	}

	/** @internal */
	release(): void {
		this.rows[Symbol.dispose]();
		this.cells[Symbol.dispose]();
	}
}
