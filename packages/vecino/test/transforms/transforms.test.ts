/** What each transform promises. */
import { describe, expect, it } from 'vitest';
import { innerProduct, squaredL2 } from '../../src/core/metric.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { createEngineSync } from '../../src/kernels/engine.ts';
import { ProductQuantizer } from '../../src/quantizers/product.ts';
import { LinearTransform } from '../../src/transforms/linear.ts';
import { NormalizeTransform } from '../../src/transforms/normalize.ts';
import { OPQTransform } from '../../src/transforms/opq.ts';
import { PCATransform } from '../../src/transforms/pca.ts';
import { RandomRotation } from '../../src/transforms/rotation.ts';
import { clustered } from '../support/data.ts';

const D = 24;
const x = clustered(1000, D, { rank: 5 });

/** Sum of squared differences, per row. */
function difference(a: VectorSet, b: VectorSet): number {
	let sum = 0;
	for (let i = 0; i < a.data.length; i++) sum += (a.data[i]! - b.data[i]!) ** 2;
	return sum / a.n;
}

function pqError(y: VectorSet, m: number, nbits: number): number {
	using pq = new ProductQuantizer({ d: y.d, m, nbits });
	pq.train(y);
	return difference(pq.decode(pq.encode(y)), y);
}

function expectSameDistances(y: VectorSet, z: VectorSet = x): void {
	for (let i = 0; i < 40; i++) {
		const [a, b] = [squaredL2(z.row(i), z.row(i + 1)), squaredL2(y.row(i), y.row(i + 1))];
		expect(Math.abs(a - b)).toBeLessThan(1e-4 * (1 + a));
	}
}

describe('LinearTransform', () => {
	it('is A x + b', () => {
		using swap = new LinearTransform({
			dIn: 2,
			dOut: 3,
			matrix: Float32Array.of(0, 1, 1, 0, 2, 3),
			bias: Float32Array.of(10, 20, 30),
		});
		expect(
			swap.apply([
				[1, 2],
				[3, 4],
			]).data,
		).toEqual(Float32Array.of(12, 21, 38, 14, 23, 48));
		expect(swap.matrix).toEqual(Float32Array.of(0, 1, 1, 0, 2, 3));
		expect(swap.bias).toEqual(Float32Array.of(10, 20, 30));
		expect(() => swap.reverse([[1, 2, 3]])).toThrow(/not orthonormal/);
		using turn = new LinearTransform({ dIn: 2, dOut: 2, matrix: Float32Array.of(0, -1, 1, 0), isOrthonormal: true });
		expect(turn.reverse(turn.apply([[1, 2]])).data).toEqual(Float32Array.of(1, 2));
	});

	it('refuses what is no matrix', () => {
		const dims = { dIn: 2, dOut: 2 };
		expect(() => new LinearTransform({ ...dims, matrix: new Float32Array(3) })).toThrow(
			/matrix must be a Float32Array of 4/,
		);
		expect(() => new LinearTransform({ ...dims, matrix: Float32Array.of(1, 2, 3, Number.NaN) })).toThrow(
			/holds NaN at 3/,
		);
		expect(() => new LinearTransform({ dIn: 0, dOut: 1 })).toThrow(
			'LinearTransform: dIn must be an integer in 1..65536, got 0',
		);
	});
});

describe('RandomRotation', () => {
	it('keeps distances and leads back', () => {
		using rotation = new RandomRotation({ dIn: D }).train(x);
		const y = rotation.apply(x);
		expectSameDistances(y);
		expect(difference(rotation.reverse(y), x)).toBeLessThan(1e-8);
		using other = new RandomRotation({ dIn: D, seed: 7 }).train(x);
		expect(other.matrix).not.toEqual(rotation.matrix);
	});

	it('into more dimensions keeps distances, into fewer about', () => {
		using wide = new RandomRotation({ dIn: D, dOut: 40 }).train(x);
		expectSameDistances(wide.apply(x));
		expect(difference(wide.reverse(wide.apply(x)), x)).toBeLessThan(1e-8);
		using narrow = new RandomRotation({ dIn: D, dOut: 9 }).train(x);
		expect(narrow.apply(x).d).toBe(9);
	});
});

describe('PCATransform', () => {
	it('with all components keeps distances, and inner products where it is not centred', () => {
		using l2 = new PCATransform({ dIn: D }).train(x);
		expectSameDistances(l2.apply(x));
		expect(difference(l2.reverse(l2.apply(x)), x)).toBeLessThan(1e-8);
		using ip = new PCATransform({ dIn: D }).train(x, { metric: 'ip' });
		expect(ip.mean).toEqual(new Float32Array(D));
		const y = ip.apply(x);
		for (let i = 0; i < 40; i++) {
			expect(innerProduct(y.row(i), y.row(i + 1))).toBeCloseTo(innerProduct(x.row(i), x.row(i + 1)), 2);
		}
	});

	it('components have mean 0, no correlation, and the variances it says, in descending order', () => {
		using pca = new PCATransform({ dIn: D, dOut: 6 }).train(x);
		const y = pca.apply(x);
		const { variances } = pca;
		for (let i = 0; i < 6; i++) {
			if (i > 0) expect(variances[i]).toBeLessThanOrEqual(variances[i - 1]!);
			for (let j = 0; j <= i; j++) {
				let sum = 0;
				let mean = 0;
				for (let r = 0; r < y.n; r++) {
					sum += y.row(r)[i]! * y.row(r)[j]!;
					mean += y.row(r)[i]!;
				}
				expect(Math.abs(mean / y.n)).toBeLessThan(1e-4);
				expect(Math.abs(sum / y.n - (i === j ? variances[i]! : 0))).toBeLessThan(1e-4 * variances[0]!);
			}
		}
		// What is left out is what the variances say.
		const rest = variances.subarray(6).reduce((a, b) => a + b, 0);
		expect(difference(pca.reverse(y), x) / rest).toBeCloseTo(1, 3);
	});

	it('whitens, rotates at random, and then does not lead back', () => {
		using white = new PCATransform({ dIn: D, dOut: 5, eigenPower: -0.5 }).train(x);
		using turned = new PCATransform({ dIn: D, dOut: 5, randomRotation: true }).train(x);
		using plain = new PCATransform({ dIn: D, dOut: 5 }).train(x);
		for (let i = 0; i < 5; i++) {
			let sum = 0;
			const y = white.apply(x);
			for (let r = 0; r < y.n; r++) sum += y.row(r)[i]! ** 2;
			expect(sum / x.n).toBeCloseTo(1, 3);
		}
		expectSameDistances(turned.apply(x), plain.apply(x));
		expect(turned.matrix).not.toEqual(plain.matrix);
		expect(() => white.reverse(white.apply(x))).toThrow(/PCATransform.reverse: rows cannot be had back/);
	});

	it('of rows without spread, and of one row', () => {
		for (const rows of [x.slice(0, 1), new VectorSet(new Float32Array(D * 9).fill(3), D)]) {
			using pca = new PCATransform({ dIn: D, dOut: 4, eigenPower: -0.5 }).train(rows);
			expect(pca.apply(rows).data.every(Number.isFinite)).toBe(true);
		}
	});
});

describe('OPQTransform', () => {
	it.each([
		[4, 4],
		[6, 6],
		[3, 8],
	])('m = %i, nbits = %i: codes err less, or no more, than without', (m, nbits) => {
		using opq = new OPQTransform({ d: D, m, nbits }).train(x);
		const y = opq.apply(x);
		expectSameDistances(y);
		expect(difference(opq.reverse(y), x)).toBeLessThan(1e-8);
		// Recorded: 0.62, 0.69, 0.52.
		expect(pqError(y, m, nbits) / pqError(x, m, nbits)).toBeLessThan(0.8);
	});

	it('fewer dimensions, and more than there are', () => {
		using few = new OPQTransform({ d: D, m: 4, dOut: 12, nbits: 4 }).train(x);
		using pca = new PCATransform({ dIn: D, dOut: 12 }).train(x);
		const back = (t: OPQTransform | PCATransform): number => difference(t.reverse(t.apply(x)), x);
		// It has no mean to add again, but stays in the same space.
		expect(few.apply(x).d).toBe(12);
		expect(Number.isFinite(back(few))).toBe(true);
		expect(pqError(few.apply(x), 4, 4)).toBeLessThan(pqError(pca.apply(x), 4, 4));
		using padded = new OPQTransform({ d: D, m: 7, nbits: 4, niter: 3 }).train(x);
		expect(padded.dOut).toBe(28);
		expectSameDistances(padded.apply(x));
		expect(back(padded)).toBeLessThan(1e-8);
	});

	it('refuses m that does not divide dOut', () => {
		expect(() => new OPQTransform({ d: D, m: 5, dOut: 24 })).toThrow('OPQTransform: m must divide dOut = 24, got 5');
	});
});

describe('all', () => {
	const makers = [
		() => new PCATransform({ dIn: D, dOut: 8, randomRotation: true }),
		() => new RandomRotation({ dIn: D }),
		() => new OPQTransform({ d: D, m: 4, nbits: 4, niter: 3 }),
	];

	it('the same seed gives the same bits with every kind of kernels', () => {
		const few = x.slice(0, 200);
		for (const kernels of ['reference', 'simd', 'auto'] as const) {
			const engine = createEngineSync({ kernels });
			const made = [
				new PCATransform({ dIn: D, dOut: 8, randomRotation: true, engine }),
				new RandomRotation({ dIn: D, engine }),
				new OPQTransform({ d: D, m: 4, nbits: 4, niter: 3, engine }),
			];
			for (const [i, transform] of made.entries()) {
				using expected = makers[i]!().train(few);
				expect(transform.train(few).matrix).toEqual(expected.matrix);
				expect(transform.apply(few).data).toEqual(expected.apply(few).data);
			}
		}
	});

	it('say when they are not trained, and leave nothing behind when training is aborted', () => {
		for (const make of makers) {
			using transform = make();
			expect(() => transform.apply(x)).toThrow(/call train first/);
			const controller = new AbortController();
			const abort = { signal: controller.signal, onProgress: () => controller.abort() };
			expect(() => transform.train(x, abort)).toThrow(/aborted/);
			expect(transform.isTrained).toBe(false);
			expect(transform.byteLength).toBe(0);
		}
	});

	it('NormalizeTransform makes rows of length 1; zero stays zero', () => {
		using unit = new NormalizeTransform({ d: 2 });
		expect(
			unit.apply([
				[3, 4],
				[0, 0],
			]).data,
		).toEqual(Float32Array.of(0.6, 0.8, 0, 0));
	});
});
