/**
 * Links of the documents lead somewhere: to a file, to a heading of it, and, where the text of a link is the name of
 * something (`ProductQuantizer`) in a file of sources, to a file that declares it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { documents } from './support/documents.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

it.each(documents(root))('links of %s', (document) => {
	const broken = linksOf(readFileSync(join(root, document), 'utf8')).flatMap(({ text, target }) => {
		const [path = '', heading] = target.split('#');
		const file = path === '' ? join(root, document) : join(root, dirname(document), path);
		if (!existsSync(file)) return [`${target}: no such file`];
		const source = /\.(?:md|ts)$/.test(file) ? readFileSync(file, 'utf8') : '';
		if (heading !== undefined && !headings(source).includes(heading)) return [`${target}: no such heading`];
		const name = /^`#?([\w.]+)(?:\(\))?`$/.exec(text)?.[1];
		if (!file.endsWith('.ts') || name === undefined) return [];
		return name.split('.').every((part) => declares(source, part)) ? [] : [`${target}: declares no ${name}`];
	});
	expect(broken).toEqual([]);
});

it('a name is found where it is declared, and only there', () => {
	const source =
		'export class Thing {\n\tget size(): number {\n\t\treturn other(1);\n\t}\n}\nexport function* steps() {}\n';
	expect(['Thing', 'size', 'steps'].filter((name) => !declares(source, name))).toEqual([]);
	expect(['other', 'number', 'Thin'].filter((name) => declares(source, name))).toEqual([]);
});

/** Links within the repository: those with a scheme are somebody else's. */
function linksOf(markdown: string): { text: string; target: string }[] {
	const prose = markdown.replace(/^(```|~~~)[\s\S]*?^\1/gm, '');
	return [...prose.matchAll(/\[([^\]]*)\]\(([^)\s]+)\)/g)]
		.map(([, text, target]) => ({ text: text!, target: target! }))
		.filter(({ target }) => !/^[a-z]+:/.test(target));
}

/** As GitHub names them. */
function headings(markdown: string): string[] {
	return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, text]) =>
		text!
			.toLowerCase()
			.replace(/[^\p{L}\p{N}\s_-]/gu, '')
			.trim()
			.replace(/\s/g, '-'),
	);
}

function declares(source: string, name: string): boolean {
	const declaration = `\\b(?:class|interface|type|const|let|function\\*?|get|static|readonly)\\s+\\*?#?${name}\\b`;
	const method = `^\\t+(?:async )?\\*?#?${name}\\s*[(<]`;
	return new RegExp(`${declaration}|${method}`, 'm').test(source.replace(/^\s*(?:\*|\/\/).*$/gm, ''));
}
