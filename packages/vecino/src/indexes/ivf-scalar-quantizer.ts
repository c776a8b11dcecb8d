/**
 * IVF over scalar-quantized vectors: 8 or 4 bits per dimension, or 16-bit floats.
 */

import type { Engine } from '../kernels/engine.ts';
import { SCALAR_TYPES, type ScalarType, scalarCodec } from '../quantizers/scalar-types.ts';
import { checkKeys, checkOneOf } from '../util/check.ts';
import { IndexIVF, type IndexIVFOptions } from './ivf.ts';

/** Options of IndexIVFScalarQuantizer. */
export interface IndexIVFScalarQuantizerOptions extends IndexIVFOptions {
	/** What a dimension becomes, as in IndexScalarQuantizer. Default: 'sq8'. */
	readonly type?: ScalarType | undefined;
}

/**
 * Cells of scalar-quantized vectors; d (sq8), d / 2 (sq4) or 2 d (f16, bf16) bytes and 4 of label per vector. With sq8
 * recall is close to that of IndexIVFFlat at a quarter of the memory. Codes are of the vectors themselves, not of
 * residuals.
 *
 * @example
 * using index = new IndexIVFScalarQuantizer({ d: 64, nlist: 20, type: 'sq8', metric: 'cosine' });
 * index.train(vectors).add(vectors);
 * console.log(index.codeSize, index.search(queries, 10, { nprobe: 4 }).nq); // 64 10
 */
export class IndexIVFScalarQuantizer extends IndexIVF {
	readonly type = 'IndexIVFScalarQuantizer';
	/** What a dimension becomes: the option `type`. */
	readonly scalarType: ScalarType;

	constructor(options: IndexIVFScalarQuantizerOptions) {
		const where = 'IndexIVFScalarQuantizer';
		checkKeys(where, options, ['d', 'metric', 'engine', 'nlist', 'coarse', 'type']);
		const type = checkOneOf(where, 'type', options.type ?? 'sq8', SCALAR_TYPES);
		super(where, options, false, ({ engine, d }) => scalarCodec(engine, d, type));
		this.scalarType = type;
	}

	/** @internal */
	override alike(engine: Engine): IndexIVFScalarQuantizer {
		return new IndexIVFScalarQuantizer({ ...this.cellOptions(engine), type: this.scalarType });
	}
}
