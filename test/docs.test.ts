/** Every JavaScript example in the READMEs and in docs/ runs, as a user would run it: from the built packages. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { documents } from './support/documents.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

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
	const all = documents(root).flatMap(examples);

	it('there are some', () => {
		expect(all.length).toBeGreaterThan(0);
	});

	it.each(all)(
		'$name runs',
		({ code }) => {
			// Inside the repository, so that the example finds the packages; removed again.
			const folder = mkdtempSync(join(root, 'node_modules', 'docs-example-'));
			try {
				writeFileSync(join(folder, 'example.mjs'), code);
				const output = execFileSync(process.execPath, ['example.mjs'], { cwd: folder, encoding: 'utf8' });
				// What an example says it prints (`// → ...`) it prints, line by line and in that order.
				const promised = [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, line]) => line!.trim());
				const printed = output.split('\n').map((line) => line.trim());
				let at = 0;
				const kept = promised.filter((line) => {
					const found = printed.indexOf(line, at);
					if (found >= 0) at = found + 1;
					return found >= 0;
				});
				expect(kept, `printed:\n${output}`).toEqual(promised);
			} finally {
				rmSync(folder, { recursive: true });
			}
		},
		120_000,
	);
});
