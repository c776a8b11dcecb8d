/**
 * What an index will take that a factory string names, before it is built: resident bytes, the bytes of its file, the work
 * of a query, and the seconds of training and adding. See estimate-build.ts for what bytes and seconds are worth.
 */

import type { Metric } from '../core/metric.ts';
import { ESTIMATE_OPTIONS, resolveOptions } from '../core/options.ts';
import { MAX_D } from '../core/vectors.ts';
import {
	codeBytes,
	fileBytes,
	layoutOf,
	type Parts,
	partsBytes,
	partsOf,
	total,
	transformBytes,
} from '../factory/bytes.ts';
import { settleSpec } from '../factory/choose.ts';
import { checkFits } from '../factory/fit.ts';
import { readSpec } from '../factory/parse.ts';
import { type IndexSpec, printSpec } from '../factory/spec.ts';
import type { TrainOptions } from '../indexes/base.ts';
import { PACK_CELLS } from '../indexes/cells.ts';
import { defaultEngine, type Engine } from '../kernels/engine.ts';
import { checkInt } from '../util/check.ts';
import { planTraining } from './build-plan.ts';
import { addScratch, trainPeak } from './estimate-build.ts';
import { estimateSeconds, transformSeconds } from './estimate-seconds.ts';

/** Options of estimateSpec. */
export interface EstimateSpecOptions {
	/** Default: 'l2'. */
	readonly metric?: Metric | undefined;
	/** Allow an m that does not divide d. Default: false. */
	readonly pad?: boolean | undefined;
	/** Cells that a query opens. Default: the root of their number; training finds 0.6 to 1.2 times that on real vectors. */
	readonly nprobe?: number | undefined;
	/** Neighbours that a query asks for. Default: 10. */
	readonly k?: number | undefined;
	/** Candidates re-ranked per neighbour. Default: 10. */
	readonly kFactor?: number | undefined;
	/** HNSW: nodes in view. Default: 64. */
	readonly efSearch?: number | undefined;
	/** Vectors handed to train. Default: n. */
	readonly trainingRows?: number | undefined;
	/** Options of train that change what training takes. */
	readonly training?: Pick<TrainOptions, 'niter' | 'maxPointsPerCentroid' | 'clustering'> | undefined;
	/** `Auto`: resident bytes per vector at most. */
	readonly bytesPerVector?: number | undefined;
	/** Measure this device (a quarter of a second and more) and give seconds. Default: true. */
	readonly measure?: boolean | undefined;
	/** Whose kernels are measured. Default: the shared engine. */
	readonly engine?: Engine | undefined;
}

/** What one query does, on average. */
export interface QueryWork {
	/** Cells opened; 0 without cells. */
	readonly nprobe: number;
	/** Distances to centroids. */
	readonly centroids: number;
	/** Codes whose distance is computed; in cells as if all were of one size. */
	readonly codes: number;
	/** Candidates put in order by a second store. */
	readonly refined: number;
	/** Bytes read: matrices of transforms, centroids, codes with their terms, links, refined rows. */
	readonly bytesRead: number;
}

/** A forecast. */
export interface SpecEstimate {
	/** The index that is meant, Auto and numbers of cells chosen. */
	readonly text: string;
	/** Resident bytes of the index once all vectors are in, at once or followed by shrink(): what `byteLength` will be, to within 2 %. */
	readonly bytes: number;
	/** The same over n; 0 for no vectors. */
	readonly bytesPerVector: number;
	/** `bytes` by component, as stats() names them. */
	readonly components: Readonly<Record<string, number>>;
	/** Bytes of the file that writeIndex makes. */
	readonly fileBytes: number;
	/** Most bytes held at once by training and adding on one thread, the index included, the vectors handed over not. */
	readonly peakBytes: number;
	/** Work of one query. */
	readonly query: QueryWork;
	/** Absent without `measure`. One thread. */
	readonly seconds?: { readonly train: number; readonly add: number } | undefined;
}

/** Vectors that a walk looks at for each node in view: so many with 32 links, and how that grows with the links. */
const PER_NODE = 15;
const PER_NODE_POWER = 0.3;
/** Transformed rows of an add are held to this many bytes at a time. */
const PART_BYTES = 2 ** 24;

/**
 * Forecasts an index of n vectors of dimension d.
 *
 * @param spec - A factory string, or what parseSpec, specOf or chooseIndex made of one.
 * @throws {VecinoError} `bad-spec` where indexFactory throws it.
 *
 * @example
 * const { bytesPerVector, query } = estimateSpec(128, 1_000_000, 'IVF4096,PQ32x4fsr,RFlat', { measure: false });
 */
export function estimateSpec(
	d: number,
	n: number,
	spec: string | IndexSpec,
	options: EstimateSpecOptions = {},
): SpecEstimate {
	const where = 'estimateSpec';
	checkInt(where, 'd', d, 1, MAX_D);
	checkInt(where, 'n', n, 0, 2 ** 32 - 1);
	const { metric = 'l2', pad = false, bytesPerVector, ...rest } = resolveOptions(where, options, ESTIMATE_OPTIONS);
	const text = typeof spec === 'string' ? spec : printSpec(spec);
	const wanted = { d, metric, n: Math.max(1, n), bytesPerVector };
	const settled = settleSpec(where, text, readSpec(where, text), wanted);
	checkFits(where, text, d, settled, pad);
	const trainingRows = rest.trainingRows ?? n;
	const parts = fewerCells(partsOf(d, n, settled, metric), trainingRows);
	const components = partsBytes(parts);
	const bytes = total(components);
	const plans = [parts.coded, ...parts.stores].map((one) => planTraining(one, trainingRows, rest.training));
	const estimate = {
		...{ text: printSpec(settled), bytes, bytesPerVector: n === 0 ? 0 : bytes / n, components },
		fileBytes: fileBytes(parts),
		peakBytes:
			transformPeak(parts, trainingRows) +
			Math.max(...plans.map(trainPeak), ...plans.map((one) => bytes + addScratch(one))),
		query: workOf(parts, rest),
	};
	if (rest.measure === false) return estimate;
	const engine = rest.engine ?? defaultEngine();
	const seconds = [
		...plans.map((plan) => estimateSeconds(engine, plan)),
		...parts.transforms.map((one) => transformSeconds(engine, one, n, trainingRows)),
	];
	const train = total(seconds.map((one) => one.train));
	return { ...estimate, seconds: { train, add: total(seconds.map(({ add }) => add)) } };
}

/** Training on fewer vectors than cells makes fewer cells. */
function fewerCells(parts: Parts, trainingRows: number): Parts {
	const { coded } = parts;
	if (coded.nlist <= Math.max(1, trainingRows)) return parts;
	return { ...parts, coded: { ...coded, nlist: Math.max(1, trainingRows) } };
}

/** Transformed rows on their way, as arrays of JavaScript: those that the index trains on, or a part of those added. */
function transformPeak({ transforms, coded }: Parts, trainingRows: number): number {
	if (transforms.length === 0) return 0;
	const limit = Math.max(coded.nlist * 256, 65_536);
	return Math.max(Math.min(trainingRows, limit) * 4 * coded.d, Math.min(PART_BYTES, coded.n * 4 * coded.d));
}

function workOf({ transforms, coded, stores }: Parts, options: EstimateSpecOptions): QueryWork {
	const { k = 10, kFactor = 10, efSearch = 64 } = options;
	const { n, d, nlist, graphM } = coded;
	const nprobe = Math.min(nlist, options.nprobe ?? Math.max(1, Math.round(Math.sqrt(nlist))));
	const refined = stores.length === 0 ? 0 : Math.min(n, Math.ceil(k * kFactor));
	const near = Math.max(efSearch, stores.length === 0 ? k : refined);
	const codes =
		graphM > 0
			? Math.min(n, Math.round(near * PER_NODE * (graphM / 32) ** PER_NODE_POWER))
			: nlist === 0
				? n
				: Math.min(n, Math.round((n * nprobe) / nlist));
	const walked = coded.coarseM > 0 && nprobe * 512 <= nlist;
	const centroids = walked ? Math.min(nlist, (2 * nprobe + 40) * PER_NODE) : nlist;
	const packed = !walked && nlist >= PACK_CELLS && nprobe * 16 <= nlist;
	const { codeSize, termBytes } = layoutOf(coded);
	const bytesRead =
		total(transforms.map(transformBytes)) +
		centroids * d * (packed ? 2 : 4) +
		codes * (codeSize + termBytes) +
		(graphM > 0 ? near * graphM * 8 : 0) +
		total(stores.map(({ codec }) => refined * codeBytes(codec, stores[0]!.d)));
	return { nprobe, centroids, codes, refined, bytesRead: Math.round(bytesRead) };
}
