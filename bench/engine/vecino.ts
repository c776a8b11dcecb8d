/**
 * One job of the comparison with FAISS (compare.ts runs it): builds an index, searches, prints one line of JSON.
 *
 *   node bench/engine/vecino.ts ivfflat|ivfpq|sizes [data folder]
 */
import {
	defaultEngine,
	type Index,
	IndexFlat,
	IndexIVFFlat,
	IndexIVFPQ,
	IndexPQ,
	IndexRefine,
	indexChunks,
	recallAtK,
	type SearchResult,
	VectorSet,
} from '../../packages/vecino/src/index.ts';
import { Rng } from '../../packages/vecino/src/util/rng.ts';
import { dataFolder, siftData } from './data.ts';

const NLIST = 1024;
const M = 16;
const K = 10;
const NPROBES = [16, 32, 64];

const [job = 'ivfflat', folder] = process.argv.slice(2);
const engine = `vecino (${defaultEngine().backend}), Node ${process.versions.node}`;
console.log(JSON.stringify({ engine, job, ...(job === 'sizes' ? sizes() : await ivf(dataFolder(folder))) }));

/** Milliseconds a call took. */
function timed<T>(work: () => T): [number, T] {
	const start = performance.now();
	const result = work();
	return [performance.now() - start, result];
}

async function ivf(from: string): Promise<object> {
	const { base, queries, truth } = await siftData(from);
	const { d } = base;

	/** Recall at every nprobe, and milliseconds per query one by one and all at once. */
	const measure = (search: (q: VectorSet | Float32Array, nprobe: number) => SearchResult): object[] =>
		NPROBES.map((nprobe) => {
			for (let i = 0; i < 300; i++) search(queries.row(i), nprobe);
			const [batchMs, found] = timed(() => search(queries, nprobe));
			const [singleMs] = timed(() => {
				for (let i = 0; i < queries.n; i++) search(queries.row(i), nprobe);
			});
			const recall = recallAtK(found, truth, K);
			return { nprobe, recall, singleMs: singleMs / queries.n, batchMs: batchMs / queries.n };
		});

	using index = job === 'ivfpq' ? new IndexIVFPQ({ d, nlist: NLIST, m: M }) : new IndexIVFFlat({ d, nlist: NLIST });
	const [trainMs] = timed(() => index.train(base));
	const [addMs] = timed(() => index.add(base));
	const times = { trainS: trainMs / 1000, addS: addMs / 1000, byteLength: index.byteLength };
	const results = measure((q, nprobe) => index.search(q, K, { nprobe }));
	if (index instanceof IndexIVFFlat) return { ...times, results, refined: [] };
	// The same centroids and codebook, filled again through the index that re-ranks.
	const again = new IndexIVFPQ({ d, nlist: NLIST, m: M });
	again.pq.setCodebook(index.pq.codebook);
	again.setTrained(index.centroids, index.nprobe);
	using refine = new IndexRefine({ base: again });
	refine.add(base);
	return { ...times, results, refined: measure((q, nprobe) => refine.search(q, K, { nprobe, kFactor: 10 })) };
}

/** Bytes of the index files of 500,000 x 128: they do not depend on the values. */
function sizes(): object {
	const [n, d] = [500_000, 128];
	const rng = new Rng(1);
	const x = new VectorSet(
		Float32Array.from({ length: n * d }, () => rng.float()),
		d,
	);
	using flat = new IndexFlat({ d });
	flat.add(x);
	using pq = new IndexPQ({ d, m: 8 });
	pq.train(x.slice(0, 10_000), { niter: 1 }).add(x);
	return { flat: fileBytes(flat), pq8: fileBytes(pq) };
}

function fileBytes(index: Index): number {
	let sum = 0;
	for (const chunk of indexChunks(index)) sum += chunk.length;
	return sum;
}
