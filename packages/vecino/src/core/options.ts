/**
 * Option tables: one row per option with its default, range and meaning. Checks, documentation and
 * command-line help all read these, so there is one copy of every default.
 */

import { checkBoolean, checkInt, checkKeys, checkNumber, checkOneOf } from '../util/check.ts';
import type { RunOptions } from '../util/steps.ts';
import type { SearchStats } from './result.ts';

export interface OptionSpec {
	readonly type: 'integer' | 'number' | 'boolean' | 'choice' | 'object' | 'function';
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
	/** Added to by the search. */
	readonly stats?: SearchStats | undefined;
}

/** Parameters of one search of an IVF index. */
export interface IVFSearchParams extends SearchParams {
	/** Cells opened. Default: the value measured in training. More are opened while fewer than k neighbours are found. */
	readonly nprobe?: number | undefined;
}

/** Parameters of one search of an IndexHNSW. */
export interface HNSWSearchParams extends SearchParams {
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
	stats: { type: 'object', help: 'SearchStats to add to' },
	...RUN,
});

/** Parameters of one search of an IVF index. */
export const IVF_SEARCH_PARAMS: OptionTable = Object.freeze({
	nprobe: {
		type: 'integer',
		min: 1,
		max: 2 ** 31,
		help: 'cells opened; default: the value measured in training (stats().lists.nprobe)',
	},
	...SEARCH_PARAMS,
});

/** Parameters of one search of an IndexHNSW. */
export const HNSW_SEARCH_PARAMS: OptionTable = Object.freeze({
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
	kFactor: { type: 'number', min: 1, max: 1e6, help: 'candidates re-ranked per result; default: that of the index' },
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
	if (typeof value === spec.type) return value;
	throw new TypeError(
		`${where}: ${name} must be a${spec.type === 'object' ? 'n object' : ' function'}, got ${typeof value}`,
	);
}
