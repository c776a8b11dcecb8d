/**
 * The spec of an index that is there, built or read from a file.
 */

import { VecinoError } from '../errors.ts';
import { Index } from '../indexes/base.ts';
import { CELL_M } from '../indexes/cells.ts';
import { IndexIVFPQFastScan, IndexPQFastScan } from '../indexes/fast-scan.ts';
import { IndexFlat } from '../indexes/flat.ts';
import { IndexHNSW } from '../indexes/hnsw.ts';
import { IndexIDMap } from '../indexes/id-map.ts';
import { IndexIVF } from '../indexes/ivf.ts';
import { IndexIVFFlat } from '../indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../indexes/ivf-pq.ts';
import { IndexIVFScalarQuantizer } from '../indexes/ivf-scalar-quantizer.ts';
import { IndexPQ } from '../indexes/pq.ts';
import { IndexPreTransform } from '../indexes/pre-transform.ts';
import { IndexIVFRaBitQ, IndexRaBitQ } from '../indexes/rabitq.ts';
import { IndexRefine } from '../indexes/refine.ts';
import { IndexScalarQuantizer } from '../indexes/scalar-quantizer.ts';
import { NormalizeTransform } from '../transforms/normalize.ts';
import { OPQTransform } from '../transforms/opq.ts';
import { PCATransform } from '../transforms/pca.ts';
import { RandomRotation } from '../transforms/rotation.ts';
import type { Transform } from '../transforms/transform.ts';
import { show } from '../util/check.ts';
import { type CodecSpec, FLAT, frozen, type IndexSpec, type RefineSpec, type TransformSpec } from './spec.ts';

/**
 * What an index is made of; printSpec makes the factory string of it. Options that a string does not say (metric, kFactor,
 * seeds, pad) and what was learnt are not in it.
 *
 * @throws {VecinoError} `unsupported` for kinds of index of somebody else's.
 *
 * @example
 * using index = new IndexIVFPQ({ d: 64, nlist: 100, m: 16 });
 * console.log(printSpec(specOf(index))); // IVF100,PQ16
 */
export function specOf(index: Index): IndexSpec {
	if (!(index instanceof Index)) throw new TypeError(`specOf: index must be an index, got ${show(index)}`);
	index.checkUsable('specOf');
	return frozen(read(index));
}

function read(index: Index): IndexSpec {
	if (index instanceof IndexIDMap) return { kind: 'idmap', index: read(index.index) };
	if (index instanceof IndexRefine) {
		return { kind: 'refine', base: read(index.base), store: codecOf(index.refine) as RefineSpec['store'] };
	}
	if (index instanceof IndexPreTransform) {
		return { kind: 'pretransform', transforms: index.transforms.map(transformOf), index: read(index.index) };
	}
	if (index instanceof IndexHNSW) {
		const codec = index.store === 'flat' ? FLAT : ({ kind: 'sq', type: index.store } as const);
		return { kind: 'hnsw', M: index.M, codec };
	}
	if (!(index instanceof IndexIVF)) return codecOf(index);
	const { nlist, byResidual, cells } = index;
	const coarse = index.coarse === 'flat' ? FLAT : ({ kind: 'hnsw', M: cells.graph?.M ?? CELL_M } as const);
	return { kind: 'ivf', nlist, coarse, codec: codecOf(index), byResidual };
}

function codecOf(index: Index): CodecSpec {
	if (index instanceof IndexFlat || index instanceof IndexIVFFlat) return FLAT;
	if (index instanceof IndexScalarQuantizer || index instanceof IndexIVFScalarQuantizer) {
		return { kind: 'sq', type: index.scalarType };
	}
	if (index instanceof IndexPQ || index instanceof IndexIVFPQ) {
		return { kind: 'pq', m: index.pq.m, nbits: index.pq.nbits };
	}
	if (index instanceof IndexPQFastScan || index instanceof IndexIVFPQFastScan) return { kind: 'pqfs', m: index.pq.m };
	if (index instanceof IndexRaBitQ || index instanceof IndexIVFRaBitQ) {
		return { kind: 'rabitq', nbits: index.rabitq.nbits };
	}
	throw new VecinoError('unsupported', `specOf: no factory string names an ${index.type}`);
}

function transformOf(transform: Transform): TransformSpec {
	const { dIn, dOut } = transform;
	if (transform instanceof PCATransform) {
		return { kind: 'pca', dOut, whiten: transform.eigenPower !== 0, rotate: transform.randomRotation };
	}
	if (transform instanceof OPQTransform) {
		const { m } = transform;
		return { kind: 'opq', m, dOut: dOut === Math.ceil(dIn / m) * m ? 'auto' : dOut };
	}
	if (transform instanceof RandomRotation) return { kind: 'rr', dOut: dOut === dIn ? 'auto' : dOut };
	return transform instanceof NormalizeTransform ? { kind: 'l2norm' } : { kind: 'linear', dOut };
}
