/**
 * FAISS's index files by path (spec/faiss.md): saving leaves either the old file or the whole new one.
 */

import { fileURLToPath } from 'node:url';
import type { Index } from '../indexes/base.ts';
import { type OpenFaissOptions, openFaissNamed } from '../io/faiss/read.ts';
import { chunksOf } from '../io/faiss/write.ts';
import { checkIndex } from '../io/write-index.ts';
import { checkKeys } from '../util/check.ts';
import { fileSource, type WriteFileOptions } from './files.ts';
import { saveChunks } from './save-chunks.ts';

/**
 * Opens a file that FAISS wrote (faiss.write_index). Dispose of the index after use.
 *
 * @throws VecinoError 'storage' when the file is missing or cannot be read; else as openFaissIndex.
 * @example
 * import { IndexFlat } from 'vecino';
 * import { loadFaissIndex, saveFaissIndex } from 'vecino/node';
 * using index = new IndexFlat({ d: 2 }).add([[0, 0], [3, 4]]);
 * await saveFaissIndex(index, 'two.faiss');
 * using again = await loadFaissIndex('two.faiss');
 */
export async function loadFaissIndex(path: string | URL, options: OpenFaissOptions = {}): Promise<Index> {
	checkKeys('loadFaissIndex', options, ['engine', 'signal', 'onProgress']);
	await using source = await fileSource(path);
	return await openFaissNamed(source, options, path instanceof URL ? fileURLToPath(path) : path);
}

/**
 * Writes an index to a file for faiss.read_index, in the background: through a temporary file beside it, synced and
 * renamed. Meanwhile the index can be searched, and not be changed.
 *
 * @returns The length of the file, bytes.
 * @throws VecinoError 'storage' when the folder is missing, read-only or full; 'aborted'; else as writeFaissIndex. The
 *   file stays as it was.
 * @example
 * import { IndexFlat } from 'vecino';
 * import { saveFaissIndex } from 'vecino/node';
 * using index = new IndexFlat({ d: 2 }).add([[0, 0], [3, 4]]);
 * await saveFaissIndex(index, 'two.faiss'); // in Python: faiss.read_index('two.faiss')
 */
export async function saveFaissIndex(
	index: Index,
	path: string | URL,
	options: WriteFileOptions = {},
): Promise<{ byteLength: number }> {
	checkKeys('saveFaissIndex', options, ['signal', 'onProgress']);
	checkIndex('saveFaissIndex', index);
	return await saveChunks(chunksOf, index, path, options);
}
