/**
 * Makes the index that a factory string names. What can be wrong with it is found before any memory is taken.
 */

import type { Metric } from '../core/metric.ts';
import { INDEX_FACTORY_OPTIONS, resolveOptions } from '../core/options.ts';
import { MAX_D } from '../core/vectors.ts';
import type { Index, IndexOptions } from '../indexes/base.ts';
import { IndexIVFPQFastScan, IndexPQFastScan } from '../indexes/fast-scan.ts';
import { IndexFlat } from '../indexes/flat.ts';
import { IndexHNSW } from '../indexes/hnsw.ts';
import { IndexIDMap } from '../indexes/id-map.ts';
import { IndexIVFFlat } from '../indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../indexes/ivf-pq.ts';
import { IndexIVFScalarQuantizer } from '../indexes/ivf-scalar-quantizer.ts';
import { IndexPQ } from '../indexes/pq.ts';
import { IndexPreTransform } from '../indexes/pre-transform.ts';
import { IndexIVFRaBitQ, IndexRaBitQ } from '../indexes/rabitq.ts';
import { IndexRefine } from '../indexes/refine.ts';
import { IndexScalarQuantizer } from '../indexes/scalar-quantizer.ts';
import { defaultEngine, type Engine } from '../kernels/engine.ts';
import { NormalizeTransform } from '../transforms/normalize.ts';
import { OPQTransform } from '../transforms/opq.ts';
import { PCATransform } from '../transforms/pca.ts';
import { RandomRotation } from '../transforms/rotation.ts';
import type { Transform } from '../transforms/transform.ts';
import { checkInt } from '../util/check.ts';
import { settleSpec } from './choose.ts';
import { checkFits } from './fit.ts';
import { readSpec } from './parse.ts';
import { type CodecSpec, type IndexSpec, type IVFSpec, printSpec, type TransformSpec } from './spec.ts';

/** Options of indexFactory: what a factory string does not say. */
export interface IndexFactoryOptions {
	/** Metric of the index. Default: 'l2'. */
	readonly metric?: Metric | undefined;
	/** Owner of its memory. Default: the shared engine. */
	readonly engine?: Engine | undefined;
	/** Fill vectors up with zeros where the m of a product quantizer does not divide d. Default: false. */
	readonly pad?: boolean | undefined;
	/** Candidates that a refined index re-ranks per result, unless the search says otherwise. Default: 10. */
	readonly kFactor?: number | undefined;
	/** HNSW: nodes that adding a vector keeps in view. Default: 64. */
	readonly efConstruction?: number | undefined;
	/** Seed of the rotations of RR and RaBitQ. Default: 1234. */
	readonly seed?: number | undefined;
	/** Vectors that the index is for: needed by `Auto` and by `IVF` without a number of cells. */
	readonly n?: number | undefined;
	/** `Auto`: resident bytes per vector at most. Default: about a third of float32. */
	readonly bytesPerVector?: number | undefined;
}

type Settings = Required<
	Pick<IndexFactoryOptions, 'metric' | 'engine' | 'pad' | 'kFactor' | 'efConstruction' | 'seed'>
>;

/**
 * The index that a factory string names, empty and not trained. Words and meaning are FAISS's (index_factory), see spec.ts.
 *
 * @param d - Dimension of the vectors, 1..65536.
 * @param spec - A factory string, or what parseSpec, specOf or chooseIndex made of one.
 * @param options - Or only the metric, which is where FAISS has it.
 * @throws {VecinoError} `bad-spec`: with `position` and `nearest` where the string is wrong, or where it does not fit d.
 *
 * @example
 * using index = indexFactory(64, 'IVF100,PQ32x4fsr,RFlat', { metric: 'cosine' });
 * index.train(vectors).add(vectors);
 * const { labels } = index.search(queries, 10, { nprobe: 8 });
 */
export function indexFactory(d: number, spec: string | IndexSpec, options: IndexFactoryOptions | Metric = {}): Index {
	const where = 'indexFactory';
	checkInt(where, 'd', d, 1, MAX_D);
	const given = typeof options === 'string' ? { metric: options } : options;
	const resolved = resolveOptions<IndexFactoryOptions>(where, given, INDEX_FACTORY_OPTIONS);
	const text = typeof spec === 'string' ? spec : printSpec(spec);
	const { metric, n, bytesPerVector, pad } = resolved;
	const settled = settleSpec(where, text, readSpec(where, text), { d, metric: metric!, n, bytesPerVector });
	checkFits(where, text, d, settled, pad!);
	const made: Disposable[] = [];
	try {
		return make({ d, spec: settled, made, ...(resolved as Settings), engine: resolved.engine ?? defaultEngine() });
	} catch (error) {
		for (const one of made.reverse()) one[Symbol.dispose]();
		throw error;
	}
}

interface Making<S> extends Settings {
	readonly d: number;
	readonly spec: S;
	/** All that holds memory so far, innermost first. */
	readonly made: Disposable[];
}

function make(what: Making<IndexSpec>): Index {
	const index = makeOne(what);
	what.made.push(index);
	return index;
}

function makeOne(what: Making<IndexSpec>): Index {
	const { spec, kFactor, efConstruction } = what;
	const { d, metric, engine } = what;
	switch (spec.kind) {
		case 'idmap':
			return new IndexIDMap({ index: make({ ...what, spec: spec.index }) });
		case 'refine': {
			const base = make({ ...what, spec: spec.base });
			const { store } = spec;
			if (store.kind === 'pq')
				return new IndexRefine({ base, kFactor, store: { pq: { m: store.m, nbits: store.nbits } } });
			return new IndexRefine({ base, kFactor, store: store.kind === 'flat' ? 'flat' : store.type });
		}
		case 'pretransform': {
			let dIn = d;
			const transforms: Transform[] = [];
			const nbits = bitsBehind(spec.index);
			for (const one of spec.transforms) {
				const transform = makeTransform(one, dIn, nbits, what);
				what.made.push(transform);
				transforms.push(transform);
				dIn = transform.dOut;
			}
			return new IndexPreTransform({ transforms, index: make({ ...what, d: dIn, spec: spec.index }) });
		}
		case 'hnsw':
			return new IndexHNSW({
				...{ d, metric, engine, efConstruction, M: spec.M },
				store: spec.codec.kind === 'flat' ? 'flat' : spec.codec.type,
			});
		case 'ivf':
			return makeCells({ ...what, spec });
		case 'auto':
			throw new Error('internal: Auto is settled');
		default:
			return makeCodes({ d, metric, engine }, spec, what);
	}
}

function makeCodes(shape: IndexOptions, spec: CodecSpec, { pad, seed }: Settings): Index {
	switch (spec.kind) {
		case 'flat':
			return new IndexFlat(shape);
		case 'sq':
			return new IndexScalarQuantizer({ ...shape, type: spec.type });
		case 'pq':
			return new IndexPQ({ ...shape, m: spec.m, nbits: spec.nbits, pad });
		case 'pqfs':
			return new IndexPQFastScan({ ...shape, m: spec.m, pad });
		case 'rabitq':
			return new IndexRaBitQ({ ...shape, nbits: spec.nbits, seed });
	}
}

function makeCells({ spec, d, metric, engine, pad, seed }: Making<IVFSpec>): Index {
	const { codec, byResidual } = spec;
	const shape = { d, metric, engine, nlist: spec.nlist as number, coarse: spec.coarse.kind };
	switch (codec.kind) {
		case 'flat':
			return new IndexIVFFlat(shape);
		case 'sq':
			return new IndexIVFScalarQuantizer({ ...shape, type: codec.type });
		case 'pq':
			return new IndexIVFPQ({ ...shape, m: codec.m, nbits: codec.nbits, pad, byResidual });
		case 'pqfs':
			return new IndexIVFPQFastScan({ ...shape, m: codec.m, pad, byResidual });
		case 'rabitq':
			return new IndexIVFRaBitQ({ ...shape, nbits: codec.nbits, seed });
	}
}

function makeTransform(spec: TransformSpec, dIn: number, nbits: number, { engine, seed }: Settings): Transform {
	switch (spec.kind) {
		case 'pca':
			return new PCATransform({
				...{ dIn, dOut: spec.dOut, engine, randomRotation: spec.rotate },
				eigenPower: spec.whiten ? -0.5 : 0,
			});
		case 'opq':
			return new OPQTransform({ d: dIn, m: spec.m, nbits, engine, dOut: spec.dOut === 'auto' ? undefined : spec.dOut });
		case 'rr':
			return new RandomRotation({ dIn, seed, engine, dOut: spec.dOut === 'auto' ? undefined : spec.dOut });
		case 'l2norm':
			return new NormalizeTransform({ d: dIn, engine });
		case 'linear':
			throw new Error('internal: checkFits refuses it');
	}
}

/** Bits that OPQ is to rotate for: those of the codes behind it. */
function bitsBehind(spec: IndexSpec): number {
	if (spec.kind === 'ivf') return bitsBehind(spec.codec);
	if (spec.kind === 'refine') return bitsBehind(spec.base);
	return spec.kind === 'pqfs' ? 4 : spec.kind === 'pq' ? Math.min(8, spec.nbits) : 8;
}
