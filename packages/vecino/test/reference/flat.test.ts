/** Exact search, distance helpers and SQ8 beside FAISS and NumPy. */
import { describe, expect, it } from 'vitest';
import {
	cosineDistance,
	cosineSimilarity,
	euclideanDistance,
	IndexFlat,
	IndexScalarQuantizer,
	innerProduct,
	negativeDot,
	normalize,
	squaredL2,
} from '../../src/index.ts';
import type { ScalarQuantizer } from '../../src/quantizers/scalar.ts';
import { data, distanceOf, expectSameAnswers, type FlatCase, load, queries, reference } from './fixtures.ts';

const cases = reference.cases.filter((one): one is FlatCase => one.kind === 'flat');

describe('IndexFlat and FAISS IndexFlat', () => {
	it.each(cases)('$name', ({ name, metric }) => {
		using index = new IndexFlat({ d: data.d, metric });
		const found = index.add(data).search(queries, reference.k);
		const exact = (i: number, label: number): number =>
			metric === 'cosine'
				? cosineSimilarity(queries.row(i), data.row(label))
				: distanceOf(metric, queries.row(i), data.row(label));
		expect(expectSameAnswers(found, name, exact)).toBe(0);
	});

	it('gives one query the same as the batch', () => {
		using index = new IndexFlat({ d: data.d });
		index.add(data);
		const batch = index.search(queries, 10);
		for (let i = 0; i < queries.n; i++) expect(index.search(queries.row(i), 10).hits()).toEqual(batch.hits(i));
	});
});

/**
 * The worked example of MiniVecDB: its three distance functions of the query and three vectors. The third
 * vector is [-0.5, -0.5, 0]: the only one along (1, 1, 0) with a negative dot of 0.7.
 */
describe('MiniVecDB example', () => {
	const query = [0.7, 0.7, 0];
	const rows = [
		[1, 0, 0],
		[0, 1, 0],
		[-0.5, -0.5, 0],
	];

	it.each([
		['cosine distance', cosineDistance, [0.2928932188134524, 0.2928932188134524, 2]],
		['Euclidean distance', euclideanDistance, [0.7615773105863908, 0.7615773105863908, 1.6970562748477138]],
		['negative dot', negativeDot, [-0.7, -0.7, 0.7]],
		['squared L2', squaredL2, [0.58, 0.58, 2.88]],
		['inner product', innerProduct, [0.7, 0.7, -0.7]],
	] as const)('%s', (_name, distance, want) => {
		for (const [i, row] of rows.entries()) expect(distance(query, row)).toBeCloseTo(want[i]!, 14);
	});

	it.each([
		['l2', [0, 1, 2], [0.58, 0.58, 2.88]],
		['ip', [0, 1, 2], [0.7, 0.7, -0.7]],
		['cosine', [0, 1, 2], [Math.SQRT1_2, Math.SQRT1_2, -1]],
	] as const)('ranked by IndexFlat, %s', (metric, labels, distances) => {
		using index = new IndexFlat({ d: 3, metric });
		const hits = index.add(rows).search(query, 3).hits();
		expect(hits.map((hit) => hit.label)).toEqual(labels);
		for (const [rank, hit] of hits.entries()) expect(hit.distance).toBeCloseTo(distances[rank]!, 6);
	});

	it('normalises', () => {
		expect(normalize(query)).toEqual(Float32Array.of(Math.SQRT1_2, Math.SQRT1_2, 0));
	});
});

describe('SQ8 and FAISS QT_8bit', () => {
	// FAISS decodes a code as the middle of a bin and truncates when it encodes; we round to 256 values, the
	// extremes among them: the same ranges, the same step, at most half a step of error for both.
	it('learns the same ranges and errs less than half a step', async () => {
		const [mins, ranges] = [await load('sq8-mins'), await load('sq8-ranges')];
		using index = new IndexScalarQuantizer({ d: data.d });
		index.train(data).add(data);
		const { mins: found, steps } = (index.codec as ScalarQuantizer).range;
		expect(found).toEqual(mins.data);
		expect(steps).toEqual(ranges.data.map((range) => range / 255));
		let squared = 0;
		for (let i = 0; i < data.n; i++) {
			const decoded = index.reconstruct(i);
			for (let t = 0; t < data.d; t++) {
				const error = Math.abs(decoded[t]! - data.row(i)[t]!);
				expect(error).toBeLessThanOrEqual((steps[t]! / 2) * (1 + 1e-4));
				squared += error * error;
			}
		}
		expect(squared / data.n / reference.sq8.meanSquaredError).toBeCloseTo(1, 1);
	});
});
