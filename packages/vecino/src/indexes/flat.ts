/**
 * Exact search: every vector is kept as it is and compared with every query, those that cannot be among the nearest in
 * small integers only (flat-search.ts). The ground truth of all other indexes.
 */

import type { SearchParams } from '../core/options.ts';
import type { IndexStats, SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { Engine } from '../kernels/engine.ts';
import { FlatCodec } from '../quantizers/codec.ts';
import { checkBoolean, checkKeys } from '../util/check.ts';
import { runSync, type Steps } from '../util/steps.ts';
import type { Index, IndexOptions } from './base.ts';
import { IndexFlatCodes } from './flat-codes.ts';
import { flatPlan, flatSearch } from './flat-search.ts';
import { RowBounds } from './row-bounds.ts';

/** From this dimension on bounds are kept unless the caller says otherwise. */
export const PRUNED_D = 384;

/** One row in so many, under a filter, up to which those that match are copied together. */
const GATHERED_BLOCK = 4;
const GATHERED_PRUNED = 16;

/** Options of IndexFlat. */
export interface IndexFlatOptions extends IndexOptions {
	/**
	 * Keeps bounds beside the vectors, d + 12 bytes each (d rounded up to 8), which make searches of a few queries two to
	 * five times as fast; results are the same to the bit. Not in files: made again on reading. Default: true for d >= 384,
	 * as long as memory lasts.
	 */
	readonly pruned?: boolean | undefined;
}

/**
 * Exact nearest neighbours; 4 * d bytes per vector, and with `pruned` another d + 12; nothing to train.
 *
 * @example
 * using index = new IndexFlat({ d: 2 });
 * index.add([[0, 0], [3, 4]]);
 * console.log(index.search([0, 1], 1).hits()); // [{ label: 0, distance: 1 }]
 */
export class IndexFlat extends IndexFlatCodes {
	readonly type = 'IndexFlat';
	#bounds: RowBounds | undefined;
	/** The caller wants bounds: without memory for them adding fails. */
	readonly #insists: boolean;

	constructor(options: IndexFlatOptions) {
		checkKeys('IndexFlat', options, ['d', 'metric', 'engine', 'pruned']);
		const { pruned } = options;
		if (pruned !== undefined) checkBoolean('IndexFlat', 'pruned', pruned);
		super('IndexFlat', options, (index) => new FlatCodec(index.engine, index.d));
		this.#insists = pruned === true;
		if (pruned ?? this.d >= PRUNED_D) this.#bounds = new RowBounds(this.engine, this.d, this.metric);
	}

	/** Whether bounds are kept beside the vectors. */
	get pruned(): boolean {
		return this.#bounds !== undefined;
	}

	override stats(): IndexStats {
		const { bytes, ...stats } = super.stats();
		if (this.#bounds === undefined) return { ...stats, bytes };
		return { ...stats, bytes: { ...bytes, bounds: this.#bounds.records.byteLength } };
	}

	/** @internal */
	override *addSteps(x: VectorSet): Steps<void> {
		yield* this.#withBounds(super.addSteps(x), x.n);
	}

	/** Adds n rows and their bounds. */
	*#withBounds(rows: Steps<void>, n: number): Steps<void> {
		const before = this.codes.n;
		let done = false;
		try {
			yield* rows;
			// Only now: bounds must not take the memory that rows need.
			this.#reserveBounds(n);
			if (this.#bounds !== undefined) yield* this.#bounds.follow(this.codes, this.codes.n);
			done = true;
		} finally {
			if (!done) this.truncateRows(before);
		}
	}

	/** @internal */
	override alike(engine: Engine): IndexFlat {
		const { d, metric, pruned } = this;
		return new IndexFlat({ d, metric, engine, pruned: pruned ? this.#insists || undefined : false });
	}

	/** @internal */
	override *mergeSteps(other: Index): Steps<void> {
		yield* this.#withBounds(super.mergeSteps(other), other.labelEnd);
	}

	/** Makes the bounds of the first `rows` of `n` rows that are put into `codes` by other means. @internal */
	followRows(rows: number, n: number): void {
		this.#reserveBounds(n - (this.#bounds?.records.n ?? 0));
		if (this.#bounds !== undefined) runSync(this.#bounds.follow(this.codes, rows));
	}

	/** Where bounds are only there by default and memory ends, they go. */
	#reserveBounds(n: number, exactly = false): void {
		try {
			this.#bounds?.records.reserve(n, exactly);
		} catch (error) {
			if (this.#insists || !(error instanceof VecinoError) || error.code !== 'out-of-memory') throw error;
			this.#bounds!.records.clear();
			this.#bounds = undefined;
		}
	}

	/** @internal */
	override *searchSteps(
		q: VectorSet,
		k: number,
		params: SearchParams,
		result: SearchResult,
		admitted?: LabelBitmap,
	): Steps<void> {
		const { engine, d, metric, codes } = this;
		const rows = { engine, d, metric, codes, bounds: this.#bounds };
		const plan = flatPlan(rows, q.n, k);
		// Where most rows are skipped, fewer must be left to copy.
		if (
			admitted !== undefined &&
			admitted.count * (plan === 'block' ? GATHERED_BLOCK : GATHERED_PRUNED) < codes.n / this.engine.threads
		)
			return yield* this.gatheredSteps(q, k, params, result, admitted);
		if (plan === 'plain') return yield* super.searchSteps(q, k, params, result, admitted);
		yield* flatSearch(rows, plan, q, k, result, admitted?.admission);
		if (params.stats !== undefined) params.stats.ndis += q.n * this.codes.n;
	}

	/** @internal */
	override rowChanged(row: number): void {
		this.#bounds?.refresh(this.codes, row);
	}

	/** @internal */
	override truncateRows(n: number): void {
		super.truncateRows(n);
		if (this.#bounds !== undefined && this.#bounds.records.n > n) this.#bounds.records.truncate(n);
	}

	/** @internal */
	override reserveRows(n: number): void {
		super.reserveRows(n);
		this.#reserveBounds(n, true);
	}

	/** @internal */
	override shrinkRows(): void {
		super.shrinkRows();
		this.#bounds?.records.shrink();
	}

	/** @internal */
	override resetRows(): void {
		super.resetRows();
		this.#bounds?.records.clear();
	}

	/** @internal */
	override release(): void {
		super.release();
		this.#bounds?.records.clear();
	}
}
