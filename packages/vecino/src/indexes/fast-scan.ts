/**
 * Fast-scan indexes: 4-bit product quantization with tables in registers, alone and in cells. FAISS's
 * IndexPQFastScan and IndexIVFPQFastScan (factory strings `PQ16x4fs`, `IVF1024,PQ16x4fsr`).
 */

import type { Engine } from '../kernels/engine.ts';
import { FastScanQuantizer, MAX_FAST_M } from '../quantizers/fast-scan.ts';
import { ProductQuantizer } from '../quantizers/product.ts';
import { checkBoolean, checkInt, checkKeys } from '../util/check.ts';
import type { IndexOptions } from './base.ts';
import { IndexFlatCodes } from './flat-codes.ts';
import { IndexIVF, type IndexIVFOptions } from './ivf.ts';

/** Options of IndexPQFastScan. */
export interface IndexPQFastScanOptions extends IndexOptions {
	/** Sub-vectors, at most 256; divides d unless `pad` is set. */
	readonly m: number;
	/** Fill vectors up with zeros when m does not divide d. Default: false. */
	readonly pad?: boolean | undefined;
}

/** Options of IndexIVFPQFastScan. */
export interface IndexIVFPQFastScanOptions extends IndexIVFOptions {
	/** Sub-vectors, at most 256; divides d unless `pad` is set. */
	readonly m: number;
	/** Fill vectors up with zeros when m does not divide d. Default: false. */
	readonly pad?: boolean | undefined;
	/** Code the difference to the centroid instead of the vector. Default: true. */
	readonly byResidual?: boolean | undefined;
}

function fastCodec(
	where: string,
	options: { d: number; m: number; pad?: boolean | undefined },
	engine: Engine,
): FastScanQuantizer {
	const { d, m, pad } = options;
	checkInt(where, 'm', m, 1, Math.min(d, MAX_FAST_M));
	return new FastScanQuantizer(new ProductQuantizer({ d, m, nbits: 4, pad, engine }), engine);
}

/**
 * Compressed search over all codes, 32 at a time; m / 2 bytes per vector. Distances are rounded
 * (quantizers/fast-scan.ts): wrap it in an IndexRefine for exact ones.
 *
 * @example
 * using index = new IndexPQFastScan({ d: 64, m: 32 });
 * index.train(vectors).add(vectors);
 * console.log(index.codeSize, index.search(queries, 10).hits(0).length); // 16 10
 */
export class IndexPQFastScan extends IndexFlatCodes {
	readonly type = 'IndexPQFastScan';
	/** The quantizer: encodes, decodes, holds the codebook. Owned by the index. */
	readonly pq: ProductQuantizer;

	constructor(options: IndexPQFastScanOptions) {
		const where = 'IndexPQFastScan';
		checkKeys(where, options, ['d', 'metric', 'engine', 'm', 'pad']);
		super(where, options, ({ engine }) => fastCodec(where, options, engine));
		this.pq = (this.codec as FastScanQuantizer).pq;
	}

	/** @internal */
	override alike(engine: Engine): IndexPQFastScan {
		const { d, metric } = this;
		return new IndexPQFastScan({ d, metric, engine, m: this.pq.m, pad: true });
	}
}

/**
 * Cells of compressed vectors scanned 32 at a time: m / 2 bytes of code, 4 of label and, with residuals under l2,
 * 2 of a precomputed term per vector; lists are rounded up to 32 codes.
 *
 * @example
 * using index = new IndexRefine({ base: new IndexIVFPQFastScan({ d: 64, nlist: 20, m: 32 }) });
 * index.train(vectors).add(vectors);
 * console.log(index.search(vectors.row(42), 1).hits()); // [{ label: 42, distance: 0 }]
 */
export class IndexIVFPQFastScan extends IndexIVF {
	readonly type = 'IndexIVFPQFastScan';
	/** The quantizer: encodes, decodes, holds the codebook. Owned by the index. */
	readonly pq: ProductQuantizer;

	constructor(options: IndexIVFPQFastScanOptions) {
		const where = 'IndexIVFPQFastScan';
		checkKeys(where, options, ['d', 'metric', 'engine', 'nlist', 'coarse', 'm', 'pad', 'byResidual']);
		const byResidual = checkBoolean(where, 'byResidual', options.byResidual ?? true);
		super(where, options, byResidual, ({ engine }) => fastCodec(where, options, engine));
		this.pq = (this.codec as FastScanQuantizer).pq;
	}

	/** @internal */
	override alike(engine: Engine): IndexIVFPQFastScan {
		const { byResidual } = this;
		return new IndexIVFPQFastScan({ ...this.cellOptions(engine), m: this.pq.m, pad: true, byResidual });
	}
}
