/**
 * Seeded random numbers from integer operations alone, so that every runtime draws the same.
 * xoshiro128** (Blackman and Vigna, 2018), seeded through splitmix32. Not for secrets.
 */
export class Rng {
	readonly #s = new Uint32Array(4);

	/** @param seed - Any integer; the lower 32 bits count. */
	constructor(seed: number) {
		let state = seed >>> 0;
		for (let i = 0; i < 4; i++) {
			state = (state + 0x9e3779b9) >>> 0;
			let z = state;
			z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
			z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
			this.#s[i] = z ^ (z >>> 15);
		}
	}

	/** An integer in 0..2^32 - 1. */
	uint32(): number {
		const s = this.#s;
		const result = Math.imul(rotl(Math.imul(s[1]!, 5), 7), 9) >>> 0;
		const t = s[1]! << 9;
		s[2] = s[2]! ^ s[0]!;
		s[3] = s[3]! ^ s[1]!;
		s[1] = s[1]! ^ s[2]!;
		s[0] = s[0]! ^ s[3]!;
		s[2] = s[2]! ^ t;
		s[3] = rotl(s[3]!, 11);
		return result;
	}

	/** An integer in 0..n - 1, every value equally likely. */
	below(n: number): number {
		const limit = 2 ** 32 - (2 ** 32 % n);
		for (;;) {
			const x = this.uint32();
			if (x < limit) return x % n;
		}
	}

	/** A number in 0 (included) .. 1 (excluded), with 53 random bits. */
	float(): number {
		return ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) / 9007199254740992;
	}

	/** `count` distinct integers of 0..n - 1 in ascending order (all of them when count >= n). */
	sample(n: number, count: number): Uint32Array<ArrayBuffer> {
		if (count >= n) return Uint32Array.from({ length: n }, (_, i) => i);
		// Selection sampling (Knuth, Algorithm S): one pass, already sorted, no table of n.
		const out = new Uint32Array(count);
		let taken = 0;
		for (let i = 0; taken < count; i++) {
			if (this.float() * (n - i) < count - taken) out[taken++] = i;
		}
		return out;
	}
}

function rotl(x: number, bits: number): number {
	return (x << bits) | (x >>> (32 - bits));
}
