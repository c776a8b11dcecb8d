// Hierarchical navigable small worlds (Malkov and Yashunin, 2018): search of one query, insertion of one row.
//
// Everything is decided by (distance, node) in that order, so a graph depends on the rows and their order alone.
// The pool of a search holds the ef nearest nodes seen, ascending; the nearest that was not expanded comes next. That
// is the paper's pair of heaps: what a full pool drops lies behind its worst, where the paper's search ends.
//
// Scratch, see graphScratchBytes in kernels.ts: u32 distances computed | 3 unused, then nodes, rows, distances, kept,
// kept rows (room = 2 M + 16 of 4 bytes each, rounded up to 4), keys (room of 8 bytes), two prepared queries, the pool
// (ef + 1 keys of 8 bytes, rounded up to 16), marks (a bit per row).
import {
	capOf, DEGREE, DIM, distanceOf, ENTRY, insertKey, JOURNAL, keyOf, listOf, mark, nodeOf, NONE, OLD_ROWS,
	OLD_SLOTS, prepareRow, rowDistances, rowOf, ROWS, stateFloats, TOP, TOUCHED,
} from './graph';

// @ts-ignore: decorator
@inline function roomOf(g: usize): usize { return (((<usize>load<u32>(g, DEGREE) << 1) + 19) & ~3) << 2; }
// @ts-ignore: decorator
@inline function nodesAt(s: usize): usize { return s + 16; }
// @ts-ignore: decorator
@inline function keysAt(g: usize, s: usize): usize { return s + 16 + roomOf(g) * 5; }
// @ts-ignore: decorator
@inline function stateAt(g: usize, s: usize, i: usize): usize {
	return s + 16 + roomOf(g) * 7 + i * (stateFloats(<usize>load<u32>(g, DIM)) << 2);
}
// @ts-ignore: decorator
@inline function marksAt(g: usize, s: usize, ef: u32): usize {
	return stateAt(g, s, 2) + (((<usize>ef << 3) + 23) & ~15);
}

/** Forgets the marks of all nodes. */
function clearMarks(marks: usize, rows: u32): void {
	const end = marks + ((<usize>rows + 127 >> 7) << 4);
	const zero = i32x4.splat(0);
	for (; marks < end; marks += 16) v128.store(marks, zero);
}

/**
 * The k nearest rows to the prepared query `q` found with a pool of ef >= k, nearest first: outDistances (f32), outLabels
 * (u32). Returns how many there are, and leaves the number of distances computed at `scratch`.
 */
export function hnswSearch(g: usize, q: usize, k: u32, ef: u32, scratch: usize, outDistances: usize, outLabels: usize): u32 {
	store<u32>(scratch, 0);
	if (load<u32>(g, ROWS) == 0) return 0;
	const entry = descend(g, q, 0, scratch);
	const count = min(k, searchLevel(g, q, 0, entry, ef, scratch));
	const pool = stateAt(g, scratch, 2);
	for (let i: usize = 0; i < <usize>count; ++i) {
		const key = load<u64>(pool + (i << 3));
		store<f32>(outDistances + (i << 2), distanceOf(key));
		store<u32>(outLabels + (i << 2), nodeOf(key));
	}
	return count;
}

/**
 * Links row `row`, which the store holds, with the rows before it. slot: its number among the rows above level 0, whose
 * record is there; level: its highest.
 */
export function hnswInsert(g: usize, row: u32, slot: u32, level: u32, ef: u32, scratch: usize): void {
	const top = load<u32>(g, TOP), first = load<u32>(g, ROWS) == 0;
	for (let l: u32 = 0; l <= level; ++l) clearList(g, l == 0 ? row : slot, l, 0);
	if (!first) {
		const q = prepareRow(g, row, stateAt(g, scratch, 0));
		const pool = stateAt(g, scratch, 2), kept = scratch + 16 + roomOf(g) * 3;
		let l = min(level, top);
		let entry = descend(g, q, l, scratch);
		while (true) {
			const count = searchLevel(g, q, l, entry, ef, scratch);
			const node = l == 0 ? row : slot;
			const links = select(g, pool, count, load<u32>(g, DEGREE), l, scratch);
			const list = listOf(g, node, l);
			for (let i: usize = 0; i < links; ++i) store<u32>(list + (i << 2), load<u32>(kept + (i << 2)));
			for (let i: usize = 0; i < links; ++i) connect(g, load<u32>(list + (i << 2)), node, l, scratch);
			if (l == 0) break;
			entry = nodeOf(load<u64>(pool));
			if (l == 1) entry = rowOf(g, entry, 1);
			--l;
		}
	}
	if (first || level > top) {
		store<u32>(g, level, TOP);
		store<u32>(g, level == 0 ? row : slot, ENTRY);
	}
	store<u32>(g, row + 1, ROWS);
}

/** Walks from the top to `level`, on each level above it to a node with no nearer neighbour; returns a node of `level`. */
function descend(g: usize, q: usize, level: u32, s: usize): u32 {
	const room = roomOf(g), nodes = nodesAt(s), rows = nodes + room, distances = rows + room;
	let node = load<u32>(g, ENTRY), l = load<u32>(g, TOP);
	if (l == level) return node;
	store<u32>(rows, rowOf(g, node, l));
	rowDistances(g, q, rows, 1, distances);
	let computed: u32 = 1;
	let best = keyOf(load<f32>(distances), node);
	do {
		let list = listOf(g, node, l);
		const end = list + (capOf(g, l) << 2);
		let n: usize = 0;
		for (; list < end; list += 4) {
			const other = load<u32>(list);
			if (other == NONE) break;
			store<u32>(nodes + (n << 2), other);
			store<u32>(rows + (n << 2), rowOf(g, other, l));
			++n;
		}
		rowDistances(g, q, rows, n, distances);
		computed += <u32>n;
		let nearest = best;
		for (let i: usize = 0; i < n; ++i) {
			const distance = load<f32>(distances + (i << 2));
			const key = keyOf(distance, load<u32>(nodes + (i << 2)));
			if (distance == distance && key < nearest) nearest = key;
		}
		if (nearest < best) {
			best = nearest;
			node = nodeOf(best);
			continue;
		}
		if (--l == 0) node = rowOf(g, node, 1);
		best = (best & ~(<u64>0xffffffff)) | (<u64>(node << 1));
	} while (l > level);
	store<u32>(s, load<u32>(s) + computed);
	return node;
}

/** The ef nearest nodes of a level, from `entry` on, ascending in the pool; returns how many there are. */
function searchLevel(g: usize, q: usize, level: u32, entry: u32, ef: u32, s: usize): u32 {
	const room = roomOf(g), nodes = nodesAt(s), distances = nodes + room + room;
	const rows = level == 0 ? nodes : nodes + room;
	const pool = stateAt(g, s, 2), marks = marksAt(g, s, ef);
	const cap = capOf(g, level) << 2, limit = <usize>ef;
	clearMarks(marks, load<u32>(g, ROWS));
	mark(marks, entry);
	store<u32>(rows, rowOf(g, entry, level));
	rowDistances(g, q, rows, 1, distances);
	let computed: u32 = 1;
	store<u64>(pool, keyOf(load<f32>(distances), entry));
	let count: usize = 1, at: usize = 0;
	do {
		const key = load<u64>(pool + (at << 3));
		if (key & 1) { ++at; continue; }
		store<u64>(pool + (at << 3), key | 1);
		++at;
		let list = listOf(g, nodeOf(key), level);
		const end = list + cap;
		let n: usize = 0;
		do {
			const node = load<u32>(list);
			if (node == NONE) break;
			store<u32>(nodes + (n << 2), node);
			n += 1 - <usize>mark(marks, node);
			list += 4;
		} while (list < end);
		if (level != 0) for (let i: usize = 0; i < n; ++i) store<u32>(rows + (i << 2), rowOf(g, load<u32>(nodes + (i << 2)), level));
		rowDistances(g, q, rows, n, distances);
		computed += <u32>n;
		let worst = count < limit ? <f32>Infinity : distanceOf(load<u64>(pool + ((limit - 1) << 3)));
		for (let i: usize = 0; i < n; ++i) {
			const distance = load<f32>(distances + (i << 2));
			if (!(distance <= worst)) continue;
			const place = insertKey(pool, count, keyOf(distance, load<u32>(nodes + (i << 2))));
			if (count < limit) ++count;
			if (place < at) at = place;
			if (count == limit) worst = distanceOf(load<u64>(pool + ((limit - 1) << 3)));
		}
	} while (at < count);
	store<u32>(s, load<u32>(s) + computed);
	return <u32>count;
}

/**
 * Chooses at most `most` of `count` ascending candidates as neighbours (the paper's heuristic): one that is nearer to a
 * neighbour chosen before than to the centre is reached through that. Few candidates are all taken. Their nodes lie at
 * `kept`; returns how many.
 */
function select(g: usize, keys: usize, count: u32, most: u32, level: u32, s: usize): usize {
	const room = roomOf(g), distances = nodesAt(s) + room + room, kept = distances + room, keptRows = kept + room;
	const state = stateAt(g, s, 1), end = keys + (<usize>count << 3);
	let n: usize = 0;
	if (count <= most) {
		for (; keys < end; keys += 8, ++n) store<u32>(kept + (n << 2), nodeOf(load<u64>(keys)));
		return n;
	}
	for (; keys < end && n < <usize>most; keys += 8) {
		const key = load<u64>(keys), distance = distanceOf(key);
		const row = rowOf(g, nodeOf(key), level);
		const q = prepareRow(g, row, state);
		let good = true;
		for (let i: usize = 0; i < n && good; i += 4) {
			const some = min<usize>(4, n - i);
			rowDistances(g, q, keptRows + (i << 2), some, distances);
			for (let j: usize = 0; j < some; ++j) if (load<f32>(distances + (j << 2)) < distance) good = false;
		}
		if (!good) continue;
		store<u32>(kept + (n << 2), nodeOf(key));
		store<u32>(keptRows + (n << 2), row);
		++n;
	}
	return n;
}

/** Adds a link from `node` to `other`; a full list is chosen anew. */
function connect(g: usize, node: u32, other: u32, level: u32, s: usize): void {
	const list = listOf(g, node, level), cap = capOf(g, level);
	keep(g, node, level, list, cap);
	for (let i: usize = 0; i < cap; ++i) {
		if (load<u32>(list + (i << 2)) != NONE) continue;
		store<u32>(list + (i << 2), other);
		return;
	}
	const room = roomOf(g), nodes = nodesAt(s), rows = nodes + room, distances = rows + room, kept = distances + room;
	const keys = keysAt(g, s);
	for (let i: usize = 0; i <= cap; ++i) {
		const link = i < cap ? load<u32>(list + (i << 2)) : other;
		store<u32>(nodes + (i << 2), link);
		store<u32>(rows + (i << 2), rowOf(g, link, level));
	}
	rowDistances(g, prepareRow(g, rowOf(g, node, level), stateAt(g, s, 1)), rows, cap + 1, distances);
	for (let i: usize = 0; i <= cap; ++i) {
		insertKey(keys, i, keyOf(load<f32>(distances + (i << 2)), load<u32>(nodes + (i << 2))));
	}
	const n = select(g, keys, <u32>cap + 1, <u32>cap, level, s);
	for (let i: usize = 0; i < n; ++i) store<u32>(list + (i << 2), load<u32>(kept + (i << 2)));
	clearList(g, node, level, n);
}

/** Ends a list behind its first n links. */
function clearList(g: usize, node: u32, level: u32, n: usize): void {
	const list = listOf(g, node, level), cap = capOf(g, level);
	for (; n < cap; ++n) store<u32>(list + (n << 2), NONE);
}

/**
 * Copies the list of a node that was there before the add into the journal, before it changes: u32 address, u32 links,
 * then the links. Those of level 0 once only. The journal begins with the bytes in use behind its first 4.
 */
// @ts-ignore: decorator
@inline function keep(g: usize, node: u32, level: u32, list: usize, cap: usize): void {
	const journal = <usize>load<u32>(g, JOURNAL);
	if (journal == 0) return;
	if (node >= (level == 0 ? load<u32>(g, OLD_ROWS) : load<u32>(g, OLD_SLOTS))) return;
	if (level == 0 && mark(<usize>load<u32>(g, TOUCHED), node) != 0) return;
	const used = load<u32>(journal), at = journal + 4 + <usize>used;
	store<u32>(at, <u32>list);
	store<u32>(at, <u32>cap, 4);
	for (let i: usize = 0; i < cap; ++i) store<u32>(at + 8 + (i << 2), load<u32>(list + (i << 2)));
	store<u32>(journal, used + 8 + (<u32>cap << 2));
}
