// Exact search that skips rows: most are shown in small integers to be farther than the k-th best so far, only the
// others are compared in float32. What is left in the top-k is what l2Many or ipMany over all rows would leave.
//
// A vector is kept as x^ = s * c, c integers, s float32 (its step), with e >= |x - x^| and h = |x^|^2. A query
// gets int16 of length LENGTH; rows get the same for batches (made on the way, shared by all queries of a block), or int8
// of at most 127, kept beside them, for single queries. I = b . c is an exact i32: |I| and every partial sum of it are at
// most |b| |c| < 2^31 (Cauchy-Schwarz; |c| <= 32512 also for 65536 dimensions of int8).
//
// With u = 2^-24, g = (d / 8 + 8) u, T the largest distance that can still enter:
//   l2  |q - x| >= |q^ - x^| - eq - e, and l2Many returns at least (1 - g) |q - x|^2 (all its terms are positive), less
//       what underflows. So a row can be skipped when
//       (Q + h) - 2 t s I > (tau + e)^2,  Q = |q^|^2,  tau = sqrt(T (1 + 2 g)) + eq.
//   ip  q . x <= t s I + eq |x^| + |q| e, and ipMany is within g |q| |x| <= g |q| (|x^| + e) of it: skipped when
//       t s I + (eq + g |q|) |x^| + (1 + g) |q| e < -T.
// These are evaluated in float32: no more than 8 u (Q + h), 4 u (tau + e)^2, 8 u |q^| |x^| goes astray, so Q and h are taken
// 16 u smaller, tau, e and the factors 16 u larger than they are. TINY covers underflow: t s is off by 2^-150 at most, times
// 2^31. Lengths above 1e18 could overflow: e = Infinity then, which is never skipped. T = Infinity skips nothing. Any
// comparison with NaN is false and skips nothing.
//
// Vectors end in zeros up to a multiple of 8 values. Parameters of four queries lie together, 64 bytes:
//   f32 t[4] (2 t for l2), then  l2: Q[4], tau[4], eq[4]   ip: (eq + g |q|)[4], ((1 + g) |q|)[4], -T[4]
import { l2One, ipOne } from './distances';
import { sum1 } from './common';
import { topkAppend, topkRoom, topkThreshold } from './topk';

const LENGTH: f32 = 32000;
const U: f32 = 5.9604645e-8;
const LESS: f32 = 1 - 16 * 5.9604645e-8;
const MORE: f32 = 1 + 16 * 5.9604645e-8;
const TINY: f32 = 1e-34;
/** 1.5 * 2^23: added, it rounds to an integer, which is the low bits. */
const MAGIC: f32 = 12582912;
const MAGIC_BITS: i32 = 0x4b400000;
/** The k best are selected anew when there are k / 2 + EARLY more: a top-k state has room for k + 64 more. */
const EARLY: u32 = 8;
/** Rows packed at a time in a batch. */
const GROUP: usize = 8;
/** Bytes before the integers of a row kept in int8: s, e, h. */
const HEAD: usize = 12;

// @ts-ignore: decorator
@inline function padded(d: usize): usize {
	return (d + 7) & ~7;
}

/**
 * One row as int16 of length LENGTH, zeros behind it, `step` bytes from eight values to the next; its terms.
 * Returns its length, rounded up.
 */
function pack16(x: usize, d: usize, metric: i32, out: usize, step: usize, terms: usize): f32 {
	const norm = sqrt<f32>(ipOne(x, x, d));
	const end = out + (padded(d) >> 3) * step;
	if (!(norm > 1e-15 && norm < 1e18)) {
		const length: f32 = norm <= 1e-15 ? <f32>2e-15 : Infinity;
		for (; out < end; out += step) v128.store(out, i32x4.splat(0));
		store<f32>(terms, 0); store<f32>(terms, length, 4); store<f32>(terms, 0, 8);
		return length;
	}
	const inverse: f32 = LENGTH / norm;
	const factor = f32x4.splat(inverse), magic = f32x4.splat(MAGIC), bits = i32x4.splat(MAGIC_BITS);
	let ra = f32x4.splat(0), rb = ra, squares = i32x4.splat(0);
	const main = out + (d >> 3) * step;
	while (out < main) {
		let y = f32x4.mul(v128.load(x), factor), m = f32x4.add(y, magic), r = f32x4.sub(y, f32x4.sub(m, magic));
		const low = i32x4.sub(m, bits);
		ra = f32x4.add(ra, f32x4.mul(r, r));
		y = f32x4.mul(v128.load(x, 16), factor); m = f32x4.add(y, magic); r = f32x4.sub(y, f32x4.sub(m, magic));
		rb = f32x4.add(rb, f32x4.mul(r, r));
		const c = i16x8.narrow_i32x4_s(low, i32x4.sub(m, bits));
		squares = i32x4.add(squares, i32x4.dot_i16x8_s(c, c));
		v128.store(out, c);
		x += 32; out += step;
	}
	let rest = sum1(f32x4.add(ra, rb)), square = sum(squares);
	const last = x + ((d & 7) << 2), tail = out + 16;
	if (out < end) do {
		const y: f32 = x < last ? load<f32>(x) * inverse : 0, c = nearest<f32>(y);
		rest += (y - c) * (y - c);
		square += <i32>c * <i32>c;
		store<i16>(out, <i16><i32>c);
		x += 4; out += 2;
	} while (out < tail);
	storeTerms(terms, norm / LENGTH, square, rest, <f32>0.007, d, metric);
	return norm * (MORE + <f32>d * U);
}

/** The same as int8 of at most 127. */
function pack8(x: usize, d: usize, metric: i32, out: usize, terms: usize): void {
	const end = out + padded(d);
	const last = x + (d << 2), main = x + ((d & ~7) << 2);
	let m0 = f32x4.splat(0);
	let p = x;
	while (p < main) {
		m0 = f32x4.max(m0, f32x4.max(f32x4.abs(v128.load(p)), f32x4.abs(v128.load(p, 16))));
		p += 32;
	}
	m0 = f32x4.max(m0, v128.shuffle<f32>(m0, m0, 2, 3, 0, 1));
	let largest = max<f32>(f32x4.extract_lane(m0, 0), f32x4.extract_lane(m0, 1));
	while (p < last) { largest = max<f32>(largest, abs<f32>(load<f32>(p))); p += 4; }
	const root = sqrt<f32>(<f32>d) * MORE;
	if (!(largest > 1e-15 && largest < 1e15)) {
		memory.fill(out, 0, end - out);
		store<f32>(terms, 0); store<f32>(terms, largest <= 1e-15 ? largest * root * MORE + <f32>1e-37 : Infinity, 4);
		store<f32>(terms, 0, 8);
		return;
	}
	const inverse: f32 = <f32>127 / largest;
	const factor = f32x4.splat(inverse), magic = f32x4.splat(MAGIC), bits = i32x4.splat(MAGIC_BITS);
	let ra = f32x4.splat(0), rb = ra, squares = i32x4.splat(0);
	while (x < main) {
		let y = f32x4.mul(v128.load(x), factor), m = f32x4.add(y, magic), r = f32x4.sub(y, f32x4.sub(m, magic));
		const low = i32x4.sub(m, bits);
		ra = f32x4.add(ra, f32x4.mul(r, r));
		y = f32x4.mul(v128.load(x, 16), factor); m = f32x4.add(y, magic); r = f32x4.sub(y, f32x4.sub(m, magic));
		rb = f32x4.add(rb, f32x4.mul(r, r));
		const c = i16x8.narrow_i32x4_s(low, i32x4.sub(m, bits));
		squares = i32x4.add(squares, i32x4.dot_i16x8_s(c, c));
		v128.store64_lane(out, i8x16.narrow_i16x8_s(c, c), 0);
		x += 32; out += 8;
	}
	let rest = sum1(f32x4.add(ra, rb)), square = sum(squares);
	while (out < end) {
		const y: f32 = x < last ? load<f32>(x) * inverse : 0, c = nearest<f32>(y);
		rest += (y - c) * (y - c);
		square += <i32>c * <i32>c;
		store<i8>(out, <i8><i32>c);
		x += 4; ++out;
	}
	storeTerms(terms, largest / 127, square, rest, <f32>3e-5 * root, d, metric);
}

/** s, e and h of a row; `square` = |c|^2, `rest` = sum of (x / s - c)^2, `off`: what x / s may be off by. */
// @ts-ignore: decorator
@inline function storeTerms(terms: usize, s: f32, square: i32, rest: f32, off: f32, d: usize, metric: i32): void {
	store<f32>(terms, s);
	store<f32>(terms, s * (sqrt<f32>(rest) + off) * (MORE + <f32>d * U), 4);
	store<f32>(terms, metric == 0 ? s * s * <f32>square * LESS : s * sqrt<f32>(<f32>square) * MORE, 8);
}

// @ts-ignore: decorator
@inline function sum(v: v128): i32 {
	const t = i32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
	return i32x4.extract_lane(t, 0) + i32x4.extract_lane(t, 1);
}

/** Parameter group of query i, as a pointer to its own t. */
// @ts-ignore: decorator
@inline function paramsAt(state: usize, i: usize): usize {
	return state + ((i >> 2) << 6) + ((i & 3) << 2);
}

/** Takes in the threshold of a top-k. */
// @ts-ignore: decorator
@inline function setLimit(p: usize, threshold: f32, d: usize, metric: i32): void {
	if (metric != 0) store<f32>(p, -threshold, 48);
	else store<f32>(p, (sqrt<f32>((threshold + <f32>1e-36) * (MORE + <f32>d * U)) + load<f32>(p, 48)) * MORE, 32);
}

/**
 * Prepares nq queries of d values. `state`: 64 bytes, then the parameters of whole groups of four, then their int16, four
 * queries interleaved by eight values (one query alone is not). A group takes 64 + 8 * padded(d) bytes. `topks`: top-k
 * states, `stride` bytes apart, whose thresholds are taken in.
 */
export function flatQueries(q: usize, nq: usize, d: usize, metric: i32, state: usize, topks: usize, stride: usize): void {
	const params = state + 64, groups = (nq + 3) >> 2;
	const packed = params + (groups << 6);
	const step: usize = nq == 1 ? 16 : 64;
	const g: f32 = (<f32>d * <f32>0.13 + 12) * U;
	memory.fill(params, 0, groups * (64 + (padded(d) << 3)));
	for (let i: usize = 0; i < nq; ++i) {
		const p = paramsAt(params, i);
		const norm = pack16(q + (i * d << 2), d, metric, packed + (i >> 2) * (padded(d) << 3) + ((i & 3) << 4), step, state);
		const s = load<f32>(state), e = load<f32>(state, 4), h = load<f32>(state, 8);
		if (metric == 0) {
			store<f32>(p, s * 2); store<f32>(p, h, 16); store<f32>(p, e, 48);
		} else {
			store<f32>(p, s); store<f32>(p, (e + (g + 16 * U) * (norm + e)) * MORE, 16); store<f32>(p, norm * (1 + g) * MORE, 32);
		}
		setLimit(p, topkThreshold(topks + i * stride), d, metric);
	}
}

/** Which of four queries, parameters at `p`, a row can be near to, by its dots with them and its terms: bits of a mask. */
// @ts-ignore: decorator
@inline function nearMask(dots: v128, metric: i32, p: usize, terms: usize): i32 {
	const e = v128.load32_splat(terms, 4), h = v128.load32_splat(terms, 8);
	const product = f32x4.mul(f32x4.convert_i32x4_s(dots), f32x4.mul(v128.load(p), v128.load32_splat(terms)));
	if (metric == 0) {
		const reach = f32x4.add(v128.load(p, 32), e);
		const far = f32x4.gt(f32x4.sub(f32x4.add(v128.load(p, 16), h), product), f32x4.add(f32x4.mul(reach, reach), f32x4.splat(TINY)));
		return ~i32x4.bitmask(far);
	}
	const above = f32x4.add(product, f32x4.add(f32x4.mul(v128.load(p, 16), h), f32x4.mul(v128.load(p, 32), e)));
	return ~i32x4.bitmask(f32x4.lt(f32x4.add(above, f32x4.splat(TINY)), v128.load(p, 48)));
}

/** Compares one row in float32. True when the threshold of the top-k has changed. */
function verify(q: usize, x: usize, d: usize, metric: i32, topk: usize, label: u32): bool {
	const distance = metric == 0 ? l2One(q, x, d) : -ipOne(q, x, d);
	if (!(distance <= topkThreshold(topk))) return false;
	topkAppend(topk, distance, label);
	// Earlier than when it is full: a lower threshold skips more rows.
	const k = load<u32>(topk);
	return topkRoom(topk, load<u32>(topk, 4) - (k + (k >> 1) + EARLY));
}

function verifyMask(mask: i32, q: usize, x: usize, d: usize, metric: i32, p: usize, topks: usize, stride: usize, label: u32): u32 {
	const found = <u32>popcnt(mask);
	do {
		const j = <usize>ctz(mask);
		mask &= mask - 1;
		const topk = topks + j * stride;
		if (verify(q + (j * d << 2), x, d, metric, topk, label)) setLimit(p + (j << 2), topkThreshold(topk), d, metric);
	} while (mask != 0);
	return found;
}

/**
 * Offers n rows of d values, labels base + i, to nq queries at once. `state` by flatQueries; `topks` as there; `scratch`:
 * GROUP * (16 + 2 * padded(d)) bytes. Returns how many distances it computed in float32.
 */
export function flatScan(
	q: usize, nq: usize, d: usize, metric: i32, state: usize, topks: usize, stride: usize,
	x: usize, n: usize, base: u32, scratch: usize,
): u32 {
	const row = padded(d) << 1;
	const params = state + 64, paramsEnd = params + ((nq + 3) >> 2 << 6);
	const terms = scratch, packedRows = scratch + (GROUP << 4);
	let computed: u32 = 0;
	for (let i: usize = 0; i < n; i += GROUP) {
		const count = min(GROUP, n - i);
		for (let r: usize = 0; r < count; ++r) {
			pack16(x + ((i + r) * d << 2), d, metric, packedRows + (r >> 1) * (row << 1) + ((r & 1) << 4), 32, terms + (r << 4));
		}
		let packed = paramsEnd, group: usize = 0;
		for (let p = params; p < paramsEnd; p += 64) {
			const there = nq - group < 4 ? (1 << <i32>(nq - group)) - 1 : 15;
			for (let r: usize = 0; r < count; r += 2) {
				let a = packedRows + r * row, y = packed;
				const end = y + (row << 2);
				let c0 = i32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, e0 = c0, e1 = c0, e2 = c0, e3 = c0;
				do {
					const x0 = v128.load(a), x1 = v128.load(a, 16);
					let v = v128.load(y);
					c0 = i32x4.add(c0, i32x4.dot_i16x8_s(v, x0)); e0 = i32x4.add(e0, i32x4.dot_i16x8_s(v, x1));
					v = v128.load(y, 16);
					c1 = i32x4.add(c1, i32x4.dot_i16x8_s(v, x0)); e1 = i32x4.add(e1, i32x4.dot_i16x8_s(v, x1));
					v = v128.load(y, 32);
					c2 = i32x4.add(c2, i32x4.dot_i16x8_s(v, x0)); e2 = i32x4.add(e2, i32x4.dot_i16x8_s(v, x1));
					v = v128.load(y, 48);
					c3 = i32x4.add(c3, i32x4.dot_i16x8_s(v, x0)); e3 = i32x4.add(e3, i32x4.dot_i16x8_s(v, x1));
					a += 32; y += 64;
				} while (y < end);
				const at = terms + (r << 4);
				const first = nearMask(sums(c0, c1, c2, c3), metric, p, at) & there;
				const second = r + 1 < count ? nearMask(sums(e0, e1, e2, e3), metric, p, at + 16) & there : 0;
				if (first | second) {
					const from = q + (group * d << 2), to = topks + group * stride;
					const near = x + ((i + r) * d << 2), label = base + <u32>(i + r);
					if (first) computed += verifyMask(first, from, near, d, metric, p, to, stride, label);
					if (second) computed += verifyMask(second, from, near + (d << 2), d, metric, p, to, stride, label + 1);
				}
			}
			packed += row << 2;
			group += 4;
		}
	}
	return computed;
}

/** Lane i of the result is the sum of the i-th vector. */
// @ts-ignore: decorator
@inline function sums(a: v128, b: v128, c: v128, d: v128): v128 {
	const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
	const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
	return i32x4.add(v128.shuffle<i32>(ab, cd, 0, 1, 4, 5), v128.shuffle<i32>(ab, cd, 2, 3, 6, 7));
}

/** Bounds of n rows, HEAD + padded(d) bytes each: s, e, h, then int8. */
export function flatBounds(x: usize, n: usize, d: usize, metric: i32, out: usize): void {
	for (let i: usize = 0; i < n; ++i) {
		pack8(x, d, metric, out + HEAD, out);
		x += d << 2;
		out += HEAD + padded(d);
	}
}

/**
 * Offers n rows, labels base + i, to one query by their bounds. `state` by flatQueries with nq = 1.
 * Returns how many distances it computed in float32.
 */
export function flatPruned(
	q: usize, d: usize, metric: i32, state: usize, topk: usize, bounds: usize, x: usize, n: usize, base: u32,
): u32 {
	const params = state + 64, packed = params + 64;
	const size = padded(d);
	const t = load<f32>(params), a = load<f32>(params, 16);
	let b = load<f32>(params, 32), limit = load<f32>(params, 48);
	let computed: u32 = 0;
	for (let i: usize = 0; i < n; ++i) {
		let c = bounds + HEAD, y = packed;
		const end = c + size, main = c + (size & ~31);
		let s0 = i32x4.splat(0), s1 = s0;
		while (c < main) {
			s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load8x8_s(c), v128.load(y)));
			s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load8x8_s(c, 8), v128.load(y, 16)));
			s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load8x8_s(c, 16), v128.load(y, 32)));
			s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load8x8_s(c, 24), v128.load(y, 48)));
			c += 32; y += 64;
		}
		while (c < end) {
			s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load8x8_s(c), v128.load(y)));
			c += 8; y += 16;
		}
		const product: f32 = <f32>sum(i32x4.add(s0, s1)) * (t * load<f32>(bounds));
		const e = load<f32>(bounds, 4), h = load<f32>(bounds, 8);
		const far = metric == 0
			? (a + h) - product > (b + e) * (b + e) + TINY
			: (product + (a * h + b * e)) + TINY < limit;
		if (!far) {
			++computed;
			if (verify(q, x + (i * d << 2), d, metric, topk, base + <u32>i)) {
				setLimit(params, topkThreshold(topk), d, metric);
				b = load<f32>(params, 32); limit = load<f32>(params, 48);
			}
		}
		bounds = end;
	}
	return computed;
}
