/**
 * Rows of length 1. Zero rows stay zero.
 */

import type { Engine } from '../kernels/engine.ts';
import { checkKeys } from '../util/check.ts';
import type { Steps } from '../util/steps.ts';
import { type Learnt, Transform } from './transform.ts';

/** Options of NormalizeTransform. */
export interface NormalizeTransformOptions {
	/** Dimension of the rows, 1..65536. */
	readonly d: number;
	/** Memory and kernels to use. Default: the shared engine. */
	readonly engine?: Engine | undefined;
}

/**
 * x / |x|. The way back leaves rows as they are: their lengths are gone.
 *
 * @example
 * using unit = new NormalizeTransform({ d: 2 });
 * console.log(unit.apply([0, 5]).data); // Float32Array(2) [0, 1]
 */
export class NormalizeTransform extends Transform {
	readonly type = 'NormalizeTransform';
	readonly isTrained = true;
	readonly isReversible = true;
	readonly byteLength = 0;

	constructor(options: NormalizeTransformOptions) {
		checkKeys('NormalizeTransform', options, ['d', 'engine']);
		super('NormalizeTransform', options.d, options.d, options.engine);
	}

	/** @internal */
	trainingLimit(): number {
		return 0;
	}

	/** @internal */
	*trainSteps(): Steps<void> {}

	/** @internal */
	applyRows(x: number, n: number, out: number): void {
		const { arena, kernels } = this.engine;
		arena.u8.copyWithin(out, x, x + n * this.dIn * 4);
		kernels.normalizeRows(out, n, this.dIn);
	}

	/** @internal */
	reverseRow(y: Float32Array): Float32Array<ArrayBuffer> {
		return Float32Array.from(y);
	}

	/** @internal */
	takeLearnt(): Learnt {
		return { putBack() {}, free() {} };
	}

	[Symbol.dispose](): void {}
}
