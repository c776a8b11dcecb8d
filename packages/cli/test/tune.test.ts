/** vecino tune: what it prints and writes, that what it promises is kept by the file, and that Ctrl-C keeps what is known. */

import type { TuneReport } from 'vecino';
import { loadIndex, readVectors } from 'vecino/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { clustered, queriesNear } from '../src/synthetic.ts';
import { buildCommand, paramsText, renderTune } from '../src/tune-report.ts';
import { save, shapeOf, temporaryFolder, vecino, vecinoJson } from './support/program.ts';

const path = temporaryFolder();
const x = clustered({ n: 3000, d: 32, clusters: 30 }, 2);
const CANDIDATES = ['--candidate', 'IVF32,SQ8', '--candidate', 'IVF32,PQ16x4fsr,RFlat'];
const SMALL = [...CANDIDATES, '--queries', '100', '--threads', '1'];

interface Report extends TuneReport {
	readonly command: 'tune';
	readonly output: string | null;
	readonly reproduce: readonly string[] | null;
	readonly vectors: object;
}

let report: Report;

beforeAll(async () => {
	await save(path('x.npy'), x);
	await save(path('q.fvecs'), queriesNear(x, 40, 0.5, 3));
	report = await vecinoJson<Report>('tune', path('x.npy'), '--recall', '0.9', ...SMALL, '-o', path('x.vecino'));
});

describe('a run', () => {
	it('has a stable JSON shape', () => {
		expect(report.vectors).toEqual({ source: 'x.npy', total: 3000, used: 3000, d: 32 });
		expect(report.target).toEqual({ recall: 0.9, bytesPerVector: null, latencyMs: null });
		expect(report.chosen).toMatchObject({ measured: true, met: true });
		const { candidates, recallTable, rows, ...rest } = report;
		expect(candidates.map(({ factory }) => factory)).toEqual(['IVF32,SQ8', 'IVF32,PQ16x4fsr,RFlat']);
		expect(rows.length).toBeGreaterThan(4);
		expect(recallTable!.k).toBe(10);
		expect(Object.keys(shapeOf(rest) as object)).toMatchInlineSnapshot(`
			[
			  "command",
			  "vectors",
			  "queriesFrom",
			  "complete",
			  "n",
			  "d",
			  "metric",
			  "k",
			  "seed",
			  "target",
			  "queries",
			  "sampleRows",
			  "chosen",
			  "seconds",
			  "text",
			  "output",
			  "reproduce",
			]
		`);
	});

	it('writes the index with its recall table', async () => {
		using index = await loadIndex(path('x.vecino'));
		expect(index.ntotal).toBe(3000);
		expect(index.recallTable).toEqual(report.recallTable);
		const { data } = await readVectors(path('q.fvecs'));
		expect(index.search(data, 10, { recall: 0.9 }).nq).toBe(40);
	});

	it('names commands that make it again', async () => {
		const [build] = report.reproduce!;
		const args = build!.match(/"[^"]*"|\S+/g)!.map((word) => word.replaceAll('"', ''));
		const again = args.slice(1).map((word) => (word.endsWith('.vecino') ? path('again.vecino') : word));
		expect((await vecino(again)).code).toBe(0);
		using index = await loadIndex(path('again.vecino'));
		using first = await loadIndex(path('x.vecino'));
		const { data } = await readVectors(path('q.fvecs'));
		expect(index.search(data, 10)).toEqual(first.search(data, 10));
	});
});

it('prints the choice, the front and the others', async () => {
	const args = ['tune', path('x.npy'), '--queries', path('q.fvecs'), ...CANDIDATES, '--threads', '1'];
	const { code, stdout } = await vecino([...args, '--bytes', '100', '--latency', '5ms']);
	expect(code).toBe(0);
	expect(stdout).toMatch(/^x\.npy: 3,000 vectors of 32 dimensions, metric l2; 40 queries \(q\.fvecs\)/);
	for (const part of ['index ', 'search with ', 'recall@10 ', 'Pareto front', 'Why the others lost', 'took ']) {
		expect(stdout).toContain(part);
	}
	expect(stdout).toMatch(/IVF32,PQ16x4fsr,RFlat +Takes [\d.]+ bytes per vector, 100 are allowed: not tried\./);
	expect(stdout).toMatch(/vecino build .* --index "IVF32,SQ8"/);
});

it('keeps and prints what is known at Ctrl-C', async () => {
	const many = Array.from({ length: 40 }, (_, i) => ['--candidate', `IVF${20 + i},PQ16x4fsr,RFlat`]).flat();
	let sent = false;
	const { code, stdout } = await vecino(['tune', '--synthetic', '20000,32,40', ...many, '--threads', '1'], {
		onStderr: (text, kill) => {
			if (sent || !text.includes('candidates ...')) return;
			sent = true;
			setTimeout(() => kill('SIGINT'), 1500);
		},
	});
	expect(sent).toBe(true);
	expect(code).toBe(130);
	if (stdout !== '')
		expect(stdout).toMatch(/not verified[\s\S]*Not tried: stopped before[\s\S]*stopped: what was known by then/);
});

describe('wrong usage', () => {
	it.each([
		[['tune'], /which vectors/],
		[['tune', 'x.npy', '--synthetic'], /not both/],
		[['tune', '--synthetic', '--recall', '2'], /must be a number in/],
		[['tune', '--synthetic', '--latency', 'soon'], /2ms or 500us/],
		[['tune', '--synthetic', '--candidate', 'IVF10,Nonsense'], /Nonsense/],
		[['tune', '--synthetic', '--limit', '500', '-o', 'x.vecino'], /leave --limit out/],
	])('%j', async (args, message) => {
		const { code, stderr } = await vecino(args);
		expect(code).toBe(2);
		expect(stderr).toMatch(message);
	});
});

it('words', () => {
	expect(paramsText({ nprobe: 4, kFactor: 14 / 3 })).toBe('nprobe 4, kFactor 4.67');
	expect(paramsText({})).toBe('');
	expect(renderTune({ ...report, chosen: null })).toMatch(/^nothing could be chosen/);
	expect(buildCommand({ ...report, chosen: null }, 'x', undefined)).toBe(undefined);
});
