/** Ollama's embeddings: POST {baseUrl}/api/embed. */
import type { Embedder } from '../embedder.ts';
import { bearer, checkRemote, joinUrl, type RemoteOptions, remoteEmbedder } from '../remote.ts';

/** Options of `ollamaEmbedder`. */
export interface OllamaEmbedderOptions extends RemoteOptions {
	/** Name of the model: 'nomic-embed-text'. */
	readonly model: string;
	/** Address of the server. Default: 'http://localhost:11434'. */
	readonly baseUrl?: string | undefined;
	/** Key, for a server behind a proxy that wants one. */
	readonly apiKey?: string | undefined;
	/** Dimension to ask for, of models that can shorten their vectors. */
	readonly dimensions?: number | undefined;
}

interface OllamaAnswer {
	readonly embeddings: readonly (readonly number[])[];
	readonly prompt_eval_count?: number;
}

/**
 * An embedder of a local Ollama server.
 *
 * @example
 * const prefixes = { query: 'search_query: ', document: 'search_document: ' };
 * const embedder = ollamaEmbedder({ model: 'nomic-embed-text', prefixes });
 * console.log(embedder.model, embedder.distinguishesKinds); // ollama/nomic-embed-text true
 */
export function ollamaEmbedder(options: OllamaEmbedderOptions): Embedder {
	const where = 'ollamaEmbedder';
	checkRemote(where, options, ['apiKey']);
	const { model, apiKey, baseUrl = 'http://localhost:11434', dimensions } = options;
	const protocol = {
		where,
		provider: 'Ollama',
		model: `ollama/${model}`,
		dimensions,
		url: joinUrl(where, baseUrl, '/api/embed'),
		headers: bearer(where, apiKey),
		secrets: apiKey === undefined ? [] : [apiKey],
		batchSize: 32,
		body: (input: readonly string[]) => ({ model, input, ...(dimensions === undefined ? {} : { dimensions }) }),
		read: (answer: unknown) => {
			const { embeddings, prompt_eval_count: tokens = 0 } = answer as OllamaAnswer;
			if (!Array.isArray(embeddings)) throw new Error('it has no array `embeddings`');
			return { vectors: embeddings, tokens };
		},
	};
	// One local model: more at a time only queue up.
	return remoteEmbedder(protocol, { ...options, maxConcurrent: options.maxConcurrent ?? 2 });
}
