/**
 * The members of one JSON array or object in a file, one after the other, without holding more of it than one member: for
 * documents that are larger than memory, or than the longest string.
 *
 * Bytes are looked at for strings, brackets, commas and the colons of the outermost level only; each member is then parsed by
 * JSON.parse, which finds everything else that is wrong.
 */

import type { RangeSource } from 'vecino';
import { concat, LONGEST, parts } from './bytes.ts';

/** A member of an array or an object. */
export interface Member {
	/** Its key; undefined in arrays. */
	readonly key: string | undefined;
	/** The value, where values are wanted. */
	readonly value: unknown;
	/** First and one past the last byte of the value, with white space around it. */
	readonly start: number;
	readonly end: number;
	/** First byte of the value: '{', '[', '"', a digit. */
	readonly kind: string;
}

/** What is wrong with a document, and where. */
export class JsonFault extends Error {
	override readonly name: string = 'JsonFault';
	/** Byte of the file. */
	readonly offset: number;

	constructor(message: string, offset: number, cause?: unknown) {
		super(message, cause === undefined ? undefined : { cause });
		this.offset = offset;
	}
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Keys are not longer than this, bytes. */
const LONGEST_KEY = 2 ** 16;

/** Bytes that mean something outside of strings; all others are passed over. */
const MEANS = new Uint8Array(256);
for (const byte of [QUOTE, COMMA, COLON, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET]) MEANS[byte] = 1;

/**
 * Members of the array or object whose bracket is at byte `start`.
 *
 * @param want - 'values': each is parsed; 'places': only keys and where values are.
 * @returns The byte after the closing bracket.
 * @throws JsonFault
 */
export async function* members(
	source: RangeSource,
	start: number,
	want: 'values' | 'places',
	signal?: AbortSignal,
): AsyncGenerator<Member, number> {
	const scanner = new Scanner(start, want);
	for await (const chunk of parts(source, start, source.byteLength, signal)) {
		yield* scanner.scan(chunk);
		if (scanner.end !== undefined) return scanner.end;
	}
	throw new JsonFault('ends in the middle: the file is cut short', source.byteLength);
}

/** Finds members in bytes that come in parts. A plain class: generators are several times slower at bytes. */
class Scanner {
	/** The byte after the closing bracket, once it was met. */
	end: number | undefined;
	readonly #want: 'values' | 'places';
	/** Byte of the file where the next part begins. */
	#offset: number;
	#opener = 0;
	#depth = 0;
	#inString = false;
	#escaped = false;
	#memberStart: number;
	/** Byte of the file where the colon behind the key is, -1 before it. */
	#colon = -1;
	#count = 0;
	#kept: Uint8Array[] = [];
	#keptBytes = 0;

	constructor(start: number, want: 'values' | 'places') {
		this.#want = want;
		this.#offset = start;
		this.#memberStart = start + 1;
	}

	/** Members that end in this part. */
	scan(chunk: Uint8Array): Member[] {
		const found: Member[] = [];
		const length = chunk.length;
		let from = 0;
		let depth = this.#depth;
		for (let i = this.#inString ? this.#endOfString(chunk, 0) + 1 : 0; i < length; i++) {
			i = nextThatMeans(chunk, i);
			if (i === length) break;
			const byte = chunk[i]!;
			if (byte === QUOTE) {
				this.#inString = true;
				i = this.#endOfString(chunk, i + 1);
			} else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
				if (depth++ > 0) continue;
				this.#opener = byte;
				from = i + 1;
			} else if (byte === COMMA) {
				if (depth !== 1) continue;
				this.#keep(chunk, from, i);
				found.push(this.#member(this.#offset + i));
				from = i + 1;
			} else if (byte === COLON) {
				if (depth !== 1 || this.#opener !== OPEN_BRACE || this.#colon >= 0) continue;
				this.#keep(chunk, from, i + 1);
				from = i + 1;
				this.#colon = this.#offset + i;
			} else if (--depth === 0) {
				this.#keep(chunk, from, i);
				this.#close(byte, this.#offset + i, found);
				return found;
			}
		}
		this.#keep(chunk, from, length);
		this.#depth = depth;
		this.#offset += length;
		return found;
	}

	/** The quote that ends the string, or the end of the part. */
	#endOfString(chunk: Uint8Array, start: number): number {
		let escaped = this.#escaped;
		for (let i = start; i < chunk.length; i++) {
			const byte = chunk[i]!;
			if (escaped) escaped = false;
			else if (byte === BACKSLASH) escaped = true;
			else if (byte === QUOTE) {
				this.#inString = false;
				this.#escaped = false;
				return i;
			}
		}
		this.#escaped = escaped;
		return chunk.length;
	}

	/** Bytes that belong to the member, where they are wanted: all of it, or its key. */
	#keep(chunk: Uint8Array, from: number, to: number): void {
		if (to <= from || (this.#want === 'places' && this.#colon >= 0)) return;
		this.#kept.push(chunk.slice(from, to));
		this.#keptBytes += to - from;
		if (this.#keptBytes > (this.#want === 'values' ? LONGEST : LONGEST_KEY)) {
			throw new JsonFault(`a member of more than ${this.#keptBytes} bytes`, this.#memberStart);
		}
	}

	#member(end: number): Member {
		const bytes = concat(this.#kept, this.#keptBytes);
		const member = makeMember(bytes, this.#opener, this.#memberStart, this.#colon, end, this.#want);
		this.#count++;
		this.#kept = [];
		this.#keptBytes = 0;
		this.#colon = -1;
		this.#memberStart = end + 1;
		return member;
	}

	#close(bracket: number, end: number, found: Member[]): void {
		if (bracket !== (this.#opener === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET)) {
			throw new JsonFault('a bracket of the other kind', end);
		}
		const isBlank = this.#colon < 0 && this.#kept.every((bytes) => bytes.every((byte) => byte <= 0x20));
		if (this.#count > 0 || !isBlank) found.push(this.#member(end));
		this.end = end + 1;
	}
}

/** The first byte from `start` on that means something, or the length. */
function nextThatMeans(chunk: Uint8Array, start: number): number {
	const means = MEANS;
	const length = chunk.length;
	let i = start;
	while (i < length && means[chunk[i]!] === 0) i++;
	return i;
}

function makeMember(
	bytes: Uint8Array,
	opener: number,
	start: number,
	colon: number,
	end: number,
	want: 'values' | 'places',
): Member {
	try {
		const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
		if (opener === OPEN_BRACKET) {
			const value = want === 'values' ? (JSON.parse(text) as unknown) : undefined;
			return { key: undefined, value, start, end, kind: text.trimStart()[0] ?? '' };
		}
		if (colon < 0) throw new SyntaxError('a key without a value');
		const [entry] = Object.entries(JSON.parse(want === 'values' ? `{${text}}` : `{${text}0}`) as object);
		return { key: entry![0], value: entry![1], start: colon + 1, end, kind: '' };
	} catch (cause) {
		if (cause instanceof JsonFault) throw cause;
		const reason = cause instanceof Error ? cause.message.slice(0, 120) : String(cause);
		throw new JsonFault(`no JSON: ${reason}`, start, cause);
	}
}
