/**
 * Vectors of an index with cells in the order of their labels, for training and adding them anew.
 */

import { VectorSet } from '../core/vectors.ts';
import { Rng } from '../util/rng.ts';
import type { Steps } from '../util/steps.ts';
import { chunks } from './batch.ts';
import type { RowSource } from './health.ts';
import { decodeCodes, fetchCodes, type HeldCells, takeExact } from './held-rows.ts';

const ABSENT = 0xffffffff;
/** Rows are brought out in parts of about this many bytes. */
const PART_BYTES = 2 ** 24;

export class OrderedRows {
	/** Labels there are, ascending. */
	readonly labels: Uint32Array<ArrayBuffer>;
	readonly #cells: HeldCells;
	readonly #exact: RowSource | undefined;
	/** List and position of each of `labels`. */
	readonly #lists: Uint32Array;
	readonly #positions: Uint32Array;

	/** @param labelEnd - Labels are below it. */
	constructor(cells: HeldCells, labelEnd: number, exact: RowSource | undefined) {
		this.#cells = cells;
		this.#exact = exact;
		const { lists, arena } = cells;
		const listOf = new Uint32Array(labelEnd).fill(ABSENT);
		const positionOf = new Uint32Array(labelEnd);
		let n = 0;
		for (let listNo = 0; listNo < lists.nlist; listNo++) {
			const { ids, n: size } = lists.list(listNo);
			for (let i = 0; i < size; i++) {
				const label = arena.u32[(ids >>> 2) + i]!;
				listOf[label] = listNo;
				positionOf[label] = i;
			}
			n += size;
		}
		this.labels = new Uint32Array(n);
		for (let label = 0, i = 0; label < labelEnd; label++) if (listOf[label] !== ABSENT) this.labels[i++] = label;
		this.#lists = listOf;
		this.#positions = positionOf;
	}

	/** Rows of d values of some labels. */
	read(labels: Uint32Array): VectorSet {
		const { arena, codec, d, centroids } = this.#cells;
		const out = new VectorSet(new Float32Array(labels.length * d), d);
		const row = arena.alloc(d * 4);
		const code = arena.alloc(codec.codeSize + 8);
		try {
			for (const [i, label] of labels.entries()) {
				if (this.#exact === undefined) {
					const listNo = this.#lists[label]!;
					fetchCodes(this.#cells, listNo, this.#positions[label]!, 1, code);
					decodeCodes(this.#cells, centroids + listNo * d * 4, code, 1, row);
				} else {
					takeExact(this.#cells, this.#exact, [label], row);
				}
				out.data.set(arena.f32.subarray(row >>> 2, (row >>> 2) + d), i * d);
			}
			return out;
		} finally {
			arena.free(row);
			arena.free(code);
		}
	}

	/** At most `limit` rows, drawn at random, in order. */
	*sample(limit: number, seed: number): Steps<VectorSet> {
		const n = Math.min(limit, this.labels.length);
		const chosen = new Rng(seed).sample(this.labels.length, n).map((i) => this.labels[i]!);
		const out = new VectorSet(new Float32Array(n * this.#cells.d), this.#cells.d);
		for (const [start, count] of chunks(n)) {
			out.data.set(this.read(chosen.subarray(start, start + count)).data, start * out.d);
			yield { phase: 'sample', done: start + count, total: n };
		}
		return out;
	}

	/** All rows in parts, in order. */
	*parts(): Generator<VectorSet> {
		const size = Math.max(1, Math.floor(PART_BYTES / (4 * this.#cells.d)));
		for (const [start, count] of chunks(this.labels.length, size)) {
			yield this.read(this.labels.subarray(start, start + count));
		}
	}
}
