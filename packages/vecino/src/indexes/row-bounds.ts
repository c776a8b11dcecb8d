/**
 * Rows of an IndexFlat once more in int8, with how far that is off: a first look at them for single queries
 * (assembly/flat.ts). d bytes, rounded up to 8, and 12 per row. What they are made of is the rows alone, so files do not hold them.
 */

import type { Metric } from '../core/metric.ts';
import { CodeArray } from '../invlists/code-array.ts';
import type { Engine } from '../kernels/engine.ts';
import { flatBoundBytes } from '../kernels/kernels.ts';
import type { Steps } from '../util/steps.ts';

/** Rows taken in between two yields: a few milliseconds of work. */
const CHUNK = 4096;

export class RowBounds {
	readonly records: CodeArray;
	readonly #engine: Engine;
	readonly #d: number;
	readonly #kind: number;

	constructor(engine: Engine, d: number, metric: Metric) {
		this.records = new CodeArray(engine.arena, { codeSize: flatBoundBytes(d), blockSize: 1, termBytes: 0 });
		this.#engine = engine;
		this.#d = d;
		this.#kind = metric === 'l2' ? 0 : 1;
	}

	/** Takes in the rows before `end` that it does not have yet; room for them must have been reserved. */
	*follow(rows: CodeArray, end: number): Steps<void> {
		const { records } = this;
		const total = end - records.n;
		for (let done = 0; done < total; ) {
			const from = placeOf(rows, records.n);
			const to = records.tail(0);
			const count = Math.min(CHUNK, from.room, to.room, end - records.n);
			const out = to.ptr + to.at * records.codeSize;
			this.#engine.kernels.flatBounds(from.ptr, count, this.#d, this.#kind, out);
			records.commit(count);
			done += count;
			yield { phase: 'add', done, total };
		}
	}

	/** A row is another one now. */
	refresh(rows: CodeArray, row: number): void {
		this.#engine.kernels.flatBounds(rows.at(row), 1, this.#d, this.#kind, this.records.at(row));
	}
}

/** Pointer to a row, and how many lie behind it without a break, itself included. */
export function placeOf(codes: CodeArray, row: number): { ptr: number; room: number } {
	const { ptr, at, room } = codes.where(row);
	return { ptr: ptr + at * codes.codeSize, room };
}
