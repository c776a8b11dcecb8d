/** What can be wrong with the tables of rows. */

import { type Originals, vectorCodec } from '../rows/encode.ts';
import type { Store } from '../rows/store.ts';
import type { Database, SqlValue } from '../storage/driver.ts';
import { isArrayType, isIndexed, specOf } from '../where/fields.ts';
import { checkMetadata, schemaIndexes } from '../where/schema.ts';
import type { Inspection } from './maintain-report.ts';

/** Rows looked at between two looks at the clock. */
const STEP = 2000;

const TABLES = [
	'info',
	'docs',
	'vectors',
	'dead',
	'segments',
	'models',
	'fields',
	'kv',
	'fts',
	'embeddings',
	'embedder',
];

/** SQLite's own check, and the tables. False where nothing more can be said. */
export function checkTables(store: Store, quick: boolean, found: Inspection['found']): boolean {
	const { db } = store.reader;
	const rows = db.prepare(`PRAGMA ${quick ? 'quick_check' : 'integrity_check'}(20)`).all();
	const said = rows.map((row) => String(Object.values(row)[0])).filter((text) => text !== 'ok');
	const ofIndexes = said.filter((text) =>
		/^(row \d+ missing from index|wrong # of entries in index|non-unique entry)/.test(text),
	);
	const ofWords = said.filter((text) => /fts5/i.test(text));
	const others = said.filter((text) => !ofIndexes.includes(text) && !ofWords.includes(text));
	if (ofIndexes.length > 0) found('bad-index', `SQLite: ${ofIndexes.slice(0, 3).join('; ')}`, true);
	if (ofWords.length > 0) found('bad-words', `SQLite: ${ofWords[0]}`, true);
	if (others.length > 0) found('damaged-database', `SQLite: ${others.slice(0, 3).join('; ')}`, false);
	const there = new Set(
		db
			.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
			.all()
			.map(({ name }) => name),
	);
	const missing = TABLES.filter((name) => !there.has(name));
	if (missing.length > 0) found('damaged-database', `there is no table ${missing.join(', ')}`, false);
	return others.length === 0 && missing.length === 0;
}

/** What every row must have, and what counts them. Returns the rids of all rows, ascending. */
export async function checkDocs(inspection: Inspection): Promise<Float64Array> {
	const { store, settings, checked, found } = inspection;
	const { db } = store.reader;
	const { counters } = store;
	checkIndexes(inspection);
	const rids: number[] = [];
	const bytes = settings.dimension === undefined ? 0 : vectorCodec(settings.originals, settings.dimension).bytes;
	const docs = db.prepare(
		`SELECT d.rid AS rid, d.id AS id, d.meta AS meta, d.made AS made, length(v.vec) AS bytes
		FROM docs d LEFT JOIN vectors v ON v.rid = d.rid WHERE d.rid > ? ORDER BY d.rid LIMIT ${STEP}`,
	);
	const [noVector, badVector, badMeta] = [new Examples(), new Examples(), new Examples()];
	let made = 0;
	for (let after = -1; ; after = rids.at(-1)!) {
		const rows = docs.all(after);
		for (const { rid, id, meta, made: byEmbedder, bytes: size } of rows) {
			rids.push(Number(rid));
			if (byEmbedder === 1) made++;
			if (size === null) {
				if (mustHaveVector(settings.originals, Number(rid), counters.sealedUpTo)) noVector.add(id!);
			} else {
				checked.vectors++;
				if (size !== bytes) badVector.add(id!);
			}
			if (!isGoodMeta(inspection, meta!)) badMeta.add(id!);
		}
		await inspection.pause('rows', rids.length, counters.rows);
		if (rows.length < STEP) break;
	}
	checked.rows = rids.length;
	const again = 'upsert these rows with their vectors, or delete them';
	if (noVector.count > 0) found('missing-vector', `${noVector} no vector`, false, `${again}; or restore() a snapshot`);
	if (badVector.count > 0)
		found('bad-vector', `${badVector} a vector of another size than ${bytes} bytes`, false, again);
	if (badMeta.count > 0) {
		found(
			'bad-metadata',
			`${badMeta} metadata that is not JSON or not as the schema says`,
			false,
			'update() these rows with replace: true',
		);
	}
	const orphans = count(db, 'SELECT count(*) AS n FROM vectors WHERE rid NOT IN (SELECT rid FROM docs)');
	if (orphans > 0) found('orphan-vector', `${orphans} vectors have no row`, true);
	if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'vectors_next'").get() !== undefined && !inspection.live) {
		found('leftover', 'a table of vectors that were being made is left', true);
	}
	const last = Math.max(rids.at(-1) ?? 0, count(db, 'SELECT max(rid) AS n FROM dead'));
	if (counters.rows !== rids.length)
		found('bad-counter', `${counters.rows} rows were counted, there are ${rids.length}`, true);
	if (counters.made !== made)
		found('bad-counter', `${counters.made} embedded rows were counted, there are ${made}`, true);
	if (counters.lastRid < last)
		found('bad-counter', `the last rid is said to be ${counters.lastRid}, and is ${last}`, true);
	return Float64Array.from(rids);
}

export function mustHaveVector(originals: Originals, rid: number, sealedUpTo: number): boolean {
	return originals !== 'none' || rid > sealedUpTo;
}

function checkIndexes({ store, settings, found }: Inspection): void {
	const there = new Set(
		store.reader.db
			.prepare("SELECT name FROM sqlite_schema WHERE type = 'index'")
			.all()
			.map(({ name }) => `"${name}"`),
	);
	const missing = schemaIndexes(settings.schema ?? {}).filter(({ name }) => !there.has(name));
	if (missing.length > 0) {
		found('bad-index', `there is no index for ${missing.map(({ field }) => `'${field}'`).join(', ')}`, true);
	}
}

function isGoodMeta({ settings }: Inspection, meta: SqlValue): boolean {
	if (meta === null) return true;
	try {
		checkMetadata(JSON.parse(String(meta)), { schema: settings.schema }, '');
		return true;
	} catch {
		return false;
	}
}

/** Words of texts: those of every row that has a text, and of no other. */
export async function checkWords({ store, checked, found, pause }: Inspection): Promise<void> {
	const { db } = store.reader;
	checked.texts = count(db, 'SELECT count(*) AS n FROM docs WHERE text IS NOT NULL');
	await pause('words', 0, 0);
	const missing = count(
		db,
		'SELECT count(*) AS n FROM docs WHERE text IS NOT NULL AND rid NOT IN (SELECT id FROM fts_docsize)',
	);
	await pause('words', 1, 2);
	const orphans = count(
		db,
		'SELECT count(*) AS n FROM fts_docsize WHERE id NOT IN (SELECT rid FROM docs WHERE text IS NOT NULL)',
	);
	if (missing > 0) found('bad-words', `${missing} rows have texts whose words are not found`, true);
	if (orphans > 0) found('bad-words', `words of ${orphans} rows are found that have no text`, true);
}

/** Values of array fields: those of the metadata, each once. */
export async function checkValues(inspection: Inspection): Promise<void> {
	const { store, settings, checked, found } = inspection;
	const { db } = store.reader;
	const arrays = Object.entries(settings.schema ?? {}).filter(
		([, field]) => isArrayType(specOf(field).type) && isIndexed(specOf(field)),
	);
	checked.values = count(db, 'SELECT count(*) AS n FROM kv');
	const orphans = count(db, 'SELECT count(*) AS n FROM kv WHERE rid NOT IN (SELECT rid FROM docs)');
	let wrong = 0;
	const docs = db.prepare(`SELECT rid, meta FROM docs WHERE rid > ? ORDER BY rid LIMIT ${STEP}`);
	const values = db.prepare('SELECT rid, field, value FROM kv WHERE rid > ? AND rid <= ?');
	for (let after = -1, more = arrays.length > 0 || checked.values > 0; more; ) {
		const rows = docs.all(after);
		more = rows.length === STEP;
		if (rows.length === 0) break;
		const last = Number(rows.at(-1)!['rid']);
		const kept = new Map<number, Set<string>>();
		for (const { rid, field, value } of values.all(after, last)) {
			const set = kept.get(Number(rid)) ?? new Set();
			kept.set(Number(rid), set.add(JSON.stringify([field, value])));
		}
		for (const { rid, meta } of rows) {
			const wanted = valuesOf(inspection, meta!);
			const set = kept.get(Number(rid)) ?? new Set();
			if (
				wanted !== undefined &&
				(wanted.length !== set.size || !wanted.every((pair) => set.has(JSON.stringify(pair))))
			)
				wrong++;
		}
		after = last;
		await inspection.pause('values', after, store.counters.lastRid);
	}
	if (wrong > 0)
		found('bad-values', `${wrong} rows have array fields whose values are not those that filters find`, true);
	if (orphans > 0) found('bad-values', `filters find ${orphans} values of rows that are gone`, true);
}

/** What `kv` must have of a row; undefined where its metadata is no good. */
export function valuesOf(
	{ settings }: Pick<Inspection, 'settings'>,
	meta: SqlValue,
): readonly (readonly [string, string | number])[] | undefined {
	if (meta === null || settings.schema === undefined) return [];
	try {
		return checkMetadata(JSON.parse(String(meta)), { schema: settings.schema }, '').values;
	} catch {
		return undefined;
	}
}

export function count(db: Database, sql: string): number {
	return Number(db.prepare(sql).get()?.['n'] ?? 0);
}

/** How many, and the first few of them. */
export class Examples {
	count = 0;
	readonly #ids: string[] = [];

	add(id: SqlValue): void {
		if (this.count++ < 3) this.#ids.push(typeof id === 'string' ? `'${id}'` : String(id));
	}

	toString(): string {
		const ids = this.#ids.join(', ') + (this.count > 3 ? ', ...' : '');
		return this.count === 1 ? `row ${ids} has` : `${this.count} rows (${ids}) have`;
	}
}
