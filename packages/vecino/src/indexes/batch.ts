/**
 * Rows and queries on their way into the arena, and results on their way out.
 */

import { CHUNK } from '../cluster/rows.ts';
import type { Metric } from '../core/metric.ts';
import type { SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { Engine } from '../kernels/engine.ts';
import { ADMIT_ALL, type Admission, TILE, topkBytes, topkCapacity } from '../kernels/kernels.ts';

/** The metric that kernels see: cosine is the inner product of normalised vectors. */
export function kernelMetric(metric: Metric): 'l2' | 'ip' {
	return metric === 'l2' ? 'l2' : 'ip';
}

/** Copies rows start..start + count - 1 to `ptr`, normalised under 'cosine'. */
export function loadRows(
	{ arena, kernels }: Engine,
	metric: Metric,
	x: VectorSet,
	start: number,
	count: number,
	ptr: number,
): void {
	arena.f32.set(x.data.subarray(start * x.d, (start + count) * x.d), ptr >>> 2);
	if (metric === 'cosine') kernels.normalizeRows(ptr, count, x.d);
}

/** [start, count] of chunks of at most CHUNK rows. */
export function* chunks(n: number, size: number = CHUNK): Generator<[start: number, count: number]> {
	for (let start = 0; start < n; start += size) yield [start, Math.min(size, n - start)];
}

/** Scratch of a search: the queries of a block, their top-k states, a tile, and room for k results. */
export class SearchScratch implements Disposable {
	readonly #engine: Engine;
	readonly #k: number;
	readonly #stateBytes: number;
	readonly #block: number;
	readonly #byteLength: number;
	readonly #admission: Admission;
	readonly tile: number;
	/** One directory entry of a list (kernels.ts). */
	readonly entry: number;
	readonly distances: number;
	readonly labels: number;

	/** @param nq - Queries in flight. @param queryBytes - Bytes of a prepared query. @param admission - What may be found. */
	constructor(engine: Engine, d: number, k: number, nq: number, queryBytes: number, admission: Admission = ADMIT_ALL) {
		const { arena } = engine;
		const align = (bytes: number): number => Math.ceil(bytes / 16) * 16;
		this.#engine = engine;
		this.#k = k;
		this.#admission = admission;
		this.#stateBytes = align(queryBytes);
		const parts = [align(TILE * 4), 16, align(k * 4), align(k * 4), align(d * 4)];
		const fixed = parts.reduce((a, b) => a + b);
		this.#byteLength = fixed + nq * (this.#stateBytes + align(topkBytes(k)));
		this.#block = arena.allocScratch(this.#byteLength);
		let at = this.#block;
		const take = (bytes: number): number => {
			at += bytes;
			return at - bytes;
		};
		this.tile = take(parts[0]!);
		this.entry = take(parts[1]!);
		this.distances = take(parts[2]!);
		this.labels = take(parts[3]!);
		this.query = take(parts[4]!);
		this.#states = at;
		this.#topks = at + nq * this.#stateBytes;
	}

	/** Room for one raw query of d values. */
	readonly query: number;
	readonly #states: number;
	readonly #topks: number;

	/** Bytes from one prepared query to the next. */
	get stateStride(): number {
		return this.#stateBytes;
	}

	/** Bytes from one top-k state to the next. */
	get topkStride(): number {
		return Math.ceil(topkBytes(this.#k) / 16) * 16;
	}

	/** Prepared query i of the block. */
	state(i: number): number {
		return this.#states + i * this.#stateBytes;
	}

	/** Top-k state i of the block. */
	topk(i: number): number {
		return this.#topks + i * this.topkStride;
	}

	initTopk(i: number): number {
		const topk = this.topk(i);
		this.#engine.kernels.topkInit(topk, this.#k, topkCapacity(this.#k), ...this.#admission);
		return topk;
	}

	/** Sorts top-k state i into `distances` and `labels`; returns how many there are. */
	finish(i: number): number {
		return this.#engine.kernels.topkFinish(this.topk(i), this.distances, this.labels);
	}

	/** How many neighbours state i holds; after finish at most k. */
	count(i: number): number {
		return this.#engine.arena.u32[(this.topk(i) >>> 2) + 2]!;
	}

	/** Writes the results of state i as row `row` of the result; inner products lose their minus. */
	emit(i: number, row: number, metric: Metric, result: SearchResult): void {
		const count = this.finish(i);
		const { f32, u32 } = this.#engine.arena;
		for (let j = 0; j < count; j++) {
			const distance = f32[(this.distances >>> 2) + j]!;
			// Sums of parts can end a rounding below zero; squared distances do not. 0 - 0 is 0, not -0.
			result.distances[row * this.#k + j] = metric === 'l2' ? Math.max(0, distance) : 0 - distance;
			result.labels[row * this.#k + j] = u32[(this.labels >>> 2) + j]!;
		}
	}

	[Symbol.dispose](): void {
		this.#engine.arena.freeScratch(this.#block, this.#byteLength);
	}
}
