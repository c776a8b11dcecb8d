import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createEngineSync } from 'vecino';
import { expect, onTestFinished, test } from 'vitest';
import { ThreadBuilder } from '../../src/segments/build-thread.ts';
import { FolderFiles } from '../../src/segments/files-fs.ts';
import { LiveIndex, type LiveIndexOptions } from '../../src/segments/live-index.ts';
import { clustered, MemoryRows } from './memory-rows.ts';

const D = 16;
const PROGRAM = new URL('../../dist/segments/builder.js', import.meta.url);
const ALL = { nprobe: 1_000_000, kFactor: 1000 };

async function folder(): Promise<string> {
	const path = await mkdtemp(join(tmpdir(), 'vecino-live-'));
	onTestFinished(() => rm(path, { recursive: true }));
	return path;
}

function options(rows: MemoryRows, path: string, url: URL): LiveIndexOptions & { builders: ThreadBuilder[] } {
	const builders: ThreadBuilder[] = [];
	return {
		rows,
		files: new FolderFiles(join(path, 'seg')),
		metric: 'l2',
		spec: 'IVF,SQ8',
		engine: createEngineSync(),
		thresholds: { sealRows: 512, pieceRows: 512, flatRows: 1500, growth: 2, queries: 30 },
		builder: () => {
			const builder = new ThreadBuilder(url, 400);
			builders.push(builder);
			return builder;
		},
		backoffMs: [1, 5],
		builders,
	};
}

async function fill(live: LiveIndex, rows: MemoryRows, n: number): Promise<void> {
	for (let start = 0; start < n; start += 500) {
		const x = clustered(500, D, start + 1);
		live.add(rows.insert(x), x);
		await live.whenRoom();
	}
}

test('threads make models and segments, end when they are idle, and start again', async () => {
	const path = await folder();
	const rows = new MemoryRows(D);
	const given = options(rows, path, PROGRAM);
	let live = await LiveIndex.open(given);
	expect(given.builders.some(({ running }) => running)).toBe(false);
	await fill(live, rows, 4000);
	await live.settle();
	expect(live.stats().backgroundError).toBeUndefined();
	expect(live.stats().sealed).toBeGreaterThan(3000);
	expect(live.search(clustered(1, D, 3), 9000, ALL).rids.length).toBe(4000);
	await expect.poll(() => given.builders.some(({ running }) => running), { timeout: 5000 }).toBe(false);
	await fill(live, rows, 2000);
	await live.settle();
	expect(live.search(clustered(1, D, 3), 9000, ALL).rids.length).toBe(6000);
	await live.close();
	// What a killed process leaves goes when the next one opens it.
	await writeFile(join(path, 'seg', '.s1.vecino.123.abc.tmp'), 'x');
	await writeFile(join(path, 'seg', 's-unknown.vecino'), 'x');
	live = await LiveIndex.open(given);
	const known = [...rows.segments(), ...rows.models()].map(({ name }) => `${name}.vecino`);
	expect((await readdir(join(path, 'seg'))).sort()).toEqual(known.sort());
	expect(live.search(clustered(1, D, 3), 9000, ALL).rids.length).toBe(6000);
	await live.close();
});

test('a thread that dies, or cannot be started, loses nothing: the work is done here', async () => {
	const rows = new MemoryRows(D);
	const given = options(rows, await folder(), new URL('data:text/javascript,process.exit(3)'));
	const live = await LiveIndex.open(given);
	await fill(live, rows, 3000);
	await expect.poll(() => live.stats().sealed, { timeout: 10_000 }).toBeGreaterThan(2000);
	await live.settle();
	expect(live.stats().backgroundError).toBeUndefined();
	expect(live.search(clustered(1, D, 3), 9000, ALL).rids.length).toBe(3000);
	await live.close();
});

test('closing ends work under way; the next opening goes on', async () => {
	const path = await folder();
	const rows = new MemoryRows(D);
	const live = await LiveIndex.open(options(rows, path, PROGRAM));
	await fill(live, rows, 3000);
	await live.close();
	const again = await LiveIndex.open(options(rows, path, PROGRAM));
	await again.settle();
	expect(again.search(clustered(1, D, 3), 9000, ALL).rids.length).toBe(3000);
	await again.close();
});

test('a process that does not close ends all the same', async () => {
	const program = `
		import { LiveIndex } from '${new URL('../../dist/segments/live-index.js', import.meta.url)}';
		import { MemoryFiles } from '${new URL('../../dist/segments/files-memory.js', import.meta.url)}';
		const d = 8;
		const rows = {
			d, keepsOriginals: true, count: () => 3000, lastRid: () => 3000, sealedUpTo: () => 0, segments: () => [],
			models: () => [], deadRids: () => new Float64Array(), vectorsOf: () => new Float32Array(),
			vectorsAfter: () => ({ rids: new Float64Array(), vectors: new Float32Array() }), commit: () => {},
		};
		const live = await LiveIndex.open({ rows, files: new MemoryFiles(), metric: 'l2', spec: 'IVF8,Flat', thresholds: { sealRows: 512 } });
		live.add(Float64Array.from({ length: 3000 }, (_, i) => i + 1), Float32Array.from({ length: 3000 * d }, () => Math.random()));
		console.log(live.search(new Float32Array(d), 5).rids.length);`;
	const run = promisify(execFile);
	const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 });
	expect(stdout.trim()).toBe('5');
});
