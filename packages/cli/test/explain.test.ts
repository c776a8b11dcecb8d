/** vecino explain and what vecino recall says of its losses, compared with the engine used directly. */
import { exactNeighbors, explain, measureRecall } from 'vecino';
import { loadIndex } from 'vecino/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { clustered, queriesNear } from '../src/synthetic.ts';
import { save, shapeOf, temporaryFolder, vecino, vecinoJson } from './support/program.ts';

const path = temporaryFolder();
const d = 16;
const x = clustered({ n: 3000, d, clusters: 20 }, 3);
const queries = queriesNear(x, 40, 0.5, 4);
const file = path('x.vecino');
const common = [file, path('x.fvecs')];

interface ExplainReport {
	readonly query: number;
	readonly k: number;
	readonly results: readonly {
		readonly label: number;
		readonly verdict: string;
		readonly fix: Readonly<Record<string, number>> | null;
		readonly text: string;
		readonly [name: string]: unknown;
	}[];
}

beforeAll(async () => {
	await save(path('x.fvecs'), x);
	await save(path('q.fvecs'), queries);
	const kind = ['--nlist', '64', '--m', '4', '--nbits', '4', '--refine', 'flat', '--k-factor', '1'];
	expect((await vecino(['build', path('x.fvecs'), '-o', file, ...kind])).code).toBe(0);
	expect((await vecino(['build', path('x.fvecs'), '-o', path('sq8.vecino'), '--type', 'sq8'])).code).toBe(0);
});

describe('explain', () => {
	const query = ['--queries', path('q.fvecs'), '--query', '7', '--nprobe', '2'];

	it('says of each true neighbour what the engine says', async () => {
		const report = await vecinoJson<ExplainReport>('explain', ...common, ...query);
		using index = await loadIndex(file);
		const q = queries.row(7);
		const truth = exactNeighbors(x, q, 10);
		const want = explain(index, q, truth.labels, { nprobe: 2 });
		expect(report.results).toEqual(
			JSON.parse(JSON.stringify(want, (_, value) => value ?? null)).map((one: object, i: number) => ({
				...nulls(report.results[i]!),
				...one,
			})),
		);
		expect(report.results.map(({ label }) => label)).toEqual([...truth.labels]);
		const verdicts = report.results.map(({ verdict }) => verdict);
		expect(verdicts).toContain('found');
		expect(new Set(verdicts).size).toBeGreaterThan(1);
		expect(shapeOf({ ...report, results: [] })).toMatchInlineSnapshot(`
			{
			  "command": "string",
			  "index": {
			    "d": "number",
			    "metric": "string",
			    "ntotal": "number",
			    "type": "string",
			  },
			  "k": "number",
			  "query": "number",
			  "results": [],
			}
		`);
	});

	it('draws a table of them, with the options that find them', async () => {
		const { code, stdout, stderr } = await vecino(['explain', ...common, ...query]);
		expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
		expect(stdout).toMatch(/query 7, k 10, \d+ of 10 true neighbours found/);
		expect(stdout).toContain('found at 1');
		expect(stdout).toContain('finds it');
		const report = await vecinoJson<ExplainReport>('explain', ...common, ...query);
		const missed = report.results.find(({ fix }) => fix !== null)!;
		const line = stdout.split('\n').find((text) => text.includes(` ${missed.label} `))!;
		expect(line).toContain(missed.verdict);
		// What the table says can be typed in.
		const flags = /--.*$/.exec(line)![0].split(' ');
		const again = await vecinoJson<ExplainReport>('explain', ...common, ...query, ...flags);
		expect(again.results.find(({ label }) => label === missed.label)!.verdict).toBe('found');
	});

	it('a row of the vectors is its own nearest neighbour', async () => {
		const report = await vecinoJson<ExplainReport>('explain', ...common, '--query', '12', '-k', '3');
		expect(report.results).toHaveLength(3);
		expect(report.results[0]).toMatchObject({ label: 12, verdict: 'found', position: 1, exact: 0 });
	});

	it('--label: one vector, in a sentence', async () => {
		const { stdout } = await vecino(['explain', ...common, '--query', '12', '--label', '12']);
		expect(stdout).toContain('Label 12 was found in cell');
		const far = await vecino(['explain', path('sq8.vecino'), path('x.fvecs'), '--query', '12', '--label', '13']);
		expect(far.stdout).toMatch(/Label 13 was missed: it is not among the 10 nearest, its exact rank is \d+\./);
	});

	it('indexes without cells and store', async () => {
		const { code, stdout } = await vecino(['explain', path('sq8.vecino'), path('x.fvecs'), '--query', '3']);
		expect(code).toBe(0);
		expect(stdout).not.toContain('cell rank');
	});

	it.each([
		[['--query', '3000'], 1, 'has 3,000 rows, counted from 0: there is no row 3,000'],
		[['--query', '40', '--queries', path('q.fvecs')], 1, 'has 40 rows, counted from 0: there is no row 40'],
		[['--query', '1', '--label', '3000'], 1, 'no vector has label 3000'],
		[['--query', '-1'], 2, 'must be an integer in 0..'],
		[['--query', '1', '--ef-search', '20'], 2, '--ef-search is for graphs'],
		[[], 2, "required option '--query <i>' not specified"],
	])('%j fails in one line', async (args, exit, message) => {
		const { code, stdout, stderr } = await vecino(['explain', ...common, ...args]);
		expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
		expect(stderr).toMatch(/^vecino: [^\n]+\n$/);
		expect(stderr).toContain(message);
	});

	it('refuses vectors that the index was not built from', async () => {
		const { code, stderr } = await vecino(['explain', file, path('q.fvecs'), '--query', '1']);
		expect(code).toBe(1);
		expect(stderr).toContain('it is not the file the index was built from');
	});
});

describe('recall', () => {
	it('tells the losses and the cheapest fix as the engine does', async () => {
		const args = ['--vectors', path('x.fvecs'), '--queries', path('q.fvecs')];
		const report = await vecinoJson<{ results: { losses: object }[]; suggestion: object; maxLoss: number }>(
			...['recall', file, ...args, '--nprobe', '2', '--max-loss', '0.02'],
		);
		using index = await loadIndex(file);
		const want = measureRecall(index, { queries, nprobe: 2, maxLoss: 0.02 });
		expect(report.results[0]!.losses).toEqual(want.losses);
		expect([report.suggestion, report.maxLoss]).toEqual([want.suggestion, 0.02]);
		const { stdout } = await vecino(['recall', file, ...args, '--nprobe', '2,4']);
		expect(stdout).toContain('lost: cell not probed');
		expect(stdout).toMatch(/to lose no more than 1\.0 % to each: --nprobe \d+ --k-factor [\d.]+: recall@10/);
		expect((await vecino(['recall', path('sq8.vecino'), ...args])).stdout).toContain('lost: code too coarse');
	});

	it('leaves drawn queries out of what it counts', async () => {
		const args = ['--vectors', path('x.fvecs'), '--queries', '30', '--nprobe', '64', '--k-factor', '300'];
		const report = await vecinoJson<{ results: { losses: object }[] }>('recall', file, ...args);
		expect(report.results[0]!.losses).toEqual({ cellNotProbed: 0, codeTooCoarse: 0, notReached: 0 });
	});
});

/** Every field of a report as null. */
function nulls(report: object): object {
	return Object.fromEntries(Object.keys(report).map((name) => [name, null]));
}
