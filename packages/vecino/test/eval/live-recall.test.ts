/** Recall of an index in use: against recall measured from outside, on every kind of index and metric. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import { measureRecall, measureRecallAsync } from '../../src/eval/live-recall.ts';
import { recallAtK } from '../../src/eval/recall.ts';
import type { RecallReport } from '../../src/eval/recall-report.ts';
import { exactNeighbors } from '../../src/eval/truth.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexPQ } from '../../src/indexes/pq.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { openVectors, writeVectors } from '../../src/node/files.ts';
import { clustered, split } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const D = 24;
const K = 10;
const { base, queries } = split(clustered(1240, D, { clusters: 14, seed: 7 }), 40);

/** What must hold of every report. */
function check(report: RecallReport): void {
	const { recall, losses, perQuery, worst, text } = report;
	const { cellNotProbed, codeTooCoarse, notReached } = losses;
	expect(recall.mean + cellNotProbed + codeTooCoarse + notReached).toBeCloseTo(1, 10);
	for (const share of Object.values(losses)) expect(share).toBeGreaterThanOrEqual(0);
	expect(recall.low).toBeLessThanOrEqual(recall.mean);
	expect(perQuery.length).toBe(report.nq);
	expect(worst.queries.length).toBe(Math.ceil(report.nq / 20));
	expect(worst.recall).toBeLessThanOrEqual(recall.mean);
	const others = perQuery.filter((_, i) => !worst.queries.includes(i));
	for (const i of worst.queries) expect(perQuery[i]).toBeLessThanOrEqual(Math.min(1, ...others));
	expect(text).toMatch(/^recall@10 is 0\.\d{3}|1\.000 /);
}

describe.each(METRICS)('%s', (metric) => {
	const truth = exactNeighbors(base, queries, K, { metric });

	it.each(KINDS.map((kind) => [kind.name, kind] as const))('%s', (_, kind) => {
		using index = kind.make(D, metric);
		index.train(base).add(base);
		const params = kind.hasCells ? { nprobe: 2 } : {};

		const given = measureRecall(index, { queries, vectors: base, ...params });
		check(given);
		expect(given.recall.mean).toBeCloseTo(recallAtK(index.search(queries, K, params), truth, K), 10);
		expect([given.truth, given.drawn]).toEqual(['exact', undefined]);
		const known = measureRecall(index, { queries, truth, ...params });
		expect([known.truth, known.recall, known.losses]).toEqual(['given', given.recall, given.losses]);
		if (!kind.hasCells) expect(given.losses.cellNotProbed).toBe(0);

		const live = measureRecall(index, { sample: 60, ...params });
		check(live);
		expect(live.drawn!.length).toBe(60);
		if (live.truth === 'exact') {
			const seen = measureRecall(index, { sample: 60, vectors: base, ...params });
			expect(seen.recall.mean).toBeCloseTo(live.recall.mean, 1);
		}
		// What opens all cells and keeps all candidates loses nothing, of what it knows itself.
		const { nprobe } = live.suggestion!;
		if (kind.hasCells) {
			const mended = measureRecall(index, { sample: 60, nprobe: nprobe! });
			expect(mended.losses.cellNotProbed).toBeLessThanOrEqual(0.01 + 1e-9);
			if (nprobe! > 1) {
				const less = measureRecall(index, { sample: 60, nprobe: nprobe! - 1 });
				expect(less.losses.cellNotProbed).toBeGreaterThan(0.01);
			}
		}
	});
});

describe('suggestions', () => {
	using index = new IndexRefine({ base: new IndexIVFPQ({ d: D, nlist: 16, m: 2, nbits: 4 }), kFactor: 1 });
	index.train(base).add(base);
	const all = Object.freeze({ sample: 100, nprobe: 1 });
	const first = measureRecall(index, all);
	const strict = measureRecall(index, { ...all, maxLoss: 0 }).suggestion!;
	const loose = measureRecall(index, { ...all, maxLoss: 1 }).suggestion!;
	const { nprobe, kFactor, needsStore, recall } = first.suggestion!;
	const mended = measureRecall(index, { ...all, nprobe, kFactor });
	const fewer = measureRecall(index, { ...all, nprobe, kFactor: (Math.ceil(K * kFactor!) - 1.5) / K });

	it('lose no more than asked for, and with one candidate less do', () => {
		expect(first.truth).toBe('exact');
		expect(needsStore).toBe(false);
		expect(first.recall.mean).toBeLessThan(0.6);
		expect(mended.recall).toEqual(recall);
		expect(recall.mean).toBeGreaterThanOrEqual(0.98);
		for (const report of [first, mended, fewer]) check(report);
		expect(mended.losses.codeTooCoarse).toBeLessThanOrEqual(0.01 + 1e-9);
		expect(fewer.losses.codeTooCoarse).toBeGreaterThan(0.01 + 1e-9);
	});

	it('ask for more of both when less may be lost', () => {
		expect(strict.nprobe).toBeGreaterThan(nprobe!);
		expect(strict.kFactor).toBeGreaterThan(kFactor!);
		expect(strict.recall.mean).toBe(1);
		expect([loose.nprobe, loose.kFactor]).toEqual([1, 1]);
	});

	it('are in the text', () => {
		expect(first.text).toContain('vectors of the index, the worst 5 % of them');
		expect(first.text).toContain('in cells not opened');
		expect(first.text).toContain(
			`To lose 1.0 % at most to each: nprobe ${nprobe}, kFactor ${Math.ceil(K * kFactor!) / K}`,
		);
	});
});

it('says when the truth is only of decoded vectors', () => {
	using index = new IndexIVFPQ({ d: D, nlist: 8, m: 4 });
	index.train(base).add(base);
	const decoded = measureRecall(index, { nprobe: 2 });
	expect([decoded.truth, decoded.nq]).toEqual(['decoded', 200]);
	expect(decoded.losses.codeTooCoarse).toBe(0);
	expect(decoded.text).toContain('relative to decoded vectors');
	const exact = measureRecall(index, { nprobe: 2, vectors: base });
	expect(exact.truth).toBe('exact');
	expect(exact.losses.codeTooCoarse).toBeGreaterThan(0.1);
	expect(exact.suggestion!.needsStore).toBe(true);
	expect(exact.text).toContain('in an IndexRefine');
});

it('a graph loses on its walk', () => {
	using index = new IndexHNSW({ d: D, M: 2, efConstruction: 4 });
	index.add(base);
	const report = measureRecall(index, { efSearch: 10 });
	check(report);
	expect(report.losses.notReached).toBeGreaterThan(0.05);
	expect(report.losses.codeTooCoarse).toBe(0);
	expect(report.text).toContain('on the walk over the graph');
});

it('drawn queries are left out of their own answers; labels are ids under IndexIDMap', () => {
	using index = new IndexIDMap({ index: new IndexIVFFlat({ d: D, nlist: 8 }) });
	index.train(base).addWithIds(
		base,
		Float64Array.from({ length: base.n }, (_, i) => 9000 - i),
	);
	const report = measureRecall(index, { nprobe: 8 });
	expect(report.recall.mean).toBe(1);
	expect(report.text).toContain('Nothing is lost.');
	expect(report.drawn!.every((id) => index.has(id))).toBe(true);
	const again = measureRecall(index, { nprobe: 8, seed: 5 });
	expect(again.drawn).not.toEqual(report.drawn);
	const truth = { nq: queries.n, k: K, labels: index.search(queries, K, { nprobe: 8 }).labels };
	expect(measureRecall(index, { queries, truth, nprobe: 8 }).recall.mean).toBe(1);
});

it('queries that are of the index are left out of their own answers', () => {
	using index = new IndexIVFFlat({ d: D, nlist: 8 });
	index.train(base).add(base);
	const drawn = measureRecall(index, { nprobe: 2, sample: 50 });
	const params = { nprobe: 2, queries: base.take(drawn.drawn!), own: drawn.drawn! };
	const named = measureRecall(index, params);
	expect({ ...named, text: '', drawn: 0 }).toEqual({ ...drawn, text: '', drawn: 0 });
	expect(measureRecall(index, { ...params, suggest: false }).suggestion).toBeUndefined();
	expect(() => measureRecall(index, { ...params, own: [1] })).toThrow('own must hold the labels of 50 queries, got 1');
	expect(() => measureRecall(index, { queries: base.row(0), own: [-1] })).toThrow('no vector has label -1');
});

it('few vectors, or all alike', () => {
	using one = new IndexFlat({ d: 2 });
	one.add([1, 2]);
	expect(measureRecall(one).recall.mean).toBe(1);
	using same = new IndexIVFFlat({ d: 2, nlist: 2 });
	const alike = Array.from({ length: 50 }, () => [1, 1]);
	same.train(alike).add(alike);
	check(measureRecall(same, { nprobe: 1, k: 10 }));
});

it('asynchronously the same, from a file too, with progress, and can be stopped', async () => {
	using index = new IndexIVFPQ({ d: D, nlist: 8, m: 4 });
	index.train(base).add(base);
	const want = measureRecall(index, { nprobe: 2, vectors: base });
	const phases = new Set<string>();
	const options = { nprobe: 2, onProgress: ({ phase }: { phase: string }) => phases.add(phase) };
	expect(await measureRecallAsync(index, { ...options, vectors: base })).toEqual(want);
	expect([...phases]).toEqual(expect.arrayContaining(['truth', 'recall']));
	const folder = await mkdtemp(join(tmpdir(), 'vecino-recall-'));
	try {
		await writeVectors(join(folder, 'base.fvecs'), base.data, { d: D });
		await using file = await openVectors(join(folder, 'base.fvecs'));
		expect(await measureRecallAsync(index, { ...options, vectors: file })).toEqual(want);
		const given = await measureRecallAsync(index, { ...options, vectors: file, queries });
		expect(given).toEqual(measureRecall(index, { nprobe: 2, vectors: base, queries }));
	} finally {
		await rm(folder, { recursive: true });
	}
	const signal = AbortSignal.abort();
	await expect(measureRecallAsync(index, { signal })).rejects.toThrow('aborted');
	index.add(queries);
});

it('refuses what cannot be', () => {
	using index = new IndexPQ({ d: D, m: 4 });
	expect(() => measureRecall(index)).toThrow('IndexPQ.measureRecall: call train first');
	index.train(base);
	expect(() => measureRecall(index)).toThrow('measureRecall: the index is empty');
	index.add(base);
	expect(() => measureRecall(index, { sample: 0 })).toThrow('measureRecall: sample must be an integer in 1..');
	expect(() => measureRecall(index, { nprobe: 1 })).toThrow('measureRecall: unknown option "nprobe"');
	expect(() => measureRecall(index, { maxLoss: 2 })).toThrow('measureRecall: maxLoss must be in 0..1, got 2');
	expect(() => measureRecall(index, { truth: { nq: 1, k: 10, labels: [] } })).toThrow('truth belongs to queries');
	expect(() => measureRecall(index, { queries, truth: { nq: 40, k: 5, labels: [] } })).toThrow(
		'truth must hold 10 neighbours of 40 queries, got those of 40 queries, 5 each',
	);
	const strange = { nq: 1, k: 10, labels: [1, 2, 3, 4, 5, 6, 7, 8, 9, 1200] };
	expect(() => measureRecall(index, { queries: base.row(0), truth: strange })).toThrow('no vector has label 1200');
	expect(() => measureRecall(index, { vectors: queries })).toThrow('vectors must be the 1200 rows in the index');
	expect(() => measureRecall(index, { queries: [] })).toThrow('at least one query is needed');
});
