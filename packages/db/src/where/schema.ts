/**
 * Schemas and metadata on their way in: what is checked, how it is kept, and what is indexed of it.
 *
 * Metadata is kept as JSON text. Whatever JSON would change silently (NaN, a Map, undefined in an array) is refused, so
 * that what is read is what was written; dates are an exception, and become ISO 8601 text in UTC, and so are halves of
 * surrogate pairs and U+0000, which become U+FFFD.
 */

import type { FieldSpec, FieldType, Metadata, Schema } from '../types.ts';
import { type Fields, isArrayType, isIndexed, specOf, sqlPath, unknownField } from './fields.ts';
import { described, isoDate, isPlainObject, wellFormed } from './values.ts';

const TYPES: readonly FieldType[] = [
	'string',
	'number',
	'integer',
	'boolean',
	'datetime',
	'string[]',
	'number[]',
	'json',
];

/** SQLite reads JSON that is nested 1,000 deep; nobody filters below a few. */
const DEEPEST = 100;

/** Indexes slow every write down, and SQLite plans over all of them. */
const MOST_FIELDS = 200;

/** Metadata that was checked. */
export interface CheckedMetadata {
	/** As it is kept: JSON text. */
	readonly json: string;
	/** The same, as it will be read. */
	readonly metadata: Metadata;
	/** Rows for table `kv`: each value of an indexed array field, once. */
	readonly values: readonly (readonly [field: string, value: string | number])[];
}

/** An index of SQLite that a schema asks for. */
export interface SchemaIndex {
	readonly field: string;
	/** Name of the index, already quoted. */
	readonly name: string;
	/** Makes it over `docs`; nothing happens where it is there. */
	readonly create: string;
	readonly drop: string;
}

/**
 * Checks a schema.
 * @throws TypeError naming the field: not a type, or a name that filters could not say.
 */
export function checkSchema(schema: Schema, context = 'schema'): void {
	if (!isPlainObject(schema)) throw new TypeError(`${context}: must be an object of fields, got ${described(schema)}`);
	const names = Object.keys(schema);
	if (names.length > MOST_FIELDS) {
		throw new RangeError(
			`${context}: at most ${MOST_FIELDS} fields, got ${names.length}; rare ones fit into one of type 'json'`,
		);
	}
	for (const name of names) {
		if (!/^[^$."\\\p{Control}\p{Surrogate}][^."\\\p{Control}\p{Surrogate}]{0,99}$/u.test(name)) {
			throw new TypeError(
				`${context}: field '${name}' must have 1 to 100 characters, none of . " \\ or control characters, and no $ in front`,
			);
		}
		checkSpec(name, schema[name], context);
	}
}

function checkSpec(name: string, field: unknown, context: string): void {
	const spec = typeof field === 'string' ? { type: field } : field;
	const at = `${context}: field '${name}'`;
	if (!isPlainObject(spec))
		throw new TypeError(`${at} must be a type or { type, index, required }, got ${described(field)}`);
	const { type, index, required, ...rest } = spec;
	if (!TYPES.includes(type as FieldType)) {
		throw new TypeError(`${at}: type must be one of ${TYPES.join(', ')}, got ${described(type)}`);
	}
	for (const [key, value] of Object.entries({ index, required })) {
		if (value !== undefined && typeof value !== 'boolean') {
			throw new TypeError(`${at}: ${key} must be true or false, got ${described(value)}`);
		}
	}
	if (type === 'json' && index === true) {
		throw new TypeError(`${at}: 'json' has no index; declare what is filtered on as a field of its own`);
	}
	const unknown = Object.keys(rest)[0];
	if (unknown !== undefined) throw new TypeError(`${at}: there is no '${unknown}'; there are type, index, required`);
}

/** The expression indexes of a schema, over `docs`: one for each scalar field that is indexed. */
export function schemaIndexes(schema: Schema): SchemaIndex[] {
	return Object.entries(schema)
		.filter(([, field]) => isIndexed(specOf(field)) && !isArrayType(specOf(field).type))
		.map(([field]) => {
			const name = indexName(field);
			return {
				field,
				name,
				create: `CREATE INDEX IF NOT EXISTS ${name} ON docs(json_extract(meta,${sqlPath([field])}))`,
				drop: `DROP INDEX IF EXISTS ${name}`,
			};
		});
}

/** SQLite tells no upper from lower case in names of indexes: a hash of the field does. */
function indexName(field: string): string {
	let hash = 0x811c9dc5;
	for (const byte of new TextEncoder().encode(field)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
	const words = field.replace(/[^A-Za-z0-9]+/g, '_').slice(0, 40);
	return `"meta_${words}_${hash.toString(16).padStart(8, '0')}"`;
}

/**
 * Checks the metadata of one row on its way in.
 *
 * @param metadata - undefined is `{}`.
 * @param context - Method and row, for errors: 'Collection.add: row 3'.
 * @throws TypeError for what does not fit the schema or is not JSON, naming field, expectation and value;
 * VecinoError 'unknown-field' for a field that the schema does not have.
 *
 * @example
 * const { json } = checkMetadata({ year: 2020, seen: new Date(0) }, { schema: { year: 'integer', seen: 'datetime' } }, 'add: row 0');
 * console.log(json); // {"year":2020,"seen":"1970-01-01T00:00:00.000Z"}
 */
export function checkMetadata(metadata: unknown, fields: Fields, context: string): CheckedMetadata {
	const given = metadata ?? {};
	if (!isPlainObject(given)) throw new TypeError(`${context}: metadata must be an object, got ${described(metadata)}`);
	const checked: [string, unknown][] = [];
	const values: (readonly [string, string | number])[] = [];
	const { schema } = fields;
	for (const [name, value] of Object.entries(given)) {
		if (value === undefined) continue;
		const at = `${context}: field '${name}'`;
		if (schema === undefined) {
			checked.push([wellFormed(name), asJson(value, at, 1)]);
			continue;
		}
		if (!Object.hasOwn(schema, name)) throw unknownField(name, Object.keys(schema), `${context}: metadata`);
		const spec = specOf(schema[name]!);
		const kept = value === null ? null : asDeclared(value, spec, at);
		checked.push([name, kept]);
		if (kept === null || !isArrayType(spec.type) || !isIndexed(spec)) continue;
		for (const element of new Set(kept as (string | number)[])) values.push([name, element]);
	}
	const kept = Object.fromEntries(checked);
	for (const name of requiredOf(schema)) {
		if (kept[name] === undefined || kept[name] === null) {
			throw new TypeError(`${context}: field '${name}' is required, got ${described(kept[name])}`);
		}
	}
	return { json: JSON.stringify(kept), metadata: kept, values };
}

const required = new WeakMap<Schema, string[]>();

function requiredOf(schema: Schema | undefined): readonly string[] {
	if (schema === undefined) return [];
	let names = required.get(schema);
	if (names === undefined) {
		names = Object.keys(schema).filter((name) => specOf(schema[name]!).required);
		required.set(schema, names);
	}
	return names;
}

function asDeclared(value: unknown, spec: FieldSpec, at: string): unknown {
	switch (spec.type) {
		case 'string':
			if (typeof value === 'string') return wellFormed(value);
			break;
		case 'number':
			if (typeof value === 'number' && Number.isFinite(value)) return value;
			break;
		case 'integer':
			if (Number.isSafeInteger(value)) return value;
			break;
		case 'boolean':
			if (typeof value === 'boolean') return value;
			break;
		case 'datetime': {
			const date = isoDate(value);
			if (date !== undefined) return date;
			throw new TypeError(
				`${at} is declared 'datetime': an ISO 8601 string or a Date, years 0 to 9999, got ${described(value)}`,
			);
		}
		case 'string[]':
		case 'number[]':
			return asArray(value, spec.type, at);
		case 'json':
			return asJson(value, at, 1);
	}
	const hint = spec.type === 'number' || spec.type === 'integer' ? boundsOf(spec.type, value) : '';
	throw new TypeError(`${at} is declared '${spec.type}', got ${described(value)}${hint}`);
}

function asArray(value: unknown, type: 'string[]' | 'number[]', at: string): unknown[] {
	if (!Array.isArray(value)) throw new TypeError(`${at} is declared '${type}', got ${described(value)}`);
	return Array.from(value, (element: unknown, i) => {
		if (type === 'string[]' && typeof element === 'string') return wellFormed(element);
		if (type === 'number[]' && typeof element === 'number' && Number.isFinite(element)) return element;
		throw new TypeError(`${at} is declared '${type}', got ${described(element)} at [${i}]`);
	});
}

function boundsOf(type: 'number' | 'integer', value: unknown): string {
	if (typeof value !== 'number') return '';
	return type === 'integer' ? '; whole numbers up to 2^53 - 1 are exact' : '; JSON has finite numbers only';
}

/** As it will be read again from JSON. */
function asJson(value: unknown, at: string, depth: number): unknown {
	switch (typeof value) {
		case 'string':
			return wellFormed(value);
		case 'boolean':
			return value;
		case 'number':
			if (Number.isFinite(value)) return value;
			throw new TypeError(`${at} must be JSON, which has finite numbers only, got ${value}`);
		case 'object':
			break;
		default:
			throw new TypeError(`${at} must be JSON, got ${described(value)}`);
	}
	if (value === null) return null;
	if (depth > DEEPEST) throw new TypeError(`${at} must be JSON nested at most ${DEEPEST} deep`);
	if (Array.isArray(value))
		return Array.from(value, (element: unknown, i) => asJson(element, `${at}[${i}]`, depth + 1));
	if (value instanceof Date) {
		const date = isoDate(value);
		if (date !== undefined) return date;
	} else if (isPlainObject(value)) {
		const entries = Object.entries(value).filter(([, part]) => part !== undefined);
		return Object.fromEntries(
			entries.map(([name, part]) => [wellFormed(name), asJson(part, `${at}.${name}`, depth + 1)]),
		);
	}
	if (hasToJson(value)) return asJson(value.toJSON(), at, depth + 1);
	throw new TypeError(`${at} must be JSON, got ${kindOf(value)}`);
}

function hasToJson(value: object): value is { toJSON(): unknown } {
	return !(value instanceof Date) && 'toJSON' in value && typeof value.toJSON === 'function';
}

function kindOf(value: object): string {
	return value instanceof Date ? described(value) : `a ${value.constructor?.name ?? 'class'}`;
}
