/**
 * The benchmark: vecino, and beside it FAISS where there is one, on the same data, in turns. `npm run bench -- --help`.
 *
 * Prints markdown; stores it with the numbers as JSON and the curves as SVG in the output folder.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type BuildResult, buildTables, measureBuild } from './build.ts';
import { memoryChart, speedChart } from './charts.ts';
import { type CodeCost, codeConfigs, codesTable, measureCodes } from './codes.ts';
import { resolveConfig } from './configs.ts';
import { describeMachine } from './machine.ts';
import { type ConfigResult, measureConfig, type Side } from './measure.ts';
import { defaultNprobes, parseOptions, type SuiteOptions, USAGE } from './options.ts';
import { faissWorker, vecinoWorker, type Worker } from './protocol.ts';
import { makeJudge } from './recall.ts';
import { describeData, head, markdown, type SuiteResult } from './report.ts';
import { type BenchSet, hardness, prepareSet } from './sets.ts';

const K = 10;
/** Cells of the index that nanoseconds per code are taken in. */
const CODES_NLIST = 64;

async function main(args: readonly string[]): Promise<void> {
	if (args.includes('--help')) return console.log(USAGE);
	const options = parseOptions(args);
	const machine = describeMachine();
	const set = await prepareSet(options.set);
	const workers = startWorkers(options);
	try {
		const sides: Side[] = [];
		for (const worker of workers) {
			const info = await worker.ask('info', {});
			await worker.ask('load', { ...set.paths, d: set.base.d, metric: set.metric });
			sides.push({ name: worker.name, worker, info });
		}
		if (options.python === undefined) console.error('without FAISS: --python names a Python that has it');
		const about: Omit<SuiteResult, 'configs'> = {
			machine,
			sides: sides.map(({ name, info }) => ({ name, info })),
			data: describeData(set.name, set, hardness(set)),
			settings: {
				k: K,
				rounds: options.rounds,
				batch: options.batch ?? set.queries.n,
				core: options.core,
				clock: options.clock,
				command: `npm run bench -- ${args.join(' ')}`,
			},
		};
		await tasks[options.task](options, set, sides, about);
	} finally {
		for (const worker of workers) worker.close();
	}
}

const tasks = { suite: runSuite, build: runBuild, codes: runCodes } as const;

type About = Omit<SuiteResult, 'configs'>;

async function runSuite(options: SuiteOptions, set: BenchSet, sides: readonly Side[], about: About): Promise<void> {
	const { n } = set.base;
	const judge = makeJudge(set, K);
	const plan = {
		...options,
		k: K,
		nq: set.queries.n,
		batch: options.batch ?? set.queries.n,
		nprobes: options.nprobes ?? defaultNprobes(n),
	};
	const configs: ConfigResult[] = [];
	for (const config of options.configs.map((name) => resolveConfig(name, n))) {
		console.error(`${config} ...`);
		configs.push(await measureConfig(config, sides, plan, judge));
	}
	const result: SuiteResult = { ...about, configs };
	const title = (what: string): string => `${about.data.name}: ${what}`;
	store(options.out, markdown(result), result, {
		'recall-speed-single.svg': speedChart(title('single queries, one core'), configs, 'single'),
		'recall-speed-batch.svg': speedChart(title('batches, one core'), configs, 'batch'),
		'recall-memory.svg': memoryChart(title('recall and memory'), configs),
	});
}

async function runBuild(options: SuiteOptions, set: BenchSet, sides: readonly Side[], about: About): Promise<void> {
	const judge = makeJudge(set, K);
	const plan = { k: K, rounds: options.rounds, nprobes: options.nprobes ?? [1, 8, 32], nq: set.queries.n };
	const builds: BuildResult[] = [];
	for (const config of options.configs.map((name) => resolveConfig(name, set.base.n))) {
		console.error(`${config} ...`);
		builds.push(...(await measureBuild(config, sides, plan, judge)));
	}
	store(options.out, `${head(about)}\n\n${buildTables(builds)}`, { ...about, builds }, {});
}

async function runCodes(options: SuiteOptions, set: BenchSet, sides: readonly Side[], about: About): Promise<void> {
	const plan = {
		k: K,
		rounds: options.rounds,
		n: set.base.n,
		nlist: CODES_NLIST,
		count: Math.min(200, set.queries.n),
		clock: options.clock,
	};
	const codes: CodeCost[] = [];
	for (const config of codeConfigs(CODES_NLIST)) {
		console.error(`${config} ...`);
		codes.push(...(await measureCodes(config, sides, plan)));
	}
	const names = sides.map(({ name }) => name);
	store(options.out, `${head(about)}\n\n${codesTable(codes, names)}`, { ...about, codes }, {});
}

function startWorkers({ kernels, python, core }: SuiteOptions): Worker[] {
	const workers = [vecinoWorker('vecino', 'auto', core)];
	for (const one of kernels) workers.push(vecinoWorker(`vecino ${one}`, one, core));
	if (python !== undefined) workers.push(faissWorker(python, core));
	return workers;
}

function store(out: string, text: string, numbers: object, charts: Record<string, string | undefined>): void {
	mkdirSync(out, { recursive: true });
	writeFileSync(join(out, 'results.md'), text);
	writeFileSync(join(out, 'results.json'), `${JSON.stringify(numbers, null, '\t')}\n`);
	for (const [name, svg] of Object.entries(charts)) if (svg !== undefined) writeFileSync(join(out, name), svg);
	console.log(text);
	console.error(`stored in ${relative(process.cwd(), out)}`);
}

await main(process.argv.slice(2)).catch((error: unknown) => {
	console.error(error instanceof RangeError || error instanceof TypeError ? error.message : error);
	process.exitCode = 1;
});
