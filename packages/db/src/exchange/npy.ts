/**
 * Vectors in an .npy file and the rest in JSON lines beside it: line i belongs to vector i. Lines are as in jsonl.ts, but
 * have no vector.
 */

import { VecinoError, type VectorFile } from 'vecino';
import type { Entry, Row } from '../types.ts';
import { lines } from './bytes.ts';
import { EntryReader, type PlacedEntry, type ReadEntriesOptions } from './entries.ts';
import { parseLine } from './jsonl.ts';

/** Names of the two files in a folder. */
export const VECTORS_FILE = 'vectors.npy';
export const METADATA_FILE = 'metadata.jsonl';

/** Values read at once. */
const PART_VALUES = 2 ** 18;

/**
 * Entries of a vector file and the lines that belong to it; a place is a line.
 *
 * @param open - Gives the bytes of the lines, twice: they are counted first, so that nothing is read of two files that do
 *   not belong together. Undefined where there are none, and entries are vectors alone.
 * @throws VecinoError 'corrupt-data' when there are more or fewer lines than vectors, else as the readers of both.
 */
export async function* readNpyPair(
	vectors: VectorFile,
	open: (() => AsyncIterable<Uint8Array>) | undefined,
	options: ReadEntriesOptions = {},
): AsyncGenerator<PlacedEntry> {
	const reader = new EntryReader('line', options);
	const rows = vectorRows(vectors, options);
	if (open === undefined) {
		let place = 0;
		for await (const vector of rows) yield { entry: { vector }, place: ++place };
		return;
	}
	let count = 0;
	for await (const _ of lines(open(), reader)) count++;
	if (count !== vectors.n) {
		const message = `${reader.name} has ${count} lines, ${vectors.info.name} has ${vectors.n} vectors: they do not belong together`;
		throw new VecinoError('corrupt-data', message, { expected: vectors.n, found: count });
	}
	for await (const line of lines(open(), reader)) {
		const step = await rows.next();
		if (step.done) return;
		yield { entry: reader.read(parseLine(line, reader), line.line, { vector: step.value }), place: line.line };
	}
}

async function* vectorRows(vectors: VectorFile, options: ReadEntriesOptions): AsyncGenerator<Float32Array> {
	const { d, n, info } = vectors;
	const { signal } = options;
	if (n === 0) return;
	const reader = new EntryReader('row', { ...options, name: info.name });
	const rowsPerChunk = Math.max(1, Math.floor(PART_VALUES / d));
	let row = 0;
	for await (const { data } of vectors.chunks({ rowsPerChunk, ...(signal !== undefined && { signal }) })) {
		for (let at = 0; at < data.length; at += d) yield reader.vector(data.subarray(at, at + d), ++row);
	}
}

/** The line that belongs to the vector of a row. */
export function lineOf({ id, text, metadata }: Entry | Row): string {
	return JSON.stringify({ id, text, ...(metadata !== undefined && Object.keys(metadata).length > 0 && { metadata }) });
}
