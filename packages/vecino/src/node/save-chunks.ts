/**
 * An index to a file in the background: pieces are made in slices, between which the event loop has its turn.
 */

import type { Index } from '../indexes/base.ts';
import { type WriteFileOptions, writeFileAtomic } from './files.ts';

/** Longest time in milliseconds between two turns of the event loop. */
const SLICE_MS = 12;

/** The pieces of a file in order; undefined is a pause. Says how long the file will be before the first. */
type Chunks = (index: Index, onPlanned: (byteLength: number) => void) => Iterable<Uint8Array | undefined>;

/** Writes the file as writeFileAtomic does; progress is of all its bytes. */
export async function saveChunks(
	chunks: Chunks,
	index: Index,
	path: string | URL,
	{ signal, onProgress }: WriteFileOptions,
): Promise<{ byteLength: number }> {
	let total = 0;
	const pieces = givingWay(
		chunks(index, (byteLength) => {
			total = byteLength;
		}),
	);
	const byteLength = await writeFileAtomic(path, pieces, {
		signal,
		onProgress: onProgress && (({ phase, done }) => onProgress({ phase, done, total })),
	});
	return { byteLength };
}

async function* givingWay(chunks: Iterable<Uint8Array | undefined>): AsyncGenerator<Uint8Array> {
	let sliceEnd = performance.now() + SLICE_MS;
	for (const chunk of chunks) {
		if (chunk !== undefined) yield chunk;
		if (performance.now() < sliceEnd) continue;
		await new Promise((resolve) => setTimeout(resolve, 0));
		sliceEnd = performance.now() + SLICE_MS;
	}
}
