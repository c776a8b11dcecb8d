/**
 * What changes an index: training, adding, removing, replacing; and the room that vectors take.
 */

import { RUN_OPTIONS, resolveOptions, type SearchParams, TRAIN_OPTIONS } from '../core/options.ts';
import { IDSelector, toSelector } from '../core/selector.ts';
import { toVectorSet, type VectorSet, type Vectors } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import { checkInt } from '../util/check.ts';
import { checkDistinct, type Labels, toLabels } from '../util/labels.ts';
import { type AsyncRunOptions, type RunOptions, runAsync, runSync, type Steps } from '../util/steps.ts';
import { MAX_NTOTAL, type TrainOptions } from './contract.ts';
import { selectRows } from './filter.ts';
import { SearchableIndex } from './searchable.ts';

/** What every index learns, takes in and gives up. @typeParam P - Search parameters. */
export abstract class ChangeableIndex<P extends SearchParams> extends SearchableIndex<P> {
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
		this.checkQuiet('remove');
		if (this.ntotal === 0) return 0;
		this.checkTrained('remove');
		const list = given instanceof IDSelector ? this.#labelsOf(given) : given;
		if (list.length === 0) return 0;
		this.prepareRemoval();
		this.version++;
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
		this.checkQuiet('reserve');
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
		this.checkQuiet('shrink');
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
		this.checkQuiet('reset');
		this.version++;
		this.resetRows();
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
		return { steps: this.writing(method, this.#training(set, resolved)), resolved };
	}

	*#training(x: VectorSet, options: TrainOptions): Steps<void> {
		yield* this.trainSteps(x, options);
		this.forgetRecallTable();
	}

	#prepareAdd(method: string, x: Vectors, options: RunOptions | undefined) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		const resolved = resolveOptions(where, options, RUN_OPTIONS);
		const set = toVectorSet(where, 'x', x, this.d);
		if (this.labelEnd + set.n > MAX_NTOTAL)
			throw new RangeError(`${where}: an index holds at most ${MAX_NTOTAL} vectors`);
		return { steps: this.writing(method, this.addSteps(set)), resolved };
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
		return { steps: this.writing(method, this.updateSteps(set, list)), resolved };
	}
}
