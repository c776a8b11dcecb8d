/**
 * What the page and the worker say to each other: one call per thing to do, each with its request and its answer.
 *
 * A call may be cancelled, and may report progress. The worker answers calls in any order; `id` ties them together.
 */

import type { Hit, Progress, Verdict } from 'vecino';
import type { SetId } from './compute/sets.ts';

/** Vectors that are open. */
export interface DataInfo {
	readonly name: string;
	/** Vectors held, and in the file. */
	readonly n: number;
	readonly total: number;
	readonly d: number;
	/** Things to know about how it was read; plain sentences. */
	readonly notes: readonly string[];
	/** True when d = 2: the picture is the data, not a projection. */
	readonly exact: boolean;
	/** Share of the spread that the picture shows, 0..1. */
	readonly share: number;
	/** Rows drawn, at most MAX_SHOWN, ascending. */
	readonly shown: Uint32Array;
	/** Their places, layout (shown, 2). */
	readonly points: Float32Array;
	/** Left, top, right, bottom of what is drawn. */
	readonly bounds: readonly [number, number, number, number];
	/** The index in the file, if it is one: it is shown as it is. */
	readonly given: BuildInfo | undefined;
	readonly seconds: number;
}

/** Settings that need a new index. */
export interface BuildSettings {
	readonly nlist: number;
	/** 0: whole vectors are kept (Flat). */
	readonly m: number;
	readonly nbits: number;
}

/** Settings of one search. */
export interface SearchSettings {
	readonly k: number;
	readonly nprobe: number;
	/** 0: results stay as the codes rank them. */
	readonly kFactor: number;
}

/** An index that is ready. */
export interface BuildInfo {
	/** As indexFactory reads it, without the vectors kept for re-ranking. */
	readonly spec: string;
	readonly type: string;
	readonly metric: string;
	/** 0: an index without cells. */
	readonly nlist: number;
	/** As measured in training. */
	readonly nprobe: number;
	/** Of the codes; 0 when they are no product quantizer's. */
	readonly m: number;
	readonly nbits: number;
	/** Whether candidates can be re-ranked with the vectors themselves. */
	readonly canRefine: boolean;
	/** Bytes in all, without and with the vectors kept for re-ranking. */
	readonly bytes: number;
	readonly bytesRefined: number;
	/** Cell of each row drawn. */
	readonly cellOf: Uint32Array;
	/** Centroids in the plane, layout (nlist, 2). */
	readonly centroids: Float32Array;
	/** True when the cells drawn are exactly those of the index. */
	readonly exactCells: boolean;
	/** Vectors in each cell, size nlist. */
	readonly sizes: Uint32Array;
	readonly seconds: number;
}

/** Where the query is: at a place in the plane; what the plane does not show is that of `row`. */
export interface QueryPlace {
	readonly row: number;
	readonly x: number;
	readonly y: number;
}

export interface Neighbour {
	readonly label: number;
	readonly x: number;
	readonly y: number;
	/** Rank among the true neighbours, 1..k; 0 when it is none of them. */
	readonly trueRank: number;
	/** Place in the result, 1..k; 0 when it was missed. */
	readonly position: number;
	/** Exact for a true neighbour; by its code otherwise. */
	readonly distance: number;
}

/** What one search did. */
export interface Looked {
	/** Cells opened, nearest first. */
	readonly cells: Uint32Array;
	/** True neighbours by rank, then what was returned instead of missed ones. */
	readonly neighbours: readonly Neighbour[];
	readonly recall: number;
	/** Codes compared. */
	readonly scanned: number;
	/** Microseconds of the search. */
	readonly micros: number;
}

export interface Explained {
	readonly label: number;
	readonly verdict: Verdict;
	readonly text: string;
}

/** One setting, measured on queries taken from the data. */
export interface Measured {
	readonly recall: number;
	/** 95 % interval of it. */
	readonly low: number;
	readonly high: number;
	readonly queries: number;
	/** Share of all vectors whose codes were compared, 0..1. */
	readonly scanned: number;
	/** Microseconds per query, one at a time, one thread. */
	readonly micros: number;
	readonly bytesPerVector: number;
}

/** k-means on rows drawn by lot. */
export interface ClusterRequest {
	readonly k: number;
	readonly niter: number;
	readonly seed: number;
	readonly init: 'random' | 'kmeans++';
}

/** State after so many iterations; the first is the start. */
export interface ClusterFrame {
	/** Layout (k, 2), in the plane. */
	readonly centroids: Float32Array;
	/** Size of points. */
	readonly assign: Uint32Array;
	/** Sum of squared distances to the nearest centroid. */
	readonly objective: number;
	/** Points that changed their centroid since the frame before. */
	readonly moved: number;
}

export interface Clustered {
	/** Places of the rows used, layout (rows, 2). */
	readonly points: Float32Array;
	readonly frames: readonly ClusterFrame[];
}

/** A quantizer trained on the data, one vector cut up by it, and a query's table. */
export interface CodesRequest {
	readonly m: number;
	readonly nbits: number;
	readonly row: number;
	readonly queryRow: number;
}

export interface CodesView {
	readonly d: number;
	readonly m: number;
	readonly ksub: number;
	readonly dsub: number;
	readonly codeSize: number;
	/** Size d, the vector and what its code stands for. */
	readonly vector: Float32Array;
	readonly reconstruction: Float32Array;
	/** Size m. */
	readonly ids: Uint16Array;
	/** Squared error of each sub-vector, size m. */
	readonly errors: Float32Array;
	/** Codebook, layout (m, ksub, dsub). */
	readonly codebook: Float32Array;
	/** The query and its table: squared distances of its sub-vectors to the codebook, layout (m, ksub). */
	readonly query: Float32Array;
	readonly table: Float32Array;
	/** Sum of one cell per row of the table, and the distance of the vector itself. */
	readonly adc: number;
	readonly exact: number;
}

/** Headlines, as vectors in cells. */
export interface TextInfo {
	readonly headlines: readonly { readonly headline: string; readonly genre: string }[];
	/** Their places, layout (headlines, 2). */
	readonly points: Float32Array;
	/** Cell of each. */
	readonly cellOf: Uint32Array;
	/** Layout (nlist, 2). */
	readonly centroids: Float32Array;
	/** Words that are common in each cell. */
	readonly topics: readonly string[];
}

export interface TextRequest {
	readonly text: string;
	readonly k: number;
	readonly nprobe: number;
}

export interface TextAnswer {
	/** Where the text lies. */
	readonly x: number;
	readonly y: number;
	/** Cells opened, nearest first. */
	readonly cells: Uint32Array;
	/** What the search found, and what it should have; similarity is cosine. */
	readonly found: readonly Hit[];
	readonly truth: readonly Hit[];
	readonly embedMs: number;
	readonly searchMs: number;
}

interface Call<Request, Answer> {
	readonly request: Request;
	readonly answer: Answer;
}

/** Every call. */
export interface Calls {
	readonly make: Call<{ readonly set: SetId }, DataInfo>;
	readonly open: Call<{ readonly file: Blob; readonly name: string }, DataInfo>;
	readonly openUrl: Call<{ readonly url: string; readonly name: string }, DataInfo>;
	readonly build: Call<BuildSettings, BuildInfo>;
	readonly look: Call<QueryPlace & SearchSettings, Looked>;
	readonly explain: Call<QueryPlace & SearchSettings & { readonly labels: readonly number[] }, readonly Explained[]>;
	readonly measure: Call<SearchSettings, Measured>;
	readonly cluster: Call<ClusterRequest, Clustered>;
	readonly codes: Call<CodesRequest, CodesView>;
	readonly openTexts: Call<Record<never, never>, TextInfo>;
	readonly searchTexts: Call<TextRequest, TextAnswer>;
}

export type CallName = keyof Calls;
export type RequestOf<N extends CallName> = Calls[N]['request'];
export type AnswerOf<N extends CallName> = Calls[N]['answer'];

/** Page to worker. */
export type ToWorker =
	| { [N in CallName]: { readonly id: number; readonly call: N; readonly request: RequestOf<N> } }[CallName]
	| { readonly id: number; readonly call: 'cancel' };

/** Worker to page. */
export type FromWorker =
	| { readonly id: number; readonly kind: 'answer'; readonly answer: unknown }
	| { readonly id: number; readonly kind: 'progress'; readonly progress: Progress }
	| { readonly id: number; readonly kind: 'error'; readonly message: string; readonly code: string };

/** Most rows that are drawn. */
export const MAX_SHOWN = 20_000;
/**
 * How the page trains: with fewer iterations and on fewer vectors than the engine's own 25 and 256. Three times as quick, so
 * that sliders feel alive; on 100,000 x 128 recall@10 is about 0.01 lower.
 */
export const TRAIN_OPTIONS: { readonly niter: number; readonly maxPointsPerCentroid: number } = {
	niter: 10,
	maxPointsPerCentroid: 64,
};
