/**
 * The driver over SQLite compiled to WebAssembly (@sqlite.org/sqlite-wasm, API "oo1"), for browsers and wherever else there
 * is no SQLite. The module is handed in, initialised, so that this package depends on nothing.
 *
 * Statements of that API have to be given back by hand. Here they are kept by their text, the last few, and lent to
 * whoever runs them.
 */

import type { Database, Driver, OpenDatabaseOptions, SqlRow, SqlValue, Statement } from './driver.ts';
import { storageError } from './errors.ts';

/** As much of an oo1 `Stmt` as is used. */
export interface SqliteWasmStatement {
	/** Binds a value to parameter `at`, from 1. */
	bind(at: number, value: never): unknown;
	/** Goes to the next row; false where there is none. */
	step(): boolean;
	/** The row, by names of columns. */
	get(into: Record<string, never>): unknown;
	/** Goes back to before the first row. */
	reset(alsoClearBinds?: boolean): unknown;
	/** Gives its memory back. */
	finalize(): unknown;
}

/** As much of an oo1 `DB` as is used. */
export interface SqliteWasmDatabase {
	/** Runs statements. */
	exec(sql: string): unknown;
	/** Compiles a statement. */
	prepare(sql: string): SqliteWasmStatement;
	/** Rows that the last statement changed. */
	changes(): number;
	/** Closes the file. */
	close(): unknown;
}

/** As much of the initialised module as is used. */
export interface SqliteWasm {
	/** The object-oriented API. */
	readonly oo1: {
		readonly DB: new (options: { readonly filename: string; readonly flags: string }) => SqliteWasmDatabase;
	};
	/** SQLite's own functions. */
	readonly capi: {
		sqlite3_busy_timeout(db: never, ms: number): unknown;
		sqlite3_bind_double(statement: never, at: number, value: number): unknown;
	};
}

/** Options of `sqliteWasmDriver`. */
export interface SqliteWasmOptions {
	/**
	 * Opens files that are kept, for example `(path) => new pool.OpfsSAHPoolDb(path)` with what
	 * `sqlite3.installOpfsSAHPoolVfs` gives. Flags: 'c', to make what is not there, or 'r', to read only. Default:
	 * `sqlite3.oo1.DB`, whose files are in memory.
	 */
	readonly open?: ((path: string, flags: 'c' | 'r') => SqliteWasmDatabase) | undefined;
}

/** Statements kept ready per database. */
const KEPT = 200;

/**
 * SQLite as WebAssembly. In a browser, in a worker, give it files that are kept: `open` in the options.
 *
 * The module itself writes each error to the console, an id that is there already for one; `sqlite3.config.warn` can be
 * replaced.
 *
 * @param sqlite3 - What the package's default export resolves to.
 *
 * @example
 * import sqlite3InitModule from '@sqlite.org/sqlite-wasm';
 *
 * const sqlite3 = await sqlite3InitModule();
 * const books = await open(':memory:', { dimension: 3, driver: sqliteWasmDriver(sqlite3) });
 * await books.close();
 */
export function sqliteWasmDriver(sqlite3: SqliteWasm, options: SqliteWasmOptions = {}): Driver {
	if (typeof sqlite3?.oo1?.DB !== 'function') {
		throw new TypeError(
			`sqliteWasmDriver: sqlite3 must be the initialised module: await sqlite3InitModule(), got ${typeof sqlite3}`,
		);
	}
	return {
		name: 'sqlite-wasm',
		open(path: string, { readOnly = false, timeoutMs = 5000 }: OpenDatabaseOptions = {}): Database {
			const flags = readOnly ? 'r' : 'c';
			try {
				const isFile = path !== ':memory:' && options.open !== undefined;
				const db = isFile ? options.open!(path, flags) : new sqlite3.oo1.DB({ filename: path, flags });
				sqlite3.capi.sqlite3_busy_timeout(db as never, timeoutMs);
				return new WasmDatabase(sqlite3, db, path);
			} catch (error) {
				throw storageError(error, path);
			}
		},
	};
}

class WasmDatabase implements Database {
	readonly #sqlite3: SqliteWasm;
	readonly #db: SqliteWasmDatabase;
	readonly #path: string;
	/** Statements that nobody runs, from the least to the most recently used. */
	readonly #idle = new Map<string, SqliteWasmStatement>();
	readonly #busy = new Set<SqliteWasmStatement>();
	#open = true;

	constructor(sqlite3: SqliteWasm, db: SqliteWasmDatabase, path: string) {
		this.#sqlite3 = sqlite3;
		this.#db = db;
		this.#path = path;
	}

	exec(sql: string): void {
		this.#attempt(() => this.#db.exec(sql));
	}

	prepare(sql: string): Statement {
		this.#giveBack(sql, this.#lend(sql));
		const first = (params: readonly SqlValue[], row: (statement: SqliteWasmStatement) => SqlRow | undefined) =>
			this.#run(sql, params, (statement) => (statement.step() ? row(statement) : undefined));
		return {
			run: (...params) => {
				first(params, () => undefined);
				return { changes: this.#db.changes() };
			},
			get: (...params) => first(params, rowOf),
			all: (...params) =>
				this.#run(sql, params, (statement) => {
					const rows: SqlRow[] = [];
					while (statement.step()) rows.push(rowOf(statement));
					return rows;
				}),
			iterate: (...params) => this.#iterate(sql, params),
		};
	}

	close(): void {
		if (!this.#open) return;
		this.#open = false;
		for (const statement of [...this.#idle.values(), ...this.#busy]) statement.finalize();
		this.#idle.clear();
		this.#busy.clear();
		this.#db.close();
	}

	*#iterate(sql: string, params: readonly SqlValue[]): Generator<SqlRow, void, undefined> {
		const statement = this.#lend(sql);
		try {
			this.#attempt(() => this.#bind(statement, params));
			while (this.#attempt(() => statement.step())) yield rowOf(statement);
		} finally {
			this.#giveBack(sql, statement);
		}
	}

	#run<T>(sql: string, params: readonly SqlValue[], work: (statement: SqliteWasmStatement) => T): T {
		const statement = this.#lend(sql);
		try {
			return this.#attempt(() => {
				this.#bind(statement, params);
				return work(statement);
			});
		} finally {
			this.#giveBack(sql, statement);
		}
	}

	/** The API takes 1e300 for an integer, and makes it 0: numbers beyond the integers go past it. */
	#bind(statement: SqliteWasmStatement, params: readonly SqlValue[]): void {
		for (const [i, value] of params.entries()) {
			if (typeof value !== 'number' || Number.isSafeInteger(value)) statement.bind(i + 1, value as never);
			else this.#sqlite3.capi.sqlite3_bind_double(statement as never, i + 1, value);
		}
	}

	/** A statement that nobody else runs meanwhile. */
	#lend(sql: string): SqliteWasmStatement {
		if (!this.#open) throw new Error(`${this.#path}: the database was closed`);
		let statement = this.#idle.get(sql);
		if (statement === undefined) statement = this.#attempt(() => this.#db.prepare(sql));
		else this.#idle.delete(sql);
		this.#busy.add(statement);
		return statement;
	}

	#giveBack(sql: string, statement: SqliteWasmStatement): void {
		if (!this.#busy.delete(statement)) return;
		try {
			statement.reset(true);
		} catch {
			// It fails as the step before it did, and is reset all the same.
		}
		if (this.#idle.has(sql)) {
			statement.finalize();
			return;
		}
		this.#idle.set(sql, statement);
		if (this.#idle.size <= KEPT) return;
		const [oldest] = this.#idle;
		this.#idle.delete(oldest![0]);
		oldest![1].finalize();
	}

	#attempt<T>(work: () => T): T {
		try {
			return work();
		} catch (error) {
			throw storageError(error, this.#path);
		}
	}
}

function rowOf(statement: SqliteWasmStatement): SqlRow {
	return statement.get({}) as SqlRow;
}
