/** Forecasts of bytes against indexes that are then built; adding in parts against adding at once. */
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import {
	type BuildEstimateOptions,
	createEngineSync,
	estimateBuild,
	type Index,
	IndexFlat,
	IndexIVFFlat,
	IndexIVFPQ,
	IndexIVFPQFastScan,
	IndexIVFScalarQuantizer,
	IndexPQ,
	IndexPQFastScan,
	IndexRefine,
	IndexScalarQuantizer,
} from '../../src/index.ts';
import type { Engine } from '../../src/kernels/engine.ts';
import { clustered } from '../support/data.ts';

const n = 5000;
const d = 20;
const x = clustered(n, d, { clusters: 30 });

type Made = (options: { d: number; metric: BuildEstimateOptions['metric']; engine: Engine }) => Index;
const CASES: readonly { name: string; of: Omit<BuildEstimateOptions, 'd' | 'n'>; make: Made; exact: boolean }[] = [
	{ name: 'Flat', of: { type: 'IndexFlat' }, make: (o) => new IndexFlat(o), exact: true },
	{ name: 'SQ8', of: { type: 'IndexScalarQuantizer' }, make: (o) => new IndexScalarQuantizer(o), exact: true },
	{
		name: 'SQ4',
		of: { type: 'IndexScalarQuantizer', scalarType: 'sq4' },
		make: (o) => new IndexScalarQuantizer({ ...o, type: 'sq4' }),
		exact: true,
	},
	{
		name: 'SQfp16',
		of: { type: 'IndexScalarQuantizer', scalarType: 'f16' },
		make: (o) => new IndexScalarQuantizer({ ...o, type: 'f16' }),
		exact: true,
	},
	{
		name: 'Flat with bounds',
		of: { type: 'IndexFlat', pruned: true },
		make: (o) => new IndexFlat({ ...o, pruned: true }),
		exact: true,
	},
	{
		name: 'PQ5,Refine(PQ10x6)',
		of: { type: 'IndexPQ', m: 5, refine: { pq: { m: 10, nbits: 6 } } },
		make: (o) => new IndexRefine({ base: new IndexPQ({ ...o, m: 5 }), store: { pq: { m: 10, nbits: 6 } } }),
		exact: true,
	},
	{
		name: 'IVF32,SQbf16,RFlat',
		of: { type: 'IndexIVFScalarQuantizer', scalarType: 'bf16', nlist: 32, refine: 'flat' },
		make: (o) => new IndexRefine({ base: new IndexIVFScalarQuantizer({ ...o, type: 'bf16', nlist: 32 }) }),
		exact: false,
	},
	{ name: 'PQ5', of: { type: 'IndexPQ', m: 5 }, make: (o) => new IndexPQ({ ...o, m: 5 }), exact: true },
	{
		name: 'PQ4x6',
		of: { type: 'IndexPQ', m: 4, nbits: 6 },
		make: (o) => new IndexPQ({ ...o, m: 4, nbits: 6 }),
		exact: true,
	},
	{
		name: 'PQ7x8 padded',
		of: { type: 'IndexPQ', m: 7 },
		make: (o) => new IndexPQ({ ...o, m: 7, pad: true }),
		exact: true,
	},
	{
		name: 'PQ10x4fs',
		of: { type: 'IndexPQFastScan', m: 10 },
		make: (o) => new IndexPQFastScan({ ...o, m: 10 }),
		exact: true,
	},
	{
		name: 'IVF32,Flat',
		of: { type: 'IndexIVFFlat', nlist: 32 },
		make: (o) => new IndexIVFFlat({ ...o, nlist: 32 }),
		exact: false,
	},
	{
		name: 'IVF300,SQ8',
		of: { type: 'IndexIVFScalarQuantizer', nlist: 300 },
		make: (o) => new IndexIVFScalarQuantizer({ ...o, nlist: 300 }),
		exact: false,
	},
	{
		name: 'IVF600,PQ5',
		of: { type: 'IndexIVFPQ', nlist: 600, m: 5 },
		make: (o) => new IndexIVFPQ({ ...o, nlist: 600, m: 5 }),
		exact: false,
	},
	{
		name: 'IVF64,PQ10x4fsr',
		of: { type: 'IndexIVFPQFastScan', nlist: 64, m: 10 },
		make: (o) => new IndexIVFPQFastScan({ ...o, nlist: 64, m: 10 }),
		exact: false,
	},
	{
		name: 'IVF64,PQ5,Refine(SQ8), no residuals',
		of: { type: 'IndexIVFPQ', nlist: 64, m: 5, byResidual: false, refine: 'sq8' },
		make: (o) => new IndexRefine({ base: new IndexIVFPQ({ ...o, nlist: 64, m: 5, byResidual: false }), store: 'sq8' }),
		exact: false,
	},
];

describe('estimateBuild', () => {
	for (const metric of METRICS) {
		it.each(CASES)(`$name, ${metric}`, ({ of, make, exact }) => {
			const engine = createEngineSync();
			const forecast = estimateBuild({ ...of, d, n, metric, measure: false });
			using index = make({ d, metric, engine });
			index.train(x, { niter: 2 });
			index.add(x);
			const { bytes } = index.stats();
			expect(Object.keys(forecast.components)).toEqual(Object.keys(bytes));
			if (exact) expect(forecast.components).toEqual(bytes);
			for (const fixed of ['codes', 'terms', 'labels', 'directory', 'centroids', 'codebook', 'ranges', 'refine']) {
				expect(forecast.components[fixed], fixed).toBe(bytes[fixed]);
			}
			expect(Math.abs(forecast.bytes / index.byteLength - 1)).toBeLessThan(0.02);
			// The forecast counts arrays outside the arena too, and is for 10 and 25 iterations.
			expect(forecast.peakBytes).toBeGreaterThan(0.9 * engine.arena.peakBytes);
			expect(forecast.peakBytes).toBeLessThan(2 * engine.arena.peakBytes);
		});
	}

	it('measures this device when asked', () => {
		const { seconds } = estimateBuild({ type: 'IndexIVFPQ', d: 16, n: 1e6, nlist: 1024, m: 4 });
		expect(seconds!.train).toBeGreaterThan(0);
		expect(seconds!.add).toBeGreaterThan(0);
		expect(estimateBuild({ type: 'IndexFlat', d: 16, n: 10, measure: false }).seconds).toBeUndefined();
	});

	it('takes what constructors take', () => {
		expect(estimateBuild({ type: 'IndexFlat', d: 4, n: 0, measure: false }).bytes).toBe(0);
		const few = { type: 'IndexIVFFlat', d: 4, n: 100, nlist: 50, trainingRows: 10, measure: false } as const;
		expect(estimateBuild(few).bytes).toBe(estimateBuild({ ...few, nlist: 10 }).bytes);
		expect(() => estimateBuild({ type: 'IndexIVFPQ', d: 4, n: 10, m: 2 })).toThrow('nlist must be an integer');
		expect(() => estimateBuild({ type: 'IndexPQ', d: 4, n: 10 })).toThrow('estimateBuild: m must be an integer');
		expect(() => estimateBuild({ type: 'IndexIVFRaBitQ' as 'IndexPQ', d: 4, n: 10 })).toThrow('type must be');
		expect(() => estimateBuild({ type: 'IndexFlat', d: 4, n: 10, refine: 'sq' as 'sq8' })).toThrow('refine must be');
		expect(() => estimateBuild({ type: 'IVF' as 'IndexPQ', d: 4, n: 10 })).toThrow("type must be 'IndexFlat'");
	});
});

describe('adding in parts', () => {
	it.each(CASES)('$name: shrink makes it as large as at once, and it finds the same', ({ make }) => {
		const engine = createEngineSync();
		const options = { d, metric: 'l2', engine } as const;
		using whole = make(options);
		whole.train(x, { niter: 2 }).add(x);
		using parts = make(options);
		parts.train(x, { niter: 2 });
		for (let from = 0; from < n; from += 170) parts.add(x.slice(from, Math.min(n, from + 170)));
		// Growing leaves an eighth, and four codes a list.
		expect(parts.byteLength).toBeLessThan(1.25 * whole.byteLength + 600 * 4 * 24);
		// Segments of flat codes end on 64 bytes each.
		expect(parts.shrink().byteLength).toBeLessThan(1.01 * whole.byteLength + 30 * 64);
		const found = parts.search(x.slice(0, 20), 5);
		expect(found.labels).toEqual(whole.search(x.slice(0, 20), 5).labels);
		parts.add(x.slice(0, 3));
		expect(parts.ntotal).toBe(n + 3);
		expect(parts.search(x.slice(0, 20), 1).distances[0]).toBe(found.distances[0]);
	});
});
