/** Nearest centroids by few dimensions first against the scalar TypeScript twin of nearestRows, bit for bit. */
import { describe, expect, it } from 'vitest';
import { ReducedCentroids } from '../../src/cluster/reduced.ts';
import { reducedScratchBytes } from '../../src/kernels/kernels.ts';
import { Rng } from '../../src/util/rng.ts';
import { BUILDS, read, same, values } from './compare.ts';

/** The first axes of the space they are in: orthonormal, and good where the first dimensions are the widest. */
function plainAxes(d: number, count: number): Float64Array {
	return Float64Array.from({ length: count * d }, (_, i) => (i % d === Math.floor(i / d) ? 1 : 0));
}

describe.each(BUILDS)('kernels %s = reference', (build) => {
	function nearest(
		[n, k, d, r]: readonly [number, number, number, number],
		change: (value: number, t: number, rng: Rng) => number = (value, t) => value / (1 + t),
		axes = plainAxes(d, r - 1),
	): void {
		same(build, (engine) => {
			const { arena, kernels } = engine;
			const rng = new Rng(n * 1000 + k + d);
			const make = (count: number): Float32Array => values(rng, count * d).map((v, i) => change(v, i % d, rng));
			const c = make(k);
			// A centroid twice: the lower one is the answer.
			if (k > 9) c.copyWithin(9 * d, 2 * d, 3 * d);
			const centroids = arena.allocCopy(c);
			const rows = make(n);
			for (let i = 0; i < n; i += 3) rows.set(c.subarray((i % k) * d, ((i % k) + 1) * d), i * d);
			const x = arena.allocCopy(rows);
			const mean = Float64Array.from({ length: d }, (_, t) => {
				let sum = 0;
				for (let i = 0; i < k; i++) sum += c[i * d + t]!;
				return sum / k;
			});
			using forms = new ReducedCentroids(engine, d, centroids, k, { mean, vectors: axes }, r);
			const { centre, basis, share, error, packed, magnitude, halfNorms, norm, far } = forms;
			const scratch = arena.alloc(reducedScratchBytes(k, d, r));
			const out = arena.allocZeroed(n * 8);
			const outputs: Uint8Array[] = [];
			for (const metric of [0, 1]) {
				const head = [x, n, d, centroids, k, metric, centre, basis, r, share, error] as const;
				kernels.nearestReduced(...head, packed, magnitude, halfNorms, norm, far, scratch, out, out + n * 4);
				outputs.push(read(engine, out, n * 8));
			}
			expect(outputs).toHaveLength(2);
			return outputs;
		});
	}

	it.each([
		[1, 1, 8, 8],
		[0, 5, 9, 8],
		[3, 7, 16, 8],
		[33, 40, 20, 16],
		[70, 100, 33, 16],
		[40, 65, 67, 24],
		[100, 203, 48, 8],
	] as const)('nearestReduced: %i rows, %i centroids, d = %i, r = %i', (...shape) => {
		nearest(shape);
	});

	it('far from the origin, of huge, tiny or equal values, with few dimensions that differ, along axes that are off', () => {
		const shape = [40, 50, 24, 8] as const;
		nearest(shape, (value) => value + 1000);
		nearest(shape, (value, t) => (t > 20 ? value : value * 1e-4));
		nearest(shape, (value) => value * 1e14);
		nearest(shape, (value) => value * 1e18);
		nearest(shape, (value) => value * 1e-20);
		nearest(shape, () => 0.25);
		nearest(shape, () => 0);
		nearest(shape, (_value, t, rng) => (t === 0 ? rng.below(3) : 0));
		nearest(shape, (_value, t, rng) => (t === 23 ? rng.below(3) : 1));
		const skewed = plainAxes(24, 7).map((value, i) => value + ((i * 7) % 11) * 1e-4);
		nearest(shape, undefined, skewed);
	});
});
