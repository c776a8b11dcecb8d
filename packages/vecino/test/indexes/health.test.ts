/** What health says as what is added drifts away from what cells were made for. */
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexPreTransform } from '../../src/indexes/pre-transform.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { IndexShards } from '../../src/indexes/shards.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { RandomRotation } from '../../src/transforms/rotation.ts';
import { clustered } from '../support/data.ts';

const D = 16;
const x = clustered(2000, D, { clusters: 20, seed: 3 });
const strangers = clustered(2000, D, { clusters: 20, seed: 9 });

describe.each(METRICS)('metric %s', (metric) => {
	it('vectors like those trained on are no drift, strangers are', () => {
		using index = new IndexIVFFlat({ d: D, metric, nlist: 30 });
		index.train(x.slice(0, 1000));
		expect(index.health()).toMatchObject({ ntotal: 0, nlist: 30, empty: 30, drift: undefined, verdict: 'ok' });
		index.add(x.slice(1000));
		const { drift, verdict } = index.health();
		expect(drift).toBeGreaterThan(0.85);
		expect(drift).toBeLessThan(1.1);
		expect(verdict).toBe('ok');
		index.add(strangers);
		const later = index.health();
		expect(later.drift).toBeGreaterThan(1.3);
		expect(later.verdict).toBe('retrain');
		expect(later.reasons[0]).toMatch(/times as far from their centroids .*retrain\(\)/);
		index.retrain();
		expect(index.health().verdict).toBe('ok');
		index.reset();
		expect(index.health().drift).toBeUndefined();
	});

	it('the figure goes with files, and is that of the distances', () => {
		using index = new IndexIVFFlat({ d: D, metric, nlist: 30 });
		index.train(x).add(strangers.slice(0, 700)).add(strangers.slice(700));
		const { trained, sum, n } = index.spread!;
		expect(n).toBe(2000);
		const off = Array.from(index.assign(strangers), (cell, i) => {
			const row = strangers.row(i);
			const length = metric === 'l2' ? 1 : Math.hypot(...row);
			const centroid = index.centroids.subarray(cell * D, (cell + 1) * D);
			return row.reduce((total, value, t) => total + (value / length - centroid[t]!) ** 2, 0);
		});
		expect(sum / off.reduce((a, b) => a + b)).toBeCloseTo(1, 3);
		expect(index.health().drift).toBeCloseTo(sum / n / trained, 9);
		using again = readIndex(writeIndex(index));
		expect(again.health()).toEqual(index.health());
	});
});

it('lists that are uneven are to be evened out', () => {
	using index = new IndexIVFFlat({ d: D, nlist: 30 });
	index.train(x);
	for (let i = 0; i < 6; i++) index.add(x.take([...x.data.keys()].filter((row) => row < x.n && row % 20 === 0)));
	const cell = index.assign(x)[0];
	const one = x.take([...index.assign(x).entries()].filter(([, listNo]) => listNo === cell).map(([row]) => row));
	for (let i = 0; i < 10; i++) index.add(one);
	const before = index.health();
	expect(before.imbalance).toBeGreaterThan(2);
	expect(before.largestShare).toBeGreaterThan(0.2);
	expect(before).toMatchObject({ verdict: 'rebalance' });
	expect(before.reasons.at(-1)).toMatch(/Lists are uneven.*rebalance\(\)/);
	index.rebalance();
	expect(index.health().imbalance).toBeLessThan(before.imbalance);
});

it('around cells, and over shards', () => {
	using plain = new IndexIVFPQ({ d: D, nlist: 30, m: 4 });
	plain.train(x).add(strangers);
	using refine = new IndexRefine({ base: new IndexIVFPQ({ d: D, nlist: 30, m: 4 }) });
	refine.train(x).add(strangers);
	const { codeError, reasons, ...rest } = refine.health();
	const { reasons: others, ...same } = plain.health();
	expect(same).toEqual({ ...rest, codeError: undefined });
	expect(reasons[0]).toMatch('call retrain().');
	expect(others[0]).toMatch('call retrain({ source }) with the exact vectors');
	expect(codeError).toBeGreaterThan(0.01);
	expect(codeError).toBeLessThan(1);
	using rotated = new IndexRefine({
		base: new IndexPreTransform({
			transforms: [new RandomRotation({ dIn: D })],
			index: new IndexIVFPQ({ d: D, nlist: 30, m: 4 }),
		}),
	});
	rotated.train(x).add(strangers);
	expect(rotated.health().drift! / plain.health().drift!).toBeCloseTo(1, 0);
	expect(rotated.health().codeError).toBeLessThan(1);
	using sharded = new IndexShards({ shards: [new IndexIVFPQ({ d: D, nlist: 30, m: 4 })], rowsPerShard: 700 });
	sharded.train(x).add(strangers);
	const whole = sharded.health();
	expect(whole).toMatchObject({ ntotal: 2000, imbalance: rest.imbalance, verdict: rest.verdict });
	expect(whole.drift).toBeCloseTo(rest.drift!, 9);
});

it('an add that was aborted leaves no trace', async () => {
	using index = new IndexPreTransform({
		transforms: [new RandomRotation({ dIn: D })],
		index: new IndexIVFFlat({ d: D, nlist: 8 }),
	});
	index.train(x).add(x);
	const before = writeIndex(index);
	const many = new VectorSet(new Float32Array(300_000 * D).fill(1), D);
	const controller = new AbortController();
	const adding = index.addAsync(many, {
		signal: controller.signal,
		onProgress: ({ done }) => done > 270_000 && controller.abort(),
	});
	await expect(adding).rejects.toMatchObject({ code: 'aborted' });
	expect(writeIndex(index)).toEqual(before);
});
