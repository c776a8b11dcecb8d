/**
 * Seeded numbers for the built-in sets and for what is drawn by lot. Integer arithmetic and sums only, so that a seed gives
 * the same set in every browser and in Node.
 */

/** splitmix32: one 32-bit state, one output per step. */
export class Random {
	#state: number;

	constructor(seed: number) {
		this.#state = seed >>> 0;
	}

	/** An integer in 0..2^32 - 1. */
	uint32(): number {
		this.#state = (this.#state + 0x9e3779b9) >>> 0;
		let z = Math.imul(this.#state ^ (this.#state >>> 16), 0x21f0aaad);
		z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
		return (z ^ (z >>> 15)) >>> 0;
	}

	/** A number in 0 (included) .. 1 (excluded). */
	float(): number {
		return this.uint32() / 2 ** 32;
	}

	/** An integer in 0..n - 1. */
	below(n: number): number {
		return Math.floor(this.float() * n);
	}

	/** Mean 0, variance 1, nearly normal: the sum of eight uniform 16-bit numbers (mean 262140, deviation 53509.9). */
	normal(): number {
		let sum = 0;
		for (let i = 0; i < 4; i++) {
			const x = this.uint32();
			sum += (x >>> 16) + (x & 0xffff);
		}
		return (sum - 262140) / 53509.9;
	}

	/** `count` distinct integers of 0..n - 1, ascending (Knuth, Algorithm S); all of them when there are no more. */
	sample(n: number, count: number): Uint32Array<ArrayBuffer> {
		const out = new Uint32Array(Math.min(n, count));
		let taken = 0;
		for (let i = 0; taken < out.length; i++) {
			if (this.float() * (n - i) < out.length - taken) out[taken++] = i;
		}
		return out;
	}
}
