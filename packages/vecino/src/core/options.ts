/**
 * Option tables: one row per option with its default, range and meaning. Checks, documentation and
 * command-line help all read these, so there is one copy of every default.
 */

import { checkBoolean, checkInt, checkKeys, checkNumber, checkOneOf } from '../util/check.ts';
import type { RunOptions } from '../util/steps.ts';
import type { SearchStats } from './result.ts';
import { type Filter, toSelector } from './selector.ts';

export interface OptionSpec {
	readonly type: 'integer' | 'number' | 'boolean' | 'choice' | 'object' | 'function' | 'filter';
	/** Default; undefined when it is derived, which `help` then explains. */
	readonly default?: number | boolean | string;
	readonly min?: number;
	readonly max?: number;
	readonly choices?: readonly string[];
	readonly help: string;
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** Parameters of one search. */
export interface SearchParams extends RunOptions {
	/**
	 * Only these labels are returned: an IDSelector, a function of a label that returns true or false, or the labels
	 * themselves. A filtered search finds as much as one without a filter would of what matches, and is short of k only
	 * where fewer match. Default: all.
	 */
	readonly filter?: Filter | undefined;
	/** Added to by the search. */
	readonly stats?: SearchStats | undefined;
}

/** Parameters of one search of an IVF index. */
export interface IVFSearchParams extends SearchParams {
	/**
	 * Recall to reach, 0..1, in place of nprobe, kFactor and efSearch: the cheapest setting of the index's `recallTable` that was
	 * measured to reach it. One of those given beside it stands.
	 */
	readonly recall?: number | undefined;
	/**
	 * Cells opened. Default: the value measured in training. More are opened while fewer than k neighbours are found, and
	 * under a filter as many more as keep recall what it is without.
	 */
	readonly nprobe?: number | undefined;
	/**
	 * Opens no further cell once those opened hold so many codes, nearest cells first: bounds the time of a search, which
	 * then may find fewer than k. The first cell is opened in any case. Default: no limit.
	 */
	readonly maxCodes?: number | undefined;
}

/** Parameters of one search of an IndexHNSW. */
export interface HNSWSearchParams extends SearchParams {
	/** Recall to reach, as of IVFSearchParams. */
	readonly recall?: number | undefined;
	/** Nodes kept in view: more find more, slower. Never less than k. Default: 64. */
	readonly efSearch?: number | undefined;
}

/** Parameters of one search of an IndexRefine; the rest goes to the base index. */
export interface RefineSearchParams extends IVFSearchParams, HNSWSearchParams {
	/** Candidates re-ranked per result. */
	readonly kFactor?: number | undefined;
}

const RUN: OptionTable = {
	signal: { type: 'object', help: 'AbortSignal that stops the work; nothing is left half done' },
	onProgress: { type: 'function', help: 'called with { phase, done, total } as the work goes on' },
	sliceMs: {
		type: 'number',
		default: 12,
		min: 0,
		max: 1e6,
		help: 'async forms: longest time between turns of the event loop',
	},
};

/** Options of kmeans. */
export const KMEANS_OPTIONS: OptionTable = Object.freeze({
	niter: { type: 'integer', default: 25, min: 0, max: 10_000, help: 'most iterations of Lloyd' },
	seed: { type: 'integer', default: 1234, min: 0, max: 2 ** 32 - 1, help: 'seed of everything random' },
	init: {
		type: 'choice',
		default: 'random',
		choices: ['random', 'kmeans++'],
		help: 'start: distinct random rows, or k-means++',
	},
	spherical: { type: 'boolean', default: false, help: 'centroids of length 1, assignment by inner product' },
	maxPointsPerCentroid: {
		type: 'integer',
		default: 256,
		min: 1,
		max: 2 ** 31,
		help: 'train on at most this many rows per centroid, drawn at random',
	},
	tolerance: {
		type: 'number',
		default: 1e-4,
		min: 0,
		max: 1,
		help: 'stop when an iteration improves the objective by less than this share',
	},
	balance: {
		type: 'boolean',
		default: false,
		help: 'give small clusters up to split large ones: clusters of more even size',
	},
	...RUN,
});

/** Options of train, for every index. */
export const TRAIN_OPTIONS: OptionTable = Object.freeze({
	niter: {
		type: 'integer',
		min: 0,
		max: 10_000,
		help: 'k-means iterations; default 10 for coarse centroids, 25 for codebooks',
	},
	seed: KMEANS_OPTIONS['seed']!,
	init: KMEANS_OPTIONS['init']!,
	maxPointsPerCentroid: KMEANS_OPTIONS['maxPointsPerCentroid']!,
	clustering: {
		type: 'choice',
		default: 'auto',
		choices: ['auto', 'lloyd', 'two-level'],
		help: 'IVF: how cells are found; auto: plain Lloyd, on two levels from 512 cells',
	},
	...RUN,
});

/** Options of train, for a transform of its own. */
export const TRANSFORM_TRAIN_OPTIONS: OptionTable = Object.freeze({
	metric: {
		type: 'choice',
		default: 'l2',
		choices: ['l2', 'ip', 'cosine'],
		help: 'metric of the index behind: rows are normalised under cosine; only under l2 their mean is taken away',
	},
	seed: KMEANS_OPTIONS['seed']!,
	...RUN,
});

/** Options of add and of anything else that only runs. */
export const RUN_OPTIONS: OptionTable = Object.freeze({ ...RUN });

/** Options of rebalance, for indexes with cells. */
export const REBALANCE_OPTIONS: OptionTable = Object.freeze({
	longest: {
		type: 'number',
		default: 1.5,
		min: 1,
		max: 1e6,
		help: 'lists longer than so many times the mean are split',
	},
	source: { type: 'function', help: 'the exact vector of a label; default: the store of an IndexRefine, else codes' },
	seed: KMEANS_OPTIONS['seed']!,
	...RUN,
});

/** Options of retrain, for indexes with cells. */
export const RETRAIN_OPTIONS: OptionTable = Object.freeze({
	...TRAIN_OPTIONS,
	sample: { type: 'object', help: 'vectors to learn from; default: those held' },
	nlist: { type: 'integer', min: 1, max: 2 ** 24, help: 'cells afterwards; default: as many as now' },
	source: { type: 'function', help: 'the exact vector of a label; default: the store of an IndexRefine, else codes' },
});

/** Parameters of one search, for indexes without cells. */
export const SEARCH_PARAMS: OptionTable = Object.freeze({
	filter: { type: 'filter', help: 'labels that may be returned: an IDSelector, a function of a label, or labels' },
	stats: { type: 'object', help: 'SearchStats to add to' },
	...RUN,
});

const RECALL: OptionTable = {
	recall: {
		type: 'number',
		min: 0,
		max: 1,
		help: "recall to reach: takes the cheapest setting of the index's recallTable that was measured to",
	},
};

/** Parameters of one search of an IVF index. */
export const IVF_SEARCH_PARAMS: OptionTable = Object.freeze({
	...RECALL,
	nprobe: {
		type: 'integer',
		min: 1,
		max: 2 ** 31,
		help: 'cells opened; default: the value measured in training (stats().lists.nprobe)',
	},
	maxCodes: {
		type: 'integer',
		min: 1,
		max: 2 ** 32 - 1,
		help: 'codes after which no further cell is opened; default: no limit',
	},
	...SEARCH_PARAMS,
});

/** Parameters of one search of cells that the caller chooses. */
export const PREASSIGNED_PARAMS: OptionTable = Object.freeze({
	maxCodes: IVF_SEARCH_PARAMS['maxCodes']!,
	...SEARCH_PARAMS,
});

/** Parameters of one search of an IndexHNSW. */
export const HNSW_SEARCH_PARAMS: OptionTable = Object.freeze({
	...RECALL,
	efSearch: {
		type: 'integer',
		default: 64,
		min: 1,
		max: 2 ** 31,
		help: 'nodes kept in view; never less than k',
	},
	...SEARCH_PARAMS,
});

/** Parameters of one search of an IndexRefine, beside those of its base index. */
export const REFINE_SEARCH_PARAMS: OptionTable = Object.freeze({
	...RECALL,
	kFactor: { type: 'number', min: 1, max: 1e6, help: 'candidates re-ranked per result; default: that of the index' },
});

/** Parameters of a range search, beside those of a search. */
export interface RangeParams {
	/** Most results of one query; the nearest are kept. Default: no limit. */
	readonly maxResults?: number | undefined;
}

/** Parameters of paging, beside those of a search. */
export interface PageParams {
	/** Neighbours of one page, 1..65536. Default: 10. */
	readonly pageSize?: number | undefined;
	/** Neighbours passed over first: those of pages read before. Default: 0. */
	readonly offset?: number | undefined;
}

/** Parameters of a range search, beside those of a search. */
export const RANGE_PARAMS: OptionTable = Object.freeze({
	maxResults: {
		type: 'integer',
		min: 1,
		max: 2 ** 32 - 1,
		help: 'most results of one query, the nearest; default: no limit',
	},
});

/** Parameters of paging, beside those of a search. */
export const PAGE_PARAMS: OptionTable = Object.freeze({
	pageSize: { type: 'integer', default: 10, min: 1, max: 65_536, help: 'neighbours of one page' },
	offset: { type: 'integer', default: 0, min: 0, max: 2 ** 32 - 1, help: 'neighbours passed over first' },
});

/** Options of measureRecall, beside the parameters of the searches that are measured. */
export const MEASURE_RECALL_OPTIONS: OptionTable = Object.freeze({
	queries: { type: 'object', help: 'vectors to measure with; default: drawn from the index' },
	own: {
		type: 'object',
		help: 'labels of the queries, where they are vectors of the index: each is left out of its answer',
	},
	truth: { type: 'object', help: 'true neighbours of the queries; default: computed' },
	vectors: { type: 'object', help: 'the vectors in the index, where it does not hold them itself' },
	k: { type: 'integer', default: 10, min: 1, max: 65535, help: 'neighbours per query' },
	sample: { type: 'integer', default: 200, min: 1, max: 2 ** 32 - 1, help: 'vectors drawn as queries' },
	seed: KMEANS_OPTIONS['seed']!,
	maxLoss: {
		type: 'number',
		default: 0.01,
		min: 0,
		max: 1,
		help: 'share of the true neighbours that each stage may lose with the parameters suggested',
	},
	suggest: { type: 'boolean', default: true, help: 'work out the cheapest parameters that lose no more' },
});

/** Options of indexFactory. */
export const INDEX_FACTORY_OPTIONS: OptionTable = Object.freeze({
	metric: { type: 'choice', default: 'l2', choices: ['l2', 'ip', 'cosine'], help: 'metric of the index' },
	engine: { type: 'object', help: 'engine that holds the index; default: the shared one' },
	pad: { type: 'boolean', default: false, help: 'fill vectors up with zeros where m does not divide d' },
	kFactor: { type: 'number', default: 10, min: 1, max: 1e6, help: 'Refine: candidates re-ranked per result' },
	efConstruction: {
		type: 'integer',
		default: 64,
		min: 1,
		max: 65536,
		help: 'HNSW: nodes that adding a vector keeps in view',
	},
	seed: { type: 'integer', default: 1234, min: 0, max: 2 ** 32 - 1, help: 'seed of rotations (RR, RaBitQ)' },
	n: {
		type: 'integer',
		min: 1,
		max: 2 ** 32 - 1,
		help: 'vectors the index is for; Auto and IVF without a number of cells choose by it',
	},
	bytesPerVector: {
		type: 'number',
		min: 1,
		max: 2 ** 20,
		help: 'Auto: resident bytes per vector at most; default: about a third of float32',
	},
});

/** Options of estimateSpec. */
export const ESTIMATE_SPEC_OPTIONS: OptionTable = Object.freeze({
	metric: INDEX_FACTORY_OPTIONS['metric']!,
	pad: INDEX_FACTORY_OPTIONS['pad']!,
	nprobe: { type: 'integer', min: 1, max: 2 ** 31, help: 'cells opened; default: the root of nlist' },
	k: { type: 'integer', default: 10, min: 1, max: 65536, help: 'neighbours that a query asks for' },
	kFactor: INDEX_FACTORY_OPTIONS['kFactor']!,
	efSearch: HNSW_SEARCH_PARAMS['efSearch']!,
	trainingRows: { type: 'integer', min: 0, max: 2 ** 32 - 1, help: 'vectors handed to train; default: all' },
	training: { type: 'object', help: 'options of train' },
	bytesPerVector: INDEX_FACTORY_OPTIONS['bytesPerVector']!,
	measure: { type: 'boolean', default: true, help: 'measure this device and give seconds' },
	engine: INDEX_FACTORY_OPTIONS['engine']!,
});

/** Options of tune. */
export const TUNE_OPTIONS: OptionTable = Object.freeze({
	recall: { type: 'number', default: 0.95, min: 0.01, max: 1, help: 'mean recall@k to reach' },
	bytesPerVector: {
		type: 'number',
		min: 1,
		max: 2 ** 20,
		help: 'resident bytes per vector at most, everything counted; default: no limit',
	},
	latencyMs: {
		type: 'number',
		min: 0.0001,
		max: 1e6,
		help: 'milliseconds per query at most, on one thread; the smallest index that keeps to it is chosen instead of the quickest',
	},
	k: { type: 'integer', default: 10, min: 1, max: 1000, help: 'neighbours per query' },
	metric: INDEX_FACTORY_OPTIONS['metric']!,
	seed: KMEANS_OPTIONS['seed']!,
	queries: {
		type: 'object',
		help: 'queries like those that will be asked, 20 at least; default: rows of the data, each left out of its own answer',
	},
	sample: {
		type: 'integer',
		default: 1000,
		min: 20,
		max: 100_000,
		help: 'rows that serve as queries where none are given, or the most that are used of those given; half of them choose, half verify',
	},
	candidates: {
		type: 'object',
		help: 'factory strings or specs to choose between; default: what suits n, d and the limit of bytes',
	},
	compareOn: {
		type: 'integer',
		default: 120_000,
		min: 1000,
		max: 2 ** 32 - 1,
		help: 'rows that candidates are compared on at most; the one chosen is then built of all',
	},
	build: { type: 'boolean', default: false, help: 'hand over the index chosen, with its recallTable set' },
	engine: INDEX_FACTORY_OPTIONS['engine']!,
	onCandidate: { type: 'function', help: 'called with each candidate when it has been measured, as TuneCandidate' },
	...RUN,
});

/** Names and defaults of a table, looked up at every search. */
interface Digest {
	readonly names: readonly string[];
	readonly defaults: Readonly<Record<string, unknown>>;
}

const digests = new WeakMap<OptionTable, Digest>();

function digestOf(table: OptionTable): Digest {
	const known = digests.get(table);
	if (known !== undefined) return known;
	const given = Object.entries(table).filter(([, spec]) => spec.default !== undefined);
	const defaults = Object.fromEntries(given.map(([name, spec]) => [name, spec.default]));
	const digest = { names: Object.keys(table), defaults };
	digests.set(table, digest);
	return digest;
}

/** Checks every option that is given and fills in the defaults of those that are not. */
export function resolveOptions<T extends object>(where: string, options: T | undefined, table: OptionTable): T {
	const { names, defaults } = digestOf(table);
	checkKeys(where, options, names);
	const resolved: Record<string, unknown> = { ...defaults };
	for (const name in options) {
		const given = (options as Record<string, unknown>)[name];
		if (given !== undefined) resolved[name] = checkOption(where, name, given, table[name]!);
	}
	return resolved as T;
}

function checkOption(where: string, name: string, value: unknown, spec: OptionSpec): unknown {
	if (spec.type === 'integer') return checkInt(where, name, value, spec.min!, spec.max!);
	if (spec.type === 'number') return checkNumber(where, name, value, spec.min!, spec.max!);
	if (spec.type === 'boolean') return checkBoolean(where, name, value);
	if (spec.type === 'choice') return checkOneOf(where, name, value, spec.choices!);
	if (spec.type === 'filter') return toSelector(where, value);
	if (typeof value === spec.type) return value;
	throw new TypeError(
		`${where}: ${name} must be a${spec.type === 'object' ? 'n object' : ' function'}, got ${typeof value}`,
	);
}
