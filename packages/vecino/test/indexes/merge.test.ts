/** Merging indexes trained alike, and what they are made by: on every kind, codes and labels to the byte. */
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { isVecinoError } from '../../src/errors.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexPQ } from '../../src/indexes/pq.ts';
import { IndexPreTransform } from '../../src/indexes/pre-transform.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { createEngineSync, defaultEngine } from '../../src/kernels/engine.ts';
import { OPQTransform } from '../../src/transforms/opq.ts';
import { clustered } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const D = 24;
const x = clustered(430, D);
const [first, second] = [x.slice(0, 203), x.slice(203)];
const codeOf = (run: () => unknown): string => {
	try {
		run();
	} catch (error) {
		return isVecinoError(error) ? `${error.code}: ${error.message}` : String(error);
	}
	return 'nothing thrown';
};

describe.each(METRICS)('metric %s', (metric) => {
	it.each(KINDS.map((kind) => [kind.name, kind] as const))('%s: a merged file is that of adding', (_name, kind) => {
		using index = kind.make(D, metric);
		index.train(x, { seed: 7 }).add(first);
		using added = index.cloneTrained();
		added.add(first).add(second);
		// In another engine, as shards are.
		const engine = createEngineSync({ kernels: defaultEngine().backend });
		using other = index.cloneTrained({ engine });
		expect(other.engine).toBe(engine);
		other.add(second);
		if (kind.name.startsWith('IDMap')) {
			expect(codeOf(() => index.mergeFrom(other))).toMatch(/^duplicate-id: .*id 0 of other is in the index already/);
			return;
		}
		const before = writeIndex(other);
		index.mergeFrom(other);
		expect(writeIndex(other)).toEqual(before);
		expect(index.ntotal).toBe(x.n);
		expect(writeIndex(index)).toEqual(writeIndex(added));
		const queries = x.slice(0, 20);
		expect(index.search(queries, 10)).toEqual(added.search(queries, 10));
	});
});

it('ids are kept, and none may be there twice', () => {
	using index = new IndexIDMap({ index: new IndexIVFFlat({ d: D, nlist: 8 }) });
	index.train(x);
	using other = index.cloneTrained();
	index.addWithIds(first.slice(0, 3), [10, 20, 30]);
	other.addWithIds(second.slice(0, 3), [25, 15, 20]);
	expect(codeOf(() => index.mergeFrom(other))).toMatch(/^duplicate-id: .*id 20 /);
	expect(index.ntotal).toBe(3);
	other.reset();
	other.addWithIds(second.slice(0, 2), [25, 15]);
	index.mergeFrom(other);
	expect((index as IndexIDMap).ids).toEqual(Float64Array.of(10, 20, 30, 25, 15));
	expect(index.search(second.row(1), 1).labels[0]).toBe(15);
});

it('indexes that differ are refused with what differs', () => {
	using index = new IndexIVFPQ({ d: D, nlist: 8, m: 4 });
	const refused = (other: { [Symbol.dispose](): void } & Parameters<typeof index.mergeFrom>[0]): string => {
		using _ = other;
		return codeOf(() => index.mergeFrom(other));
	};
	expect(codeOf(() => index.mergeFrom(index))).toMatch(/^not-trained/);
	index.train(x);
	expect(refused(new IndexFlat({ d: D }))).toMatch('its type is IndexFlat, not IndexIVFPQ');
	expect(refused(new IndexIVFPQ({ d: 12, nlist: 8, m: 4 }))).toMatch('its d is 12, not 24');
	expect(refused(new IndexIVFPQ({ d: D, nlist: 8, m: 4, metric: 'ip' }))).toMatch('its metric is ip, not l2');
	expect(refused(new IndexIVFPQ({ d: D, nlist: 8, m: 4 }))).toMatch(/^not-trained/);
	expect(refused(new IndexIVFPQ({ d: D, nlist: 8, m: 2 }).train(x))).toMatch('it has another m');
	expect(refused(new IndexIVFPQ({ d: D, nlist: 9, m: 4 }).train(x))).toMatch(/it has another (codebook|centroids)/);
	expect(refused(new IndexIVFPQ({ d: D, nlist: 8, m: 4, byResidual: false }).train(x))).toMatch('another codebook');
	expect(codeOf(() => index.mergeFrom(index))).toMatch('other must be another index');
	expect(codeOf(() => index.mergeFrom({} as never))).toMatch('other must be an index');

	const chain = (seed: number) =>
		new IndexPreTransform({
			transforms: [new OPQTransform({ d: D, m: 4, niter: 1 })],
			index: new IndexPQ({ d: D, m: 4 }),
		}).train(x, { seed });
	using chained = chain(1);
	using another = chain(2);
	expect(codeOf(() => chained.mergeFrom(another))).toMatch('it has another transform 0 matrix');
});

it('an aborted merge leaves both as they were', async () => {
	using index = new IndexIVFFlat({ d: 8, nlist: 3 });
	const rows = clustered(1500, 8);
	index.train(rows).add(rows.slice(0, 40));
	using other = index.cloneTrained();
	// More than one slice.
	for (let i = 0; i < 50; i++) other.add(rows);
	const before = [index, other].map((one) => writeIndex(one));
	const controller = new AbortController();
	const merging = index.mergeFromAsync(other, { signal: controller.signal, onProgress: () => controller.abort() });
	await expect(merging).rejects.toMatchObject({ code: 'aborted' });
	expect([index, other].map((one) => writeIndex(one))).toEqual(before);
	expect(other.search(rows.row(0), 1).labels[0]).toBe(0);
});

it('the other index cannot change meanwhile', async () => {
	using index = new IndexFlat({ d: 2 });
	using other = new IndexFlat({ d: 2 });
	other.add(new VectorSet(new Float32Array(20), 2));
	const merging = index.mergeFromAsync(other, {
		onProgress: () => expect(codeOf(() => other.reset())).toMatch(/^busy/),
	});
	await merging;
	expect(index.ntotal).toBe(10);
});
