/**
 * Re-ranking: a base index proposes k * kFactor candidates, a second store of the same vectors, exact
 * or nearly so, puts them in order.
 */

import { type OptionTable, REFINE_SEARCH_PARAMS, type RefineSearchParams } from '../core/options.ts';
import { type IndexStats, SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { Engine } from '../kernels/engine.ts';
import { checkKeys, checkNumber, show } from '../util/check.ts';
import type { Steps } from '../util/steps.ts';
import { Index, MAX_K, type RetrainOptions, type StagedRows, type TrainOptions } from './base.ts';
import { chunks } from './batch.ts';
import type { LabelSpace } from './filter.ts';
import { IndexFlat } from './flat.ts';
import type { IndexFlatCodes } from './flat-codes.ts';
import type { CellMeasures, RowSource } from './health.ts';
import { IndexIVF } from './ivf.ts';
import { IndexPQ } from './pq.ts';
import { IndexPreTransform } from './pre-transform.ts';
import type { RebalanceOptions, RebalanceReport } from './rebalance.ts';
import { makeStore, type RefineStore } from './refine-store.ts';
import { mostQueries, RerankBlock } from './rerank.ts';
import { IndexScalarQuantizer } from './scalar-quantizer.ts';
import { sideBySide } from './side-by-side.ts';
import { prefixed, type TrainedState } from './trained.ts';

/** Options of IndexRefine. */
export interface IndexRefineOptions {
	/** Proposes candidates; labels must be row numbers. Owned by the IndexRefine from now on. */
	readonly base: Index;
	/** What the candidates are re-ranked with. Default: 'flat'. */
	readonly store?: RefineStore | undefined;
	/**
	 * In place of `store`: an empty index of the same dimension, metric and engine that keeps one code per row
	 * (IndexFlat, IndexScalarQuantizer, IndexPQ). Owned by the IndexRefine from now on.
	 */
	readonly refine?: Index | undefined;
	/** Candidates per result, unless the search says otherwise. Default: 10. */
	readonly kFactor?: number | undefined;
}

/**
 * Candidates of one index, re-ranked with another code of the same vectors: takes the bytes of both.
 *
 * @example
 * using index = new IndexRefine({ base: new IndexPQ({ d: 64, m: 8 }), store: 'sq8' });
 * index.train(vectors).add(vectors);
 * const truth = exactNeighbors(vectors, queries, 10);
 * const raw = recallAtK(index.base.search(queries, 10), truth);
 * console.log(raw < recallAtK(index.search(queries, 10, { kFactor: 10 }), truth)); // true
 */
export class IndexRefine extends Index<RefineSearchParams> {
	readonly type = 'IndexRefine';
	/** Proposes candidates. */
	readonly base: Index;
	/** Puts candidates in order: one code per row. */
	readonly refine: IndexFlatCodes;
	/** Candidates per result, unless the search says otherwise. */
	readonly kFactor: number;

	constructor(options: IndexRefineOptions) {
		const where = 'IndexRefine';
		checkKeys(where, options, ['base', 'store', 'refine', 'kFactor']);
		const { base } = options;
		if (!(base instanceof Index)) throw new TypeError(`${where}: base must be an index, got ${show(base)}`);
		if (base.type === 'IndexIDMap' || base.type === 'IndexRefine') {
			throw new TypeError(
				`${where}: base cannot be an ${base.type}; put the IndexIDMap outside: IndexIDMap({ index: refine })`,
			);
		}
		if (base.labelEnd > 0) throw new RangeError(`${where}: base must be empty, it holds ${base.ntotal} vectors`);
		const { d, metric, engine } = base;
		super(where, { d, metric, engine });
		this.base = base;
		this.searchTable = { ...REFINE_SEARCH_PARAMS, ...base.searchTable };
		this.kFactor = checkNumber(where, 'kFactor', options.kFactor ?? 10, 1, 1e6);
		if (options.store !== undefined && options.refine !== undefined) {
			throw new TypeError(`${where}: give store or refine, not both`);
		}
		this.refine = makeStore(where, options, { d, metric, engine });
	}

	/** The store in a word: 'flat', 'sq8', 'sq4', 'f16', 'bf16', 'pq32x8' (m, nbits); else the class of the index. */
	get store(): string {
		const { refine } = this;
		if (refine instanceof IndexFlat) return 'flat';
		if (refine instanceof IndexScalarQuantizer) return refine.scalarType;
		return refine instanceof IndexPQ ? `pq${refine.pq.m}x${refine.pq.nbits}` : refine.type;
	}

	get ntotal(): number {
		return this.base.ntotal;
	}

	override get labelEnd(): number {
		return this.base.labelEnd;
	}

	get isTrained(): boolean {
		return this.base.isTrained && this.refine.isTrained;
	}

	get byteLength(): number {
		return this.base.byteLength + this.refine.byteLength;
	}

	stats(): IndexStats {
		const base = this.base.stats();
		const refine = Object.values(this.refine.stats().bytes).reduce((a, b) => a + b, 0);
		return { ...base, type: this.type, bytes: { ...base.bytes, refine } };
	}

	/** @internal */
	readonly searchTable: OptionTable;

	/** @internal */
	override get live(): LabelBitmap | undefined {
		return this.base.live;
	}

	/** @internal */
	override get labelSpace(): LabelSpace {
		return this.base.labelSpace;
	}

	/** @internal */
	*trainSteps(x: VectorSet, options: TrainOptions): Steps<void> {
		yield* this.base.trainSteps(x, options);
		yield* this.refine.trainSteps(x, options);
	}

	/** @internal */
	override alike(engine: Engine): IndexRefine {
		const { base, refine, kFactor } = this;
		return new IndexRefine({ base: base.alike(engine), refine: refine.alike(engine), kFactor });
	}

	/** @internal */
	override trainedState(): TrainedState {
		const { base, refine } = this;
		const kinds: [string, string][] = [
			['class of the base', base.type],
			['store', this.store],
		];
		const states = [...prefixed('base ', base.trainedState()), ...prefixed('store ', refine.trainedState())];
		return new Map([...kinds, ...states]);
	}

	/** @internal */
	override noteSpread(): () => void {
		return this.base.noteSpread();
	}

	/** @internal */
	override measureCells(exact?: RowSource): CellMeasures {
		return this.base.measureCells(exact ?? this.#exact);
	}

	/** @internal */
	override rebalanceSteps(options: RebalanceOptions, exact?: RowSource): Steps<RebalanceReport> {
		return this.base.rebalanceSteps(options, exact ?? this.#exact);
	}

	/** @internal */
	override retrainSteps(x: VectorSet | undefined, options: RetrainOptions, exact?: RowSource): Steps<void> {
		return this.base.retrainSteps(x, options, exact ?? this.#exact);
	}

	/** Vectors from the store, if it is finer than codes. */
	get #exact(): RowSource | undefined {
		return this.refine instanceof IndexPQ ? undefined : (label) => this.refine.reconstruct(label);
	}

	/** @internal */
	override teach(from: Index): void {
		this.base.teach((from as IndexRefine).base);
		this.refine.teach((from as IndexRefine).refine);
	}

	/** @internal */
	override *mergeSteps(other: Index): Steps<void> {
		const { base, refine } = other as IndexRefine;
		yield* this.#both(this.refine.mergeSteps(refine), this.base.mergeSteps(base));
	}

	/** @internal */
	*addSteps(x: VectorSet): Steps<void> {
		yield* this.#both(this.refine.addSteps(x), this.base.addSteps(x));
	}

	*#both(store: Steps<void>, base: Steps<void>): Steps<void> {
		// The store goes first: a base that fails or is aborted then leaves rows behind that can be taken back.
		const before = this.refine.labelEnd;
		yield* store;
		let done = false;
		try {
			yield* base;
			done = true;
		} finally {
			if (!done) this.refine.truncateRows(before);
		}
	}

	/** @internal */
	*searchSteps(
		q: VectorSet,
		k: number,
		params: RefineSearchParams,
		result: SearchResult,
		admitted?: LabelBitmap,
	): Steps<void> {
		const { kFactor = this.kFactor, ...base } = params;
		const wide = this.#wide(k, kFactor, admitted?.count ?? this.ntotal);
		const cells = this.base instanceof IndexPreTransform ? this.base.index : this.base;
		if (cells instanceof IndexIVF) {
			const again = { store: this.refine, k };
			yield* (this.base as IndexIVF | IndexPreTransform).searchSteps(q, wide, base, result, admitted, again);
			return;
		}
		const candidates = new SearchResult(q.n, wide, this.metric);
		yield* this.base.searchSteps(q, wide, base, candidates, admitted);
		const { engine, refine, d } = this;
		if (engine.pool !== undefined && q.n * wide * d > engine.pool.grain) {
			const make = (size: number): RerankBlock => new RerankBlock(refine, k, wide, size);
			yield* sideBySide(engine, 'refine', q.n, mostQueries(d, k, wide), make, {
				load: (block, first, nq) => block.load(q, candidates, first, nq),
				run: (block, nq) => block.run(nq),
				settle: (block, first, nq) => block.emit(first, nq, result),
			});
			return;
		}
		const size = Math.min(q.n, mostQueries(d, k, wide));
		using block = new RerankBlock(refine, k, wide, size);
		for (const [first, nq] of chunks(q.n, size)) {
			block.load(q, candidates, first, nq);
			block.run(nq);
			block.emit(first, nq, result);
			yield { phase: 'refine', done: first + nq, total: q.n };
		}
	}

	/** @internal */
	override hasLabel(label: number): boolean {
		return this.base.hasLabel(label);
	}

	/** @internal */
	override liveLabels(): Generator<number> {
		return this.base.liveLabels();
	}

	/** @internal */
	override prepareRemoval(): void {
		this.base.prepareRemoval();
	}

	/** The store keeps the row, wiped: what is there is what the base has. @internal */
	override removeLabel(label: number): void {
		this.base.removeLabel(label);
		this.refine.codes.wipe(label);
	}

	/** @internal */
	override get canUpdate(): boolean {
		return this.base.canUpdate;
	}

	/** @internal */
	override *stageSteps(x: VectorSet, labels: Uint32Array): Steps<StagedRows> {
		const stored = yield* this.refine.stageSteps(x, labels);
		let base: StagedRows | undefined;
		try {
			base = yield* this.base.stageSteps(x, labels);
		} finally {
			if (base === undefined) stored[Symbol.dispose]();
		}
		return {
			commit: () => {
				base.commit();
				stored.commit();
			},
			[Symbol.dispose]: () => {
				base[Symbol.dispose]();
				stored[Symbol.dispose]();
			},
		};
	}

	/** @internal */
	reconstructRow(row: number): Float32Array<ArrayBuffer> {
		return this.refine.reconstructRow(row);
	}

	/** @internal */
	override reconstructRows(rows: Uint32Array, out: Float32Array): void {
		this.refine.reconstructRows(rows, out);
	}

	/** @internal */
	override widened(params: RefineSearchParams, k: number): RefineSearchParams {
		return this.base.widened(params, k);
	}

	/** @internal */
	override isExhaustive(params: RefineSearchParams, k: number): boolean {
		const { kFactor = this.kFactor, ...base } = params;
		const wide = this.#wide(k, kFactor, this.ntotal);
		return wide >= this.ntotal && this.base.isExhaustive(base, wide);
	}

	/** @internal */
	override get residualCells(): number {
		return this.base.residualCells;
	}

	/** Candidates for k results out of `all` vectors. */
	#wide(k: number, kFactor: number, all: number): number {
		return Math.max(k, Math.min(Math.ceil(k * kFactor), MAX_K, all));
	}

	/** @internal */
	reserveRows(n: number): void {
		this.base.reserveRows(n);
		this.refine.reserveRows(n);
	}

	/** @internal */
	override shrinkRows(): void {
		this.base.shrinkRows();
		this.refine.shrinkRows();
	}

	/** @internal */
	override trainingLimit(options: TrainOptions): number {
		return Math.max(this.base.trainingLimit(options), this.refine.trainingLimit(options));
	}

	/** @internal */
	override get canTruncate(): boolean {
		return this.base.canTruncate;
	}

	/** @internal */
	override truncateRows(n: number): void {
		this.base.truncateRows(n);
		this.refine.truncateRows(n);
	}

	/** @internal */
	resetRows(): void {
		this.base.resetRows();
		this.refine.resetRows();
	}

	/** @internal */
	release(): void {
		this.base[Symbol.dispose]();
		this.refine[Symbol.dispose]();
	}

	/** Searching a base directly that was disposed says so. @internal */
	override checkTrained(method: string): void {
		super.checkTrained(method);
		if (this.labelEnd !== this.refine.ntotal) {
			const message = `IndexRefine.${method}: the base index was changed behind its back (${this.labelEnd} rows, ${this.refine.ntotal} stored)`;
			throw new VecinoError('unsupported', message);
		}
	}
}
