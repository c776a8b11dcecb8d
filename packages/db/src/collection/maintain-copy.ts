/**
 * Copies of a whole collection: snapshots of one that is open, and collections made of snapshots.
 *
 * The database is copied by `VACUUM INTO`, which sees one commit and writes a file without gaps; for `node:sqlite` on a
 * thread, so that nothing waits for it. Index files never change once they are written: a link to them is a copy. Those
 * that there are before the database is copied are linked first, so that none that the copy names can have gone; if one
 * has all the same (made and merged away in between), the copy is made again. Everything happens under a name of its own
 * beside the new folder, and is renamed when it is whole.
 */

import { randomBytes } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { VecinoError } from 'vecino';
import { checkKeys, show, throwIfAborted } from '../check.ts';
import type { SegmentFiles } from '../segments/contract.ts';
import { isFileName } from '../segments/files-fs.ts';
import type { Database, Driver } from '../storage/driver.ts';
import { storageError } from '../storage/errors.ts';
import { nodeSqliteDriver } from '../storage/node-sqlite.ts';
import { checkDatabase } from '../storage/schema.ts';
import type { Core } from './core.ts';

/** What a snapshot or a restored collection has in it. */
export interface CopyReport {
	/** The folder that was made. */
	readonly path: string;
	/** Rows in it. */
	readonly rows: number;
	/** Index files that are links to those of the collection. */
	readonly linked: number;
	/** Index files that were copied. */
	readonly copied: number;
	/** Size of all files, those that are shared counted. */
	readonly bytes: number;
}

/** Options of `Collection.snapshot`. */
export interface CopyOptions {
	/** Stops it; nothing is left behind. */
	readonly signal?: AbortSignal | undefined;
}

/** Options of `restore`. */
export interface RestoreOptions extends CopyOptions {
	/** SQLite. Default: that of the runtime. */
	readonly driver?: Driver | undefined;
}

/** Where a copy is made from. */
interface Source {
	/** For errors: 'Collection.snapshot'. */
	readonly where: string;
	readonly driver: Driver;
	/** meta.db; undefined in memory. */
	readonly database: string | undefined;
	/** For what is in memory. */
	readonly memory?: { readonly db: Database; readonly files: SegmentFiles } | undefined;
	/** Folder of index files; undefined in memory. */
	readonly folder: string | undefined;
	/** Whether index files may be shared. */
	readonly share: boolean;
}

const ATTEMPTS = 5;

/** Copies an open collection into a new folder. */
export async function snapshot(core: Core, path: string, options: CopyOptions = {}): Promise<CopyReport> {
	const where = 'Collection.snapshot';
	core.checkOpen(where);
	checkKeys(where, options, ['signal']);
	const { folder, driver, store, files } = core;
	const memory = folder === undefined ? { db: store.writer.db, files } : undefined;
	const database = folder === undefined ? undefined : join(folder, 'meta.db');
	const seg = folder === undefined ? undefined : join(folder, 'seg');
	const source = { where, driver, database, memory, folder: seg, share: true };
	// In memory there is one connection, which copies between two writes.
	return memory === undefined ? copy(source, path, options) : core.turns.take(() => copy(source, path, options));
}

/**
 * Makes a collection of a snapshot, or of any collection: a copy that shares nothing with it.
 *
 * @param snapshot - Folder of the snapshot; it stays as it is.
 * @param path - A folder that is not there yet.
 * @throws {VecinoError} `storage` where path exists, or snapshot is no collection; `unsupported-version`; `corrupt-data`
 * where an index file of the snapshot is missing.
 *
 * @example
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 *
 * const folder = mkdtempSync(`${tmpdir()}/books-`);
 * const books = await open(`${folder}/books`, { dimension: 2 });
 * await books.add({ id: 'north', vector: [0, 1] });
 * await books.snapshot(`${folder}/backup`);
 * await books.close();
 * const { rows } = await restore(`${folder}/backup`, `${folder}/again`);
 * console.log(rows); // 1
 */
export async function restore(snapshot: string, path: string, options: RestoreOptions = {}): Promise<CopyReport> {
	const where = 'restore';
	checkKeys(where, options, ['signal', 'driver']);
	checkPath(where, 'snapshot', snapshot);
	const driver = options.driver ?? nodeSqliteDriver();
	const database = join(snapshot, 'meta.db');
	if (!existsSync(database)) throw fail(where, `there is no collection at ${snapshot}: it has no meta.db`);
	const db = driver.open(database, { readOnly: true });
	try {
		checkDatabase(db, database);
	} finally {
		db.close();
	}
	return copy({ where, driver, database, folder: join(snapshot, 'seg'), share: false }, path, options);
}

async function copy(source: Source, path: string, { signal }: CopyOptions): Promise<CopyReport> {
	const { where } = source;
	checkPath(where, 'path', path);
	if (existsSync(path)) throw fail(where, `${path} is there already. Give the path of a folder that is not`);
	throwIfAborted(where, signal);
	const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
	try {
		await mkdir(join(temporary, 'seg'), { recursive: true });
		const counts = await copyInto(source, temporary, signal);
		throwIfAborted(where, signal);
		const bytes = await syncAll(temporary);
		await rename(temporary, path);
		await sync(dirname(path));
		return { path, ...counts, bytes };
	} catch (error) {
		await rm(temporary, { recursive: true, force: true }).catch(() => {});
		if (typeof (error as NodeJS.ErrnoException).syscall !== 'string') throw error;
		throw fail(where, `${path} cannot be written (${(error as Error).message}); nothing was left behind`, error);
	}
}

async function copyInto(
	source: Source,
	temporary: string,
	signal: AbortSignal | undefined,
): Promise<{ rows: number; linked: number; copied: number }> {
	const { where, driver } = source;
	const database = join(temporary, 'meta.db');
	const done = new Map<string, 'linked' | 'copied'>();
	let missing: string | undefined;
	for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
		missing = undefined;
		await rm(database, { force: true });
		const before = source.folder === undefined ? [] : (await names(source.folder)).filter((name) => !done.has(name));
		for (const name of before) await take(source, temporary, name, done);
		await vacuumInto(source, database);
		const { rows, files } = contents(driver, database);
		for (const name of files) {
			throwIfAborted(where, signal);
			if (!done.has(name) && !(await take(source, temporary, name, done))) missing = name;
		}
		if (missing !== undefined) continue;
		for (const name of [...done.keys()].filter((name) => !files.has(name))) {
			await rm(join(temporary, 'seg', name));
			done.delete(name);
		}
		const linked = [...done.values()].filter((how) => how === 'linked').length;
		return { rows, linked, copied: done.size - linked };
	}
	throw new VecinoError(
		'corrupt-data',
		`${where}: the index file ${missing} is missing. Run repair() on the collection, which makes it again from the rows`,
		{ found: missing! },
	);
}

/** Index files in a folder; temporary ones are somebody's work. */
async function names(folder: string): Promise<string[]> {
	const all = await readdir(folder).catch(() => []);
	return all.filter((name) => name.endsWith('.vecino') && !name.startsWith('.'));
}

/** Links or copies an index file; false where it has gone. */
async function take(
	{ folder, memory, share }: Source,
	temporary: string,
	name: string,
	done: Map<string, 'linked' | 'copied'>,
): Promise<boolean> {
	const to = join(temporary, 'seg', name);
	try {
		if (memory !== undefined) await writeFile(to, await memory.files.read(name.slice(0, -'.vecino'.length)));
		else if (share && (await linked(join(folder!, name), to))) {
			done.set(name, 'linked');
			return true;
		} else await copyFile(join(folder!, name), to, constants.COPYFILE_FICLONE);
	} catch (error) {
		if (memory === undefined && (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
		return false;
	}
	done.set(name, 'copied');
	return true;
}

/** False where the file system does not link, or not to there. */
async function linked(from: string, to: string): Promise<boolean> {
	try {
		await link(from, to);
		return true;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error;
		return false;
	}
}

/** Rows of a copied database, and the index files that it names. */
function contents(driver: Driver, database: string): { rows: number; files: Set<string> } {
	const db = driver.open(database, { readOnly: true });
	try {
		const rows = Number(db.prepare('SELECT count(*) AS n FROM docs').get()?.['n']);
		const files = db.prepare('SELECT name FROM segments UNION ALL SELECT name FROM models').all();
		const strange = files.find(({ name }) => !isFileName(String(name)));
		if (strange !== undefined) {
			throw new VecinoError(
				'corrupt-data',
				`${database}: the manifest names an index file '${strange['name']}', which is no name`,
			);
		}
		return { rows, files: new Set(files.map(({ name }) => `${name}.vecino`)) };
	} finally {
		db.close();
	}
}

async function vacuumInto({ driver, database, memory }: Source, to: string): Promise<void> {
	if (memory !== undefined) {
		memory.db.prepare('VACUUM INTO ?').run(to);
		return;
	}
	if (driver.name === 'node:sqlite') return vacuumOnThread(database!, to);
	const db = driver.open(database!, { readOnly: true });
	try {
		db.prepare('VACUUM INTO ?').run(to);
	} finally {
		db.close();
	}
}

const VACUUM = `
const { from, to } = require('node:worker_threads').workerData;
const db = new (require('node:sqlite').DatabaseSync)(from, { readOnly: true, timeout: 5000 });
db.prepare('VACUUM INTO ?').run(to);
db.close();
`;

function vacuumOnThread(from: string, to: string): Promise<void> {
	return new Promise((resolve, reject) => {
		const worker = new Worker(VACUUM, { eval: true, execArgv: [], workerData: { from, to } });
		worker.once('error', (error) => reject(storageError(error, from)));
		worker.once('exit', () => resolve());
	});
}

/** Has the disk take all of it; SQLite does not wait for that when it copies. */
async function syncAll(folder: string): Promise<number> {
	const files = [
		join(folder, 'meta.db'),
		...(await names(join(folder, 'seg'))).map((name) => join(folder, 'seg', name)),
	];
	let bytes = 0;
	for (const file of files) {
		await sync(file);
		bytes += (await stat(file)).size;
	}
	await sync(join(folder, 'seg'));
	await sync(folder);
	return bytes;
}

/** Not every system can do it to a folder. */
async function sync(path: string): Promise<void> {
	const isFile = (await stat(path)).isFile();
	try {
		const handle = await open(path, isFile ? 'r+' : 'r');
		await handle.sync().finally(() => handle.close());
	} catch (error) {
		if (isFile) throw error;
	}
}

function checkPath(where: string, name: string, path: unknown): void {
	if (typeof path === 'string' && path !== '' && path !== ':memory:') return;
	throw new TypeError(`${where}: ${name} must be the path of a folder, got ${show(path)}`);
}

function fail(where: string, message: string, cause?: unknown): VecinoError {
	return new VecinoError('storage', `${where}: ${message}`, cause === undefined ? {} : { cause });
}
