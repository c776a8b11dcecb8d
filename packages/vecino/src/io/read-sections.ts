/**
 * The arrays of an index from the sections of a file, in parts, straight into the arena. Nothing is believed: besides
 * the checksums, padding must be zero, floats finite, every label there exactly once, ids unique.
 */

import type { VecinoError } from '../errors.ts';
import type { CodeArray } from '../invlists/code-array.ts';
import { LabelBitmap } from '../invlists/label-bitmap.ts';
import { blockTailIsZero, recordsAreFinite } from '../invlists/layout.ts';
import type { Arena } from '../kernels/arena.ts';
import { crc32c } from '../util/crc32c.ts';
import type { IdTable } from '../util/id-table.ts';
import { corrupt, type SectionEntry } from './format.ts';
import { allocate, type Reading } from './reading.ts';

/** Largest part of a section read at once, bytes: with the padding before it not above 4 MiB. A multiple of 64. */
const PART_BYTES: number = 4 * 2 ** 20 - 64;

/** The sections of one file. */
export class SectionReader {
	/** Name of the file, for messages. */
	readonly name: string;
	readonly arena: Arena;
	/** Whether checksums are compared. */
	readonly verify: boolean;
	readonly #sections: readonly (SectionEntry & { readonly name: string })[];
	readonly #start: number;

	/** @param start - Where header, JSON and section table end. */
	constructor(
		name: string,
		arena: Arena,
		verify: boolean,
		sections: readonly (SectionEntry & { readonly name: string })[],
		start: number,
	) {
		this.name = name;
		this.arena = arena;
		this.verify = verify;
		this.#sections = sections;
		this.#start = start;
	}

	section(number: number): SectionEntry & { readonly name: string } {
		return this.#sections[number]!;
	}

	/** The error for what is wrong with a section; `at` counts from its beginning. */
	fault(number: number, message: string, at = 0): VecinoError {
		const { name, offset } = this.section(number);
		return corrupt(this.name, `section ${number} (${name}): ${message}`, offset + at);
	}

	/** Hands a section over in consecutive parts, the first at 0; each is valid during the call only. Compares no checksum. */
	*parts(number: number, take: (part: Uint8Array, at: number) => void): Reading<void> {
		const { offset, byteLength } = this.section(number);
		const before = number === 0 ? this.#start : endOf(this.section(number - 1));
		for (let at = 0; at === 0 || at < byteLength; at += PART_BYTES) {
			const gap = at === 0 ? offset - before : 0;
			const length = gap + Math.min(PART_BYTES, byteLength - at);
			if (length === 0) return;
			const bytes = yield { offset: offset + at - gap, length };
			for (let i = 0; i < gap; i++) {
				if (bytes[i] !== 0) throw this.fault(number, 'the padding before it is not zero', i - gap);
			}
			take(bytes.subarray(gap), at);
		}
	}

	/** As `parts`, and compares the checksum in the end. */
	*read(number: number, take: (part: Uint8Array, at: number) => void): Reading<void> {
		let crc = 0;
		yield* this.parts(number, (part, at) => {
			if (this.verify) crc = crc32c(part, crc);
			take(part, at);
		});
		this.compare(number, crc);
	}

	/** Compares the checksum of a whole section. */
	compare(number: number, crc: number): void {
		if (!this.verify || crc === this.section(number).crc) return;
		throw this.fault(number, 'it fails its checksum: the file was changed after it was written');
	}

	/**
	 * A section into the arena. `finite`: its float32 values may not be NaN or infinite. `after` is told after each part
	 * how many bytes are there; they are not checked yet.
	 */
	*intoArena(number: number, ptr: number, finite: boolean, after?: (bytes: number) => void): Reading<void> {
		yield* this.read(number, (part, at) => {
			this.arena.u8.set(part, ptr + at);
			after?.(at + part.length);
		});
		if (finite) this.checkFinite(number, this.arena.u32, ptr >>> 2, this.section(number).byteLength / 4);
	}

	/** A short section as it is. */
	*bytes(number: number): Reading<Uint8Array<ArrayBuffer>> {
		const { byteLength } = this.section(number);
		const bytes = allocate(this.name, byteLength, () => new Uint8Array(byteLength));
		yield* this.read(number, (part, at) => bytes.set(part, at));
		return bytes;
	}

	/** Refuses NaN and infinities among `count` float32 values, given as bits; the section begins with them. */
	checkFinite(number: number, bits: Uint32Array, start: number, count: number): void {
		if (allFinite(bits, start, start + count)) return;
		let at = 0;
		while (allFinite(bits, start + at, start + at + 1)) at++;
		throw this.fault(number, `value ${at} is NaN or infinite`, at * 4);
	}
}

/** Floats in codes. */
export type FloatKind = 'f32' | 'f16' | 'bf16';

/**
 * Codes of n rows. `floats`: what they consist of; none may be NaN or infinite. `after` is told after each part how many are
 * there, not checked yet.
 */
export function* readCodes(
	file: SectionReader,
	number: number,
	codes: CodeArray,
	n: number,
	floats?: FloatKind,
	after?: (rows: number) => void,
): Reading<void> {
	codes.reserve(n);
	// The first reservation is one segment, so position 0 of it is where the section goes.
	const ptr = n === 0 ? 0 : codes.tail(0).ptr;
	yield* file.intoArena(number, ptr, floats === 'f32', (bytes) => after?.(Math.floor(bytes / codes.codeSize)));
	if (floats === 'f16' || floats === 'bf16') {
		const bad = notFinite16(file.arena, ptr, file.section(number).byteLength, floats);
		if (bad >= 0) throw file.fault(number, `value ${bad} is NaN or infinite`, bad * 2);
	}
	if (!blockTailIsZero(file.arena.u8, { ...codes.layout, termBytes: 0 }, ptr, 0, n)) {
		throw file.fault(number, 'codes behind the last one are not zero');
	}
	if (!recordsAreFinite(file.arena.u8, codes.layout, ptr, 0, n)) throw file.fault(number, 'a factor is not finite');
	codes.commit(n);
}

/**
 * What there is for n rows, float64: ids, which are safe integers, none twice, for `live` of them; the others a chain of
 * free rows that begins at `free` (util/id-table.ts).
 */
export function* readIds(
	file: SectionReader,
	number: number,
	table: IdTable,
	n: number,
	live: number,
	free = -1,
): Reading<void> {
	allocate(file.name, n * 16, () => table.reserve(n));
	const least = free < 0 ? 0 : -1 - n;
	let problem: [message: string, at: number] | undefined;
	yield* file.read(number, (part, at) => {
		// A copy, aligned for Float64Array.
		const ids = new Float64Array(new Uint8Array(part).buffer);
		for (let i = 0; i < ids.length && problem === undefined; i++) {
			const id = ids[i]!;
			if (!Number.isSafeInteger(id) || id < least) problem = [`id ${id} is not an integer in 0..2^53 - 1`, at + i * 8];
			else if (id >= 0 && table.rowOf(id) >= 0) problem = [`id ${id} is there twice`, at + i * 8];
			else table.load(id);
		}
	});
	if (problem !== undefined) throw file.fault(number, ...problem);
	const found = table.ids.reduce((sum, id) => sum + (id < 0 ? 0 : 1), 0);
	if (found !== live) throw file.fault(number, `there are ${found} ids for ${live} vectors`);
	if (!table.loadFree(free, n - live))
		throw file.fault(number, 'rows without an id are not all in the chain of free rows');
}

/** A bit for each row, where there is such a section: as many as there are vectors. The caller owns it. */
export function* readLive(
	file: SectionReader,
	number: number | undefined,
	{ ntotal, labelEnd = ntotal }: { readonly ntotal: number; readonly labelEnd?: number },
): Reading<LabelBitmap | undefined> {
	if (number === undefined) return undefined;
	const words = new Uint32Array((yield* file.bytes(number)).buffer);
	const live = new LabelBitmap(file.arena, labelEnd);
	live.setWords(words);
	const wrong =
		words.at(-1) !== live.words().at(-1)
			? 'bits behind the last row are not zero'
			: live.count === ntotal
				? undefined
				: `${live.count} rows are alive, the index has ${ntotal} vectors`;
	if (wrong === undefined) return live;
	live[Symbol.dispose]();
	throw file.fault(number, wrong);
}

/** True without NaN and infinities among float32 values given as bits: exponents of ones, which one more turns negative. */
export function allFinite(bits: Uint32Array, start: number, end: number): boolean {
	let any = 0;
	for (let i = start; i < end; i++) any |= (bits[i]! & 0x7f800000) + 0x00800000;
	return any >= 0;
}

/** Number of the first NaN or infinity among 16-bit floats, -1 if there is none. */
export function notFinite16(arena: Arena, ptr: number, byteLength: number, kind: 'f16' | 'bf16'): number {
	const exponent = kind === 'f16' ? 0x7c00 : 0x7f80;
	return new Uint16Array(arena.memory.buffer, ptr, byteLength / 2).findIndex((code) => (code & exponent) === exponent);
}

function endOf({ offset, byteLength }: SectionEntry): number {
	return offset + byteLength;
}
