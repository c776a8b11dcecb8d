/**
 * 16-bit floats, 2 bytes per dimension: IEEE binary16 ('f16': 11 significant bits, up to 65504) or bfloat16 ('bf16':
 * 8 significant bits, the range of float32). Rounded to nearest, ties to even. Nothing to train. A value beyond the
 * largest finite one is stored as that one, as SQ8 clamps to its range. FAISS: QT_fp16, QT_bf16.
 */

import type { Engine } from '../kernels/engine.ts';
import { SCAN_LISTS } from '../kernels/kernels.ts';
import type { Steps } from '../util/steps.ts';
import { align16, type Codec, type CodeScanner, RowCodec, type ScanKind } from './codec.ts';

export type HalfType = 'f16' | 'bf16';

export class HalfCodec extends RowCodec implements Codec {
	readonly d: number;
	readonly codeSize: number;
	readonly isTrained = true;
	readonly encodeScratchBytes = 0;
	/** @internal */
	protected readonly engine: Engine;
	/** 0: f16, 1: bf16 (assembly/half.ts). */
	readonly #kind: number;

	constructor(engine: Engine, d: number, type: HalfType) {
		super();
		this.engine = engine;
		this.d = d;
		this.codeSize = 2 * d;
		this.#kind = type === 'f16' ? 0 : 1;
	}

	trainingLimit(): number {
		return 0;
	}

	*trainSteps(): Steps<void> {}

	encodeRows(x: number, n: number, codes: number): void {
		this.engine.kernels.halfEncode(this.#kind, x, n * this.d, codes);
	}

	decodeRows(codes: number, n: number, out: number): void {
		this.engine.kernels.halfDecode(this.#kind, codes, n * this.d, out);
	}

	/** State of a prepared query: the query, padded with zeros to a multiple of 8. */
	scanner(kind: ScanKind): CodeScanner {
		if (kind === 'residual-l2') throw new Error('internal: 16-bit floats are never residuals');
		const { arena, kernels } = this.engine;
		const { d } = this;
		const padded = Math.ceil(d / 8) * 8;
		const metric = kind === 'l2' ? 0 : 1;
		return {
			stateBytes: padded * 4,
			setQuery: (q, state) => {
				arena.u8.copyWithin(state, q, q + d * 4);
				arena.u8.fill(0, state + d * 4, state + padded * 4);
			},
			scan: (state, args) => kernels.scanHalf(...args, this.#kind, metric, state, d),
			block: {
				stateBytes: align16(padded * 4),
				workBytes: 0,
				prepare: (q, n, states) => ['floatPrepare', q, n, d, padded, states, align16(padded * 4)],
				scan: () => [SCAN_LISTS.half, d, this.#kind, metric],
			},
		};
	}

	bytes(): Record<string, number> {
		return {};
	}

	[Symbol.dispose](): void {}
}
