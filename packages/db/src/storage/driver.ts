/**
 * What a collection needs of SQLite: so little that `node:sqlite`, `better-sqlite3` and SQLite compiled to WebAssembly all
 * fit behind it. Everything is synchronous and on one connection.
 */

export type SqlValue = null | number | bigint | string | Uint8Array;

/** Columns by name. Integers beyond 2^53 do not occur in our tables. */
export type SqlRow = Record<string, SqlValue>;

/** A statement that was prepared; parameters are positional. */
export interface Statement {
	/** Runs it for what it changes; how many rows that were. */
	run(...params: SqlValue[]): { readonly changes: number };
	/** Its first row; undefined where there is none. */
	get(...params: SqlValue[]): SqlRow | undefined;
	/** All its rows. */
	all(...params: SqlValue[]): SqlRow[];
	/** Rows one by one; nothing may be written while it goes on. */
	iterate(...params: SqlValue[]): Iterable<SqlRow>;
}

/** A database that is open: one connection. */
export interface Database {
	/** Runs statements that have no parameters and no rows. */
	exec(sql: string): void;
	/** A statement that can be run more than once. */
	prepare(sql: string): Statement;
	/** Closes the file; statements cannot be used any more. */
	close(): void;
}

/** Options of `Driver.open`. */
export interface OpenDatabaseOptions {
	/** Opens a file that is there, without writing to it. Default: false. */
	readonly readOnly?: boolean | undefined;
	/** How long to wait for another process that is writing, in milliseconds. Default: 5000. */
	readonly timeoutMs?: number | undefined;
}

/** Opens databases. */
export interface Driver {
	/** 'node:sqlite', 'better-sqlite3', 'sqlite-wasm'. */
	readonly name: string;
	/** Whether a file can be open more than once at a time: queries then go on while a long transaction is filled. Default: true. */
	readonly concurrent?: boolean | undefined;
	/** @param path - A file, made when it is not there and may be written, or ':memory:'. */
	open(path: string, options?: OpenDatabaseOptions): Database;
}
