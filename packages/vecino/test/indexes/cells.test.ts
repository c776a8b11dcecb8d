/** Cells as a caller sees them: ranked, enumerated, and searched one by one. */
import { describe, expect, it } from 'vitest';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { clustered, split } from '../support/data.ts';

const D = 24;
const { base, queries } = split(clustered(600, D), 20);

describe.each(['l2', 'ip', 'cosine'] as const)('%s', (metric) => {
	it('a search is ranking cells, then scanning them', () => {
		for (const make of [
			() => new IndexIVFFlat({ d: D, metric, nlist: 16 }),
			() => new IndexIVFPQ({ d: D, metric, nlist: 16, m: 8 }),
		]) {
			using index = make();
			index.train(base).add(base);
			const { labels, distances } = index.rankCells(queries, 5);
			expect(labels.length).toBe(queries.n * 5);
			const found = index.searchPreassigned(queries, 10, labels, distances);
			const expected = index.search(queries, 10, { nprobe: 5 });
			expect(found.labels).toEqual(expected.labels);
			for (const [i, distance] of expected.distances.entries()) expect(found.distances[i]).toBeCloseTo(distance, 4);
			expect(index.assign(queries)).toEqual(Uint32Array.from({ length: queries.n }, (_, i) => labels[i * 5]!));
		}
	});

	it('every vector is in the list of the cell that it is assigned to', () => {
		using index = new IndexIVFFlat({ d: D, metric, nlist: 16 });
		index.train(base).add(base);
		index.remove([3, 77]);
		const cells = index.assign(base);
		const seen: number[] = [];
		for (let cell = 0; cell < index.nlist; cell++) {
			for (const label of index.listLabels(cell)) {
				expect(cells[label]).toBe(cell);
				seen.push(label);
			}
		}
		const kept = Array.from({ length: base.n }, (_, i) => i).filter((label) => label !== 3 && label !== 77);
		expect(seen.toSorted((a, b) => a - b)).toEqual(kept);
	});
});

it('names what is wrong', () => {
	using index = new IndexIVFFlat({ d: D, nlist: 16 });
	expect(() => index.rankCells(queries, 1)).toThrow('IndexIVFFlat.rankCells: call train first');
	expect(() => index.listLabels(0)).toThrow('IndexIVFFlat.listLabels: call train first');
	index.train(base);
	expect(() => index.rankCells(queries, 17)).toThrow(
		'IndexIVFFlat.rankCells: nprobe must be an integer in 1..16, got 17',
	);
	expect(() => index.listLabels(16)).toThrow('IndexIVFFlat.listLabels: cell must be an integer in 0..15, got 16');
});
