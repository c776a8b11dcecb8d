/**
 * Inverted lists from a file: a directory with size and checksum of each list, and the lists, one behind the other.
 */

import type { VecinoError } from '../errors.ts';
import type { ArrayInvertedLists } from '../invlists/array-lists.ts';
import { blockTailIsZero, codesBytes, recordsAreFinite, termsBytes } from '../invlists/layout.ts';
import { crc32c, crc32cCombine } from '../util/crc32c.ts';
import { labelEndOf, listBytes, type NodeBase } from './index-node.ts';
import { allFinite, type FloatKind, notFinite16, type SectionReader } from './read-sections.ts';
import { allocate, type Reading } from './reading.ts';

/** Numbers of the two sections. */
interface Numbers {
	readonly directory: number;
	readonly lists: number;
}

/** Labels per code from which on the labels of all lists are sorted to see that none is there twice. */
const SPARSE = 64;

/** Fills empty lists with ntotal codes. `floats`: what codes consist of; none may be NaN or infinite. */
export function* readLists(
	file: SectionReader,
	numbers: Numbers,
	lists: ArrayInvertedLists,
	node: Pick<NodeBase, 'ntotal' | 'labelEnd'>,
	floats?: FloatKind,
): Reading<void> {
	const directory = new Uint32Array((yield* file.bytes(numbers.directory)).buffer);
	checkSizes(file, numbers, directory, lists, node.ntotal);
	const filler = new ListFiller(file, numbers.lists, lists, directory, node, floats);
	yield* file.parts(numbers.lists, (part) => filler.take(part));
	file.compare(numbers.lists, filler.crc);
	filler.finish();
}

/** The sizes must add up to ntotal, and the lists to their section. */
function checkSizes(
	file: SectionReader,
	numbers: Numbers,
	directory: Uint32Array,
	lists: ArrayInvertedLists,
	ntotal: number,
): void {
	let n = 0;
	let byteLength = 0;
	for (let listNo = 0; listNo < lists.nlist; listNo++) {
		const size = directory[2 * listNo]!;
		n += size;
		byteLength += listBytes(size, lists.layout);
	}
	if (n !== ntotal) throw file.fault(numbers.directory, `the lists hold ${n} codes, the index ${ntotal}`);
	const expected = file.section(numbers.lists).byteLength;
	if (byteLength === expected) return;
	throw file.fault(numbers.lists, `the lists take ${byteLength} bytes, the section has ${expected}`);
}

/** Takes the bytes of the lists as they come and puts codes, terms and labels in their places. */
class ListFiller {
	/** CRC-32C of all lists so far, put together from theirs. */
	crc = 0;
	readonly #file: SectionReader;
	readonly #section: number;
	readonly #lists: ArrayInvertedLists;
	/** Size and CRC-32C of each list, layout (nlist, 2). */
	readonly #directory: Uint32Array;
	/** One bit per label: seen. Where labels are few and far between: those seen, one after the other. */
	readonly #seen: Uint32Array;
	readonly #isSparse: boolean;
	#count = 0;
	readonly #labelEnd: number;
	readonly #floats: FloatKind | undefined;
	/** Where the current list begins, from the start of the section; its number, and how much of it has come. */
	#start = 0;
	#listNo = -1;
	#length = 0;
	#done = 0;
	#crc = 0;
	/** Ends of codes, padding, terms and labels in the list, and where each goes in the arena (0: nowhere). */
	#ends: readonly number[] = [];
	#targets: readonly number[] = [];
	#paddingIsZero = true;

	constructor(
		file: SectionReader,
		section: number,
		lists: ArrayInvertedLists,
		directory: Uint32Array,
		node: Pick<NodeBase, 'ntotal' | 'labelEnd'>,
		floats: FloatKind | undefined,
	) {
		this.#file = file;
		this.#section = section;
		this.#lists = lists;
		this.#directory = directory;
		this.#labelEnd = labelEndOf(node);
		this.#floats = floats;
		this.#isSparse = this.#labelEnd > SPARSE * node.ntotal;
		const words = this.#isSparse ? node.ntotal : Math.ceil(this.#labelEnd / 32);
		this.#seen = allocate(file.name, words * 4, () => new Uint32Array(words));
	}

	take(part: Uint8Array): void {
		for (let at = 0; at < part.length; ) {
			if (this.#done === this.#length) this.#open();
			const count = Math.min(this.#length - this.#done, part.length - at);
			if (this.#file.verify) this.#crc = crc32c(part, this.#crc, at, at + count);
			this.#copy(part, at, count);
			this.#done += count;
			at += count;
			if (this.#done === this.#length) this.#close();
		}
	}

	/** Begins the next list that is not empty. */
	#open(): void {
		const lists = this.#lists;
		this.#start += this.#length;
		do this.#listNo++;
		while (this.#directory[2 * this.#listNo] === 0);
		const n = this.#directory[2 * this.#listNo]!;
		lists.reserve(this.#listNo, n);
		const { codes, terms, ids } = lists.list(this.#listNo);
		const codeBytes = codesBytes(lists.layout, n);
		const padded = Math.ceil(codeBytes / 4) * 4;
		const behindTerms = padded + termsBytes(lists.layout, n);
		this.#length = listBytes(n, lists.layout);
		this.#ends = [codeBytes, padded, behindTerms, this.#length];
		this.#targets = [codes, 0, terms, ids];
		this.#done = 0;
		this.#crc = 0;
	}

	/** `count` bytes of the current list, from part[at] on. */
	#copy(part: Uint8Array, at: number, count: number): void {
		const { u8 } = this.#file.arena;
		const end = this.#done + count;
		let from = this.#done;
		for (let field = 0; from < end; field++) {
			const to = Math.min(end, this.#ends[field]!);
			if (to <= from) continue;
			const bytes = part.subarray(at + from - this.#done, at + to - this.#done);
			const begin = field === 0 ? 0 : this.#ends[field - 1]!;
			if (field === 1) this.#paddingIsZero &&= bytes.every((byte) => byte === 0);
			else u8.set(bytes, this.#targets[field]! + from - begin);
			from = to;
		}
	}

	/** Checks the current list, which is whole now, and counts its codes. */
	#close(): void {
		const file = this.#file;
		const lists = this.#lists;
		const listNo = this.#listNo;
		const n = this.#directory[2 * listNo]!;
		if (file.verify) {
			if (this.#crc !== this.#directory[2 * listNo + 1]) {
				throw this.#fault('fails its checksum: the file was changed after it was written');
			}
			this.crc = crc32cCombine(this.crc, this.#crc, this.#length);
		}
		if (!this.#paddingIsZero) throw this.#fault('the padding behind its codes is not zero');
		const { codes, terms, ids } = lists.list(listNo);
		const { u8, u32 } = file.arena;
		if (!blockTailIsZero(u8, lists.layout, codes, terms, n)) {
			throw this.#fault('codes or terms behind its last one are not zero');
		}
		this.#checkLabels(u32.subarray(ids >>> 2, (ids >>> 2) + n));
		if (!this.#areFinite(codes, codesBytes(lists.layout, n))) throw this.#fault('a value is not finite');
		if (lists.layout.termBytes === 4 && !allFinite(u32, terms >>> 2, (terms >>> 2) + n))
			throw this.#fault('a term is not finite');
		if (!recordsAreFinite(u8, lists.layout, codes, terms, n)) throw this.#fault('a factor is not finite');
		lists.commit(listNo, n);
	}

	#areFinite(codes: number, byteLength: number): boolean {
		const { arena } = this.#file;
		const kind = this.#floats;
		if (kind === undefined) return true;
		if (kind === 'f32') return allFinite(arena.u32, codes >>> 2, (codes + byteLength) >>> 2);
		return notFinite16(arena, codes, byteLength, kind) < 0;
	}

	/** Looks for labels in two places, once all lists are there. */
	finish(): void {
		if (!this.#isSparse) return;
		const labels = this.#seen.sort();
		const twice = labels.findIndex((label, i) => i > 0 && label === labels[i - 1]);
		if (twice >= 0) throw this.#file.fault(this.#section, `label ${labels[twice]} is there twice`);
	}

	/** Labels were given out by the index, each is in one place. */
	#checkLabels(labels: Uint32Array): void {
		const seen = this.#seen;
		for (const label of labels) {
			if (label >= this.#labelEnd) throw this.#fault(`label ${label} is outside 0..${this.#labelEnd - 1}`);
			if (this.#isSparse) {
				seen[this.#count++] = label;
				continue;
			}
			const bit = 1 << (label & 31);
			if ((seen[label >>> 5]! & bit) !== 0) throw this.#fault(`label ${label} is there twice`);
			seen[label >>> 5]! |= bit;
		}
	}

	#fault(message: string): VecinoError {
		return this.#file.fault(this.#section, `list ${this.#listNo}: ${message}`, this.#start);
	}
}
