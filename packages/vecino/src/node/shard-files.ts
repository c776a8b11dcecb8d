/**
 * An IndexShards as files: one per shard, `name.vecino` becoming `name-0.vecino`, `name-1.vecino`, ...
 */

import { rm, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Index } from '../indexes/base.ts';
import { IndexShards, type IndexShardsOptions } from '../indexes/shards.ts';
import type { OpenIndexOptions } from '../io/read-index.ts';
import { createEngineSync, type Engine } from '../kernels/engine.ts';
import { checkKeys, show } from '../util/check.ts';
import type { WriteFileOptions } from './files.ts';
import { loadIndex, saveIndex } from './index-files.ts';

/** Options of loadShards; `engine` is that of the first shard. */
export interface LoadShardsOptions extends OpenIndexOptions, Pick<IndexShardsOptions, 'rowsPerShard' | 'makeEngine'> {}

/** Where shard i goes: before the extension, if there is one. */
function shardPath(path: string | URL, i: number): string {
	const name = path instanceof URL ? fileURLToPath(path) : path;
	return name.replace(/(\.[^./\\]+)?$/, (extension) => `-${i}${extension}`);
}

/**
 * Writes each shard to a file of its own, as saveIndex does, and removes files of shards that are no more. Each file is whole,
 * old or new. A crash between two files leaves later shards as they were saved before: vectors added since are missing, and
 * some that were removed or replaced since are there as they were.
 *
 * @param path - `words.vecino` writes `words-0.vecino`, `words-1.vecino`, ...
 * @returns The paths written, and their lengths together, bytes. @throws as saveIndex.
 *
 * @example
 * import { IndexFlat, IndexShards } from 'vecino';
 * import { loadShards, saveShards } from 'vecino/node';
 * using index = new IndexShards({ shards: [new IndexFlat({ d: 2 })], rowsPerShard: 2 });
 * index.add([[0, 0], [3, 4], [6, 8]]);
 * console.log((await saveShards(index, 'words.vecino')).paths); // ['words-0.vecino', 'words-1.vecino']
 * using again = await loadShards('words.vecino', { rowsPerShard: 2 });
 * console.log(again.search([6, 8], 1).labels[0]); // 2
 */
export async function saveShards(
	index: IndexShards,
	path: string | URL,
	options: WriteFileOptions = {},
): Promise<{ paths: string[]; byteLength: number }> {
	if (!(index instanceof IndexShards))
		throw new TypeError(`saveShards: index must be an IndexShards, got ${show(index)}`);
	const release = index.hold('saveShards');
	try {
		const paths: string[] = [];
		let byteLength = 0;
		for (const [i, shard] of index.shards.entries()) {
			const name = shardPath(path, i);
			byteLength += (await saveIndex(shard, name, options)).byteLength;
			paths.push(name);
		}
		for (let i = paths.length; await isThere(shardPath(path, i)); i++) await rm(shardPath(path, i));
		return { paths, byteLength };
	} finally {
		release();
	}
}

/**
 * Opens what saveShards wrote. Dispose of the index after use.
 *
 * @param options - makeEngine makes the engines of all shards but the first, those to come too.
 * @throws as loadIndex; VecinoError 'not-alike' when the files are not of one index.
 *
 * @example
 * import { IndexFlat, IndexShards } from 'vecino';
 * import { loadShards, saveShards } from 'vecino/node';
 * using index = new IndexShards({ shards: [new IndexFlat({ d: 1 })] });
 * await saveShards(index.add([[0], [3]]), 'few.vecino');
 * using again = await loadShards('few.vecino');
 * console.log(again.shards.length, again.ntotal); // 1 2
 */
export async function loadShards(path: string | URL, options: LoadShardsOptions = {}): Promise<IndexShards> {
	checkKeys('loadShards', options, ['engine', 'verify', 'signal', 'onProgress', 'rowsPerShard', 'makeEngine']);
	const { rowsPerShard, makeEngine, ...open } = options;
	const shards: Index[] = [];
	const next = (first: Index): Engine => makeEngine?.() ?? createEngineSync({ kernels: first.engine.backend });
	let index: IndexShards | undefined;
	try {
		shards.push(await loadIndex(shardPath(path, 0), open));
		for (let i = 1; await isThere(shardPath(path, i)); i++) {
			shards.push(await loadIndex(shardPath(path, i), { ...open, engine: next(shards[0]!) }));
		}
		index = new IndexShards({ shards, rowsPerShard, makeEngine });
		return index;
	} finally {
		if (index === undefined) for (const shard of shards) shard[Symbol.dispose]();
	}
}

async function isThere(path: string): Promise<boolean> {
	return stat(path).then(
		() => true,
		() => false,
	);
}
