/**
 * The skeleton of a report: one HTML document that needs nothing beside it, no script and no network.
 */

import { type Drawing, NARROW, WIDE } from './charts.ts';
import { escapeHtml } from './escape.ts';
import { draw } from './svg.ts';
import { STYLES } from './theme.ts';

/** HTML that is safe already; texts become so by `escapeHtml`. */
export type Html = string;

export interface Page {
	readonly title: string;
	readonly lead: string;
	readonly facts: readonly (readonly [name: string, value: string])[];
	/** What makes the report again, word by word, quoted for a shell. */
	readonly command: readonly string[];
	readonly sections: readonly Html[];
	readonly made: string;
}

export function renderPage({ title, lead, facts, command, sections, made }: Page): string {
	const list = facts.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${prose(value)}</dd>`).join('\n');
	return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="${escapeHtml(made)}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>
${STYLES}
</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(title)}</h1>
${lead
	.split('\n')
	.map((line) => `<p class="lead">${prose(line)}</p>`)
	.join('\n')}
<dl>
${list}
</dl>
<p class="soft">Made by this command; the same seed gives the same recalls, times are of the machine.</p>
<pre><code>${command.map((word) => `<span>${escapeHtml(word)}</span>`).join(' ')}</code></pre>
</header>
${sections.join('\n')}
<footer>${escapeHtml(made)}</footer>
</main>
</body>
</html>
`;
}

/** Text in which numbers and their units stay on one line. */
export function prose(text: string): Html {
	return escapeHtml(text).replace(/(\d) (?=(?:%|[kMGT]?B|ms|s|min)(?!\w))/g, '$1&nbsp;');
}

/** A section with a picture and words beside it. */
export function pictured(id: string, title: string, figure: Html, words: readonly string[]): Html {
	const text = words.map((paragraph) => `<p>${prose(paragraph)}</p>`).join('\n');
	return `<section id="${id}" aria-labelledby="${id}-h">
<h2 id="${id}-h">${escapeHtml(title)}</h2>
<div class="split">
<figure>${figure}</figure>
<div class="words">
${text}
</div>
</div>
</section>`;
}

/** A section of its own width. `long` may run over several sheets of paper. */
export function plain(id: string, title: string, body: Html, long = false): Html {
	return `<section id="${id}"${long ? ' class="long"' : ''} aria-labelledby="${id}-h">
<h2 id="${id}-h">${escapeHtml(title)}</h2>
${body}
</section>`;
}

/** The picture for wide and for narrow windows. */
export async function picture(id: string, drawing: Drawing): Promise<Html> {
	const wide = await draw(`${id}-w`, drawing(WIDE));
	const narrow = await draw(`${id}-n`, drawing(NARROW));
	return `<div class="wide">${wide}</div>\n<div class="narrow">${narrow}</div>`;
}

/** An entry of a key: a small picture and its meaning. */
export interface KeyEntry {
	readonly mark: 'box' | 'circle' | 'ring' | 'diamond' | 'line' | 'tick';
	readonly colour: string;
	readonly text: string;
}

export function key(entries: readonly KeyEntry[]): Html {
	const items = entries.map(
		({ mark, colour, text }) =>
			`<li><svg width="16" height="14" viewBox="0 0 16 14" aria-hidden="true">${MARKS[mark](colour)}</svg>${escapeHtml(text)}</li>`,
	);
	return `<ul class="key">${items.join('')}</ul>`;
}

const MARKS: Readonly<Record<KeyEntry['mark'], (colour: string) => Html>> = {
	box: (colour) => `<rect x="1" y="1" width="14" height="12" fill="${colour}"/>`,
	circle: (colour) => `<circle cx="8" cy="7" r="5" fill="${colour}"/>`,
	ring: (colour) => `<circle cx="8" cy="7" r="4.5" fill="none" stroke="${colour}" stroke-width="1.6"/>`,
	diamond: (colour) => `<path d="M8,1L13,7L8,13L3,7Z" fill="none" stroke="${colour}" stroke-width="1.6"/>`,
	line: (colour) => `<path d="M0,11H8V3H16" fill="none" stroke="${colour}" stroke-width="1.4"/>`,
	tick: (colour) => `<path d="M8,0V14" stroke="${colour}" stroke-width="3"/>`,
};

/** A cell: text, or a number with how it is shown. */
export type Cell = string | { readonly value: number; readonly text: string } | null;

export interface Column {
	readonly head: string;
	/** Columns with the same group stand under one head. */
	readonly group?: string;
	/** Aligned left; 'wrap' for sentences. */
	readonly text?: boolean | 'wrap';
}

/** A table below its caption, which has the `id`. Numbers are in it as shown and, for whoever reads it by program, as they are. */
export function table(
	id: string,
	caption: string,
	columns: readonly Column[],
	rows: readonly { readonly cells: readonly Cell[]; readonly front?: boolean }[],
): Html {
	const head = columns
		.map(({ head, text }) => `<th scope="col"${text ? ' class="text"' : ''}>${escapeHtml(head)}</th>`)
		.join('');
	const body = rows.map(({ cells, front }) => {
		const inner = cells.map((cell, i) => renderCell(i === 0 ? 'th scope="row"' : 'td', cell, columns[i]!));
		return `<tr${front ? ' class="front"' : ''}>${inner.join('')}</tr>`;
	});
	return `<p class="caption" id="${id}">${prose(caption)}</p>
<div class="scroll" role="region" tabindex="0" aria-labelledby="${id}">
<table aria-labelledby="${id}">
<thead>${groups(columns)}<tr>${head}</tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table>
</div>`;
}

function groups(columns: readonly Column[]): Html {
	if (!columns.some(({ group }) => group !== undefined)) return '';
	const runs: { group: string; span: number }[] = [];
	for (const { group = '' } of columns) {
		const last = runs.at(-1);
		if (last?.group === group) last.span++;
		else runs.push({ group, span: 1 });
	}
	const cells = runs.map(({ group, span }) =>
		group === ''
			? `<td colspan="${span}"></td>`
			: `<th class="group" scope="colgroup" colspan="${span}">${escapeHtml(group)}</th>`,
	);
	return `<tr>${cells.join('')}</tr>`;
}

function renderCell(tag: string, cell: Cell, { text }: Column): Html {
	const kind = text === undefined ? '' : ` class="text${text === 'wrap' ? ' wrap' : ''}"`;
	return `<${tag}${kind}>${content(cell)}</${tag.split(' ')[0]}>`;
}

function content(cell: Cell): Html {
	if (cell === null) return '';
	if (typeof cell === 'string') return escapeHtml(cell);
	return `<data value="${cell.value}">${escapeHtml(cell.text)}</data>`;
}
