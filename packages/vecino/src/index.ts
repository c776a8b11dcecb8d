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

export { type KMeansIteration, type KMeansOptions, type KMeansResult, kmeans, kmeansAsync } from './cluster/kmeans.ts';
export {
	cosineDistance,
	cosineSimilarity,
	euclideanDistance,
	innerProduct,
	isBetter,
	type Metric,
	negativeDot,
	normalize,
	squaredL2,
} from './core/metric.ts';
export type { HNSWSearchParams, IVFSearchParams, RefineSearchParams, SearchParams } from './core/options.ts';
export {
	emptySearchStats,
	type Hit,
	type IndexStats,
	type ListStats,
	mergeResults,
	SearchResult,
	type SearchStats,
} from './core/result.ts';
export { VectorSet, type Vectors } from './core/vectors.ts';
export { isVecinoError, VecinoError, type VecinoErrorCode, type VecinoErrorFields } from './errors.ts';
export type { BuildEstimateOptions } from './eval/build-plan.ts';
export { type BuildEstimate, estimateBuild } from './eval/estimate-build.ts';
export {
	type Interval,
	type LabelMatrix,
	meanInterval,
	oneRecallAtR,
	recallAtK,
	recallPerQuery,
} from './eval/recall.ts';
export { exactNeighbors, exactNeighborsOfParts, type TruthOptions } from './eval/truth.ts';
export { Index, type IndexOptions, type RetrainOptions, type TrainOptions } from './indexes/base.ts';
export {
	IndexIVFPQFastScan,
	type IndexIVFPQFastScanOptions,
	IndexPQFastScan,
	type IndexPQFastScanOptions,
} from './indexes/fast-scan.ts';
export { IndexFlat, type IndexFlatOptions } from './indexes/flat.ts';
export type { IndexHealth } from './indexes/health.ts';
export { IndexHNSW, type IndexHNSWOptions } from './indexes/hnsw.ts';
export { IndexIDMap, type IndexIDMapOptions } from './indexes/id-map.ts';
export { IndexIVF, type IndexIVFOptions } from './indexes/ivf.ts';
export { IndexIVFFlat } from './indexes/ivf-flat.ts';
export { IndexIVFPQ, type IndexIVFPQOptions } from './indexes/ivf-pq.ts';
export { IndexIVFScalarQuantizer, type IndexIVFScalarQuantizerOptions } from './indexes/ivf-scalar-quantizer.ts';
export { IndexPQ, type IndexPQOptions } from './indexes/pq.ts';
export { IndexPreTransform, type IndexPreTransformOptions } from './indexes/pre-transform.ts';
export {
	IndexIVFRaBitQ,
	type IndexIVFRaBitQOptions,
	IndexRaBitQ,
	type IndexRaBitQOptions,
} from './indexes/rabitq.ts';
export type { RebalanceOptions, RebalanceReport } from './indexes/rebalance.ts';
export { IndexRefine, type IndexRefineOptions, type RefineStore } from './indexes/refine.ts';
export { IndexScalarQuantizer, type IndexScalarQuantizerOptions } from './indexes/scalar-quantizer.ts';
export { IndexShards, type IndexShardsOptions } from './indexes/shards.ts';
export { encodeNpy } from './io/npy.ts';
export {
	type IndexFileInfo,
	inspectIndex,
	type OpenIndexOptions,
	openIndex,
	type ReadIndexOptions,
	readIndex,
} from './io/read-index.ts';
export { bytesSource, type RangeSource } from './io/source.ts';
export { encodeBvecs, encodeFvecs, encodeIvecs } from './io/texmex.ts';
export {
	openVectorSource,
	type VectorDtype,
	type VectorFile,
	type VectorFileInfo,
	type VectorFormat,
} from './io/vectors.ts';
export { indexChunks, writeIndex } from './io/write-index.ts';
export {
	createEngine,
	createEngineSync,
	defaultEngine,
	type Engine,
	type EngineOptions,
	setDefaultEngine,
	type ThreadedEngineOptions,
} from './kernels/engine.ts';
export type { KernelBackend } from './kernels/kernels.ts';
export { workerProgram } from './kernels/pool/thread.ts';
export { ProductQuantizer, type ProductQuantizerOptions } from './quantizers/product.ts';
export type { ScalarType } from './quantizers/scalar-types.ts';
export { LinearTransform, type LinearTransformOptions } from './transforms/linear.ts';
export { NormalizeTransform, type NormalizeTransformOptions } from './transforms/normalize.ts';
export { OPQTransform, type OPQTransformOptions } from './transforms/opq.ts';
export { PCATransform, type PCATransformOptions } from './transforms/pca.ts';
export { RandomRotation, type RandomRotationOptions } from './transforms/rotation.ts';
export { Transform, type TransformTrainOptions } from './transforms/transform.ts';
export type { AsyncRunOptions, Progress, RunOptions } from './util/steps.ts';
