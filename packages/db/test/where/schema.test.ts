/**
 * Schemas, and metadata on its way in.
 */

import { isVecinoError } from 'vecino';
import { describe, expect, test } from 'vitest';
import type { Schema } from '../../src/types.ts';
import { checkMetadata, checkSchema, schemaIndexes } from '../../src/where/schema.ts';
import { Documents } from '../support/documents.ts';

const schema: Schema = {
	genre: 'string',
	year: { type: 'integer', required: true },
	score: 'number',
	open: 'boolean',
	seen: 'datetime',
	tags: 'string[]',
	sizes: { type: 'number[]', index: false },
	more: 'json',
};

const check = (metadata: unknown, by: Schema | undefined = schema) =>
	checkMetadata(metadata, { schema: by }, 'Collection.add: row 3');

describe('metadata', () => {
	test('is kept as JSON, dates in UTC, values of indexed arrays once each', () => {
		const { json, values, metadata } = check({
			year: 2020,
			seen: '2020-01-01T01:00+01:00',
			tags: ['a', 'b', 'a'],
			sizes: [1, 2],
			more: { at: new Date(0), nothing: undefined },
			genre: null,
			open: undefined,
		});
		expect(json).toBe(
			'{"year":2020,"seen":"2020-01-01T00:00:00.000Z","tags":["a","b","a"],"sizes":[1,2],"more":{"at":"1970-01-01T00:00:00.000Z"},"genre":null}',
		);
		expect(JSON.parse(json)).toEqual(metadata);
		expect(values).toEqual([
			['tags', 'a'],
			['tags', 'b'],
		]);
	});

	test('without a schema is any JSON object', () => {
		expect(checkMetadata(undefined, {}, 'add').json).toBe('{}');
		const { json } = checkMetadata(
			JSON.parse('{"__proto__": {"a": [1, {"b": null}]}, "x\\ud800": "\\ud800\\u0000"}'),
			{},
			'add',
		);
		expect(json).toBe('{"__proto__":{"a":[1,{"b":null}]},"x\uFFFD":"\uFFFD\uFFFD"}');
		expect(checkMetadata({ url: new URL('http://a.b/') }, {}, 'add').json).toBe('{"url":"http://a.b/"}');
	});

	test.each<[unknown, RegExp]>([
		[{ year: '2020' }, /Collection\.add: row 3: field 'year' is declared 'integer', got '2020' \(string\)/],
		[{ year: 2020.5 }, /declared 'integer', got 2020\.5 \(number\); whole numbers/],
		[{ year: 2 ** 53 }, /up to 2\^53 - 1/],
		[{}, /field 'year' is required, got undefined/],
		[{ year: null }, /field 'year' is required, got null/],
		[{ year: 1, score: Number.NaN }, /declared 'number', got NaN \(number\); JSON has finite/],
		[{ year: 1, seen: 'soon' }, /declared 'datetime': an ISO 8601 string or a Date/],
		[{ year: 1, seen: new Date(Number.NaN) }, /got an invalid Date/],
		[{ year: 1, tags: 'a' }, /declared 'string\[\]', got 'a'/],
		[{ year: 1, tags: ['a', null] }, /got null at \[1\]/],
		[{ year: 1, sizes: [1, '2'] }, /got '2' \(string\) at \[1\]/],
		[{ year: 1, more: { x: [1, Number.POSITIVE_INFINITY] } }, /field 'more'\.x\[1\] must be JSON, which has finite/],
		[{ year: 1, more: new Map() }, /must be JSON, got a Map/],
		[{ year: 1, more: 1n }, /must be JSON, got 1 \(bigint\)/],
		[{ year: 1, more: [undefined] }, /\[0\] must be JSON, got undefined/],
		['year', /metadata must be an object, got 'year'/],
		[[1], /metadata must be an object, got an array of 1/],
	])('refuses what does not fit (%#)', (metadata, message) => {
		expect(() => check(metadata)).toThrow(TypeError);
		expect(() => check(metadata)).toThrow(message);
	});

	test('refuses circles and depths', () => {
		const circle: Record<string, unknown> = {};
		circle['self'] = circle;
		expect(() => checkMetadata(circle, {}, 'add')).toThrow(/nested at most 100 deep/);
	});

	test('a field that is not declared is named, with the nearest', () => {
		try {
			check({ year: 1, gerne: 'x' });
			expect.unreachable();
		} catch (error) {
			expect(isVecinoError(error, 'unknown-field') && error.nearest).toBe('genre');
			expect(String(error)).toContain(
				"Collection.add: row 3: metadata: there is no field 'gerne' (did you mean 'genre'?)",
			);
		}
	});
});

describe('schemas', () => {
	test.each<[unknown, RegExp]>([
		[[], /must be an object of fields/],
		[{ a: 'text' }, /field 'a': type must be one of string, number/],
		[{ a: { index: true } }, /got undefined/],
		[{ a: { type: 'string', indexed: true } }, /there is no 'indexed'/],
		[{ a: { type: 'string', index: 1 } }, /index must be true or false/],
		[{ a: { type: 'json', index: true } }, /'json' has no index/],
		[{ a: 3 }, /must be a type or/],
		[{ 'a.b': 'string' }, /field 'a\.b' must have/],
		[{ $a: 'string' }, /no \$ in front/],
		[{ '': 'string' }, /1 to 100/],
		[{ 'a"b': 'string' }, /none of/],
		[{ 'a\0b': 'string' }, /control characters/],
		[Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`f${i}`, 'string'])), /at most 200 fields/],
	])('%j', (given, message) => {
		expect(() => checkSchema(given as Schema)).toThrow(message);
	});

	test('indexes have names of their own, whatever the fields are called', () => {
		const given: Schema = {
			Genre: 'string',
			genre: 'string',
			"it's; DROP TABLE docs": 'number',
			жанр: 'string',
			'🎬': 'string',
			'a b': 'string',
			a_b: 'string',
		};
		checkSchema(given);
		const indexes = schemaIndexes(given);
		expect(new Set(indexes.map(({ name }) => name.toLowerCase())).size).toBe(Object.keys(given).length);
		using documents = new Documents(given);
		expect(
			documents.db
				.prepare("SELECT count(*) AS n FROM sqlite_master WHERE type = 'index' AND name LIKE 'meta%'")
				.get()?.['n'],
		).toBe(7);
		for (const { drop } of indexes) documents.db.exec(drop);
		expect(documents.db.prepare("SELECT count(*) AS n FROM sqlite_master WHERE name LIKE 'meta%'").get()?.['n']).toBe(
			0,
		);
	});
});
