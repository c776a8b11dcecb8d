/**
 * What filters mean, once more and without SQL: the judge of the compiler. Written from the documentation of `Where`, for
 * metadata as it is kept (plain JSON), with types taken from the schema where dates are declared.
 */

import type { Schema } from '../../src/types.ts';
import { specOf } from '../../src/where/fields.ts';
import { isoDate, isPlainObject } from '../../src/where/values.ts';

type Json = unknown;

export function matches(where: Record<string, Json>, metadata: Json, schema?: Schema): boolean {
	return Object.entries(where).every(([key, value]) => {
		if (key === '$and') return (value as Record<string, Json>[]).every((part) => matches(part, metadata, schema));
		if (key === '$or') return (value as Record<string, Json>[]).some((part) => matches(part, metadata, schema));
		if (key === '$not') return !matches(value as Record<string, Json>, metadata, schema);
		const isDate = schema?.[key] !== undefined && specOf(schema[key]!).type === 'datetime';
		const field = valueAt(metadata, key);
		const operators = isPlainObject(value) ? value : { $eq: value };
		return holds(field, operators, isDate);
	});
}

function valueAt(metadata: Json, path: string): Json {
	let value = metadata;
	for (const name of path.split('.')) {
		if (!isPlainObject(value) || !Object.hasOwn(value, name)) return undefined;
		value = value[name];
	}
	return value;
}

function holds(field: Json, operators: Record<string, Json>, isDate: boolean): boolean {
	return Object.entries(operators).every(([operator, given]) => {
		const asKept = (value: Json): Json => (isDate || value instanceof Date ? (isoDate(value) ?? value) : value);
		const operand = Array.isArray(given) ? given.map(asKept) : asKept(given);
		switch (operator) {
			case '$eq':
				return equals(field, operand);
			case '$ne':
				return !equals(field, operand);
			case '$in':
				return (operand as Json[]).some((value) => equals(field, value));
			case '$nin':
				return !(operand as Json[]).some((value) => equals(field, value));
			case '$exists':
				return (field !== undefined && field !== null) === operand;
			case '$not':
				return !holds(field, given as Record<string, Json>, isDate);
			case '$contains':
				if (Array.isArray(field)) return field.some((value) => value === operand);
				return typeof field === 'string' && typeof operand === 'string' && field.includes(operand);
			case '$prefix':
				return some(field, (value) => typeof value === 'string' && value.startsWith(given as string));
			default:
				return some(field, (value) => compares(operator, value, operand));
		}
	});
}

function equals(field: Json, operand: Json): boolean {
	if (operand === null) return field === undefined || field === null;
	return some(field, (value) => value === operand);
}

function some(field: Json, test: (value: Json) => boolean): boolean {
	return Array.isArray(field) ? field.some(test) : test(field);
}

function compares(operator: string, value: Json, operand: Json): boolean {
	if (typeof value !== typeof operand) return false;
	const order =
		typeof value === 'string' ? byCodePoints(value, operand as string) : (value as number) - (operand as number);
	if (operator === '$gt') return order > 0;
	if (operator === '$gte') return order >= 0;
	return operator === '$lt' ? order < 0 : order <= 0;
}

function byCodePoints(a: string, b: string): number {
	const as = Array.from(a, (char) => char.codePointAt(0)!);
	const bs = Array.from(b, (char) => char.codePointAt(0)!);
	for (let i = 0; i < Math.min(as.length, bs.length); i++) {
		if (as[i] !== bs[i]) return as[i]! - bs[i]!;
	}
	return as.length - bs.length;
}
