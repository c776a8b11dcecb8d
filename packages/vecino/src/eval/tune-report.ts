/**
 * What the tuner reports: plain data, so that it can be printed, drawn, sent to another thread or written as JSON.
 */

import type { Metric } from '../core/metric.ts';
import type { RecallTable } from '../core/recall-table.ts';
import type { Interval } from './recall.ts';

/** Search parameters of a setting; those that the index does not have are absent. */
export interface TunedParams {
	/** Cells opened. */
	readonly nprobe?: number | undefined;
	/** Candidates re-ranked per result. */
	readonly kFactor?: number | undefined;
	/** Nodes of a graph kept in view. */
	readonly efSearch?: number | undefined;
}

/** An index and parameters to search it with: what they find, what they take. */
export interface TuneRow {
	/** The index, as factory string. */
	readonly factory: string;
	/** To search it with. */
	readonly params: TunedParams;
	/** Mean recall@k with its 95 % interval. */
	readonly recall: Interval;
	/** Mean recall@k of the worst 5 % of the queries. */
	readonly worst: number;
	/** Per query on one thread, queries asked one at a time. */
	readonly microseconds: number;
	/** Resident bytes over vectors, everything counted. */
	readonly bytesPerVector: number;
	/**
	 * Whether recall and time are those of real searches, over the queries kept for verification. Else recall is counted from
	 * one instrumented pass over the queries that the choice is made with, and time is forecast.
	 */
	readonly measured: boolean;
	/** Whether no other row has at least its recall in no more time and no more bytes. */
	readonly pareto: boolean;
}

/** The setting chosen: measured by real searches with queries that had no part in choosing it. */
export interface ChosenSetting extends TuneRow {
	/** Wilson's 95 % interval that takes each of the k * queries true neighbours as a trial: narrower than `recall`, which counts queries. */
	readonly wilson: Interval;
	/** What `microseconds` was forecast to be. */
	readonly forecastMicroseconds: number;
	/** Whether recall, bytes and time are what was asked for. */
	readonly met: boolean;
}

/** What became of one index that came into question. */
export interface TuneCandidate {
	/** As factory string. */
	readonly factory: string;
	/**
	 * `chosen`; `slower` or `larger` than the one chosen, with settings that reach the recall; `recall`: no setting reaches it;
	 * `latency`: none that reaches it is quick enough; `bytes`: takes more than allowed, not tried; `untried`: the run was
	 * aborted before; `failed`: could not be built.
	 */
	readonly outcome: 'chosen' | 'slower' | 'larger' | 'recall' | 'latency' | 'bytes' | 'untried' | 'failed';
	/** Resident bytes per vector. */
	readonly bytesPerVector: number;
	/** Its cheapest setting that reaches the recall, else the one that finds most; null where it was not tried. */
	readonly best: TuneRow | null;
	/** Seconds of building and measuring it; what indexes share is counted with the first. */
	readonly seconds: number;
	/** One sentence. */
	readonly why: string;
}

/** What a tuner found out. Plain data. */
export interface TuneReport {
	/** False where it was aborted: rows and candidates are those known by then. */
	readonly complete: boolean;
	/** Vectors. */
	readonly n: number;
	/** Their dimension. */
	readonly d: number;
	/** What is compared. */
	readonly metric: Metric;
	/** Neighbours per query. */
	readonly k: number;
	/** Of everything random. */
	readonly seed: number;
	/** What was asked for; null where nothing was said. */
	readonly target: {
		readonly recall: number;
		readonly bytesPerVector: number | null;
		readonly latencyMs: number | null;
	};
	/** Where queries are from, and how many chose and verified. */
	readonly queries: {
		readonly source: 'given' | 'rows';
		readonly choose: number;
		readonly verify: number;
	};
	/** Rows that candidates were compared on; null: all of them. */
	readonly sampleRows: number | null;
	/** Null where nothing could be chosen. */
	readonly chosen: ChosenSetting | null;
	/** Settings worth knowing of all candidates that were tried, by recall; verified ones with their measurement. */
	readonly rows: readonly TuneRow[];
	/** All that came into question, in the order of trying, and what became of each. */
	readonly candidates: readonly TuneCandidate[];
	/** For `index.recallTable` of the chosen index, counted on all queries; null where it has no parameters. */
	readonly recallTable: RecallTable | null;
	/** Of the tuner itself: forecast and taken; and the forecast of building every candidate and timing every setting by searching. */
	readonly seconds: { readonly forecast: number; readonly actual: number; readonly grid: number };
	/** The result in sentences. */
	readonly text: string;
}
