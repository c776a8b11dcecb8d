/**
 * Opening FAISS's index files from memory or from any source of ranges.
 *
 * A file is not believed: nothing is allocated that the file has no bytes for, every link and label must lead
 * somewhere, and whatever is not as it must be is a VecinoError. When reading fails nothing stays in the arena.
 */

import type { Index } from '../../indexes/base.ts';
import { IndexIDMap } from '../../indexes/id-map.ts';
import { defaultEngine, type Engine } from '../../kernels/engine.ts';
import { checkKeys, show } from '../../util/check.ts';
import { lengthOf, makeIndex } from '../read-index.ts';
import { allocate, type Reading, readFromBytes, readFromSource, type SourceReadOptions } from '../reading.ts';
import type { RangeSource } from '../source.ts';
import { FaissFile } from './file.ts';
import { fillTable } from './ids.ts';
import { parseIndex } from './parse.ts';
import { planFaiss } from './plan.ts';

export interface ReadFaissOptions {
	/** The engine that will hold the index. Default: the shared engine. */
	readonly engine?: Engine | undefined;
}

export interface OpenFaissOptions extends ReadFaissOptions, SourceReadOptions {}

const FILE_NAME = 'FAISS file';

/**
 * The index in the bytes of a FAISS file, as faiss.write_index leaves it (spec/faiss.md says which kinds). Dispose of it
 * after use. Searches open as many cells as the file says, and find what FAISS finds; ids that are not the row numbers
 * make it an IndexIDMap.
 *
 * @throws VecinoError 'corrupt-data' with the offset; 'unsupported' for kinds, metrics and ids (negative, or above
 *   2^53 - 1) that vecino does not have, named; 'duplicate-id'; 'not-finite'; 'out-of-memory'.
 * @example
 * import { IndexFlat, readFaissIndex, writeFaissIndex } from 'vecino';
 * using index = new IndexFlat({ d: 2 }).add([[0, 0], [3, 4]]);
 * using again = readFaissIndex(writeFaissIndex(index)); // or the bytes of a file that FAISS wrote
 * console.log(again.search([3, 3], 1).labels[0]); // 1
 */
export function readFaissIndex(bytes: Uint8Array, options: ReadFaissOptions = {}): Index {
	const where = 'readFaissIndex';
	if (!(bytes instanceof Uint8Array)) {
		const advice = typeof (bytes as RangeSource)?.read === 'function' ? '; openFaissIndex reads from sources' : '';
		throw new TypeError(`${where}: bytes must be a Uint8Array, got ${show(bytes)}${advice}`);
	}
	checkKeys(where, options, ['engine']);
	return readFromBytes(readWhole(bytes.byteLength, options.engine ?? defaultEngine(), FILE_NAME), bytes);
}

/**
 * The same from a source of ranges, in parts of about 1 MiB.
 *
 * @throws as readFaissIndex; VecinoError 'aborted', 'storage'; what the source throws.
 * @example
 * import { bytesSource, IndexFlat, openFaissIndex, writeFaissIndex } from 'vecino';
 * using index = new IndexFlat({ d: 2 }).add([[0, 0], [3, 4]]);
 * using again = await openFaissIndex(bytesSource(writeFaissIndex(index)));
 */
export async function openFaissIndex(source: RangeSource, options: OpenFaissOptions = {}): Promise<Index> {
	checkKeys('openFaissIndex', options, ['engine', 'signal', 'onProgress']);
	return openFaissNamed(source, options, FILE_NAME);
}

/** openFaissIndex with a name of the file for messages. @internal */
export async function openFaissNamed(source: RangeSource, options: OpenFaissOptions, name: string): Promise<Index> {
	const byteLength = lengthOf('openFaissIndex', source);
	return readFromSource(readWhole(byteLength, options.engine ?? defaultEngine(), name), source, options);
}

function* readWhole(byteLength: number, engine: Engine, name: string): Reading<Index> {
	const file = new FaissFile(name, byteLength);
	const tree = yield* parseIndex(file);
	if (file.at !== byteLength) throw file.fault(`${byteLength - file.at} bytes are left behind the index`);
	const plan = planFaiss(file, tree);
	const { ntotal } = plan.node;
	const index = makeIndex(plan.node, engine);
	let done = false;
	try {
		// An IndexIDMap takes an empty index; without ids it is let go again.
		const map = new IndexIDMap({ index });
		const own = yield* plan.fill(index);
		const { ids } = plan;
		if (own !== undefined && ids !== undefined) {
			throw file.unsupported(`an IndexIDMap of an index with ids of its own (${own[0]} the smallest)`, 0);
		}
		let table = own;
		if (ids !== undefined) {
			table = allocate(name, ntotal * 8, () => new Float64Array(ntotal));
			yield* file.ids(ids, table, 0, (row) => `row ${row}`);
		}
		if (table !== undefined) fillTable(file, map.table, table);
		done = true;
		return table === undefined ? index : map;
	} finally {
		if (!done) index[Symbol.dispose]();
	}
}
