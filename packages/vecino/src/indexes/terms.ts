/**
 * Terms of residual codes under l2: what |q - (c + r)|^2 holds beyond the coarse distance and the table
 * look-up (indexes/ivf.ts).
 */

import { CHUNK, type TrainingRows } from '../cluster/rows.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Codec } from '../quantizers/codec.ts';
import { chunks } from './batch.ts';

/** Training rows whose terms are looked at. */
const TERM_ROWS = 16_384;

/** Mean of rows of d values, summed in double precision. */
export function meanRow(rows: Float32Array, d: number): Float32Array {
	const sums = new Float64Array(d);
	for (let i = 0; i < rows.length; i++) sums[i % d] = sums[i % d]! + rows[i]!;
	return Float32Array.from(sums, (sum) => sum / (rows.length / d));
}

/**
 * Smallest and largest term among training rows, for codecs that round terms.
 *
 * @param residuals - Rows less their centroid; asking for a chunk leaves the numbers of their cells at `labels`.
 * @param centroids - Pointer to k * d values.
 */
export function termRange(
	{ arena, kernels }: Engine,
	codec: Codec,
	residuals: TrainingRows,
	labels: number,
	centroids: number,
	k: number,
): { min: number; max: number } {
	const { d } = residuals;
	const codeBytes = Math.ceil((CHUNK * codec.codeSize + 8) / 16) * 16;
	const centre = arena.allocCopy(meanRow(arena.readF32(centroids, k * d), d));
	const codes = arena.alloc(codeBytes + CHUNK * 4 + codec.encodeScratchBytes);
	const terms = codes + codeBytes;
	try {
		let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
		for (const [start, count] of chunks(Math.min(residuals.n, TERM_ROWS))) {
			const x = residuals.chunk(start, count);
			codec.encodeRows(x, count, codes, terms + CHUNK * 4);
			codec.decodeRows(codes, count, x);
			kernels.residualTerms(x, count, d, labels, centroids, centre, terms);
			for (const term of arena.f32.subarray(terms >>> 2, (terms >>> 2) + count)) {
				min = Math.min(min, term);
				max = Math.max(max, term);
			}
		}
		return { min, max };
	} finally {
		arena.free(codes);
		arena.free(centre);
	}
}
