/** The reader of declaration files, on what the compiler writes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Declarations, examplesOf } from '../scripts/docs/declarations.ts';
import { splitDefault } from '../scripts/docs/parameters.ts';

const folder = mkdtempSync(join(tmpdir(), 'vecino-declarations-'));
afterAll(() => rmSync(folder, { recursive: true }));

writeFileSync(
	join(folder, 'index.d.ts'),
	`/**
 * What it is.
 *
 * @module
 *
 * @example
 * run();
 */
export { Box, type Shape as Form, pick, type Word } from './box.ts';
export { other } from './other.ts';
`,
);
writeFileSync(
	join(folder, 'box.d.ts'),
	`import type { Base } from './other.ts';
/** A shape; with a semicolon. */
export interface Shape extends Partial<Record<string, {
    a: number;
}>> {
    /** How wide { really }. */
    readonly width?: number | undefined;
    nested: {
        /** Inside. */
        deep: string;
    };
}
/** One of them. */
export type Word = 'a}' | "b;" | \`c\${string}\`;
/**
 * A box.
 *
 * @example
 * const box = new Box<number>();
 *
 * console.log(box); // Box {}
 *
 * @throws never
 *
 * @example
 * again();
 */
export declare abstract class Box<T extends {
    x: number;
} = {
    x: number;
}> extends Base<T> implements Iterable<T> {
    #private;
    private secret;
    protected half(): void;
    /** Makes one. */
    constructor(form?: Shape);
    /** Calls back. */
    map<U>(call: (value: T, i: number) => U): Promise<U[]>;
    static of(...values: readonly number[]): Box<never>;
    abstract get size(): number;
    /** Gives back. */
    [Symbol.dispose](): void;
}
/** First form. */
export declare function pick(a: number): number;
export declare function pick(a: string, { b, c }?: {
    b?: Hidden;
    c?: string;
}): string;
/** Not exported by the entry. */
export interface Hidden {
}
export {};
`,
);
writeFileSync(
	join(folder, 'other.d.ts'),
	`/** Below. */
export declare class Base<T> {
    /** Described below. */
    get size(): number;
}
export declare const other: readonly string[];
`,
);
const entry = join(folder, 'index.d.ts');
const declarations = new Declarations();
const exported = declarations.exports(entry);
const of = (name: string) => exported.find((declaration) => declaration.name === name)!;

it('finds exports, renamed or from elsewhere', () => {
	expect(exported.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
		'class Box',
		'interface Shape',
		'function pick',
		'type Word',
		'const other',
	]);
	expect(examplesOf(declarations.module(entry).doc)).toEqual(['run();']);
});

it('reads public members, their docstrings, and those of overloads', () => {
	expect(of('Box').head).toBe(
		'abstract class Box<T extends { x: number; } = { x: number; }> extends Base<T> implements Iterable<T>',
	);
	expect(of('Box').members).toEqual([
		{ name: 'constructor', text: 'constructor(form?: Shape);', doc: 'Makes one.' },
		{ name: 'map', text: 'map<U>(call: (value: T, i: number) => U): Promise<U[]>;', doc: 'Calls back.' },
		{ name: 'of', text: 'static of(...values: readonly number[]): Box<never>;', doc: '' },
		{ name: 'size', text: 'abstract get size(): number;', doc: '' },
		{ name: '[Symbol.dispose]', text: '[Symbol.dispose](): void;', doc: 'Gives back.' },
	]);
	expect(of('Shape').members.map(({ name, text, doc }) => [name, text, doc])).toEqual([
		['width', 'readonly width?: number | undefined;', 'How wide { really }.'],
		['nested', 'nested: { deep: string; };', ''],
	]);
	expect(of('pick').head.split('\n')).toEqual([
		'function pick(a: number): number;',
		'function pick(a: string, { b, c }?: { b?: Hidden; c?: string; }): string;',
	]);
	expect(of('pick').doc).toBe('First form.');
});

it('finds bases, and what exports lean on', () => {
	expect(declarations.bases(of('Box')).map(({ name }) => name)).toEqual(['Base']);
	expect(declarations.reached(exported).map(({ name }) => name)).toEqual(['Base', 'Hidden']);
});

it('takes examples out of docstrings', () => {
	expect(examplesOf(of('Box').doc)).toEqual([
		'const box = new Box<number>();\n\nconsole.log(box); // Box {}',
		'again();',
	]);
});

it('takes defaults out of docstrings', () => {
	expect(splitDefault('Most. Default: 1e-4. 1..2.')).toEqual({ value: '1e-4', rest: 'Most. 1..2.' });
	expect(splitDefault("How. Default: 'a.b', as ever.")).toEqual({ value: "'a.b', as ever", rest: 'How.' });
	expect(splitDefault('None.')).toEqual({ value: undefined, rest: 'None.' });
});
