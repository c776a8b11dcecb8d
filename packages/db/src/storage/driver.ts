/**
 * What a collection needs of SQLite: so little that `node:sqlite`, `better-sqlite3` and SQLite compiled to WebAssembly all
 * fit behind it. Everything is synchronous and on one connection.
 */

export type SqlValue = null | number | bigint | string | Uint8Array;

/** Columns by name. Integers beyond 2^53 do not occur in our tables. */
export type SqlRow = Record<string, SqlValue>;

export interface Statement {
	run(...params: SqlValue[]): { readonly changes: number };
	get(...params: SqlValue[]): SqlRow | undefined;
	all(...params: SqlValue[]): SqlRow[];
	/** Rows one by one; nothing may be written while it goes on. */
	iterate(...params: SqlValue[]): Iterable<SqlRow>;
}

export interface Database {
	/** Runs statements that have no parameters and no rows. */
	exec(sql: string): void;
	prepare(sql: string): Statement;
	close(): void;
}

export interface OpenDatabaseOptions {
	readonly readOnly?: boolean | undefined;
	/** How long to wait for another process that is writing. */
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
