/**
 * Rows that can be checked without remembering them: vector and metadata follow from id and version, so that a vector with
 * the metadata of another write, or half of a batch, is noticed.
 */
import type { Entry } from '@vecino/db';

export const D = 8;

/** Sizes at which things happen in the background, small: a few hundred rows go through all of it. */
export const SMALL = {
	sealRows: 48,
	pieceRows: 20,
	removedRows: 10,
	flatRows: 150,
	growth: 3,
	maxSegmentRows: 300,
	fanIn: 3,
	queries: 16,
} as const;

/** @param version - Counted from 1, one more for each write of the vector. */
export function vectorOf(id: number, version: number): Float32Array {
	let state = (Math.imul(id + 1, 2_654_435_761) ^ Math.imul(version, 40_503)) >>> 0;
	const next = (): number => {
		state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 374_761_393) >>> 0;
		return state / 2 ** 32;
	};
	const cluster = id % 5;
	return Float32Array.from({ length: D }, (_, t) => (t === cluster ? 4 : 0) + next());
}

export interface Meta {
	readonly [name: string]: unknown;
	readonly n: number;
	readonly version: number;
	/** Metadata was changed so many times since the vector was written. */
	readonly edits: number;
	readonly genre: string;
}

export const GENRES = ['red', 'green', 'blue'] as const;

export function metaOf(id: number, version: number, edits = 0): Meta {
	return { n: id, version, edits, genre: GENRES[(id + version + edits) % 3]! };
}

export function entryOf(id: number, version: number): Entry<Meta> {
	return { id, vector: vectorOf(id, version), metadata: metaOf(id, version), text: `row ${id} version ${version}` };
}

export const SCHEMA = { n: 'integer', version: 'integer', edits: 'integer', genre: 'string' } as const;

/** A small generator of random numbers; the same seed, the same numbers. */
export function random(seed: number): (below: number) => number {
	let state = seed >>> 0 || 1;
	return (below) => {
		state ^= state << 13;
		state >>>= 0;
		state ^= state >>> 17;
		state ^= state << 5;
		state >>>= 0;
		return state % below;
	};
}
