/**
 * float32 in the fewest decimal digits that read back as the same float32: 0.1 rather than 0.10000000149011612.
 *
 * The result is a number whose own shortest digits (those that JSON.stringify writes) are the wanted ones. For e = 0, 1, ..
 * n = round(x * 10^e) is tried until n / 10^e, which is correctly rounded because n and 10^e are exact, rounds to x.
 */

/** 10^0 .. 10^22, all exact. */
const POWERS = Array.from({ length: 23 }, (_, e) => Number(`1e${e}`));

/** At most 2^30: with this n, n / 10^e has 10 digits at most, and so is its own shortest form. */
const LARGEST = 2 ** 30;

/** The number that is written, for a finite float32. */
export function shortestFloat32(x: number): number {
	for (let e = 0; e < POWERS.length; e++) {
		const power = POWERS[e]!;
		const n = Math.round(x * power);
		if (n > LARGEST || n < -LARGEST) break;
		const short = n / power;
		if (Math.fround(short) === x) return short;
	}
	// Very large or very small: by the formatter.
	for (let digits = 1; digits < 9; digits++) {
		const short = Number(x.toPrecision(digits));
		if (Math.fround(short) === x) return short;
	}
	return Number(x.toPrecision(9));
}

/** A vector as the numbers that are written. */
export function shortestVector(vector: ArrayLike<number>): number[] {
	return Array.from(vector, (x) => shortestFloat32(Math.fround(x)));
}
