/** Paging, on every kind and metric: each vector once, none left out. */
import { describe, expect, it } from 'vitest';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { clustered, split } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const D = 24;
const { base, queries } = split(clustered(430, D), 5);

describe.each(['l2', 'ip', 'cosine'] as const)('%s', (metric) => {
	it.each(KINDS)('$name: all vectors come, each once', async (kind) => {
		using index = kind.make(D, metric);
		index.train(base).add(base);
		const pages = [...index.pages(queries.row(0), { pageSize: 37 })];
		const labels = pages.flatMap((page) => [...page.labels]);
		expect(new Set(labels).size).toBe(labels.length);
		expect(labels).toHaveLength(base.n);
		expect(pages.map((page) => page.k)).toEqual([...new Array(Math.floor(base.n / 37)).fill(37), base.n % 37]);
		// Other pages, the same sequence; from anywhere.
		const rest: number[] = [];
		for await (const page of index.pagesAsync(queries.row(0), { pageSize: 100, offset: 250 }))
			rest.push(...page.labels);
		expect(rest).toEqual(labels.slice(250));
	});

	it('of exact search is the ranking', () => {
		using index = new IndexFlat({ d: D, metric });
		index.add(base);
		const hits = [...index.pages(queries.row(1), { pageSize: 50 })].flatMap((page) => page.hits());
		expect(hits).toEqual(index.search(queries.row(1), base.n).hits());
	});
});

describe('pages', () => {
	it('end where nothing is left, with an empty index at once', () => {
		using index = new IndexFlat({ d: 2 });
		expect([...index.pages([0, 0])]).toEqual([]);
		index.add([
			[1, 1],
			[2, 2],
		]);
		expect([...index.pages([0, 0], { pageSize: 2 })].map((page) => [...page.labels])).toEqual([[0, 1]]);
		expect([...index.pages([0, 0], { offset: 9 })]).toEqual([]);
	});

	it('go on in an index that changed', () => {
		using index = new IndexIVFFlat({ d: D, nlist: 8 });
		index.train(base).add(base);
		const pages = index.pages(queries.row(0), { pageSize: 64 });
		const first = [...pages.next().value!.labels];
		const gone = Array.from({ length: 100 }, (_, i) => i).filter((label) => !first.includes(label));
		index.remove(gone);
		index.add(base.slice(0, 3));
		const labels = [...first, ...[...pages].flatMap((page) => [...page.labels])];
		expect(new Set(labels).size).toBe(labels.length);
		expect(labels.filter((label) => gone.includes(label))).toEqual([]);
		expect([base.n, base.n + 1, base.n + 2].every((label) => labels.includes(label))).toBe(true);
		expect(labels).toHaveLength(base.n - gone.length + 3);
	});

	it('name what is wrong at once', () => {
		using index = new IndexFlat({ d: 2 });
		expect(() =>
			index.pages([
				[0, 0],
				[1, 1],
			]),
		).toThrow('IndexFlat.pages: q must be one query, got 2');
		expect(() => index.pages([0, 0], { pageSize: 0 })).toThrow('pageSize must be an integer in 1..65536, got 0');
		expect(() => index.pages([0, 0, 0])).toThrow('IndexFlat.pages');
	});
});
