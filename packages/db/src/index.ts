/**
 * @vecino/db: collections of vectors and texts with metadata, on vecino's indexes and SQLite.
 */

export { Collection, type OptimizeOptions } from './collection/collection.ts';
export type { ExportOptions, Imported, ImportOptions, ImportProgress } from './collection/exchange.ts';
export type { HybridOptions } from './collection/hybrid.ts';
export { type CollectionInfo, inspectCollection } from './collection/inspect.ts';
export { type CopyOptions, type CopyReport, type RestoreOptions, restore } from './collection/maintain-copy.ts';
export { type RepairOptions, type RepairReport, repair } from './collection/maintain-repair.ts';
export type {
	Checked,
	MaintainOptions,
	Problem,
	ProblemKind,
	VerifyOptions,
	VerifyReport,
} from './collection/maintain-report.ts';
export { type VerifyPathOptions, verify } from './collection/maintain-verify.ts';
export { open } from './collection/open.ts';
export type { OpenOptions } from './collection/options.ts';
export type { ListOptions, RangeQuery } from './collection/reading.ts';
export type { Include, Query } from './collection/search.ts';
export type { CollectionHealth, CollectionStats } from './collection/stats.ts';
export type { MetadataPatch, UpdateOptions, WhereOptions, WriteOptions } from './collection/writing.ts';
export type { EntryKeys, PlacedEntry, ReadEntriesOptions } from './exchange/entries.ts';
export {
	type EntriesInput,
	type OpenEntriesOptions,
	type OpenedEntries,
	openEntries,
	readEntries,
	type WriteRowsOptions,
	type WrittenRows,
	writeRows,
} from './exchange/files.ts';
export type { IdKind, WriteParquetOptions } from './exchange/parquet-write.ts';
export { type ExchangeFormat, type Sniffed, sniffExchange } from './exchange/sniff.ts';
export type { Originals } from './rows/encode.ts';
export {
	type BetterSqlite3,
	type BetterSqlite3Database,
	type BetterSqlite3Statement,
	betterSqlite3Driver,
} from './storage/better-sqlite3.ts';
export type { Database, Driver, OpenDatabaseOptions, SqlRow, SqlValue, Statement } from './storage/driver.ts';
export { nodeSqliteDriver } from './storage/node-sqlite.ts';
export {
	type SqliteWasm,
	type SqliteWasmDatabase,
	type SqliteWasmOptions,
	type SqliteWasmStatement,
	sqliteWasmDriver,
} from './storage/sqlite-wasm.ts';
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
export type { Entry, FieldSpec, FieldType, Hit, Id, Metadata, MetadataOf, Row, Schema } from './types.ts';
export { type CompiledWhere, compileWhere } from './where/compile.ts';
export type { Fields } from './where/fields.ts';
export { type CheckedMetadata, checkMetadata } from './where/schema.ts';
export type { Where, WhereValue } from './where/types.ts';
