/**
 * Product quantization of 12 numbers: small enough to follow with pencil and paper. m = 4 sub-vectors of 3 numbers, each
 * with a codebook of ksub = 4 centroids. A real codebook comes from k-means; this one is fixed.
 */

import { squaredL2 } from 'vecino';

export const TOY = { d: 12, m: 4, dsub: 3, ksub: 4 } as const;

/** The vector at the start. */
export const TOY_VECTOR: readonly number[] = [2, 7, 1, 8, 2, 8, 1, 8, 2, 4, 5, 9];
/** A query to compare with it. */
export const TOY_QUERY: readonly number[] = [3, 6, 2, 7, 1, 6, 2, 9, 4, 3, 6, 7];

/** Codebook, layout (m, ksub, dsub). */
export const TOY_CODEBOOK: readonly (readonly (readonly number[])[])[] = [
	[
		[1, 1, 8],
		[3, 6, 1],
		[7, 2, 2],
		[8, 8, 6],
	],
	[
		[0, 4, 4],
		[8, 1, 7],
		[5, 8, 2],
		[2, 2, 9],
	],
	[
		[6, 1, 1],
		[1, 3, 7],
		[2, 8, 3],
		[9, 6, 8],
	],
	[
		[1, 9, 3],
		[8, 4, 1],
		[6, 1, 6],
		[4, 6, 8],
	],
];

export interface ToyResult {
	/** m pieces of dsub numbers. */
	readonly parts: readonly (readonly number[])[];
	/** Squared distance of each sub-vector to each of its centroids, layout (m, ksub). */
	readonly distances: readonly (readonly number[])[];
	/** The nearest of them, size m: the code. */
	readonly ids: readonly number[];
	/** What the code stands for, size d. */
	readonly reconstruction: readonly number[];
	/** Squared distance between the vector and that. */
	readonly squaredError: number;
}

/** @param vector - 12 numbers. */
export function runToy(vector: readonly number[]): ToyResult {
	const { m, dsub } = TOY;
	const parts = Array.from({ length: m }, (_, j) => vector.slice(j * dsub, (j + 1) * dsub));
	const distances = toyTable(vector);
	const ids = distances.map((row) => row.indexOf(Math.min(...row)));
	const reconstruction = ids.flatMap((id, j) => TOY_CODEBOOK[j]![id]!);
	return { parts, distances, ids, reconstruction, squaredError: squaredL2(vector, reconstruction) };
}

/** The table of a query: squared distances of its sub-vectors to the centroids, layout (m, ksub). */
export function toyTable(query: readonly number[]): number[][] {
	const { m, dsub } = TOY;
	return Array.from({ length: m }, (_, j) => {
		const part = query.slice(j * dsub, (j + 1) * dsub);
		return TOY_CODEBOOK[j]!.map((centroid) => squaredL2(part, centroid));
	});
}
