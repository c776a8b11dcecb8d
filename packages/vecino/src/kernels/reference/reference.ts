/**
 * The kernels in plain scalar TypeScript: the specification of their arithmetic.
 *
 * Every operation on float32 is rounded with Math.fround, sums run in the stated order, and nothing
 * is fused, so the SIMD builds return the same bits. Written to be read; the tests run it against
 * the WebAssembly kernels on every shape. It is also the fallback where WebAssembly SIMD is missing.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { distanceKernels } from './distances.ts';
import { fastScanKernels } from './fast-scan.ts';
import { flatKernels } from './flat.ts';
import { halfKernels } from './half.ts';
import { hnswKernels } from './hnsw.ts';
import { listKernels } from './lists.ts';
import { matchKernels } from './matches.ts';
import { nearestKernels } from './nearest.ts';
import { pqKernels } from './pq.ts';
import { pqManyKernels } from './pq-many.ts';
import { rabitqKernels } from './rabitq.ts';
import { rabitqScanKernels } from './rabitq-scan.ts';
import { reducedKernels } from './reduced.ts';
import { refineKernels } from './refine.ts';
import { rerankKernels } from './rerank.ts';
import { rowKernels } from './rows.ts';
import { scalarKernels } from './scalar.ts';
import { scanKernels } from './scan.ts';
import { sq4Kernels } from './sq4.ts';
import { sq8Kernels } from './sq8.ts';
import { topkKernels } from './topk.ts';
import { transformKernels } from './transforms.ts';

export function referenceKernels(arena: Arena): KernelFunctions {
	return {
		...distanceKernels(arena),
		...topkKernels(arena),
		...nearestKernels(arena),
		...reducedKernels(arena),
		...rowKernels(arena),
		...pqKernels(arena),
		...pqManyKernels(arena),
		...sq8Kernels(arena),
		...scalarKernels(arena),
		...sq4Kernels(arena),
		...halfKernels(arena),
		...refineKernels(arena),
		...rerankKernels(arena),
		...fastScanKernels(arena),
		...rabitqKernels(arena),
		...rabitqScanKernels(arena),
		...scanKernels(arena),
		...hnswKernels(arena),
		...listKernels(arena),
		...matchKernels(arena),
		...flatKernels(arena),
		...transformKernels(arena),
	};
}
