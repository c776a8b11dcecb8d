/** ProductQuantizer and IndexPQ with codebooks that FAISS trained, against what FAISS makes of them. */
import { describe, expect, it } from 'vitest';
import { IndexPQ, ProductQuantizer } from '../../src/index.ts';
import {
	data,
	decodeBy,
	distanceOf,
	expectSameAnswers,
	firstColumns,
	load,
	loadBytes,
	type PqCase,
	queries,
	reference,
	relativeError,
	subCodes,
	TOLERANCE,
} from './fixtures.ts';

const cases = reference.cases.filter((one): one is PqCase => one.kind === 'pq');
const shapes = cases.filter(({ metric }) => metric === 'l2');

describe.each(shapes)('ProductQuantizer, nbits = $nbits', ({ nbits, d, m }) => {
	const make = async (): Promise<ProductQuantizer> => {
		const pq = new ProductQuantizer({ d, m, nbits });
		pq.setCodebook((await load(`codebook-pq-${nbits}`)).data);
		return pq;
	};

	it('encodes and packs the same bytes', async () => {
		using pq = await make();
		const want = await loadBytes(`codes-pq-${nbits}`);
		expect(pq.codeSize).toBe(Math.ceil((m * nbits) / 8));
		expect(want.length).toBe(data.n * pq.codeSize);
		const found = pq.encode(firstColumns(data, d));
		const codebook = await load(`codebook-pq-${nbits}`);
		const differing = differingSubCodes(found, want, pq, codebook.data);
		// Equal but for reproduction values equally near: FAISS takes the smaller of |x - c|^2, we of
		// |c|^2 / 2 - x.c, and both round. None here.
		expect(differing).toEqual({ ties: 0, worse: 0 });
		expect(found).toEqual(want);
	});

	it('decodes to the same values', async () => {
		using pq = await make();
		const codes = await loadBytes(`codes-pq-${nbits}`);
		const want = await load(`decoded-pq-${nbits}`);
		expect(pq.decode(codes.subarray(0, want.n * pq.codeSize))).toEqual(want);
	});

	it('keeps the codebook', async () => {
		using pq = await make();
		expect(pq.codebook).toEqual((await load(`codebook-pq-${nbits}`)).data);
	});
});

describe('distance tables', () => {
	it.each([
		[5, 'l2'],
		[5, 'ip'],
		[8, 'l2'],
		[8, 'ip'],
	] as const)('nbits = %i, %s', async (nbits, metric) => {
		const { d, m } = shapes.find((one) => one.nbits === nbits)!;
		using pq = new ProductQuantizer({ d, m, nbits });
		pq.setCodebook((await load(`codebook-pq-${nbits}`)).data);
		const want = await load(`table-pq-${nbits}-${metric}`);
		const sign = metric === 'l2' ? 1 : -1;
		for (let i = 0; i < 2; i++) {
			const table = pq.distanceTable(queries.row(i).subarray(0, d), metric);
			// An inner product may cancel: what is left is compared with the largest entry of its row.
			for (let j = 0; j < m; j++) {
				const [ours, theirs] = [table.subarray(j * pq.ksub, (j + 1) * pq.ksub), want.row(i * m + j)];
				const scale = Math.max(...theirs.map(Math.abs));
				for (let c = 0; c < pq.ksub; c++) {
					const error = Math.abs(sign * ours[c]! - theirs[c]!);
					expect(error).toBeLessThan(TOLERANCE * (metric === 'l2' ? Math.max(theirs[c]!, scale / 100) : scale));
				}
			}
		}
	});
});

describe.each(cases)('IndexPQ, $name', ({ name, metric, nbits, d, m }) => {
	it('gives the same answers', async () => {
		using index = new IndexPQ({ d, m, nbits, metric });
		const codebook = await load(`codebook-pq-${nbits}`);
		index.pq.setCodebook(codebook.data);
		index.add(firstColumns(data, d));
		const found = index.search(firstColumns(queries, d), reference.k);
		const codes = await loadBytes(`codes-pq-${nbits}`);
		const exact = (i: number, label: number): number => {
			const code = codes.subarray(label * index.codeSize, (label + 1) * index.codeSize);
			return distanceOf(metric, queries.row(i).subarray(0, d), decodeBy(codebook, code, m, nbits));
		};
		const differing = expectSameAnswers(found, name, exact);
		if (metric === 'l2') expect(differing).toBe(0);
		// The sum of the table is the distance to the decoded vector, and what the search reports.
		const table = index.pq.distanceTable(queries.row(0).subarray(0, d), metric);
		const sums = index.pq.adc(table, codes);
		for (const { label, distance } of found.hits(0)) {
			expect(relativeError(metric === 'l2' ? sums[label]! : -sums[label]!, distance)).toBeLessThan(1e-6);
		}
	});
});

describe('training', () => {
	// FAISS's mean squared error on the same vectors; ours is another draw of the same k-means.
	it.each(reference.pqTraining)('m = $m, nbits = $nbits is as good as FAISS', ({ m, nbits, meanSquaredError }) => {
		using pq = new ProductQuantizer({ d: data.d, m, nbits });
		pq.train(data);
		const decoded = pq.decode(pq.encode(data));
		let squared = 0;
		for (let i = 0; i < data.n; i++) squared += distanceOf('l2', data.row(i), decoded.row(i));
		expect(squared / data.n / meanSquaredError).toBeLessThan(1.02);
	});
});

/** Sub-codes that differ: `ties` are within rounding as near as FAISS's, `worse` are not. */
function differingSubCodes(
	found: Uint8Array,
	want: Uint8Array,
	{ d, m, nbits, ksub, dsub, codeSize }: ProductQuantizer,
	codebook: Float32Array,
): { ties: number; worse: number } {
	const count = { ties: 0, worse: 0 };
	const codeOf = (codes: Uint8Array, i: number): number[] =>
		subCodes(codes.subarray(i * codeSize, (i + 1) * codeSize), m, nbits);
	for (let i = 0; i < data.n; i++) {
		const [ours, theirs] = [codeOf(found, i), codeOf(want, i)];
		const x = data.row(i).subarray(0, d);
		for (let j = 0; j < m; j++) {
			if (ours[j] === theirs[j]) continue;
			const error = (c: number): number => {
				const at = (j * ksub + c) * dsub;
				return distanceOf('l2', x.subarray(j * dsub, (j + 1) * dsub), codebook.subarray(at, at + dsub));
			};
			if (error(ours[j]!) <= error(theirs[j]!) + 1e-6) count.ties++;
			else count.worse++;
		}
	}
	return count;
}
