/** The half of a collection that reads. */

import type { Metric } from 'vecino';
import { checkId, checkInt, checkKeys, checkNumber } from '../check.ts';
import type { Hit, Id, Metadata, MetadataOf, Row, Schema } from '../types.ts';
import type { Where } from '../where/types.ts';
import type { Core } from './core.ts';
import { compileFilter, countWhere } from './filter.ts';
import { listDocs } from './list.ts';
import { rawOfDistance, rawOfScore } from './scores.ts';
import { checkInclude, type Include, planSearch, type Query, searchNearest, searchWithin, toRow } from './search.ts';
import { type CollectionHealth, type CollectionStats, healthOf, statsOf } from './stats.ts';

/** What is searched for within a distance. */
export interface RangeQuery<M = Metadata> extends Omit<Query<M>, 'k' | 'hybrid'> {
	/** Largest `distance` of a hit, as hits have it. */
	readonly radius?: number | undefined;
	/** Least `score` of a hit, in place of `radius`. */
	readonly minScore?: number | undefined;
	/** Most hits; the nearest are kept. Default: 10000. */
	readonly maxResults?: number | undefined;
}

/** What is listed. */
export interface ListOptions<M = Metadata> {
	/** Only rows with such metadata. Default: all. */
	readonly where?: Where<M> | undefined;
	/** Only rows whose ids come after this one. Default: from the first on. */
	readonly after?: Id | undefined;
	/** Most rows, 1..10000. Default: 100. */
	readonly limit?: number | undefined;
	/** What comes with the rows. Default: ['metadata', 'text']. */
	readonly include?: readonly Include[] | undefined;
	/** Stops it. */
	readonly signal?: AbortSignal | undefined;
}

export const MAX_K = 10_000;

const MOST_PAGED = 65_536;
const SEARCH_KEYS = [
	'vector',
	'text',
	'id',
	'includeSelf',
	'where',
	'recall',
	'nprobe',
	'kFactor',
	'include',
	'signal',
];
const QUERY_KEYS: readonly string[] = [...SEARCH_KEYS, 'k', 'hybrid'];
const PAGE_KEYS: readonly string[] = [...SEARCH_KEYS, 'hybrid'];
const RANGE_KEYS: readonly string[] = [...SEARCH_KEYS, 'radius', 'minScore', 'maxResults'];

/** Reads: by id, by neighbourhood, by metadata. */
export abstract class Reading<S extends Schema | undefined> {
	/** @internal */
	readonly core: Core;

	/** @internal */
	constructor(core: Core) {
		this.core = core;
	}

	/** Folder of the collection, or ':memory:'. */
	get path(): string {
		return this.core.path;
	}

	/** Numbers per vector; undefined until the first vector, where none was given. */
	get dimension(): number | undefined {
		return this.core.settings.dimension;
	}

	/**
	 * The row of an id; undefined where there is none.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * console.log((await rows.get('a'))?.metadata); // { year: 2001 }
	 * console.log(await rows.get('c')); // undefined
	 */
	async get(
		id: Id,
		options: { readonly include?: readonly Include[] | undefined } = {},
	): Promise<Row<MetadataOf<S>> | undefined> {
		const { core } = this;
		core.checkOpen('Collection.get');
		checkKeys('Collection.get', options, ['include']);
		const include = checkInclude('Collection.get', options.include);
		const key = checkId('Collection.get', id);
		await core.catchUp();
		const doc = core.docs.ofId(key);
		return doc && toRow<MetadataOf<S>>(core, doc, include);
	}

	/**
	 * Whether there is a row of that id.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add({ id: 1, vector: [1, 0] });
	 * console.log(await rows.has(1), await rows.has('1')); // true false
	 */
	async has(id: Id): Promise<boolean> {
		const { core } = this;
		core.checkOpen('Collection.has');
		const key = checkId('Collection.has', id);
		await core.catchUp();
		return core.docs.ridOf(key) !== undefined;
	}

	/**
	 * Figures: rows, cells, bytes, what goes on in the background.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * const { vectors, index, bytes } = await rows.stats();
	 * console.log(vectors, index, bytes.dead); // 2 Flat 0
	 */
	async stats(): Promise<CollectionStats> {
		const { core } = this;
		core.checkOpen('Collection.stats');
		await core.catchUp();
		return statsOf(core);
	}

	/**
	 * Whether the collection does as well as it can, and if not, why.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * console.log((await rows.health()).verdict); // ok
	 */
	async health(): Promise<CollectionHealth> {
		const { core } = this;
		core.checkOpen('Collection.health');
		await core.catchUp();
		return healthOf(core);
	}

	/**
	 * How many rows there are, or match.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * console.log(await rows.count(), await rows.count({ year: { $gt: 2001 } })); // 2 1
	 */
	async count(condition?: Where<MetadataOf<S>>): Promise<number> {
		const { core } = this;
		core.checkOpen('Collection.count');
		await core.catchUp();
		const compiled = compileFilter(core, 'Collection.count', condition);
		return compiled === undefined ? core.store.counters.rows : countWhere(core, 'Collection.count', compiled);
	}

	/**
	 * Rows in the order of their ids: integers first, by value, then texts, by their UTF-8 bytes. The next page begins after the
	 * id of the last row, so that no row is shown twice or passed over, whatever is written in between.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * const page = await rows.list({ limit: 1 });
	 * const next = await rows.list({ limit: 1, after: page[0]!.id });
	 * console.log(next.map(({ id }) => id)); // [ 'b' ]
	 */
	async list(options: ListOptions<MetadataOf<S>> = {}): Promise<Row<MetadataOf<S>>[]> {
		const where = 'Collection.list';
		const { core } = this;
		core.checkOpen(where);
		checkKeys(where, options, ['where', 'after', 'limit', 'include', 'signal']);
		const include = checkInclude(where, options.include);
		const after = options.after === undefined ? undefined : checkId(where, options.after);
		const limit = options.limit === undefined ? 100 : checkInt(where, 'limit', options.limit, 1, MAX_K);
		await core.catchUp();
		const docs = await listDocs(core, where, compileFilter(core, where, options.where), after, limit, options.signal);
		return docs.map((doc) => toRow<MetadataOf<S>>(core, doc, include));
	}

	/**
	 * The nearest rows, nearest first.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * const hits = await rows.query({ vector: [0.1, 1], k: 1, where: { year: { $gte: 2000 } } });
	 * console.log(hits[0]?.id, hits[0]?.metadata); // b { year: 2002 }
	 */
	async query(query: Query<MetadataOf<S>>): Promise<Hit<MetadataOf<S>>[]> {
		const where = 'Collection.query';
		const { core } = this;
		core.checkOpen(where);
		checkKeys(where, query, QUERY_KEYS);
		const k = query.k === undefined ? 10 : checkInt(where, 'k', query.k, 1, MAX_K);
		const plan = planSearch(where, query);
		await core.catchUp();
		await core.breathe();
		return searchNearest<MetadataOf<S>>(core, plan, k);
	}

	/**
	 * All rows within a distance, nearest first.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * const near = await rows.range({ vector: [2, 0], minScore: 0.9 });
	 * console.log(near.map(({ id, score }) => [id, score])); // [ [ 'a', 1 ] ]
	 */
	async range(query: RangeQuery<MetadataOf<S>>): Promise<Hit<MetadataOf<S>>[]> {
		const where = 'Collection.range';
		const { core } = this;
		core.checkOpen(where);
		checkKeys(where, query, RANGE_KEYS);
		const most = query.maxResults === undefined ? MAX_K : checkInt(where, 'maxResults', query.maxResults, 1, 1e6);
		const plan = planSearch(where, query);
		const radius = radiusOf(core.settings.metric, where, query);
		await core.catchUp();
		await core.breathe();
		return searchWithin<MetadataOf<S>>(core, plan, radius, most);
	}

	/**
	 * Hits, a page at a time, until there are no more. No row is shown twice and none is passed over: each page is searched for
	 * with more neighbours than the one before, and what was shown is left out. At most 65,536 hits. Rows without anything to
	 * search for: `list`.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * const shown: unknown[] = [];
	 * for await (const page of rows.pages({ vector: [1, 0] }, { pageSize: 1 })) shown.push(page[0]?.id);
	 * console.log(shown); // [ 'a', 'b' ]
	 */
	async *pages(
		query: Omit<Query<MetadataOf<S>>, 'k'>,
		options: { readonly pageSize?: number | undefined } = {},
	): AsyncGenerator<Hit<MetadataOf<S>>[], void, undefined> {
		const where = 'Collection.pages';
		const { core } = this;
		core.checkOpen(where);
		checkKeys(where, query, PAGE_KEYS);
		checkKeys(where, options, ['pageSize']);
		const size = options.pageSize === undefined ? 10 : checkInt(where, 'pageSize', options.pageSize, 1, MAX_K);
		const plan = planSearch(where, query);
		const shown = new Set<Id>();
		while (shown.size < MOST_PAGED) {
			core.checkOpen(where);
			await core.catchUp();
			const k = Math.min(shown.size + size, MOST_PAGED);
			const hits = await searchNearest<MetadataOf<S>>(core, plan, k);
			const page = hits.filter(({ id }) => !shown.has(id)).slice(0, size);
			if (page.length === 0) return;
			for (const { id } of page) shown.add(id);
			yield page;
		}
	}
}

function radiusOf(
	metric: Metric,
	where: string,
	{ radius, minScore }: { readonly radius?: number | undefined; readonly minScore?: number | undefined },
): number {
	if ((radius === undefined) === (minScore === undefined))
		throw new TypeError(`${where}: give either radius or minScore`);
	const { MAX_VALUE, MIN_VALUE } = Number;
	if (radius !== undefined) return rawOfDistance(metric, checkNumber(where, 'radius', radius, -MAX_VALUE, MAX_VALUE));
	const [least, most] = metric === 'l2' ? [MIN_VALUE, 1] : [-MAX_VALUE, MAX_VALUE];
	return rawOfScore(metric, checkNumber(where, 'minScore', minScore, least, most));
}
