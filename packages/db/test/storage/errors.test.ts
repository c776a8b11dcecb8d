import { isVecinoError } from 'vecino';
import { describe, expect, it } from 'vitest';
import { isUniqueViolation, sqliteCode, storageError } from '../../src/storage/errors.ts';

/** What the three drivers throw for the same thing. */
const shapes: readonly (readonly [string, (name: string, code: number) => Error])[] = [
	['node:sqlite', (_name, errcode) => Object.assign(new Error('said'), { code: 'ERR_SQLITE_ERROR', errcode })],
	['better-sqlite3', (name) => Object.assign(new Error('said'), { name: 'SqliteError', code: `SQLITE_${name}` })],
	['sqlite-wasm', (_name, resultCode) => Object.assign(new Error('said'), { resultCode })],
];

describe.each(shapes)('errors of %s', (_driver, make) => {
	it.each([
		['FULL', 13, 'storage', 'disk is full'],
		['READONLY', 8, 'storage', 'may not be written'],
		['READONLY_DIRECTORY', 1544, 'storage', 'may not be written'],
		['IOERR_WRITE', 778, 'storage', 'reading or writing failed'],
		['BUSY', 5, 'storage', 'kept the database locked'],
		['CANTOPEN', 14, 'storage', 'cannot be opened'],
		['CORRUPT', 11, 'corrupt-data', 'repair'],
		['NOTADB', 26, 'corrupt-data', 'not a SQLite database'],
		['NOMEM', 7, 'out-of-memory', 'out of memory'],
		['ERROR', 1, 'storage', 'said'],
	])('SQLITE_%s is told in words', (name, code, expected, words) => {
		const cause = make(name, code);
		const error = storageError(cause, 'films/meta.db');
		expect(isVecinoError(error, expected as 'storage')).toBe(true);
		expect((error as Error).message).toContain(words);
		expect((error as Error).message).toMatch(/^films\/meta\.db: /);
		expect((error as Error).cause).toBe(cause);
		// Told once, however many layers it goes through.
		expect(storageError(error, 'elsewhere')).toBe(error);
	});

	it('an id that is there already is known for what it is', () => {
		const error = make('CONSTRAINT_UNIQUE', 2067);
		expect(isUniqueViolation(error)).toBe(true);
		expect(isUniqueViolation(storageError(error, 'x'))).toBe(true);
		expect(isUniqueViolation(make('FULL', 13))).toBe(false);
	});
});

it('errors of others stay as they are', () => {
	const error = new TypeError('not of SQLite');
	expect([storageError(error, 'x'), sqliteCode(error), sqliteCode(undefined)]).toEqual([error, undefined, undefined]);
});
