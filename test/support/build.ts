/**
 * Vitest global setup: builds dist once, before the tests that run it or pack it. Nothing to build takes no time.
 *
 * A build with type errors still writes its files, so the tests run; what the compiler said is `inject('buildErrors')`,
 * which test/package.test.ts wants empty.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
	interface ProvidedContext {
		buildErrors: string;
	}
}

const root = fileURLToPath(new URL('../..', import.meta.url));

export function setup(project: TestProject): void {
	const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
	const compiler = join(typescript, 'bin/tsc');
	const { status, stdout, stderr, error } = spawnSync(process.execPath, [compiler, '-b'], {
		cwd: root,
		encoding: 'utf8',
	});
	if (error) throw error;
	project.provide('buildErrors', status === 0 ? '' : `${stdout}${stderr}`.trim() || `tsc -b: exit status ${status}`);
}
