import { describe, expect, it } from 'vitest';
import { memoryChart, speedChart } from '../suite/charts.ts';
import { micros, ratio, show, table } from '../suite/markdown.ts';
import type { ConfigResult, Point } from '../suite/measure.ts';
import { markdown, type SuiteResult, showParams } from '../suite/report.ts';

describe('markdown', () => {
	it('writes a table, escaping what would end a cell', () => {
		expect(table(['a', 'b'], [['x|y', 1]])).toBe('| a | b |\n| --- | ---: |\n| x\\|y | 1 |');
	});

	it('shows numbers with three digits', () => {
		expect([0.012345, 1.5, 1234567.8].map(show)).toEqual(['0.0123', '1.50', '1,234,568']);
		expect([show(undefined), show(Number.NaN), ratio(1, undefined)]).toEqual(['–', '–', '–']);
		expect([micros(1500), ratio(3, 2)]).toEqual(['1.50', '1.50']);
	});

	it('names parameters', () => {
		expect(showParams({ nprobe: 8, kFactor: 4 })).toBe('nprobe 8, kFactor 4');
		expect(showParams({})).toBe('–');
	});
});

const point = (recall: number, qps: number): Point => {
	const ns = { q1: 0.9e9 / qps, median: 1e9 / qps, q3: 1.1e9 / qps };
	const latency = { p50: 1e9 / qps, p95: 2e9 / qps, p99: 3e9 / qps };
	return {
		params: { nprobe: 4 },
		interval: { mean: recall, low: recall - 0.01, high: recall + 0.01 },
		recall,
		qps,
		ns,
		latency,
		count: 10,
	};
};
const built = { ntotal: 10, bytes: { codes: 160, centroids: 40 }, trainS: 1, addS: 1, cpuS: 2, rss: 0 };
const configs: ConfigResult[] = [
	{
		config: 'IVF4,PQ16',
		sides: [
			{
				side: 'vecino',
				built,
				bytesPerVector: 20,
				points: { single: [point(0.8, 4000), point(0.96, 1000)], batch: [] },
			},
			{ side: 'FAISS', built, bytesPerVector: 24, overheadNs: 2000, points: { single: [point(0.96, 500)], batch: [] } },
			{ side: 'other', error: 'no such configuration', points: { single: [], batch: [] } },
		],
	},
];
const result: SuiteResult = {
	machine: { cpu: 'a CPU', cores: 2, flags: ['avx2'], memoryGiB: 1, os: 'an OS', node: '24', v8: '13', load: 0 },
	sides: ['vecino', 'FAISS', 'other'].map((name) => ({ name, info: { engine: name, build: 'built', runtime: 'run' } })),
	data: { name: 'data', n: 10, d: 4, nq: 2, metric: 'l2', lid: 3, contrast: 2 },
	settings: { k: 10, rounds: 7, batch: 2, core: '1', clock: 'wall', command: 'npm run bench' },
	configs,
};

describe('the report', () => {
	const text = markdown(result);

	it('compares at equal recall', () => {
		expect(text).toContain('| IVF4,PQ16 | 0.90 | 1,682 | 500 | – | 3.36 | – |');
	});

	it('counts bytes, says what was taken off and what failed', () => {
		expect(text).toContain('codes 16.0, centroids 4.0');
		expect(text).toContain('2.0 to 2.0 µs');
		expect(text).toContain('no such configuration');
	});

	it('has no table for a mode that was not measured', () => {
		expect(text).toContain('## Single queries');
		expect(text).not.toContain('## Batch');
		expect(speedChart('t', configs, 'batch')).toBeUndefined();
	});

	it('draws curves as SVG', () => {
		for (const svg of [speedChart('t', configs, 'single'), memoryChart('t', configs)]) {
			expect(svg).toMatch(/^<svg .*<\/svg>$/s);
			expect(svg).toContain('IVF4,PQ16, FAISS');
		}
	});
});
