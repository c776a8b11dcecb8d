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
	/** Where row 0 is, when all rows lie in the arena one after the other. */
	readonly ptr?: number;
}

/** Rows per chunk. */
export const CHUNK = 1024;

/** Rows already in the arena. */
export function residentRows(ptr: number, n: number, d: number): TrainingRows {
	return { n, d, ptr, chunk: (start) => ptr + start * d * 4 };
}

/** Copies rows start..start + count - 1 to `to` and returns it. */
export function bringRows({ arena }: Engine, rows: TrainingRows, start: number, count: number, to: number): number {
	const { d } = rows;
	for (let done = 0; done < count; done += CHUNK) {
		const some = Math.min(CHUNK, count - done);
		const from = rows.chunk(start + done, some);
		arena.u8.copyWithin(to + done * d * 4, from, from + some * d * 4);
	}
	return to;
}

/** How many rows go through a step at a time (inWindows), in how large pieces, and how many sets of buffers that takes. */
export interface WindowPlan {
	readonly window: number;
	readonly piece: number;
	readonly sets: 1 | 2;
}

/** Multiply-adds per dimension that encoding a row takes, about: those of 8-bit product quantization. */
export const ENCODE_COST = 256;
/** Rows that kernels take at a time. */
const PIECE_ROWS = 32;
/** Most rows of a piece, and most bytes of a window for each thread. */
const MAX_PIECE = 8 * CHUNK;
const WINDOW_BYTES = 4 * 2 ** 20;
/** Pieces of a window for each thread: threads differ in how fast they are. */
const PIECES_PER_THREAD = 4;

/** @param cost - Multiply-adds per row. @param rowBytes - Bytes of the buffers per row. */
export function planWindows({ threads, pool }: Engine, n: number, cost: number, rowBytes: number): WindowPlan {
	if (pool === undefined || n * cost < pool.grain) return { window: CHUNK, piece: CHUNK, sets: 1 };
	const round = (rows: number): number => Math.max(1, Math.ceil(rows / PIECE_ROWS)) * PIECE_ROWS;
	const piece = Math.min(MAX_PIECE, round(pool.grain / cost), round(n / threads / 2), round(WINDOW_BYTES / rowBytes));
	const most = Math.ceil((threads * WINDOW_BYTES) / rowBytes / piece);
	return { window: piece * Math.min(threads * PIECES_PER_THREAD, most), piece, sets: 2 };
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
