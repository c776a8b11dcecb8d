/**
 * Filters on their way into a search: what a caller gives becomes a bitmap of rows, once for all queries of a call, or once
 * for many calls (PreparedFilter).
 */

import {
	IDSelector,
	IDSelectorAnd,
	IDSelectorBatch,
	IDSelectorBitmap,
	IDSelectorNot,
	IDSelectorOr,
	IDSelectorRange,
} from '../core/selector.ts';
import { VecinoError } from '../errors.ts';
import { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { Arena } from '../kernels/arena.ts';
import type { Steps } from '../util/steps.ts';

/** Labels that are asked about between two turns of the event loop. */
const ASKED = 16_384;

/** The rows of an index and their labels. */
export interface LabelSpace {
	/** Row numbers are below this. */
	readonly span: number;
	/** Rows that are alive; undefined: all. */
	readonly live: LabelBitmap | undefined;
	/** Absent where labels are row numbers. */
	readonly ids?: { idOf(row: number): number; rowOf(id: number): number } | undefined;
}

/** The rows whose labels a selector has, a bitmap for the caller to dispose of. Dead rows are left out. */
export function* selectRows(arena: Arena, selector: IDSelector, space: LabelSpace, kept: boolean): Steps<LabelBitmap> {
	const rows = yield* rowsOf(arena, selector, space, kept);
	if (space.live !== undefined) rows.and(space.live);
	return rows;
}

function* rowsOf(arena: Arena, selector: IDSelector, space: LabelSpace, kept = false): Steps<LabelBitmap> {
	const { span, ids } = space;
	const rows = new LabelBitmap(arena, span, false, kept);
	let done = false;
	try {
		if (selector instanceof PreparedFilter) {
			yield* combine(arena, rows, [selector.selector], space, 'or');
		} else if (selector instanceof IDSelectorRange && ids === undefined) {
			rows.setRange(Math.ceil(Math.max(0, selector.min)), Math.ceil(Math.min(span, selector.max)));
		} else if (selector instanceof IDSelectorBatch) {
			for (const label of selector.labels) {
				const row = ids === undefined ? label : ids.rowOf(label);
				if (row >= 0 && row < span) rows.set(row);
			}
		} else if (selector instanceof IDSelectorBitmap && ids === undefined) {
			const { bits } = selector;
			const bytes = Math.min(bits.length, Math.ceil(span / 8));
			const words = new Uint32Array(Math.ceil(bytes / 4));
			// Little endian, as WebAssembly is.
			new Uint8Array(words.buffer).set(bits.subarray(0, bytes));
			rows.setWords(words);
		} else if (selector instanceof IDSelectorNot) {
			yield* combine(arena, rows, [selector.selector], space, 'or');
			rows.not();
		} else if (selector instanceof IDSelectorAnd) {
			rows.setRange(0, span);
			yield* combine(arena, rows, selector.selectors, space, 'and');
		} else if (selector instanceof IDSelectorOr) {
			yield* combine(arena, rows, selector.selectors, space, 'or');
		} else {
			yield* ask(rows, selector, space);
		}
		done = true;
		return rows;
	} finally {
		if (!done) rows[Symbol.dispose]();
	}
}

/** Puts the rows of further selectors together with these. */
function* combine(
	arena: Arena,
	rows: LabelBitmap,
	selectors: readonly IDSelector[],
	space: LabelSpace,
	how: 'and' | 'or',
): Steps<void> {
	for (const selector of selectors) {
		using others = yield* rowsOf(arena, selector, space);
		rows[how](others);
	}
}

/** Asks about every label that is alive. */
function* ask(rows: LabelBitmap, selector: IDSelector, { span, live, ids }: LabelSpace): Steps<void> {
	for (let start = 0; start < span; start += ASKED) {
		const end = Math.min(span, start + ASKED);
		for (let row = start; row < end; row++) {
			if (live?.has(row) === false) continue;
			if (selector.has(ids === undefined ? row : ids.idOf(row))) rows.set(row);
		}
		yield { phase: 'filter', done: end, total: span };
	}
}

/**
 * A filter that `Index.prepareFilter` has turned into rows of that index once, and that many searches of it use: saves
 * asking a function about every label again, and gathering the vectors of a narrow filter. When the index changes it is
 * made anew at the next search, so that it is never out of date; a function that would answer differently by now is only
 * asked again then. Takes a bit per vector, and with a narrow filter the codes of what matches; give it back with `using`.
 *
 * @example
 * using index = new IndexFlat({ d: 1 });
 * index.add([[0], [1], [2], [3]]);
 * using odd = index.prepareFilter((label) => label % 2 === 1);
 * index.search([0], 1, { filter: odd }).labels; // 1
 * index.search([2.2], 1, { filter: odd }).labels; // 3
 */
export class PreparedFilter extends IDSelector implements Disposable {
	/** What it was made from. */
	readonly selector: IDSelector;
	readonly #owner: object;
	#rows: LabelBitmap | undefined;
	#version = -1;
	#users = 0;
	#disposed = false;

	/** @internal */
	constructor(owner: object, selector: IDSelector) {
		super();
		this.#owner = owner;
		this.selector = selector;
	}

	has(label: number): boolean {
		return this.selector.has(label);
	}

	/** Bytes it holds beside the index. */
	get byteLength(): number {
		return this.#rows?.byteLength ?? 0;
	}

	/** Runs `work` with the rows of this filter, made anew when `version` of the index is another one. @internal */
	*use<T>(
		where: string,
		owner: object,
		version: number,
		make: () => Steps<LabelBitmap>,
		work: (rows: LabelBitmap) => Steps<T>,
	): Steps<T> {
		if (this.#disposed) throw new VecinoError('disposed', `${where}: the prepared filter was disposed`);
		if (this.#owner !== owner) throw new RangeError(`${where}: filter was prepared for another index`);
		this.#users++;
		try {
			if (this.#rows === undefined || (this.#version !== version && this.#users === 1)) {
				const rows = yield* make();
				// Another search may have been as far meanwhile, and be using its own.
				if (this.#rows !== undefined && this.#version === version) {
					rows[Symbol.dispose]();
				} else {
					this.#rows?.[Symbol.dispose]();
					this.#rows = rows;
					this.#version = version;
				}
			}
			return yield* work(this.#rows);
		} finally {
			this.#users--;
			if (this.#disposed && this.#users === 0) this.#free();
		}
	}

	/** Gives its memory back, when searches under way are done. */
	[Symbol.dispose](): void {
		this.#disposed = true;
		if (this.#users === 0) this.#free();
	}

	#free(): void {
		this.#rows?.[Symbol.dispose]();
		this.#rows = undefined;
	}
}
