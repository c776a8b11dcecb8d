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
		this.#byteLength = codeBytes + idBytes + this.#most * 4;
		this.#ptr = engine.arena.allocScratch(this.#byteLength);
		this.#ids = this.#ptr + codeBytes;
		this.#addresses = this.#ids + idBytes;
	}

	/** Directory entries of one piece after the other: codes, terms, ids, n (kernels.ts). The next one takes the place of the last. */
	*pieces(): Generator<readonly [codes: number, terms: number, ids: number, n: number]> {
		const { arena, kernels } = this.#engine;
		const [unit, codes] = [this.#unit, this.#codes];
		const blockBytes = unit * codes.codeSize;
		let [blocks, n] = [0, 0];
		for (const first of this.#blocks()) {
			const { u32 } = arena;
			const { ptr, at } = codes.where(first);
			u32[(this.#addresses >>> 2) + blocks++] = ptr + at * codes.codeSize;
			for (let row = first; row < Math.min(first + unit, codes.n); row++) u32[(this.#ids >>> 2) + n++] = row;
			if (blocks < this.#most) continue;
			kernels.gatherRows(this.#addresses, blockBytes, blocks, this.#ptr);
			yield [this.#ptr, 0, this.#ids, n];
			[blocks, n] = [0, 0];
		}
		if (blocks === 0) return;
		kernels.gatherRows(this.#addresses, blockBytes, blocks, this.#ptr);
		yield [this.#ptr, 0, this.#ids, n];
	}

	/** First rows of the blocks that hold a match. */
	*#blocks(): Generator<number> {
		const { arena } = this.#engine;
		const { ptr, bits } = this.#rows;
		const words = Math.ceil(bits / 32);
		for (let w = 0; w < words; w++) {
			let word = arena.u32[(ptr >>> 2) + w]!;
			if (word === 0) continue;
			if (this.#unit === 32) {
				yield w * 32;
				continue;
			}
			for (; word !== 0; word &= word - 1) yield w * 32 + 31 - Math.clz32(word & -word);
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
