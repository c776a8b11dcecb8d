/**
 * vecino: compressed, partitioned vector search for JavaScript.
 *
 * @module
 *
 * @example
 * import { IndexIVFPQ, VectorSet } from 'vecino';
 * using index = new IndexIVFPQ({ d: 128, nlist: 256, m: 16 });
 * index.train(vectors).add(vectors);
 * const hits = index.search(query, 10).hits();
 */

export { isVecinoError, VecinoError, type VecinoErrorCode, type VecinoErrorFields } from './errors.ts';
export {
	createEngine,
	createEngineSync,
	defaultEngine,
	type Engine,
	type EngineOptions,
	setDefaultEngine,
} from './kernels/engine.ts';
export type { KernelBackend } from './kernels/kernels.ts';
export type { AsyncRunOptions, Progress, RunOptions } from './util/steps.ts';
