/**
 * Making again what was damaged, from the rows. Nothing is thrown away that a row consists of; rows that searches do not
 * find, or find twice, are written again under a new rid, as an upsert does.
 */

import { join } from 'node:path';
import { defaultEngine } from 'vecino';
import { checkKeys, show } from '../check.ts';
import { Rows } from '../rows/rows.ts';
import type { Store } from '../rows/store.ts';
import { FolderFiles, isFileName } from '../segments/files-fs.ts';
import { LiveIndex } from '../segments/live-index.ts';
import { lockFolder } from '../storage/lock.ts';
import { nodeSqliteDriver } from '../storage/node-sqlite.ts';
import { configure } from '../storage/schema.ts';
import { schemaIndexes } from '../where/schema.ts';
import {
	type Checked,
	type MaintainOptions,
	type Problem,
	type ProblemKind,
	Report,
	type VerifyReport,
} from './maintain-report.ts';
import { count, valuesOf } from './maintain-rows.ts';
import { type ManifestFaults, manifestFaults } from './maintain-segments.ts';
import { inspect, openForCheck, type VerifyPathOptions } from './maintain-verify.ts';
import { readSettings, type Settings } from './options.ts';

/** What `repair` did. */
export interface RepairReport {
	/** Nothing is wrong any more. */
	readonly ok: boolean;
	/** What was wrong and is not any more. */
	readonly repaired: readonly Problem[];
	/** What is still wrong, and what to do about it. */
	readonly remaining: readonly Problem[];
	/** What was looked at. */
	readonly checked: Readonly<Checked>;
}

/** Options of `repair`. */
export type RepairOptions = MaintainOptions & Pick<VerifyPathOptions, 'driver' | 'engine'>;

/** Nothing is touched where one of these is found. */
const FATAL: ReadonlySet<ProblemKind> = new Set(['no-collection', 'newer-version', 'damaged-database', 'bad-settings']);

const STEP = 1000;

/**
 * Repairs a collection that is not open: index files are made again from the rows, indexes of SQLite, words and values as
 * well, what is left over is removed. What only exists once and is gone stays gone: `remaining` says what to do.
 *
 * Index files that are damaged are made anew before this returns, which for large ones takes minutes.
 *
 * @param path - Its folder.
 * @throws {VecinoError} `locked` while it is open for writing.
 *
 * @example
 * const { ok, remaining } = await repair('no/such/folder');
 * console.log(ok, remaining[0]?.what); // false no/such/folder has no meta.db
 */
export async function repair(path: string, options: RepairOptions = {}): Promise<RepairReport> {
	const where = 'repair';
	checkKeys(where, options, ['signal', 'onProgress', 'driver', 'engine']);
	if (typeof path !== 'string' || path === '' || path === ':memory:') {
		throw new TypeError(`${where}: path must be the folder of a collection, got ${show(path)}`);
	}
	const driver = options.driver ?? nodeSqliteDriver();
	const report = new Report();
	// Looked at first, so that nothing is made in a folder that is none of ours.
	openForCheck(path, driver, true, report)?.close();
	if (report.problems.length > 0) return outcome(report.done(), report.done());
	const lock = lockFolder(driver, path);
	try {
		const store = openForCheck(path, driver, false, report);
		if (store === undefined) return outcome(report.done(), report.done());
		try {
			const files = new FolderFiles(join(path, 'seg'));
			configure(store.writer.db, 'full', false);
			const before = await inspect(where, store, files, false, report, options);
			if (before.ok || before.problems.some(({ kind }) => FATAL.has(kind))) return outcome(before, before);
			await fix(store, files, before, options);
			return outcome(before, await inspect(where, store, files, false, new Report(), options));
		} finally {
			store.close();
		}
	} finally {
		lock.release();
	}
}

function outcome(before: VerifyReport, after: VerifyReport): RepairReport {
	const left = new Set(after.problems.map(({ kind, what }) => `${kind} ${what}`));
	const repaired = before.problems.filter(({ kind, what }) => !left.has(`${kind} ${what}`));
	return { ok: after.ok, repaired, remaining: after.problems, checked: after.checked };
}

async function fix(
	store: Store,
	files: FolderFiles,
	{ problems }: VerifyReport,
	options: RepairOptions,
): Promise<void> {
	const settings = readSettings(store);
	const kinds = new Set(problems.filter(({ repairable }) => repairable).map(({ kind }) => kind));
	const { db } = store.writer;
	if (kinds.has('bad-index')) {
		for (const { create } of schemaIndexes(settings.schema ?? {})) db.exec(create);
		db.exec('REINDEX');
	}
	if (kinds.has('leftover')) {
		db.exec('DROP TABLE IF EXISTS vectors_next');
		await files.sweep();
	}
	// Before rids are given.
	if (kinds.has('bad-counter')) recount(store);
	store.transaction(() => {
		if (kinds.has('orphan-vector')) db.exec('DELETE FROM vectors WHERE rid NOT IN (SELECT rid FROM docs)');
		if (kinds.has('bad-words')) makeWords(store);
		if (kinds.has('bad-values')) makeValues(store, settings);
	});
	if (kinds.has('bad-manifest')) forgetStrangers(store);
	if (kinds.has('bad-manifest') || kinds.has('bad-counter')) await mendManifest(store, settings);
	if (kinds.has('bad-segment') || kinds.has('bad-manifest')) await makeSegments(store, files, settings, options);
	const known = new Set(
		store.writer.db
			.prepare('SELECT name FROM segments UNION SELECT name FROM models')
			.all()
			.map(({ name }) => name),
	);
	for (const name of await files.list()) if (!known.has(name)) await files.remove(name);
	store.optimize();
}

/** Takes what is no name of a file out of the manifest. */
function forgetStrangers(store: Store): void {
	store.transaction(() => {
		for (const table of ['segments', 'models']) {
			for (const { name } of store.writer.db.prepare(`SELECT name FROM ${table}`).all()) {
				if (!isFileName(String(name))) store.writer.db.prepare(`DELETE FROM ${table} WHERE name = ?`).run(name!);
			}
		}
		store.draft.epoch++;
	});
}

/** Counters as the rows have them. */
function recount(store: Store): void {
	const { db } = store.writer;
	const segments = new Rows(store, 1, 'f32').segments();
	store.transaction(() => {
		const { draft: counters } = store;
		counters.rows = count(db, 'SELECT count(*) AS n FROM docs');
		counters.made = count(db, 'SELECT count(*) AS n FROM docs WHERE made = 1');
		const last = ['SELECT max(rid) AS n FROM docs', 'SELECT max(rid) AS n FROM dead'].map((sql) => count(db, sql));
		const held = segments.map(({ rids }) => rids.at(-1) ?? 0);
		counters.sealedUpTo = Math.max(counters.sealedUpTo, ...held);
		counters.lastRid = Math.max(counters.lastRid, counters.sealedUpTo, ...last);
	});
}

function makeWords({ writer }: Store): void {
	writer.db.exec("INSERT INTO fts (fts) VALUES ('delete-all')");
	writer.db.exec('INSERT INTO fts (rowid, text) SELECT rid, text FROM docs WHERE text IS NOT NULL');
}

function makeValues({ writer }: Store, settings: Settings): void {
	const { db } = writer;
	db.exec('DELETE FROM kv');
	const docs = db.prepare(`SELECT rid, meta FROM docs WHERE rid > ? ORDER BY rid LIMIT ${STEP}`);
	const put = db.prepare('INSERT OR IGNORE INTO kv VALUES (?, ?, ?)');
	for (let rows = docs.all(-1); rows.length > 0; rows = docs.all(rows.at(-1)!['rid']!)) {
		for (const { rid, meta } of rows) {
			for (const [field, value] of valuesOf({ settings }, meta!) ?? []) put.run(field, value, rid!);
		}
	}
}

/** Rids that the manifest has wrongly: rows get new ones, those of no row are dead, dead ones that nothing has are forgotten. */
async function mendManifest(store: Store, settings: Settings): Promise<void> {
	const { db } = store.writer;
	const docs = db.prepare('SELECT rid FROM docs ORDER BY rid');
	const look = (): Promise<ManifestFaults> => {
		const all = Float64Array.from(docs.all(), ({ rid }) => Number(rid));
		return manifestFaults({ store, settings, pause: async () => {} }, all);
	};
	const { rows, unknown } = await look();
	const kept = db.prepare('SELECT 1 FROM vectors WHERE rid = ?');
	store.transaction(() => {
		const { draft: counters } = store;
		counters.ver++;
		counters.epoch++;
		const die = db.prepare('INSERT OR IGNORE INTO dead VALUES (?, ?)');
		for (const rid of unknown) die.run(rid, counters.ver);
		for (const rid of rows) {
			if (kept.get(rid) === undefined) continue;
			const next = ++counters.lastRid;
			for (const table of ['docs', 'vectors', 'kv'])
				db.prepare(`UPDATE ${table} SET rid = ? WHERE rid = ?`).run(next, rid);
			db.prepare('DELETE FROM fts WHERE rowid = ?').run(rid);
			db.prepare('INSERT INTO fts (rowid, text) SELECT rid, text FROM docs WHERE rid = ? AND text IS NOT NULL').run(
				next,
			);
			db.prepare('DELETE FROM touched WHERE rid = ?').run(rid);
			die.run(rid, counters.ver);
		}
	});
	const { stale } = await look();
	store.transaction(() => {
		for (const rid of stale) db.prepare('DELETE FROM dead WHERE rid = ?').run(rid);
	});
}

/** Makes index files that are damaged or missing again, as far as originals are kept. */
async function makeSegments(
	store: Store,
	files: FolderFiles,
	settings: Settings,
	{ engine }: RepairOptions,
): Promise<void> {
	const { dimension, metric, index: spec, originals } = settings;
	if (dimension === undefined || originals === 'none') return;
	const rows = new Rows(store, dimension, originals);
	const live = await LiveIndex.open({ rows, files, metric, spec, engine: engine ?? defaultEngine(), rebuild: true });
	try {
		await live.settle();
	} finally {
		await live.close();
	}
}
