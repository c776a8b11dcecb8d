import { describe, expect, it } from 'vitest';
import { bestRecall, median, paretoFront, qpsAtRecall, quantile, quartiles, worthwhile } from '../suite/stats.ts';

const at = (recall: number, qps: number) => ({ recall, qps });

describe('quantiles', () => {
	it('interpolates between neighbours in order', () => {
		expect(quartiles([4, 1, 3, 2, 5])).toEqual({ q1: 2, median: 3, q3: 4 });
		expect(median([4, 1, 3, 2])).toBe(2.5);
		expect(quantile([10, 20], 0.95)).toBeCloseTo(19.5);
		expect(quantile([7], 0.99)).toBe(7);
		expect(median([])).toBeNaN();
	});

	it('sorts numbers as numbers and leaves its input alone', () => {
		const values = [100, 20, 3];
		expect(median(values)).toBe(20);
		expect(values).toEqual([100, 20, 3]);
	});
});

describe('paretoFront', () => {
	it('keeps what no other beats in both, by rising recall', () => {
		const points = [at(0.9, 50), at(0.5, 100), at(0.8, 40), at(0.95, 10), at(0.9, 60), at(0.4, 90)];
		expect(paretoFront(points)).toEqual([at(0.5, 100), at(0.9, 60), at(0.95, 10)]);
		expect(paretoFront([])).toEqual([]);
	});

	it('drops settings that others beat by far, not those that are close', () => {
		const points = [at(0.9, 100), at(0.89, 90), at(0.8, 20)];
		expect(worthwhile(points, 1.5)).toEqual([at(0.9, 100), at(0.89, 90)]);
	});
});

describe('qpsAtRecall', () => {
	const points = [at(0.8, 1000), at(0.9, 100), at(0.85, 10)];

	it('interpolates the logarithm of speed along the front', () => {
		expect(qpsAtRecall(points, 0.85)).toBeCloseTo(Math.sqrt(1000 * 100));
		expect(qpsAtRecall(points, 0.9)).toBeCloseTo(100);
	});

	it('takes the fastest below the front and nothing above it', () => {
		expect(qpsAtRecall(points, 0.5)).toBe(1000);
		expect(qpsAtRecall(points, 0.91)).toBeUndefined();
		expect(qpsAtRecall([], 0.5)).toBeUndefined();
		expect(bestRecall(points)).toBe(0.9);
	});
});
