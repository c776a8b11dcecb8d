/**
 * vecino tune: the index and the search parameters that reach a recall on the user's own vectors.
 */

import { basename } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
	estimateTune,
	isVecinoError,
	type Metric,
	type TuneOptions,
	type TuneReport,
	tuneAsync,
	type VectorSet,
} from 'vecino';
import { saveIndex } from 'vecino/node';
import { addCommand, type Context, withContext } from '../context.ts';
import {
	checkIndexName,
	checkOutput,
	checkSameDimension,
	openFile,
	parseSynthetic,
	pick,
	type RowSource,
	readFirst,
	syntheticSource,
} from '../data.ts';
import { UsageError } from '../errors.ts';
import {
	countOrFile,
	integer,
	kOption,
	metricOption,
	number,
	seedOption,
	type Threads,
	threadsOption,
	useThreads,
} from '../options.ts';
import { bytes, count, plural, seconds } from '../output.ts';
import { checkReport, writeReport } from '../report/write.ts';
import { Random } from '../synthetic.ts';
import { buildCommand, renderTune } from '../tune-report.ts';

interface TuneCommandOptions {
	readonly recall: number;
	readonly bytes?: number;
	/** Milliseconds. */
	readonly latency?: number;
	readonly k: number;
	readonly metric: Metric;
	readonly queries?: number | string;
	readonly candidate?: string[];
	readonly compareOn?: number;
	readonly output?: string;
	readonly synthetic?: string | true;
	readonly limit?: number;
	readonly seed: number;
	readonly threads: Threads;
	readonly html?: string;
}

/** Rows that are held without being asked for fewer, bytes of float32. */
const MOST_BYTES = 2 ** 31;

const HELP = `
Each candidate is built once and its recall counted for every setting in one
pass; the few that forecast best are timed and searched with queries that had no
part in the choice. Large data are compared on a sample, and the one chosen is
built whole. With --bytes the quickest index that fits is chosen, with --latency
the smallest that is quick enough.

Without --queries rows of the vectors serve as queries, each left out of its own
answer. The recall promised is then that of queries like the rows; others can be
harder (questions in place of passages, photographs from elsewhere): give a file
of them where there is one. Half of the queries choose, the other half verify.

Ctrl-C ends the run with what is known so far.

Examples:
  vecino tune embeddings.npy --metric cosine
  vecino tune sift.bvecs --recall 0.9 --bytes 100 -o sift.vecino
  vecino tune embeddings.npy --queries asked.npy --latency 0.2ms
  vecino tune x.npy --candidate "IVF1024,SQ8" --candidate "IVF1024,PQ32x4fsr,RFlat"`;

export function registerTune(program: Command): void {
	addCommand(program, 'tune [vectors]', 'find the index and the search parameters that reach a recall')
		.addOption(
			new Option('--recall <x>', 'recall@k to reach, the mean over queries').default(0.95).argParser(number(0.01, 1)),
		)
		.option('--bytes <n>', 'resident bytes per vector at most, everything counted', number(1, 2 ** 20))
		.option('--latency <time>', 'time per query at most, on one thread: 2ms, 500us', latency)
		.addOption(kOption())
		.addOption(metricOption())
		.option(
			'--queries <n|file>',
			'a file of queries, or how many rows serve as queries (default: 1000)',
			countOrFile(100_000),
		)
		.option('--candidate <string>', 'an index to consider, as factory string; may be repeated', collect)
		.option(
			'--compare-on <n>',
			'rows that candidates are compared on at most (default: 120000)',
			integer(1000, 2 ** 31),
		)
		.option('-o, --output <file>', 'write the index chosen, with the recall of its settings (.vecino)')
		.option('--synthetic [n,d,clusters]', 'clustered random vectors instead of a file (10000,64,40 if not said)')
		.option('--limit <n>', 'use at most n vectors, drawn at random', integer(100, 2 ** 32 - 1))
		.addOption(seedOption())
		.addOption(threadsOption('auto'))
		.option('--html <file>', 'write a report, with pictures and every number, as one page')
		.addHelpText('after', HELP)
		.action(withContext(run));
}

function collect(value: string, before: string[] = []): string[] {
	return [...before, value];
}

function latency(text: string): number {
	const [, value, unit] = /^(\d*\.?\d+)\s*(ms|us|µs|s)?$/.exec(text.trim()) ?? [];
	const ms = Number(value) * (unit === 's' ? 1000 : unit === undefined || unit === 'ms' ? 1 : 0.001);
	if (ms > 0) return ms;
	throw new InvalidArgumentError('It must be a time such as 2ms or 500us.');
}

async function run(context: Context, file: string | undefined, options: TuneCommandOptions): Promise<object> {
	const { output, metric, k, seed } = options;
	if (output !== undefined) checkIndexName(output);
	const files = [file, options.queries].filter((name) => typeof name === 'string');
	if (options.html !== undefined) await checkReport(options.html, files);
	await using source = await openSource(context, file, options);
	if (output !== undefined) await checkOutput(output, file === undefined ? [] : [file]);
	await useThreads(options.threads);
	const vectors = await readRows(context, source, options);
	const asked = typeof options.queries === 'string' ? await readFirst(context, options.queries) : undefined;
	if (asked !== undefined) checkSameDimension(String(options.queries), asked.d, source.name, source.d);
	const what: TuneOptions = {
		...{ recall: options.recall, metric, k, seed, queries: asked },
		...{ bytesPerVector: options.bytes, latencyMs: options.latency, candidates: options.candidate },
		...(typeof options.queries === 'number' && { sample: options.queries }),
		...(options.compareOn !== undefined && { compareOn: options.compareOn }),
	};
	const report = await tuned(context, vectors, what, output);
	const from = asked === undefined ? 'rows' : basename(String(options.queries));
	const used = vectors.n < source.n ? `${count(vectors.n)} of ${count(source.n)}` : count(vectors.n);
	const asking = `${plural(report.queries.choose + report.queries.verify, 'query', 'queries')} (${from})`;
	context.say(`${source.name}: ${used} vectors of ${plural(source.d, 'dimension')}, metric ${metric}; ${asking}\n`);
	context.say(renderTune(report));
	const reproduce = buildCommand(report, file ?? '<vectors>', output);
	if (reproduce !== undefined) context.say(`\n${reproduce.join('\n')}`);
	const html =
		options.html === undefined ? undefined : await writePage(context, options.html, report, source.name, reproduce);
	if (!report.complete) process.exitCode = 130;
	return {
		command: 'tune',
		vectors: { source: source.name, total: source.n, used: vectors.n, d: source.d },
		queriesFrom: from,
		...report,
		output: report.complete ? (output ?? null) : null,
		reproduce: reproduce ?? null,
		...(html && { html }),
	};
}

async function writePage(
	context: Context,
	path: string,
	report: TuneReport,
	name: string,
	reproduce: readonly string[] | undefined,
): Promise<{ readonly path: string; readonly fileBytes: number }> {
	const { tuneReport } = await import('../report/tune-report.ts');
	const written = await writeReport(path, await tuneReport(report, name, reproduce), context);
	context.say(`\nReport: ${path} (${bytes(written.fileBytes)})`);
	return written;
}

/** The report, after the index chosen was written where one is wanted. */
async function tuned(
	context: Context,
	vectors: VectorSet,
	what: TuneOptions,
	output: string | undefined,
): Promise<TuneReport> {
	try {
		const forecast = estimateTune(vectors.n, vectors.d, what);
		const many = plural(forecast.candidates.length, 'candidate');
		const on = forecast.sampleRows === null ? '' : `, compared on ${count(forecast.sampleRows)} rows`;
		const grid = `building and timing every setting would take ${seconds(forecast.gridSeconds)}`;
		// What is over at once is not announced.
		if (forecast.seconds > 2)
			context.progress.note(`forecast: ${many}${on}, about ${seconds(forecast.seconds)}; ${grid}`);
		const { report, index } = await tuneAsync(vectors, { ...what, ...context.run, build: output !== undefined });
		using chosen = index;
		if (chosen !== undefined && output !== undefined) {
			const { byteLength } = await saveIndex(chosen, output, context.run);
			context.progress.note(`${output}: ${bytes(byteLength)}`);
		}
		return report;
	} catch (error) {
		if (!isVecinoError(error, 'bad-spec')) throw error;
		throw new UsageError(error.message.replace(/^\w+: /, ''));
	}
}

async function openSource(context: Context, file: string | undefined, options: TuneCommandOptions): Promise<RowSource> {
	if (options.synthetic !== undefined) {
		if (file !== undefined) throw new UsageError('give a file of vectors or --synthetic, not both');
		return syntheticSource(parseSynthetic(options.synthetic), options.seed);
	}
	if (file === undefined) throw new UsageError('which vectors? Give a file (.npy, .fvecs, .bvecs) or --synthetic');
	return openFile(file, context);
}

/** All vectors, or as many as are asked for or can be held. */
async function readRows(
	context: Context,
	source: RowSource,
	{ limit, output, seed }: TuneCommandOptions,
): Promise<VectorSet> {
	const most = Math.min(source.n, limit ?? Math.floor(MOST_BYTES / (4 * source.d)));
	if (most < source.n && output !== undefined) {
		const why = limit === undefined ? `${source.name} has too many to be held at once` : 'leave --limit out';
		throw new UsageError(`-o writes an index of all vectors: ${why}; vecino build makes the one that tune names`);
	}
	const [vectors] = await pick(context, source, [new Random(seed).sample(source.n, most)]);
	return vectors!;
}
