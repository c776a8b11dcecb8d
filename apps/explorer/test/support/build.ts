/** Vitest global setup: builds the page, in a process of its own, before the tests that open it. Takes about a second. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export function setup(): void {
	const vite = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin/vite.js');
	const { NODE_ENV: _, ...env } = process.env;
	const { status, stdout, stderr, error } = spawnSync(process.execPath, [vite, 'build'], {
		cwd: fileURLToPath(new URL('../..', import.meta.url)),
		encoding: 'utf8',
		env,
	});
	if (error) throw error;
	if (status !== 0) throw new Error(`vite build: exit status ${status}\n${stdout}${stderr}`);
}
