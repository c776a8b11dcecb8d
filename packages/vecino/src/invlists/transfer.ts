/**
 * Codes from one place to another, as they are: from a list or an array of one index to that of another, in the same
 * arena or not. Whole blocks are copied; where blocks do not meet, codes are taken out and put in one by one.
 */

import type { Arena } from '../kernels/arena.ts';
import { fastSlot } from '../kernels/kernels.ts';
import type { Codec } from '../quantizers/codec.ts';
import type { Steps } from '../util/steps.ts';
import type { ArrayInvertedLists } from './array-lists.ts';
import type { CodeArray } from './code-array.ts';
import type { CodeLayout } from './layout.ts';

/** Codes from position `at` on of the codes at `codes`, with the terms at `terms` (0: none). */
export interface CodeRun {
	readonly arena: Arena;
	readonly codec: Codec;
	readonly layout: CodeLayout;
	readonly codes: number;
	readonly terms: number;
	readonly at: number;
}

/** Codes copied between two yields: a few milliseconds of work. */
const SLICE = 65_536;

/** Where the term of position `at` is. */
function termPlace({ blockSize, termBytes }: CodeLayout, terms: number, at: number): number {
	if (blockSize === 1) return terms + at * termBytes;
	return terms + ((at & ~31) + fastSlot(at & 31)) * termBytes;
}

/** Copies n codes and what belongs to them; both places have one layout. */
export function copyCodes(from: CodeRun, to: CodeRun, n: number): void {
	const { blockSize } = to.layout;
	const whole = from.at % blockSize === 0 && to.at % blockSize === 0 ? n - (n % blockSize) : 0;
	copyBlocks(from, to, whole);
	if (whole < n) copyEach({ ...from, at: from.at + whole }, { ...to, at: to.at + whole }, n - whole);
}

/** n codes, a whole number of blocks at the start of blocks. */
function copyBlocks(from: CodeRun, to: CodeRun, n: number): void {
	const { codeSize, termBytes } = to.layout;
	copyBytes(from.arena, from.codes + from.at * codeSize, to.arena, to.codes + to.at * codeSize, n * codeSize);
	if (to.terms === 0) return;
	copyBytes(from.arena, from.terms + from.at * termBytes, to.arena, to.terms + to.at * termBytes, n * termBytes);
}

function copyEach(from: CodeRun, to: CodeRun, n: number): void {
	const { codeSize } = to.codec;
	const code = from.arena.alloc(codeSize + 8);
	const copy = to.arena.alloc(codeSize + 8);
	const { termBytes, records } = to.layout;
	for (let i = 0; i < n; i++) {
		from.codec.fetch(from.codes, from.at + i, code, from.terms);
		copyBytes(from.arena, code, to.arena, copy, codeSize);
		to.codec.place(to.codes, to.at + i, copy, to.terms);
		// Records that lie in place of terms are part of the code.
		if (to.terms === 0 || records !== undefined) continue;
		const [at, target] = [termPlace(from.layout, from.terms, from.at + i), termPlace(to.layout, to.terms, to.at + i)];
		copyBytes(from.arena, at, to.arena, target, termBytes);
	}
	from.arena.free(code);
	to.arena.free(copy);
}

function copyBytes(from: Arena, start: number, to: Arena, target: number, byteLength: number): void {
	if (byteLength > 0) to.u8.set(from.u8.subarray(start, start + byteLength), target);
}

/** An array of codes, and where it lives. */
export interface HeldCodes {
	readonly arena: Arena;
	readonly codec: Codec;
	readonly codes: CodeArray;
}

/** Appends all codes of one array to another; all of them or, when it is ended before, none. */
export function* appendCodes(from: HeldCodes, to: HeldCodes): Steps<void> {
	const { n } = from.codes;
	const before = to.codes.n;
	const place = ({ arena, codec, codes }: HeldCodes, ptr: number, at: number): CodeRun => {
		return { arena, codec, layout: codes.layout, codes: ptr, terms: 0, at };
	};
	to.codes.reserve(n);
	try {
		for (let row = 0; row < n; ) {
			const source = from.codes.where(row);
			const target = to.codes.tail(row);
			const count = Math.min(SLICE, source.room, target.room, n - row);
			copyCodes(place(from, source.ptr, source.at), place(to, target.ptr, target.at), count);
			row += count;
			yield { phase: 'merge', done: row, total: n };
		}
		to.codes.commit(n);
	} finally {
		if (to.codes.n === before) to.codes.truncate(before);
	}
}

/** Inverted lists, and where they live. */
export interface HeldLists {
	readonly arena: Arena;
	readonly codec: Codec;
	readonly lists: ArrayInvertedLists;
}

/** Appends each list of one index to that of another, labels shifted; all of them or, when it is ended before, none. */
export function* appendLists(from: HeldLists, to: HeldLists, shift: number): Steps<void> {
	const { nlist } = to.lists;
	const place = ({ arena, codec, lists }: HeldLists, listNo: number, at: number) => {
		const { codes, terms, ids } = lists.list(listNo);
		return { arena, codec, layout: lists.layout, codes, terms, ids, at };
	};
	let done = false;
	let slice = 0;
	try {
		for (let listNo = 0; listNo < nlist; listNo++) {
			const n = from.lists.listSize(listNo);
			if (n === 0) continue;
			to.lists.reserve(listNo, n);
			const [source, target] = [place(from, listNo, 0), place(to, listNo, to.lists.listSize(listNo))];
			copyCodes(source, target, n);
			const [ids, labels] = [source.ids >>> 2, (target.ids >>> 2) + target.at];
			const [u32, out] = [from.arena.u32, to.arena.u32];
			for (let i = 0; i < n; i++) out[labels + i] = u32[ids + i]! + shift;
			slice += n;
			if (slice < SLICE) continue;
			slice = 0;
			yield { phase: 'merge', done: listNo + 1, total: nlist };
		}
		for (let listNo = 0; listNo < nlist; listNo++) to.lists.commit(listNo, from.lists.listSize(listNo));
		done = true;
	} finally {
		if (!done) to.lists.truncate(shift);
	}
}
