/**
 * Search of few of the codes of an index that keeps one per row: what matches is copied together, with its row numbers, a
 * piece at a time, and scanned as a list is.
 */

import type { CodeArray } from '../invlists/code-array.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { Engine } from '../kernels/engine.ts';

/** Bytes of codes copied together at a time: they stay in L2. */
const PIECE_BYTES = 256 * 1024;

/** Pieces of the matching rows: whole blocks of codes where they lie in blocks. */
export class MatchedCodes implements Disposable {
	readonly #engine: Engine;
	readonly #codes: CodeArray;
	readonly #rows: LabelBitmap;
	/** Blocks of a piece, codes of a block. */
	readonly #most: number;
	readonly #unit: number;
	readonly #ptr: number;
	readonly #byteLength: number;
	readonly #ids: number;
	readonly #addresses: number;
	/** Numbers of the blocks of a piece, and how many they are. */
	readonly #numbers: number;
	readonly #count: number;
	/** Address and first block of each segment. */
	readonly #segments: number;
	readonly #nSegments: number;

	constructor(engine: Engine, codes: CodeArray, rows: LabelBitmap) {
		const { blockSize, codeSize } = codes.layout;
		const blockBytes = blockSize * codeSize;
		this.#engine = engine;
		this.#codes = codes;
		this.#rows = rows;
		this.#unit = blockSize;
		const blocks = Math.min(rows.count, Math.ceil(codes.n / blockSize));
		this.#most = Math.max(1, Math.min(blocks, Math.floor(PIECE_BYTES / (blockBytes + 4 * blockSize))));
		// Kernels read 8 bytes past the last code.
		const codeBytes = Math.ceil((this.#most * blockBytes + 8) / 16) * 16;
		const idBytes = Math.ceil((this.#most * blockSize) / 4) * 16;
		const segments = [...codes.segments()];
		this.#nSegments = segments.length;
		this.#byteLength = codeBytes + idBytes + this.#most * 8 + segments.length * 8 + 4;
		this.#ptr = engine.arena.allocScratch(this.#byteLength);
		this.#ids = this.#ptr + codeBytes;
		this.#addresses = this.#ids + idBytes;
		this.#numbers = this.#addresses + this.#most * 4;
		this.#segments = this.#numbers + this.#most * 4;
		this.#count = this.#segments + segments.length * 8;
		const at = segments.flatMap(({ ptr, start }) => [ptr, start / blockSize]);
		engine.arena.u32.set(at, this.#segments >>> 2);
	}

	/** Directory entries of one piece after the other: codes, terms, ids, n (kernels.ts). The next one takes the place of the last. */
	*pieces(): Generator<readonly [codes: number, terms: number, ids: number, n: number]> {
		const { arena, kernels } = this.#engine;
		const [unit, codes] = [this.#unit, this.#codes];
		const blockBytes = unit * codes.codeSize;
		const end = Math.ceil(this.#rows.bits / 32);
		let [w, word] = [-1, 0];
		for (;;) {
			const { u32 } = arena;
			const bitmap = this.#rows.ptr >>> 2;
			const [numbers, ids] = [this.#numbers >>> 2, this.#ids >>> 2];
			let [blocks, n] = [0, 0];
			if (unit === 1) {
				while (blocks < this.#most) {
					while (word === 0 && ++w < end) word = u32[bitmap + w]!;
					if (word === 0) break;
					u32[numbers + blocks++] = w * 32 + 31 - Math.clz32(word & -word);
					word &= word - 1;
				}
				u32.copyWithin(ids, numbers, numbers + blocks);
				n = blocks;
			} else {
				// A word is a block.
				while (blocks < this.#most && ++w < end) {
					if (u32[bitmap + w] === 0) continue;
					u32[numbers + blocks++] = w;
					for (let row = w * 32; row < Math.min((w + 1) * 32, codes.n); row++) u32[ids + n++] = row;
				}
			}
			if (blocks === 0) return;
			const to = [blockBytes, this.#numbers, 1, blocks, 0, this.#addresses, this.#count] as const;
			kernels.rowAddresses(this.#segments, this.#nSegments, ...to);
			kernels.gatherRows(this.#addresses, blockBytes, blocks, this.#ptr);
			yield [this.#ptr, 0, this.#ids, n];
		}
	}

	[Symbol.dispose](): void {
		this.#engine.arena.freeScratch(this.#ptr, this.#byteLength);
	}
}

/** Blocks of codes that hold a match, as a share of all, when matches are spread at random. */
export function blockShare({ layout, n }: CodeArray, rows: LabelBitmap): number {
	return 1 - (1 - Math.min(1, rows.count / Math.max(1, n))) ** layout.blockSize;
}
