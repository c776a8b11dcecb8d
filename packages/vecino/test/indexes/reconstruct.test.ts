/** Vectors back from their codes, many at a time. */
import { describe, expect, it } from 'vitest';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { clustered } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const D = 24;
const base = clustered(300, D);

describe.each(['l2', 'cosine'] as const)('%s', (metric) => {
	it.each(KINDS)('$name: one by one and all at once', (kind) => {
		using index = kind.make(D, metric);
		index.train(base).add(base);
		index.remove([5, 250]);
		const labels = [299, 0, 7, 7, 120, 0, 33];
		const many = index.reconstructMany(labels);
		expect([many.n, many.d]).toEqual([labels.length, D]);
		for (const [i, label] of labels.entries()) expect([...many.row(i)]).toEqual([...index.reconstruct(label)]);
		expect(index.reconstructMany([]).n).toBe(0);
		expect(() => index.reconstructMany([1, 250])).toThrow(/reconstructMany: no vector has label 250; there are 298/);
	});
});

it('by id', () => {
	using index = new IndexIDMap({ index: new IndexFlat({ d: 2 }) });
	index.addWithIds(
		[
			[0, 0],
			[3, 4],
		],
		[100, 200],
	);
	expect([...index.reconstructMany([200, 100]).data]).toEqual([3, 4, 0, 0]);
	expect(() => index.reconstructMany([300])).toThrow('no vector has label 300');
});
