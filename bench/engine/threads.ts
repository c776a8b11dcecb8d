/**
 * Wall time of the async methods on 1, 2, ... threads, interleaved.
 *
 *   node bench/engine/threads.ts [data folder] [--threads 1,2] [--rounds 7] [--only k-means,...]
 *
 * Prints a markdown table of the best wall times and checks that all results are the same. Beside them, least CPU time of
 * the calling thread and of all: on a machine that others use too, the wall time says nothing.
 */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import {
	createEngine,
	type Engine,
	IndexFlat,
	IndexIVFPQ,
	IndexPQ,
	IndexRefine,
	kmeansAsync,
	type RefineStore,
	readIndex,
	VectorSet,
	writeIndex,
} from '../../packages/vecino/src/index.ts';
import { table } from '../suite/markdown.ts';
import { dataFolder, siftData } from './data.ts';

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
	/** What it took and what came out. */
	run(engine: Engine): Promise<[Took, ArrayBufferView]>;
}

/** Milliseconds: on the wall, of the calling thread, of all threads. */
type Took = readonly [wall: number, calling: number, all: number];

async function timed<T>(work: () => Promise<T>): Promise<[Took, T]> {
	// Not before Node 23.9.
	const calling = (): NodeJS.CpuUsage => process.threadCpuUsage?.() ?? { user: Number.NaN, system: 0 };
	const total = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000;
	const before = [performance.now(), total(calling()), total(process.cpuUsage())] as const;
	const result = await work();
	const took = [performance.now() - before[0], total(calling()) - before[1], total(process.cpuUsage()) - before[2]];
	return [took as unknown as Took, result];
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

/** Cells with PQ codes of 16 bytes, re-ranked by a store. */
const refined = new Map<string, Uint8Array>();
function reranked(store: RefineStore): Job {
	const many = new VectorSet(
		Float32Array.from({ length: queries.n * d * 10 }, (_, i) => queries.data[i % (queries.n * d)]!),
		d,
	);
	return {
		name: `IndexRefine by ${store} over IndexIVFPQ nlist 1,024, m 16: ${many.n} queries at once, nprobe 16, kFactor 10`,
		async run(engine) {
			if (!refined.has(`${store}`)) {
				const cells = new IndexIVFPQ({ d, nlist: 1024, m: 16 });
				using index = new IndexRefine({ base: cells, store });
				refined.set(`${store}`, writeIndex(index.train(base, { niter: 2 }).add(base)));
			}
			using index = readIndex(refined.get(`${store}`)!, { engine });
			const [ms, { labels }] = await timed(() => index.searchAsync(many, 10, { nprobe: 16, kFactor: 10 }));
			return [ms, labels];
		},
	};
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
	reranked('flat'),
	reranked('sq8'),
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
	const inf = Number.POSITIVE_INFINITY;
	const best = engines.map(() => [inf, inf, inf] as Took);
	const hashes = new Set<string>();
	for (let round = 0; round < Number(values.rounds); round++) {
		for (const [i, engine] of engines.entries()) {
			const [took, result] = await job.run(engine);
			best[i] = took.map((ms, j) => Math.min(ms, best[i]![j]!)) as unknown as Took;
			hashes.add(
				createHash('sha256')
					.update(new Uint8Array(result.buffer as ArrayBuffer))
					.digest('hex'),
			);
		}
	}
	if (hashes.size !== 1) throw new Error(`${job.name}: results differ`);
	const cells = best.flatMap(([wall, calling, all]) => [
		`${wall.toFixed(1)} (${(best[0]![0] / wall).toFixed(2)}x)`,
		`${calling.toFixed(0)} / ${all.toFixed(0)}`,
	]);
	rows.push([job.name, ...cells]);
	console.error(rows.at(-1)!.join('  '));
}
const head = engines.flatMap(({ threads }) => [`threads: ${threads}, wall ms`, 'CPU ms, calling / all']);
console.log(table(['', ...head], rows));
for (const index of [...flats.values(), ...pqs.values()]) index[Symbol.dispose]();
for (const engine of engines) engine[Symbol.dispose]();
