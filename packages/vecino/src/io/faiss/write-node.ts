/**
 * The fields of each kind of index, in FAISS's order (io/faiss/parse.ts reads them).
 */

import { VecinoError } from '../../errors.ts';
import type { Index } from '../../indexes/base.ts';
import { IndexIVFPQFastScan, IndexPQFastScan } from '../../indexes/fast-scan.ts';
import { IndexFlat } from '../../indexes/flat.ts';
import { IndexHNSW } from '../../indexes/hnsw.ts';
import type { HnswGraph } from '../../indexes/hnsw-graph.ts';
import { IndexIDMap } from '../../indexes/id-map.ts';
import { IndexIVF } from '../../indexes/ivf.ts';
import { IndexIVFFlat } from '../../indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../indexes/ivf-pq.ts';
import { IndexIVFScalarQuantizer } from '../../indexes/ivf-scalar-quantizer.ts';
import { IndexPQ } from '../../indexes/pq.ts';
import { IndexPreTransform } from '../../indexes/pre-transform.ts';
import { IndexRefine } from '../../indexes/refine.ts';
import { IndexScalarQuantizer } from '../../indexes/scalar-quantizer.ts';
import type { CodeArray } from '../../invlists/code-array.ts';
import { codesBytes } from '../../invlists/layout.ts';
import type { Arena } from '../../kernels/arena.ts';
import type { Codec } from '../../quantizers/codec.ts';
import type { ProductQuantizer } from '../../quantizers/product.ts';
import type { ScalarQuantizer } from '../../quantizers/scalar.ts';
import { hasRanges, type ScalarType } from '../../quantizers/scalar-types.ts';
import { LinearTransform, MatrixTransform } from '../../transforms/linear.ts';
import { NormalizeTransform } from '../../transforms/normalize.ts';
import { PCATransform } from '../../transforms/pca.ts';
import { RandomRotation } from '../../transforms/rotation.ts';
import type { Transform } from '../../transforms/transform.ts';
import type { Piece } from '../write-plan.ts';
import { GROUP, toFaissBlocks } from './fast-blocks.ts';
import { graphLinks, graphTable } from './graph.ts';
import { bytesOf, type FaissOut, int64Bytes } from './out.ts';

/** FAISS's efSearch, which vecino has per search: its default. */
const EF_SEARCH = 64;
/** Most that FAISS takes. */
const MAX_K_FACTOR = 1000;
/** Values of long arrays brought into FAISS's order at a time. */
const PART_VALUES = 2 ** 16;

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

/** Dimension of rows filled up for product quantization, which FAISS leaves to a transform. */
function wideD(index: Index): number {
	const { pq } = index as { pq?: ProductQuantizer };
	return pq === undefined ? index.d : pq.m * pq.dsub;
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

function cannotWrite(what: string): VecinoError {
	return new VecinoError('unsupported', `writeFaissIndex: ${what} cannot be written to a FAISS file`);
}

/** Somebody may have added to the index inside. */
function inStep(index: Index, count: number, what: string): void {
	if (index.ntotal === count) return;
	const message = `${index.type}: the index inside was changed behind its back (${index.ntotal} vectors, ${count} ${what})`;
	throw new VecinoError('unsupported', message);
}

function putHeader(out: FaissOut, code: string, index: Index, d: number = index.d): void {
	const { ntotal, isTrained, metric } = index;
	out.code(code);
	out.i32(d);
	out.size(ntotal, 2 ** 20, 2 ** 20);
	out.bool(isTrained);
	out.i32(metric === 'l2' ? 1 : 0);
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

// ── Chains ─────────────────────────────────────────────────────────────────────────────────────

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

// ── Codes ──────────────────────────────────────────────────────────────────────────────────────

function putFlat(out: FaissOut, index: IndexFlat, wide: number = index.d): void {
	const { codes, ntotal, d, engine } = index;
	putHeader(out, index.metric === 'l2' ? 'IxF2' : 'IxFI', index, wide);
	out.array(ntotal * wide, 4 * ntotal * wide, function* () {
		if (wide === d) return yield* segments(codes);
		for (let row = 0; row < ntotal; row++) {
			const values = new Float32Array(wide);
			values.set(engine.arena.readF32(codes.at(row), d));
			yield bytesOf(values);
		}
	});
}

function* segments(codes: CodeArray): Generator<Piece> {
	for (const { ptr, n } of codes.segments()) yield { ptr, byteLength: codesBytes(codes.layout, n) };
}

/** Codes in blocks in FAISS's order. */
function* blocks(arena: Arena, pieces: Iterable<Piece>): Generator<Piece> {
	for (const piece of pieces) {
		if (piece instanceof Uint8Array) continue;
		for (let at = 0; at < piece.byteLength; at += PART_VALUES) {
			const from = piece.ptr + at;
			yield toFaissBlocks(arena.u8.subarray(from, from + Math.min(PART_VALUES, piece.byteLength - at)));
		}
	}
}

function putCodes(out: FaissOut, codes: CodeArray, arena: Arena): void {
	const byteLength = codesBytes(codes.layout, codes.n);
	const inBlocks = codes.layout.blockSize > 1;
	out.array(byteLength, byteLength, () => (inBlocks ? blocks(arena, segments(codes)) : segments(codes)));
}

/** d, M, nbits, centroids. FAISS has a codebook of zeros before training. */
function putPQ(out: FaissOut, pq: ProductQuantizer): void {
	const { m, nbits, ksub, dsub } = pq;
	const d = m * dsub;
	out.size(d, m, nbits);
	const rows = Math.ceil(PART_VALUES / dsub / 8) * 8;
	out.array(d * ksub, 4 * d * ksub, function* () {
		for (let at = 0; at < m * ksub; at += rows) {
			const count = Math.min(rows, m * ksub - at);
			yield bytesOf(pq.isTrained ? pq.codebookRows(at, count) : new Float32Array(count * dsub));
		}
	});
}

/** QT_8bit, QT_4bit, QT_fp16, QT_bf16. */
const QTYPES: Readonly<Record<ScalarType, number>> = { sq8: 0, sq4: 1, f16: 4, bf16: 7 };

/** qtype, RS_minmax and its argument, d, code_size, vmin and vdiff (parts.ts says how they follow). */
function putSQ(out: FaissOut, type: ScalarType, codec: Codec): void {
	const { d } = codec;
	out.i32(QTYPES[type], 0);
	out.f32(0);
	out.size(d, codec.codeSize);
	const known = hasRanges(type) && codec.isTrained;
	const trained = new Float32Array(known ? 2 * d : 0);
	if (known) {
		const { mins, steps } = (codec as ScalarQuantizer).range;
		for (let t = 0; t < d; t++) {
			trained[t] = mins[t]! - steps[t]! / 2;
			trained[d + t] = steps[t]! * (type === 'sq8' ? 255 : 15);
		}
	}
	out.values(trained);
}

// ── Graphs ─────────────────────────────────────────────────────────────────────────────────────

function putHNSW(out: FaissOut, index: IndexHNSW): void {
	const { M, efConstruction, linked, storage, store, engine } = index;
	inStep(index, linked?.n ?? 0, 'linked');
	putHeader(out, store === 'flat' ? 'IHNf' : 'IHNs', index);
	putGraph(out, engine.arena, linked, M, efConstruction);
	putIndex(out, storage, true);
}

function putGraph(out: FaissOut, arena: Arena, graph: HnswGraph | undefined, M: number, efConstruction: number): void {
	const table = graphTable(arena, graph, M);
	const { levels, cumulated, probabilities, entry, top, words } = table;
	out.values(probabilities);
	out.values(cumulated);
	out.values(levels);
	out.array(levels.length + 1, 8 * (levels.length + 1), function* () {
		let offset = 0;
		const offsets = new Float64Array(levels.length + 1);
		for (const [row, level] of levels.entries()) {
			offset += cumulated[level]!;
			offsets[row + 1] = offset;
		}
		for (let at = 0; at < offsets.length; at += PART_VALUES) yield int64Bytes(offsets.subarray(at, at + PART_VALUES));
	});
	out.array(words, 4 * words, () => (graph === undefined ? [] : graphLinks(arena, graph, table)));
	out.i32(entry, top, efConstruction, EF_SEARCH, 1);
}

// ── Cells ──────────────────────────────────────────────────────────────────────────────────────

function putIVF(out: FaissOut, index: IndexIVF): void {
	if (index instanceof IndexIVFFlat) {
		putCells(out, 'IwFl', index);
		putLists(out, index);
	} else if (index instanceof IndexIVFScalarQuantizer) {
		putCells(out, 'IwSq', index);
		putSQ(out, index.scalarType, index.codec);
		out.size(index.codeSize);
		out.bool(false);
		putLists(out, index);
	} else if (index instanceof IndexIVFPQ) {
		putCells(out, 'IwPQ', index);
		out.bool(index.byResidual);
		out.size(index.codeSize);
		putPQ(out, index.pq);
		putLists(out, index);
	} else if (index instanceof IndexIVFPQFastScan) {
		putCells(out, 'IwPf', index);
		out.bool(index.byResidual);
		out.size(index.codeSize);
		// bbs; M2; implem; qbs2.
		out.i32(GROUP);
		out.size(2 * index.codeSize);
		out.i32(0);
		out.size(0);
		putPQ(out, index.pq);
		putBlockLists(out, index);
	} else {
		throw cannotWrite(index.type);
	}
}

/** Header, nlist, nprobe, coarse quantizer, no direct map. */
function putCells(out: FaissOut, code: string, index: IndexIVF): void {
	const { nlist, nprobe, isTrained, cellGraph, coarse, d, engine } = index;
	const wide = wideD(index);
	putHeader(out, code, index, wide);
	out.size(nlist, nprobe);
	const byGraph = isTrained ? cellGraph !== undefined : coarse === 'hnsw';
	using empty = isTrained ? undefined : new IndexFlat({ d, metric: index.metric === 'l2' ? 'l2' : 'ip', engine });
	const centroids = empty ?? index.quantizer;
	if (byGraph) {
		putHeader(out, 'IHNf', centroids, wide);
		putGraph(out, engine.arena, cellGraph, cellGraph?.M ?? 32, cellGraph?.efConstruction ?? 64);
	}
	putFlat(out, centroids, wide);
	// No direct map: type, array.
	out.bool(false);
	out.size(0);
}

/** nlist, code_size, sizes, then codes and ids of each list. */
function putLists(out: FaissOut, index: IndexIVF): void {
	const { isTrained, nlist, codeSize, engine } = index;
	const lists = isTrained ? index.lists : undefined;
	out.code('ilar');
	out.size(nlist, codeSize);
	out.code('full');
	const sizes = Float64Array.from({ length: nlist }, (_, listNo) => lists?.listSize(listNo) ?? 0);
	out.array(nlist, 8 * nlist, () => [int64Bytes(sizes)]);
	out.data(index.ntotal * (codeSize + 8), function* () {
		for (let listNo = 0; listNo < nlist; listNo++) {
			const { codes, ids, n } = lists!.list(listNo);
			if (n === 0) continue;
			yield { ptr: codes, byteLength: n * codeSize };
			yield int64Bytes(engine.arena.u32.subarray(ids >>> 2, (ids >>> 2) + n));
		}
	});
}

/** nlist, no code_size, codes and bytes of a block, then ids and blocks of each list. */
function putBlockLists(out: FaissOut, index: IndexIVF): void {
	const { isTrained, nlist, codeSize, engine } = index;
	const lists = isTrained ? index.lists : undefined;
	const { arena } = engine;
	out.code('ilbl');
	out.size(nlist, -1n, GROUP, GROUP * codeSize);
	let byteLength = 16 * nlist;
	for (let listNo = 0; listNo < nlist; listNo++) {
		const n = lists?.listSize(listNo) ?? 0;
		byteLength += 8 * n + Math.ceil(n / GROUP) * GROUP * codeSize;
	}
	out.data(byteLength, function* () {
		for (let listNo = 0; listNo < nlist; listNo++) {
			const { codes, ids, n } = lists?.list(listNo) ?? { codes: 0, ids: 0, n: 0 };
			yield int64Bytes([n]);
			yield int64Bytes(arena.u32.subarray(ids >>> 2, (ids >>> 2) + n));
			const bytes = Math.ceil(n / GROUP) * GROUP * codeSize;
			yield int64Bytes([bytes]);
			yield* blocks(arena, n === 0 ? [] : [{ ptr: codes, byteLength: bytes }]);
		}
	});
}
