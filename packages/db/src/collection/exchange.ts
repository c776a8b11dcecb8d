/**
 * A collection into a file and files into a collection.
 *
 * An export is of one moment: it reads through its own connection, in one transaction, so that rows written meanwhile are not
 * in it, nor any row twice. In memory, where there is one connection only, it has the rows as it comes to them.
 */

import { isVecinoError, type Progress, VecinoError } from 'vecino';
import { checkInt, checkKeys, checkOneOf, show } from '../check.ts';
import type { EntryKeys, PlacedEntry } from '../exchange/entries.ts';
import { type EntriesInput, openEntries, type WrittenRows, writeRows } from '../exchange/files.ts';
import type { IdKind } from '../exchange/parquet-write.ts';
import type { ExchangeFormat } from '../exchange/sniff.ts';
import { Connection } from '../rows/store.ts';
import type { SqlRow, SqlValue } from '../storage/driver.ts';
import { rollback } from '../storage/schema.ts';
import type { Entry, Id, Metadata, Row } from '../types.ts';
import { compileWhere } from '../where/compile.ts';
import type { Where } from '../where/types.ts';
import type { Core } from './core.ts';
import type { Include } from './search.ts';
import type { Writing } from './writing.ts';

/** Options of `import`. */
export interface ImportOptions {
	/** Default: by the first bytes of the file and its name. */
	readonly format?: ExchangeFormat | undefined;
	/** 'add': an id that is there already is an error; 'upsert': its row is replaced. Default: 'add'. */
	readonly mode?: 'add' | 'upsert' | undefined;
	/** Names of keys or columns where they are not the usual ones. */
	readonly keys?: EntryKeys | undefined;
	/** Fields of the metadata that are taken over; others are left out. Default: all. */
	readonly fields?: readonly string[] | undefined;
	/** Entries at the beginning that are passed over: what an import that failed had committed. Default: 0. */
	readonly skip?: number | undefined;
	/** What errors call the input. Default: the name of the file. */
	readonly name?: string | undefined;
	/** Stops it; what was committed stays. */
	readonly signal?: AbortSignal | undefined;
	/** Called after each transaction. */
	readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
}

/** How far an import has come. */
export interface ImportProgress {
	/** Entries that are committed. */
	readonly rows: number;
	/** How much of the input is read, in bytes or rows. */
	readonly done: number;
	/** How much there is, in the unit of `done`; 0 where that is not known. */
	readonly total: number;
}

/** What was imported. */
export interface Imported {
	/** What the input was. */
	readonly format: ExchangeFormat;
	/** Entries that are committed, those passed over left out. */
	readonly rows: number;
}

/** Options of `export`. */
export interface ExportOptions<M = Metadata> {
	/** Default: by the extension: .jsonl, .parquet, or a folder (or .npy) for vectors.npy and metadata.jsonl. */
	readonly format?: Exclude<ExchangeFormat, 'json'> | undefined;
	/** Only rows with such metadata. Default: all. */
	readonly where?: Where<M> | undefined;
	/** What is written beside the id. Default: all of it. */
	readonly include?: readonly Include[] | undefined;
	/** Stops it; what was there before stays. */
	readonly signal?: AbortSignal | undefined;
	/** Called with the rows written so far. */
	readonly onProgress?: ((progress: Progress) => void) | undefined;
}

const IMPORT_KEYS = ['format', 'mode', 'keys', 'fields', 'skip', 'name', 'signal', 'onProgress'];
const EXPORT_KEYS = ['format', 'where', 'include', 'signal', 'onProgress'];
const FORMATS: readonly ExchangeFormat[] = ['jsonl', 'json', 'npy', 'parquet'];
const INCLUDES: readonly Include[] = ['metadata', 'text', 'vector'];

/** Rows read at once. */
const PAGE = 256;

/** Puts the entries of a file into a collection, a transaction at a time. */
export async function importEntries(
	collection: Pick<Writing<undefined>, 'add' | 'upsert'>,
	input: EntriesInput,
	options: ImportOptions = {},
): Promise<Imported> {
	const where = 'Collection.import';
	checkKeys(where, options, IMPORT_KEYS);
	const { format, mode = 'add', keys, fields, skip = 0, name, signal, onProgress } = options;
	checkOneOf(where, 'mode', mode, ['add', 'upsert']);
	checkInt(where, 'skip', skip, 0, Number.MAX_SAFE_INTEGER);
	if (format !== undefined) checkOneOf(where, 'format', format, FORMATS);
	await using opened = await openEntries(input, { format, keys, signal, ...(name !== undefined && { name }) });
	const source = opened.entries[Symbol.asyncIterator]();
	for (let i = 0; i < skip; i++) if ((await source.next()).done) break;
	const places = new Places(source, fields);
	let rows = 0;
	const progress = ({ done }: { readonly done: number }): void => {
		rows = done;
		places.committed(done);
		onProgress?.({ rows: done, done: opened.read(), total: opened.total });
	};
	try {
		rows = await collection[mode](places.entries(), { signal, onProgress: progress });
		return { format: opened.format, rows };
	} catch (error) {
		throw withPlace(error, opened.name, opened.unit, places, skip + rows);
	}
}

/** Which places of the input the entries come from that are not committed yet. */
class Places {
	readonly #source: AsyncIterator<PlacedEntry>;
	readonly #fields: readonly string[] | undefined;
	/** Of entry #first and those after it. */
	#pending: number[] = [];
	#first = 0;

	constructor(source: AsyncIterator<PlacedEntry>, fields: readonly string[] | undefined) {
		this.#source = source;
		this.#fields = fields;
	}

	async *entries(): AsyncGenerator<Entry> {
		for (let step = await this.#source.next(); !step.done; step = await this.#source.next()) {
			this.#pending.push(step.value.place);
			yield this.#fields === undefined ? step.value.entry : withFields(step.value.entry, this.#fields);
		}
	}

	committed(count: number): void {
		this.#pending.splice(0, count - this.#first);
		this.#first = count;
	}

	/** Place of an entry by its number among those that were taken. */
	of(entry: number | undefined): number | undefined {
		return entry === undefined ? undefined : this.#pending[entry - this.#first];
	}
}

function withFields({ metadata = {}, ...entry }: Entry, fields: readonly string[]): Entry {
	return { ...entry, metadata: Object.fromEntries(Object.entries(metadata).filter(([name]) => fields.includes(name))) };
}

/** The error with the line it is about, and how many entries are safe: the number to `skip` when the import is tried again. */
function withPlace(error: unknown, name: string, unit: string, places: Places, committed: number): unknown {
	if (!(error instanceof Error)) return error;
	const kept =
		committed === 0
			? 'nothing was imported'
			: `the first ${committed} entries were imported (skip: ${committed} goes on)`;
	const [begin, entry] = /^Collection\.\w+: entry (\d+):? /.exec(error.message) ?? [];
	const place = places.of(entry === undefined ? undefined : Number(entry));
	if (begin === undefined || place === undefined) {
		error.message = `${error.message}; ${kept}`;
		return Object.assign(error, { committed });
	}
	const message = `${name}: ${unit} ${place}: ${error.message.slice(begin.length)}; ${kept}`;
	// What a caller would be blamed for is here the fault of the file.
	const code = isVecinoError(error) ? error.code : 'corrupt-data';
	return Object.assign(new VecinoError(code, message, { row: place - 1, cause: error }), { committed });
}

/** Writes the rows of a collection to a file or a folder. */
export async function exportRows<M>(
	core: Core,
	path: string | URL,
	options: ExportOptions<M> = {},
): Promise<WrittenRows> {
	const method = 'Collection.export';
	core.checkOpen(method);
	checkKeys(method, options, EXPORT_KEYS);
	const { format, where, include = INCLUDES, signal, onProgress } = options;
	if (format !== undefined) {
		checkOneOf(method, 'format', format, ['jsonl', 'npy', 'parquet']);
	}
	if (!Array.isArray(include) || !include.every((name) => INCLUDES.includes(name))) {
		throw new RangeError(`${method}: include must be a list of 'metadata', 'text' and 'vector', got ${show(include)}`);
	}
	await core.catchUp();
	const { schema } = core.settings;
	const { scanSql, params } = compileWhere(where, { schema, seen: core.fields.seen }, `${method}: where`);
	const moment = new Moment(core);
	try {
		const rows = rowsOf(core, moment, scanSql, params, include);
		return await writeRows(path, rows, {
			...(schema !== undefined && { schema }),
			format,
			ids: moment.idKind(),
			total: where === undefined ? core.store.counters.rows : 0,
			signal,
			onProgress,
		});
	} finally {
		moment.close();
	}
}

/** What is committed now, whatever is written while it is read. */
class Moment {
	readonly connection: Connection;
	/** Whether it is the connection of the collection itself, where rows may come and go. */
	readonly isShared: boolean;

	constructor({ store, driver }: Core) {
		this.isShared = store.path === ':memory:';
		this.connection = this.isShared ? store.reader : new Connection(driver.open(store.path, { readOnly: true }));
		if (!this.isShared) this.connection.db.exec('BEGIN');
	}

	/** Integers come before texts in the index of ids, so that its ends say what there is. */
	idKind(): IdKind {
		const ends = this.connection.sql('SELECT typeof(min(id)) AS low, typeof(max(id)) AS high FROM docs').get();
		if (ends?.['low'] !== ends?.['high']) return 'mixed';
		return ends?.['low'] === 'text' ? 'string' : 'integer';
	}

	close(): void {
		if (this.isShared) return;
		rollback(this.connection.db);
		this.connection.close();
	}
}

async function* rowsOf(
	core: Core,
	{ connection, isShared }: Moment,
	condition: string,
	params: readonly SqlValue[],
	include: readonly Include[],
): AsyncGenerator<Row> {
	const vectors = include.includes('vector') && core.vectors !== undefined;
	const [column, join] = vectors ? [', v.vec', ' LEFT JOIN vectors v ON v.rid = d.rid'] : ['', ''];
	const page = connection.db.prepare(
		`SELECT d.rid, d.id, d.meta, d.text${column} FROM docs d${join} WHERE d.rid > ? AND (${condition}) ORDER BY d.rid LIMIT ${PAGE}`,
	);
	// A row that is replaced while it is read comes again under a higher rid.
	const given = new Set<Id>();
	const { lastRid } = core.store.counters;
	for (let after = 0; ; ) {
		const found = page.all(after, ...params);
		for (const row of found) {
			after = row['rid'] as number;
			const id = row['id'] as Id;
			if (isShared && given.has(id) && after > lastRid) continue;
			if (isShared) given.add(id);
			yield toRow(core, row, include);
		}
		if (found.length < PAGE) return;
	}
}

function toRow(core: Core, sql: SqlRow, include: readonly Include[]): Row {
	const { id, meta, text } = sql as { id: Id; meta: string | null; text: string | null };
	const metadata = meta !== null && include.includes('metadata') ? (JSON.parse(meta) as Row['metadata']) : {};
	const vector = include.includes('vector') ? vectorOf(core, sql) : undefined;
	const withText = text !== null && include.includes('text');
	return { id, metadata, ...(withText && { text }), ...(vector !== undefined && { vector }) };
}

/** As it is kept, or as the index has it where it is not. */
function vectorOf({ vectors, path }: Core, { rid, id, vec }: SqlRow): Float32Array | undefined {
	if (vectors === undefined) return undefined;
	const out = new Float32Array(vectors.rows.d);
	if (vec instanceof Uint8Array) {
		vectors.rows.codec.decode(vec, out, 0);
		return out;
	}
	try {
		return vectors.live.reconstruct([rid as number]);
	} catch (cause) {
		throw new VecinoError('unknown-label', `${path}: the vector of ${show(id)} went while it was exported`, { cause });
	}
}
