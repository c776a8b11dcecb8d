/**
 * Looking for damage: what is wrong with a collection, and what can be done about each thing.
 *
 * SQLite is the store of record: what is wrong in it for itself (pages, settings, vectors) is gone, and comes back from a
 * snapshot only; all that is made from rows (indexes of SQLite, words, values of arrays, counters, index files) can be made
 * again, and `repair` does so.
 */

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultEngine, type Engine, isVecinoError } from 'vecino';
import { checkKeys, show, throwIfAborted } from '../check.ts';
import { Store } from '../rows/store.ts';
import type { SegmentFiles } from '../segments/contract.ts';
import { FolderFiles } from '../segments/files-fs.ts';
import type { Driver } from '../storage/driver.ts';
import { hasWriter } from '../storage/lock.ts';
import { nodeSqliteDriver } from '../storage/node-sqlite.ts';
import { checkDatabase } from '../storage/schema.ts';
import type { Core } from './core.ts';
import { type Inspection, Report, type VerifyOptions, type VerifyReport } from './maintain-report.ts';
import { checkDocs, checkTables, checkValues, checkWords } from './maintain-rows.ts';
import { checkFiles, checkManifest, checkSegments } from './maintain-segments.ts';
import { readSettings, type Settings } from './options.ts';
import { Slice } from './turns.ts';

/** Options of `verify`. */
export interface VerifyPathOptions extends VerifyOptions {
	/** SQLite. Default: that of the runtime. */
	readonly driver?: Driver | undefined;
	/** Where index files are loaded. Default: the shared engine. */
	readonly engine?: Engine | undefined;
}

/**
 * Looks for damage in a collection, open or not, and changes nothing.
 *
 * Reads all rows and loads index files one after the other. While a writer has it open, what it is about to write does not
 * count.
 *
 * @param path - Its folder.
 *
 * @example
 * const { ok, problems } = await verify('no/such/folder');
 * console.log(ok, problems[0]?.kind); // false no-collection
 */
export async function verify(path: string, options: VerifyPathOptions = {}): Promise<VerifyReport> {
	const where = 'verify';
	checkKeys(where, options, ['signal', 'onProgress', 'quick', 'driver', 'engine']);
	if (typeof path !== 'string' || path === '' || path === ':memory:') {
		throw new TypeError(`${where}: path must be the folder of a collection, got ${show(path)}`);
	}
	const report = new Report();
	const store = openForCheck(path, options.driver ?? nodeSqliteDriver(), true, report);
	if (store === undefined) return report.done();
	const { db } = store.reader;
	try {
		// All tables as of one commit.
		db.exec('BEGIN');
		const files = new FolderFiles(join(path, 'seg'));
		return await inspect(where, store, files, hasWriter(path), report, options);
	} finally {
		store.close();
	}
}

/** Looks for damage in an open collection. */
export async function verifyOpen(core: Core, options: VerifyOptions = {}): Promise<VerifyReport> {
	const where = 'Collection.verify';
	core.checkOpen(where);
	checkKeys(where, options, ['signal', 'onProgress', 'quick']);
	const { folder, driver } = core;
	if (folder === undefined) {
		// One connection: no writes meanwhile.
		return core.turns.take(() => inspect(where, core.store, core.files, true, new Report(), options));
	}
	const report = new Report();
	const store = openForCheck(folder, driver, true, report);
	if (store === undefined) return report.done();
	try {
		store.reader.db.exec('BEGIN');
		return await inspect(where, store, core.files, true, report, options);
	} finally {
		store.close();
	}
}

/** Opens meta.db; what stands in the way goes to the report. */
export function openForCheck(folder: string, driver: Driver, readOnly: boolean, report: Report): Store | undefined {
	const path = join(folder, 'meta.db');
	if (!existsSync(path)) {
		report.add('no-collection', `${folder} has no meta.db`, false, 'Check the path, or restore() a snapshot');
		return undefined;
	}
	let db: ReturnType<Driver['open']> | undefined;
	try {
		db = driver.open(path, { readOnly });
		checkDatabase(db, path);
		return new Store(path, db, undefined, readOnly);
	} catch (error) {
		db?.close();
		if (!isVecinoError(error, 'corrupt-data', 'unsupported-version')) throw error;
		if (error.code === 'unsupported-version') {
			report.add('newer-version', error.message, false, 'Update @vecino/db; nothing is damaged');
		} else {
			const kind = error.found === undefined && /damaged \(/.test(error.message) ? 'damaged-database' : 'no-collection';
			report.add(
				kind,
				error.message,
				false,
				'Put the right file in its place, restore() a snapshot, or import the rows anew',
			);
		}
		return undefined;
	}
}

/** Runs all checks. */
export async function inspect(
	where: string,
	store: Store,
	files: SegmentFiles,
	live: boolean,
	report: Report,
	options: VerifyPathOptions,
): Promise<VerifyReport> {
	const { signal, onProgress, quick = false, engine = defaultEngine() } = options;
	throwIfAborted(where, signal);
	const slice = new Slice();
	const folder = files instanceof FolderFiles ? files.folder : undefined;
	const fileNames = folder === undefined ? (await files.list()).map((name) => `${name}.vecino`) : await listed(folder);
	const { checked } = report;
	const found: Inspection['found'] = (kind, what, repairable, how) => report.add(kind, what, repairable, how);
	const pause: Inspection['pause'] = async (phase, done, total) => {
		if (!slice.isOver) return;
		onProgress?.({ phase, done, total });
		await slice.next();
		throwIfAborted(where, signal);
	};
	try {
		if (!checkTables(store, quick, found)) return report.done();
		const settings = settingsOf(store, found);
		if (settings === undefined) return report.done();
		const inspection = { store, settings, files, fileNames, engine, quick, live, checked, found, pause };
		const rows = await checkDocs(inspection);
		await checkWords(inspection);
		await checkValues(inspection);
		await checkManifest(inspection, rows);
		await checkSegments(inspection);
		checkFiles(inspection);
	} catch (error) {
		if (!isVecinoError(error, 'corrupt-data')) throw error;
		report.add('damaged-database', error.message, false);
	}
	return report.done();
}

async function listed(folder: string): Promise<string[]> {
	return existsSync(folder) ? readdir(folder) : [];
}

function settingsOf(store: Store, found: Inspection['found']): Settings | undefined {
	try {
		const settings = readSettings(store);
		const { dimension, metric } = settings;
		if ((dimension === undefined || Number.isInteger(dimension)) && ['l2', 'ip', 'cosine'].includes(metric))
			return settings;
		found('bad-settings', `dimension is ${dimension}, metric is ${metric}`, false);
	} catch (error) {
		found('bad-settings', `the schema cannot be read (${(error as Error).message})`, false);
	}
	return undefined;
}
