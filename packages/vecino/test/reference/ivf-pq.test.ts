/** IndexIVFPQ with centroids and codebooks that FAISS trained: lists, codes, decoded vectors and answers. */
import { describe, expect, it } from 'vitest';
import { emptySearchStats, IndexIVFPQ } from '../../src/index.ts';
import {
	data,
	decodeBy,
	distanceOf,
	expectSameAnswers,
	type IvfPqCase,
	load,
	loadBytes,
	queries,
	reference,
} from './fixtures.ts';

const cases = reference.cases.filter((one): one is IvfPqCase => one.kind === 'ivfpq');
const indexes = cases.filter(({ nprobe, nlist }) => nprobe === nlist);

async function make({ files, metric, byResidual, nbits, m, nlist }: IvfPqCase): Promise<IndexIVFPQ> {
	const index = new IndexIVFPQ({ d: data.d, metric, byResidual, nbits, m, nlist });
	index.pq.setCodebook((await load(`codebook-${files}`)).data);
	index.setTrained((await load(`centroids-${files}`)).data, 4);
	return index.add(data);
}

describe.each(indexes)('IndexIVFPQ, $files', (one) => {
	const { files, metric, byResidual, nbits, m, nlist } = one;

	it('fills lists with the same codes', async () => {
		using index = await make(one);
		const assign = await loadBytes(`assign-${files}`);
		expect(Uint8Array.from(index.assign(data))).toEqual(assign);
		const { codeSize } = index;
		const found = new Uint8Array(data.n * codeSize);
		let listed = 0;
		for (let listNo = 0; listNo < nlist; listNo++) {
			const { codes, ids, n } = index.lists.list(listNo);
			const { u8, u32 } = index.engine.arena;
			for (let i = 0; i < n; i++) {
				const label = u32[(ids >>> 2) + i]!;
				expect(assign[label]).toBe(listNo);
				found.set(u8.subarray(codes + i * codeSize, codes + (i + 1) * codeSize), label * codeSize);
			}
			listed += n;
		}
		expect(listed).toBe(data.n);
		expect(found).toEqual(await loadBytes(`codes-${files}`));
	});

	it('decodes to the same vectors', async () => {
		using index = await make(one);
		const want = await load(`decoded-${files}`);
		for (let i = 0; i < want.n; i++) expect(index.reconstruct(i)).toEqual(want.row(i));
	});

	it.each(cases.filter((other) => other.files === files))('answers the same at nprobe = $nprobe', async (probed) => {
		using index = await make(one);
		const [codebook, centroids] = [await load(`codebook-${files}`), await load(`centroids-${files}`)];
		const [codes, assign] = [await loadBytes(`codes-${files}`), await loadBytes(`assign-${files}`)];
		const exact = (i: number, label: number): number => {
			const code = codes.subarray(label * index.codeSize, (label + 1) * index.codeSize);
			const centroid = centroids.row(assign[label]!);
			const decoded = decodeBy(codebook, code, m, nbits);
			return distanceOf(metric, queries.row(i), byResidual ? decoded.map((v, t) => v + centroid[t]!) : decoded);
		};
		const stats = emptySearchStats();
		const found = index.search(queries, reference.k, { nprobe: probed.nprobe, stats });
		const differing = expectSameAnswers(found, probed.name, exact);
		if (metric === 'l2') expect(differing).toBe(0);
		expect(stats.nlistsVisited).toBe(queries.n * probed.nprobe);
	});
});
