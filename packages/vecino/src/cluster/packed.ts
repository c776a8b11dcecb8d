/**
 * Centroids as the int16 pass of assembly/nearest.ts reads them: 2 bytes a value, beside the float32 ones.
 */

import type { Engine } from '../kernels/engine.ts';
import { NEAREST_LENGTH, nearestPackedBytes } from '../kernels/kernels.ts';

export class PackedCentroids implements Disposable {
	readonly #engine: Engine;
	readonly #d: number;
	readonly #centroids: number;
	readonly #k: number;
	/** Panels of int16 pairs. */
	readonly ptr: number;
	/** |c|^2 / 2, float32, k values rounded up to 8. */
	readonly halfNorms: number;
	/** Largest sum of magnitudes of a packed centroid. */
	magnitude = 0;
	/** Length of the longest centroid, rounded up a little. */
	norm = 0;

	/** @param centroids - Pointer to k * d values. Call update when they have changed. */
	constructor(engine: Engine, d: number, centroids: number, k: number) {
		const { arena } = engine;
		this.#engine = engine;
		this.#d = d;
		this.#centroids = centroids;
		this.#k = k;
		// One block: when memory ends, nothing is left behind.
		this.ptr = arena.alloc(nearestPackedBytes(k, d) + Math.ceil(k / 8) * 32);
		this.halfNorms = this.ptr + nearestPackedBytes(k, d);
		this.update();
	}

	get byteLength(): number {
		return this.#engine.arena.sizeOf(this.ptr);
	}

	/** Takes in what the centroids are now. */
	update(): void {
		const { arena, kernels } = this.#engine;
		kernels.normsSquared(this.#centroids, this.#k, this.#d, this.halfNorms);
		const norms = arena.f32.subarray(this.halfNorms >>> 2, (this.halfNorms >>> 2) + this.#k);
		for (let i = 0; i < norms.length; i++) norms[i] = norms[i]! / 2;
		this.norm = kernels.largestNorm(this.#centroids, this.#k, this.#d);
		const scale = NEAREST_LENGTH / this.norm;
		this.magnitude = kernels.nearestPack(this.#centroids, this.#k, this.#d, 8, scale, this.ptr);
	}

	[Symbol.dispose](): void {
		this.#engine.arena.free(this.ptr);
	}
}
