/**
 * Forecasts of estimateSpec beside what is then built: bytes resident and in the file, seconds, and the work of a query.
 *
 *   node bench/engine/estimate-bytes.ts [--set sift|text] [--n 20000] [strings]
 *
 * Prints a markdown table. Work is that of 200 queries at the nprobe that training measured.
 */
import { parseArgs } from 'node:util';
import { emptySearchStats, estimateSpec, indexFactory, writeIndex } from '../../packages/vecino/src/index.ts';
import { table } from '../suite/markdown.ts';
import { dataFolder, siftData, textData } from './data.ts';

const STRINGS = [
	...['Flat', 'SQ8', 'SQfp16', 'PQ16', 'PQ32x4fs', 'RaBitQ4', 'HNSW32', 'HNSW16,SQ8', 'IVF256,Flat', 'IVF256,SQ4'],
	...['IVF256,PQ16', 'IVF256,PQ32x4fsr', 'IVF256,RaBitQ', 'IVF256,RaBitQ4', 'IVF1024_HNSW32,PQ32x4fs'],
	...['IVF256,PQ32x4fsr,Refine(SQ8)', 'OPQ16_64,IVF256,PQ16', 'PCA64,IVF256,PQ32x4fsr,RFlat', 'IDMap,IVF256,SQ8'],
];

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { set: { type: 'string', default: 'sift' }, n: { type: 'string', default: '20000' } },
});
const folder = dataFolder(undefined);
const data = values.set === 'text' ? await textData(folder) : await siftData(folder);
const { metric, name } = data;
const base = data.base.slice(0, Math.min(data.base.n, Number(values.n)));
const queries = data.queries.slice(0, 200);
const { n, d } = base;

const off = (forecast: number, found: number): string =>
	`${forecast.toLocaleString('en-US')} (${(100 * (forecast / found - 1)).toFixed(2)} %)`;
/** Seconds that this process has computed, which other work on the machine does not lengthen. */
const cpu = (): number => process.cpuUsage().user / 1e6;

const rows: string[][] = [];
for (const text of positionals.length > 0 ? positionals : STRINGS) {
	const { seconds } = estimateSpec(d, n, text, { metric });
	using index = indexFactory(d, text, { metric });
	const start = cpu();
	index.train(base);
	const trained = cpu();
	if (index.type === 'IndexIDMap')
		index.addWithIds(
			base,
			Float64Array.from({ length: n }, (_, i) => i),
		);
	else index.add(base);
	const added = cpu();
	index.shrink();
	const nprobe = index.stats().lists?.nprobe;
	const stats = emptySearchStats();
	index.search(queries, 10, { stats });
	const forecast = estimateSpec(d, n, text, { metric, nprobe, measure: false });
	rows.push([
		`\`${text}\``,
		off(forecast.bytes, index.byteLength),
		forecast.bytesPerVector.toFixed(1),
		off(forecast.fileBytes, writeIndex(index).length),
		`${forecast.query.codes} / ${Math.round(stats.ndis / queries.n)}`,
		`${seconds!.train.toFixed(2)} / ${(trained - start).toFixed(2)}`,
		`${seconds!.add.toFixed(2)} / ${(added - trained).toFixed(2)}`,
	]);
	console.error(rows.at(-1)!.join(' | '));
}
const head = ['index', 'bytes (off by)', 'per vector', 'file (off by)', 'codes / query, forecast / found'];
console.log(`## ${n.toLocaleString('en-US')} of ${name}, d ${d}, ${metric}\n`);
console.log(table([...head, 'train, CPU s', 'add, CPU s'], rows));
