/**
 * Data to measure on: a folder in the texmex layout, a file of vectors, or generated rows. All become the same in a
 * cache folder: base.f32, queries.f32 and truth.i32, read by every engine.
 */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { exactNeighbors, normalize, squaredL2, VectorSet } from '../../packages/vecino/src/index.ts';
import { openVectors, readVectors } from '../../packages/vecino/src/node/files.ts';
import { Rng } from '../../packages/vecino/src/util/rng.ts';
import { readFloats, readInts, writeValues } from './files.ts';
import { generate, parseShape } from './generate.ts';
import { median } from './stats.ts';

/** True neighbours kept per query. */
const TRUTH_K = 100;

export interface SetOptions {
	/** A folder or a file of vectors. */
	readonly data?: string | undefined;
	/** Rows and dimensions to generate instead: `200000x128`. */
	readonly generate?: string | undefined;
	readonly metric?: string | undefined;
	/** Queries to hold out or to generate, where the data has none. */
	readonly queries: number;
	/** Rows to use at most. */
	readonly limit?: number | undefined;
	readonly seed: number;
	readonly cache: string;
}

export interface BenchSet {
	readonly name: string;
	/** Cosine data is brought to length 1 and searched by 'ip'. */
	readonly metric: 'l2' | 'ip';
	readonly base: VectorSet;
	readonly queries: VectorSet;
	/** Nearest rows of each query, layout (queries.n, k). */
	readonly truth: { readonly k: number; readonly labels: Int32Array };
	readonly paths: { readonly base: string; readonly queries: string };
}

interface Raw {
	readonly metric: string;
	readonly base: VectorSet;
	readonly queries: VectorSet;
	/** Layout (queries.n, k), where the data came with it. */
	readonly truth?: { readonly k: number; readonly labels: Int32Array };
}

/** Reads or generates the data, or finds it in the cache. */
export async function prepareSet(options: SetOptions): Promise<BenchSet> {
	const { cache, seed, queries: nq } = options;
	const parts = [options.metric, options.limit && `first-${options.limit}`].filter(Boolean);
	let name: string;
	let key: string;
	if (options.generate !== undefined) {
		const { n, d } = parseShape(options.generate);
		name = ['generated', `${n}x${d}`, ...parts].join('-');
		key = `${name}-q${nq}-seed${seed}`;
	} else {
		const source = options.data ?? missing();
		name = [basename(source).replace(/\.[a-z]+$/, ''), ...parts].join('-');
		key = `${name}-q${nq}-seed${seed}-${stamp(source)}`;
	}
	const at = join(cache, key);
	const paths = { base: join(at, 'base.f32'), queries: join(at, 'queries.f32') };
	const about = join(at, 'about.json');
	if (!existsSync(about)) await fill(options, at, paths, about);
	const { d, metric, k } = JSON.parse(readFileSync(about, 'utf8')) as { d: number; metric: 'l2' | 'ip'; k: number };
	const base = new VectorSet(readFloats(paths.base), d);
	const queries = new VectorSet(readFloats(paths.queries), d);
	return { name, metric, base, queries, truth: { k, labels: readInts(join(at, 'truth.i32')) }, paths };
}

async function fill(options: SetOptions, at: string, paths: BenchSet['paths'], about: string): Promise<void> {
	const raw = options.generate === undefined ? await readData(options) : generated(options);
	const unit = raw.metric === 'cosine';
	const base = unit ? normalized(raw.base) : raw.base;
	const queries = unit ? normalized(raw.queries) : raw.queries;
	const metric = raw.metric === 'l2' ? 'l2' : 'ip';
	writeValues(paths.base, base.data);
	writeValues(paths.queries, queries.data);
	const k = raw.truth?.k ?? Math.min(TRUTH_K, base.n);
	if (raw.truth === undefined) console.error(`exact neighbours of ${queries.n} queries in ${base.n} rows ...`);
	const labels = raw.truth?.labels ?? Int32Array.from(exactNeighbors(base, queries, k, { metric }).labels);
	writeValues(join(at, 'truth.i32'), labels);
	// Last: what has it is complete.
	writeFileSync(about, JSON.stringify({ n: base.n, d: base.d, nq: queries.n, metric, k }));
}

function generated({ generate: text, queries: nq, seed, metric = 'l2', limit }: SetOptions): Raw {
	const { n, d } = parseShape(text!);
	console.error(`generating ${n} x ${d} ...`);
	const { base, queries } = generate({ n, d, nq, seed });
	return { metric, base: limit ? base.slice(0, Math.min(limit, n)) : base, queries };
}

async function readData({ data, metric, limit, queries: nq, seed }: SetOptions): Promise<Raw> {
	const source = data!;
	if (!statSync(source).isDirectory()) return heldOut(await vectors(source, limit), metric ?? 'l2', nq, seed);
	const find = (pattern: RegExp): string | undefined => readdirSync(source).find((name) => pattern.test(name));
	const about = find(/^meta\.json$/);
	const known = about && (JSON.parse(readFileSync(join(source, about), 'utf8')) as { metric?: string }).metric;
	const chosen = metric ?? known ?? 'l2';
	const [base, queries, truth] = [/^base\.[fb]vecs$/, /^query\.[fb]vecs$/, /^groundtruth\.ivecs$/].map(find);
	const single = find(/^vectors\.npy$/);
	if (base === undefined || queries === undefined) {
		if (single === undefined) throw new Error(`${source} has neither base.fvecs and query.fvecs nor vectors.npy`);
		return heldOut(await vectors(join(source, single), limit), chosen, nq, seed);
	}
	const raw = {
		metric: chosen,
		base: await vectors(join(source, base), limit),
		queries: await vectors(join(source, queries), undefined),
	};
	if (truth === undefined || limit !== undefined || (known !== undefined && known !== chosen)) return raw;
	await using file = await openVectors(join(source, truth));
	return { ...raw, truth: { k: file.d, labels: await file.readInts(0, file.n) } };
}

async function vectors(path: string, limit: number | undefined): Promise<VectorSet> {
	const { data, d } = await readVectors(path);
	const x = new VectorSet(data, d);
	return limit === undefined ? x : x.slice(0, Math.min(limit, x.n));
}

/** Rows drawn at random become queries and leave the base. */
function heldOut(x: VectorSet, metric: string, nq: number, seed: number): Raw {
	const chosen = new Rng(seed).sample(x.n, Math.min(nq, Math.max(1, Math.floor(x.n / 10))));
	const out = new Set(chosen);
	const kept = Array.from({ length: x.n }, (_, i) => i).filter((i) => !out.has(i));
	return { metric, base: x.take(kept), queries: x.take(chosen) };
}

function normalized(x: VectorSet): VectorSet {
	const data = new Float32Array(x.data.length);
	for (let i = 0; i < x.n; i++) data.set(normalize(x.row(i)), i * x.d);
	return new VectorSet(data, x.d);
}

function missing(): never {
	throw new Error('no data: give --data <folder or file> or --generate <rows>x<dimensions>');
}

/** Changes when the source does. */
function stamp(source: string): string {
	const { mtimeMs } = statSync(source);
	return Math.floor(mtimeMs / 1000).toString(36);
}

/** How hard the data is: medians over up to 200 queries. */
export interface Hardness {
	/** Local intrinsic dimension, maximum likelihood over the truth's neighbours (Levina and Bickel, 2004). */
	readonly lid: number;
	/** Distance of a random row over that of the tenth neighbour. */
	readonly contrast: number;
}

export function hardness({ base, queries, truth }: BenchSet): Hardness {
	const rng = new Rng(1);
	const lids: number[] = [];
	const contrasts: number[] = [];
	for (let i = 0; i < Math.min(200, queries.n); i++) {
		const q = queries.row(i);
		const distance = (row: number): number => Math.sqrt(squaredL2(q, base.row(row)));
		const near = Array.from({ length: truth.k }, (_, j) => distance(truth.labels[i * truth.k + j]!)).sort(
			(a, b) => a - b,
		);
		const last = near.at(-1)!;
		const logs = near.filter((r) => r > 0 && r < last).map((r) => Math.log(last / r));
		if (logs.length > 0) lids.push(logs.length / logs.reduce((a, b) => a + b, 0));
		let random = 0;
		for (let j = 0; j < 20; j++) random += distance(rng.below(base.n)) / 20;
		contrasts.push(random / near[Math.min(9, near.length - 1)]!);
	}
	return { lid: median(lids), contrast: median(contrasts) };
}
