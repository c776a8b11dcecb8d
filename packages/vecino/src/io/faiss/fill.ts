/**
 * Arrays of a FAISS file into an index: codes as they are or in vecino's order, and what vecino keeps beside codes
 * (terms of residuals, labels as row numbers), worked out anew.
 */

import type { IndexIVF } from '../../indexes/ivf.ts';
import type { CodeArray } from '../../invlists/code-array.ts';
import { type CodeLayout, clearBehind, wholeBlocks } from '../../invlists/layout.ts';
import type { Arena } from '../../kernels/arena.ts';
import type { Codec } from '../../quantizers/codec.ts';
import { FastScanQuantizer } from '../../quantizers/fast-scan.ts';
import type { ProductQuantizer } from '../../quantizers/product.ts';
import type { FloatKind } from '../read-sections.ts';
import { allocate, type Reading } from '../reading.ts';
import { fromFaissBlocks, GROUP } from './fast-blocks.ts';
import { type Block, type FaissFile, PART_BYTES } from './file.ts';
import { rowsOfIds } from './ids.ts';
import type { ListEntry, ListsPart } from './parts.ts';
import { TermMaker } from './terms.ts';

/** Codes of n rows, one after the other. `after` is called when they are there and do not count yet. */
export function* fillCodes(
	file: FaissFile,
	arena: Arena,
	block: Block,
	codes: CodeArray,
	n: number,
	floats?: FloatKind,
	after?: () => void,
): Reading<void> {
	if (n === 0) return;
	codes.reserve(n);
	// The first reservation is one segment.
	yield* file.intoArena(arena, block, codes.tail(0).ptr, floats);
	after?.();
	codes.commit(n);
}

/** The same from blocks of fast-scan codes. */
export function* fillFastCodes(
	file: FaissFile,
	arena: Arena,
	block: Block,
	bbs: number,
	m: number,
	codes: CodeArray,
	n: number,
): Reading<void> {
	if (n === 0) return;
	codes.reserve(n);
	yield* intoGroups(file, arena, block, bbs, m, codes.layout, codes.tail(0).ptr, n);
	codes.commit(n);
}

/** Blocks of fast-scan codes to groups of vecino's at ptr, zeros behind the n-th code. */
function* intoGroups(
	file: FaissFile,
	arena: Arena,
	block: Block,
	bbs: number,
	m: number,
	layout: CodeLayout,
	ptr: number,
	n: number,
): Reading<void> {
	const blockBytes = bbs * layout.codeSize;
	const blocks = { ...block, count: block.byteLength / blockBytes };
	const groups = Math.ceil(n / GROUP);
	yield* file.parts(blocks, (bytes, at) => {
		fromFaissBlocks(bytes, bbs, m, at / blockBytes, groups, arena.u8, ptr);
	});
	clearBehind(arena.u8, { ...layout, termBytes: 0 }, ptr, 0, n, wholeBlocks(layout, n));
}

/** Codebook, float32, layout (m, ksub, dsub). */
export function* fillCodebook(file: FaissFile, arena: Arena, block: Block, pq: ProductQuantizer): Reading<void> {
	const rows = arena.alloc(block.byteLength);
	try {
		yield* file.intoArena(arena, block, rows, 'f32');
		pq.loadCodebook(rows);
	} finally {
		arena.free(rows);
	}
}

export interface FillListsOptions {
	/** What codes consist of. */
	readonly floats?: FloatKind | undefined;
	/** Sub-quantizers of fast-scan codes. */
	readonly fastM?: number | undefined;
	/** Codes in the file are these, of residuals; the lists take the vectors that they stand for. */
	readonly decode?: Codec | undefined;
}

/** Fills empty lists. Returns the ids by row where they are not the row numbers. */
export function* fillLists(
	file: FaissFile,
	index: IndexIVF,
	part: ListsPart,
	ntotal: number,
	options: FillListsOptions,
): Reading<Float64Array<ArrayBuffer> | undefined> {
	const { engine, lists, codec } = index;
	const ids = allocate(file.name, ntotal * 8, () => new Float64Array(ntotal));
	using terms = index.cells.hasTerms ? new TermMaker(index) : undefined;
	// Terms of fast-scan are rounded, in a range that all of them have to be known for.
	const rounded = codec instanceof FastScanQuantizer;
	let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
	let first = 0;
	for (const entry of part.entries) {
		const { listNo, n } = entry;
		lists.reserve(listNo, n);
		yield* fillList(file, index, part, entry, options);
		yield* file.ids(entry.ids, ids, first, (i) => `list ${listNo}, position ${i}`);
		first += n;
		if (terms === undefined) continue;
		for (const values of terms.ofList(listNo, n)) {
			for (const [i, term] of values.terms.entries()) {
				if (!Number.isFinite(term)) throw file.notFinite(entry.codes.offset);
				if (!rounded) codec.placeTerm(lists.list(listNo).terms, values.from + i, term);
				else if (term < min) min = term;
				if (term > max) max = term;
			}
		}
	}
	if (terms !== undefined && rounded) {
		if (ntotal === 0) [min, max] = terms.ofSomeCodes();
		codec.learnTerms(min, max);
		for (const { listNo, n } of part.entries) {
			const at = lists.list(listNo).terms;
			for (const { from, terms: values } of terms.ofList(listNo, n)) {
				for (const [i, term] of values.entries()) codec.placeTerm(at, from + i, term);
			}
		}
	}
	const { labels, own } = rowsOfIds(file, ids);
	let at = 0;
	for (const { listNo, n } of part.entries) {
		engine.arena.u32.set(labels.subarray(at, at + n), lists.list(listNo).ids >>> 2);
		lists.commit(listNo, n);
		at += n;
	}
	return own;
}

/** The codes of one list, which has room for them. */
function* fillList(
	file: FaissFile,
	index: IndexIVF,
	{ blockSize }: ListsPart,
	{ listNo, n, codes: block }: ListEntry,
	{ floats, fastM, decode }: FillListsOptions,
): Reading<void> {
	const { engine, lists } = index;
	const { codes } = lists.list(listNo);
	if (fastM !== undefined) {
		yield* intoGroups(file, engine.arena, block, blockSize, fastM, lists.layout, codes, n);
	} else if (decode !== undefined) {
		yield* fillDecoded(file, index, listNo, block, codes, decode, floats);
	} else {
		yield* file.intoArena(engine.arena, block, codes, floats);
	}
}

/** centroid + decoded code, in float32. */
function* fillDecoded(
	file: FaissFile,
	index: IndexIVF,
	listNo: number,
	block: Block,
	to: number,
	codec: Codec,
	floats: FloatKind | undefined,
): Reading<void> {
	const { engine, d } = index;
	const { arena } = engine;
	const { codeSize } = codec;
	const room = Math.min(Math.max(PART_BYTES, codeSize), block.byteLength);
	const codes = arena.alloc(room + 8);
	try {
		const step = Math.floor(room / codeSize) * codeSize;
		for (let at = 0; at < block.byteLength; at += step) {
			const byteLength = Math.min(step, block.byteLength - at);
			const count = byteLength / codeSize;
			yield* file.intoArena(arena, { offset: block.offset + at, count, byteLength }, codes, floats);
			const out = to + (at / codeSize) * d * 4;
			codec.decodeRows(codes, count, out);
			const centroid = index.quantizer.codes.at(listNo) >>> 2;
			const { f32 } = arena;
			for (let i = 0; i < count * d; i++) {
				const value = f32[(out >>> 2) + i]! + f32[centroid + (i % d)]!;
				if (!(value - value === 0)) throw file.notFinite(block.offset + at);
				f32[(out >>> 2) + i] = value;
			}
		}
	} finally {
		arena.free(codes);
	}
}
