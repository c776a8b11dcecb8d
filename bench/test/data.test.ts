import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cellsFor, isRefined, makeIndex, nlistOf, PRESETS, resolveConfig } from '../suite/configs.ts';
import { readFloats, writeValues } from '../suite/files.ts';
import { generate, parseShape } from '../suite/generate.ts';
import { settings } from '../suite/measure.ts';
import { defaultNprobes, parseOptions } from '../suite/options.ts';
import { makeJudge } from '../suite/recall.ts';
import { hardness, prepareSet } from '../suite/sets.ts';

const cache = mkdtempSync(join(tmpdir(), 'vecino-bench-'));
afterAll(() => rmSync(cache, { recursive: true }));

describe('generated data', () => {
	it('is the same for the same seed, of length 1, and another for another seed', () => {
		const shape = { n: 600, d: 24, nq: 20, seed: 3 };
		const [a, b] = [generate(shape), generate(shape)];
		expect(a.base.data).toEqual(b.base.data);
		expect(a.queries.data).toEqual(b.queries.data);
		expect(generate({ ...shape, seed: 4 }).base.data).not.toEqual(a.base.data);
		for (const i of [0, 1, 599]) expect(Math.hypot(...a.base.row(i))).toBeCloseTo(1, 5);
	});

	it('is prepared once, with its truth, and found again', async () => {
		const options = { generate: '1500x16', queries: 30, seed: 1, cache };
		const set = await prepareSet(options);
		const again = await prepareSet(options);
		expect(again.truth.labels).toEqual(set.truth.labels);
		expect([set.base.n, set.queries.n, set.truth.k, set.metric]).toEqual([1500, 30, 100, 'l2']);
		expect(readFloats(set.paths.base)).toEqual(set.base.data);
		const judge = makeJudge(set, 10);
		const first = Array.from({ length: 30 }, (_, i) =>
			Array.from(set.truth.labels.slice(i * 100, i * 100 + 10)),
		).flat();
		expect(judge.recall(first).mean).toBe(1);
		expect(judge.recall(first.map((label, i) => (i % 10 < 5 ? label : -1))).mean).toBe(0.5);
		// The same row ten times is one hit.
		expect(judge.recall(first.map((_, i) => first[i - (i % 10)]!)).mean).toBeCloseTo(0.1);
		// Neither uniform noise (which has about d) nor a few points.
		expect(hardness(set).lid).toBeGreaterThan(3);
		expect(hardness(set).contrast).toBeGreaterThan(1.2);
	});

	it('reads shapes', () => {
		expect(parseShape('1_000_000x128')).toEqual({ n: 1_000_000, d: 128 });
		expect(() => parseShape('10')).toThrow('such as 200000x128');
	});
});

describe('recall', () => {
	it('counts ties', async () => {
		const path = join(cache, 'ties.f32');
		writeValues(path, new Float32Array([1, 2]));
		expect(readFloats(path)).toEqual(new Float32Array([1, 2]));
		const { VectorSet } = await import('../../packages/vecino/src/index.ts');
		const base = new VectorSet(new Float32Array([0, 1, 1, 1, 5]), 1);
		const queries = new VectorSet(new Float32Array([0]), 1);
		const truth = { k: 2, labels: Int32Array.of(0, 1) };
		const judge = makeJudge({ name: '', metric: 'l2', base, queries, truth, paths: { base: '', queries: '' } }, 2);
		expect(judge.recall([0, 3]).mean).toBe(1);
		expect(judge.recall([0, 4]).mean).toBe(0.5);
	});
});

describe('configurations', () => {
	it('fill in cells', () => {
		expect([cellsFor(100_000), cellsFor(1_000_000)]).toEqual([1024, 4096]);
		expect(resolveConfig('IVF*,PQ16', 100_000)).toBe('IVF1024,PQ16');
		expect([nlistOf('IVF64,Flat'), nlistOf('PQ16')]).toEqual([64, undefined]);
		expect(['PQ16,RFlat', 'IVF4,PQ32x4fsr,Refine(SQ8)', 'IVF4,Flat'].map(isRefined)).toEqual([true, true, false]);
	});

	it('of every preset make an index', () => {
		for (const name of Object.values(PRESETS).flat()) {
			using index = makeIndex(resolveConfig(name, 1000), { d: 128, metric: 'l2' });
			expect(index.isTrained).toBe(name === 'Flat');
		}
	});

	it('say which they do not know', () => {
		for (const name of ['IVF16,PQ16x5', 'X32', 'PQ32x4fsr', 'IVF16']) {
			expect(() => makeIndex(name, { d: 32, metric: 'l2' })).toThrow(`no configuration ${name}`);
		}
	});

	it('have the parameters they take', () => {
		const plan = { nprobes: [1, 8, 64], kFactors: [2, 4] };
		expect(settings('Flat', plan)).toEqual([{}]);
		expect(settings('IVF16,Flat', plan)).toEqual([{ nprobe: 1 }, { nprobe: 8 }]);
		expect(settings('IVF16,PQ8,RFlat', plan)).toHaveLength(4);
		expect(defaultNprobes(100_000).at(-1)).toBe(256);
	});
});

describe('options', () => {
	it('take a task, data and settings', () => {
		const options = parseOptions(['--generate', '500x16', '--build', 'IVF*,PQ16', '--nprobe', '1,2', '--core', 'any']);
		expect(options).toMatchObject({
			task: 'build',
			configs: ['IVF*,PQ16'],
			nprobes: [1, 2],
			core: undefined,
			rounds: 3,
		});
		expect(parseOptions(['--quick', '--mode', 'single'])).toMatchObject({
			modes: ['single'],
			set: { generate: '2000x32' },
		});
	});

	it('refuse what makes no sense', () => {
		expect(() => parseOptions(['--quick', '--mode', 'both'])).toThrow('--mode takes single or batch, got both');
		expect(() => parseOptions(['--quick', '--rounds', 'x'])).toThrow('--rounds takes a number');
		expect(() => parseOptions(['--quick', '--preset', 'x'])).toThrow('--preset takes default');
		expect(() => parseOptions(['--data', 'no-such-set'])).toThrow('no data at');
	});
});
