/**
 * Microseconds a row of finding its cell: all centroids compared, and few dimensions first (cluster/reduced.ts), which is what
 * adding to an IVF index does where it pays.
 *
 *   taskset -c 1 node bench/engine/assign.ts [data folder] [--rounds 9]
 *
 * CPU time, interleaved; medians and, in brackets, the best. Checks that labels are the same.
 */
import { parseArgs } from 'node:util';
import { Assigner } from '../../packages/vecino/src/cluster/kmeans.ts';
import { createEngineSync, kmeans } from '../../packages/vecino/src/index.ts';
import { reduceCells } from '../../packages/vecino/src/indexes/reduce-cells.ts';
import { runSync } from '../../packages/vecino/src/util/steps.ts';
import { table } from '../suite/markdown.ts';
import { median } from '../suite/stats.ts';
import { dataFolder, siftData, textData } from './data.ts';

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { rounds: { type: 'string', default: '9' } },
});
const folder = dataFolder(positionals[0]);
const CHUNK = 1024;

function cpuMs(work: () => void): number {
	const before = process.cpuUsage();
	work();
	const { user, system } = process.cpuUsage(before);
	return (user + system) / 1000;
}

const rows: string[][] = [];
for (const { name, metric, base } of [await siftData(folder), await textData(folder)]) {
	for (const k of [1024, 4096]) {
		const engine = createEngineSync();
		const { d } = base;
		const kind = metric === 'l2' ? 'l2' : 'ip';
		const trained = kmeans(base, k, { niter: 2, maxPointsPerCentroid: 12, spherical: kind === 'ip', engine });
		const centroids = engine.arena.allocCopy(trained.centroids.data);
		const x = engine.arena.allocCopy(base.data.subarray(0, CHUNK * d));
		const reduced = runSync(reduceCells(engine, d, centroids, k, metric, base), {});
		const all = new Assigner(engine, d, centroids, k, kind, base.n);
		const few = reduced && new Assigner(engine, d, centroids, k, kind, base.n, false, reduced);
		const found: number[][] = [[], []];
		for (let round = 0; round < Number(values.rounds); round++) {
			const labels = [all, few].map((assigner, i) => {
				if (assigner === undefined) return '';
				found[i]!.push((cpuMs(() => assigner.assignChunk(x, CHUNK)) * 1000) / CHUNK);
				return engine.arena.u32.slice(assigner.labels >>> 2, (assigner.labels >>> 2) + CHUNK).join();
			});
			if (few !== undefined && labels[0] !== labels[1]) throw new Error('labels differ');
		}
		const show = (us: number[]): string => `${median(us).toFixed(2)} (${Math.min(...us).toFixed(2)})`;
		rows.push([name, `${k}`, show(found[0]!), few ? show(found[1]!) : 'not used', `${reduced?.r ?? ''} of ${d}`]);
	}
}
console.log(table(['rows', 'centroids', 'all', 'few dimensions first', 'dimensions'], rows));
