/**
 * 4-bit scalar quantization (SQ4): 16 levels, two codes a byte, the even dimension in its low half. FAISS: QT_4bit.
 */

import type { Engine } from '../kernels/engine.ts';
import { SCAN_LISTS, type ScanArgs } from '../kernels/kernels.ts';
import { ScalarQuantizer } from './scalar.ts';

export class Sq4Quantizer extends ScalarQuantizer {
	readonly codeSize: number;

	constructor(engine: Engine, d: number) {
		super(engine, d, 15, 16);
		this.codeSize = (d + 1) >> 1;
	}

	protected encodeWith(x: number, n: number, codes: number, mins: number, inverse: number): void {
		this.engine.kernels.sq4Encode(x, n, this.d, mins, inverse, codes);
	}

	protected decodeWith(codes: number, n: number, out: number, mins: number, steps: number): void {
		this.engine.kernels.sq4Decode(codes, n, this.d, mins, steps, out);
	}

	protected listKind(kind: 'l2' | 'ip'): number {
		return kind === 'l2' ? SCAN_LISTS.sq4L2 : SCAN_LISTS.sq4Ip;
	}

	protected scanL2(args: ScanArgs, shifted: number, steps: number): number {
		return this.engine.kernels.scanSq4L2(...args, shifted, steps, this.d);
	}

	protected scanIp(args: ScanArgs, weights: number, shift: number): number {
		return this.engine.kernels.scanSq4Ip(...args, weights, shift, this.d);
	}
}
