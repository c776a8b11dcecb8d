/**
 * Centroids in few dimensions, as the first pass of assembly/reduced.ts reads them.
 */

import type { Engine } from '../kernels/engine.ts';
import { NEAREST_LENGTH, nearestPackedBytes } from '../kernels/kernels.ts';
import { CHUNK } from './rows.ts';

/** Axes for reduced forms. */
export interface Axes {
	/** Mean of the centroids, size d. */
	readonly mean: ArrayLike<number>;
	/** Orthonormal axes, size at least (r - 1) * d, one a row. */
	readonly vectors: Float64Array;
}

export class ReducedCentroids implements Disposable {
	readonly #engine: Engine;
	/** Values of a reduced form, a multiple of 8. */
	readonly r: number;
	/** By how much lengths of rests are taken too long, and what else is off (assembly/reduced.ts). */
	readonly share: number;
	readonly error: number;
	/** Axes in panels, then zeros; the start of the block that holds everything. */
	readonly basis: number;
	readonly centre: number;
	readonly packed: number;
	readonly halfNorms: number;
	readonly magnitude: number;
	/** Largest length of a reduced form, and of a centroid as it is. */
	readonly norm: number;
	readonly far: number;

	/** @param centroids - Pointer to k * d values, read only here. */
	constructor(engine: Engine, d: number, centroids: number, k: number, { mean, vectors }: Axes, r: number) {
		const { arena, kernels } = engine;
		this.#engine = engine;
		this.r = r;
		const off = offOrthonormal(vectors, r - 1, d);
		this.share = 1e-5 + (d / 8 + 16) * 2 ** -22 + 4 * off;
		this.error = (d / 8 + 40) * 2 ** -23 + 2 * off;
		const basisBytes = r * d * 4 + r * 4;
		const centreBytes = Math.ceil(d / 4) * 16;
		const block = arena.allocZeroed(basisBytes + centreBytes + nearestPackedBytes(k, r) + Math.ceil(k / 8) * 32);
		this.basis = block;
		this.centre = block + basisBytes;
		this.packed = this.centre + centreBytes;
		this.halfNorms = this.packed + nearestPackedBytes(k, r);
		let work = 0;
		try {
			const rows = Math.max(r, Math.min(CHUNK, k));
			work = arena.alloc(k * r * 4 + 2 * rows * d * 4);
			const centred = work + k * r * 4;
			arena.writeF32(this.centre, Float32Array.from(mean));
			arena.writeF32(
				centred,
				Float32Array.from({ length: r * d }, (_, i) => (i < (r - 1) * d ? vectors[i]! : 0)),
			);
			for (let j = 0; j < r; j += 8) kernels.packPanel(centred + j * d * 4, 8, d, block + j * d * 4);
			for (let start = 0; start < k; start += rows) {
				const count = Math.min(rows, k - start);
				const out = work + start * r * 4;
				const from = centroids + start * d * 4;
				kernels.reduceRows(from, count, d, this.centre, block, r, this.share, centred, out);
				kernels.normsSquared(centred, count, d, this.halfNorms + start * 4);
			}
			const norms = arena.f32.subarray(this.halfNorms >>> 2, (this.halfNorms >>> 2) + k);
			for (let i = 0; i < k; i++) norms[i] = norms[i]! / 2;
			this.norm = kernels.largestNorm(work, k, r);
			this.far = kernels.largestNorm(centroids, k, d);
			this.magnitude = kernels.nearestPack(work, k, r, 8, NEAREST_LENGTH / this.norm, this.packed);
		} catch (error) {
			arena.free(block);
			throw error;
		} finally {
			arena.free(work);
		}
	}

	[Symbol.dispose](): void {
		this.#engine.arena.free(this.basis);
	}
}

/** How far rows are from orthonormal, once rounded to float32: the length of V V^T - I. */
function offOrthonormal(vectors: Float64Array, count: number, d: number): number {
	const rounded = Float32Array.from(vectors.subarray(0, count * d));
	let sum = 0;
	for (let i = 0; i < count; i++) {
		for (let j = 0; j <= i; j++) {
			let dot = i === j ? -1 : 0;
			for (let t = 0; t < d; t++) dot += rounded[i * d + t]! * rounded[j * d + t]!;
			sum += (i === j ? 1 : 2) * dot * dot;
		}
	}
	return Math.sqrt(sum);
}
