/**
 * vecino: compressed, partitioned vector search for JavaScript.
 *
 * @module
 *
 * @example
 * import { IndexIVFPQ, VectorSet } from 'vecino';
 * const data = new VectorSet(Float32Array.from({ length: 2000 * 32 }, (_, i) => (i * i) % 101), 32);
 * using index = new IndexIVFPQ({ d: 32, nlist: 16, m: 8 });
 * index.train(data).add(data);
 * console.log(index.search(data.row(7), 10, { nprobe: 4 }).hits().length); // 10
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
export type {
	HNSWSearchParams,
	IVFSearchParams,
	PageParams,
	RangeParams,
	RefineSearchParams,
	SearchParams,
} from './core/options.ts';
export type { RecallSetting, RecallTable } from './core/recall-table.ts';
export {
	emptySearchStats,
	type Hit,
	type IndexStats,
	type ListStats,
	mergeResults,
	RangeResult,
	SearchResult,
	type SearchStats,
} from './core/result.ts';
export {
	type Filter,
	IDSelector,
	IDSelectorAnd,
	IDSelectorBatch,
	IDSelectorBitmap,
	IDSelectorNot,
	IDSelectorOr,
	IDSelectorRange,
} from './core/selector.ts';
export { VectorSet, type Vectors } from './core/vectors.ts';
export { isVecinoError, VecinoError, type VecinoErrorCode, type VecinoErrorFields } from './errors.ts';
export type { BuildEstimateOptions } from './eval/build-plan.ts';
export { type BuildEstimate, estimateBuild } from './eval/estimate-build.ts';
export { type EstimateSpecOptions, estimateSpec, type SpecEstimate } from './eval/estimate-spec.ts';
export type { VectorLookup } from './eval/exact.ts';
export { type ExplainOptions, explain, explainMissed } from './eval/explain.ts';
export type { Explanation, Fix, Verdict } from './eval/explanation.ts';
export { type MeasureRecallAsyncOptions, measureRecall, measureRecallAsync } from './eval/live-recall.ts';
export {
	type Interval,
	type LabelMatrix,
	meanInterval,
	oneRecallAtR,
	recallAtK,
	recallPerQuery,
	wilsonInterval,
} from './eval/recall.ts';
export type { MeasureRecallOptions } from './eval/recall-plan.ts';
export type { Losses, RecallReport, Suggestion } from './eval/recall-report.ts';
export { measureRecallTable, type RecallTableOptions } from './eval/recall-table.ts';
export { exactNeighbors, exactNeighborsOfParts, type TruthOptions } from './eval/truth.ts';
export { tune, tuneAsync } from './eval/tune.ts';
export { estimateTune, type TuneForecast, type TuneOptions } from './eval/tune-plan.ts';
export type { ChosenSetting, TuneCandidate, TunedParams, TuneReport, TuneRow } from './eval/tune-report.ts';
export type { Tuned } from './eval/tune-run.ts';
export { type IndexFactoryOptions, indexFactory } from './factory/build.ts';
export { type ChooseIndexOptions, chooseIndex, type IndexChoice } from './factory/choose.ts';
export { parseSpec } from './factory/parse.ts';
export { type IndexSpec, printSpec, type TransformSpec } from './factory/spec.ts';
export { specOf } from './factory/spec-of.ts';
export { Index, type IndexOptions, type RetrainOptions, type TrainOptions } from './indexes/base.ts';
export {
	IndexIVFPQFastScan,
	type IndexIVFPQFastScanOptions,
	IndexPQFastScan,
	type IndexPQFastScanOptions,
} from './indexes/fast-scan.ts';
export { PreparedFilter } from './indexes/filter.ts';
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
export { IndexRefine, type IndexRefineOptions } from './indexes/refine.ts';
export type { RefineStore } from './indexes/refine-store.ts';
export { IndexScalarQuantizer, type IndexScalarQuantizerOptions } from './indexes/scalar-quantizer.ts';
export { IndexShards, type IndexShardsOptions } from './indexes/shards.ts';
export { faissKind } from './io/faiss/kinds.ts';
export {
	type OpenFaissOptions,
	openFaissIndex,
	type ReadFaissOptions,
	readFaissIndex,
} from './io/faiss/read.ts';
export { faissIndexChunks, writeFaissIndex } from './io/faiss/write.ts';
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
export type { Labels } from './util/labels.ts';
export type { AsyncRunOptions, Progress, RunOptions } from './util/steps.ts';
