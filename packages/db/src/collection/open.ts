/** Opening a collection: the folder, the lock, the database, the vector index. */

import { accessSync, constants, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { VecinoError } from 'vecino';
import { Store } from '../rows/store.ts';
import { FolderFiles } from '../segments/files-fs.ts';
import { MemoryFiles } from '../segments/files-memory.ts';
import type { Thresholds } from '../segments/growth.ts';
import type { Database, Driver } from '../storage/driver.ts';
import { lockFolder } from '../storage/lock.ts';
import { nodeSqliteDriver } from '../storage/node-sqlite.ts';
import { checkDatabase, configure, createTables, isEmptyDatabase } from '../storage/schema.ts';
import type { Schema } from '../types.ts';
import { schemaIndexes } from '../where/schema.ts';
import { Collection } from './collection.ts';
import { Core } from './core.ts';
import {
	applySchema,
	checkOpenOptions,
	checkSettings,
	newSettings,
	type OpenOptions,
	readSettings,
	writeSettings,
} from './options.ts';

const DATABASE = 'meta.db';

/**
 * Opens a collection, and makes it where there is none.
 *
 * @param path - A folder, or ':memory:' for one that ends with its `close`.
 *
 * @example
 * const books = await open(':memory:', { dimension: 2 });
 * await books.add([{ id: 'north', vector: [0, 1] }, { id: 'east', vector: [1, 0] }]);
 * const [hit] = await books.query({ vector: [0.1, 0.9], k: 1 });
 * console.log(hit?.id); // north
 * await books.close();
 */
export async function open<const S extends Schema | undefined = undefined>(
	path: string,
	options: OpenOptions<S> = {},
): Promise<Collection<S>> {
	return openWith(path, options, {});
}

/** What tests set: nothing that a user should have to. */
export interface Internals {
	/** Sizes at which things happen in the background. */
	readonly thresholds?: Partial<Thresholds> | undefined;
}

/** As open. */
export async function openWith<const S extends Schema | undefined = undefined>(
	path: string,
	options: OpenOptions<S>,
	{ thresholds }: Internals,
): Promise<Collection<S>> {
	if (typeof path !== 'string' || path === '')
		throw new TypeError(`open: path must be a folder or ':memory:', got ${String(path)}`);
	checkOpenOptions(options);
	const core = await openCore(path, options, thresholds);
	try {
		await core.start();
	} catch (error) {
		await core.close();
		throw error;
	}
	return new Collection<S>(core);
}

async function openCore(
	path: string,
	options: OpenOptions,
	thresholds: Partial<Thresholds> | undefined,
): Promise<Core> {
	const driver = options.driver ?? nodeSqliteDriver();
	const readOnly = options.readOnly === true;
	// Whatever the working directory will be.
	const folder = path === ':memory:' ? undefined : resolve(path);
	if (folder === undefined && readOnly) throw new TypeError("open: ':memory:' with readOnly: true has nothing to read");
	if (folder !== undefined) prepareFolder(folder, readOnly, options.create ?? true);
	const lock = folder === undefined || readOnly ? undefined : lockFolder(driver, folder);
	let store: Store | undefined;
	try {
		store = openStore(driver, folder, options);
		checkSettings(path, readSettings(store), options);
		if (!readOnly) applySchema(store, path, readSettings(store).schema, options.schema);
		const settings = readSettings(store);
		return new Core({
			path,
			folder,
			store,
			files: folder === undefined ? new MemoryFiles() : new FolderFiles(join(folder, 'seg')),
			driver,
			lock,
			settings,
			embedder: options.embedder,
			cacheEmbeddings: options.cacheEmbeddings ?? true,
			engine: options.engine,
			thresholds,
		});
	} catch (error) {
		store?.close();
		lock?.release();
		throw error;
	}
}

/** Makes the folder of a new collection; throws where there is something else in its place. */
function prepareFolder(folder: string, readOnly: boolean, create: boolean): void {
	if (existsSync(join(folder, DATABASE))) return;
	const exists = existsSync(folder);
	if (exists && !statSync(folder).isDirectory()) {
		throw new VecinoError('storage', `open: ${folder} is a file; a collection is a folder. Give the path of a folder`);
	}
	if (readOnly || !create) {
		const how = readOnly ? 'Open it without readOnly: true' : 'Leave create: false out';
		throw new VecinoError(
			'storage',
			`open: there is no collection at ${folder}. ${how} to make one, or check the path`,
		);
	}
	if (exists && readdirSync(folder).some((name) => !name.startsWith('.') && !OWN_FILES.has(name))) {
		throw new VecinoError(
			'storage',
			`open: ${folder} has other files in it and is no collection. Choose a new folder or an empty one`,
		);
	}
	try {
		mkdirSync(folder, { recursive: true });
	} catch (cause) {
		throw new VecinoError(
			'storage',
			`open: the folder ${folder} cannot be made (${(cause as Error).message}). Check the path and its rights`,
			{ cause },
		);
	}
}

/** What a process that ended while it made a collection has left. */
const OWN_FILES: ReadonlySet<string> = new Set([
	'writer.lock',
	'writer.json',
	'writer.lock-journal',
	'seg',
	'meta.db-wal',
	'meta.db-shm',
]);

function openStore(driver: Driver, folder: string | undefined, options: OpenOptions): Store {
	const path = folder === undefined ? ':memory:' : join(folder, DATABASE);
	const readOnly = options.readOnly === true;
	const still = readOnly && folder !== undefined && driver.name === 'node:sqlite' && isStill(folder);
	const db = driver.open(still ? `${pathToFileURL(path).href}?immutable=1` : path, { readOnly });
	try {
		if (!readOnly && isEmptyDatabase(db)) makeDatabase(db, options);
		checkDatabase(db, path);
		configure(db, options.durability ?? 'full', readOnly);
		return new Store(path, ...connections(driver, db, path, readOnly), readOnly);
	} catch (error) {
		db.close();
		throw error;
	}
}

/**
 * Whether a folder may not be written and nothing in it waits to be taken over: on a read-only disk. SQLite then reads without the
 * files through which readers and writers agree, which it could not make there.
 */
function isStill(folder: string): boolean {
	if ((statSync(join(folder, `${DATABASE}-wal`), { throwIfNoEntry: false })?.size ?? 0) > 0) return false;
	try {
		accessSync(folder, constants.W_OK);
		return false;
	} catch {
		return true;
	}
}

/** The connection that reads and the one that writes, where there are two. */
function connections(driver: Driver, db: Database, path: string, readOnly: boolean): [Database, Database | undefined] {
	if (readOnly || path === ':memory:' || driver.concurrent === false) return [db, undefined];
	const reader = driver.open(path, { readOnly: true });
	configure(reader, 'full', true);
	return [reader, db];
}

function makeDatabase(db: Database, options: OpenOptions): void {
	createTables(db, () => {
		const put = db.prepare('INSERT INTO info VALUES (?, ?)');
		writeSettings({ setInfo: (name, value) => void put.run(name, value) }, newSettings(options));
		for (const { create } of schemaIndexes(options.schema ?? {})) db.exec(create);
	});
}
