/**
 * Ids of the caller's own in place of row numbers.
 */

import type { OptionTable, RefineSearchParams } from '../core/options.ts';
import type { IndexStats, SearchResult } from '../core/result.ts';
import { toVectorSet, type VectorSet, type Vectors } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import type { Engine } from '../kernels/engine.ts';
import { checkKeys, show } from '../util/check.ts';
import { IdTable } from '../util/id-table.ts';
import type { RunOptions, Steps } from '../util/steps.ts';
import { Index, type RetrainOptions, type TrainOptions } from './base.ts';
import type { CellMeasures, RowSource } from './health.ts';
import type { RebalanceOptions, RebalanceReport } from './rebalance.ts';
import type { TrainedState } from './trained.ts';

export interface IndexIDMapOptions {
	/** The index that holds the vectors; must be empty. Owned by the IndexIDMap from now on. */
	readonly index: Index;
}

/**
 * Any index, with ids: safe integers >= 0, each used once. 8 bytes per id plus a hash table.
 *
 * @example
 * using index = new IndexIDMap({ index: new IndexFlat({ d: 2 }) });
 * index.addWithIds([[0, 0], [3, 4]], [1001, 2002]);
 * console.log(index.search([3, 3], 1).labels[0]); // 2002
 */
export class IndexIDMap extends Index {
	readonly type = 'IndexIDMap';
	readonly index: Index;
	/** @internal */
	readonly table: IdTable = new IdTable();
	/** Ids of the add under way; set before addSteps runs. */
	#pending: Float64Array | undefined;

	constructor(options: IndexIDMapOptions) {
		checkKeys('IndexIDMap', options, ['index']);
		const { index } = options;
		if (!(index instanceof Index)) throw new TypeError(`IndexIDMap: index must be an index, got ${show(index)}`);
		if (index.type === 'IndexIDMap') throw new TypeError('IndexIDMap: index is an IndexIDMap already');
		if (index.ntotal > 0) throw new RangeError(`IndexIDMap: index must be empty, it holds ${index.ntotal} vectors`);
		super('IndexIDMap', { d: index.d, metric: index.metric, engine: index.engine });
		this.index = index;
	}

	get ntotal(): number {
		return this.index.ntotal;
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
	 */
	override addWithIds(x: Vectors, ids: ArrayLike<number>, options?: RunOptions): this {
		const where = 'IndexIDMap.addWithIds';
		const set = toVectorSet(where, 'x', x, this.d);
		if (ids?.length !== set.n) throw new RangeError(`${where}: ${set.n} vectors need as many ids, got ${ids?.length}`);
		this.#pending = this.#checkIds(where, ids);
		try {
			return super.add(set, options);
		} finally {
			this.#pending = undefined;
		}
	}

	/** Ids of all vectors in row order. */
	get ids(): Float64Array<ArrayBuffer> {
		return this.table.ids.slice();
	}

	/** Whether an id is in the index. */
	has(id: number): boolean {
		return this.table.rowOf(id) >= 0;
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
	trainSteps(x: VectorSet, options: TrainOptions): Steps<void> {
		return this.index.trainSteps(x, options);
	}

	/** Without ids the next ones after the largest so far are taken. @internal */
	*addSteps(x: VectorSet): Steps<void> {
		const ids = this.#pending ?? nextIds(this.table.ids, x.n);
		this.table.reserve(ids.length);
		yield* this.index.addSteps(x);
		for (const id of ids) this.table.push(id);
	}

	/** @internal */
	*searchSteps(q: VectorSet, k: number, params: RefineSearchParams, result: SearchResult): Steps<void> {
		yield* this.index.searchSteps(q, k, params, result);
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

	/** Ids stay; one that is here already is refused. @internal */
	override *mergeSteps(other: Index): Steps<void> {
		const { ids } = (other as IndexIDMap).table;
		const twice = ids.findIndex((id) => this.table.rowOf(id) >= 0);
		if (twice >= 0) {
			const message = `IndexIDMap.mergeFrom: id ${ids[twice]} of other is in the index already`;
			throw new VecinoError('duplicate-id', message, { row: twice, found: ids[twice]! });
		}
		this.table.reserve(ids.length);
		yield* this.index.mergeSteps((other as IndexIDMap).index);
		for (const id of ids) this.table.push(id);
	}

	/** @internal */
	reconstructRow(row: number): Float32Array<ArrayBuffer> {
		return this.index.reconstructRow(row);
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

	#checkIds(where: string, ids: ArrayLike<number>): Float64Array {
		const out = Float64Array.from(ids);
		const fresh = new IdTable();
		fresh.reserve(out.length);
		for (const [i, id] of out.entries()) {
			if (!Number.isSafeInteger(id) || id < 0) {
				throw new RangeError(`${where}: ids must be integers in 0..${Number.MAX_SAFE_INTEGER}, got ${id} at row ${i}`);
			}
			if (this.table.rowOf(id) >= 0 || fresh.rowOf(id) >= 0) {
				const which =
					fresh.rowOf(id) >= 0 ? `is given twice, at rows ${fresh.rowOf(id)} and ${i}` : 'is in the index already';
				throw new VecinoError('duplicate-id', `${where}: id ${id} ${which}`, { row: i, found: id });
			}
			fresh.push(id);
		}
		return out;
	}
}

function nextIds(ids: Float64Array, n: number): Float64Array {
	let next = 0;
	for (const id of ids) if (id >= next) next = id + 1;
	return Float64Array.from({ length: n }, (_, i) => next + i);
}
