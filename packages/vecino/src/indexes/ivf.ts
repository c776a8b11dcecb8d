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

import { Assigner, kmeansSteps } from '../cluster/kmeans.ts';
import { CHUNK, sampledRows, sampleRows } from '../cluster/rows.ts';
import { twoLevelSteps } from '../cluster/two-level.ts';
import { normalize } from '../core/metric.ts';
import { IVF_SEARCH_PARAMS, type IVFSearchParams, type OptionTable, PREASSIGNED_PARAMS } from '../core/options.ts';
import type { IndexStats, SearchResult } from '../core/result.ts';
import { toVectorSet, VectorSet, type Vectors } from '../core/vectors.ts';
import { ArrayInvertedLists } from '../invlists/array-lists.ts';
import { LabelBitmap } from '../invlists/label-bitmap.ts';
import { appendLists } from '../invlists/transfer.ts';
import type { Engine } from '../kernels/engine.ts';
import type { BlockScanner, Codec } from '../quantizers/codec.ts';
import { checkInt, checkOneOf } from '../util/check.ts';
import { type Steps, within } from '../util/steps.ts';
import { Index, type IndexOptions, type RetrainOptions, type StagedRows, type TrainOptions } from './base.ts';
import { chunks, kernelMetric } from './batch.ts';
import { CellRanker, cellGraphSteps, makeCellGraph } from './cells.ts';
import type { LabelSpace } from './filter.ts';
import { IndexFlat } from './flat.ts';
import { givenCells } from './given-cells.ts';
import type { CellMeasures, RowSource } from './health.ts';
import { codeErrorOf, type HeldCells } from './held-rows.ts';
import type { HnswGraph } from './hnsw-graph.ts';
import { addToLists, type FilledLists, stageForLists } from './ivf-add.ts';
import { BlockSearch, blockSize, searchCost, searchTogether } from './ivf-search.ts';
import { expectedProbes, MatchedLists } from './matched-lists.ts';
import { MAX_POOL, measureNprobe } from './nprobe.ts';
import { type RebalanceOptions, type RebalanceReport, rebalanceCells } from './rebalance.ts';
import { OrderedRows } from './retrain.ts';
import { type Rerank, type SearchedCells, type SearchScope, upTo } from './searched-cells.ts';
import { type Spread, SpreadSum, trainedSpread } from './spread.ts';
import { meanRow, termRange } from './terms.ts';
import { codecState, type TrainedState, teachCodec } from './trained.ts';

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
 * From so many cells on a walk over a graph ranks them faster than int16 over all, with 0.5 % of the nearest missed at most.
 * 65,536 x 128: 2.5 times for 1 cell, 2.1 for 16, 1.4 for 64; 16,384: 1.5, 1, 0.9. For one query at a
 * time: many at once are ranked four by four by all centroids, and the walk is about as fast for up to 16 cells.
 */
const GRAPH_CELLS = 32_768;
/**
 * The k nearest are found as surely as the ten nearest in (k / 10) ** WIDER times as many cells. Measured with 1,024 cells
 * for k = 50 / 200 / 1,000 / 2,000: 0.23 / 0.25 / 0.29 / 0.30 (sift-free-100k), 0.25 / 0.33 / 0.41 / 0.46 (text-lsa-50k).
 */
const WIDER = 0.4;
/** Iterations for coarse centroids, as in FAISS: more barely change recall. */
export const COARSE_ITERATIONS = 10;
/** Cells from which they are found on two levels (cluster/two-level.ts): lists about as good in a half to a fifth of the time. */
export const TWO_LEVEL_FROM = 512;
/** Cells that a filtered search ranks, times those it is expected to open. */
const WIDTH = 1.5;
/** Cells from which they are balanced: 2 to 8 % fewer codes scanned for equal recall. Of fewer, most are opened anyway. */
const BALANCE_FROM = 64;

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
	/** Holds the centroids; ranks cells. */
	#quantizer: IndexFlat | undefined;
	/** Mean of the centroids (d values), or #fixedCentre, where codes carry terms; 0 elsewhere. */
	#centre = 0;
	#centreKnown = false;
	/** What codes are relative to once centroids have moved, d values; undefined: the mean of the centroids. */
	#fixedCentre: Float32Array | undefined;
	#ranker: CellRanker | undefined;
	/** Over the centroids, with coarse 'hnsw'. */
	#cellGraph: HnswGraph | undefined;
	/** How a search ranks cells. */
	readonly coarse: 'flat' | 'hnsw';
	#lists: ArrayInvertedLists | undefined;
	#nlist: number;
	#nprobe = 1;
	#ntotal = 0;
	#labelEnd = 0;
	/** Labels that are in the index, where some are not: made when it is first needed. */
	#present: LabelBitmap | undefined;
	/** How far vectors are from their centroids; undefined for files that do not say. */
	#spread: SpreadSum | undefined;
	readonly #scanner: BlockScanner;
	/** What searches know of the index, and the last of them; gone when it changes. */
	#cells: SearchedCells | undefined;
	#idle: BlockSearch | undefined;

	protected constructor(
		where: string,
		options: IndexIVFOptions,
		byResidual: boolean,
		makeCodec: (index: Index) => Codec,
	) {
		super(where, options);
		this.#nlist = checkInt(where, 'nlist', options.nlist, 1, 2 ** 24);
		const coarse = checkOneOf(where, 'coarse', options.coarse ?? 'flat', ['flat', 'hnsw', 'auto']);
		this.coarse = coarse !== 'auto' ? coarse : this.#nlist >= GRAPH_CELLS ? 'hnsw' : 'flat';
		this.codec = makeCodec(this);
		this.byResidual = byResidual;
		const kind = kernelMetric(this.metric);
		this.#scanner = this.codec.scanner(this.byResidual && kind === 'l2' ? 'residual-l2' : kind).block;
	}

	get ntotal(): number {
		return this.#ntotal;
	}

	override get labelEnd(): number {
		return this.#labelEnd;
	}

	get isTrained(): boolean {
		return this.#quantizer !== undefined;
	}

	/** Cells; after training on fewer vectors than asked, as many as there are. */
	get nlist(): number {
		return this.#nlist;
	}

	/** Cells a search opens by default, measured in training. */
	get nprobe(): number {
		return this.#nprobe;
	}

	/** Bytes per code, without label (4) and term (4, of fast-scan 2; residual l2 only). */
	get codeSize(): number {
		return this.codec.codeSize;
	}

	/** A copy of the centroids, size nlist * d. */
	get centroids(): Float32Array<ArrayBuffer> {
		this.checkTrained('centroids');
		return this.engine.arena.readF32(this.quantizer.codes.at(0), this.#nlist * this.d);
	}

	get byteLength(): number {
		return Object.values(this.stats().bytes).reduce((a, b) => a + b, 0);
	}

	stats(): IndexStats {
		const base = { type: this.type, ntotal: this.#ntotal, d: this.d };
		if (this.#lists === undefined) return { ...base, bytes: this.codec.bytes() };
		const packed = (this.#ranker?.byteLength ?? 0) + (this.#cellGraph?.byteLength ?? 0);
		const centroids = this.quantizer.byteLength + this.engine.arena.sizeOf(this.#centre) + packed;
		const live = this.#present && { live: this.#present.byteLength };
		const bytes = { ...this.#lists.bytes(), ...live, centroids, ...this.codec.bytes() };
		return { ...base, bytes, lists: this.#lists.stats(this.#nprobe) };
	}

	/** @internal */
	get quantizer(): IndexFlat {
		if (this.#quantizer === undefined) throw new Error('internal: not trained');
		return this.#quantizer;
	}

	/** Ranks cells as searches do. @internal */
	get ranker(): CellRanker {
		if (this.#ranker === undefined) throw new Error('internal: not trained');
		return this.#ranker;
	}

	/** @internal */
	get lists(): ArrayInvertedLists {
		if (this.#lists === undefined) throw new Error('internal: not trained');
		return this.#lists;
	}

	/** Whether codes carry a term (see the head of this file). @internal */
	get hasTerms(): boolean {
		return this.byResidual && this.metric === 'l2' && this.codec.termBytes > 0;
	}

	/** @internal */
	get searchTable(): OptionTable {
		return IVF_SEARCH_PARAMS;
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
		checkInt(where, 'nprobe', nprobe, 1, this.#nlist);
		const set = toVectorSet(where, 'q', q, this.d);
		if (this.metric !== 'cosine') return this.quantizer.search(set, nprobe);
		const queries = new VectorSet(new Float32Array(set.data.length), this.d);
		for (let i = 0; i < set.n; i++) queries.row(i).set(normalize(set.row(i)));
		return this.quantizer.search(queries, nprobe);
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
		const { ids, n } = this.lists.list(checkInt(`${this.type}.listLabels`, 'cell', cell, 0, this.#nlist - 1));
		return Float64Array.from(this.engine.arena.u32.subarray(ids >>> 2, (ids >>> 2) + n));
	}

	// ── Training ───────────────────────────────────────────────────────────────────────────────

	/** @internal */
	*trainSteps(x: VectorSet, options: TrainOptions): Steps<void> {
		const { engine, metric } = this;
		const { arena } = engine;
		const seed = options.seed ?? 1234;
		const k = Math.min(this.#nlist, x.n);
		const sample = sampleRows(x.n, k * (options.maxPointsPerCentroid ?? 256), seed);
		using rows = sampledRows(engine, x, sample, metric === 'cosine');
		let graph: HnswGraph | undefined;
		const { clustering = 'auto', ...rest } = options;
		const twoLevels = clustering === 'two-level' || (clustering === 'auto' && k >= TWO_LEVEL_FROM);
		const steps = twoLevels ? twoLevelSteps : kmeansSteps;
		const balance = k >= BALANCE_FROM;
		const asked = { ...rest, niter: options.niter ?? COARSE_ITERATIONS, spherical: metric !== 'l2', balance };
		const trained = yield* steps(engine, rows, k, asked, 'coarse k-means');
		try {
			const nprobe = yield* measureNprobe(engine, x, metric, trained.ptr, k, seed);
			// Last, because it takes effect at once: an abort before leaves the index as it was.
			if (this.coarse === 'hnsw') graph = yield* cellGraphSteps(engine, this.d, kernelMetric(metric), trained.ptr, k);
			yield* this.#trainCodec(x, trained.ptr, k, options);
			const spread = yield* trainedSpread(engine, metric, x, trained.ptr, k, sample.length, seed);
			this.setTrained(arena.readF32(trained.ptr, k * this.d), nprobe, graph);
			this.spread = { trained: spread, sum: 0, n: 0 };
		} finally {
			if (graph !== this.#cellGraph) graph?.[Symbol.dispose]();
			arena.free(trained.ptr);
		}
	}

	*#trainCodec(x: VectorSet, centroids: number, k: number, options: TrainOptions): Steps<void> {
		const { engine, d, metric } = this;
		const limit = this.codec.trainingLimit(options);
		if (limit === 0) return;
		const sample = sampleRows(x.n, limit, ((options.seed ?? 1234) + 1) >>> 0);
		using rows = sampledRows(engine, x, sample, metric === 'cosine');
		if (!this.byResidual) {
			yield* this.codec.trainSteps(rows, options);
			return;
		}
		const assigned = new Uint32Array(rows.n);
		{
			using assigner = new Assigner(engine, d, centroids, k, kernelMetric(metric), rows.n);
			yield* assigner.run(rows, assigned, 'assign');
		}
		const labels = engine.arena.alloc(CHUNK * 4);
		try {
			const chunk = (start: number, count: number): number => {
				const ptr = rows.chunk(start, count);
				engine.arena.u32.set(assigned.subarray(start, start + count), labels >>> 2);
				engine.kernels.residuals(ptr, count, d, labels, centroids, ptr);
				return ptr;
			};
			const residuals = { n: rows.n, d, chunk };
			yield* this.codec.trainSteps(residuals, options);
			if (!this.hasTerms || this.codec.learnTerms === undefined) return;
			const { min, max } = termRange(engine, this.codec, residuals, labels, centroids, k);
			this.codec.learnTerms(min, max);
		} finally {
			engine.arena.free(labels);
		}
	}

	/** Takes centroids (nlist * d values), and a graph over them, and makes empty lists. @internal */
	setTrained(centroids: Float32Array, nprobe: number, graph?: HnswGraph): void {
		this.engine.arena.writeF32(this.makeTrained(centroids.length / this.d, nprobe), centroids);
		const { codes, d, metric } = this.quantizer;
		graph?.moveTo({ codes, d, metric: kernelMetric(metric), fixed: true });
		this.#cellGraph = graph;
		this.#makeRanker();
	}

	/** Makes empty lists and room for nlist * d values of centroids, which the caller writes to the pointer returned. @internal */
	makeTrained(nlist: number, nprobe: number): number {
		const { engine, d, metric } = this;
		const quantizer = new IndexFlat({ d, metric: kernelMetric(metric), engine, pruned: false });
		let lists: ArrayInvertedLists | undefined;
		try {
			quantizer.codes.reserve(nlist);
			quantizer.codes.commit(nlist);
			if (this.hasTerms && this.#centre === 0) this.#centre = engine.arena.alloc(d * 4);
			const { codeSize, blockSize, termBytes, records, asideBytes = 0 } = this.codec;
			const beside = this.hasTerms ? termBytes : asideBytes;
			const layout = { codeSize: codeSize - asideBytes, blockSize, termBytes: beside, records };
			lists = new ArrayInvertedLists(engine.arena, nlist, layout);
		} finally {
			if (lists === undefined) quantizer[Symbol.dispose]();
		}
		this.#lists?.[Symbol.dispose]();
		this.#quantizer?.[Symbol.dispose]();
		this.#centreKnown = false;
		this.#fixedCentre = undefined;
		this.#spread = undefined;
		this.#ranker?.[Symbol.dispose]();
		this.#ranker = undefined;
		this.#cellGraph?.[Symbol.dispose]();
		this.#cellGraph = undefined;
		this.#nlist = nlist;
		this.#nprobe = nprobe;
		this.#quantizer = quantizer;
		this.#lists = lists;
		this.#changed();
		return quantizer.codes.at(0);
	}

	// ── Adding ─────────────────────────────────────────────────────────────────────────────────

	/** @internal */
	*addSteps(x: VectorSet): Steps<void> {
		if (x.n === 0) return;
		const before = this.#labelEnd;
		let done = false;
		this.#present?.grow(before + x.n);
		try {
			const off = yield* addToLists(this.#filled(), x);
			this.#spread?.add(x.n, off, before);
			done = true;
		} finally {
			if (!done) this.#present?.truncate(before);
		}
		this.#ntotal += x.n;
		this.#labelEnd += x.n;
		this.#present?.setRange(before, this.#labelEnd);
		this.#changed();
	}

	#filled(): FilledLists {
		const { engine, d, metric, codec, lists, byResidual, hasTerms, labelEnd } = this;
		const centroids = this.quantizer.codes.at(0);
		const centre = hasTerms ? this.#centreOf() : 0;
		return { engine, d, metric, codec, lists, byResidual, hasTerms, labelEnd, centroids, centre };
	}

	// ── Changing ───────────────────────────────────────────────────────────────────────────────

	/** @internal */
	override hasLabel(label: number): boolean {
		return label < this.#labelEnd && (this.#known()?.has(label) ?? true);
	}

	/** @internal */
	override get labelSpace(): LabelSpace {
		return { span: this.#labelEnd, live: this.#known() };
	}

	/** Labels that are in the index, undefined when all below labelEnd are. */
	#known(): LabelBitmap | undefined {
		if (this.#ntotal === this.#labelEnd) return undefined;
		if (this.#present === undefined) {
			this.#present = new LabelBitmap(this.engine.arena, this.#labelEnd);
			for (const label of this.liveLabels()) this.#present.set(label);
		}
		return this.#present;
	}

	#forget(): void {
		this.#present?.[Symbol.dispose]();
		this.#present = undefined;
	}

	/** @internal */
	override *liveLabels(): Generator<number> {
		for (let listNo = 0; listNo < this.#nlist; listNo++) {
			const { ids, n } = this.lists.list(listNo);
			for (let i = 0; i < n; i++) yield this.engine.arena.u32[(ids >>> 2) + i]!;
		}
	}

	/** @internal */
	override prepareRemoval(): void {
		this.lists.locate();
		this.#present ??= this.#known() ?? new LabelBitmap(this.engine.arena, this.#labelEnd, true);
	}

	/** @internal */
	override removeLabel(label: number): void {
		const listNo = this.lists.remove(label);
		if (listNo === undefined) return;
		this.lists.tighten(listNo);
		this.#present!.clear(label);
		this.#spread?.drop(1);
		this.#ntotal--;
		this.#changed();
	}

	/** @internal */
	override *stageSteps(x: VectorSet, labels: Uint32Array): Steps<StagedRows> {
		const staged = yield* stageForLists(this.#filled(), x, labels);
		const commit = (): void => {
			const before = this.#ntotal;
			for (const label of labels) {
				if (this.lists.find(label) === undefined) this.#ntotal++;
				this.#present?.set(label);
			}
			this.#spread?.drop(labels.length - (this.#ntotal - before));
			this.#spread?.add(labels.length, staged.off, this.#labelEnd);
			staged.commit();
			this.#changed();
		};
		return { commit, [Symbol.dispose]: () => staged[Symbol.dispose]() };
	}

	/** The graph over the centroids, if there is one. @internal */
	get cellGraph(): HnswGraph | undefined {
		return this.#cellGraph;
	}

	/** An empty graph for a reader to fill. @internal */
	makeCellGraph(M: number, efConstruction: number): HnswGraph {
		this.#cellGraph = makeCellGraph(this.quantizer, M, efConstruction);
		return this.#cellGraph;
	}

	/** Counts vectors that a reader has put into the lists; its last step. @internal */
	setTotal(ntotal: number, labelEnd: number = ntotal): void {
		this.#ntotal = ntotal;
		this.#labelEnd = labelEnd;
		this.#makeRanker();
	}

	/** The centroids are in their place. */
	#makeRanker(): void {
		this.#ranker?.[Symbol.dispose]();
		this.#ranker = undefined;
		this.#ranker = new CellRanker(this.engine, this.quantizer, this.#nlist, this.#cellGraph);
		this.codec.learnCells?.(this.quantizer.codes.at(0), this.#nlist, this.#fixedCentre);
		this.#changed();
	}

	/** @internal */
	override get residualCells(): number {
		return this.byResidual ? this.#nlist : 0;
	}

	// ── Searching ──────────────────────────────────────────────────────────────────────────────

	/** @param rerank - What becomes of the candidates; without it they are the result. @internal */
	searchSteps(
		q: VectorSet,
		k: number,
		params: IVFSearchParams,
		result: SearchResult,
		admitted?: LabelBitmap,
		rerank?: Rerank,
	): Steps<void> {
		if (admitted !== undefined) return this.#filteredSteps(q, k, params, result, admitted, rerank);
		const nprobe = Math.min(params.nprobe ?? this.#nprobe, this.#nlist);
		const { maxCodes } = params;
		const scope = maxCodes === undefined ? undefined : { choice: upTo(maxCodes) };
		return this.#searchLists(this.#searched(), q, k, nprobe, params, result, scope, rerank);
	}

	*#filteredSteps(
		q: VectorSet,
		k: number,
		params: IVFSearchParams,
		result: SearchResult,
		rows: LabelBitmap,
		rerank: Rerank | undefined,
	): Steps<void> {
		const least = Math.min(params.nprobe ?? this.#nprobe, this.#nlist);
		const { maxCodes = 0 } = params;
		const cells = this.#searched();
		const matched = MatchedLists.of(cells, rows);
		const narrow = maxCodes === 0 ? yield* matched.narrow(cells, rows, q.n, least) : undefined;
		if (narrow !== undefined) {
			yield* this.#searchLists(narrow, q, k, narrow.lists.nlist, params, result, { rows }, rerank);
			return;
		}
		// Some more than are expected to be opened, so that few queries rank cells twice.
		const width = Math.ceil(WIDTH * expectedProbes(least, Math.min(1, rows.count / this.#ntotal))) + 8;
		const choice = { counts: matched.counts, least, wanted: least, maxCodes };
		yield* this.#searchLists(cells, q, k, Math.min(width, this.#nlist), params, result, { rows, choice }, rerank);
	}

	*#searchLists(
		cells: SearchedCells,
		q: VectorSet,
		k: number,
		nprobe: number,
		{ stats }: IVFSearchParams,
		result: SearchResult,
		scope?: SearchScope,
		rerank?: Rerank,
	): Steps<void> {
		const { engine } = this;
		const block = blockSize(cells, k, nprobe, q.n, rerank);
		const cost = q.n * searchCost(cells, nprobe, rerank === undefined ? 0 : k);
		if (engine.pool !== undefined && cost > engine.pool.grain) {
			yield* searchTogether(cells, q, k, nprobe, block, result, stats, scope, rerank);
			return;
		}
		using search =
			scope === undefined
				? this.#takeSearch(k, nprobe, block, rerank)
				: new BlockSearch(cells, k, nprobe, block, scope, rerank);
		for (const [first, n] of chunks(q.n, block)) {
			search.run(q, first, n, result, stats);
			yield { phase: 'search', done: first + n, total: q.n };
		}
		if (scope === undefined) this.#idle = search;
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
			const { maxCodes } = resolved;
			const nprobe = set.n === 0 ? 0 : given.cells.length / set.n;
			if (nprobe === 0) return (function* (): Steps<void> {})();
			const choice = maxCodes === undefined ? undefined : upTo(maxCodes);
			return this.#searchLists(this.#searched(), set, k, nprobe, resolved, result, { rows, given, choice });
		});
	}

	/** The last search, if it had the same shape: laying one out takes a few microseconds. */
	#takeSearch(k: number, nprobe: number, block: number, rerank: Rerank | undefined): BlockSearch {
		const cells = this.#searched();
		const idle = this.#idle;
		this.#idle = undefined;
		if (!idle?.fits(cells, k, nprobe, block, rerank)) return new BlockSearch(cells, k, nprobe, block, {}, rerank);
		idle.resume(rerank);
		return idle;
	}

	#searched(): SearchedCells {
		this.#cells ??= this.#makeSearched();
		return this.#cells;
	}

	#makeSearched(): SearchedCells {
		const { engine, d, metric, lists, byResidual, ntotal } = this;
		const centre = this.hasTerms ? this.#centreOf() : 0;
		const centroids = this.quantizer.codes.at(0);
		const how = { ranker: this.#ranker!, scanner: this.#scanner };
		return { engine, d, metric, ...how, lists, centroids, centre, byResidual, ntotal };
	}

	/** What searches know of the index is out of date. */
	#changed(): void {
		this.#cells = undefined;
		this.#idle = undefined;
	}

	/** Pointer to what terms are relative to, for a reader to make them; 0 without terms. @internal */
	get termCentre(): number {
		return this.hasTerms ? this.#centreOf() : 0;
	}

	/** Pointer to the mean of the centroids, found when it is first needed, because a reader fills centroids in late. */
	#centreOf(): number {
		if (this.#centreKnown) return this.#centre;
		this.engine.arena.writeF32(this.#centre, this.#fixedCentre ?? meanRow(this.centroids, this.d));
		this.#centreKnown = true;
		return this.#centre;
	}

	// ── Indexes alike ──────────────────────────────────────────────────────────────────────────

	/** The options of an index alike. @internal */
	cellOptions(engine: Engine): IndexIVFOptions {
		const { d, metric, nlist, coarse } = this;
		return { d, metric, engine, nlist, coarse };
	}

	/** @internal */
	override trainedState(): TrainedState {
		const { byResidual, centroids } = this;
		const centre: [string, Float32Array][] = this.#fixedCentre === undefined ? [] : [['centre', this.#fixedCentre]];
		return new Map([...codecState(this.codec), ['byResidual', byResidual], ['centroids', centroids], ...centre]);
	}

	/** @internal */
	override teach(from: Index): void {
		const { nlist, nprobe, cellGraph, centroids } = from as IndexIVF;
		teachCodec(this.codec, codecState((from as IndexIVF).codec));
		this.engine.arena.writeF32(this.makeTrained(nlist, nprobe), centroids);
		this.#fixedCentre = (from as IndexIVF).#fixedCentre;
		const { spread } = from as IndexIVF;
		this.spread = spread && { ...spread, sum: 0, n: 0 };
		if (cellGraph !== undefined) this.makeCellGraph(cellGraph.M, cellGraph.efConstruction).copyFrom(cellGraph);
		this.#makeRanker();
	}

	/** @internal */
	override *mergeSteps(other: Index): Steps<void> {
		yield* appendLists((other as IndexIVF).held, this.held, this.labelEnd);
		const { spread } = other as IndexIVF;
		if (spread !== undefined) this.#spread?.add(spread.n, spread.sum, this.#labelEnd);
		this.#ntotal += other.ntotal;
		this.#labelEnd += other.labelEnd;
		this.#forget();
		this.#changed();
	}

	/** What codes are relative to, if not the mean of the centroids. @internal */
	get fixedCentre(): Float32Array | undefined {
		return this.#fixedCentre;
	}

	/** Set by readers, before setTotal. @internal */
	set fixedCentre(centre: Float32Array | undefined) {
		this.#fixedCentre = centre;
	}

	/** @internal */
	get spread(): Spread | undefined {
		return this.#spread?.now;
	}

	/** @internal */
	set spread(spread: Spread | undefined) {
		this.#spread = spread && new SpreadSum(spread);
	}

	/** @internal */
	override noteSpread(): () => void {
		const { spread } = this;
		return () => {
			this.spread = spread;
		};
	}

	/** @internal */
	override measureCells(exact?: RowSource): CellMeasures {
		const { lists, nlist } = this;
		const sizes = Uint32Array.from({ length: nlist }, (_, listNo) => lists.listSize(listNo));
		return {
			sizes,
			spread: this.spread,
			codeError: exact && this.#ntotal > 0 ? codeErrorOf(this.held, exact) : undefined,
			hasExact: exact !== undefined || !this.byResidual,
		};
	}

	/** @internal */
	get held(): HeldCells {
		const { engine, d, metric, codec, lists, byResidual, hasTerms } = this;
		const centroids = this.quantizer.codes.at(0);
		return { arena: engine.arena, engine, d, metric, codec, lists, byResidual, hasTerms, centroids };
	}

	// ── Cells that change ──────────────────────────────────────────────────────────────────────

	/** @internal */
	override *rebalanceSteps(options: RebalanceOptions, exact?: RowSource): Steps<RebalanceReport> {
		const centre = this.hasTerms ? this.#centreOf() : 0;
		const fixed = this.#fixedCentre ?? meanRow(this.centroids, this.d);
		let moved = false;
		const onMoved = (change: number): void => {
			moved = true;
			this.#spread?.move(change);
			if (this.hasTerms || this.codec.learnCells !== undefined) this.#fixedCentre = fixed;
		};
		try {
			const report = yield* rebalanceCells({ ...this.held, centre, onMoved }, options, exact);
			if (moved && this.#cellGraph !== undefined) yield* this.#newCellGraph();
			return report;
		} finally {
			if (moved) this.#makeRanker();
		}
	}

	/** Links the centroids as they are now. Until it is done the old links lead, which miss a few more. */
	*#newCellGraph(): Steps<void> {
		const { engine, d, nlist } = this;
		const { codes, metric } = this.quantizer;
		const kind = kernelMetric(metric);
		const graph = yield* cellGraphSteps(engine, d, kind, codes.at(0), nlist);
		graph.moveTo({ codes, d, metric: kind, fixed: true });
		this.#cellGraph?.[Symbol.dispose]();
		this.#cellGraph = graph;
	}

	/** @internal */
	override *retrainSteps(x: VectorSet | undefined, options: RetrainOptions, exact?: RowSource): Steps<void> {
		const { sample: _sample, source: _source, nlist = this.nlist, ...train } = options;
		using fresh = this.alike(this.engine) as IndexIVF;
		fresh.#nlist = nlist;
		const rows = new OrderedRows(this.held, this.labelEnd, exact);
		const seed = ((options.seed ?? 1234) + 5) >>> 0;
		yield* fresh.trainSteps(x ?? (yield* rows.sample(fresh.trainingLimit(train), seed)), train);
		for (const part of rows.parts()) yield* within(fresh.addSteps(part), fresh.#ntotal, this.#ntotal);
		fresh.lists.relabel(rows.labels);
		this.#exchange(fresh);
	}

	/** Takes what another index alike has, and gives it what was here. */
	#exchange(other: IndexIVF): void {
		teachCodec(this.codec, codecState(other.codec));
		[this.#quantizer, other.#quantizer] = [other.#quantizer, this.#quantizer];
		[this.#lists, other.#lists] = [other.#lists, this.#lists];
		[this.#centre, other.#centre] = [other.#centre, this.#centre];
		[this.#ranker, other.#ranker] = [other.#ranker, this.#ranker];
		[this.#cellGraph, other.#cellGraph] = [other.#cellGraph, this.#cellGraph];
		[this.#nlist, this.#nprobe, this.spread] = [other.#nlist, other.#nprobe, other.spread];
		[this.#fixedCentre, this.#centreKnown] = [other.#fixedCentre, other.#centreKnown];
		this.codec.learnCells?.(this.quantizer.codes.at(0), this.#nlist, this.#fixedCentre);
		this.#changed();
	}

	// ── The rest ───────────────────────────────────────────────────────────────────────────────

	/** @internal */
	reconstructRow(row: number): Float32Array<ArrayBuffer> {
		const { arena } = this.engine;
		const found = this.lists.find(row);
		if (found === undefined) throw new Error(`internal: label ${row} is in no list`);
		const { codes, terms } = this.lists.list(found.listNo);
		const out = arena.alloc(this.d * 4);
		try {
			this.codec.decodeAt(codes, found.position, out, terms);
			const vector = arena.readF32(out, this.d);
			if (!this.byResidual) return vector;
			const centroid = arena.readF32(this.quantizer.codes.at(found.listNo), this.d);
			return vector.map((value, t) => value + centroid[t]!);
		} finally {
			arena.free(out);
		}
	}

	/** One pass over the lists. @internal */
	override reconstructRows(rows: Uint32Array, out: Float32Array): void {
		const { arena } = this.engine;
		const { d } = this;
		/** The first place of each label, and the next one of the same label. */
		const first = new Int32Array(this.#labelEnd).fill(-1);
		const next = new Int32Array(rows.length);
		for (const [i, row] of rows.entries()) {
			next[i] = first[row]!;
			first[row] = i;
		}
		const at = arena.alloc(d * 4);
		try {
			for (let listNo = 0; listNo < this.#nlist; listNo++) {
				const { codes, terms, ids, n } = this.lists.list(listNo);
				const centroid = this.byResidual ? this.quantizer.codes.at(listNo) : 0;
				for (let j = 0; j < n; j++) {
					let i = first[arena.u32[(ids >>> 2) + j]!]!;
					if (i < 0) continue;
					this.codec.decodeAt(codes, j, at, terms);
					const { f32 } = arena;
					if (centroid !== 0) for (let t = 0; t < d; t++) f32[(at >>> 2) + t]! += f32[(centroid >>> 2) + t]!;
					const row = f32.subarray(at >>> 2, (at >>> 2) + d);
					for (; i >= 0; i = next[i]!) out.set(row, i * d);
				}
			}
		} finally {
			arena.free(at);
		}
	}

	/** @internal */
	override widened(params: IVFSearchParams, k: number): IVFSearchParams {
		if (params.nprobe !== undefined) return params;
		return { ...params, nprobe: Math.min(this.#nlist, Math.ceil(this.#nprobe * Math.max(1, k / 10) ** WIDER)) };
	}

	/** @internal */
	override isExhaustive(params: IVFSearchParams): boolean {
		return (params.nprobe ?? this.#nprobe) >= this.#nlist;
	}

	/** @internal */
	reserveRows(): void {}

	/** @internal */
	override shrinkRows(): void {
		this.#lists?.shrink();
		this.#forget();
		this.#changed();
	}

	/** @internal */
	override trainingLimit(options: TrainOptions): number {
		const perCell = options.maxPointsPerCentroid ?? 256;
		return Math.max(this.#nlist * perCell, this.codec.trainingLimit(options), MAX_POOL);
	}

	/** @internal */
	override get canTruncate(): boolean {
		return true;
	}

	/** @internal */
	override truncateRows(n: number): void {
		this.lists.truncate(n);
		this.#present?.truncate(n);
		this.#spread?.truncate(n, this.#labelEnd);
		this.#ntotal = this.lists.ntotal;
		this.#labelEnd = n;
		this.#changed();
	}

	/** @internal */
	resetRows(): void {
		this.#lists?.clear();
		this.#spread?.truncate(0, this.#labelEnd);
		this.#forget();
		this.#ntotal = 0;
		this.#labelEnd = 0;
		this.#changed();
	}

	/** @internal */
	release(): void {
		this.#forget();
		this.#lists?.[Symbol.dispose]();
		this.#quantizer?.[Symbol.dispose]();
		this.engine.arena.free(this.#centre);
		this.#ranker?.[Symbol.dispose]();
		this.#cellGraph?.[Symbol.dispose]();
		this.codec[Symbol.dispose]();
	}
}
