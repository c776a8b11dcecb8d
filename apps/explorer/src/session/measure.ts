/**
 * Recall, work and time of a setting, on queries that are rows of the data: each asks for one more than k and leaves itself
 * out, in the truth as in the result.
 */

import { type Engine, emptySearchStats, exactNeighbors, type Metric, meanInterval, type VectorSet } from 'vecino';
import { Random } from '../compute/random.ts';
import type { Measured } from '../protocol.ts';
import type { Data } from './data.ts';
import type { Ready } from './session.ts';

const QUERIES = 200;
const SEED = 3;
/** No more than this many milliseconds go into one setting, once there are a few answers. */
const MOST_MS = 400;
const FEWEST = 40;
/** Passes that are timed, as long as they have not taken so many milliseconds. */
const PASSES = 4;
const PASSES_MS = 60;

export class Measurer {
	readonly #data: Data;
	readonly #rows: Uint32Array<ArrayBuffer>;
	readonly #queries: VectorSet;
	readonly #engine: Engine;
	readonly #metric: Metric;
	/** True neighbours of each query by row, itself left out, for the k they were made for. */
	#truth: readonly (readonly number[])[] = [];
	#k = 0;

	constructor(engine: Engine, data: Data, metric: Metric) {
		this.#engine = engine;
		this.#data = data;
		this.#metric = metric;
		const rows = new Random(SEED).sample(data.x.n, QUERIES);
		shuffle(rows);
		this.#rows = rows;
		this.#queries = data.x.take(rows);
	}

	measure({ index, params }: Ready, k: number): Measured {
		const { x, labels } = this.#data;
		const most = Math.min(k, x.n - 1);
		if (most !== this.#k) this.#prepare(most);
		const stats = emptySearchStats();
		const perQuery: number[] = [];
		const begin = performance.now();
		for (let i = 0; i < this.#rows.length; i++) {
			if (i >= FEWEST && performance.now() - begin > MOST_MS) break;
			const found = index.search(this.#queries.row(i), most + 1, { ...params, stats }).hits();
			const own = labels?.[this.#rows[i]!] ?? this.#rows[i]!;
			const others = found.filter(({ label }) => label !== own).slice(0, most);
			const truth = new Set(this.#truth[i]);
			perQuery.push(others.filter(({ label }) => truth.has(label)).length / most);
		}
		const took = this.#time(perQuery.length, (query) => index.search(query, most, params));
		const { mean, low, high } = meanInterval(perQuery);
		const nq = perQuery.length;
		return {
			recall: mean,
			low,
			high,
			queries: nq,
			scanned: stats.ndis / nq / x.n,
			micros: (took / nq) * 1000,
			bytesPerVector: index.byteLength / x.n,
		};
	}

	/** Milliseconds of `count` searches: the quickest of a few passes, since others use the machine too. */
	#time(count: number, search: (query: Float32Array) => unknown): number {
		let best = Infinity;
		const begin = performance.now();
		for (let pass = 0; pass < PASSES && (pass === 0 || performance.now() - begin < PASSES_MS); pass++) {
			const start = performance.now();
			for (let i = 0; i < count; i++) search(this.#queries.row(i));
			best = Math.min(best, performance.now() - start);
		}
		return best;
	}

	#prepare(k: number): void {
		const { x, labels } = this.#data;
		const engine = this.#engine;
		const truth = exactNeighbors(x, this.#queries, k + 1, { metric: this.#metric, engine });
		this.#truth = Array.from(this.#rows, (own, i) =>
			truth
				.hits(i)
				.filter(({ label }) => label !== own)
				.slice(0, k)
				.map(({ label }) => labels?.[label] ?? label),
		);
		this.#k = k;
	}
}

/** In place (Fisher-Yates): a measurement cut short then has seen rows from everywhere. */
function shuffle(rows: Uint32Array): void {
	const random = new Random(SEED);
	for (let i = rows.length - 1; i > 0; i--) {
		const j = random.below(i + 1);
		[rows[i], rows[j]] = [rows[j]!, rows[i]!];
	}
}
