// What SQ8 and SQ4 share: queries made ready for their scans.

/**
 * Prepared queries, n of d values, stride bytes apart: `padded` values and one more. l2 (metric 0): q - min. ip (1): q * step. Zeros up to `padded`, then
 * -(q . min), summed in f64 in order of dimensions and rounded once.
 */
export function scalarPrepare(
	q: usize, n: usize, d: usize, metric: u32, mins: usize, steps: usize, padded: usize, states: usize, stride: usize,
): void {
	for (let i: usize = 0; i < n; ++i) scalarQuery(metric, q + (i * d << 2), mins, steps, d, padded, states + i * stride);
}

function scalarQuery(metric: u32, q: usize, mins: usize, steps: usize, d: usize, padded: usize, state: usize): void {
	let shift: f64 = 0;
	for (let t: usize = 0; t < d; ++t) {
		const at = t << 2, value = load<f32>(q + at), low = load<f32>(mins + at);
		store<f32>(state + at, metric == 0 ? value - low : value * load<f32>(steps + at));
		shift -= <f64>value * <f64>low;
	}
	for (let t = d; t < padded; ++t) store<f32>(state + (t << 2), 0);
	store<f32>(state + (padded << 2), <f32>shift);
}
