/** The parts that need no child process. */
import { describe, expect, it } from 'vitest';
import { defaultM, defaultNlist, defaultQueries, nearestDivisor } from '../src/defaults.ts';
import { kFactorFor } from '../src/measure.ts';
import { bytes, millis, percent, seconds, table, times } from '../src/output.ts';
import { timeLeft } from '../src/progress.ts';
import { clustered, Random, siftLike } from '../src/synthetic.ts';

describe('defaults', () => {
	it('takes a divisor of d near d / 8', () => {
		expect([64, 128, 256, 768, 1536, 100, 127, 7, 1].map((d) => defaultM(d))).toEqual([
			8, 16, 32, 96, 192, 10, 127, 1, 1,
		]);
		expect(nearestDivisor(20, 8)).toBe(10);
	});

	it('takes 4 * sqrt(n) cells where there are vectors to train them', () => {
		expect([100_000, 10_000, 383, 10].map(defaultNlist)).toEqual([1265, 256, 9, 1]);
		expect([100_000, 10_000, 383, 2].map(defaultQueries)).toEqual([1000, 500, 19, 1]);
	});

	it('re-ranks exactly the candidates asked for', () => {
		for (const k of [1, 3, 7, 10, 100]) {
			for (const candidates of [k, k + 1, 100, 101, 997].filter((n) => n >= k)) {
				const kFactor = kFactorFor(candidates, k);
				expect(kFactor).toBeGreaterThanOrEqual(1);
				expect(Math.ceil(k * kFactor)).toBe(candidates);
			}
		}
	});
});

describe('time left', () => {
	it('follows from the pace so far, once there is one', () => {
		expect(timeLeft(30_000, 25, 100)).toBe('90 s left');
		expect(timeLeft(2_000, 40, 100)).toBe('3.0 s left');
		expect([timeLeft(900, 50, 100), timeLeft(5_000, 1, 100), timeLeft(5_000, 100, 100)]).toEqual(['', '', '']);
	});
});

describe('synthetic data', () => {
	it('is the same for the same seed, everywhere', () => {
		const random = new Random(1);
		// Recorded, so that a change of the generator shows.
		expect([random.uint32(), random.uint32(), random.uint32()]).toMatchInlineSnapshot(`
			[
			  4203887796,
			  1563716434,
			  1831295772,
			]
		`);
		expect(Array.from(clustered({ n: 1, d: 2, clusters: 1 }, 1).data)).toMatchInlineSnapshot(`
			[
			  -4.003334045410156,
			  4.957530975341797,
			]
		`);
		const x = siftLike(50, 3);
		expect([x.n, x.d]).toEqual([50, 128]);
		expect(x.data.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)).toBe(true);
	});

	it('draws numbers of mean 0 and variance 1', () => {
		const random = new Random(5);
		const values = Array.from({ length: 100_000 }, () => random.normal());
		const mean = values.reduce((a, b) => a + b) / values.length;
		const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
		expect(Math.abs(mean)).toBeLessThan(0.02);
		expect(Math.abs(variance - 1)).toBeLessThan(0.02);
	});

	it('samples distinct rows in order', () => {
		const rows = new Random(2).sample(1000, 100);
		expect(new Set(rows).size).toBe(100);
		expect(Array.from(rows)).toEqual(Array.from(rows).sort((a, b) => a - b));
		expect(new Random(2).sample(5, 9)).toEqual(Uint32Array.of(0, 1, 2, 3, 4));
	});
});

describe('numbers for people', () => {
	it('are short and keep three digits', () => {
		expect([0, 845, 12_800, 2_560_000, 999_999, 5.12e9].map(bytes)).toEqual([
			'0 B',
			'845 B',
			'12.8 kB',
			'2.56 MB',
			'1.00 MB',
			'5.12 GB',
		]);
		expect([0.0421, 1.346, 27.04].map(millis)).toEqual(['0.042', '1.35', '27.0']);
		expect([0.84, 42, 200].map(seconds)).toEqual(['0.8 s', '42 s', '3 min 20 s']);
		expect([0.0625, 0.0078, 1].map(percent)).toEqual(['6.3 %', '0.78 %', '100 %']);
		expect([16, 3.456, 128].map(times)).toEqual(['16.0x', '3.46x', '128x']);
	});

	it('stand in aligned columns', () => {
		const text = table(
			['name', 'n'],
			[
				['a', '1'],
				['bcd', '20'],
			],
		);
		expect(text.split('\n')).toEqual(['name   n', '────  ──', 'a      1', 'bcd   20']);
	});
});
