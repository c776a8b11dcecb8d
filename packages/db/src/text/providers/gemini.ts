/**
 * Google's Gemini embeddings: POST {baseUrl}/models/{model}:batchEmbedContents. The key goes in a header, not in the
 * address, where logs would show it.
 */
import type { Embedder } from '../embedder.ts';
import { bearer, checkRemote, joinUrl, type RemoteOptions, remoteEmbedder } from '../remote.ts';

/** Options of `geminiEmbedder`. */
export interface GeminiEmbedderOptions extends RemoteOptions {
	/** Name of the model: 'gemini-embedding-001'. */
	readonly model: string;
	/** Key, sent as `x-goog-api-key`. */
	readonly apiKey?: string | undefined;
	/** Address up to `/models`. Default: 'https://generativelanguage.googleapis.com/v1beta'. */
	readonly baseUrl?: string | undefined;
	/** Dimension to ask for; vectors shorter than the model's own are not of unit length: use the metric 'cosine'. */
	readonly dimensions?: number | undefined;
}

interface GeminiAnswer {
	readonly embeddings: readonly { readonly values: readonly number[] }[];
}

/**
 * An embedder of Google's Gemini models. Queries and documents are told apart by `taskType`.
 *
 * @example
 * const embedder = geminiEmbedder({ model: 'gemini-embedding-001', apiKey: 'key', dimensions: 768 });
 * console.log(embedder.dimension); // 768
 */
export function geminiEmbedder(options: GeminiEmbedderOptions): Embedder {
	const where = 'geminiEmbedder';
	checkRemote(where, options, ['apiKey']);
	const { apiKey, dimensions } = options;
	const model = options.model.replace(/^models\//, '');
	const baseUrl = options.baseUrl ?? 'https://generativelanguage.googleapis.com/v1beta';
	bearer(where, apiKey);
	const protocol = {
		where,
		provider: 'Gemini',
		model: `google/${model}`,
		dimensions,
		kinds: true,
		url: joinUrl(where, baseUrl, `/models/${encodeURIComponent(model)}:batchEmbedContents`),
		headers: apiKey === undefined ? {} : { 'x-goog-api-key': apiKey },
		secrets: apiKey === undefined ? [] : [apiKey],
		batchSize: 100,
		body: (texts: readonly string[], kind: 'query' | 'document') => ({
			requests: texts.map((text) => ({
				model: `models/${model}`,
				content: { parts: [{ text }] },
				taskType: kind === 'query' ? 'RETRIEVAL_QUERY' : 'RETRIEVAL_DOCUMENT',
				...(dimensions === undefined ? {} : { outputDimensionality: dimensions }),
			})),
		}),
		read: (answer: unknown) => {
			const { embeddings } = answer as GeminiAnswer;
			if (!Array.isArray(embeddings)) throw new Error('it has no array `embeddings`');
			return { vectors: (embeddings as GeminiAnswer['embeddings']).map(({ values }) => values), tokens: 0 };
		},
	};
	return remoteEmbedder(protocol, options);
}
