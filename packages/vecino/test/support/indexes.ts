/** Every kind of index, small, for the suites that run on all of them. */
import type { Metric } from '../../src/core/metric.ts';
import type { RefineSearchParams } from '../../src/core/options.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexIVFPQFastScan, IndexPQFastScan } from '../../src/indexes/fast-scan.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexIVFScalarQuantizer } from '../../src/indexes/ivf-scalar-quantizer.ts';
import { IndexPQ } from '../../src/indexes/pq.ts';
import { IndexPreTransform } from '../../src/indexes/pre-transform.ts';
import { IndexIVFRaBitQ, IndexRaBitQ } from '../../src/indexes/rabitq.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { IndexScalarQuantizer } from '../../src/indexes/scalar-quantizer.ts';
import { OPQTransform } from '../../src/transforms/opq.ts';
import { PCATransform } from '../../src/transforms/pca.ts';
import { RandomRotation } from '../../src/transforms/rotation.ts';

export interface Kind {
	readonly name: string;
	/** Distances equal those of exact search when every cell is opened. */
	readonly exact: boolean;
	/** Results do not depend on nprobe. */
	readonly hasCells: boolean;
	/** Search parameters with which everything is looked at, if neither none nor all cells. */
	readonly all?: RefineSearchParams;
	/** Distances are estimates with noise of their own, not those to decoded vectors. */
	readonly estimates?: boolean;
	make(d: number, metric: Metric): Index;
}

export const KINDS: readonly Kind[] = [
	{ name: 'Flat', exact: true, hasCells: false, make: (d, metric) => new IndexFlat({ d, metric }) },
	{ name: 'SQ8', exact: false, hasCells: false, make: (d, metric) => new IndexScalarQuantizer({ d, metric }) },
	{
		name: 'SQ4',
		exact: false,
		hasCells: false,
		make: (d, metric) => new IndexScalarQuantizer({ d, metric, type: 'sq4' }),
	},
	{
		name: 'SQfp16',
		exact: false,
		hasCells: false,
		make: (d, metric) => new IndexScalarQuantizer({ d, metric, type: 'f16' }),
	},
	{
		name: 'SQbf16',
		exact: false,
		hasCells: false,
		make: (d, metric) => new IndexScalarQuantizer({ d, metric, type: 'bf16' }),
	},
	{ name: 'PQ4x8', exact: false, hasCells: false, make: (d, metric) => new IndexPQ({ d, metric, m: 4 }) },
	{ name: 'PQ8x5', exact: false, hasCells: false, make: (d, metric) => new IndexPQ({ d, metric, m: 8, nbits: 5 }) },
	{
		name: 'PQ7x6 padded',
		exact: false,
		hasCells: false,
		make: (d, metric) => new IndexPQ({ d, metric, m: 7, nbits: 6, pad: true }),
	},
	{ name: 'IVF8,Flat', exact: true, hasCells: true, make: (d, metric) => new IndexIVFFlat({ d, metric, nlist: 8 }) },
	{
		name: 'IVF8,SQ8',
		exact: false,
		hasCells: true,
		make: (d, metric) => new IndexIVFScalarQuantizer({ d, metric, nlist: 8 }),
	},
	{
		name: 'IVF8,SQ4',
		exact: false,
		hasCells: true,
		make: (d, metric) => new IndexIVFScalarQuantizer({ d, metric, nlist: 8, type: 'sq4' }),
	},
	{
		name: 'IVF8,SQfp16',
		exact: false,
		hasCells: true,
		make: (d, metric) => new IndexIVFScalarQuantizer({ d, metric, nlist: 8, type: 'f16' }),
	},
	{
		name: 'IVF8,SQbf16',
		exact: false,
		hasCells: true,
		make: (d, metric) => new IndexIVFScalarQuantizer({ d, metric, nlist: 8, type: 'bf16' }),
	},
	{
		name: 'IVF8,PQ4',
		exact: false,
		hasCells: true,
		make: (d, metric) => new IndexIVFPQ({ d, metric, nlist: 8, m: 4 }),
	},
	{
		name: 'IVF8,PQ4 without residuals',
		exact: false,
		hasCells: true,
		make: (d, metric) => new IndexIVFPQ({ d, metric, nlist: 8, m: 4, byResidual: false }),
	},
	{
		name: 'IVF8,PQ8x5',
		exact: false,
		hasCells: true,
		make: (d, metric) => new IndexIVFPQ({ d, metric, nlist: 8, m: 8, nbits: 5 }),
	},
	{ name: 'PQ8x4fs', exact: false, hasCells: false, make: (d, metric) => new IndexPQFastScan({ d, metric, m: 8 }) },
	{
		name: 'PQ7x4fs padded',
		exact: false,
		hasCells: false,
		make: (d, metric) => new IndexPQFastScan({ d, metric, m: 7, pad: true }),
	},
	{
		name: 'IVF8,PQ8x4fsr',
		exact: false,
		hasCells: true,
		make: (d, metric) => new IndexIVFPQFastScan({ d, metric, nlist: 8, m: 8 }),
	},
	{
		name: 'IVF8,PQ8x4fs',
		exact: false,
		hasCells: true,
		make: (d, metric) => new IndexIVFPQFastScan({ d, metric, nlist: 8, m: 8, byResidual: false }),
	},
	{
		name: 'RaBitQ3',
		exact: false,
		hasCells: false,
		estimates: true,
		make: (d, metric) => new IndexRaBitQ({ d, metric, nbits: 3 }),
	},
	{
		name: 'IVF8,RaBitQ',
		exact: false,
		hasCells: true,
		estimates: true,
		make: (d, metric) => new IndexIVFRaBitQ({ d, metric, nlist: 8 }),
	},
	{
		name: 'IVF8,RaBitQ4',
		exact: false,
		hasCells: true,
		estimates: true,
		make: (d, metric) => new IndexIVFRaBitQ({ d, metric, nlist: 8, nbits: 4 }),
	},
	{
		name: 'IVF8,PQ4,RFlat',
		exact: false,
		hasCells: true,
		make: (d, metric) => new IndexRefine({ base: new IndexIVFPQ({ d, metric, nlist: 8, m: 4 }) }),
	},
	{
		name: 'PQ4,Refine(SQ8)',
		exact: false,
		hasCells: false,
		make: (d, metric) => new IndexRefine({ base: new IndexPQ({ d, metric, m: 4 }), store: 'sq8' }),
	},
	{
		name: 'HNSW8',
		exact: true,
		hasCells: false,
		all: { efSearch: 1000 },
		make: (d, metric) => new IndexHNSW({ d, metric, M: 8 }),
	},
	{
		name: 'HNSW5,SQ8',
		exact: false,
		hasCells: false,
		all: { efSearch: 1000 },
		make: (d, metric) => new IndexHNSW({ d, metric, M: 5, store: 'sq8' }),
	},
	{
		name: 'HNSW8,SQfp16',
		exact: false,
		hasCells: false,
		all: { efSearch: 1000 },
		make: (d, metric) => new IndexHNSW({ d, metric, M: 8, store: 'f16' }),
	},
	{
		name: 'IVF8_HNSW32,Flat',
		exact: true,
		hasCells: true,
		make: (d, metric) => new IndexIVFFlat({ d, metric, nlist: 8, coarse: 'hnsw' }),
	},
	{
		name: 'IVF8,PQ8x4fsr,Refine(SQfp16)',
		exact: false,
		hasCells: true,
		make: (d, metric) => new IndexRefine({ base: new IndexIVFPQFastScan({ d, metric, nlist: 8, m: 8 }), store: 'f16' }),
	},
	{
		name: 'IVF8,PQ4,Refine(SQ4)',
		exact: false,
		hasCells: true,
		make: (d, metric) => new IndexRefine({ base: new IndexIVFPQ({ d, metric, nlist: 8, m: 4 }), store: 'sq4' }),
	},
	{
		name: 'PQ4,Refine(PQ12)',
		exact: false,
		hasCells: false,
		make: (d, metric) => new IndexRefine({ base: new IndexPQ({ d, metric, m: 4 }), store: { pq: { m: 12 } } }),
	},
	{
		name: 'PCA20,IVF8,Flat',
		exact: false,
		hasCells: true,
		make: (d, metric) =>
			new IndexPreTransform({
				transforms: [new PCATransform({ dIn: d, dOut: d - 4 })],
				index: new IndexIVFFlat({ d: d - 4, metric, nlist: 8 }),
			}),
	},
	{
		name: 'OPQ4,IVF8,PQ4',
		exact: false,
		hasCells: true,
		make: (d, metric) =>
			new IndexPreTransform({
				transforms: [new OPQTransform({ d, m: 4, niter: 4 })],
				index: new IndexIVFPQ({ d, metric, nlist: 8, m: 4 }),
			}),
	},
	{
		name: 'RR,PQ8x4fs',
		exact: false,
		hasCells: false,
		make: (d, metric) =>
			new IndexPreTransform({
				transforms: [new RandomRotation({ dIn: d })],
				index: new IndexPQFastScan({ d, metric, m: 8 }),
			}),
	},
	{
		name: 'OPQ4,IVF8,PQ4,RFlat',
		exact: false,
		hasCells: true,
		make: (d, metric) =>
			new IndexRefine({
				base: new IndexPreTransform({
					transforms: [new OPQTransform({ d, m: 4, dOut: d - 4, niter: 2 })],
					index: new IndexIVFPQ({ d: d - 4, metric, nlist: 8, m: 4 }),
				}),
			}),
	},
	{
		name: 'IDMap,IVF8,Flat',
		exact: true,
		hasCells: true,
		make: (d, metric) => new IndexIDMap({ index: new IndexIVFFlat({ d, metric, nlist: 8 }) }),
	},
];
