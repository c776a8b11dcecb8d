/**
 * y = A x + b: the base of rotations, PCA and OPQ, and a transform of its own for a matrix from elsewhere.
 */

import type { TrainingRows } from '../cluster/rows.ts';
import type { Engine } from '../kernels/engine.ts';
import { checkBoolean, checkKeys, show } from '../util/check.ts';
import type { Steps } from '../util/steps.ts';
import { type Learnt, Transform, type TransformTrainOptions } from './transform.ts';

/** Options of LinearTransform. */
export interface LinearTransformOptions {
	/** Dimension of the rows it takes, 1..65536. */
	readonly dIn: number;
	/** Dimension of the rows it makes, 1..65536. */
	readonly dOut: number;
	/** Size dOut * dIn, row-major. Without it the transform is not trained, and cannot be. */
	readonly matrix?: Float32Array | undefined;
	/** Size dOut. Default: zeros. */
	readonly bias?: Float32Array | undefined;
	/** That rows or columns of the matrix are orthonormal, so that its transpose leads back. Not checked. Default: false. */
	readonly isOrthonormal?: boolean | undefined;
	/** Memory and kernels to use. Default: the shared engine. */
	readonly engine?: Engine | undefined;
}

/** A matrix in the arena. */
export abstract class MatrixTransform extends Transform {
	/** Panels of eight rows of A, layout (ceil(dOut / 8), dIn, 8), then b filled up to whole panels; 0 before training. */
	#block = 0;

	/** Whether there is a matrix. */
	get isTrained(): boolean {
		return this.#block !== 0;
	}

	get byteLength(): number {
		return this.engine.arena.sizeOf(this.#block);
	}

	/** A copy of A, size dOut * dIn, row-major. */
	get matrix(): Float32Array<ArrayBuffer> {
		this.checkTrained('matrix');
		return this.matrixRows(0, this.dOut);
	}

	/** A copy of b, size dOut. */
	get bias(): Float32Array<ArrayBuffer> {
		this.checkTrained('bias');
		return this.engine.arena.readF32(this.#bias, this.dOut);
	}

	/** Rows first..first + count - 1 of A. @internal */
	matrixRows(first: number, count: number): Float32Array<ArrayBuffer> {
		const { dIn } = this;
		const { f32 } = this.engine.arena;
		const out = new Float32Array(count * dIn);
		for (let i = 0; i < count; i++) {
			const from = this.#column(first + i);
			for (let t = 0; t < dIn; t++) out[i * dIn + t] = f32[from + t * 8]!;
		}
		return out;
	}

	/** Takes A and b. @internal */
	setMatrix(matrix: Float32Array, bias?: Float32Array): void {
		const { arena } = this.engine;
		const rows = arena.allocCopy(matrix);
		try {
			this.loadMatrix(rows, bias);
		} finally {
			arena.free(rows);
		}
	}

	/** The same with A from dOut rows of dIn values in the arena. @internal */
	loadMatrix(rows: number, bias?: Float32Array): void {
		const { dIn, dOut, engine } = this;
		const block = makePanels(engine, rows, dOut, dIn);
		if (bias !== undefined) engine.arena.writeF32(block + panelsBytes(dOut, dIn), bias);
		engine.arena.free(this.#block);
		this.#block = block;
	}

	/** @internal */
	applyRows(x: number, n: number, out: number): void {
		this.engine.kernels.applyLinear(x, n, this.dIn, this.#block, this.#bias, this.dOut, out);
	}

	/** A^T (y - b), summed in double precision. @internal */
	reverseRow(y: Float32Array): Float32Array<ArrayBuffer> {
		const { dIn, dOut } = this;
		const { f32 } = this.engine.arena;
		const sums = new Float64Array(dIn);
		for (let j = 0; j < dOut; j++) {
			const from = this.#column(j);
			const value = y[j]! - f32[(this.#bias >>> 2) + j]!;
			for (let t = 0; t < dIn; t++) sums[t] = sums[t]! + value * f32[from + t * 8]!;
		}
		return Float32Array.from(sums);
	}

	/** @internal */
	takeLearnt(): Learnt {
		const { arena } = this.engine;
		const before = this.#block;
		this.#block = 0;
		return {
			putBack: () => {
				arena.free(this.#block);
				this.#block = before;
			},
			free: () => arena.free(before),
		};
	}

	/** Gives the matrix back. */
	[Symbol.dispose](): void {
		this.engine.arena.free(this.#block);
		this.#block = 0;
	}

	get #bias(): number {
		return this.#block + panelsBytes(this.dOut, this.dIn);
	}

	/** Where row j of A begins; its values are eight apart. */
	#column(j: number): number {
		return (this.#block >>> 2) + (j >> 3) * this.dIn * 8 + (j & 7);
	}
}

/** Bytes of a matrix in panels. */
export function panelsBytes(dOut: number, dIn: number): number {
	return Math.ceil(dOut / 8) * 32 * dIn;
}

/** A matrix of dOut rows in the arena as `applyLinear` takes it, with a bias of zeros behind; the caller frees it. */
export function makePanels({ arena, kernels }: Engine, rows: number, dOut: number, dIn: number): number {
	const block = arena.allocZeroed(panelsBytes(dOut, dIn) + Math.ceil(dOut / 8) * 32);
	for (let j = 0; j < dOut; j += 8) {
		kernels.packPanel(rows + j * dIn * 4, Math.min(8, dOut - j), dIn, block + j * dIn * 4);
	}
	return block;
}

/**
 * Any linear transform, y = A x + b, with A and b as given.
 *
 * @example
 * using swap = new LinearTransform({ dIn: 2, dOut: 2, matrix: Float32Array.of(0, 1, 1, 0), isOrthonormal: true });
 * console.log(swap.apply([1, 2]).data, swap.reverse([2, 1]).data); // Float32Array(2) [2, 1] Float32Array(2) [1, 2]
 */
export class LinearTransform extends MatrixTransform {
	readonly type = 'LinearTransform';
	readonly isReversible: boolean;

	constructor(options: LinearTransformOptions) {
		const where = 'LinearTransform';
		checkKeys(where, options, ['dIn', 'dOut', 'matrix', 'bias', 'isOrthonormal', 'engine']);
		super(where, options.dIn, options.dOut, options.engine);
		this.isReversible = checkBoolean(where, 'isOrthonormal', options.isOrthonormal ?? false);
		const { matrix, bias } = options;
		if (matrix === undefined) return;
		checkFloats(where, 'matrix', matrix, this.dOut * this.dIn);
		if (bias !== undefined) checkFloats(where, 'bias', bias, this.dOut);
		this.setMatrix(matrix, bias);
	}

	/** There is nothing to learn. @internal */
	trainingLimit(): number {
		return 0;
	}

	/** @internal */
	*trainSteps(_rows: TrainingRows, _options: TransformTrainOptions): Steps<void> {
		this.checkTrained('train');
		yield { phase: 'train', done: 1, total: 1 };
	}

	/** Nothing was learnt. @internal */
	override takeLearnt(): Learnt {
		return { putBack() {}, free() {} };
	}
}

function checkFloats(where: string, name: string, values: Float32Array, length: number): void {
	if (!(values instanceof Float32Array) || values.length !== length) {
		throw new RangeError(`${where}: ${name} must be a Float32Array of ${length} values, got ${show(values)}`);
	}
	const bad = values.findIndex((value) => !Number.isFinite(value));
	if (bad >= 0) throw new RangeError(`${where}: ${name} holds ${values[bad]} at ${bad}`);
}
