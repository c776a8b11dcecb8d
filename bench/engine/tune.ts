/**
 * Whether the tuner keeps what it promises, and what a full grid search would have found in how much time.
 *
 *   node bench/engine/tune.ts [data folder] [--set sift|text|million] [--recall 0.9,0.95,0.99] [--bytes 200] [--no-grid] [--given]
 *
 * The tuner sees the base only: its queries are rows. Then its setting is searched with the queries of the data set, which
 * it has never seen. With --given it is also tuned with half of these
 * and searched with the others. The grid builds the same candidates whole (what they share is built once) and searches with every
 * setting, each query on its own, three times. Seconds are of the processor, so that other programs do not count. At the recall that the tuner's setting delivers, and with no more memory, the
 * quickest settings of the grid are timed again beside the tuner's, in turns. `million` is generated, 1,000,000 x 128.
 */
import { parseArgs } from 'node:util';
import { SearchResult } from '../../packages/vecino/src/core/result.ts';
import { timeSteps } from '../../packages/vecino/src/eval/tune-cost.ts';
import { type Subject, searchSubject } from '../../packages/vecino/src/eval/tune-count.ts';
import { Workshop } from '../../packages/vecino/src/eval/tune-workshop.ts';
import {
	exactNeighbors,
	type Interval,
	type Metric,
	meanInterval,
	recallPerQuery,
	type TuneReport,
	tune,
	type VectorSet,
} from '../../packages/vecino/src/index.ts';
import { defaultEngine } from '../../packages/vecino/src/kernels/engine.ts';
import { runSync } from '../../packages/vecino/src/util/steps.ts';
import { generate } from '../suite/generate.ts';
import { table } from '../suite/markdown.ts';
import { dataFolder, siftData, textData } from './data.ts';

const K = 10;
const NPROBES = [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256];
const FACTORS = [1, 2, 4, 6, 10, 20, 30];
const RUNS = 3;
/** Settings of the grid that are timed again. */
const AGAIN = 6;

const { values: options, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		set: { type: 'string', default: 'sift' },
		recall: { type: 'string', default: '0.9,0.95,0.99' },
		'no-grid': { type: 'boolean', default: false },
		given: { type: 'boolean', default: false },
		bytes: { type: 'string' },
	},
});

interface Data {
	readonly name: string;
	readonly base: VectorSet;
	readonly queries: VectorSet;
	readonly metric: Metric;
	readonly truth: { readonly nq: number; readonly k: number; readonly labels: ArrayLike<number> };
}

async function load(): Promise<Data> {
	if (options.set === 'text') return textData(dataFolder(positionals[0]));
	if (options.set === 'sift') return siftData(dataFolder(positionals[0]));
	const { base, queries } = generate({ n: 1_000_000, d: 128, nq: 1000, seed: 1 });
	return { name: '1,000,000 x 128', base, queries, metric: 'l2', truth: exactNeighbors(base, queries, K) };
}

function cpuSeconds(): number {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1e6;
}

interface Setting {
	readonly factory: string;
	readonly bytes: number;
	readonly nprobe: number;
	readonly wide: number;
	readonly recall: number;
	readonly us: number;
}

const { name, base, queries, metric, truth } = await load();
const limit = options.bytes === undefined ? (options.set === 'million' ? 200 : undefined) : Number(options.bytes);
const reports: {
	seconds: number;
	report: TuneReport;
	kept: Interval;
	given: TuneReport | undefined;
	keptGiven: Interval | undefined;
}[] = [];
for (const recall of options.recall.split(',').map(Number)) {
	const asked = { recall, metric, k: K, ...(limit && { bytesPerVector: limit }) };
	const before = cpuSeconds();
	const { report, index } = tune(base, { ...asked, build: true });
	const seconds = cpuSeconds() - before;
	const kept = deliver(index!, report, queries, truth);
	index![Symbol.dispose]();
	console.error(report.text);
	let given: TuneReport | undefined;
	let keptGiven: Interval | undefined;
	if (options.given) {
		// Half of the queries for the tuner, the others to see what they get.
		const half = queries.n >> 1;
		const other = tune(base, { ...asked, queries: queries.slice(0, half), build: true });
		given = other.report;
		const rest = { nq: queries.n - half, k: truth.k, labels: Array.from(truth.labels).slice(half * truth.k) };
		keptGiven = deliver(other.index!, given, queries.slice(half), rest);
		other.index![Symbol.dispose]();
	}
	reports.push({ report, seconds, kept, given, keptGiven });
}

function deliver(
	index: { search(q: VectorSet, k: number, params: object): SearchResult },
	report: TuneReport,
	q: VectorSet,
	t: Data['truth'],
): Interval {
	return meanInterval(recallPerQuery(index.search(q, K, { ...report.chosen!.params }), t, K));
}

const share = ({ mean, low, high }: Interval): string => `${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
const setting = (report: TuneReport): string => {
	const { factory, params } = report.chosen!;
	return `\`${factory}\`, ${Object.entries(params)
		.map(([key, value]) => `${key} ${value}`)
		.join(', ')}`;
};
console.log(`## ${name}\n`);
console.log(
	table(
		[
			'recall asked',
			'chosen',
			'promised',
			'delivered to other queries',
			'tuned with half of the queries: delivered to the others',
		],
		reports.map(({ report, kept, keptGiven }) => [
			String(report.target.recall),
			setting(report),
			share(report.chosen!.recall),
			share(kept),
			keptGiven === undefined ? '' : share(keptGiven),
		]),
	),
);
if (!options['no-grid']) compare();

/** All settings of the same candidates, by searching. */
function compare(): void {
	using workshop = new Workshop({ where: 'bench', metric, engine: defaultEngine(), seed: 1234 }, base);
	const start = cpuSeconds();
	const settings: Setting[] = [];
	const subjects = new Map<string, Subject>();
	const { candidates } = reports[0]!.report;
	for (const { factory, bytesPerVector: bytes, outcome } of candidates) {
		if (outcome === 'bytes') continue;
		const subject = runSync(workshop.make(factory));
		subjects.set(factory, subject);
		for (const { nprobe, wide } of pairsOf(subject)) settings.push(measure(subject, factory, bytes, nprobe, wide));
		console.error(factory, (cpuSeconds() - start).toFixed(0), 's');
	}
	const all = cpuSeconds() - start;
	console.log(`\n${settings.length} settings of ${subjects.size} candidates, ${all.toFixed(0)} s\n`);
	const rows = reports.map(({ report, kept, seconds }) => {
		const { factory, params, bytesPerVector } = report.chosen!;
		const mine = {
			factory,
			bytes: bytesPerVector,
			nprobe: params.nprobe ?? 1,
			wide: Math.ceil(K * (params.kFactor ?? 1) - 1e-9),
		};
		const rivals = settings
			.filter((one) => one.recall >= kept.mean && one.bytes <= bytesPerVector * 1.01)
			.sort((a, b) => a.us - b.us)
			.slice(0, AGAIN);
		const timed = [mine, ...rivals].map((one) => ({
			subject: subjects.get(one.factory)!,
			nprobe: one.nprobe,
			wide: one.wide,
			k: K,
		}));
		const times = runSync(timeSteps(timed, queries.slice(0, 500), 7, 'again'));
		const best = times.slice(1).reduce((a, us, i) => (us < times[a]! ? i + 1 : a), 1);
		const rival = rivals[best - 1];
		return [
			String(report.target.recall),
			setting(report),
			times[0]!.toFixed(1),
			rival === undefined ? 'none' : `\`${rival.factory}\`, nprobe ${rival.nprobe}, kFactor ${rival.wide / K}`,
			rival === undefined ? '' : times[best]!.toFixed(1),
			rival === undefined ? '' : (times[0]! / times[best]!).toFixed(2),
			seconds.toFixed(1),
			(seconds / all).toFixed(3),
		];
	});
	const head = [
		'recall asked',
		'chosen',
		'µs',
		'quickest of the grid at that recall and memory',
		'µs',
		'ratio',
		'tuner, s',
		'of the grid',
	];
	console.log(table(head, rows));
}

function pairsOf({ parts: { ivf }, store }: Subject): { nprobe: number; wide: number }[] {
	const nprobes = ivf === undefined ? [1] : NPROBES.filter((nprobe) => nprobe <= ivf.nlist / 4);
	const factors = store === undefined ? [1] : FACTORS;
	return nprobes.flatMap((nprobe) => factors.map((factor) => ({ nprobe, wide: factor * K })));
}

function measure(subject: Subject, factory: string, bytes: number, nprobe: number, wide: number): Setting {
	let us = Number.POSITIVE_INFINITY;
	const labels = new Float64Array(queries.n * K);
	for (let run = 0; run < RUNS; run++) {
		const start = performance.now();
		for (let i = 0; i < queries.n; i++) {
			const result = new SearchResult(1, K, metric);
			runSync(searchSubject(subject, queries.slice(i, i + 1), K, nprobe, wide, result));
			if (run === 0) labels.set(result.labels, i * K);
		}
		us = Math.min(us, ((performance.now() - start) / queries.n) * 1000);
	}
	const perQuery = recallPerQuery({ nq: queries.n, k: K, labels }, truth, K);
	return { factory, bytes, nprobe, wide, recall: perQuery.reduce((a, b) => a + b, 0) / queries.n, us };
}
