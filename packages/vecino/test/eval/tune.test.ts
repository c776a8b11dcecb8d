/** The tuner: it keeps its promises, its report is whole and plain, and it gives up in good order. */
import { describe, expect, it } from 'vitest';
import { recallAtK, wilsonInterval } from '../../src/eval/recall.ts';
import { exactNeighbors } from '../../src/eval/truth.ts';
import { tune, tuneAsync } from '../../src/eval/tune.ts';
import { estimateTune } from '../../src/eval/tune-plan.ts';
import type { TuneReport } from '../../src/eval/tune-report.ts';
import { defaultShapes } from '../../src/eval/tune-shapes.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { encodeFvecs } from '../../src/io/texmex.ts';
import { openVectorSource } from '../../src/io/vectors.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { clustered, split } from '../support/data.ts';

const D = 32;
const K = 10;
const { base, queries } = split(clustered(3200, D, { clusters: 30, seed: 4 }), 200);
const truth = exactNeighbors(base, queries, K);
const CANDIDATES = ['IVF64,Flat', 'IVF64,PQ16x4fsr,Refine(SQ8)', 'IVF32,SQ8', 'IVF64,PQ2'];

function check(report: TuneReport): void {
	expect(JSON.parse(JSON.stringify(report))).toEqual(report);
	expect(structuredClone(report)).toEqual(report);
	const { rows, candidates, chosen, complete } = report;
	for (const row of rows) {
		expect(row.recall.low).toBeLessThanOrEqual(row.recall.mean);
		expect(row.worst).toBeLessThanOrEqual(row.recall.mean + 1e-12);
		expect(row.microseconds).toBeGreaterThan(0);
	}
	expect(rows.some(({ pareto }) => pareto)).toBe(true);
	for (const { why } of candidates) expect(why).toMatch(/^[A-Z].*\.$/);
	if (complete && chosen !== null) {
		expect(candidates.filter(({ outcome }) => outcome === 'chosen').map(({ factory }) => factory)).toEqual([
			chosen.factory,
		]);
		expect(chosen.measured).toBe(true);
		expect(chosen.wilson.low).toBeLessThanOrEqual(chosen.wilson.mean);
	}
}

describe('what it promises', () => {
	it.each([0.8, 0.95])('recall %f is delivered to queries it has not seen', (recall) => {
		const { report, index } = tune(base, { recall, sample: 300, candidates: CANDIDATES, build: true });
		using built = index!;
		check(report);
		expect(report.chosen).toMatchObject({ met: true });
		expect(report.queries).toEqual({ source: 'rows', choose: 150, verify: 150 });
		const found = recallAtK(built.search(queries, K, { ...report.chosen!.params }), truth, K);
		expect(found).toBeGreaterThan(recall - 0.03);
		expect(built.ntotal).toBe(base.n);
		expect(recallAtK(built.search(queries, K, { recall }), truth, K)).toBeGreaterThan(recall - 0.03);
		expect(report.recallTable!.settings.at(-1)!.recall).toBeGreaterThanOrEqual(recall);
		expect(Math.abs(built.byteLength / base.n / report.chosen!.bytesPerVector - 1)).toBeLessThan(0.05);
		const coarse = report.candidates.find(({ factory }) => factory === 'IVF64,PQ2')!;
		expect(coarse.outcome).toBe('recall');
		expect(coarse.why).toMatch(/at most/);
	});

	it('writes the recall table with the index', () => {
		const { report, index } = tune(base, { recall: 0.9, sample: 100, candidates: ['IVF32,SQ8'], build: true });
		using built = index!;
		using read = readIndex(writeIndex(built));
		expect(read.recallTable).toEqual(report.recallTable);
		expect(read.search(queries, K, { recall: 0.9 })).toEqual(built.search(queries, K, { recall: 0.9 }));
	});

	it('keeps within the bytes allowed, or says what cannot', () => {
		const { report } = tune(base, { recall: 0.9, sample: 100, candidates: CANDIDATES, bytesPerVector: 100 });
		check(report);
		expect(report.chosen!.bytesPerVector).toBeLessThanOrEqual(100);
		const flat = report.candidates.find(({ factory }) => factory === 'IVF64,Flat')!;
		expect(flat).toMatchObject({ outcome: 'bytes', best: null });
	});

	it('takes the smallest that is quick enough', () => {
		const { report } = tune(base, { recall: 0.9, sample: 100, candidates: CANDIDATES, latencyMs: 50 });
		check(report);
		const reach = report.candidates.filter(({ outcome }) => outcome === 'chosen' || outcome === 'larger');
		expect(report.chosen!.bytesPerVector).toBe(Math.min(...reach.map(({ bytesPerVector }) => bytesPerVector)));
		const late = tune(base, { recall: 0.9, sample: 60, candidates: ['IVF64,Flat'], latencyMs: 0.0001 }).report;
		expect(late.chosen).toMatchObject({ met: false });
	});

	it('says so where nothing reaches the recall', () => {
		const { report } = tune(base, {
			recall: 0.99,
			sample: 60,
			candidates: ['IVF32,PQ4', 'IVF32,PQ2', 'IVF16,PQ2', 'IVF16,PQ1'],
		});
		check(report);
		expect(report.chosen).toMatchObject({ factory: 'IVF32,PQ4', met: false });
		expect(report.text).toMatch(/not what was asked for/);
	});

	it('takes queries of the caller, graphs, and no cells', () => {
		const { report } = tune(base, { recall: 0.9, queries, candidates: ['HNSW8', 'Flat', 'IVF32,Flat'] });
		check(report);
		expect(report.queries).toEqual({ source: 'given', choose: 100, verify: 100 });
		const best = report.candidates.map((one) => one.best!);
		expect(best[0]!.params.efSearch).toBeGreaterThan(0);
		expect(best[1]!.params).toEqual({});
		expect(best[1]!.recall.mean).toBe(1);
	});

	it('compares on a sample where there are many rows, and builds the one chosen of all', () => {
		const { report, index } = tune(base, {
			recall: 0.9,
			sample: 60,
			candidates: CANDIDATES.slice(0, 3),
			compareOn: 1000,
			build: true,
		});
		using built = index!;
		check(report);
		expect(report.sampleRows).toBeLessThan(base.n);
		expect(built.ntotal).toBe(base.n);
		expect(recallAtK(built.search(queries, K, { recall: 0.9 }), truth, K)).toBeGreaterThan(0.87);
	});
});

it('takes an open vector file', async () => {
	const blob = new Blob([encodeFvecs(base.data, D)]);
	const read = async (offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> =>
		new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
	const file = await openVectorSource({ byteLength: blob.size, read }, { name: 'base.fvecs' });
	const { report } = await tuneAsync(file, { recall: 0.9, sample: 40, candidates: ['IVF32,SQ8'] });
	expect([report.n, report.d, report.complete]).toEqual([base.n, D, true]);
	await expect(tuneAsync(queries.data as never)).rejects.toThrow(/VectorSet or an open vector file/);
});

describe('when it is stopped', () => {
	it('reports what is known, after the first candidate', async () => {
		const controller = new AbortController();
		const known: string[] = [];
		const { report, index } = await tuneAsync(base, {
			...{ recall: 0.9, sample: 60, candidates: CANDIDATES, build: true, signal: controller.signal },
			onCandidate: ({ factory }) => {
				known.push(factory);
				controller.abort();
			},
		});
		check(report);
		expect([report.complete, index, known]).toEqual([false, undefined, ['IVF64,Flat']]);
		expect(report.chosen).toMatchObject({ factory: 'IVF64,Flat', measured: false });
		expect(report.candidates.map(({ outcome }) => outcome).slice(1)).toEqual(['untried', 'untried', 'untried']);
	});

	it('throws before', async () => {
		const stopped = tuneAsync(base, { candidates: CANDIDATES, signal: AbortSignal.abort() });
		await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
	});

	it('lets the event loop turn', async () => {
		let turns = 0;
		const timer = setInterval(() => turns++, 1);
		const { report } = await tuneAsync(base, { recall: 0.9, sample: 60, candidates: ['IVF32,SQ8'], sliceMs: 1 });
		clearInterval(timer);
		expect(report.complete).toBe(true);
		expect(turns).toBeGreaterThan(4);
	});
});

describe('options', () => {
	it.each([
		[{ recall: 2 }, /recall must be/],
		[{ k: 0 }, /k must be/],
		[{ queries: queries.slice(0, 5) }, /queries must be 20 at least/],
		[{ candidates: [] }, /candidates must be/],
		[{ nprobe: 5 } as object, /nprobe/],
	])('%o', (options, message) => {
		expect(() => tune(base, options)).toThrow(message);
	});

	it('refuses what no index fits', () => {
		expect(() => tune(base.slice(0, 1000), { bytesPerVector: 1 })).toThrow(/takes 1 bytes per vector or less/);
		expect(() => tune(base.slice(0, 50))).toThrow(/too few/);
	});
});

describe('candidates', () => {
	it.each([
		[100_000, 128, undefined],
		[100_000, 128, 40],
		[50_000, 256, 100],
		[1_000_000, 96, 24],
		[5000, 64, undefined],
		[500, 32, undefined],
		[100_000, 97, 60],
	])('%i x %i within %s', (n, d, limit) => {
		const shapes = defaultShapes({ n, d, metric: 'l2', limit });
		const fitting = shapes.filter(({ fits }) => fits);
		expect(fitting.length).toBeGreaterThan(0);
		expect(new Set(shapes.map(({ factory }) => factory)).size).toBe(shapes.length);
		for (const { bytesPerVector } of fitting) expect(bytesPerVector).toBeLessThanOrEqual(limit ?? Infinity);
	});

	it('are known ahead, with the time that a run takes', () => {
		const { seconds, gridSeconds, sampleRows } = estimateTune(1_000_000, 32, { candidates: ['IVF1024,SQ8'] });
		expect([seconds > 0, gridSeconds > 0, sampleRows]).toEqual([true, true, 120_000]);
	});
});

it('Wilson has published values', () => {
	// Newcombe (1998), method 3: 81 of 263, 15 of 148, 0 of 20.
	const rounded = (hits: number, trials: number): number[] => {
		const { low, high } = wilsonInterval(hits, trials);
		return [low, high].map((value) => Number(value.toFixed(4)));
	};
	expect(rounded(81, 263)).toEqual([0.2553, 0.3662]);
	expect(rounded(15, 148)).toEqual([0.0624, 0.1605]);
	expect(rounded(0, 20)).toEqual([0, 0.1611]);
});
