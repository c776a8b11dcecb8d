/** The page of a tuner's run: what was chosen, what became of the others, every number. */

import { readFileSync } from 'node:fs';
import type { ChosenSetting, TuneReport, TuneRow } from 'vecino';
import { describe, expect, it } from 'vitest';
import { escapeHtml } from '../src/report/escape.ts';
import { familyOf, paramsText, tuneReport } from '../src/report/tune-report.ts';
import { clustered } from '../src/synthetic.ts';
import { numbersOf, openTags } from './support/html.ts';
import { save, temporaryFolder, vecino, vecinoJson } from './support/program.ts';

const path = temporaryFolder();

const row = (factory: string, nprobe: number, mean: number, microseconds: number, pareto: boolean): TuneRow => ({
	...{
		factory,
		params: { nprobe, kFactor: 4 },
		worst: mean - 0.2,
		microseconds,
		bytesPerVector: 150.25,
		measured: false,
	},
	...{ recall: { mean, low: mean - 0.01, high: mean + 0.01 }, pareto },
});
const PQ = 'IVF128,PQ32x4fsr,Refine(SQ8)';
const rows = [row(PQ, 4, 0.75, 12.5, true), row(PQ, 16, 0.9512345, 21.25, true), row('IVF128,SQ8', 8, 0.9, 60, false)];
const chosen: ChosenSetting = {
	...{ ...rows[1]!, measured: true, forecastMicroseconds: 20, met: true },
	wilson: { mean: 0.9512345, low: 0.945, high: 0.957 },
};
const report: TuneReport = {
	...{ complete: true, n: 30_000, d: 128, metric: 'l2', k: 10, seed: 7, sampleRows: 10_000, recallTable: null },
	target: { recall: 0.95, bytesPerVector: 200, latencyMs: 0.5 },
	queries: { source: 'rows', choose: 400, verify: 500 },
	chosen,
	rows,
	candidates: [
		{ factory: PQ, outcome: 'chosen', bytesPerVector: 150.25, best: rows[1]!, seconds: 1.5, why: 'Chosen: <quick>.' },
		{ factory: 'Flat', outcome: 'bytes', bytesPerVector: 512, best: null, seconds: 0, why: 'Takes 512 bytes.' },
	],
	seconds: { forecast: 5, actual: 6, grid: 100 },
	text: 'First line.\nSecond & last.',
};

describe('the page of tune', () => {
	it('has the choice, the pictures and every number', async () => {
		const html = await tuneReport(report, '<b>.npy', ['vecino build "<b>"'], ['vecino', 'tune', 'x.npy']);
		expect(openTags(html)).toEqual([]);
		const sections = [...html.matchAll(/<section id="(\w+)"/g)].map(([, id]) => id);
		expect(sections).toEqual(['chosen', 'choice', 'memory', 'speed', 'candidates', 'settings']);
		expect(numbersOf(html, 'settings')).toEqual(
			rows.map(({ recall: { mean, low, high }, worst, microseconds, bytesPerVector }, i) => [
				...[i + 1, mean, low, high, worst, microseconds / 1000, bytesPerVector],
			]),
		);
		for (const text of [
			'&lt;b&gt;.npy',
			`Chosen: ${PQ}`,
			'nprobe 16, kFactor 4',
			'0.945 to 0.957',
			'First line.</p>',
		]) {
			expect(html).toContain(text);
		}
		expect(html).toContain('<pre><code>vecino build &quot;&lt;b&gt;&quot;</code></pre>');
		expect(html).toContain('Chosen: &lt;quick&gt;.');
		expect(html).toContain('at most 200');
		expect(html).not.toMatch(/NaN|undefined|\[object|\ufffd/);
	});

	it('says so where nothing was chosen, or nothing tried', async () => {
		const none = { ...report, chosen: null, rows: [], complete: false };
		const html = await tuneReport(none, 'x.npy', [], ['vecino', 'tune', 'x.npy']);
		expect(openTags(html)).toEqual([]);
		expect(html).toContain('Nothing could be chosen');
		expect(html).toContain('was interrupted');
		expect(html).not.toContain('id="memory"');
	});

	it('is written by the command, with the numbers of --json', async () => {
		await save(path('x.npy'), clustered({ n: 1500, d: 16, clusters: 20 }, 2));
		const args = ['tune', path('x.npy'), '--candidate', 'IVF16,SQ8', '--candidate', 'Flat', '--queries', '40'];
		const found = await vecinoJson<TuneReport & { html: { path: string; fileBytes: number } }>(
			...[...args, '--threads', '1', '--html', path('t.html')],
		);
		const html = readFileSync(path('t.html'), 'utf8');
		expect(found.html).toEqual({ path: path('t.html'), fileBytes: Buffer.byteLength(html) });
		expect(numbersOf(html, 'settings').map((numbers) => numbers[1])).toEqual(
			found.rows.map(({ recall }) => recall.mean),
		);
		expect(html).toContain(escapeHtml(found.chosen!.factory));
		const refused = await vecino([...args, '--html', path('x.npy')]);
		expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('name the report .html')]);
	});

	it('names families and parameters', () => {
		const names = [PQ, 'OPQ16_64,IVF4096,PQ16x4fs,RFlat', 'IVF256,RaBitQ', 'HNSW32', 'Flat', 'PCA64,SQ8', 'PQ16'];
		expect(names.map(familyOf)).toEqual(['IVF PQ x4fsr', 'IVF PQ x4fs', 'IVF RaBitQ', 'HNSW', 'Flat', 'SQ8', 'PQ']);
		expect(paramsText({})).toBe('');
		expect(paramsText({ nprobe: 3, kFactor: 2.5000001, efSearch: 64 })).toBe('nprobe 3, kFactor 2.5, efSearch 64');
	});
});
