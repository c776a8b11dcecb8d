/** Every JavaScript example in the READMEs runs, as a user would run it: from the built packages. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const documents = ['README.md', 'packages/vecino/README.md', 'packages/cli/README.md', 'bench/engine/README.md'];

interface Example {
	readonly name: string;
	readonly code: string;
}

function examples(document: string): Example[] {
	const text = readFileSync(join(root, document), 'utf8');
	return [...text.matchAll(/^```(?:js|ts)\n([\s\S]*?)^```/gm)].map((match, i) => ({
		name: `${document}, example ${i + 1}`,
		code: match[1]!,
	}));
}

describe('examples in the documents', () => {
	const all = documents.flatMap(examples);

	it('there are some', () => {
		expect(all.length).toBeGreaterThan(0);
	});

	it.each(all)('$name runs', ({ code }) => {
		// Inside the repository, so that the example finds the packages; removed again.
		const folder = mkdtempSync(join(root, 'node_modules', 'docs-example-'));
		try {
			writeFileSync(join(folder, 'example.mjs'), code);
			const output = execFileSync(process.execPath, ['example.mjs'], { cwd: folder, encoding: 'utf8' });
			// What an example says it prints (`// → ...`) it prints.
			for (const [, promised] of code.matchAll(/\/\/ → (.*)$/gm)) expect(output).toContain(promised!);
		} finally {
			rmSync(folder, { recursive: true });
		}
	});
});
