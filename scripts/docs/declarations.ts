/**
 * Reads the declaration files that the compiler wrote to dist/: what each exported name is, with its docstring and, for
 * classes and interfaces, its members.
 *
 * Declaration files are regular (one declaration a statement, members indented by four spaces, comments right before),
 * and `@internal` members are gone from them already, so counting brackets is enough to read them.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Member {
	/** `search`, `[Symbol.dispose]`, `constructor`. */
	readonly name: string;
	/** On one line, comments gone: `search(q: Vectors, k: number, params?: P): SearchResult;` */
	readonly text: string;
	readonly doc: string;
}

export interface Declaration {
	readonly name: string;
	readonly kind: 'class' | 'interface' | 'function' | 'const' | 'type';
	/** File that declares it, a path. */
	readonly file: string;
	/** Classes and interfaces: all before the braces. Others: everything; overloads one per line. */
	readonly head: string;
	readonly doc: string;
	/** Of classes and interfaces, public ones only, in the order of the source. */
	readonly members: readonly Member[];
	/** Names of the types that it extends. */
	readonly bases: readonly string[];
}

/** What one declaration file declares and what names it takes from elsewhere. */
export interface Module {
	readonly file: string;
	readonly doc: string;
	readonly declarations: ReadonlyMap<string, Declaration>;
	/** Local name to its name and file elsewhere. */
	readonly imports: ReadonlyMap<string, { readonly name: string; readonly file: string }>;
	/** Exported from here, declared elsewhere; in order. */
	readonly exports: ReadonlyMap<string, { readonly name: string; readonly file: string }>;
}

interface Statement {
	readonly doc: string;
	readonly text: string;
}

/** Declaration files by path, each read once. */
export class Declarations {
	readonly #modules = new Map<string, Module>();

	module(file: string): Module {
		const known = this.#modules.get(file);
		if (known !== undefined) return known;
		const module = readModule(file);
		this.#modules.set(file, module);
		return module;
	}

	/** Exported names of an entry point, in the order of its file. */
	exports(entry: string): Declaration[] {
		const module = this.module(entry);
		return [...module.exports.keys()].map((name) => {
			const found = this.resolve(entry, name);
			if (found === undefined) throw new Error(`${entry} exports ${name}, which is declared nowhere`);
			return found;
		});
	}

	/** What a name means in a file: declared there, imported or re-exported. Undefined for names of the language. */
	resolve(file: string, name: string): Declaration | undefined {
		const module = this.module(file);
		const here = module.declarations.get(name);
		if (here !== undefined) return here;
		const from = module.imports.get(name) ?? module.exports.get(name);
		return from === undefined ? undefined : this.resolve(from.file, from.name);
	}

	/** Classes and interfaces that a declaration extends, nearest first. */
	bases(declaration: Declaration): Declaration[] {
		const direct = declaration.bases.map((name) => this.resolve(declaration.file, name));
		return direct.flatMap((base) => (base === undefined ? [] : [base, ...this.bases(base)]));
	}

	/** All that the declarations given lean on and that is not among them: base classes, types of arguments, ... */
	reached(from: readonly Declaration[]): Declaration[] {
		const seen = new Set(from);
		for (const declaration of seen) {
			const text = [
				declaration.head.replace(/ implements .*$/, ''),
				...declaration.members.map((member) => member.text),
			].join('\n');
			for (const [name] of text.replace(/'[^']*'|"[^"]*"/g, '').matchAll(/\b[A-Za-z_]\w*\b/g)) {
				const found = this.resolve(declaration.file, name);
				if (found !== undefined && /^[A-Z]/.test(name)) seen.add(found);
			}
		}
		return [...seen].slice(from.length).sort((a, b) => (a.name < b.name ? -1 : 1));
	}
}

function readModule(file: string): Module {
	const source = readFileSync(file, 'utf8');
	const declarations = new Map<string, Declaration>();
	const imports = new Map<string, { name: string; file: string }>();
	const exports = new Map<string, { name: string; file: string }>();
	for (const { doc, text } of statements(source)) {
		const names = /^(import|export)\s+(?:type\s+)?\{([^}]*)\}(?:\s+from\s+'([^']+)')?/.exec(text);
		if (names !== null) {
			const target = names[3] === undefined ? file : resolvePath(file, names[3]);
			if (target === undefined) continue;
			for (const [local, name] of specifiers(names[2]!))
				(names[1] === 'import' ? imports : exports).set(local, { name, file: target });
			continue;
		}
		const found = declare(file, doc, text);
		if (found === undefined) continue;
		const before = declarations.get(found.name);
		declarations.set(found.name, before === undefined ? found : { ...before, head: `${before.head}\n${found.head}` });
	}
	return { file, doc: docText(source), declarations, imports, exports };
}

/** `a, type b, c as d` as pairs of the local name and the name elsewhere. */
function specifiers(list: string): [local: string, name: string][] {
	const parts = list.split(',').map((part) => part.trim().replace(/^type\s+/, ''));
	return parts.filter(Boolean).map((part) => {
		const [name, local] = part.split(/\s+as\s+/);
		return [local ?? name!, name!];
	});
}

/** Only files of the package itself: what comes from other packages is theirs to document. */
function resolvePath(file: string, specifier: string): string | undefined {
	return specifier.startsWith('.') ? join(dirname(file), specifier.replace(/\.[jt]s$/, '.d.ts')) : undefined;
}

const DECLARATION =
	/^(?:export\s+)?(?:declare\s+)?(?:abstract\s+)?(?<kind>class|interface|function|const|type)\s+(?<name>[\w$]+)/;

function declare(file: string, doc: string, text: string): Declaration | undefined {
	const match = DECLARATION.exec(text);
	if (match === null) return undefined;
	const { kind, name } = match.groups as { kind: Declaration['kind']; name: string };
	const short = oneLine(text)
		.replace(/^export (declare )?/, '')
		.replace(/^declare /, '');
	if (kind !== 'class' && kind !== 'interface') return { name, kind, file, head: short, doc, members: [], bases: [] };
	const open = bodyStart(text) ?? text.length;
	const head = oneLine(text.slice(0, open))
		.replace(/^export (declare )?/, '')
		.replace(/^declare /, '')
		.trim();
	const members = [...statements(text.slice(open + 1, text.lastIndexOf('}')))]
		.filter((member) => !/^(?:#private|private |protected )/.test(member.text))
		.map((member) => ({ name: memberName(member.text), text: oneLine(member.text), doc: member.doc }));
	const heritage = /\bextends\b(.*?)(?: implements .*)?$/.exec(withoutAngles(head))?.[1] ?? '';
	const bases = [...heritage.matchAll(/\b[A-Z]\w*/g)].map(([base]) => base);
	return { name, kind, file, head, doc, members, bases: bases.filter((base) => base !== name) };
}

function memberName(text: string): string {
	const rest = text.replace(/^(?:(?:abstract|readonly|static|get|set|override|async) )+/, '');
	return /^(\[[^\]]*\]|[\w$]+)/.exec(rest)?.[1] ?? rest;
}

/** Where the braces of a class or interface open: not those of a type argument before. */
function bodyStart(text: string): number | undefined {
	let angles = 0;
	for (let i = 0; i < text.length; i++) {
		if (text[i] === '<') angles++;
		else if (text[i] === '>' && text[i - 1] !== '=') angles--;
		else if (text[i] === '{' && angles === 0) return i;
	}
	return undefined;
}

/** Type parameters and arguments gone. */
function withoutAngles(head: string): string {
	const less = head.replaceAll('=>', '').replace(/<[^<>]*>/g, '');
	return less === head ? head : withoutAngles(less);
}

/** Splits at the semicolons and closing braces that are inside of nothing else. */
function* statements(source: string): Generator<Statement> {
	let doc = '';
	let text = '';
	let depth = 0;
	// Comments, strings, and single characters.
	for (const [token] of source.matchAll(
		/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`|[\s\S]/g,
	)) {
		if (token.startsWith('/*') || token.startsWith('//')) {
			// A comment at the head of a statement is its docstring; the last one counts.
			if (text.trim() === '' && token.startsWith('/**')) doc = docText(token);
			// Those of members are read when the members are.
			else text += token;
			continue;
		}
		text += token;
		if ('{(['.includes(token)) depth++;
		if ('})]'.includes(token)) depth--;
		const body =
			token === '}' &&
			depth === 0 &&
			/^\s*(?:export\s+)?(?:declare\s+)?(?:abstract\s+)?(?:class|interface)\b/.test(text) &&
			bodyStart(text) !== undefined;
		if (depth > 0 || !(token === ';' || body)) continue;
		if (text.trim() !== ';' && text.trim() !== '') yield { doc, text: text.trim() };
		doc = '';
		text = '';
	}
}

function oneLine(text: string): string {
	return text
		.replace(/\/\*[\s\S]*?\*\//g, ' ')
		.replace(/\s+/g, ' ')
		.replaceAll('"', "'")
		.trim();
}

/** The text of the first comment: stars and indentation gone. */
function docText(source: string): string {
	const inside = /^\s*\/\*\*([\s\S]*?)\*\//.exec(source)?.[1] ?? '';
	return inside
		.split('\n')
		.map((line) => line.replace(/^\s*\* ?/, ''))
		.join('\n')
		.trim();
}

/** The code of each `@example` of a docstring. */
export function examplesOf(doc: string): string[] {
	const [, ...parts] = doc.split(/^@example[ \t]*\n?/m);
	return parts.map((part) => part.split(/^@[a-z]/m)[0]!.trimEnd());
}
