/** The half of a collection that reads. */

import { VecinoError } from 'vecino';
import type { Doc } from '../rows/rows.ts';
import type { LiveHits, RidSet } from '../segments/contract.ts';
import type { Hit, Id, Metadata, MetadataOf, Row, Schema } from '../types.ts';
import { checkId, checkInt, checkKeys, checkNumber, show } from './check.ts';
import type { Core, VectorSide } from './core.ts';
import { queryVector } from './prepare.ts';
import { distanceOf, rawOfDistance, rawOfScore, scoreOf } from './scores.ts';

/** What comes with a row: its metadata, its text, its vector. */
export type Include = 'metadata' | 'text' | 'vector';

/** What is searched for, among which rows. One of `vector`, `text` and `id` says where. */
export interface Query<M = Metadata> {
	/** d finite numbers. */
	readonly vector?: ArrayLike<number> | undefined;
	/** Embedded by the embedder of the collection. */
	readonly text?: string | undefined;
	/** Of the row whose neighbours are wanted; the row itself is left out. */
	readonly id?: Id | undefined;
	/** With `id`: whether the row itself is found as well. Default: false. */
	readonly includeSelf?: boolean | undefined;
	/** Most hits, 1..10000. Default: 10. */
	readonly k?: number | undefined;
	/** Only rows with such metadata. Default: all. */
	readonly where?: M extends never ? never : undefined;
	/** Share of the true neighbours that is to be found, 0..1; 1 searches everything. Default: 0.95 at least. */
	readonly recall?: number | undefined;
	/** Cells opened, in place of `recall`. */
	readonly nprobe?: number | undefined;
	/** Candidates ranked again per hit, in place of `recall`. */
	readonly kFactor?: number | undefined;
	/** What comes with the hits. Default: ['metadata', 'text']. */
	readonly include?: readonly Include[] | undefined;
	/** Stops it. */
	readonly signal?: AbortSignal | undefined;
}

/** What is searched for within a distance. */
export interface RangeQuery<M = Metadata> extends Omit<Query<M>, 'k' | 'hybrid'> {
	/** Largest `distance` of a hit, as hits have it. */
	readonly radius?: number | undefined;
	/** Least `score` of a hit, in place of `radius`. */
	readonly minScore?: number | undefined;
	/** Most hits; the nearest are kept. Default: 10000. */
	readonly maxResults?: number | undefined;
}

export const MAX_K = 10_000;

const INCLUDES: readonly Include[] = ['metadata', 'text', 'vector'];
const DEFAULT_INCLUDE: readonly Include[] = ['metadata', 'text'];
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

	/** The row of an id; undefined where there is none. */
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

	/** Whether there is a row of that id. */
	async has(id: Id): Promise<boolean> {
		const { core } = this;
		core.checkOpen('Collection.has');
		const key = checkId('Collection.has', id);
		await core.catchUp();
		return core.docs.ridOf(key) !== undefined;
	}

	/** How many rows there are. */
	async count(): Promise<number> {
		const { core } = this;
		core.checkOpen('Collection.count');
		await core.catchUp();
		return core.store.counters.rows;
	}

	/** The nearest rows, nearest first. */
	async query(query: Query<MetadataOf<S>>): Promise<Hit<MetadataOf<S>>[]> {
		const where = 'Collection.query';
		const { core } = this;
		core.checkOpen(where);
		checkKeys(where, query, QUERY_KEYS);
		const k = query.k === undefined ? 10 : checkInt(where, 'k', query.k, 1, MAX_K);
		const include = checkInclude(where, query.include);
		const params = searchParams(where, query);
		await core.catchUp();
		const target = await targetOf(core, where, query);
		if (target === undefined) return [];
		const { live } = target.side;
		const filter = await this.filterOf(where, query);
		const found = live.search(target.vector, target.skip === undefined ? k : k + 1, { ...params, filter });
		return toHits<MetadataOf<S>>(core, found, include, target.skip).slice(0, k);
	}

	/** All rows within a distance, nearest first. */
	async range(query: RangeQuery<MetadataOf<S>>): Promise<Hit<MetadataOf<S>>[]> {
		const where = 'Collection.range';
		const { core } = this;
		core.checkOpen(where);
		checkKeys(where, query, RANGE_KEYS);
		const { metric } = core.settings;
		const include = checkInclude(where, query.include);
		const params = searchParams(where, query);
		const maxResults = query.maxResults === undefined ? MAX_K : checkInt(where, 'maxResults', query.maxResults, 1, 1e6);
		if ((query.radius === undefined) === (query.minScore === undefined))
			throw new TypeError(`${where}: give either radius or minScore`);
		const radius =
			query.radius !== undefined
				? rawOfDistance(metric, checkNumber(where, 'radius', query.radius, -Number.MAX_VALUE, Number.MAX_VALUE))
				: rawOfScore(
						metric,
						checkNumber(
							where,
							'minScore',
							query.minScore,
							metric === 'l2' ? Number.MIN_VALUE : -Number.MAX_VALUE,
							metric === 'l2' ? 1 : Number.MAX_VALUE,
						),
					);
		await core.catchUp();
		const target = await targetOf(core, where, query);
		if (target === undefined) return [];
		const filter = await this.filterOf(where, query);
		const found = target.side.live.range(target.vector, radius, {
			...params,
			filter,
			maxResults: maxResults + (target.skip === undefined ? 0 : 1),
		});
		return toHits<MetadataOf<S>>(core, found, include, target.skip).slice(0, maxResults);
	}

	/** @internal */
	async filterOf(_where: string, _query: { readonly where?: unknown }): Promise<RidSet | undefined> {
		return undefined;
	}
}

interface Target {
	readonly side: VectorSide;
	readonly vector: Float32Array;
	/** The rid of the row itself, which is no hit. */
	readonly skip: number | undefined;
}

/** Where a query looks; undefined where the collection has no vectors yet. */
async function targetOf(core: Core, where: string, query: Query<never> | Query): Promise<Target | undefined> {
	const { vector, text, id } = query;
	const given = [vector, text, id].filter((value) => value !== undefined).length;
	if (given !== 1)
		throw new TypeError(`${where}: give one of vector, text and id, got ${given === 0 ? 'none' : given}`);
	if (id !== undefined) return targetOfId(core, where, checkId(where, id), query.includeSelf === true);
	if (vector !== undefined) {
		const side = core.vectors;
		if (side === undefined) return undefined;
		return { side, vector: queryVector(core, where, vector, side.rows.d), skip: undefined };
	}
	if (typeof text !== 'string') throw new TypeError(`${where}: text must be a string, got ${show(text)}`);
	if (core.vectors === undefined) return undefined;
	const [made] = await core.texts.embed(where, [text], 'query', query.signal);
	const side = core.vectors;
	return { side, vector: queryVector(core, where, made!, side.rows.d), skip: undefined };
}

function targetOfId(core: Core, where: string, id: Id, includeSelf: boolean): Target {
	const rid = core.docs.ridOf(id);
	const side = core.vectors;
	if (rid === undefined || side === undefined) {
		throw new VecinoError('unknown-label', `${where}: there is no row with the id ${show(id)}`, { found: id });
	}
	return { side, vector: vectorOf(side, rid), skip: includeSelf ? undefined : rid };
}

/** The vector of a row: as it is kept, or as the index has it where it is not. */
function vectorOf({ rows, live }: VectorSide, rid: number): Float32Array {
	const kept = rows.vectorsOf([rid]);
	return Number.isNaN(kept[0]!) ? live.reconstruct([rid]) : kept;
}

function searchParams(
	where: string,
	{ recall, nprobe, kFactor }: Query<never> | Query,
): { recall?: number; nprobe?: number; kFactor?: number } {
	return {
		...(recall === undefined ? {} : { recall: checkNumber(where, 'recall', recall, 0, 1) }),
		...(nprobe === undefined ? {} : { nprobe: checkInt(where, 'nprobe', nprobe, 1, 2 ** 31) }),
		...(kFactor === undefined ? {} : { kFactor: checkNumber(where, 'kFactor', kFactor, 1, 1e6) }),
	};
}

function checkInclude(where: string, include: readonly Include[] | undefined): readonly Include[] {
	if (include === undefined) return DEFAULT_INCLUDE;
	if (Array.isArray(include) && include.every((name) => INCLUDES.includes(name))) return include;
	throw new RangeError(`${where}: include must be a list of 'metadata', 'text' and 'vector', got ${show(include)}`);
}

/** A row as callers see it. */
export function toRow<M>(core: Core, doc: Doc, include: readonly Include[]): Row<M> {
	const row: { -readonly [K in keyof Row<M>]: Row<M>[K] } = {
		id: doc.id,
		metadata: (doc.meta === null || !include.includes('metadata') ? {} : JSON.parse(doc.meta)) as M,
	};
	if (doc.text !== null && include.includes('text')) row.text = doc.text;
	if (include.includes('vector') && core.vectors !== undefined) row.vector = vectorOf(core.vectors, doc.rid);
	return row;
}

function toHits<M>(core: Core, found: LiveHits, include: readonly Include[], skip: number | undefined): Hit<M>[] {
	const { metric } = core.settings;
	const hits: Hit<M>[] = [];
	for (let i = 0; i < found.rids.length; i++) {
		const rid = found.rids[i]!;
		if (rid === skip) continue;
		const doc = core.docs.ofRid(rid);
		// For a reader: the row went after the index caught up.
		if (doc === undefined) continue;
		const raw = found.distances[i]!;
		hits.push({ ...toRow<M>(core, doc, include), score: scoreOf(metric, raw), distance: distanceOf(metric, raw) });
	}
	return hits;
}
