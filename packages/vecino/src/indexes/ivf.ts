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
import { IVF_SEARCH_PARAMS, type IVFSearchParams, type OptionTable } from '../core/options.ts';
import type { IndexStats, SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { ArrayInvertedLists } from '../invlists/array-lists.ts';
import { appendLists } from '../invlists/transfer.ts';
import type { Engine } from '../kernels/engine.ts';
import type { BlockScanner, Codec } from '../quantizers/codec.ts';
import { checkInt, checkOneOf } from '../util/check.ts';
import { type Steps, within } from '../util/steps.ts';
import { Index, type IndexOptions, type RetrainOptions, type TrainOptions } from './base.ts';
import { chunks, kernelMetric } from './batch.ts';
import { CellRanker, cellGraphSteps, makeCellGraph } from './cells.ts';
import { IndexFlat } from './flat.ts';
import type { CellMeasures, RowSource } from './health.ts';
import { codeErrorOf, type HeldCells } from './held-rows.ts';
import type { HnswGraph } from './hnsw-graph.ts';
import { addToLists } from './ivf-add.ts';
import { BlockSearch, blockSize, type SearchedCells, searchCost, searchTogether } from './ivf-search.ts';
import { MAX_POOL, measureNprobe } from './nprobe.ts';
import { type RebalanceOptions, type RebalanceReport, rebalanceCells } from './rebalance.ts';
import { OrderedRows } from './retrain.ts';
import { type Spread, SpreadSum, trainedSpread } from './spread.ts';
import { meanRow, termRange } from './terms.ts';
import { codecState, type TrainedState, teachCodec } from './trained.ts';

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
/** Iterations for coarse centroids, as in FAISS: more barely change recall. */
export const COARSE_ITERATIONS = 10;
/** Cells from which they are found on two levels (cluster/two-level.ts): lists about as good in a half to a fifth of the time. */
export const TWO_LEVEL_FROM = 512;
/** Cells from which they are balanced: 2 to 8 % fewer codes scanned for equal recall. Of fewer, most are opened anyway. */
const BALANCE_FROM = 64;

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
		const bytes = { ...this.#lists.bytes(), centroids, ...this.codec.bytes() };
		return { ...base, bytes, lists: this.#lists.stats(this.#nprobe) };
	}

	/** @internal */
	get quantizer(): IndexFlat {
		if (this.#quantizer === undefined) throw new Error('internal: not trained');
		return this.#quantizer;
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

	/** Number of the nearest cell of each vector, size n. */
	assign(x: Parameters<Index['add']>[0]): Uint32Array<ArrayBuffer> {
		this.checkTrained('assign');
		const nearest = this.quantizer.search(x, 1);
		return Uint32Array.from(nearest.labels);
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
		const { engine, d, metric, codec, lists, byResidual, hasTerms, ntotal } = this;
		const centroids = this.quantizer.codes.at(0);
		const centre = hasTerms ? this.#centreOf() : 0;
		const filled = { engine, d, metric, codec, lists, byResidual, hasTerms, ntotal, centroids, centre };
		const off = yield* addToLists(filled, x);
		this.#spread?.add(x.n, off, ntotal);
		this.#ntotal += x.n;
		this.#changed();
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
	setTotal(ntotal: number): void {
		this.#ntotal = ntotal;
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

	// ── Searching ──────────────────────────────────────────────────────────────────────────────

	/** @internal */
	*searchSteps(q: VectorSet, k: number, params: IVFSearchParams, result: SearchResult): Steps<void> {
		const nprobe = Math.min(params.nprobe ?? this.#nprobe, this.#nlist);
		const { engine } = this;
		const cells = this.#searched();
		const block = blockSize(cells, k, nprobe, q.n);
		if (engine.pool !== undefined && q.n * searchCost(cells, nprobe) > engine.pool.grain) {
			yield* searchTogether(cells, q, k, nprobe, block, result, params.stats);
			return;
		}
		using search = this.#takeSearch(k, nprobe, block);
		for (const [first, n] of chunks(q.n, block)) {
			search.run(q, first, n, result, params.stats);
			yield { phase: 'search', done: first + n, total: q.n };
		}
		this.#idle = search;
	}

	/** The last search, if it had the same shape: laying one out takes a few microseconds. */
	#takeSearch(k: number, nprobe: number, block: number): BlockSearch {
		const cells = this.#searched();
		const idle = this.#idle;
		this.#idle = undefined;
		if (!idle?.fits(cells, k, nprobe, block)) return new BlockSearch(cells, k, nprobe, block);
		idle.resume();
		return idle;
	}

	#searched(): SearchedCells {
		this.#cells ??= this.#makeSearched();
		return this.#cells;
	}

	#makeSearched(): SearchedCells {
		const { engine, d, metric, lists, byResidual, ntotal } = this;
		const centre = this.hasTerms ? this.#centreOf() : 0;
		return { engine, d, metric, ranker: this.#ranker!, scanner: this.#scanner, lists, centre, byResidual, ntotal };
	}

	/** What searches know of the index is out of date. */
	#changed(): void {
		this.#cells = undefined;
		this.#idle = undefined;
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
		if (spread !== undefined) this.#spread?.add(spread.n, spread.sum, this.#ntotal);
		this.#ntotal += other.ntotal;
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
		[this.#nlist, this.#nprobe, this.#spread] = [other.#nlist, other.#nprobe, other.#spread];
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

	/** @internal */
	reserveRows(): void {}

	/** @internal */
	override shrinkRows(): void {
		this.#lists?.shrink();
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
		this.#spread?.truncate(n, this.#ntotal);
		this.#ntotal = n;
		this.#changed();
	}

	/** @internal */
	resetRows(): void {
		this.#lists?.clear();
		this.#spread?.truncate(0, this.#ntotal);
		this.#ntotal = 0;
		this.#changed();
	}

	/** @internal */
	release(): void {
		this.#lists?.[Symbol.dispose]();
		this.#quantizer?.[Symbol.dispose]();
		this.engine.arena.free(this.#centre);
		this.#ranker?.[Symbol.dispose]();
		this.#cellGraph?.[Symbol.dispose]();
		this.codec[Symbol.dispose]();
	}
}
