/**
 * Vectors that inverted lists hold, decoded from their codes.
 */

import type { Metric } from '../core/metric.ts';
import type { HeldLists } from '../invlists/transfer.ts';
import type { Engine } from '../kernels/engine.ts';
import type { RowSource } from './health.ts';

/** Inverted lists, and what their codes mean. */
export interface HeldCells extends HeldLists {
	readonly engine: Engine;
	readonly d: number;
	readonly metric: Metric;
	/** Codes are of x - centroid. */
	readonly byResidual: boolean;
	/** Codes carry a term (indexes/ivf.ts). */
	readonly hasTerms: boolean;
	/** Pointer to nlist * d values. */
	readonly centroids: number;
}

/** Codes looked at for the error of codes. */
const SAMPLE = 1024;

/** Copies n codes of a list from `first` on, one after the other, to `out`; 8 bytes behind them may be read later. */
export function fetchCodes(
	{ arena, codec, lists }: HeldCells,
	listNo: number,
	first: number,
	n: number,
	out: number,
): void {
	const { codes, terms } = lists.list(listNo);
	const { codeSize, blockSize } = codec;
	if (blockSize === 1) {
		arena.u8.copyWithin(out, codes + first * codeSize, codes + (first + n) * codeSize);
		return;
	}
	for (let i = 0; i < n; i++) codec.fetch(codes, first + i, out + i * codeSize, terms);
}

/** Rows of d values from n such codes, of a list whose centroid is at `centroid`. */
export function decodeCodes(cells: HeldCells, centroid: number, codes: number, n: number, out: number): void {
	const { codec, byResidual, engine, d } = cells;
	codec.decodeRows(codes, n, out);
	if (!byResidual) return;
	const { f32 } = engine.arena;
	const from = centroid >>> 2;
	for (let i = 0, at = out >>> 2; i < n; i++) for (let t = 0; t < d; t++, at++) f32[at] = f32[at]! + f32[from + t]!;
}

/** Puts exact vectors of some labels, rows of d values, in place of decoded ones. */
export function takeExact(
	{ engine, d, metric }: HeldCells,
	exact: RowSource,
	labels: ArrayLike<number>,
	out: number,
): void {
	for (let i = 0; i < labels.length; i++) engine.arena.writeF32(out + i * d * 4, exact(labels[i]!));
	if (metric === 'cosine') engine.kernels.normalizeRows(out, labels.length, d);
}

/** Mean squared error of codes over the mean squared distance to the centroid, of a sample. */
export function codeErrorOf(cells: HeldCells, exact: RowSource): number {
	const { arena, lists, d, codec, centroids } = cells;
	let total = 0;
	for (let listNo = 0; listNo < lists.nlist; listNo++) total += lists.listSize(listNo);
	const step = Math.max(1, total / SAMPLE);
	const code = arena.alloc(codec.codeSize + 8);
	const row = arena.alloc(2 * d * 4);
	let [errors, distances] = [0, 0];
	try {
		let next = step / 2;
		let before = 0;
		for (let listNo = 0; listNo < lists.nlist; listNo++) {
			const n = lists.listSize(listNo);
			for (; next < before + n; next += step) {
				const position = Math.floor(next) - before;
				const label = arena.u32[(lists.list(listNo).ids >>> 2) + position]!;
				fetchCodes(cells, listNo, position, 1, code);
				decodeCodes(cells, centroids + listNo * d * 4, code, 1, row);
				takeExact(cells, exact, [label], row + d * 4);
				const { f32 } = arena;
				for (let t = 0, at = row >>> 2; t < d; t++, at++) {
					const x = f32[at + d]!;
					errors += (x - f32[at]!) ** 2;
					distances += (x - f32[(centroids >>> 2) + listNo * d + t]!) ** 2;
				}
			}
			before += n;
		}
	} finally {
		arena.free(code);
		arena.free(row);
	}
	return distances > 0 ? errors / distances : 0;
}

/** The vector under a label, decoded. */
export function decodeLabel({ arena, codec, lists, byResidual, centroids, d }: HeldCells, label: number): Row {
	const found = lists.find(label);
	if (found === undefined) throw new Error(`internal: label ${label} is in no list`);
	const { codes, terms } = lists.list(found.listNo);
	const out = arena.alloc(d * 4);
	try {
		codec.decodeAt(codes, found.position, out, terms);
		const vector = arena.readF32(out, d);
		if (!byResidual) return vector;
		const centroid = arena.readF32(centroids + found.listNo * d * 4, d);
		return vector.map((value, t) => value + centroid[t]!);
	} finally {
		arena.free(out);
	}
}

type Row = Float32Array<ArrayBuffer>;

/** Vectors under labels below labelEnd, rows of d values, in one pass over the lists. */
export function decodeLabels(cells: HeldCells, labelEnd: number, labels: Uint32Array, out: Float32Array): void {
	const { arena, codec, lists, byResidual, centroids, d } = cells;
	/** The first place of each label, and the next one of the same label. */
	const first = new Int32Array(labelEnd).fill(-1);
	const next = new Int32Array(labels.length);
	for (const [i, label] of labels.entries()) {
		next[i] = first[label]!;
		first[label] = i;
	}
	const at = arena.alloc(d * 4);
	try {
		for (let listNo = 0; listNo < lists.nlist; listNo++) {
			const { codes, terms, ids, n } = lists.list(listNo);
			const centroid = byResidual ? centroids + listNo * d * 4 : 0;
			for (let j = 0; j < n; j++) {
				let i = first[arena.u32[(ids >>> 2) + j]!]!;
				if (i < 0) continue;
				codec.decodeAt(codes, j, at, terms);
				const { f32 } = arena;
				if (centroid !== 0) for (let t = 0; t < d; t++) f32[(at >>> 2) + t]! += f32[(centroid >>> 2) + t]!;
				const row = f32.subarray(at >>> 2, (at >>> 2) + d);
				for (; i >= 0; i = next[i]!) out.set(row, i * d);
			}
		}
	} finally {
		arena.free(at);
	}
}
