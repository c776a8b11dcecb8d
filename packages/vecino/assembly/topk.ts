// Top-k selection: compare against a threshold, append, shrink when full (a reservoir).
//
// State: u32 k, u32 capacity, u32 count, f32 threshold, then u64 keys[capacity].
// A key is (order-preserving bits of the distance) << 32 | label, so one unsigned comparison orders
// by distance and then by label, and the k smallest keys do not depend on the order of arrival.

const HEADER: usize = 16;

export function topkInit(state: usize, k: u32, capacity: u32): void {
	store<u32>(state, k);
	store<u32>(state, capacity, 4);
	store<u32>(state, 0, 8);
	store<f32>(state, f32.MAX_VALUE * 2, 12); // +Infinity
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

/** Adds one candidate; there must be room for it. NaN is not added. */
// @ts-ignore: decorator
@inline export function topkAppend(state: usize, distance: f32, label: u32): void {
	const count = load<u32>(state, 8);
	store<u64>(state + HEADER + ((<usize>count) << 3), keyOf(distance, label));
	store<u32>(state, count + <u32>(distance == distance), 8);
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

/** Quickselect: the k smallest of n keys come first. Keys are distinct unless a label was offered twice. */
function selectSmallest(keys: usize, n: usize, k: usize): void {
	let lo: isize = 0;
	let hi: isize = <isize>n - 1;
	const target = <isize>k - 1;
	while (lo < hi) {
		const pivot = medianOf3(keys, lo, hi);
		let i = lo;
		let j = hi;
		while (i <= j) {
			while (load<u64>(keys + (<usize>i << 3)) < pivot) ++i;
			while (load<u64>(keys + (<usize>j << 3)) > pivot) --j;
			if (i <= j) {
				const x = load<u64>(keys + (<usize>i << 3));
				store<u64>(keys + (<usize>i << 3), load<u64>(keys + (<usize>j << 3)));
				store<u64>(keys + (<usize>j << 3), x);
				++i;
				--j;
			}
		}
		if (target <= j) hi = j;
		else if (target >= i) lo = i;
		else break;
	}
}

function medianOf3(keys: usize, lo: isize, hi: isize): u64 {
	const a = load<u64>(keys + (<usize>lo << 3));
	const b = load<u64>(keys + (<usize>((lo + hi) >> 1) << 3));
	const c = load<u64>(keys + (<usize>hi << 3));
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
	const keys = state + HEADER;
	sortKeys(keys, n);
	for (let i: usize = 0; i < <usize>n; ++i) {
		const key = load<u64>(keys + (i << 3));
		store<f32>(outDistances + (i << 2), distanceOf(key));
		store<u32>(outLabels + (i << 2), <u32>key);
	}
	return n;
}

function sortKeys(keys: usize, n: usize): void {
	if (n > 24) {
		heapSort(keys, n);
		return;
	}
	for (let i: usize = 1; i < n; ++i) {
		const key = load<u64>(keys + (i << 3));
		let p = keys + (i << 3);
		while (p > keys && load<u64>(p - 8) > key) {
			store<u64>(p, load<u64>(p - 8));
			p -= 8;
		}
		store<u64>(p, key);
	}
}

function heapSort(keys: usize, n: usize): void {
	for (let i = n >> 1; i > 0; --i) siftDown(keys, i - 1, n);
	for (let end = n - 1; end > 0; --end) {
		const top = load<u64>(keys);
		store<u64>(keys, load<u64>(keys + (end << 3)));
		store<u64>(keys + (end << 3), top);
		siftDown(keys, 0, end);
	}
}

function siftDown(keys: usize, start: usize, n: usize): void {
	const key = load<u64>(keys + (start << 3));
	let i = start;
	while (true) {
		let child = (i << 1) + 1;
		if (child >= n) break;
		if (child + 1 < n && load<u64>(keys + ((child + 1) << 3)) > load<u64>(keys + (child << 3))) ++child;
		const value = load<u64>(keys + (child << 3));
		if (value <= key) break;
		store<u64>(keys + (i << 3), value);
		i = child;
	}
	store<u64>(keys + (i << 3), key);
}
