/**
 * vecino explore: serves the explorer, a page that runs the engine in the browser, on this machine only. A file is handed
 * to the page by its address; the page reads it in ranges.
 */

import { open, realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { addCommand, type Context, withContext } from '../context.ts';
import { Failure } from '../errors.ts';
import { buildPage, findPage, type Page, pageFile } from '../explorer-page.ts';
import { integer } from '../options.ts';

interface ExploreOptions {
	readonly port?: number;
}

/** Tried first; another free one is taken when it is in use and none was asked for. */
const PORT = 8017;
const HOST = '127.0.0.1';
/** Where the page finds the file, followed by its name. */
const FILE_PREFIX = '/file/';

const HELP = `
The page shows cells, codes, k-means and trade-offs on your vectors, or on its own.
It is served to this machine only, at the address printed; open that in a browser.
Files can be dropped on the page too. Nothing leaves the machine. Ctrl-C ends it.

Examples:
  vecino explore
  vecino explore base.fvecs
  vecino explore sift.vecino --port 9000`;

export function registerExplore(program: Command): void {
	addCommand(program, 'explore [file]', 'see an index at work in the browser, on vectors or an index of yours')
		.option('--port <n>', `port to serve at (default: ${PORT}, or a free one)`, integer(0, 65535))
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, path: string | undefined, { port }: ExploreOptions): Promise<object> {
	const file = path === undefined ? undefined : await given(path);
	const page = findPage() ?? (await buildPage(context.signal));
	const server = createServer((request, response) => {
		answer(page, file, request, response).catch(() => response.destroy());
	});
	const used = await listen(server, port ?? PORT, port === undefined);
	const url = `http://${HOST}:${used}/${file === undefined ? '' : `?open=${encodeURIComponent(`.${addressOf(file)}`).replaceAll('%2F', '/')}`}`;
	// The server keeps the program alive; it ends when asked to, and that is no failure.
	const stop = (): void => {
		server.close();
		server.closeAllConnections();
	};
	process.once('SIGINT', stop).once('SIGTERM', stop);
	context.say(`${file === undefined ? 'The explorer' : path} is at\n\n  ${url}\n\nCtrl-C ends it.`);
	return { command: 'explore', url, port: used, file: path ?? null };
}

/** The file that the page is handed: what its path leads to. */
async function given(path: string): Promise<string> {
	try {
		const real = await realpath(path);
		if (!(await stat(real)).isFile()) throw new Failure(`${path} is not a file`);
		return real;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Failure(`${path}: no such file`);
		throw error;
	}
}

function addressOf(file: string): string {
	return FILE_PREFIX + encodeURIComponent(basename(file));
}

/** Listens on the port, or on any that is free when this one is not and need not be it. */
async function listen(server: Server, port: number, orAny: boolean): Promise<number> {
	try {
		return await listenOn(server, port);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'EADDRINUSE' && orAny) return listenOn(server, 0);
		if (code === 'EADDRINUSE') throw new Failure(`port ${port} is in use; give another with --port`);
		if (code === 'EACCES') throw new Failure(`port ${port} may not be used; give another with --port`);
		throw error;
	}
}

function listenOn(server: Server, port: number): Promise<number> {
	return new Promise((resolve, reject) => {
		server.once('error', reject);
		server.listen(port, HOST, () => {
			server.off('error', reject);
			resolve((server.address() as { port: number }).port);
		});
	});
}

async function answer(
	page: Page,
	file: string | undefined,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	// A page of another site may not read the file by a name that it points here.
	if (!/^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(request.headers.host ?? '')) return refuse(response, 403);
	if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405);
	const path = new URL(request.url ?? '/', `http://${HOST}`).pathname;
	if (file !== undefined && path === addressOf(file))
		return sendFile(file, 'application/octet-stream', request, response);
	const found = pageFile(page, path);
	if (found === undefined) return refuse(response, 404);
	return sendFile(found.path, found.type, request, response);
}

function refuse(response: ServerResponse, status: number): void {
	response.writeHead(status, { 'content-type': 'text/plain' }).end(`${status}\n`);
}

/** All of a file, or the range that is asked for. */
async function sendFile(path: string, type: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
	const handle = await open(path).catch(() => undefined);
	if (handle === undefined) return refuse(response, 404);
	await using _ = handle;
	const { size } = await handle.stat();
	const headers = {
		'content-type': type,
		'accept-ranges': 'bytes',
		'cache-control': 'no-store',
		'x-content-type-options': 'nosniff',
	};
	const range = rangeOf(request.headers.range, size);
	if (range === 'outside') {
		response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
		return;
	}
	const [start, end] = range ?? [0, size - 1];
	response.writeHead(range === undefined ? 200 : 206, {
		...headers,
		'content-length': Math.max(0, end - start + 1),
		...(range !== undefined && { 'content-range': `bytes ${start}-${end}/${size}` }),
	});
	if (request.method === 'HEAD' || end < start) {
		response.end();
		return;
	}
	await pipeline(handle.createReadStream({ start, end, autoClose: false }), response);
}

/** First and last byte; undefined when all is asked for, or in a way that may be ignored (several ranges). */
function rangeOf(header: string | undefined, size: number): [number, number] | 'outside' | undefined {
	const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
	if (from === undefined || (from === '' && to === '')) return undefined;
	const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
	const end = from === '' || to === '' ? size - 1 : Math.min(size - 1, Number(to));
	return start >= size || start > end ? 'outside' : [start, end];
}
