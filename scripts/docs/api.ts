/**
 * The public surface as text, one file per entry point, for reviews: what is exported, with its types, as the
 * declaration files in dist/ have it, and what the program `vecino` says on `--help`.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type Declaration, Declarations } from './declarations.ts';

/** Entry points and the files in docs/api that list them. */
export const ENTRIES = [
	{ entry: 'vecino', declarations: 'packages/vecino/dist/index.d.ts', list: 'docs/api/vecino.txt' },
	{ entry: 'vecino/node', declarations: 'packages/vecino/dist/node/index.d.ts', list: 'docs/api/vecino-node.txt' },
	{ entry: '@vecino/db', declarations: 'packages/db/dist/index.d.ts', list: 'docs/api/db.txt' },
] as const;

export const CLI_LIST = 'docs/api/cli.txt';
const CLI = 'packages/cli/bin/vecino.js';

/** All lists by path, relative to the repository. Needs a build. */
export function apiLists(root: string): Map<string, string> {
	const declarations = new Declarations();
	const lists = new Map<string, string>();
	const listed: Declaration[] = [];
	for (const { entry, declarations: file, list } of ENTRIES) {
		const exported = declarations.exports(join(root, file));
		listed.push(...exported);
		const reached = declarations.reached(listed);
		listed.push(...reached);
		lists.set(list, apiText(entry, ...withLinks(declarations, exported, reached)));
	}
	lists.set(CLI_LIST, cliText(root));
	return lists;
}

/**
 * Classes that are not exported and have one class below them are there to divide a long file: their members are listed
 * with those of the class below.
 */
function withLinks(
	declarations: Declarations,
	exported: readonly Declaration[],
	reached: readonly Declaration[],
): [exported: Declaration[], reached: Declaration[]] {
	const all = [...exported, ...reached];
	const isLink = (base: Declaration): boolean =>
		base.kind === 'class' &&
		reached.includes(base) &&
		all.filter((heir) => declarations.bases(heir)[0] === base).length === 1;
	const whole = (declaration: Declaration): Declaration => {
		const [base] = declarations.bases(declaration);
		if (base === undefined || !isLink(base)) return declaration;
		const { head, members } = whole(base);
		const own = new Set(declaration.members.map(({ name }) => name));
		const [before, after] = declaration.head.split(` extends ${base.name}`) as [string, string];
		return {
			...declaration,
			head: before + withoutParameters(head.replace(/^(?:abstract )?class \w+/, '')) + withoutParameters(after),
			members: [...members.filter(({ name }) => !own.has(name)), ...declaration.members],
		};
	};
	return [exported.map(whole), reached.filter((declaration) => !isLink(declaration)).map(whole)];
}

/** `<P extends A<B>> implements C` -> ` implements C`. */
function withoutParameters(text: string): string {
	let angles = 0;
	for (let i = 0; i < text.length; i++) {
		if (text[i] === '<') angles++;
		else if (text[i] === '>' && text[i - 1] !== '=') angles--;
		if (angles === 0) return text.slice(text[i] === '>' ? i + 1 : i);
	}
	return '';
}

function apiText(entry: string, exported: readonly Declaration[], reached: readonly Declaration[]): string {
	const byName = exported.toSorted((a, b) => (a.name < b.name ? -1 : 1));
	const parts = [
		`# Everything that '${entry}' exports. Generated: npm run build:docs`,
		...byName.map(declarationText),
		...(reached.length === 0 ? [] : ['# Not exported, but named by what is', ...reached.map(declarationText)]),
	];
	return `${parts.join('\n\n')}\n`;
}

function declarationText({ head, members, kind }: Declaration): string {
	if (kind !== 'class' && kind !== 'interface') return head.split('\n').map(wrapped).join('\n');
	return [`${head} {`, ...members.map(({ text }) => `\t${text}`), '}'].join('\n');
}

/** A union of many words breaks into lines, so that a review shows which word is new. */
function wrapped(line: string): string {
	return line.length > 120 && / = '/.test(line)
		? line.replace(' = ', ' =\n\t| ').replaceAll(/ \| (?=')/g, '\n\t| ')
		: line;
}

function cliText(root: string): string {
	const program = help(root, []);
	const commands = [...program.matchAll(/^ {2}([a-z]+)\b.*$/gm)].map(([, name]) => name!);
	const known = commands.filter((name) => name !== 'help' && name !== 'vecino');
	const parts = [[], ...[...new Set(known)].map((name) => [name])].map((args) =>
		`$ ${['vecino', ...args, '--help'].join(' ')}\n\n${help(root, args)}`.trimEnd(),
	);
	return `# What the program explains about itself. Generated: npm run build:docs\n\n${parts.join('\n\n')}\n`;
}

function help(root: string, args: readonly string[]): string {
	const env = { ...process.env, COLUMNS: '120', NO_COLOR: '1' };
	return execFileSync(process.execPath, [CLI, ...args, '--help'], { cwd: root, encoding: 'utf8', env });
}
