/**
 * Indexes of RaBitQ codes (quantizers/rabitq.ts).
 */

import type { Engine } from '../kernels/engine.ts';
import { MAX_RABITQ_BITS, RabitQuantizer } from '../quantizers/rabitq.ts';
import { checkInt, checkKeys } from '../util/check.ts';
import type { Index, IndexOptions } from './base.ts';
import { kernelMetric } from './batch.ts';
import { IndexFlatCodes } from './flat-codes.ts';
import { IndexIVF, type IndexIVFOptions } from './ivf.ts';

interface RaBitQOptions {
	/** Bits per dimension, 1..8. Default: 1. */
	readonly nbits?: number | undefined;
	/** Seed of the rotation. Default: 1234. */
	readonly seed?: number | undefined;
}

/** Options of IndexRaBitQ. */
export interface IndexRaBitQOptions extends IndexOptions, RaBitQOptions {}

/** Options of IndexIVFRaBitQ. */
export interface IndexIVFRaBitQOptions extends IndexIVFOptions, RaBitQOptions {}

function makeCodec(
	where: string,
	{ d, metric, engine }: Index,
	options: RaBitQOptions,
	cells: boolean,
): RabitQuantizer {
	const nbits = checkInt(where, 'nbits', options.nbits ?? 1, 1, MAX_RABITQ_BITS);
	const seed = checkInt(where, 'seed', options.seed ?? 1234, 0, 2 ** 32 - 1);
	return new RabitQuantizer({ engine, d, metric: kernelMetric(metric), nbits, seed, cells });
}

/**
 * Compressed search over all codes without a codebook: with D = d rounded up to a multiple of 16, nbits * D / 8 bytes per
 * vector and 4 more (nbits = 1) or 12. Training only takes the mean. Distances are estimates (unbiased): wrap it in an
 * IndexRefine for exact ones.
 *
 * @example
 * using index = new IndexRaBitQ({ d: 64, nbits: 4, metric: 'cosine' });
 * index.train(vectors).add(vectors);
 * console.log(index.codeSize, index.search(vectors.row(42), 1).labels[0]); // 44 42
 */
export class IndexRaBitQ extends IndexFlatCodes {
	readonly type = 'IndexRaBitQ';
	/** @internal */
	readonly rabitq: RabitQuantizer;

	constructor(options: IndexRaBitQOptions) {
		const where = 'IndexRaBitQ';
		checkKeys(where, options, ['d', 'metric', 'engine', 'nbits', 'seed']);
		super(where, options, (index) => makeCodec(where, index, options, false));
		this.rabitq = this.codec as RabitQuantizer;
	}

	/** @internal */
	override alike(engine: Engine): IndexRaBitQ {
		const { d, metric } = this;
		const { nbits, seed } = this.rabitq;
		return new IndexRaBitQ({ d, metric, engine, nbits, seed });
	}
}

/**
 * Cells of RaBitQ codes of the difference to the centroid: with D = d rounded up to a multiple of 16, nbits * D / 8 bytes
 * per vector, 4 more (nbits = 1) or 12, and 4 of label; lists are rounded up to 32 codes. Distances are estimates
 * (unbiased): wrap it in an IndexRefine for exact ones. Best for d of 256 and more; for d up to 128 and few bytes
 * IndexIVFPQFastScan finds more.
 *
 * @example
 * using index = new IndexRefine({ base: new IndexIVFRaBitQ({ d: 64, nlist: 20, metric: 'cosine' }) });
 * index.train(vectors).add(vectors);
 * console.log(index.search(vectors.row(42), 1).labels[0]); // 42
 */
export class IndexIVFRaBitQ extends IndexIVF {
	readonly type = 'IndexIVFRaBitQ';
	/** @internal */
	readonly rabitq: RabitQuantizer;

	constructor(options: IndexIVFRaBitQOptions) {
		const where = 'IndexIVFRaBitQ';
		checkKeys(where, options, ['d', 'metric', 'engine', 'nlist', 'coarse', 'nbits', 'seed']);
		super(where, options, true, (index) => makeCodec(where, index, options, true));
		this.rabitq = this.codec as RabitQuantizer;
	}

	/** @internal */
	override alike(engine: Engine): IndexIVFRaBitQ {
		const { nbits, seed } = this.rabitq;
		return new IndexIVFRaBitQ({ ...this.cellOptions(engine), nbits, seed });
	}
}
