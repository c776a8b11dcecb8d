/**
 * 8-bit scalar quantization without cells: d bytes per vector.
 */

import { ScalarQuantizer } from '../quantizers/scalar.ts';
import { checkKeys } from '../util/check.ts';
import type { IndexOptions } from './base.ts';
import { IndexFlatCodes } from './flat-codes.ts';

/**
 * Near-exact search at a quarter of the memory (SQ8).
 *
 * @example
 * using index = new IndexScalarQuantizer({ d: 64, metric: 'cosine' });
 * index.train(vectors).add(vectors);
 */
export class IndexScalarQuantizer extends IndexFlatCodes {
	readonly type = 'IndexScalarQuantizer';

	constructor(options: IndexOptions) {
		checkKeys('IndexScalarQuantizer', options, ['d', 'metric', 'engine']);
		super('IndexScalarQuantizer', options, ({ engine, d }) => new ScalarQuantizer(engine, d));
	}
}
