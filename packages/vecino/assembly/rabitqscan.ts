// Search in RaBitQ codes (quantizers/rabitq.ts has the method, rabitq.ts the codes).
//
// Codes lie in blocks of 32. A block holds the sign bits of its codes as 4-bit sub-codes of 4 dimensions (fastscan.ts),
// then their records (u32: bfloat16 A above bfloat16 B) in the order of fastSlot (kernels.ts). From 2 bits on there is for
// each code a row of f32 A, f32 B and the planes of extra bits: in place of the terms of a list, where it has them, which
// lets the first look read straight on (beyond L2 a fifth to a third faster), else behind the records of the block.
//
// First look: S, the sum of 6-bit table entries, gives <s, v> = S * inverse + offset for the signs s and the rotated query
// v; the distance is A + B * <s, v> + bias. From 2 bits on the offset is raised by the error of <s, v> for that list, which
// makes it a lower bound (B is never positive), and only codes that the filter lets in and whose bound is within the
// threshold get a second look, at all bits, in integers. The threshold holds for one block: which codes get a second look
// is part of the result.
import { ipMany, l2Many, ipOne } from './distances';
import { rabitqRotate } from './rabitq';
import { topkAdmits, topkAppend, topkThreshold, topkWorst } from './topk';

// Prepared query: f32 parameters, 64 bytes; u8 tables (size / 4, 16); i16 query (size).
const INVERSE: usize = 0, OFFSET: usize = 4, UNIT: usize = 8, TOTAL: usize = 12;
const SPREAD: usize = 16, SLACK: usize = 20, BIAS: usize = 24, GAP_ADD: usize = 28, GAP_SCALE: usize = 32, LOOKS: usize = 36;
const TABLES: usize = 64;

// @ts-ignore: decorator
@inline function lookup(table: v128, index: v128): v128 {
	if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, index); // indices < 16: defined
	return i8x16.swizzle(table, index);
}

/** Sums over the 16 subsets of 4 numbers, subset c the lanes whose bit is set in c, 4 at a time. */
// @ts-ignore: decorator
@inline function subsetsOf2(a: i32, b: i32): v128 {
	return i32x4.add(v128.and(i32x4.splat(a), i32x4(0, -1, 0, -1)), v128.and(i32x4.splat(b), i32x4(0, 0, -1, -1)));
}

// @ts-ignore: decorator
@inline function scaled(values: v128, scale: v128): v128 {
	return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(values, scale)));
}

/**
 * Prepares n queries of d values, stride bytes apart. Behind its state each has room for its rotated values. `slack`: error of the
 * tables in units of 1 / INVERSE; `length`: largest squared length of what the bias may stand for (0 for squared L2).
 */
export function rabitqPrepare(
	q: usize, n: usize, d: usize, size: usize, nbits: i32, metric: u32, centre: usize, signs: usize,
	spread: f32, slack: f64, length: f64, states: usize, stride: usize,
): void {
	for (let i: usize = 0; i < n; ++i) {
		const state = states + i * stride, rotated = state + TABLES + size * 6;
		rabitqRotate(q, centre, d, size, signs, rotated);
		rabitqQuery(rotated, size, nbits, state);
		if (metric == 0) l2Many(q, centre, 1, d, state + BIAS);
		else ipMany(q, centre, 1, d, state + BIAS);
		store<f32>(state, spread, SPREAD);
		store<f32>(state, <f32>(slack * <f64>load<f32>(state, INVERSE)), SLACK);
		// |q - c|^2 is the bias, or |q|^2 + |c|^2 + 2 bias.
		store<f32>(state, metric == 0 ? <f32>0 : <f32>(<f64>ipOne(q, q, d) + length), GAP_ADD);
		store<f32>(state, metric == 0 ? <f32>1 : <f32>2, GAP_SCALE);
		store<u32>(state, 0, LOOKS);
		q += d << 2;
	}
}

/** Prepares a rotated query of `size` values at v: everything in `state` up to TOTAL, and the tables. */
export function rabitqQuery(v: usize, size: usize, nbits: i32, state: usize): void {
	const ints = state + TABLES + (size << 2), end = v + (size << 2);
	let a = f32x4.splat(0), b = a, top = a;
	for (let p = v; p < end; p += 32) {
		const x = f32x4.abs(v128.load(p)), y = f32x4.abs(v128.load(p, 16));
		a = f32x4.add(a, x); b = f32x4.add(b, y);
		top = f32x4.max(top, f32x4.max(x, y));
	}
	a = f32x4.add(a, b);
	const length = (f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 2)) + (f32x4.extract_lane(a, 1) + f32x4.extract_lane(a, 3));
	const largest = max(max(f32x4.extract_lane(top, 0), f32x4.extract_lane(top, 1)), max(f32x4.extract_lane(top, 2), f32x4.extract_lane(top, 3)));
	// 16-bit values whose sums with the largest code fit 31 bits.
	const levels = <f32>((1 << nbits) - 1);
	const unit: f32 = largest > 0 ? min<f32>(min<f32>(<f32>32767 / largest, <f32>2.1e9 / (levels * length)), 1e30) : 1;
	let widest: i32 = 0, range: i32 = 0, total: i32 = 0;
	let q = ints;
	for (let p = v; p < end; p += 16, q += 8) {
		const w = scaled(v128.load(p), f32x4.splat(unit));
		v128.store64_lane(q, i16x8.narrow_i32x4_s(w, w), 0);
		let s = i32x4.abs(w);
		s = i32x4.add(s, v128.shuffle<i32>(s, s, 2, 3, 0, 1));
		const row = i32x4.extract_lane(s, 0) + i32x4.extract_lane(s, 1);
		widest = max(widest, row);
		range += row;
		total += i32x4.extract_lane(w, 0) + i32x4.extract_lane(w, 1) + i32x4.extract_lane(w, 2) + i32x4.extract_lane(w, 3);
	}
	// Entries of 6 bits whose sum fits 16 bits.
	const scale: f32 = widest > 0 ? min<f32>(<f32>63 / <f32>widest, <f32>(<i32>65535 - <i32>(size >> 2)) / <f32>range) : 1;
	store<f32>(state, <f32>2 / (scale * unit), INVERSE);
	store<f32>(state, -<f32>range / unit, OFFSET);
	store<f32>(state, <f32>1 / unit, UNIT);
	store<i32>(state, total, TOTAL);
	let table = state + TABLES;
	const factor = f32x4.splat(scale);
	for (let p = ints; table < ints; p += 8, table += 16) {
		const x0 = <i32>load<i16>(p), x1 = <i32>load<i16>(p, 2), x2 = <i32>load<i16>(p, 4), x3 = <i32>load<i16>(p, 6);
		const s0 = subsetsOf2(x0, x1), s1 = i32x4.add(s0, i32x4.splat(x2));
		const s2 = i32x4.add(s0, i32x4.splat(x3)), s3 = i32x4.add(s1, i32x4.splat(x3));
		const low = i32x4.splat(min(x0, 0) + min(x1, 0) + min(x2, 0) + min(x3, 0));
		const e0 = scaled(f32x4.convert_i32x4_s(i32x4.sub(s0, low)), factor), e1 = scaled(f32x4.convert_i32x4_s(i32x4.sub(s1, low)), factor);
		const e2 = scaled(f32x4.convert_i32x4_s(i32x4.sub(s2, low)), factor), e3 = scaled(f32x4.convert_i32x4_s(i32x4.sub(s3, low)), factor);
		const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(e0, e1), i16x8.narrow_i32x4_s(e2, e3));
		v128.store(table, i8x16.min_u(bytes, i8x16.splat(63)));
	}
}

/** Code at slot p of a block (fastscan.ts). */
// @ts-ignore: decorator
@inline function codeAt(p: usize): usize {
	return (p & 16) | ((p & 7) << 1) | ((p >> 3) & 1);
}

/**
 * Scans lists in blocks. Directory and arguments as in scan.ts; terms are the rows of extra bits. Without `biases` the one of the
 * query counts. `values`: scratch of 256 bytes. Returns the number of codes scanned; from 2 bits on the top-k is left
 * with at most k candidates.
 */
export function scanRabitq(
	directory: usize, listNos: usize, biases: usize, nLists: usize, base: u32, values: usize, topk: usize,
	state: usize, size: usize, nbits: i32,
): u32 {
	let scanned: u32 = 0;
	const k = load<u32>(topk), full = k + max<u32>(16, k >> 3);
	const spread = load<f32>(state, SPREAD), slack = load<f32>(state, SLACK);
	for (let t: usize = 0; t < nLists; ++t) {
		const list = directory + ((listNos != 0 ? <usize>load<u32>(listNos + (t << 2)) : t) << 4);
		const bias = biases != 0 ? load<f32>(biases + (t << 2)) : load<f32>(state, BIAS);
		const n = <usize>load<u32>(list, 12);
		let offset = load<f32>(state, OFFSET);
		if (nbits > 1) {
			// Distance from the query to the centroid, which the error grows with.
			const gap = sqrt<f32>(max<f32>(load<f32>(state, GAP_ADD) + load<f32>(state, GAP_SCALE) * bias, 0));
			offset = offset + (spread * gap + slack);
		}
		if (n != 0) scanBlocks(<usize>load<u32>(list), <usize>load<u32>(list, 4), <usize>load<u32>(list, 8), n, base, bias, offset, values, topk, full, state, size, nbits);
		scanned += <u32>n;
	}
	if (nbits > 1) topkWorst(topk);
	return scanned;
}

function scanBlocks(
	codes: usize, rows: usize, ids: usize, n: usize, base: u32, bias: f32, offset: f32, values: usize, topk: usize, full: u32,
	state: usize, size: usize, nbits: i32,
): void {
	const low = i8x16.splat(15);
	const bytes = size << 2, tables = state + TABLES, tablesEnd = tables + bytes;
	const rowsBytes = nbits > 1 ? (8 + (size >> 3) * <usize>(nbits - 1)) << 5 : 0;
	const stride = bytes + 128 + (rows != 0 ? 0 : rowsBytes);
	// From the rows of one block to those of the next.
	const rowsStride = rows != 0 ? rowsBytes : stride;
	if (rows == 0) rows = codes + bytes + 128;
	const inverse = load<f32>(state, INVERSE);
	let limit = limitOf(topk, bias);
	let i: usize = 0;
	// Two blocks at a time: each table is loaded once for both. Four entries add up in a byte before they are widened.
	while (i + 32 < n) {
		let e0 = i16x8.splat(0), o0 = e0, e1 = e0, o1 = e0, e2 = e0, o2 = e0, e3 = e0, o3 = e0;
		let l = tables, p = codes, r = codes + stride;
		do {
			let t = v128.load(l), c = v128.load(p), d = v128.load(r);
			let x = lookup(t, v128.and(c, low)), y = lookup(t, v128.and(i16x8.shr_u(c, 4), low));
			let z = lookup(t, v128.and(d, low)), w = lookup(t, v128.and(i16x8.shr_u(d, 4), low));
			t = v128.load(l, 16); c = v128.load(p, 16); d = v128.load(r, 16);
			x = i8x16.add(x, lookup(t, v128.and(c, low))); y = i8x16.add(y, lookup(t, v128.and(i16x8.shr_u(c, 4), low)));
			z = i8x16.add(z, lookup(t, v128.and(d, low))); w = i8x16.add(w, lookup(t, v128.and(i16x8.shr_u(d, 4), low)));
			t = v128.load(l, 32); c = v128.load(p, 32); d = v128.load(r, 32);
			x = i8x16.add(x, lookup(t, v128.and(c, low))); y = i8x16.add(y, lookup(t, v128.and(i16x8.shr_u(c, 4), low)));
			z = i8x16.add(z, lookup(t, v128.and(d, low))); w = i8x16.add(w, lookup(t, v128.and(i16x8.shr_u(d, 4), low)));
			t = v128.load(l, 48); c = v128.load(p, 48); d = v128.load(r, 48);
			x = i8x16.add(x, lookup(t, v128.and(c, low))); y = i8x16.add(y, lookup(t, v128.and(i16x8.shr_u(c, 4), low)));
			z = i8x16.add(z, lookup(t, v128.and(d, low))); w = i8x16.add(w, lookup(t, v128.and(i16x8.shr_u(d, 4), low)));
			e0 = i16x8.add(e0, x); o0 = i16x8.add(o0, i16x8.shr_u(x, 8));
			e1 = i16x8.add(e1, y); o1 = i16x8.add(o1, i16x8.shr_u(y, 8));
			e2 = i16x8.add(e2, z); o2 = i16x8.add(o2, i16x8.shr_u(z, 8));
			e3 = i16x8.add(e3, w); o3 = i16x8.add(o3, i16x8.shr_u(w, 8));
			l += 64; p += 64; r += 64;
		} while (l < tablesEnd);
		// An even lane holds its sum plus 256 times the odd one's.
		v128.store(values, i16x8.sub(e0, i16x8.shl(o0, 8))); v128.store(values, o0, 16);
		v128.store(values, i16x8.sub(e1, i16x8.shl(o1, 8)), 32); v128.store(values, o1, 48);
		v128.store(values, i16x8.sub(e2, i16x8.shl(o2, 8)), 64); v128.store(values, o2, 80);
		v128.store(values, i16x8.sub(e3, i16x8.shl(o3, 8)), 96); v128.store(values, o3, 112);
		let mask = within(values, p, inverse, offset, limit, values + 128);
		if (mask != 0 && offer(mask, codes, rows, i, n, ids, base, bias, values + 128, topk, full, state, size, nbits)) limit = limitOf(topk, bias);
		mask = within(values + 64, r, inverse, offset, limit, values + 128);
		if (mask != 0 && offer(mask, codes + stride, rows + rowsStride, i + 32, n, ids, base, bias, values + 128, topk, full, state, size, nbits)) limit = limitOf(topk, bias);
		codes += stride << 1; rows += rowsStride << 1;
		i += 64;
	}
	if (i < n) {
		let e0 = i16x8.splat(0), o0 = e0, e1 = e0, o1 = e0, l = tables, p = codes;
		do {
			let x = e0, y = e0;
			x = i16x8.splat(0); y = x;
			for (let j = 0; j < 4; ++j) {
				const t = v128.load(l), c = v128.load(p);
				x = i8x16.add(x, lookup(t, v128.and(c, low))); y = i8x16.add(y, lookup(t, v128.and(i16x8.shr_u(c, 4), low)));
				l += 16; p += 16;
			}
			e0 = i16x8.add(e0, x); o0 = i16x8.add(o0, i16x8.shr_u(x, 8));
			e1 = i16x8.add(e1, y); o1 = i16x8.add(o1, i16x8.shr_u(y, 8));
		} while (l < tablesEnd);
		v128.store(values, i16x8.sub(e0, i16x8.shl(o0, 8))); v128.store(values, o0, 16);
		v128.store(values, i16x8.sub(e1, i16x8.shl(o1, 8)), 32); v128.store(values, o1, 48);
		const mask = within(values, p, inverse, offset, limit, values + 128);
		if (mask != 0) offer(mask, codes, rows, i, n, ids, base, bias, values + 128, topk, full, state, size, nbits);
	}
}

/** Largest A + B * <s, v> that a candidate can have, and a little more than rounding can move it. */
// @ts-ignore: decorator
@inline function limitOf(topk: usize, bias: f32): f32 {
	const threshold = topkThreshold(topk);
	return (threshold - bias) + (abs<f32>(threshold) + abs<f32>(bias)) * <f32>2.384185791015625e-7; // 2^-22
}

/** A + B * (S * inverse + offset) of 4 codes, sums as i32 lanes. */
// @ts-ignore: decorator
@inline function estimate(sums: v128, records: usize, inverse: v128, offset: v128): v128 {
	const record = v128.load(records);
	const s = f32x4.add(f32x4.mul(f32x4.convert_i32x4_u(sums), inverse), offset);
	return f32x4.add(v128.and(record, i32x4.splat(<i32>0xffff0000)), f32x4.mul(i32x4.shl(record, 16), s));
}

/** Values of a block from its 32 sums of 16 bits, stored at `out`; a mask of those within the limit. */
function within(sums: usize, records: usize, inverse: f32, offset: f32, limit: f32, out: usize): u32 {
	const factor = f32x4.splat(inverse), shift = f32x4.splat(offset), bound = f32x4.splat(limit);
	let mask: u32 = 0;
	for (let half: u32 = 0; half < 32; half += 16) {
		const a = v128.load(sums), b = v128.load(sums, 16);
		const v0 = estimate(i32x4.extend_low_i16x8_u(a), records, factor, shift);
		const v1 = estimate(i32x4.extend_high_i16x8_u(a), records + 16, factor, shift);
		const v2 = estimate(i32x4.extend_low_i16x8_u(b), records + 32, factor, shift);
		const v3 = estimate(i32x4.extend_high_i16x8_u(b), records + 48, factor, shift);
		const l0 = f32x4.le(v0, bound), l1 = f32x4.le(v1, bound), l2 = f32x4.le(v2, bound), l3 = f32x4.le(v3, bound);
		if (v128.any_true(v128.or(v128.or(l0, l1), v128.or(l2, l3)))) {
			v128.store(out, v0); v128.store(out, v1, 16); v128.store(out, v2, 32); v128.store(out, v3, 48);
			mask |= (<u32>i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(l0, l1), i16x8.narrow_i32x4_s(l2, l3)))) << half;
		}
		sums += 32; records += 64; out += 64;
	}
	return mask;
}

/** Offers the codes of one block named by the mask; true when the threshold has changed. */
function offer(
	mask: u32, block: usize, rows: usize, start: usize, n: usize, ids: usize, base: u32, bias: f32, values: usize, topk: usize,
	full: u32, state: usize, size: usize, nbits: i32,
): bool {
	let looks: u32 = 0;
	do {
		const p = <usize>ctz(mask);
		mask &= mask - 1;
		const c = codeAt(p), at = start + c;
		if (at >= n) continue;
		const label = ids != 0 ? load<u32>(ids + (at << 2)) : base + <u32>at;
		if (!topkAdmits(topk, label)) continue;
		const distance = (nbits == 1 ? load<f32>(values + (p << 2)) : secondLook(block, rows, c, state, size, nbits)) + bias;
		topkAppend(topk, distance, label);
		++looks;
	} while (mask != 0);
	if (nbits > 1) store<u32>(state, load<u32>(state, LOOKS) + looks, LOOKS);
	if (load<u32>(topk, 8) <= full) return false;
	topkWorst(topk);
	return true;
}

/** A + B * <Y, v> of code c of a block, from all its bits. */
function secondLook(block: usize, rows: usize, c: usize, state: usize, size: usize, nbits: i32): f32 {
	const extra = nbits - 1, bytes = size << 2;
	let q = state + TABLES + bytes, signs = block + (c & 15);
	const end = q + (size << 1), shift = <u32>((c >> 4) << 2);
	const factors = rows + c * (8 + (size >> 3) * <usize>extra);
	let planes = factors + 8;
	const bits = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
	const spread = i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
	let s = i32x4.splat(0), t = s;
	do {
		// The codes y of 16 dimensions, a bit at a time from the highest; what equals `bits` is -1.
		const low = ((<u32>load<u8>(signs) >> shift) & 15) | (((<u32>load<u8>(signs, 16) >> shift) & 15) << 4);
		const high = ((<u32>load<u8>(signs, 32) >> shift) & 15) | (((<u32>load<u8>(signs, 48) >> shift) & 15) << 4);
		let y = i8x16.neg(i8x16.eq(v128.and(lookup(i16x8.splat(<i16>(low | (high << 8))), spread), bits), bits));
		let p = extra;
		do {
			y = i8x16.sub(i8x16.add(y, y), i8x16.eq(v128.and(lookup(v128.load16_splat(planes), spread), bits), bits));
			planes += 2;
		} while (--p != 0);
		s = i32x4.add(s, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(y), v128.load(q)));
		t = i32x4.add(t, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(y), v128.load(q, 16)));
		signs += 64; q += 32;
	} while (q < end);
	s = i32x4.add(s, t);
	const x = i32x4.extract_lane(s, 0) + i32x4.extract_lane(s, 1) + i32x4.extract_lane(s, 2) + i32x4.extract_lane(s, 3);
	const dot = (x << 1) - ((1 << nbits) - 1) * load<i32>(state, TOTAL);
	return load<f32>(factors) + load<f32>(factors, 4) * (<f32>dot * load<f32>(state, UNIT));
}
