/**
 * vecino, native FAISS and other engines for JavaScript on the same data: recall, queries per second of processor time and
 * of the clock, memory, build time. `node bench/peers/run.ts --help`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine, machineLines } from '../suite/machine.ts';
import { show, table } from '../suite/markdown.ts';
import { makeJudge } from '../suite/recall.ts';
import { type BenchSet, prepareSet } from '../suite/sets.ts';
import { paretoFront, qpsAtRecall } from '../suite/stats.ts';
import type { Peer } from './adapters/peer.ts';
import type { Job, Report } from './one.ts';
import { allPeers } from './peers.ts';

const K = 10;
const here = fileURLToPath(new URL('.', import.meta.url));
const USAGE = `node bench/peers/run.ts [options]

--data <folder or file> (default: sift-free-100k of VECINO_DATA or ../shared/data)   --generate <rows>x<dimensions>
--metric l2|ip|cosine   --queries 1000   --limit <rows>   --seed 1
--only <name> (repeat; the beginning of a name will do)   --python <python with FAISS>
--core <core> (default: not pinned)   --seconds 3 (for the queries of one setting)   --build-seconds 600
--out bench/results/peers-<date>   --cache bench/.cache`;

interface Measured {
	readonly label: string;
	readonly recall: number;
	readonly cpuQps: number;
	readonly wallQps: number;
	readonly count: number;
}

interface Result {
	readonly peer: string;
	readonly about: string;
	readonly rows: number;
	readonly data: string;
	readonly built?: Extract<Report, { built: unknown }>['built'];
	readonly points: readonly Measured[];
	/** What went wrong, and what was left out. */
	readonly notes: readonly string[];
}

const { values: options } = parseArgs({
	options: {
		help: { type: 'boolean', default: false },
		data: { type: 'string' },
		generate: { type: 'string' },
		metric: { type: 'string' },
		queries: { type: 'string', default: '1000' },
		limit: { type: 'string' },
		seed: { type: 'string', default: '1' },
		only: { type: 'string', multiple: true },
		python: { type: 'string' },
		core: { type: 'string' },
		seconds: { type: 'string', default: '3' },
		'build-seconds': { type: 'string', default: '600' },
		out: { type: 'string' },
		cache: { type: 'string', default: join(here, '../.cache') },
	},
});

async function measure(name: string, peer: Peer): Promise<Result> {
	const notes: string[] = [];
	let rows = Math.min(
		peer.rows ?? Number.POSITIVE_INFINITY,
		options.limit ? Number(options.limit) : Number.POSITIVE_INFINITY,
	);
	for (;;) {
		const set = await prepare(peer, rows);
		if (peer.rows === set.base.n) notes.push(`given ${set.base.n.toLocaleString('en-US')} rows at most`);
		if (peer.only === 'cosine' && set.metric === 'ip') notes.push('cosine');
		const found = await attempt(name, set);
		const common = { peer: name, about: peer.about, rows: set.base.n, data: set.name };
		if (!found.late || set.base.n <= 2000) return { ...common, ...found, notes: [...notes, ...found.notes] };
		notes.push(`${set.base.n.toLocaleString('en-US')} rows took longer than ${options['build-seconds']} s to build`);
		rows = Math.floor(set.base.n / 5);
	}
}

function prepare(peer: Peer, rows: number): Promise<BenchSet> {
	const metric = options.metric ?? (peer.only === 'cosine' ? 'cosine' : undefined);
	return prepareSet({
		data: options.generate === undefined ? dataPath(options.data ?? 'sift-free-100k') : undefined,
		generate: options.generate,
		metric,
		queries: Number(options.queries),
		limit: Number.isFinite(rows) ? rows : undefined,
		seed: Number(options.seed),
		cache: resolve(options.cache),
	});
}

async function attempt(
	name: string,
	set: BenchSet,
): Promise<Pick<Result, 'built' | 'points' | 'notes'> & { late: boolean }> {
	const job: Job = {
		peer: name,
		paths: set.paths,
		d: set.base.d,
		metric: set.metric,
		k: K,
		seconds: Number(options.seconds),
		python: options.python,
		core: options.core,
	};
	const command = [process.execPath, '--max-old-space-size=8192', join(here, 'one.ts'), JSON.stringify(job)];
	const pinned = options.core === undefined ? command : ['taskset', '-c', options.core, ...command];
	const child = spawn(pinned[0]!, pinned.slice(1), {
		stdio: ['ignore', 'pipe', 'pipe'],
		detached: process.platform !== 'win32',
	});
	let said = '';
	child.stderr.on('data', (chunk: Buffer) => {
		said = (said + chunk.toString()).slice(-4000);
	});
	const ended = new Promise<number | null>((done) => child.on('close', (code, signal) => done(signal ? -1 : code)));
	let late = false;
	const timer = setTimeout(() => {
		late = true;
		kill(child);
	}, Number(options['build-seconds']) * 1000);
	const judge = makeJudge(set, K);
	const points: Measured[] = [];
	const notes: string[] = [];
	let built: Result['built'];
	for await (const line of createInterface({ input: child.stdout })) {
		if (!line.startsWith('{')) continue;
		const report = JSON.parse(line) as Report;
		if ('error' in report) notes.push(report.error.slice(0, 160));
		else if ('built' in report) {
			clearTimeout(timer);
			({ built } = report);
		} else {
			const { label, labels, count, cpuS, wallS } = report.setting;
			const recall = judge.recall(labels).mean;
			points.push({ label, recall, cpuQps: count / cpuS, wallQps: count / wallS, count });
		}
	}
	const code = await ended;
	clearTimeout(timer);
	// Engines in processes of their own (FAISS) go with it.
	kill(child);
	if (!late && code !== 0)
		notes.push(
			`ended with ${code}: ${
				said
					.trim()
					.split('\n')
					.find((line) => /error/i.test(line)) ?? said.trim().split('\n').at(-1)
			}`,
		);
	return { ...(built && { built }), points, notes, late };
}

function kill(child: ChildProcess): void {
	try {
		if (process.platform === 'win32') child.kill('SIGKILL');
		else process.kill(-child.pid!, 'SIGKILL');
	} catch {
		// It is gone already.
	}
}

function dataPath(name: string): string {
	if (existsSync(name)) return resolve(name);
	return join(process.env['VECINO_DATA'] ?? join(here, '../../../shared/data'), name);
}

function report(results: readonly Result[]): string {
	const rows = results.map(({ peer, rows: n, built, points, notes }) => {
		const cpu = points.map(({ recall, cpuQps }) => ({ recall, qps: cpuQps }));
		const wall = points.map(({ recall, wallQps }) => ({ recall, qps: wallQps }));
		const best = paretoFront(cpu).at(-1);
		return [
			peer,
			n.toLocaleString('en-US'),
			...[0.9, 0.95].map((level) => show(qpsAtRecall(cpu, level))),
			...[0.9, 0.95].map((level) => show(qpsAtRecall(wall, level))),
			best ? `${best.recall.toFixed(3)} at ${show(best.qps)}` : '–',
			built ? `${show(built.bytes / n)} (${built.bytesHow})` : '–',
			built ? show(built.rss / 2 ** 20) : '–',
			built ? `${show(built.buildS)} (${show(built.buildCpuS)})` : '–',
			notes.join('; '),
		];
	});
	const heads = [
		'engine',
		'rows',
		'per CPU s at 0.90',
		'at 0.95',
		'per s at 0.90',
		'at 0.95',
		'best recall@10',
		'bytes per vector',
	];
	const [data] = results.map((one) => one.data);
	const lines = [
		`# ${data}: engines for JavaScript`,
		'',
		`Single queries, ${options.core === undefined ? 'not pinned' : `pinned to core ${options.core}`}; per second of processor time (all threads together) and of the clock; interpolated at recall@${K} 0.90 and 0.95. Engines that were given fewer rows are not comparable with the others.`,
		'',
		...machineLines(describeMachine()).map((line) => `- ${line}`),
		...results.map(({ peer, about }) => `- ${peer}: ${about}`),
	];
	return `${lines.join('\n')}\n\n${table([...heads, 'RSS, MiB', 'build, s (CPU s)', 'notes'], rows)}\n`;
}

if (options.help) {
	console.log(USAGE);
	process.exit(0);
}
const results: Result[] = [];
for (const [name, peer] of Object.entries(allPeers(options.python, options.core))) {
	if (options.only && !options.only.some((wanted) => name.toLowerCase().startsWith(wanted.toLowerCase()))) continue;
	console.error(`${name} ...`);
	results.push(await measure(name, peer));
}
const out = resolve(
	options.out ?? join(here, '../results', `peers-${new Date().toISOString().replace(/[:T]/g, '-').slice(0, 19)}`),
);
mkdirSync(out, { recursive: true });
const text = report(results);
writeFileSync(join(out, 'results.md'), text);
writeFileSync(
	join(out, 'results.json'),
	`${JSON.stringify({ machine: describeMachine(), options, results }, null, '\t')}\n`,
);
console.log(text);
