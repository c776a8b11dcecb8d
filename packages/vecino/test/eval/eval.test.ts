import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import { meanInterval, oneRecallAtR, recallAtK, recallPerQuery } from '../../src/eval/recall.ts';
import { exactNeighbors, exactNeighborsOfParts } from '../../src/eval/truth.ts';
import { bruteForce, clustered, split } from '../support/data.ts';

const { base, queries } = split(clustered(720, 9), 20);

describe('exact neighbours', () => {
	it.each(METRICS)('%s: those of a sort over all distances', (metric) => {
		const truth = exactNeighbors(base, queries, 15, { metric });
		for (let i = 0; i < queries.n; i++) {
			expect(truth.hits(i).map((hit) => hit.label)).toEqual(
				bruteForce(base, queries.row(i), 15, metric).map((hit) => hit.label),
			);
		}
	});

	it.each(METRICS)('%s: in parts as at once, ties included', async (metric) => {
		const twice = base.take([...Array(300).keys(), ...Array(300).keys()]);
		async function* parts() {
			for (let start = 0; start < twice.n; start += 77) {
				yield { start, data: twice.slice(start, Math.min(twice.n, start + 77)).data };
			}
		}
		const whole = exactNeighbors(twice, queries, 12, { metric });
		const inParts = await exactNeighborsOfParts(parts(), twice.d, queries, 12, { metric });
		expect(inParts.labels).toEqual(whole.labels);
		expect(inParts.distances).toEqual(whole.distances);
	});
});

describe('recall', () => {
	const found = { nq: 2, k: 3, labels: [1, 2, 3, 7, 8, -1] };
	const truth = { nq: 2, k: 4, labels: [3, 1, 9, 2, 4, 5, 6, 7] };

	it('recall@k counts what both have in their first k', () => {
		expect([...recallPerQuery(found, truth)]).toEqual([2 / 3, 0]);
		expect(recallAtK(found, truth, 1)).toBe(0);
		expect(recallAtK(truth, truth)).toBe(1);
	});

	it('fewer true neighbours than k: the share of those there are', () => {
		expect(recallAtK({ nq: 1, k: 3, labels: [5, -1, -1] }, { nq: 1, k: 3, labels: [5, -1, -1] })).toBe(1);
		expect(recallAtK({ nq: 1, k: 3, labels: [-1, -1, -1] }, { nq: 1, k: 3, labels: [5, -1, -1] })).toBe(0);
	});

	it('1R@R asks for the nearest only', () => {
		expect(oneRecallAtR(found, truth)).toBe(0.5);
		expect(oneRecallAtR(found, truth, 2)).toBe(0);
	});

	it('refuses results of other queries, and k that neither has', () => {
		expect(() => recallAtK(found, { nq: 1, k: 1, labels: [1] })).toThrow(
			'results of 2 queries cannot be compared with truth for 1',
		);
		expect(() => recallAtK(found, truth, 4)).toThrow('recallPerQuery: k must be an integer in 1..3, got 4');
	});

	it('the interval holds the mean, stays in 0..1, and narrows with more queries', () => {
		const few = meanInterval([1, 0.5, 0.8, 0.9]);
		const many = meanInterval(Array.from({ length: 400 }, (_, i) => [1, 0.5, 0.8, 0.9][i % 4]!));
		expect(few.mean).toBeCloseTo(0.8, 10);
		expect(few.low).toBeLessThan(many.low);
		expect(many.high).toBeLessThan(few.high);
		expect(many.low).toBeLessThan(0.8);
		// Yes-or-no trials: Wilson's interval for 80 of 100 at 95 %.
		const trials = meanInterval(Array.from({ length: 100 }, (_, i) => (i < 80 ? 1 : 0)));
		expect(trials.low).toBeCloseTo(0.711, 2);
		expect(trials.high).toBeCloseTo(0.867, 2);
		const perfect = meanInterval(new Float64Array(1000).fill(1));
		expect([perfect.mean, perfect.high]).toEqual([1, 1]);
		expect(perfect.low).toBeCloseTo(0.9962, 3);
		expect(meanInterval([])).toEqual({ mean: 1, low: 0, high: 1 });
	});
});
