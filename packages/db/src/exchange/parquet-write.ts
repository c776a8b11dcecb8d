/**
 * Rows as a Parquet file: columns `id` (INT64, STRING, or JSON where both occur), `vector` (list of FLOAT), `text`,
 * one column per declared field, and `metadata` (JSON) with what has no column of its own. Row groups are written one at a
 * time, so that one is in memory.
 *
 * A value that its column cannot hold exactly (null, which is not the same as no value; a time that is not in UTC to the
 * millisecond) stays in `metadata`, so that reading gives back what was written.
 */

import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { VecinoError } from 'vecino';
import type { Entry, FieldType, Row, Schema } from '../types.ts';

/** What ids are: all integers, all strings, or both. */
export type IdKind = 'integer' | 'string' | 'mixed';

/** What the columns of a Parquet file are. */
export interface WriteParquetOptions {
	/** Declared fields, which get columns. */
	readonly schema?: Schema | undefined;
	/** Default: as in the first row group; it is an error then when an id further on does not fit. */
	readonly ids?: IdKind | undefined;
	/** What errors call the file. */
	readonly name?: string | undefined;
}

/** Values of vectors in one row group. */
const GROUP_VALUES = 2 ** 21;
const GROUP_ROWS = 8192;

const RESERVED = ['id', 'vector', 'text', 'metadata'];

interface Column {
	readonly name: string;
	readonly elements: readonly SchemaElement[];
	/** The value as it is written; undefined where it does not fit. */
	readonly take: (value: unknown) => unknown;
}

/** The file in parts, one per row group. */
export async function* parquetBytes(
	rows: Iterable<Entry | Row> | AsyncIterable<Entry | Row>,
	{ schema = {}, ids, name = 'output' }: WriteParquetOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
	const fields = Object.entries(schema).flatMap(([field, spec]) => {
		const column = RESERVED.includes(field)
			? undefined
			: fieldColumn(field, typeof spec === 'string' ? spec : spec.type);
		return column === undefined ? [] : [column];
	});
	const bytes = new ByteWriter();
	let writer: ParquetWriter | undefined;
	let kind = ids;
	let d = 0;
	let done = 0;
	let group: (Entry | Row)[] = [];
	const flush = (): Uint8Array<ArrayBuffer> => {
		kind ??= idKind(group);
		const first = [idColumn(kind), VECTOR, TEXT];
		writer ??= new ParquetWriter({ writer: bytes, schema: schemaOf([...first, ...fields, METADATA]) });
		writer.write({ columnData: columnData(group, kind, fields, name, done), rowGroupSize: group.length });
		done += group.length;
		group = [];
		return drain(bytes);
	};
	for await (const row of rows) {
		d ||= row.vector?.length ?? 0;
		group.push(row);
		if (group.length >= Math.min(GROUP_ROWS, Math.max(1, Math.floor(GROUP_VALUES / (d || 1))))) yield flush();
	}
	if (group.length > 0 || writer === undefined) yield flush();
	writer!.finish();
	yield drain(bytes);
}

function drain(writer: ByteWriter): Uint8Array<ArrayBuffer> {
	const out = new Uint8Array(writer.buffer.slice(0, writer.index));
	writer.index = 0;
	return out;
}

function columnData(
	rows: readonly (Entry | Row)[],
	kind: IdKind,
	fields: readonly Column[],
	name: string,
	done: number,
): { name: string; data: unknown[]; encoding?: 'PLAIN' }[] {
	const values = fields.map(() => new Array<unknown>(rows.length));
	const rest = rows.map(({ metadata = {} }, i) => {
		let left: [string, unknown][] | undefined;
		const taken = new Set<string>();
		for (const [j, { name: field, take }] of fields.entries()) {
			if (!Object.hasOwn(metadata, field)) continue;
			const value = take(metadata[field]);
			if (value === undefined) continue;
			values[j]![i] = value;
			taken.add(field);
		}
		if (taken.size > 0) left = Object.entries(metadata).filter(([key]) => !taken.has(key));
		const object = left === undefined ? metadata : Object.fromEntries(left);
		return Object.keys(object).length === 0 ? null : object;
	});
	return [
		{ name: 'id', data: rows.map(({ id }, i) => idValue(id, kind, name, done + i)) },
		{
			name: 'vector',
			data: rows.map(({ vector }) => (vector === undefined ? null : Array.from(vector))),
			encoding: 'PLAIN',
		},
		{ name: 'text', data: rows.map(({ text }) => text ?? null) },
		...fields.map(({ name: field }, j) => ({ name: field, data: Array.from(values[j]!, (value) => value ?? null) })),
		{ name: 'metadata', data: rest },
	];
}

function idKind(rows: readonly (Entry | Row)[]): IdKind {
	const given = rows.map(({ id }) => id).filter((id) => id !== undefined);
	if (given.every((id) => typeof id === 'number')) return 'integer';
	return given.every((id) => typeof id === 'string') ? 'string' : 'mixed';
}

function idValue(id: unknown, kind: IdKind, name: string, row: number): unknown {
	if (id === undefined) return null;
	if (kind === 'mixed') return id;
	if (typeof id === (kind === 'integer' ? 'number' : 'string')) return kind === 'integer' ? BigInt(id as number) : id;
	const other = kind === 'integer' ? 'a string' : 'an integer';
	throw new VecinoError(
		'unsupported',
		`${name}: row ${row} has ${other} for its id, those before do not; give ids 'mixed'`,
		{
			row,
		},
	);
}

const OPTIONAL = { repetition_type: 'OPTIONAL' } as const;

const STRING = { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } } as const;
const JSON_TEXT = { type: 'BYTE_ARRAY', converted_type: 'JSON', logical_type: { type: 'JSON' } } as const;

function scalarColumn(name: string, element: Partial<SchemaElement>, take: Column['take']): Column {
	return { name, elements: [{ name, ...OPTIONAL, ...element }], take };
}

/** A list in the three levels that the format asks for. */
function listColumn(name: string, element: Partial<SchemaElement>, take: Column['take']): Column {
	return {
		name,
		elements: [
			{ name, ...OPTIONAL, num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
			{ name: 'list', repetition_type: 'REPEATED', num_children: 1 },
			{ name: 'element', ...OPTIONAL, ...element },
		],
		take,
	};
}

const asIs = (value: unknown): unknown => value;
const VECTOR = listColumn('vector', { type: 'FLOAT' }, asIs);
const TEXT = scalarColumn('text', STRING, asIs);
const METADATA = scalarColumn('metadata', JSON_TEXT, asIs);

function idColumn(kind: IdKind): Column {
	if (kind === 'integer') return scalarColumn('id', { type: 'INT64' }, asIs);
	return scalarColumn('id', kind === 'string' ? STRING : JSON_TEXT, asIs);
}

/** The column of a field; undefined for types that stay in `metadata`. */
function fieldColumn(name: string, type: FieldType): Column | undefined {
	const fits = (test: (value: unknown) => boolean) => (value: unknown) => (test(value) ? value : undefined);
	switch (type) {
		case 'string':
			return scalarColumn(name, STRING, fits(isText));
		case 'number':
			return scalarColumn(name, { type: 'DOUBLE' }, fits(Number.isFinite));
		case 'integer':
			return scalarColumn(name, { type: 'INT64' }, (value) =>
				Number.isSafeInteger(value) ? BigInt(value as number) : undefined,
			);
		case 'boolean':
			return scalarColumn(
				name,
				{ type: 'BOOLEAN' },
				fits((value) => typeof value === 'boolean'),
			);
		case 'datetime':
			return scalarColumn(name, { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' }, time);
		case 'string[]':
			return listColumn(
				name,
				STRING,
				fits((value) => Array.isArray(value) && value.every(isText)),
			);
		case 'number[]':
			return listColumn(
				name,
				{ type: 'DOUBLE' },
				fits((value) => Array.isArray(value) && value.every(Number.isFinite)),
			);
		case 'json':
			return undefined;
	}
}

/** Strings that UTF-8 can hold: no half of a surrogate pair. */
function isText(value: unknown): boolean {
	return typeof value === 'string' && !/\p{Surrogate}/u.test(value);
}

/** A time that reads back as the same string. */
function time(value: unknown): Date | undefined {
	const date = value instanceof Date ? value : typeof value === 'string' ? new Date(value) : undefined;
	if (date === undefined || Number.isNaN(date.getTime())) return undefined;
	return value instanceof Date || date.toISOString() === value ? date : undefined;
}

function schemaOf(columns: readonly Column[]): SchemaElement[] {
	return [{ name: 'root', num_children: columns.length }, ...columns.flatMap(({ elements }) => elements)];
}
