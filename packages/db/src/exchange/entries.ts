/**
 * From objects of any file to entries: which key is the id, the vector, the text and the metadata, and what of them is
 * refused, with the place in the file where it stands.
 *
 * | part     | keys, the first that is there and fits        | fits                             |
 * |----------|-----------------------------------------------|----------------------------------|
 * | id       | `id`, `_id`                                   | a string, an integer             |
 * | vector   | `vector`, `embedding`, `values`               | numbers                          |
 * | text     | `text`, `content`, `document`                 | a string                         |
 * | metadata | `metadata`, `payload`                         | an object                        |
 *
 * Every other key is metadata ("flat" objects), beside what the metadata object has. The first name of each part is that
 * part and nothing else: `vector: 'abc'` is an error, `values: 'abc'` is metadata.
 */

import { VecinoError } from 'vecino';
import type { Entry, Id } from '../types.ts';

/** Names of keys or columns that differ from the usual ones. A name that is given is the only one looked for. */
export interface EntryKeys {
	/** Of the id, a string or an integer. */
	readonly id?: string | undefined;
	/** Of the vector. */
	readonly vector?: string | undefined;
	/** Of the text. */
	readonly text?: string | undefined;
	/** Of the object of metadata. */
	readonly metadata?: string | undefined;
}

/** What readers of all formats take. */
export interface ReadEntriesOptions {
	/** Names of keys (JSON) or columns (Parquet) where they are not the usual ones. */
	readonly keys?: EntryKeys | undefined;
	/** Numbers a vector must have. Default: as many as the first one has. */
	readonly dimension?: number | undefined;
	/** What errors call the file. */
	readonly name?: string | undefined;
	/** Stops the reading. */
	readonly signal?: AbortSignal | undefined;
}

/** An entry and its place in the file, counted from 1 in what the file is made of: lines or rows. */
export interface PlacedEntry {
	/** What is there. */
	readonly entry: Entry;
	/** The line or row, counted from 1. */
	readonly place: number;
}

/** The names of each part that are looked for, most usual first. */
export const USUAL_KEYS = {
	id: ['id', '_id'],
	vector: ['vector', 'embedding', 'values'],
	text: ['text', 'content', 'document'],
	metadata: ['metadata', 'payload'],
} as const;

type Part = keyof typeof USUAL_KEYS;

const FITS: { readonly [P in Part]: (value: unknown) => boolean } = {
	id: (value) => typeof value === 'string' || typeof value === 'number',
	vector: isNumbers,
	text: (value) => typeof value === 'string',
	metadata: isObject,
};

const EXPECTED: { readonly [P in Part]: string } = {
	id: 'a string or an integer',
	vector: 'an array of numbers',
	text: 'a string',
	metadata: 'an object',
};

/** Whether a value is an object that is no array. */
export function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/** Whether a value looks like a vector: its first number is looked at, `EntryReader` looks at the others. */
export function isNumbers(value: unknown): value is ArrayLike<number> {
	if (value instanceof Float32Array || value instanceof Float64Array) return true;
	return Array.isArray(value) && value.length > 0 && typeof value[0] === 'number';
}

/** Makes entries of the objects of one file, and remembers how long its vectors are. */
export class EntryReader {
	/** What errors call the file. */
	readonly name: string;
	readonly #unit: string;
	readonly #names: { readonly [P in Part]: readonly string[] };
	readonly #strict: { readonly [P in Part]: string };
	#dimension: number | undefined;
	#dimensionFrom = '';

	/** @param unit - What a place is: 'line', 'row', 'entry'. */
	constructor(unit: string, { keys = {}, dimension, name = 'input' }: ReadEntriesOptions) {
		const names = (part: Part): readonly string[] => (keys[part] === undefined ? USUAL_KEYS[part] : [keys[part]]);
		this.name = name;
		this.#unit = unit;
		this.#names = { id: names('id'), vector: names('vector'), text: names('text'), metadata: names('metadata') };
		const first = (part: Part): string => this.#names[part][0]!;
		this.#strict = { id: first('id'), vector: first('vector'), text: first('text'), metadata: first('metadata') };
		this.#dimension = dimension;
	}

	/** Vectors must have so many numbers, as the file says elsewhere. */
	expect(dimension: number, from: string): void {
		if (this.#dimension !== undefined) return;
		this.#dimension = dimension;
		this.#dimensionFrom = from;
	}

	/** An entry of an object of the file. */
	read(value: unknown, place: number, rest: { readonly id?: Id; readonly vector?: Float32Array } = {}): Entry {
		if (!isObject(value)) throw this.error(place, `expected an object, got ${describe(value)}`);
		const idKey = this.#find('id', value, place);
		const vectorKey = rest.vector === undefined ? this.#find('vector', value, place) : undefined;
		const textKey = this.#find('text', value, place);
		const metadataKey = this.#find('metadata', value, place);
		const id = idKey === undefined ? rest.id : this.#id(value[idKey], idKey, place);
		const vector = vectorKey === undefined ? rest.vector : this.vector(value[vectorKey], place, vectorKey);
		const text = textKey === undefined ? undefined : (value[textKey] as string);
		if (vector === undefined && text === undefined) throw this.error(place, this.#nothing(value));
		const metadata = this.#metadata(value, [idKey, vectorKey, textKey, metadataKey], place);
		return {
			...(id !== undefined && { id }),
			...(vector !== undefined && { vector }),
			...(text !== undefined && { text }),
			...(metadata !== undefined && { metadata }),
		};
	}

	/** A vector as float32: numbers that are finite, as many as the vectors before had. */
	vector(value: unknown, place: number, key: string = this.#strict.vector): Float32Array {
		if (!isNumbers(value)) throw this.error(place, `${quote(key)} must be ${EXPECTED.vector}, got ${describe(value)}`);
		const d = value.length;
		if (this.#dimension === undefined) {
			this.#dimension = d;
			this.#dimensionFrom = `as in ${this.#unit} ${place}`;
		}
		if (d !== this.#dimension) {
			const from = this.#dimensionFrom === '' ? '' : `, ${this.#dimensionFrom}`;
			const message = `${this.at(place)}: ${quote(key)} has ${d} numbers, expected ${this.#dimension}${from}`;
			throw new VecinoError('dimension-mismatch', message, { row: place - 1, expected: this.#dimension, found: d });
		}
		const out = new Float32Array(d);
		for (let j = 0; j < d; j++) {
			const x = value[j];
			if (typeof x !== 'number') throw this.error(place, `${quote(key)}[${j}] must be a number, got ${describe(x)}`);
			out[j] = x;
			if (Number.isFinite(out[j])) continue;
			const message = `${this.at(place)}: ${quote(key)}[${j}] is ${x}, which is no finite float32`;
			throw new VecinoError('not-finite', message, { row: place - 1 });
		}
		return out;
	}

	/** 'x.jsonl: line 12' */
	at(place: number): string {
		return `${this.name}: ${this.#unit} ${place}`;
	}

	/** What the file has is wrong at this place. */
	error(place: number, message: string, cause?: unknown): VecinoError {
		return new VecinoError('corrupt-data', `${this.at(place)}: ${message}`, { row: place - 1, cause });
	}

	#find(part: Part, value: Record<string, unknown>, place: number): string | undefined {
		for (const key of this.#names[part]) {
			if (!Object.hasOwn(value, key) || value[key] === null || value[key] === undefined) continue;
			if (FITS[part](value[key])) return key;
			if (key !== this.#strict[part]) continue;
			throw this.error(place, `${quote(key)} must be ${EXPECTED[part]}, got ${describe(value[key])}`);
		}
		return undefined;
	}

	#id(value: unknown, key: string, place: number): Id {
		if (typeof value === 'string' || Number.isSafeInteger(value)) return value as Id;
		const advice = Number.isInteger(value) ? ' within ±2^53; write longer ones as strings' : '';
		throw this.error(place, `${quote(key)} must be ${EXPECTED.id}${advice}, got ${describe(value)}`);
	}

	#metadata(
		value: Record<string, unknown>,
		used: readonly (string | undefined)[],
		place: number,
	): Record<string, unknown> | undefined {
		const own = used[3] === undefined ? undefined : (value[used[3]] as Record<string, unknown>);
		// Null is what a file writes for "none" in place of a part, and a value in metadata.
		const isNone = (key: string): boolean =>
			value[key] === undefined || (value[key] === null && Object.values(this.#strict).includes(key));
		const flat = Object.entries(value).filter(([key]) => !used.includes(key) && !isNone(key));
		if (flat.length === 0) return own;
		if (own === undefined) return Object.fromEntries(flat);
		const twice = flat.find(([key]) => Object.hasOwn(own, key));
		if (twice !== undefined) {
			throw this.error(place, `${quote(twice[0])} stands beside ${quote(used[3]!)} and in it; one of them must go`);
		}
		return Object.fromEntries([...Object.entries(own), ...flat]);
	}

	#nothing(value: Record<string, unknown>): string {
		const keys = Object.keys(value).slice(0, 8).map(quote).join(', ');
		const { vector, text } = this.#strict;
		return `has neither ${quote(vector)} nor ${quote(text)}, but ${keys || 'no key at all'}; say which keys they are`;
	}
}

/** A value in an error message, cut short. */
export function describe(value: unknown): string {
	if (value === undefined) return 'nothing';
	if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : `an array of ${typeof value[0]}s`;
	if (isObject(value)) return 'an object';
	const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
	return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

function quote(key: string): string {
	return `'${key.length > 60 ? `${key.slice(0, 60)}...` : key}'`;
}
