/**
 * Embedders around what another library made: a transformers.js pipeline, a model of the Vercel AI SDK, embeddings of
 * LangChain. They are recognised by their functions, so that none of those libraries is a dependency.
 */
import { VecinoError } from 'vecino';
import { checkInt, checkKeys, checkText, show } from '../../check.ts';
import { type BatchPlan, embedInBatches, Usage } from '../batches.ts';
import type { Embedder, EmbedOptions, EmbedUsage } from '../embedder.ts';
import { cacheKeyOf, type EmbedPrefixes } from '../remote.ts';
import { checkAborted, sleep } from '../wait.ts';

/** A feature-extraction pipeline of transformers.js. */
export type FeatureExtraction = (
	texts: string[],
	options: { pooling: 'mean' | 'cls'; normalize: boolean },
) => Promise<{
	/** All vectors, one after another. */
	readonly data: ArrayLike<number>;
	/** Number of vectors and dimension. */
	readonly dims: readonly number[];
}>;

/** Options of `pipelineEmbedder`. */
export interface PipelineEmbedderOptions {
	/** `Embedder.model`: 'Xenova/all-MiniLM-L6-v2'. */
	readonly model: string;
	/** Texts at a time, 1..2048. Default: 16. */
	readonly batchSize?: number | undefined;
	/** How the vectors of a text's tokens become one. Default: 'mean'. */
	readonly pooling?: 'mean' | 'cls' | undefined;
	/** Whether vectors get unit length. Default: true. */
	readonly normalize?: boolean | undefined;
	/** Put before every text. Default: nothing. */
	readonly prefixes?: EmbedPrefixes | undefined;
}

/**
 * An embedder that runs a model here, through a feature-extraction pipeline of transformers.js.
 *
 * @example
 * // const pipeline = await transformers.pipeline('feature-extraction', 'Xenova/all-MiniLM-L6-v2');
 * const pipeline = async (texts: string[]) => ({ data: texts.flatMap((text) => [1, text.length]), dims: [texts.length, 2] });
 * const embedder = pipelineEmbedder(pipeline, { model: 'Xenova/all-MiniLM-L6-v2' });
 * console.log(await embedder.embed(['four'])); // [ Float32Array(2) [ 1, 4 ] ]
 */
export function pipelineEmbedder(pipeline: FeatureExtraction, options: PipelineEmbedderOptions): Embedder {
	const where = 'pipelineEmbedder';
	if (typeof pipeline !== 'function')
		throw new TypeError(`${where}: pipeline must be a function, got ${show(pipeline)}`);
	checkKeys(where, options, ['model', 'batchSize', 'pooling', 'normalize', 'prefixes']);
	const { model, batchSize = 16, pooling = 'mean', normalize = true, prefixes = {} } = options;
	checkText(where, 'model', model);
	checkInt(where, 'batchSize', batchSize, 1, 2048);
	return new LocalEmbedder({
		model,
		cacheKey: `${cacheKeyOf(model, undefined, prefixes)};${pooling}${normalize ? '' : ';raw'}`,
		kinds: (prefixes.query ?? '') !== (prefixes.document ?? ''),
		batchSize: async () => batchSize,
		maxConcurrent: async () => 1,
		run: async (texts, { kind = 'document' }) => {
			const prefix = prefixes[kind] ?? '';
			const { data, dims } = await pipeline(
				texts.map((text) => prefix + text),
				{ pooling, normalize },
			);
			const d = dims[dims.length - 1]!;
			if (dims.length !== 2 || dims[0] !== texts.length || data.length !== texts.length * d) {
				throw new Error(`the pipeline gave a tensor of [${dims.join(', ')}] for ${texts.length} texts`);
			}
			return { vectors: texts.map((_, i) => Float32Array.from({ length: d }, (_, j) => data[i * d + j]!)), tokens: 0 };
		},
	});
}

/** An embedding model of the Vercel AI SDK (specification v2, v3 or v4): `openai.embeddingModel('...')`. */
export interface AiSdkEmbeddingModel {
	/** 'openai.embedding'. */
	readonly provider: string;
	/** 'text-embedding-3-small'. */
	readonly modelId: string;
	/** Most texts in one call. */
	readonly maxEmbeddingsPerCall?: number | undefined | PromiseLike<number | undefined>;
	/** Whether calls may overlap. */
	readonly supportsParallelCalls?: boolean | PromiseLike<boolean>;
	/** One call. */
	doEmbed(options: { values: string[]; abortSignal?: AbortSignal }): PromiseLike<{
		/** One vector per text. */
		readonly embeddings: readonly (readonly number[])[];
		/** What the call cost. */
		readonly usage?: { readonly tokens: number } | undefined;
	}>;
}

/**
 * An embedder around an embedding model of the Vercel AI SDK.
 *
 * @example
 * const model = { provider: 'mock', modelId: 'two', doEmbed: async ({ values }: { values: string[] }) => ({ embeddings: values.map(() => [3, 4]) }) };
 * console.log(aiSdkEmbedder(model).model); // mock/two
 */
export function aiSdkEmbedder(model: AiSdkEmbeddingModel): Embedder {
	if (typeof model?.doEmbed !== 'function') {
		throw new TypeError(
			`aiSdkEmbedder: model must be an embedding model of the AI SDK with doEmbed, got ${show(model)}`,
		);
	}
	const name = `${model.provider}/${model.modelId}`;
	return new LocalEmbedder({
		model: name,
		cacheKey: name,
		kinds: false,
		batchSize: async () => Math.max(1, Math.min(128, (await model.maxEmbeddingsPerCall) ?? 128)),
		maxConcurrent: async () => ((await model.supportsParallelCalls) === true ? 4 : 1),
		run: async (texts, { signal }) => {
			const { embeddings, usage } = await model.doEmbed({
				values: [...texts],
				...(signal === undefined ? {} : { abortSignal: signal }),
			});
			return { vectors: embeddings, tokens: usage?.tokens ?? 0 };
		},
	});
}

/** Embeddings of LangChain.js. */
export interface LangchainEmbeddings {
	/** Vectors of texts that are searched for. */
	embedDocuments(texts: string[]): Promise<number[][]>;
	/** Vector of a text that is searched with. */
	embedQuery(text: string): Promise<number[]>;
}

/**
 * An embedder around the embeddings of LangChain.js, which batch and try again by themselves.
 *
 * @example
 * const embeddings = { embedDocuments: async (texts: string[]) => texts.map(() => [0, 1]), embedQuery: async () => [1, 0] };
 * const embedder = langchainEmbedder(embeddings, { model: 'mine' });
 * console.log(await embedder.embed(['a question'], { kind: 'query' })); // [ Float32Array(2) [ 1, 0 ] ]
 */
export function langchainEmbedder(embeddings: LangchainEmbeddings, options: { readonly model: string }): Embedder {
	const where = 'langchainEmbedder';
	if (typeof embeddings?.embedDocuments !== 'function' || typeof embeddings.embedQuery !== 'function') {
		throw new TypeError(`${where}: embeddings must have embedDocuments and embedQuery, got ${show(embeddings)}`);
	}
	checkKeys(where, options, ['model']);
	const model = checkText(where, 'model', options?.model);
	return new LocalEmbedder({
		model,
		cacheKey: model,
		kinds: true,
		batchSize: async () => 512,
		maxConcurrent: async () => 1,
		run: async (texts, { kind }) => {
			const vectors =
				kind === 'query'
					? await Promise.all(texts.map((text) => embeddings.embedQuery(text)))
					: await embeddings.embedDocuments([...texts]);
			return { vectors, tokens: 0 };
		},
	});
}

interface LocalPlan {
	readonly model: string;
	readonly cacheKey: string;
	readonly kinds: boolean;
	readonly batchSize: () => Promise<number>;
	readonly maxConcurrent: () => Promise<number>;
	readonly run: (
		texts: readonly string[],
		options: EmbedOptions,
	) => Promise<{ readonly vectors: readonly ArrayLike<number>[]; readonly tokens: number }>;
}

/** Tries of a call that its library calls worth repeating. */
const TRIES = 4;

class LocalEmbedder implements Embedder {
	readonly model: string;
	readonly cacheKey: string;
	readonly distinguishesKinds: boolean;
	readonly #plan: LocalPlan;
	readonly #usage = new Usage();
	#dimension: number | undefined;

	constructor(plan: LocalPlan) {
		this.model = plan.model;
		this.cacheKey = plan.cacheKey;
		this.distinguishesKinds = plan.kinds;
		this.#plan = plan;
	}

	get dimension(): number | undefined {
		return this.#dimension;
	}

	get usage(): EmbedUsage {
		return this.#usage.now();
	}

	async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
		const plan: BatchPlan = {
			provider: this.model,
			batchSize: await this.#plan.batchSize(),
			maxConcurrent: await this.#plan.maxConcurrent(),
			dimension: () => this.#dimension,
			run: (batch) => this.#run(batch, options),
		};
		const vectors = await embedInBatches(plan, texts, options);
		this.#dimension ??= vectors[0]?.length;
		return vectors;
	}

	async #run(texts: readonly string[], options: EmbedOptions): Promise<readonly ArrayLike<number>[]> {
		for (let attempt = 1; ; attempt++) {
			this.#usage.requests++;
			try {
				const { vectors, tokens } = await this.#plan.run(texts, options);
				this.#usage.texts += texts.length;
				this.#usage.tokens += tokens;
				return vectors;
			} catch (error) {
				checkAborted(options.signal);
				// The AI SDK marks its errors so.
				if (attempt === TRIES || (error as { isRetryable?: unknown } | null)?.isRetryable !== true) {
					throw new VecinoError('embedder', `${this.model}: ${(error as Error | null)?.message ?? error}`);
				}
				this.#usage.retries++;
				await sleep(500 * 2 ** (attempt - 1) * (0.5 + 0.5 * Math.random()), options.signal);
			}
		}
	}
}
