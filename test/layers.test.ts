/**
 * The layers of the engine: imports only point down, so that a reader can start at the bottom and never meet
 * a name that is explained above. The same rule, in words: CONTRIBUTING.md.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type ImportLine, listSources, parseImports, readImports } from './support/imports.ts';

/** Bottom first. Folders (and top-level files) of one row may not import each other, save where a row says so. */
const layers: readonly (readonly string[])[] = [
	['errors'],
	['util'],
	['core'],
	['kernels'],
	['cluster'],
	['quantizers', 'transforms'],
	['invlists'],
	['indexes'],
	['factory'],
	['io'],
	['eval'],
	['node'],
];

const order = layers.map((row) => row.join(', ')).join(' < ');
const source = fileURLToPath(new URL('../packages/vecino/src', import.meta.url));
const imports = readImports(source);

describe('layers of packages/vecino/src', () => {
	it('has files only in known layers', () => {
		const known = new Set(layers.flat());
		const strangers = listSources(source).filter((file) => file !== 'index.ts' && !known.has(layerOf(file)));
		expect(strangers, `every file belongs to one of: ${order}`).toEqual([]);
	});

	it('imports only point down', () => {
		expect(imports.filter(pointsUp).map(show), `imports only point down: ${order}`).toEqual([]);
	});

	it('imports `node:` modules only under node/', () => {
		const wrong = imports.filter(({ file, specifier }) => specifier.startsWith('node:') && layerOf(file) !== 'node');
		expect(wrong.map(show), 'only src/node may import node: modules; the rest must run in a browser').toEqual([]);
	});

	it('imports no package', () => {
		const wrong = imports.filter(({ specifier }) => !specifier.startsWith('.') && !specifier.startsWith('node:'));
		expect(wrong.map(show), 'the engine has no dependencies').toEqual([]);
	});

	it('writes the .ts extension', () => {
		const wrong = imports.filter(
			({ specifier, kind }) => kind === 'import' && specifier.startsWith('.') && !specifier.endsWith('.ts'),
		);
		expect(wrong.map(show), 'relative imports end in .ts; the compiler rewrites them').toEqual([]);
	});

	it('has one barrel, index.ts, which nothing inside imports', () => {
		const barrels = ['index.ts', 'node/index.ts'];
		const others = listSources(source).filter((file) => /(^|\/)index\.ts$/.test(file) && !barrels.includes(file));
		expect(others, 'src/index.ts is the only barrel (src/node/index.ts is the entry vecino/node)').toEqual([]);
		const wrong = imports.filter(({ target }) => target !== undefined && barrels.includes(target));
		expect(wrong.map(show), 'inside, import the file that declares the name, not the barrel').toEqual([]);
	});

	it('has a barrel that names what it exports and runs in a browser', () => {
		const barrel = readSource('index.ts');
		expect(barrel, 'the barrel names what it exports: no `export *`').not.toMatch(/^export \*/m);
		const wrong = imports.filter(({ file, target }) => file === 'index.ts' && target?.startsWith('node/'));
		expect(wrong.map(show), 'src/node is exported by vecino/node alone').toEqual([]);
	});

	it('has no cycles between files', () => {
		expect(findCycles(imports), 'two files that need each other are one file, or need a third').toEqual([]);
	});
});

describe('the rules themselves', () => {
	const read = (file: string, text: string): ImportLine[] => parseImports(file, text);

	it('see every form of import', () => {
		const text = [
			"import { a } from './a.ts';",
			"import type { B } from '../core/b.ts';",
			'import {',
			'\tc,',
			"} from './c.ts';",
			"export { d } from './d.ts';",
			"export type { E } from './e.ts';",
			"export * from './f.ts';",
			"import './g.ts';",
			"const h = await import('./h.ts');",
			"new Worker(new URL('./i.ts', import.meta.url));",
			"// import { j } from './j.ts';",
			'/* @example',
			"import { k } from './k.ts';",
			'*/',
			"const url = 'https://example.com'; // from 'here'",
		].join('\n');
		const found = read('util/x.ts', text);
		expect(found.map(({ target }) => target).sort()).toEqual(
			['a', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
				.map((name) => `util/${name}.ts`)
				.concat('core/b.ts')
				.sort(),
		);
		expect(found.filter(({ typeOnly }) => typeOnly).map(({ line }) => line)).toEqual([2, 7]);
	});

	it('refuse an import that points up, also for types', () => {
		expect(read('core/x.ts', "import type { K } from '../kernels/k.ts';").map(pointsUp)).toEqual([true]);
		expect(read('kernels/x.ts', "import { v } from '../core/v.ts';").map(pointsUp)).toEqual([false]);
		expect(read('transforms/x.ts', "import { q } from '../quantizers/q.ts';").map(pointsUp)).toEqual([true]);
		expect(read('errors.ts', "import { u } from './util/u.ts';").map(pointsUp)).toEqual([true]);
	});

	it('find a cycle through three files once', () => {
		const chain = [
			...read('a.ts', "import './b.ts';"),
			...read('b.ts', "import './c.ts';"),
			...read('c.ts', "import './a.ts';\nimport './d.ts';"),
		];
		expect(findCycles(chain)).toEqual(['a.ts -> b.ts -> c.ts -> a.ts']);
	});
});

/** `util/check.ts` -> `util`; `errors.ts` -> `errors`. */
function layerOf(file: string): string {
	return file.includes('/') ? file.slice(0, file.indexOf('/')) : file.replace(/\.ts$/, '');
}

function pointsUp({ file, target }: ImportLine): boolean {
	if (file === 'index.ts' || target === undefined) return false;
	const from = layerOf(file);
	const to = layerOf(target);
	if (from === to) return false;
	return rankOf(to) >= rankOf(from);
}

/** Unknown layers rank above all, so that nothing may import them. */
function rankOf(layer: string): number {
	const rank = layers.findIndex((row) => row.includes(layer));
	return rank === -1 ? layers.length : rank;
}

function readSource(file: string): string {
	return existsSync(join(source, file)) ? readFileSync(join(source, file), 'utf8') : '';
}

function show({ file, line, specifier }: ImportLine): string {
	return `src/${file}:${line} imports ${specifier}`;
}

/** Each cycle once, as `a.ts -> b.ts -> a.ts`. Imports of types count: they too tie the reader's hands. */
function findCycles(lines: readonly ImportLine[]): string[] {
	const edges = new Map<string, Set<string>>();
	for (const { file, target, kind } of lines) {
		if (target === undefined || kind === 'url') continue;
		edges.set(file, (edges.get(file) ?? new Set()).add(target));
	}
	const done = new Set<string>();
	const cycles: string[] = [];
	const visit = (file: string, path: readonly string[]): void => {
		const start = path.indexOf(file);
		if (start !== -1) {
			cycles.push([...path.slice(start), file].join(' -> '));
			return;
		}
		if (done.has(file)) return;
		for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
		done.add(file);
	};
	for (const file of edges.keys()) visit(file, []);
	return cycles;
}
