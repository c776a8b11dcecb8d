/** Several indexes that answer as one: labels and distances of one index over the same vectors. */
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexShards } from '../../src/indexes/shards.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { createEngineSync, defaultEngine, type Engine } from '../../src/kernels/engine.ts';
import { clustered } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const D = 24;
const x = clustered(640, D);
const queries = clustered(30, D, { seed: 2 });
/** Those whose results depend on how many candidates there are in one place, and those that are no shards. */
const OTHERS = /RaBitQ4|RaBitQ3|Refine|RFlat|HNSW5|HNSW8|IDMap/;
const alike = KINDS.filter(({ name }) => !OTHERS.test(name));

describe.each(METRICS)('metric %s', (metric) => {
	it.each(alike.map((kind) => [kind.name, kind] as const))('%s: results of one index', (_name, kind) => {
		using one = kind.make(D, metric);
		one.train(x, { seed: 3 }).add(x);
		using sharded = new IndexShards({ shards: [kind.make(D, metric)], rowsPerShard: 150 });
		sharded.train(x, { seed: 3 }).add(x.slice(0, 100)).add(x.slice(100));
		expect(sharded.shards.map(({ ntotal }) => ntotal)).toEqual([150, 150, 150, 150, 40]);
		expect(new Set(sharded.shards.map(({ engine }) => engine)).size).toBe(5);
		// Short of k no shard opens more cells.
		const params = kind.hasCells ? { nprobe: 6 } : {};
		expect(sharded.search(queries, 5, params)).toEqual(one.search(queries, 5, params));
		const reversible = kind.name !== 'PCA20,IVF8,Flat' || metric === 'l2';
		if (reversible)
			for (const row of [0, 149, 150, 639]) expect(sharded.reconstruct(row)).toEqual(one.reconstruct(row));
		expect(sharded.byteLength).toBe(Object.values(sharded.stats().bytes).reduce((a, b) => a + b));
	});
});

it('re-ranked shards find no less than one index', () => {
	const kind = KINDS.find(({ name }) => name === 'IVF8,PQ4,RFlat')!;
	using one = kind.make(D, 'l2');
	one.train(x).add(x);
	using sharded = new IndexShards({ shards: [kind.make(D, 'l2')], rowsPerShard: 200 });
	sharded.train(x).add(x);
	const [a, b] = [sharded.search(queries, 5, { nprobe: 3 }), one.search(queries, 5, { nprobe: 3 })];
	for (const [i, distance] of a.distances.entries()) expect(distance).toBeLessThanOrEqual(b.distances[i]!);
});

it('ties go to the lower label', () => {
	using sharded = new IndexShards({ shards: [new IndexFlat({ d: 2 })], rowsPerShard: 2 });
	sharded.add([1, 1, 0, 0, 1, 1, 1, 1, 0, 0]);
	expect([...sharded.search([1, 1], 5).labels]).toEqual([0, 2, 3, 1, 4]);
	expect([...sharded.search([1, 1], 7).labels]).toEqual([0, 2, 3, 1, 4, -1, -1]);
});

it('where memory ends another shard is opened', () => {
	const small = (): Engine => createEngineSync({ kernels: defaultEngine().backend, maxBytes: 1.5 * 2 ** 20 });
	let made = 0;
	const makeEngine = (): Engine => {
		made++;
		return small();
	};
	const rows = clustered(9000, 64);
	using sharded = new IndexShards({ shards: [new IndexFlat({ d: 64, engine: small(), pruned: false })], makeEngine });
	// 2.3 MB, in parts and at once.
	for (let i = 0; i < 4500; i += 500) sharded.add(rows.slice(i, i + 500));
	sharded.add(rows.slice(4500));
	expect(sharded.ntotal).toBe(9000);
	expect(made).toBeGreaterThanOrEqual(2);
	expect(sharded.shards.length).toBe(made + 1);
	using one = new IndexFlat({ d: 64 });
	one.add(rows);
	expect(sharded.search(rows.slice(4490, 4510), 20)).toEqual(one.search(rows.slice(4490, 4510), 20));
});

it('an add that fails leaves no shard behind', async () => {
	let made = 0;
	const makeEngine = (): Engine => {
		if (++made > 2) throw new Error('no more');
		return createEngineSync({ kernels: defaultEngine().backend });
	};
	using sharded = new IndexShards({
		shards: [new IndexIVFFlat({ d: D, nlist: 4 })],
		rowsPerShard: 100,
		makeEngine,
	});
	sharded.train(x).add(x.slice(0, 60));
	const before = sharded.search(queries, 5);
	expect(() => sharded.add(x)).toThrow('no more');
	expect(sharded.ntotal).toBe(60);
	expect(sharded.shards.length).toBe(1);
	expect(sharded.search(queries, 5)).toEqual(before);
	made = 0;
	const controller = new AbortController();
	const adding = sharded.addAsync(x.slice(0, 200), {
		signal: controller.signal,
		onProgress: ({ done }) => done > 100 && controller.abort(),
	});
	await expect(adding).rejects.toMatchObject({ code: 'aborted' });
	expect(sharded.shards.map(({ ntotal }) => ntotal)).toEqual([60]);
	made = 0;
	sharded.add(x.slice(60, 260));
	expect(sharded.shards.map(({ ntotal }) => ntotal)).toEqual([100, 100, 60]);
	sharded.reset();
	expect(sharded.shards.map(({ ntotal }) => ntotal)).toEqual([0]);
});

it('shards go to files one by one and come back', () => {
	using sharded = new IndexShards({ shards: [new IndexIVFPQ({ d: D, nlist: 8, m: 4 })], rowsPerShard: 250 });
	sharded.train(x).add(x);
	expect(() => writeIndex(sharded)).toThrow('write each of its shards');
	const files = sharded.shards.map((shard) => writeIndex(shard));
	const open = (file: Uint8Array) =>
		readIndex(file, { engine: createEngineSync({ kernels: defaultEngine().backend }) });
	using again = new IndexShards({ shards: files.map(open), rowsPerShard: 250 });
	expect(again.search(queries, 10)).toEqual(sharded.search(queries, 10));
	again.add(x.slice(0, 200));
	expect(again.shards.map(({ ntotal }) => ntotal)).toEqual([250, 250, 250, 90]);
	expect(again.search(x.row(0), 2).labels).toEqual(Float64Array.of(0, 640));
});

it('ids go outside', () => {
	using index = new IndexIDMap({ index: new IndexShards({ shards: [new IndexFlat({ d: 2 })], rowsPerShard: 2 }) });
	index.addWithIds([0, 0, 1, 1, 2, 2], [70, 80, 90]);
	expect([...index.search([2, 2], 3).labels]).toEqual([90, 80, 70]);
	expect([...index.reconstruct(90)]).toEqual([2, 2]);
});

it('given shards share their training, and say so when they do not', () => {
	const make = () => new IndexIVFFlat({ d: D, nlist: 4 });
	using sharded = new IndexShards({ shards: [make().train(x), make()] });
	expect(sharded.isTrained).toBe(true);
	sharded.add(x);
	expect(sharded.shards.map(({ ntotal }) => ntotal)).toEqual([x.n, 0]);
	const refused = (...shards: ConstructorParameters<typeof IndexShards>[0]['shards'][number][]): (() => void) => {
		return () => {
			try {
				new IndexShards({ shards });
			} finally {
				for (const shard of shards) shard[Symbol.dispose]?.();
			}
		};
	};
	expect(refused()).toThrow('shards must be an array of one index or more');
	expect(refused(make().train(x), make().train(x, { seed: 9 }))).toThrow('it has another centroids');
	expect(refused(make(), make().train(x))).toThrow('shards[0] must be trained');
	expect(refused(make(), new IndexFlat({ d: D }))).toThrow('shards[0] must be trained');
	expect(refused(make(), new IndexIVFFlat({ d: 8, nlist: 4 }))).toThrow('shards[1].d must be 24');
	expect(refused(new IndexHNSW({ d: 2 }))).toThrow('cannot be an IndexHNSW');
	expect(refused(new IndexIDMap({ index: make() }))).toThrow('put it outside');
	sharded.shards[0]!.add(new VectorSet(new Float32Array(D), D));
	expect(sharded.search(queries, 1).nq).toBe(30);
});
