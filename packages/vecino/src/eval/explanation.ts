/**
 * What became of a vector in a search: as data, and in words.
 */

import type { Metric } from '../core/metric.ts';

/**
 * How it ended. `'found'`; `'cell not probed'`: its cell was not among those opened; `'code too coarse'`: by its code it
 * ranked behind the candidates that were kept; `'store too coarse'`: it was a candidate, and the compressed vectors that
 * candidates are put in order with ranked it too low; `'not reached'`: the walk over the graph went by; `'outranked'`: k others
 * are nearer, so a perfect search would not return it either; `'filtered'`: the search's filter excludes it.
 */
export type Verdict =
	| 'found'
	| 'cell not probed'
	| 'code too coarse'
	| 'store too coarse'
	| 'not reached'
	| 'outranked'
	| 'filtered';

/** Smallest changes to the parameters that find a vector; tried out. What is absent stays as it was. */
export interface Fix {
	/** Cells to open. */
	readonly nprobe?: number;
	/** Candidates to re-rank, per result. */
	readonly kFactor?: number;
	/** Nodes of a graph to keep in view. */
	readonly efSearch?: number;
	/** Neighbours to ask for, in an index that does not re-rank. */
	readonly k?: number;
}

/** What became of one vector in a search. Distances are in the metric's own terms, ranks count from 1, the nearest. */
export interface Explanation {
	/** The vector asked about. */
	readonly label: number;
	/** How it ended. */
	readonly verdict: Verdict;
	/** Its place in the result, 1..k. */
	readonly position: number | undefined;
	/** Neighbours asked for. */
	readonly k: number;
	/** Candidates kept for them: k, or k * kFactor of an index that re-ranks. */
	readonly candidates: number;
	/** Its cell, of `nlist`; in indexes with cells. */
	readonly cell: number | undefined;
	/** Cells that there are. */
	readonly nlist: number | undefined;
	/** Rank of its cell for the query. */
	readonly cellRank: number | undefined;
	/** From the query to the centroid of its cell. */
	readonly cellDistance: number | undefined;
	/** Cells that the search opened. */
	readonly cellsOpened: number | undefined;
	/** Whether its cell was one of them. */
	readonly probed: boolean | undefined;
	/** Distance by its code, what candidates are chosen by. */
	readonly estimated: number | undefined;
	/** Distance of the vector itself: from the index where it holds it, else from `vectors`. */
	readonly exact: number | undefined;
	/** estimated - exact. */
	readonly error: number | undefined;
	/** error / |exact|; undefined for an exact distance of 0, or what rounding has left of 0. */
	readonly relativeError: number | undefined;
	/** Its rank by estimated distance among the codes of the cells opened; or, was its own not, of those that `fix` opens. */
	readonly estimatedRank: number | undefined;
	/** Its rank by exact distance among all vectors, where these are at hand; undefined too when it is beyond max(k, 1000). */
	readonly exactRank: number | undefined;
	/** Undefined when found, and when no parameters would do. */
	readonly fix: Fix | undefined;
	/** All this in a sentence or two. */
	readonly text: string;
	/** `text`: what `String(explanation)` gives. */
	toString(): string;
}

type Facts = Omit<Explanation, 'text' | 'toString'>;

/** An explanation in a sentence or two. */
export function explanationText(facts: Facts, metric: Metric): string {
	const { label, verdict, position } = facts;
	if (verdict !== 'found') return `Label ${label} was missed: ${reason(facts, metric)}.${remedy(facts)}`;
	const where =
		facts.cell === undefined ? '' : ` in cell ${facts.cell}, ${ordinal(facts.cellRank!)} of ${facts.nlist},`;
	const how = facts.estimatedRank === position ? '' : ` by code it ranks ${ordinal(facts.estimatedRank!, '')}`;
	const error = codeError(facts, metric);
	const and = how !== '' && error !== '' ? ' and' : '';
	const rest =
		how === '' && error === '' ? '' : `;${how}${and}${error === '' ? '' : ` ${how === '' ? 'it ' : ''}${error}`}`;
	return `Label ${label} was found${where} at position ${position}${rest}.`;
}

function reason(facts: Facts, metric: Metric): string {
	const { cell, cellRank, nlist, cellsOpened, candidates, estimatedRank, k, exactRank } = facts;
	if (facts.verdict === 'cell not probed') {
		const opened = cellsOpened === 1 ? '1 was' : `${cellsOpened} were`;
		return `its cell ${cell} is the ${ordinal(cellRank!)} of ${nlist}, and ${opened} opened`;
	}
	const error = codeError(facts, metric);
	if (facts.verdict === 'code too coarse') {
		const because = error === '' ? '' : `, as its code ${error}`;
		return `by its code it ranks ${ordinal(estimatedRank!, '')}, and ${candidates} ${candidates === 1 ? 'was' : 'were'} kept${because}`;
	}
	if (facts.verdict === 'store too coarse') {
		return `it was one of ${candidates} candidates, and the compressed vectors they are re-ranked with put ${k} others ahead`;
	}
	if (facts.verdict === 'not reached') {
		return `the walk over the graph went by, though by its code it ranks ${ordinal(estimatedRank!, '')}`;
	}
	if (facts.verdict === 'filtered') return 'the filter of the search excludes it';
	if (exactRank !== undefined && exactRank > k) {
		return `it is not among the ${k} nearest, its exact rank is ${exactRank}`;
	}
	return `it is not among the ${k} nearest, ${k === 1 ? 'another one is' : `${k} others are`} nearer`;
}

/** What the code makes of the distance. */
function codeError({ error, relativeError }: Facts, metric: Metric): string {
	if (relativeError === undefined || Math.abs(relativeError) < 5e-5) return '';
	const far = metric === 'l2' ? error! > 0 : error! < 0;
	const much = Math.abs(relativeError) * 100;
	return `makes it look ${much.toFixed(much < 1 ? 2 : much < 10 ? 1 : 0)} % ${far ? 'farther' : 'nearer'}`;
}

/** Rounded up: what is printed works too. */
function remedy({ fix, verdict }: Facts): string {
	if (verdict === 'outranked' || verdict === 'filtered') return '';
	if (fix === undefined) return ' No parameters of the search find it.';
	const what = Object.entries(fix).map(([name, value]) => `${name} ${Math.ceil(value * 100 - 1e-6) / 100}`);
	return ` ${what.join(' with ')} ${what.length > 1 ? 'find' : 'finds'} it.`;
}

/** 1st, 2nd, ...; with a word behind it the 1st is only 'nearest'. */
function ordinal(n: number, of = 'nearest'): string {
	const tens = Math.floor(n / 10) % 10;
	const end = tens === 1 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
	if (of === '') return `${n}${end}`;
	return n === 1 ? of : `${n}${end} ${of}`;
}
