/**
 * The driver over `node:sqlite`, SQLite inside Node: nothing to install. The module is looked up when the first database
 * is opened, because some builds of Node have none.
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { VecinoError } from 'vecino';
import type { Database, Driver, OpenDatabaseOptions, SqlRow, SqlValue, Statement } from './driver.ts';
import { storageError } from './errors.ts';

/**
 * SQLite inside Node, what `open` takes where no driver is given.
 *
 * @example
 * const books = await open(':memory:', { dimension: 3, driver: nodeSqliteDriver() });
 * await books.close();
 */
export function nodeSqliteDriver(): Driver {
	return { name: 'node:sqlite', open: openNodeSqlite };
}

function openNodeSqlite(path: string, { readOnly = false, timeoutMs = 5000 }: OpenDatabaseOptions = {}): Database {
	const { DatabaseSync } = loadModule();
	try {
		const db = new DatabaseSync(path, { readOnly });
		// The option `timeout` came with later versions of Node.
		db.exec(`PRAGMA busy_timeout = ${timeoutMs}`);
		return new NodeSqliteDatabase(db, path);
	} catch (error) {
		throw storageError(error, path);
	}
}

function loadModule(): typeof import('node:sqlite') {
	const { process } = globalThis as {
		process?: { getBuiltinModule?: (name: string) => unknown; version?: string };
	};
	const module = process?.getBuiltinModule?.('node:sqlite') as typeof import('node:sqlite') | undefined;
	if (module !== undefined) return module;
	throw new VecinoError(
		'unsupported',
		`open: this runtime (${process?.version ?? 'no Node'}) has no node:sqlite. Run \`npm install better-sqlite3\` and open the collection with driver: betterSqlite3Driver(Database), or use Node 22.13 or later as nodejs.org builds it`,
	);
}

class NodeSqliteDatabase implements Database {
	readonly #db: DatabaseSync;
	readonly #path: string;

	constructor(db: DatabaseSync, path: string) {
		this.#db = db;
		this.#path = path;
	}

	exec(sql: string): void {
		try {
			this.#db.exec(sql);
		} catch (error) {
			throw storageError(error, this.#path);
		}
	}

	prepare(sql: string): Statement {
		try {
			return new NodeSqliteStatement(this.#db.prepare(sql), this.#path);
		} catch (error) {
			throw storageError(error, this.#path);
		}
	}

	close(): void {
		this.#db.close();
	}
}

class NodeSqliteStatement implements Statement {
	readonly #statement: StatementSync;
	readonly #path: string;

	constructor(statement: StatementSync, path: string) {
		this.#statement = statement;
		this.#path = path;
	}

	run(...params: SqlValue[]): { readonly changes: number } {
		try {
			return this.#statement.run(...params) as { readonly changes: number };
		} catch (error) {
			throw storageError(error, this.#path);
		}
	}

	get(...params: SqlValue[]): SqlRow | undefined {
		try {
			return this.#statement.get(...params) as SqlRow | undefined;
		} catch (error) {
			throw storageError(error, this.#path);
		}
	}

	all(...params: SqlValue[]): SqlRow[] {
		try {
			return this.#statement.all(...params) as SqlRow[];
		} catch (error) {
			throw storageError(error, this.#path);
		}
	}

	*iterate(...params: SqlValue[]): Iterable<SqlRow> {
		try {
			yield* this.#statement.iterate(...params) as Iterable<SqlRow>;
		} catch (error) {
			throw storageError(error, this.#path);
		}
	}
}
