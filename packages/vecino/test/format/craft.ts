/**
 * Takes `.vecino` files apart and puts crafted ones together, after spec/format.md and without the code under test
 * (but for the checksum, which has tests of its own).
 */
import { crc32c } from '../../src/util/crc32c.ts';

/** A file in parts. */
export interface Parts {
	json: Record<string, unknown>;
	/** Contents, in table order. */
	sections: Uint8Array<ArrayBuffer>[];
}

/** What a crafted file claims against the truth. */
export interface Lies {
	major?: number;
	minor?: number;
	/** Text of the JSON header, in place of the JSON. */
	text?: Uint8Array;
	/** Changes header, JSON and section table before the checksum of the header is made. */
	header?: (header: Uint8Array<ArrayBuffer>, view: DataView) => void;
	/** Changes the file in the end. */
	file?: (file: Uint8Array<ArrayBuffer>) => void;
}

const alignUp = (value: number, step: number): number => Math.ceil(value / step) * step;

/** Where the section table begins. */
export function tableOf(file: Uint8Array): number {
	return alignUp(64 + viewOf(file).getUint32(24, true), 8);
}

/** Offset and length of a section. */
export function sectionOf(file: Uint8Array, number: number): { offset: number; byteLength: number } {
	const view = viewOf(file);
	const entry = tableOf(file) + number * 24;
	return {
		offset: Number(view.getBigUint64(entry, true)),
		byteLength: Number(view.getBigUint64(entry + 8, true)),
	};
}

export function takeApart(file: Uint8Array): Parts {
	const view = viewOf(file);
	const json = JSON.parse(new TextDecoder().decode(file.subarray(64, 64 + view.getUint32(24, true))));
	const count = view.getUint32(12, true);
	const sections = Array.from({ length: count }, (_, i) => {
		const { offset, byteLength } = sectionOf(file, i);
		return file.slice(offset, offset + byteLength);
	});
	return { json, sections };
}

/** A file with right checksums of header and sections. */
export function putTogether({ json, sections }: { json: unknown; sections: Uint8Array[] }, lies: Lies = {}) {
	const text = lies.text ?? new TextEncoder().encode(JSON.stringify(json));
	const table = alignUp(64 + text.length, 8);
	const end = table + sections.length * 24;
	let byteLength = end;
	const offsets = sections.map((section) => {
		const offset = alignUp(byteLength, 64);
		byteLength = offset + section.length;
		return offset;
	});
	const file = new Uint8Array(byteLength);
	const view = viewOf(file);
	file.set([0x56, 0x45, 0x43, 0x49, 0x4e, 0x4f, 0x8d, 0x0a]);
	view.setUint16(8, lies.major ?? 1, true);
	view.setUint16(10, lies.minor ?? 0, true);
	view.setUint32(12, sections.length, true);
	view.setBigUint64(16, BigInt(byteLength), true);
	view.setUint32(24, text.length, true);
	file.set(text, 64);
	for (const [i, section] of sections.entries()) {
		view.setBigUint64(table + i * 24, BigInt(offsets[i]!), true);
		view.setBigUint64(table + i * 24 + 8, BigInt(section.length), true);
		view.setUint32(table + i * 24 + 16, crc32c(section), true);
		file.set(section, offsets[i]);
	}
	lies.header?.(file.subarray(0, end), view);
	view.setUint32(60, crc32c(file, crc32c(file, 0, 0, 60), 64, end), true);
	lies.file?.(file);
	return file;
}

/** Lengths of the lists' bytes, by the directory. */
export function listLengths(directory: Uint8Array<ArrayBuffer>, codeSize: number, hasTerms: boolean): number[] {
	const words = new Uint32Array(directory.buffer);
	return Array.from({ length: words.length / 2 }, (_, i) => {
		const n = words[2 * i]!;
		return alignUp(n * codeSize, 4) + n * (hasTerms ? 8 : 4);
	});
}

/** Puts right checksums of the lists into their directory. */
export function signLists(
	directory: Uint8Array<ArrayBuffer>,
	lists: Uint8Array,
	codeSize: number,
	hasTerms: boolean,
): void {
	const words = new Uint32Array(directory.buffer);
	let at = 0;
	for (const [i, length] of listLengths(directory, codeSize, hasTerms).entries()) {
		words[2 * i + 1] = crc32c(lists, 0, at, at + length);
		at += length;
	}
}

function viewOf(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
