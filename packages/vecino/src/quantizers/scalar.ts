/**
 * 8-bit scalar quantization (SQ8): each dimension is cut into 255 equal steps between the smallest and
 * the largest value seen in training. x_j ~ min_j + code_j * step_j; 1 byte per dimension.
 * Values outside the training range are clamped. A dimension that is constant takes step 0.
 */

import type { KMeansOptions } from '../cluster/kmeans.ts';
import { CHUNK, type TrainingRows } from '../cluster/rows.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Steps } from '../util/steps.ts';
import { type Codec, type CodeScanner, RowCodec, type ScanKind } from './codec.ts';

/** Training rows that SQ8 looks at: the range of 100k random rows is that of all but a few outliers. */
const MAX_TRAINING_ROWS = 100_000;

export class ScalarQuantizer extends RowCodec implements Codec {
	readonly d: number;
	readonly codeSize: number;
	readonly encodeScratchBytes = 0;
	/** @internal */
	protected readonly engine: Engine;
	/** d values each, padded with zeros to a multiple of 8; 0 before training. */
	#mins = 0;
	#steps = 0;
	#inverse = 0;

	constructor(engine: Engine, d: number) {
		super();
		this.engine = engine;
		this.d = d;
		this.codeSize = d;
	}

	get isTrained(): boolean {
		return this.#mins !== 0;
	}

	/** Smallest value and step of every dimension, size d each. */
	get range(): { mins: Float32Array<ArrayBuffer>; steps: Float32Array<ArrayBuffer> } {
		const { arena } = this.engine;
		return { mins: arena.readF32(this.#mins, this.d), steps: arena.readF32(this.#steps, this.d) };
	}

	/** Where smallest values and steps lie. @internal */
	get pointers(): { mins: number; steps: number } {
		return { mins: this.#mins, steps: this.#steps };
	}

	setRange(mins: Float32Array, steps: Float32Array): void {
		const { arena } = this.engine;
		const padded = Math.ceil(this.d / 8) * 8;
		const store = (values: Float32Array): number => {
			const ptr = arena.allocZeroed(padded * 4);
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
			maxs.map((max, t) => Math.fround(max - mins[t]!) / 255),
		);
	}

	encodeRows(x: number, n: number, codes: number): void {
		this.engine.kernels.sq8Encode(x, n, this.d, this.#mins, this.#inverse, codes);
	}

	decodeRows(codes: number, n: number, out: number): void {
		this.engine.kernels.sq8Decode(codes, n, this.d, this.#mins, this.#steps, out);
	}

	/** State of a prepared query: l2: q - min; ip: q * step, then -(q . min). Padded with zeros. */
	scanner(kind: ScanKind): CodeScanner {
		if (kind === 'residual-l2') throw new Error('internal: SQ8 codes are never residuals');
		const { arena, kernels } = this.engine;
		const { d } = this;
		const padded = Math.ceil(d / 8) * 8;
		const l2 = kind === 'l2';
		return {
			stateBytes: padded * 4 + 4,
			setQuery: (q, state) => {
				const { f32 } = arena;
				f32.fill(0, state >>> 2, (state >>> 2) + padded + 1);
				let shift = 0;
				for (let t = 0; t < d; t++) {
					const value = f32[(q >>> 2) + t]!;
					const min = f32[(this.#mins >>> 2) + t]!;
					f32[(state >>> 2) + t] = l2 ? value - min : value * f32[(this.#steps >>> 2) + t]!;
					shift -= value * min;
				}
				f32[(state >>> 2) + padded] = shift;
			},
			scan: (state, args) =>
				l2
					? kernels.scanSq8L2(...args, state, this.#steps, d)
					: kernels.scanSq8Ip(...args, state, arena.f32[(state >>> 2) + padded]!, d),
		};
	}

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
