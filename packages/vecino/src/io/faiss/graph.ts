/**
 * Graphs between FAISS's form and vecino's: FAISS keeps the lists of a row together, level by level, and links rows;
 * vecino keeps level 0 apart, and upper levels link slots, the rows above level 0 by their number.
 */

import { type HnswGraph, MAX_LEVEL } from '../../indexes/hnsw-graph.ts';
import type { Arena } from '../../kernels/arena.ts';
import { GRAPH, NO_LINK } from '../../kernels/kernels.ts';
import type { Reading } from '../reading.ts';
import type { FaissFile } from './file.ts';
import type { GraphPart } from './parts.ts';

/** Fills an empty graph; graph.finish is to follow when the store is there. Every link must lead to a row of its level. */
export function* fillGraph(
	file: FaissFile,
	arena: Arena,
	{ M, levels: levelsBlock, cumulated, links }: GraphPart,
	graph: HnswGraph,
): Reading<void> {
	const levels = yield* file.ints(levelsBlock);
	const n = levels.length;
	let words = 0;
	let lists = 0;
	const slotRows: number[] = [];
	for (const [row, level] of levels.entries()) {
		if (level < 1 || level >= cumulated.length)
			throw file.fault(`row ${row} is on ${level} levels`, levelsBlock.offset);
		words += cumulated[level]!;
		if (level === 1) continue;
		slotRows.push(row, Math.min(level - 1, MAX_LEVEL));
		lists += Math.min(level - 1, MAX_LEVEL);
	}
	if (words !== links.count) throw file.fault(`${links.count} links, rows have ${words}`, links.offset - 8);
	const slots = Uint32Array.from(slotRows);
	const slotOf = new Map<number, number>();
	for (let slot = 0; slot < slots.length / 2; slot++) slotOf.set(slots[2 * slot]!, slot);
	const upper = new Uint32Array(lists * M).fill(NO_LINK);
	const lowest = graph.makeLinks(n) >>> 2;
	let [at, list] = [links.offset, 0];
	for (let row = 0; row < n; row++) {
		const length = cumulated[levels[row]!]! * 4;
		const bytes = yield* file.bytes(at, length, 2 ** 20);
		const view = new DataView(bytes.buffer, bytes.byteOffset, length);
		const read = (from: number, cap: number, out: Uint32Array, to: number, nodeOf: (row: number) => number): void => {
			let i = 0;
			for (; i < cap; i++) {
				const link = view.getInt32(4 * (from + i), true);
				// FAISS looks no further than the first.
				if (link === -1) break;
				const node = link >= 0 && link < n ? nodeOf(link) : -1;
				if (node < 0) throw file.fault(`link ${link} of row ${row} leads nowhere`, at + 4 * (from + i));
				out[to + i] = node;
			}
			out.fill(NO_LINK, to + i, to + cap);
		};
		read(0, 2 * M, arena.u32, lowest + row * 2 * M, (link) => link);
		const top = Math.min(levels[row]! - 1, MAX_LEVEL);
		for (let level = 1; level <= top; level++) {
			const nodeOf = (link: number): number => (levels[link]! > level ? slotOf.get(link)! : -1);
			read(2 * M + (level - 1) * M, M, upper, list++ * M, nodeOf);
		}
		at += length;
	}
	graph.makeSlots(slots, upper);
}

/** What a file says of a graph of n rows beside its links. */
export interface GraphTable {
	/** Levels that each row is on, at least 1. */
	readonly levels: Int32Array;
	/** Links of a row on so many levels. */
	readonly cumulated: Int32Array;
	readonly probabilities: Float64Array;
	/** A row of the highest level; -1 when there are no rows. */
	readonly entry: number;
	/** -1 when there are no rows. */
	readonly top: number;
	/** Links of all rows. */
	readonly words: number;
}

export function graphTable(arena: Arena, graph: HnswGraph | undefined, M: number): GraphTable {
	const n = graph?.n ?? 0;
	const levels = new Int32Array(n).fill(1);
	let highest = 1;
	for (let slot = 0; slot < (graph?.slots ?? 0); slot++) {
		const { row, level } = graph!.slot(slot);
		levels[row] = level + 1;
		highest = Math.max(highest, level + 1);
	}
	// As FAISS draws levels: M^-level (1 - 1 / M), as long as that is more than 1e-9.
	const probabilities: number[] = [];
	for (let share = 1 - 1 / M; share > 1e-9; share /= M) probabilities.push(share);
	const count = Math.max(probabilities.length, highest);
	const cumulated = Int32Array.from({ length: count + 1 }, (_, level) => (level === 0 ? 0 : (level + 1) * M));
	let words = 0;
	for (const level of levels) words += cumulated[level]!;
	const top = n === 0 ? -1 : arena.u32[(graph!.ptr + GRAPH.top) >>> 2]!;
	const node = n === 0 ? -1 : arena.u32[(graph!.ptr + GRAPH.entry) >>> 2]!;
	const entry = top > 0 ? graph!.slot(node).row : node;
	return { levels, cumulated, probabilities: Float64Array.from(probabilities), entry, top, words };
}

/** Links row by row as FAISS has them, in parts. */
export function* graphLinks(arena: Arena, graph: HnswGraph, { levels, cumulated }: GraphTable): Generator<Uint8Array> {
	const { M, n } = graph;
	const ROWS = 1024;
	let slot = 0;
	for (let first = 0; first < n; first += ROWS) {
		const rows = Math.min(ROWS, n - first);
		let words = 0;
		for (let i = 0; i < rows; i++) words += cumulated[levels[first + i]!]!;
		// NO_LINK is -1.
		const out = new Uint32Array(words);
		let to = 0;
		for (let row = first; row < first + rows; row++) {
			const { u32 } = arena;
			const lowest = graph.links.at(row) >>> 2;
			out.set(u32.subarray(lowest, lowest + 2 * M), to);
			to += 2 * M;
			if (levels[row] === 1) continue;
			const { level, record } = graph.slot(slot++);
			for (let i = 0; i < level * M; i++) {
				const link = u32[(record >>> 2) + 1 + i]!;
				out[to++] = link === NO_LINK ? NO_LINK : graph.slot(link).row;
			}
		}
		yield new Uint8Array(out.buffer);
	}
}
