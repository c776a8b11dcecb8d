/**
 * Wall time of the async methods on 1, 2, ... threads, interleaved.
 *
 *   node bench/engine/threads.ts [data folder] [--threads 1,2] [--rounds 7] [--only k-means,...]
 *
 * Prints a markdown table of the best times and checks that all results are the same.
 */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import {
	createEngine,
	type Engine,
	IndexFlat,
	IndexIVFPQ,
	IndexPQ,
	kmeansAsync,
	writeIndex,
} from '../../packages/vecino/src/index.ts';
import { dataFolder, siftData, table } from './data.ts';

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		threads: { type: 'string', default: '1,2' },
		rounds: { type: 'string', default: '7' },
		only: { type: 'string' },
	},
});
const { base, queries } = await siftData(dataFolder(positionals[0]));
const { d } = base;
const engines = await Promise.all(values.threads.split(',').map((n) => createEngine({ threads: Number(n) })));

interface Job {
	readonly name: string;
	/** Milliseconds and what came out. */
	run(engine: Engine): Promise<[number, ArrayBufferView]>;
}

async function timed<T>(work: () => Promise<T>): Promise<[number, T]> {
	const start = performance.now();
	const result = await work();
	return [performance.now() - start, result];
}

const flats = new Map<Engine, IndexFlat>();
const pqs = new Map<Engine, IndexPQ>();
async function flat(engine: Engine): Promise<IndexFlat> {
	const index = flats.get(engine) ?? new IndexFlat({ d, engine }).add(base);
	flats.set(engine, index);
	return index;
}
async function pq(engine: Engine): Promise<IndexPQ> {
	const index = pqs.get(engine) ?? (await new IndexPQ({ d, m: 16, engine }).trainAsync(base, { niter: 2 })).add(base);
	pqs.set(engine, index);
	return index;
}

const jobs: Job[] = [
	{
		name: 'k-means, 1,024 centroids, 3 iterations and the final assignment',
		async run(engine) {
			const [ms, { centroids }] = await timed(() => kmeansAsync(base, 1024, { engine, niter: 3 }));
			return [ms, centroids.data];
		},
	},
	{
		name: 'IndexPQ m 16: train, 5 iterations',
		async run(engine) {
			using index = new IndexPQ({ d, m: 16, engine });
			const [ms] = await timed(() => index.trainAsync(base, { niter: 5 }));
			return [ms, index.pq.codebook];
		},
	},
	{
		name: 'IndexIVFPQ nlist 1,024, m 16: train, 3 iterations',
		async run(engine) {
			using index = new IndexIVFPQ({ d, nlist: 1024, m: 16, engine });
			const [ms] = await timed(() => index.trainAsync(base, { niter: 3 }));
			return [ms, writeIndex(index)];
		},
	},
	{
		name: 'IndexIVFPQ nlist 1,024, m 16: add 100,000',
		async run(engine) {
			using index = new IndexIVFPQ({ d, nlist: 1024, m: 16, engine });
			index.pq.setCodebook((await pq(engine)).pq.codebook);
			index.setTrained(base.data.slice(0, 1024 * d), 8);
			const [ms] = await timed(() => index.addAsync(base));
			return [ms, writeIndex(index)];
		},
	},
	{
		name: 'IndexPQ m 16: add 100,000',
		async run(engine) {
			using index = new IndexPQ({ d, m: 16, engine });
			index.pq.setCodebook((await pq(engine)).pq.codebook);
			const [ms] = await timed(() => index.addAsync(base));
			return [ms, writeIndex(index)];
		},
	},
	{
		name: 'IndexFlat: 200 queries at once',
		async run(engine) {
			const index = await flat(engine);
			const [ms, { labels }] = await timed(() => index.searchAsync(queries.slice(0, 200), 10));
			return [ms, labels];
		},
	},
	{
		name: 'IndexPQ m 16: 1,000 queries at once',
		async run(engine) {
			const index = await pq(engine);
			const [ms, { labels }] = await timed(() => index.searchAsync(queries.slice(0, 1000), 10));
			return [ms, labels];
		},
	},
	{
		name: 'IndexFlat: one query',
		async run(engine) {
			const index = await flat(engine);
			const [ms, { labels }] = await timed(() => index.searchAsync(queries.row(0), 10));
			return [ms, labels];
		},
	},
];

const rows: string[][] = [];
for (const job of jobs.filter(({ name }) => values.only === undefined || name.includes(values.only))) {
	const best = engines.map(() => Number.POSITIVE_INFINITY);
	const hashes = new Set<string>();
	for (let round = 0; round < Number(values.rounds); round++) {
		for (const [i, engine] of engines.entries()) {
			const [ms, result] = await job.run(engine);
			best[i] = Math.min(best[i]!, ms);
			hashes.add(
				createHash('sha256')
					.update(new Uint8Array(result.buffer as ArrayBuffer))
					.digest('hex'),
			);
		}
	}
	if (hashes.size !== 1) throw new Error(`${job.name}: results differ`);
	rows.push([job.name, ...best.map((ms) => `${ms.toFixed(1)} (${(best[0]! / ms).toFixed(2)}x)`)]);
	console.error(rows.at(-1)!.join('  '));
}
console.log(table(['milliseconds', ...engines.map(({ threads }) => `threads: ${threads}`)], rows));
for (const index of [...flats.values(), ...pqs.values()]) index[Symbol.dispose]();
for (const engine of engines) engine[Symbol.dispose]();
