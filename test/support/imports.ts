/** The imports of TypeScript files, read with regular expressions: enough for sources that Biome has formatted. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';

export interface ImportLine {
	/** Path of the importing file below the source folder, with forward slashes. */
	readonly file: string;
	readonly line: number;
	/** As written: `./topk.ts`, `node:fs`, `vecino`. */
	readonly specifier: string;
	/** Path below the source folder when the specifier is relative. */
	readonly target: string | undefined;
	/** `url` is the address of a worker's file, `new URL('./worker.js', import.meta.url)`. */
	readonly kind: 'import' | 'url';
	/** `import type` and `export type` vanish when compiled. */
	readonly typeOnly: boolean;
}

/** Static imports, re-exports and side-effect imports; dynamic imports and types; worker URLs. */
const patterns = [
	{
		kind: 'import',
		expression: /^(?:import|export)\s+(?<type>type\s)?(?:[^'";]*?\bfrom\s*)?['"](?<specifier>[^'"]+)['"]/gm,
	},
	{ kind: 'import', expression: /\bimport\(\s*['"](?<specifier>[^'"]+)['"]\s*\)/g },
	{
		kind: 'url',
		expression: /\bnew URL\(\s*['"](?<specifier>\.{1,2}\/[^'"]+\.[jt]s)['"]\s*,\s*import\.meta\.url\s*,?\s*\)/g,
	},
] as const;

/** All `.ts` files below a folder, as sorted paths with forward slashes. */
export function listSources(folder: string): string[] {
	return readdirSync(folder, { recursive: true, encoding: 'utf8' })
		.filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
		.map((name) => name.split(sep).join('/'))
		.sort();
}

export function readImports(folder: string): ImportLine[] {
	return listSources(folder).flatMap((file) => parseImports(file, readFileSync(join(folder, file), 'utf8')));
}

export function parseImports(file: string, source: string): ImportLine[] {
	const code = blankComments(source);
	return patterns.flatMap(({ kind, expression }) =>
		[...code.matchAll(expression)].map((match) => {
			const specifier = match.groups?.['specifier'] ?? '';
			return {
				file,
				line: code.slice(0, match.index).split('\n').length,
				specifier,
				target: specifier.startsWith('.') ? resolve(file, specifier) : undefined,
				kind,
				typeOnly: match.groups?.['type'] !== undefined,
			};
		}),
	);
}

function resolve(file: string, specifier: string): string {
	return posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');
}

/** Replaces comments by blanks, so that examples in them are not imports; strings that hold `//` survive. */
function blankComments(source: string): string {
	return source.replace(
		/('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
		(found, text: string | undefined) => text ?? found.replace(/[^\n]/g, ' '),
	);
}
