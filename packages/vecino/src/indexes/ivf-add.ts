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
import type { StagedRows } from './base.ts';
import { chunks, loadRows } from './batch.ts';
import { reduceCells } from './reduce-cells.ts';
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
	/** Labels go on from here. */
	readonly labelEnd: number;
	/** Pointer to nlist * d values. */
	readonly centroids: number;
	/** Pointer to what terms are relative to, d values; 0 without terms. */
	readonly centre: number;
}

/** Adds n vectors; all of them or, when it is ended before, none. Returns what they are off their centroids, together. */
export function* addToLists(filled: FilledLists, x: VectorSet): Steps<number> {
	const { engine, codec, lists, hasTerms, labelEnd } = filled;
	const { assigned, off } = yield* assignCells(filled, x);
	const counts = countCells(lists.nlist, assigned);
	for (const [listNo, count] of counts.entries()) if (count > 0) lists.reserve(listNo, count);
	const written = new Uint32Array(lists.nlist);
	const directory = lists.directory >>> 2;
	let done = false;
	try {
		// Copies a chunk of codes, terms and labels behind what each list holds and what was written before.
		yield* encodeInCells(filled, x, assigned, (start, count, codes, terms) => {
			const { u32, f32 } = engine.arena;
			for (let i = 0; i < count; i++) {
				const listNo = assigned[start + i]!;
				const entry = directory + listNo * 4;
				const at = u32[entry + 3]! + written[listNo]!;
				written[listNo] = written[listNo]! + 1;
				codec.place(u32[entry]!, at, codes + i * codec.codeSize, u32[entry + 1]!);
				if (hasTerms) codec.placeTerm(u32[entry + 1]!, at, f32[(terms >>> 2) + i]!);
				u32[(u32[entry + 2]! >>> 2) + at] = labelEnd + start + i;
			}
		});
		// Only now do the vectors count: an abort before leaves the lists as they were.
		for (const [listNo, count] of counts.entries()) if (count > 0) lists.commit(listNo, count);
		done = true;
		return off;
	} finally {
		if (!done) lists.truncate(labelEnd);
	}
}

/**
 * Encodes n vectors that are to be under labels given out before, in place of what is there. What it returns puts them
 * into the lists: nothing may be added in between. `off`: what they are off their centroids, together.
 */
export function* stageForLists(
	filled: FilledLists,
	x: VectorSet,
	labels: Uint32Array,
): Steps<StagedRows & { readonly off: number }> {
	const { engine, codec, lists, hasTerms } = filled;
	const { arena } = engine;
	const { codeSize } = codec;
	const { assigned, off } = yield* assignCells(filled, x);
	const codeBytes = align16(x.n * codeSize);
	const block = arena.alloc(codeBytes + x.n * 4);
	let done = false;
	try {
		yield* encodeInCells(filled, x, assigned, (start, count, codes, terms) => {
			const { u8 } = arena;
			u8.copyWithin(block + start * codeSize, codes, codes + count * codeSize);
			if (hasTerms) u8.copyWithin(block + codeBytes + start * 4, terms, terms + count * 4);
		});
		lists.locate();
		const counts = countCells(lists.nlist, assigned);
		for (const [listNo, count] of counts.entries()) if (count > 0) lists.reserve(listNo, count);
		done = true;
	} finally {
		if (!done) arena.free(block);
	}
	const commit = (): void => {
		const { u32, f32 } = arena;
		const left = new Set<number>();
		for (const [i, label] of labels.entries()) {
			const listNo = assigned[i]!;
			const found = lists.find(label);
			const stays = found?.listNo === listNo;
			if (stays) lists.wipe(listNo, found.position);
			else if (found !== undefined) left.add(lists.remove(label)!);
			const { codes, terms, ids, n } = lists.list(listNo);
			const at = stays ? found.position : n;
			codec.place(codes, at, block + i * codeSize, terms);
			if (hasTerms) codec.placeTerm(terms, at, f32[((block + codeBytes) >>> 2) + i]!);
			u32[(ids >>> 2) + at] = label;
			if (!stays) lists.commit(listNo, 1);
		}
		for (const listNo of left) lists.tighten(listNo);
	};
	return { off, commit, [Symbol.dispose]: () => arena.free(block) };
}

/** The cell of each vector, and what they are off its centroids, together. */
function* assignCells(
	{ engine, metric, lists, centroids }: FilledLists,
	x: VectorSet,
): Steps<{ readonly assigned: Uint32Array; readonly off: number }> {
	const assigned = new Uint32Array(x.n);
	using reduced = (yield* reduceCells(engine, x.d, centroids, lists.nlist, metric, x)) ?? null;
	const forms = reduced ?? undefined;
	const rows = sampleRows(x.n, x.n, 0);
	const off = yield* assignRows(engine, metric, x, rows, centroids, lists.nlist, assigned, 'assign', forms);
	return { assigned, off };
}

/** How many vectors go to each cell. */
function countCells(nlist: number, assigned: Uint32Array): Uint32Array {
	const counts = new Uint32Array(nlist);
	for (const listNo of assigned) counts[listNo] = counts[listNo]! + 1;
	return counts;
}

/** Codes, and terms, of vectors whose cells are known, handed over in order: `count` of them, `start` the first. */
function* encodeInCells(
	filled: FilledLists,
	x: VectorSet,
	assigned: Uint32Array,
	take: (start: number, count: number, codes: number, terms: number) => void,
): Steps<void> {
	const { engine, d, metric, codec, byResidual, hasTerms, centroids, centre } = filled;
	const { arena, kernels } = engine;
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
				take(start, count, codes, terms);
			},
		});
	} finally {
		arena.free(block);
	}
}
