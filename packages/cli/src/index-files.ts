/**
 * Index files of both kinds, told apart by their first bytes on reading and by extension on writing: .vecino, and what
 * FAISS reads and writes.
 */

import { extname } from 'node:path';
import { faissKind, type Index } from 'vecino';
import { fileSource, loadFaissIndex, loadIndex, saveFaissIndex, saveIndex } from 'vecino/node';
import type { Context } from './context.ts';

export type IndexFormat = 'vecino' | 'faiss';

/** Of a file, by its first bytes; undefined when it is no index. */
export async function indexFormatOf(path: string): Promise<IndexFormat | undefined> {
	await using source = await fileSource(path);
	const head = await source.read(0, Math.min(6, source.byteLength));
	if (new TextDecoder().decode(head) === 'VECINO') return 'vecino';
	return faissKind(head) === undefined ? undefined : 'faiss';
}

/** That a file of this name is to be; undefined when it is not to be an index. */
export function indexFormatNamed(path: string): IndexFormat | undefined {
	const extension = extname(path).toLowerCase();
	if (extension === '.vecino') return 'vecino';
	return extension === '.faiss' || extension === '.index' ? 'faiss' : undefined;
}

/** An index file of either kind. */
export async function openIndexFile(path: string, { run }: Context): Promise<Index> {
	return (await indexFormatOf(path)) === 'faiss' ? loadFaissIndex(path, run) : loadIndex(path, run);
}

export function saveIndexFile(
	index: Index,
	path: string,
	format: IndexFormat,
	{ run }: Context,
): Promise<{ byteLength: number }> {
	return format === 'faiss' ? saveFaissIndex(index, path, run) : saveIndex(index, path, run);
}
