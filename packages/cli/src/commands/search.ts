/**
 * vecino search: the neighbours of every query, as a table or into a file.
 */

import { extname } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { IDSelectorRange, type IVFSearchParams, type RefineSearchParams, type SearchResult } from 'vecino';
import { writeFileAtomic, writeVectors } from 'vecino/node';
import { addCommand, type Context, withContext } from '../context.ts';
import { checkOutput, checkSameDimension, readFirst } from '../data.ts';
import { identify } from '../describe.ts';
import { UsageError } from '../errors.ts';
import { openIndexFile } from '../index-files.ts';
import { checkSearchOptions } from '../measure.ts';
import { integer, kOption, number, type Threads, threadsOption, useThreads } from '../options.ts';
import { bytes, count, distance, millis, plural, table } from '../output.ts';

interface SearchOptions {
	readonly k: number;
	readonly nprobe?: number;
	readonly kFactor?: number;
	readonly efSearch?: number;
	readonly filterRange?: IDSelectorRange;
	readonly output?: string;
	readonly limit?: number;
	readonly threads: Threads;
}

/** Of the table: queries, and hits of each. */
const SHOWN_QUERIES = 10;
const SHOWN_HITS = 5;

const HELP = `
Labels are row numbers of the file the index was built from, counted from 0.
Distances are squared for l2; for ip and cosine, larger is nearer.

A result in .ivecs has one row of k labels per query, -1 where there are fewer
than k. In .jsonl each line is {"query": 0, "labels": [...], "distances": [...]}.

Examples:
  vecino search sift.vecino query.bvecs -k 10 --nprobe 16
  vecino search sift.vecino query.bvecs -k 100 -o found.ivecs`;

export function registerSearch(program: Command): void {
	addCommand(program, 'search <index> <queries>', 'find the nearest neighbours of each query')
		.addOption(kOption())
		.option('--nprobe <n>', 'cells opened per query (default: as measured in training)', integer(1, 2 ** 24))
		.option('--k-factor <x>', 'candidates re-ranked per result (default: as built)', number(1, 1e6))
		.option('--ef-search <n>', 'hnsw: vectors kept in view, not less than k (default: 64)', integer(1, 2 ** 24))
		.option('--filter-range <a..b>', 'only labels a to b, both included', range)
		.option('-o, --output <file>', 'write the result to a file, .ivecs or .jsonl')
		.option('--limit <n>', 'only the first n queries', integer(1, 2 ** 32 - 1))
		.addOption(threadsOption(1))
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, indexPath: string, queryPath: string, options: SearchOptions): Promise<object> {
	const { k, nprobe, kFactor, efSearch, filterRange, output, limit } = options;
	const format = output === undefined ? undefined : formatOf(output);
	if (output !== undefined) await checkOutput(output, [indexPath, queryPath]);
	await useThreads(options.threads);
	using index = await openIndexFile(indexPath, context);
	checkSearchOptions(index, { nprobe, kFactor, efSearch });
	const identity = identify(index);
	const queries = await readFirst(context, queryPath, limit);
	checkSameDimension(queryPath, queries.d, indexPath, index.d);
	const start = performance.now();
	const params: RefineSearchParams & IVFSearchParams = {
		...(nprobe !== undefined && { nprobe }),
		...(kFactor !== undefined && { kFactor }),
		...(efSearch !== undefined && { efSearch }),
		...(filterRange !== undefined && { filter: filterRange }),
		...context.run,
	};
	const result = await index.searchAsync(queries, k, params);
	const ms = performance.now() - start;

	const fileBytes = format === undefined ? undefined : await write(context, format, output!, result);
	const each = `${millis(ms / result.nq)} ms each`;
	context.say(
		`${identity.type}, ${count(identity.ntotal)} vectors: ${plural(result.nq, 'query', 'queries')}, k ${k}, ${each}\n`,
	);
	if (fileBytes === undefined) context.say(render(result));
	else context.say(`wrote ${output} (${bytes(fileBytes)})`);
	return {
		command: 'search',
		index: identity,
		nq: result.nq,
		k,
		ms: { total: ms, perQuery: ms / result.nq },
		...(fileBytes === undefined ? { results: [...lines(result)] } : { output, fileBytes }),
	};
}

/** Labels a..b, both ends included. */
function range(text: string): IDSelectorRange {
	const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(text) ?? [];
	if (from === undefined || to === undefined || Number(to) < Number(from))
		throw new InvalidArgumentError('It must be two labels, the first not above the second, such as 0..999.');
	return new IDSelectorRange(Number(from), Number(to) + 1);
}

function formatOf(output: string): 'ivecs' | 'jsonl' {
	const extension = extname(output).slice(1).toLowerCase();
	if (extension === 'ivecs' || extension === 'jsonl') return extension;
	throw new UsageError(`${output}: results are written as .ivecs or .jsonl`);
}

async function write(context: Context, format: 'ivecs' | 'jsonl', path: string, result: SearchResult): Promise<number> {
	if (format === 'ivecs') return (await writeVectors(path, result.labels, { d: result.k, ...context.run })).byteLength;
	const encoder = new TextEncoder();
	const chunks = function* () {
		for (const line of lines(result)) yield encoder.encode(`${JSON.stringify(line)}\n`);
	};
	return writeFileAtomic(path, chunks(), context.run);
}

/** One object per query, without the padding. */
function* lines(result: SearchResult): Generator<{ query: number; labels: number[]; distances: number[] }> {
	for (let query = 0; query < result.nq; query++) {
		const hits = result.hits(query);
		yield { query, labels: hits.map(({ label }) => label), distances: hits.map((hit) => hit.distance) };
	}
}

function render(result: SearchResult): string {
	const shown = Math.min(result.k, SHOWN_HITS);
	const head = ['query', ...Array.from({ length: shown }, (_, i) => `#${i + 1}`)];
	const rows: string[][] = [];
	let most = 0;
	for (let i = 0; i < Math.min(result.nq, SHOWN_QUERIES); i++) {
		const hits = result.hits(i);
		most = Math.max(most, hits.length);
		const cells = hits.map((hit) => `${hit.label} (${distance(hit.distance)})`);
		rows.push([String(i), ...head.slice(1).map((_, j) => cells[j] ?? '')]);
	}
	const more: string[] = [];
	if (most > shown) more.push(`${count(most - shown)} more hits of each query`);
	if (result.nq > rows.length) more.push(plural(result.nq - rows.length, 'more query', 'more queries'));
	const rest = more.length === 0 ? '' : `\n\nnot shown: ${more.join(', ')} (-o file.jsonl or --json has all)`;
	return `label (distance)\n${table(head, rows)}${rest}`;
}
