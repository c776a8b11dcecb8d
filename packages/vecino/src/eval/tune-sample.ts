/**
 * A sample that stands for all rows: the nearest rows of each query are planted in it, the rest is drawn.
 *
 * In a plain sample neighbours are further away than in the whole, and fewer rows compete with them for a place among the
 * candidates: recall of codes would come out too high. With the true neighbours there (and those behind them, which
 * a store may confuse with them), each row that was drawn stands for 1 / share others, and the rank of a true neighbour
 * by its code is that of the whole, on average. The cells are as many as in the whole.
 */

import type { VectorSet } from '../core/vectors.ts';
import { Rng } from '../util/rng.ts';
import type { Asked, Weights } from './tune-count.ts';

/** Nearest rows that are planted for each of the k true neighbours. */
export const PLANTED = 3;

export interface Sample {
	readonly x: VectorSet;
	readonly asked: Asked;
	readonly weights: Weights;
}

/**
 * @param nearest - Rows nearest to each query, its own left out, layout (nq, width), nearest first; -1 is padding.
 * @param rows - Rows of the sample, about.
 */
export function drawSample(x: VectorSet, asked: Asked, nearest: Int32Array, rows: number, seed: number): Sample {
	const { n } = x;
	/** 0: not in the sample, 1: drawn, 2: planted. */
	const marks = new Uint8Array(n);
	let planted = 0;
	for (const row of nearest) {
		if (row < 0 || marks[row] === 2) continue;
		marks[row] = 2;
		planted++;
	}
	let drawn = 0;
	for (const row of new Rng(seed).sample(n, Math.max(1000, rows - planted))) {
		if (marks[row] !== 0) continue;
		marks[row] = 1;
		drawn++;
	}
	const chosen = new Uint32Array(planted + drawn);
	const at = new Int32Array(n).fill(-1);
	const weights = new Float32Array(chosen.length);
	let count = 0;
	for (let row = 0; row < n; row++) {
		if (marks[row] === 0) continue;
		weights[count] = marks[row] === 2 ? 1 : (n - planted) / drawn;
		chosen[count] = row;
		at[row] = count++;
	}
	const mapped = (row: number): number => (row < 0 ? -1 : at[row]!);
	return {
		x: x.take(chosen),
		asked: { ...asked, truth: asked.truth.map(mapped), own: asked.own.map(mapped) },
		weights: { of: weights, n },
	};
}
