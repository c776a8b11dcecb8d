/**
 * What `Auto` takes on real vectors finds at least 9 of 10 neighbours with the nprobe that training measures, as long as
 * the budget is a quarter of float32 or so (bench/engine/auto.ts prints more budgets).
 */
import { describe, expect, it } from 'vitest';
import { chooseIndex, indexFactory, recallAtK } from '../../src/index.ts';
import { findSet, readSet, readTruth } from './sets.ts';

const K = 10;

/** Set, its files, metric, bytes per vector, what is taken, recall@10 at least; recorded here: see each row. */
const ROWS = [
	// Recorded: 0.958.
	['sift-free-100k', 'bvecs', 'l2', undefined, 'IVF1024,PQ64x4fsr,Refine(SQ8)', 0.945],
	// Recorded: 0.943.
	['sift-free-100k', 'bvecs', 'l2', 125, 'IVF1024,RaBitQ5', 0.93],
	// Recorded: 0.932.
	['text-lsa-50k', 'fvecs', 'cosine', undefined, 'IVF512,RaBitQ,Refine(SQ8)', 0.92],
	// Recorded: 0.926.
	['text-lsa-50k', 'fvecs', 'cosine', 250, 'IVF512,RaBitQ5', 0.91],
] as const;

for (const name of ['sift-free-100k', 'text-lsa-50k'] as const) {
	const { title, skip } = findSet(name, { large: true });
	describe.skipIf(skip)(`Auto on ${title}`, () => {
		it.each(ROWS.filter(([set]) => set === name))(
			'%s.%s, %s, %s bytes: %s',
			{ timeout: 120_000 },
			async (set, ending, metric, bytesPerVector, text, floor) => {
				const base = await readSet(set, `base.${ending}`);
				const queries = await readSet(set, `query.${ending}`);
				const { n, d } = base;
				const choice = chooseIndex({ n, d, metric, bytesPerVector });
				expect(choice.text).toBe(text);
				using index = indexFactory(d, 'Auto', { n, metric, bytesPerVector });
				index.train(base).add(base).shrink();
				expect(Math.abs(index.byteLength / n / choice.bytesPerVector - 1)).toBeLessThan(0.02);
				const recall = recallAtK(index.search(queries, K), await readTruth(set), K);
				expect(recall).toBeGreaterThan(floor);
			},
		);
	});
}
