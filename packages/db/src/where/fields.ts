/**
 * The fields that a filter may name, and what SQL reads them with.
 *
 * A scalar field is read by `json_extract(d.meta,'$."genre"')`: to the letter what the expression indexes are made over,
 * so that SQLite recognises it. No name gets into SQL but as a JSON string inside a SQL string.
 */

import { VecinoError } from 'vecino';
import type { FieldSpec, FieldType, Schema } from '../types.ts';
import { nearestOf } from './nearest.ts';
import { wellFormed } from './values.ts';

/** The fields of a collection: those of its schema, or those that its rows have had. */
export interface Fields {
	/** What is declared; undefined: nothing is. */
	readonly schema?: Schema | undefined;
	/** Without a schema: names that rows have had, at the top level. Undefined or empty: any name may be asked for. */
	readonly seen?: ReadonlySet<string> | undefined;
}

/** A field as a filter names it. */
export interface Field {
	/** As it was written: 'year', 'author.name'. */
	readonly name: string;
	/** 'any' where values may be of any type. */
	readonly type: Exclude<FieldType, 'json'> | 'any';
	/** What answers conditions: an expression index, the table `kv`, or looking at each row. */
	readonly by: 'index' | 'kv' | 'rows';
	/** Path within the metadata, a SQL string with its quotes. */
	readonly path: string;
}

/** Path of nested names as a SQL string: `'$."author"."name"'`. */
export function sqlPath(names: readonly string[]): string {
	const path = '$' + names.map((name) => '.' + JSON.stringify(wellFormed(name))).join('');
	return `'${path.replaceAll("'", "''")}'`;
}

export function specOf(field: FieldType | FieldSpec): FieldSpec {
	return typeof field === 'string' ? { type: field } : field;
}

export function isArrayType(type: FieldType | 'any'): boolean {
	return type === 'string[]' || type === 'number[]';
}

/** Whether filters on a field are answered by an index: an expression index, or `kv` for arrays. */
export function isIndexed(spec: FieldSpec): boolean {
	return spec.type !== 'json' && (spec.index ?? true);
}

/**
 * The field with a name.
 * @throws VecinoError 'unknown-field' where there is none, with the nearest that there is.
 */
export function fieldNamed(name: string, fields: Fields, context: string): Field {
	const names = name.split('.');
	const top = names[0]!;
	if (fields.schema === undefined) {
		const { seen } = fields;
		if (seen !== undefined && seen.size > 0 && !seen.has(wellFormed(top))) throw unknownField(top, seen, context);
		return { name, type: 'any', by: 'rows', path: sqlPath(names) };
	}
	if (!Object.hasOwn(fields.schema, top)) throw unknownField(top, Object.keys(fields.schema), context);
	const spec = specOf(fields.schema[top]!);
	if (spec.type === 'json') return { name, type: 'any', by: 'rows', path: sqlPath(names) };
	if (names.length > 1) {
		throw new TypeError(`${context}: '${name}': field '${top}' is declared '${spec.type}', which has no fields inside`);
	}
	const by = !isIndexed(spec) ? 'rows' : isArrayType(spec.type) ? 'kv' : 'index';
	return { name, type: spec.type, by, path: sqlPath(names) };
}

/** The error about a name that is no field: which fields there are, and which one was probably meant. */
export function unknownField(name: string, names: Iterable<string>, context: string): VecinoError {
	const all = [...names];
	const nearest = nearestOf(name, all);
	const shown = all.slice(0, 20).map((known) => `'${known}'`);
	const more = all.length > shown.length ? ` and ${all.length - shown.length} more` : '';
	const meant = nearest === undefined ? '' : ` (did you mean '${nearest}'?)`;
	const there =
		all.length === 0 ? 'there are none' : `there ${all.length === 1 ? 'is' : 'are'} ${shown.join(', ')}${more}`;
	return new VecinoError('unknown-field', `${context}: there is no field '${name}'${meant}; ${there}`, {
		found: name,
		expected: all.join(', '),
		...(nearest === undefined ? {} : { nearest }),
	});
}
