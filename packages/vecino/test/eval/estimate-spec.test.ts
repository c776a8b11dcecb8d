/** Forecasts for factory strings against the indexes that they make. */
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import {
	createEngineSync,
	emptySearchStats,
	estimateSpec,
	type Index,
	indexFactory,
	isVecinoError,
	writeIndex,
} from '../../src/index.ts';
import { clustered } from '../support/data.ts';

const n = 6000;
const d = 32;
const x = clustered(n, d, { clusters: 40 });

const STRINGS = [
	'Flat',
	'SQ8',
	'SQfp16',
	'PQ8',
	'PQ8x10',
	'PQ16x4fs',
	'RaBitQ',
	'RaBitQ4',
	'HNSW16',
	'HNSW8,SQ8',
	'HNSW8,SQ4',
	'HNSW8,SQbf16',
	'IVF64,Flat',
	'IVF300,SQ8',
	'IVF64_HNSW32,SQ4',
	'IVF64,PQ8',
	'IVF64,PQ8x6nr',
	'IVF32,PQ16x4fs',
	'IVF32,PQ16x4fsr',
	'IVF32,RaBitQ',
	'IVF32,RaBitQ4',
	'IVF32,PQ16x4fsr,Refine(SQ8)',
	'IVF32,RaBitQ,RFlat',
	'HNSW16,SQ8,Refine(SQbf16)',
	'PCA16,IVF64,PQ8',
	'OPQ8_24,IVF64,PQ8x4fsr,Refine(PQ16)',
	'RR,SQ4',
	'L2norm,PCAR8,Flat',
	'PCA24,(PQ8,RFlat)',
	'IDMap,IVF64,PQ8,RFlat',
] as const;

function fill(index: Index): void {
	index.train(x, { niter: 2 });
	if (index.type === 'IndexIDMap')
		index.addWithIds(
			x,
			Float64Array.from({ length: n }, (_, i) => i),
		);
	else index.add(x);
	index.shrink();
}

describe('estimateSpec', () => {
	it.each(STRINGS)('%s: bytes of the index and of its file', (text) => {
		for (const metric of METRICS) {
			const engine = createEngineSync();
			const forecast = estimateSpec(d, n, text, { metric, measure: false });
			using index = indexFactory(d, text, { metric, engine });
			fill(index);
			expect(Object.keys(forecast.components).sort()).toEqual(Object.keys(index.stats().bytes).sort());
			expect(Math.abs(forecast.bytes / index.byteLength - 1), 'resident').toBeLessThan(0.02);
			expect(forecast.bytesPerVector).toBe(forecast.bytes / n);
			expect(Math.abs(forecast.fileBytes / writeIndex(index).length - 1), 'file').toBeLessThan(0.02);
			expect(forecast.peakBytes).toBeGreaterThan(0.8 * engine.arena.peakBytes);
		}
	});

	it('counts the work of a query', () => {
		const { query } = estimateSpec(d, n, 'IVF64,PQ16x4fsr,RFlat', { nprobe: 8, k: 5, kFactor: 4, measure: false });
		expect(query).toMatchObject({ nprobe: 8, centroids: 64, refined: 20 });
		using index = indexFactory(d, 'IVF64,PQ16x4fsr,RFlat');
		fill(index);
		const stats = emptySearchStats();
		index.search(x.slice(0, 100), 5, { nprobe: 8, kFactor: 4, stats });
		expect(query.codes / (stats.ndis / 100)).toBeGreaterThan(0.6);
		expect(query.codes / (stats.ndis / 100)).toBeLessThan(1.6);
		expect(query.bytesRead).toBe(64 * d * 4 + query.codes * 10 + 20 * d * 4);
		expect(estimateSpec(d, n, 'Flat', { measure: false }).query).toEqual({
			...{ nprobe: 0, centroids: 0, codes: n, refined: 0, bytesRead: n * d * 4 },
		});
		const graph = estimateSpec(d, n, 'HNSW16', { efSearch: 50, measure: false }).query;
		expect(graph.codes).toBeLessThan(n / 2);
		expect(graph.codes).toBeGreaterThan(50);
	});

	it('measures this device when asked', () => {
		for (const text of ['OPQ4,IVF64,PQ4x4fsr', 'IVF64,RaBitQ2', 'PCA8,HNSW8', 'RR,IVF64_HNSW32,SQ8']) {
			const { seconds } = estimateSpec(16, 100_000, text);
			expect(seconds!.train, text).toBeGreaterThan(0);
			expect(seconds!.add, text).toBeGreaterThan(0);
			expect(seconds!.train + seconds!.add, text).toBeLessThan(1000);
		}
	});

	it('settles what the string leaves open', () => {
		expect(estimateSpec(128, 1_000_000, 'IVF,Flat', { measure: false }).text).toBe('IVF4096,Flat');
		const auto = estimateSpec(128, 1_000_000, 'Auto', { bytesPerVector: 80, measure: false });
		expect(auto.text).not.toContain('Auto');
		expect(auto.bytesPerVector).toBeLessThanOrEqual(80);
		const few = estimateSpec(d, 100, 'IVF50,Flat', { trainingRows: 10, measure: false });
		expect(few.bytes).toBe(estimateSpec(d, 100, 'IVF10,Flat', { measure: false }).bytes);
		expect(estimateSpec(d, 0, 'Flat', { measure: false })).toMatchObject({ bytes: 0, bytesPerVector: 0 });
	});

	it('refuses what indexFactory refuses', () => {
		for (const text of ['PQ7', 'PQ', 'PCA64,Flat']) {
			try {
				estimateSpec(d, n, text, { measure: false });
				expect.unreachable();
			} catch (error) {
				expect(isVecinoError(error, 'bad-spec')).toBe(true);
				expect((error as Error).message).toMatch(/^estimateSpec: /);
			}
		}
		expect(() => estimateSpec(d, -1, 'Flat')).toThrow('estimateSpec: n must be');
		expect(() => estimateSpec(d, n, 'Flat', { probe: 1 } as object)).toThrow('unknown option "probe"');
	});
});
