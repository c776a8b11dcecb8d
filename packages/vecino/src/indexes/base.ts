/**
 * What every index does.
 *
 * Vectors are n rows of d float32 values, row-major (core/vectors.ts). Labels are row numbers in the
 * order of adding. Computing is synchronous; the `...Async` forms do the same work in slices, or on the threads
 * of an engine that has some (createEngine). Search
 * parameters belong to the call, never to the index. An index owns memory in its engine's arena: give
 * it back with `using index = ...` or `index[Symbol.dispose]()`.
 *
 * `Index` is the end of a chain of classes, and the only one of them that others name: what a kind of index supplies
 * (contract.ts), finding vectors (searchable.ts), adding and removing them (changeable.ts), and here what concerns the
 * whole: its cells, what was trained, two indexes that become one.
 */

import {
	REBALANCE_OPTIONS,
	RETRAIN_OPTIONS,
	type RefineSearchParams,
	RUN_OPTIONS,
	resolveOptions,
	type SearchParams,
} from '../core/options.ts';
import { toVectorSet, type VectorSet, type Vectors } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import type { Engine } from '../kernels/engine.ts';
import { show } from '../util/check.ts';
import { type AsyncRunOptions, type RunOptions, runAsync, runSync, type Steps } from '../util/steps.ts';
import { ChangeableIndex } from './changeable.ts';
import { MAX_NTOTAL, type TrainOptions } from './contract.ts';
import { type CellMeasures, type IndexHealth, judge, type RowSource } from './health.ts';
import type { RebalanceOptions, RebalanceReport } from './rebalance.ts';
import { firstDifference, type TrainedState } from './trained.ts';

export { type IndexOptions, MAX_K, MAX_NTOTAL, type StagedRows, type TrainOptions } from './contract.ts';

/** Options of retrain. */
export interface RetrainOptions extends TrainOptions {
	/** What to learn from, at best vectors like those to come. Default: the vectors held. */
	readonly sample?: Vectors | undefined;
	/** Cells afterwards. Default: as many as now. */
	readonly nlist?: number | undefined;
	/** The exact vector of a label (or id), d values. Default: the store of an IndexRefine, else what codes stand for. */
	readonly source?: ((label: number) => ArrayLike<number>) | undefined;
}

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
export abstract class Index<P extends SearchParams = RefineSearchParams> extends ChangeableIndex<P> {
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
	 * using index = new IndexIVFFlat({ d: 64, nlist: 20 });
	 * index.train(vectors).add(vectors.slice(0, 1500));
	 * using part = index.cloneTrained().add(vectors.slice(1500));
	 * console.log(index.mergeFrom(part).ntotal, part.ntotal); // 2000 500
	 */
	mergeFrom(other: Index, options?: RunOptions): this {
		const { steps, resolved } = this.#prepareMerge('mergeFrom', other, options);
		runSync(steps, resolved);
		return this;
	}

	/**
	 * mergeFrom in slices; neither index takes other changes meanwhile, and an abort adds nothing.
	 *
	 * @throws {VecinoError} as mergeFrom; `aborted`, `busy`.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 64 }).add(vectors);
	 * using part = new IndexFlat({ d: 64 }).add(queries);
	 * await index.mergeFromAsync(part);
	 * console.log(index.search(queries.row(3), 1).labels[0]); // 2003
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
	 * @param options - engine: where it is to live. Default: that of this index.
	 * @returns An index of the same class, for the caller to dispose of.
	 * @throws {VecinoError} `not-trained`, `out-of-memory`.
	 *
	 * @example
	 * using index = new IndexIVFPQ({ d: 64, nlist: 20, m: 8 }).train(vectors).add(vectors);
	 * using copy = index.cloneTrained({ engine: createEngineSync() });
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
	 * using index = new IndexIVFFlat({ d: 64, nlist: 4 }).train(vectors).add(vectors);
	 * const { verdict, empty, reasons } = index.health();
	 * console.log(verdict, empty, reasons); // ok 0 ['Cells suit the vectors held.']
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
	 * index.train(vectors.slice(0, 500)).add(vectors);
	 * const before = index.health().imbalance;
	 * const { splits } = index.rebalance({ longest: 1.2 });
	 * console.log(splits > 0, index.health().imbalance < before); // true true
	 */
	rebalance(options?: RebalanceOptions): RebalanceReport {
		const { steps, resolved } = this.#prepareRebalance('rebalance', options);
		return runSync(steps, resolved);
	}

	/**
	 * rebalance in slices; an abort leaves the splits done so far.
	 *
	 * @throws {VecinoError} as rebalance.
	 *
	 * @example
	 * using index = new IndexIVFFlat({ d: 64, nlist: 20 });
	 * index.train(vectors).add(vectors);
	 * const { splits } = await index.rebalanceAsync({ sliceMs: 4, onProgress: ({ phase }) => phase });
	 * console.log(splits >= 0, index.ntotal); // true 2000
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
	 * index.train(vectors.slice(0, 500)).add(vectors);
	 * index.retrain({ nlist: 30, source: (label) => vectors.row(label) });
	 * console.log(index.health().nlist, index.search(vectors.row(7), 1).labels[0]); // 30 7
	 */
	retrain(options?: RetrainOptions): this {
		const { steps, resolved } = this.#prepareRetrain('retrain', options);
		runSync(steps, resolved);
		return this;
	}

	/**
	 * retrain in slices; an abort leaves the index as it was.
	 *
	 * @throws {VecinoError} as retrain.
	 *
	 * @example
	 * using index = new IndexIVFFlat({ d: 64, nlist: 20 }).train(vectors).add(vectors);
	 * const retraining = index.retrainAsync({ signal: AbortSignal.abort() });
	 * console.log(await retraining.catch(({ code }) => code), index.ntotal); // aborted 2000
	 */
	async retrainAsync(options?: RetrainOptions & AsyncRunOptions): Promise<this> {
		const { steps, resolved } = this.#prepareRetrain('retrainAsync', options);
		await runAsync(steps, resolved);
		return this;
	}

	// ── What a kind of index may supply, for the indexes around it ─────────────────────────────

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

	#prepareRebalance(method: string, options: RebalanceOptions | undefined) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		const resolved = resolveOptions(where, options, REBALANCE_OPTIONS);
		const exact = checkedSource(where, resolved.source, this.d);
		return { steps: this.writing(method, this.rebalanceSteps(resolved, exact)), resolved };
	}

	#prepareRetrain(method: string, options: RetrainOptions | undefined) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		const resolved = resolveOptions(where, options, RETRAIN_OPTIONS);
		const exact = checkedSource(where, resolved.source, this.d);
		const x = resolved.sample && toVectorSet(where, 'sample', resolved.sample, this.d);
		if (this.ntotal === 0 && x === undefined) throw new RangeError(`${where}: there are no vectors to learn from`);
		if (x?.n === 0) throw new RangeError(`${where}: at least one vector is needed`);
		return { steps: this.writing(method, this.#relearn(this.retrainSteps(x, resolved, exact))), resolved };
	}

	/** Settings were measured with the cells before. */
	*#relearn(steps: Steps<void>): Steps<void> {
		yield* steps;
		this.forgetRecallTable();
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
		return { steps: this.writing(method, mergeHeld(this as unknown as Index, other)), resolved };
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
