/** build -> info -> search -> recall, compared with the engine used directly. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { exactNeighbors, type Index, IndexIVFPQ, IndexRefine, recallAtK, type VectorSet } from 'vecino';
import { loadIndex, readVectors, writeVectors } from 'vecino/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { clustered, queriesNear } from '../src/synthetic.ts';
import { save, shapeOf, temporaryFolder, vecino, vecinoJson } from './support/program.ts';

const path = temporaryFolder();
const d = 16;
const x = clustered({ n: 3000, d, clusters: 20 }, 3);
const queries = queriesNear(x, 40, 0.5, 4);
const k = 10;
const nprobe = 4;

interface SearchReport {
	readonly nq: number;
	readonly results: readonly { readonly query: number; readonly labels: number[]; readonly distances: number[] }[];
}

interface RecallReport {
	readonly results: readonly {
		readonly nprobe: number | null;
		readonly recall: { readonly mean: number; readonly low: number; readonly high: number };
		readonly oneRecall: readonly { readonly r: number; readonly value: number }[];
		readonly scanned: number;
		readonly losses: {
			readonly cellNotProbed: number;
			readonly codeTooCoarse: number;
			readonly notReached: number;
		};
	}[];
	readonly suggestion: {
		readonly nprobe: number | null;
		readonly kFactor: number | null;
		readonly needsStore: boolean;
		readonly recall: { readonly mean: number };
	};
}

/** The index in the report of build and info. */
interface Built {
	readonly index: {
		readonly type: string;
		readonly residentBytes: number;
		readonly components: Record<string, number>;
	};
	readonly forecast: { readonly indexBytes: number; readonly peakBytes: number };
}

/** Components are the engine's own; here only that they add up. */
function withoutComponents({ index: { components, ...index }, ...report }: Built): object {
	expect(Object.values(components).reduce((a, b) => a + b)).toBe(index.residentBytes);
	return { ...report, index };
}

beforeAll(async () => {
	await save(path('x.fvecs'), x);
	await save(path('q.fvecs'), queries);
});

function labelsOf(index: Index, q: VectorSet, params: object): number[][] {
	const found = index.search(q, k, params);
	return Array.from({ length: found.nq }, (_, i) => found.hits(i).map(({ label }) => label));
}

describe('an IVFPQ index with a store to re-rank', () => {
	const file = path('ivfpq.vecino');
	const options = ['--nlist', '32', '--m', '8', '--refine', 'sq8', '--k-factor', '4', '--seed', '9'];
	using index = new IndexRefine({ base: new IndexIVFPQ({ d, nlist: 32, m: 8 }), store: 'sq8', kFactor: 4 });
	const direct = ((): { labels: number[][]; recall: number; nprobe: number } => {
		index.train(x, { seed: 9 }).add(x);
		const truth = exactNeighbors(x, queries, k);
		return {
			labels: labelsOf(index, queries, { nprobe }),
			recall: recallAtK(index.search(queries, k, { nprobe }), truth),
			nprobe: (index.base as IndexIVFPQ).nprobe,
		};
	})();

	let built: Built;

	beforeAll(async () => {
		built = await vecinoJson('build', path('x.fvecs'), '-o', file, ...options);
	});

	it('is reported on in JSON of a stable shape', () => {
		expect(built).toMatchObject({ command: 'build', trainedOn: 3000, vectors: { n: 3000, d } });
		expect(built).toMatchObject({ fileBytes: statSync(file).size });
		expect(shapeOf(withoutComponents(built))).toMatchInlineSnapshot(`
			{
			  "command": "string",
			  "fileBytes": "number",
			  "forecast": {
			    "indexBytes": "number",
			    "peakBytes": "number",
			    "seconds": "null",
			  },
			  "index": {
			    "bytesPerVector": "number",
			    "cells": {
			      "empty": "number",
			      "imbalance": "number",
			      "max": "number",
			      "mean": "number",
			      "min": "number",
			      "nlist": "number",
			      "nprobe": "number",
			    },
			    "codeSize": "number",
			    "d": "number",
			    "factory": "string",
			    "metric": "string",
			    "ntotal": "number",
			    "pq": {
			      "m": "number",
			      "nbits": "number",
			      "residual": "boolean",
			    },
			    "rerank": {
			      "kFactor": "number",
			      "store": "string",
			    },
			    "residentBytes": "number",
			    "type": "string",
			  },
			  "output": "string",
			  "seconds": {
			    "add": "number",
			    "save": "number",
			    "train": "number",
			  },
			  "trainedOn": "number",
			  "vectors": {
			    "d": "number",
			    "float32Bytes": "number",
			    "n": "number",
			    "source": "string",
			  },
			}
		`);
	});

	it('is forecast to within 2 % of its bytes', () => {
		const { forecast, index: made } = built;
		expect(Math.abs(forecast.indexBytes / made.residentBytes - 1)).toBeLessThan(0.02);
		expect(forecast.peakBytes).toBeGreaterThan(made.residentBytes);
	});

	it('is the one the engine builds', async () => {
		using loaded = await loadIndex(file);
		expect(labelsOf(loaded, queries, { nprobe })).toEqual(direct.labels);
	});

	it('is described by info', async () => {
		const report = await vecinoJson<Built>('info', file);
		expect(report).toMatchObject({
			kind: 'index',
			fileBytes: statSync(file).size,
			index: {
				type: 'IndexRefine(IndexIVFPQ, sq8)',
				ntotal: 3000,
				d,
				metric: 'l2',
				pq: { m: 8, nbits: 8, residual: true },
				codeSize: 8,
				rerank: { store: 'sq8', kFactor: 4 },
				cells: { nlist: 32, nprobe: direct.nprobe },
			},
		});
		expect(shapeOf(withoutComponents(report))).toMatchInlineSnapshot(`
			{
			  "command": "string",
			  "fileBytes": "number",
			  "index": {
			    "bytesPerVector": "number",
			    "cells": {
			      "empty": "number",
			      "imbalance": "number",
			      "max": "number",
			      "mean": "number",
			      "min": "number",
			      "nlist": "number",
			      "nprobe": "number",
			    },
			    "codeSize": "number",
			    "d": "number",
			    "factory": "string",
			    "metric": "string",
			    "ntotal": "number",
			    "pq": {
			      "m": "number",
			      "nbits": "number",
			      "residual": "boolean",
			    },
			    "rerank": {
			      "kFactor": "number",
			      "store": "string",
			    },
			    "residentBytes": "number",
			    "type": "string",
			  },
			  "kind": "string",
			  "sections": [
			    {
			      "byteLength": "number",
			      "name": "string",
			      "offset": "number",
			    },
			  ],
			  "version": "string",
			}
		`);
		const { stdout } = await vecino(['info', file]);
		expect(stdout).toContain('IndexRefine(IndexIVFPQ, sq8)');
		expect(stdout).toContain('bytes per vector');
	});

	it('answers as the engine does', async () => {
		const report = await vecinoJson<SearchReport>('search', file, path('q.fvecs'), '--nprobe', String(nprobe));
		expect(report.results.map(({ labels }) => labels)).toEqual(direct.labels);
		expect(shapeOf(report)).toMatchInlineSnapshot(`
			{
			  "command": "string",
			  "index": {
			    "d": "number",
			    "metric": "string",
			    "ntotal": "number",
			    "type": "string",
			  },
			  "k": "number",
			  "ms": {
			    "perQuery": "number",
			    "total": "number",
			  },
			  "nq": "number",
			  "results": [
			    {
			      "distances": [
			        "number",
			      ],
			      "labels": [
			        "number",
			      ],
			      "query": "number",
			    },
			  ],
			}
		`);
	});

	it('prints the first hits', async () => {
		const { code, stdout, stderr } = await vecino(['search', file, path('q.fvecs'), '--nprobe', String(nprobe)]);
		expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
		expect(stdout).toContain(`${direct.labels[0]![0]} (`);
		expect(stdout).toContain('30 more queries');
	});

	it('keeps to labels of a range', async () => {
		const common = ['search', file, path('q.fvecs'), '--limit', '2'];
		const { results } = await vecinoJson<{ results: { labels: number[] }[] }>(...common, '--filter-range', '5..11');
		for (const { labels } of results) expect(labels.toSorted((a, b) => a - b)).toEqual([5, 6, 7, 8, 9, 10, 11]);
		const { code, stderr } = await vecino([...common, '--filter-range', '11..5']);
		expect([code, stderr]).toEqual([2, expect.stringContaining('It must be two labels')]);
	});

	it('writes results to .ivecs and .jsonl', async () => {
		const common = ['search', file, path('q.fvecs'), '--nprobe', String(nprobe), '--limit', '7'];
		const report = await vecinoJson<{ fileBytes: number }>(...common, '-o', path('found.ivecs'));
		expect(report).toMatchObject({ nq: 7, fileBytes: statSync(path('found.ivecs')).size });
		const { data } = await readVectors(path('found.ivecs'));
		expect(Array.from(data)).toEqual(direct.labels.slice(0, 7).flat());
		const { code } = await vecino([...common, '-o', path('found.jsonl')]);
		expect(code).toBe(0);
		const lines = readFileSync(path('found.jsonl'), 'utf8').trimEnd().split('\n');
		expect(lines.map((line) => JSON.parse(line).labels)).toEqual(direct.labels.slice(0, 7));
	});

	it('has the recall the engine measures', async () => {
		const args = ['recall', file, '--vectors', path('x.fvecs'), '--queries', path('q.fvecs'), '--nprobe', '1,4,32'];
		const report = await vecinoJson<RecallReport>(...args);
		expect(report.results.map((row) => row.nprobe)).toEqual([1, 4, 32]);
		expect(report.results[1]!.recall.mean).toBeCloseTo(direct.recall, 10);
		for (const { recall, losses } of report.results) {
			expect(recall.low).toBeLessThanOrEqual(recall.mean);
			expect(recall.high).toBeGreaterThanOrEqual(recall.mean);
			expect(recall.mean + losses.cellNotProbed + losses.codeTooCoarse + losses.notReached).toBeCloseTo(1, 10);
		}
		expect(report.results[2]!.losses.cellNotProbed).toBe(0);
		expect(report.results[2]!.scanned).toBe(1);
		expect(shapeOf(report)).toMatchInlineSnapshot(`
			{
			  "command": "string",
			  "index": {
			    "d": "number",
			    "metric": "string",
			    "ntotal": "number",
			    "residentBytes": "number",
			    "type": "string",
			  },
			  "k": "number",
			  "maxLoss": "number",
			  "queries": {
			    "count": "number",
			    "source": "string",
			  },
			  "results": [
			    {
			      "losses": {
			        "cellNotProbed": "number",
			        "codeTooCoarse": "number",
			        "notReached": "number",
			      },
			      "ms": {
			        "median": "number",
			        "p95": "number",
			      },
			      "nprobe": "number",
			      "oneRecall": [
			        {
			          "r": "number",
			          "value": "number",
			        },
			      ],
			      "recall": {
			        "high": "number",
			        "low": "number",
			        "mean": "number",
			      },
			      "scanned": "number",
			    },
			  ],
			  "suggestion": {
			    "kFactor": "number",
			    "needsStore": "boolean",
			    "nprobe": "number",
			    "recall": {
			      "high": "number",
			      "low": "number",
			      "mean": "number",
			    },
			  },
			}
		`);
	});

	it('takes the truth from a file', async () => {
		const truth = exactNeighbors(x, queries, k);
		await writeVectors(path('truth.ivecs'), truth.labels, { d: k });
		const args = ['recall', file, '--queries', path('q.fvecs'), '--truth', path('truth.ivecs'), '--nprobe', '4'];
		expect((await vecinoJson<RecallReport>(...args)).results[0]!.recall.mean).toBeCloseTo(direct.recall, 10);
	});

	it('leaves drawn queries out of their own answers', async () => {
		const args = ['recall', file, '--vectors', path('x.fvecs'), '--queries', '30', '--nprobe', '32', '-k', '1'];
		const own = await vecinoJson<RecallReport>(...args, '--k-factor', '50');
		// With every cell open and 100 candidates re-ranked in SQ8 nearly all are found; recorded: 1.
		expect(own.results[0]!.recall.mean).toBeGreaterThan(0.9);
		const { stdout } = await vecino(args);
		expect(stdout).toContain('drawn from the vectors');
	});
});

describe('the other types', () => {
	it.each([
		[['--type', 'flat'], 'IndexFlat', 1],
		[['--index', 'Flat'], 'IndexFlat', 1],
		[['--index', 'IVF16, PQ16x4fsr, Refine(SQ8)'], 'IndexRefine(IndexIVFPQFastScan, sq8)', 0.8],
		[['--index', 'HNSW8,SQ8', '--ef-construction', '40'], 'IndexHNSW', 0.9],
		[['--index', 'OPQ6_12,PQ6,RFlat'], 'IndexRefine(IndexPreTransform(OPQTransform to 12, IndexPQ), flat)', 0.6],
		[['--index', 'IDMap,RaBitQ4'], 'IndexIDMap(IndexRaBitQ)', 0.6],
		[['--index', 'IVF,Flat', '--metric', 'ip'], 'IndexIVFFlat', 0.8],
		[['--index', 'Auto'], 'IndexFlat', 1],
		[['--index', 'Auto(40)'], 'IndexRefine(IndexPQFastScan, f16)', 0.9],
		[['--type', 'sq8'], 'IndexScalarQuantizer', 0.95],
		[['--type', 'pq', '--m', '8', '--nbits', '6'], 'IndexPQ', 0.3],
		[['--type', 'ivfflat', '--nlist', '16'], 'IndexIVFFlat', 0.8],
		[['--type', 'ivfsq8', '--nlist', '16'], 'IndexIVFScalarQuantizer', 0.8],
		[['--type', 'ivfpqfs', '--nlist', '16', '--refine', 'sq8'], 'IndexRefine(IndexIVFPQFastScan, sq8)', 0.8],
		[['--type', 'hnsw', '--M', '8', '--ef-construction', '40'], 'IndexHNSW', 0.95],
		[['--type', 'sq4'], 'IndexScalarQuantizer', 0.5],
		[['--type', 'f16'], 'IndexScalarQuantizer', 0.95],
		[['--type', 'bf16'], 'IndexScalarQuantizer', 0.95],
		[['--type', 'ivfsq4', '--nlist', '16'], 'IndexIVFScalarQuantizer', 0.5],
		[['--type', 'ivff16', '--nlist', '16'], 'IndexIVFScalarQuantizer', 0.8],
		[['--type', 'ivfbf16', '--nlist', '16'], 'IndexIVFScalarQuantizer', 0.8],
		[['--type', 'ivfpqfs', '--nlist', '16', '--refine', 'f16'], 'IndexRefine(IndexIVFPQFastScan, f16)', 0.8],
		[['--type', 'ivfpqfs', '--nlist', '16', '--refine', 'pq8x6'], 'IndexRefine(IndexIVFPQFastScan, pq8x6)', 0.2],
		[
			['--transform', 'opq', '--m', '5', '--nlist', '16', '--refine', 'flat'],
			'IndexRefine(IndexPreTransform(OPQTransform to 20, IndexIVFPQ), flat)',
			0.8,
		],
		[['--transform', 'pca:12', '--type', 'flat'], 'IndexPreTransform(PCATransform to 12, IndexFlat)', 0.5],
		[['--transform', 'rr', '--type', 'pqfs'], 'IndexPreTransform(RandomRotation to 16, IndexPQFastScan)', 0.05],
		[['--type', 'pqfs', '--m', '16'], 'IndexPQFastScan', 0.1],
		[['--type', 'rabitq', '--nbits', '4'], 'IndexRaBitQ', 0.6],
		[['--type', 'ivfrabitq', '--nlist', '16', '--refine', 'sq8'], 'IndexRefine(IndexIVFRaBitQ, sq8)', 0.8],
		[['--type', 'ivfpq', '--no-residual', '--metric', 'cosine'], 'IndexIVFPQ', 0.1],
		[['--type', 'pq', '--m', '5', '--pad', '--metric', 'ip'], 'IndexPQ', 0.1],
	])('%j', async (args, type, floor) => {
		const file = path('other.vecino');
		const built = await vecinoJson<Built>('build', path('x.fvecs'), '-o', file, ...args);
		expect(built.index.type).toBe(type);
		const report = await vecinoJson<RecallReport>('recall', file, '--vectors', path('x.fvecs'), '--queries', '50');
		expect(report.results[0]!.recall.mean).toBeGreaterThanOrEqual(floor);
	});

	it('same seed, same file', async () => {
		for (const name of ['a.vecino', 'b.vecino']) {
			await vecinoJson('build', path('x.fvecs'), '-o', path(name), '--train-limit', '1000', '--seed', '5');
		}
		expect(readFileSync(path('a.vecino')).equals(readFileSync(path('b.vecino')))).toBe(true);
	});
});

describe('Ctrl-C', () => {
	it('ends a build with exit code 130 and leaves no file behind', async () => {
		const folder = path('.');
		await save(path('large.fvecs'), clustered({ n: 20_000, d: 64, clusters: 50 }, 5));
		const before = readdirSync(folder).sort();
		let sent = false;
		const args = ['build', path('large.fvecs'), '-o', path('large.vecino'), '--nlist', '16384'];
		const { code, stdout, stderr } = await vecino(args, {
			onStderr: (text, kill) => {
				if (!sent && text.includes('k-means')) {
					sent = true;
					kill('SIGINT');
				}
			},
		});
		expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
		expect(stderr.split('\n')[0]).toMatch(
			/^forecast: about .* s( on one thread)?, .*B of memory at most, an index of \S+ .B$/,
		);
		expect(stderr.trimEnd().split('\n').at(-1)).toBe('vecino: interrupted; nothing was written');
		expect(readdirSync(folder).sort()).toEqual(before);
	});
});
