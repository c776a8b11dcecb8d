/**
 * Re-ranking: a base index proposes k * kFactor candidates, a second store of the same vectors, exact
 * or nearly so, puts them in order.
 */

import { type OptionTable, REFINE_SEARCH_PARAMS, type RefineSearchParams } from '../core/options.ts';
import { type IndexStats, SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import { checkKeys, checkNumber, checkOneOf, show } from '../util/check.ts';
import type { Steps } from '../util/steps.ts';
import { Index, MAX_K, type TrainOptions } from './base.ts';
import { loadRows, SearchScratch } from './batch.ts';
import { IndexFlat } from './flat.ts';
import type { IndexFlatCodes } from './flat-codes.ts';
import { IndexScalarQuantizer } from './scalar-quantizer.ts';

export interface IndexRefineOptions {
	/** Proposes candidates; labels must be row numbers. Owned by the IndexRefine from now on. */
	readonly base: Index;
	/** What the candidates are re-ranked with: exact vectors (4 * d bytes each) or SQ8 codes (d bytes). Default: 'flat'. */
	readonly store?: 'flat' | 'sq8' | undefined;
	/** Candidates per result, unless the search says otherwise. Default: 10. */
	readonly kFactor?: number | undefined;
}

/**
 * @example
 * using index = new IndexRefine({ base: new IndexIVFPQ({ d: 64, nlist: 100, m: 16 }), store: 'sq8' });
 * index.train(vectors).add(vectors);
 * index.search(queries, 10, { nprobe: 8, kFactor: 10 });
 */
export class IndexRefine extends Index<RefineSearchParams> {
	readonly type = 'IndexRefine';
	readonly base: Index;
	readonly refine: IndexFlatCodes;
	readonly kFactor: number;
	readonly store: 'flat' | 'sq8';

	constructor(options: IndexRefineOptions) {
		const where = 'IndexRefine';
		checkKeys(where, options, ['base', 'store', 'kFactor']);
		const { base } = options;
		if (!(base instanceof Index)) throw new TypeError(`${where}: base must be an index, got ${show(base)}`);
		if (base.type === 'IndexIDMap' || base.type === 'IndexRefine') {
			throw new TypeError(
				`${where}: base cannot be an ${base.type}; put the IndexIDMap outside: IndexIDMap({ index: refine })`,
			);
		}
		if (base.ntotal > 0) throw new RangeError(`${where}: base must be empty, it holds ${base.ntotal} vectors`);
		const { d, metric, engine } = base;
		super(where, { d, metric, engine });
		this.base = base;
		this.searchTable = { ...REFINE_SEARCH_PARAMS, ...base.searchTable };
		this.store = checkOneOf(where, 'store', options.store ?? 'flat', ['flat', 'sq8']);
		this.kFactor = checkNumber(where, 'kFactor', options.kFactor ?? 10, 1, 1e6);
		const Store = this.store === 'flat' ? IndexFlat : IndexScalarQuantizer;
		this.refine = new Store({ d, metric, engine });
	}

	get ntotal(): number {
		return this.base.ntotal;
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
	*trainSteps(x: VectorSet, options: TrainOptions): Steps<void> {
		yield* this.base.trainSteps(x, options);
		yield* this.refine.trainSteps(x, options);
	}

	/** @internal */
	*addSteps(x: VectorSet): Steps<void> {
		// The store goes first: a base that fails or is aborted then leaves rows behind that can be taken back.
		const before = this.refine.ntotal;
		yield* this.refine.addSteps(x);
		let done = false;
		try {
			yield* this.base.addSteps(x);
			done = true;
		} finally {
			if (!done) this.refine.codes.truncate(before);
		}
	}

	/** @internal */
	*searchSteps(q: VectorSet, k: number, params: RefineSearchParams, result: SearchResult): Steps<void> {
		const { kFactor = this.kFactor, ...base } = params;
		const wide = Math.min(Math.ceil(k * kFactor), MAX_K, Math.max(k, this.ntotal));
		const candidates = new SearchResult(q.n, wide, this.metric);
		yield* this.base.searchSteps(q, wide, base, candidates);
		const { engine, refine, metric } = this;
		const { arena } = engine;
		using scratch = new SearchScratch(engine, this.d, k, 1, refine.scanner.stateBytes);
		const gathered = arena.alloc(refine.gatherBytes(wide));
		try {
			const labels = new Uint32Array(wide);
			for (let i = 0; i < q.n; i++) {
				loadRows(engine, metric, q, i, 1, scratch.query);
				refine.scanner.setQuery(scratch.query, scratch.state(0));
				scratch.initTopk(0);
				let count = 0;
				while (count < wide && candidates.labels[i * wide + count] !== -1) {
					labels[count] = candidates.labels[i * wide + count]!;
					count++;
				}
				refine.scanRows(labels.subarray(0, count), gathered, scratch, 0);
				scratch.emit(0, i, metric, result);
				yield { phase: 'refine', done: i + 1, total: q.n };
			}
		} finally {
			arena.free(gathered);
		}
	}

	/** @internal */
	reconstructRow(row: number): Float32Array<ArrayBuffer> {
		return this.refine.reconstructRow(row);
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
		if (this.base.ntotal !== this.refine.ntotal) {
			const message = `IndexRefine.${method}: the base index was changed behind its back (${this.base.ntotal} vectors, ${this.refine.ntotal} stored)`;
			throw new VecinoError('unsupported', message);
		}
	}
}
