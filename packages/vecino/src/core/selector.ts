/**
 * Which labels a search may return. Names as in FAISS. A selector says yes or no to labels; a search turns it into a bitmap
 * of rows first (indexes/filter.ts), so that nothing is called per candidate.
 */

import { show } from '../util/check.ts';

/**
 * What `filter` takes: a selector, a function that is called once for each label that there is, or the labels themselves.
 *
 * @example
 * using index = new IndexFlat({ d: 1 });
 * index.add([[0], [1], [2], [3]]);
 * index.search([0], 2, { filter: (label) => label % 2 === 1 }).labels; // 1, 3
 * index.search([0], 2, { filter: [2, 3] }).labels; // 2, 3
 * index.search([0], 2, { filter: new IDSelectorRange(1, 3) }).labels; // 1, 2
 */
export type Filter = IDSelector | ((label: number) => boolean) | ArrayLike<number> | ReadonlySet<number>;

/** The base of all selectors. Extend it and give it `has` for one of your own, which is called once for each label that there is. */
export abstract class IDSelector {
	/** Whether a label (row number, or id under IndexIDMap) may be returned. */
	abstract has(label: number): boolean;
}

/**
 * Labels min <= label < max.
 *
 * @example
 * index.search(q, 10, { filter: new IDSelectorRange(1000, 2000) }); // labels 1000..1999
 */
export class IDSelectorRange extends IDSelector {
	readonly min: number;
	readonly max: number;

	/** @param max - The first label that is not in any more. Default: none. */
	constructor(min: number, max: number = Number.POSITIVE_INFINITY) {
		super();
		for (const [name, value] of [
			['min', min],
			['max', max],
		] as const) {
			if (typeof value !== 'number' || Number.isNaN(value))
				throw new TypeError(`IDSelectorRange: ${name} must be a number, got ${show(value)}`);
		}
		this.min = min;
		this.max = max;
	}

	has(label: number): boolean {
		return label >= this.min && label < this.max;
	}
}

/**
 * Labels of a list; those that no vector has are no error.
 *
 * @example
 * index.search(q, 10, { filter: new IDSelectorBatch([3, 14, 15]) });
 */
export class IDSelectorBatch extends IDSelector {
	/** The labels as given. */
	readonly labels: Float64Array;
	#set: Set<number> | undefined;

	/** @param labels - Integers >= 0, in any order, copied. @throws {RangeError} naming the one that is not. */
	constructor(labels: ArrayLike<number> | Iterable<number>) {
		super();
		if (!isLabels(labels))
			throw new TypeError(`IDSelectorBatch: labels must be an array, typed array or Set, got ${show(labels)}`);
		this.labels = Float64Array.from(labels as ArrayLike<number>);
		const bad = this.labels.findIndex((label) => !Number.isSafeInteger(label) || label < 0);
		if (bad < 0) return;
		const got = `${this.labels[bad]} at position ${bad}`;
		throw new RangeError(`IDSelectorBatch: labels must be integers in 0..${Number.MAX_SAFE_INTEGER}, got ${got}`);
	}

	has(label: number): boolean {
		this.#set ??= new Set(this.labels);
		return this.#set.has(label);
	}
}

/**
 * Labels whose bit is 1: bit label % 8, from the lowest, of byte label / 8. Labels behind the last byte are not in.
 *
 * @example
 * const bits = new Uint8Array(2);
 * bits[1] = 0b101; // labels 8 and 10
 * index.search(q, 10, { filter: new IDSelectorBitmap(bits) });
 */
export class IDSelectorBitmap extends IDSelector {
	readonly bits: Uint8Array;

	/** @param bits - Not copied: searches see later changes. */
	constructor(bits: Uint8Array) {
		super();
		if (!(bits instanceof Uint8Array))
			throw new TypeError(`IDSelectorBitmap: bits must be a Uint8Array, got ${show(bits)}`);
		this.bits = bits;
	}

	has(label: number): boolean {
		return (((this.bits[Math.floor(label / 8)] ?? 0) >>> (label % 8)) & 1) === 1;
	}
}

/** Labels that the other does not have. */
export class IDSelectorNot extends IDSelector {
	readonly selector: IDSelector;

	constructor(filter: Filter) {
		super();
		this.selector = toSelector('IDSelectorNot', filter);
	}

	has(label: number): boolean {
		return !this.selector.has(label);
	}
}

/**
 * Labels that all of the others have.
 *
 * @example
 * const filter = new IDSelectorAnd(new IDSelectorRange(0, 1000), new IDSelectorNot([13]));
 */
export class IDSelectorAnd extends IDSelector {
	readonly selectors: readonly IDSelector[];

	constructor(...filters: readonly Filter[]) {
		super();
		this.selectors = filters.map((filter) => toSelector('IDSelectorAnd', filter));
	}

	has(label: number): boolean {
		return this.selectors.every((selector) => selector.has(label));
	}
}

/** Labels that any of the others has. */
export class IDSelectorOr extends IDSelector {
	readonly selectors: readonly IDSelector[];

	constructor(...filters: readonly Filter[]) {
		super();
		this.selectors = filters.map((filter) => toSelector('IDSelectorOr', filter));
	}

	has(label: number): boolean {
		return this.selectors.some((selector) => selector.has(label));
	}
}

/** A function as a selector. */
class Predicate extends IDSelector {
	readonly #where: string;
	readonly #test: (label: number) => boolean;

	constructor(where: string, test: (label: number) => boolean) {
		super();
		this.#where = where;
		this.#test = test;
	}

	has(label: number): boolean {
		const answer: unknown = this.#test(label);
		if (typeof answer === 'boolean') return answer;
		throw new TypeError(`${this.#where}: filter must return true or false, got ${show(answer)} for label ${label}`);
	}
}

/** What is given as a filter as a selector. */
export function toSelector(where: string, filter: unknown): IDSelector {
	if (filter instanceof IDSelector) return filter;
	if (typeof filter === 'function') return new Predicate(where, filter as (label: number) => boolean);
	if (isLabels(filter)) return new IDSelectorBatch(filter);
	const expected = 'an IDSelector, a function of a label, or labels (array, typed array or Set)';
	throw new TypeError(`${where}: filter must be ${expected}, got ${show(filter)}`);
}

function isLabels(value: unknown): value is ArrayLike<number> | Iterable<number> {
	if (Array.isArray(value)) return true;
	if (ArrayBuffer.isView(value)) return !(value instanceof DataView);
	return typeof value === 'object' && value !== null && Symbol.iterator in value;
}
