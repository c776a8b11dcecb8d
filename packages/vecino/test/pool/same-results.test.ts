/** Whatever the number of threads, and sync or async: the same bytes, labels and distances, and no memory left behind. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Metric } from '../../src/core/metric.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { createEngine, defaultEngine, type Engine, kmeansAsync, setDefaultEngine } from '../../src/index.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { clustered, split } from '../support/data.ts';
import { KINDS, type Kind } from '../support/indexes.ts';

const D = 24;
const { base, queries } = split(clustered(2100, D), 100);
/** Queries at once: enough for several blocks, as many as threads, one. */
const BATCHES = [100, 2, 1];
/** Half of the labels, and few. */
const FILTERS = [2, 100].map((share) => (label: number) => label % share === 0);

const engines: Engine[] = [];

beforeAll(async () => {
	for (const threads of [2, 3]) {
		const engine = await createEngine({ threads });
		// Small tasks, so that small data makes many of them.
		engine.pool!.grain = 2 ** 14;
		engines.push(engine);
	}
});

afterAll(() => {
	for (const engine of engines) engine[Symbol.dispose]();
});

interface Outcome {
	readonly bytes: Uint8Array;
	readonly found: { labels: Float64Array; distances: Float32Array }[];
	readonly left: number;
}

/** The index of one kind, made on `engine`. */
function make(kind: Kind, metric: Metric, engine: Engine): Index {
	const before = defaultEngine();
	setDefaultEngine(engine);
	try {
		return kind.make(D, metric);
	} finally {
		setDefaultEngine(before);
	}
}

async function outcome(kind: Kind, metric: Metric, engine: Engine, sync = false): Promise<Outcome> {
	const before = engine.arena.allocatedBytes;
	const found: Outcome['found'] = [];
	const take = (result: Outcome['found'][0]): number =>
		found.push({ labels: result.labels, distances: result.distances });
	let bytes: Uint8Array;
	{
		using index = make(kind, metric, engine);
		const parts = [base.slice(0, 1500), base.slice(1500, 1507), base.slice(1507)];
		const train = { niter: 4 };
		if (sync) {
			index.train(base, train);
			for (const part of parts) index.add(part);
			for (const n of BATCHES) take(index.search(queries.slice(0, n), 10));
			for (const filter of FILTERS) take(index.search(queries, 10, { filter }));
		} else {
			await index.trainAsync(base, train);
			for (const part of parts) await index.addAsync(part);
			for (const n of BATCHES) take(await index.searchAsync(queries.slice(0, n), 10));
			for (const filter of FILTERS) take(await index.searchAsync(queries, 10, { filter }));
		}
		bytes = writeIndex(index);
	}
	return { bytes, found, left: engine.arena.allocatedBytes - before };
}

describe.each(['l2', 'cosine'] as const)('metric %s', (metric) => {
	it.each(KINDS)('$name', async (kind) => {
		const alone = await outcome(kind, metric, defaultEngine(), true);
		for (const [engine, sync] of [
			[engines[0]!, false],
			[engines[1]!, false],
			[engines[0]!, true],
		] as const) {
			const other = await outcome(kind, metric, engine, sync);
			expect(other.found, `${engine.threads} threads`).toEqual(alone.found);
			expect(Buffer.compare(other.bytes, alone.bytes), 'files').toBe(0);
			expect(other.left).toBe(0);
		}
	});
});

it('cells ranked by a graph: the same, whatever the threads and the block, where cells hold too few as well', async () => {
	const many: Kind = {
		name: 'IVF1100_HNSW32,Flat',
		exact: true,
		hasCells: true,
		make: (d, metric) => new IndexIVFFlat({ d, metric, nlist: 1100, coarse: 'hnsw' }),
	};
	const params = { nprobe: 2 };
	const made = async (engine: Engine): Promise<Index> => {
		const index = make(many, 'l2', engine);
		await index.trainAsync(base, { niter: 1 });
		await index.addAsync(base);
		return index;
	};
	using alone = await made(defaultEngine());
	for (const k of [2, 10]) {
		const expected = alone.search(queries, k, params);
		for (let i = 0; i < queries.n; i++)
			expect(alone.search(queries.row(i), k, params).hits()).toEqual(expected.hits(i));
		for (const engine of engines) {
			using index = await made(engine);
			expect(Buffer.compare(writeIndex(index), writeIndex(alone)), 'files').toBe(0);
			for (const n of BATCHES) {
				const found = await index.searchAsync(queries.slice(0, n), k, params);
				for (let i = 0; i < n; i++) expect(found.hits(i)).toEqual(expected.hits(i));
			}
		}
	}
});

it('kmeans: the same centroids, assignment and course', async () => {
	for (const options of [{}, { spherical: true }, { init: 'kmeans++' as const }]) {
		const alone = await kmeansAsync(base, 50, { ...options, engine: defaultEngine() });
		for (const engine of engines) {
			const before = engine.arena.allocatedBytes;
			expect(await kmeansAsync(base, 50, { ...options, engine })).toEqual(alone);
			expect(engine.arena.allocatedBytes).toBe(before);
		}
	}
});

it('rows that repeat: ties go to the lower label in every part', async () => {
	const row = queries.row(0);
	const same = new VectorSet(
		Float32Array.from({ length: 3000 * D }, (_, i) => row[i % D]!),
		D,
	);
	const kind = KINDS.find(({ name }) => name === 'Flat')!;
	for (const engine of engines) {
		using index = make(kind, 'l2', engine);
		await index.addAsync(same);
		const { labels } = await index.searchAsync(row, 20);
		expect([...labels]).toEqual(Array.from({ length: 20 }, (_, i) => i));
	}
});

it('many searches at once', async () => {
	const engine = engines[0]!;
	const kind = KINDS.find(({ name }) => name === 'PQ4x8')!;
	using index = make(kind, 'l2', engine);
	await index.trainAsync(base, { niter: 2 });
	await index.addAsync(base);
	const expected = index.search(queries, 5);
	const all = await Promise.all(Array.from({ length: 40 }, (_, i) => index.searchAsync(queries.row(i), 5)));
	for (const [i, result] of all.entries()) expect(result.hits()).toEqual(expected.hits(i));
});
