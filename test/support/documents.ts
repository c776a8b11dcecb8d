/** The documents of the repository whose examples run and whose links are checked. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Paths relative to the repository: the READMEs, CONTRIBUTING and docs/*.md. */
export function documents(root: string): string[] {
	const packages = readdirSync(join(root, 'packages'), { withFileTypes: true })
		.filter((entry) => entry.isDirectory())
		.map(({ name }) => `packages/${name}/README.md`);
	const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
	return [
		...['README.md', 'CONTRIBUTING.md', ...packages],
		...['bench/README.md', 'bench/engine/README.md', 'bench/peers/README.md'],
		...docs.map((name) => `docs/${name}`),
	];
}
