// Helpers shared by the kernels. Every function here is inlined; `ASC_FEATURE_RELAXED_SIMD` is a
// compile-time constant, so each build holds only its own form.

/** Lane select for masks whose lanes are all ones or all zeros: the only masks for which the relaxed form is defined. */
// @ts-ignore: decorator
@inline export function select(a: v128, b: v128, mask: v128): v128 {
	if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_laneselect(a, b, mask);
	return v128.bitselect(a, b, mask);
}

/** (s0 + s2) + (s1 + s3) of one vector. */
// @ts-ignore: decorator
@inline export function sum1(s: v128): f32 {
	const t = f32x4.add(s, v128.shuffle<f32>(s, s, 2, 3, 0, 1));
	return f32x4.extract_lane(t, 0) + f32x4.extract_lane(t, 1);
}

/** Lane i of the result is (s0 + s2) + (s1 + s3) of the i-th vector: the same bits as sum1. */
// @ts-ignore: decorator
@inline export function sum4(a: v128, b: v128, c: v128, d: v128): v128 {
	const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
	const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
	return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

/** All ones in the first `count` (0..3) lanes. */
// @ts-ignore: decorator
@inline export function tailMask(count: usize): v128 {
	return i32x4.lt_u(i32x4(0, 1, 2, 3), i32x4.splat(<i32>count));
}
