/**
 * @vecino/db: collections of vectors and texts with metadata, on vecino's indexes and SQLite.
 */

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
export { type OfflineEmbedderOptions, offlineEmbedder } from './text/offline/offline.ts';
export type { Metadata } from './types.ts';
