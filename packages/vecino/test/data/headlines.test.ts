/** Embeddings of news headlines, 343 x 768, cosine. */
import { describe, expect, it } from 'vitest';
import { IndexFlat, IndexIVFFlat, recallAtK, type VectorSet } from '../../src/index.ts';
import { findSet, readLines, readSet, readTruth } from './sets.ts';

const NAME = 'headlines-768';
const { title, skip } = findSet(NAME, { large: false });

/** The rows that are not queries, in the order that the ground truth counts them in. */
async function readBase(): Promise<VectorSet> {
	const all = await readSet(NAME, 'vectors.npy');
	const lines = await readLines(NAME, 'metadata.jsonl');
	const rows = lines
		.filter((line) => line['in'] === 'base')
		.sort((a, b) => Number(a['row']) - Number(b['row']))
		.map((line) => Number(line['id']));
	return all.take(rows);
}

describe.skipIf(skip)(title, () => {
	it('IndexFlat finds the 100 true neighbours of every query, in their order', async () => {
		const [base, queries, truth] = [await readBase(), await readSet(NAME, 'query.fvecs'), await readTruth(NAME)];
		expect([base.n, base.d, queries.n, truth.k]).toEqual([343, 768, 40, 100]);
		using index = new IndexFlat({ d: base.d, metric: 'cosine' });
		const found = index.add(base).search(queries, truth.k);
		expect(Int32Array.from(found.labels)).toEqual(truth.labels);
	});

	it('IVFFlat finds them where it looks', async () => {
		const [base, queries, truth] = [await readBase(), await readSet(NAME, 'query.fvecs'), await readTruth(NAME)];
		using index = new IndexIVFFlat({ d: base.d, metric: 'cosine', nlist: 18 });
		index.train(base).add(base);
		expect(recallAtK(index.search(queries, 10, { nprobe: 18 }), truth, 10)).toBe(1);
		const recalls = [1, 2, 4, 8].map((nprobe) => recallAtK(index.search(queries, 10, { nprobe }), truth, 10));
		expect(recalls).toEqual([...recalls].sort((a, b) => a - b));
	});
});
