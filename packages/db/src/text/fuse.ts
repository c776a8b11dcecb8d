/**
 * Fusion of ranked lists, for hybrid search: what vectors find and what words find, as one list.
 *
 * Both functions are pure. Scores are "greater is better"; ties go to the lower id. An id that a list holds twice counts
 * with its first place.
 */
import { checkKeys, checkNumber, show } from '../check.ts';

/** One place of a ranked list. */
export interface Ranked<Id extends string | number = number> {
	/** What is ranked. */
	readonly id: Id;
	/** Greater is better; negate distances. */
	readonly score: number;
}

/** One place of a fused list. */
export interface Fused<Id extends string | number = number> extends Ranked<Id> {
	/** Its place in each list, from 1; undefined where it is not in the list. */
	readonly ranks: readonly (number | undefined)[];
}

/** Options of `reciprocalRank`. */
export interface ReciprocalRankOptions {
	/** How little the first places stand out: greater is flatter. Default: 60. */
	readonly k0?: number | undefined;
	/** How much each list counts. Default: 1 each. */
	readonly weights?: readonly number[] | undefined;
}

/** Options of `weighted`. */
export interface WeightedOptions {
	/** How much the first list counts, 0..1; the second counts 1 - alpha. Default: 0.5. */
	readonly alpha?: number | undefined;
	/** 'min-max': each list's scores are stretched to 0..1 first; 'none': they are comparable as they are. Default: 'min-max'. */
	readonly normalise?: 'min-max' | 'none' | undefined;
}

/**
 * Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009): an id's score is the sum over lists of
 * weight / (k0 + rank). Only places count, so the lists' scores need not be comparable.
 *
 * @param lists - Best first.
 *
 * @example
 * const byVector = [{ id: 7, score: 0.9 }, { id: 3, score: 0.8 }];
 * const byWords = [{ id: 3, score: 12.5 }, { id: 9, score: 4 }];
 * console.log(reciprocalRank([byVector, byWords]).map(({ id }) => id)); // [ 3, 7, 9 ]
 */
export function reciprocalRank<Id extends string | number>(
	lists: readonly (readonly Ranked<Id>[])[],
	options: ReciprocalRankOptions = {},
): Fused<Id>[] {
	const where = 'reciprocalRank';
	checkKeys(where, options, ['k0', 'weights']);
	const k0 = checkNumber(where, 'k0', options.k0 ?? 60, 0, 1e9);
	const weights = options.weights ?? lists.map(() => 1);
	if (weights.length !== lists.length) {
		throw new RangeError(`${where}: weights must be ${lists.length} numbers, one per list, got ${show(weights)}`);
	}
	for (const [i, weight] of weights.entries()) checkNumber(where, `weights[${i}]`, weight, 0, 1e9);
	return fuse(lists, (list) => (rank) => weights[list]! / (k0 + rank));
}

/**
 * Weighted sum of two lists' scores: alpha times that of the first plus 1 - alpha times that of the second, 0 for a list
 * that has not the id.
 *
 * @param first - Best first.
 * @param second - Best first.
 *
 * @example
 * const byVector = [{ id: 7, score: 0.9 }, { id: 3, score: 0.8 }, { id: 5, score: 0.1 }];
 * const byWords = [{ id: 3, score: 12 }, { id: 9, score: 4 }];
 * console.log(weighted(byVector, byWords, { alpha: 0.5 }).map(({ id }) => id)); // [ 3, 7, 5, 9 ]
 */
export function weighted<Id extends string | number>(
	first: readonly Ranked<Id>[],
	second: readonly Ranked<Id>[],
	options: WeightedOptions = {},
): Fused<Id>[] {
	const where = 'weighted';
	checkKeys(where, options, ['alpha', 'normalise']);
	const alpha = checkNumber(where, 'alpha', options.alpha ?? 0.5, 0, 1);
	const normalise = options.normalise ?? 'min-max';
	if (normalise !== 'min-max' && normalise !== 'none') {
		throw new RangeError(`${where}: normalise must be 'min-max' or 'none', got ${show(normalise)}`);
	}
	const lists = [first, second];
	const parts = [alpha, 1 - alpha];
	return fuse(lists, (list) => {
		const stretch = normalise === 'none' ? (score: number) => score : minMax(lists[list]!);
		return (_rank, score) => parts[list]! * stretch(score);
	});
}

/** Stretches scores to 0..1; when all are equal, all are 1. */
function minMax(list: readonly Ranked<string | number>[]): (score: number) => number {
	let min = Number.POSITIVE_INFINITY;
	let max = Number.NEGATIVE_INFINITY;
	for (const { score } of list) {
		min = Math.min(min, score);
		max = Math.max(max, score);
	}
	return max > min ? (score) => (score - min) / (max - min) : () => 1;
}

/** `partOf(list)(rank, score)`: what a place in a list adds to the score. */
function fuse<Id extends string | number>(
	lists: readonly (readonly Ranked<Id>[])[],
	partOf: (list: number) => (rank: number, score: number) => number,
): Fused<Id>[] {
	const all = new Map<Id, { id: Id; score: number; ranks: (number | undefined)[] }>();
	for (const [i, list] of lists.entries()) {
		const part = partOf(i);
		for (const [place, { id, score }] of list.entries()) {
			const entry = all.get(id) ?? { id, score: 0, ranks: lists.map(() => undefined) };
			if (entry.ranks[i] !== undefined) continue;
			all.set(id, entry);
			entry.ranks[i] = place + 1;
			entry.score += part(place + 1, score);
		}
	}
	return [...all.values()].sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
}
