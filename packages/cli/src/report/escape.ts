/**
 * Text that came from outside, made safe to stand in HTML, in SVG and in a shell.
 */

const ENTITIES: Readonly<Record<string, string>> = {
	'&': '&amp;',
	'<': '&lt;',
	'>': '&gt;',
	'"': '&quot;',
	"'": '&#39;',
};
/** What neither HTML nor XML allows in a document, and marks that turn the direction of the text around them. */
const UNPRINTABLE = /(?![\t\n])[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu;

/** For the text of an element and for a quoted attribute. */
export function escapeHtml(text: string): string {
	return text.replace(UNPRINTABLE, '\ufffd').replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** One argument as a POSIX shell reads it. */
export function shellQuote(argument: string): string {
	return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
