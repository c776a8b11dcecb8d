/** Eigenvectors, orthonormal rows and nearest orthonormal matrices, by what defines them. */
import { describe, expect, it } from 'vitest';
import { eigenSteps } from '../../src/transforms/eigen.ts';
import { nearestOrthonormalSteps, orthonormalizeSteps } from '../../src/transforms/orthonormal.ts';
import { Rng } from '../../src/util/rng.ts';
import { runSync } from '../../src/util/steps.ts';

function random(n: number, seed = 1): Float64Array<ArrayBuffer> {
	const rng = new Rng(seed);
	return Float64Array.from({ length: n }, () => rng.float() - 0.5);
}

/** B B^T of a random n x rank matrix: symmetric, positive, of that rank. */
function positive(n: number, rank: number): Float64Array<ArrayBuffer> {
	const b = random(n * rank);
	const out = new Float64Array(n * n);
	for (let i = 0; i < n; i++) {
		for (let j = 0; j < n; j++) for (let t = 0; t < rank; t++) out[i * n + j]! += b[i * rank + t]! * b[j * rank + t]!;
	}
	return out;
}

/** Largest deviation of Q Q^T from the identity. */
function deviation(q: Float64Array, rows: number, n: number): number {
	let worst = 0;
	for (let i = 0; i < rows; i++) {
		for (let j = 0; j < rows; j++) {
			let dot = 0;
			for (let t = 0; t < n; t++) dot += q[i * n + t]! * q[j * n + t]!;
			worst = Math.max(worst, Math.abs(dot - (i === j ? 1 : 0)));
		}
	}
	return worst;
}

describe('eigenSteps', () => {
	it.each([
		[1, 1],
		[2, 2],
		[3, 1],
		[5, 5],
		[17, 17],
		[33, 4],
		[64, 64],
		[100, 7],
	])('n = %i, rank %i', (n, rank) => {
		const a = positive(n, rank);
		const { values, vectors } = runSync(eigenSteps(a.slice(), n));
		expect(deviation(vectors, n, n)).toBeLessThan(1e-12);
		for (let k = 0; k < n; k++) {
			if (k > 0) expect(values[k]).toBeLessThanOrEqual(values[k - 1]!);
			if (k >= rank) expect(Math.abs(values[k]!)).toBeLessThan(1e-12 * values[0]!);
			for (let i = 0; i < n; i++) {
				let sum = 0;
				for (let j = 0; j < n; j++) sum += a[i * n + j]! * vectors[k * n + j]!;
				expect(Math.abs(sum - values[k]! * vectors[k * n + i]!)).toBeLessThan(1e-12 * values[0]!);
			}
			const row = vectors.subarray(k * n, (k + 1) * n);
			expect(Math.max(...row)).toBe(Math.max(...row.map(Math.abs)));
		}
		const { vectors: few } = runSync(eigenSteps(a.slice(), n, Math.ceil(n / 3)));
		expect(few).toEqual(vectors.subarray(0, few.length));
	});

	it('matrices that leave nothing to do, at any scale', () => {
		for (const scale of [0, 1e-200, 1, 1e200]) {
			const a = new Float64Array(16);
			for (const [i, value] of [3, 1, 4, 1].entries()) a[i * 5] = value * scale;
			const { values, vectors } = runSync(eigenSteps(a, 4));
			expect(Array.from(values)).toEqual([4 * scale, 3 * scale, scale, scale]);
			expect(deviation(vectors, 4, 4)).toBe(0);
		}
		const { values } = runSync(eigenSteps(Float64Array.of(2e200, 1e200, 1e200, 2e200), 2));
		expect(values[0]! / 1e200).toBeCloseTo(3, 12);
		expect(values[1]! / 1e200).toBeCloseTo(1, 12);
	});
});

describe('orthonormalizeSteps', () => {
	it('keeps the span of rows, and replaces those that depend on others', () => {
		const a = random(5 * 8);
		a.copyWithin(2 * 8, 0, 8);
		a.fill(0, 3 * 8, 4 * 8);
		const before = a.slice();
		runSync(orthonormalizeSteps(a, 5, 8));
		expect(deviation(a, 5, 8)).toBeLessThan(1e-14);
		// Rows 0, 1 and 4 lie in the span of the rows up to them.
		for (const i of [0, 1, 4]) {
			let left = 0;
			for (let t = 0; t < 8; t++) {
				let value = before[i * 8 + t]!;
				for (let j = 0; j <= i; j++) {
					let dot = 0;
					for (let u = 0; u < 8; u++) dot += before[i * 8 + u]! * a[j * 8 + u]!;
					value -= dot * a[j * 8 + t]!;
				}
				left = Math.max(left, Math.abs(value));
			}
			expect(left).toBeLessThan(1e-14);
		}
	});

	it('nearly parallel rows', () => {
		const a = random(40 * 40);
		for (let i = 1; i < 40; i++) for (let t = 0; t < 40; t++) a[i * 40 + t] = a[t]! + 1e-9 * a[i * 40 + t]!;
		runSync(orthonormalizeSteps(a, 40, 40));
		expect(deviation(a, 40, 40)).toBeLessThan(1e-13);
	});
});

describe('nearestOrthonormalSteps', () => {
	it.each([1, 2, 7, 24])('of a rotation with stretched axes is the rotation, n = %i', (n) => {
		const u = random(n * n);
		runSync(orthonormalizeSteps(u, n, n));
		const m = new Float64Array(n * n);
		const p = positive(n, n);
		for (let i = 0; i < n; i++) p[i * n + i]! += 0.1;
		for (let i = 0; i < n; i++) {
			for (let j = 0; j < n; j++) for (let t = 0; t < n; t++) m[i * n + j]! += u[i * n + t]! * p[t * n + j]!;
		}
		const found = runSync(nearestOrthonormalSteps(m, n, ''));
		for (let i = 0; i < n * n; i++) expect(found[i]).toBeCloseTo(u[i]!, 9);
	});

	it('is orthonormal whatever the rank', () => {
		for (const rank of [0, 1, 5]) {
			const found = runSync(nearestOrthonormalSteps(positive(12, rank), 12, ''));
			expect(deviation(found, 12, 12)).toBeLessThan(1e-12);
		}
	});
});
