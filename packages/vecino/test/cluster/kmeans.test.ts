import { describe, expect, it } from 'vitest';
import { kmeans, kmeansAsync } from '../../src/cluster/kmeans.ts';
import { squaredL2 } from '../../src/core/metric.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { isVecinoError } from '../../src/errors.ts';
import { clustered } from '../support/data.ts';

const x = clustered(3000, 12, { clusters: 20 });

describe('kmeans', () => {
	it('gives every row its nearest centroid and the sum of squared distances', () => {
		const { centroids, assign, objective } = kmeans(x, 20);
		expect([centroids.n, centroids.d, assign.length]).toEqual([20, 12, 3000]);
		let sum = 0;
		for (let i = 0; i < x.n; i++) {
			const distances = Array.from({ length: 20 }, (_, c) => squaredL2(x.row(i), centroids.row(c)));
			const nearest = Math.min(...distances);
			expect(distances[assign[i]!]! - nearest).toBeLessThan(1e-4 * (1 + nearest));
			sum += nearest;
		}
		expect(Math.abs(objective - sum)).toBeLessThan(1e-4 * sum);
	});

	it('the objective does not rise unless a cluster was split', () => {
		const { iterations } = kmeans(x, 50, { tolerance: 0 });
		expect(iterations.length).toBeGreaterThan(3);
		for (const [i, { objective }] of iterations.entries()) {
			if (i > 0 && iterations[i - 1]!.split === 0)
				expect(objective).toBeLessThanOrEqual(iterations[i - 1]!.objective * (1 + 1e-6));
		}
	});

	it('the same seed gives the same bytes, another seed others', () => {
		const a = kmeans(x, 30, { seed: 7 });
		const b = kmeans(x, 30, { seed: 7 });
		expect(b.centroids.data).toEqual(a.centroids.data);
		expect(kmeans(x, 30, { seed: 8 }).centroids.data).not.toEqual(a.centroids.data);
	});

	it('k-means++ starts better than random rows on separated clusters', () => {
		const better = [1, 2, 3, 4, 5].filter((seed) => {
			const first = (init: 'random' | 'kmeans++'): number =>
				kmeans(x, 20, { seed, init, niter: 1 }).iterations[0]!.objective;
			return first('kmeans++') < first('random');
		});
		expect(better).toHaveLength(5);
	});

	it('trains on a sample of maxPointsPerCentroid * k rows but assigns all', () => {
		const sampled = kmeans(x, 10, { maxPointsPerCentroid: 20 });
		expect(sampled.assign.length).toBe(3000);
		expect(sampled.iterations[0]!.moved).toBe(200);
	});

	it('stops early when nothing moves or the gain is small', () => {
		const tight = kmeans(x, 5, { niter: 1000, tolerance: 0 });
		expect(tight.iterations.length).toBeLessThan(1000);
		expect(kmeans(x, 20, { tolerance: 0.5 }).iterations.length).toBeLessThan(4);
		expect(kmeans(x, 20, { niter: 0 }).iterations).toEqual([]);
	});

	it('clips k to n; one row, equal rows, two distinct rows for four clusters', () => {
		const one = kmeans([[3, 4]], 10);
		expect([one.centroids.n, [...one.centroids.data], [...one.assign], one.objective]).toEqual([1, [3, 4], [0], 0]);
		const equal = kmeans(
			Array.from({ length: 40 }, () => [1, 2]),
			4,
		);
		expect(equal.centroids.n).toBe(4);
		expect(new Set(equal.assign)).toEqual(new Set([0]));
		const two = kmeans(
			Array.from({ length: 40 }, (_, i) => [i % 2, 0]),
			4,
		);
		expect(two.objective).toBeLessThan(1e-4);
		expect(kmeans([[0], [0], [0]], 2).objective).toBe(0);
	});

	it('fills empty clusters from large ones', () => {
		// Nine tenths of the rows are one point: random starts collide there.
		const rows = Array.from({ length: 1000 }, (_, i) => (i % 10 === 0 ? [i / 100, 10 - i / 100] : [5, 5]));
		const { assign, iterations } = kmeans(rows, 30, { niter: 30 });
		expect(iterations.some(({ split }) => split > 0)).toBe(true);
		// Recorded: 28.
		expect(new Set(assign).size).toBeGreaterThan(22);
	});

	it('spherical centroids have length 1', () => {
		const { centroids } = kmeans(x, 10, { spherical: true });
		for (let c = 0; c < 10; c++) expect(Math.hypot(...centroids.row(c))).toBeCloseTo(1, 5);
	});

	it('reports progress and can be aborted', async () => {
		const seen: number[] = [];
		const result = await kmeansAsync(x, 10, { sliceMs: 0, onProgress: ({ done }) => seen.push(done) });
		expect(result.centroids.data).toEqual(kmeans(x, 10).centroids.data);
		expect(seen.length).toBeGreaterThan(5);
		const controller = new AbortController();
		const run = (): unknown => kmeans(x, 10, { signal: controller.signal, onProgress: () => controller.abort() });
		expect(run).toThrow('the operation was aborted');
		try {
			run();
		} catch (error) {
			expect(isVecinoError(error, 'aborted')).toBe(true);
		}
	});

	it('checks its arguments', () => {
		expect(() => kmeans(x, 0)).toThrow('kmeans: k must be an integer in 1..16777216, got 0');
		expect(() => kmeans([], 3, { d: 2 })).toThrow('kmeans: at least one vector is needed');
		expect(() => kmeans(new Float32Array(4), 2)).toThrow('a flat array of vectors needs the option d');
		expect(kmeans(new Float32Array(4), 2, { d: 2 }).centroids.n).toBe(2);
		expect(() => kmeans(x, 3, { itr: 3 } as object)).toThrow(/unknown option "itr"/);
		expect(() => kmeans(x, 3, { init: 'best' as 'random' })).toThrow(
			"init must be 'random' or 'kmeans++', got \"best\"",
		);
		expect(() => kmeans(VectorSet.from([[1], [Number.NaN]]), 1)).toThrow(/row 1 of x holds NaN/);
	});
});
