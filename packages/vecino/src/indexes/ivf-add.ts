/**
 * Adding to inverted lists: each vector goes to the list of its nearest centroid, as a code of itself or of its residual.
 */

import { ENCODE_COST, planWindows, sampleRows } from '../cluster/rows.ts';
import type { Metric } from '../core/metric.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { ArrayInvertedLists } from '../invlists/array-lists.ts';
import type { Engine } from '../kernels/engine.ts';
import { inWindows } from '../kernels/pool/parallel.ts';
import { align16, type Codec } from '../quantizers/codec.ts';
import type { Steps } from '../util/steps.ts';
import { chunks, loadRows } from './batch.ts';
import { assignRows } from './spread.ts';

/** What adding needs of an IVF index. */
export interface FilledLists {
	readonly engine: Engine;
	readonly d: number;
	readonly metric: Metric;
	readonly codec: Codec;
	readonly lists: ArrayInvertedLists;
	/** Codes are of x - centroid. */
	readonly byResidual: boolean;
	/** Codes carry a term (indexes/ivf.ts). */
	readonly hasTerms: boolean;
	/** Vectors there are: labels go on from here. */
	readonly ntotal: number;
	/** Pointer to nlist * d values. */
	readonly centroids: number;
	/** Pointer to what terms are relative to, d values; 0 without terms. */
	readonly centre: number;
}

/** Adds n vectors; all of them or, when it is ended before, none. Returns what they are off their centroids, together. */
export function* addToLists(filled: FilledLists, x: VectorSet): Steps<number> {
	const { engine, d, metric, codec, lists, byResidual, hasTerms, centroids, centre } = filled;
	const { arena, kernels } = engine;
	const { nlist } = lists;
	const assigned = new Uint32Array(x.n);
	const rows = sampleRows(x.n, x.n, 0);
	const spread = yield* assignRows(engine, metric, x, rows, centroids, nlist, assigned, 'assign');
	const counts = new Uint32Array(nlist);
	for (const listNo of assigned) counts[listNo] = counts[listNo]! + 1;
	for (const [listNo, count] of counts.entries()) if (count > 0) lists.reserve(listNo, count);

	const written = new Uint32Array(nlist);
	const { codeSize, encodeScratchBytes } = codec;
	const { window, piece, sets } = planWindows(engine, x.n, ENCODE_COST * d, d * 4 + codeSize + 8);
	// Rows, codes, labels, terms.
	const sizes = [window * d * 4, window * codeSize + 8, window * 4, window * 4].map(align16);
	const setBytes = sizes.reduce((a, b) => a + b);
	const scratchBytes = align16(encodeScratchBytes);
	const block = arena.alloc(sets * setBytes + Math.ceil(window / piece) * scratchBytes);
	const buffers = (set: number, from: number) => {
		const rows = block + set * setBytes;
		const codes = rows + sizes[0]!;
		const labels = codes + sizes[1]!;
		const terms = labels + sizes[2]!;
		return {
			rows: rows + from * d * 4,
			codes: codes + from * codeSize,
			labels: labels + from * 4,
			terms: terms + from * 4,
		};
	};
	const encode = (set: number, from: number, count: number): void => {
		const { rows, codes, labels, terms } = buffers(set, from);
		const scratch = block + sets * setBytes + (from / piece) * scratchBytes;
		if (byResidual) kernels.residuals(rows, count, d, labels, centroids, rows);
		codec.encodeRows(rows, count, codes, scratch, labels, centroids);
		if (!hasTerms) return;
		codec.decodeRows(codes, count, rows);
		kernels.residualTerms(rows, count, d, labels, centroids, centre, terms);
	};
	let done = false;
	try {
		yield* inWindows(engine, 'add', x.n, window, sets, {
			load: (start, count, set) => {
				const { rows, labels } = buffers(set, 0);
				loadRows(engine, metric, x, start, count, rows);
				arena.u32.set(assigned.subarray(start, start + count), labels >>> 2);
			},
			pieces: (_start, count, set) =>
				[...chunks(count, piece)].map(
					([from, some]) =>
						() =>
							encode(set, from, some),
				),
			settle: (start, count, set) => {
				const { codes, terms } = buffers(set, 0);
				place(filled, assigned, written, start, count, codes, terms);
			},
		});
		// Only now do the vectors count: an abort before leaves the lists as they were.
		for (const [listNo, count] of counts.entries()) if (count > 0) lists.commit(listNo, count);
		done = true;
		return spread;
	} finally {
		if (!done) lists.truncate(filled.ntotal);
		arena.free(block);
	}
}

/** Copies a chunk of codes, terms and labels behind what each list holds and what was written before. */
function place(
	{ engine, codec, lists, hasTerms, ntotal }: FilledLists,
	assigned: Uint32Array,
	written: Uint32Array,
	start: number,
	count: number,
	codes: number,
	terms: number,
): void {
	const { u32, f32 } = engine.arena;
	const { codeSize } = codec;
	const directory = lists.directory >>> 2;
	for (let i = 0; i < count; i++) {
		const listNo = assigned[start + i]!;
		const entry = directory + listNo * 4;
		const at = u32[entry + 3]! + written[listNo]!;
		written[listNo] = written[listNo]! + 1;
		codec.place(u32[entry]!, at, codes + i * codeSize, u32[entry + 1]!);
		if (hasTerms) codec.placeTerm(u32[entry + 1]!, at, f32[(terms >>> 2) + i]!);
		u32[(u32[entry + 2]! >>> 2) + at] = ntotal + start + i;
	}
}
