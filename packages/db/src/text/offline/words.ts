/**
 * Text to words, alike for every language: compatibility forms and case are folded, accents are taken off, words are
 * runs of letters and digits. Scripts that put no space between words (Chinese, Japanese, Thai, ...) give runs that
 * `units` cuts further; a pictograph is a word by itself.
 */

const SPACELESS =
	'\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}';
const WORDS = new RegExp(
	`[${SPACELESS}\\u30fc]+|(?:(?![${SPACELESS}])[\\p{L}\\p{N}\\p{M}])+|\\p{Extended_Pictographic}`,
	'gu',
);
const SPACELESS_START = new RegExp(`^[${SPACELESS}]`, 'u');
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is what it says
const ASCII = /^[\x00-\x7f]*$/;
const ASCII_WORDS = /[a-z0-9]+/g;

/** The words of a text, folded, in order. */
export function wordsOf(text: string): string[] {
	if (ASCII.test(text)) return text.toLowerCase().match(ASCII_WORDS) ?? [];
	// Lower case first and last: folding can make capitals, and capitals with dots fold to two characters.
	const folded = text
		.toLowerCase()
		.normalize('NFKD')
		.replace(/[\u0300-\u036f]+/g, '')
		.normalize('NFC')
		.toLowerCase();
	return folded.match(WORDS) ?? [];
}

/** Whether a word is a run of a script without spaces. */
export function isSpaceless(word: string): boolean {
	return word.charCodeAt(0) > 0x0e00 && SPACELESS_START.test(word);
}

/** What counts as one word for meaning: the word, or pairs of neighbouring characters where there are no spaces. */
export function units(words: readonly string[]): string[] {
	const out: string[] = [];
	for (const word of words) {
		if (!isSpaceless(word)) {
			out.push(word);
			continue;
		}
		const characters = Array.from(word);
		if (characters.length === 1) out.push(word);
		for (let i = 1; i < characters.length; i++) out.push(characters[i - 1]! + characters[i]!);
	}
	return out;
}
