/** Searching: where a query looks, in which rows, and what is made of what is found. */

import { VecinoError } from 'vecino';
import { checkId, checkInt, checkNumber, show } from '../check.ts';
import type { Doc } from '../rows/rows.ts';
import type { LiveHits, LiveSearchParams, RidSet } from '../segments/contract.ts';
import type { Hit, Id, Metadata, Row } from '../types.ts';
import type { Where } from '../where/types.ts';
import type { Core, VectorSide } from './core.ts';
import { compileFilter, filterOf } from './filter.ts';
import { checkHybrid, depthOf, type FoundRow, fuseSides, type HybridOptions, searchWords } from './hybrid.ts';
import { queryVector } from './prepare.ts';
import { distanceOf, rawOf, scoreOf } from './scores.ts';

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
	readonly where?: Where<M> | undefined;
	/** Share of the true neighbours that is to be found, 0..1; 1 searches everything. Default: 0.95 at least. */
	readonly recall?: number | undefined;
	/** Cells opened, in place of `recall`. */
	readonly nprobe?: number | undefined;
	/** Candidates ranked again per hit, in place of `recall`. */
	readonly kFactor?: number | undefined;
	/**
	 * With `text`: also by words. true or options join the neighbours with the texts that have the words; 'words' asks for the
	 * words alone and needs no embedder. A `vector` or an `id` beside the text takes the place of its embedding.
	 * Default: false, the neighbours alone.
	 */
	readonly hybrid?: boolean | 'words' | HybridOptions | undefined;
	/** What comes with the hits. Default: ['metadata', 'text']. */
	readonly include?: readonly Include[] | undefined;
	/** Stops it. */
	readonly signal?: AbortSignal | undefined;
}

const INCLUDES: readonly Include[] = ['metadata', 'text', 'vector'];
const DEFAULT_INCLUDE: readonly Include[] = ['metadata', 'text'];

/** A query that was checked. */
export interface SearchPlan {
	/** The method, for errors. */
	readonly where: string;
	readonly vector: ArrayLike<number> | undefined;
	readonly text: string | undefined;
	readonly id: Id | undefined;
	readonly includeSelf: boolean;
	readonly condition: unknown;
	readonly params: LiveSearchParams;
	readonly hybrid: HybridOptions | 'words' | undefined;
	readonly include: readonly Include[];
	readonly signal: AbortSignal | undefined;
}

/** Where a search looks. */
interface Target {
	readonly side: VectorSide;
	readonly vector: Float32Array;
	/** The rid of the row itself, which is no hit. */
	readonly skip: number | undefined;
}

export function planSearch(
	where: string,
	query: Omit<Query<never>, 'where'> & { readonly where?: unknown },
): SearchPlan {
	const { vector, text, id, includeSelf = false, signal } = query;
	const hybrid = checkHybrid(where, query.hybrid);
	checkTarget(where, hybrid, vector, text, id);
	if (text !== undefined && typeof text !== 'string')
		throw new TypeError(`${where}: text must be a string, got ${show(text)}`);
	if (typeof includeSelf !== 'boolean')
		throw new TypeError(`${where}: includeSelf must be true or false, got ${show(includeSelf)}`);
	return {
		where,
		vector,
		text,
		id: id === undefined ? undefined : checkId(where, id),
		includeSelf,
		condition: query.where,
		params: searchParams(where, query),
		hybrid,
		include: checkInclude(where, query.include),
		signal,
	};
}

function checkTarget(
	where: string,
	hybrid: HybridOptions | 'words' | undefined,
	vector: unknown,
	text: unknown,
	id: unknown,
): void {
	const places = [vector, id].filter((value) => value !== undefined).length;
	if (hybrid === undefined) {
		const given = places + (text === undefined ? 0 : 1);
		if (given !== 1)
			throw new TypeError(`${where}: give one of vector, text and id, got ${given === 0 ? 'none' : given}`);
		return;
	}
	if (text === undefined) throw new TypeError(`${where}: hybrid needs a text`);
	if (places > (hybrid === 'words' ? 0 : 1)) {
		throw new TypeError(`${where}: hybrid takes a text and at most one of vector and id; 'words' takes a text alone`);
	}
}

/** The k best rows: nearest, by words, or both. */
export async function searchNearest<M>(core: Core, plan: SearchPlan, k: number): Promise<Hit<M>[]> {
	const { where, condition, hybrid, include } = plan;
	if (hybrid === 'words') {
		const words = searchWords(core, plan.text!, compileFilter(core, where, condition), k);
		return wordHits<M>(core, words, undefined, include, k);
	}
	const place = await placeOf(core, plan);
	if (place === undefined) return [];
	const { side, vector, skip, filter } = place;
	const more = skip === undefined ? 0 : 1;
	if (hybrid === undefined) {
		const found = side.live.search(vector, k + more, { ...plan.params, filter });
		return toHits<M>(core, found, include, skip, k);
	}
	const depth = depthOf(hybrid, k) + more;
	const near = side.live.search(vector, depth, { ...plan.params, filter });
	const words = searchWords(core, plan.text!, compileFilter(core, where, condition), depth, hybrid);
	return wordHits<M>(core, fuseSides(core, near, words, hybrid, skip), { near, vector, side }, include, k);
}

/** All rows within a distance. @param radius - As the engine has it. */
export async function searchWithin<M>(core: Core, plan: SearchPlan, radius: number, most: number): Promise<Hit<M>[]> {
	const place = await placeOf(core, plan);
	if (place === undefined) return [];
	const { side, vector, skip, filter } = place;
	const maxResults = skip === undefined ? most : most + 1;
	const found = side.live.range(vector, radius, { ...plan.params, filter, maxResults });
	return toHits<M>(core, found, plan.include, skip, most);
}

/**
 * Where a query looks and in which rows. The filter comes last: an embedder may take seconds, in which metadata changes, and
 * what is found is to match as it is then.
 */
async function placeOf(
	core: Core,
	plan: SearchPlan,
): Promise<(Target & { readonly filter: RidSet | undefined }) | undefined> {
	// A misspelt field is said before anything is embedded.
	compileFilter(core, plan.where, plan.condition);
	for (;;) {
		const target = await targetOf(core, plan);
		if (target === undefined) return undefined;
		const filter = await filterOf(core, plan.where, plan.condition, plan.signal);
		// Again where all vectors were made anew meanwhile.
		if (target.side === core.vectors) return { ...target, filter };
		core.checkOpen(plan.where);
	}
}

/** Where a query looks; undefined where the collection has no vectors yet. */
async function targetOf(core: Core, plan: SearchPlan): Promise<Target | undefined> {
	const { where, vector, text, id, includeSelf, signal } = plan;
	if (id !== undefined) return targetOfId(core, where, id, includeSelf);
	if (vector !== undefined) {
		const side = core.vectors;
		return side && { side, vector: queryVector(core, where, vector, side.rows.d), skip: undefined };
	}
	let made: Float32Array;
	let generation: number;
	do {
		// Again where the embedder was fitted meanwhile: vectors of two versions cannot be compared.
		generation = core.generation;
		made = await core.texts.embedQuery(where, text!, signal);
	} while (generation !== core.generation);
	const side = core.vectors;
	return side && { side, vector: queryVector(core, where, made, side.rows.d), skip: undefined };
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
	const kept = rows.isRetired ? undefined : rows.vectorsOf([rid]);
	return kept === undefined || Number.isNaN(kept[0]!) ? live.reconstruct([rid]) : kept;
}

function searchParams(
	where: string,
	{ recall, nprobe, kFactor }: Pick<Query, 'recall' | 'nprobe' | 'kFactor'>,
): { recall?: number; nprobe?: number; kFactor?: number } {
	return {
		...(recall === undefined ? {} : { recall: checkNumber(where, 'recall', recall, 0.01, 1) }),
		...(nprobe === undefined ? {} : { nprobe: checkInt(where, 'nprobe', nprobe, 1, 2 ** 31) }),
		...(kFactor === undefined ? {} : { kFactor: checkNumber(where, 'kFactor', kFactor, 1, 1e6) }),
	};
}

export function checkInclude(where: string, include: readonly Include[] | undefined): readonly Include[] {
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

function toHits<M>(
	core: Core,
	found: LiveHits,
	include: readonly Include[],
	skip: number | undefined,
	most: number,
): Hit<M>[] {
	const { metric } = core.settings;
	const hits: Hit<M>[] = [];
	for (let i = 0; i < found.rids.length && hits.length < most; i++) {
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

/** Hits by words or by both: distances of rows that the words alone have found are computed where there is a vector. */
function wordHits<M>(
	core: Core,
	rows: readonly FoundRow[],
	near: { readonly near: LiveHits; readonly vector: Float32Array; readonly side: VectorSide } | undefined,
	include: readonly Include[],
	most: number,
): Hit<M>[] {
	const { metric } = core.settings;
	const known = new Map<number, number>();
	near?.near.rids.forEach((rid, i) => void known.set(rid, near.near.distances[i]!));
	const hits: Hit<M>[] = [];
	for (const { rid, score } of rows) {
		if (hits.length === most) break;
		const doc = core.docs.ofRid(rid);
		if (doc === undefined) continue;
		const raw =
			near === undefined ? Number.NaN : (known.get(rid) ?? rawOf(metric, near.vector, vectorOf(near.side, rid)));
		hits.push({ ...toRow<M>(core, doc, include), score, distance: distanceOf(metric, raw) });
	}
	return hits;
}
