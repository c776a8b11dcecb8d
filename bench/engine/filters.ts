/**
 * Search under filters: recall and time by the share of vectors that match, beside those of a search without a filter.
 *
 *   taskset -c 1 node bench/engine/filters.ts [data folder] [--set sift|text] [--only ivfflat] [--rounds 7] [--queries 60]
 *
 * Filters let in vectors drawn at random, or whole cells drawn at random ("cells"), which leaves most queries far from all
 * that matches. Times are microseconds per query, medians of interleaved rounds: without a filter; with a bitmap given to
 * each search; with the same prepared; and all queries in one call. Recall@10 is among what matches, of 500 queries.
 */
import { parseArgs } from 'node:util';
import {
	type Filter,
	IDSelectorBitmap,
	type Index,
	IndexFlat,
	IndexHNSW,
	IndexIVFFlat,
	IndexIVFPQ,
	IndexIVFPQFastScan,
	IndexIVFRaBitQ,
	IndexRefine,
	recallAtK,
} from '../../packages/vecino/src/index.ts';
import { Rng } from '../../packages/vecino/src/util/rng.ts';
import { table } from '../suite/markdown.ts';
import { type BenchData, dataFolder, siftData, textData } from './data.ts';

const K = 10;
const SHARES = [0.5, 0.2, 0.05, 0.01, 0.001];
const { values: options, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		set: { type: 'string', default: 'sift' },
		only: { type: 'string' },
		rounds: { type: 'string', default: '7' },
		queries: { type: 'string', default: '60' },
	},
});
const folder = dataFolder(positionals[0]);
const rounds = Number(options.rounds);
const data = await (options.set === 'text' ? textData : siftData)(folder);
const queries = data.queries.slice(0, Number(options.queries));
const { d } = data.base;
const { metric } = data;
const nlist = options.set === 'text' ? 512 : 1024;
const shape = { d, metric };
const m = d / 8;

const KINDS: Readonly<Record<string, () => Index>> = {
	flat: () => new IndexFlat(shape),
	ivfflat: () => new IndexIVFFlat({ ...shape, nlist }),
	ivfpq: () => new IndexRefine({ base: new IndexIVFPQ({ ...shape, nlist, m }) }),
	fastscan: () => new IndexRefine({ base: new IndexIVFPQFastScan({ ...shape, nlist, m: d / 4 }) }),
	rabitq4: () => new IndexIVFRaBitQ({ ...shape, nlist, nbits: 4 }),
	hnsw: () => new IndexHNSW({ ...shape, M: 16 }),
};

/** Bits of vectors drawn one by one, or with all others of their cell. */
function draw({ base }: BenchData, share: number, cells: Uint32Array | undefined): Uint8Array {
	const rng = new Rng(99);
	const bits = new Uint8Array(Math.ceil(base.n / 8));
	const chosen = Array.from({ length: cells === undefined ? base.n : nlist }, () => rng.float() < share);
	if (cells !== undefined && !chosen.includes(true)) chosen[17] = true;
	for (let i = 0; i < base.n; i++) if (chosen[cells === undefined ? i : cells[i]!]) bits[i >> 3]! |= 1 << (i & 7);
	return bits;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

/** Microseconds per query of each way, interleaved. */
function times(ways: readonly (() => void)[]): number[] {
	const taken: number[][] = ways.map(() => []);
	for (let round = 0; round < rounds; round++) {
		for (const [i, way] of ways.entries()) {
			const start = performance.now();
			way();
			taken[i]!.push(((performance.now() - start) * 1000) / queries.n);
		}
	}
	return taken.map(median);
}

using exact = new IndexFlat(shape);
exact.add(data.base);
using cellsOf = new IndexIVFFlat({ ...shape, nlist });
cellsOf.train(data.base);
const cells = cellsOf.assign(data.base);
const filters: [name: string, filter: Filter][] = [false, true].flatMap((correlated) =>
	SHARES.map((share): [string, Filter] => {
		const filter = new IDSelectorBitmap(draw(data, share, correlated ? cells : undefined));
		return [`${share * 100} %${correlated ? ' cells' : ''}`, filter];
	}),
);

/** Queries that recall is measured with. */
const many = data.queries.slice(0, 500);
const truths = new Map(filters.map(([, filter]) => [filter, exact.search(many, K, { filter })]));

for (const [name, make] of Object.entries(KINDS)) {
	if (options.only !== undefined && options.only !== name) continue;
	using index = make();
	index.train(data.base).add(data.base);
	const one = (filter?: Filter) => (): void => {
		for (let i = 0; i < queries.n; i++) index.search(queries.row(i), K, { filter });
	};
	const rows = [...filters].map(([share, filter]) => {
		using prepared = index.prepareFilter(filter);
		const found = index.search(many, K, { filter });
		const ways = [
			one(),
			one(filter),
			one(prepared),
			() => void index.search(queries, K),
			() => void index.search(queries, K, { filter }),
		];
		const cost = times(ways).map((us) => us.toFixed(us < 100 ? 1 : 0));
		return [share, recallAtK(found, truths.get(filter)!).toFixed(4), ...cost];
	});
	const plain = recallAtK(index.search(many, K), exact.search(many, K)).toFixed(4);
	console.log(`\n${data.name}, ${name}: recall@${K} without a filter ${plain}`);
	console.log(table(['matches', 'recall', 'plain', 'filter', 'prepared', 'plain, batch', 'filter, batch'], rows));
}
