/**
 * The tables that filters are about, in memory: `docs`, `kv` and the expression indexes of a schema.
 */

import { DatabaseSync } from 'node:sqlite';
import type { Database, SqlValue } from '../../src/storage/driver.ts';
import type { Metadata, Schema } from '../../src/types.ts';
import type { CompiledWhere } from '../../src/where/compile.ts';
import { checkMetadata, schemaIndexes } from '../../src/where/schema.ts';

export class Documents implements Disposable {
	readonly db: DatabaseSync;
	readonly schema: Schema | undefined;
	/** As they were kept, by rid. */
	readonly kept = new Map<number, Metadata>();

	constructor(schema?: Schema) {
		this.schema = schema;
		this.db = new DatabaseSync(':memory:');
		this.db.exec(`CREATE TABLE docs(rid INTEGER PRIMARY KEY AUTOINCREMENT, id UNIQUE NOT NULL, meta TEXT, text TEXT);
			CREATE TABLE kv(field TEXT NOT NULL, value NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(field, value, rid)) WITHOUT ROWID;
			CREATE INDEX kv_rid ON kv(rid);`);
		for (const { create } of schema === undefined ? [] : schemaIndexes(schema)) this.db.exec(create);
	}

	/** The database as the package sees it. */
	get database(): Database {
		const db = this.db;
		return {
			exec: (sql) => db.exec(sql),
			prepare: (sql) => {
				const statement = db.prepare(sql);
				return {
					run: (...params) => ({ changes: Number(statement.run(...params).changes) }),
					get: (...params) => statement.get(...params) as Record<string, SqlValue> | undefined,
					all: (...params) => statement.all(...params) as Record<string, SqlValue>[],
					iterate: (...params) => statement.iterate(...params) as Iterable<Record<string, SqlValue>>,
				};
			},
			close: () => db.close(),
		};
	}

	add(metadata: unknown): number {
		const checked = checkMetadata(metadata, { schema: this.schema }, 'add: row 0');
		const rid = Number(
			this.db.prepare('INSERT INTO docs(id, meta) VALUES (?, ?)').run(this.kept.size, checked.json).lastInsertRowid,
		);
		this.#index(rid, checked.values);
		this.kept.set(rid, checked.metadata);
		return rid;
	}

	update(rid: number, metadata: unknown): void {
		const checked = checkMetadata(metadata, { schema: this.schema }, 'update: row 0');
		this.db.prepare('UPDATE docs SET meta = ? WHERE rid = ?').run(checked.json, rid);
		this.db.prepare('DELETE FROM kv WHERE rid = ?').run(rid);
		this.#index(rid, checked.values);
		this.kept.set(rid, checked.metadata);
	}

	#index(rid: number, values: readonly (readonly [string, string | number])[]): void {
		for (const [field, value] of values) this.db.prepare('INSERT INTO kv VALUES (?, ?, ?)').run(field, value, rid);
	}

	/** Rids that match, by the form that uses indexes. */
	rids({ sql, params }: CompiledWhere): number[] {
		return this.#select(sql, params);
	}

	/** Rids that match, by the form for scans. */
	scannedRids({ scanSql, params }: CompiledWhere): number[] {
		return this.#select(scanSql, params);
	}

	#select(sql: string, params: readonly SqlValue[]): number[] {
		const rows = this.db.prepare(`SELECT rid FROM docs d WHERE ${sql} ORDER BY rid`).all(...params);
		return rows.map((row) => row['rid'] as number);
	}

	/** SQLite's plan, in one line. */
	plan({ sql, params }: CompiledWhere): string {
		const rows = this.db.prepare(`EXPLAIN QUERY PLAN SELECT rid FROM docs d WHERE ${sql}`).all(...params);
		return rows.map((row) => row['detail']).join('; ');
	}

	[Symbol.dispose](): void {
		this.db.close();
	}
}
