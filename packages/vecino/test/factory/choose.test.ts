/** What Auto takes: within the budget, and of a kind that can be made. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
	chooseIndex,
	estimateSpec,
	type IndexRefine,
	indexFactory,
	isVecinoError,
	printSpec,
	specOf,
} from '../../src/index.ts';
import { clustered } from '../support/data.ts';

/** n, d, bytes per vector, what is taken. */
const CHOICES: readonly (readonly [n: number, d: number, bytes: number | undefined, text: string])[] = [
	[1000, 64, undefined, 'Flat'],
	[20_000, 250, undefined, 'Flat'],
	[5000, 64, 100, 'PQ32x4fs,Refine(SQ8)'],
	[100_000, 128, undefined, 'IVF1024,PQ64x4fsr,Refine(SQ8)'],
	[100_000, 128, 600, 'IVF1024,PQ64x4fsr,RFlat'],
	[100_000, 128, 125, 'IVF1024,RaBitQ5'],
	[1_000_000, 128, 40, 'IVF4096,PQ32x6'],
	[1_000_000, 127, undefined, 'PCA120,IVF4096,PQ60x4fsr,Refine(SQ8)'],
	[1_000_000, 768, undefined, 'IVF4096,RaBitQ,Refine(SQ8)'],
	[1_000_000, 768, 120, 'IVF2048,RaBitQ'],
	[100_000_000, 128, 16, 'IVF32768_HNSW32,PQ16x4fsr'],
];

describe('chooseIndex', () => {
	it.each(CHOICES)('%i vectors of %i dimensions within %s bytes: %s', (n, d, bytesPerVector, text) => {
		const choice = chooseIndex({ n, d, bytesPerVector });
		expect(choice.text).toBe(text);
		expect(printSpec(choice.spec)).toBe(text);
		expect(choice.why.length).toBeGreaterThan(1);
		expect(choice.why.at(-1)).toContain(`${choice.bytesPerVector.toFixed(1)} bytes per vector`);
		for (const sentence of choice.why) expect(sentence).toMatch(/\d.*\.$/s);
	});

	it('stays within the budget, and its index can be made', () => {
		const any = fc.record({
			n: fc.integer({ min: 100, max: 10_000_000 }),
			d: fc.integer({ min: 1, max: 1536 }),
			bytesPerVector: fc.option(fc.integer({ min: 4, max: 8000 }), { nil: undefined }),
			metric: fc.constantFrom('l2' as const, 'ip' as const, 'cosine' as const),
		});
		fc.assert(
			fc.property(any, (options) => {
				const { n, d, metric, bytesPerVector } = options;
				try {
					const choice = chooseIndex(options);
					expect(choice.bytesPerVector).toBeLessThanOrEqual(bytesPerVector ?? Number.POSITIVE_INFINITY);
					const forecast = estimateSpec(d, n, choice.text, { metric, measure: false });
					expect(forecast.bytesPerVector).toBe(choice.bytesPerVector);
				} catch (error) {
					expect((error as Error).message).toMatch(/takes \d+ bytes per vector or less; the least is \d+/);
					expect(isVecinoError(error, 'bad-spec')).toBe(true);
				}
			}),
			{ numRuns: 300 },
		);
	});

	it('refuses what it does not know', () => {
		expect(() => chooseIndex({ n: 0, d: 4 })).toThrow('chooseIndex: n must be');
		expect(() => chooseIndex({ n: 10, d: 4, bytesPerVector: 0 })).toThrow('chooseIndex: bytesPerVector must be');
		expect(() => chooseIndex({ n: 10, d: 4, k: 3 } as never)).toThrow('unknown option "k"');
	});
});

describe('indexFactory with Auto', () => {
	it('takes what chooseIndex says, within the bytes of the string or of the options', () => {
		const n = 100_000;
		for (const [text, bytesPerVector] of [
			['Auto', undefined],
			['Auto', 120],
			['Auto(120)', undefined],
			['IDMap,Auto(120)', 40],
		] as const) {
			using index = indexFactory(128, text, { n, bytesPerVector });
			const { text: chosen } = chooseIndex({ n, d: 128, bytesPerVector: text.includes('(') ? 120 : bytesPerVector });
			expect(printSpec(specOf(index))).toBe(text.startsWith('IDMap') ? `IDMap,${chosen}` : chosen);
		}
	});

	it('makes an index that takes the bytes it says and finds neighbours', () => {
		const n = 20_000;
		const x = clustered(n, 256, { clusters: 50 });
		const choice = chooseIndex({ n, d: 256, metric: 'cosine' });
		using index = indexFactory(256, choice.spec, { metric: 'cosine' }) as IndexRefine;
		index.train(x, { niter: 2, maxPointsPerCentroid: 40 }).add(x).shrink();
		expect(Math.abs(index.byteLength / n / choice.bytesPerVector - 1)).toBeLessThan(0.02);
		const found = index.search(x.slice(0, 100), 1);
		const hits = Array.from(found.labels).filter((label, i) => label === i).length;
		expect(hits).toBeGreaterThan(90);
	});
});
