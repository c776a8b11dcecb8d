/** The sets that the page makes itself, from a seed: something to look at before a file is at hand. */

import { VectorSet } from 'vecino';
import { Random } from './random.ts';

export interface BuiltInSet {
	readonly id: SetId;
	readonly title: string;
	/** One sentence on what it is. */
	readonly about: string;
	readonly n: number;
	readonly d: number;
}

export type SetId = 'plane' | 'clusters-20k' | 'clusters-100k' | 'digits';

/** In the order they are offered; the first is shown at the start. */
export const BUILT_IN_SETS: readonly BuiltInSet[] = [
	{
		id: 'plane',
		title: '10,000 points in the plane',
		about: 'Clusters of points with 2 numbers each.',
		n: 10_000,
		d: 2,
	},
	{
		id: 'digits',
		title: '10,000 drawn digits, 64 numbers',
		about: 'Small pictures of digits, 8 by 8, shifted and smudged.',
		n: 10_000,
		d: 64,
	},
	{
		id: 'clusters-20k',
		title: '20,000 clustered vectors, 128 numbers',
		about: 'Clusters of uneven size, each spread along few directions, as embeddings are.',
		n: 20_000,
		d: 128,
	},
	{
		id: 'clusters-100k',
		title: '100,000 clustered vectors, 128 numbers',
		about: 'The same recipe, five times as many.',
		n: 100_000,
		d: 128,
	},
];

export const SET_SEED = 7;

/** The vectors of a built-in set. */
export function makeSet(id: SetId, seed: number = SET_SEED): VectorSet {
	const set = BUILT_IN_SETS.find((one) => one.id === id);
	if (set === undefined) throw new RangeError(`makeSet: id must be one of the built-in sets, got ${String(id)}`);
	if (id === 'plane') return plane(set.n, seed);
	if (id === 'digits') return digits(set.n, seed);
	return lowRank(set.n, set.d, seed);
}

/** Clusters in the plane, round and oblong, of uneven size. */
function plane(n: number, seed: number): VectorSet {
	const random = new Random(seed);
	const clusters = 36;
	/** Layout (clusters, 6): centre, and the two axes of the spread. */
	const shape = Float64Array.from({ length: clusters * 6 }, (_, i) =>
		i % 6 < 2 ? 100 * random.float() : 3.2 * random.normal(),
	);
	const data = new Float32Array(n * 2);
	for (let i = 0; i < n; i++) {
		if (random.below(20) === 0) {
			data[2 * i] = 110 * random.float() - 5;
			data[2 * i + 1] = 110 * random.float() - 5;
			continue;
		}
		const at = 6 * Math.min(random.below(clusters), random.below(clusters));
		const a = random.normal();
		const b = 0.8 * random.normal();
		data[2 * i] = shape[at]! + a * shape[at + 2]! + b * shape[at + 4]!;
		data[2 * i + 1] = shape[at + 1]! + a * shape[at + 3]! + b * shape[at + 5]!;
	}
	return new VectorSet(data, 2);
}

/** Clusters of uneven size; inside each, a spread along `rank` directions of a family of clusters, and a little noise. */
function lowRank(n: number, d: number, seed: number): VectorSet {
	const random = new Random(seed);
	const clusters = 300;
	const families = 6;
	const rank = 12;
	const noise = 0.25;
	/** Layout (families, rank, d), the later ones weaker. */
	const directions = new Float32Array(families * rank * d);
	for (let i = 0; i < directions.length; i++) {
		directions[i] = (0.8 * random.normal()) / Math.sqrt(1 + (Math.floor(i / d) % rank));
	}
	const centres = Float32Array.from({ length: clusters * d }, () => random.normal());
	const data = new Float32Array(n * d);
	for (let i = 0; i < n; i++) {
		const cluster = Math.min(random.below(clusters), random.below(clusters));
		const row = data.subarray(i * d, (i + 1) * d);
		// Noise is the sum of two uniform numbers: half the time of a normal one, and nothing here depends on its shape.
		for (let t = 0; t < d; t++) {
			const bits = random.uint32();
			row[t] = centres[cluster * d + t]! + (noise * ((bits >>> 16) + (bits & 0xffff) - 65535)) / 26754;
		}
		const family = (cluster % families) * rank * d;
		for (let r = 0; r < rank; r++) {
			const weight = random.normal();
			const at = family + r * d;
			for (let t = 0; t < d; t++) row[t]! += weight * directions[at + t]!;
		}
	}
	return new VectorSet(data, d);
}

/** Strokes of the digits on a grid of 5 columns and 7 rows, '#' where there is ink. */
const GLYPHS: readonly string[] = [
	'.###.#...##...##...##...##...#.###.',
	'..#...##....#....#....#....#...###.',
	'.###.#...#....#...#...#...#...#####',
	'.###.#...#....#..##.....##...#.###.',
	'...#...##..#.#.#..#.#####...#....#.',
	'######....####.....#....##...#.###.',
	'.###.#....#....####.#...##...#.###.',
	'#####....#...#...#....#....#....#..',
	'.###.#...##...#.###.#...##...#.###.',
	'.###.#...##...#.####....#....#.###.',
];

/** Digits 8 by 8: a glyph, moved by parts of a pixel, leaning, with strokes of uneven ink. Values 0..16 as in scanned ones. */
function digits(n: number, seed: number): VectorSet {
	const random = new Random(seed);
	const data = new Float32Array(n * 64);
	for (let i = 0; i < n; i++) {
		const glyph = GLYPHS[random.below(10)]!;
		const dx = 1.5 + 0.4 * random.normal();
		const dy = 0.5 + 0.3 * random.normal();
		const lean = 0.08 * random.normal();
		const width = 1 + 0.08 * random.normal();
		const ink = 12 + 2 * random.normal();
		const image = data.subarray(i * 64, (i + 1) * 64);
		for (let g = 0; g < 35; g++) {
			if (glyph[g] !== '#') continue;
			const y = dy + Math.floor(g / 5);
			const x = dx + width * (g % 5) + lean * (3 - y);
			stamp(image, x, y, ink * (0.85 + 0.3 * random.float()));
		}
		for (let t = 0; t < 64; t++) image[t] = Math.max(0, Math.min(16, Math.round(image[t]! + 0.4 * random.normal())));
	}
	return new VectorSet(data, 64);
}

/** Adds a dot of ink at x, y, shared among the four pixels around it. */
function stamp(image: Float32Array, x: number, y: number, ink: number): void {
	const left = Math.floor(x);
	const top = Math.floor(y);
	for (let r = 0; r < 2; r++) {
		for (let c = 0; c < 2; c++) {
			const row = top + r;
			const column = left + c;
			if (row < 0 || row > 7 || column < 0 || column > 7) continue;
			const share = (r === 0 ? 1 - (y - top) : y - top) * (c === 0 ? 1 - (x - left) : x - left);
			image[row * 8 + column]! += ink * share;
		}
	}
}
