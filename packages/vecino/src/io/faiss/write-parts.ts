/**
 * What the kinds of index in FAISS files have in common: header, codes, quantizers, graphs.
 */

import { VecinoError } from '../../errors.ts';
import type { Index } from '../../indexes/base.ts';
import type { IndexFlat } from '../../indexes/flat.ts';
import type { HnswGraph } from '../../indexes/hnsw-graph.ts';
import type { CodeArray } from '../../invlists/code-array.ts';
import { codesBytes } from '../../invlists/layout.ts';
import type { Arena } from '../../kernels/arena.ts';
import type { Codec } from '../../quantizers/codec.ts';
import type { ProductQuantizer } from '../../quantizers/product.ts';
import type { ScalarQuantizer } from '../../quantizers/scalar.ts';
import { hasRanges, type ScalarType } from '../../quantizers/scalar-types.ts';
import type { Piece } from '../write-plan.ts';
import { toFaissBlocks } from './fast-blocks.ts';
import { graphLinks, graphTable } from './graph.ts';
import { bytesOf, type FaissOut, int64Bytes } from './out.ts';

/** FAISS's efSearch, which vecino has per search: its default. */
const EF_SEARCH = 64;
/** Values of long arrays brought into FAISS's order at a time. */
export const PART_VALUES: number = 2 ** 16;

/** Dimension of rows filled up for product quantization, which FAISS leaves to a transform. */
export function wideD(index: Index): number {
	const { pq } = index as { pq?: ProductQuantizer };
	return pq === undefined ? index.d : pq.m * pq.dsub;
}

export function cannotWrite(what: string): VecinoError {
	return new VecinoError('unsupported', `writeFaissIndex: ${what} cannot be written to a FAISS file`);
}

/** Somebody may have added to the index inside. */
export function inStep(index: Index, count: number, what: string): void {
	if (index.ntotal === count) return;
	const message = `${index.type}: the index inside was changed behind its back (${index.ntotal} vectors, ${count} ${what})`;
	throw new VecinoError('unsupported', message);
}

export function putHeader(out: FaissOut, code: string, index: Index, d: number = index.d): void {
	const { ntotal, isTrained, metric } = index;
	out.code(code);
	out.i32(d);
	out.size(ntotal, 2 ** 20, 2 ** 20);
	out.bool(isTrained);
	out.i32(metric === 'l2' ? 1 : 0);
}

export function putFlat(out: FaissOut, index: IndexFlat, wide: number = index.d): void {
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

export function* segments(codes: CodeArray): Generator<Piece> {
	for (const { ptr, n } of codes.segments()) yield { ptr, byteLength: codesBytes(codes.layout, n) };
}

/** Codes in blocks in FAISS's order. */
export function* blocks(arena: Arena, pieces: Iterable<Piece>): Generator<Piece> {
	for (const piece of pieces) {
		if (piece instanceof Uint8Array) continue;
		for (let at = 0; at < piece.byteLength; at += PART_VALUES) {
			const from = piece.ptr + at;
			yield toFaissBlocks(arena.u8.subarray(from, from + Math.min(PART_VALUES, piece.byteLength - at)));
		}
	}
}

export function putCodes(out: FaissOut, codes: CodeArray, arena: Arena): void {
	const byteLength = codesBytes(codes.layout, codes.n);
	const inBlocks = codes.layout.blockSize > 1;
	out.array(byteLength, byteLength, () => (inBlocks ? blocks(arena, segments(codes)) : segments(codes)));
}

/** d, M, nbits, centroids. FAISS has a codebook of zeros before training. */
export function putPQ(out: FaissOut, pq: ProductQuantizer): void {
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
export const QTYPES: Readonly<Record<ScalarType, number>> = { sq8: 0, sq4: 1, f16: 4, bf16: 7 };

/** qtype, RS_minmax and its argument, d, code_size, vmin and vdiff (parts.ts says how they follow). */
export function putSQ(out: FaissOut, type: ScalarType, codec: Codec): void {
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

export function putGraph(
	out: FaissOut,
	arena: Arena,
	graph: HnswGraph | undefined,
	M: number,
	efConstruction: number,
): void {
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
