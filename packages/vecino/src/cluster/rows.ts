/**
 * Training rows, a chunk at a time, in the arena. A training set is never copied whole: k-means
 * passes over it several times and pays for the copy of a chunk (about 1 % of the assignment).
 */

import type { VectorSet } from '../core/vectors.ts';
import type { Engine } from '../kernels/engine.ts';
import { Rng } from '../util/rng.ts';

/** n rows of d values that can be had in chunks. */
export interface TrainingRows {
	readonly n: number;
	readonly d: number;
	/** Pointer to rows start..start + count - 1, valid until the next call. count <= CHUNK. */
	chunk(start: number, count: number): number;
}

/** Rows per chunk. */
export const CHUNK = 1024;

/** Rows already in the arena. */
export function residentRows(ptr: number, n: number, d: number): TrainingRows {
	return { n, d, chunk: (start) => ptr + start * d * 4 };
}

/** The rows of a VectorSet named by `sample` (ascending), normalised if asked. Dispose to free the buffer. */
export function sampledRows(
	engine: Engine,
	x: VectorSet,
	sample: Uint32Array,
	normalise: boolean,
): TrainingRows & Disposable {
	const { arena, kernels } = engine;
	const { d } = x;
	const buffer = arena.alloc(CHUNK * d * 4);
	return {
		n: sample.length,
		d,
		chunk(start, count) {
			copyRows(engine, x, sample, start, count, buffer);
			if (normalise) kernels.normalizeRows(buffer, count, d);
			return buffer;
		},
		[Symbol.dispose]: () => arena.free(buffer),
	};
}

/** The rows of `rows` named by `which`. Dispose to free the buffer. */
export function subsetRows(engine: Engine, rows: TrainingRows, which: Uint32Array): TrainingRows & Disposable {
	const { arena } = engine;
	const rowBytes = rows.d * 4;
	const buffer = arena.alloc(CHUNK * rowBytes);
	return {
		n: which.length,
		d: rows.d,
		chunk(start, count) {
			for (let i = 0; i < count; i++) {
				const from = rows.chunk(which[start + i]!, 1);
				arena.u8.copyWithin(buffer + i * rowBytes, from, from + rowBytes);
			}
			return buffer;
		},
		[Symbol.dispose]: () => arena.free(buffer),
	};
}

/** Copies rows sample[start..start + count - 1] of x to `ptr`. */
export function copyRows(
	{ arena }: Engine,
	x: VectorSet,
	sample: Uint32Array,
	start: number,
	count: number,
	ptr: number,
): void {
	const { d, data } = x;
	const { f32 } = arena;
	const first = sample[start]!;
	if (count > 0 && sample[start + count - 1] === first + count - 1) {
		f32.set(data.subarray(first * d, (first + count) * d), ptr >>> 2);
		return;
	}
	for (let i = 0; i < count; i++) {
		const row = sample[start + i]! * d;
		f32.set(data.subarray(row, row + d), (ptr >>> 2) + i * d);
	}
}

/** At most `limit` row numbers of 0..n - 1, ascending. */
export function sampleRows(n: number, limit: number, seed: number): Uint32Array<ArrayBuffer> {
	return new Rng(seed).sample(n, Math.min(n, limit));
}
