/**
 * Seeded test data with structure: clusters of low rank, as embeddings are. Random uniform vectors
 * would make every compressed index look useless.
 */
import { VectorSet } from '../../src/core/vectors.ts';
import { Rng } from '../../src/util/rng.ts';

/** About normal: the sum of four uniforms, centred, unit variance. No Math.log or Math.cos, so every runtime agrees. */
export function gaussian(rng: Rng): number {
	return (rng.float() + rng.float() + rng.float() + rng.float() - 2) * Math.sqrt(3);
}

/** n rows of d values around `clusters` centres; inside a cluster `rank` directions carry most of the spread. */
export function clustered(n: number, d: number, { clusters = 10, rank = 6, seed = 1 } = {}): VectorSet {
	const rng = new Rng(seed);
	const matrix = (rows: number): Float32Array[] =>
		Array.from({ length: rows }, () => Float32Array.from({ length: d }, () => gaussian(rng)));
	const centres = matrix(clusters);
	const basis = matrix(rank);
	const data = new Float32Array(n * d);
	for (let i = 0; i < n; i++) {
		const centre = centres[rng.below(clusters)]!;
		const weights = Array.from({ length: rank }, () => 0.5 * gaussian(rng));
		for (let t = 0; t < d; t++) {
			let value = 2 * centre[t]! + 0.1 * gaussian(rng);
			for (let r = 0; r < rank; r++) value += weights[r]! * basis[r]![t]!;
			data[i * d + t] = value;
		}
	}
	return new VectorSet(data, d);
}

/** Rows of one set split into base and queries. */
export function split(x: VectorSet, nq: number): { base: VectorSet; queries: VectorSet } {
	return { base: x.slice(0, x.n - nq), queries: x.slice(x.n - nq) };
}

/** Exact neighbours by the plainest means: sort all distances in double precision. */
export function bruteForce(
	x: VectorSet,
	q: Float32Array,
	k: number,
	metric: 'l2' | 'ip' | 'cosine',
): { label: number; distance: number }[] {
	const norm = (v: Float32Array): number => Math.hypot(...v) || 1;
	const hits = Array.from({ length: x.n }, (_, label) => {
		const row = x.row(label);
		let sum = 0;
		for (let t = 0; t < x.d; t++) sum += metric === 'l2' ? (row[t]! - q[t]!) ** 2 : row[t]! * q[t]!;
		if (metric === 'cosine') sum /= norm(row) * norm(q);
		return { label, distance: sum };
	});
	const sign = metric === 'l2' ? 1 : -1;
	hits.sort((a, b) => sign * (a.distance - b.distance) || a.label - b.label);
	return hits.slice(0, k);
}
