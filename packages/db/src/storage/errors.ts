/**
 * What SQLite says when something goes wrong, in words that help: every driver has its own error class, and all of them
 * carry SQLite's result code somewhere.
 */

import { isVecinoError, VecinoError } from 'vecino';

type Primary =
	| 'ERROR'
	| 'PERM'
	| 'BUSY'
	| 'LOCKED'
	| 'NOMEM'
	| 'READONLY'
	| 'IOERR'
	| 'CORRUPT'
	| 'FULL'
	| 'CANTOPEN'
	| 'CONSTRAINT'
	| 'NOTADB';

/** Primary result codes (sqlite.org/rescode.html). */
export const SQLITE: Readonly<Record<Primary, number>> = Object.freeze({
	ERROR: 1,
	PERM: 3,
	BUSY: 5,
	LOCKED: 6,
	NOMEM: 7,
	READONLY: 8,
	IOERR: 10,
	CORRUPT: 11,
	FULL: 13,
	CANTOPEN: 14,
	CONSTRAINT: 19,
	NOTADB: 26,
});

/** Extended code of a value that is there already in a UNIQUE column. */
export const CONSTRAINT_UNIQUE = 2067;

const NAMES: Readonly<Record<string, number>> = SQLITE;

/** SQLite's (extended, where there is one) result code of an error that a driver threw; undefined for other errors. */
export function sqliteCode(error: unknown): number | undefined {
	if (typeof error !== 'object' || error === null) return undefined;
	const { errcode, resultCode, code } = error as { errcode?: unknown; resultCode?: unknown; code?: unknown };
	if (typeof errcode === 'number') return errcode;
	if (typeof resultCode === 'number') return resultCode;
	if (typeof code !== 'string' || !code.startsWith('SQLITE_')) return undefined;
	if (code === 'SQLITE_CONSTRAINT_UNIQUE') return CONSTRAINT_UNIQUE;
	return NAMES[code.slice(7).split('_')[0]!] ?? SQLITE.ERROR;
}

/** The error to throw in place of what a driver threw; others come back as they are. */
export function storageError(error: unknown, path: string): unknown {
	if (isVecinoError(error)) return error;
	const code = sqliteCode(error);
	if (code === undefined) return error;
	const said = (error as Error).message;
	const fail = (message: string): VecinoError => new VecinoError('storage', `${path}: ${message}`, { cause: error });
	if (said.includes('no such module: fts5')) {
		return new VecinoError(
			'unsupported',
			`${path}: this SQLite has no full-text search (FTS5). Use Node 22.16 or later, or open the collection with driver: betterSqlite3Driver(Database)`,
			{ cause: error },
		);
	}
	switch (code & 255) {
		case SQLITE.FULL:
			return fail('the disk is full; nothing was changed. Free some space and try again');
		case SQLITE.READONLY:
		case SQLITE.PERM:
			return fail(
				'may not be written; nothing was changed. Give this process the right to write the file and its folder, or open the collection with readOnly: true',
			);
		case SQLITE.CANTOPEN:
			return fail(
				'cannot be opened. Check that the folder exists, that this process may read and write it, and that the limit of open files is not reached',
			);
		case SQLITE.IOERR:
			return fail(
				`reading or writing failed (${said}); nothing was changed. Check the disk, and the network if the folder is on one`,
			);
		case SQLITE.BUSY:
		case SQLITE.LOCKED:
			return fail(
				'another process kept the database locked for too long; nothing was changed. Try again, and look for a program that has the file open',
			);
		case SQLITE.NOMEM:
			return new VecinoError('out-of-memory', `${path}: SQLite ran out of memory; nothing was changed`, {
				cause: error,
			});
		case SQLITE.CORRUPT:
			return new VecinoError(
				'corrupt-data',
				`${path}: the database is damaged (${said}). Run verify() and then repair(), or restore a snapshot`,
				{ cause: error },
			);
		case SQLITE.NOTADB:
			return new VecinoError('corrupt-data', `${path}: is not a SQLite database, or its first page is damaged`, {
				cause: error,
			});
	}
	return fail(`SQLite failed: ${said}`);
}

/** Whether a driver's error says that a UNIQUE column has the value already. */
export function isUniqueViolation(error: unknown): boolean {
	const cause = isVecinoError(error, 'storage') ? error.cause : error;
	return sqliteCode(cause) === CONSTRAINT_UNIQUE;
}
