/** Expressions for FTS5, tried on FTS5. */
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type FtsQueryOptions, ftsQuery } from '../../src/text/fts-query.ts';

const db = new DatabaseSync(':memory:');
db.exec("CREATE VIRTUAL TABLE docs USING fts5(body, tokenize = 'porter unicode61')");
const bodies = [
	'The marathon winner crossed the line',
	'City marathon closed for repair',
	'To be, or not to be',
	'Don’t stop the über-fast café',
	'東京マラソン 優勝者',
	'winners and losers of the election',
	'C++ and C# compared',
];
for (const body of bodies) db.prepare('INSERT INTO docs(body) VALUES (?)').run(body);
afterAll(() => db.close());

/** Rows (from 1) that a text finds; [] when there is nothing to search for. */
function find(text: string, options?: FtsQueryOptions): number[] {
	const query = ftsQuery(text, options);
	if (query === undefined) return [];
	const rows = db.prepare('SELECT rowid AS id FROM docs WHERE docs MATCH ? ORDER BY rowid').all(query);
	return rows.map(({ id }) => Number(id));
}

describe('ftsQuery', () => {
	it('finds any or all of the words', () => {
		expect(find('marathon winner')).toEqual([1, 2, 6]);
		expect(find('marathon winner', { match: 'all' })).toEqual([1]);
		expect(ftsQuery('the marathon winner')).toBe('"marathon" OR "winner"');
		expect(ftsQuery('marathon marathon')).toBe('"marathon"');
	});

	it('keeps phrases together', () => {
		expect(find('"city marathon"')).toEqual([2]);
		expect(find('"marathon city"')).toEqual([]);
		expect(find('"the winner" "city marathon"')).toEqual([2]);
		expect(ftsQuery('one "open phrase')).toBe('"one" OR "open" OR "phrase"');
		expect(ftsQuery('"" " " x')).toBe('"x"');
	});

	it('takes the last word as a beginning when asked and when it is not finished', () => {
		expect(find('mara', { prefix: true })).toEqual([1, 2]);
		expect(find('mara')).toEqual([]);
		expect(find('mara ', { prefix: true })).toEqual([]);
		expect(find('city ma', { prefix: true, match: 'all' })).toEqual([2]);
		expect(find('th', { prefix: true })).toEqual([1, 4, 6]);
		expect(ftsQuery('winner the', { prefix: true })).toBe('"winner" OR "the" *');
		expect(ftsQuery('winner the ', { prefix: true })).toBe('"winner"');
	});

	it('keeps stopwords when there is nothing else, and takes others', () => {
		expect(find('to be or not to be', { stopwords: new Set(['to', 'be', 'or', 'not']) })).toContain(3);
		expect(find('to be', { match: 'all' })).toEqual([3]);
		expect(ftsQuery('der Gewinner', { stopwords: new Set(['der']) })).toBe('"Gewinner"');
	});

	it('finds accents, apostrophes and signs as FTS5 cuts them', () => {
		expect(find('uber cafe', { match: 'all' })).toEqual([4]);
		expect(find('don’t', { match: 'all' })).toEqual([4]);
		expect(find("don't", { match: 'all' })).toEqual([4]);
		expect(find('C++')).toEqual([7]);
	});

	it('finds the beginning of a run in a script without spaces', () => {
		expect(find('東京')).toEqual([5]);
		expect(find('優勝', { match: 'all' })).toEqual([5]);
	});

	it.each(['', '   ', '?!', '"', '""', '😀', '👩‍🚀 🏃', '*', '\u0301', '\0', '\ud800', '-', '()'])(
		'finds nothing for %j',
		(text) => {
			expect(ftsQuery(text)).toBeUndefined();
		},
	);

	it.each([
		'NEAR(a b)',
		'a AND',
		'OR OR',
		'NOT x',
		'body:secret',
		'body : "x"',
		'^marathon',
		'a* *',
		'x + y',
		'{body}: x',
		"'; DROP TABLE docs; --",
		'a"b"c"',
		'"a" "',
		'\\"',
		'x\0y',
	])('reads no syntax in %j', (text) => {
		for (const match of ['any', 'all'] as const) expect(() => find(text, { match, prefix: true })).not.toThrow();
	});

	it('is always an expression that FTS5 takes', () => {
		const pieces = fc.array(
			fc.oneof(
				fc.string({ unit: 'binary' }),
				fc.constantFrom('"', '*', ' OR ', 'NEAR(', ')', '^', ':', '東', '\0', 'ß', 'word'),
			),
		);
		fc.assert(
			fc.property(pieces, fc.constantFrom('any', 'all'), fc.boolean(), (parts, match, prefix) => {
				find(parts.join(''), { match: match as 'any', prefix });
			}),
			{ numRuns: 500 },
		);
	});

	it('has a limit', () => {
		const text = Array.from({ length: 5000 }, (_, i) => `w${i}`).join(' ');
		expect(ftsQuery(text)!.split(' OR ').length).toBe(64);
		expect(find('x'.repeat(100_000))).toEqual([]);
		expect(() => ftsQuery(5 as unknown as string)).toThrow('text must be a string, got 5');
		expect(() => ftsQuery('a', { match: 'some' as 'any' })).toThrow("match must be 'any' or 'all'");
	});
});
