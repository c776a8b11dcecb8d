/**
 * Ids of the caller's own in place of row numbers.
 */

import type { OptionTable, RefineSearchParams } from '../core/options.ts';
import type { IndexStats, SearchResult } from '../core/result.ts';
import { toVectorSet, type VectorSet, type Vectors } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { Engine } from '../kernels/engine.ts';
import { checkKeys, show } from '../util/check.ts';
import { IdTable } from '../util/id-table.ts';
import type { AsyncRunOptions, RunOptions, Steps } from '../util/steps.ts';
import { Index, type RetrainOptions, type TrainOptions } from './base.ts';
import { chunks } from './batch.ts';
import type { LabelSpace } from './filter.ts';
import type { CellMeasures, RowSource } from './health.ts';
import { checkIds, nextIds } from './new-ids.ts';
import type { RebalanceOptions, RebalanceReport } from './rebalance.ts';
import type { TrainedState } from './trained.ts';

/** Vectors that go to free rows are encoded to about this many bytes at a time. */
const PART_BYTES = 2 ** 24;

/** Options of IndexIDMap. */
export interface IndexIDMapOptions {
	/** The index that holds the vectors; must be empty. Owned by the IndexIDMap from now on. */
	readonly index: Index;
}

/**
 * Any index, with ids: safe integers >= 0, each used once. 8 bytes per id plus a hash table. Rows whose vectors were
 * removed are used again for later ones, so that an index with as many vectors coming as going does not grow; but not those
 * of an IndexHNSW, whose graph goes on leading through them.
 *
 * @example
 * using index = new IndexIDMap({ index: new IndexFlat({ d: 2 }) });
 * index.addWithIds([[0, 0], [3, 4]], [1001, 2002]);
 * console.log(index.search([3, 3], 1).labels[0]); // 2002
 */
export class IndexIDMap extends Index {
	readonly type = 'IndexIDMap';
	/** The index inside; its labels are row numbers. */
	readonly index: Index;
	/** @internal */
	readonly table: IdTable = new IdTable();
	/** Ids of the add under way, and whether some may be there; set before addSteps runs. */
	#pending: { readonly ids: Float64Array; readonly replace: boolean } | undefined;

	constructor(options: IndexIDMapOptions) {
		checkKeys('IndexIDMap', options, ['index']);
		const { index } = options;
		if (!(index instanceof Index)) throw new TypeError(`IndexIDMap: index must be an index, got ${show(index)}`);
		if (index.type === 'IndexIDMap') throw new TypeError('IndexIDMap: index is an IndexIDMap already');
		if (index.labelEnd > 0) throw new RangeError(`IndexIDMap: index must be empty, it holds ${index.ntotal} vectors`);
		super('IndexIDMap', { d: index.d, metric: index.metric, engine: index.engine });
		this.index = index;
	}

	get ntotal(): number {
		return this.index.ntotal;
	}

	override get labelEnd(): number {
		return this.index.labelEnd;
	}

	get isTrained(): boolean {
		return this.index.isTrained;
	}

	get byteLength(): number {
		return this.index.byteLength + this.table.byteLength;
	}

	stats(): IndexStats {
		const inner = this.index.stats();
		return { ...inner, type: this.type, bytes: { ...inner.bytes, ids: this.table.byteLength } };
	}

	/**
	 * Adds vectors under ids: safe integers >= 0 that are not in the index yet.
	 *
	 * @param ids - n of them. @throws {VecinoError} `duplicate-id` naming the id and its row.
	 *
	 * @example
	 * using index = new IndexIDMap({ index: new IndexFlat({ d: 2 }) });
	 * index.addWithIds([[0, 0], [3, 4]], [1001, 2002]);
	 * console.log(index.ids, index.reconstruct(2002)); // Float64Array(2) [1001, 2002] Float32Array(2) [3, 4]
	 */
	override addWithIds(x: Vectors, ids: ArrayLike<number>, options?: RunOptions): this {
		const set = this.#prepare('addWithIds', x, ids, false);
		try {
			return super.add(set, options);
		} finally {
			this.#pending = undefined;
		}
	}

	/**
	 * Puts vectors under ids: those that are in the index get the new vector, others are added. All of them or, on an error,
	 * none. Over an IndexHNSW the old vector is removed and the new one linked afresh.
	 *
	 * @param ids - n safe integers >= 0. @throws {VecinoError} `duplicate-id` naming one that is given twice, and its row.
	 * @example
	 * using index = new IndexIDMap({ index: new IndexFlat({ d: 2 }) });
	 * index.addWithIds([[0, 0], [3, 4]], [1001, 2002]);
	 * index.upsert([[9, 9], [5, 5]], [2002, 3003]);
	 * console.log(index.ntotal, index.search([9, 9], 1).labels[0]); // 3 2002
	 */
	override upsert(x: Vectors, ids: ArrayLike<number>, options?: RunOptions): this {
		const set = this.#prepare('upsert', x, ids, true);
		try {
			return super.add(set, options);
		} finally {
			this.#pending = undefined;
		}
	}

	/**
	 * As upsert, in slices or on the threads of the engine.
	 *
	 * @example
	 * using index = new IndexIDMap({ index: new IndexFlat({ d: 1 }) });
	 * await index.upsertAsync([[1], [2]], [10, 20]);
	 * await index.upsertAsync([[5]], [20]);
	 * console.log([...index.reconstruct(20)]); // [5]
	 */
	upsertAsync(x: Vectors, ids: ArrayLike<number>, options?: AsyncRunOptions): Promise<this> {
		const set = this.#prepare('upsertAsync', x, ids, true);
		try {
			// What is pending is taken up before this returns.
			return super.addAsync(set, options);
		} finally {
			this.#pending = undefined;
		}
	}

	#prepare(method: string, x: Vectors, ids: ArrayLike<number>, replace: boolean): VectorSet {
		const where = `IndexIDMap.${method}`;
		const set = toVectorSet(where, 'x', x, this.d);
		if (ids?.length !== set.n) throw new RangeError(`${where}: ${set.n} vectors need as many ids, got ${ids?.length}`);
		this.#pending = { ids: checkIds(where, ids, this.table, replace), replace };
		return set;
	}

	/** Ids of all vectors, those of the index inside in ascending order of their labels. */
	get ids(): Float64Array<ArrayBuffer> {
		return this.table.freeCount === 0 ? this.table.ids.slice() : this.table.ids.filter((id) => id >= 0);
	}

	/** The vector held under an id. */
	override reconstruct(id: number): Float32Array<ArrayBuffer> {
		this.checkUsable('reconstruct');
		const row = this.table.rowOf(id);
		if (row >= 0) return this.reconstructRow(row);
		throw new VecinoError('unknown-label', `IndexIDMap.reconstruct: no vector has id ${id}`, { found: id });
	}

	/** @internal */
	get searchTable(): OptionTable {
		return this.index.searchTable;
	}

	/** @internal */
	override get labelSpace(): LabelSpace {
		return { ...this.index.labelSpace, ids: this.table };
	}

	/** @internal */
	override get live(): LabelBitmap | undefined {
		return this.index.live;
	}

	/** @internal */
	trainSteps(x: VectorSet, options: TrainOptions): Steps<void> {
		return this.index.trainSteps(x, options);
	}

	/** Without ids the next ones after the largest so far are taken. @internal */
	*addSteps(x: VectorSet): Steps<void> {
		const { ids, replace } = this.#pending ?? { ids: nextIds(this.table.largest, x.n), replace: false };
		if (!replace) {
			yield* this.#newSteps(x, ids);
			return;
		}
		const isKnown = Array.from(ids, (id) => this.table.rowOf(id) >= 0);
		const rowsThat = (known: boolean): number[] => [...isKnown.keys()].filter((i) => isKnown[i] === known);
		const idsOf = (rows: readonly number[]): Float64Array => Float64Array.from(rows, (i) => ids[i]!);
		const fresh = rowsThat(false);
		const known = rowsThat(true);
		this.prepareRemoval();
		const bringBack = this.index.noteSpread();
		yield* this.#newSteps(x.take(fresh), idsOf(fresh));
		let done = false;
		try {
			yield* this.updateSteps(x.take(known), idsOf(known));
			done = true;
		} finally {
			if (!done) {
				for (const id of idsOf(fresh)) this.removeLabel(id);
				bringBack();
			}
		}
	}

	/** Adds vectors under ids that are not there, first to the rows that are free. */
	*#newSteps(x: VectorSet, ids: Float64Array): Steps<void> {
		const { index, table } = this;
		const rows = index.canUpdate ? table.freeRows(x.n) : new Uint32Array(0);
		table.reserve(x.n - rows.length);
		if (rows.length > 0) index.prepareRemoval();
		const bringBack = index.noteSpread();
		let filled = 0;
		let done = false;
		try {
			for (const [start, count] of chunks(rows.length, Math.ceil(PART_BYTES / (4 * this.d)))) {
				const end = start + count;
				using staged = yield* index.stageSteps(x.slice(start, end), rows.subarray(start, end));
				staged.commit();
				filled = end;
			}
			if (x.n > rows.length) yield* index.addSteps(x.slice(rows.length));
			done = true;
		} finally {
			if (!done) {
				for (const row of rows.subarray(0, filled)) index.removeLabel(row);
				bringBack();
			}
		}
		for (let i = 0; i < x.n; i++) {
			if (i < rows.length) table.reuse(ids[i]!);
			else table.push(ids[i]!);
		}
	}

	/** @internal */
	override hasLabel(id: number): boolean {
		return this.table.rowOf(id) >= 0;
	}

	/** @internal */
	override prepareRemoval(): void {
		if (this.index.ntotal > 0) this.index.prepareRemoval();
	}

	/** @internal */
	override removeLabel(id: number): void {
		this.index.removeLabel(this.table.remove(id));
	}

	/** @internal */
	override get canUpdate(): boolean {
		return true;
	}

	/** In place; or, where that cannot be, added once more and the old ones removed. @internal */
	override *updateSteps(x: VectorSet, ids: Float64Array): Steps<void> {
		if (x.n === 0) return;
		const { index, table } = this;
		if (index.canUpdate) {
			using staged = yield* index.stageSteps(
				x,
				Uint32Array.from(ids, (id) => table.rowOf(id)),
			);
			staged.commit();
			return;
		}
		table.reserve(x.n);
		index.prepareRemoval();
		yield* index.addSteps(x);
		for (const id of ids) {
			this.removeLabel(id);
			table.push(id);
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
		yield* this.index.searchSteps(q, k, params, result, admitted);
		const { labels } = result;
		for (let i = 0; i < labels.length; i++) if (labels[i] !== -1) labels[i] = this.table.idOf(labels[i]!);
	}

	/** @internal */
	override alike(engine: Engine): IndexIDMap {
		return new IndexIDMap({ index: this.index.alike(engine) });
	}

	/** @internal */
	override trainedState(): TrainedState {
		return new Map([['class inside', this.index.type], ...this.index.trainedState()]);
	}

	/** @internal */
	override measureCells(exact?: RowSource): CellMeasures {
		return this.index.measureCells(exact && this.#ofRow(exact));
	}

	/** @internal */
	override rebalanceSteps(options: RebalanceOptions, exact?: RowSource): Steps<RebalanceReport> {
		return this.index.rebalanceSteps(options, exact && this.#ofRow(exact));
	}

	/** @internal */
	override retrainSteps(x: VectorSet | undefined, options: RetrainOptions, exact?: RowSource): Steps<void> {
		return this.index.retrainSteps(x, options, exact && this.#ofRow(exact));
	}

	/** Vectors by row where they are known by id. */
	#ofRow(exact: RowSource): RowSource {
		return (row) => exact(this.table.idOf(row));
	}

	/** @internal */
	override teach(from: Index): void {
		this.index.teach((from as IndexIDMap).index);
	}

	/** Ids stay; one that is here already is refused. Free rows are free here, too. @internal */
	override *mergeSteps(other: Index): Steps<void> {
		const { ids } = (other as IndexIDMap).table;
		const twice = ids.findIndex((id) => id >= 0 && this.table.rowOf(id) >= 0);
		if (twice >= 0) {
			const message = `IndexIDMap.mergeFrom: id ${ids[twice]} of other is in the index already`;
			throw new VecinoError('duplicate-id', message, { row: twice, found: ids[twice]! });
		}
		this.table.reserve(ids.length);
		yield* this.index.mergeSteps((other as IndexIDMap).index);
		for (const id of ids)
			if (id >= 0) this.table.push(id);
			else this.table.pushFree();
	}

	/** @internal */
	reconstructRow(row: number): Float32Array<ArrayBuffer> {
		return this.index.reconstructRow(row);
	}

	/** @internal */
	override reconstructRows(rows: Uint32Array, out: Float32Array): void {
		this.index.reconstructRows(rows, out);
	}

	/** @internal */
	override rowsOf(ids: Float64Array): Uint32Array {
		return Uint32Array.from(ids, (id) => this.table.rowOf(id));
	}

	/** @internal */
	override widened(params: RefineSearchParams, k: number): RefineSearchParams {
		return this.index.widened(params, k);
	}

	/** @internal */
	override isExhaustive(params: RefineSearchParams, k: number): boolean {
		return this.index.isExhaustive(params, k);
	}

	/** @internal */
	reserveRows(n: number): void {
		this.table.reserve(n);
		this.index.reserveRows(n);
	}

	/** @internal */
	override shrinkRows(): void {
		this.index.shrinkRows();
	}

	/** @internal */
	resetRows(): void {
		this.index.resetRows();
		this.table.clear();
	}

	/** @internal */
	release(): void {
		this.index[Symbol.dispose]();
		this.table.clear();
	}
}
