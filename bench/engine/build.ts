/**
 * What training cells on two levels costs and gives beside plain Lloyd, and forecasts beside what came of them.
 *
 *   node bench/engine/build.ts [data folder] [--seeds 3]
 *
 * Quality is codes scanned per query for a recall@10 of 0.90 and 0.95, with the vectors themselves in the lists.
 */
import { parseArgs } from 'node:util';
import {
	emptySearchStats,
	estimateBuild,
	IndexIVFFlat,
	IndexIVFPQ,
	recallAtK,
} from '../../packages/vecino/src/index.ts';
import { table } from '../suite/markdown.ts';
import { type BenchData, dataFolder, siftData, textData } from './data.ts';

const { values: options, positionals } = parseArgs({
	allowPositionals: true,
	options: { seeds: { type: 'string', default: '3' } },
});
const folder = dataFolder(positionals[0]);
const seeds = Array.from({ length: Number(options.seeds) }, (_, i) => i + 1);
const K = 10;

/** Seconds of processor time: other programs beside count less. */
function cpu(): number {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1e6;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Codes scanned per query where recall reaches `target`, between two values of nprobe in proportion. */
function scannedFor(index: IndexIVFFlat, { queries, truth }: BenchData, target: number): number {
	let before = { recall: 0, scanned: 0 };
	for (let nprobe = 1; nprobe <= index.nlist; nprobe = Math.ceil(nprobe * 1.25)) {
		const stats = emptySearchStats();
		const recall = recallAtK(index.search(queries, K, { nprobe, stats }), truth, K);
		const scanned = stats.ndis / stats.nq;
		if (recall >= target) {
			const share = (target - before.recall) / (recall - before.recall);
			return before.scanned + share * (scanned - before.scanned);
		}
		before = { recall, scanned };
	}
	return Number.NaN;
}

function lists(data: BenchData, nlist: number): string[][] {
	const { base, metric, name } = data;
	return (['lloyd', 'two-level'] as const).map((clustering) => {
		const runs = seeds.map((seed) => {
			using index = new IndexIVFFlat({ d: base.d, metric, nlist });
			const start = cpu();
			index.train(base, { seed, clustering });
			const seconds = cpu() - start;
			index.add(base);
			const imbalance = index.stats().lists?.imbalance ?? 1;
			return [seconds, imbalance, scannedFor(index, data, 0.9), scannedFor(index, data, 0.95)];
		});
		const column = (i: number, digits: number): string => mean(runs.map((run) => run[i]!)).toFixed(digits);
		return [`${name}, ${nlist}, ${clustering}`, column(0, 2), column(1, 3), column(2, 0), column(3, 0)];
	});
}

function forecast({ base, metric, name }: BenchData, nlist: number, m: number): string[] {
	const { n, d } = base;
	const { bytes, seconds } = estimateBuild({ type: 'IndexIVFPQ', d, n, metric, nlist, m });
	using index = new IndexIVFPQ({ d, metric, nlist, m });
	const start = cpu();
	index.train(base);
	const trained = cpu();
	index.add(base);
	const took = [trained - start, cpu() - trained];
	const both = (foreseen: number, found: number): string => `${foreseen.toFixed(2)} / ${found.toFixed(2)}`;
	const off = `${((100 * bytes) / index.byteLength - 100).toFixed(2)} %`;
	return [`${name}, ${nlist}, m = ${m}`, both(seconds!.train, took[0]!), both(seconds!.add, took[1]!), off];
}

const [sift, text] = [await siftData(folder), await textData(folder)];
const rows = [...lists(sift, 512), ...lists(sift, 1024), ...lists(text, 512), ...lists(text, 1024)];
console.log(table(['data, nlist', 'train, s', 'imbalance', 'scanned, 0.90', 'scanned, 0.95'], rows), '\n');
const foreseen = [forecast(sift, 256, 16), forecast(sift, 1024, 16), forecast(text, 894, 32)];
console.log(table(['data, nlist', 'train, s: foreseen / found', 'add, s', 'bytes off'], foreseen));
