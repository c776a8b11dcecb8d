/**
 * Principal component analysis: the directions in which vectors spread most, and only those. FAISS's PCAMatrix.
 *
 * Under 'l2' directions are those of the spread around the mean, which is taken away: distances do not see it. Inner
 * products do, so under 'ip' and 'cosine' the directions are those of the spread around zero and nothing is taken
 * away: with dOut = dIn every inner product stays as it is.
 */

import type { TrainingRows } from '../cluster/rows.ts';
import type { Engine } from '../kernels/engine.ts';
import { checkBoolean, checkInt, checkKeys } from '../util/check.ts';
import type { Steps } from '../util/steps.ts';
import { MAX_TRAINED_D, momentsSteps } from './covariance.ts';
import { eigenSteps } from './eigen.ts';
import { MatrixTransform } from './linear.ts';
import { randomOrthonormalSteps } from './rotation.ts';
import type { Learnt, TransformTrainOptions } from './transform.ts';

/** Options of PCATransform. */
export interface PCATransformOptions {
	/** 1..8192. */
	readonly dIn: number;
	/** Components kept, 1..dIn. Default: dIn. */
	readonly dOut?: number | undefined;
	/** Components are multiplied by their variance to this power: 0 leaves them, -0.5 gives all the same (whitening). Default: 0. */
	readonly eigenPower?: 0 | -0.5 | undefined;
	/** Rotate the components at random, so that all have about the same variance (FAISS's PCAR). Default: false. */
	readonly randomRotation?: boolean | undefined;
	/** Memory and kernels to use. Default: the shared engine. */
	readonly engine?: Engine | undefined;
}

/** Training looks at most at this many rows, and at PER_DIMENSION for each dimension. */
const MAX_ROWS = 50_000;
const PER_DIMENSION = 1000;
/** Variances below this share of the largest count as this share when they are divided by. */
const LEAST_VARIANCE = 1e-12;

/**
 * The first dOut principal components.
 *
 * @example
 * using pca = new PCATransform({ dIn: 64, dOut: 16 });
 * pca.train(vectors);
 * const [first, second] = pca.variances;
 * console.log(pca.apply(queries).d, first! > second!); // 16 true
 */
export class PCATransform extends MatrixTransform {
	readonly type = 'PCATransform';
	/** Power of its variance that each component is multiplied by. */
	readonly eigenPower: 0 | -0.5;
	/** Whether components are rotated at random. */
	readonly randomRotation: boolean;
	/** Size dIn; zeros where nothing is taken away. */
	#mean: Float32Array<ArrayBuffer> = new Float32Array(0);
	/** Size dIn. */
	#variances: Float32Array<ArrayBuffer> = new Float32Array(0);

	constructor(options: PCATransformOptions) {
		const where = 'PCATransform';
		checkKeys(where, options, ['dIn', 'dOut', 'eigenPower', 'randomRotation', 'engine']);
		const dIn = checkInt(where, 'dIn', options.dIn, 1, MAX_TRAINED_D);
		super(where, dIn, checkInt(where, 'dOut', options.dOut ?? dIn, 1, dIn), options.engine);
		const { eigenPower = 0 } = options;
		if (eigenPower !== 0 && eigenPower !== -0.5) {
			throw new RangeError(`${where}: eigenPower must be 0 or -0.5, got ${eigenPower}`);
		}
		this.eigenPower = eigenPower;
		this.randomRotation = checkBoolean(where, 'randomRotation', options.randomRotation ?? false);
	}

	/** A whitened row has lost its proportions. */
	get isReversible(): boolean {
		return this.eigenPower === 0;
	}

	override get byteLength(): number {
		return super.byteLength + this.#mean.byteLength + this.#variances.byteLength;
	}

	/** A copy of what is taken away from rows, size dIn: their mean, or zeros. */
	get mean(): Float32Array<ArrayBuffer> {
		this.checkTrained('mean');
		return this.#mean.slice();
	}

	/** Variance along each of all dIn components, kept or not, in descending order. */
	get variances(): Float32Array<ArrayBuffer> {
		this.checkTrained('variances');
		return this.#variances.slice();
	}

	/** @internal */
	trainingLimit(): number {
		return Math.min(MAX_ROWS, PER_DIMENSION * this.dIn);
	}

	/** @internal */
	*trainSteps(rows: TrainingRows, options: TransformTrainOptions): Steps<void> {
		const { dIn, dOut, engine } = this;
		const centred = (options.metric ?? 'l2') === 'l2';
		const { mean, covariance } = yield* momentsSteps(engine, rows, centred, 'covariance');
		const { values, vectors } = yield* eigenSteps(covariance, dIn, dOut);
		if (this.eigenPower !== 0) whiten(vectors, values, dIn, dOut);
		const matrix = this.randomRotation
			? product(yield* randomOrthonormalSteps(dOut, dOut, options.seed ?? 1234), vectors, dOut, dIn)
			: vectors;
		const rows32 = engine.arena.allocCopy(Float32Array.from(matrix));
		try {
			this.loadPrincipal(rows32, Float32Array.from(mean), Float32Array.from(values));
		} finally {
			engine.arena.free(rows32);
		}
	}

	/** Takes A (dOut rows of dIn values in the arena), mean and variances (dIn values each); b = -A mean. @internal */
	loadPrincipal(rows: number, mean: Float32Array<ArrayBuffer>, variances: Float32Array<ArrayBuffer>): void {
		const { dIn, dOut, engine } = this;
		const { f32 } = engine.arena;
		const bias = Float32Array.from({ length: dOut }, (_, j) => {
			let sum = 0;
			for (let t = 0; t < dIn; t++) sum += f32[(rows >>> 2) + j * dIn + t]! * mean[t]!;
			return 0 - sum;
		});
		this.loadMatrix(rows, bias);
		this.#mean = mean;
		this.#variances = variances;
	}

	/** mean + A^T y: what was left out counts as the mean. @internal */
	override reverseRow(y: Float32Array): Float32Array<ArrayBuffer> {
		const bias = this.bias;
		const row = super.reverseRow(y.map((value, j) => value + bias[j]!));
		for (let t = 0; t < row.length; t++) row[t] = row[t]! + this.#mean[t]!;
		return row;
	}

	/** @internal */
	override takeLearnt(): Learnt {
		const learnt = super.takeLearnt();
		const [mean, variances] = [this.#mean, this.#variances];
		return {
			putBack: () => {
				learnt.putBack();
				this.#mean = mean;
				this.#variances = variances;
			},
			free: learnt.free,
		};
	}
}

/** Rows divided by the root of their variance; left alone where nothing varies. */
function whiten(vectors: Float64Array, values: Float64Array, dIn: number, dOut: number): void {
	const least = values[0]! * LEAST_VARIANCE;
	for (let j = 0; j < dOut && least > 0; j++) {
		const root = Math.sqrt(Math.max(values[j]!, least));
		for (let t = 0; t < dIn; t++) vectors[j * dIn + t] = vectors[j * dIn + t]! / root;
	}
}

/** a (n x n) times b (n x d). */
export function product(a: Float64Array, b: Float64Array, n: number, d: number): Float64Array<ArrayBuffer> {
	const out = new Float64Array(n * d);
	for (let i = 0; i < n; i++) {
		for (let k = 0; k < n; k++) {
			const value = a[i * n + k]!;
			for (let t = 0; t < d; t++) out[i * d + t] = out[i * d + t]! + value * b[k * d + t]!;
		}
	}
	return out;
}
