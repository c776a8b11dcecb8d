/** What npm would publish: no dependencies, no install scripts, ESM only, and nothing in it that nobody asked for. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, inject, it } from 'vitest';

interface Manifest {
	readonly type?: string;
	readonly sideEffects?: boolean;
	readonly license?: string;
	readonly scripts?: Readonly<Record<string, string>>;
	readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
	readonly bin?: Readonly<Record<string, string>>;
	readonly engines?: Readonly<Record<string, string>>;
	readonly dependencies?: Readonly<Record<string, string>>;
	readonly main?: string;
	readonly version?: string;
}

interface LockedPackage {
	readonly resolved?: string;
	readonly integrity?: string;
	readonly link?: boolean;
	readonly hasInstallScript?: boolean;
	readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface PackedFile {
	readonly path: string;
	readonly size: number;
}

/**
 * Compressed bytes of all JavaScript of the engine with its comments, both kernel builds (30 kB) included: what a page that
 * loads every file as it is would load. About half of that is comments and long names. Bundled and minified (rolldown) it is 60 kB compressed with
 * IndexFlat alone, 105 kB with IndexIVFPQ, IndexRefine and readIndex, 151 kB with everything: FAISS's files, explanations,
 * estimates and the factory cost only those who import them. A budget to notice growth by, with room for what is planned.
 */
const engineBudget = 360_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const readManifest = (folder: string): Manifest => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
const workspace = readManifest('.');
const engine = readManifest('packages/vecino');
const db = readManifest('packages/db');
const cli = readManifest('packages/cli');

const lock: { packages: Record<string, LockedPackage> } = JSON.parse(
	readFileSync(join(root, 'package-lock.json'), 'utf8'),
);
const locked = Object.entries(lock.packages);

describe('packages/vecino', () => {
	let files: readonly PackedFile[] = [];

	beforeAll(() => {
		files = pack('packages/vecino');
	});

	it('has no dependencies of any kind', () => {
		const kinds = Object.keys(engine).filter((key) => /dependencies/i.test(key));
		expect(kinds).toEqual([]);
	});

	it('runs nothing when it is installed', () => {
		expect(installScripts(engine)).toEqual([]);
	});

	it('is ESM only, free of side effects, types first', () => {
		expect(engine.type).toBe('module');
		expect(engine.sideEffects).toBe(false);
		expect(engine.main).toBeUndefined();
		for (const [entry, target] of Object.entries(engine.exports ?? {})) {
			if (typeof target !== 'string') expect(Object.keys(target), entry).toEqual(['types', 'default']);
		}
	});

	it('exports files that are in the package', () => {
		const packed = new Set(files.map(({ path }) => `./${path}`));
		const targets = Object.values(engine.exports ?? {}).flatMap((target) =>
			typeof target === 'string' ? [target] : Object.values(target),
		);
		expect(targets.filter((target) => !packed.has(target))).toEqual([]);
	});

	it('can be imported as built', async () => {
		const names = Object.keys(await importBuilt('dist/index.js'));
		expect(names.length).toBeGreaterThan(0);
		expect(names).not.toContain('default');
		expect(Object.keys(await importBuilt('dist/node/index.js')).length).toBeGreaterThan(0);
	});

	it('holds the built files, the specifications, the readme and the licence, and nothing else', () => {
		const strangers = files.filter(
			({ path }) => !/^(?:dist\/.+\.(?:js|js\.map|d\.ts)|spec\/.+\.md|README\.md|LICENSE|package\.json)$/.test(path),
		);
		expect(strangers.map(({ path }) => path)).toEqual([]);
		expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'dist/index.js']));
	});

	it('holds no file whose source is gone', () => {
		const stale = files
			.map(({ path }) => path)
			.filter((path) => /^dist\/.*\.js$/.test(path))
			.filter(
				(path) => !existsSync(join(root, 'packages/vecino', path.replace(/^dist/, 'src').replace(/\.js$/, '.ts'))),
			);
		expect(stale, 'left over from an earlier build: npm run clean && npm run build').toEqual([]);
	});

	it(`has less than ${engineBudget / 1000} kB of JavaScript, gzipped`, () => {
		const scripts = files.filter(({ path }) => path.endsWith('.js'));
		const text = scripts.map(({ path }) => readFileSync(join(root, 'packages/vecino', path), 'utf8')).join('');
		expect(scripts.length).toBeGreaterThan(20);
		expect(gzipSync(text, { level: 9 }).length).toBeLessThan(engineBudget);
	});
});

describe('packages/db', () => {
	it('runs nothing when it is installed', () => {
		expect(installScripts(db)).toEqual([]);
	});

	it('depends on the engine of this workspace', () => {
		expect(db.dependencies?.['vecino']).toBe(engine.version);
	});

	it('holds what was built, the readme and the licence, and nothing else', () => {
		const packed = pack('packages/db').map(({ path }) => path);
		expect(packed).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'dist/index.js']));
		expect(packed.filter((path) => !/^dist\/|^(?:README\.md|LICENSE|package\.json)$/.test(path))).toEqual([]);
	});
});

describe('packages/cli', () => {
	it('runs nothing when it is installed', () => {
		expect(installScripts(cli)).toEqual([]);
	});

	it('depends on the engine of this workspace', () => {
		expect(cli.dependencies?.['vecino']).toBe(engine.version);
	});

	it('holds the program it names', () => {
		const packed = pack('packages/cli').map(({ path }) => path);
		expect(packed).toEqual(expect.arrayContaining([...Object.values(cli.bin ?? {}), 'dist/main.js', 'LICENSE']));
		expect(packed.filter((path) => !/^(?:bin|dist)\/|^(?:README\.md|LICENSE|package\.json)$/.test(path))).toEqual([]);
	});
});

describe('all packages', () => {
	it('build', () => {
		expect(inject('buildErrors')).toBe('');
	});

	it.each([
		['packages/vecino', engine],
		['packages/db', db],
		['packages/cli', cli],
	] as const)('%s names the same Node and licence as the workspace', (folder, manifest) => {
		expect(manifest.engines).toEqual(workspace.engines);
		expect(manifest.license).toBe(workspace.license);
		expect(readFileSync(join(root, folder, 'LICENSE'), 'utf8')).toBe(readFileSync(join(root, 'LICENSE'), 'utf8'));
	});

	it('locks versions and hashes, not the host they came from', () => {
		const installed = locked.filter(([path, entry]) => path.includes('node_modules/') && !entry.link);
		expect(installed.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
		expect(installed.filter(([, { integrity }]) => integrity === undefined).map(([path]) => path)).toEqual([]);
	});

	it('locks the optional dependencies of all platforms, without which npm ci refuses', () => {
		const names = new Set(locked.map(([path]) => path.replace(/^.*node_modules\//, '')));
		const missing = locked.flatMap(([path, { optionalDependencies = {} }]) =>
			Object.keys(optionalDependencies)
				.filter((name) => !names.has(name))
				.map((name) => `${path || '.'}: ${name}`),
		);
		expect(missing).toEqual([]);
	});

	it('use no package that runs a script when it is installed', () => {
		const scripts = locked
			.filter(([path, { hasInstallScript }]) => path !== '' && hasInstallScript)
			.map(([path]) => path);
		expect(scripts, 'npm 11 warns about install scripts and will stop running them').toEqual([]);
	});
});

function pack(folder: string): PackedFile[] {
	const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
		cwd: join(root, folder),
		encoding: 'utf8',
		stdio: ['ignore', 'pipe', 'pipe'],
		// On Windows npm is a script, which only a shell starts.
		shell: process.platform === 'win32',
	});
	// npm 10 and 11 answer with an array; later ones may key the answer by name.
	const answer = JSON.parse(output) as Record<string, { files: PackedFile[] }>;
	return Object.values(answer)[0]?.files ?? [];
}

function installScripts(manifest: Manifest): string[] {
	const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish'];
	return Object.keys(manifest.scripts ?? {}).filter((name) => hooks.includes(name));
}

function importBuilt(path: string): Promise<object> {
	return import(join(root, 'packages/vecino', path));
}
