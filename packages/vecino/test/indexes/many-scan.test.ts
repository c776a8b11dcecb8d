/** IndexPQ: several queries scanned at once find what each finds alone, on any number of threads. */
import { expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { IndexPQ } from '../../src/indexes/pq.ts';
import { createEngine } from '../../src/kernels/engine.ts';
import { clustered, split } from '../support/data.ts';

const D = 10;
const N = 12_000;
const { base, queries } = split(clustered(N + 150, D, { seed: 5 }), 150);

it.each(METRICS)('metric %s: batches of any size, several segments of codes', async (metric) => {
	using engine = await createEngine({ threads: 2 });
	engine.pool!.grain = 2 ** 18;
	for (const m of [5, 2]) {
		using index = new IndexPQ({ d: D, metric, m, engine });
		index.train(base.slice(0, 2000), { niter: 3 });
		index.add(base.slice(0, 4001)).add(base.slice(4001, 9000)).add(base.slice(9000));
		for (const k of [1, 30, 500]) {
			const alone = Array.from({ length: queries.n }, (_, i) => index.search(queries.row(i), k).hits());
			for (const nq of [2, 3, 8, 9, 150]) {
				const some = new VectorSet(queries.data.slice(0, nq * D), D);
				for (const found of [index.search(some, k), await index.searchAsync(some, k)]) {
					for (let i = 0; i < nq; i++) expect(found.hits(i)).toEqual(alone[i]);
				}
			}
		}
	}
});

it('filters and removed rows hold for all of them', async () => {
	using engine = await createEngine({ threads: 2 });
	engine.pool!.grain = 2 ** 18;
	using index = new IndexPQ({ d: D, m: 5, engine });
	index.train(base.slice(0, 2000), { niter: 3 });
	index.add(base.slice(0, 4001)).add(base.slice(4001));
	index.remove((label) => label % 4 === 1);
	index.update([2, 4000], base.slice(7, 9));
	for (const filter of [undefined, (label: number) => label % 3 !== 0, (label: number) => label % 50 === 2]) {
		using prepared = index.prepareFilter(filter ?? (() => true));
		const alone = Array.from({ length: queries.n }, (_, i) => index.search(queries.row(i), 30, { filter: prepared }));
		for (const params of filter === undefined ? [{}, { filter: prepared }] : [{ filter: prepared }]) {
			for (const found of [index.search(queries, 30, params), await index.searchAsync(queries, 30, params)]) {
				expect(found.labels.every((label) => label % 4 !== 1 && (filter?.(label) ?? true))).toBe(true);
				for (let i = 0; i < queries.n; i++) expect(found.hits(i)).toEqual(alone[i]!.hits());
			}
		}
	}
});
