/**
 * vecino estimate: recall, memory and speed of compressed indexes on the user's own vectors.
 */

import { type Command, Option } from 'commander';
import type { Metric } from 'vecino';
import { addCommand, type Context, withContext } from '../context.ts';
import { openFile, parseSynthetic, type RowSource, type Split, split, syntheticSource } from '../data.ts';
import { checkM, defaultM, defaultNlist, divisors } from '../defaults.ts';
import { UsageError } from '../errors.ts';
import { type Estimate, type EstimateGrid, type EstimateRow, type EstimateSettings, estimate } from '../estimate.ts';
import {
	countOrFile,
	integer,
	integers,
	kOption,
	metricOption,
	seedOption,
	type Threads,
	threadsOption,
	useThreads,
} from '../options.ts';
import {
	bytes,
	count,
	facts,
	indent,
	interval,
	millis,
	percent,
	plural,
	plusMinus,
	seconds,
	smaller,
	table,
} from '../output.ts';
import { checkReport, writeReport } from '../report/write.ts';

interface EstimateOptions {
	readonly m?: number[];
	readonly nbits: number[];
	readonly nlist?: number[];
	readonly nprobe?: number[];
	readonly rerank: number[];
	readonly k: number;
	readonly metric: Metric;
	readonly pad?: boolean;
	readonly queries?: number | string;
	readonly synthetic?: string | true;
	readonly limit?: number;
	readonly seed: number;
	readonly threads: Threads;
	readonly html?: string;
}

const HELP = `
Options marked * take several values, separated by commas; then every
combination is measured and the Pareto front marked. One index is built for
each m, nbits and nlist.

Recall is the share of the k true nearest neighbours among the k found, with its
95 % interval. Times are medians over single queries on one thread. 1 MB is
1,000,000 bytes.

Examples:
  vecino estimate embeddings.npy
  vecino estimate embeddings.npy --metric cosine --m 48,96 --nprobe 4,8,16
  vecino estimate --synthetic 10000,64,40 --m 16 --nlist 128 --nprobe 8`;

export function registerEstimate(program: Command): void {
	addCommand(program, 'estimate [vectors]', 'measure recall, memory and speed of IVFPQ indexes on your vectors')
		.option(
			'--m <list>',
			'* sub-vectors, one byte each with nbits 8; divides d (default: the divisor nearest d / 8)',
			integers(1, 65536),
		)
		.addOption(list('--nbits', '* bits of a sub-code, 4 to 12', integers(4, 12), 8))
		.option(
			'--nlist <list>',
			'* cells (default: 4 * sqrt(n), leaving at least 39 vectors to a cell)',
			integers(1, 2 ** 24),
		)
		.option('--nprobe <list>', '* cells opened per query (default: as measured in training)', integers(1, 2 ** 24))
		.addOption(list('--rerank', '* candidates put in exact order, 0 for none', integers(0, 65536), 100))
		.addOption(kOption())
		.addOption(metricOption())
		.option('--pad', 'allow an m that does not divide d: fill vectors up with zeros')
		.option(
			'--queries <n|file>',
			'queries held out, or a file of them (default: 5 % of the vectors, at most 1000)',
			countOrFile(1_000_000),
		)
		.option('--synthetic [n,d,clusters]', 'clustered random vectors instead of a file (10000,64,40 if not said)')
		.option('--limit <n>', 'use at most n vectors, drawn at random', integer(2, 2 ** 32 - 1))
		.addOption(seedOption())
		.addOption(threadsOption('auto'))
		.option('--html <file>', 'write a report, with pictures and every number, as one page')
		.addHelpText('after', HELP)
		.action(withContext(run));
}

function list(flag: string, help: string, read: (text: string) => number[], standard: number): Option {
	return new Option(`${flag} <list>`, help).argParser(read).default([standard], String(standard));
}

async function run(context: Context, file: string | undefined, options: EstimateOptions): Promise<object> {
	const { k, metric, pad = false, seed, limit } = options;
	checkRerank(options.rerank, k);
	const files = [file, options.queries].filter((name) => typeof name === 'string');
	if (options.html !== undefined) await checkReport(options.html, files);
	await useThreads(options.threads);
	await using source = await openSource(context, file, options);
	for (const m of options.m ?? []) checkM(m, source.d, pad);
	const data = await split(context, source, { limit, queries: options.queries, seed });
	const n = data.base.n;
	const grid: EstimateGrid = {
		m: options.m ?? [defaultM(source.d)],
		nbits: options.nbits,
		nlist: options.nlist ?? [defaultNlist(n)],
		nprobe: options.nprobe,
		rerank: options.rerank,
	};
	const settings = { k, metric, pad, seed };
	context.say(headline(data, options.metric));
	const detail = options.html !== undefined;
	const { built, ...result } = await estimate(context, data, grid, { ...settings, detail });
	const what = file ?? (options.synthetic === true ? '--synthetic' : `--synthetic ${options.synthetic}`);
	context.say(render(result, settings, source.d, what));
	const html =
		detail && (await writePage(context, options.html!, { ...result, ...(built && { built }) }, data, settings));
	return {
		command: 'estimate',
		vectors: { source: data.name, total: data.total, used: n, d: source.d },
		queries: { source: data.queriesFrom, count: data.queries.n },
		...settings,
		...result,
		...(built && { built: built.map(({ listSizes: _, ...index }) => index) }),
		...(html && { html }),
	};
}

async function writePage(
	context: Context,
	path: string,
	result: Estimate,
	{ name, total, base, queries, queriesFrom }: Split,
	settings: EstimateSettings,
): Promise<{ readonly path: string; readonly fileBytes: number }> {
	const { estimateReport } = await import('../report/estimate-report.ts');
	const facts = { name, total, queriesFrom, n: base.n, d: base.d, nq: queries.n };
	const written = await writeReport(path, await estimateReport(result, facts, settings), context);
	context.say(`\nReport: ${path} (${bytes(written.fileBytes)})`);
	return written;
}

function checkRerank(rerank: readonly number[], k: number): void {
	const bad = rerank.find((candidates) => candidates > 0 && candidates < k);
	if (bad !== undefined) throw new UsageError(`--rerank ${bad} is less than k = ${k}; give at least k, or 0 for none`);
}

async function openSource(context: Context, file: string | undefined, options: EstimateOptions): Promise<RowSource> {
	if (options.synthetic !== undefined) {
		if (file !== undefined) throw new UsageError('give a file of vectors or --synthetic, not both');
		return syntheticSource(parseSynthetic(options.synthetic), options.seed);
	}
	if (file === undefined) throw new UsageError('which vectors? Give a file (.npy, .fvecs, .bvecs) or --synthetic');
	return openFile(file, context);
}

function headline({ name, total, base, queries, queriesFrom }: Split, metric: Metric): string {
	const taken = queriesFrom === 'held out' ? base.n + queries.n : base.n;
	const part = taken < total ? ` of ${count(total)}` : '';
	const from = queriesFrom === 'held out' ? 'held out' : `from ${queriesFrom}`;
	const vectors = `${count(base.n)}${part} vectors of ${plural(base.d, 'dimension')}`;
	return `${name}: ${vectors}, metric ${metric}; ${plural(queries.n, 'query', 'queries')} ${from}\n`;
}

function render(result: Estimate, settings: EstimateSettings, d: number, what: string): string {
	const [only, ...others] = result.results;
	if (others.length > 0) return renderTable(result, settings);
	return `${renderOne(only!, result, settings)}\n\n${advice(only!, settings, d, what)}`;
}

function renderOne(row: EstimateRow, { exact }: Estimate, { k }: EstimateSettings): string {
	const { recall, ms, scanned, compression } = row;
	const memory: [string, string][] = [
		['float32 vectors', bytes(row.bytes.float32)],
		['codes', `${bytes(row.bytes.codes)}, ${smaller(compression.codes)}`],
		['everything resident', `${bytes(row.bytes.resident)}, ${smaller(compression.resident)}`],
	];
	if (row.bytes.residentWithStore !== null)
		memory.push(['with the vectors to re-rank', bytes(row.bytes.residentWithStore)]);
	const recalls: [string, string][] = [[`recall@${k}`, interval(recall.raw)]];
	const time: [string, string][] = [['search', `${millis(ms.raw.median)} ms`]];
	if (recall.reranked !== null && ms.reranked !== null) {
		recalls.push([`recall@${k}, ${row.rerank} re-ranked`, interval(recall.reranked)]);
		time.push([`search and re-rank ${row.rerank}`, `${millis(ms.reranked.median)} ms`]);
	}
	time.push(['exact scan, without an index', `${millis(exact.ms.median)} ms`]);
	const cells = `${percent(scanned.cells)} (${count(scanned.cells * row.nlist)} of ${count(row.nlist)})`;
	const vectors = `${percent(scanned.vectors)} (${count(scanned.vectorsPerQuery)} of ${count(row.bytes.codes / codeSize(row))})`;
	const built = `built in ${seconds(row.seconds.train + row.seconds.add)} (training ${seconds(row.seconds.train)}, adding ${seconds(row.seconds.add)})`;
	return [
		`IVFPQ: nlist ${row.nlist}, m ${row.m}, nbits ${row.nbits}, nprobe ${row.nprobe}; ${built}`,
		section('Recall (95 % interval)', recalls),
		section('Memory', memory),
		section('Scanned per query', [
			['cells', cells],
			['vectors', vectors],
		]),
		section('Time per query (median)', time),
	].join('\n\n');
}

function section(title: string, rows: [string, string][]): string {
	return `${title}\n${indent(facts(rows))}`;
}

function codeSize({ m, nbits }: EstimateRow): number {
	return Math.ceil((m * nbits) / 8);
}

function advice({ m, nprobe }: EstimateRow, { metric }: EstimateSettings, d: number, what: string): string {
	const nprobes = [...new Set([Math.max(1, nprobe >> 1), nprobe, nprobe * 2, nprobe * 4])];
	const finer = divisors(d).find((divisor) => divisor >= m * 2);
	const same = `${what}${metric === 'l2' ? '' : ` --metric ${metric}`}`;
	return `Compare settings: vecino estimate ${same} --m ${m}${finer ? `,${finer}` : ''} --nprobe ${nprobes.join(',')}`;
}

/** A column of the table; without `only` it is there always. */
interface Column {
	readonly head: string;
	readonly only?: boolean;
	readonly cell: (row: EstimateRow) => string;
}

function renderTable({ results, exact }: Estimate, { k }: EstimateSettings): string {
	const varies = (key: 'nbits' | 'nlist' | 'rerank'): boolean => new Set(results.map((row) => row[key])).size > 1;
	const first = results[0]!;
	const some = results.some(({ rerank }) => rerank > 0);
	const all: Column[] = [
		{ head: '', cell: ({ pareto }) => (pareto ? '*' : '') },
		{ head: 'm', cell: ({ m }) => String(m) },
		{ head: 'nbits', only: varies('nbits'), cell: ({ nbits }) => String(nbits) },
		{ head: 'nlist', only: varies('nlist'), cell: ({ nlist }) => String(nlist) },
		{ head: 'nprobe', cell: ({ nprobe }) => String(nprobe) },
		{ head: `recall@${k}`, cell: ({ recall }) => plusMinus(recall.raw) },
		{ head: 'ms', cell: ({ ms }) => millis(ms.raw.median) },
		{ head: 're-rank', only: varies('rerank'), cell: ({ rerank }) => (rerank === 0 ? '' : String(rerank)) },
		{ head: 're-ranked', only: some, cell: ({ recall }) => (recall.reranked ? plusMinus(recall.reranked) : '') },
		{ head: 'ms', only: some, cell: ({ ms }) => (ms.reranked ? millis(ms.reranked.median) : '') },
		{ head: 'codes', cell: (row) => bytes(row.bytes.codes) },
		{ head: 'resident', cell: (row) => bytes(row.bytes.resident) },
		{ head: '+ vectors', only: some, cell: (row) => bytes(row.bytes.residentWithStore ?? row.bytes.resident) },
		{ head: 'scanned', cell: ({ scanned }) => percent(scanned.vectors) },
		{ head: 'built in', cell: (row) => seconds(row.seconds.train + row.seconds.add) },
	];
	const columns = all.filter(({ only }) => only !== false);
	const same = [
		...(varies('nbits') ? [] : [`nbits ${first.nbits}`]),
		...(varies('nlist') ? [] : [`nlist ${first.nlist}`]),
		...(varies('rerank') ? [] : [first.rerank === 0 ? 'no re-ranking' : `re-ranked: ${first.rerank} candidates`]),
	];
	const rows = results.map((row) => columns.map(({ cell }) => cell(row)));
	const drawn = table(
		columns.map(({ head }) => head),
		rows,
	);
	const notes = [
		`* Pareto front: no other row has at least its recall${some ? ' (re-ranked)' : ''}, no more bytes and no more time.`,
		'  ms: per query. resident: all that the index keeps in memory.',
		...(some ? ['  + vectors: with the exact vectors that re-ranking reads.'] : []),
		`  As float32 the vectors take ${bytes(exact.bytes)}; an exact scan takes ${millis(exact.ms.median)} ms per query.`,
	];
	return `IVFPQ${same.length > 0 ? ` with ${same.join(', ')}` : ''}\n\n${drawn}\n\n${notes.join('\n')}`;
}
