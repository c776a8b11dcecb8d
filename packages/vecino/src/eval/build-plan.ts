/**
 * What is to be built, with every parameter settled: for the forecasts of estimate-build.ts and estimate-seconds.ts.
 */

import { METRICS, type Metric } from '../core/metric.ts';
import { MAX_D } from '../core/vectors.ts';
import { type Coded, layoutOf } from '../factory/bytes.ts';
import type { CodecSpec } from '../factory/spec.ts';
import type { TrainOptions } from '../indexes/base.ts';
import { PRUNED_D } from '../indexes/flat.ts';
import { TWO_LEVEL_FROM } from '../indexes/ivf-train.ts';
import type { RefineStore } from '../indexes/refine-store.ts';
import type { CodeLayout } from '../invlists/layout.ts';
import type { Engine } from '../kernels/engine.ts';
import { hasRanges, SCALAR_TYPES, type ScalarType } from '../quantizers/scalar-types.ts';
import { checkBoolean, checkInt, checkKeys, checkOneOf, show } from '../util/check.ts';

/** Those without transforms and RaBitQ codes. */
const KINDS = {
	IndexFlat: 'flat',
	IndexScalarQuantizer: 'scalar',
	IndexPQ: 'pq',
	IndexPQFastScan: 'fast',
	IndexIVFFlat: 'flat',
	IndexIVFScalarQuantizer: 'scalar',
	IndexIVFPQ: 'pq',
	IndexIVFPQFastScan: 'fast',
} as const;
const TYPES = Object.keys(KINDS) as (keyof typeof KINDS)[];

/** The index to be built and how: parameters as its constructor takes them. */
export interface BuildEstimateOptions {
	/** Class of the index: one without a graph, transforms or RaBitQ codes. */
	readonly type: keyof typeof KINDS;
	/** Dimension of the vectors. */
	readonly d: number;
	/** Vectors to be added. */
	readonly n: number;
	/** What is compared. Default: 'l2'. */
	readonly metric?: Metric | undefined;
	/** IVF kinds only, and needed there. */
	readonly nlist?: number | undefined;
	/** PQ kinds only, and needed there. */
	readonly m?: number | undefined;
	/** Bits of a sub-code. Default: 8; of fast-scan 4. */
	readonly nbits?: number | undefined;
	/** IVF kinds of PQ: whether codes are of residuals. Default: true. */
	readonly byResidual?: boolean | undefined;
	/** The `type` of scalar-quantizer kinds. Default: 'sq8'. */
	readonly scalarType?: ScalarType | undefined;
	/** IndexFlat only. Default: true for d >= 384. */
	readonly pruned?: boolean | undefined;
	/** Store of an IndexRefine around it. */
	readonly refine?: RefineStore | undefined;
	/** Vectors handed to train. Default: n. */
	readonly trainingRows?: number | undefined;
	/** Options that train will be given, those that decide what it takes. */
	readonly training?: Pick<TrainOptions, 'niter' | 'maxPointsPerCentroid' | 'clustering'> | undefined;
	/** Measure this device (a quarter of a second) and give seconds. Default: true. */
	readonly measure?: boolean | undefined;
	/** Whose kernels are timed. Default: the shared engine. */
	readonly engine?: Engine | undefined;
}

/** What is to be built, and how it is trained. @internal */
export interface BuildPlan {
	readonly coded: Coded;
	readonly layout: CodeLayout;
	/** Of product quantizers; 0 of others. */
	readonly m: number;
	readonly dsub: number;
	readonly nbits: number;
	readonly trainingRows: number;
	/** Rows that the coarse quantizer and the codec train on. */
	readonly coarseRows: number;
	readonly codecRows: number;
	readonly niter: number | undefined;
	readonly twoLevels: boolean;
	/** Product quantizers learn from residuals. */
	readonly ofResiduals: boolean;
}

/** How an index is trained that is to hold `coded`. @internal */
export function planTraining(
	coded: Coded,
	trainingRows: number,
	training: BuildEstimateOptions['training'] = {},
): BuildPlan {
	const { codec, d, nlist, byResidual } = coded;
	const { niter, maxPointsPerCentroid = 256, clustering = 'auto' } = training;
	const quantized = codec.kind === 'pq' || codec.kind === 'pqfs';
	const nbits = codec.kind === 'pq' ? codec.nbits : quantized ? 4 : 0;
	const m = quantized ? codec.m : 0;
	const ranges = codec.kind === 'sq' && hasRanges(codec.type);
	const centre = codec.kind === 'rabitq' && nlist === 0;
	const codecRows = quantized ? Math.min(262_144, 2 ** nbits * maxPointsPerCentroid) : ranges || centre ? 100_000 : 0;
	return {
		...{ coded, layout: layoutOf(coded), m, nbits, trainingRows, niter },
		dsub: quantized ? Math.ceil(d / m) : 0,
		coarseRows: Math.min(trainingRows, nlist * maxPointsPerCentroid),
		codecRows: Math.min(trainingRows, codecRows),
		twoLevels: clustering === 'two-level' || (clustering === 'auto' && nlist >= TWO_LEVEL_FROM),
		ofResiduals: nlist > 0 && quantized && byResidual,
	};
}

/** Checks the options of estimateBuild and fills in defaults. @internal */
export function planBuild(options: BuildEstimateOptions): BuildPlan {
	const where = 'estimateBuild';
	checkKeys(where, options, [
		...['type', 'd', 'n', 'metric', 'nlist', 'm', 'nbits', 'byResidual', 'scalarType', 'pruned'],
		...['refine', 'trainingRows', 'training', 'measure', 'engine'],
	]);
	const type = checkOneOf(where, 'type', options.type, TYPES);
	const scalarType = checkOneOf(where, 'scalarType', options.scalarType ?? 'sq8', SCALAR_TYPES);
	const kind = KINDS[type] === 'scalar' ? scalarType : KINDS[type];
	const d = checkInt(where, 'd', options.d, 1, MAX_D);
	const n = checkInt(where, 'n', options.n, 0, 2 ** 32 - 1);
	const metric = checkOneOf(where, 'metric', options.metric ?? 'l2', METRICS);
	const trainingRows = checkInt(where, 'trainingRows', options.trainingRows ?? n, 0, 2 ** 32 - 1);
	const byResidual = checkBoolean(where, 'byResidual', options.byResidual ?? true);
	const pruned = checkBoolean(where, 'pruned', options.pruned ?? d >= PRUNED_D) && type === 'IndexFlat';
	const quantized = kind === 'pq' || kind === 'fast';
	const m = quantized ? checkInt(where, 'm', options.m, 1, d) : 0;
	const nbits = kind === 'fast' ? 4 : quantized ? checkInt(where, 'nbits', options.nbits ?? 8, 4, 12) : 0;
	const ivf = type.startsWith('IndexIVF');
	const nlist = ivf ? Math.min(checkInt(where, 'nlist', options.nlist, 1, 2 ** 24), Math.max(1, trainingRows)) : 0;
	const codec: CodecSpec =
		kind === 'pq'
			? { kind, m, nbits }
			: kind === 'fast'
				? { kind: 'pqfs', m }
				: kind === 'flat'
					? { kind }
					: { kind: 'sq', type: kind };
	const coded = { d, n, metric, codec, nlist, byResidual: ivf && quantized && byResidual, pruned };
	return planTraining({ ...coded, coarseM: 0, graphM: 0 }, trainingRows, options.training);
}

/** The same for the store of an IndexRefine around it, which is an index of its own; undefined without one. @internal */
export function planStore(options: BuildEstimateOptions): BuildPlan | undefined {
	const { refine, d, n, metric, trainingRows, training } = options;
	if (refine === undefined) return undefined;
	const where = 'estimateBuild';
	const shape = { d, n, metric, trainingRows, training };
	if (typeof refine === 'object' && refine !== null) {
		checkKeys(`${where}: refine`, refine, ['pq']);
		if (refine.pq === undefined)
			throw new TypeError(`${where}: refine.pq must be { m, nbits }, got ${show(refine.pq)}`);
		checkKeys(`${where}: refine.pq`, refine.pq, ['m', 'nbits']);
		return planBuild({ ...shape, type: 'IndexPQ', m: refine.pq.m, nbits: refine.pq.nbits });
	}
	const word = checkOneOf(where, 'refine', refine, ['flat', ...SCALAR_TYPES] as const);
	if (word === 'flat') return planBuild({ ...shape, type: 'IndexFlat', pruned: false });
	return planBuild({ ...shape, type: 'IndexScalarQuantizer', scalarType: word });
}
