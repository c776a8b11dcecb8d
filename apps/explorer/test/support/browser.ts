/** A Chromium to test in, and a server that hosts the built page in a subfolder, as any web server may. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));

const CANDIDATES = [
	process.env['VECINO_CHROMIUM'],
	'/usr/bin/chromium',
	'/usr/bin/chromium-browser',
	'/usr/bin/google-chrome',
	'/usr/bin/google-chrome-stable',
	'/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Path of a Chromium; undefined where there is none. */
export function findChromium(): string | undefined {
	return CANDIDATES.find((path) => path !== undefined && existsSync(path));
}

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

export class Stage implements AsyncDisposable {
	readonly browser: Browser;
	readonly url: string;
	readonly #server: Server;
	/** What pages said or asked for that they should not have. */
	readonly complaints: string[] = [];

	private constructor(browser: Browser, server: Server) {
		this.browser = browser;
		this.#server = server;
		this.url = `http://127.0.0.1:${(server.address() as { port: number }).port}/some/folder/`;
	}

	static async open(executablePath: string): Promise<Stage> {
		const server = createServer((request, response) => {
			const path = new URL(request.url!, 'http://x').pathname.replace('/some/folder/', '');
			const file = join(dist, path === '' ? 'index.html' : path);
			if (!file.startsWith(dist) || !existsSync(file)) {
				response.writeHead(404).end();
				return;
			}
			response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
			response.end(readFileSync(file));
		});
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
		return new Stage(browser, server);
	}

	/** A fresh page, ready when its first search is done. */
	async page(options: BrowserContextOptions = {}, url: string = this.url): Promise<Page> {
		const context = await this.browser.newContext({ viewport: { width: 1100, height: 900 }, ...options });
		const page = await context.newPage();
		page.on('console', (message) => {
			if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
		});
		page.on('pageerror', (error) => this.complaints.push(String(error.stack)));
		page.on('request', (request) => {
			const { origin } = new URL(url);
			if (!request.url().startsWith(origin) && !/^(?:data|blob):/.test(request.url())) {
				this.complaints.push(`asked for ${request.url()}`);
			}
		});
		await page.goto(url);
		await page.locator('.neighbours tbody tr').first().waitFor();
		return page;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.browser.close();
		this.#server.closeAllConnections();
		await new Promise((resolve) => this.#server.close(resolve));
	}
}
