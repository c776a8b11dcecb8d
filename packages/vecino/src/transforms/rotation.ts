/**
 * Random rotations: orthonormal matrices with no direction preferred. They spread the variance of a few dimensions over
 * all, which helps codes that treat dimensions alike.
 */

import type { TrainingRows } from '../cluster/rows.ts';
import { KMEANS_OPTIONS } from '../core/options.ts';
import type { Engine } from '../kernels/engine.ts';
import { checkInt, checkKeys } from '../util/check.ts';
import { Rng } from '../util/rng.ts';
import type { Steps } from '../util/steps.ts';
import { MAX_TRAINED_D } from './covariance.ts';
import { MatrixTransform } from './linear.ts';
import { orthonormalizeSteps, transpose } from './orthonormal.ts';

/** Options of RandomRotation. */
export interface RandomRotationOptions {
	/** 1..8192. */
	readonly dIn: number;
	/** Default: dIn. Fewer project, more embed. */
	readonly dOut?: number | undefined;
	/** Default: 1234. The rotation follows from dIn, dOut and this alone. */
	readonly seed?: number | undefined;
	/** Memory and kernels to use. Default: the shared engine. */
	readonly engine?: Engine | undefined;
}

/**
 * A random rotation; `train` makes it and looks at no vectors.
 *
 * @example
 * using rotation = new RandomRotation({ dIn: 64 });
 * rotation.train(vectors);
 * const turned = rotation.apply(queries);
 * const change = squaredL2(turned.row(0), turned.row(1)) - squaredL2(queries.row(0), queries.row(1));
 * console.log(Math.abs(change) < 1e-3); // true
 */
export class RandomRotation extends MatrixTransform {
	readonly type = 'RandomRotation';
	readonly isReversible = true;
	/** The rotation follows from it. */
	readonly seed: number;

	constructor(options: RandomRotationOptions) {
		const where = 'RandomRotation';
		checkKeys(where, options, ['dIn', 'dOut', 'seed', 'engine']);
		const dIn = checkInt(where, 'dIn', options.dIn, 1, MAX_TRAINED_D);
		const dOut = checkInt(where, 'dOut', options.dOut ?? dIn, 1, MAX_TRAINED_D);
		super(where, dIn, dOut, options.engine);
		this.seed = checkInt(where, 'seed', options.seed ?? KMEANS_OPTIONS['seed']!.default, 0, 2 ** 32 - 1);
	}

	/** @internal */
	trainingLimit(): number {
		return 0;
	}

	/** @internal */
	*trainSteps(_rows: TrainingRows): Steps<void> {
		const { dIn, dOut } = this;
		this.setMatrix(Float32Array.from(yield* randomOrthonormalSteps(dOut, dIn, this.seed)));
	}
}

/** Size rows * columns: orthonormal rows, or, where there are more of them than columns, orthonormal columns. */
export function* randomOrthonormalSteps(rows: number, columns: number, seed: number): Steps<Float64Array<ArrayBuffer>> {
	const [few, many] = [Math.min(rows, columns), Math.max(rows, columns)];
	const rng = new Rng(seed);
	// Sums of four uniforms are near enough to normal: no direction is preferred that could be measured.
	const a = Float64Array.from({ length: few * many }, () => rng.float() + rng.float() + rng.float() + rng.float() - 2);
	yield* orthonormalizeSteps(a, few, many, 'random rotation');
	return rows <= columns ? a : transpose(a, few, many);
}
