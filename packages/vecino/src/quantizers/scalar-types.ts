/**
 * The scalar codecs by name. FAISS calls them SQ8, SQ4, SQfp16 and SQbf16.
 */

import type { Engine } from '../kernels/engine.ts';
import type { Codec } from './codec.ts';
import { HalfCodec } from './half.ts';
import { Sq4Quantizer } from './sq4.ts';
import { Sq8Quantizer } from './sq8.ts';

/** Each dimension by itself: in 8 or 4 bits between its smallest and largest value in training, or as a 16-bit float. */
export type ScalarType = 'sq8' | 'sq4' | 'f16' | 'bf16';

export const SCALAR_TYPES: readonly ScalarType[] = ['sq8', 'sq4', 'f16', 'bf16'];

export function scalarCodec(engine: Engine, d: number, type: ScalarType): Codec {
	if (type === 'sq8') return new Sq8Quantizer(engine, d);
	if (type === 'sq4') return new Sq4Quantizer(engine, d);
	return new HalfCodec(engine, d, type);
}

/** Bytes of a code. */
export function scalarCodeSize(d: number, type: ScalarType): number {
	return type === 'sq8' ? d : type === 'sq4' ? (d + 1) >> 1 : 2 * d;
}

/** Whether codes stand between smallest and largest values that training finds. */
export function hasRanges(type: ScalarType): boolean {
	return type === 'sq8' || type === 'sq4';
}
