/**
 * Exact search: every vector is kept as it is and compared with every query. The ground truth of all
 * other indexes.
 */

import { FlatCodec } from '../quantizers/codec.ts';
import { checkKeys } from '../util/check.ts';
import type { IndexOptions } from './base.ts';
import { IndexFlatCodes } from './flat-codes.ts';

/**
 * Exact nearest neighbours; 4 * d bytes per vector, nothing to train.
 *
 * @example
 * using index = new IndexFlat({ d: 2 });
 * index.add([[0, 0], [3, 4]]);
 * console.log(index.search([0, 1], 1).hits()); // [{ label: 0, distance: 1 }]
 */
export class IndexFlat extends IndexFlatCodes {
	readonly type = 'IndexFlat';

	constructor(options: IndexOptions) {
		checkKeys('IndexFlat', options, ['d', 'metric', 'engine']);
		super('IndexFlat', options, (index) => new FlatCodec(index.engine, index.d));
	}
}
