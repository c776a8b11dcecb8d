/**
 * What the order of `Auto` rests on (packages/vecino/src/factory/choose.ts): recall, bytes and time of factory strings with
 * the nprobe that training measures.
 *
 *   node bench/engine/auto.ts sift|text [strings, separated by spaces; default: those that Auto chooses between]
 *
 * Prints a markdown table: bytes per vector as forecast and as built, recall@10, milliseconds per query (one thread, the
 * best of five passes over 200 queries one at a time).
 */
import { parseArgs } from 'node:util';
import { chooseIndex, estimateSpec, indexFactory, recallAtK } from '../../packages/vecino/src/index.ts';
import { table } from '../suite/markdown.ts';
import { dataFolder, siftData, textData } from './data.ts';

const { positionals } = parseArgs({ allowPositionals: true });
const [set = 'sift', ...given] = positionals;
const folder = dataFolder(undefined);
const { base, queries, truth, metric, name } = set === 'text' ? await textData(folder) : await siftData(folder);
const { n, d } = base;
const K = 10;

function chosen(): string[] {
	const texts = new Set<string>();
	for (let bytes = 6 * d; bytes >= 8; bytes *= 0.85) {
		try {
			texts.add(chooseIndex({ n, d, metric, bytesPerVector: bytes }).text);
		} catch {
			break;
		}
	}
	return [...texts];
}

const rows: string[][] = [];
for (const text of given.length > 0 ? given : chosen()) {
	using index = indexFactory(d, text, { metric });
	const start = performance.now();
	index.train(base).add(base).shrink();
	const seconds = (performance.now() - start) / 1000;
	const recall = recallAtK(index.search(queries, K), truth, K);
	let best = Number.POSITIVE_INFINITY;
	for (let round = 0; round < 5; round++) {
		const from = performance.now();
		for (let i = 0; i < 200; i++) index.search(queries.slice(i, i + 1), K);
		best = Math.min(best, (performance.now() - from) / 200);
	}
	const forecast = estimateSpec(d, n, text, { metric, measure: false }).bytesPerVector;
	const nprobe = index.stats().lists?.nprobe ?? '';
	const numbers = [
		forecast.toFixed(1),
		(index.byteLength / n).toFixed(1),
		`${nprobe}`,
		recall.toFixed(3),
		best.toFixed(3),
	];
	rows.push([`\`${text}\``, ...numbers, seconds.toFixed(1)]);
	console.error(rows.at(-1)!.join(' | '));
}
const head = ['index', 'forecast', 'bytes per vector', 'nprobe', `recall@${K}`, 'ms', 'built in, s'];
console.log(`## ${name}\n\n${table(head, rows)}`);
