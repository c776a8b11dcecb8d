/**
 * JSON lines: one object a line, `{ "id": ..., "vector": [...], "text": "...", "metadata": {...} }`, all but a vector or a
 * text optional; or flat, see entries.ts.
 */

import type { Entry, Row } from '../types.ts';
import { type Line, lines } from './bytes.ts';
import { shortestVector } from './decimals.ts';
import { EntryReader, type PlacedEntry, type ReadEntriesOptions } from './entries.ts';

/** Bytes gathered before they are handed on. */
const PART_BYTES = 2 ** 18;

/**
 * Entries of JSON lines; a place is a line.
 *
 * @throws VecinoError 'corrupt-data' with `row` (the line, counted from 0), 'not-finite', 'dimension-mismatch'.
 */
export async function* readJsonl(
	chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
	options: ReadEntriesOptions = {},
): AsyncGenerator<PlacedEntry> {
	const reader = new EntryReader('line', options);
	for await (const line of lines(chunks, reader)) {
		yield { entry: reader.read(parseLine(line, reader), line.line), place: line.line };
	}
}

/** The value on a line. */
export function parseLine({ text, line, ended }: Line, reader: EntryReader): unknown {
	try {
		return JSON.parse(text);
	} catch (cause) {
		throw reader.error(line, complaint(text, ended, cause), cause);
	}
}

/** Rows as lines of JSON, in parts of some 256 kB. */
export async function* jsonlBytes(
	rows: Iterable<Entry | Row> | AsyncIterable<Entry | Row>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
	const encoder = new TextEncoder();
	let text = '';
	for await (const row of rows) {
		text += `${jsonLine(row)}\n`;
		if (text.length < PART_BYTES) continue;
		yield encoder.encode(text);
		text = '';
	}
	if (text !== '') yield encoder.encode(text);
}

/** A row as one line of JSON, its vector in the fewest digits that read back as the same float32. */
export function jsonLine({ id, vector, text, metadata }: Entry | Row): string {
	return JSON.stringify({
		id,
		...(vector !== undefined && { vector: shortestVector(vector) }),
		text,
		...(metadata !== undefined && Object.keys(metadata).length > 0 && { metadata }),
	});
}

function complaint(text: string, ended: boolean, cause: unknown): string {
	const reason = cause instanceof Error ? cause.message : String(cause);
	if (/[[,:]\s*-?(NaN|Infinity)\b/.test(text)) return `no JSON: it has NaN or Infinity (${shorten(reason)})`;
	if (!ended && text.startsWith('{') && !text.endsWith('}')) {
		return 'ends in the middle of an object: the file is cut short';
	}
	if (text === '[' || text === '{') {
		return "no whole JSON value on this line: is it one JSON document? Then the format is 'json'";
	}
	return `no JSON: ${shorten(reason)}`;
}

function shorten(text: string): string {
	return text.length > 160 ? `${text.slice(0, 160)}...` : text;
}
