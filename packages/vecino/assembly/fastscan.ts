// 4-bit product quantization in blocks of 32 codes, tables in registers ("fast-scan"; André, Kermarrec,
// Le Scouarnec, 2015; the block form follows FAISS's PQ4 fast-scan).
//
// A block holds 32 codes of m sub-codes (m even, an odd one is padded with a zero table): for each
// sub-quantizer j 16 bytes, byte i = code[i] | code[16 + i] << 4. One swizzle looks up 16 entries of a
// 16-entry table. Entries are 7 bits, so two of them add up in a byte before they are widened:
//   S_i = sum_j entry_j(code_ij) <= 127 m < 2^15.
// A code's value is V_i = S_i + T_i, T_i its term in the same units; its distance is V_i / scale + offset.
//
// Codes are compared with the running threshold 32 at a time; the few that pass go to the top-k.
import { topkRoom, topkAppend, topkThreshold } from './topk';

// @ts-ignore: decorator
@inline function lookup(table: v128, index: v128): v128 {
	if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, index); // indices < 16: defined
	return i8x16.swizzle(table, index);
}

/** Writes a code (m nibbles, lowest first) at position `at` of a list in blocks; pairs = ceil(m / 2). */
export function fastPlace(blocks: usize, at: usize, code: usize, pairs: usize): void {
	const i = at & 31;
	let p = blocks + (at >> 5) * (pairs << 5) + (i & 15);
	const shift = <u32>((i >> 4) << 2);
	const keep = <u32>0xf0 >> shift;
	for (let j: usize = 0; j < pairs; ++j) {
		const both = <u32>load<u8>(code + j);
		store<u8>(p, (<u32>load<u8>(p) & keep) | ((both & 15) << shift));
		store<u8>(p, (<u32>load<u8>(p, 16) & keep) | ((both >> 4) << shift), 16);
		p += 32;
	}
}

/** Reads the code at position `at` back as nibbles, lowest first. */
export function fastFetch(blocks: usize, at: usize, code: usize, pairs: usize): void {
	const i = at & 31;
	let p = blocks + (at >> 5) * (pairs << 5) + (i & 15);
	const shift = <u32>((i >> 4) << 2);
	for (let j: usize = 0; j < pairs; ++j) {
		const low = (<u32>load<u8>(p) >> shift) & 15, high = (<u32>load<u8>(p, 16) >> shift) & 15;
		store<u8>(code + j, low | (high << 4));
		p += 32;
	}
}

/**
 * Quantizes an ADC table, layout (m, 16), to 7 bits: entry = nearest((value - min_j) * scale), where
 * scale = min(127 / widest range, maxScale). Writes m padded to even times 16 bytes, and f32 1 / scale and the sum
 * of the minima at `params`. Returns scale.
 */
export function fastTables(table: usize, m: usize, maxScale: f32, out: usize, params: usize): f32 {
	const tableEnd = table + (m << 6);
	let widths = f32x4.splat(0), base: f32 = 0;
	for (let p = table; p < tableEnd; p += 64) {
		const a = v128.load(p), b = v128.load(p, 16), c = v128.load(p, 32), d = v128.load(p, 48);
		const low = least(f32x4.pmin(f32x4.pmin(a, b), f32x4.pmin(c, d)));
		widths = f32x4.pmax(widths, f32x4.sub(f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d)), low));
		base += f32x4.extract_lane(low, 0);
	}
	widths = f32x4.pmax(widths, v128.shuffle<i32>(widths, widths, 2, 3, 0, 1));
	const widest = f32x4.extract_lane(f32x4.pmax(widths, v128.shuffle<i32>(widths, widths, 1, 0, 3, 2)), 0);
	const scale = widest * maxScale > 127 ? <f32>127 / widest : maxScale;
	const factor = f32x4.splat(scale), most = i8x16.splat(127);
	for (let p = table; p < tableEnd; p += 64) {
		const a = v128.load(p), b = v128.load(p, 16), c = v128.load(p, 32), d = v128.load(p, 48);
		const low = least(f32x4.pmin(f32x4.pmin(a, b), f32x4.pmin(c, d)));
		const v = i16x8.narrow_i32x4_s(step(a, low, factor), step(b, low, factor));
		const w = i16x8.narrow_i32x4_s(step(c, low, factor), step(d, low, factor));
		v128.store(out, i8x16.min_u(i8x16.narrow_i16x8_u(v, w), most));
		out += 16;
	}
	if (m & 1) v128.store(out, i32x4.splat(0));
	store<f32>(params, <f32>1 / scale);
	store<f32>(params, base, 4);
	return scale;
}

// @ts-ignore: decorator
@inline function step(values: v128, low: v128, factor: v128): v128 {
	return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(f32x4.sub(values, low), factor)));
}

/** The smallest lane, in all of them. Tables hold neither NaN nor -0, so that one instruction is enough for a minimum. */
// @ts-ignore: decorator
@inline function least(v: v128): v128 {
	const w = f32x4.pmin(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
	return f32x4.pmin(w, v128.shuffle<i32>(w, w, 1, 0, 3, 2));
}

/**
 * Code at value position p. Sums come out of the registers with the even codes of a half first, then the odd
 * ones; terms are stored in that order too (fastSlot in kernels.ts), so that only what passes is put in order.
 */
// @ts-ignore: decorator
@inline function codeAt(p: usize): usize {
	return (p & 16) | ((p & 7) << 1) | ((p >> 3) & 1);
}

/**
 * Scans lists in blocks. Directory and arguments as in scan.ts, except that terms are i16, 32 per block in the
 * order of fastSlot: T_i = term * termScale / 2^15, rounded (q15mulr).
 * Distance = V * inverse + (offset + bias), biases per list. `values`: scratch of 128 bytes.
 * Returns the number of codes scanned.
 */
export function scanFast(
	directory: usize, listNos: usize, biases: usize, nLists: usize, base: u32, values: usize, topk: usize,
	tables: usize, pairs: usize, inverse: f32, offset: f32, termScale: i32,
): u32 {
	let scanned: u32 = 0;
	topkRoom(topk, 64);
	for (let t: usize = 0; t < nLists; ++t) {
		const list = directory + ((listNos != 0 ? <usize>load<u32>(listNos + (t << 2)) : t) << 4);
		const shift = offset + (biases != 0 ? load<f32>(biases + (t << 2)) : 0);
		const n = <usize>load<u32>(list, 12);
		if (n != 0) scanBlocks(<usize>load<u32>(list), <usize>load<u32>(list, 4), <usize>load<u32>(list, 8), n, base, values, topk, tables, pairs, inverse, shift, termScale);
		scanned += <u32>n;
	}
	return scanned;
}

function scanBlocks(
	codes: usize, terms: usize, ids: usize, n: usize, base: u32, values: usize, topk: usize,
	tables: usize, pairs: usize, inverse: f32, shift: f32, termScale: i32,
): void {
	const low = i8x16.splat(15);
	const bytes = pairs << 5;
	const tablesEnd = tables + bytes;
	let limit = limitOf(topk, shift, inverse);
	let i: usize = 0;
	// Two blocks at a time: each table is loaded once for both.
	while (i + 32 < n) {
		let e0 = i16x8.splat(0), o0 = e0, e1 = e0, o1 = e0, e2 = e0, o2 = e0, e3 = e0, o3 = e0;
		let l = tables, next = codes + bytes;
		do {
			const t = v128.load(l), u = v128.load(l, 16);
			let c = v128.load(codes), d = v128.load(codes, 16);
			let x = i8x16.add(lookup(t, v128.and(c, low)), lookup(u, v128.and(d, low)));
			e0 = i16x8.add(e0, x); o0 = i16x8.add(o0, i16x8.shr_u(x, 8));
			x = i8x16.add(lookup(t, v128.and(i16x8.shr_u(c, 4), low)), lookup(u, v128.and(i16x8.shr_u(d, 4), low)));
			e1 = i16x8.add(e1, x); o1 = i16x8.add(o1, i16x8.shr_u(x, 8));
			c = v128.load(next); d = v128.load(next, 16);
			x = i8x16.add(lookup(t, v128.and(c, low)), lookup(u, v128.and(d, low)));
			e2 = i16x8.add(e2, x); o2 = i16x8.add(o2, i16x8.shr_u(x, 8));
			x = i8x16.add(lookup(t, v128.and(i16x8.shr_u(c, 4), low)), lookup(u, v128.and(i16x8.shr_u(d, 4), low)));
			e3 = i16x8.add(e3, x); o3 = i16x8.add(o3, i16x8.shr_u(x, 8));
			l += 32; codes += 32; next += 32;
		} while (l < tablesEnd);
		codes = next;
		// An even lane holds its sum plus 256 times the odd one's.
		e0 = i16x8.sub(e0, i16x8.shl(o0, 8)); e1 = i16x8.sub(e1, i16x8.shl(o1, 8));
		e2 = i16x8.sub(e2, i16x8.shl(o2, 8)); e3 = i16x8.sub(e3, i16x8.shl(o3, 8));
		if (terms != 0) {
			const factor = i16x8.splat(<i16>termScale);
			e0 = plus(e0, terms, factor); o0 = plus(o0, terms + 16, factor);
			e1 = plus(e1, terms + 32, factor); o1 = plus(o1, terms + 48, factor);
			e2 = plus(e2, terms + 64, factor); o2 = plus(o2, terms + 80, factor);
			e3 = plus(e3, terms + 96, factor); o3 = plus(o3, terms + 112, factor);
			terms += 128;
		}
		const a = i16x8.min_s(i16x8.min_s(e0, o0), i16x8.min_s(e1, o1));
		const b = i16x8.min_s(i16x8.min_s(e2, o2), i16x8.min_s(e3, o3));
		if (v128.any_true(i16x8.le_s(i16x8.min_s(a, b), limit))) {
			v128.store(values, e0); v128.store(values, o0, 16); v128.store(values, e1, 32); v128.store(values, o1, 48);
			v128.store(values, e2, 64); v128.store(values, o2, 80); v128.store(values, e3, 96); v128.store(values, o3, 112);
			offer(values, limit, i, n, ids, base, shift, inverse, topk);
			offer(values + 64, limit, i + 32, n, ids, base, shift, inverse, topk);
			if (topkRoom(topk, 64)) limit = limitOf(topk, shift, inverse);
		}
		i += 64;
	}
	if (i < n) {
		let e0 = i16x8.splat(0), o0 = e0, e1 = e0, o1 = e0, l = tables;
		do {
			const t = v128.load(l), u = v128.load(l, 16), c = v128.load(codes), d = v128.load(codes, 16);
			let x = i8x16.add(lookup(t, v128.and(c, low)), lookup(u, v128.and(d, low)));
			e0 = i16x8.add(e0, x); o0 = i16x8.add(o0, i16x8.shr_u(x, 8));
			x = i8x16.add(lookup(t, v128.and(i16x8.shr_u(c, 4), low)), lookup(u, v128.and(i16x8.shr_u(d, 4), low)));
			e1 = i16x8.add(e1, x); o1 = i16x8.add(o1, i16x8.shr_u(x, 8));
			l += 32; codes += 32;
		} while (l < tablesEnd);
		e0 = i16x8.sub(e0, i16x8.shl(o0, 8)); e1 = i16x8.sub(e1, i16x8.shl(o1, 8));
		if (terms != 0) {
			const factor = i16x8.splat(<i16>termScale);
			e0 = plus(e0, terms, factor); o0 = plus(o0, terms + 16, factor);
			e1 = plus(e1, terms + 32, factor); o1 = plus(o1, terms + 48, factor);
		}
		v128.store(values, e0); v128.store(values, o0, 16); v128.store(values, e1, 32); v128.store(values, o1, 48);
		offer(values, limit, i, n, ids, base, shift, inverse, topk);
		topkRoom(topk, 64);
	}
}

// @ts-ignore: decorator
@inline function plus(sums: v128, terms: usize, factor: v128): v128 {
	return i16x8.add_sat_s(sums, i16x8.q15mulr_sat_s(v128.load(terms), factor));
}

/** Largest V whose distance is not above the threshold, one more for rounding. */
// @ts-ignore: decorator
@inline function limitOf(topk: usize, shift: f32, inverse: f32): v128 {
	const v = (topkThreshold(topk) - shift) / inverse;
	return i16x8.splat(v >= 32766 ? 32767 : v <= -32768 ? -32768 : <i16>(<i32>floor<f32>(v) + 1));
}

/** Offers the codes of one block that are within the limit. */
function offer(values: usize, limit: v128, start: usize, n: usize, ids: usize, base: u32, shift: f32, inverse: f32, topk: usize): void {
	const a = i8x16.narrow_i16x8_s(i16x8.le_s(v128.load(values), limit), i16x8.le_s(v128.load(values, 16), limit));
	const b = i8x16.narrow_i16x8_s(i16x8.le_s(v128.load(values, 32), limit), i16x8.le_s(v128.load(values, 48), limit));
	let mask = <u32>i8x16.bitmask(a) | (<u32>i8x16.bitmask(b) << 16);
	while (mask != 0) {
		const p = <usize>ctz(mask);
		mask &= mask - 1;
		const at = start + codeAt(p);
		if (at >= n) continue;
		const label = ids != 0 ? load<u32>(ids + (at << 2)) : base + <u32>at;
		topkAppend(topk, <f32>load<i16>(values + (p << 1)) * inverse + shift, label);
	}
}
