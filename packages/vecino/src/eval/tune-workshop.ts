/**
 * Makes the indexes that a tuner compares. What they have in common is made once: cells of as many lists, codes that
 * several stores stand behind, stores of the same words. Each is what training and adding would have made, bit for bit.
 */

import type { VectorSet } from '../core/vectors.ts';
import { indexFactory } from '../factory/build.ts';
import { readSpec } from '../factory/parse.ts';
import { type IndexSpec, type IVFSpec, printSpec } from '../factory/spec.ts';
import type { Index } from '../indexes/base.ts';
import { IndexFlat } from '../indexes/flat.ts';
import type { IndexFlatCodes } from '../indexes/flat-codes.ts';
import type { IndexIVF } from '../indexes/ivf.ts';
import { trainWithCells } from '../indexes/ivf-train.ts';
import { IndexScalarQuantizer } from '../indexes/scalar-quantizer.ts';
import { codecState, teachCodec } from '../indexes/trained.ts';
import type { Steps } from '../util/steps.ts';
import { type Subject, subjectOf } from './tune-count.ts';
import type { TunePlan } from './tune-plan.ts';

/** A factory string taken apart. */
interface Pieces {
	/** Cells and codes, where these can be shared. */
	readonly ivf: IVFSpec | undefined;
	/** Word of the store, where that can be shared; '' for none. */
	readonly store: string;
}

export class Workshop implements Disposable {
	readonly #plan: Pick<TunePlan, 'where' | 'metric' | 'engine' | 'seed'>;
	readonly #x: VectorSet;
	/** Trained and empty, by the words of their cells. */
	readonly #cells = new Map<string, IndexIVF>();
	/** By factory string without a store. */
	readonly #bases = new Map<string, Index>();
	readonly #stores = new Map<string, IndexFlatCodes>();

	constructor(plan: Pick<TunePlan, 'where' | 'metric' | 'engine' | 'seed'>, x: VectorSet) {
		this.#plan = plan;
		this.#x = x;
	}

	/** What indexes of the same text have in common: they are alive as long as that is. */
	static baseOf(factory: string): string {
		const { ivf } = takeApart(readSpec('tune', factory));
		return ivf === undefined ? factory : printSpec(ivf);
	}

	/** The index of a factory string, trained and filled. */
	*make(factory: string): Steps<Subject> {
		const { ivf, store } = takeApart(readSpec(this.#plan.where, factory));
		if (ivf === undefined || (ivf.nlist as number) > this.#x.n) return subjectOf(yield* this.#whole(factory));
		const base = yield* this.#base(ivf);
		return subjectOf(base, store === '' ? undefined : yield* this.#store(store));
	}

	/** The one that stands for itself: all of it its own, to be handed over. */
	*finished(factory: string): Steps<Index> {
		const index = this.#empty(factory);
		let done = false;
		try {
			const parts = subjectOf(index).parts;
			const { ivf } = takeApart(readSpec(this.#plan.where, factory));
			if (ivf !== undefined && parts.outer === undefined && (ivf.nlist as number) <= this.#x.n) {
				const cells = yield* this.#cellsOf(ivf);
				yield* trainWithCells(parts.ivf!.cells, cells.cells, this.#x, this.#training);
				if (parts.refine !== undefined) yield* parts.refine.refine.trainSteps(this.#x, this.#training);
			} else yield* index.trainSteps(this.#x, this.#training);
			yield* index.addSteps(this.#x);
			index.shrinkRows();
			done = true;
			return index;
		} finally {
			if (!done) index[Symbol.dispose]();
		}
	}

	/**
	 * Codes like those of a candidate in lists of the length that they have in the whole: fewer cells for the rows of a
	 * sample. For timing only; the caller disposes of it. Undefined where there are no cells of its own.
	 */
	*rescaled({ parts: { ivf } }: Subject, share: number): Steps<IndexIVF | undefined> {
		const nlist = Math.max(1, Math.round((ivf?.nlist ?? 0) * share));
		if (ivf === undefined || nlist < 4 || this.#bases.get(this.#nameOf(ivf)) !== ivf) return undefined;
		const spec = readSpec('tune', this.#nameOf(ivf)) as IVFSpec;
		const index = this.#empty(printSpec({ ...spec, nlist, coarse: { kind: 'flat' } })) as IndexIVF;
		let done = false;
		try {
			const { cells } = ivf;
			const all = cells.readCentroids();
			const some = new Float32Array(nlist * ivf.d);
			for (let i = 0; i < nlist; i++) {
				const from = Math.floor((i * ivf.nlist) / nlist) * ivf.d;
				some.set(all.subarray(from, from + ivf.d), i * ivf.d);
			}
			teachCodec(index.cells.codec, codecState(cells.codec));
			index.setTrained(some, 1);
			yield* index.addSteps(this.#x);
			done = true;
			return index;
		} finally {
			if (!done) index[Symbol.dispose]();
		}
	}

	/** Gives back what is not of these bases, and the cells as well where no more are to come. */
	keep(bases: ReadonlySet<string>): void {
		for (const [name, base] of this.#bases) {
			if (bases.has(name)) continue;
			base[Symbol.dispose]();
			this.#bases.delete(name);
		}
	}

	[Symbol.dispose](): void {
		this.keep(new Set());
		for (const one of [...this.#cells.values(), ...this.#stores.values()]) one[Symbol.dispose]();
		this.#cells.clear();
		this.#stores.clear();
	}

	get #training(): { seed: number } {
		return { seed: this.#plan.seed };
	}

	#nameOf(ivf: IndexIVF): string {
		for (const [name, base] of this.#bases) if (base === ivf) return name;
		return '';
	}

	#empty(factory: string): Index {
		const { metric, engine, seed } = this.#plan;
		return indexFactory(this.#x.d, factory, { metric, engine, seed, n: this.#x.n });
	}

	*#whole(factory: string): Steps<Index> {
		const found = this.#bases.get(factory);
		if (found !== undefined) return found;
		return yield* this.#filled(factory, this.#empty(factory), (index) => index.trainSteps(this.#x, this.#training));
	}

	*#base(spec: IVFSpec): Steps<Index> {
		const name = printSpec(spec);
		const found = this.#bases.get(name);
		if (found !== undefined) return found;
		const from = yield* this.#cellsOf(spec);
		const train = (index: Index): Steps<void> =>
			trainWithCells((index as IndexIVF).cells, from.cells, this.#x, this.#training);
		return yield* this.#filled(name, this.#empty(name), train);
	}

	*#filled(name: string, index: Index, train: (index: Index) => Steps<void>): Steps<Index> {
		let done = false;
		try {
			yield* train(index);
			yield* index.addSteps(this.#x);
			done = true;
		} finally {
			if (!done) index[Symbol.dispose]();
		}
		this.#bases.set(name, index);
		return index;
	}

	*#cellsOf({ nlist }: IVFSpec): Steps<IndexIVF> {
		const name = `IVF${nlist},Flat`;
		const found = this.#cells.get(name);
		if (found !== undefined) return found;
		const index = this.#empty(name) as IndexIVF;
		let done = false;
		try {
			yield* index.trainSteps(this.#x, this.#training);
			done = true;
		} finally {
			if (!done) index[Symbol.dispose]();
		}
		this.#cells.set(name, index);
		return index;
	}

	*#store(word: string): Steps<IndexFlatCodes> {
		const found = this.#stores.get(word);
		if (found !== undefined) return found;
		const { metric, engine } = this.#plan;
		const shape = { d: this.#x.d, metric, engine };
		const spec = readSpec('tune', word);
		const store =
			spec.kind === 'sq'
				? new IndexScalarQuantizer({ ...shape, type: spec.type })
				: new IndexFlat({ ...shape, pruned: false });
		let done = false;
		try {
			yield* store.trainSteps(this.#x, this.#training);
			yield* store.addSteps(this.#x);
			done = true;
		} finally {
			if (!done) store[Symbol.dispose]();
		}
		this.#stores.set(word, store);
		return store;
	}
}

function takeApart(spec: IndexSpec): Pieces {
	const base = spec.kind === 'refine' ? spec.base : spec;
	const plain = base.kind === 'ivf' && base.coarse.kind === 'flat' && base.nlist !== 'auto';
	const store = spec.kind === 'refine' ? spec.store : undefined;
	if (!plain || store?.kind === 'pq') return { ivf: undefined, store: '' };
	return { ivf: base, store: store === undefined ? '' : printSpec(store) };
}
