/**
 * Terms of residual codes under l2 (indexes/ivf.ts), worked out from codes: r . (r + 2 (c - o)) with decoded residual r,
 * centroid c, mean of the centroids o. FAISS's files do not have them.
 */

import { CHUNK } from '../../cluster/rows.ts';
import { chunks } from '../../indexes/batch.ts';
import type { IndexIVF } from '../../indexes/ivf.ts';

/** Cells, and codes in each, that the range of terms is taken from where there are no codes yet. */
const SOME = 256;

export class TermMaker implements Disposable {
	readonly #index: IndexIVF;
	readonly #codes: number;
	readonly #rows: number;
	readonly #labels: number;
	readonly #terms: number;

	constructor(index: IndexIVF) {
		const { codec, d, engine } = index;
		this.#index = index;
		const align = (bytes: number): number => Math.ceil(bytes / 16) * 16;
		const sizes = [CHUNK * codec.codeSize + 8, CHUNK * d * 4, CHUNK * 4, CHUNK * 4].map(align);
		this.#codes = engine.arena.alloc(sizes.reduce((a, b) => a + b));
		this.#rows = this.#codes + sizes[0]!;
		this.#labels = this.#rows + sizes[1]!;
		this.#terms = this.#labels + sizes[2]!;
	}

	/** Terms of the n codes of a list, in parts, each valid till the next. */
	*ofList(listNo: number, n: number): Generator<{ from: number; terms: Float32Array }> {
		const { codec, lists, engine } = this.#index;
		const { codeSize, blockSize } = codec;
		for (const [from, count] of chunks(n)) {
			const { codes } = lists.list(listNo);
			if (blockSize === 1) {
				engine.arena.u8.copyWithin(this.#codes, codes + from * codeSize, codes + (from + count) * codeSize);
			} else {
				for (let i = 0; i < count; i++) {
					engine.kernels.fastFetch(codes, from + i, this.#codes + i * codeSize, codeSize);
				}
			}
			yield { from, terms: this.#run(listNo, count) };
		}
	}

	/** Smallest and largest term of codes whose sub-codes are all the same, in some cells. */
	ofSomeCodes(): [min: number, max: number] {
		const { codec, nlist, engine } = this.#index;
		let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
		for (let listNo = 0; listNo < Math.min(nlist, SOME); listNo++) {
			const { u8 } = engine.arena;
			for (let c = 0; c < 16; c++) {
				u8.fill(c * 17, this.#codes + c * codec.codeSize, this.#codes + (c + 1) * codec.codeSize);
			}
			for (const term of this.#run(listNo, 16)) {
				min = Math.min(min, term);
				max = Math.max(max, term);
			}
		}
		return [min, max];
	}

	/** Of `count` codes at #codes. */
	#run(listNo: number, count: number): Float32Array {
		const { codec, d, engine, quantizer, cells } = this.#index;
		const { arena, kernels } = engine;
		codec.decodeRows(this.#codes, count, this.#rows);
		arena.u32.fill(listNo, this.#labels >>> 2, (this.#labels >>> 2) + count);
		kernels.residualTerms(this.#rows, count, d, this.#labels, quantizer.codes.at(0), cells.centre(), this.#terms);
		return arena.f32.subarray(this.#terms >>> 2, (this.#terms >>> 2) + count);
	}

	[Symbol.dispose](): void {
		this.#index.engine.arena.free(this.#codes);
	}
}
