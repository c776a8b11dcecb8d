/**
 * Seeded data to try things on when no vectors are at hand. Integer arithmetic and sums of uniform numbers only,
 * so that every machine makes the same.
 */

import { VectorSet } from 'vecino';

/** xorshift128 (Marsaglia, 2003), seeded through splitmix32. */
export class Random {
	#a: number;
	#b: number;
	#c: number;
	#d: number;

	constructor(seed: number) {
		let state = seed >>> 0;
		const next = (): number => {
			state = (state + 0x9e3779b9) >>> 0;
			let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
			z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
			return (z ^ (z >>> 15)) >>> 0;
		};
		this.#a = next() | 1;
		this.#b = next();
		this.#c = next();
		this.#d = next();
	}

	/** An integer in 0..2^32 - 1. */
	uint32(): number {
		let t = this.#d;
		const s = this.#a;
		this.#d = this.#c;
		this.#c = this.#b;
		this.#b = s;
		t ^= t << 11;
		t ^= t >>> 8;
		this.#a = t ^ s ^ (s >>> 19);
		return this.#a >>> 0;
	}

	/** A number in 0 (included) .. 1 (excluded). */
	float(): number {
		return this.uint32() / 2 ** 32;
	}

	/** An integer in 0..n - 1. */
	below(n: number): number {
		return Math.floor(this.float() * n);
	}

	/** Mean 0, variance 1, very nearly normal: the sum of eight uniform 16-bit numbers (mean 262140, deviation 53509.9). */
	normal(): number {
		let sum = 0;
		for (let i = 0; i < 4; i++) {
			const x = this.uint32();
			sum += (x >>> 16) + (x & 0xffff);
		}
		return (sum - 262140) / 53509.9;
	}

	/** `count` distinct integers of 0..n - 1, ascending (Knuth, Algorithm S). */
	sample(n: number, count: number): Uint32Array<ArrayBuffer> {
		const out = new Uint32Array(Math.min(n, count));
		let taken = 0;
		for (let i = 0; taken < out.length; i++) {
			if (this.float() * (n - i) < out.length - taken) out[taken++] = i;
		}
		return out;
	}
}

export interface Clusters {
	readonly n: number;
	readonly d: number;
	readonly clusters: number;
}

/** The book's size. */
export const BOOK: Clusters = Object.freeze({ n: 10_000, d: 64, clusters: 40 });

/**
 * Deviation of the centres, that of the points around them being 1. Chosen once so that the demo's recalls have
 * the shape of the book's: with 5, PQ m = 8 finds 0.3 of the ten nearest; with 1 the clusters flow into each other.
 */
export const CENTRE_SPREAD = 5;

/** Round clusters: centres N(0, 25), points N(centre, 1) in every dimension. */
export function clustered({ n, d, clusters }: Clusters, seed: number): VectorSet {
	const random = new Random(seed);
	const centres = new Float32Array(clusters * d);
	for (let i = 0; i < centres.length; i++) centres[i] = CENTRE_SPREAD * random.normal();
	const data = new Float32Array(n * d);
	for (let i = 0; i < n; i++) {
		const centre = random.below(clusters) * d;
		for (let t = 0; t < d; t++) data[i * d + t] = centres[centre + t]! + random.normal();
	}
	return new VectorSet(data, d);
}

/** Queries: rows of x, each component moved by N(0, deviation^2). */
export function queriesNear(x: VectorSet, count: number, deviation: number, seed: number): VectorSet {
	const random = new Random(seed);
	const rows = random.sample(x.n, count);
	const queries = x.take(rows);
	for (let i = 0; i < queries.data.length; i++) queries.data[i]! += deviation * random.normal();
	return queries;
}

/** Of siftLike: clusters of uneven size, each spread along `rank` of the families * rank directions there are. */
const SIFT = { d: 128, clusters: 500, rank: 20, families: 8, noise: 0.3, offset: 36, scale: 25 } as const;

/**
 * Integers 0..255 in 128 dimensions that, at 20,000, compress about as well as SIFT descriptors do: uneven
 * clusters, low-rank spread inside them, a little noise, many zeros. Recall falls faster with n than SIFT's.
 */
export function siftLike(n: number, seed: number): VectorSet {
	const { d, clusters, rank, families, noise, offset, scale } = SIFT;
	const random = new Random(seed);
	/** Directions, layout (families, rank, d), the later ones of a family weaker. */
	const directions = new Float32Array(families * rank * d);
	for (let i = 0; i < directions.length; i++) {
		directions[i] = random.normal() / Math.sqrt(1 + (Math.floor(i / d) % rank));
	}
	const centres = Float32Array.from({ length: clusters * d }, () => random.normal());
	const data = new Float32Array(n * d);
	const row = new Float64Array(d);
	for (let i = 0; i < n; i++) {
		const cluster = Math.min(random.below(clusters), random.below(clusters));
		const family = cluster % families;
		for (let t = 0; t < d; t++) row[t] = centres[cluster * d + t]! + noise * random.normal();
		for (let r = 0; r < rank; r++) {
			const weight = random.normal();
			const at = (family * rank + r) * d;
			for (let t = 0; t < d; t++) row[t]! += weight * directions[at + t]!;
		}
		for (let t = 0; t < d; t++) data[i * d + t] = Math.max(0, Math.min(255, Math.round(offset + scale * row[t]!)));
	}
	return new VectorSet(data, d);
}
