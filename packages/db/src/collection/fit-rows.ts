/**
 * Rows that were there before a schema: they have to fit it, or filters would pass them over without a word.
 */

import { VecinoError } from 'vecino';
import type { Store } from '../rows/store.ts';
import type { Schema } from '../types.ts';
import { isArrayType, isIndexed, specOf } from '../where/fields.ts';
import { checkMetadata } from '../where/schema.ts';

const STEP = 1000;

/** Whether rows have to be looked at: nothing was declared yet, a field is required now, or an array is indexed that was not. */
function concernsRows(kept: Schema | undefined, given: Schema): boolean {
	if (kept === undefined) return true;
	return Object.entries(given).some(([name, field]) => {
		const now = specOf(field);
		const before = Object.hasOwn(kept, name) ? specOf(kept[name]!) : undefined;
		if (now.required === true && before?.required !== true) return true;
		return before !== undefined && isArrayType(now.type) && isIndexed(now) !== isIndexed(before);
	});
}

/**
 * Within a transaction: checks the metadata of all rows against a schema, keeps dates as it says, and notes the values of
 * arrays. Once, when the schema is given: a million rows take some seconds.
 *
 * @throws {VecinoError} `not-alike` naming the first row that does not fit.
 */
export function fitRows(store: Store, path: string, kept: Schema | undefined, given: Schema): void {
	if (!concernsRows(kept, given)) return;
	const { writer } = store;
	writer.db.exec('DELETE FROM kv');
	const docs = writer.sql(`SELECT rid, id, meta FROM docs WHERE rid > ? ORDER BY rid LIMIT ${STEP}`);
	for (let rows = docs.all(0); rows.length > 0; rows = docs.all(rows.at(-1)!['rid']!)) {
		for (const { rid, id, meta } of rows) {
			const { json, values } = fitted(path, id, meta === null ? {} : JSON.parse(String(meta)), given);
			if (meta !== null && json !== meta) writer.sql('UPDATE docs SET meta = ? WHERE rid = ?').run(json, rid!);
			for (const [field, value] of values)
				writer.sql('INSERT OR IGNORE INTO kv VALUES (?, ?, ?)').run(field, value, rid!);
		}
	}
}

function fitted(path: string, id: unknown, metadata: unknown, schema: Schema): ReturnType<typeof checkMetadata> {
	const name = typeof id === 'string' ? `'${id}'` : String(id);
	try {
		return checkMetadata(metadata, { schema }, `row ${name}`);
	} catch (cause) {
		throw new VecinoError(
			'not-alike',
			`open: the rows of ${path} do not fit the schema: ${(cause as Error).message}. Change the schema, or update() these rows first`,
			{ cause },
		);
	}
}
