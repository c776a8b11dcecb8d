/**
 * What the reference kernels share: float32 arithmetic in the order of the SIMD lanes.
 */

import type { Arena } from '../arena.ts';

/** Rounds to float32. */
export const f: (value: number) => number = Math.fround;

/** The eight partial sums of one row at a time. */
const lanes = new Float32Array(8);

/** Eight partial sums reduced as the SIMD lanes are: lanes 0..3 plus 4..7, then (s0 + s2) + (s1 + s3). */
export function reduce8(s: Float32Array): number {
	const s0 = f(s[0]! + s[4]!);
	const s1 = f(s[1]! + s[5]!);
	const s2 = f(s[2]! + s[6]!);
	const s3 = f(s[3]! + s[7]!);
	return f(f(s0 + s2) + f(s1 + s3));
}

export function roundHalfEven(value: number): number {
	const floor = Math.floor(value);
	if (value - floor !== 0.5) return Math.round(value);
	return floor + (floor & 1);
}

/** Squared L2 of two rows, at indices into the float32 view; term i goes to partial sum i mod 8. */
export function l2({ f32 }: Arena, q: number, x: number, d: number): number {
	lanes.fill(0);
	for (let i = 0; i < d; i++) {
		const t = f(f32[x + i]! - f32[q + i]!);
		lanes[i & 7] = lanes[i & 7]! + f(t * t);
	}
	return reduce8(lanes);
}

/** Inner product of two rows, at indices into the float32 view; term i goes to partial sum i mod 8. */
export function ip({ f32 }: Arena, q: number, x: number, d: number): number {
	lanes.fill(0);
	for (let i = 0; i < d; i++) lanes[i & 7] = lanes[i & 7]! + f(f32[x + i]! * f32[q + i]!);
	return reduce8(lanes);
}
