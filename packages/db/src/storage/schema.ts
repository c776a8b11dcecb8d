/**
 * The tables of a collection, the same for every driver and runtime.
 *
 *   info         one value per name: what the collection is (dimension, metric, ...) and its counters
 *   docs         a row of the collection: rid, the caller's id, metadata as JSON, text; made: 1 where the embedder made the
 *                vector, null where the caller gave it
 *   vectors      the vector of a row as the collection keeps originals (rows/encode.ts); rows with rid > sealedUpTo are the delta
 *   dead         rids that are rows no more, until no segment holds them; `ver` grows with each transaction that has deaths
 *   touched      rids whose metadata was changed in place, and in which version: what is kept of filters is brought up to date by it
 *   segments     the manifest of index files; models: the trained indexes that segments are made with
 *   fields       fields of metadata that are declared, or were seen where nothing is declared
 *   kv           the values of array fields, one row per value
 *   fts          the words of texts (FTS5, contentless: the texts are in docs)
 *   embeddings   vectors that a paid model made, by the hash of their text; embedder: what a fitted one has learnt
 */

import { VecinoError } from 'vecino';
import type { Database } from './driver.ts';

/** 'vcno': tells our databases from those of other programs. */
export const APPLICATION_ID = 0x76636e6f;

/** Version of the tables. A newer one is refused, an older one would be migrated. */
export const SCHEMA_VERSION = 1;

const PAGE_SIZE = 16_384;

const TABLES = `
CREATE TABLE info (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE docs (rid INTEGER PRIMARY KEY, id UNIQUE NOT NULL, meta TEXT, text TEXT, made INTEGER);
CREATE TABLE vectors (rid INTEGER PRIMARY KEY, vec BLOB NOT NULL);
CREATE TABLE dead (rid INTEGER PRIMARY KEY, ver INTEGER NOT NULL);
CREATE INDEX dead_ver ON dead (ver);
CREATE TABLE touched (rid INTEGER PRIMARY KEY, ver INTEGER NOT NULL);
CREATE INDEX touched_ver ON touched (ver);
CREATE TABLE segments (name TEXT PRIMARY KEY, model TEXT NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL, rids BLOB NOT NULL);
CREATE TABLE models (name TEXT PRIMARY KEY, spec TEXT NOT NULL, trained_at INTEGER NOT NULL, bytes INTEGER NOT NULL, measured TEXT);
CREATE TABLE fields (name TEXT PRIMARY KEY, type TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE kv (field TEXT NOT NULL, value NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (field, value, rid)) WITHOUT ROWID;
CREATE INDEX kv_rid ON kv (rid);
CREATE VIRTUAL TABLE fts USING fts5(text, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2');
CREATE TABLE embeddings (space TEXT NOT NULL, hash BLOB NOT NULL, vec BLOB NOT NULL, PRIMARY KEY (space, hash)) WITHOUT ROWID;
CREATE TABLE embedder (key INTEGER PRIMARY KEY CHECK (key = 1), version INTEGER NOT NULL, texts INTEGER NOT NULL, state BLOB NOT NULL);
`;

/** Whether the database has nothing in it: a new file. */
export function isEmptyDatabase(db: Database): boolean {
	return (
		pragma(db, 'application_id') === 0 &&
		pragma(db, 'user_version') === 0 &&
		db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'] === 0
	);
}

/** Makes the tables of a new collection. The page size has to come before everything else, and outside of a transaction. */
export function createTables(db: Database, fill: () => void): void {
	db.exec(`PRAGMA page_size = ${PAGE_SIZE}`);
	// Pages that are free can be given back a few at a time, see Store.shrink.
	db.exec('PRAGMA auto_vacuum = INCREMENTAL');
	db.exec('PRAGMA journal_mode = WAL');
	db.exec('BEGIN IMMEDIATE');
	try {
		db.exec(TABLES);
		fill();
		db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
		db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
		db.exec('COMMIT');
	} catch (error) {
		rollback(db);
		throw error;
	}
}

/** Throws where the database is another program's, or that of a newer version of this one. */
export function checkDatabase(db: Database, path: string): void {
	const id = pragma(db, 'application_id');
	if (id !== APPLICATION_ID) {
		throw new VecinoError(
			'corrupt-data',
			`open: ${path} is a SQLite database of another program (application_id ${id}), not of a collection. Choose another folder`,
			{ expected: APPLICATION_ID, found: id },
		);
	}
	const version = pragma(db, 'user_version');
	if (version > SCHEMA_VERSION) {
		throw new VecinoError(
			'unsupported-version',
			`open: ${path} was made by a newer version of @vecino/db (tables of version ${version}; this one knows ${SCHEMA_VERSION}). Update @vecino/db`,
			{ expected: SCHEMA_VERSION, found: version },
		);
	}
}

/** Settings of a connection. */
export function configure(db: Database, durability: 'full' | 'normal', readOnly: boolean): void {
	db.exec('PRAGMA cache_size = -16000');
	db.exec('PRAGMA temp_store = MEMORY');
	if (readOnly) return;
	// Snapshots have another.
	db.exec('PRAGMA journal_mode = WAL');
	db.exec(`PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`);
}

/** An integer that a PRAGMA gives. */
export function pragma(db: Database, name: string): number {
	return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
}

/** Takes back an open transaction; silent where SQLite has done so already. */
export function rollback(db: Database): void {
	try {
		db.exec('ROLLBACK');
	} catch {
		// No transaction is open any more.
	}
}
