/**
 * An embedder that needs no model and no network: what stands in a text as hashed runs of characters, weighted by how
 * rare they are in the collection, beside what it is about by latent semantic analysis of the collection's own words.
 *
 * It finds topical neighbours and misspelt, inflected or abbreviated words; it knows no language, so it finds neither
 * paraphrases without common words nor translations. Same texts, same seed, same bytes, on every runtime.
 *
 * Vector: (d - K) dimensions of hashed runs, K = d / 4 of meaning (fewer for fewer than d texts, none before the first
 * fit); each part of unit length, joined so that a product of two vectors is 0.7 of the first and 0.3 of the second. Where
 * words have no known meaning (misspelt ones), the second counts less, by their share (measured: bench/text).
 */
import { VecinoError } from 'vecino';
import { checkInt, checkKeys, checkTexts } from '../../check.ts';
import type { EmbedOptions, EmbedUsage, FitOptions, FittedEmbedder } from '../embedder.ts';
import { fitState, MAX_CHARACTERS } from './fit.ts';
import { gramsOf } from './grams.ts';
import { unitLength } from './numbers.ts';
import { Pace } from './pace.ts';
import {
	decodeState,
	encodeState,
	GRAM_BUCKETS,
	inverseFrequency,
	MAX_DIMENSION,
	MIN_DIMENSION,
	type OfflineState,
	unfitted,
	WEIGHT_STEPS,
} from './state.ts';
import { units, wordsOf } from './words.ts';

/** Options of `offlineEmbedder`. */
export interface OfflineEmbedderOptions {
	/** Dimension of the vectors, 16..4096, a multiple of 4. Default: 512, or that of the state that is loaded. */
	readonly dimension?: number | undefined;
	/** Seed of all that is drawn. Default: 1234, or that of the state that is loaded. */
	readonly seed?: number | undefined;
	/** Most words that meaning is learnt for, 0..1,000,000. Default: 30,000. */
	readonly vocabulary?: number | undefined;
	/** Most texts that meaning is learnt from, 32..1,000,000. Default: 20,000; more take longer. */
	readonly sample?: number | undefined;
}

/** How much meaning counts in a product of two vectors; the rest is spelling. */
const MEANING = 0.3;
const DIMENSION = 512;
const SEED = 1234;

/**
 * An embedder without a model: hashed runs of characters, weighted by their rarity in the texts that it was fitted on,
 * beside latent semantic analysis of their words. Without a fit, plain hashing.
 *
 * @example
 * const embedder = offlineEmbedder({ dimension: 256 });
 * await embedder.fit(HEADLINES.map(({ headline }) => headline));
 * const [a, b, c] = await embedder.embed(['marathon winner', 'winner of the marathn', 'interest rates']);
 * console.log(innerProduct(a!, b!) > 2 * innerProduct(a!, c!)); // true
 */
export function offlineEmbedder(options: OfflineEmbedderOptions = {}): FittedEmbedder {
	return new OfflineEmbedder(options);
}

class OfflineEmbedder implements FittedEmbedder {
	readonly model = 'offline/ngram-lsa';
	readonly #options: OfflineEmbedderOptions;
	#state: OfflineState;
	#direction: Directions;
	#texts = 0;

	constructor(options: OfflineEmbedderOptions) {
		const where = 'offlineEmbedder';
		checkKeys(where, options, ['dimension', 'seed', 'vocabulary', 'sample']);
		const dimension = checkInt(where, 'dimension', options.dimension ?? DIMENSION, MIN_DIMENSION, MAX_DIMENSION);
		if (dimension % 4 !== 0) throw new RangeError(`${where}: dimension must be a multiple of 4, got ${dimension}`);
		const seed = checkInt(where, 'seed', options.seed ?? SEED, 0, 0xffffffff);
		checkInt(where, 'vocabulary', options.vocabulary ?? 0, 0, 1_000_000);
		checkInt(where, 'sample', options.sample ?? 32, 32, 1_000_000);
		this.#options = options;
		this.#state = unfitted(dimension, seed);
		this.#direction = new Directions(this.#state);
	}

	get dimension(): number {
		return this.#state.dimension;
	}

	get version(): number {
		return this.#state.version;
	}

	get usage(): EmbedUsage {
		return { texts: this.#texts, requests: 0, tokens: 0, cost: 0, cached: 0, retries: 0 };
	}

	async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
		checkTexts('offlineEmbedder.embed', texts);
		const { onProgress, signal } = options;
		const pace = new Pace({ signal });
		// A fit that ends meanwhile changes neither.
		const state = this.#state;
		const directions = this.#direction;
		const vectors: Float32Array[] = [];
		for (const text of texts) {
			if (pace.due()) {
				onProgress?.({ done: vectors.length, total: texts.length });
				await pace.rest('embed', vectors.length, texts.length);
			}
			vectors.push(embedOne(text, state, directions));
		}
		this.#texts += texts.length;
		if (texts.length > 0) {
			onProgress?.({ done: texts.length, total: texts.length });
			await options.onVectors?.(0, vectors);
		}
		return vectors;
	}

	async fit(texts: Iterable<string> | AsyncIterable<string>, options: FitOptions = {}): Promise<void> {
		const { vocabulary = 30_000, sample = 20_000 } = this.#options;
		const state = await fitState(texts, this.#state, { vocabulary, sample }, options);
		this.#become(state);
	}

	clone(): FittedEmbedder {
		const copy = new OfflineEmbedder(this.#options);
		copy.#become(this.#state);
		return copy;
	}

	save(): Uint8Array {
		return encodeState(this.#state);
	}

	load(bytes: Uint8Array): void {
		const state = decodeState(bytes);
		for (const name of ['dimension', 'seed'] as const) {
			const wanted = this.#options[name];
			if (wanted === undefined || wanted === state[name]) continue;
			const code = name === 'dimension' ? 'dimension-mismatch' : 'not-alike';
			const message = `offlineEmbedder.load: the state has ${name} ${state[name]}, the embedder was made with ${wanted}; leave the option out to take over the state's`;
			throw new VecinoError(code, message, { expected: wanted, found: state[name] });
		}
		this.#become(state);
	}

	#become(state: OfflineState): void {
		this.#state = state;
		this.#direction = new Directions(state);
	}
}

/** Finds the weighted directions of words. */
class Directions {
	readonly #rows: ReadonlyMap<string, number>;
	readonly #state: OfflineState;
	/** Weight of each word: its inverse document frequency over the length of its row. */
	readonly #weights: Float64Array;

	constructor(state: OfflineState) {
		const { words, counts, directions, documents, K } = state;
		this.#state = state;
		this.#rows = new Map(words.map((word, row) => [word, row]));
		this.#weights = Float64Array.from(counts, (count, row) => {
			let sum = 0;
			for (let i = row * K; i < (row + 1) * K; i++) sum += directions[i]! * directions[i]!;
			return sum === 0 ? 0 : inverseFrequency(count, documents) / Math.sqrt(sum);
		});
	}

	/** out += weight * direction of the word, K numbers; nothing for a word that has none. Returns how much the word says. */
	add(word: string, weight: number, out: Float64Array): number {
		const row = this.#rows.get(word);
		if (row === undefined) return 0;
		const { directions, K } = this.#state;
		const factor = weight * this.#weights[row]!;
		const start = row * K;
		for (let i = 0; i < K; i++) out[i] = out[i]! + factor * directions[start + i]!;
		return weight * inverseFrequency(this.#state.counts[row]!, this.#state.documents);
	}
}

function embedOne(text: string, state: OfflineState, directions: Directions): Float32Array {
	const words = wordsOf(text.slice(0, MAX_CHARACTERS));
	const spelling = spellingOf(words, state);
	const meaning = new Float64Array(state.K);
	const share = state.K > 0 ? MEANING * addMeaning(words, state, directions, meaning) : 0;
	const a = Math.sqrt(1 - share);
	const b = Math.sqrt(share);
	const out = new Float32Array(state.dimension);
	for (let i = 0; i < spelling.length; i++) out[i] = a * spelling[i]!;
	for (let i = 0; i < meaning.length; i++) out[spelling.length + i] = b * meaning[i]!;
	return out;
}

/** Sets `meaning`, to unit length; the share of what the words say that comes from words with a meaning, 0..1. */
function addMeaning(
	words: readonly string[],
	{ documents }: OfflineState,
	directions: Directions,
	meaning: Float64Array,
): number {
	const strange = inverseFrequency(1, documents);
	let known = 0;
	let all = 0;
	for (const [unit, count] of tally(units(words))) {
		const often = Math.sqrt(count);
		const says = directions.add(unit, often, meaning);
		known += says;
		all += says === 0 ? often * strange : says;
	}
	return unitLength(meaning) > 0 ? known / all : 0;
}

/** Every run of characters adds its weight, with a sign, to one of the first d - K dimensions (feature hashing; Weinberger et al., 2009). */
function spellingOf(words: readonly string[], state: OfflineState): Float64Array {
	const size = state.dimension - state.K;
	const out = new Float64Array(size);
	for (const [word, count] of tally(words)) {
		const often = Math.sqrt(count);
		for (const hash of gramsOf(word)) {
			const weight = state.version === 0 ? 1 : state.weights[hash & (GRAM_BUCKETS - 1)]! / WEIGHT_STEPS;
			const at = Math.floor(((hash >>> 16) * size) / 65536);
			out[at] = out[at]! + (hash & 0x8000 ? often : -often) * weight;
		}
	}
	unitLength(out);
	return out;
}

/** How often each word occurs, in order of first occurrence. */
function tally(words: readonly string[]): Map<string, number> {
	const counts = new Map<string, number>();
	for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
	return counts;
}
