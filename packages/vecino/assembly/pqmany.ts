// Scan of 8-bit PQ codes for up to eight queries at once: a code is read once, and one load brings what it adds to the
// sums of all of them.
//
// Tables are rounded down to 16 bits and interleaved by query, so that sums are lower bounds of the distances. Only codes
// whose bound passes are summed again in float32, by adc8, and offered: the top-k is that of scanPq. Bounds are tight (a
// sum of m entries is off by less than m / 65535 of the largest), so few codes pass that would not enter.
//
// With e the entries of a table, low the sum over j of min_c e[j][c] and range that of the differences max - min:
// u[j][c] = floor((e[j][c] - min_j) * scale), scale a little below 65535 / range, adds up to at most 65535. adc8 is
// off from the true sum S by at most `slack` = (m + 4) 2^-23 sum_j max_c |e[j][c]|, so adc8 <= t means
// S <= t + slack, hence sum u <= (t + slack - low) * scale; one more covers what float64 rounds.
import { adc8 } from './adc';
import { topkAdmits, topkPush, topkThreshold } from './topk';

/** Queries at once. */
const WAYS: usize = 8;

/**
 * Tables of nq <= 8 queries, layout (m, 256, 8) of u16, from those of pqPrepare (`states`, stride bytes apart). Behind them: a
 * limit per query (u16), then f64 scale and f64 low - slack of each.
 */
export function pqTablesMany(states: usize, stride: usize, nq: usize, m: usize, out: usize): void {
	const params = out + (m << 12) + (WAYS << 1);
	for (let q: usize = 0; q < WAYS; ++q) {
		let to = out + (q << 1);
		if (q >= nq) {
			// Sums of 1 that no limit of 0 lets pass.
			for (let j: usize = 0; j < m; ++j) {
				for (let c: usize = 0; c < 256; ++c, to += WAYS << 1) store<u16>(to, j == 0 ? 1 : 0);
			}
			continue;
		}
		const table = states + q * stride;
		let low: f64 = 0, range: f64 = 0, magnitude: f64 = 0;
		for (let j: usize = 0; j < m; ++j) {
			const p = table + (j << 10);
			const least = <f64>smallest(p), most = <f64>largest(p);
			low += least;
			range += most - least;
			magnitude += max<f64>(abs<f64>(least), abs<f64>(most));
		}
		// Also false where there is no number.
		const usable = range > 1e-30 && range < 1e38;
		const scale: f64 = usable ? <f64>65534.999 / range : 0;
		store<f64>(params + (q << 4), scale);
		store<f64>(params + (q << 4), low - <f64>(m + 4) / 8388608 * magnitude, 8);
		let p = table;
		for (let j: usize = 0; j < m; ++j) {
			const least = smallest(p);
			const factor = f64x2.splat(scale), from = f64x2.splat(<f64>least);
			for (let c: usize = 0; c < 256; c += 4, p += 16, to += WAYS << 3) {
				const e = v128.load(p);
				const a = f64x2.mul(f64x2.sub(f64x2.promote_low_f32x4(e), from), factor);
				const b = f64x2.mul(f64x2.sub(f64x2.promote_low_f32x4(v128.shuffle<f32>(e, e, 2, 3, 0, 1)), from), factor);
				// Truncated, which is floor: no value is negative. NaN becomes 0.
				const u = i32x4.trunc_sat_f64x2_u_zero(a), w = i32x4.trunc_sat_f64x2_u_zero(b);
				v128.store_lane<u16>(to, u, 0);
				v128.store_lane<u16>(to, u, 2, WAYS << 1);
				v128.store_lane<u16>(to, w, 0, WAYS << 2);
				v128.store_lane<u16>(to, w, 2, WAYS * 6);
			}
		}
	}
}

/** The smallest of 256 entries; NaN where one is. */
function smallest(p: usize): f32 {
	const end = p + 1024;
	let m = v128.load(p);
	for (p += 16; p < end; p += 16) m = f32x4.min(m, v128.load(p));
	return min(min(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1)), min(f32x4.extract_lane(m, 2), f32x4.extract_lane(m, 3)));
}

function largest(p: usize): f32 {
	const end = p + 1024;
	let m = v128.load(p);
	for (p += 16; p < end; p += 16) m = f32x4.max(m, v128.load(p));
	return max(max(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1)), max(f32x4.extract_lane(m, 2), f32x4.extract_lane(m, 3)));
}

/** What the sum of a code that can enter the top-k of query q is at most. */
function setLimit(limits: usize, q: usize, topk: usize): void {
	const params = limits + (WAYS << 1) + (q << 4);
	const most = (<f64>topkThreshold(topk) - load<f64>(params, 8)) * load<f64>(params);
	// No number where the scale is 0: then all pass.
	store<u16>(limits + (q << 1), most < 65534 ? <u16>(<i32>max<f64>(most, 0) + 1) : 65535);
}

/** Exact distances of the code at `code` for the queries of the mask. */
function offer(mask: u32, code: usize, m: usize, states: usize, stride: usize, label: u32, topks: usize, topkStride: usize, limits: usize, tile: usize): void {
	while (mask != 0) {
		const q = <usize>ctz(mask), topk = topks + q * topkStride;
		mask &= mask - 1;
		if (!topkAdmits(topk, label)) continue;
		adc8(code, 1, m, states + q * stride, tile);
		if (!(load<f32>(tile) <= topkThreshold(topk))) continue;
		const before = topkThreshold(topk);
		topkPush(topk, tile, 1, 0, label);
		if (topkThreshold(topk) != before) setLimit(limits, q, topk);
	}
}

/**
 * Offers n codes of m bytes to the top-k states of nq <= 8 queries, labels base + i: what scanPq leaves in each. `tables` by
 * pqTablesMany from the same states; `tile`: 16 floats.
 */
export function pqScanMany(
	states: usize, stride: usize, nq: usize, m: usize, tables: usize, codes: usize, n: usize, base: u32,
	topks: usize, topkStride: usize, tile: usize,
): void {
	const limits = tables + (m << 12);
	v128.store(limits, i16x8.splat(0));
	for (let q: usize = 0; q < nq; ++q) setLimit(limits, q, topks + q * topkStride);
	let limit = v128.load(limits);
	const eights = m >> 3;
	for (let i: usize = 0; i < n; i += 2) {
		// The last of an odd number goes with itself.
		const next = codes + (i + 1 < n ? m : 0);
		let a = i16x8.splat(0), b = a, t = tables, p = codes, r = next;
		for (let left = eights; left > 0; --left) {
			a = i16x8.add(a, v128.load(t + (<usize>load<u8>(p) << 4)));
			b = i16x8.add(b, v128.load(t + (<usize>load<u8>(r) << 4)));
			a = i16x8.add(a, v128.load(t + (<usize>load<u8>(p, 1) << 4), 4096));
			b = i16x8.add(b, v128.load(t + (<usize>load<u8>(r, 1) << 4), 4096));
			a = i16x8.add(a, v128.load(t + (<usize>load<u8>(p, 2) << 4), 8192));
			b = i16x8.add(b, v128.load(t + (<usize>load<u8>(r, 2) << 4), 8192));
			a = i16x8.add(a, v128.load(t + (<usize>load<u8>(p, 3) << 4), 12288));
			b = i16x8.add(b, v128.load(t + (<usize>load<u8>(r, 3) << 4), 12288));
			a = i16x8.add(a, v128.load(t + (<usize>load<u8>(p, 4) << 4), 16384));
			b = i16x8.add(b, v128.load(t + (<usize>load<u8>(r, 4) << 4), 16384));
			a = i16x8.add(a, v128.load(t + (<usize>load<u8>(p, 5) << 4), 20480));
			b = i16x8.add(b, v128.load(t + (<usize>load<u8>(r, 5) << 4), 20480));
			a = i16x8.add(a, v128.load(t + (<usize>load<u8>(p, 6) << 4), 24576));
			b = i16x8.add(b, v128.load(t + (<usize>load<u8>(r, 6) << 4), 24576));
			a = i16x8.add(a, v128.load(t + (<usize>load<u8>(p, 7) << 4), 28672));
			b = i16x8.add(b, v128.load(t + (<usize>load<u8>(r, 7) << 4), 28672));
			t += 32768; p += 8; r += 8;
		}
		for (let left = m & 7; left > 0; --left) {
			a = i16x8.add(a, v128.load(t + (<usize>load<u8>(p) << 4)));
			b = i16x8.add(b, v128.load(t + (<usize>load<u8>(r) << 4)));
			t += 4096; ++p; ++r;
		}
		const hitsA = i16x8.le_u(a, limit), hitsB = i16x8.le_u(b, limit);
		if (v128.any_true(v128.or(hitsA, hitsB))) {
			const label = base + <u32>i;
			offer(i16x8.bitmask(hitsA), codes, m, states, stride, label, topks, topkStride, limits, tile);
			if (next != codes) offer(i16x8.bitmask(hitsB), next, m, states, stride, label + 1, topks, topkStride, limits, tile);
			limit = v128.load(limits);
		}
		codes += m << 1;
	}
}
