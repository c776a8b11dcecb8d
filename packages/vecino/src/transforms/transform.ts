/**
 * Transforms of vectors ahead of an index: rows of dIn values to rows of dOut. FAISS's VectorTransform.
 *
 * Rows are n x dIn float32, row-major. A transform owns memory in its engine's arena: give it back with `using` or
 * `[Symbol.dispose]()`; one inside an IndexPreTransform belongs to that index.
 */

import { CHUNK, sampledRows, sampleRows, type TrainingRows } from '../cluster/rows.ts';
import type { Metric } from '../core/metric.ts';
import { resolveOptions, TRANSFORM_TRAIN_OPTIONS } from '../core/options.ts';
import { MAX_D, toVectorSet, VectorSet, type Vectors } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import { defaultEngine, type Engine } from '../kernels/engine.ts';
import { checkInt } from '../util/check.ts';
import { type RunOptions, runSync, type Steps } from '../util/steps.ts';

/** Options of Transform.train. */
export interface TransformTrainOptions extends RunOptions {
	/** Metric of the index behind. Under 'l2' distances, and so spreads around the mean, are to be kept; else inner products. Default: 'l2'. */
	readonly metric?: Metric | undefined;
	/** Seed of everything random. Default: 1234. */
	readonly seed?: number | undefined;
}

/** What was learnt, taken out of a transform. @internal */
export interface Learnt {
	putBack(): void;
	free(): void;
}

/**
 * What every transform can do. Abstract: make one of its kinds.
 *
 * @example
 * const widths = (transform: Transform) => `${transform.dIn} to ${transform.dOut}`;
 * using pca = new PCATransform({ dIn: 64, dOut: 16 });
 * console.log(widths(pca), pca.train(vectors).apply(queries).d); // 64 to 16 16
 */
export abstract class Transform implements Disposable {
	/** Dimension of the rows it takes. */
	readonly dIn: number;
	/** Dimension of the rows it makes. */
	readonly dOut: number;
	/** @internal */
	readonly engine: Engine;

	protected constructor(where: string, dIn: number, dOut: number, engine: Engine | undefined) {
		this.dIn = checkInt(where, 'dIn', dIn, 1, MAX_D);
		this.dOut = checkInt(where, 'dOut', dOut, 1, MAX_D);
		this.engine = engine ?? defaultEngine();
	}

	/** Name of the class, also in files. */
	abstract readonly type: string;
	/** Whether `apply` works. */
	abstract get isTrained(): boolean;
	/** Whether `reverse` works: there is a best guess at the row that was transformed. */
	abstract get isReversible(): boolean;
	/** Resident bytes. */
	abstract get byteLength(): number;

	/**
	 * Learns from x; a second call starts afresh.
	 *
	 * @example
	 * using pca = new PCATransform({ dIn: 64, dOut: 16 });
	 * console.log(pca.isTrained, pca.train(vectors, { metric: 'cosine' }).isTrained); // false true
	 */
	train(x: Vectors, options?: TransformTrainOptions): this {
		const where = `${this.type}.train`;
		const resolved = resolveOptions(where, options, TRANSFORM_TRAIN_OPTIONS);
		const set = toVectorSet(where, 'x', x, this.dIn);
		if (set.n === 0) throw new RangeError(`${where}: at least one vector is needed`);
		const sample = sampleRows(set.n, Math.max(1, this.trainingLimit()), resolved.seed!);
		using rows = sampledRows(this.engine, set, sample, resolved.metric === 'cosine');
		runSync(this.trainSteps(rows, resolved), resolved);
		return this;
	}

	/**
	 * Transforms n rows of dIn values to n of dOut.
	 *
	 * @example
	 * using pca = new PCATransform({ dIn: 64, dOut: 16 });
	 * const { n, d } = pca.train(vectors).apply(queries);
	 * console.log(n, d); // 10 16
	 */
	apply(x: Vectors): VectorSet {
		const where = `${this.type}.apply`;
		this.checkTrained('apply');
		const set = toVectorSet(where, 'x', x, this.dIn);
		const { arena } = this.engine;
		const out = new VectorSet(new Float32Array(set.n * this.dOut), this.dOut);
		const from = arena.alloc(CHUNK * (this.dIn + this.dOut) * 4);
		const to = from + CHUNK * this.dIn * 4;
		try {
			for (let start = 0; start < set.n; start += CHUNK) {
				const count = Math.min(CHUNK, set.n - start);
				arena.f32.set(set.data.subarray(start * this.dIn, (start + count) * this.dIn), from >>> 2);
				this.applyRows(from, count, to);
				out.data.set(arena.f32.subarray(to >>> 2, (to >>> 2) + count * this.dOut), start * this.dOut);
			}
			return out;
		} finally {
			arena.free(from);
		}
	}

	/**
	 * The rows of dIn values that n transformed ones most likely came from. @throws {VecinoError} `unsupported`.
	 *
	 * @example
	 * using rotation = new RandomRotation({ dIn: 64 });
	 * rotation.train(vectors);
	 * const again = rotation.reverse(rotation.apply(queries));
	 * console.log(squaredL2(again.row(0), queries.row(0)) < 1e-6); // true
	 */
	reverse(y: Vectors): VectorSet {
		const where = `${this.type}.reverse`;
		this.checkTrained('reverse');
		const set = toVectorSet(where, 'y', y, this.dOut);
		this.checkReversible(where);
		const out = new VectorSet(new Float32Array(set.n * this.dIn), this.dIn);
		for (let i = 0; i < set.n; i++) out.row(i).set(this.reverseRow(set.row(i)));
		return out;
	}

	// ── What a kind of transform supplies ──────────────────────────────────────────────────────

	/** Most rows that training can use; 0 when it looks at none. @internal */
	abstract trainingLimit(): number;
	/** Learns, at the end and at once: an abort leaves the transform as it was. @internal */
	abstract trainSteps(rows: TrainingRows, options: TransformTrainOptions): Steps<void>;
	/** n rows at x to rows at out, which may not be x. @internal */
	abstract applyRows(x: number, n: number, out: number): void;
	/** @internal */
	abstract reverseRow(y: Float32Array): Float32Array<ArrayBuffer>;
	/** Takes out what was learnt; the transform is not trained then, where it needs to be. @internal */
	abstract takeLearnt(): Learnt;
	/** Gives all memory back. */
	abstract [Symbol.dispose](): void;

	/** @internal */
	checkTrained(method: string): void {
		if (!this.isTrained) throw new VecinoError('not-trained', `${this.type}.${method}: call train first`);
	}

	/** @internal */
	checkReversible(where: string): void {
		if (this.isReversible) return;
		const message = `${where}: rows cannot be had back from this ${this.type}, whose matrix is not orthonormal`;
		throw new VecinoError('unsupported', message);
	}
}
