/**
 * The public surface, as reviewed: docs/api lists every exported name with its types, and what the program explains.
 * A list that differs from what the sources say is an intended change not recorded (`npm run build:docs`), or an accident.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Declarations } from '../scripts/docs/declarations.ts';
import { generatedDocuments } from '../scripts/docs/generated.ts';
import { optionInterfaces, optionTables, splitDefault } from '../scripts/docs/parameters.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const documents = generatedDocuments(root);

it.each([...documents])('%s is as made from the sources (npm run build:docs)', (path, text) => {
	expect(readFileSync(join(root, path), 'utf8')).toBe(text);
});

it('what is imported at run time is what the lists have', async () => {
	const entries = {
		'docs/api/vecino.txt': 'packages/vecino/dist/index.js',
		'docs/api/vecino-node.txt': 'packages/vecino/dist/node/index.js',
		'docs/api/db.txt': 'packages/db/dist/index.js',
	};
	for (const [path, file] of Object.entries(entries)) {
		const [exported] = documents.get(path)!.split('# Not exported');
		const listed = [...exported!.matchAll(/^(?:abstract class|class|function|const) (\w+)/gm)].map(([, name]) => name!);
		const names = Object.keys(await import(join(root, file)));
		expect([...new Set(listed)].sort(), path).toEqual(names.sort());
	}
});

it('no list names a folder of this machine or an internal', () => {
	for (const [path, text] of documents) {
		expect(text, path).not.toContain(root);
		expect(text, path).not.toMatch(/\bArena\b|\bKernelFunctions\b/);
	}
});

describe('docstrings of options', () => {
	const declarations = new Declarations();
	const tables = new Map(optionTables(root).map(({ name, table }) => [name, table]));
	const tabled = optionInterfaces(root).filter(({ table }) => table !== undefined);

	it('some interfaces have a table', () => {
		expect(tabled.length).toBeGreaterThan(4);
	});

	it.each(tabled)('$name has the options and defaults of $table', (declaration) => {
		const table = tables.get(declaration.table!)!;
		const fields = [declaration, ...declarations.bases(declaration)].flatMap(({ members }) => members);
		expect(declaration.members.map(({ name }) => name).filter((name) => !(name in table))).toEqual([]);
		for (const { name, doc } of fields) {
			const said = splitDefault(doc).value;
			const spec = table[name]?.default;
			if (spec === undefined || said === undefined) continue;
			const value = said.split(',')[0]!;
			expect(/^[-\d.e]+$/.test(value) ? Number(value) : value.replaceAll("'", ''), name).toBe(
				typeof spec === 'boolean' ? String(spec) : spec,
			);
		}
	});
});
