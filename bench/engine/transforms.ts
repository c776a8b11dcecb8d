/**
 * What transforms are worth: recall@10 of codes alone and re-ranked (kFactor 10), and the time of training.
 *
 *     VECINO_DATA=<folder> node bench/engine/transforms.ts sift-free-100k
 *     VECINO_DATA=<folder> node bench/engine/transforms.ts text-lsa-50k [filter]
 *
 * Training runs 10 iterations of k-means, so that a table takes minutes.
 */
import { join } from 'node:path';
import {
	type Index,
	IndexIVFPQFastScan,
	IndexPQ,
	IndexPreTransform,
	IndexRefine,
	type Metric,
	OPQTransform,
	PCATransform,
	RandomRotation,
	recallAtK,
	type Transform,
	VectorSet,
} from '../../packages/vecino/src/index.ts';
import { openVectors, readVectors } from '../../packages/vecino/src/node/files.ts';

const [name = 'sift-free-100k', filter = ''] = process.argv.slice(2);
const folder = join(process.env['VECINO_DATA'] ?? '../shared/data', name);
const isSift = name.startsWith('sift');
const metric: Metric = isSift ? 'l2' : 'cosine';
const read = async (file: string): Promise<VectorSet> => {
	const { data, d } = await readVectors(join(folder, `${file}.${isSift ? 'bvecs' : 'fvecs'}`));
	return new VectorSet(data, d);
};
const base = await read('base');
const queries = await read('query');
await using truthFile = await openVectors(join(folder, 'groundtruth.ivecs'));
const truth = { nq: truthFile.n, k: truthFile.d, labels: await truthFile.readInts(0, truthFile.n) };
const { d } = base;

const after = (transform: Transform, make: (d: number) => Index): Index =>
	new IndexPreTransform({ transforms: [transform], index: make(transform.dOut) });
const pq = (m: number) => (dim: number) => new IndexPQ({ d: dim, metric, m });
const fast = (m: number) => (dim: number) => new IndexIVFPQFastScan({ d: dim, metric, nlist: 1024, m });
const cases: Record<string, () => Index> = {};
for (const m of [8, 16, 32]) {
	cases[`PQ${m}`] = () => pq(m)(d);
	cases[`OPQ${m},PQ${m}`] = () => after(new OPQTransform({ d, m }), pq(m));
	if (isSift) continue;
	cases[`PCA128,PQ${m}`] = () => after(new PCATransform({ dIn: d, dOut: 128 }), pq(m));
	cases[`OPQ${m}_128,PQ${m}`] = () => after(new OPQTransform({ d, m, dOut: 128 }), pq(m));
}
for (const m of [16, 32]) {
	cases[`IVF1024,PQ${m}x4fs`] = () => fast(m)(d);
	cases[`RR,IVF1024,PQ${m}x4fs`] = () => after(new RandomRotation({ dIn: d }), fast(m));
	for (const dOut of isSift ? [64] : [64, 128]) {
		cases[`PCA${dOut},IVF1024,PQ${m}x4fs`] = () => after(new PCATransform({ dIn: d, dOut }), fast(m));
		cases[`OPQ${m}_${dOut},IVF1024,PQ${m}x4fs`] = () => after(new OPQTransform({ d, m, dOut, nbits: 4 }), fast(m));
	}
	cases[`OPQ${m},IVF1024,PQ${m}x4fs`] = () => after(new OPQTransform({ d, m, nbits: 4 }), fast(m));
}

console.log(`${name}: ${base.n} x ${d}, ${metric}\n`);
console.log('| index | recall@10 | re-ranked | train, s |\n|---|---:|---:|---:|');
for (const [title, make] of Object.entries(cases)) {
	if (!title.includes(filter)) continue;
	using index = new IndexRefine({ base: make() });
	const start = performance.now();
	index.train(base, { niter: 10 });
	const seconds = (performance.now() - start) / 1000;
	index.add(base);
	const params = title.includes('IVF') ? { nprobe: 32 } : {};
	const raw = recallAtK(index.base.search(queries, 10, params), truth, 10);
	const reranked = recallAtK(index.search(queries, 10, params), truth, 10);
	console.log(`| \`${title}\` | ${raw.toFixed(4)} | ${reranked.toFixed(4)} | ${seconds.toFixed(1)} |`);
}
