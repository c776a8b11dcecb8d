/**
 * Arithmetic that gives the same bits on every runtime. JavaScript's + - * / and Math.sqrt are exact by IEEE 754;
 * Math.log and Math.exp are not, so what is learnt from them could not be compared between two machines.
 */

/**
 * Binary logarithm of x >= 1, by halving and the series of atanh; within 1e-12 of the true value.
 * log2(x) = e + 2 / ln 2 * (z + z^3/3 + z^5/5 + ...), x = 2^e * y, 1 <= y < 2, z = (y - 1) / (y + 1) < 1/3.
 */
export function log2(x: number): number {
	let y = x;
	let e = 0;
	while (y >= 2) {
		y /= 2;
		e++;
	}
	const z = (y - 1) / (y + 1);
	const z2 = z * z;
	let sum = 0;
	for (let k = 23; k >= 1; k -= 2) sum = sum * z2 + 1 / k;
	return e + 2.8853900817779268 * z * sum;
}

/** Seeded random bits: splitmix32, integer operations alone. */
export function splitmix32(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x9e3779b9) >>> 0;
		let z = state;
		z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
		z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
		return (z ^ (z >>> 15)) >>> 0;
	};
}

/** Scales x[start..end] to length 1; a zero vector stays zero. Returns the length that it had. */
export function unitLength(x: Float32Array | Float64Array, start = 0, end: number = x.length): number {
	let sum = 0;
	for (let i = start; i < end; i++) sum += x[i]! * x[i]!;
	if (sum === 0) return 0;
	const length = Math.sqrt(sum);
	for (let i = start; i < end; i++) x[i] = x[i]! / length;
	return length;
}
