/**
 * What a user types, as a MATCH expression of SQLite's FTS5. Every word stands in quotation marks and holds only letters,
 * digits and marks, so nothing of it is read as syntax (https://www.sqlite.org/fts5.html#full_text_query_syntax).
 */
import { checkKeys, show } from '../check.ts';

/** Options of `ftsQuery`. */
export interface FtsQueryOptions {
	/** 'any': texts with one of the words, the more the better; 'all': only texts with all of them. Default: 'any'. */
	readonly match?: 'any' | 'all' | undefined;
	/** Whether the last word may be the beginning of one, for searching while typing. Default: false. */
	readonly prefix?: boolean | undefined;
	/** Words that are left out, in lower case, unless there are no others. Default: a few English ones. */
	readonly stopwords?: ReadonlySet<string> | undefined;
}

/** Most words of a query; FTS5 limits what it parses. */
const MAX_TERMS = 64;
const MAX_WORD = 128;

const ENGLISH: ReadonlySet<string> = new Set(
	'a an and are as at be but by for from had has have how i in is it its of on or that the their this to was were what when where which who why will with you'.split(
		' ',
	),
);

const SPACELESS =
	/^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/**
 * A safe MATCH expression for a user's text, or undefined when nothing in it can be searched for (empty, punctuation,
 * pictographs). Words between double quotation marks stay together as a phrase. In scripts without spaces a run of
 * characters is searched for as a beginning, because FTS5's `unicode61` takes such a run for one word; use its `trigram`
 * tokenizer to find what stands in the middle of one.
 *
 * @example
 * console.log(ftsQuery('who won the "city marathon"?')); // "won" OR "city marathon"
 * console.log(ftsQuery('NEAR(a* OR', { match: 'all', prefix: true })); // "NEAR" AND "OR" *
 */
export function ftsQuery(text: string, options: FtsQueryOptions = {}): string | undefined {
	const where = 'ftsQuery';
	if (typeof text !== 'string') throw new TypeError(`${where}: text must be a string, got ${show(text)}`);
	checkKeys(where, options, ['match', 'prefix', 'stopwords']);
	const { match = 'any', prefix = false, stopwords = ENGLISH } = options;
	if (match !== 'any' && match !== 'all') {
		throw new RangeError(`${where}: match must be 'any' or 'all', got ${show(match)}`);
	}
	const { terms, open } = parse(text);
	const last = terms.at(-1);
	const isStopword = (term: readonly string[]): boolean => term.length === 1 && stopwords.has(term[0]!.toLowerCase());
	// Who is still typing may mean 'than' by 'th', and 'their' by 'the'.
	const telling = terms.filter((term) => !isStopword(term) || (prefix && open && term === last));
	const kept = telling.some((term) => !isStopword(term)) ? telling : terms;
	const seen = new Set<string>();
	for (const term of kept.slice(0, MAX_TERMS)) {
		const begins = (prefix && open && term === last) || (term.length === 1 && SPACELESS.test(term[0]!));
		seen.add(`"${term.join(' ')}"${begins ? ' *' : ''}`);
	}
	return seen.size === 0 ? undefined : [...seen].join(match === 'any' ? ' OR ' : ' AND ');
}

/** Words and phrases of a text; `open`: whether the last one may go on. */
function parse(text: string): { terms: string[][]; open: boolean } {
	const terms: string[][] = [];
	const parts = text.split('"');
	for (const [i, part] of parts.entries()) {
		const words = wordsOf(part);
		// Between two quotation marks; what follows an open one is not a phrase.
		if (i % 2 === 1 && i < parts.length - 1) {
			if (words.length > 0) terms.push(words);
		} else {
			for (const word of words) terms.push([word]);
		}
	}
	return { terms, open: /[\p{L}\p{N}\p{M}]$/u.test(text) };
}

/** Runs of letters, digits and marks with a letter or digit among them. */
function wordsOf(text: string): string[] {
	const runs = text.match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
	return runs.filter((run) => /[\p{L}\p{N}]/u.test(run)).map((run) => Array.from(run).slice(0, MAX_WORD).join(''));
}
