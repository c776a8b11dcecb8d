/**
 * The built page of the explorer: files beside the program, put there by `npm run build`. In a clone where that was not
 * run, the page is built when it is first asked for.
 */

import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from './errors.ts';

export interface Page {
	readonly folder: string;
	/** Paths of its files, relative to the folder, with forward slashes. */
	readonly files: ReadonlySet<string>;
}

/** Beside the compiled program: dist/explorer. */
const FOLDER = fileURLToPath(new URL('./explorer', import.meta.url));
/** Sources of the page, in a clone. */
const SOURCES = fileURLToPath(new URL('../../../apps/explorer', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
	'.html': 'text/html; charset=utf-8',
	'.js': 'text/javascript; charset=utf-8',
	'.css': 'text/css; charset=utf-8',
	'.svg': 'image/svg+xml',
	'.wasm': 'application/wasm',
};

export function findPage(): Page | undefined {
	if (!existsSync(join(FOLDER, 'index.html'))) return undefined;
	const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).map((path) => path.replaceAll('\\', '/'));
	return { folder: FOLDER, files: new Set(files.filter((path) => extname(path) !== '')) };
}

/** The file at a path of the page's address. Only what is in the list is served, whatever the path says. */
export function pageFile({ folder, files }: Page, path: string): { path: string; type: string } | undefined {
	const name = path === '/' ? 'index.html' : path.slice(1);
	if (!files.has(name)) return undefined;
	return { path: join(folder, name), type: TYPES[extname(name)] ?? 'application/octet-stream' };
}

/** Builds the page from its sources. */
export async function buildPage(signal: AbortSignal): Promise<Page> {
	if (!existsSync(join(SOURCES, 'vite.config.ts'))) {
		throw new Failure('the page is missing from this installation; install @vecino/cli again');
	}
	const vite = join(dirname(createRequire(join(SOURCES, 'package.json')).resolve('vite/package.json')), 'bin/vite.js');
	const output: string[] = [];
	const code = await new Promise<number | null>((resolve, reject) => {
		const child = spawn(process.execPath, [vite, 'build'], { cwd: SOURCES, stdio: ['ignore', 'pipe', 'pipe'], signal });
		for (const stream of [child.stdout, child.stderr]) {
			stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
		}
		child.on('error', reject).on('close', resolve);
	});
	const page = findPage();
	if (code !== 0 || page === undefined) throw new Failure(`the page could not be built: ${output.join('').trim()}`);
	return page;
}
