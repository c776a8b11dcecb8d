/**
 * `npm run build:docs`: writes the documents that are made from the sources. `--check` compares with the committed
 * files instead and fails when one is stale. Needs a build (`tsc -b`), which the npm script does first.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedDocuments } from './docs/generated.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const stale: string[] = [];
for (const [path, text] of generatedDocuments(root)) {
	const file = join(root, path);
	if (read(file) === text) continue;
	stale.push(path);
	if (process.argv.includes('--check')) continue;
	mkdirSync(dirname(file), { recursive: true });
	writeFileSync(file, text);
}
if (process.argv.includes('--check') && stale.length > 0) {
	console.error(`stale, run npm run build:docs: ${stale.join(', ')}`);
	process.exitCode = 1;
} else {
	console.log(stale.length === 0 ? 'documents are as made from their sources' : `written: ${stale.join(', ')}`);
}

function read(file: string): string | undefined {
	try {
		return readFileSync(file, 'utf8');
	} catch {
		return undefined;
	}
}
