/**
 * Fast-scan codes in FAISS's blocks and in vecino's. Both keep the sub-codes of 32 codes together, two sub-quantizers j
 * and j + 1 in 16 bytes each: code i in the low half of a byte, code i + 16 in the high half. They differ in two ways:
 *
 *   the bytes of codes 0..15 stand as 0 8 1 9 2 10 .. 7 15 in FAISS's files and as 0 1 2 .. 15 here;
 *   FAISS's blocks may be of several times 32 codes (bbs), each pair of sub-quantizers for all of them before the next.
 */

/** Codes of one group: what a block of vecino's holds. */
export const GROUP = 32;

/**
 * Whole FAISS blocks to groups of vecino's, the first one to out[at].
 *
 * @param bbs - Codes in a FAISS block, a multiple of 32.
 * @param m - Sub-quantizers; the last of an odd number is a pair with nothing, whose half is cleared.
 * @param first - Number of the first block.
 * @param groups - Groups that there is room for: later ones are left out.
 */
export function fromFaissBlocks(
	blocks: Uint8Array,
	bbs: number,
	m: number,
	first: number,
	groups: number,
	out: Uint8Array,
	at: number,
): void {
	const pairs = Math.ceil(m / 2);
	const perBlock = bbs / GROUP;
	const blockBytes = pairs * bbs;
	for (let from = 0; from < blocks.length; from += GROUP) {
		const block = first + Math.floor(from / blockBytes);
		const pair = Math.floor((from % blockBytes) / bbs);
		const group = block * perBlock + (from % bbs) / GROUP;
		if (group >= groups) continue;
		const to = at + (group * pairs + pair) * GROUP;
		for (let j = 0; j < 16; j++) {
			const i = (j >> 1) | ((j & 1) << 3);
			out[to + i] = blocks[from + j]!;
			out[to + 16 + i] = 2 * pair + 1 < m ? blocks[from + 16 + j]! : 0;
		}
	}
}

/** Groups of vecino's as FAISS's blocks of 32, which are as long. */
export function toFaissBlocks(groups: Uint8Array): Uint8Array<ArrayBuffer> {
	const out = new Uint8Array(groups.length);
	for (let at = 0; at < groups.length; at += 16) {
		for (let j = 0; j < 16; j++) out[at + j] = groups[at + ((j >> 1) | ((j & 1) << 3))]!;
	}
	return out;
}
