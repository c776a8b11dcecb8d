import { describe, expect, it } from 'vitest';
import {
	cosineDistance,
	cosineSimilarity,
	euclideanDistance,
	innerProduct,
	isBetter,
	negativeDot,
	normalize,
	squaredL2,
} from '../../src/core/metric.ts';
import { IVF_SEARCH_PARAMS, KMEANS_OPTIONS, resolveOptions, TRAIN_OPTIONS } from '../../src/core/options.ts';
import { toVectorSet, VectorSet } from '../../src/core/vectors.ts';

describe('VectorSet', () => {
	it('is rows of one array', () => {
		const x = new VectorSet(Float32Array.of(1, 2, 3, 4, 5, 6), 2);
		expect([x.n, x.d]).toEqual([3, 2]);
		expect([...x.row(1)]).toEqual([3, 4]);
		expect([...x.slice(1).data]).toEqual([3, 4, 5, 6]);
		expect([...x.take([2, 0]).data]).toEqual([5, 6, 1, 2]);
		expect(VectorSet.from([[1, 2], Float32Array.of(3, 4)]).n).toBe(2);
	});

	it('says what is wrong', () => {
		expect(() => new VectorSet(new Float32Array(5), 2)).toThrow('data.length must be a multiple of d = 2, got 5');
		expect(() => new VectorSet([1, 2] as never, 2)).toThrow('VectorSet: data must be a Float32Array, got Array(2)');
		expect(() => VectorSet.from([[1, 2], [3]])).toThrow('VectorSet.from: row 1 has 1 values, expected 2');
		expect(() => VectorSet.from([])).toThrow('at least one row');
		expect(() => new VectorSet(new Float32Array(2), 2).row(1)).toThrow('i must be an integer in 0..0, got 1');
	});

	it('methods take sets, typed arrays, numbers and rows', () => {
		const forms = [
			VectorSet.from([[1, 2]]),
			Float32Array.of(1, 2),
			Float64Array.of(1, 2),
			[1, 2],
			[[1, 2]],
			[Float32Array.of(1, 2)],
		];
		for (const form of forms) expect([...toVectorSet('f', 'x', form, 2).data]).toEqual([1, 2]);
		expect(toVectorSet('f', 'x', [], 2).n).toBe(0);
		expect(() => toVectorSet('f', 'x', 'no' as never, 2)).toThrow(/x must be a VectorSet, a Float32Array, or an array/);
		expect(() => toVectorSet('f', 'x', [1, 2, 3], 2)).toThrow(
			'x has 3 values, which is not a multiple of the dimension 2',
		);
		expect(() => toVectorSet('f', 'x', [[1, 2], 3] as never, 2)).toThrow('f: row 1 must be an array of numbers, got 3');
		expect(() => toVectorSet('f', 'x', [[1, Infinity]], 2)).toThrow('f: row 0 of x holds Infinity (component 1)');
		expect(() => toVectorSet('f', 'x', [[1, 1e39]], 2)).toThrow('holds Infinity');
	});
});

describe('metrics', () => {
	it('helpers agree with their definitions', () => {
		const a = [1, 2, 2];
		const b = [2, 0, 1];
		expect(innerProduct(a, b)).toBe(4);
		expect(negativeDot(a, b)).toBe(-4);
		expect(squaredL2(a, b)).toBe(6);
		expect(euclideanDistance(a, b)).toBe(Math.sqrt(6));
		expect(cosineSimilarity(a, b)).toBeCloseTo(4 / (3 * Math.sqrt(5)), 12);
		expect(cosineDistance(a, a)).toBe(0);
		expect(cosineSimilarity(a, [0, 0, 0])).toBe(0);
		expect([...normalize([3, 4])]).toEqual([Math.fround(0.6), Math.fround(0.8)]);
		expect([...normalize([0, 0])]).toEqual([0, 0]);
		expect(() => squaredL2([1], [1, 2])).toThrow('vectors must have the same dimension, got 1 and 2');
		expect([isBetter('l2', 1, 2), isBetter('ip', 1, 2), isBetter('cosine', 1, 2)]).toEqual([true, false, false]);
	});
});

describe('option tables', () => {
	it('every row has a default or says where it comes from, a range, and help', () => {
		for (const table of [KMEANS_OPTIONS, TRAIN_OPTIONS, IVF_SEARCH_PARAMS]) {
			for (const [name, spec] of Object.entries(table)) {
				expect(spec.help.length, name).toBeGreaterThan(10);
				if (spec.type === 'integer' || spec.type === 'number') {
					expect(spec.min, name).toBeTypeOf('number');
					expect(spec.max, name).toBeTypeOf('number');
				}
				if (typeof spec.default === 'number') {
					expect(spec.default).toBeGreaterThanOrEqual(spec.min!);
					expect(spec.default).toBeLessThanOrEqual(spec.max!);
				}
			}
		}
	});

	it('resolve checks what is given and fills in the rest', () => {
		expect(resolveOptions('f', { niter: 3 }, KMEANS_OPTIONS)).toMatchObject({ niter: 3, seed: 1234, init: 'random' });
		expect(() => resolveOptions('f', { spherical: 1 }, KMEANS_OPTIONS)).toThrow(
			'f: spherical must be true or false, got 1',
		);
		expect(() => resolveOptions('f', { onProgress: 3 }, KMEANS_OPTIONS)).toThrow(
			'f: onProgress must be a function, got number',
		);
	});
});
