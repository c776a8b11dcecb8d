/**
 * What the tuner is asked, checked, and what its run will take.
 */

import type { Metric } from '../core/metric.ts';
import { resolveOptions, TUNE_OPTIONS } from '../core/options.ts';
import { toVectorSet, VectorSet, type Vectors } from '../core/vectors.ts';
import { type IndexSpec, printSpec } from '../factory/spec.ts';
import { IndexFlat } from '../indexes/flat.ts';
import { defaultEngine, type Engine } from '../kernels/engine.ts';
import { show } from '../util/check.ts';
import { Rng } from '../util/rng.ts';
import type { AsyncRunOptions } from '../util/steps.ts';
import type { TuneCandidate } from './tune-report.ts';
import { defaultShapes, type Shape, sized } from './tune-shapes.ts';

/** Options of tune. */
export interface TuneOptions extends AsyncRunOptions {
	/** Mean recall@k to reach, 0..1. Default: 0.95. */
	readonly recall?: number | undefined;
	/** Resident bytes per vector at most, everything counted. Default: no limit. */
	readonly bytesPerVector?: number | undefined;
	/** Milliseconds per query at most, on one thread: then the smallest index that keeps to it is chosen, else the quickest. */
	readonly latencyMs?: number | undefined;
	/** Neighbours per query, 1..1000. Default: 10. */
	readonly k?: number | undefined;
	/** Default: 'l2'. */
	readonly metric?: Metric | undefined;
	/** Of everything random. Default: 1234. */
	readonly seed?: number | undefined;
	/**
	 * Queries like those that will be asked, 20 at least. Default: rows of the data, each left out of its own answer. Then the
	 * recall promised is that of queries like the rows: others can be harder (another model, another source, questions in
	 * place of passages), so give some where there are any.
	 */
	readonly queries?: Vectors | undefined;
	/** Rows that serve as queries, or the most that are used of those given: half choose, half verify. Default: 1000. */
	readonly sample?: number | undefined;
	/** Factory strings or specs to choose between. Default: what suits n, d and the limit of bytes. */
	readonly candidates?: readonly (string | IndexSpec)[] | undefined;
	/** Rows that candidates are compared on at most; the one chosen is then built of all. Default: 120000. */
	readonly compareOn?: number | undefined;
	/** Hand over the index chosen, its recallTable set. Default: false. */
	readonly build?: boolean | undefined;
	/** Where indexes live. Default: the shared engine. */
	readonly engine?: Engine | undefined;
	/** Called with each candidate when it has been measured; its `why` is what is known by then. */
	readonly onCandidate?: ((candidate: TuneCandidate) => void) | undefined;
}

/** What a run will take. */
export interface TuneForecast {
	/** Seconds of the run, to within a half or so. */
	readonly seconds: number;
	/** Seconds of building every candidate of all rows and timing every setting by searching. */
	readonly gridSeconds: number;
	/** Factory strings of what will be tried. */
	readonly candidates: readonly string[];
	/** Rows that candidates are compared on; null: all. */
	readonly sampleRows: number | null;
}

/** What is to be done. */
export interface TunePlan {
	readonly where: string;
	readonly x: VectorSet;
	readonly engine: Engine;
	readonly metric: Metric;
	readonly k: number;
	readonly seed: number;
	readonly recall: number;
	readonly limit: number | undefined;
	readonly latencyMs: number | undefined;
	readonly build: boolean;
	readonly shapes: readonly Shape[];
	/** Rows to compare on; n: all. */
	readonly compareOn: number;
	readonly queries: VectorSet;
	/** Row of each query, -1 for queries given. Size nq. */
	readonly own: Int32Array;
	/** Queries that choose; the others verify. */
	readonly choose: number;
	readonly onCandidate: ((candidate: TuneCandidate) => void) | undefined;
}

/** The rest of a sample that is not much smaller than the whole is not worth the two builds. */
const WORTH = 1.5;

type Defaults = 'recall' | 'k' | 'metric' | 'seed' | 'sample' | 'compareOn' | 'build';
type Resolved = Omit<TuneOptions, Defaults> & { readonly [K in Defaults]: NonNullable<TuneOptions[K]> };

export function makeTunePlan(where: string, x: VectorSet, options: TuneOptions): TunePlan {
	const resolved = resolveOptions(where, options, TUNE_OPTIONS) as Resolved;
	if (!(x instanceof VectorSet)) throw new TypeError(`${where}: x must be a VectorSet, got ${show(x)}`);
	toVectorSet(where, 'x', x, x.d);
	const { k, metric, seed, sample, queries: given } = resolved;
	if (x.n < Math.max(100, 2 * k)) {
		throw new RangeError(`${where}: ${x.n} vectors are too few to choose an index for; Flat searches them at once`);
	}
	const rng = new Rng(seed);
	const set = given === undefined ? undefined : toVectorSet(where, 'queries', given, x.d);
	const count = set === undefined ? Math.min(sample, Math.max(20, x.n >> 2)) : Math.min(sample, set.n);
	if (count < MIN_QUERIES) {
		throw new RangeError(`${where}: queries must be ${MIN_QUERIES} at least (half choose, half verify), got ${count}`);
	}
	const drawn = shuffled(rng.sample(set?.n ?? x.n, count), rng);
	const shape = { n: x.n, d: x.d, metric, limit: resolved.bytesPerVector };
	return {
		...{ where, x, k, metric, seed },
		engine: resolved.engine ?? defaultEngine(),
		recall: resolved.recall,
		limit: resolved.bytesPerVector,
		latencyMs: resolved.latencyMs,
		build: resolved.build,
		shapes: shapesOf(where, resolved.candidates, shape),
		compareOn: rowsToCompare(x.n, resolved.compareOn),
		queries: (set ?? x).take(drawn),
		own: set === undefined ? Int32Array.from(drawn) : new Int32Array(count).fill(-1),
		choose: count >> 1,
		onCandidate: resolved.onCandidate,
	};
}

const MIN_QUERIES = 20;

function shapesOf(
	where: string,
	candidates: TuneOptions['candidates'],
	shape: Parameters<typeof defaultShapes>[0],
): Shape[] {
	if (candidates === undefined) return defaultShapes(shape);
	if (!Array.isArray(candidates) || candidates.length === 0) {
		throw new TypeError(`${where}: candidates must be one or more factory strings or specs, got ${show(candidates)}`);
	}
	return sized(
		candidates.map((one) => (typeof one === 'string' ? one : printSpec(one))),
		shape,
	);
}

function rowsToCompare(n: number, compareOn: number): number {
	return n > WORTH * compareOn ? compareOn : n;
}

function shuffled(rows: Uint32Array, rng: Rng): Uint32Array {
	for (let i = rows.length - 1; i > 0; i--) {
		const j = rng.below(i + 1);
		[rows[i], rows[j]] = [rows[j]!, rows[i]!];
	}
	return rows;
}

/** Seconds of the exact neighbours: multiply-adds, and of a pass that counts and times, per candidate. */
const EXACT_SECONDS = 6e-11;
const PASS_SECONDS = 0.12;
const CODEC_SECONDS = 0.3;
/** Seconds of training and adding cells of vectors on the device that PROBE_SECONDS is of. */
function cellSeconds(factory: string, n: number, d: number): { train: number; add: number } {
	const nlist = Number(/^IVF(\d+)/.exec(factory)?.[1] ?? 0);
	const trained = Math.min(n, 256 * nlist);
	return { train: 1.2e-10 * trained * nlist * d, add: n * (2.7e-11 * nlist * d + 1e-6) };
}

/** An exact search of a few made-up rows: how fast is this device? */
const PROBE_ROWS = 4096;
const PROBE_SECONDS = 3.3e-4;

function slowness(engine: Engine | undefined): number {
	const x = new VectorSet(new Float32Array(PROBE_ROWS * 64).fill(1), 64);
	using index = new IndexFlat({ d: 64, pruned: false, ...(engine && { engine }) });
	index.add(x);
	let best = Number.POSITIVE_INFINITY;
	for (let run = 0; run < 8; run++) {
		const start = performance.now();
		index.search(x.slice(0, 8), 1);
		best = Math.min(best, (performance.now() - start) / 1000);
	}
	return best / PROBE_SECONDS;
}

/** Settings of a grid: numbers of cells, numbers of candidates; times that a query is asked. */
const GRID = { nprobes: 14, wides: 9, runs: 3 } as const;

/** Seconds of a query, on average over a grid: about what sift-free-100k and generated vectors take. */
function querySeconds(n: number, d: number): number {
	return 1e-5 + Math.sqrt((n * d) / 128) * 1.2e-7;
}

/**
 * What tuning n vectors of dimension d will take, by what it took elsewhere and how fast this device is.
 *
 * @example
 * const { seconds, candidates } = estimateTune(100_000, 128, { bytesPerVector: 200 });
 * console.log(seconds < 200, candidates.includes('IVF1024,SQ8')); // true true
 */
export function estimateTune(n: number, d: number, options: TuneOptions = {}): TuneForecast {
	const where = 'estimateTune';
	const { metric, bytesPerVector, sample, compareOn, candidates, engine } = resolveOptions(
		where,
		options,
		TUNE_OPTIONS,
	) as Resolved;
	const shapes = shapesOf(where, candidates, { n, d, metric, limit: bytesPerVector });
	return forecastTune({ n, d, shapes, compareOn: rowsToCompare(n, compareOn), nq: sample, engine });
}

export interface ForecastInput {
	readonly n: number;
	readonly d: number;
	readonly shapes: readonly Shape[];
	readonly compareOn: number;
	readonly nq: number;
	readonly engine?: Engine | undefined;
}

export function forecastTune({ n, d, shapes, compareOn, nq, engine }: ForecastInput): TuneForecast {
	const tried = shapes.filter(({ fits }) => fits).map(({ factory }) => factory);
	const sampled = compareOn < n;
	let seconds = (EXACT_SECONDS * n * d * nq) / (engine?.threads ?? 1);
	let grid = 0;
	let dearest = 0;
	const seen = new Set<string>();
	for (const factory of tried) {
		const base = baseOf(factory);
		const cells = /^IVF\d+/.exec(base)?.[0];
		const { train, add } = cellSeconds(base, compareOn, d);
		const codec = CODEC_SECONDS * Math.min(1, compareOn / 65_536);
		if (!seen.has(cells ?? base)) seconds += train;
		if (!seen.has(base)) seconds += codec + add;
		seen.add(cells ?? base).add(base);
		seconds += PASS_SECONDS + (nq / 2) * (1e-4 + 1.2e-7 * Math.sqrt(compareOn * d));
		const scale = n / compareOn;
		const whole = (train + codec) * Math.min(scale, cells === undefined ? 1 : 8) + add * scale;
		dearest = Math.max(dearest, whole);
		const settings = cells === undefined ? 1 : GRID.nprobes * (factory === base ? 1 : GRID.wides);
		grid += whole + settings * nq * GRID.runs * querySeconds(n, d);
	}
	if (sampled) seconds += dearest;
	const slow = slowness(engine);
	return {
		seconds: seconds * slow,
		gridSeconds: grid * slow,
		candidates: tried,
		sampleRows: sampled ? compareOn : null,
	};
}

/** A factory string without its store. */
export function baseOf(factory: string): string {
	return factory.replace(/,(RFlat|Refine\([^)]*\))$/, '');
}
