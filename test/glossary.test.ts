/** The words that docs/glossary.md calls ours are names of the public surface: exports, members, options, choices. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ENTRIES } from '../scripts/docs/api.ts';
import { Declarations } from '../scripts/docs/declarations.ts';
import { optionTables } from '../scripts/docs/parameters.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

it('words of the glossary exist', () => {
	const declarations = new Declarations();
	const exported = ENTRIES.flatMap(({ declarations: file }) => declarations.exports(join(root, file)));
	const all = [...exported, ...declarations.reached(exported)];
	const texts = all.flatMap(({ head, members }) => [head, ...members.map(({ text }) => text)]).join('\n');
	const names = new Set([
		...all.flatMap(({ name, members }) => [name, ...members.map((member) => member.name)]),
		...optionTables(root).flatMap(({ table }) => Object.keys(table)),
		...[...texts.matchAll(/'[\w+-]+'/g)].map(([choice]) => choice),
		// Arguments: k of search.
		...[...texts.matchAll(/[(,] ?(\w+)\??: /g)].map(([, argument]) => argument!),
	]);
	const rows = readFileSync(join(root, 'docs/glossary.md'), 'utf8')
		.split('\n')
		.filter((line) => /^\| (?!introductions)/.test(line))
		.map((line) => line.split(' | '));
	expect(rows.length).toBeGreaterThan(40);
	const words = rows.flatMap(([, , ours]) => [...ours!.matchAll(/`([^`]+)`/g)].map(([, word]) => word!));
	expect(rows.filter(([, , ours]) => !ours?.includes('`'))).toEqual([]);
	expect(words.filter((word) => !names.has(word))).toEqual([]);
});
