/**
 * IVF over product-quantized vectors (IVFADC; Jégou, Douze, Schmid, 2011).
 */

import type { Engine } from '../kernels/engine.ts';
import { ProductQuantizer } from '../quantizers/product.ts';
import { checkBoolean, checkKeys } from '../util/check.ts';
import { IndexIVF, type IndexIVFOptions } from './ivf.ts';

/** Options of IndexIVFPQ. */
export interface IndexIVFPQOptions extends IndexIVFOptions {
	/** Sub-vectors; divides d unless `pad` is set. */
	readonly m: number;
	/** Bits of a sub-code, 4..12. Default: 8. */
	readonly nbits?: number | undefined;
	/** Fill vectors up with zeros when m does not divide d. Default: false. */
	readonly pad?: boolean | undefined;
	/** Code the difference to the centroid instead of the vector. Default: true. */
	readonly byResidual?: boolean | undefined;
}

/**
 * Cells of compressed vectors: ceil(m * nbits / 8) bytes of code, 4 of label and, with residuals under l2,
 * 4 of a precomputed term per vector.
 *
 * @example
 * using index = new IndexIVFPQ({ d: 64, nlist: 20, m: 16 });
 * index.train(vectors).add(vectors);
 * const { labels } = index.search(queries, 10, { nprobe: 4 });
 * console.log(index.codeSize, labels.length); // 16 100
 */
export class IndexIVFPQ extends IndexIVF {
	readonly type = 'IndexIVFPQ';
	/** The quantizer: encodes, decodes, holds the codebook. Owned by the index. */
	readonly pq: ProductQuantizer;

	constructor(options: IndexIVFPQOptions) {
		const where = 'IndexIVFPQ';
		checkKeys(where, options, ['d', 'metric', 'engine', 'nlist', 'coarse', 'm', 'nbits', 'pad', 'byResidual']);
		const { m, nbits, pad } = options;
		const byResidual = checkBoolean(where, 'byResidual', options.byResidual ?? true);
		super(where, options, byResidual, ({ d, engine }) => new ProductQuantizer({ d, m, nbits, pad, engine }));
		this.pq = this.codec as ProductQuantizer;
	}

	/** @internal */
	override alike(engine: Engine): IndexIVFPQ {
		const { m, nbits } = this.pq;
		return new IndexIVFPQ({ ...this.cellOptions(engine), m, nbits, pad: true, byResidual: this.byResidual });
	}
}
