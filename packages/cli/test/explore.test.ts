/** vecino explore: the page and the file are served, to this machine only, until Ctrl-C. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, symlinkSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clustered } from '../src/synthetic.ts';
import { save, temporaryFolder, vecino } from './support/program.ts';

const program = fileURLToPath(new URL('../bin/vecino.js', import.meta.url));
const path = temporaryFolder();

interface Running {
	readonly child: ChildProcess;
	readonly url: URL;
	readonly text: string;
}

/** Starts `vecino explore ...args` and waits for the address it prints. */
async function explore(...args: string[]): Promise<Running> {
	const child = spawn(process.execPath, [program, 'explore', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
	let text = '';
	let errors = '';
	child.stderr.setEncoding('utf8').on('data', (part: string) => {
		errors += part;
	});
	for await (const part of child.stdout.setEncoding('utf8')) {
		text += part;
		const address = /http:\/\/\S+?(?=["\s])/.exec(text)?.[0];
		if (address !== undefined && (args.includes('--json') ? text.endsWith('}\n') : text.includes('Ctrl-C'))) {
			return { child, url: new URL(address), text };
		}
	}
	throw new Error(`ended before it printed an address: ${text}${errors}`);
}

/** A request with any path and host, which fetch would tidy up. */
function ask(url: URL, rawPath: string, host = url.host): Promise<number> {
	return new Promise((resolve, reject) => {
		get({ host: url.hostname, port: url.port, path: rawPath, headers: { host } }, (response) => {
			response.resume();
			resolve(response.statusCode!);
		}).on('error', reject);
	});
}

describe('explore', () => {
	let running: Running;

	beforeAll(async () => {
		await save(path('my vectors.fvecs'), clustered({ n: 200, d: 4, clusters: 5 }, 1));
		running = await explore(path('my vectors.fvecs'), '--port', '0');
	}, 60_000);
	afterAll(() => running.child.kill('SIGKILL'));

	it('serves the built page with all its parts', async () => {
		const response = await fetch(running.url);
		expect(response.headers.get('content-type')).toContain('text/html');
		const html = await response.text();
		const parts = [...html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, part]) => part!);
		expect(parts.length).toBeGreaterThanOrEqual(2);
		for (const part of parts) {
			const answer = await fetch(new URL(part, running.url));
			expect([answer.status, answer.headers.get('content-type')]).toEqual([
				200,
				expect.stringMatching(part.endsWith('.css') ? /css/ : /javascript/),
			]);
		}
	});

	it('hands the file to the page, in ranges', async () => {
		const given = running.url.searchParams.get('open')!;
		expect(given).toBe('./file/my%20vectors.fvecs');
		const bytes = readFileSync(path('my vectors.fvecs'));
		const whole = await fetch(new URL(given, running.url));
		expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true);
		const part = await fetch(new URL(given, running.url), { headers: { range: 'bytes=4-11' } });
		expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 4-11/${bytes.length}`]);
		expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(4, 12))).toBe(true);
		const beyond = await fetch(new URL(given, running.url), { headers: { range: `bytes=${bytes.length}-` } });
		expect(beyond.status).toBe(416);
	});

	it('serves nothing else, and nobody else', async () => {
		const { url } = running;
		const paths = [
			'/../main.js',
			'/..%2fmain.js',
			'/file/',
			'/file/other.npy',
			'/assets',
			'/%2e%2e/main.js',
			'//etc/passwd',
		];
		for (const raw of paths) expect([raw, await ask(url, raw)]).toEqual([raw, 404]);
		expect(await ask(url, '/', 'example.com')).toBe(403);
		expect(await ask(url, '/', `localhost:${url.port}`)).toBe(200);
		expect((await fetch(url, { method: 'POST' })).status).toBe(405);
	});

	it('says so when the port is in use', async () => {
		const { code, stderr } = await vecino(['explore', '--port', running.url.port]);
		expect([code, stderr]).toEqual([1, `vecino: port ${running.url.port} is in use; give another with --port\n`]);
	});

	it.each(['SIGINT', 'SIGTERM'] as const)('ends on %s, and that is no failure', async (signal) => {
		const { child } = await explore('--port', '0');
		child.kill(signal);
		const [code] = await once(child, 'close');
		expect(code).toBe(0);
	});

	it('prints its address as JSON', async () => {
		const { child, text } = await explore('--port', '0', '--json');
		child.kill('SIGINT');
		await once(child, 'close');
		const report = JSON.parse(text);
		expect(report).toEqual({
			command: 'explore',
			url: `http://127.0.0.1:${report.port}/`,
			port: expect.any(Number),
			file: null,
		});
	});

	it('refuses what is no file', async () => {
		const missing = await vecino(['explore', path('none.npy')]);
		expect([missing.code, missing.stderr]).toEqual([1, `vecino: ${path('none.npy')}: no such file\n`]);
		const folder = await vecino(['explore', join(path('.'))]);
		expect([folder.code, folder.stderr]).toEqual([1, expect.stringMatching(/is not a file/)]);
	});

	it('follows a link to the file', async () => {
		symlinkSync(path('my vectors.fvecs'), path('link.fvecs'));
		const { child, url } = await explore(path('link.fvecs'), '--port', '0');
		const answer = await fetch(new URL(url.searchParams.get('open')!, url));
		child.kill('SIGINT');
		expect(answer.status).toBe(200);
	});
});
