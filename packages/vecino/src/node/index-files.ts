/**
 * `.vecino` files by path (spec/format.md): saving leaves either the old file or the whole new one.
 */

import { fileURLToPath } from 'node:url';
import type { Index } from '../indexes/base.ts';
import { type IndexFileInfo, inspectIndexNamed, type OpenIndexOptions, openIndexNamed } from '../io/read-index.ts';
import { checkIndex, chunksWithPauses } from '../io/write-index.ts';
import { checkKeys } from '../util/check.ts';
import { fileSource, type WriteFileOptions } from './files.ts';
import { saveChunks } from './save-chunks.ts';

/**
 * Writes an index to a file, in the background: through a temporary file beside it, synced and renamed. Meanwhile the
 * index can be searched, and not be changed (train, add, reset and dispose throw 'busy').
 *
 * @returns The length of the file, bytes.
 * @throws VecinoError 'storage' when the folder is missing, read-only or full; 'aborted'; 'busy', 'disposed',
 *   'unsupported' for the index. The file stays as it was.
 *
 * @example
 * using index = new IndexFlat({ d: 64 });
 * const { byteLength } = await saveIndex(index.add(vectors), 'vectors.vecino');
 * console.log(byteLength > vectors.data.byteLength); // true
 */
export async function saveIndex(
	index: Index,
	path: string | URL,
	options: WriteFileOptions = {},
): Promise<{ byteLength: number }> {
	checkKeys('saveIndex', options, ['signal', 'onProgress']);
	checkIndex('saveIndex', index);
	return await saveChunks(chunksWithPauses, index, path, options);
}

/**
 * Opens a file. Dispose of the index after use: `using index = await loadIndex(path)`.
 *
 * @throws VecinoError 'storage' when the file is missing or cannot be read; 'corrupt-data' with the offset;
 *   'unsupported-version' for files of a newer version; 'unsupported' for another kind of file, named where known;
 *   'out-of-memory'; 'aborted'.
 *
 * @example
 * using index = new IndexFlat({ d: 64 });
 * await saveIndex(index.add(vectors), 'vectors.vecino');
 * using again = await loadIndex('vectors.vecino');
 * console.log(again.search(vectors.row(42), 1).hits()); // [{ label: 42, distance: 0 }]
 */
export async function loadIndex(path: string | URL, options: OpenIndexOptions = {}): Promise<Index> {
	checkKeys('loadIndex', options, ['engine', 'verify', 'signal', 'onProgress']);
	await using source = await fileSource(path);
	return await openIndexNamed(source, options, nameOf(path));
}

/**
 * What a file holds, from its header alone.
 *
 * @throws as loadIndex, for what is wrong with the header.
 *
 * @example
 * using index = new IndexFlat({ d: 64 });
 * await saveIndex(index.add(vectors), 'vectors.vecino');
 * const { type, ntotal, sections } = await inspectIndexFile('vectors.vecino');
 * console.log(type, ntotal, sections.map(({ name }) => name)); // IndexFlat 2000 ['codes']
 */
export async function inspectIndexFile(path: string | URL): Promise<IndexFileInfo> {
	await using source = await fileSource(path);
	return await inspectIndexNamed(source, nameOf(path));
}

function nameOf(path: string | URL): string {
	return path instanceof URL ? fileURLToPath(path) : path;
}
