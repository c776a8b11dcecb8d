/**
 * What measureRecall reports: as data, and in words.
 */

import type { Interval } from './recall.ts';

/** Shares of the true neighbours, 0..1; together with the mean recall they add up to 1. */
export interface Losses {
	/** In cells that were not opened: a higher nprobe finds them. */
	readonly cellNotProbed: number;
	/** Scanned, and ranked behind the candidates kept: a higher kFactor, a store to re-rank with, or longer codes find them. */
	readonly codeTooCoarse: number;
	/** In graphs: passed by on the walk; a higher efSearch finds them. */
	readonly notReached: number;
}

/** The cheapest parameters with which each stage loses no more than was asked for. */
export interface Suggestion {
	/** Smallest nprobe; undefined without cells. */
	readonly nprobe: number | undefined;
	/** Smallest kFactor at this nprobe; undefined when it would take more candidates than were looked through. */
	readonly kFactor: number | undefined;
	/** kFactor needs an IndexRefine around the index: it does not re-rank now. */
	readonly needsStore: boolean;
	/** Recall with these parameters, measured; where a store is missing, with nprobe alone. */
	readonly recall: Interval;
}

export interface RecallReport {
	readonly k: number;
	/** Queries measured with. */
	readonly nq: number;
	/** Labels of the vectors that served as queries, size nq; undefined when queries were given. */
	readonly drawn: Float64Array | undefined;
	/**
	 * What recall is relative to. `'exact'`: the vectors themselves, from the index or from `vectors`; `'given'`: the truth that
	 * was passed in; `'decoded'`: the index holds codes only, so its own answer with every cell open and every candidate
	 * re-ranked: what the codes have lost for good is not seen, and true recall is lower.
	 */
	readonly truth: 'exact' | 'given' | 'decoded';
	/** Mean recall@k with its 95 % interval. */
	readonly recall: Interval;
	/** recall@k of each query, size nq. */
	readonly perQuery: Float64Array;
	/** The worst 5 % of the queries: their mean recall, and their numbers, worst first. */
	readonly worst: { readonly recall: number; readonly queries: readonly number[] };
	readonly losses: Losses;
	/** What the suggestion allows each stage to lose. */
	readonly maxLoss: number;
	/** Undefined unless asked for. */
	readonly suggestion: Suggestion | undefined;
	/** All this in a few sentences. */
	readonly text: string;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const interval = ({ mean, low, high }: Interval): string =>
	`${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;

/** A report in a few sentences. */
export function recallText(facts: Omit<RecallReport, 'text'>): string {
	const { k, nq, drawn, truth, recall, worst, losses, suggestion, maxLoss } = facts;
	const from = drawn === undefined ? 'queries' : 'vectors of the index';
	const decoded =
		truth === 'decoded'
			? ' The truth is relative to decoded vectors: the index does not hold the vectors themselves.'
			: '';
	const lost = [
		losses.cellNotProbed > 0 ? `${percent(losses.cellNotProbed)} in cells not opened` : '',
		losses.codeTooCoarse > 0 ? `${percent(losses.codeTooCoarse)} to coarse codes` : '',
		losses.notReached > 0 ? `${percent(losses.notReached)} on the walk over the graph` : '',
	].filter((part) => part !== '');
	const where = lost.length === 0 ? ' Nothing is lost.' : ` Lost: ${lost.join(', ')}.`;
	const tail = `the worst 5 % of them ${worst.recall.toFixed(3)}`;
	const mend = suggestion === undefined ? '' : suggestionText(k, maxLoss, suggestion);
	return `recall@${k} is ${interval(recall)} over ${nq} ${from}, ${tail}.${decoded}${where}${mend}`;
}

function suggestionText(k: number, maxLoss: number, { nprobe, kFactor, needsStore, recall }: Suggestion): string {
	const keep = kFactor === undefined || (kFactor === 1 && !needsStore);
	const change = [
		nprobe === undefined ? '' : `nprobe ${nprobe}`,
		keep ? '' : `kFactor ${Math.ceil(kFactor * 100 - 1e-6) / 100}${needsStore ? ' (in an IndexRefine)' : ''}`,
	].filter((part) => part !== '');
	if (change.length === 0) return '';
	const alone = needsStore ? ', with nprobe alone' : '';
	const reached = needsStore && nprobe === undefined ? '' : `: recall@${k} ${interval(recall)}${alone}`;
	return ` To lose ${percent(maxLoss)} at most to each: ${change.join(', ')}${reached}.`;
}
