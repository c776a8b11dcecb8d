/** Checks of arguments: messages name the method, the argument, what was expected and what was given. */

import { VecinoError } from 'vecino';
import type { Id } from './types.ts';

/** Shows a value in a message: short, quoted when it is text. */
export function show(value: unknown): string {
	if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
	if (value === null || value === undefined || typeof value !== 'object') return String(value);
	const name = (value as object).constructor?.name ?? 'object';
	const length = (value as { length?: unknown }).length;
	return typeof length === 'number' ? `${name}(${length})` : name;
}

/** An integer in min..max. */
export function checkInt(where: string, name: string, value: unknown, min: number, max: number): number {
	if (typeof value !== 'number') throw new TypeError(`${where}: ${name} must be an integer, got ${show(value)}`);
	if (!Number.isInteger(value) || value < min || value > max) {
		throw new RangeError(`${where}: ${name} must be an integer in ${min}..${max}, got ${value}`);
	}
	return value;
}

/** A finite number in min..max. */
export function checkNumber(where: string, name: string, value: unknown, min: number, max: number): number {
	if (typeof value !== 'number') throw new TypeError(`${where}: ${name} must be a number, got ${show(value)}`);
	if (!(value >= min && value <= max))
		throw new RangeError(`${where}: ${name} must be in ${min}..${max}, got ${value}`);
	return value;
}

export function checkOneOf<T extends string>(where: string, name: string, value: unknown, allowed: readonly T[]): T {
	if (allowed.includes(value as T)) return value as T;
	const words = allowed.map((word) => `'${word}'`);
	throw new RangeError(
		`${where}: ${name} must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}, got ${show(value)}`,
	);
}

/** An options object without unknown keys, so that a misspelt option is an error and not silence. */
export function checkKeys(where: string, options: unknown, known: readonly string[]): void {
	if (options === undefined) return;
	if (typeof options !== 'object' || options === null || Array.isArray(options)) {
		throw new TypeError(`${where}: options must be an object, got ${show(options)}`);
	}
	for (const key of Object.keys(options)) {
		if (!known.includes(key))
			throw new TypeError(`${where}: unknown option ${show(key)}; known options are ${known.join(', ')}`);
	}
}

/** A text with something in it. */
export function checkText(where: string, name: string, value: unknown): string {
	if (typeof value !== 'string' || value === '') {
		throw new TypeError(`${where}: ${name} must be a non-empty string, got ${show(value)}`);
	}
	return value;
}

/** An array of strings. */
export function checkTexts(where: string, texts: unknown): readonly string[] {
	if (!Array.isArray(texts)) throw new TypeError(`${where}: texts must be an array of strings, got ${show(texts)}`);
	const wrong = texts.findIndex((text) => typeof text !== 'string');
	if (wrong >= 0) throw new TypeError(`${where}: texts[${wrong}] must be a string, got ${show(texts[wrong])}`);
	return texts;
}

/** Text, not empty and well-formed, or a safe integer. */
export function checkId(where: string, id: unknown): Id {
	if (typeof id === 'number') {
		if (Number.isSafeInteger(id)) return id === 0 ? 0 : id;
		throw new RangeError(`${where}: a number as id must be an integer of at most 2^53 - 1 either way, got ${id}`);
	}
	if (typeof id !== 'string') throw new TypeError(`${where}: id must be a string or an integer, got ${show(id)}`);
	if (id.length === 0) throw new RangeError(`${where}: id must not be empty`);
	if (LONE_SURROGATE.test(id))
		throw new RangeError(`${where}: id must be well-formed text, got half of a surrogate pair in ${show(id)}`);
	// SQLite under some versions of Node would end it there.
	if (id.includes('\0')) throw new RangeError(`${where}: id must not have U+0000 in it, got ${show(id)}`);
	return id;
}

/** An object as `{}` makes them. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
	if (typeof value !== 'object' || value === null) return false;
	const prototype = Object.getPrototypeOf(value);
	return prototype === Object.prototype || prototype === null;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

export function throwIfAborted(where: string, signal: AbortSignal | undefined): void {
	if (signal?.aborted) throw new VecinoError('aborted', `${where}: aborted`, { cause: signal.reason });
}
