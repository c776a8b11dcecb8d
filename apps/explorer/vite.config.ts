/** Builds the page as plain files with relative addresses, and puts a copy into the package of the program `vecino`. */
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const cliCopy = path('../../packages/cli/dist/explorer');

export default defineConfig({
	root: path('.'),
	base: './',
	resolve: { alias: [{ find: /^vecino$/, replacement: path('../../packages/vecino/src/index.ts') }] },
	oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
	worker: { format: 'es' },
	// Everything the page needs is in dist: it loads nothing from elsewhere.
	build: { target: 'es2022', outDir: 'dist', emptyOutDir: true, modulePreload: false, chunkSizeWarningLimit: 1500 },
	plugins: [
		{
			name: 'copy-into-cli',
			apply: 'build',
			writeBundle(options) {
				rmSync(cliCopy, { recursive: true, force: true });
				cpSync(options.dir!, cliCopy, { recursive: true });
			},
		},
	],
});
