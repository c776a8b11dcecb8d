/**
 * Bytes in parts of a megabyte, and lines of them.
 */

import { type RangeSource, VecinoError } from 'vecino';
import type { EntryReader } from './entries.ts';

/** Bytes read at once. */
const PART_BYTES = 2 ** 20;

/** A line or an entry of JSON may be this long, bytes: 65,535 numbers take a tenth of it. What is parsed takes up to 40 times as much memory. */
export const LONGEST: number = 2 ** 24;

/** Bytes from..to of a source, in order. */
export async function* parts(
	source: RangeSource,
	from = 0,
	to: number = source.byteLength,
	signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
	for (let at = from; at < to; at += PART_BYTES) {
		checkSignal(signal);
		yield await source.read(at, Math.min(PART_BYTES, to - at), signal === undefined ? {} : { signal });
	}
}

/** Throws VecinoError 'aborted' once the signal has fired. */
export function checkSignal(signal: AbortSignal | undefined): void {
	if (signal?.aborted) throw new VecinoError('aborted', 'aborted', { cause: signal.reason });
}

/** A line without its end. */
export interface Line {
	/** Counted from 1. */
	readonly line: number;
	readonly text: string;
	/** Whether a line end followed: false for the last line of a file that does not end in one. */
	readonly ended: boolean;
	/** Bytes of the file up to the end of this line. */
	readonly end: number;
}

/** Lines that are not blank. A byte order mark and the CR of CR LF are left out. */
export async function* lines(
	chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
	reader: EntryReader,
): AsyncGenerator<Line> {
	const decoder = new TextDecoder('utf-8', { fatal: true });
	let pending: Uint8Array[] = [];
	let pendingBytes = 0;
	let line = 1;
	let end = 0;
	const take = (tail: Uint8Array): string => {
		const bytes = pending.length === 0 ? tail : concat([...pending, tail], pendingBytes + tail.length);
		pending = [];
		pendingBytes = 0;
		try {
			// A byte order mark at the very start is dropped by the decoder.
			return decoder.decode(bytes).trim();
		} catch (cause) {
			throw reader.error(line, 'no UTF-8 text', cause);
		}
	};
	for await (const chunk of chunks) {
		let at = 0;
		for (let stop = chunk.indexOf(10); stop >= 0; stop = chunk.indexOf(10, at)) {
			const text = take(chunk.subarray(at, stop));
			end += stop + 1 - at;
			at = stop + 1;
			if (text !== '') yield { line, text, ended: true, end };
			line++;
		}
		if (at === chunk.length) continue;
		end += chunk.length - at;
		pending.push(chunk.slice(at));
		pendingBytes += chunk.length - at;
		if (pendingBytes > LONGEST) {
			throw reader.error(line, `longer than ${LONGEST} bytes; is it one JSON document rather than a line each?`);
		}
	}
	if (pendingBytes === 0) return;
	const text = take(new Uint8Array(0));
	if (text !== '') yield { line, text, ended: false, end };
}

/** The arrays as one. */
export function concat(arrays: readonly Uint8Array[], byteLength: number): Uint8Array {
	const out = new Uint8Array(byteLength);
	let at = 0;
	for (const bytes of arrays) {
		out.set(bytes, at);
		at += bytes.length;
	}
	return out;
}
