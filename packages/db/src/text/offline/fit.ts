/**
 * Learning from texts: one pass counts in how many texts each word and each run of characters occurs, and keeps a sample
 * of the texts as word counts; the sample gives the words their directions (lsa.ts).
 *
 * Memory is bounded however many texts come: the rarest words are forgotten when there are too many, and the sample is
 * a reservoir (Vitter, 1985) drawn with the seed.
 */
import type { FitOptions } from '../embedder.ts';
import { gramsOf } from './grams.ts';
import { type SparseRows, strongestDirections } from './lsa.ts';
import { splitmix32, unitLength } from './numbers.ts';
import { Pace } from './pace.ts';
import { GRAM_BUCKETS, inverseFrequency, type OfflineState, WEIGHT_STEPS } from './state.ts';
import { units, wordsOf } from './words.ts';

/** How much is learnt. */
export interface FitLimits {
	/** Most words with a direction. */
	readonly vocabulary: number;
	/** Most texts in the sample. */
	readonly sample: number;
}

/** Rounds of subspace iteration. */
const ROUNDS = 3;
/** Fewer dimensions than this say nothing. */
const MIN_K = 8;
/** Words known at a time while reading. */
const MAX_WORDS = 400_000;
/** Words whose runs of characters are kept while reading. */
const CACHED_WORDS = 50_000;
/** Weight of runs that no text had: words of texts added later must still be found, misspelt ones must not shout. */
const UNSEEN_WEIGHT = 2;
/** What follows in a text does not count. */
export const MAX_CHARACTERS = 65_536;

interface Reading {
	readonly documents: number;
	/** Number of each word. */
	readonly ids: Map<string, number>;
	/** In how many texts each word occurs, by number. */
	readonly counts: readonly number[];
	/** In how many texts each run of characters occurs, by hash. */
	readonly grams: Uint32Array;
	/** Texts as pairs (number of a word, occurrences). */
	readonly sample: readonly Uint32Array[];
}

/** The state after learning from `texts`. */
export async function fitState(
	texts: Iterable<string> | AsyncIterable<string>,
	old: OfflineState,
	limits: FitLimits,
	options: FitOptions,
): Promise<OfflineState> {
	const pace = new Pace(options);
	const reading = await read(texts, limits.sample, old.seed, pace);
	const { documents, grams } = reading;
	await pace.rest('count', 0, 0);
	const { version, dimension, seed } = old;
	const weights = await gramWeights(grams, documents, pace);
	const base = { version: version + 1, dimension, seed, documents, weights };
	const words = await chooseWords(reading, limits.vocabulary, pace);
	// With a direction for each word or text, none would be like another.
	const K = Math.floor(Math.min(dimension, documents, words.length) / 4);
	if (K < MIN_K) {
		return { ...base, K: 0, words: [], counts: new Uint32Array(0), directions: new Int8Array(0) };
	}
	const counts = Uint32Array.from(words, (word) => reading.counts[reading.ids.get(word)!]!);
	const rows = await sparseRows(reading, words, counts, pace);
	const directions = await strongestDirections(rows, K, ROUNDS, seed, pace);
	return { ...base, K, words, counts, directions: await quantise(directions, K, pace) };
}

async function read(
	texts: Iterable<string> | AsyncIterable<string>,
	sampleSize: number,
	seed: number,
	pace: Pace,
): Promise<Reading> {
	const random = splitmix32(seed ^ 0x5eed);
	const ids = new Map<string, number>();
	const counts: number[] = [];
	const runs: Uint32Array[] = [];
	const sample: Uint32Array[] = [];
	const grams = new Uint32Array(GRAM_BUCKETS);
	const lastSeen = new Uint32Array(GRAM_BUCKETS);
	let documents = 0;
	for await (const text of texts) {
		if (pace.due()) await pace.rest('read', documents, 0);
		documents++;
		const words = wordsOf(text.slice(0, MAX_CHARACTERS));
		for (const word of new Set(words)) {
			const id = ids.get(word);
			const hashes = id === undefined ? undefined : runs[id];
			for (const hash of hashes ?? gramsOf(word)) {
				const bucket = hash & (GRAM_BUCKETS - 1);
				if (lastSeen[bucket] === documents) continue;
				lastSeen[bucket] = documents;
				grams[bucket] = grams[bucket]! + 1;
			}
		}
		const tally = new Map<number, number>();
		for (const unit of units(words)) {
			let id = ids.get(unit);
			if (id === undefined) {
				id = counts.length;
				ids.set(unit, id);
				counts.push(0);
				if (id < CACHED_WORDS) runs.push(gramsOf(unit));
			}
			tally.set(id, (tally.get(id) ?? 0) + 1);
		}
		for (const id of tally.keys()) counts[id] = counts[id]! + 1;
		keep(sample, tally, documents, sampleSize, random);
		if (ids.size > MAX_WORDS) forgetRare(ids, counts);
	}
	return { documents, ids, counts, grams, sample };
}

/** Puts a text into the reservoir, or not. */
function keep(
	sample: Uint32Array[],
	tally: ReadonlyMap<number, number>,
	documents: number,
	size: number,
	random: () => number,
): void {
	const at = sample.length < size ? sample.length : random() % documents;
	if (at >= size) return;
	const pairs = new Uint32Array(2 * tally.size);
	let i = 0;
	for (const [id, count] of tally) {
		pairs[i++] = id;
		pairs[i++] = count;
	}
	sample[at] = pairs;
}

/** Forgets the rarest words until half of the room is free. */
function forgetRare(ids: Map<string, number>, counts: readonly number[]): void {
	for (let rare = 1; ids.size > MAX_WORDS / 2; rare++) {
		for (const [word, id] of ids) if (counts[id]! <= rare) ids.delete(word);
	}
}

/** Words of at least two texts and at most half of them, most frequent first, ties in order of characters. */
async function chooseWords({ ids, counts, documents }: Reading, most: number, pace: Pace): Promise<string[]> {
	const byCount = new Map<number, string[]>();
	let seen = 0;
	for (const [word, id] of ids) {
		if ((++seen & 1023) === 0 && pace.due()) await pace.rest('count', 0, 0);
		const count = counts[id]!;
		if (count < 2 || count > documents / 2) continue;
		const alike = byCount.get(count);
		if (alike === undefined) byCount.set(count, [word]);
		else alike.push(word);
	}
	const words: string[] = [];
	for (const count of [...byCount.keys()].sort((a, b) => b - a)) {
		if (words.length >= most) break;
		if (pace.due()) await pace.rest('count', words.length, 0);
		for (const word of byCount.get(count)!.sort()) words.push(word);
	}
	return words.slice(0, most);
}

/** log2(1 + documents / (count + a thousandth of them)) in steps: rare runs are mostly noise, and count no more than that. */
async function gramWeights(grams: Uint32Array, documents: number, pace: Pace): Promise<Uint8Array> {
	const more = Math.max(1, documents / 1000);
	// Most counts are small and occur often.
	const known = new Map([[0, UNSEEN_WEIGHT * WEIGHT_STEPS]]);
	const weights = new Uint8Array(grams.length);
	for (const [i, count] of grams.entries()) {
		if ((i & 0x3fff) === 0 && pace.due()) await pace.rest('count', i, grams.length);
		let weight = known.get(count);
		if (weight === undefined) {
			weight = Math.floor(inverseFrequency(count + more, documents) * WEIGHT_STEPS + 0.5);
			known.set(count, weight);
		}
		weights[i] = weight;
	}
	return weights;
}

/** The sample as rows of unit length: square root of the occurrences times inverse document frequency. */
async function sparseRows(
	{ sample, ids, documents }: Reading,
	words: readonly string[],
	counts: Uint32Array,
	pace: Pace,
): Promise<SparseRows> {
	const columnOf = new Map(words.map((word, column) => [ids.get(word)!, column]));
	const idf = Float64Array.from(counts, (count) => inverseFrequency(count, documents));
	const starts = new Uint32Array(sample.length + 1);
	const entries = sample.reduce((sum, pairs) => sum + pairs.length / 2, 0);
	const at = new Uint32Array(entries);
	const values = new Float32Array(entries);
	let end = 0;
	for (const [row, pairs] of sample.entries()) {
		if (pace.due()) await pace.rest('count', row, sample.length);
		let sum = 0;
		const start = end;
		for (let i = 0; i < pairs.length; i += 2) {
			const column = columnOf.get(pairs[i]!);
			if (column === undefined) continue;
			const value = Math.sqrt(pairs[i + 1]!) * idf[column]!;
			at[end] = column;
			values[end++] = value;
			sum += value * value;
		}
		const length = Math.sqrt(sum);
		for (let i = start; i < end; i++) values[i] = values[i]! / length;
		starts[row + 1] = end;
	}
	return { columns: words.length, starts, at: at.subarray(0, end), values: values.subarray(0, end) };
}

/** Rows of whole numbers, the greatest 127; only their direction counts. */
async function quantise(directions: Float32Array, K: number, pace: Pace): Promise<Int8Array> {
	const out = new Int8Array(directions.length);
	for (let start = 0; start < out.length; start += K) {
		if (pace.due()) await pace.rest('decompose', start, out.length);
		unitLength(directions, start, start + K);
		let most = 0;
		for (let i = start; i < start + K; i++) most = Math.max(most, Math.abs(directions[i]!));
		if (most === 0) continue;
		for (let i = start; i < start + K; i++) out[i] = Math.floor((directions[i]! / most) * 127 + 0.5);
	}
	return out;
}
