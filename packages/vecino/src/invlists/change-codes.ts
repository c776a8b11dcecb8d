/**
 * Single codes moved and wiped where they lie: one after the other, or in blocks of 32 (layout.ts).
 */

import { fastSlot } from '../kernels/kernels.ts';
import { type CodeLayout, recordsAt, wholeBlocks } from './layout.ts';

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
