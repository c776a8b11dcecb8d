/** Range search, on every kind and metric: against the whole ranking of the index itself. */
import { describe, expect, it } from 'vitest';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { clustered, split } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const D = 24;
const { base, queries } = split(clustered(430, D), 12);

describe.each(['l2', 'ip', 'cosine'] as const)('%s', (metric) => {
	const within = (distance: number, radius: number): boolean =>
		metric === 'l2' ? distance <= radius : distance >= radius;

	describe.each(KINDS)('$name', (kind) => {
		it('finds what the whole ranking has within the radius, in its order', () => {
			using index = kind.make(D, metric);
			index.train(base).add(base);
			const all = { ...(kind.hasCells && { nprobe: 8 }), ...kind.all };
			const ranking = index.search(queries, base.n, all);
			for (const rank of [0, 4, 150, base.n - 1]) {
				const radius = ranking.hits(3)[rank]!.distance;
				const found = index.rangeSearch(queries, radius, all);
				expect(found.nq).toBe(queries.n);
				expect(found.lims[queries.n]).toBe(found.labels.length);
				for (let i = 0; i < queries.n; i++) {
					const expected = ranking.hits(i).filter((hit) => within(hit.distance, radius));
					if (kind.estimates) {
						// Estimates depend on the order of codes, and so a little on k.
						expect(Math.abs(found.hits(i).length - expected.length)).toBeLessThanOrEqual(2);
					} else expect(found.hits(i)).toEqual(expected);
				}
			}
		});

		it('finds everything or nothing, and no more than asked for', () => {
			using index = kind.make(D, metric);
			index.train(base).add(base);
			const [near, far] = metric === 'l2' ? [-1, Infinity] : [Infinity, -Infinity];
			expect([...index.rangeSearch(queries, near!).lims]).toEqual(new Array(queries.n + 1).fill(0));
			expect(index.rangeSearch(queries.row(0), far!).labels.length).toBe(base.n);
			const few = index.rangeSearch(queries, far!, { maxResults: 7 });
			expect(few.complete).toBe(false);
			expect(few.hits(5)).toHaveLength(7);
		});
	});

	it('is complete where everything was looked at', () => {
		using flat = new IndexFlat({ d: D, metric });
		flat.add(base);
		const radius = flat.search(queries.row(0), 20).hits()[19]!.distance;
		expect(flat.rangeSearch(queries.row(0), radius)).toMatchObject({ complete: true, nq: 1 });
		expect(flat.rangeSearch(queries.row(0), radius).hits()).toHaveLength(20);
		using cells = new IndexIVFFlat({ d: D, metric, nlist: 16 });
		cells.train(base).add(base);
		expect(cells.rangeSearch(queries.row(0), radius, { nprobe: 2 }).complete).toBe(false);
		const all = cells.rangeSearch(queries.row(0), radius, { nprobe: 16 });
		expect(all.complete).toBe(true);
		expect(all.hits()).toEqual(flat.rangeSearch(queries.row(0), radius).hits());
	});
});

describe('rangeSearch', () => {
	it('returns ids, goes on after removals, and runs in slices', async () => {
		using index = new IndexIDMap({ index: new IndexFlat({ d: 2 }) });
		index.addWithIds(
			[
				[0, 0],
				[3, 4],
				[6, 8],
			],
			[100, 200, 300],
		);
		index.remove(200);
		expect([...(await index.rangeSearchAsync([0, 0], 100)).labels]).toEqual([100, 300]);
		expect([...index.rangeSearch([0, 0], 0).labels]).toEqual([100]);
	});

	it('of an empty index finds nothing', () => {
		using index = new IndexFlat({ d: 2 });
		const found = index.rangeSearch(
			[
				[0, 0],
				[1, 1],
			],
			5,
		);
		expect([...found.lims]).toEqual([0, 0, 0]);
		expect(found.hits(1)).toEqual([]);
	});

	it('names what is wrong', () => {
		using index = new IndexFlat({ d: 2 });
		index.add([[0, 0]]);
		expect(() => index.rangeSearch([0, 0], Number.NaN)).toThrow(
			'IndexFlat.rangeSearch: radius must be a number, got NaN',
		);
		expect(() => index.rangeSearch([0, 0], '1' as never)).toThrow('radius must be a number');
		expect(() => index.rangeSearch([0, 0], 1, { maxResults: 0 })).toThrow('maxResults must be an integer in 1..');
		expect(() => index.rangeSearch([0, 0], 1).hits(1)).toThrow('RangeResult.hits: i must be an integer in 0..0');
	});
});
