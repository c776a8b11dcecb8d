/**
 * docs/parameters.md: every option of the engine. Defaults and ranges come from the option tables of
 * packages/vecino/src/core/options.ts, the rest from the docstrings of the exported options interfaces.
 */
import { join } from 'node:path';
import * as options from '../../packages/vecino/src/core/options.ts';
import { ENTRIES } from './api.ts';
import { type Declaration, Declarations, type Member } from './declarations.ts';

const OPTIONS_FILE = 'packages/vecino/dist/core/options.d.ts';

const HEAD = `<!-- Generated from the sources: npm run build:docs -->

# Parameters

Every option, its default and its range. An option that a method does not know throws a \`TypeError\`, a value out of
range a \`RangeError\`; both name the method, the option and what was given. Search parameters belong to one call and are
never kept. What the program \`vecino\` takes is in [api/cli.txt](api/cli.txt).
`;

/** The option tables by name, in the order of their file. */
export function optionTables(root: string): { name: string; doc: string; table: options.OptionTable }[] {
	const { declarations } = new Declarations().module(join(root, OPTIONS_FILE));
	return [...declarations.values()]
		.filter(({ kind, head }) => kind === 'const' && /: OptionTable\b/.test(head))
		.map(({ name, doc }) => ({ name, doc, table: (options as unknown as Record<string, options.OptionTable>)[name]! }));
}

export interface Documented extends Declaration {
	readonly entry: string;
	/** Name of the option table that has its defaults. */
	readonly table: string | undefined;
}

/** Exported interfaces of options. */
export function optionInterfaces(root: string): Documented[] {
	const declarations = new Declarations();
	const tables = optionTables(root).map(({ name }) => name);
	const tableOf = (name: string): string | undefined =>
		tables.find((table) => table.replaceAll('_', '').toLowerCase() === name.toLowerCase());
	return ENTRIES.flatMap(({ entry, declarations: file }) =>
		declarations
			.exports(join(root, file))
			.filter(({ kind, name }) => kind === 'interface' && /(?:Options|Params)$/.test(name))
			.map((declaration) => ({ ...declaration, entry, table: tableOf(declaration.name) })),
	);
}

export function parametersText(root: string): string {
	const tables = optionTables(root);
	const run = tables.find(({ name }) => name === 'RUN_OPTIONS')!.table;
	const declarations = new Declarations();
	const all = optionInterfaces(root);
	const exported = new Set(all.map(({ name }) => name));
	const isRun = ({ members }: Documented): boolean => members.length > 0 && members.every(({ name }) => name in run);
	const interfaces = all.filter((documented) => documented.table === undefined && !isRun(documented));
	const parts = [
		HEAD,
		'## Methods\n',
		`All that can take long also takes ${Object.keys(run).map(code).join(', ')}.\n`,
		rows(['option', 'default', 'range', 'meaning'], Object.entries(run).map(tableRow)),
		...tables
			.filter(({ table }) => table !== run)
			.map(({ doc, table }) => {
				const own = Object.entries(table).filter(([name, spec]) => run[name] !== spec);
				return `### ${title(doc)}\n\n${rows(['option', 'default', 'range', 'meaning'], own.map(tableRow))}`;
			}),
		'## Constructors and functions\n',
		'Types are those of TypeScript; names in them are in [api/vecino.txt](api/vecino.txt).\n',
		...interfaces.map((documented) => interfaceText(declarations, exported, documented)),
	];
	return `${parts.join('\n').trimEnd()}\n`;
}

function tableRow([name, spec]: [string, options.OptionSpec]): string[] {
	const { type, min, max, choices, help } = spec;
	const range =
		choices?.map((choice) => code(`'${choice}'`)).join(', ') ??
		(min === undefined ? type : `${type} in ${size(min)}..${size(max!)}`);
	const value =
		spec.default === undefined
			? ''
			: code(typeof spec.default === 'string' ? `'${spec.default}'` : String(spec.default));
	return [code(name), value, range, help];
}

function interfaceText(
	declarations: Declarations,
	exported: ReadonlySet<string>,
	{ name, entry, doc, members, bases, file }: Documented,
): string {
	// What is not exported has no heading of its own: its options are listed here.
	const shown = bases.filter((base) => exported.has(base));
	const hidden = bases
		.filter((base) => !exported.has(base))
		.flatMap((base) => declarations.resolve(file, base)?.members ?? []);
	const also = shown.length === 0 ? '' : `Also those of ${shown.map(code).join(' and ')}.\n\n`;
	const text = `### \`${name}\`${entry === 'vecino' ? '' : ` (${entry})`}\n\n${oneLine(doc)}\n\n${also}`;
	const all = [...members, ...hidden];
	return all.length === 0 ? text.trimEnd() : text + rows(['option', 'default', 'type', 'meaning'], all.map(memberRow));
}

function memberRow({ name, text, doc }: Member): string[] {
	const type = text.replace(/^readonly [\w$]+\??: /, '').replace(/ \| undefined;$|;$/, '');
	const { value, rest } = splitDefault(doc);
	const optional = /^readonly [\w$]+\?/.test(text);
	const shown = value ?? (optional ? '' : 'needed');
	return [code(name), /^(?:'|-?\d|true|false)[^ ]*$/.test(shown) ? code(shown) : shown, code(type), rest];
}

/** The default that a docstring names, and the rest of it. */
export function splitDefault(doc: string): { value: string | undefined; rest: string } {
	const line = oneLine(doc);
	const match = /(?:^| )Default:? (.*?)\.(?= |$)/.exec(line);
	if (match === null) return { value: undefined, rest: line };
	return { value: match[1]!, rest: line.replace(match[0], '').trim() };
}

function rows(head: readonly string[], body: readonly (readonly string[])[]): string {
	const line = (cells: readonly string[]): string =>
		`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
	return `${[line(head), `|${'---|'.repeat(head.length)}`, ...body.map(line)].join('\n')}\n`;
}

/** Powers of two from 65,536 on are easier to read as such. */
function size(value: number): string {
	const power = Math.log2(value);
	if (Number.isInteger(power) && power >= 16) return `2^${power}`;
	if (Number.isInteger(Math.log2(value + 1)) && value > 65_536) return `2^${Math.log2(value + 1)} - 1`;
	return value.toLocaleString('en');
}

const code = (text: string): string => `\`${text}\``;
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
const title = (doc: string): string => oneLine(doc).replace(/\.$/, '');
