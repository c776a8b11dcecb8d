/**
 * What some defaults rest on: byResidual under inner products, kFactor, and the nprobe that training measures.
 *
 *   node bench/engine/choices.ts [data folder] [--only residual|kfactor|nprobe]
 *
 * Prints markdown tables. Recall does not depend on the machine; a fixed seed gives the same numbers everywhere.
 */
import { parseArgs } from 'node:util';
import {
	IndexFlat,
	type IndexIVF,
	IndexIVFFlat,
	IndexIVFPQ,
	IndexRefine,
	type Metric,
	recallAtK,
	VectorSet,
} from '../../packages/vecino/src/index.ts';
import { table } from '../suite/markdown.ts';
import { type BenchData, dataFolder, siftData, textData } from './data.ts';

const K = 10;
const { values: options, positionals } = parseArgs({
	allowPositionals: true,
	options: { only: { type: 'string' } },
});
const folder = dataFolder(positionals[0]);

const fixed = (values: readonly number[]): string[] => values.map((value) => value.toFixed(4));

/** An IndexRefine with the cells and codebook of a trained index, filled. */
function refined(trained: IndexIVFPQ, data: VectorSet): IndexRefine {
	const { d, metric, nlist, byResidual } = trained;
	const base = new IndexIVFPQ({ d, metric, nlist, byResidual, m: trained.pq.m });
	base.pq.setCodebook(trained.pq.codebook);
	base.setTrained(trained.centroids, trained.nprobe);
	return new IndexRefine({ base }).add(data);
}

/** Unit vectors times lengths from 0.5 to 2: inner product and cosine then rank differently. */
function stretched(x: VectorSet): VectorSet {
	const data = x.data.slice();
	for (let i = 0; i < data.length; i++) data[i] = data[i]! * 0.5 * 4 ** (((Math.floor(i / x.d) * 7919) % 1000) / 999);
	return new VectorSet(data, x.d);
}

function residual({ base, queries, truth }: BenchData): void {
	const nprobes = [4, 8, 16, 32, 64];
	const head = ['metric, m, codes', ...nprobes.map((n) => `nprobe ${n}`), ...nprobes.map((n) => `${n}, re-ranked`)];
	const rows: string[][] = [];
	const sets: {
		metric: Metric;
		name: string;
		x: VectorSet;
		truth: { nq: number; k: number; labels: ArrayLike<number> };
	}[] = [{ metric: 'cosine', name: 'cosine', x: base, truth }];
	for (const [name, x] of [
		['ip', base],
		['ip, lengths 0.5..2', stretched(base)],
	] as const) {
		using flat = new IndexFlat({ d: x.d, metric: 'ip' });
		sets.push({ metric: 'ip', name, x, truth: flat.add(x).search(queries, K) });
	}
	for (const { metric, name, x, truth } of sets) {
		for (const m of [16, 32]) {
			for (const byResidual of [true, false]) {
				using trained = new IndexIVFPQ({ d: x.d, metric, nlist: 256, m, byResidual });
				trained.train(x);
				using index = refined(trained, x);
				const raw = nprobes.map((nprobe) => recallAtK(index.base.search(queries, K, { nprobe }), truth, K));
				const exact = nprobes.map((nprobe) => recallAtK(index.search(queries, K, { nprobe, kFactor: 10 }), truth, K));
				rows.push([`${name}, m = ${m}, ${byResidual ? 'residual' : 'direct'}`, ...fixed(raw), ...fixed(exact)]);
			}
		}
	}
	console.log('## byResidual\n\ntext-lsa-50k, nlist 256, recall@10, raw and re-ranked over 100\n');
	console.log(table(head, rows), '\n');
}

function kFactor({ base, queries, truth, name, metric }: BenchData, nlist: number): void {
	const rows: string[][] = [];
	for (const m of [8, 16, 32]) {
		using trained = new IndexIVFPQ({ d: base.d, metric, nlist, m });
		trained.train(base);
		using index = refined(trained, base);
		const cells = [1, 2, 4, 10, 20, 40].map((factor) => {
			const start = performance.now();
			const found = index.search(queries, K, { nprobe: 32, kFactor: factor });
			const ms = (performance.now() - start) / queries.n;
			return `${recallAtK(found, truth, K).toFixed(4)} (${ms.toFixed(3)} ms)`;
		});
		rows.push([`m = ${m}`, ...cells]);
	}
	console.log(`## kFactor\n\n${name}, nlist ${nlist}, nprobe 32, re-ranked recall@10 (ms per query)\n`);
	console.log(table(['', ...[1, 2, 4, 10, 20, 40].map((factor) => `kFactor ${factor}`)], rows), '\n');
}

function nprobe(sets: readonly BenchData[]): void {
	const rows: (string | number)[][] = [];
	for (const { base, queries, truth, name, metric } of sets) {
		for (const nlist of [64, 256, 1024]) {
			using index = new IndexIVFFlat({ d: base.d, metric, nlist });
			index.train(base).add(base);
			rows.push([name, nlist, index.nprobe, recall(index), spread(index).toFixed(2)]);
			function recall(one: IndexIVF): string {
				return recallAtK(one.search(queries, K), truth, K).toFixed(4);
			}
		}
	}
	console.log('## Default nprobe\n\nIVFFlat with the nprobe that training measured (aim: 0.95 of neighbours)\n');
	console.log(table(['data', 'nlist', 'nprobe', 'recall@10', 'imbalance'], rows), '\n');
}

function spread(index: IndexIVF): number {
	return index.stats().lists?.imbalance ?? 1;
}

const wanted = (part: string): boolean => options.only === undefined || options.only === part;
const [sift, text] = [await siftData(folder), await textData(folder)];
if (wanted('residual')) residual(text);
if (wanted('kfactor')) {
	kFactor(sift, 1024);
	kFactor(text, 256);
}
if (wanted('nprobe')) nprobe([sift, text]);
