/**
 * IVF over 8-bit scalar-quantized vectors.
 */

import { ScalarQuantizer } from '../quantizers/scalar.ts';
import { checkKeys } from '../util/check.ts';
import { IndexIVF, type IndexIVFOptions } from './ivf.ts';

/**
 * Cells of vectors of 8 bits per dimension; d + 4 bytes per vector. Recall is close to that of IndexIVFFlat at a
 * quarter of the memory. Codes are of the vectors themselves, not of residuals.
 *
 * @example
 * using index = new IndexIVFScalarQuantizer({ d: 64, nlist: 100, metric: 'cosine' });
 * index.train(vectors).add(vectors);
 * const { labels } = index.search(queries, 10, { nprobe: 8 });
 */
export class IndexIVFScalarQuantizer extends IndexIVF {
	readonly type = 'IndexIVFScalarQuantizer';

	constructor(options: IndexIVFOptions) {
		const where = 'IndexIVFScalarQuantizer';
		checkKeys(where, options, ['d', 'metric', 'engine', 'nlist', 'coarse']);
		super(where, options, false, ({ engine, d }) => new ScalarQuantizer(engine, d));
	}
}
