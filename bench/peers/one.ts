/**
 * One engine in a process of its own (run.ts starts it): builds, searches with each of its settings, and prints a line of
 * JSON after each step, so that what was measured before a time-out or a crash counts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VectorSet } from '../../packages/vecino/src/index.ts';
import { readFloats } from '../suite/files.ts';
import type { Remote } from './adapters/faiss.ts';
import type { Setting } from './adapters/peer.ts';
import { allPeers } from './peers.ts';

export interface Job {
	readonly peer: string;
	readonly paths: { readonly base: string; readonly queries: string };
	readonly d: number;
	readonly metric: 'l2' | 'ip';
	readonly k: number;
	/** Seconds for the queries of one setting. */
	readonly seconds: number;
	readonly python?: string | undefined;
	readonly core?: string | undefined;
}

export type Report =
	| { readonly built: { buildS: number; buildCpuS: number; rss: number; bytes: number; bytesHow: string } }
	| { readonly setting: { label: string; wallS: number; cpuS: number; count: number; labels: number[] } }
	| { readonly error: string };

/** Queries that are answered before the clock runs, for so long at most (milliseconds). */
const [WARM, WARM_MS] = [500, 200];
/** Fewest that are timed. */
const LEAST = 20;

async function main(job: Job): Promise<void> {
	const base = new VectorSet(readFloats(job.paths.base), job.d);
	const queries = new VectorSet(readFloats(job.paths.queries), job.d);
	const folder = mkdtempSync(join(tmpdir(), 'vecino-peer-'));
	process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
	const peer = allPeers(job.python, job.core)[job.peer]!;
	const before = process.memoryUsage().rss;
	const [start, cpu] = [performance.now(), process.cpuUsage()];
	const opened = await peer.build({ base, metric: job.metric, paths: job.paths, folder });
	const buildS = (performance.now() - start) / 1000;
	const rss = opened.rss ?? process.memoryUsage().rss - before;
	print({
		built: { buildS, buildCpuS: opened.cpuS ?? cpuSince(cpu), rss, bytes: opened.bytes, bytesHow: opened.bytesHow },
	});
	for (const setting of opened.settings) {
		const found = 'all' in setting ? await remote(setting as Remote) : await local(setting);
		print({ setting: { label: setting.label, ...found } });
	}
	await opened.close?.();

	async function local({ search }: Setting) {
		const cold = performance.now();
		for (let i = 0; i < WARM && (i < 2 || performance.now() - cold < WARM_MS); i++) {
			await search(queries.row(i % queries.n), job.k);
		}
		const found: ArrayLike<number>[] = [];
		const used = process.cpuUsage();
		const begun = performance.now();
		for (let i = 0; i < queries.n; i++) {
			const labels = search(queries.row(i), job.k);
			// Those that answer at once are not made to wait for the event loop.
			found.push(labels instanceof Promise ? await labels : (labels as ArrayLike<number>));
			if (found.length >= LEAST && performance.now() - begun > job.seconds * 1000) break;
		}
		const wallS = (performance.now() - begun) / 1000;
		return { wallS, cpuS: cpuSince(used), count: found.length, labels: found.flatMap((row) => padded(row, job.k)) };
	}

	async function remote({ all }: Remote) {
		const least = Math.min(LEAST, queries.n);
		const each = (await all(job.k, least)).ns / least / 1e9;
		const count = Math.min(queries.n, Math.max(least, Math.floor(job.seconds / each)));
		const { ns, cpuNs, labels } = await all(job.k, count);
		return { wallS: ns / 1e9, cpuS: cpuNs / 1e9, count, labels: [...labels] };
	}
}

function cpuSince(before: NodeJS.CpuUsage): number {
	const { user, system } = process.cpuUsage(before);
	return (user + system) / 1e6;
}

/** k labels, -1 where fewer were found. */
function padded(labels: ArrayLike<number>, k: number): number[] {
	return Array.from({ length: k }, (_, i) => labels[i] ?? -1);
}

function print(report: Report): void {
	process.stdout.write(`${JSON.stringify(report)}\n`);
}

if (import.meta.main) {
	try {
		await main(JSON.parse(process.argv[2]!) as Job);
	} catch (error) {
		print({ error: (error instanceof Error ? error.message : String(error)).split('\n')[0]! });
	}
	process.exit(0);
}
