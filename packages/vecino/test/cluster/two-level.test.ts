/** k-means on two levels, and clusters of even size. */
import { describe, expect, it } from 'vitest';
import { kmeans, kmeansSteps } from '../../src/cluster/kmeans.ts';
import { sampledRows, sampleRows } from '../../src/cluster/rows.ts';
import { twoLevelSteps } from '../../src/cluster/two-level.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { IndexIVFFlat } from '../../src/index.ts';
import { createEngineSync, defaultEngine, type Engine } from '../../src/kernels/engine.ts';
import { type Progress, runSync } from '../../src/util/steps.ts';
import { clustered } from '../support/data.ts';

const x = clustered(4000, 12, { clusters: 60 });

function train(
	set: VectorSet,
	k: number,
	{ steps = twoLevelSteps, seed = 1, spherical = false, niter = 10, engine = defaultEngine() } = {},
): { centroids: Float32Array; objectives: number[] } {
	using rows = sampledRows(engine, set, sampleRows(set.n, set.n, 0), spherical);
	const { ptr, iterations } = runSync(steps(engine, rows, k, { seed, spherical, niter }));
	const centroids = engine.arena.readF32(ptr, k * set.d);
	engine.arena.free(ptr);
	return { centroids, objectives: iterations.map(({ objective }) => objective) };
}

/** nlist * sum of squared sizes / n^2. */
function imbalance(assign: Uint32Array, k: number): number {
	const sizes = new Float64Array(k);
	for (const label of assign) sizes[label]!++;
	return (k * sizes.reduce((sum, size) => sum + size * size, 0)) / assign.length ** 2;
}

describe('k-means on two levels', () => {
	it.each([2, 3, 50, 300])('comes near plain Lloyd, k = %i', (k) => {
		// The last pass sees 256 rows per centroid.
		const best = (steps: typeof kmeansSteps, rows: number): number =>
			Math.min(...[1, 2, 3].map((seed) => train(x, k, { steps, seed }).objectives.at(-1)!)) / rows;
		// Recorded, of Lloyd's: 1.02, 1.00, 1.01, 0.96.
		expect(best(twoLevelSteps, Math.min(x.n, 256 * k))).toBeLessThan(1.05 * best(kmeansSteps, x.n));
	});

	it('the same seed gives the same centroids, with all kernels', () => {
		const small = clustered(900, 9, { clusters: 20 });
		const { centroids } = train(small, 40, { seed: 5 });
		expect(train(small, 40, { seed: 6 }).centroids).not.toEqual(centroids);
		for (const kernels of ['reference', 'simd'] as const) {
			const engine: Engine = createEngineSync({ kernels });
			expect(train(small, 40, { seed: 5, engine }).centroids).toEqual(centroids);
		}
	});

	it('spherical centroids have length 1', () => {
		const { centroids } = train(x, 30, { spherical: true });
		for (let c = 0; c < 30; c++) expect(Math.hypot(...centroids.subarray(c * 12, c * 12 + 12))).toBeCloseTo(1, 5);
	});

	it('as many centroids as rows; equal rows; one row apart', () => {
		const few = x.slice(0, 70);
		expect(new Set(train(few, 70).centroids.filter((_, i) => i % 12 === 0)).size).toBeGreaterThan(60);
		const equal = new VectorSet(new Float32Array(200 * 4).fill(2), 4);
		expect([...new Set(train(equal, 16).centroids)]).toEqual([2]);
		const apart = equal.data.slice();
		apart.fill(5, 796);
		const { centroids } = train(new VectorSet(apart, 4), 16);
		expect(centroids.every(Number.isFinite)).toBe(true);
		expect(Math.max(...centroids)).toBe(5);
	});

	it('stops when aborted and gives all memory back', () => {
		const controller = new AbortController();
		const seen: string[] = [];
		using index = new IndexIVFFlat({ d: 12, nlist: 64 });
		const onProgress = ({ phase, done, total }: Progress): void => {
			seen.push(phase);
			if (phase.includes('all cells') && done > total / 2) controller.abort();
		};
		expect(() => index.train(x, { clustering: 'two-level', signal: controller.signal, onProgress })).toThrow('aborted');
		expect(index.isTrained).toBe(false);
		for (const part of ['large cells', 'cell 8 of 8', 'all cells']) {
			expect(seen).toContain(`coarse k-means, ${part}`);
		}
	});
});

describe('the option clustering', () => {
	it('auto is plain Lloyd with few cells and two levels with many', () => {
		const centroids = (nlist: number, clustering?: 'auto' | 'lloyd' | 'two-level'): Float32Array => {
			using index = new IndexIVFFlat({ d: 12, nlist });
			return index.train(x, { clustering }).centroids;
		};
		expect(centroids(511)).toEqual(centroids(511, 'lloyd'));
		expect(centroids(512, 'auto')).toEqual(centroids(512, 'two-level'));
		expect(centroids(512, 'lloyd')).not.toEqual(centroids(512));
		expect(() => centroids(8, 'fast' as 'auto')).toThrow(
			"clustering must be 'auto', 'lloyd' or 'two-level', got \"fast\"",
		);
	});
});

describe('balance', () => {
	// Clusters of very uneven size: a third of the rows in one.
	const uneven = ((): VectorSet => {
		const data = x.data.slice();
		for (let i = 0; i < 1300; i++)
			data.set(
				x.row(0).map((value, t) => value + x.row(i)[t]! / 8),
				i * 12,
			);
		return new VectorSet(data, 12);
	})();

	it('evens out clusters at little cost', () => {
		const means = [false, true].map((balance) => {
			const found = [1, 2, 3, 4].map((seed) => kmeans(uneven, 100, { niter: 15, seed, balance }));
			const mean = (of: (one: (typeof found)[0]) => number): number => found.reduce((sum, one) => sum + of(one), 0) / 4;
			return { imbalance: mean(({ assign }) => imbalance(assign, 100)), objective: mean(({ objective }) => objective) };
		});
		// Recorded: 1.21 and 1.07, the objective 1.6 % larger.
		expect(means[1]!.imbalance).toBeLessThan(0.95 * means[0]!.imbalance);
		expect(means[1]!.objective).toBeLessThan(1.03 * means[0]!.objective);
	});

	it('leaves the bytes alone where clusters are even, and where it is off', () => {
		const a = kmeans(x, 40, { niter: 1, balance: true });
		expect(a.centroids.data).toEqual(kmeans(x, 40, { niter: 1 }).centroids.data);
	});
});

it('empty spherical clusters are filled from large ones', () => {
	// Nine tenths of the rows are one point, so random starts collide there.
	const rows = Array.from({ length: 1000 }, (_, i) => (i % 10 === 0 ? [i / 100, 10 - i / 100] : [5, 5.1]));
	const { iterations, assign } = kmeans(rows, 30, { niter: 30, spherical: true });
	expect(iterations.some(({ split }) => split > 0)).toBe(true);
	// Recorded: 30.
	expect(new Set(assign).size).toBeGreaterThan(22);
});
