/**
 * vecino/node: vector files and index files by path, for Node, Bun and Deno.
 *
 * @module
 *
 * @example
 * import { IndexFlat } from 'vecino';
 * import { loadIndex, saveIndex } from 'vecino/node';
 * using index = new IndexFlat({ d: 2 });
 * await saveIndex(index.add([[0, 0], [3, 4]]), 'two.vecino');
 * using again = await loadIndex('two.vecino');
 * console.log(again.ntotal); // 2
 */

export { loadFaissIndex, saveFaissIndex } from './faiss-files.ts';
export {
	type Chunks,
	type ConvertVectorsOptions,
	convertVectors,
	type FileSource,
	fileSource,
	type OpenVectorFile,
	type OpenVectorsOptions,
	openVectors,
	readVectors,
	type WriteFileOptions,
	type WriteVectorsOptions,
	type WrittenVectors,
	writeFileAtomic,
	writeVectors,
} from './files.ts';
export { inspectIndexFile, loadIndex, saveIndex } from './index-files.ts';
export { type LoadShardsOptions, loadShards, saveShards } from './shard-files.ts';
