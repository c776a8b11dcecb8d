/**
 * What turns texts into vectors: the interface that every provider, the cache and the offline embedder fulfil, and that
 * a collection asks for.
 *
 * Contract of `embed`: one vector per text, in order, all of one dimension, finite. An embedder does not change the
 * text. It throws VecinoError 'embedder' when the model cannot answer, 'aborted' when the signal fired.
 */

/** Options of `embed`. */
export interface EmbedOptions {
	/** Whether the texts are searched with or searched for; models that know no difference ignore it. Default: 'document'. */
	readonly kind?: 'query' | 'document' | undefined;
	/** Stops waiting and asking; a VecinoError with code 'aborted' is thrown. */
	readonly signal?: AbortSignal | undefined;
	/** Called as texts are embedded. */
	readonly onProgress?: ((progress: EmbedProgress) => void) | undefined;
	/**
	 * Called with each piece as soon as it is there, before the whole is: `vectors` are those of the texts from row `start`
	 * on. Pieces may come in any order. What it returns is waited for. An embedder may ignore it.
	 */
	readonly onVectors?: ((start: number, vectors: readonly Float32Array[]) => void | Promise<void>) | undefined;
}

/** How many texts of a call are embedded. */
export interface EmbedProgress {
	/** Texts embedded. */
	readonly done: number;
	/** Texts given. */
	readonly total: number;
}

/** What an embedder has done since it was made. */
export interface EmbedUsage {
	/** Texts that the model embedded. */
	readonly texts: number;
	/** Requests sent, repeated ones included. */
	readonly requests: number;
	/** Tokens as the server counts them; 0 where it does not say. */
	readonly tokens: number;
	/** Price of the tokens in US dollars; undefined where no price was given. */
	readonly cost: number | undefined;
	/** Texts that needed no model, because a cache had their vectors. */
	readonly cached: number;
	/** Requests that were sent again after a failure. */
	readonly retries: number;
}

/**
 * Turns texts into vectors. Write your own with a name and one function:
 *
 * @example
 * const lengths: Embedder = {
 *   model: 'mine/lengths',
 *   dimension: 2,
 *   embed: async (texts) => texts.map((text) => Float32Array.of(text.length, text.split(' ').length)),
 * };
 * console.log((await lengths.embed(['two words']))[0]); // Float32Array(2) [ 9, 2 ]
 */
export interface Embedder {
	/** Name of the model, recorded in a collection and compared when it is opened: 'openai/text-embedding-3-small'. */
	readonly model: string;
	/** Dimension of the vectors, or undefined until the first text was embedded. */
	readonly dimension: number | undefined;
	/** True where a query and a document of the same words get different vectors. Default: false. */
	readonly distinguishesKinds?: boolean | undefined;
	/** Under what name a cache keeps the vectors: the model, and whatever else changes them. Default: `model`. */
	readonly cacheKey?: string | undefined;
	/** Vectors of the texts, in order. */
	embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]>;
	/** What it has done so far. */
	readonly usage?: EmbedUsage | undefined;
}

/** Options of `fit`. */
export interface FitOptions {
	/** Stops the work at the next slice; a VecinoError with code 'aborted' is thrown and the old state stays. */
	readonly signal?: AbortSignal | undefined;
	/** Called as the work goes on; `total` is 0 while it is not known. */
	readonly onProgress?: ((progress: FitProgress) => void) | undefined;
	/** Longest time in milliseconds between two turns of the event loop. Default: 8. */
	readonly sliceMs?: number | undefined;
}

/** How far a fit has come. */
export interface FitProgress {
	/** What is being done: 'read', 'count', 'decompose'. */
	readonly phase: string;
	/** How much is done, in the units of `total`. */
	readonly done: number;
	/** How much there is to do; 0 when it is not known. */
	readonly total: number;
}

/**
 * An embedder that learns from the collection's texts. Vectors of different versions are not comparable: after `fit`,
 * all texts are embedded again. Its state is kept in the collection.
 */
export interface FittedEmbedder extends Embedder {
	/** 0 before the first fit, one more with each; part of the saved state. */
	readonly version: number;
	/** Learns from texts, in slices that leave the event loop free. */
	fit(texts: Iterable<string> | AsyncIterable<string>, options?: FitOptions): Promise<void>;
	/** Another one with the same options and the same state, which goes its own way from then on. */
	clone(): FittedEmbedder;
	/** All that was learnt. */
	save(): Uint8Array;
	/** Takes over what `save` gave. Throws VecinoError 'corrupt-data' or 'unsupported-version' and keeps the old state. */
	load(state: Uint8Array): void;
}

/**
 * Whether an embedder learns from the collection's texts.
 *
 * @example
 * console.log(isFittedEmbedder(offlineEmbedder())); // true
 */
export function isFittedEmbedder(embedder: Embedder): embedder is FittedEmbedder {
	const { fit, save, load } = embedder as Partial<FittedEmbedder>;
	return typeof fit === 'function' && typeof save === 'function' && typeof load === 'function';
}

/**
 * Where a cache keeps vectors: a table of (space, hash) -> vector. Both functions may answer at once or with a promise.
 * A store does not look into the vectors; the same (space, hash) always comes with the same vector.
 */
export interface EmbeddingStore {
	/** Vectors of the hashes, in order; undefined for those that it has not. `space` names model, dimension and kind. */
	getMany(
		space: string,
		hashes: readonly string[],
	): readonly (Float32Array | undefined)[] | Promise<readonly (Float32Array | undefined)[]>;
	/** Keeps vectors: `vectors[i]` is that of `hashes[i]` (64 hexadecimal digits). What is kept when it returns is safe. */
	putMany(space: string, hashes: readonly string[], vectors: readonly Float32Array[]): void | Promise<void>;
}
