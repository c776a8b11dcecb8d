/**
 * From conditions to SQL over `docs d` (rid, id, meta: JSON text) and `kv` (field, value, rid).
 *
 * SQL has three truth values and filters have two: a comparison with an absent field is NULL in SQL, which counts as false
 * wherever there is no NOT around it; and every NOT is written `(...) IS NOT TRUE`, which makes it true, as it should be.
 *
 * There are two forms with the same parameters. `sql` lets SQLite start from an index. `scanSql` asks of one row after
 * the other, for scans over ranges of rids: a list of all rids with a tag would be made anew for each range.
 */

import type { SqlValue } from '../storage/driver.ts';
import type { Field, Fields } from './fields.ts';
import { isArrayType } from './fields.ts';
import { type Condition, parseWhere, type Scalar, type Test } from './parse.ts';

/** A filter as SQL. */
export interface CompiledWhere {
	/** Condition over `docs d`, in no need of brackets. '1' for every row. */
	readonly sql: string;
	/** The same, for reading rows in order of rid. */
	readonly scanSql: string;
	/** In the order of the question marks, of `sql` as of `scanSql`. */
	readonly params: readonly SqlValue[];
	/** Whether every row matches. */
	readonly everything: boolean;
	/** Whether SQLite finds the rows from an index, without looking at all of them. */
	readonly indexed: boolean;
	/**
	 * Whether, moreover, one indexed field must equal something: the index then has the rows of each value by rid, and
	 * ranges of rids are read from it as quickly as all.
	 */
	readonly byEquality: boolean;
	/** The same for the same filter, another for another. */
	readonly key: string;
}

/**
 * Compiles a filter. Names and values are parameters or quoted: nothing of them is run.
 *
 * @param where - The filter; undefined is every row.
 * @param fields - The fields that there are.
 * @param context - Method and argument, for errors.
 * @throws TypeError for what is no filter or does not fit the declared type; VecinoError 'unknown-field' for a name that
 * is no field, with `nearest`.
 *
 * @example
 * const { sql, params } = compileWhere({ year: { $gte: 2020 } }, { schema: { year: 'integer' } });
 * console.log(sql, params); // json_extract(d.meta,'$."year"') >= ? [ 2020 ]
 */
export function compileWhere(where: unknown, fields: Fields, context = 'where'): CompiledWhere {
	const condition = parseWhere(where === undefined ? {} : where, fields, context);
	const writer = new Writer(false);
	const sql = writer.write(condition);
	const scanSql = new Writer(true).write(condition);
	const everything = sql === '1';
	return {
		sql,
		scanSql,
		params: writer.params,
		everything,
		indexed: isIndexed(condition),
		byEquality: isByEquality(condition),
		key: `${sql}\n${JSON.stringify(writer.params)}`,
	};
}

/** Whether an index leads to the rows: one of several that must all hold is enough, and each of several that may. */
function isIndexed(condition: Condition): boolean {
	switch (condition.kind) {
		case 'all':
			return condition.of.some(isIndexed);
		case 'any':
			return condition.of.every(isIndexed);
		case 'not':
			// Absent fields are in the index, too.
			return condition.of.kind === 'test' && condition.of.test.kind === 'present' && condition.of.field.by === 'index';
		case 'test':
			return isIndexedTest(condition.field, condition.test);
	}
}

function isIndexedTest(field: Field, test: Test): boolean {
	if (test.kind === 'equals' && test.values.length === 0) return true;
	if (field.by === 'rows' || test.kind === 'present') return false;
	return field.by === 'kv' || test.kind !== 'contains';
}

function isByEquality(condition: Condition): boolean {
	if (condition.kind === 'all') return condition.of.some(isByEquality);
	return condition.kind === 'test' && condition.test.kind === 'equals' && condition.field.by === 'index';
}

/** Type and value of what is asked about: of a field, or of a value of an array. */
interface Subject {
	/** Undefined where the schema says what it is. */
	readonly type: string | undefined;
	readonly value: string;
}

class Writer {
	readonly params: SqlValue[] = [];
	readonly #scan: boolean;

	constructor(scan: boolean) {
		this.#scan = scan;
	}

	write(condition: Condition): string {
		switch (condition.kind) {
			case 'all':
				return this.#join(condition.of, ' AND ', '1');
			case 'any':
				return this.#join(condition.of, ' OR ', '0');
			case 'not': {
				const { of } = condition;
				if (of.kind === 'test' && of.test.kind === 'present') return `${this.#extract(of.field)} IS NULL`;
				return `(${this.write(of)}) IS NOT TRUE`;
			}
			case 'test':
				return this.#test(condition.field, condition.test);
		}
	}

	#join(of: readonly Condition[], word: string, empty: string): string {
		if (of.length === 0) return empty;
		return of.length === 1 ? this.write(of[0]!) : `(${of.map((part) => this.write(part)).join(word)})`;
	}

	#test(field: Field, test: Test): string {
		if (test.kind === 'present') return `${this.#extract(field)} IS NOT NULL`;
		if (test.kind === 'equals' && test.values.length === 0) return '0';
		if (field.type === 'any') return this.#anyTest(field, test);
		if (!isArrayType(field.type)) return this.#value({ type: undefined, value: this.#extract(field) }, test);
		if (field.by === 'kv') return this.#kvTest(field, test);
		return this.#someElement(field, test, false);
	}

	#extract(field: Field): string {
		return `json_extract(d.meta,${field.path})`;
	}

	/** A value of a declared array. `kv` leads to the rows, or is looked up for each. */
	#kvTest(field: Field, test: Test): string {
		this.params.push(field.name);
		const isValue = this.#value({ type: undefined, value: 'kv.value' }, elementTest(test), true);
		const found = `FROM kv WHERE kv.field = ? AND ${isValue}`;
		return this.#scan ? `EXISTS (SELECT 1 ${found} AND kv.rid = d.rid)` : `d.rid IN (SELECT kv.rid ${found})`;
	}

	#someElement(field: Field, test: Test, typed: boolean): string {
		const isValue = this.#value({ type: typed ? 'e.type' : undefined, value: 'e.value' }, elementTest(test));
		return `EXISTS (SELECT 1 FROM json_each(d.meta,${field.path}) e WHERE ${isValue})`;
	}

	/** Of any type: its own type is compared as well, and an array is asked for its values. */
	#anyTest(field: Field, test: Test): string {
		const type = `json_type(d.meta,${field.path})`;
		const some = this.#someElement(field, test, true);
		if (test.kind === 'contains' && typeof test.value !== 'string') return `(${type} = 'array' AND ${some})`;
		const alone = this.#value({ type, value: this.#extract(field) }, test);
		return `CASE ${type} WHEN 'array' THEN ${some} WHEN 'object' THEN 0 ELSE ${alone} END`;
	}

	/** @param bound - Whether the value was bound to a parameter when it was written, and not read from JSON. */
	#value(subject: Subject, test: Test, bound = false): string {
		const { value } = subject;
		switch (test.kind) {
			case 'equals':
				return this.#equals(subject, test.values, bound);
			case 'compare':
				return this.#typed(subject, typeof test.to, `${value} ${test.is} ${this.#param(test.to, bound)}`);
			case 'contains':
				this.params.push(test.value as string);
				return this.#typed(subject, 'string', `instr(${value}, ?) > 0`);
			case 'prefix':
				return this.#typed(subject, 'string', this.#between(value, test.text));
			case 'present':
				return `${value} IS NOT NULL`;
		}
	}

	/** Text from a prefix on, to the first that has another: an index can do it, and bytes of UTF-8 sort by code points. */
	#between(value: string, prefix: string): string {
		this.params.push(prefix);
		const after = afterPrefix(prefix);
		if (after === undefined) return `${value} >= ?`;
		this.params.push(after);
		return `(${value} >= ? AND ${value} < ?)`;
	}

	#equals(subject: Subject, values: readonly Scalar[], bound: boolean): string {
		const kinds = (['string', 'number', 'boolean'] as const).map((kind) => ({
			kind,
			of: values.filter((value) => typeof value === kind),
		}));
		const parts = kinds.flatMap(({ kind, of }) => {
			if (of.length === 0) return [];
			if (kind === 'boolean' && subject.type !== undefined) {
				return of.map((value) => `${subject.type} = '${value === true ? 'true' : 'false'}'`);
			}
			const params = of.map((value) => this.#param(value, bound)).join(', ');
			return [
				this.#typed(
					subject,
					kind,
					of.length === 1 ? `${subject.value} = ${params}` : `${subject.value} IN (${params})`,
				),
			];
		});
		return parts.length === 1 ? parts[0]! : `(${parts.join(' OR ')})`;
	}

	#typed(subject: Subject, kind: string, condition: string): string {
		if (subject.type === undefined) return condition;
		const types = kind === 'string' ? "= 'text'" : "IN ('integer', 'real')";
		return `(${subject.type} ${types} AND ${condition})`;
	}

	/**
	 * SQLite reads some decimal fractions in JSON a bit away from where JavaScript does (3 % of random doubles, seen with
	 * 3.53): what is compared with numbers in JSON goes through the same reader.
	 */
	#param(value: Scalar, bound: boolean): string {
		if (typeof value === 'boolean') this.params.push(value ? 1 : 0);
		else if (typeof value === 'string' || bound || Number.isSafeInteger(value)) this.params.push(value);
		else {
			this.params.push(JSON.stringify(value));
			return `json_extract(?,'$')`;
		}
		return '?';
	}
}

/** What is asked of the values of an array. */
function elementTest(test: Test): Test {
	return test.kind === 'contains' ? { kind: 'equals', values: [test.value] } : test;
}

/** The least text that is above all with this prefix: its last code point raised; undefined where there is none. */
function afterPrefix(prefix: string): string | undefined {
	const points = Array.from(prefix, (char) => char.codePointAt(0)!);
	while (points.length > 0) {
		const last = points.pop()!;
		if (last === 0x10ffff) continue;
		const next = last + 1 === 0xd800 ? 0xe000 : last + 1;
		return String.fromCodePoint(...points, next);
	}
	return undefined;
}
