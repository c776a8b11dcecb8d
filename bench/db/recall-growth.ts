/**
 * Recall@10 of an index that grows, at every size, with no parameter given by anybody: rows are added until the next size,
 * background work is let come to rest (and, `raw`, looked at before that), real queries are asked.
 *
 *   node bench/db/recall-growth.ts [data folder] [--only sift|text] [--builder thread|slices]
 */
import { parseArgs } from 'node:util';
import { MemoryFiles } from '../../packages/db/src/segments/files-memory.ts';
import { LiveIndex } from '../../packages/db/src/segments/live-index.ts';
import { exactNeighbors } from '../../packages/vecino/src/index.ts';
import { type BenchData, dataFolder, siftData, textData } from '../engine/data.ts';
import { show, table } from '../suite/markdown.ts';
import { ArrayRows } from './rows.ts';

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { only: { type: 'string' }, builder: { type: 'string', default: 'thread' } },
});
const folder = dataFolder(positionals[0]);
const SIZES = [100, 1000, 5000, 10_000, 20_000, 50_000, 100_000];
const K = 10;

async function grow({ name, base, queries, metric }: BenchData): Promise<void> {
	const rows = new ArrayRows(base);
	const builder = values.builder === 'slices' ? 'slices' : 'thread';
	const live = await LiveIndex.open({ rows, files: new MemoryFiles(), metric, spec: 'auto', builder });
	const lines: string[][] = [];
	const ask = (n: number): { recall: number; at100: number; ms: number } => {
		const truth = exactNeighbors(base.slice(0, n), queries, 100, { metric });
		let [right, right100, wanted100] = [0, 0, 0];
		const times: number[] = [];
		for (let i = 0; i < queries.n; i++) {
			const start = performance.now();
			const { rids } = live.search(queries.row(i), K);
			times.push(performance.now() - start);
			const nearest = truth.labels.subarray(i * 100, (i + 1) * 100);
			const first = new Set(nearest.subarray(0, K));
			for (const rid of rids) if (first.has(rid - 1)) right++;
			const wide = new Set(nearest.filter((label) => label >= 0));
			wanted100 += wide.size;
			for (const rid of live.search(queries.row(i), 100).rids) if (wide.has(rid - 1)) right100++;
		}
		times.sort((a, b) => a - b);
		return { recall: right / (queries.n * K), at100: right100 / wanted100, ms: times[times.length >> 1]! };
	};
	for (const n of SIZES.filter((size) => size <= base.n)) {
		for (let have = rows.lastRid(); have < n; have = rows.lastRid()) {
			const { rids, vectors } = rows.next(Math.min(1000, n - have));
			live.add(rids, vectors);
			await live.whenRoom();
			await new Promise((resolve) => setImmediate(resolve));
		}
		const early = ask(n);
		const start = performance.now();
		await live.settle();
		const rest = performance.now() - start;
		const late = ask(n);
		const { indexes, memoryBytes, nprobe, segments, delta } = live.stats();
		lines.push([
			n.toLocaleString('en-US'),
			indexes.join(' + ') || 'flat',
			show(early.recall),
			show(late.recall),
			show(late.at100),
			show(late.ms),
			show(nprobe),
			show(segments),
			show(delta),
			show(memoryBytes / n),
			show(rest / 1000),
		]);
	}
	console.log(`\n## ${name}\n`);
	const heads = [
		'rows',
		'index',
		'recall@10 at once',
		'at rest',
		'recall@100',
		'median ms',
		'nprobe',
		'segments',
		'delta',
		'B/row',
		'rest s',
	];
	console.log(table(heads, lines));
	for (const { measured } of rows.models()) console.log(measured);
	await live.close();
}

if (values.only !== 'text') await grow(await siftData(folder));
if (values.only !== 'sift') await grow(await textData(folder));
