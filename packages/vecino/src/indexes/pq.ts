/**
 * Product quantization without cells: m * nbits bits per vector, every code scanned.
 */

import type { Engine } from '../kernels/engine.ts';
import { ProductQuantizer } from '../quantizers/product.ts';
import { checkKeys } from '../util/check.ts';
import type { IndexOptions } from './base.ts';
import { IndexFlatCodes } from './flat-codes.ts';

/** Options of IndexPQ. */
export interface IndexPQOptions extends IndexOptions {
	/** Sub-vectors; divides d unless `pad` is set. */
	readonly m: number;
	/** Bits of a sub-code, 4..12. Default: 8. */
	readonly nbits?: number | undefined;
	/** Fill vectors up with zeros when m does not divide d. Default: false. */
	readonly pad?: boolean | undefined;
}

/**
 * Compressed search over all codes; ceil(m * nbits / 8) bytes per vector.
 *
 * @example
 * using index = new IndexPQ({ d: 64, m: 8 });
 * index.train(vectors).add(vectors);
 * console.log(index.codeSize, index.search(queries, 10).hits(0).length); // 8 10
 */
export class IndexPQ extends IndexFlatCodes {
	readonly type = 'IndexPQ';
	/** The quantizer: encodes, decodes, holds the codebook. Owned by the index. */
	readonly pq: ProductQuantizer;

	constructor(options: IndexPQOptions) {
		checkKeys('IndexPQ', options, ['d', 'metric', 'engine', 'm', 'nbits', 'pad']);
		const { m, nbits, pad } = options;
		super('IndexPQ', options, ({ d, engine }) => new ProductQuantizer({ d, m, nbits, pad, engine }));
		this.pq = this.codec as ProductQuantizer;
	}

	/** @internal */
	override alike(engine: Engine): IndexPQ {
		const { d, metric } = this;
		const { m, nbits } = this.pq;
		return new IndexPQ({ d, metric, engine, m, nbits, pad: true });
	}
}
