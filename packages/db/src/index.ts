/**
 * @vecino/db: collections of vectors and texts with metadata, on vecino's indexes and SQLite.
 */

export { cachedEmbedder, memoryEmbeddingStore } from './text/cache.ts';
export {
	type Embedder,
	type EmbeddingStore,
	type EmbedOptions,
	type EmbedProgress,
	type EmbedUsage,
	type FitOptions,
	type FitProgress,
	type FittedEmbedder,
	isFittedEmbedder,
} from './text/embedder.ts';
export { type FtsQueryOptions, ftsQuery } from './text/fts-query.ts';
export {
	type Fused,
	type Ranked,
	type ReciprocalRankOptions,
	reciprocalRank,
	type WeightedOptions,
	weighted,
} from './text/fuse.ts';
export { HEADLINES, type Headline } from './text/headlines.ts';
export { type OfflineEmbedderOptions, offlineEmbedder } from './text/offline/offline.ts';
export {
	type AiSdkEmbeddingModel,
	aiSdkEmbedder,
	type FeatureExtraction,
	type LangchainEmbeddings,
	langchainEmbedder,
	type PipelineEmbedderOptions,
	pipelineEmbedder,
} from './text/providers/adapters.ts';
export { type GeminiEmbedderOptions, geminiEmbedder } from './text/providers/gemini.ts';
export { type OllamaEmbedderOptions, ollamaEmbedder } from './text/providers/ollama.ts';
export { type OpenAIEmbedderOptions, openAIEmbedder } from './text/providers/openai.ts';
export type { EmbedPrefixes, RemoteOptions } from './text/remote.ts';
export type { Metadata } from './types.ts';
