/**
 * The links of a graph from the sections of a file. Nothing is believed: every link must lead to a node of its level,
 * or a search would read what is no list.
 */

import { type HnswGraph, MAX_LEVEL } from '../indexes/hnsw-graph.ts';
import { NO_LINK } from '../kernels/kernels.ts';
import type { GraphShape } from './index-node.ts';
import type { SectionReader } from './read-sections.ts';
import type { Reading } from './reading.ts';

/** Of a graph over ntotal rows: lists of level 0, rows and levels of the slots, lists above. graph.finish is to follow when the store is there. */
export function* readGraph(
	file: SectionReader,
	numbers: { readonly links: number; readonly slots: number; readonly upperLinks: number },
	{ M, slots, upperLists }: GraphShape,
	ntotal: number,
	graph: HnswGraph,
): Reading<void> {
	const ptr = graph.makeLinks(ntotal);
	yield* file.intoArena(numbers.links, ptr, false);
	const links = file.arena.u32.subarray(ptr >>> 2, (ptr >>> 2) + ntotal * 2 * M);
	checkLists(file, numbers.links, links, 2 * M, () => (link) => link < ntotal);

	const rows = new Uint32Array((yield* file.bytes(numbers.slots)).buffer);
	let lists = 0;
	for (let slot = 0; slot < slots; slot++) {
		const row = rows[2 * slot]!;
		const level = rows[2 * slot + 1]!;
		const fault = (message: string) => file.fault(numbers.slots, `slot ${slot}: ${message}`, 8 * slot);
		if (row >= ntotal) throw fault(`row ${row} is outside 0..${ntotal - 1}`);
		if (slot > 0 && row <= rows[2 * slot - 2]!) throw fault('its row does not follow on that of the slot before');
		if (level < 1 || level > MAX_LEVEL) throw fault(`level ${level} is outside 1..${MAX_LEVEL}`);
		lists += level;
	}
	if (lists !== upperLists) {
		throw file.fault(numbers.slots, `the slots have ${lists} lists, the index ${upperLists}`);
	}

	const upper = new Uint32Array((yield* file.bytes(numbers.upperLinks)).buffer);
	let slot = 0;
	let level = 0;
	checkLists(file, numbers.upperLinks, upper, M, () => {
		if (level === rows[2 * slot + 1]!) {
			slot++;
			level = 0;
		}
		const own = ++level;
		return (link) => link < slots && rows[2 * link + 1]! >= own;
	});
	graph.makeSlots(rows, upper);
}

/** Each list: links that are good, then NO_LINK to its end. `rule` is called once for each list, in order. */
function checkLists(
	file: SectionReader,
	number: number,
	words: Uint32Array,
	cap: number,
	rule: () => (link: number) => boolean,
): void {
	for (let start = 0; start < words.length; start += cap) {
		const good = rule();
		let ended = false;
		for (let at = start; at < start + cap; at++) {
			const link = words[at]!;
			if (link === NO_LINK) ended = true;
			else if (ended) throw file.fault(number, `list ${start / cap}: a link stands behind its end`, 4 * at);
			else if (!good(link)) throw file.fault(number, `list ${start / cap}: link ${link} leads nowhere`, 4 * at);
		}
	}
}
