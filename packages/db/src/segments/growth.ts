/**
 * What there is to do in the background, decided from numbers alone.
 *
 *   flat       few rows are searched exactly, as deltas; nothing is sealed
 *   first      when an exact scan gets slow a model is trained, for more rows than there are, and deltas are sealed with it
 *   growing    when there are several times the rows that it was trained with, another one is trained, and segments are
 *              made anew with it one at a time; searches go on over both
 */

import { chooseIndex, type Metric, parseSpec, printSpec } from 'vecino';
import { traitsOf } from './traits.ts';

/** Sizes at which things happen; tests take tiny ones. */
export interface Thresholds {
	/** Rows of a delta before it is sealed. */
	readonly sealRows: number;
	/** Rows that are loaded, read or copied between two turns of the event loop. */
	readonly pieceRows: number;
	/** Rows that are removed between two turns of the event loop. */
	readonly removedRows: number;
	/** Seals pending from which adding waits. */
	readonly maxBacklog: number;
	/** 'auto': rows up to which all are searched exactly. */
	readonly flatRows: number;
	/** A model serves up to so many times the rows that it was trained with, and is sized for `sizedFor` times. */
	readonly growth: number;
	readonly sizedFor: number;
	/** Rows of a segment at most, and bytes of its vectors' codes, about. */
	readonly maxSegmentRows: number;
	/** Share of dead rows from which a segment is written anew. */
	readonly deadShare: number;
	/** Segments of like size that become one. */
	readonly fanIn: number;
	/** Rows that serve as queries when recall is measured. */
	readonly queries: number;
}

/** Bytes of float32 in a delta, about. */
const SEAL_BYTES = 8 * 2 ** 20;
/** Values that an exact scan takes in a millisecond or so. */
const FLAT_VALUES = 5_000_000;
/** Bytes of a segment file, at d + d / 4 a row. */
const SEGMENT_BYTES = 64 * 2 ** 20;

export function thresholdsFor(d: number, given: Partial<Thresholds> = {}): Thresholds {
	return {
		sealRows: Math.max(4096, Math.min(16_384, 2 ** Math.floor(Math.log2(SEAL_BYTES / (4 * d))))),
		pieceRows: Math.max(256, Math.min(4096, 2 ** Math.floor(Math.log2(2 ** 21 / (4 * d))))),
		removedRows: 512,
		maxBacklog: 8,
		flatRows: Math.max(10_000, Math.min(100_000, Math.floor(FLAT_VALUES / d))),
		growth: 6,
		sizedFor: 4,
		maxSegmentRows: Math.max(16_384, Math.min(131_072, Math.floor(SEGMENT_BYTES / (1.25 * d)))),
		deadShare: 0.3,
		fanIn: 4,
		queries: 256,
		...given,
	};
}

/** The specification of a model for n rows. */
export interface ModelPlan {
	readonly spec: string;
	/** Rows that it is sized for. */
	readonly n: number;
}

/** What of a specification is left to the number of rows. */
export function grows(spec: string): boolean {
	return spec === 'auto' || traitsOf(spec).nlist === 'auto';
}

/**
 * The model to train for the rows there are; undefined: none yet.
 *
 * @param n - Rows alive.
 * @param isFull - A delta is full, so that there is something to seal.
 */
export function plannedModel(
	spec: string,
	n: number,
	isFull: boolean,
	d: number,
	metric: Metric,
	limits: Thresholds,
): ModelPlan | undefined {
	const sized = Math.max(1, Math.ceil(n * limits.sizedFor));
	if (spec !== 'auto') {
		const { trainRows, nlist } = traitsOf(spec);
		const enough = nlist === 'auto' ? Math.max(trainRows, limits.flatRows) : trainRows;
		return isFull && n >= enough ? { spec: printSpec(parseSpec(spec)), n: sized } : undefined;
	}
	if (n <= limits.flatRows) return undefined;
	return { spec: chooseIndex({ n: sized, d, metric }).text, n: sized };
}

/** Rows of a training sample for a model. */
export function sampleRows(spec: string, n: number, d: number, sized: number): number {
	const { nlist } = traitsOf(spec);
	const cells = nlist === 'auto' ? 4 * Math.sqrt(sized) : nlist;
	const most = Math.max(20_000, Math.floor(SAMPLE_BYTES / (4 * d)));
	return Math.min(n, most, Math.max(20_000, Math.ceil(cells * SAMPLE_PER_CELL)));
}

const SAMPLE_BYTES = 128 * 2 ** 20;
const SAMPLE_PER_CELL = 40;

/** What is known of a segment. */
export interface SegmentSize {
	readonly name: string;
	/** Rows in the file, and those of them that are dead. */
	readonly rows: number;
	readonly dead: number;
}

/**
 * Segments to make one of: those that follow each other and are of like size, or have many dead rows; undefined: none.
 *
 * @param segments - Of one model, in the order of their rids.
 * @param all - As few segments as allowed are wanted.
 */
export function plannedCompaction(
	segments: readonly SegmentSize[],
	limits: Thresholds,
	all: boolean,
): readonly SegmentSize[] | undefined {
	const hollow = hollowRun(segments, limits, all ? 0.02 : limits.deadShare);
	if (hollow.length > 0) return hollow;
	const least = all ? 2 : limits.fanIn;
	for (let start = 0; start + least <= segments.length; start++) {
		const run: SegmentSize[] = [];
		let [rows, longest] = [0, 0];
		for (let i = start; i < segments.length; i++) {
			const alive = segments[i]!.rows - segments[i]!.dead;
			if (rows + alive > limits.maxSegmentRows) break;
			const grown = Math.max(longest, alive);
			// One that is larger than the others together gains nothing.
			if (!all && run.length > 0 && grown > Math.max(limits.sealRows, 2 * Math.min(alive, longest))) break;
			run.push(segments[i]!);
			rows += alive;
			longest = grown;
		}
		if (run.length >= least) return run;
	}
	return undefined;
}

/** The first segment with many dead rows, and those after it that have as many: rewritten together they are one file, and one job. */
function hollowRun(segments: readonly SegmentSize[], limits: Thresholds, share: number): readonly SegmentSize[] {
	const run: SegmentSize[] = [];
	let alive = 0;
	for (const segment of segments) {
		const { rows, dead } = segment;
		const isHollow = dead > 0 && dead >= share * rows;
		if (run.length > 0 && (!isHollow || alive + rows - dead > limits.maxSegmentRows)) break;
		if (!isHollow) continue;
		run.push(segment);
		alive += rows - dead;
	}
	return run;
}

/** Whether an index in memory is to be made anew from its segments: most of its labels are of rows that are gone. */
export function isHollow(labels: number, alive: number, inFiles: number, limits: Thresholds): boolean {
	return labels > limits.sealRows && labels > 2 * alive && inFiles < 0.75 * labels;
}

/** Whether recall is to be measured: never was, or not with half as many rows. */
export function isMeasureDue(rows: number, trainedAt: number, measuredRows: number | undefined): boolean {
	if (measuredRows === undefined) return rows >= 0.8 * trainedAt;
	return rows >= 2 * measuredRows;
}
