/**
 * Searching by words as well as by vectors: BM25 over the texts (SQLite's FTS5) beside the neighbours, as one list.
 *
 * Each side gives its best max(50, 4 k); what a filter lets through holds for both.
 */

import { checkInt, checkKeys, checkNumber, checkOneOf, show } from '../check.ts';
import type { LiveHits } from '../segments/contract.ts';
import { ftsQuery } from '../text/fts-query.ts';
import { type Fused, type Ranked, reciprocalRank, weighted } from '../text/fuse.ts';
import type { CompiledWhere } from '../where/compile.ts';
import type { Core } from './core.ts';
import { scoreOf } from './scores.ts';

/** How words and vectors are joined. */
export interface HybridOptions {
	/**
	 * 'rrf': by places, whatever the scores are (reciprocal rank fusion). 'weighted': by scores, each side's stretched to 0..1.
	 * Default: 'rrf'.
	 */
	readonly method?: 'rrf' | 'weighted' | undefined;
	/** How much the vectors count, 0..1; the words count the rest. Default: 0.5. */
	readonly alpha?: number | undefined;
	/** 'rrf': how little the first places stand out. Default: 60. */
	readonly k0?: number | undefined;
	/** Whether a text needs 'any' or 'all' of the words. Default: 'any'. */
	readonly match?: 'any' | 'all' | undefined;
	/** Whether the last word may be the beginning of one, for searching while typing. Default: false. */
	readonly prefix?: boolean | undefined;
	/** Rows that each side gives. Default: max(50, 4 k). */
	readonly depth?: number | undefined;
}

/** A row by what the words or both sides give it. */
export interface FoundRow {
	readonly rid: number;
	/** 0..1. */
	readonly score: number;
}

const KEYS = ['method', 'alpha', 'k0', 'match', 'prefix', 'depth'];

/** What `hybrid` of a query says; undefined: vectors alone. */
export function checkHybrid(where: string, hybrid: unknown): HybridOptions | 'words' | undefined {
	if (hybrid === undefined || hybrid === false) return undefined;
	if (hybrid === true) return {};
	if (hybrid === 'words') return hybrid;
	if (typeof hybrid !== 'object' || hybrid === null)
		throw new TypeError(`${where}: hybrid must be true, 'words' or options, got ${show(hybrid)}`);
	checkKeys(`${where}: hybrid`, hybrid, KEYS);
	const { method, alpha, k0, match, prefix, depth } = hybrid as HybridOptions;
	if (method !== undefined) checkOneOf(where, 'hybrid.method', method, ['rrf', 'weighted']);
	if (alpha !== undefined) checkNumber(where, 'hybrid.alpha', alpha, 0, 1);
	if (k0 !== undefined) checkNumber(where, 'hybrid.k0', k0, 0, 1e9);
	if (match !== undefined) checkOneOf(where, 'hybrid.match', match, ['any', 'all']);
	if (prefix !== undefined && typeof prefix !== 'boolean')
		throw new TypeError(`${where}: hybrid.prefix must be true or false, got ${show(prefix)}`);
	if (depth !== undefined) checkInt(where, 'hybrid.depth', depth, 1, 65_536);
	return hybrid;
}

export function depthOf(hybrid: HybridOptions, k: number): number {
	return Math.max(k, hybrid.depth ?? Math.max(50, 4 * k));
}

/** The rows that have the words, best first, by BM25 made 0..1. */
export function searchWords(
	core: Core,
	text: string,
	filter: CompiledWhere | undefined,
	limit: number,
	{ match, prefix }: HybridOptions = {},
): FoundRow[] {
	const words = ftsQuery(text, { match, prefix });
	if (words === undefined) return [];
	const { reader } = core.store;
	const rows =
		filter === undefined
			? reader
					.sql('SELECT rowid AS rid, rank AS bm25 FROM fts WHERE fts MATCH ? ORDER BY rank LIMIT ?')
					.all(words, limit)
			: reader.db
					.prepare(
						`SELECT d.rid AS rid, fts.rank AS bm25 FROM fts JOIN docs d ON d.rid = fts.rowid WHERE fts MATCH ? AND ${filter.scanSql} ORDER BY fts.rank LIMIT ?`,
					)
					.all(words, ...filter.params, limit);
	// FTS5 has the better rows negative.
	return rows.map(({ rid, bm25 }) => ({ rid: rid as number, score: bounded(-(bm25 as number)) }));
}

/** One list of what vectors and words have found; scores 0..1. */
export function fuseSides(
	core: Core,
	near: LiveHits,
	words: readonly FoundRow[],
	hybrid: HybridOptions,
	skip: number | undefined,
): FoundRow[] {
	const { metric } = core.settings;
	const { method = 'rrf', alpha = 0.5, k0 = 60 } = hybrid;
	const byVector: Ranked[] = [];
	for (let i = 0; i < near.rids.length; i++) {
		if (near.rids[i] !== skip) byVector.push({ id: near.rids[i]!, score: scoreOf(metric, near.distances[i]!) });
	}
	const byWords: Ranked[] = words.filter(({ rid }) => rid !== skip).map(({ rid, score }) => ({ id: rid, score }));
	let fused: Fused[];
	let scale = 1;
	if (method === 'weighted') fused = weighted(byVector, byWords, { alpha });
	else {
		fused = reciprocalRank([byVector, byWords], { k0, weights: [alpha, 1 - alpha] });
		// First on both sides is 1.
		scale = k0 + 1;
	}
	return fused.map(({ id, score }) => ({ rid: id, score: score * scale }));
}

function bounded(score: number): number {
	return score > 0 ? score / (1 + score) : 0;
}
