/** estimate --html: one page that stands alone, with every number of --json in it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Estimate, EstimateRow } from '../src/estimate.ts';
import { escapeHtml, shellQuote } from '../src/report/escape.ts';
import { placeLabels } from '../src/report/place.ts';
import { picks, type ReportPoint, staircase } from '../src/report/points.ts';
import { recallAgainst } from '../src/report/recall-chart.ts';
import { draw } from '../src/report/svg.ts';
import { clustered } from '../src/synthetic.ts';
import { numbersOf, openTags } from './support/html.ts';
import { save, temporaryFolder, vecino, vecinoJson } from './support/program.ts';

const path = temporaryFolder();
const x = clustered({ n: 2000, d: 16, clusters: 20 }, 2);
const HOSTILE = `<img src=x onerror=alert(1)> "'&\u202e.npy`;

type Report = Estimate & { readonly html: { readonly path: string; readonly fileBytes: number } };
let report: Report;
let html: string;

beforeAll(async () => {
	await save(path(HOSTILE), x);
	const grid = ['--m', '4,8', '--nlist', '16', '--nprobe', '1,4', '--rerank', '0,20', '--queries', '60'];
	report = await vecinoJson<Report>('estimate', path(HOSTILE), ...grid, '--threads', '1', '--html', path('r.html'));
	html = readFileSync(path('r.html'), 'utf8');
});

describe('the page of estimate', () => {
	it('is well-formed, and small', () => {
		expect(openTags(html)).toEqual([]);
		expect(html.startsWith('<!doctype html>')).toBe(true);
		expect(report.html).toEqual({ path: path('r.html'), fileBytes: Buffer.byteLength(html) });
		expect(report.html.fileBytes).toBeLessThan(1_000_000);
		const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
		expect(new Set(ids).size).toBe(ids.length);
		for (const [, names] of html.matchAll(/aria-(?:labelledby|describedby)="([^"]*)"/g)) expect(ids).toContain(names);
		for (const [, name] of html.matchAll(/url\(#([^)]*)\)/g)) expect(ids).toContain(name);
	});

	it('has all sections, pictures with titles, and what was measured where', () => {
		const sections = [...html.matchAll(/<section id="(\w+)"/g)].map(([, id]) => id);
		expect(sections).toEqual(['choice', 'memory', 'speed', 'losses', 'lists', 'forecast', 'settings', 'indexes']);
		const pictures = [...html.matchAll(/<svg[^>]*role="img"[^>]*>(.{0,40})/g)];
		// Recall twice, losses, cells, two forecasts: each wide and narrow.
		expect(pictures).toHaveLength(12);
		for (const [, start] of pictures) expect(start).toMatch(/^<title id="[\w-]+">\S/);
		expect(html.match(/<desc id=/g)).toHaveLength(12);
		for (const text of [
			'1,940 of 2,000',
			'd = 16',
			'recall@10',
			'metric l2',
			process.versions.node,
			'<span>vecino</span> <span>estimate</span>',
		]) {
			expect(html).toContain(text);
		}
		expect(html).toContain('prefers-color-scheme:dark');
		expect(html).toContain('@media print');
		expect(html).not.toMatch(/NaN|undefined|\[object/);
	});

	it('asks the network for nothing and runs nothing', () => {
		const links = html
			.replaceAll('xmlns="http://www.w3.org/2000/svg"', '')
			.replaceAll('xmlns:xlink="http://www.w3.org/1999/xlink"', '');
		expect(links).not.toMatch(/https?:|\/\/[\w.]|@import|url\((?!#)/i);
		expect(html).not.toMatch(/<(?:script|link|img|iframe|object|embed|base|form|image|use|foreignObject)\b/i);
		expect(html).not.toMatch(/<[^>]*\s(?:on\w+|src|srcset|href|xlink:href)=/i);
	});

	it('escapes what the user named', () => {
		expect(html).not.toContain('<img');
		expect(html).not.toContain('\u202e');
		expect(html.match(/<title>([^<]*)/)![1]).toBe(
			'&lt;img src=x onerror=alert(1)&gt; &quot;&#39;&amp;\ufffd.npy: recall, memory and speed of compressed indexes',
		);
	});

	it('has the numbers of --json in its tables', () => {
		const rows = numbersOf(html, 'settings');
		const n = 1940;
		const ways = report.results.map((row) => expected(row, n));
		expect(rows.map((row) => row.slice(1))).toEqual(ways);
		expect(rows.map(([no]) => no)).toEqual(ways.map((_, i) => i + 1));
		const built = report.built!.map(({ m, nbits, nlist, lists, forecast, measured }) => [
			...[m, nbits, nlist, lists.mean, lists.min, lists.max, lists.empty, lists.imbalance],
			...[forecast.bytes, forecast.seconds.train, forecast.seconds.add],
			...[measured.bytes, measured.seconds.train, measured.seconds.add],
		]);
		expect(numbersOf(html, 'indexes')).toEqual(built);
		expect('listSizes' in report.built![0]!).toBe(false);
	});

	it('lays all that is lost at the door of cells or codes', () => {
		for (const { recall, losses } of report.results) {
			for (const way of ['raw', 'reranked'] as const) {
				const lost = losses![way];
				if (lost === null) continue;
				expect(recall[way]!.mean + lost.cellNotProbed + lost.codeTooCoarse).toBeCloseTo(1, 9);
				expect(lost.cellNotProbed).toBeGreaterThanOrEqual(0);
			}
		}
		expect(report.results[0]!.losses!.raw.cellNotProbed).toBeGreaterThan(0.01);
	});
});

/** Numbers of a line of the table, in its order, for a row of the results. Ways without re-ranking come first. */
function expected({ recall, ms, bytes, ...row }: EstimateRow, n: number): number[] {
	const reranked = row.rerank > 0;
	const { mean, low, high } = recall.reranked ?? recall.raw;
	const { median, p95 } = ms.reranked ?? ms.raw;
	const all = bytes.residentWithStore ?? bytes.resident;
	const { cellNotProbed, codeTooCoarse } = row.losses!.reranked ?? row.losses!.raw;
	return [
		...[row.m, row.nbits, row.nlist, row.nprobe, ...(reranked ? [row.rerank] : [])],
		...[mean, low, high, median, p95, all / n, all, bytes.codes],
		...[row.compression.codes, row.compression.resident],
		...[row.scanned.cells, row.scanned.vectors, row.scanned.vectorsPerQuery, cellNotProbed, codeTooCoarse],
	];
}

describe('--html', () => {
	const few = ['--m', '4', '--nlist', '8', '--queries', '10', '--limit', '500'];

	it('refuses names of other files before the work', async () => {
		const { code, stderr } = await vecino(['estimate', path(HOSTILE), ...few, '--html', path('x.npy')]);
		expect([code, stderr]).toEqual([2, expect.stringContaining('name the report .html')]);
		const folder = await vecino(['estimate', path(HOSTILE), ...few, '--html', path('none/r.html')]);
		expect([folder.code, folder.stderr]).toEqual([1, expect.stringContaining('no such folder')]);
		const queries = await vecino(['estimate', path(HOSTILE), '--queries', path('r.html'), '--html', path('r.html')]);
		expect([queries.code, queries.stderr]).toEqual([2, expect.stringContaining('is the input')]);
	});

	it('says where the page is, and leaves the JSON as it was without it', async () => {
		writeFileSync(path('old.html'), 'old');
		const { code, stdout } = await vecino(['estimate', path(HOSTILE), ...few, '--html', path('old.html')]);
		expect(code).toBe(0);
		expect(stdout).toContain(`Report: ${path('old.html')}`);
		expect(readFileSync(path('old.html'), 'utf8')).toContain('</html>');
		const without = await vecinoJson<Partial<Report>>('estimate', path(HOSTILE), ...few);
		expect(without).not.toHaveProperty('html');
		expect(without).not.toHaveProperty('built');
		expect(without.results![0]).not.toHaveProperty('losses');
		expect(existsSync(path('none'))).toBe(false);
	});
});

describe('parts of a report', () => {
	const point = (no: number, recall: number, bytesPerVector: number, ms: number): ReportPoint => ({
		...{ no, name: `setting ${no}`, series: 'm 8', reranked: false, bytesPerVector, front: true, losses: null },
		recall: { mean: recall, low: recall, high: recall },
		ms,
	});

	it('escapes for HTML and for a shell', () => {
		expect(escapeHtml(`a<b>&"c'\u0000`)).toBe('a&lt;b&gt;&amp;&quot;c&#39;\ufffd');
		expect(['x.npy', "it's", '', 'a b'].map(shellQuote)).toEqual(['x.npy', `'it'\\''s'`, `''`, `'a b'`]);
	});

	it('picks the smallest and the fastest for a recall', () => {
		const points = [point(1, 0.85, 20, 0.1), point(2, 0.92, 40, 0.3), point(3, 0.93, 90, 0.2)];
		const numbers = picks(points).map(({ smallest, fastest }) => [smallest?.no, fastest?.no]);
		expect(numbers).toEqual([
			[1, 1],
			[2, 3],
			[undefined, undefined],
			[undefined, undefined],
		]);
	});

	it('walks the stairs of the best recall', () => {
		const points = [point(1, 0.5, 10, 1), point(2, 0.4, 20, 1), point(3, 0.6, 20, 1), point(4, 0.6, 30, 1)];
		expect(staircase(points, ({ bytesPerVector }) => bytesPerVector)).toEqual([
			{ x: 10, y: 0.5 },
			{ x: 20, y: 0.6 },
		]);
	});

	it('places labels where they cover nothing', () => {
		const dots = [
			{ x: 50, y: 50 },
			{ x: 60, y: 50 },
			{ x: 200, y: 50 },
		];
		const sides = placeLabels(
			dots.map((dot) => ({ ...dot, width: 14 })),
			dots,
			{ width: 200, height: 100 },
		);
		expect(sides).toEqual(['left', 'right', 'left']);
	});

	it('draws a single point, and recall of one everywhere', async () => {
		const cost = { title: 't', desc: 'd', label: 'bytes', reference: { value: 64, label: 'float32' }, show: String };
		const drawing = recallAgainst([point(1, 1, 20, 0.1)], { ...cost, of: ({ bytesPerVector }) => bytesPerVector });
		const svg = await draw('id', drawing(760));
		expect(openTags(svg)).toEqual([]);
		expect(svg).toContain('<title>1: setting 1. Recall 1.000, 20</title>');
		expect(svg).not.toContain('NaN');
	});
});
