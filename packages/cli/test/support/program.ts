/** Runs the built program as a user does, in a child process, and makes files for it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { VectorSet } from 'vecino';
import { writeVectors } from 'vecino/node';
import { afterAll } from 'vitest';

const program = fileURLToPath(new URL('../../bin/vecino.js', import.meta.url));

export interface Outcome {
	readonly code: number | null;
	readonly stdout: string;
	readonly stderr: string;
}

export interface RunOptions {
	/** What it reads from stdin. Default: stdin is closed. */
	readonly stdin?: Iterable<string> | AsyncIterable<string>;
	/** Called with everything on stderr so far; may send a signal. */
	readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** `vecino ...args` */
export function vecino(args: readonly string[], { onStderr, stdin }: RunOptions = {}): Promise<Outcome> {
	return new Promise((resolve, reject) => {
		const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
		// A program that ends before it has read everything closes the pipe: that is no error.
		child.stdin.on('error', () => {});
		Readable.from(stdin ?? []).pipe(child.stdin);
		let stdout = '';
		let stderr = '';
		child.stdout.setEncoding('utf8').on('data', (text: string) => {
			stdout += text;
		});
		child.stderr.setEncoding('utf8').on('data', (text: string) => {
			stderr += text;
			onStderr?.(stderr, (signal) => child.kill(signal));
		});
		child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }));
	});
}

/** The JSON document that `vecino ...args --json` prints; fails unless that is all there is on stdout. */
export async function vecinoJson<T>(...args: string[]): Promise<T> {
	const { code, stdout, stderr } = await vecino([...args, '--json']);
	if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
	return JSON.parse(stdout) as T;
}

/** A temporary folder, removed after the tests of the file. */
export function temporaryFolder(): (name: string) => string {
	const folder = mkdtempSync(join(tmpdir(), 'vecino-cli-'));
	afterAll(() => rmSync(folder, { recursive: true, force: true }));
	return (name) => join(folder, name);
}

export async function save(path: string, x: VectorSet): Promise<string> {
	await writeVectors(path, x.data, { d: x.d });
	return path;
}

/** The shape of a JSON value: types for values, the shape of the first item for arrays. */
export function shapeOf(value: unknown): unknown {
	if (value === null) return 'null';
	if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
	if (typeof value !== 'object') return typeof value;
	return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]));
}
