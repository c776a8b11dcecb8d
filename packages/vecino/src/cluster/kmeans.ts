/**
 * k-means (Lloyd): assign every row to its nearest centroid, move centroids to the mean of their rows.
 *
 * Sampling and defaults follow FAISS (Clustering.h); empty clusters are filled from large ones, and with `balance`
 * small ones too. Sums are kept in double precision and in row order, so the result depends on data and seed alone.
 */

import { KMEANS_OPTIONS, resolveOptions } from '../core/options.ts';
import { toVectorSet, VectorSet, type Vectors } from '../core/vectors.ts';
import { defaultEngine, type Engine } from '../kernels/engine.ts';
import { nearestScratchBytes, reducedScratchBytes } from '../kernels/kernels.ts';
import { inWindows } from '../kernels/pool/parallel.ts';
import { checkInt } from '../util/check.ts';
import { Rng } from '../util/rng.ts';
import { type AsyncRunOptions, isParallel, type RunOptions, runAsync, runSync, type Steps } from '../util/steps.ts';
import { plusPlusRows } from './init.ts';
import { PackedCentroids } from './packed.ts';
import type { ReducedCentroids } from './reduced.ts';
import { bringRows, CHUNK, planWindows, sampledRows, sampleRows, type TrainingRows, type WindowPlan } from './rows.ts';

/** Options of kmeans; core/options.ts has their ranges. */
export interface KMeansOptions extends RunOptions {
	/** Most iterations. Default: 25. */
	readonly niter?: number | undefined;
	/** Seed of everything random. Default: 1234. */
	readonly seed?: number | undefined;
	/** Distinct random rows, or k-means++. Default: 'random'. */
	readonly init?: 'random' | 'kmeans++' | undefined;
	/** Centroids of length 1 and assignment by inner product. Default: false. */
	readonly spherical?: boolean | undefined;
	/** Train on at most this many rows per centroid. Default: 256. */
	readonly maxPointsPerCentroid?: number | undefined;
	/** Stop when an iteration improves the objective by less than this share. Default: 1e-4. */
	readonly tolerance?: number | undefined;
	/** After each iteration but the last, give small clusters up to split large ones: clusters of more even size. Default: false. */
	readonly balance?: boolean | undefined;
}

/** What the engine itself may ask for beside. @internal */
export interface LloydOptions extends KMeansOptions {
	/** Pointer to k centroids to start from, which stay as they are; `init` then counts for nothing. */
	readonly from?: number | undefined;
	/** Split after the last iteration too: another run goes on from its centroids. */
	readonly splitLast?: boolean | undefined;
	/** Progress where this run is part of a longer one: rows seen before it, rows of all. */
	readonly progress?: readonly [before: number, all: number] | undefined;
}

/** One iteration: what it found before centroids moved. */
export interface KMeansIteration {
	/** Sum of squared distances to the nearest centroid (spherical: sum of inner products), over the training sample. */
	readonly objective: number;
	/** Rows whose centroid changed. */
	readonly moved: number;
	/** Clusters that were empty (or, with `balance`, small) and took half of a large one. */
	readonly split: number;
}

/** What kmeans found. */
export interface KMeansResult {
	/** Size k * d; k is at most the number of rows. */
	readonly centroids: VectorSet;
	/** Nearest centroid of every row given, size n. */
	readonly assign: Uint32Array<ArrayBuffer>;
	/** Objective of the final centroids over all rows. */
	readonly objective: number;
	/** One entry per iteration that ran, first to last. */
	readonly iterations: readonly KMeansIteration[];
}

/** Centroids in the arena, owned by the caller. @internal */
export interface TrainedCentroids {
	readonly ptr: number;
	readonly k: number;
	readonly iterations: readonly KMeansIteration[];
}

/**
 * Clusters n vectors of dimension d into k cells.
 *
 * @param x - n >= 1 vectors; `d` is needed when they come as one flat array.
 * @param k - Number of centroids, clipped to n.
 * @throws {RangeError} when there are no rows. @throws {VecinoError} `not-finite`, `aborted`.
 *
 * @example
 * const { centroids, assign } = kmeans(VectorSet.from([[0, 0], [0, 1], [9, 9], [9, 8]]), 2);
 * console.log(centroids.n, assign[0] === assign[1], assign[0] === assign[2]); // 2 true false
 */
export function kmeans(x: Vectors, k: number, options?: KMeansOptions & { d?: number; engine?: Engine }): KMeansResult {
	const { steps, resolved } = prepare('kmeans', x, k, options);
	return runSync(steps, resolved);
}

/**
 * kmeans in slices, so that the event loop stays alive.
 *
 * @example
 * const { iterations } = await kmeansAsync(vectors, 20, { signal: AbortSignal.timeout(60_000) });
 * console.log(iterations[0]!.objective > iterations.at(-1)!.objective); // true
 */
export async function kmeansAsync(
	x: Vectors,
	k: number,
	options?: KMeansOptions & AsyncRunOptions & { d?: number; engine?: Engine },
): Promise<KMeansResult> {
	const { steps, resolved } = prepare('kmeansAsync', x, k, options);
	return runAsync(steps, resolved);
}

function prepare(
	where: string,
	x: Vectors,
	k: number,
	options: (KMeansOptions & { d?: number; engine?: Engine }) | undefined,
) {
	const { d: given, engine = defaultEngine(), ...rest } = options ?? {};
	const resolved = resolveOptions(where, rest as KMeansOptions, KMEANS_OPTIONS);
	const d = given ?? (x instanceof VectorSet ? x.d : (x as ArrayLike<number>[])[0]?.length);
	if (d === undefined) throw new TypeError(`${where}: a flat array of vectors needs the option d`);
	const set = toVectorSet(where, 'x', x, d);
	checkInt(where, 'k', k, 1, 2 ** 24);
	if (set.n === 0) throw new RangeError(`${where}: at least one vector is needed`);
	return { steps: publicSteps(engine, set, k, resolved), resolved };
}

function* publicSteps(engine: Engine, x: VectorSet, k: number, options: KMeansOptions): Steps<KMeansResult> {
	const { arena } = engine;
	const clipped = Math.min(k, x.n);
	const limit = clipped * options.maxPointsPerCentroid!;
	const sample = sampleRows(x.n, limit, options.seed!);
	using training = sampledRows(engine, x, sample, options.spherical!);
	const trained = yield* kmeansSteps(engine, training, clipped, options);
	try {
		using all = sampledRows(engine, x, sampleRows(x.n, x.n, 0), options.spherical!);
		using assigner = new Assigner(engine, x.d, trained.ptr, trained.k, options.spherical! ? 'ip' : 'l2', x.n);
		const assign = new Uint32Array(x.n);
		const objective = yield* assigner.run(all, assign, 'assign');
		const centroids = new VectorSet(arena.readF32(trained.ptr, trained.k * x.d), x.d);
		return { centroids, assign, objective, iterations: trained.iterations };
	} finally {
		arena.free(trained.ptr);
	}
}

/** Fewer rows than this are compared with the centroids directly: packing those would cost more. */
const PACK_FROM = 16;

/** Assignment of rows to the nearest centroid. @internal */
export class Assigner implements Disposable {
	readonly #engine: Engine;
	readonly #d: number;
	readonly #centroids: number;
	readonly #k: number;
	readonly #metric: 'l2' | 'ip';
	readonly #beside: boolean;
	/** Absent when there are too few rows for it. */
	readonly #packed: PackedCentroids | undefined;
	readonly #reduced: ReducedCentroids | undefined;
	readonly #plan: WindowPlan;
	/** Of nearestRows, one after the other for every piece of a window. */
	readonly #scratch: number;
	readonly #scratchBytes: number;
	/** Rows of a window, for each set; 0 while they are not needed. */
	#rows = 0;
	/** `window` labels (u32), then as many distances (f32), for each set. Those of the last chunk are the first CHUNK of each. */
	readonly labels: number;

	/**
	 * @param centroids - Pointer to k * d values, which may change between runs (call update then).
	 * @param n - Rows that will be assigned, about.
	 * @param beside - Others run beside this one (interleaved): a window is one piece, `visit` part of it.
	 * @param reduced - The centroids in few dimensions, as they are now: the same result, sooner. The caller's.
	 */
	constructor(
		engine: Engine,
		d: number,
		centroids: number,
		k: number,
		metric: 'l2' | 'ip',
		n: number,
		beside = false,
		reduced?: ReducedCentroids,
	) {
		const { arena } = engine;
		this.#engine = engine;
		this.#d = d;
		this.#centroids = centroids;
		this.#k = k;
		this.#metric = metric;
		this.#beside = beside;
		this.#plan = beside ? planBeside(engine, n, k * d) : planWindows(engine, n, k * d, d * 4 + 8);
		const { window, piece, sets } = this.#plan;
		const needed = reduced === undefined ? nearestScratchBytes(k, d) : reducedScratchBytes(k, d, reduced.r);
		this.#scratchBytes = Math.ceil(needed / 16) * 16;
		this.#reduced = reduced;
		this.#packed = n < PACK_FROM || reduced !== undefined ? undefined : new PackedCentroids(engine, d, centroids, k);
		const pieces = beside ? 1 : Math.ceil(window / piece);
		const labelBytes = Math.max(sets * window, CHUNK) * 8;
		this.labels = arena.alloc(labelBytes + pieces * this.#scratchBytes);
		this.#scratch = this.labels + labelBytes;
	}

	/** Takes in what the centroids are now. */
	update(): void {
		this.#packed?.update();
	}

	/** Assigns `count` <= CHUNK rows at `x`; results are at `labels`, CHUNK labels (u32), then CHUNK distances (f32). */
	assignChunk(x: number, count: number): void {
		this.#assign(x, count, this.#scratch, this.labels, this.labels + CHUNK * 4);
	}

	#assign(x: number, count: number, scratch: number, labels: number, distances: number): void {
		const reduced = this.#reduced;
		if (reduced !== undefined) {
			const { centre, basis, r, share, error, packed, magnitude, halfNorms, norm, far } = reduced;
			const head = [x, count, this.#d, this.#centroids, this.#k, this.#metric === 'l2' ? 0 : 1] as const;
			const forms = [centre, basis, r, share, error, packed, magnitude, halfNorms, norm, far] as const;
			this.#engine.kernels.nearestReduced(...head, ...forms, scratch, labels, distances);
			return;
		}
		this.#engine.kernels.nearestRows(
			x,
			count,
			this.#d,
			this.#centroids,
			this.#k,
			this.#metric === 'l2' ? 0 : 1,
			this.#packed?.ptr ?? 0,
			this.#packed?.magnitude ?? 0,
			this.#packed?.halfNorms ?? 0,
			this.#packed?.norm ?? 0,
			scratch,
			labels,
			distances,
		);
	}

	/**
	 * Assigns all rows, writing labels to `out`, and returns the objective: the sum of squared distances
	 * (l2) or of inner products. `visit` sees rows in the arena with their labels, in order; it calls kernels only.
	 * `spread` sees each row's distance.
	 */
	*run(
		rows: TrainingRows,
		out: Uint32Array,
		phase: string,
		visit?: (x: number, count: number, labels: number) => void,
		spread?: Pick<Spread, 'see'>,
	): Steps<number> {
		const engine = this.#engine;
		const { window, piece, sets } = this.#plan;
		const rowBytes = this.#d * 4;
		// A window of one chunk can stay where the rows are brought to anyway.
		const copied = rows.ptr === undefined && (sets > 1 || window > CHUNK);
		if (copied && this.#rows === 0) this.#rows = engine.arena.alloc(sets * window * rowBytes);
		const labelsOf = (set: number): number => this.labels + set * window * 8;
		const at = [0, 0];
		let sum = 0;
		yield* inWindows(engine, phase, rows.n, window, sets, {
			load: (start, count, set) => {
				const to = this.#rows + set * window * rowBytes;
				at[set] = copied ? bringRows(engine, rows, start, count, to) : rows.chunk(start, count);
			},
			pieces: (_start, count, set) => {
				const labels = labelsOf(set);
				const x = at[set]!;
				const some = (from: number) => () => {
					const now = Math.min(piece, count - from);
					const to = labels + from * 4;
					const scratch = this.#beside ? this.#scratch : this.#scratch + (from / piece) * this.#scratchBytes;
					this.#assign(x + from * rowBytes, now, scratch, to, to + window * 4);
					if (this.#beside) visit?.(x + from * rowBytes, now, to);
				};
				const pieces = Array.from({ length: Math.ceil(count / piece) }, (_, i) => some(i * piece));
				if (!this.#beside) return pieces;
				return [() => pieces.forEach((part) => void part())];
			},
			settle: (start, count, set) => {
				if (!this.#beside) visit?.(at[set]!, count, labelsOf(set));
				const { f32, u32 } = engine.arena;
				const labels = labelsOf(set) >>> 2;
				for (let i = 0; i < count; i++) {
					const label = u32[labels + i]!;
					const distance = f32[labels + window + i]!;
					out[start + i] = label;
					sum += distance;
					spread?.see(label, distance, start + i);
				}
			},
		});
		return this.#metric === 'l2' ? sum : -sum;
	}

	[Symbol.dispose](): void {
		this.#packed?.[Symbol.dispose]();
		for (const ptr of [this.labels, this.#rows]) this.#engine.arena.free(ptr);
	}
}

/** Windows of one piece, run through in chunks that stay in the cache. */
function planBeside({ pool }: Engine, n: number, cost: number): WindowPlan {
	const chunks = Math.max(1, Math.floor((2 * (pool?.grain ?? 0)) / cost / CHUNK));
	return { window: CHUNK * Math.min(chunks, Math.ceil(n / CHUNK)), piece: CHUNK, sets: 1 };
}

/** The farthest row of every cluster: the direction in which to split it. */
class Spread {
	readonly farthest: Uint32Array;
	readonly error: Float64Array;

	constructor(k: number) {
		this.farthest = new Uint32Array(k);
		this.error = new Float64Array(k).fill(Number.NEGATIVE_INFINITY);
	}

	see(cluster: number, error: number, row: number): void {
		if (error <= this.error[cluster]!) return;
		this.error[cluster] = error;
		this.farthest[cluster] = row;
	}
}

/**
 * Trains k <= rows.n centroids; the caller frees `ptr`.
 *
 * @param beside - Others run beside this one (interleaved). The result is the same.
 * @internal
 */
export function* kmeansSteps(
	engine: Engine,
	rows: TrainingRows,
	k: number,
	options: LloydOptions,
	phase = 'k-means',
	beside = false,
): Steps<TrainedCentroids> {
	const { arena } = engine;
	const { n, d } = rows;
	const spherical = options.spherical ?? false;
	const niter = options.niter ?? 25;
	const [before, all] = options.progress ?? [0, niter * n];
	const rng = new Rng(options.seed ?? 1234);
	const centroids = arena.alloc(k * d * 4);
	const sums = arena.alloc(k * d * 8);
	const counts = arena.alloc(k * 4);
	let kept = false;
	try {
		if (options.from === undefined) {
			const start = options.init === 'kmeans++' ? yield* plusPlusRows(engine, rows, k, rng) : rng.sample(n, k);
			loadRows(engine, rows, start, centroids);
		} else {
			arena.u8.copyWithin(centroids, options.from, options.from + k * d * 4);
		}
		using assigner = new Assigner(engine, d, centroids, k, spherical ? 'ip' : 'l2', n, beside);
		const iterations: KMeansIteration[] = [];
		let labels = new Uint32Array(n);
		let previous = new Uint32Array(n).fill(0xffffffff);
		for (let iteration = 0; iteration < niter; iteration++) {
			assigner.update();
			arena.u8.fill(0, sums, sums + k * d * 8);
			arena.u8.fill(0, counts, counts + k * 4);
			const spread = new Spread(k);
			const sum = (x: number, count: number, labels: number): void => {
				engine.kernels.sumRows(x, count, d, labels, sums, counts);
			};
			const steps = assigner.run(rows, labels, phase, sum, spread);
			const objective = yield* scaled(steps, before + iteration * n, all);
			let moved = 0;
			for (let i = 0; i < n; i++) if (labels[i] !== previous[i]) moved++;
			[labels, previous] = [previous, labels];
			const last = iterations.at(-1);
			const settled = last !== undefined && gain(last.objective, objective, spherical) < (options.tolerance ?? 1e-4);
			let split = 0;
			if (moved > 0) {
				moveCentroids(engine, centroids, sums, counts, k, d);
				if (iteration + 1 < niter || options.splitLast) {
					split = splitClusters(engine, rows, centroids, counts, k, spread, options);
				}
				if (spherical) engine.kernels.normalizeRows(centroids, k, d);
			}
			iterations.push({ objective, moved, split });
			if (moved === 0 || (settled && split === 0)) break;
		}
		kept = true;
		return { ptr: centroids, k, iterations };
	} finally {
		arena.free(sums);
		arena.free(counts);
		if (!kept) arena.free(centroids);
	}
}

/** Share by which the objective improved. */
function gain(before: number, after: number, spherical: boolean): number {
	if (before === 0) return 0;
	return (spherical ? after - before : before - after) / Math.abs(before);
}

/** Progress of one pass as progress of the whole training; parallel steps as they are. */
function* scaled<T>(steps: Steps<T>, before: number, all: number): Steps<T> {
	try {
		for (;;) {
			const step = steps.next();
			if (step.done) return step.value;
			if (isParallel(step.value)) {
				yield step.value;
				continue;
			}
			const { phase, done } = step.value;
			yield { phase, done: before + done, total: all };
		}
	} finally {
		steps.return(undefined as T);
	}
}

/** Each centroid goes to the mean of its rows; empty ones stay. */
function moveCentroids({ arena }: Engine, centroids: number, sums: number, counts: number, k: number, d: number): void {
	const { f32, f64, u32 } = arena;
	for (let c = 0; c < k; c++) {
		const size = u32[(counts >>> 2) + c]!;
		const to = (centroids >>> 2) + c * d;
		for (let t = 0; size > 0 && t < d; t++) f32[to + t] = f64[sums / 8 + c * d + t]! / size;
	}
}

/** With `balance`: clusters above this many times the mean are split ... */
const LARGE = 1.5;
/** ... while there are clusters at most this many times as large to give up. */
const SMALL = 0.25;

/**
 * An empty cluster takes half of the largest that is not a single point: the two centroids are pushed apart along
 * the line to its farthest row. Each cluster is split once an iteration. With `balance` small clusters are given up
 * to do the same; their rows go to neighbours in the next iteration. Returns how many were filled.
 */
function splitClusters(
	{ arena }: Engine,
	rows: TrainingRows,
	centroids: number,
	counts: number,
	k: number,
	spread: Spread,
	{ balance, spherical }: KMeansOptions,
): number {
	const { d } = rows;
	const sizes = arena.u32.slice(counts >>> 2, (counts >>> 2) + k);
	const smallest = [...sizes.keys()].sort((a, b) => sizes[a]! - sizes[b]! || a - b);
	if (sizes[smallest[0]!]! > 0 && !balance) return 0;
	const differs = (c: number): boolean => {
		const far = rows.chunk(spread.farthest[c]!, 1) >>> 2;
		const { f32 } = arena;
		for (let t = 0; t < d; t++) if (f32[far + t] !== f32[(centroids >>> 2) + c * d + t]) return true;
		return false;
	};
	const largest = [...sizes.keys()]
		.filter((c) => sizes[c]! > 1 && (spherical ? differs(c) : spread.error[c]! > 0))
		.sort((a, b) => sizes[b]! - sizes[a]! || a - b);
	const large = (LARGE * rows.n) / k;
	for (const [i, big] of largest.entries()) {
		const small = smallest[i]!;
		const size = sizes[small]!;
		if (size > 0 && !(balance && sizes[big]! >= large && size <= SMALL * sizes[big]!)) return i;
		const far = rows.chunk(spread.farthest[big]!, 1) >>> 2;
		const from = (centroids >>> 2) + big * d;
		const to = (centroids >>> 2) + small * d;
		const { f32 } = arena;
		for (let t = 0; t < d; t++) {
			const value = f32[from + t]!;
			const push = (f32[far + t]! - value) / 4;
			f32[to + t] = value + push;
			f32[from + t] = value - push;
		}
	}
	return largest.length;
}

/** Copies the rows named to `ptr`. */
function loadRows({ arena }: Engine, rows: TrainingRows, which: Uint32Array, ptr: number): void {
	for (const [i, row] of which.entries()) {
		const from = rows.chunk(row, 1);
		arena.u8.copyWithin(ptr + i * rows.d * 4, from, from + rows.d * 4);
	}
}
