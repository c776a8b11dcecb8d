/** vecino estimate: what it measures is plausible, its JSON keeps its shape, its Pareto front is one. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Estimate } from '../src/estimate.ts';
import { pointOf } from '../src/estimate.ts';
import { dominates, paretoFront } from '../src/pareto.ts';
import { clustered, queriesNear } from '../src/synthetic.ts';
import { save, shapeOf, temporaryFolder, vecino, vecinoJson } from './support/program.ts';

const path = temporaryFolder();
const x = clustered({ n: 4000, d: 32, clusters: 30 }, 2);

interface EstimateReport extends Estimate {
	readonly command: 'estimate';
	readonly vectors: { readonly total: number; readonly used: number; readonly d: number };
	readonly queries: { readonly source: string; readonly count: number };
}

beforeAll(async () => {
	await save(path('x.npy'), x);
	await save(path('q.fvecs'), queriesNear(x, 25, 0.5, 3));
});

describe('one setting', () => {
	it('has a stable JSON shape and honest numbers', async () => {
		const report = await vecinoJson<EstimateReport>(
			'estimate',
			path('x.npy'),
			'--m',
			'8',
			'--nlist',
			'64',
			'--nprobe',
			'8',
		);
		const [row] = report.results;
		expect(report.vectors).toEqual({ source: 'x.npy', total: 4000, used: 3800, d: 32 });
		expect(report.queries).toEqual({ source: 'held out', count: 200 });
		expect(row).toMatchObject({ m: 8, nbits: 8, nlist: 64, nprobe: 8, rerank: 100, pareto: true });
		expect(row!.bytes).toMatchObject({ float32: 3800 * 32 * 4, codes: 3800 * 8 });
		expect(row!.bytes.resident).toBeGreaterThan(3800 * 16);
		expect(row!.bytes.residentWithStore).toBeGreaterThanOrEqual(row!.bytes.resident + 3800 * 32 * 4);
		expect(row!.compression.codes).toBe(16);
		expect(row!.scanned.cells).toBeCloseTo(8 / 64, 10);
		expect(row!.scanned.vectors).toBeGreaterThan(0.05);
		expect(row!.scanned.vectors).toBeLessThan(0.4);
		// Recorded: 0.73 raw, 1.00 re-ranked.
		expect(row!.recall.raw.mean).toBeGreaterThan(0.6);
		expect(row!.recall.reranked!.mean).toBeGreaterThan(0.97);
		expect(shapeOf(report)).toMatchInlineSnapshot(`
			{
			  "command": "string",
			  "exact": {
			    "bytes": "number",
			    "ms": {
			      "median": "number",
			      "p95": "number",
			    },
			  },
			  "k": "number",
			  "metric": "string",
			  "pad": "boolean",
			  "queries": {
			    "count": "number",
			    "source": "string",
			  },
			  "results": [
			    {
			      "bytes": {
			        "codes": "number",
			        "float32": "number",
			        "resident": "number",
			        "residentWithStore": "number",
			      },
			      "compression": {
			        "codes": "number",
			        "resident": "number",
			      },
			      "m": "number",
			      "ms": {
			        "raw": {
			          "median": "number",
			          "p95": "number",
			        },
			        "reranked": {
			          "median": "number",
			          "p95": "number",
			        },
			      },
			      "nbits": "number",
			      "nlist": "number",
			      "nprobe": "number",
			      "pareto": "boolean",
			      "recall": {
			        "raw": {
			          "high": "number",
			          "low": "number",
			          "mean": "number",
			        },
			        "reranked": {
			          "high": "number",
			          "low": "number",
			          "mean": "number",
			        },
			      },
			      "rerank": "number",
			      "scanned": {
			        "cells": "number",
			        "vectors": "number",
			        "vectorsPerQuery": "number",
			      },
			      "seconds": {
			        "add": "number",
			        "train": "number",
			      },
			    },
			  ],
			  "seed": "number",
			  "vectors": {
			    "d": "number",
			    "source": "string",
			    "total": "number",
			    "used": "number",
			  },
			}
		`);
	});

	it('prints the lines of the report, and progress apart from it', async () => {
		const { code, stdout } = await vecino(['estimate', path('x.npy'), '--limit', '2000']);
		expect(code).toBe(0);
		expect(stdout).toContain('x.npy: 1,900 of 4,000 vectors');
		for (const line of ['recall@10  ', 'recall@10, 100 re-ranked', 'float32 vectors', 'codes', 'everything resident'])
			expect(stdout).toContain(line);
	});

	it('measures the same recall for the same seed', async () => {
		const run = () =>
			vecinoJson<EstimateReport>('estimate', '--synthetic', '2000,16,10', '--rerank', '0', '--seed', '7');
		const [a, b] = [await run(), await run()];
		expect(a.results.map(({ recall }) => recall)).toEqual(b.results.map(({ recall }) => recall));
		expect(a.results[0]).toMatchObject({ rerank: 0, recall: { reranked: null }, bytes: { residentWithStore: null } });
	});

	it('takes queries from a file, and other metrics', async () => {
		for (const metric of ['ip', 'cosine']) {
			const args = ['estimate', path('x.npy'), '--queries', path('q.fvecs'), '--metric', metric, '-k', '5'];
			const report = await vecinoJson<EstimateReport>(...args);
			expect(report).toMatchObject({
				queries: { source: 'q.fvecs', count: 25 },
				vectors: { used: 4000 },
				metric,
				k: 5,
			});
			expect(report.results[0]!.recall.reranked!.mean).toBeGreaterThan(0.8);
		}
	});
});

describe('several settings', () => {
	it('measures every combination and marks the Pareto front', async () => {
		const args = [
			'estimate',
			path('x.npy'),
			'--m',
			'4,8',
			'--nlist',
			'32,64',
			'--nprobe',
			'1,4,1000',
			'--queries',
			'60',
		];
		const { results } = await vecinoJson<EstimateReport>(...args);
		// nprobe 1000 is cut to the number of cells.
		expect(results.map(({ m, nlist, nprobe }) => [m, nlist, nprobe].join())).toEqual(
			[4, 8].flatMap((m) => [32, 64].flatMap((nlist) => [1, 4, nlist].map((nprobe) => [m, nlist, nprobe].join()))),
		);
		const points = results.map(pointOf);
		for (const [i, row] of results.entries()) {
			const better = points.some((other) => dominates(other, points[i]!));
			expect(row.pareto, `row ${i}`).toBe(!better);
		}
		expect(results.filter(({ pareto }) => pareto).length).toBeGreaterThan(0);
		const scanned = results.filter(({ nprobe, nlist }) => nprobe === nlist).map((row) => row.scanned.vectors);
		expect(scanned).toEqual(scanned.map(() => 1));
	});

	it('prints a table with stars', async () => {
		const { stdout } = await vecino(['estimate', path('x.npy'), '--m', '4,8', '--nprobe', '2,8', '--queries', '50']);
		expect(stdout.split('\n').filter((line) => /^\*? +(\*? +)?[48] /.test(line))).toHaveLength(4);
		expect(stdout).toMatch(/^\* /m);
		expect(stdout).toContain('Pareto front');
	});
});

describe('paretoFront', () => {
	it('keeps what nothing dominates, equals included', () => {
		const points = [
			{ recall: 0.9, bytes: 10, ms: 1 },
			{ recall: 0.9, bytes: 10, ms: 1 },
			{ recall: 0.9, bytes: 11, ms: 1 },
			{ recall: 0.95, bytes: 20, ms: 2 },
			{ recall: 0.94, bytes: 20, ms: 2 },
			{ recall: 0.5, bytes: 5, ms: 9 },
		];
		expect(paretoFront(points)).toEqual([true, true, false, true, false, true]);
		expect(paretoFront([])).toEqual([]);
	});
});
