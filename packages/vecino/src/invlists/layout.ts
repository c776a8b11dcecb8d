/**
 * How codes lie in memory and in files: one after the other, or in blocks of 32 that are always whole.
 */

import { fastSlot } from '../kernels/kernels.ts';
import type { RecordLayout } from '../quantizers/codec.ts';

export interface CodeLayout {
	/** Bytes of one code. */
	readonly codeSize: number;
	/** Codes in a block: 1, or 32 for fast-scan (assembly/fastscan.ts). */
	readonly blockSize: number;
	/** Bytes of the term that each code carries, 0 for none. Terms come in blocks like codes. */
	readonly termBytes: number;
	/** What else a block holds behind its 4-bit sub-codes, as part of codeSize. Default: nothing. */
	readonly records?: RecordLayout | undefined;
}

/** Where the records of a code are, as pointers. */
export function recordsAt(
	{ codeSize, blockSize }: CodeLayout,
	{ slotBytes, rowBytes, aside }: RecordLayout,
	codes: number,
	terms: number,
	at: number,
): { slot: number; row: number } {
	const i = at % blockSize;
	const slots = codes + (at - i) * codeSize + blockSize * (codeSize - slotBytes - (aside ? 0 : rowBytes));
	const row = aside ? terms + at * rowBytes : slots + blockSize * slotBytes + i * rowBytes;
	return { slot: slots + fastSlot(i) * slotBytes, row };
}

/** Whether the floats in the records of n codes are finite. */
export function recordsAreFinite(u8: Uint8Array, layout: CodeLayout, codes: number, terms: number, n: number): boolean {
	const { records } = layout;
	if (records === undefined) return true;
	const { slotBytes, floats } = records;
	// Both kinds of float have the exponent in the upper 2 bytes.
	const finiteAt = (end: number): boolean => (((u8[end - 1]! << 8) | u8[end - 2]!) & 0x7f80) !== 0x7f80;
	for (let i = 0; i < n; i++) {
		const { slot, row } = recordsAt(layout, records, codes, terms, i);
		for (let b = 2; b <= slotBytes; b += 2) if (!finiteAt(slot + b)) return false;
		for (let b = 4; b <= 4 * floats; b += 4) if (!finiteAt(row + b)) return false;
	}
	return true;
}

/** n rounded up to whole blocks. */
export function wholeBlocks({ blockSize }: CodeLayout, n: number): number {
	return Math.ceil(n / blockSize) * blockSize;
}

/** Bytes of n codes. */
export function codesBytes(layout: CodeLayout, n: number): number {
	return wholeBlocks(layout, n) * layout.codeSize;
}

/** Bytes of the terms of n codes. */
export function termsBytes(layout: CodeLayout, n: number): number {
	return wholeBlocks(layout, n) * layout.termBytes;
}

/** Whether the codes that are not there, behind the n that are, are zero in the last block, and their terms. */
export function blockTailIsZero(u8: Uint8Array, layout: CodeLayout, codes: number, terms: number, n: number): boolean {
	const { codeSize, blockSize, termBytes, records } = layout;
	const none = { slotBytes: 0, rowBytes: 0, aside: false };
	const { slotBytes, rowBytes, aside } = records ?? none;
	for (let i = n; i < wholeBlocks(layout, n); i++) {
		const block = codes + (i - (i % blockSize)) * codeSize;
		const bits = 15 << (4 * ((i >> 4) & 1));
		const subCodes = 2 * (codeSize - slotBytes - (aside ? 0 : rowBytes));
		for (let j = 0; j < subCodes; j++) if ((u8[block + j * 16 + (i & 15)]! & bits) !== 0) return false;
		if (records !== undefined) {
			const { slot, row } = recordsAt(layout, records, codes, terms, i);
			for (let b = 0; b < slotBytes; b++) if (u8[slot + b] !== 0) return false;
			for (let b = 0; b < rowBytes; b++) if (u8[row + b] !== 0) return false;
			continue;
		}
		const term = terms + (i - (i % blockSize) + fastSlot(i & 31)) * termBytes;
		for (let b = 0; b < termBytes; b++) if (u8[term + b] !== 0) return false;
	}
	return true;
}

/** Copies the code, and term, at position `from` over those at position `to`. */
export function moveCode(
	u8: Uint8Array,
	layout: CodeLayout,
	codes: number,
	terms: number,
	from: number,
	to: number,
): void {
	const { codeSize, blockSize, termBytes, records } = layout;
	if (blockSize === 1) {
		u8.copyWithin(codes + to * codeSize, codes + from * codeSize, codes + (from + 1) * codeSize);
		u8.copyWithin(terms + to * termBytes, terms + from * termBytes, terms + (from + 1) * termBytes);
		return;
	}
	const source = nibblesAt(layout, codes, from);
	const target = nibblesAt(layout, codes, to);
	for (let j = 0; j < source.count; j++) {
		const value = (u8[source.at + 16 * j]! >>> source.shift) & 15;
		const at = target.at + 16 * j;
		u8[at] = (u8[at]! & ~(15 << target.shift)) | (value << target.shift);
	}
	if (records === undefined) {
		const [a, b] = [termAt(layout, terms, from), termAt(layout, terms, to)];
		u8.copyWithin(b, a, a + termBytes);
		return;
	}
	const [a, b] = [recordsAt(layout, records, codes, terms, from), recordsAt(layout, records, codes, terms, to)];
	u8.copyWithin(b.slot, a.slot, a.slot + records.slotBytes);
	u8.copyWithin(b.row, a.row, a.row + records.rowBytes);
}

/** Makes the code at position `at` zero, and its term. */
export function wipeCode(u8: Uint8Array, layout: CodeLayout, codes: number, terms: number, at: number): void {
	const { codeSize, blockSize, termBytes, records } = layout;
	if (blockSize === 1) {
		u8.fill(0, codes + at * codeSize, codes + (at + 1) * codeSize);
		u8.fill(0, terms + at * termBytes, terms + (at + 1) * termBytes);
		return;
	}
	const { at: first, count, shift } = nibblesAt(layout, codes, at);
	for (let j = 0; j < count; j++) u8[first + 16 * j] = u8[first + 16 * j]! & ~(15 << shift);
	if (records === undefined) {
		const term = termAt(layout, terms, at);
		u8.fill(0, term, term + termBytes);
		return;
	}
	const { slot, row } = recordsAt(layout, records, codes, terms, at);
	u8.fill(0, slot, slot + records.slotBytes);
	u8.fill(0, row, row + records.rowBytes);
}

/** Makes what is behind n codes zero again, up to `capacity`: blocks are filled bit by bit and must end in zeros. */
export function clearBehind(
	u8: Uint8Array,
	layout: CodeLayout,
	codes: number,
	terms: number,
	n: number,
	capacity: number,
): void {
	const { codeSize, blockSize, termBytes } = layout;
	if (blockSize === 1) return;
	const whole = wholeBlocks(layout, n);
	for (let i = n; i < whole; i++) wipeCode(u8, layout, codes, terms, i);
	u8.fill(0, codes + whole * codeSize, codes + capacity * codeSize);
	u8.fill(0, terms + whole * termBytes, terms + capacity * termBytes);
}

/** Where the 4-bit sub-codes of position i are: `count` of them, 16 bytes apart, in half a byte each. */
function nibblesAt({ codeSize, records }: CodeLayout, codes: number, i: number) {
	const { slotBytes, rowBytes, aside } = records ?? { slotBytes: 0, rowBytes: 0, aside: false };
	const count = 2 * (codeSize - slotBytes - (aside ? 0 : rowBytes));
	return { at: codes + (i - (i % 32)) * codeSize + (i & 15), count, shift: 4 * ((i >> 4) & 1) };
}

function termAt({ termBytes }: CodeLayout, terms: number, i: number): number {
	return terms + (i - (i % 32) + fastSlot(i & 31)) * termBytes;
}
