/**
 * Writing an index as a FAISS file (spec/faiss.md): what FAISS 1.7.3 and later open, bf16 codes aside, which FAISS has
 * since 1.9. The same index gives the same bytes.
 *
 * While an index is written it can be searched, and not be changed: train, add, reset and dispose throw 'busy'.
 */

import type { Index } from '../../indexes/base.ts';
import { allocate } from '../reading.ts';
import { checkIndex, cut, hold } from '../write-index.ts';
import { bytesOfPiece } from '../write-plan.ts';
import { FaissOut } from './out.ts';
import { putIndex } from './write-node.ts';

/**
 * The FAISS file of an index, for faiss.read_index. An index by cosine becomes normalisation and inner product
 * (IndexPreTransform), one of product quantization that is filled up (`pad`) gets a transform that does it. Dropped:
 * how PCA, OPQ and rotations were trained.
 *
 * @throws VecinoError 'unsupported' for what FAISS has no equal of, named: RaBitQ, OPQ that is not trained; 'disposed',
 *   'busy', 'out-of-memory'.
 * @example
 * import { IndexFlat, writeFaissIndex } from 'vecino';
 * using index = new IndexFlat({ d: 2 }).add([[0, 0], [3, 4]]);
 * const bytes = writeFaissIndex(index);
 * console.log(new TextDecoder().decode(bytes.subarray(0, 4))); // IxF2
 */
export function writeFaissIndex(index: Index): Uint8Array<ArrayBuffer> {
	checkIndex('writeFaissIndex', index);
	const release = hold(index);
	try {
		const file = planned(index);
		const out = allocate('writeFaissIndex', file.byteLength, () => new Uint8Array(file.byteLength));
		let at = 0;
		for (const piece of file.pieces()) {
			out.set(bytesOfPiece(index.engine.arena, piece), at);
			at += piece.byteLength;
		}
		return out;
	} finally {
		release();
	}
}

/**
 * The same in chunks of at most 1 MiB, each an array of its own. Run it to the end, or call its `return` (as `for` and
 * `yield*` do): the index is held till then.
 *
 * @throws as writeFaissIndex.
 * @example
 * import { faissIndexChunks, IndexFlat } from 'vecino';
 * using index = new IndexFlat({ d: 2 }).add([[0, 0], [3, 4]]);
 * let byteLength = 0;
 * for (const chunk of faissIndexChunks(index)) byteLength += chunk.length;
 */
export function faissIndexChunks(index: Index): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
	checkIndex('faissIndexChunks', index);
	return chunksOf(index);
}

/** @param onPlanned - Told the length of the file in bytes as soon as it is known. @internal */
export function* chunksOf(
	index: Index,
	onPlanned?: (byteLength: number) => void,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
	const release = hold(index);
	try {
		const file = planned(index);
		onPlanned?.(file.byteLength);
		yield* cut(file.pieces(), index.engine.arena, file.byteLength);
	} finally {
		release();
	}
}

function planned(index: Index): FaissOut {
	const out = new FaissOut();
	putIndex(out, index, false);
	return out;
}
