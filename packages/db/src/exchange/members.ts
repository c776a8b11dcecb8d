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
	let opener = 0;
	let depth = 0;
	let inString = false;
	let escaped = false;
	let offset = start;
	let memberStart = start + 1;
	let colon = -1;
	let count = 0;
	let kept: Uint8Array[] = [];
	let keptBytes = 0;
	for await (const chunk of parts(source, start, source.byteLength, signal)) {
		let from = 0;
		// Keeps the bytes of this part up to `to` that belong to the member.
		const keep = (to: number): void => {
			if (to > from && (want === 'values' || colon < 0)) {
				kept.push(chunk.slice(from, to));
				keptBytes += to - from;
				if (keptBytes > (want === 'values' ? LONGEST : LONGEST_KEY)) {
					throw new JsonFault(`a member of more than ${keptBytes} bytes`, memberStart);
				}
			}
			from = to;
		};
		for (let i = 0; i < chunk.length; i++) {
			const byte = chunk[i]!;
			if (inString) {
				if (escaped) escaped = false;
				else if (byte === BACKSLASH) escaped = true;
				else if (byte === QUOTE) inString = false;
				continue;
			}
			switch (byte) {
				case QUOTE:
					inString = true;
					break;
				case OPEN_BRACE:
				case OPEN_BRACKET:
					if (depth++ > 0) break;
					opener = byte;
					from = i + 1;
					break;
				case COLON:
					if (depth !== 1 || opener !== OPEN_BRACE || colon >= 0) break;
					keep(i + 1);
					colon = offset + i;
					break;
				case COMMA:
					if (depth !== 1) break;
					keep(i);
					yield member(concat(kept, keptBytes), opener, memberStart, colon, offset + i, want);
					count++;
					kept = [];
					keptBytes = 0;
					colon = -1;
					from = i + 1;
					memberStart = offset + i + 1;
					break;
				case CLOSE_BRACE:
				case CLOSE_BRACKET: {
					if (--depth > 0) break;
					if (byte !== (opener === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET)) {
						throw new JsonFault('a bracket of the other kind', offset + i);
					}
					keep(i);
					const bytes = concat(kept, keptBytes);
					const isEmpty = count === 0 && colon < 0 && bytes.every((b) => b <= 0x20);
					if (!isEmpty) yield member(bytes, opener, memberStart, colon, offset + i, want);
					return offset + i + 1;
				}
			}
		}
		keep(chunk.length);
		offset += chunk.length;
	}
	throw new JsonFault('ends in the middle: the file is cut short', source.byteLength);
}

function member(
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
