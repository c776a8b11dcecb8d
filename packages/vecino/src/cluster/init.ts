/**
 * k-means++ (Arthur and Vassilvitskii, 2007): each next centroid is drawn with probability
 * proportional to its squared distance to the nearest one already drawn.
 *
 * The draw runs on at most POINTS_PER_CENTROID rows per centroid: it is sequential and costs
 * k passes, and more rows no longer change the result much.
 */

import type { Engine } from '../kernels/engine.ts';
import type { Rng } from '../util/rng.ts';
import type { Steps } from '../util/steps.ts';
import type { TrainingRows } from './rows.ts';

const POINTS_PER_CENTROID = 32;
const MIN_POINTS = 4096;

/** Numbers of k rows to start from. */
export function* plusPlusRows(engine: Engine, rows: TrainingRows, k: number, rng: Rng): Steps<Uint32Array> {
	const { arena, kernels } = engine;
	const { d } = rows;
	const pool = rng.sample(rows.n, Math.min(rows.n, Math.max(MIN_POINTS, POINTS_PER_CENTROID * k)));
	const n = pool.length;
	const x = arena.alloc(n * d * 4);
	const distances = arena.alloc(n * 4);
	try {
		for (const [i, row] of pool.entries()) {
			const from = rows.chunk(row, 1);
			arena.u8.copyWithin(x + i * d * 4, from, from + d * 4);
		}
		const nearest = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
		const chosen = new Uint32Array(k);
		let next = rng.below(n);
		for (let c = 0; c < k; c++) {
			chosen[c] = pool[next]!;
			if (c + 1 === k) break;
			kernels.l2Many(x + next * d * 4, x, n, d, distances);
			const total = lower(nearest, arena.f32, distances >>> 2);
			next = total > 0 ? draw(nearest, rng.float() * total) : rng.below(n);
			if (c % 16 === 0) yield { phase: 'k-means++', done: c, total: k };
		}
		return chosen;
	} finally {
		arena.free(x);
		arena.free(distances);
	}
}

/** nearest = min(nearest, distances); returns the sum. */
function lower(nearest: Float64Array, f32: Float32Array, at: number): number {
	let total = 0;
	for (let i = 0; i < nearest.length; i++) {
		if (f32[at + i]! < nearest[i]!) nearest[i] = f32[at + i]!;
		total += nearest[i]!;
	}
	return total;
}

/** The first row at which the running sum of weights passes `target`. */
function draw(weights: Float64Array, target: number): number {
	let sum = 0;
	let last = 0;
	for (let i = 0; i < weights.length; i++) {
		if (weights[i] === 0) continue;
		sum += weights[i]!;
		last = i;
		if (sum > target) return i;
	}
	return last;
}
