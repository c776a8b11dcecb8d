import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Tests import `vecino` from its sources, so that they need no build. */
const alias = [
	{ find: /^vecino$/, replacement: file('./packages/vecino/src/index.ts') },
	{ find: /^vecino\/node$/, replacement: file('./packages/vecino/src/node/index.ts') },
	{ find: /^@vecino\/db$/, replacement: file('./packages/db/src/index.ts') },
];

export default defineConfig({
	test: {
		// Every core: tests of async forms wait as much as they compute.
		maxWorkers: '100%',
		reporters: ['default', file('./test/support/count-reporter.ts')],
		projects: [
			{
				resolve: { alias },
				test: {
					name: 'vecino',
					include: ['packages/vecino/test/**/*.test.ts'],
					setupFiles: [file('./packages/vecino/test/setup.ts')],
					// The reference kernels take 30 times as long as the SIMD ones.
					testTimeout: 120_000,
				},
			},
			{
				resolve: { alias },
				test: {
					name: 'db',
					include: ['packages/db/test/**/*.test.ts'],
					// Builder threads, and processes that are killed, run the built package.
					globalSetup: [file('./test/support/build.ts')],
					testTimeout: 60_000,
				},
			},
			{
				resolve: { alias },
				test: {
					name: 'cli',
					include: ['packages/cli/test/**/*.test.ts'],
					// The end-to-end tests start the built program.
					globalSetup: [file('./test/support/build.ts')],
					testTimeout: 30_000,
				},
			},
			{
				resolve: { alias },
				test: {
					name: 'explorer',
					include: ['apps/explorer/test/**/*.test.ts'],
					// The browser test opens the built page.
					globalSetup: [file('./apps/explorer/test/support/build.ts')],
					testTimeout: 60_000,
					expect: { poll: { timeout: 15_000 } },
				},
			},
			{
				resolve: { alias },
				test: {
					name: 'bench',
					include: ['bench/test/**/*.test.ts'],
					testTimeout: 120_000,
				},
			},
			{
				resolve: { alias },
				test: {
					name: 'repo',
					include: ['test/**/*.test.ts'],
					globalSetup: [file('./test/support/build.ts')],
					testTimeout: 30_000,
				},
			},
		],
	},
});
