/**
 * Finding vectors: search, by radius, page by page, among those that a filter lets in; and decoding them.
 */

import {
	type OptionTable,
	PAGE_PARAMS,
	type PageParams,
	RANGE_PARAMS,
	type RangeParams,
	resolveOptions,
	type SearchParams,
} from '../core/options.ts';
import { checkRecallTable, type RecallTable, settingFor } from '../core/recall-table.ts';
import { type RangeResult, SearchResult } from '../core/result.ts';
import { type Filter, type IDSelector, toSelector } from '../core/selector.ts';
import { toVectorSet, VectorSet, type Vectors } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import { checkInt, show } from '../util/check.ts';
import { type Labels, toLabels } from '../util/labels.ts';
import { type AsyncRunOptions, runAsync, runSync, type Steps } from '../util/steps.ts';
import { IndexContract, MAX_K, MAX_NTOTAL } from './contract.ts';
import { PreparedFilter, selectRows } from './filter.ts';
import { PageReader, type Paging, readPages, readPagesAsync } from './pages.ts';
import { rangeSteps } from './range-search.ts';

/** A search among rows that may be found, all where there are none given. */
type RowSearch<P> = (q: VectorSet, params: P, result: SearchResult, rows: LabelBitmap | undefined) => Steps<void>;

/** What every index finds, from the searchSteps of its kind. @typeParam P - Search parameters. */
export abstract class SearchableIndex<P extends SearchParams> extends IndexContract<P> {
	/** Made once: what is known of a table is kept by the table. */
	#rangeTable: OptionTable | undefined;
	#pageTable: OptionTable | undefined;
	#recallTable: RecallTable | undefined;

	/**
	 * What recall each setting of the search parameters reaches, for searches that ask for `recall`; undefined until it is
	 * set, and again after train or retrain. Kept in files. Measured of the vectors there were: measure again after large
	 * changes, and after rebalance.
	 *
	 * @throws {TypeError} @throws {RangeError} for what is no table, or one whose recall does not grow from row to row.
	 *
	 * @example
	 * using index = new IndexIVFFlat({ d: 64, nlist: 16 });
	 * index.train(vectors).add(vectors);
	 * const truth = exactNeighbors(vectors, queries, 10);
	 * index.recallTable = measureRecallTable(index, queries, { truth });
	 * console.log(recallAtK(index.search(queries, 10, { recall: 0.9 }), truth) >= 0.9); // true
	 */
	get recallTable(): RecallTable | undefined {
		return this.#recallTable;
	}

	set recallTable(table: RecallTable | undefined) {
		this.checkUsable('recallTable');
		this.#recallTable = table === undefined ? undefined : checkRecallTable(`${this.type}.recallTable`, table);
	}

	/** Settings were measured with what was trained before. @internal */
	protected forgetRecallTable(): void {
		this.#recallTable = undefined;
	}

	/**
	 * The k nearest of each query.
	 *
	 * @param q - One or more queries of dimension d.
	 * @param k - 1..65536; when fewer vectors are there the rest is padding (label -1), absent in hits().
	 * @throws {VecinoError} `not-trained`, `dimension-mismatch`, `not-finite`.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 2, metric: 'ip' });
	 * index.add([[0, 0], [3, 4]]);
	 * console.log(index.search([1, 1], 3).labels, index.search([1, 1], 3).hits(0)); // Float64Array(3) [1, 0, -1] [{ label: 1, distance: 7 }, { label: 0, distance: 0 }]
	 */
	search(q: Vectors, k: number, params?: P): SearchResult {
		const { steps, resolved, result } = this.#prepareSearch('search', q, k, params);
		runSync(steps, resolved);
		return result;
	}

	/**
	 * search in slices, or on the threads of the engine; the same results.
	 *
	 * @throws {VecinoError} as search; `aborted`.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 64 });
	 * const { labels } = await index.add(vectors).searchAsync(vectors.slice(0, 3), 1, { signal: AbortSignal.timeout(60_000) });
	 * console.log(labels); // Float64Array(3) [0, 1, 2]
	 */
	async searchAsync(q: Vectors, k: number, params?: P & AsyncRunOptions): Promise<SearchResult> {
		const { steps, resolved, result } = this.#prepareSearch('searchAsync', q, k, params);
		await runAsync(steps, resolved);
		return result;
	}

	/**
	 * A filter for many searches of this index: what `filter` takes is turned into rows once, at the first search, and anew
	 * only when the index has changed. Pays for functions, and for narrow filters. Dispose of it before the index.
	 *
	 * @example
	 * const price = (label: number) => label % 50;
	 * using index = new IndexFlat({ d: 64 }).add(vectors);
	 * using cheap = index.prepareFilter((label) => price(label) < 20);
	 * for (let i = 0; i < queries.n; i++) index.search(queries.row(i), 10, { filter: cheap });
	 */
	prepareFilter(filter: Filter): PreparedFilter {
		this.checkUsable('prepareFilter');
		return new PreparedFilter(this, toSelector(`${this.type}.prepareFilter`, filter));
	}

	/**
	 * Every vector within a radius of each query, nearest first. Of an index with cells those that a search for as many
	 * neighbours would open: with `nprobe` all of them, for a result that is complete.
	 *
	 * @param radius - Squared distance under 'l2', where vectors with distance <= radius are found; similarity under 'ip' and
	 * 'cosine', where those with similarity >= radius are. (FAISS leaves out those at the radius.)
	 * @throws {VecinoError} `not-trained`, `dimension-mismatch`, `not-finite`.
	 * @example
	 * using index = new IndexFlat({ d: 2 });
	 * index.add([[0, 0], [3, 4], [6, 8]]);
	 * const found = index.rangeSearch([0, 0], 25);
	 * console.log(found.hits()); // [{ label: 0, distance: 0 }, { label: 1, distance: 25 }]
	 * console.log(found.complete); // true
	 */
	rangeSearch(q: Vectors, radius: number, params?: P & RangeParams): RangeResult {
		const { steps, resolved } = this.#prepareRange('rangeSearch', q, radius, params);
		return runSync(steps, resolved);
	}

	/**
	 * rangeSearch in slices; the same results.
	 *
	 * @throws {VecinoError} as rangeSearch; `aborted`.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 64 }).add(vectors);
	 * const { lims } = await index.rangeSearchAsync(vectors.slice(0, 2), 0, { sliceMs: 4 });
	 * console.log(lims); // Float64Array(3) [0, 1, 2]
	 */
	async rangeSearchAsync(q: Vectors, radius: number, params?: P & RangeParams & AsyncRunOptions): Promise<RangeResult> {
		const { steps, resolved } = this.#prepareRange('rangeSearchAsync', q, radius, params);
		return await runAsync(steps, resolved);
	}

	/**
	 * The neighbours of one query, page by page, each once, until all vectors have come. Within a page and from page to page
	 * they come nearest first, as far as the search finds them in time: with cells or a graph one may come late. When the
	 * index changes between two pages, reading goes on in it as it is then.
	 *
	 * @returns Pages of one query, `pageSize` neighbours each, the last one fewer. Taking one more page costs, on average,
	 * less than a third of searching for all so far.
	 * @example
	 * using index = new IndexFlat({ d: 1 });
	 * index.add([[0], [1], [2], [3], [4]]);
	 * const pages = [...index.pages([0], { pageSize: 2 })];
	 * console.log(pages.map(({ labels }) => [...labels])); // [[0, 1], [2, 3], [4]]
	 * for (const page of index.pages([0], { pageSize: 2, offset: 4 })) console.log(page.labels[0]); // 4
	 */
	pages(q: Vectors, params?: P & PageParams): Generator<SearchResult, void, undefined> {
		return readPages(this.#preparePages('pages', q, params));
	}

	/**
	 * pages in slices; the same pages.
	 *
	 * @throws {VecinoError} as pages; `aborted`.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 64 }).add(vectors);
	 * for await (const page of index.pagesAsync(queries.row(0), { pageSize: 20 })) {
	 *   console.log(page.hits().length); // 20
	 *   break;
	 * }
	 */
	pagesAsync(q: Vectors, params?: P & PageParams & AsyncRunOptions): AsyncGenerator<SearchResult, void, undefined> {
		return readPagesAsync(this.#preparePages('pagesAsync', q, params));
	}

	/**
	 * Whether a vector with that label is in the index.
	 *
	 * @example
	 * using index = new IndexFlat({ d: 1 });
	 * index.add([[0], [1]]).remove(0);
	 * console.log(index.has(0), index.has(1)); // false true
	 */
	has(label: number): boolean {
		this.checkUsable('has');
		return Number.isSafeInteger(label) && label >= 0 && this.hasLabel(label);
	}

	/**
	 * The vector that the index holds for a label, decoded from its code (normalised under 'cosine').
	 *
	 * @throws {VecinoError} `unknown-label`.
	 *
	 * @example
	 * using index = new IndexScalarQuantizer({ d: 2, type: 'f16' });
	 * console.log(index.add([[0, 0], [3, 4]]).reconstruct(1)); // Float32Array(2) [3, 4]
	 */
	reconstruct(label: number): Float32Array<ArrayBuffer> {
		this.checkUsable('reconstruct');
		if (!this.has(label)) {
			const message = `${this.type}.reconstruct: no vector has label ${label}; there are ${this.ntotal}`;
			throw new VecinoError('unknown-label', message, { found: label });
		}
		return this.reconstructRow(label);
	}

	/**
	 * The vectors of many labels, decoded from their codes, in the order asked for.
	 *
	 * @param labels - Any number, any order, repeats allowed.
	 * @returns labels.length rows of d values.
	 * @throws {VecinoError} `unknown-label` naming the first that is not there.
	 * @example
	 * using index = new IndexFlat({ d: 2 });
	 * index.add([[0, 0], [3, 4]]);
	 * console.log([...index.reconstructMany([1, 0]).data]); // [3, 4, 0, 0]
	 */
	reconstructMany(labels: Labels): VectorSet {
		const where = `${this.type}.reconstructMany`;
		this.checkUsable('reconstructMany');
		const list = toLabels(where, labels);
		const missing = list.findIndex((label) => !this.hasLabel(label));
		if (missing >= 0) {
			const message = `${where}: no vector has label ${list[missing]}; there are ${this.ntotal}`;
			throw new VecinoError('unknown-label', message, { row: missing, found: list[missing]! });
		}
		const out = new VectorSet(new Float32Array(list.length * this.d), this.d);
		this.reconstructRows(this.rowsOf(list), out.data);
		return out;
	}

	/** A search by other means than searchSteps; parameters are those of `table`. @internal */
	protected searchBy(
		method: string,
		q: Vectors,
		k: number,
		params: P | undefined,
		table: OptionTable,
		search: RowSearch<P>,
	): SearchResult {
		const { steps, resolved, result } = this.#prepareSearch(method, q, k, params, table, search);
		runSync(steps, resolved);
		return result;
	}

	#prepareSearch(
		method: string,
		q: Vectors,
		k: number,
		params: P | undefined,
		table: OptionTable = this.searchTable,
		search?: RowSearch<P>,
	) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		checkInt(where, 'k', k, 1, MAX_K);
		const resolved = this.#reaching(where, params, resolveOptions(where, params, table), table);
		const set = toVectorSet(where, 'q', q, this.d);
		const result = new SearchResult(set.n, k, this.metric);
		if (resolved.stats !== undefined) resolved.stats.nq += set.n;
		const { filter } = resolved;
		const { live } = this;
		const run = (rows: LabelBitmap | undefined): Steps<void> =>
			search === undefined ? this.searchSteps(set, k, resolved, result, rows) : search(set, resolved, result, rows);
		// The way of most searches, with no step more than they need.
		if (filter === undefined && live?.count !== 0) {
			return { steps: this.reading(method, run(live), result), resolved, result };
		}
		const steps = this.#among(method, filter, function* (rows, matches) {
			if (matches > 0) yield* run(rows);
			result.settle(matches);
		});
		return { steps: this.reading(method, steps), resolved, result };
	}

	/** A search among the rows that the filter lets in and that are alive: `rows`, all if undefined; `matches` of them. */
	*#among<T>(
		method: string,
		filter: Filter | undefined,
		search: (rows: LabelBitmap | undefined, matches: number) => Steps<T>,
	): Steps<T> {
		if (filter === undefined) {
			const { live } = this;
			return yield* search(live, live?.count ?? this.ntotal);
		}
		const { engine } = this;
		const kept = filter instanceof PreparedFilter;
		const selector = kept ? filter.selector : (filter as IDSelector);
		const make = () => selectRows(engine.arena, selector, this.labelSpace, kept);
		// A filter that lets everything in is none.
		const among = (rows: LabelBitmap): Steps<T> => search(rows.count === rows.bits ? undefined : rows, rows.count);
		if (kept) return yield* filter.use(`${this.type}.${method}`, this, this.version, make, among);
		using rows = yield* make();
		return yield* among(rows);
	}

	/** `resolved` with the parameters measured to reach its `recall` in place of that. Those that the caller gave stand. */
	#reaching<Q extends SearchParams>(where: string, given: object | undefined, resolved: Q, table: OptionTable): Q {
		if ((resolved as { recall?: number }).recall === undefined) return resolved;
		const { recall, ...rest } = resolved as Q & { recall: number };
		const found: Record<string, unknown> = { ...rest };
		const stated = given as Readonly<Record<string, unknown>>;
		for (const [name, value] of Object.entries(settingFor(where, this.#recallTable, recall))) {
			if (name in table && stated[name] === undefined) found[name] = value;
		}
		return found as unknown as Q;
	}

	#prepareRange(method: string, q: Vectors, radius: number, params: (P & RangeParams) | undefined) {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		if (typeof radius !== 'number' || Number.isNaN(radius)) {
			throw new TypeError(`${where}: radius must be a number, got ${show(radius)}`);
		}
		this.#rangeTable ??= { ...RANGE_PARAMS, ...this.searchTable };
		const table = this.#rangeTable;
		const { maxResults = MAX_NTOTAL, ...resolved } = this.#reaching(
			where,
			params,
			resolveOptions<SearchParams & RangeParams>(where, params, table),
			table,
		);
		const set = toVectorSet(where, 'q', q, this.d);
		if (resolved.stats !== undefined) resolved.stats.nq += set.n;
		const steps = this.#among(method, resolved.filter, (admitted, matches) =>
			rangeSteps(this, set, { radius, maxResults, params: resolved as P, admitted, matches }),
		);
		return { steps: this.reading(method, steps), resolved };
	}

	#preparePages(method: string, q: Vectors, params: (P & PageParams) | undefined): Paging {
		const where = `${this.type}.${method}`;
		this.checkTrained(method);
		this.#pageTable ??= { ...PAGE_PARAMS, ...this.searchTable };
		const table = this.#pageTable;
		const { pageSize, offset, ...rest } = this.#reaching(
			where,
			params,
			resolveOptions<SearchParams & PageParams>(where, params, table),
			table,
		);
		const set = toVectorSet(where, 'q', q, this.d);
		if (set.n !== 1) throw new RangeError(`${where}: q must be one query, got ${set.n}`);
		const resolved = rest as P;
		if (resolved.stats !== undefined) resolved.stats.nq++;
		const reader = new PageReader(this, new VectorSet(set.data.slice(), this.d), resolved);
		const read = (n: number): Steps<SearchResult> => {
			const steps = this.#among(method, resolved.filter, (rows, matches) => reader.next(n, rows, matches));
			return this.reading(method, steps);
		};
		return { read, pageSize: pageSize!, offset: offset!, resolved };
	}
}
