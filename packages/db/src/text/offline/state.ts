/**
 * What the offline embedder has learnt, as a value and as bytes.
 *
 * Layout, little endian: the header of 10 u32 (magic, format, CRC-32C of all that follows it, version, dimension, seed,
 * documents, words V, K, bytes of the words), then gram weights u8 (2^18 of them, or none before the first fit), document
 * counts u32 (V), word directions i8 (V, K), the words in UTF-8 with a line feed between them.
 */
import { VecinoError } from 'vecino';
import { crc32c } from './crc.ts';
import { log2 } from './numbers.ts';

/** Runs of characters are counted in this many buckets. */
export const GRAM_BUCKETS: number = 2 ** 18;
/** Weights are kept in steps of 1/16. */
export const WEIGHT_STEPS = 16;
/** Bounds of `dimension`. */
export const MIN_DIMENSION = 16;
export const MAX_DIMENSION = 4096;

const MAGIC = 0x4c4f5656; // "VVOL"
const FORMAT = 1;
const HEADER = 40;
const MAX_WORDS = 2 ** 20;

/** Learnt from the texts; frozen: a fit makes a new one. */
export interface OfflineState {
	/** Fits so far. */
	readonly version: number;
	/** Of the vectors. */
	readonly dimension: number;
	readonly seed: number;
	/** Texts it was fitted on. */
	readonly documents: number;
	/** Dimensions of the vectors that words' directions take; 0 before the first fit and for very few texts. */
	readonly K: number;
	/** How much a run of characters says, by hash, in 1/16; empty before the first fit. */
	readonly weights: Uint8Array;
	/** Words that have a direction, most frequent first. */
	readonly words: readonly string[];
	/** In how many texts each word occurs, size V. */
	readonly counts: Uint32Array;
	/** Directions of the words, layout (V, K); their lengths say nothing. */
	readonly directions: Int8Array;
}

/** The state before the first fit. */
export function unfitted(dimension: number, seed: number): OfflineState {
	const none = { weights: new Uint8Array(0), words: [], counts: new Uint32Array(0), directions: new Int8Array(0) };
	return { version: 0, dimension, seed, documents: 0, K: 0, ...none };
}

/** log2(1 + documents / count): how much an occurrence says. */
export function inverseFrequency(count: number, documents: number): number {
	return log2(1 + documents / count);
}

export function encodeState(state: OfflineState): Uint8Array {
	const text = new TextEncoder().encode(state.words.join('\n'));
	const V = state.words.length;
	const bytes = new Uint8Array(HEADER + state.weights.length + 4 * V + V * state.K + text.length);
	const view = new DataView(bytes.buffer);
	const header = [
		MAGIC,
		FORMAT,
		0,
		state.version,
		state.dimension,
		state.seed,
		state.documents,
		V,
		state.K,
		text.length,
	];
	for (const [i, value] of header.entries()) view.setUint32(4 * i, value, true);
	let at = HEADER;
	bytes.set(state.weights, at);
	at += state.weights.length;
	for (let i = 0; i < V; i++) view.setUint32(at + 4 * i, state.counts[i]!, true);
	at += 4 * V;
	bytes.set(new Uint8Array(state.directions.buffer, state.directions.byteOffset, V * state.K), at);
	bytes.set(text, at + V * state.K);
	view.setUint32(8, crc32c(bytes, 12), true);
	return bytes;
}

/** Throws VecinoError 'corrupt-data' or 'unsupported-version'. */
export function decodeState(bytes: Uint8Array): OfflineState {
	if (bytes.length < HEADER) throw corrupt(`${bytes.length} bytes are too few for its header of ${HEADER}`);
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const field = (i: number): number => view.getUint32(4 * i, true);
	if (field(0) !== MAGIC) throw corrupt('it does not begin like one');
	if (field(1) !== FORMAT) {
		if (field(1) > FORMAT && field(1) < 1000) {
			const message = `the state of the offline embedder has format ${field(1)}, this version reads ${FORMAT}: update @vecino/db`;
			throw new VecinoError('unsupported-version', message, { expected: FORMAT, found: field(1) });
		}
		throw corrupt(`format ${field(1)} does not exist`);
	}
	const [version, dimension, seed, documents, V, K, textBytes] = [3, 4, 5, 6, 7, 8, 9].map(field) as [
		number,
		number,
		number,
		number,
		number,
		number,
		number,
	];
	const weights = version === 0 ? 0 : GRAM_BUCKETS;
	if (dimension < MIN_DIMENSION || dimension > MAX_DIMENSION) throw corrupt(`dimension ${dimension} is out of range`);
	if (K > dimension / 2 || V > MAX_WORDS || (K === 0) !== (V === 0) || (version === 0 && V > 0)) {
		throw corrupt(`${V} words in ${K} of ${dimension} dimensions are impossible`);
	}
	const expected = HEADER + weights + V * (4 + K) + textBytes;
	if (bytes.length !== expected) throw corrupt(`it has ${bytes.length} bytes, its header says ${expected}`);
	if (crc32c(bytes, 12) !== field(2)) throw corrupt('its checksum is wrong');

	const countsAt = HEADER + weights;
	const directionsAt = countsAt + 4 * V;
	const counts = Uint32Array.from({ length: V }, (_, i) => view.getUint32(countsAt + 4 * i, true));
	if (counts.some((count) => count === 0 || count > documents)) throw corrupt('a count of texts is out of range');
	const words = decodeWords(bytes.subarray(bytes.length - textBytes), V);
	const directions = new Int8Array(bytes.slice(directionsAt, directionsAt + V * K).buffer);
	return { version, dimension, seed, documents, K, weights: bytes.slice(HEADER, countsAt), words, counts, directions };
}

function decodeWords(bytes: Uint8Array, V: number): string[] {
	let text: string;
	try {
		text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
	} catch (cause) {
		throw corrupt('its words are not UTF-8', cause);
	}
	const words = text === '' ? [] : text.split('\n');
	if (words.length !== V || words.includes('') || new Set(words).size !== V) {
		throw corrupt(`it has not ${V} different words`);
	}
	return words;
}

function corrupt(what: string, cause?: unknown): VecinoError {
	return new VecinoError('corrupt-data', `the state of the offline embedder is damaged: ${what}`, { cause });
}
