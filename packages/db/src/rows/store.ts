/**
 * The database of a collection: its two connections, its counters and its transactions. One connection writes; queries read
 * through another, so that what they see is committed, also while a long transaction is filled. In memory, and for readers
 * in other processes, both are one.
 */

import { VecinoError } from 'vecino';
import type { Database, SqlValue, Statement } from '../storage/driver.ts';
import { pragma, rollback } from '../storage/schema.ts';

/** Integers that a transaction may change; kept in `info` and in memory. */
export interface Counters {
	/** The highest rid ever given. */
	lastRid: number;
	/** Rows that there are. */
	rows: number;
	/** Rows whose vector the embedder made. */
	made: number;
	/** Grows with each transaction in which rows die or metadata is changed. */
	ver: number;
	/** Grows with each change of the manifest. */
	epoch: number;
	/** Rows up to this rid are in segments. */
	sealedUpTo: number;
}

export const NO_ROWS: Counters = Object.freeze({ lastRid: 0, rows: 0, made: 0, ver: 0, epoch: 0, sealedUpTo: 0 });

const COUNTER_NAMES = Object.keys(NO_ROWS) as (keyof Counters)[];

/** 4 MiB. */
const PAGES_AT_ONCE = 256;

/** A connection that prepares each statement once. */
export class Connection {
	readonly db: Database;
	readonly #statements = new Map<string, Statement>();

	constructor(db: Database) {
		this.db = db;
	}

	/** The statement of a text that comes from a fixed set. */
	sql(text: string): Statement {
		let statement = this.#statements.get(text);
		if (statement === undefined) {
			statement = this.db.prepare(text);
			this.#statements.set(text, statement);
		}
		return statement;
	}

	close(): void {
		this.#statements.clear();
		this.db.close();
	}
}

export class Store {
	/** Where queries read. */
	readonly reader: Connection;
	/** Where transactions write; the same as `reader` where there is only one connection. */
	readonly writer: Connection;
	/** Path of meta.db, or ':memory:'. */
	readonly path: string;
	readonly readOnly: boolean;
	/** As of the last commit. */
	#counters: Counters;
	/** As the open transaction leaves them. */
	#draft: Counters | undefined;
	/** Settles when the open transaction has ended. */
	#ended: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
	#dataVersion = -1;

	constructor(path: string, reader: Database, writer: Database | undefined, readOnly: boolean) {
		this.path = path;
		this.reader = new Connection(reader);
		this.writer = writer === undefined ? this.reader : new Connection(writer);
		this.readOnly = readOnly;
		this.#counters = this.#readCounters();
	}

	/** As of the last commit. */
	get counters(): Readonly<Counters> {
		return this.#counters;
	}

	/** For writers: as the open transaction leaves them. */
	get draft(): Counters {
		if (this.#draft === undefined) throw new Error('Store: no transaction is open');
		return this.#draft;
	}

	/** Whether a transaction can be filled while queries read what was there before it. */
	get isConcurrent(): boolean {
		return this.writer !== this.reader;
	}

	/** What has to end before a transaction can begin; undefined: nothing. */
	busy(): Promise<void> | undefined {
		if (this.#draft === undefined) return undefined;
		if (this.#ended === undefined) {
			let resolve = (): void => {};
			const promise = new Promise<void>((settle) => {
				resolve = settle;
			});
			this.#ended = { promise, resolve };
		}
		return this.#ended.promise;
	}

	info(key: string): SqlValue | undefined {
		return this.reader.sql('SELECT value FROM info WHERE key = ?').get(key)?.['value'];
	}

	/** Only within a transaction. */
	setInfo(key: string, value: SqlValue): void {
		this.writer
			.sql('INSERT INTO info VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
			.run(key, value);
	}

	/** Runs `work` in a transaction: all of it is committed when this returns, or nothing when it throws. */
	transaction<T>(work: () => T): T {
		this.#begin();
		try {
			const result = work();
			this.#commit();
			return result;
		} catch (error) {
			this.#abort();
			throw error;
		}
	}

	/**
	 * Runs a long transaction in slices, between which queries go on. Others that write have to wait (`busy`). Only where the
	 * store is concurrent.
	 *
	 * @param pause - Called every few milliseconds; may throw.
	 */
	async slicedTransaction(work: Iterable<unknown>, pause: () => Promise<void>): Promise<void> {
		this.#begin();
		try {
			for (const _ of work) await pause();
			this.#commit();
		} catch (error) {
			this.#abort();
			throw error;
		}
	}

	#begin(): void {
		if (this.#draft !== undefined) {
			throw new VecinoError('busy', `${this.path}: a transaction is under way; nothing was changed`);
		}
		this.writer.sql('BEGIN IMMEDIATE').run();
		this.#draft = { ...this.#counters };
	}

	#commit(): void {
		const draft = this.draft;
		for (const name of COUNTER_NAMES) {
			if (this.#counters[name] !== draft[name]) this.setInfo(name, draft[name]);
		}
		this.writer.sql('COMMIT').run();
		this.#counters = draft;
		this.#end();
	}

	#abort(): void {
		if (this.#draft === undefined) return;
		rollback(this.writer.db);
		this.#end();
	}

	#end(): void {
		this.#draft = undefined;
		this.#ended?.resolve();
		this.#ended = undefined;
	}

	/** For readers: whether another process has committed since what `asOfNow` has read. */
	get isBehind(): boolean {
		return pragma(this.reader.db, 'data_version') !== this.#dataVersion;
	}

	/** For readers: reads the counters, and runs `work`, all of it as of one commit. */
	async asOfNow(work: () => Promise<void>): Promise<void> {
		const { db } = this.reader;
		db.exec('BEGIN');
		try {
			this.#counters = this.#readCounters();
			const version = pragma(db, 'data_version');
			await work();
			this.#dataVersion = version;
		} finally {
			rollback(db);
		}
	}

	/** Gives some free pages back to the file system; false when there are none left. */
	shrink(): boolean {
		const { db } = this.writer;
		if (pragma(db, 'freelist_count') === 0 || pragma(db, 'auto_vacuum') === 0) return false;
		db.exec(`PRAGMA incremental_vacuum(${PAGES_AT_ONCE})`);
		return true;
	}

	/** Has SQLite look at its indexes, and gives the log of writes back. */
	optimize(): void {
		this.writer.db.exec('PRAGMA optimize');
		this.writer.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
	}

	close(): void {
		if (this.writer !== this.reader) this.reader.close();
		this.writer.close();
	}

	#readCounters(): Counters {
		const counters = { ...NO_ROWS };
		for (const { key, value } of this.reader.sql('SELECT key, value FROM info').all()) {
			if (Object.hasOwn(NO_ROWS, String(key))) counters[key as keyof Counters] = Number(value);
		}
		return counters;
	}
}
