/**
 * Encoding for indexes that hold one code per row (flat-codes.ts): new rows behind the others, or in place of some.
 */

import { ENCODE_COST, planWindows } from '../cluster/rows.ts';
import type { Metric } from '../core/metric.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { CodeArray } from '../invlists/code-array.ts';
import type { Engine } from '../kernels/engine.ts';
import { inWindows } from '../kernels/pool/parallel.ts';
import { align16, type Codec } from '../quantizers/codec.ts';
import type { Steps } from '../util/steps.ts';
import { loadRows } from './batch.ts';

/** What encoding needs of an index. */
export interface EncodedRows {
	readonly engine: Engine;
	readonly d: number;
	readonly metric: Metric;
	readonly codec: Codec;
	readonly codes: CodeArray;
}

/** Writes the codes of x behind those that are there; `codes.commit` is to follow. Room must have been reserved. */
export function* encodeBehind({ engine, d, metric, codec, codes }: EncodedRows, x: VectorSet): Steps<void> {
	if (codec.blockSize === 1) {
		const to = (row: number) => {
			const { ptr, at, room } = codes.tail(row);
			return { ptr: ptr + at * codec.codeSize, room };
		};
		yield* encodeSteps({ engine, d, metric, codec }, x, to);
		return;
	}
	yield* encodeSteps({ engine, d, metric, codec }, x, undefined, (start, count, from) => {
		for (let i = 0; i < count; i++) {
			const { ptr, at } = codes.tail(start + i);
			codec.place(ptr, at, from + i * codec.codeSize);
		}
	});
}

/** The codes of x in a block of their own, one after the other, which the caller frees. */
export function* encodeApart({ engine, d, metric, codec }: EncodedRows, x: VectorSet): Steps<number> {
	const { codeSize } = codec;
	const block = engine.arena.alloc(x.n * codeSize + 8);
	let done = false;
	try {
		const to = (row: number) => ({ ptr: block + row * codeSize, room: x.n - row });
		yield* encodeSteps({ engine, d, metric, codec }, x, to);
		done = true;
	} finally {
		if (!done) engine.arena.free(block);
	}
	return block;
}

/** Puts a code, given as encoding makes it, in the place of a row. */
export function replaceCode({ codec, codes }: Pick<EncodedRows, 'codec' | 'codes'>, row: number, code: number): void {
	// Blocks are filled bit by bit.
	if (codec.blockSize > 1) codes.wipe(row);
	const { ptr, at } = codes.where(row);
	codec.place(ptr, at, code);
}

/**
 * @param to - Where the code of a row goes, and how many follow without a break; absent: to a buffer, and on to `take`.
 * @param take - Is handed `count` codes in order, `start` the first.
 */
function* encodeSteps(
	{ engine, d, metric, codec }: Omit<EncodedRows, 'codes'>,
	x: VectorSet,
	to: ((row: number) => { ptr: number; room: number }) | undefined,
	take?: (start: number, count: number, codes: number) => void,
): Steps<void> {
	const { arena } = engine;
	const { codeSize } = codec;
	const { window, piece, sets } = planWindows(engine, x.n, ENCODE_COST * d, d * 4 + codeSize);
	const rowBytes = window * d * 4;
	const setBytes = rowBytes + align16(window * codeSize + 8);
	const scratchBytes = align16(codec.encodeScratchBytes);
	// Pieces end where a segment of the codes does.
	const block = arena.alloc(sets * setBytes + (Math.ceil(window / piece) + 2) * scratchBytes);
	const buffer = (set: number): number => block + set * setBytes + rowBytes;
	try {
		yield* inWindows(engine, 'add', x.n, window, sets, {
			load: (start, count, set) => loadRows(engine, metric, x, start, count, block + set * setBytes),
			pieces: (start, count, set) => {
				const pieces: (() => void)[] = [];
				for (let from = 0, now = 0; from < count; from += now) {
					const { ptr, room } = to?.(start + from) ?? { ptr: buffer(set) + from * codeSize, room: count };
					now = Math.min(piece, room, count - from);
					const rows = block + set * setBytes + from * d * 4;
					const scratch = block + sets * setBytes + pieces.length * scratchBytes;
					const some = now;
					pieces.push(() => codec.encodeRows(rows, some, ptr, scratch));
				}
				return pieces;
			},
			settle: (start, count, set) => take?.(start, count, buffer(set)),
		});
	} finally {
		arena.free(block);
	}
}
