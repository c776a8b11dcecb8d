/**
 * Filters: what is documented about null, arrays and errors; that nothing of a filter is run as SQL; that indexes are used.
 */

import { isVecinoError } from 'vecino';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type { MetadataOf, Schema } from '../../src/types.ts';
import { compileWhere } from '../../src/where/compile.ts';
import { WHERE_LIMITS } from '../../src/where/parse.ts';
import type { Where } from '../../src/where/types.ts';
import { Documents } from '../support/documents.ts';

const schema = {
	genre: 'string',
	year: { type: 'integer', required: true },
	score: { type: 'number', index: false },
	open: 'boolean',
	seen: 'datetime',
	tags: 'string[]',
	sizes: 'number[]',
	more: 'json',
} as const satisfies Schema;

type Meta = MetadataOf<typeof schema>;

function rids(documents: Documents, where: unknown): number[] {
	return documents.rids(compileWhere(where, { schema: documents.schema }));
}

describe('meaning', () => {
	test('missing and null are one: they match null, $ne, $nin and $not, and no comparison', () => {
		using documents = new Documents();
		for (const row of [{ a: 1 }, { a: null }, {}, { a: 2 }]) documents.add(row);
		expect(rids(documents, { a: null })).toEqual([2, 3]);
		expect(rids(documents, { a: { $exists: false } })).toEqual([2, 3]);
		expect(rids(documents, { a: { $ne: 1 } })).toEqual([2, 3, 4]);
		expect(rids(documents, { a: { $nin: [1, 2] } })).toEqual([2, 3]);
		expect(rids(documents, { a: { $in: [1, null] } })).toEqual([1, 2, 3]);
		expect(rids(documents, { a: { $ne: null } })).toEqual([1, 4]);
		expect(rids(documents, { a: { $not: { $gt: 1 } } })).toEqual([1, 2, 3]);
		expect(rids(documents, { $not: { a: { $lte: 1 } } })).toEqual([2, 3, 4]);
		expect(rids(documents, { a: { $lt: 100 } })).toEqual([1, 4]);
	});

	test('an array matches when it has the value', () => {
		using documents = new Documents();
		for (const row of [{ t: ['x', 'y'] }, { t: 'x' }, { t: [] }, { t: 'xyz' }, { t: [['x']] }]) documents.add(row);
		expect(rids(documents, { t: 'x' })).toEqual([1, 2]);
		expect(rids(documents, { t: { $contains: 'x' } })).toEqual([1, 2, 4]);
		expect(rids(documents, { t: { $ne: 'x' } })).toEqual([3, 4, 5]);
	});

	test('types are told apart', () => {
		using documents = new Documents();
		for (const row of [{ a: 1 }, { a: '1' }, { a: true }, { a: [1] }, { a: { b: 1 } }, { a: 1.5 }]) documents.add(row);
		expect(rids(documents, { a: 1 })).toEqual([1, 4]);
		expect(rids(documents, { a: '1' })).toEqual([2]);
		expect(rids(documents, { a: true })).toEqual([3]);
		expect(rids(documents, { 'a.b': 1 })).toEqual([5]);
		expect(rids(documents, { a: { $gte: 1 } })).toEqual([1, 4, 6]);
		expect(rids(documents, { a: { $exists: true } })).toEqual([1, 2, 3, 4, 5, 6]);
	});

	test('nothing asked is everything, one of none is nothing', () => {
		using documents = new Documents();
		documents.add({ a: 1 });
		for (const where of [undefined, {}, { $and: [] }, { $and: [{}, {}] }, { $not: { $or: [] } }]) {
			expect(rids(documents, where)).toEqual([1]);
		}
		for (const where of [{ $or: [] }, { a: { $in: [] } }, { $not: {} }]) expect(rids(documents, where)).toEqual([]);
		expect(compileWhere({}, {}).everything).toBe(true);
		expect(compileWhere({ $or: [] }, {}).everything).toBe(false);
	});

	test('dates are compared as points in time, however they are written', () => {
		using documents = new Documents(schema);
		documents.add({ year: 1, seen: new Date('2020-02-01T00:00:00Z') });
		documents.add({ year: 1, seen: '2020-02-01T02:00:00+01:00' });
		documents.add({ year: 1, seen: '2019-12-31' });
		expect(documents.kept.get(2)).toEqual({ year: 1, seen: '2020-02-01T01:00:00.000Z' });
		expect(rids(documents, { seen: '2020-02-01' })).toEqual([1]);
		expect(rids(documents, { seen: { $gte: new Date('2020-01-01') } })).toEqual([1, 2]);
		expect(rids(documents, { seen: { $lt: '2020-02-01T01:00:00.001' } })).toEqual([1, 2, 3]);
		expect(rids(documents, { seen: { $prefix: '2020-02' } })).toEqual([1, 2]);
	});
});

describe('errors', () => {
	const refused = (where: unknown): unknown => {
		try {
			compileWhere(where, { schema }, 'Collection.query: where');
		} catch (error) {
			return error;
		}
		throw new Error('was accepted');
	};

	test('a misspelt field is named, with those that there are and the nearest', () => {
		const error = refused({ $or: [{ gnere: 'Sports' }] });
		expect(isVecinoError(error, 'unknown-field') && error).toMatchObject({ found: 'gnere', nearest: 'genre' });
		expect(String(error)).toBe(
			"VecinoError: Collection.query: where: there is no field 'gnere' (did you mean 'genre'?); there are 'genre', 'year', 'score', 'open', 'seen', 'tags', 'sizes', 'more'",
		);
		expect(refused({ quite_another: 1 })).not.toHaveProperty('nearest');
		for (const name of ['__proto__', 'constructor', 'toString', '']) {
			expect(isVecinoError(refused(JSON.parse(`{"${name}": 1}`)), 'unknown-field')).toBe(true);
		}
	});

	test('without a schema, fields that no row has had are unknown, once there are rows', () => {
		expect(() => compileWhere({ gnere: 1 }, { seen: new Set(['genre']) })).toThrow(/did you mean 'genre'/);
		expect(compileWhere({ 'genre.x': 1 }, { seen: new Set(['genre']) }).indexed).toBe(false);
		expect(compileWhere({ gnere: 1 }, { seen: new Set() }).indexed).toBe(false);
	});

	test.each<[unknown, RegExp]>([
		[null, /where: must be an object of conditions, got null/],
		[[], /got an array of 0/],
		['genre', /got 'genre' \(string\)/],
		[{ year: '2020' }, /where: year must fit field 'year', declared 'integer', got '2020' \(string\)/],
		[{ year: { $gte: '2020' } }, /where: year\.\$gte must fit field 'year'/],
		[{ year: Number.NaN }, /got NaN/],
		[{ year: { $in: 2020 } }, /year\.\$in must be an array/],
		[{ year: [2020] }, /\{ \$in: \[\.\.\.\] \}/],
		[{ year: undefined }, /year is undefined; leave it out/],
		[{ year: { $gte: undefined } }, /year\.\$gte is undefined/],
		[{ year: {} }, /year has no operator/],
		[{ year: { $gt: null } }, /must be a value that has an order, got null/],
		[{ year: { $prefix: '20' } }, /looks into text/],
		[{ year: { $contains: 2 } }, /asks what is in an array or a text/],
		[{ year: { $gtee: 2 } }, /no operator \$gtee \(did you mean \$gte\?\)/],
		[{ year: { $not: 2 } }, /must be an object of operators.*\$ne/],
		[{ year: { $exists: 1 } }, /must be true or false/],
		[{ open: { $gt: false } }, /declared 'boolean'/],
		[{ seen: 'yesterday' }, /declared 'datetime' \(ISO 8601/],
		[{ seen: '2020-02-31' }, /declared 'datetime'/],
		[{ 'year.x': 1 }, /field 'year' is declared 'integer', which has no fields inside/],
		[{ more: { name: 'x' } }, /named with a dot: 'more\.name'/],
		[{ more: ['x'] }, /an array has one value/],
		[{ $nor: [] }, /no operator \$nor.*there are \$and, \$or, \$not/],
		[{ $or: {} }, /\$or must be an array of filters/],
		[{ $or: [1] }, /\$or\[0\] must be an object/],
		[{ genre: new Map() }, /declared 'string', got an object/],
	])('%j', (where, message) => {
		expect(refused(where)).toBeInstanceOf(TypeError);
		expect(refused(where)).toHaveProperty('message', expect.stringMatching(message));
	});

	test('depth, number and size have limits, and what is within them runs', () => {
		const nest = (depth: number): unknown =>
			depth === 0 ? { genre: 'x' } : { $not: { $or: [nest(depth - 2), { year: 1 }] } };
		const many = (n: number) => ({ $or: Array.from({ length: n }, (_, i) => ({ year: i })) });
		using documents = new Documents(schema);
		documents.add({ year: 3, genre: 'x', more: 7 });
		expect(refused(nest(WHERE_LIMITS.depth + 2))).toHaveProperty(
			'message',
			expect.stringMatching(/nested deeper than 20/),
		);
		rids(documents, nest(WHERE_LIMITS.depth));
		expect(refused(many(WHERE_LIMITS.conditions))).toHaveProperty(
			'message',
			expect.stringMatching(/more than 500 conditions/),
		);
		expect(rids(documents, many(WHERE_LIMITS.conditions / 2))).toEqual([1]);
		const values = Array.from({ length: WHERE_LIMITS.values }, (_, i) => i + 0.5);
		expect(rids(documents, { more: { $in: [...values.slice(1), 7] } })).toEqual([1]);
		expect(refused({ more: { $in: [...values, 7] } })).toHaveProperty(
			'message',
			expect.stringMatching(/more than 10000 values/),
		);
		expect(refused({ genre: 'x'.repeat(WHERE_LIMITS.text + 1) })).toBeInstanceOf(TypeError);
	});
});

test('names and values are never run as SQL', () => {
	const names = [
		`a') OR 1=1 --`,
		`a'; DROP TABLE docs; --`,
		`a"') UNION SELECT 1 --`,
		`'||(SELECT 1)||'`,
		`x", "y`,
		`?`,
		`:a`,
		`@b`,
	];
	using documents = new Documents();
	for (const name of names) documents.add({ [name]: name });
	for (const [i, name] of names.entries()) {
		expect(rids(documents, { [name]: name })).toEqual([i + 1]);
		expect(rids(documents, { [name]: { $ne: name } })).toHaveLength(names.length - 1);
		expect(rids(documents, { other: name })).toEqual([]);
	}
	expect(compileWhere({ a: "x' OR 1=1" }, {}).sql).not.toContain('OR 1=1');
});

describe('indexes', () => {
	const plan = (where: unknown): string => {
		using documents = new Documents(schema);
		return documents.plan(compileWhere(where, { schema }));
	};

	test.each<[Where<Meta>]>([
		[{ genre: 'Sports' }],
		[{ genre: { $in: ['Sports', 'Politics'] } }],
		[{ genre: { $prefix: 'Sp' } }],
		[{ genre: null }],
		[{ year: { $gte: 2020, $lt: 2021 } }],
		[{ open: true }],
		[{ seen: { $gt: new Date() } }],
		[{ tags: 'x' }],
		[{ sizes: { $gte: 1.5 } }],
		[{ $or: [{ genre: 'a' }, { year: 2 }, { tags: 'x' }] }],
		[{ genre: 'Sports', score: 1 }],
	])('%j starts from one', (where) => {
		expect(compileWhere(where, { schema }).indexed).toBe(true);
		expect(plan(where)).toMatch(/SEARCH/);
		expect(plan(where)).not.toMatch(/SCAN d\b/);
	});

	test.each<[Where<Meta>]>([
		[{}],
		[{ score: 1 }],
		[{ genre: { $ne: 'x' } }],
		[{ more: 1 }],
		[{ $or: [{ genre: 'a' }, { score: 2 }] }],
		[{ $not: { genre: 'a' } }],
		[{ genre: { $contains: 'x' } }],
	])('%j looks at every row', (where) => {
		expect(compileWhere(where, { schema }).indexed).toBe(false);
	});
});

test('types', () => {
	const accept = (_where: Where<Meta>): void => {};
	accept({
		genre: 'Sports',
		year: { $gte: 2020, $in: [1, null] },
		tags: 'x',
		sizes: { $contains: 3 },
		open: { $ne: null },
	});
	accept({ seen: { $lt: new Date(), $gte: '2020-01-01' }, 'more.author.name': { $prefix: 'A' }, more: 3 });
	accept({ $or: [{ genre: null }, { $not: { year: 2020 } }], genre: { $not: { $prefix: 'S' } } });
	expectTypeOf<Meta['tags']>().toEqualTypeOf<readonly string[] | null | undefined>();
	expectTypeOf<Meta['year']>().toEqualTypeOf<number>();
	// @ts-expect-error a misspelt field
	accept({ gnere: 'Sports' });
	// @ts-expect-error a misspelt field inside $or
	accept({ $or: [{ gnere: 'Sports' }] });
	// @ts-expect-error a text for a number
	accept({ year: '2020' });
	// @ts-expect-error a text to compare a number with
	accept({ year: { $gte: '2020' } });
	// @ts-expect-error numbers have no prefixes
	accept({ year: { $prefix: '20' } });
	// @ts-expect-error truths have no order
	accept({ open: { $gt: false } });
	// @ts-expect-error an operator that there is not
	accept({ genre: { $gtee: 'x' } });
	// @ts-expect-error nothing is inside a number
	accept({ 'year.x': 1 });
	// @ts-expect-error a value of another type
	accept({ tags: { $contains: 3 } });
	// @ts-expect-error not an array of values
	accept({ genre: { $in: 'x' } });

	const free = (_where: Where): void => {};
	free({ anything: 1, 'a.b': { $gte: 2 }, $or: [{ x: true }, { y: { $in: ['a', 1, null] } }], $not: { z: null } });
	// @ts-expect-error an operator that there is not
	free({ anything: { $gtee: 2 } });

	interface Movie {
		readonly title: string;
		readonly rating?: 'good' | 'bad';
		readonly author: { readonly name: string };
	}
	const movie = (_where: Where<Movie>): void => {};
	movie({ rating: 'good', 'author.name': 'x', title: { $contains: 'x' } });
	// @ts-expect-error not one of the words
	movie({ rating: 'fine' });
	expectTypeOf<Where<Movie>>().not.toBeAny();
});
