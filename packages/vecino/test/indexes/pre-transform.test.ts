/** IndexPreTransform: what its transforms promise for searches, and adding in parts. */
import { describe, expect, it } from 'vitest';
import { METRICS, normalize } from '../../src/core/metric.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { IndexPQFastScan } from '../../src/indexes/fast-scan.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexPQ } from '../../src/indexes/pq.ts';
import { IndexPreTransform } from '../../src/indexes/pre-transform.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { createEngineSync } from '../../src/kernels/engine.ts';
import { LinearTransform } from '../../src/transforms/linear.ts';
import { NormalizeTransform } from '../../src/transforms/normalize.ts';
import { OPQTransform } from '../../src/transforms/opq.ts';
import { PCATransform } from '../../src/transforms/pca.ts';
import { RandomRotation } from '../../src/transforms/rotation.ts';
import { clustered, split } from '../support/data.ts';

const D = 24;
const { base, queries } = split(clustered(630, D), 30);

describe.each(METRICS)('metric %s', (metric) => {
	it.each([
		['RandomRotation', () => new RandomRotation({ dIn: D })],
		['PCATransform of all components', () => new PCATransform({ dIn: D })],
		['OPQTransform', () => new OPQTransform({ d: D, m: 4, nbits: 4, niter: 2 })],
		['OPQTransform into more dimensions', () => new OPQTransform({ d: D, m: 5, nbits: 4, niter: 2 })],
	] as const)('%s before IndexFlat finds what IndexFlat finds', (_name, make) => {
		using flat = new IndexFlat({ d: D, metric });
		const transform = make();
		using index = new IndexPreTransform({
			transforms: [transform],
			index: new IndexFlat({ d: transform.dOut, metric }),
		});
		const expected = flat.add(base).search(queries, 10);
		const found = index.train(base).add(base).search(queries, 10);
		expect(found.labels).toEqual(expected.labels);
		for (const [i, distance] of found.distances.entries()) {
			const wanted = expected.distances[i]!;
			expect(Math.abs(distance - wanted)).toBeLessThan(1e-4 * (1 + Math.abs(wanted)));
		}
		const back = index.reconstruct(17);
		const row = metric === 'cosine' ? normalize(base.row(17)) : base.row(17);
		for (let t = 0; t < D; t++) expect(back[t]).toBeCloseTo(row[t]!, 4);
	});
});

describe('cosine', () => {
	it('after fewer dimensions is the cosine of what was kept', () => {
		using index = new IndexPreTransform({
			transforms: [new PCATransform({ dIn: D, dOut: 5 })],
			index: new IndexFlat({ d: 5, metric: 'cosine' }),
		});
		index.train(base).add(base);
		using pca = new PCATransform({ dIn: D, dOut: 5 });
		const unit = (x: VectorSet): VectorSet =>
			VectorSet.from(Array.from({ length: x.n }, (_, i) => normalize(x.row(i))));
		pca.train(unit(base), { metric: 'cosine' });
		using flat = new IndexFlat({ d: 5, metric: 'cosine' });
		const expected = flat.add(pca.apply(unit(base))).search(pca.apply(unit(queries)), 5);
		const found = index.search(queries, 5);
		expect(found.labels).toEqual(expected.labels);
		expect(found.hits()[0]!.distance).toBeCloseTo(expected.hits()[0]!.distance, 5);
	});

	it('NormalizeTransform and ip give the inner product of what was kept', () => {
		using index = new IndexPreTransform({
			transforms: [new NormalizeTransform({ d: D }), new PCATransform({ dIn: D, dOut: 20 })],
			index: new IndexFlat({ d: 20, metric: 'ip' }),
		});
		using flat = new IndexFlat({ d: D, metric: 'cosine' });
		const expected = flat.add(base).search(queries, 1);
		const found = index.train(base).add(base).search(queries, 1);
		for (let i = 0; i < queries.n; i++) expect(found.distances[i]).toBeCloseTo(expected.distances[i]!, 1);
	});
});

describe('composition', () => {
	it('re-ranked by the vectors themselves, under ids, saved and opened', () => {
		using index = new IndexIDMap({
			index: new IndexRefine({
				base: new IndexPreTransform({
					transforms: [new OPQTransform({ d: D, m: 4, dOut: 16, niter: 3 })],
					index: new IndexIVFPQ({ d: 16, nlist: 8, m: 4 }),
				}),
			}),
		});
		index.train(base).addWithIds(
			base,
			Array.from({ length: base.n }, (_, i) => i * 7),
		);
		using flat = new IndexFlat({ d: D });
		const expected = flat.add(base).search(queries, 5);
		const all = { nprobe: 8, kFactor: base.n / 5 };
		const found = index.search(queries, 5, all);
		expect(Array.from(found.labels, (id) => id / 7)).toEqual(Array.from(expected.labels));
		expect(found.distances).toEqual(expected.distances);
		using again = readIndex(writeIndex(index));
		expect(again.search(queries, 5, all)).toEqual(found);
	});

	it('refuses a chain that does not fit, and what belongs outside', () => {
		const make = (transforms: RandomRotation[], d: number) => (): unknown =>
			new IndexPreTransform({ transforms, index: new IndexFlat({ d }) });
		const rotation = new RandomRotation({ dIn: 4, dOut: 3 });
		expect(make([rotation], 4)).toThrow('IndexPreTransform: transforms[0] makes rows of 3 values, index.d is 4');
		expect(make([rotation, rotation], 3)).toThrow('transforms[0] makes rows of 3 values, transforms[1].dIn is 4');
		expect(make([], 3)).toThrow(/1..8 transforms/);
		expect(make([3 as unknown as RandomRotation], 3)).toThrow('transforms[0] must be a transform, got 3');
		const engine = createEngineSync();
		expect(make([new RandomRotation({ dIn: 4, dOut: 3, engine })], 3)).toThrow(/one engine/);
		const index = new IndexIDMap({ index: new IndexFlat({ d: 3 }) });
		expect(() => new IndexPreTransform({ transforms: [rotation], index })).toThrow(/put it outside/);
	});

	it('rows that become infinite are refused with their number, and none is added', () => {
		const matrix = Float32Array.of(1e30, 0, 0, 1);
		using index = new IndexPreTransform({
			transforms: [new LinearTransform({ dIn: 2, dOut: 2, matrix })],
			index: new IndexFlat({ d: 2 }),
		});
		expect(() =>
			index.add([
				[1, 1],
				[1e9, 1],
			]),
		).toThrow(/row 1 holds Infinity once transformed/);
		expect(index.ntotal).toBe(0);
		expect(() => index.reconstruct(0)).toThrow(/no vector/);
		expect(() => index.add([[1, 1]]).reconstruct(0)).toThrow(/cannot be had back/);
	});

	it('training that is aborted leaves what was learnt before', () => {
		using index = new IndexPreTransform({
			transforms: [new PCATransform({ dIn: D, dOut: 8 })],
			index: new IndexPQ({ d: 8, m: 2, nbits: 4 }),
		});
		index.train(base, { seed: 1 });
		const before = writeIndex(index);
		for (const stop of ['covariance', 'transform', 'codebook 2 of 2']) {
			const controller = new AbortController();
			const onProgress = ({ phase }: { phase: string }): void => {
				if (phase === stop) controller.abort();
			};
			expect(() => index.train(queries, { signal: controller.signal, onProgress })).toThrow(/aborted/);
			expect(writeIndex(index)).toEqual(before);
		}
	});
});

describe('many rows', () => {
	/** Rows go to the index inside in parts of 16 MiB: here 40,960 of 100. */
	const d = 100;
	const many = new VectorSet(
		new Float32Array(50_000 * 2).map((_, i) => (i * 7919) % 1013),
		2,
	);
	const matrix = new Float32Array(2 * d).map((_, i) => ((i * 31) % 17) - 8);
	const make = (fast: boolean) =>
		new IndexPreTransform({
			transforms: [new LinearTransform({ dIn: 2, dOut: d, matrix })],
			index: fast ? new IndexPQFastScan({ d, m: 2, pad: true }) : new IndexIVFPQ({ d, nlist: 4, m: 2, nbits: 4 }),
		});

	it.each([true, false])(
		'are added in parts, and taken back in whole, fast-scan: %s',
		{ timeout: 60_000 },
		async (fast) => {
			using index = make(fast);
			using transform = new LinearTransform({ dIn: 2, dOut: d, matrix });
			index.train(many.slice(0, 300), { niter: 2 }).add(many.slice(0, 7));
			const few = writeIndex(index);
			const controller = new AbortController();
			const seen = new Set<number>();
			const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number }): void => {
				expect(done).toBeLessThanOrEqual(total);
				expect(total).toBe(many.n);
				seen.add(index.ntotal);
				if (phase === 'add' && done > 45_000) controller.abort();
			};
			await expect(index.addAsync(many, { signal: controller.signal, onProgress })).rejects.toThrow(/aborted/);
			expect([...seen]).toEqual([7, 7 + 40_960]);
			expect(index.ntotal).toBe(7);
			expect(writeIndex(index)).toEqual(few);
			using again = readIndex(few);
			again.add(many);
			index.add(many);
			expect(index.search(many.slice(0, 3), 5)).toEqual(again.search(many.slice(0, 3), 5));
			expect(writeIndex(index)).toEqual(writeIndex(again));
			const inner = index.index.search(transform.apply(many.slice(9, 10)), 5);
			expect(index.search(many.slice(9, 10), 5)).toEqual(inner);
		},
	);
});
