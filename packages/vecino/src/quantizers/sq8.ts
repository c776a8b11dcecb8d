/**
 * 8-bit scalar quantization (SQ8): 256 levels, 1 byte per dimension. FAISS: QT_8bit.
 */

import type { Engine } from '../kernels/engine.ts';
import { SCAN_LISTS, type ScanArgs } from '../kernels/kernels.ts';
import { ScalarQuantizer } from './scalar.ts';

export class Sq8Quantizer extends ScalarQuantizer {
	readonly codeSize: number;

	constructor(engine: Engine, d: number) {
		super(engine, d, 255, 8);
		this.codeSize = d;
	}

	protected encodeWith(x: number, n: number, codes: number, mins: number, inverse: number): void {
		this.engine.kernels.sq8Encode(x, n, this.d, mins, inverse, codes);
	}

	protected decodeWith(codes: number, n: number, out: number, mins: number, steps: number): void {
		this.engine.kernels.sq8Decode(codes, n, this.d, mins, steps, out);
	}

	protected listKind(kind: 'l2' | 'ip'): number {
		return kind === 'l2' ? SCAN_LISTS.sq8L2 : SCAN_LISTS.sq8Ip;
	}

	protected scanL2(args: ScanArgs, shifted: number, steps: number): number {
		return this.engine.kernels.scanSq8L2(...args, shifted, steps, this.d);
	}

	protected scanIp(args: ScanArgs, weights: number, shift: number): number {
		return this.engine.kernels.scanSq8Ip(...args, weights, shift, this.d);
	}
}
