/**
 * Filters against the judge in support/matches.ts: any metadata, any filter, hostile names and texts among them.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Schema } from '../../src/types.ts';
import { compileWhere } from '../../src/where/compile.ts';
import { Documents } from '../support/documents.ts';
import { matches } from '../support/matches.ts';

/** VECINO_SOAK=1 asks longer. */
const RUNS = process.env['VECINO_SOAK'] === '1' ? 5_000 : 300;

/** Texts that look like SQL, JSON paths and JSON, or that sort differently in UTF-8 and UTF-16. */
const hostile = [
	`'; DROP TABLE docs; --`,
	`") OR 1=1 --`,
	`a"b`,
	`a'b`,
	'a\\b',
	'\\',
	'"',
	"'",
	'?',
	'$',
	'%_',
	'[0]',
	'#',
	'null',
	'true',
	'1',
	'\u0000',
	'a\u0000b',
	'\n',
	'\ud83d',
	'\u{1f600}',
	'\u{10ffff}',
	'\ufffd',
	'\uffff',
	'é',
	'__proto__',
	'constructor',
	'toString',
];
const text = fc.oneof(
	{ weight: 3, arbitrary: fc.constantFrom('', 'a', 'ab', 'abc', 'b', 'Sports', 'sports') },
	{ weight: 2, arbitrary: fc.constantFrom(...hostile) },
	{ weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) },
);
const number = fc.oneof(
	{ weight: 4, arbitrary: fc.integer({ min: -2, max: 3 }) },
	{ weight: 2, arbitrary: fc.constantFrom(0.1, 0.5, -0.25, 1e-7, 1e21, 2 ** 53, 123456.789, 5e-324, -0) },
	{ weight: 2, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
);
const scalar = fc.oneof(text, number, fc.boolean());
const value = fc.oneof(
	{ weight: 6, arbitrary: scalar },
	{ weight: 1, arbitrary: fc.constant(null) },
	{
		weight: 2,
		arbitrary: fc.array(fc.oneof(scalar, fc.constant(null), fc.array(scalar, { maxLength: 2 })), { maxLength: 3 }),
	},
);
const key = fc.constantFrom('a', 'b', 'c', ...hostile);
const nested = fc.dictionary(key, value, { maxKeys: 3 });
const metadata = fc.dictionary(key, fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: nested }), {
	maxKeys: 5,
});

/** Lone surrogates and U+0000 are kept as U+FFFD, in data as in filters. */
const kept = (name: string): string => name.replace(/[\p{Surrogate}\0]/gu, '\ufffd');
const path = fc
	.oneof({ weight: 3, arbitrary: fc.tuple(key) }, { weight: 1, arbitrary: fc.tuple(key, key) })
	.map((names) => names.map(kept).join('.'))
	.filter((name) => !name.startsWith('$'));

/** Operators, and whatever value is allowed after each. */
function operators(
	element: fc.Arbitrary<unknown>,
	ordered: fc.Arbitrary<unknown>,
	ofText: boolean,
	contained?: fc.Arbitrary<unknown>,
) {
	const orNull = fc.oneof({ weight: 6, arbitrary: element }, { weight: 1, arbitrary: fc.constant(null) });
	const choices: Record<string, fc.Arbitrary<unknown>> = {
		$eq: orNull,
		$ne: orNull,
		$in: fc.array(orNull, { maxLength: 4 }),
		$nin: fc.array(orNull, { maxLength: 4 }),
		$exists: fc.boolean(),
		$gt: ordered,
		$gte: ordered,
		$lt: ordered,
		$lte: ordered,
		...(ofText ? { $prefix: text } : {}),
		...(contained === undefined ? {} : { $contains: contained }),
	};
	const one = fc
		.constantFrom(...Object.keys(choices))
		.chain((name) => choices[name]!.map((operand) => ({ [name]: operand })));
	const two = fc.tuple(one, one).map(([a, b]) => ({ ...a, ...b }));
	const not = two.map((inner) => ({ $not: inner }));
	return fc.oneof({ weight: 2, arbitrary: orNull }, { weight: 4, arbitrary: two }, { weight: 1, arbitrary: not });
}

function logic(conditions: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Record<string, unknown>> {
	const { where } = fc.letrec<{ where: Record<string, unknown> }>((tie) => ({
		where: fc.oneof(
			{ maxDepth: 3, withCrossShrink: true },
			{ weight: 3, arbitrary: conditions },
			{ weight: 1, arbitrary: fc.array(tie('where'), { maxLength: 3 }).map(($and) => ({ $and })) },
			{ weight: 2, arbitrary: fc.array(tie('where'), { maxLength: 3 }).map(($or) => ({ $or })) },
			{ weight: 1, arbitrary: tie('where').map(($not) => ({ $not })) },
			{ weight: 1, arbitrary: fc.tuple(conditions, tie('where')).map(([a, $not]) => ({ ...a, $not })) },
		),
	}));
	return where;
}

const anyWhere = logic(fc.dictionary(path, operators(scalar, fc.oneof(text, number), true, scalar), { maxKeys: 2 }));

/** Runs filters over documents, both forms, and compares with the judge. */
function check(documents: Documents, where: Record<string, unknown>): void {
	const compiled = compileWhere(where, { schema: documents.schema });
	const expected = [...documents.kept]
		.filter(([, metadata]) => matches(normal(where), metadata, documents.schema))
		.map(([rid]) => rid);
	expect(documents.rids(compiled)).toEqual(expected);
	expect(documents.scannedRids(compiled)).toEqual(expected);
}

/** Texts of a filter as the compiler reads them. */
function normal(value: unknown): Record<string, unknown> {
	const deep = (part: unknown): unknown => {
		if (typeof part === 'string') return kept(part);
		if (Array.isArray(part)) return part.map(deep);
		if (typeof part !== 'object' || part === null || part instanceof Date) return part;
		return Object.fromEntries(Object.entries(part).map(([name, inner]) => [name, deep(inner)]));
	};
	return deep(value) as Record<string, unknown>;
}

describe('filters match as documented', () => {
	test('without a schema', () => {
		const property = fc.property(
			fc.array(metadata, { minLength: 1, maxLength: 12 }),
			fc.array(anyWhere, { minLength: 1, maxLength: 12 }),
			(rows, wheres) => {
				using documents = new Documents();
				for (const row of rows) documents.add(row);
				for (const where of wheres) check(documents, where);
				expect(documents.kept.size).toBe(documents.rids(compileWhere({}, {})).length);
			},
		);
		fc.assert(property, { numRuns: RUNS, seed: 1 });
	});

	test('with a schema', () => {
		const schema = {
			genre: 'string',
			"na'me": { type: 'string', index: false },
			year: 'integer',
			price: { type: 'number', index: false },
			open: 'boolean',
			seen: 'datetime',
			tags: 'string[]',
			sizes: 'number[]',
			plain: { type: 'string[]', index: false },
			more: 'json',
		} as const satisfies Schema;
		const date = fc.date({ min: new Date('0000-01-02'), max: new Date('9999-12-30'), noInvalidDate: true });
		const when = fc.oneof(
			date,
			date.map((day) => day.toISOString()),
			fc.constantFrom('2020-01-01', '2020-01-01T01:00+01:00'),
		);
		const integer = fc.integer({ min: -3, max: 3 });
		const optional = (of: fc.Arbitrary<unknown>) => fc.option(of, { freq: 5, nil: null });
		const row = fc.record(
			{
				genre: optional(text),
				"na'me": optional(text),
				year: optional(integer),
				price: optional(number),
				open: optional(fc.boolean()),
				seen: optional(when),
				tags: optional(fc.array(text, { maxLength: 3 })),
				sizes: optional(fc.array(number, { maxLength: 3 })),
				plain: optional(fc.array(text, { maxLength: 3 })),
				more: optional(fc.oneof(value, nested)),
			},
			{ requiredKeys: [] },
		);
		const conditions = {
			genre: operators(text, text, true, text),
			"na'me": operators(text, text, true, text),
			year: operators(fc.oneof(integer, number), number, false),
			price: operators(number, number, false),
			open: fc.oneof(fc.boolean(), fc.constantFrom({ $ne: true }, { $in: [false, null] }, { $exists: true })),
			seen: operators(when, when, true, text),
			tags: operators(text, text, true, text),
			sizes: operators(number, number, false, number),
			plain: operators(text, text, true, text),
			more: operators(scalar, fc.oneof(text, number), true, scalar),
			'more.a': operators(scalar, fc.oneof(text, number), true, scalar),
		};
		const where = logic(
			fc
				.constantFrom(...Object.keys(conditions))
				.chain((name) => conditions[name as keyof typeof conditions].map((condition) => ({ [name]: condition }))),
		);
		const property = fc.property(
			fc.array(row, { minLength: 1, maxLength: 12 }),
			fc.array(where, { minLength: 1, maxLength: 12 }),
			(rows, wheres) => {
				using documents = new Documents(schema);
				for (const each of rows) documents.add(each);
				for (const each of wheres) check(documents, each);
			},
		);
		fc.assert(property, { numRuns: RUNS, seed: 2 });
	});

	test('numbers of any size and precision are found again', () => {
		const property = fc.property(
			fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 50 }),
			(numbers) => {
				using documents = new Documents({ declared: 'number', of: 'number[]', free: 'json' });
				for (const each of numbers) documents.add({ declared: each, of: [each], free: each });
				for (const field of ['declared', 'of', 'free']) {
					for (const each of new Set(numbers)) check(documents, { [field]: each === 0 ? 0 : each });
					check(documents, { [field]: { $in: numbers } });
				}
			},
		);
		fc.assert(property, { numRuns: RUNS / 10, seed: 3 });
	});
});
