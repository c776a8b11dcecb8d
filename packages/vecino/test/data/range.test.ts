/** Range search on real vectors: what is within the distance of the true 100th neighbour. */
import { describe, expect, it } from 'vitest';
import { IndexFlat, IndexIVFFlat, IndexIVFPQFastScan, IndexRefine } from '../../src/index.ts';
import { findSet, readSet } from './sets.ts';

const NAME = 'sift-free-100k';
const { title, skip } = findSet(NAME, { large: true });

describe.skipIf(skip)(title, () => {
	it('finds most by default settings, and all by all cells', { timeout: 120_000 }, async () => {
		const base = await readSet(NAME, 'base.bvecs');
		const queries = (await readSet(NAME, 'query.bvecs')).slice(0, 20);
		using flat = new IndexFlat({ d: base.d });
		flat.add(base);
		using cells = new IndexIVFFlat({ d: base.d, nlist: 1024 });
		cells.train(base, { niter: 3 }).add(base);
		using codes = new IndexRefine({ base: new IndexIVFPQFastScan({ d: base.d, nlist: 1024, m: 32 }) });
		codes.train(base, { niter: 3 }).add(base);
		// Recorded of 50 queries, of vectors in cells and of codes ranked again: 0.996, 0.986, 0.993 both.
		for (const neighbours of [10, 100, 2000]) {
			const sums = [0, 0];
			for (let i = 0; i < queries.n; i++) {
				const radius = flat.search(queries.row(i), neighbours).distances[neighbours - 1]!;
				const truth = flat.rangeSearch(queries.row(i), radius);
				expect(truth.complete).toBe(true);
				expect(truth.labels.length).toBeGreaterThanOrEqual(neighbours);
				const all = cells.rangeSearch(queries.row(i), radius, { nprobe: 1024 });
				expect([all.complete, [...all.labels]]).toEqual([true, [...truth.labels]]);
				const some = cells.rangeSearch(queries.row(i), radius);
				const refined = codes.rangeSearch(queries.row(i), radius);
				for (const [at, found] of [some, refined].entries()) {
					const labels = new Set(found.labels);
					sums[at]! += truth.labels.filter((label) => labels.has(label)).length / truth.labels.length / queries.n;
				}
			}
			expect(Math.min(...sums)).toBeGreaterThan(0.96);
		}
	});
});
