/**
 * Scalar quantization to whole levels: each dimension is cut into equal steps between the smallest and the
 * largest value seen in training, x_j ~ min_j + code_j * step_j. Values outside the training range are clamped. A
 * dimension that is constant takes step 0. SQ8 and SQ4 (sq8.ts, sq4.ts) are this with 256 and 16 levels.
 */

import type { KMeansOptions } from '../cluster/kmeans.ts';
import { CHUNK, type TrainingRows } from '../cluster/rows.ts';
import type { Engine } from '../kernels/engine.ts';
import type { ScanArgs } from '../kernels/kernels.ts';
import type { Steps } from '../util/steps.ts';
import { align16, type Codec, type CodeScanner, RowCodec, type ScanKind } from './codec.ts';

/** Training rows looked at: the range of 100k random rows is that of all but a few outliers. */
const MAX_TRAINING_ROWS = 100_000;

export abstract class ScalarQuantizer extends RowCodec implements Codec {
	readonly d: number;
	readonly encodeScratchBytes = 0;
	/** @internal */
	protected readonly engine: Engine;
	/** Largest code: levels less one. */
	readonly #maxCode: number;
	/** Values that arrays which depend on the query or the quantizer are padded to. */
	readonly #padded: number;
	/** d values each, padded with zeros; 0 before training. */
	#mins = 0;
	#steps = 0;
	#inverse = 0;

	/** @param lanes - Kernels take this many dimensions at a time. */
	constructor(engine: Engine, d: number, maxCode: number, lanes: number) {
		super();
		this.engine = engine;
		this.d = d;
		this.#maxCode = maxCode;
		this.#padded = Math.ceil(d / lanes) * lanes;
	}

	get isTrained(): boolean {
		return this.#mins !== 0;
	}

	/** Smallest value and step of every dimension, size d each. */
	get range(): { mins: Float32Array<ArrayBuffer>; steps: Float32Array<ArrayBuffer> } {
		const { arena } = this.engine;
		return { mins: arena.readF32(this.#mins, this.d), steps: arena.readF32(this.#steps, this.d) };
	}

	setRange(mins: Float32Array, steps: Float32Array): void {
		const { arena } = this.engine;
		const store = (values: Float32Array): number => {
			const ptr = arena.allocZeroed(this.#padded * 4);
			arena.writeF32(ptr, values);
			return ptr;
		};
		this[Symbol.dispose]();
		this.#mins = store(mins);
		this.#steps = store(steps);
		this.#inverse = store(steps.map((step) => (step > 0 ? 1 / step : 0)));
	}

	trainingLimit(_options: KMeansOptions): number {
		return MAX_TRAINING_ROWS;
	}

	*trainSteps(rows: TrainingRows, _options: KMeansOptions): Steps<void> {
		const { d, n } = rows;
		const mins = new Float32Array(d).fill(Number.POSITIVE_INFINITY);
		const maxs = new Float32Array(d).fill(Number.NEGATIVE_INFINITY);
		for (let start = 0; start < n; start += CHUNK) {
			const count = Math.min(CHUNK, n - start);
			const x = rows.chunk(start, count) >>> 2;
			const { f32 } = this.engine.arena;
			for (let i = 0; i < count; i++) {
				for (let t = 0; t < d; t++) {
					const value = f32[x + i * d + t]!;
					if (value < mins[t]!) mins[t] = value;
					if (value > maxs[t]!) maxs[t] = value;
				}
			}
			yield { phase: 'ranges', done: start + count, total: n };
		}
		this.setRange(
			mins,
			maxs.map((max, t) => Math.fround(max - mins[t]!) / this.#maxCode),
		);
	}

	encodeRows(x: number, n: number, codes: number): void {
		this.encodeWith(x, n, codes, this.#mins, this.#inverse);
	}

	decodeRows(codes: number, n: number, out: number): void {
		this.decodeWith(codes, n, out, this.#mins, this.#steps);
	}

	/** State of a prepared query: l2: q - min; ip: q * step, then -(q . min). Padded with zeros. */
	scanner(kind: ScanKind): CodeScanner {
		if (kind === 'residual-l2') throw new Error('internal: scalar-quantized codes are never residuals');
		const { arena, kernels } = this.engine;
		const padded = this.#padded;
		const l2 = kind === 'l2';
		const stride = align16(padded * 4 + 4);
		const prepare = (q: number, n: number, states: number) =>
			[q, n, this.d, l2 ? 0 : 1, this.#mins, this.#steps, padded, states, stride] as const;
		return {
			stateBytes: padded * 4 + 4,
			setQuery: (q, state) => kernels.scalarPrepare(...prepare(q, 1, state)),
			scan: (state, args) =>
				l2 ? this.scanL2(args, state, this.#steps) : this.scanIp(args, state, arena.f32[(state >>> 2) + padded]!),
			block: {
				stateBytes: stride,
				workBytes: 0,
				prepare: (q, n, states) => ['scalarPrepare', ...prepare(q, n, states)],
				scan: () => [this.listKind(kind), this.d, l2 ? this.#steps : padded, 0],
			},
		};
	}

	/** The kernels of the codes. @internal */
	protected abstract encodeWith(x: number, n: number, codes: number, mins: number, inverse: number): void;
	/** @internal */
	protected abstract decodeWith(codes: number, n: number, out: number, mins: number, steps: number): void;
	/** Number of its scan in scanLists. @internal */
	protected abstract listKind(kind: 'l2' | 'ip'): number;
	/** @internal */
	protected abstract scanL2(args: ScanArgs, shifted: number, steps: number): number;
	/** @internal */
	protected abstract scanIp(args: ScanArgs, weights: number, shift: number): number;

	bytes(): Record<string, number> {
		const { arena } = this.engine;
		return { ranges: arena.sizeOf(this.#mins) + arena.sizeOf(this.#steps) + arena.sizeOf(this.#inverse) };
	}

	[Symbol.dispose](): void {
		for (const ptr of [this.#mins, this.#steps, this.#inverse]) this.engine.arena.free(ptr);
		this.#mins = 0;
		this.#steps = 0;
		this.#inverse = 0;
	}
}
