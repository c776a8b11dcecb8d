/**
 * From a `where` to conditions: everything is checked here, and names and values that do not fit are named in the error.
 */

import { type Field, type Fields, fieldNamed } from './fields.ts';
import { nearestOf } from './nearest.ts';
import { described, isoDate, isPlainObject, wellFormed } from './values.ts';

/** A value as it is compared: dates are text by now. */
export type Scalar = string | number | boolean;

export type Comparison = '>' | '>=' | '<' | '<=';

/** A question about the value of one field, or about one at least of the values of an array. */
export type Test =
	| { readonly kind: 'present' }
	| { readonly kind: 'equals'; readonly values: readonly Scalar[] }
	| { readonly kind: 'compare'; readonly is: Comparison; readonly to: string | number }
	| { readonly kind: 'prefix'; readonly text: string }
	| { readonly kind: 'contains'; readonly value: Scalar };

export type Condition =
	| { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
	| { readonly kind: 'not'; readonly of: Condition }
	| { readonly kind: 'test'; readonly field: Field; readonly test: Test };

/** Limits that keep a filter from being an attack. SQLite allows 32,766 parameters and expressions of depth 1,000. */
export const WHERE_LIMITS = { depth: 20, conditions: 500, values: 10_000, text: 100_000 } as const;

const COMPARISONS: Readonly<Record<string, Comparison>> = { $gt: '>', $gte: '>=', $lt: '<', $lte: '<=' };

const OPERATORS = [
	'$eq',
	'$ne',
	'$gt',
	'$gte',
	'$lt',
	'$lte',
	'$in',
	'$nin',
	'$exists',
	'$contains',
	'$prefix',
	'$not',
];

/**
 * @param context - Method and argument, for errors: 'Collection.query: where'.
 * @throws TypeError for what is no filter; VecinoError 'unknown-field' for names that are no fields.
 */
export function parseWhere(where: unknown, fields: Fields, context: string): Condition {
	return new Parser(fields, context).where(where, '', 0);
}

class Parser {
	readonly #fields: Fields;
	readonly #context: string;
	#conditions = 0;
	#values = 0;

	constructor(fields: Fields, context: string) {
		this.#fields = fields;
		this.#context = context;
	}

	where(where: unknown, at: string, depth: number): Condition {
		if (!isPlainObject(where)) throw this.#error(at, `must be an object of conditions, got ${described(where)}`);
		if (depth > WHERE_LIMITS.depth) throw this.#error(at, `is nested deeper than ${WHERE_LIMITS.depth} levels`);
		const all: Condition[] = [];
		for (const [key, value] of Object.entries(where)) {
			const here = at === '' ? key : `${at}.${key}`;
			if (value === undefined) {
				throw this.#error(here, 'is undefined; leave it out, or say null for rows without the field');
			}
			if (key === '$and' || key === '$or') all.push(this.#several(key, value, here, depth));
			else if (key === '$not') all.push({ kind: 'not', of: this.where(value, here, depth + 1) });
			else if (key.startsWith('$')) throw this.#unknownOperator(key, at, ['$and', '$or', '$not']);
			else all.push(this.#field(fieldNamed(key, this.#fields, this.#context), value, here, depth));
		}
		return all.length === 1 ? all[0]! : { kind: 'all', of: all };
	}

	#several(key: '$and' | '$or', value: unknown, at: string, depth: number): Condition {
		if (!Array.isArray(value)) throw this.#error(at, `must be an array of filters, got ${described(value)}`);
		const of = value.map((part, i) => {
			this.#count(at);
			return this.where(part, `${at}[${i}]`, depth + 1);
		});
		return { kind: key === '$and' ? 'all' : 'any', of };
	}

	#field(field: Field, value: unknown, at: string, depth: number): Condition {
		if (!isPlainObject(value)) return this.#operator(field, '$eq', value, at);
		if (depth > WHERE_LIMITS.depth) throw this.#error(at, `is nested deeper than ${WHERE_LIMITS.depth} levels`);
		const entries = Object.entries(value);
		if (entries.length === 0) throw this.#error(at, 'has no operator in it; leave it out for every row');
		const of = entries.map(([operator, operand]) => {
			if (operand === undefined) throw this.#error(`${at}.${operator}`, 'is undefined');
			if (operator !== '$not') return this.#operator(field, operator, operand, at);
			if (!isPlainObject(operand)) {
				throw this.#error(
					`${at}.$not`,
					`must be an object of operators, got ${described(operand)}; for a value there is $ne`,
				);
			}
			return { kind: 'not', of: this.#field(field, operand, `${at}.$not`, depth + 1) } as const;
		});
		return of.length === 1 ? of[0]! : { kind: 'all', of };
	}

	#operator(field: Field, operator: string, operand: unknown, path: string): Condition {
		this.#count(path);
		const at = operator === '$eq' ? path : `${path}.${operator}`;
		const test = (test: Test): Condition => ({ kind: 'test', field, test });
		switch (operator) {
			case '$eq':
			case '$ne': {
				const equal = this.#equals(field, [operand], at);
				return operator === '$eq' ? equal : { kind: 'not', of: equal };
			}
			case '$in':
			case '$nin': {
				if (!Array.isArray(operand)) throw this.#error(at, `must be an array of values, got ${described(operand)}`);
				const equal = this.#equals(field, operand, at);
				return operator === '$in' ? equal : { kind: 'not', of: equal };
			}
			case '$exists': {
				if (typeof operand !== 'boolean') throw this.#error(at, `must be true or false, got ${described(operand)}`);
				return operand ? test({ kind: 'present' }) : { kind: 'not', of: test({ kind: 'present' }) };
			}
			case '$prefix':
				return test({ kind: 'prefix', text: this.#text(field, operand, at) });
			case '$contains': {
				const isText = field.type === 'string' || field.type === 'datetime';
				return test({
					kind: 'contains',
					value: isText ? this.#text(field, operand, at) : this.#element(field, operand, at),
				});
			}
		}
		const is = Object.hasOwn(COMPARISONS, operator) ? COMPARISONS[operator] : undefined;
		if (is !== undefined) return test({ kind: 'compare', is, to: this.#ordered(field, operand, at) });
		if (operator.startsWith('$')) throw this.#unknownOperator(operator, path, OPERATORS);
		throw this.#error(
			path,
			`has '${operator}', which is no operator; a field inside an object is named with a dot: '${field.name}.${operator}'`,
		);
	}

	/** Equality with one of several values, null among them. */
	#equals(field: Field, operands: readonly unknown[], at: string): Condition {
		this.#values += operands.length;
		if (this.#values > WHERE_LIMITS.values) throw this.#error(at, `has more than ${WHERE_LIMITS.values} values in all`);
		const values = operands.filter((value) => value !== null).map((value) => this.#value(field, value, at));
		const equal: Condition = { kind: 'test', field, test: { kind: 'equals', values: [...new Set(values)] } };
		if (values.length === operands.length) return equal;
		const absent: Condition = { kind: 'not', of: { kind: 'test', field, test: { kind: 'present' } } };
		return values.length === 0 ? absent : { kind: 'any', of: [equal, absent] };
	}

	#element(field: Field, operand: unknown, at: string): Scalar {
		if (field.type !== 'any' && field.type !== 'string[]' && field.type !== 'number[]') {
			throw this.#error(
				at,
				`asks what is in an array or a text, and field '${field.name}' is declared '${field.type}'`,
			);
		}
		if (operand === null) throw this.#error(at, 'must be a value, got null');
		return this.#value(field, operand, at);
	}

	/** A value that the field, or one of the values of an array, can be equal to. */
	#value(field: Field, operand: unknown, at: string): Scalar {
		switch (field.type) {
			case 'string':
			case 'string[]':
				if (typeof operand === 'string') return this.#bounded(operand, at);
				break;
			case 'number':
			case 'integer':
			case 'number[]':
				if (typeof operand === 'number' && Number.isFinite(operand)) return operand;
				break;
			case 'boolean':
				if (typeof operand === 'boolean') return operand;
				break;
			case 'datetime': {
				const date = isoDate(operand);
				if (date !== undefined) return date;
				break;
			}
			default: {
				if (typeof operand === 'string') return this.#bounded(operand, at);
				if (typeof operand === 'boolean') return operand;
				if (typeof operand === 'number' && Number.isFinite(operand)) return operand;
				const date = operand instanceof Date ? isoDate(operand) : undefined;
				if (date !== undefined) return date;
			}
		}
		throw this.#mismatch(field, operand, at);
	}

	#ordered(field: Field, operand: unknown, at: string): string | number {
		if (field.type === 'boolean') throw this.#error(at, `compares, and field '${field.name}' is declared 'boolean'`);
		if (operand === null || typeof operand === 'boolean') {
			throw this.#error(at, `must be a value that has an order, got ${described(operand)}`);
		}
		return this.#value(field, operand, at) as string | number;
	}

	#text(field: Field, operand: unknown, at: string): string {
		const holdsText = ['string', 'string[]', 'datetime', 'any'].includes(field.type);
		if (!holdsText) throw this.#error(at, `looks into text, and field '${field.name}' is declared '${field.type}'`);
		if (typeof operand !== 'string') throw this.#error(at, `must be a string, got ${described(operand)}`);
		return this.#bounded(operand, at);
	}

	#bounded(text: string, at: string): string {
		if (text.length > WHERE_LIMITS.text) throw this.#error(at, `is longer than ${WHERE_LIMITS.text} characters`);
		return wellFormed(text);
	}

	#count(at: string): void {
		this.#conditions++;
		if (this.#conditions <= WHERE_LIMITS.conditions) return;
		throw this.#error(
			at,
			`is one of more than ${WHERE_LIMITS.conditions} conditions; values of one field go into one $in`,
		);
	}

	#mismatch(field: Field, operand: unknown, at: string): TypeError {
		if (field.type === 'any') {
			const hint = Array.isArray(operand)
				? '; an array has one value: { $contains: value }, a value is one of several: { $in: [...] }'
				: '';
			return this.#error(
				at,
				`must be a string, a finite number, a boolean, a Date or null, got ${described(operand)}${hint}`,
			);
		}
		const hint = Array.isArray(operand) ? '; one of several values is { $in: [...] }' : '';
		const date = field.type === 'datetime' ? ' (ISO 8601, or a Date, years 0 to 9999)' : '';
		return this.#error(
			at,
			`must fit field '${field.name}', declared '${field.type}'${date}, got ${described(operand)}${hint}`,
		);
	}

	#unknownOperator(operator: string, at: string, operators: readonly string[]): TypeError {
		const nearest = nearestOf(operator, operators);
		const meant = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
		return this.#error(at, `there is no operator ${operator}${meant} here; there are ${operators.join(', ')}`);
	}

	#error(at: string, problem: string): TypeError {
		return new TypeError(`${this.#context}: ${at === '' ? '' : `${at} `}${problem}`);
	}
}
