// Navigable graph over the rows of a store: where links and rows lie, distances to rows named by number, marks,
// and the pool of the nearest nodes seen. hnsw.ts searches and builds with it.
//
// Graph, u32 fields at the byte offsets below. A node is a row on level 0 and a slot above: slots number the rows
// that reach level 1 or higher in order of their row numbers. A list holds `cap` nodes of its own level, 2 M on
// level 0 and M above; what is not used is NONE and stands behind the links.
//
// pages     for each 64 rows u32 codes, u32 links: row r has its code at codes + r * codeSize and its list at
//           links + r * 8 M, modulo 2^32
// offsets   u32 per slot: where its record begins in `records`, in words
// records   of a slot: u32 row, then its lists of levels 1, 2, ..., M words each
import { ipOne, l2One, ipFour, l2Four } from './distances';
import { bf16IpMany, bf16L2Many, f16IpMany, f16L2Many, halfDecode } from './half';
import { sq4IpMany, sq4L2Many } from './sq4';
import { sq8IpMany, sq8L2Many } from './sq8';

/** How rows are stored and compared: 0 f32, 2 SQ8, 4 SQ4, 6 f16, 8 bf16, and 1 more for ip. */
export const KIND: usize = 0;
export const DIM: usize = 4;
export const CODE_SIZE: usize = 8;
export const DEGREE: usize = 12;
export const PAGES: usize = 16;
export const OFFSETS: usize = 20;
export const RECORDS: usize = 24;
/** Highest level, and the node of that level where searches begin. */
export const TOP: usize = 28;
export const ENTRY: usize = 32;
/** Of SQ8 and SQ4: d values each, padded as their kernels want it. */
export const STEPS: usize = 36;
export const MINS: usize = 40;
/** Nodes have numbers below this. */
export const ROWS: usize = 44;
/** Of an add under way: 0, or where lists of nodes below oldRows and oldSlots are kept before they change. */
export const JOURNAL: usize = 48;
export const TOUCHED: usize = 52;
export const OLD_ROWS: usize = 56;
export const OLD_SLOTS: usize = 60;

export const NONE: u32 = 0xffffffff;

// @ts-ignore: decorator
@inline export function capOf(g: usize, level: u32): usize {
	return level == 0 ? <usize>load<u32>(g, DEGREE) << 1 : <usize>load<u32>(g, DEGREE);
}

/** The list of a node. */
// @ts-ignore: decorator
@inline export function listOf(g: usize, node: u32, level: u32): usize {
	const m = <usize>load<u32>(g, DEGREE);
	if (level == 0) {
		return <usize>load<u32>(<usize>load<u32>(g, PAGES) + (<usize>(node >> 6) << 3), 4) + <usize>node * (m << 3);
	}
	const at = <usize>load<u32>(<usize>load<u32>(g, OFFSETS) + (<usize>node << 2));
	return <usize>load<u32>(g, RECORDS) + ((at + 1 + <usize>(level - 1) * m) << 2);
}

/** The row of a node. */
// @ts-ignore: decorator
@inline export function rowOf(g: usize, node: u32, level: u32): u32 {
	if (level == 0) return node;
	const at = <usize>load<u32>(<usize>load<u32>(g, OFFSETS) + (<usize>node << 2));
	return load<u32>(<usize>load<u32>(g, RECORDS) + (at << 2));
}

// @ts-ignore: decorator
@inline function codeAt(pages: usize, row: u32, size: usize): usize {
	return <usize>load<u32>(pages + (<usize>(row >> 6) << 3)) + <usize>row * size;
}

/** Values that a prepared query is padded to. */
// @ts-ignore: decorator
@inline function paddedTo(kind: u32, d: usize): usize {
	return (kind & ~1) == 4 ? (d + 15) & ~15 : (d + 7) & ~7;
}

/** Floats of a prepared query of any kind: d padded to 16, then the shift of SQ8 and SQ4 ip. */
// @ts-ignore: decorator
@inline export function stateFloats(d: usize): usize {
	return ((d + 15) & ~15) + 4;
}

/** A row of the store as a query: f32 rows as they lie, codes prepared at `state`. */
export function prepareRow(g: usize, row: u32, state: usize): usize {
	const kind = load<u32>(g, KIND), d = <usize>load<u32>(g, DIM);
	const code = codeAt(<usize>load<u32>(g, PAGES), row, <usize>load<u32>(g, CODE_SIZE));
	if (kind < 2) return code;
	const steps = <usize>load<u32>(g, STEPS), mins = <usize>load<u32>(g, MINS);
	const padded = paddedTo(kind, d);
	if (kind >= 6) {
		halfDecode(kind >= 8 ? 1 : 0, code, d, state);
		for (let t = d; t < padded; ++t) store<f32>(state + (t << 2), 0);
		return state;
	}
	let shift: f64 = 0;
	if (kind == 2) scaleRow(code, d, steps, mins, false, false, state);
	else if (kind == 3) shift = scaleRow(code, d, steps, mins, false, true, state);
	else if (kind == 4) scaleRow(code, d, steps, mins, true, false, state);
	else shift = scaleRow(code, d, steps, mins, true, true, state);
	for (let t = d; t < padded; ++t) store<f32>(state + (t << 2), 0);
	store<f32>(state + (padded << 2), <f32>shift);
	return state;
}

/** d values of a row of SQ8, or with `packed` SQ4: less their minimum (l2), or times their step (ip), and the shift of that. */
// @ts-ignore: decorator
@inline function scaleRow(code: usize, d: usize, steps: usize, mins: usize, packed: bool, ip: bool, state: usize): f64 {
	let shift: f64 = 0;
	for (let t: usize = 0; t < d; ++t) {
		const step = load<f32>(steps + (t << 2));
		const level = packed ? (<u32>load<u8>(code + (t >> 1)) >> (<u32>(t & 1) << 2)) & 15 : <u32>load<u8>(code + t);
		let value = <f32>level * step;
		if (ip) {
			const least = load<f32>(mins + (t << 2));
			value = least + value;
			shift -= <f64>value * <f64>least;
			value = value * step;
		}
		store<f32>(state + (t << 2), value);
	}
	return shift;
}

/** out[i] = distance of the prepared query to row rows[i]: the same bits as l2Many, ipMany, sq8L2Many, sq8IpMany + shift, ... */
export function rowDistances(g: usize, q: usize, rows: usize, n: usize, out: usize): void {
	const kind = load<u32>(g, KIND), d = <usize>load<u32>(g, DIM), size = <usize>load<u32>(g, CODE_SIZE);
	const pages = <usize>load<u32>(g, PAGES), end = rows + (n << 2), end4 = rows + ((n & ~3) << 2);
	if (kind >= 2) {
		const steps = <usize>load<u32>(g, STEPS), shift = q + (paddedTo(kind, d) << 2);
		for (; rows < end; rows += 4, out += 4) codeDistance(kind, q, steps, shift, codeAt(pages, load<u32>(rows), size), d, out);
		return;
	}
	while (rows < end4) {
		const x0 = codeAt(pages, load<u32>(rows), size), x1 = codeAt(pages, load<u32>(rows, 4), size);
		const x2 = codeAt(pages, load<u32>(rows, 8), size), x3 = codeAt(pages, load<u32>(rows, 12), size);
		if (rows + 16 < end) store<u32>(out, touch(pages, rows + 16, min<usize>(end, rows + 32), size), 16);
		if (kind == 0) l2Four(q, x0, x1, x2, x3, d, out);
		else ipFour(q, x0, x1, x2, x3, d, out);
		rows += 16;
		out += 16;
	}
	for (; rows < end; rows += 4, out += 4) {
		const x = codeAt(pages, load<u32>(rows), size);
		store<f32>(out, kind == 0 ? l2One(q, x, d) : -ipOne(q, x, d));
	}
}

// @ts-ignore: decorator
@inline function codeDistance(kind: u32, q: usize, steps: usize, shift: usize, code: usize, d: usize, out: usize): void {
	if (kind == 2) sq8L2Many(q, steps, code, 1, d, out);
	else if (kind == 4) sq4L2Many(q, steps, code, 1, d, out);
	else if (kind == 6) f16L2Many(q, code, 1, d, out);
	else if (kind == 7) f16IpMany(q, code, 1, d, out);
	else if (kind == 8) bf16L2Many(q, code, 1, d, out);
	else if (kind == 9) bf16IpMany(q, code, 1, d, out);
	else {
		if (kind == 3) sq8IpMany(q, code, 1, d, out);
		else sq4IpMany(q, code, 1, d, out);
		store<f32>(out, load<f32>(out) + load<f32>(shift));
	}
}

/** Reads from every cache line of the rows that come next: they are on their way while these are compared (8 % faster). */
// @ts-ignore: decorator
@inline function touch(pages: usize, rows: usize, end: usize, size: usize): u32 {
	let sum: u32 = 0;
	for (; rows < end; rows += 4) {
		const code = codeAt(pages, load<u32>(rows), size), last = code + size;
		for (let p = code; p < last; p += 64) sum ^= load<u32>(p);
	}
	return sum;
}

/** True when node's bit was set already; sets it. */
// @ts-ignore: decorator
@inline export function mark(marks: usize, node: u32): u32 {
	const word = marks + (<usize>(node >> 5) << 2);
	const bits = load<u32>(word);
	store<u32>(word, bits | (1 << (node & 31)));
	return (bits >> (node & 31)) & 1;
}

/** Order of the pool: distance, then node; bit 0 is free for a flag, so nodes have 31 bits. NaN comes last. */
// @ts-ignore: decorator
@inline export function keyOf(distance: f32, node: u32): u64 {
	const bits = reinterpret<i32>(distance == distance ? distance + 0 : <f32>Infinity); // -0 becomes +0
	const ordered = <u32>(bits ^ ((bits >> 31) | i32.MIN_VALUE));
	return ((<u64>ordered) << 32) | (<u64>(node << 1));
}

// @ts-ignore: decorator
@inline export function distanceOf(key: u64): f32 {
	const ordered = <i32>(key >> 32);
	return reinterpret<f32>(ordered ^ ((~ordered >> 31) | i32.MIN_VALUE));
}

// @ts-ignore: decorator
@inline export function nodeOf(key: u64): u32 {
	return (<u32>key) >> 1;
}

/** Puts a key where it belongs among `count` ascending ones; there is room for one more. Returns its place. */
// @ts-ignore: decorator
@inline export function insertKey(keys: usize, count: usize, key: u64): usize {
	let at: usize = 0, left = count;
	while (left > 0) {
		const half = (left + 1) >> 1;
		at = load<u64>(keys + ((at + half - 1) << 3)) < key ? at + half : at;
		left -= half;
	}
	const place = keys + (at << 3);
	let p = keys + (count << 3);
	while (p >= place + 16) {
		p -= 16;
		v128.store(p, v128.load(p), 8);
	}
	if (p > place) store<u64>(place, load<u64>(place), 8);
	store<u64>(place, key);
	return at;
}
