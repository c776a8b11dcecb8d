/**
 * One query over several parts: each finds its nearest, and the nearest of those are the answer. A row that two parts have
 * (it is being moved from one to the other) counts once.
 */

import { type Index, isBetter, type Metric, type PreparedFilter } from 'vecino';
import type { LiveHits } from './contract.ts';
import type { Part, SearchSetting } from './parts.ts';

/** A part, and how to search it. */
export interface PartSearch {
	readonly part: Part;
	/** Undefined: all rows. */
	readonly filter: PreparedFilter | undefined;
	readonly setting: SearchSetting;
}

/** Found in one part, nearest first. */
interface Found {
	readonly rids: Float64Array;
	readonly distances: Float32Array;
	readonly n: number;
	readonly complete: boolean;
}

/** The k nearest. */
export function searchParts(searches: readonly PartSearch[], q: Float32Array, k: number, metric: Metric): LiveHits {
	const found: Found[] = [];
	for (const { part, filter, setting } of searches) {
		if (part.count === 0) continue;
		const { labels, distances, complete } = part.index.search(q, Math.min(k, MAX_K), { filter, ...setting });
		let n = labels.length;
		while (n > 0 && labels[n - 1] === -1) n--;
		found.push({ rids: ridsOf(part, labels, n), distances, n, complete });
	}
	const hits = mergeFound(found, k, metric);
	const all = found.every(({ complete }) => complete);
	return { ...hits, complete: all || hits.rids.length === k };
}

/** The engine's limit. */
const MAX_K = 65_536;

/** All within a radius, at most `maxResults` of them. */
export function rangeParts(
	searches: readonly PartSearch[],
	q: Float32Array,
	radius: number,
	maxResults: number,
	metric: Metric,
): LiveHits {
	const found: Found[] = [];
	for (const { part, filter, setting } of searches) {
		if (part.count === 0) continue;
		const result = (part.index as Index).rangeSearch(q, radius, { filter, maxResults, ...setting });
		const n = result.labels.length;
		found.push({ rids: ridsOf(part, result.labels, n), distances: result.distances, n, complete: result.complete });
	}
	const hits = mergeFound(found, maxResults, metric);
	const total = found.reduce((sum, { n }) => sum + n, 0);
	const cut = hits.rids.length === maxResults && total > maxResults;
	return { ...hits, complete: !cut && found.every(({ complete }) => complete) };
}

function ridsOf(part: Part, labels: ArrayLike<number>, n: number): Float64Array {
	const rids = new Float64Array(n);
	for (let i = 0; i < n; i++) rids[i] = part.map.ridOf(labels[i]!);
	return rids;
}

/** The best k of several sorted lists; ties to the lower rid, each rid once. */
export function mergeFound(
	found: readonly Found[],
	k: number,
	metric: Metric,
): { rids: Float64Array; distances: Float32Array } {
	const total = found.reduce((sum, { n }) => sum + n, 0);
	const size = Math.min(k, total);
	const [rids, distances] = [new Float64Array(size), new Float32Array(size)];
	const next = new Uint32Array(found.length);
	const seen = found.length > 1 ? new Set<number>() : undefined;
	let n = 0;
	while (n < size) {
		let from = -1;
		for (let i = 0; i < found.length; i++) {
			if (next[i]! >= found[i]!.n) continue;
			if (from < 0 || comesBefore(found[i]!, next[i]!, found[from]!, next[from]!, metric)) from = i;
		}
		if (from < 0) break;
		const at = next[from]!++;
		const rid = found[from]!.rids[at]!;
		if (seen?.has(rid)) continue;
		seen?.add(rid);
		rids[n] = rid;
		distances[n] = found[from]!.distances[at]!;
		n++;
	}
	return n === size ? { rids, distances } : { rids: rids.slice(0, n), distances: distances.slice(0, n) };
}

function comesBefore(a: Found, i: number, b: Found, j: number, metric: Metric): boolean {
	const [x, y] = [a.distances[i]!, b.distances[j]!];
	return x === y ? a.rids[i]! < b.rids[j]! : isBetter(metric, x, y);
}
