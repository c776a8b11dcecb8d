/**
 * Every exported name has a docstring, every field and public member too (or what it overrides has); classes, functions and
 * public methods have an example; every example compiles, runs, prints what it says, and gives its memory back.
 */
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ENTRIES } from '../scripts/docs/api.ts';
import { type Declaration, Declarations, examplesOf } from '../scripts/docs/declarations.ts';
import { type Example, promised, runExamples } from './support/examples.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const declarations = new Declarations();
const entries = ENTRIES.map(({ entry, declarations: file }) => ({
	entry,
	module: declarations.module(join(root, file)),
	exported: declarations.exports(join(root, file)),
}));
const exported = entries.flatMap((entry) => entry.exported);
const reached = declarations.reached(exported);
/** Members of these are members of exported classes and interfaces. */
const inherited = new Set([...exported, ...reached].flatMap((declaration) => declarations.bases(declaration)));

const exportsOf = Object.fromEntries(entries.map(({ entry, exported }) => [entry, exported.map(({ name }) => name)]));

const where = ({ file }: Declaration): string =>
	relative(join(root, 'packages'), file).replace('/dist/', '/src/').replace('.d.ts', '.ts');
const label = (declaration: Declaration): string => `${declaration.name} (${where(declaration)})`;

describe('docstrings', () => {
	it('every exported name has one', () => {
		expect(exported.filter(({ doc }) => summary(doc) === '').map(label)).toEqual([]);
	});

	it('every field and public member has one, or overrides one that has', () => {
		const missing = [...new Set([...exported, ...inherited])].flatMap((declaration) =>
			declaration.members
				.filter(({ name }) => name !== 'constructor')
				.filter(({ name }) => !described(declaration, name, (doc) => summary(doc) !== ''))
				.map(({ name }) => `${label(declaration)}: ${name}`),
		);
		expect([...new Set(missing)]).toEqual([]);
	});

	it('every exported class and function has an example', () => {
		const missing = exported.filter(
			({ kind, doc }) => (kind === 'class' || kind === 'function') && examplesOf(doc).length === 0,
		);
		expect(missing.map(label)).toEqual([]);
	});

	it('every public method of a class has an example, or overrides one that has', () => {
		const classes = [...new Set([...exported, ...inherited])].filter(({ kind }) => kind === 'class');
		const missing = classes.flatMap((declaration) =>
			declaration.members
				.filter(({ name, text }) => name !== 'constructor' && /^(?:static |abstract )*\w+(?:<.*?>)?\(/.test(text))
				.filter(({ name }) => !described(declaration, name, (doc) => examplesOf(doc).length > 0))
				.map(({ name }) => `${label(declaration)}: ${name}`),
		);
		expect([...new Set(missing)]).toEqual([]);
	});
});

describe('examples in docstrings', () => {
	const examples: Example[] = [
		...entries.flatMap(({ entry, module }) => named(`${entry}, the module`, module.doc)),
		...[...new Set([...exported, ...inherited])].flatMap((declaration) => [
			...named(declaration.name, declaration.doc),
			...declaration.members.flatMap(({ name, doc }) => named(`${declaration.name}.${name}`, doc)),
		]),
	];
	const outcomes = runExamples(root, examples, exportsOf);

	it.each(examples.map(({ name, code }, i) => ({ name, code, ...outcomes[i]! })))(
		'$name',
		({ code, error, printed }) => {
			expect(error).toBe('');
			expect(printed.map(bare), 'what console.log printed, and what the comments behind it say').toEqual(
				promised(code).map(bare),
			);
		},
	);
});

describe('the tests of examples', () => {
	it('tell apart what does not compile, throws, leaks or prints something else', () => {
		const bad: Example[] = [
			{ name: 'compile', code: "const d: number = 'two';\nnew IndexFlat({ d, depth: 1 });" },
			{ name: 'throws', code: 'using index = new IndexPQ({ d: 64, m: 8 });\nindex.search(queries, 10);' },
			{ name: 'leaks', code: 'new IndexFlat({ d: 64 }).add(vectors);' },
			{ name: 'prints', code: 'console.log([1, 2]); // [1, 3]' },
			{ name: 'silent', code: 'if (vectors.n === 0) console.log(1); // 1' },
			{ name: 'good', code: "import { squaredL2 as l2 } from 'vecino';\nconsole.log(l2([0], [2])); // 4" },
		];
		const [compile, throws, leaks, prints, silent, good] = runExamples(root, bad, exportsOf);
		expect(compile!.error).toMatch(/TS2322[\s\S]*TS2353/);
		expect(throws!.error).toContain('call train first');
		expect(leaks!.error).toContain('not given back');
		expect(prints!.printed).not.toEqual(promised(bad[3]!.code));
		expect(silent!.printed).not.toEqual(promised(bad[4]!.code));
		expect(good).toEqual({ error: '', printed: promised(bad[5]!.code) });
	});
});

function named(name: string, doc: string): Example[] {
	return examplesOf(doc).map((code) => ({ name, code }));
}

/** Whether the docstring of a member, of an overload or of one that it overrides, is enough. */
function described(declaration: Declaration, name: string, enough: (doc: string) => boolean): boolean {
	const all = [declaration, ...declarations.bases(declaration)];
	return all.some(({ members }) => members.some((member) => member.name === name && enough(member.doc)));
}

/** The docstring before its first tag, or the text of its first tag where it begins with one (`@throws`, not `@example`). */
function summary(doc: string): string {
	return doc.split(/^@(?:example|typeParam)\b/m)[0]!.trim();
}

/** White space aside: the comments are shorter than what is printed. */
function bare(text: string): string {
	return text.replace(/\s+/g, '');
}
