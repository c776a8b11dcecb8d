/**
 * The fields of each kind of index, in FAISS's order (io/faiss/parse.ts reads them).
 */

import type { Index } from '../../indexes/base.ts';
import { IndexPQFastScan } from '../../indexes/fast-scan.ts';
import { IndexFlat } from '../../indexes/flat.ts';
import { IndexHNSW } from '../../indexes/hnsw.ts';
import { IndexIDMap } from '../../indexes/id-map.ts';
import { IndexIVF } from '../../indexes/ivf.ts';
import { IndexPQ } from '../../indexes/pq.ts';
import { IndexPreTransform } from '../../indexes/pre-transform.ts';
import { IndexRefine } from '../../indexes/refine.ts';
import { IndexScalarQuantizer } from '../../indexes/scalar-quantizer.ts';
import { LinearTransform, MatrixTransform } from '../../transforms/linear.ts';
import { NormalizeTransform } from '../../transforms/normalize.ts';
import { PCATransform } from '../../transforms/pca.ts';
import { RandomRotation } from '../../transforms/rotation.ts';
import type { Transform } from '../../transforms/transform.ts';
import { GROUP } from './fast-blocks.ts';
import { bytesOf, type FaissOut, int64Bytes } from './out.ts';
import { putIVF } from './write-ivf.ts';
import {
	cannotWrite,
	inStep,
	PART_VALUES,
	putCodes,
	putFlat,
	putGraph,
	putHeader,
	putPQ,
	putSQ,
	wideD,
} from './write-parts.ts';

/** Most that FAISS takes. */
const MAX_K_FACTOR = 1000;

/** @param isUnit - Rows come normalised: by cosine then is by inner product. */
export function putIndex(out: FaissOut, index: Index, isUnit: boolean): void {
	const isCosine = index.metric === 'cosine';
	// FAISS's lists hold any labels; everything else goes by row numbers without gaps.
	if (index.labelEnd > index.ntotal && !(index instanceof IndexIVF || index instanceof IndexPreTransform)) {
		throw cannotWrite(`an ${index.type} from which vectors were removed`);
	}
	if (index instanceof IndexIDMap) {
		putIDMap(out, index);
	} else if (index instanceof IndexPreTransform) {
		// Rows are normalised before the transforms and, by the index inside, behind them.
		putChain(out, index, isCosine && !isUnit, index.transforms, isCosine);
		putIndex(out, index.index, true);
	} else if (wideD(index) > index.d) {
		putChain(out, index, isCosine && !isUnit, wideD(index), isCosine);
		putCoded(out, index);
	} else if (isCosine && !isUnit) {
		putChain(out, index, true, [], false);
		putIndex(out, index, true);
	} else if (index instanceof IndexRefine) {
		inStep(index, index.refine.ntotal, 'stored');
		putHeader(out, 'IxRF', index);
		putIndex(out, index.base, true);
		putIndex(out, index.refine, true);
		out.f32(Math.min(index.kFactor, MAX_K_FACTOR));
	} else if (index instanceof IndexHNSW) {
		putHNSW(out, index);
	} else {
		putCoded(out, index);
	}
}

function putCoded(out: FaissOut, index: Index): void {
	if (index instanceof IndexIVF) putIVF(out, index);
	else putRows(out, index);
}

/** Indexes that hold one code per row. */
function putRows(out: FaissOut, index: Index): void {
	const { arena } = index.engine;
	if (index instanceof IndexFlat) {
		putFlat(out, index);
	} else if (index instanceof IndexPQ) {
		putHeader(out, 'IxPq', index, wideD(index));
		putPQ(out, index.pq);
		putCodes(out, index.codes, arena);
		// ST_PQ, encode_signs, polysemous_ht.
		out.i32(0);
		out.bool(false);
		out.i32(0);
	} else if (index instanceof IndexScalarQuantizer) {
		putHeader(out, 'IxSQ', index);
		putSQ(out, index.scalarType, index.codec);
		putCodes(out, index.codes, arena);
	} else if (index instanceof IndexPQFastScan) {
		putHeader(out, 'IPfs', index, wideD(index));
		putPQ(out, index.pq);
		// implem, bbs, qbs; ntotal2, M2.
		out.i32(0, GROUP, 0);
		out.size(Math.ceil(index.ntotal / GROUP) * GROUP, 2 * index.pq.codeSize);
		putCodes(out, index.codes, arena);
	} else {
		throw cannotWrite(index.type);
	}
}

function putIDMap(out: FaissOut, index: IndexIDMap): void {
	const { table } = index;
	inStep(index, table.n, 'ids');
	putHeader(out, 'IxM2', index);
	putIndex(out, index.index, false);
	const { n } = table;
	out.array(n, 8 * n, function* () {
		for (let at = 0; at < n; at += PART_VALUES) yield int64Bytes(table.ids.subarray(at, at + PART_VALUES));
	});
}

/** @param transforms - Or the dimension that rows are filled up to. */
function putChain(
	out: FaissOut,
	index: Index,
	first: boolean,
	transforms: readonly Transform[] | number,
	last: boolean,
): void {
	putHeader(out, 'IxPT', index);
	const count = typeof transforms === 'number' ? 1 : transforms.length;
	out.i32(count + (first ? 1 : 0) + (last ? 1 : 0));
	if (first) putNormalize(out, index.d);
	if (typeof transforms === 'number') {
		putFilledUp(out, index.d, transforms);
		if (last) putNormalize(out, transforms);
		return;
	}
	for (const transform of transforms) {
		if (transform instanceof NormalizeTransform) putNormalize(out, transform.dIn);
		else putTransform(out, transform);
	}
	if (last) putNormalize(out, transforms.at(-1)!.dOut);
}

/** RemapDimensionsTransform: which dimension each comes from, -1 for zero. */
function putFilledUp(out: FaissOut, d: number, wide: number): void {
	out.code('RmDT');
	out.values(Int32Array.from({ length: wide }, (_, t) => (t < d ? t : -1)));
	out.i32(d, wide);
	out.bool(true);
}

function putNormalize(out: FaissOut, d: number): void {
	out.code('VNrm');
	out.f32(2);
	out.i32(d, d);
	out.bool(true);
}

function putTransform(out: FaissOut, transform: Transform): void {
	const { dIn, dOut, isTrained } = transform;
	if (!(transform instanceof MatrixTransform)) throw cannotWrite(`a transform of type ${transform.type}`);
	const none = new Float32Array(0);
	if (transform instanceof PCATransform) {
		out.code('PcAm');
		out.f32(transform.eigenPower);
		out.bool(transform.randomRotation);
		out.i32(0);
		out.values(isTrained ? transform.mean : none);
		out.values(isTrained ? transform.variances : none);
		// All eigenvectors, from which FAISS makes the matrix in training alone.
		out.values(none);
	} else {
		if (!isTrained && !(transform instanceof RandomRotation)) {
			throw cannotWrite(`a transform of type ${transform.type} that is not trained`);
		}
		out.code(transform instanceof RandomRotation ? 'rrot' : 'LTra');
	}
	const bias = isTrained ? transform.bias : none;
	const hasBias =
		(transform instanceof PCATransform || transform instanceof LinearTransform) && bias.some((b) => b !== 0);
	out.bool(hasBias || (transform instanceof PCATransform && isTrained));
	const rows = Math.max(1, Math.floor(PART_VALUES / dIn));
	const count = isTrained ? dIn * dOut : 0;
	out.array(count, 4 * count, function* () {
		for (let at = 0; at < dOut; at += rows) yield bytesOf(transform.matrixRows(at, Math.min(rows, dOut - at)));
	});
	out.values(hasBias || transform instanceof PCATransform ? bias : none);
	out.i32(dIn, dOut);
	out.bool(isTrained);
}

function putHNSW(out: FaissOut, index: IndexHNSW): void {
	const { M, efConstruction, linked, storage, store, engine } = index;
	inStep(index, linked?.n ?? 0, 'linked');
	putHeader(out, store === 'flat' ? 'IHNf' : 'IHNs', index);
	putGraph(out, engine.arena, linked, M, efConstruction);
	putIndex(out, storage, true);
}
