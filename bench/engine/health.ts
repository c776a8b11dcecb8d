/**
 * Indexes that outlive what they were trained on: cells made for some of the clusters of a set, all of it added. For each
 * share of clusters: what `health` says, recall@10 and codes scanned, then the same after `rebalance` and `retrain`.
 *
 *     node bench/engine/health.ts [data] [--set sift-free-100k] [--kind flat|pq|pqrefine] [--nlist 512]
 */
import { parseArgs } from 'node:util';
import {
	emptySearchStats,
	type Index,
	IndexIVFFlat,
	IndexIVFPQ,
	IndexRefine,
	kmeans,
	recallAtK,
} from '../../packages/vecino/src/index.ts';
import { dataFolder, siftData, textData } from './data.ts';

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		set: { type: 'string', default: 'sift-free-100k' },
		kind: { type: 'string', default: 'flat' },
		nlist: { type: 'string', default: '512' },
		longest: { type: 'string', default: '2' },
		shares: { type: 'string', default: '1,0.9,0.75,0.5,0.25,0.1' },
	},
});
const text = values.set.startsWith('text');
const { base, queries, truth, metric } = await (text ? textData : siftData)(dataFolder(positionals[0]));
const { d } = base;
const nlist = Number(values.nlist);
const CLUSTERS = 32;
const { assign } = kmeans(base, CLUSTERS, { niter: 10, spherical: text });

function make(): Index {
	if (values.kind === 'flat') return new IndexIVFFlat({ d, metric, nlist });
	const pq = new IndexIVFPQ({ d, metric, nlist, m: d / 8 });
	return values.kind === 'pq' ? pq : new IndexRefine({ base: pq });
}

/** Recall@10 for fixed cells opened, and for about a fixed number of codes scanned. */
function measure(name: string, index: Index, seconds: number): void {
	const cells: string[] = [];
	for (const nprobe of [4, 16, 64]) {
		const stats = emptySearchStats();
		const found = index.search(queries, 10, { nprobe, stats });
		cells.push(`${recallAtK(found, truth).toFixed(3)} (${Math.round(stats.ndis / queries.n)})`);
	}
	const { drift = Number.NaN, imbalance, empty, largestShare, codeError, verdict } = index.health();
	const figures = [drift.toFixed(2), imbalance.toFixed(2), empty, (100 * largestShare).toFixed(1)];
	const error = codeError === undefined ? '' : codeError.toFixed(3);
	console.log(`| ${[name, ...figures, error, verdict, ...cells, seconds.toFixed(1)].join(' | ')} |`);
}

console.log('| cells for | drift | imbalance | empty | longest % | code error | verdict | nprobe 4 | 16 | 64 | s |');
console.log('|---|---|---|---|---|---|---|---|---|---|---|');
for (const share of values.shares.split(',').map(Number)) {
	const rows = Array.from({ length: base.n }, (_, i) => i).filter((i) => assign[i]! < share * CLUSTERS);
	const timed = (run: () => void): number => {
		const start = performance.now();
		run();
		return (performance.now() - start) / 1000;
	};
	for (const then of ['', 'rebalance', 'retrain'] as const) {
		using index = make();
		let seconds = timed(() => index.train(base.take(rows)).add(base));
		let name = `${Math.round(100 * share)} %`;
		if (then === 'rebalance') {
			seconds = timed(() => {
				const { splits } = index.rebalance({ longest: Number(values.longest) });
				name += `, rebalanced (${splits})`;
			});
		}
		if (then === 'retrain') {
			seconds = timed(() => index.retrain());
			name += ', retrained';
		}
		measure(name, index, seconds);
	}
}
