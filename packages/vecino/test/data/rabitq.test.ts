/** RaBitQ on real vectors: recall of 1 to 8 bits where the cells opened hold 98 % of the neighbours, beside 4-bit PQ. */
import { describe, expect, it } from 'vitest';
import {
	IndexIVFFlat,
	IndexIVFPQFastScan,
	IndexIVFRaBitQ,
	IndexRefine,
	type LabelMatrix,
	type Metric,
	recallAtK,
	type VectorSet,
} from '../../src/index.ts';
import { findSet, readLines, readSet, readTruth } from './sets.ts';

interface Case {
	readonly name: string;
	readonly metric: Metric;
	readonly nlist: number;
	readonly nprobe: number;
	readonly large: boolean;
	/** Bits, and recall@10 recorded: raw, and with 4 candidates per result re-ranked. */
	readonly recorded: readonly (readonly [nbits: number, raw: number, refined: number])[];
	/** Of IVFFlat with the same nprobe. */
	readonly most: number;
	/** m of fast-scan PQ with codes as large as those of 1 bit, and its recall. */
	readonly pq: readonly [m: number, raw: number];
}

const CASES: readonly Case[] = [
	{
		name: 'text-lsa-50k',
		metric: 'cosine',
		nlist: 256,
		nprobe: 24,
		large: true,
		recorded: [
			[1, 0.692, 0.957],
			[4, 0.939, 0.986],
			[7, 0.978, 0.986],
		],
		most: 0.986,
		pq: [64, 0.521],
	},
	{
		name: 'headlines-768',
		metric: 'cosine',
		nlist: 18,
		nprobe: 7,
		large: false,
		recorded: [
			[1, 0.89, 0.9825],
			[3, 0.9625, 0.9825],
			[5, 0.9675, 0.9825],
			[8, 0.9825, 0.9825],
		],
		most: 0.9825,
		pq: [192, 0.8575],
	},
	{
		name: 'sift-free-100k',
		metric: 'l2',
		nlist: 256,
		nprobe: 30,
		large: true,
		recorded: [
			[1, 0.589, 0.916],
			[4, 0.926, 0.986],
			[7, 0.977, 0.986],
		],
		most: 0.986,
		pq: [32, 0.569],
	},
];

async function baseOf(name: string): Promise<VectorSet> {
	if (name === 'sift-free-100k') return readSet(name, 'base.bvecs');
	if (name !== 'headlines-768') return readSet(name, 'base.fvecs');
	const all = await readSet(name, 'vectors.npy');
	const base = (await readLines(name, 'metadata.jsonl')).filter((line) => line['in'] === 'base');
	return all.take(base.sort((a, b) => Number(a['row']) - Number(b['row'])).map((line) => Number(line['id'])));
}

/** Recall may be so much below what was recorded. */
const MARGIN = 0.012;

for (const { name, metric, nlist, nprobe, large, recorded, most, pq } of CASES) {
	const { title, skip } = findSet(name, { large });
	describe.skipIf(skip)(title, () => {
		it('RaBitQ finds what was recorded, more than PQ of as many bytes', { timeout: 300_000 }, async () => {
			const base = await baseOf(name);
			const queries = await readSet(name, name === 'sift-free-100k' ? 'query.bvecs' : 'query.fvecs');
			const truth: LabelMatrix = await readTruth(name);
			const { d } = base;
			const search = { nprobe, kFactor: 4 };
			using flat = new IndexIVFFlat({ d, metric, nlist });
			expect(recallAtK(flat.train(base).add(base).search(queries, 10, { nprobe }), truth, 10)).toBeCloseTo(most, 2);
			const recalls = recorded.map(([nbits]) => {
				const ivf = new IndexIVFRaBitQ({ d, metric, nlist, nbits });
				ivf.setTrained(flat.centroids, nprobe);
				using index = new IndexRefine({ base: ivf });
				index.add(base);
				return [
					nbits,
					recallAtK(index.base.search(queries, 10, { nprobe }), truth, 10),
					recallAtK(index.search(queries, 10, search), truth, 10),
				] as const;
			});
			for (const [i, [nbits, raw, refined]] of recorded.entries()) {
				expect(recalls[i]![1], `${nbits} bits`).toBeGreaterThan(raw - MARGIN);
				expect(recalls[i]![2], `${nbits} bits, re-ranked`).toBeGreaterThan(refined - MARGIN);
			}
			const [m, rawPQ] = pq;
			using other = new IndexIVFPQFastScan({ d, metric, nlist, m });
			other.train(base).add(base);
			const recallPQ = recallAtK(other.search(queries, 10, { nprobe }), truth, 10);
			expect(recallPQ).toBeCloseTo(rawPQ, 1);
			expect(recalls[0]![1]).toBeGreaterThan(recallPQ);
		});
	});
}
