// Top-k selection: compare against a threshold, append, shrink when full (a reservoir).
//
// State: u32 k, u32 capacity, u32 count, f32 threshold, u32 filter, u32 filterBits, then u64 keys[capacity].
// The filter is a bitmap of labels (u32 words, lowest bit first), 0 for none: labels whose bit is 0, and those from
// filterBits on, never enter.
// A key is (order-preserving bits of the distance) << 32 | label, so one unsigned comparison orders
// by distance and then by label, and the k smallest keys do not depend on the order of arrival.

const HEADER: usize = 24;

/** Nothing in it; distances above `limit` never enter. */
export function topkInit(state: usize, k: u32, capacity: u32, filter: usize, filterBits: u32, limit: f32): void {
	store<u32>(state, k);
	store<u32>(state, capacity, 4);
	store<u32>(state, 0, 8);
	store<f32>(state, limit, 12);
	store<u32>(state, <u32>filter, 16);
	store<u32>(state, filterBits, 20);
}

// @ts-ignore: decorator
@inline function passes(filter: usize, bits: u32, label: u32): bool {
	return label < bits && <bool>((load<u32>(filter + (<usize>(label >> 5) << 2)) >> (label & 31)) & 1);
}

/** The bits of `mask` whose labels pass. */
function filtered(mask: i32, filter: usize, bits: u32, at: usize, ids: usize, base: u32): i32 {
	let left = mask, kept = 0;
	do {
		const j = <usize>ctz(left), bit = 1 << <i32>j;
		left ^= bit;
		const label = ids != 0 ? load<u32>(ids + ((at + j) << 2)) : base + <u32>(at + j);
		if (passes(filter, bits, label)) kept |= bit;
	} while (left != 0);
	return kept;
}

// @ts-ignore: decorator
@inline function keyOf(distance: f32, label: u32): u64 {
	const bits = reinterpret<i32>(distance + 0); // -0 becomes +0
	const ordered = <u32>(bits ^ ((bits >> 31) | i32.MIN_VALUE));
	return ((<u64>ordered) << 32) | (<u64>label);
}

// @ts-ignore: decorator
@inline function distanceOf(key: u64): f32 {
	const ordered = <i32>(key >> 32);
	return reinterpret<f32>(ordered ^ ((~ordered >> 31) | i32.MIN_VALUE));
}

/**
 * Offers n distances. Labels are ids[i], or base + i when ids is 0.
 * NaN never enters. `distances` must be readable up to the next multiple of 16 values.
 */
export function topkPush(state: usize, distances: usize, n: usize, ids: usize, base: u32): void {
	if (n == 0) return;
	let threshold = v128.load32_splat(state, 12);
	const limit = load<u32>(state, 4) - 16;
	const filter = <usize>load<u32>(state, 16), filterBits = load<u32>(state, 20);
	let count = load<u32>(state, 8);
	let i: usize = 0;
	do {
		const a = f32x4.le(v128.load(distances), threshold);
		const b = f32x4.le(v128.load(distances, 16), threshold);
		const c = f32x4.le(v128.load(distances, 32), threshold);
		const d = f32x4.le(v128.load(distances, 48), threshold);
		if (v128.any_true(v128.or(v128.or(a, b), v128.or(c, d)))) {
			let mask = i32x4.bitmask(a) | (i32x4.bitmask(b) << 4) | (i32x4.bitmask(c) << 8) | (i32x4.bitmask(d) << 12);
			if (n - i < 16) mask &= (1 << <i32>(n - i)) - 1;
			if (filter != 0 && mask != 0) mask = filtered(mask, filter, filterBits, i, ids, base);
			while (mask != 0) {
				const j = <usize>ctz(mask);
				mask &= mask - 1;
				const label = ids != 0 ? load<u32>(ids + ((i + j) << 2)) : base + <u32>(i + j);
				store<u64>(state + HEADER + ((<usize>count) << 3), keyOf(load<f32>(distances + (j << 2)), label));
				count++;
			}
			if (count > limit) {
				store<u32>(state, count, 8);
				shrink(state);
				count = load<u32>(state, 8);
				threshold = v128.load32_splat(state, 12);
			}
		}
		distances += 64;
		i += 16;
	} while (i < n);
	store<u32>(state, count, 8);
}

/** The largest distance that can still enter. */
// @ts-ignore: decorator
@inline export function topkThreshold(state: usize): f32 {
	return load<f32>(state, 12);
}

/** Whether the filter lets a label in. */
// @ts-ignore: decorator
@inline export function topkAdmits(state: usize, label: u32): bool {
	const filter = <usize>load<u32>(state, 16);
	return filter == 0 || passes(filter, load<u32>(state, 20), label);
}

/** Adds one candidate; there must be room for it. NaN and what is above the threshold is not added, nor what the filter keeps out. */
// @ts-ignore: decorator
@inline export function topkAppend(state: usize, distance: f32, label: u32): void {
	if (!topkAdmits(state, label)) return;
	const count = load<u32>(state, 8);
	store<u64>(state + HEADER + ((<usize>count) << 3), keyOf(distance, label));
	store<u32>(state, count + <u32>(distance <= load<f32>(state, 12)), 8);
}

/** Makes room for `more` candidates; true when the threshold has changed. */
// @ts-ignore: decorator
@inline export function topkRoom(state: usize, more: u32): bool {
	if (load<u32>(state, 8) + more <= load<u32>(state, 4)) return false;
	shrink(state);
	return true;
}

/** Keeps the k smallest keys and sets the threshold to the largest distance kept. */
function shrink(state: usize): void {
	const k = load<u32>(state);
	if (load<u32>(state, 8) <= k) return;
	const keys = state + HEADER;
	selectSmallest(keys, load<u32>(state, 8), k);
	store<u32>(state, k, 8);
	let largest: u64 = 0;
	const end = keys + ((<usize>k) << 3);
	for (let p = keys; p < end; p += 8) largest = max(largest, load<u64>(p));
	store<f32>(state, distanceOf(largest), 12);
}

/**
 * Quickselect: the k smallest of n keys come first. Keys are distinct unless a label was offered twice.
 * The partition has no branch that depends on the keys: half of such branches would be predicted wrongly.
 */
function selectSmallest(keys: usize, n: usize, k: usize): void {
	let lo = keys;
	let hi = keys + (n << 3);
	const target = keys + (k << 3);
	while (hi - lo > 8) {
		const pivot = medianOf3(lo, hi);
		let split = lo, p = lo;
		do {
			const key = load<u64>(p);
			store<u64>(p, load<u64>(split));
			store<u64>(split, key);
			split += <usize>(key < pivot) << 3;
			p += 8;
		} while (p < hi);
		if (split > target) {
			hi = split;
		} else if (split > lo) {
			if (split == target) return;
			lo = split;
		} else {
			// The pivot is the smallest: it, and what equals it, goes first.
			p = lo;
			do {
				const key = load<u64>(p);
				store<u64>(p, load<u64>(split));
				store<u64>(split, key);
				split += <usize>(key <= pivot) << 3;
				p += 8;
			} while (p < hi);
			if (split >= target) return;
			lo = split;
		}
	}
}

function medianOf3(lo: usize, hi: usize): u64 {
	const a = load<u64>(lo);
	const b = load<u64>(lo + (((hi - lo) >> 4) << 3));
	const c = load<u64>(hi - 8);
	return max(min(a, b), min(max(a, b), c));
}

/** Distance of the k-th best; more than k must have been offered. */
export function topkWorst(state: usize): f32 {
	shrink(state);
	return topkThreshold(state);
}

/** Writes the k best in order, distances (f32) and labels (u32); returns how many there are. */
export function topkFinish(state: usize, outDistances: usize, outLabels: usize): u32 {
	shrink(state);
	const n = load<u32>(state, 8);
	const keys = sortKeys(state + HEADER, n);
	for (let i: usize = 0; i < <usize>n; ++i) {
		const key = load<u64>(keys + (i << 3));
		store<f32>(outDistances + (i << 2), distanceOf(key));
		store<u32>(outLabels + (i << 2), <u32>key);
	}
	return n;
}

/** Keys of a run. */
const RUN: usize = 64;

/**
 * Sorts n keys, n at most half of the capacity; returns where they are then: here, or behind. Runs are sorted by counting for each
 * key how many are smaller, two at a time and without a branch, then merged.
 */
function sortKeys(keys: usize, n: usize): usize {
	const bytes = n << 3;
	let from = keys, to = keys + bytes;
	for (let at: usize = 0; at < bytes; at += RUN << 3) rankSort(from + at, min(RUN << 3, bytes - at), to + at);
	for (let run = RUN << 3; run < bytes; run <<= 1) {
		const swap = from;
		from = to;
		to = swap;
		for (let at: usize = 0; at < bytes; at += run << 1) {
			const middle = min(at + run, bytes);
			merge(from + at, from + middle, from + min(middle + run, bytes), to + at);
		}
	}
	return to;
}

/** Sorts a run of `bytes` bytes of keys at p into `to`. */
function rankSort(p: usize, bytes: usize, to: usize): void {
	const end = p + bytes;
	const flip = i64x2.splat(i64.MIN_VALUE);
	const pairsEnd = p + (bytes & ~15);
	for (let i = p; i < end; i += 8) {
		const key = load<u64>(i);
		const k = v128.xor(i64x2.splat(<i64>key), flip);
		// Minus the number of smaller keys; of equal ones, those before.
		let rank = i64x2.splat(0), q = p;
		const before = p + ((i - p) & ~15);
		for (; q < before; q += 16) rank = i64x2.add(rank, i64x2.le_s(v128.xor(v128.load(q), flip), k));
		for (; q < pairsEnd; q += 16) rank = i64x2.add(rank, i64x2.lt_s(v128.xor(v128.load(q), flip), k));
		let r = <usize>-(i64x2.extract_lane(rank, 0) + i64x2.extract_lane(rank, 1));
		if (q < end) r += <usize>(load<u64>(q) < key);
		// The first of the key's own pair, when it is equal.
		if (i > before) r += <usize>(load<u64>(before) == key);
		store<u64>(to + (r << 3), key);
	}
}

/** Merges two sorted runs, a..b and b..end, into `to`. */
function merge(a: usize, b: usize, end: usize, to: usize): void {
	const middle = b;
	while (a < middle && b < end) {
		const x = load<u64>(a), y = load<u64>(b), first = x <= y;
		store<u64>(to, first ? x : y);
		a += <usize>first << 3;
		b += <usize>(!first) << 3;
		to += 8;
	}
	if (a < middle) memory.copy(to, a, middle - a);
	else memory.copy(to, b, end - b);
}
