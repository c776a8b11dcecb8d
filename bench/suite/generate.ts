/**
 * Seeded clustered data that behaves like embeddings: topics of uneven (Zipf) popularity, sub-topics in them, leaves of
 * about 200 rows in those; in each leaf the rows spread along a few directions of a basis that all leaves share, the
 * first directions most; a little noise in every dimension; one common mean, so that all rows lie in a cone; every row
 * has length 1. Half a percent are exact copies of earlier rows, two percent near copies.
 *
 * Queries are further rows of the same mixture, never in the base. Sums of uniform numbers and square roots only: the
 * same seed gives the same bytes everywhere.
 */
import { normalize, VectorSet } from '../../packages/vecino/src/index.ts';
import { Rng } from '../../packages/vecino/src/util/rng.ts';

export interface Shape {
	readonly n: number;
	readonly d: number;
	readonly nq: number;
	readonly seed: number;
}

/** Shares of the parts, as deviations before a row is brought to length 1. */
const MIX = {
	mean: 0.55,
	topic: 0.6,
	sub: 0.5,
	leaf: 0.35,
	spread: 0.75,
	noise: 0.22,
	copies: 0.005,
	near: 0.02,
} as const;
const ROWS_PER_LEAF = 200;
const SUBS_PER_TOPIC = 8;
const LEAVES_PER_SUB = 8;

/** `1000000x128` */
export function parseShape(text: string): { n: number; d: number } {
	const match = /^(\d+)x(\d+)$/.exec(text.replaceAll('_', ''));
	const [n, d] = [Number(match?.[1]), Number(match?.[2])];
	if (match && n >= 100 && d >= 2) return { n, d };
	throw new RangeError(`--generate takes rows and dimensions, such as 200000x128, got ${text}`);
}

export function generate({ n, d, nq, seed }: Shape): { base: VectorSet; queries: VectorSet } {
	const draw = mixture(d, Math.max(4, Math.ceil(n / ROWS_PER_LEAF)), seed);
	const rng = new Rng(seed + 1);
	const base = new VectorSet(new Float32Array(n * d), d);
	for (let i = 0; i < n; i++) {
		const kind = i < 1000 ? 1 : rng.float();
		if (kind >= MIX.copies + MIX.near) {
			draw(base.row(i), rng);
			continue;
		}
		const row = base.row(i);
		row.set(base.row(rng.below(i)));
		if (kind < MIX.copies) continue;
		for (let t = 0; t < d; t++) row[t] = row[t]! + (0.05 * normal(rng)) / Math.sqrt(d);
		row.set(normalize(row));
	}
	const queries = new VectorSet(new Float32Array(nq * d), d);
	for (let i = 0; i < nq; i++) draw(queries.row(i), rng);
	return { base, queries };
}

/** About N(0, 1): the sum of four uniforms. */
function normal(rng: Rng): number {
	const [a, b] = [rng.uint32(), rng.uint32()];
	return (((a >>> 16) + (a & 0xffff) + (b >>> 16) + (b & 0xffff)) / 65536 - 2) * Math.sqrt(3);
}

/** Rows of about unit length. */
function directions(rng: Rng, rows: number, d: number): Float32Array {
	return Float32Array.from({ length: rows * d }, () => normal(rng) / Math.sqrt(d));
}

function mixture(d: number, leaves: number, seed: number): (out: Float32Array, rng: Rng) => void {
	const rng = new Rng(seed);
	const rank = Math.min(96, Math.max(2, Math.floor(d / 4)));
	const basisRows = Math.min(d, 2 * rank);
	const subs = Math.ceil(leaves / LEAVES_PER_SUB);
	const topics = Math.ceil(subs / SUBS_PER_TOPIC);
	const mean = directions(rng, 1, d);
	/** Layout (topics, d), (subs, d), (leaves, d), (basisRows, d). */
	const [ofTopic, ofSub, ofLeaf] = [directions(rng, topics, d), directions(rng, subs, d), directions(rng, leaves, d)];
	const basis = directions(rng, basisRows, d);
	/** Centre of each leaf, layout (leaves, d). */
	const centres = new Float32Array(leaves * d);
	/** The basis rows of each leaf, the most important first, layout (leaves, rank). */
	const chosen = new Uint16Array(leaves * rank);
	/** Popularity of leaves, summed up: Zipf over topics and over the leaves of one. Size leaves. */
	const popularity = new Float64Array(leaves);
	let sum = 0;
	for (let leaf = 0; leaf < leaves; leaf++) {
		const sub = Math.floor(leaf / LEAVES_PER_SUB);
		const topic = Math.floor(sub / SUBS_PER_TOPIC);
		for (let t = 0; t < d; t++) {
			centres[leaf * d + t] =
				MIX.mean * mean[t]! +
				MIX.topic * ofTopic[topic * d + t]! +
				MIX.sub * ofSub[sub * d + t]! +
				MIX.leaf * ofLeaf[leaf * d + t]!;
		}
		const order = rng.below(basisRows);
		for (let r = 0; r < rank; r++) chosen[leaf * rank + r] = (order + r * 7 + rng.below(5)) % basisRows;
		// Popular topics have their share in few of many leaves: the square root keeps the lists of cells balanced enough.
		sum += 1 / Math.sqrt(1 + topic) / Math.sqrt(1 + (leaf % (SUBS_PER_TOPIC * LEAVES_PER_SUB)));
		popularity[leaf] = sum;
	}
	/** Deviation along the r-th direction: r^(-3/4), all squares together 1. Size rank. */
	const spectrum = Float64Array.from({ length: rank }, (_, r) => 1 / Math.sqrt((r + 1) * Math.sqrt(r + 1)));
	const total = Math.sqrt(spectrum.reduce((all, value) => all + value * value, 0));
	for (let r = 0; r < rank; r++) spectrum[r] = (MIX.spread * spectrum[r]!) / total;
	const row = new Float64Array(d);
	const noise = MIX.noise / Math.sqrt(d);

	return (out, random) => {
		const leaf = firstAbove(popularity, random.float() * sum);
		for (let t = 0; t < d; t++) row[t] = centres[leaf * d + t]! + noise * normal(random);
		for (let r = 0; r < rank; r++) {
			const weight = spectrum[r]! * normal(random);
			const at = chosen[leaf * rank + r]! * d;
			for (let t = 0; t < d; t++) row[t] = row[t]! + weight * basis[at + t]!;
		}
		let norm = 0;
		for (let t = 0; t < d; t++) norm += row[t]! * row[t]!;
		const scale = 1 / Math.sqrt(norm);
		for (let t = 0; t < d; t++) out[t] = row[t]! * scale;
	};
}

/** Index of the first value above x in rising values. */
function firstAbove(values: Float64Array, x: number): number {
	let [low, high] = [0, values.length - 1];
	while (low < high) {
		const middle = (low + high) >> 1;
		if (values[middle]! > x) high = middle;
		else low = middle + 1;
	}
	return low;
}
