/**
 * vecino build: an index file from a vector file, holding no more of them as float32 than training needs.
 */

import { type Command, InvalidArgumentError, Option } from 'commander';
import {
	defaultEngine,
	estimateSpec,
	type Index,
	IndexFlat,
	IndexHNSW,
	IndexIVFFlat,
	IndexIVFPQ,
	IndexIVFPQFastScan,
	IndexIVFRaBitQ,
	IndexIVFScalarQuantizer,
	IndexPQ,
	IndexPQFastScan,
	IndexPreTransform,
	IndexRaBitQ,
	IndexRefine,
	IndexScalarQuantizer,
	type IndexSpec,
	indexFactory,
	isVecinoError,
	type Metric,
	type RefineStore,
	type SpecEstimate,
	specOf,
	VectorSet,
} from 'vecino';
import { saveIndex } from 'vecino/node';
import { addCommand, type Context, withContext } from '../context.ts';
import { checkIndexName, checkOutput, openFile, pick, type RowSource } from '../data.ts';
import { checkM, defaultM, defaultNlist } from '../defaults.ts';
import { describe, renderIndex } from '../describe.ts';
import { UsageError } from '../errors.ts';
import { integer, metricOption, number, seedOption, type Threads, threadsOption, useThreads } from '../options.ts';
import { bytes, count, plural, seconds } from '../output.ts';
import { Random } from '../synthetic.ts';
import { dimensionBehind, makeTransform, readTransform, type TransformSpec } from '../transform.ts';

const TYPES = [
	'flat',
	'sq8',
	'sq4',
	'f16',
	'bf16',
	'pq',
	'pqfs',
	'ivfflat',
	'ivfsq8',
	'ivfsq4',
	'ivff16',
	'ivfbf16',
	'ivfpq',
	'ivfpqfs',
	'rabitq',
	'ivfrabitq',
	'hnsw',
] as const;
type IndexKind = (typeof TYPES)[number];

interface BuildOptions {
	readonly output: string;
	/** Absent: ivfpq. */
	readonly type?: IndexKind;
	/** A factory string, in place of type and what goes with it. */
	readonly index?: string;
	readonly m?: number;
	readonly nbits?: number;
	readonly nlist?: number;
	readonly M?: number;
	readonly efConstruction?: number;
	readonly metric: Metric;
	readonly pad?: boolean;
	/** False with --no-residual. */
	readonly residual: boolean;
	readonly transform?: TransformSpec;
	readonly refine?: RefineStore;
	readonly kFactor?: number;
	readonly seed: number;
	readonly trainLimit?: number;
	readonly threads: Threads;
}

/** Options that only some types take. */
const TAKES: Readonly<Record<'m' | 'nbits' | 'pad' | 'nlist' | 'M' | 'efConstruction', readonly IndexKind[]>> = {
	m: ['pq', 'pqfs', 'ivfpq', 'ivfpqfs'],
	nbits: ['pq', 'ivfpq', 'rabitq', 'ivfrabitq'],
	pad: ['pq', 'pqfs', 'ivfpq', 'ivfpqfs'],
	M: ['hnsw'],
	efConstruction: ['hnsw'],
	nlist: ['ivfflat', 'ivfsq8', 'ivfsq4', 'ivff16', 'ivfbf16', 'ivfpq', 'ivfpqfs', 'ivfrabitq'],
};
/** Bits that the types with --nbits take. */
const NBITS: Readonly<Partial<Record<IndexKind, readonly [min: number, max: number]>>> = {
	pq: [4, 12],
	ivfpq: [4, 12],
	rabitq: [1, 8],
	ivfrabitq: [1, 8],
};
/** Stores of --refine, without product quantizers. */
const STORES = ['flat', 'sq8', 'sq4', 'f16', 'bf16'] as const;
const WITH_RESIDUALS: readonly IndexKind[] = ['ivfpq', 'ivfpqfs'];

/** Training rows wanted per centroid, as in the engine, and the most memory they may take by default. */
const ROWS_PER_CENTROID = 256;
const TRAINING_BYTES = 2 ** 30;

const HELP = `
Types, and bytes per vector:
  flat       the vectors themselves, exact search         4 * d
  sq8        one byte per component                       d
  sq4        four bits per component                      d / 2
  f16        16-bit floats (IEEE half)                    2 * d
  bf16       16-bit floats (bfloat16)                     2 * d
  pq         product quantization                         m * nbits / 8
  pqfs       the same with 4 bits, scanned 32 at a time   m / 2
  ivfflat    cells of vectors, exact inside the cells     4 * d + 4
  ivfsq8     cells of one byte per component              d + 4
  ivfsq4     cells of four bits per component             d / 2 + 4
  ivff16     cells of IEEE halves                         2 * d + 4
  ivfbf16    cells of bfloat16                            2 * d + 4
  ivfpq      cells of product-quantized residuals         m * nbits / 8 + 8
  ivfpqfs    the same with 4 bits, scanned 32 at a time   m / 2 + 6
  rabitq     nbits bits per component, no codebook        nbits * d / 8 + 4 or 12
  ivfrabitq  cells of the same                            nbits * d / 8 + 8 or 16
  hnsw       a graph over the vectors themselves          4 * d + 8 * M + 4
--transform leads vectors through a transform first: pca:64 keeps the 64 dimensions
in which they spread most (pcar also rotates them), opq rotates for the least error
of codes (with m sub-vectors; opq:64 also reduces), rr rotates at random, l2norm
makes them of length 1.
--index takes FAISS's factory strings, which name all of these and more; Auto chooses, and
Auto(40) does so within 40 bytes per vector.
--refine adds a second copy of the vectors to re-rank with: exact (flat), 16-bit
floats (f16, bf16), 8 or 4 bits per component (sq8, sq4), or product-quantized
(pq32: m 32, nbits 8; pq32x6: nbits 6).

The file is read twice, in parts: for a random sample to train on, then to add
every vector. The output appears under its name only when it is whole.

Examples:
  vecino build embeddings.npy -o embeddings.vecino --metric cosine
  vecino build sift.bvecs -o sift.vecino --nlist 1024 --m 16 --refine sq8
  vecino build embeddings.npy -o small.vecino --transform opq:64 --m 16 --refine sq8
  vecino build embeddings.npy -o small.vecino --index "IVF1024,PQ32x4fsr,Refine(SQ8)"`;

export function registerBuild(program: Command): void {
	addCommand(program, 'build <vectors>', 'build an index file from a vector file')
		.requiredOption('-o, --output <file>', 'the index file to write (.vecino)')
		.option(
			'--index <string>',
			'factory string, in place of --type: "IVF1024,PQ32x4fsr,RFlat", "OPQ16_64,IVF1024,PQ16", "Auto"',
		)
		.addOption(new Option('--type <name>', 'kind of index (default: "ivfpq")').choices(TYPES))
		.option(
			'--m <n>',
			'sub-vectors; divides d (default: the divisor nearest d / 8, of pqfs and ivfpqfs d / 4)',
			integer(1, 65536),
		)
		.option(
			'--nbits <n>',
			'bits of a sub-code, 4 to 12 (default: 8); of rabitq and ivfrabitq per component, 1 to 8 (default: 1)',
			integer(1, 12),
		)
		.option('--nlist <n>', 'cells (default: 4 * sqrt(n), leaving at least 39 vectors to a cell)', integer(1, 2 ** 24))
		.option('--M <n>', 'hnsw: links per vector, twice as many on the lowest level (default: 32)', integer(2, 512))
		.option(
			'--ef-construction <n>',
			'hnsw: vectors in view while one is added; more make a better graph, slower (default: 64)',
			integer(1, 65536),
		)
		.addOption(metricOption())
		.option('--pad', 'allow an m that does not divide d: fill vectors up with zeros')
		.option('--no-residual', 'ivfpq, ivfpqfs: code vectors themselves, not their difference to the centroid')
		.option('--transform <kind>', 'pca:64, pcar:64, opq, opq:64, rr or l2norm, ahead of the codes', readTransform)
		.option(
			'--refine <store>',
			`keep vectors to re-rank candidates with: ${STORES.join(', ')}, pq<m> or pq<m>x<nbits>`,
			refineStore,
		)
		.option('--k-factor <x>', 'candidates re-ranked per result (default: 10)', number(1, 1e6))
		.addOption(seedOption('seed of training; the same seed gives the same file'))
		.option(
			'--train-limit <n>',
			'train on at most n vectors, drawn at random (default: 256 per centroid, at most 1 GiB)',
			integer(1, 2 ** 32 - 1),
		)
		.addOption(threadsOption('auto'))
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, path: string, options: BuildOptions): Promise<object> {
	checkApplies(options);
	checkIndexName(options.output);
	await using source = await openFile(path, context);
	await checkOutput(options.output, [path]);
	await useThreads(options.threads);
	using index = options.index === undefined ? makeIndex(source, options) : fromString(source, options, options.index);
	const forecast = foresee(source, options, index);
	// What is over at once is not announced.
	if (forecast.seconds !== undefined) context.progress.note(renderForecast(forecast, defaultEngine().threads));
	const start = performance.now();
	const trainedOn = await train(context, index, source, options);
	const trained = performance.now();
	index.reserve(source.n);
	for await (const { start: first, data } of source.chunks()) {
		const total = source.n;
		const onProgress = ({ done }: { done: number }) =>
			context.progress.report({ phase: 'add', done: first + done, total });
		await index.addAsync(new VectorSet(data, source.d), { signal: context.signal, onProgress });
	}
	index.shrink();
	const added = performance.now();
	const { byteLength } = await saveIndex(index, options.output, context.run);
	const saved = performance.now();
	const took = { train: (trained - start) / 1000, add: (added - trained) / 1000, save: (saved - added) / 1000 };

	const float32 = source.n * source.d * 4;
	const from = trainedOn === 0 ? '' : `, trained on ${count(trainedOn)}`;
	context.say(
		`${options.output}: ${plural(source.n, 'vector')} of ${plural(source.d, 'dimension')} from ${source.name}${from}\n`,
	);
	const report = describe(index);
	context.say(renderIndex(report));
	context.say();
	context.say(`file      ${bytes(byteLength)}; as float32 the vectors take ${bytes(float32)}`);
	context.say(
		`built in  ${seconds(took.train + took.add + took.save)}: train ${seconds(took.train)}, add ${seconds(took.add)}, save ${seconds(took.save)}`,
	);
	context.say(`\nTry next: vecino recall ${options.output} --vectors ${path} --queries 100`);
	return {
		command: 'build',
		output: options.output,
		vectors: { source: source.name, n: source.n, d: source.d, float32Bytes: float32 },
		trainedOn,
		index: report,
		fileBytes: byteLength,
		seconds: took,
		forecast: { indexBytes: forecast.bytes, peakBytes: forecast.peakBytes, seconds: forecast.seconds ?? null },
	};
}

/** A store of --refine. */
function refineStore(value: string): RefineStore {
	const word = STORES.find((store) => store === value);
	if (word !== undefined) return word;
	const pq = /^pq([1-9]\d{0,4})(?:x([4-9]|1[0-2]))?$/.exec(value);
	if (pq !== null) return { pq: { m: Number(pq[1]), nbits: Number(pq[2] ?? 8) } };
	throw new InvalidArgumentError(`It must be ${STORES.join(', ')}, pq<m> or pq<m>x<nbits>.`);
}

/** What a factory string says itself. */
const SAID: readonly (readonly [name: keyof BuildOptions, flag: string])[] = [
	['type', '--type'],
	['m', '--m'],
	['nbits', '--nbits'],
	['nlist', '--nlist'],
	['M', '--M'],
	['transform', '--transform'],
	['refine', '--refine'],
];

function checkApplies(given: BuildOptions): void {
	if (given.index !== undefined) {
		const twice =
			SAID.find(([name]) => given[name] !== undefined)?.[1] ?? (given.residual ? undefined : '--no-residual');
		if (twice !== undefined) throw new UsageError(`${twice} and --index say the same; give one of them`);
		return;
	}
	const { type = 'ivfpq', refine, kFactor, residual, ...options } = given;
	for (const name of ['m', 'nbits', 'pad', 'nlist', 'M', 'efConstruction'] as const) {
		if (options[name] === undefined || TAKES[name].includes(type)) continue;
		const flag = name === 'efConstruction' ? 'ef-construction' : name;
		throw new UsageError(`--${flag} means nothing to --type ${type}; it is for ${TAKES[name].join(' and ')}`);
	}
	const [min, max] = NBITS[type] ?? [0, 0];
	if (options.nbits !== undefined && (options.nbits < min || options.nbits > max)) {
		throw new UsageError(`--nbits must be ${min} to ${max} for --type ${type}, got ${options.nbits}`);
	}
	if (!residual && !WITH_RESIDUALS.includes(type)) {
		throw new UsageError(`--no-residual is for --type ${WITH_RESIDUALS.join(' and ')}`);
	}
	if (kFactor !== undefined && refine === undefined) throw new UsageError('--k-factor needs --refine');
	if (refine !== undefined && type === 'flat' && options.transform === undefined)
		throw new UsageError('--refine is of no use to --type flat, which is exact');
}

/** The index of --index. */
function fromString({ n, d }: RowSource, options: BuildOptions, text: string): Index {
	const { metric, pad, kFactor, efConstruction, seed } = options;
	try {
		return indexFactory(d, text, { metric, pad, kFactor, efConstruction, seed, n });
	} catch (error) {
		if (!isVecinoError(error, 'bad-spec')) throw error;
		throw new UsageError(error.message.replace(/^indexFactory: /, '--index '));
	}
}

function makeIndex(source: RowSource, options: BuildOptions): Index {
	const { type = 'ivfpq', metric, pad = false, residual: byResidual, refine: store, kFactor = 10, seed } = options;
	const nbits = options.nbits ?? defaultNbits(type);
	const { n } = source;
	const { transform } = options;
	if (transform?.kind === 'opq' && !TAKES.m.includes(type)) {
		throw new UsageError(`--transform opq is for ${TAKES.m.join(', ')}`);
	}
	const d = dimensionBehind(transform, source.d, options.m);
	const fast = type.endsWith('fs');
	const m = options.m ?? defaultM(d, fast ? 4 : 8);
	if (TAKES.m.includes(type)) checkM(m, d, pad);
	const nlist = options.nlist ?? defaultNlist(n);
	const make: Record<IndexKind, () => Index> = {
		flat: () => new IndexFlat({ d, metric }),
		sq8: () => new IndexScalarQuantizer({ d, metric }),
		sq4: () => new IndexScalarQuantizer({ d, metric, type: 'sq4' }),
		f16: () => new IndexScalarQuantizer({ d, metric, type: 'f16' }),
		bf16: () => new IndexScalarQuantizer({ d, metric, type: 'bf16' }),
		pq: () => new IndexPQ({ d, metric, m, nbits, pad }),
		pqfs: () => new IndexPQFastScan({ d, metric, m, pad }),
		ivfflat: () => new IndexIVFFlat({ d, metric, nlist }),
		ivfsq8: () => new IndexIVFScalarQuantizer({ d, metric, nlist }),
		ivfsq4: () => new IndexIVFScalarQuantizer({ d, metric, nlist, type: 'sq4' }),
		ivff16: () => new IndexIVFScalarQuantizer({ d, metric, nlist, type: 'f16' }),
		ivfbf16: () => new IndexIVFScalarQuantizer({ d, metric, nlist, type: 'bf16' }),
		ivfpq: () => new IndexIVFPQ({ d, metric, nlist, m, nbits, pad, byResidual }),
		ivfpqfs: () => new IndexIVFPQFastScan({ d, metric, nlist, m, pad, byResidual }),
		hnsw: () => new IndexHNSW({ d, metric, M: options.M, efConstruction: options.efConstruction }),
		rabitq: () => new IndexRaBitQ({ d, metric, nbits, seed }),
		ivfrabitq: () => new IndexIVFRaBitQ({ d, metric, nlist, nbits, seed }),
	};
	const inner = make[type]();
	const made = transform && makeTransform(transform, source.d, d, m, fast ? 4 : Math.min(nbits, 8));
	const base = made === undefined ? inner : new IndexPreTransform({ transforms: [made], index: inner });
	return store === undefined ? base : new IndexRefine({ base, store, kFactor });
}

function defaultNbits(type: IndexKind): number {
	return type.endsWith('rabitq') ? 1 : 8;
}

/** Trains on a random sample; returns its size. */
async function train(context: Context, index: Index, source: RowSource, options: BuildOptions): Promise<number> {
	if (index.isTrained) return 0;
	const { seed } = options;
	const rows = new Random(seed).sample(source.n, trainingRows(source, options, index));
	const [sample] = await pick(context, source, [rows], 'read a sample to train on');
	await index.trainAsync(sample!, { seed, ...context.run });
	return rows.length;
}

/** Vectors that training is given: enough for the finest centroids, within TRAINING_BYTES. */
function trainingRows({ n, d }: RowSource, { trainLimit }: BuildOptions, index: Index): number {
	const most = Math.max(1, Math.floor(TRAINING_BYTES / (4 * d)));
	return Math.min(n, trainLimit ?? Math.min(ROWS_PER_CENTROID * centroidsOf(specOf(index), d), most));
}

/** The most centroids that anything in an index learns; matrices want about as many as dimensions. */
function centroidsOf(spec: IndexSpec, d: number): number {
	switch (spec.kind) {
		case 'idmap':
			return centroidsOf(spec.index, d);
		case 'pretransform':
			return Math.max(d, centroidsOf(spec.index, d));
		case 'refine':
			return Math.max(centroidsOf(spec.base, d), centroidsOf(spec.store, d));
		case 'ivf':
			return Math.max(spec.nlist as number, centroidsOf(spec.codec, d));
		case 'pq':
			return 2 ** spec.nbits;
		case 'rabitq':
			return 1;
		default:
			return 256;
	}
}

/** Values from which it is worth a quarter of a second to say how long building will take. */
const MEASURE_FROM = 2 ** 20;

/** What building will take. The peak holds the sample to train on, too. */
function foresee(source: RowSource, options: BuildOptions, index: Index): SpecEstimate {
	const { n, d } = source;
	const { metric } = options;
	const sample = index.isTrained ? 0 : trainingRows(source, options, index);
	const measure = n * d >= MEASURE_FROM;
	const estimate = estimateSpec(d, n, specOf(index), { metric, pad: true, trainingRows: sample, measure });
	return { ...estimate, peakBytes: estimate.peakBytes + sample * d * 4 };
}

function renderForecast({ bytes: size, peakBytes, seconds: time }: SpecEstimate, threads: number): string {
	const on = threads > 1 ? ' on one thread' : '';
	const long = time === undefined ? '' : `about ${seconds(time.train + time.add)}${on}, `;
	return `forecast: ${long}${bytes(peakBytes)} of memory at most, an index of ${bytes(size)}`;
}
