/**
 * The layers of collections: imports only point down, and what a browser needs imports nothing of Node.
 */

import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type ImportLine, listSources, readImports } from '../../../test/support/imports.ts';

/** Bottom first. Folders and files of one row may not import each other; a file that is named is not of its folder's row. */
const layers: readonly (readonly string[])[] = [
	['types.ts'],
	['check.ts'],
	['storage/driver.ts', 'segments/contract.ts'],
	['storage'],
	['where', 'text', 'exchange'],
	['segments'],
	['rows'],
	['collection'],
	['index.ts'],
];

/** What may import node: modules; each is behind an interface that can be had without Node. */
const ofNode = [
	/^storage\/(lock|node-sqlite)\.ts$/,
	/^segments\/(files-fs|build-.*|builder)\.ts$/,
	/^exchange\//,
	/^collection\//,
];

const source = fileURLToPath(new URL('../src', import.meta.url));
const imports = readImports(source);

function rankOf(file: string): number {
	const named = layers.findIndex((row) => row.includes(file));
	if (named !== -1) return named;
	return layers.findIndex((row) => row.includes(file.split('/')[0]!));
}

function folderOf(file: string): string {
	return layers.some((row) => row.includes(file)) ? file : file.split('/')[0]!;
}

const show = ({ file, line, specifier }: ImportLine): string => `src/${file}:${line} imports ${specifier}`;

test('every file is in a layer', () => {
	expect(listSources(source).filter((file) => rankOf(file) === -1)).toEqual([]);
});

test('imports only point down', () => {
	const wrong = imports.filter(
		({ file, target }) => target !== undefined && folderOf(file) !== folderOf(target) && rankOf(target) >= rankOf(file),
	);
	expect(wrong.map(show)).toEqual([]);
});

test('what a browser needs imports nothing of Node', () => {
	const wrong = imports.filter(
		({ file, specifier, typeOnly }) =>
			/^(node:|vecino\/node)/.test(specifier) && !typeOnly && !ofNode.some((pattern) => pattern.test(file)),
	);
	expect(wrong.map(show)).toEqual([]);
});

test('what a browser needs reaches no file of Node', () => {
	const reached = new Set(
		listSources(source).filter((file) =>
			/^(types|where\/|text\/|rows\/|storage\/(driver|errors|schema|sqlite-wasm))/.test(file),
		),
	);
	for (const file of reached) {
		for (const { target, typeOnly } of imports.filter((line) => line.file === file))
			if (target !== undefined && !typeOnly) reached.add(target);
	}
	expect([...reached].filter((file) => ofNode.some((pattern) => pattern.test(file)))).toEqual([]);
});

test('packages are those that are declared, and optional ones are handed in', () => {
	const allowed = /^(\.|node:|vecino$|vecino\/node$|ml-matrix$|hyparquet)/;
	expect(imports.filter(({ specifier }) => !allowed.test(specifier)).map(show)).toEqual([]);
});

test('only the barrel is a barrel', () => {
	expect(imports.filter(({ target }) => target === 'index.ts').map(show)).toEqual([]);
});

test('no two files need each other, but for types', () => {
	const edges = new Map<string, string[]>();
	for (const { file, target, kind, typeOnly } of imports) {
		if (target !== undefined && kind !== 'url' && !typeOnly) edges.set(file, [...(edges.get(file) ?? []), target]);
	}
	const done = new Set<string>();
	const cycles: string[] = [];
	const visit = (file: string, path: readonly string[]): void => {
		const start = path.indexOf(file);
		if (start !== -1) cycles.push([...path.slice(start), file].join(' -> '));
		if (start !== -1 || done.has(file)) return;
		for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
		done.add(file);
	};
	for (const file of edges.keys()) visit(file, []);
	expect(cycles).toEqual([]);
});
