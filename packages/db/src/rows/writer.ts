/**
 * Writing rows: every table that a row is in, within one transaction that the caller opened. Nothing here touches the vector
 * index; `WriteLog` says what it has to be told once the transaction is committed.
 */

import { VecinoError } from 'vecino';
import { show } from '../check.ts';
import type { SqlRow } from '../storage/driver.ts';
import { isUniqueViolation } from '../storage/errors.ts';
import type { Id } from '../types.ts';
import { idValue } from './rows.ts';
import type { Store } from './store.ts';

/** A value of an array field. */
export type KeyValue = readonly [field: string, value: string | number];

/** A row that is ready to be written: checked, and turned into what SQLite takes. */
export interface PreparedRow {
	/** undefined: a new integer. */
	readonly id: Id | undefined;
	/** The vector as it is kept. */
	readonly bytes: Uint8Array;
	/** Whether the embedder made the vector; false where it was given. */
	readonly made: boolean;
	/** JSON; null where there is no metadata. */
	readonly meta: string | null;
	readonly text: string | undefined;
	readonly values: readonly KeyValue[];
}

/** What a transaction did to the rows. */
export interface WriteLog {
	/** New rids, ascending, one per row that was put. */
	readonly rids: number[];
	/** Rids that died, new ones among them where an id was given twice. */
	readonly dead: number[];
	readonly ids: Id[];
	/** Rids whose metadata was changed in place. */
	readonly touched: number[];
	/** Version of what was changed in place or died: one for the whole transaction; 0 until then. */
	ver: number;
}

const OLD = 'SELECT rid, text IS NOT NULL AS words, made FROM docs WHERE';
const OLD_BY_ID = `${OLD} id = ?`;
const OLD_BY_RID = `${OLD} rid = ?`;

export function emptyLog(): WriteLog {
	return { rids: [], dead: [], ids: [], touched: [], ver: 0 };
}

export class RowWriter {
	readonly #store: Store;
	/** No integer id from here on is known to be in use. */
	#nextId = 1;
	/** Whether vectors of another generation are being made, in the table vectors_next. */
	isStaging = false;

	constructor(store: Store) {
		this.#store = store;
	}

	/** Writes a row under a new rid. @param where - The method, and row @param index of what it was given, for errors. */
	put(row: PreparedRow, replace: boolean, log: WriteLog, where: string, index: number): void {
		const { writer, draft } = this.#store;
		if (replace && row.id !== undefined) {
			const old = writer.sql(OLD_BY_ID).get(idValue(row.id));
			if (old !== undefined) this.#kill(old, log);
		}
		const rid = ++draft.lastRid;
		const id = row.id ?? this.#newId(rid);
		try {
			writer
				.sql('INSERT INTO docs VALUES (?, ?, ?, ?, ?)')
				.run(rid, idValue(id), row.meta, row.text ?? null, row.made ? 1 : null);
		} catch (error) {
			if (!isUniqueViolation(error)) throw error;
			throw new VecinoError(
				'duplicate-id',
				`${where}: entry ${index} has the id ${show(id)}, which is in the collection already; upsert replaces it`,
				{ row: index, found: id },
			);
		}
		writer.sql('INSERT INTO vectors VALUES (?, ?)').run(rid, row.bytes);
		if (row.text !== undefined) writer.sql('INSERT INTO fts (rowid, text) VALUES (?, ?)').run(rid, row.text);
		this.putValues(rid, row.values);
		draft.rows++;
		if (row.made) draft.made++;
		log.rids.push(rid);
		log.ids.push(id);
	}

	putValues(rid: number, values: readonly KeyValue[]): void {
		for (const [field, value] of values) {
			this.#store.writer.sql('INSERT OR IGNORE INTO kv VALUES (?, ?, ?)').run(field, value, rid);
		}
	}

	/** Deletes the row of an id; false where there is none. */
	delete(id: Id, log: WriteLog): boolean {
		const { writer } = this.#store;
		const old = writer.sql(OLD_BY_ID).get(idValue(id));
		if (old === undefined) return false;
		this.#kill(old, log);
		return true;
	}

	/** Deletes the row of a rid; false where there is none. */
	deleteRid(rid: number, log: WriteLog): boolean {
		const old = this.#store.writer.sql(OLD_BY_RID).get(rid);
		if (old === undefined) return false;
		this.#kill(old, log);
		return true;
	}

	/** Replaces the metadata of a row, and nothing else. */
	putMeta(rid: number, meta: string | null, values: readonly KeyValue[], log: WriteLog): void {
		const { writer } = this.#store;
		writer.sql('UPDATE docs SET meta = ? WHERE rid = ?').run(meta, rid);
		writer.sql('DELETE FROM kv WHERE rid = ?').run(rid);
		this.putValues(rid, values);
		writer
			.sql('INSERT INTO touched VALUES (?, ?) ON CONFLICT (rid) DO UPDATE SET ver = excluded.ver')
			.run(rid, this.#version(log));
		log.touched.push(rid);
	}

	#version(log: WriteLog): number {
		if (log.ver === 0) log.ver = ++this.#store.draft.ver;
		return log.ver;
	}

	#kill(old: SqlRow, log: WriteLog): void {
		const { writer, draft } = this.#store;
		const rid = old['rid'] as number;
		writer.sql('DELETE FROM docs WHERE rid = ?').run(rid);
		writer.sql('DELETE FROM vectors WHERE rid = ?').run(rid);
		writer.sql('DELETE FROM kv WHERE rid = ?').run(rid);
		if (old['words'] === 1) writer.sql('DELETE FROM fts WHERE rowid = ?').run(rid);
		writer.sql('INSERT INTO dead VALUES (?, ?)').run(rid, this.#version(log));
		writer.sql('DELETE FROM touched WHERE rid = ?').run(rid);
		draft.rows--;
		if (old['made'] === 1) draft.made--;
		if (this.isStaging) writer.sql('DELETE FROM vectors_next WHERE rid = ?').run(rid);
		log.dead.push(rid);
	}

	/** The rid itself, unless the caller has given it to a row: then the next integer that is free. */
	#newId(rid: number): number {
		let id = Math.max(rid, this.#nextId);
		const taken = this.#store.writer.sql('SELECT 1 FROM docs WHERE id = ?');
		while (taken.get(BigInt(id)) !== undefined) id++;
		this.#nextId = id + 1;
		return id;
	}
}
