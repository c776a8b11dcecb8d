/**
 * The frame of a `.vecino` file, spec/format.md: a header of 64 bytes, a JSON text, a table of sections, and the
 * sections, each 64-byte aligned. What stands in the JSON is io/index-node.ts; in the sections: io/write-plan.ts and
 * io/read-sections.ts.
 *
 * The frame has one valid form: sections follow each other in table order, as close as alignment allows, and every
 * byte that belongs to nothing is zero. So there is nothing that could overlap, hide or be read twice.
 */

import { VecinoError } from '../errors.ts';
import { crc32c } from '../util/crc32c.ts';
import { faissKind } from './faiss/kinds.ts';
import { describeForeignFile } from './foreign.ts';
import { isNpy } from './npy.ts';
import type { Reading } from './reading.ts';

/** The version written, and the newest one read. */
export const MAJOR = 1;
export const MINOR = 2;
/** "VECINO", a byte that is no ASCII and no UTF-8, a line feed: tools that take the file for text change one of the last two. */
export const MAGIC: readonly number[] = Object.freeze([0x56, 0x45, 0x43, 0x49, 0x4e, 0x4f, 0x8d, 0x0a]);

export const HEADER_BYTES = 64;
export const ENTRY_BYTES = 24;
/** Sections begin at multiples of this. */
export const SECTION_ALIGN = 64;
export const MAX_JSON_BYTES: number = 2 ** 20;
export const MAX_SECTIONS = 64;

/** Offsets of the fields of the header. */
const AT = Object.freeze({ major: 8, minor: 10, sections: 12, byteLength: 16, jsonBytes: 24, reserved: 28, crc: 60 });

/** The header is read in one go with this many bytes; most are shorter. */
const FIRST_READ = 4096;

/** One entry of the section table. */
export interface SectionEntry {
	/** From the start of the file, bytes. */
	readonly offset: number;
	readonly byteLength: number;
	/** CRC-32C of the section, without padding. */
	readonly crc: number;
}

export interface FileHeader {
	readonly major: number;
	readonly minor: number;
	/** Length of the file, bytes. */
	readonly byteLength: number;
	/** The JSON, parsed and not looked at. */
	readonly json: unknown;
	/** Where header, JSON and table end. */
	readonly end: number;
	readonly sections: readonly SectionEntry[];
}

/** A VecinoError 'corrupt-data' that says where. */
export function corrupt(name: string, message: string, offset: number, cause?: unknown): VecinoError {
	return new VecinoError('corrupt-data', `${name}: ${message} (byte ${offset})`, { offset, cause });
}

/** Where everything stands, from the length of the JSON and of the sections. */
export function layOut(
	jsonBytes: number,
	lengths: readonly number[],
): { table: number; end: number; offsets: number[]; byteLength: number } {
	const table = alignUp(HEADER_BYTES + jsonBytes, 8);
	const end = table + lengths.length * ENTRY_BYTES;
	let byteLength = end;
	const offsets = lengths.map((length) => {
		const offset = alignUp(byteLength, SECTION_ALIGN);
		byteLength = offset + length;
		return offset;
	});
	return { table, end, offsets, byteLength };
}

/** Header, JSON and section table as bytes. */
export function encodeHeader(
	json: Uint8Array,
	sections: readonly { readonly byteLength: number; readonly crc: number }[],
	minor: number,
): Uint8Array<ArrayBuffer> {
	const lengths = sections.map((section) => section.byteLength);
	const { table, end, offsets, byteLength } = layOut(json.length, lengths);
	const bytes = new Uint8Array(end);
	const view = new DataView(bytes.buffer);
	bytes.set(MAGIC);
	view.setUint16(AT.major, MAJOR, true);
	view.setUint16(AT.minor, minor, true);
	view.setUint32(AT.sections, sections.length, true);
	view.setBigUint64(AT.byteLength, BigInt(byteLength), true);
	view.setUint32(AT.jsonBytes, json.length, true);
	bytes.set(json, HEADER_BYTES);
	for (const [i, section] of sections.entries()) {
		const entry = table + i * ENTRY_BYTES;
		view.setBigUint64(entry, BigInt(offsets[i]!), true);
		view.setBigUint64(entry + 8, BigInt(section.byteLength), true);
		view.setUint32(entry + 16, section.crc, true);
	}
	view.setUint32(AT.crc, headerCrc(bytes), true);
	return bytes;
}

/**
 * Reads and checks header, JSON and section table of a file of `byteLength` bytes.
 *
 * @throws VecinoError 'unsupported' for another kind of file, named where known; 'unsupported-version' for a newer
 *   major version; 'corrupt-data' for everything else that is not as it must be.
 */
export function* readHeader(byteLength: number, name: string): Reading<FileHeader> {
	if (byteLength === 0) throw corrupt(name, 'the file is empty', 0);
	const first = new Uint8Array(yield { offset: 0, length: Math.min(byteLength, FIRST_READ) });
	checkMagic(first, name);
	const view = new DataView(first.buffer);
	if (first.length >= AT.sections) checkMajor(view, name);
	if (first.length < HEADER_BYTES) {
		throw corrupt(name, `the file ends at byte ${byteLength}, inside its header of ${HEADER_BYTES}`, byteLength);
	}
	const fixed = decodeFixed(view, name);
	const { end, total } = fixed;
	if (end > total) throw corrupt(name, `the header needs ${end} bytes of a file of ${total}`, AT.jsonBytes);
	if (end > byteLength) throw truncated(name, byteLength, total);
	let bytes = first.subarray(0, end);
	if (end > first.length) {
		const rest = yield { offset: first.length, length: end - first.length };
		bytes = new Uint8Array(end);
		bytes.set(first);
		bytes.set(rest, first.length);
	}
	if (headerCrc(bytes) !== view.getUint32(AT.crc, true)) {
		throw corrupt(name, 'the header fails its checksum: the file was changed after it was written', AT.crc);
	}
	checkReserved(view, fixed, name);
	const sections = decodeTable(bytes, fixed, name);
	if (byteLength < total) throw truncated(name, byteLength, total);
	if (byteLength > total) {
		throw corrupt(name, `the file has ${byteLength - total} bytes behind its end at ${total}`, total);
	}
	const json = parseJson(bytes.subarray(HEADER_BYTES, HEADER_BYTES + fixed.jsonBytes), name);
	return { major: fixed.major, minor: fixed.minor, byteLength: total, json, end, sections };
}

/** Bytes 0..63 as fields, with what can be said of each alone. */
interface FixedHeader {
	readonly major: number;
	readonly minor: number;
	readonly count: number;
	readonly jsonBytes: number;
	readonly total: number;
	readonly table: number;
	readonly end: number;
}

function decodeFixed(view: DataView, name: string): FixedHeader {
	const major = view.getUint16(AT.major, true);
	const minor = view.getUint16(AT.minor, true);
	const count = view.getUint32(AT.sections, true);
	const jsonBytes = view.getUint32(AT.jsonBytes, true);
	const total = Number(view.getBigUint64(AT.byteLength, true));
	if (jsonBytes > MAX_JSON_BYTES) {
		throw corrupt(name, `a JSON header of ${jsonBytes} bytes; at most ${MAX_JSON_BYTES} are allowed`, AT.jsonBytes);
	}
	if (count > MAX_SECTIONS) {
		throw corrupt(name, `${count} sections; at most ${MAX_SECTIONS} are allowed`, AT.sections);
	}
	if (!Number.isSafeInteger(total)) throw corrupt(name, `a length of ${total} bytes`, AT.byteLength);
	const table = alignUp(HEADER_BYTES + jsonBytes, 8);
	return { major, minor, count, jsonBytes, total, table, end: table + count * ENTRY_BYTES };
}

/** A newer minor version may have a use for them. */
function checkReserved(view: DataView, { major, minor }: FixedHeader, name: string): void {
	for (let at = AT.reserved; at < AT.crc; at++) {
		if (view.getUint8(at) === 0) continue;
		if (minor > MINOR)
			throw newerVersion(name, `${major}.${minor}`, ', and uses a field of the header that it does not know');
		throw corrupt(name, 'reserved bytes of the header are not zero', at);
	}
}

function decodeTable(bytes: Uint8Array<ArrayBuffer>, fixed: FixedHeader, name: string): SectionEntry[] {
	const view = new DataView(bytes.buffer);
	for (let at = HEADER_BYTES + fixed.jsonBytes; at < fixed.table; at++) {
		if (bytes[at] !== 0) throw corrupt(name, 'padding behind the JSON header is not zero', at);
	}
	const sections: SectionEntry[] = [];
	let end = fixed.end;
	for (let i = 0; i < fixed.count; i++) {
		const at = fixed.table + i * ENTRY_BYTES;
		const offset = Number(view.getBigUint64(at, true));
		const byteLength = Number(view.getBigUint64(at + 8, true));
		const expected = alignUp(end, SECTION_ALIGN);
		if (offset !== expected) {
			throw corrupt(name, `section ${i} claims to begin at byte ${offset}, it must begin at ${expected}`, at);
		}
		end = offset + byteLength;
		if (!(end <= fixed.total)) {
			throw corrupt(name, `section ${i} claims ${byteLength} bytes, beyond the end of the file`, at + 8);
		}
		if (view.getUint32(at + 20, true) !== 0)
			throw corrupt(name, `reserved bytes of section ${i} are not zero`, at + 20);
		sections.push({ offset, byteLength, crc: view.getUint32(at + 16, true) });
	}
	if (end === fixed.total) return sections;
	throw corrupt(name, `the sections end at byte ${end} of ${fixed.total}`, AT.byteLength);
}

function checkMagic(head: Uint8Array, name: string): void {
	const wrong = head.subarray(0, MAGIC.length).findIndex((byte, i) => byte !== MAGIC[i]);
	if (wrong < 0) return;
	if (wrong >= 6) {
		const advice = 'it was taken for text and changed on its way; copy it again, in binary mode';
		throw corrupt(name, `a vecino index by its first bytes, but ${advice}`, wrong);
	}
	if (isNpy(head)) {
		throw new VecinoError('unsupported', `${name}: not a vecino index but an .npy file; add its vectors to an index`);
	}
	// Advice on how to make vectors of it is of no use here.
	const what = describeForeignFile(head.subarray(0, 64))?.replace(/(, not vectors)?; (save|open) .*$/s, '');
	const advice = faissKind(head) === undefined ? '' : '; open it with readFaissIndex, openFaissIndex or loadFaissIndex';
	if (what !== undefined) throw new VecinoError('unsupported', `${name}: not a vecino index: ${what}${advice}`);
	const found = [...head.subarray(0, MAGIC.length)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
	throw corrupt(name, `not a vecino index: it begins with the bytes ${found}`, 0);
}

function checkMajor(view: DataView, name: string): void {
	const major = view.getUint16(AT.major, true);
	if (major === MAJOR) return;
	const version = `${major}.${view.getUint16(AT.minor, true)}`;
	if (major > MAJOR) throw newerVersion(name, version);
	throw corrupt(name, `file format ${version} does not exist`, AT.major);
}

/** The error for files of a newer version; `what` says what is not understood. */
export function newerVersion(name: string, version: string, what = ''): VecinoError {
	const mine = `${MAJOR}.${MINOR}`;
	const message = `${name}: file format ${version} is newer than ${mine}, which this version of vecino reads${what}; update vecino`;
	return new VecinoError('unsupported-version', message, { expected: mine, found: version });
}

function parseJson(bytes: Uint8Array, name: string): unknown {
	try {
		return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
	} catch (cause) {
		throw corrupt(name, 'the JSON header is no JSON in UTF-8', HEADER_BYTES, cause);
	}
}

/** CRC-32C of all but the checksum itself. */
function headerCrc(bytes: Uint8Array): number {
	return crc32c(bytes, crc32c(bytes, 0, 0, AT.crc), HEADER_BYTES);
}

function truncated(name: string, byteLength: number, total: number): VecinoError {
	const message = `${name}: cut short: the file ends at byte ${byteLength} of ${total}`;
	return new VecinoError('corrupt-data', message, { offset: byteLength, expected: total, found: byteLength });
}

function alignUp(value: number, step: number): number {
	return Math.ceil(value / step) * step;
}
