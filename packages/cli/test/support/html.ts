/** Just enough of a parser for pages that the program writes: tags that do not match, and numbers of tables. */

const VOID = new Set(['meta', 'link', 'br', 'hr', 'img', 'input']);

/** Tags that are open at the end, or a complaint where one is closed that is not open. */
export function openTags(html: string): string[] {
	const open: string[] = [];
	for (const [, close, name, attributes = ''] of html.matchAll(/<(\/?)([a-zA-Z][\w-]*)((?:\s[^<>]*)?)>/g)) {
		if (close === '') {
			if (!VOID.has(name!) && !attributes.endsWith('/')) open.push(name!);
			if (/="[^"]*$/.test(attributes)) return [`<${name}>: a quote is left open`];
		} else if (open.pop() !== name) return [`</${name}> closes what is not open`];
	}
	// What is left of < stands for itself nowhere.
	return /<(?![/!a-zA-Z])/.test(html) ? ['<'] : open;
}

/** Numbers of the first table in a section, exact, row by row. */
export function numbersOf(html: string, section: string): number[][] {
	const start = html.indexOf('<tbody>', html.indexOf(`<section id="${section}"`));
	const text = html.slice(start, html.indexOf('</tbody>', start));
	return [...text.matchAll(/<tr[^>]*>([\s\S]*?)<\/tr>/g)].map(([, row]) =>
		[...row!.matchAll(/<data value="([^"]*)">/g)].map(([, value]) => Number(value)),
	);
}
