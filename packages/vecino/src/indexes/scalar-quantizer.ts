/**
 * Scalar quantization without cells: 8 or 4 bits per dimension, or 16-bit floats.
 */

import type { Engine } from '../kernels/engine.ts';
import { SCALAR_TYPES, type ScalarType, scalarCodec } from '../quantizers/scalar-types.ts';
import { checkKeys, checkOneOf } from '../util/check.ts';
import type { IndexOptions } from './base.ts';
import { IndexFlatCodes } from './flat-codes.ts';

/** Options of IndexScalarQuantizer. */
export interface IndexScalarQuantizerOptions extends IndexOptions {
	/**
	 * What a dimension becomes: 'sq8' and 'sq4', 8 or 4 bits between its smallest and largest value in training (values
	 * outside are clamped); 'f16', an IEEE half (values beyond 65504 are clamped); 'bf16', a bfloat16. Default: 'sq8'.
	 */
	readonly type?: ScalarType | undefined;
}

/**
 * Near-exact search at a half (f16, bf16), a quarter (sq8) or an eighth (sq4) of the memory.
 *
 * @example
 * using index = new IndexScalarQuantizer({ d: 64, type: 'sq4' });
 * index.train(vectors).add(vectors);
 * console.log(index.codeSize, index.search(vectors.row(42), 1).labels[0]); // 32 42
 */
export class IndexScalarQuantizer extends IndexFlatCodes {
	readonly type = 'IndexScalarQuantizer';
	/** What a dimension becomes: the option `type`. */
	readonly scalarType: ScalarType;

	constructor(options: IndexScalarQuantizerOptions) {
		const where = 'IndexScalarQuantizer';
		checkKeys(where, options, ['d', 'metric', 'engine', 'type']);
		const type = checkOneOf(where, 'type', options.type ?? 'sq8', SCALAR_TYPES);
		super(where, options, ({ engine, d }) => scalarCodec(engine, d, type));
		this.scalarType = type;
	}

	/** @internal */
	override alike(engine: Engine): IndexScalarQuantizer {
		const { d, metric, scalarType: type } = this;
		return new IndexScalarQuantizer({ d, metric, engine, type });
	}
}
