/**
 * The driver over `better-sqlite3`, for runtimes without `node:sqlite`. The class is handed in, so that this package
 * depends on nothing native.
 */

import type { Database, Driver, OpenDatabaseOptions, SqlRow, SqlValue, Statement } from './driver.ts';
import { storageError } from './errors.ts';

/** As much of better-sqlite3's `Database` as is used. */
export interface BetterSqlite3Database {
	/** Runs statements without rows. */
	exec(sql: string): unknown;
	/** A statement to be run with parameters. */
	prepare(sql: string): BetterSqlite3Statement;
	/** Closes the file. */
	close(): unknown;
}

/** As much of better-sqlite3's `Statement` as is used. */
export interface BetterSqlite3Statement {
	/** Runs it for what it changes. */
	run(...params: unknown[]): { readonly changes: number };
	/** Its first row. */
	get(...params: unknown[]): unknown;
	/** All its rows. */
	all(...params: unknown[]): unknown[];
	/** Its rows one by one. */
	iterate(...params: unknown[]): IterableIterator<unknown>;
}

/** The class that `import Database from 'better-sqlite3'` gives. */
export type BetterSqlite3 = new (
	path: string,
	options: { readonly readonly: boolean; readonly timeout: number },
) => BetterSqlite3Database;

/**
 * SQLite through the package better-sqlite3, version 13 or later. Files are the same as with `node:sqlite`.
 *
 * @param Database - The class that better-sqlite3 exports.
 *
 * @example
 * const { default: Database } = await import('better-sqlite3' as string);
 * const books = await open(':memory:', { dimension: 3, driver: betterSqlite3Driver(Database) });
 * await books.close();
 */
export function betterSqlite3Driver(Database: BetterSqlite3): Driver {
	if (typeof Database !== 'function') {
		throw new TypeError(
			`betterSqlite3Driver: Database must be the class that better-sqlite3 exports, got ${typeof Database}`,
		);
	}
	return {
		name: 'better-sqlite3',
		open(path: string, { readOnly = false, timeoutMs = 5000 }: OpenDatabaseOptions = {}): Database {
			try {
				return guard(new Database(path, { readonly: readOnly, timeout: timeoutMs }), path);
			} catch (error) {
				// A folder that is not there is a TypeError of its own.
				if (error instanceof TypeError) throw storageError({ errcode: 14, message: error.message }, path);
				throw storageError(error, path);
			}
		},
	};
}

function guard(db: BetterSqlite3Database, path: string): Database {
	const attempt = <T>(work: () => T): T => {
		try {
			return work();
		} catch (error) {
			throw storageError(error, path);
		}
	};
	return {
		exec: (sql) => void attempt(() => db.exec(sql)),
		prepare: (sql) =>
			guardStatement(
				attempt(() => db.prepare(sql)),
				attempt,
			),
		close: () => void db.close(),
	};
}

function guardStatement(statement: BetterSqlite3Statement, attempt: <T>(work: () => T) => T): Statement {
	return {
		run: (...params: SqlValue[]) => attempt(() => statement.run(...params)),
		get: (...params: SqlValue[]) => attempt(() => statement.get(...params)) as SqlRow | undefined,
		all: (...params: SqlValue[]) => attempt(() => statement.all(...params)) as SqlRow[],
		iterate: (...params: SqlValue[]) => attempt(() => statement.iterate(...params)) as Iterable<SqlRow>,
	};
}
