/**
 * `npm run check:packages`: publint and attw on the tarballs that npm would publish.
 * Packs into a temporary folder, so nothing is left behind.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name: string): string => join(root, 'node_modules/.bin', name);

/** Packages to check; `types: false` where a package is a program and has no API; `holds`: what the compiler does not put there. */
const packages = [
	{ folder: 'packages/vecino', types: true, holds: undefined },
	{ folder: 'packages/db', types: true, holds: undefined },
	{ folder: 'packages/cli', types: false, holds: 'package/dist/explorer/index.html' },
];

run('npm', ['run', '--silent', 'build'], root);
const out = mkdtempSync(join(tmpdir(), 'vecino-pack-'));
try {
	for (const { folder, types, holds } of packages) {
		console.log(`\n${folder}`);
		const before = new Set(readdirSync(out));
		run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', out], join(root, folder));
		const tarball = readdirSync(out).find((name) => !before.has(name));
		if (!tarball) throw new Error(`npm pack made no tarball for ${folder}`);
		const listed = execFileSync('tar', ['-tzf', join(out, tarball)], { encoding: 'utf8' }).split('\n');
		if (holds !== undefined && !listed.includes(holds)) throw new Error(`${tarball} lacks ${holds}`);
		run(bin('publint'), ['run', join(out, tarball), '--strict'], root);
		// The rules of ESM-only packages: a `require` of them is not expected to have types of its own.
		if (types) run(bin('attw'), [join(out, tarball), '--profile', 'esm-only', '--format', 'table-flipped'], root);
	}
} catch (error) {
	console.error(error instanceof Error ? error.message : error);
	process.exitCode = 1;
} finally {
	rmSync(out, { recursive: true, force: true });
}

function run(command: string, args: readonly string[], cwd: string): void {
	execFileSync(command, args, { cwd, stdio: 'inherit' });
}
