/** Options of `open`: their defaults, their checks, and what a collection keeps of them. */

import { type Engine, type Metric, parseSpec, VecinoError } from 'vecino';
import { checkInt, checkKeys, checkOneOf, show } from '../check.ts';
import type { Originals } from '../rows/encode.ts';
import type { Store } from '../rows/store.ts';
import type { Driver } from '../storage/driver.ts';
import type { Embedder } from '../text/embedder.ts';
import type { FieldSpec, FieldType, Schema } from '../types.ts';
import { checkSchema, schemaIndexes } from '../where/schema.ts';
import { fitRows } from './fit-rows.ts';

/** Options of `open`. Those that make the collection are kept in it, and may be left out when it is opened again. */
export interface OpenOptions<S extends Schema | undefined = Schema | undefined> {
	/** Numbers per vector, 1..65535. Default: that of the embedder, or of the first vector that is added. */
	readonly dimension?: number | undefined;
	/** 'cosine', 'l2' or 'ip'. Default: 'cosine'. */
	readonly metric?: Metric | undefined;
	/**
	 * 'auto' chooses, and chooses again as the collection grows: exact search while that is quick, then cells and codes that
	 * reach a recall of 0.95. Or a factory string such as 'IVF256,PQ32x4fs,Refine(SQ8)'. Default: 'auto'.
	 */
	readonly index?: string | undefined;
	/**
	 * How the vectors themselves are kept on disk: 'f32' as given, 'f16' or 'sq8' rounded in 2 or 1 bytes a number, 'none' not at
	 * all once the index has them (it cannot change to another kind then). Default: 'f32'.
	 */
	readonly originals?: Originals | undefined;
	/** Turns texts into vectors. The model is recorded; the collection opens without it, but takes no texts then. */
	readonly embedder?: Embedder | undefined;
	/** Whether vectors that the embedder made are also kept by the hash of their text, so that no text is paid for twice. Default: true. */
	readonly cacheEmbeddings?: boolean | undefined;
	/** Fields of the metadata and their types. Fields can be added later. Default: any field, none with an index. */
	readonly schema?: S | undefined;
	/** 'full': a write that has returned survives a power cut. 'normal': it survives the end of the process. Default: 'full'. */
	readonly durability?: 'full' | 'normal' | undefined;
	/** Opens beside a writer, in this or another process; every query sees what is committed. Default: false. */
	readonly readOnly?: boolean | undefined;
	/** Whether a collection that is not there is made. Default: true. */
	readonly create?: boolean | undefined;
	/** SQLite. Default: that of the runtime, `node:sqlite`. */
	readonly driver?: Driver | undefined;
	/** Where indexes live in memory. Default: the shared engine. */
	readonly engine?: Engine | undefined;
}

/** What a collection is, as its file says. */
export interface Settings {
	/** undefined until the first vector. */
	dimension: number | undefined;
	readonly metric: Metric;
	readonly index: string;
	readonly originals: Originals;
	readonly schema: Schema | undefined;
	/** Model that made the vectors of texts; undefined until one did. */
	model: string | undefined;
	/** ISO 8601. */
	readonly created: string;
}

const METRICS: readonly Metric[] = ['l2', 'ip', 'cosine'];
const ORIGINALS: readonly Originals[] = ['f32', 'f16', 'sq8', 'none'];
const NAMES: readonly string[] = [
	'dimension',
	'metric',
	'index',
	'originals',
	'embedder',
	'cacheEmbeddings',
	'schema',
	'durability',
	'readOnly',
	'create',
	'driver',
	'engine',
];

export const MAX_DIMENSION = 65_535;

/** Throws for what is no option, or has no such value. */
export function checkOpenOptions(options: OpenOptions): void {
	checkKeys('open', options, NAMES);
	const { dimension, metric, index, originals, embedder, durability, driver } = options;
	if (dimension !== undefined) checkInt('open', 'dimension', dimension, 1, MAX_DIMENSION);
	if (metric !== undefined) checkOneOf('open', 'metric', metric, METRICS);
	if (originals !== undefined) checkOneOf('open', 'originals', originals, ORIGINALS);
	if (options.schema !== undefined) checkSchema(options.schema, 'open: schema');
	if (durability !== undefined) checkOneOf('open', 'durability', durability, ['full', 'normal']);
	for (const name of ['readOnly', 'create', 'cacheEmbeddings'] as const) {
		const value = options[name];
		if (value !== undefined && typeof value !== 'boolean')
			throw new TypeError(`open: ${name} must be true or false, got ${show(value)}`);
	}
	if (index !== undefined && index !== 'auto') {
		if (typeof index !== 'string')
			throw new TypeError(`open: index must be 'auto' or a factory string, got ${show(index)}`);
		parseSpec(index);
	}
	if (embedder !== undefined && (typeof embedder?.embed !== 'function' || typeof embedder.model !== 'string')) {
		throw new TypeError(`open: embedder must have a model and a function embed, got ${show(embedder)}`);
	}
	if (driver !== undefined && typeof driver?.open !== 'function') {
		throw new TypeError(`open: driver must be a driver such as betterSqlite3Driver(Database), got ${show(driver)}`);
	}
}

/** Settings of a new collection. */
export function newSettings(options: OpenOptions): Settings {
	const { dimension, metric = 'cosine', index = 'auto', originals = 'f32', schema, embedder } = options;
	return {
		dimension: dimension ?? embedder?.dimension,
		metric,
		index,
		originals,
		schema,
		model: embedder?.model,
		created: new Date().toISOString(),
	};
}

/** Within a transaction. */
export function writeSettings(store: Pick<Store, 'setInfo'>, settings: Settings): void {
	for (const [name, value] of Object.entries(settings)) {
		if (value !== undefined)
			store.setInfo(name, typeof value === 'object' ? JSON.stringify(value) : (value as string | number));
	}
}

export function readSettings(store: Store): Settings {
	const text = (name: string): string | undefined => {
		const value = store.info(name);
		return value === undefined || value === null ? undefined : String(value);
	};
	const dimension = store.info('dimension');
	const schema = text('schema');
	return {
		dimension: dimension === undefined || dimension === null ? undefined : Number(dimension),
		metric: (text('metric') ?? 'cosine') as Metric,
		index: text('index') ?? 'auto',
		originals: (text('originals') ?? 'f32') as Originals,
		schema: schema === undefined ? undefined : (JSON.parse(schema) as Schema),
		model: text('model'),
		created: text('created') ?? '',
	};
}

/** Fields may be added to a schema, and no more. */
function checkSchemaChange(path: string, kept: Schema | undefined, given: Schema | undefined): void {
	if (given === undefined || kept === undefined) return;
	for (const [name, field] of Object.entries(kept)) {
		const now = Object.hasOwn(given, name) ? given[name] : undefined;
		if (now !== undefined && typeOf(now) === typeOf(field)) continue;
		const found = now === undefined ? 'nothing' : `'${typeOf(now)}'`;
		throw new VecinoError(
			'not-alike',
			`open: the schema of ${path} has the field '${name}' of type '${typeOf(field)}', the one given has ${found} there. Fields can be added, not changed or left out; leave schema out to open it as it is`,
			{ expected: typeOf(field), found: now === undefined ? 'nothing' : typeOf(now) },
		);
	}
}

function typeOf(field: FieldType | FieldSpec): FieldType {
	return typeof field === 'string' ? field : field.type;
}

/** Takes over a schema that says more than the one that is kept, if the rows fit it, and makes the indexes that it asks for. */
export function applySchema(store: Store, path: string, kept: Schema | undefined, given: Schema | undefined): void {
	if (given === undefined || JSON.stringify(kept) === JSON.stringify(given)) return;
	store.transaction(() => {
		fitRows(store, path, kept, given);
		store.setInfo('schema', JSON.stringify(given));
		const wanted = new Set<string>();
		for (const { name, create } of schemaIndexes(given)) {
			wanted.add(name);
			store.writer.db.exec(create);
		}
		for (const { name, drop } of schemaIndexes(kept ?? {})) if (!wanted.has(name)) store.writer.db.exec(drop);
	});
}

/** Throws where options say something else than the collection was made with. */
export function checkSettings(path: string, kept: Settings, options: OpenOptions): void {
	const made = kept.model === undefined ? '' : `, with the model ${kept.model}`;
	for (const name of ['metric', 'index', 'originals'] as const) {
		const given = options[name];
		if (given === undefined || given === kept[name]) continue;
		throw new VecinoError(
			'not-alike',
			`open: ${path} was made with ${name}: '${kept[name]}', not '${given}'. Leave ${name} out to open it as it is, or export it and import it into a new collection`,
			{ expected: kept[name], found: given },
		);
	}
	checkSchemaChange(path, kept.schema, options.schema);
	const { embedder } = options;
	if (kept.model !== undefined && embedder !== undefined && embedder.model !== kept.model) {
		throw new VecinoError(
			'embedder',
			`open: the texts of ${path} were embedded with ${kept.model}, not with ${embedder.model}: their vectors cannot be compared. Open it with an embedder for ${kept.model}, or import its texts into a new collection`,
			{ expected: kept.model, found: embedder.model },
		);
	}
	const dimension = options.dimension ?? embedder?.dimension;
	if (kept.dimension !== undefined && dimension !== undefined && dimension !== kept.dimension) {
		throw new VecinoError(
			'dimension-mismatch',
			`open: ${path} was made for ${kept.dimension} dimensions${made}, not for ${dimension}`,
			{ expected: kept.dimension, found: dimension },
		);
	}
}
