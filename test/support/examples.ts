/**
 * Runs the `@example` code of docstrings: checked by the compiler against the built declarations, then run against the
 * built packages, in one process.
 *
 * What an example need not say: imports of what the packages export, and two sets of vectors, `vectors` (2,000 x 64) and
 * `queries` (10 x 64). What it prints must be what the comment behind `console.log(...)` says, white space aside.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface Example {
	/** `IndexFlat`, `VectorSet.from`. */
	readonly name: string;
	readonly code: string;
}

export interface Outcome {
	/** What the compiler said, or the error that ended the example; empty when all is well. */
	readonly error: string;
	/** One per call of console.log. */
	readonly printed: readonly string[];
}

const DATA = `
let state = 7;
const uniform = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
const normal = () => uniform() + uniform() + uniform() - 1.5;
const centres = Array.from({ length: 20 }, () => Float32Array.from({ length: 64 }, () => 2 * normal()));
const rows = (n) => Float32Array.from({ length: n * 64 }, (_, i) => centres[Math.floor(i / 64) % 20][i % 64] + normal());
`;

const RUNNER = `
import { formatWithOptions } from 'node:util';
import { defaultEngine } from 'vecino';
const results = [];
const arena = defaultEngine().arena;
let printed = [];
console.log = (...values) => printed.push(formatWithOptions({ breakLength: Infinity }, ...values));
for (let i = 0; i < COUNT; i++) {
	let error = '';
	const before = arena.allocatedBytes;
	printed = [];
	try {
		await import('./' + i + '.mjs');
		const leaked = arena.allocatedBytes - before;
		if (leaked !== 0) error = leaked + ' bytes are not given back: using?';
	} catch (caught) {
		error = String(caught?.stack ?? caught);
	}
	results.push({ error, printed });
}
process.stdout.write(JSON.stringify(results), () => process.exit());
`;

/** What the comments behind `console.log(...)` say, in order. */
export function promised(code: string): string[] {
	return [...code.matchAll(/\bconsole\.log\(.*\);?\s+\/\/ (.*)$/gm)].map(([, text]) => text!.trim());
}

/** @param exportsOf - Names that each entry point exports. */
export function runExamples(
	root: string,
	examples: readonly Example[],
	exportsOf: Readonly<Record<string, readonly string[]>>,
): Outcome[] {
	// Inside the repository, so that examples find the packages; removed again.
	const folder = mkdtempSync(join(root, 'node_modules', 'docs-examples-'));
	try {
		mkdirSync(join(folder, 'out'));
		for (const [i, { code }] of examples.entries()) {
			writeFileSync(join(folder, `${i}.mts`), `${importsFor(code, exportsOf)}\n${code}\nexport {};\n`);
		}
		const types = "import { VectorSet } from 'vecino';\n";
		writeFileSync(
			join(folder, 'data.d.mts'),
			`${types}export declare const vectors: VectorSet;\nexport declare const queries: VectorSet;\n`,
		);
		const data = `${types}${DATA}export const vectors = new VectorSet(rows(2000), 64);\nexport const queries = new VectorSet(rows(10), 64);\n`;
		writeFileSync(join(folder, 'out/data.mjs'), data);
		writeFileSync(join(folder, 'out/run.mjs'), RUNNER.replace('COUNT', String(examples.length)));
		const complaints = compile(root, folder, examples.length);
		const run = spawnSync(process.execPath, ['out/run.mjs'], { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 26 });
		if (run.status !== 0) throw new Error(`the examples did not run to the end: ${run.stderr}`);
		const outcomes = JSON.parse(run.stdout) as Outcome[];
		return outcomes.map(({ error, printed }, i) => ({
			error: [...(complaints.get(i) ?? []), error].join('\n').trim(),
			printed,
		}));
	} finally {
		rmSync(folder, { recursive: true });
	}
}

function importsFor(code: string, exportsOf: Readonly<Record<string, readonly string[]>>): string {
	const words = new Set(code.match(/\b[A-Za-z_]\w*\b/g));
	const own = new Set(
		[...code.matchAll(/\b(?:const|let|using|class|function)\s+(?:\{([^}]*)\}|(\w+))/g)].flatMap(
			([, list, name]) => list?.match(/\w+/g) ?? [name!],
		),
	);
	for (const [, list] of code.matchAll(/^import (?:type )?\{([^}]*)\}/gm))
		for (const name of list!.match(/\w+/g) ?? []) own.add(name);
	const entries = { ...exportsOf, './data.mjs': ['vectors', 'queries'] };
	return Object.entries(entries)
		.map(([entry, names]) => [entry, names.filter((name) => words.has(name) && !own.has(name))] as const)
		.filter(([, names]) => names.length > 0)
		.map(([entry, names]) => `import { ${names.join(', ')} } from '${entry}';`)
		.join(' ');
}

/** Compiles all examples into `out`; what the compiler says, by example. */
function compile(root: string, folder: string, count: number): Map<number, string[]> {
	const compilerOptions = {
		outDir: 'out',
		declaration: false,
		sourceMap: false,
		isolatedDeclarations: false,
		noUnusedLocals: false,
		verbatimModuleSyntax: false,
		types: ['node'],
		typeRoots: [join(root, 'node_modules/@types')],
		exactOptionalPropertyTypes: true,
	};
	const files = Array.from({ length: count }, (_, i) => `${i}.mts`);
	writeFileSync(
		join(folder, 'tsconfig.json'),
		JSON.stringify({ extends: join(root, 'tsconfig.base.json'), compilerOptions, files }),
	);
	const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
	const { stdout } = spawnSync(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], {
		cwd: folder,
		encoding: 'utf8',
	});
	const complaints = new Map<number, string[]>();
	for (const line of stdout.split('\n').filter(Boolean)) {
		const i = Number(/^(\d+)\.mts/.exec(line)?.[1] ?? -1);
		complaints.set(i, [...(complaints.get(i) ?? []), line]);
	}
	const stray = complaints.get(-1);
	if (stray !== undefined) throw new Error(stray.join('\n'));
	return complaints;
}
