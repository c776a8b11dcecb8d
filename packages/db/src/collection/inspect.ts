/** What a collection is, without opening its index: for programs that have to know before they open it. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Metric, VecinoError } from 'vecino';
import type { Originals } from '../rows/encode.ts';
import { Store } from '../rows/store.ts';
import type { Driver } from '../storage/driver.ts';
import { nodeSqliteDriver } from '../storage/node-sqlite.ts';
import { checkDatabase } from '../storage/schema.ts';
import type { Schema } from '../types.ts';
import { readSettings } from './options.ts';

/** What a collection was made with, and how many rows it has. */
export interface CollectionInfo {
	/** undefined until the first vector, where none was given. */
	readonly dimension: number | undefined;
	/** How distances are taken. */
	readonly metric: Metric;
	/** 'auto' or a factory string. */
	readonly index: string;
	/** How vectors are kept on disk. */
	readonly originals: Originals;
	/** Declared fields; undefined where any field may be there. */
	readonly schema: Schema | undefined;
	/** Model that makes vectors of its texts; undefined where it has none. */
	readonly model: string | undefined;
	/** When it was made, ISO 8601. */
	readonly created: string;
	/** How many there are. */
	readonly rows: number;
}

/**
 * Reads what a collection is; another process may have it open.
 *
 * @throws VecinoError 'storage' where there is none, 'corrupt-data' and 'unsupported-version' as `open`.
 *
 * @example
 * const books = await open('books', { dimension: 2 });
 * await books.close();
 * console.log(inspectCollection('books').dimension); // 2
 */
export function inspectCollection(
	path: string,
	options: { readonly driver?: Driver | undefined } = {},
): CollectionInfo {
	const file = join(path, 'meta.db');
	if (!existsSync(file)) {
		throw new VecinoError('storage', `inspectCollection: there is no collection at ${path}. Check the path`);
	}
	const db = (options.driver ?? nodeSqliteDriver()).open(file, { readOnly: true });
	try {
		checkDatabase(db, file);
		const store = new Store(file, db, undefined, true);
		const { dimension, metric, index, originals, schema, model, created } = readSettings(store);
		return { dimension, metric, index, originals, schema, model, created, rows: store.counters.rows };
	} finally {
		db.close();
	}
}
