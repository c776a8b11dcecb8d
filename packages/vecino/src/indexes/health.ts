/**
 * Whether the cells of an index still suit what it holds.
 */

import type { Spread } from './spread.ts';

/** What there is to know of cells, taken from the indexes. @internal */
export interface CellMeasures {
	/** Length of each list. */
	readonly sizes: Uint32Array;
	readonly spread: Spread | undefined;
	readonly codeError: number | undefined;
	/** Codes can be made anew without loss, or need not be. */
	readonly hasExact: boolean;
}

/** Exact vectors by label, in the space of the index asked. @internal */
export type RowSource = (label: number) => Float32Array;

/** What `health` says of an index with cells. */
export interface IndexHealth {
	/** Vectors held. */
	readonly ntotal: number;
	/** Cells. */
	readonly nlist: number;
	/** nlist * sum(size^2) / ntotal^2: 1 when all lists are equally long; scan cost grows with it. */
	readonly imbalance: number;
	/** Lists without vectors. */
	readonly empty: number;
	/** Share of all vectors that the longest list holds, 0..1. */
	readonly largestShare: number;
	/**
	 * Mean squared distance of the vectors added to their centroids, over that of training rows (under 'ip' and 'cosine' of
	 * directions): 1 when they are like those trained on. Vectors removed since count as the mean of all. Undefined when there
	 * are none, and for files of older versions.
	 */
	readonly drift: number | undefined;
	/**
	 * Mean squared error of a sample of codes, over the mean squared distance to the centroid: 0 when codes are exact, 1 when
	 * they say no more than the cell. Only where exact or nearly exact vectors are at hand (IndexRefine).
	 */
	readonly codeError: number | undefined;
	/** What is to be done: nothing; even lists out (`rebalance`); learn cells and codes anew (`retrain`). */
	readonly verdict: 'ok' | 'rebalance' | 'retrain';
	/** Why, and what to call; one sentence each. */
	readonly reasons: readonly string[];
}

/*
 * Measured with cells trained on a share of 32 clusters, then all vectors added (bench/engine/README.md), nprobe 16: on
 * SIFT drifts of 1.01, 1.06, 1.15, 1.41 and 1.49 cost 0.003, 0.007, 0.023, 0.031 and 0.054 of recall@10, with 0, 3, 7, 34
 * and 62 % more codes scanned; on text 1.08 and 1.24 cost 0.018 and 0.045, with 17 and 23 % more. New cells and codebooks
 * always win all of it back, splitting cells most of it.
 */
/** From this drift on cells are worth splitting. */
const REBALANCE_DRIFT = 1.07;
/** From this drift on cells and codebooks are made for something else. */
const RETRAIN_DRIFT = 1.3;
const REBALANCE_IMBALANCE = 2;
/** Vectors per list below which lists are uneven by chance. */
const LEAST_PER_LIST = 16;

export function judge({ sizes, spread, codeError, hasExact }: CellMeasures): IndexHealth {
	const nlist = sizes.length;
	let [ntotal, squares, longest, empty] = [0, 0, 0, 0];
	for (const size of sizes) {
		ntotal += size;
		squares += size * size;
		longest = Math.max(longest, size);
		if (size === 0) empty++;
	}
	const imbalance = ntotal === 0 ? 1 : (nlist * squares) / (ntotal * ntotal);
	const known = spread !== undefined && spread.n > 0 && spread.trained > 0;
	const drift = known ? spread.sum / spread.n / spread.trained : undefined;
	const largestShare = ntotal === 0 ? 0 : longest / ntotal;
	const { verdict, reasons } = decide(ntotal / nlist, imbalance, empty / nlist, drift, hasExact);
	return { ntotal, nlist, imbalance, empty, largestShare, drift, codeError, verdict, reasons };
}

function decide(
	perList: number,
	imbalance: number,
	emptyShare: number,
	drift: number | undefined,
	hasExact: boolean,
): Pick<IndexHealth, 'verdict' | 'reasons'> {
	const reasons: string[] = [];
	const [call, but] = hasExact
		? ['', '']
		: ['{ source }', ' with the exact vectors: codes made from codes lose more than new cells win'];
	let verdict: IndexHealth['verdict'] = 'ok';
	if (drift !== undefined && drift >= RETRAIN_DRIFT) {
		verdict = 'retrain';
		reasons.push(
			`Vectors added lie ${drift.toFixed(2)} times as far from their centroids as those trained on (squared): call retrain(${call})${but}.`,
		);
	} else if (drift !== undefined && drift >= REBALANCE_DRIFT) {
		verdict = 'rebalance';
		reasons.push(
			`Vectors added lie ${drift.toFixed(2)} times as far from their centroids as those trained on (squared): call rebalance(${call})${but}.`,
		);
	}
	if (imbalance >= REBALANCE_IMBALANCE && perList >= LEAST_PER_LIST) {
		const then = verdict === 'retrain' ? 'retrain() evens them out too' : `call rebalance(${call})${but}`;
		if (verdict === 'ok') verdict = 'rebalance';
		reasons.push(
			`Lists are uneven: a search scans ${imbalance.toFixed(1)} times as many codes as with equal ones, ${(100 * emptyShare).toFixed(0)} % of the lists are empty: ${then}.`,
		);
	}
	if (reasons.length === 0) reasons.push('Cells suit the vectors held.');
	return { verdict, reasons };
}
