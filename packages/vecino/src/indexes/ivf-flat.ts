/**
 * IVF over uncompressed vectors: exact distances inside the opened cells.
 */

import type { Engine } from '../kernels/engine.ts';
import { FlatCodec } from '../quantizers/codec.ts';
import { checkKeys } from '../util/check.ts';
import { IndexIVF, type IndexIVFOptions } from './ivf.ts';

/**
 * Cells of exact vectors; 4 * d + 4 bytes per vector. With nprobe = nlist the result is that of IndexFlat.
 *
 * @example
 * using index = new IndexIVFFlat({ d: 64, nlist: 20 });
 * index.train(vectors).add(vectors);
 * const found = index.search(queries, 10, { nprobe: index.nlist });
 * console.log(recallAtK(found, exactNeighbors(vectors, queries, 10))); // 1
 */
export class IndexIVFFlat extends IndexIVF {
	readonly type = 'IndexIVFFlat';

	constructor(options: IndexIVFOptions) {
		checkKeys('IndexIVFFlat', options, ['d', 'metric', 'engine', 'nlist', 'coarse']);
		super('IndexIVFFlat', options, false, ({ engine, d }) => new FlatCodec(engine, d));
	}

	/** @internal */
	override alike(engine: Engine): IndexIVFFlat {
		return new IndexIVFFlat(this.cellOptions(engine));
	}
}
