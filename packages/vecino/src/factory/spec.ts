/**
 * What an index is made of, as a value: the tree that a factory string such as `OPQ16_64,IVF4096,PQ16x4fsr,Refine(SQ8)`
 * stands for. FAISS's words and their meaning (index_factory); where vecino has something that they cannot say there is a
 * word of its own, named so below.
 *
 * A spec says nothing of the dimension, the metric or the vectors. It is frozen, and equal indexes have equal specs:
 * parseSpec(printSpec(spec)) is the same tree again.
 */

import type { ScalarType } from '../quantizers/scalar-types.ts';
import { show } from '../util/check.ts';

/** Vectors as they are: `Flat`. */
export interface FlatSpec {
	readonly kind: 'flat';
}

/** Each dimension by itself: `SQ8`, `SQ4`, `SQfp16`, `SQbf16`. */
export interface ScalarSpec {
	readonly kind: 'sq';
	readonly type: ScalarType;
}

/** Product quantizer of m sub-codes: `PQ16`, `PQ16x10`. */
export interface PQSpec {
	readonly kind: 'pq';
	readonly m: number;
	/** Bits of a sub-code, 4..12. */
	readonly nbits: number;
}

/** The same with 4 bits, scanned 32 codes at a time: `PQ16x4fs`. */
export interface FastScanSpec {
	readonly kind: 'pqfs';
	readonly m: number;
}

/** `RaBitQ`, `RaBitQ4`. */
export interface RaBitQSpec {
	readonly kind: 'rabitq';
	/** Bits per dimension, 1..8. */
	readonly nbits: number;
}

/** What a vector becomes. */
export type CodecSpec = FlatSpec | ScalarSpec | PQSpec | FastScanSpec | RaBitQSpec;

/** Cells ahead of codes: `IVF4096,PQ16`, `IVF65536_HNSW32,PQ32x4fsr`. */
export interface IVFSpec {
	readonly kind: 'ivf';
	/** 'auto' (`IVF,PQ16`, vecino's own): chosen from the number of vectors, which indexFactory then needs to know. */
	readonly nlist: number | 'auto';
	/** How cells are ranked: by all centroids, or by a graph of M links over them. */
	readonly coarse: FlatSpec | { readonly kind: 'hnsw'; readonly M: number };
	readonly codec: CodecSpec;
	/**
	 * Codes are of vector - centroid. A choice of PQ codes only: `PQ16` and `PQ16x4fsr` are, `PQ16nr` (vecino's own) and
	 * `PQ16x4fs` are not. RaBitQ codes always are, others never.
	 */
	readonly byResidual: boolean;
}

/** A graph over vectors: `HNSW32`, `HNSW32,SQ8`, `HNSW32,SQfp16`. */
export interface HNSWSpec {
	readonly kind: 'hnsw';
	/** Links of a vector on upper levels, 2..512. */
	readonly M: number;
	readonly codec: FlatSpec | ScalarSpec;
}

/** A transform ahead of an index. */
export type TransformSpec =
	/** `PCA64`; `PCAR64` rotates the components at random, `PCAW64` gives all the same variance, `PCAWR64` both. */
	| { readonly kind: 'pca'; readonly dOut: number; readonly whiten: boolean; readonly rotate: boolean }
	/** `OPQ16`, `OPQ16_64`: m sub-vectors, and dimensions to come out; 'auto': those that go in, filled up to a multiple of m. */
	| { readonly kind: 'opq'; readonly m: number; readonly dOut: number | 'auto' }
	/** `RR`, `RR64`; 'auto': as many dimensions come out as go in. */
	| { readonly kind: 'rr'; readonly dOut: number | 'auto' }
	/** `L2norm`. */
	| { readonly kind: 'l2norm' }
	/** `Linear64`, vecino's own: a matrix that somebody gave. It can be named and not made. */
	| { readonly kind: 'linear'; readonly dOut: number };

/** Transforms ahead of an index: `PCA64,IVF1024,Flat`. */
export interface PreTransformSpec {
	readonly kind: 'pretransform';
	/** First to last. */
	readonly transforms: readonly TransformSpec[];
	/** Of a refined index it stands in parentheses, vecino's own: `PCA64,(PQ16,RFlat)` re-ranks by 64 dimensions, `PCA64,PQ16,RFlat` by all. */
	readonly index: IndexSpec;
}

/** A second store to put candidates in order with: `IVF4096,PQ16,RFlat`, `...,Refine(SQ8)`. */
export interface RefineSpec {
	readonly kind: 'refine';
	readonly base: IndexSpec;
	readonly store: FlatSpec | ScalarSpec | PQSpec;
}

/** Ids of the caller's own: `IDMap,Flat`. `IDMap2`, and either behind a comma at the end, mean the same. */
export interface IDMapSpec {
	readonly kind: 'idmap';
	readonly index: IndexSpec;
}

/** `Auto`, `Auto(32)`, vecino's own: what chooseIndex says, within so many bytes per vector. */
export interface AutoSpec {
	readonly kind: 'auto';
	readonly bytesPerVector?: number;
}

/** What an index is made of: the tree that a factory string stands for. */
export type IndexSpec = CodecSpec | IVFSpec | HNSWSpec | PreTransformSpec | RefineSpec | IDMapSpec | AutoSpec;

export const MAX_NLIST: number = 2 ** 24;
/** Bits of a sub-code of PQ, where nothing is said. */
export const DEFAULT_NBITS = 8;
export const FLAT: FlatSpec = Object.freeze({ kind: 'flat' });

const SCALAR_WORDS: Readonly<Record<ScalarType, string>> = Object.freeze({
	sq8: 'SQ8',
	sq4: 'SQ4',
	f16: 'SQfp16',
	bf16: 'SQbf16',
});

/** Scalar quantizers by their word. @internal */
export const SCALAR_OF: ReadonlyMap<string, ScalarType> = new Map(
	Object.entries(SCALAR_WORDS).map(([type, word]) => [word, type as ScalarType]),
);

/**
 * The canonical factory string of a spec.
 *
 * @example
 * console.log(printSpec(parseSpec('IVF4k, PQ16x8np, Refine(Flat)'))); // IVF4096,PQ16,RFlat
 */
export function printSpec(spec: IndexSpec): string {
	switch (spec?.kind) {
		case 'idmap':
			return `IDMap,${printSpec(spec.index)}`;
		case 'refine':
			return `${printSpec(spec.base)},${spec.store.kind === 'flat' ? 'RFlat' : `Refine(${printSpec(spec.store)})`}`;
		case 'pretransform': {
			const inner = printSpec(spec.index);
			return [...spec.transforms.map(printTransform), spec.index.kind === 'refine' ? `(${inner})` : inner].join(',');
		}
		case 'ivf': {
			const { nlist, coarse, codec, byResidual } = spec;
			const cells = `IVF${nlist === 'auto' ? '' : nlist}${coarse.kind === 'hnsw' ? `_HNSW${coarse.M}` : ''}`;
			const how = codec.kind === 'pqfs' && byResidual ? 'r' : codec.kind === 'pq' && !byResidual ? 'nr' : '';
			return `${cells},${printSpec(codec)}${how}`;
		}
		case 'hnsw':
			return `HNSW${spec.M}${spec.codec.kind === 'flat' ? '' : `,${printSpec(spec.codec)}`}`;
		case 'auto':
			return spec.bytesPerVector === undefined ? 'Auto' : `Auto(${spec.bytesPerVector})`;
		case 'flat':
			return 'Flat';
		case 'sq':
			return SCALAR_WORDS[spec.type];
		case 'pq':
			return `PQ${spec.m}${spec.nbits === DEFAULT_NBITS ? '' : `x${spec.nbits}`}`;
		case 'pqfs':
			return `PQ${spec.m}x4fs`;
		case 'rabitq':
			return `RaBitQ${spec.nbits === 1 ? '' : spec.nbits}`;
		default:
			throw new TypeError(`printSpec: spec must be what parseSpec or specOf returns, got ${show(spec)}`);
	}
}

/** The word of a transform. @internal */
export function printTransform(spec: TransformSpec): string {
	switch (spec.kind) {
		case 'pca':
			return `PCA${spec.whiten ? 'W' : ''}${spec.rotate ? 'R' : ''}${spec.dOut}`;
		case 'opq':
			return `OPQ${spec.m}${spec.dOut === 'auto' ? '' : `_${spec.dOut}`}`;
		case 'rr':
			return `RR${spec.dOut === 'auto' ? '' : spec.dOut}`;
		case 'l2norm':
			return 'L2norm';
		case 'linear':
			return `Linear${spec.dOut}`;
	}
}

/** A tree whose every node is frozen. @internal */
export function frozen<T extends object>(node: T): T {
	for (const value of Object.values(node)) {
		if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) frozen(value);
	}
	return Object.freeze(node);
}
