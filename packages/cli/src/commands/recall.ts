/**
 * vecino recall: how many of the true neighbours an index file finds, and how fast.
 */

import { basename } from 'node:path';
import type { Command } from 'commander';
import {
	exactNeighborsOfParts,
	type Index,
	type Interval,
	type LabelMatrix,
	type Losses,
	measureRecallAsync,
	oneRecallAtR,
	type RefineSearchParams,
	type Suggestion,
	type VectorSet,
} from 'vecino';
import { openVectors } from 'vecino/node';
import { addCommand, type Context, withContext } from '../context.ts';
import { checkSameDimension, checkSameRows, labelsOf, openFile, pick, readFirst } from '../data.ts';
import { identify, partsOf } from '../describe.ts';
import { Failure, UsageError } from '../errors.ts';
import { openIndexFile } from '../index-files.ts';
import { checkSearchOptions, recallInterval, searchEach, type Timing } from '../measure.ts';
import { countOrFile, integer, integers, kOption, number, seedOption } from '../options.ts';
import { bytes, count, interval, millis, percent, plural, recall, roundUp, table } from '../output.ts';
import { Random } from '../synthetic.ts';

interface RecallOptions {
	readonly vectors?: string;
	readonly queries: number | string;
	readonly truth?: string;
	readonly k: number;
	readonly nprobe?: number[];
	readonly kFactor?: number;
	readonly efSearch?: number;
	readonly limit?: number;
	readonly maxLoss: number;
	readonly seed: number;
}

/** One line of the result. */
interface RecallRow {
	/** Null for indexes without cells. */
	readonly nprobe: number | null;
	readonly recall: Interval;
	/** Share of queries whose nearest neighbour is among the first R. */
	readonly oneRecall: readonly { readonly r: number; readonly value: number }[];
	readonly ms: Timing;
	/** Share of all vectors. */
	readonly scanned: number;
	/** Shares of the true neighbours: in cells not opened, behind the candidates kept, passed by in a graph. */
	readonly losses: Losses;
}

const HELP = `
The truth is computed from --vectors, the file the index was built from, or read
from --truth: one row of labels per query, nearest first, at least k wide.

With --queries <n>, n of the vectors are drawn as queries, and each is left out
of its own answer. Vectors the index has never seen are the better test: give a
file of them where there is one.

1R@R is the share of queries whose nearest neighbour is among the first R found.
Below it stands where the rest was lost: in cells that were not opened (a higher
--nprobe finds it), or behind the candidates that were kept, by a code that is
too coarse (a higher --k-factor, build --refine or longer codes). The suggestion
is the cheapest that loses no more than --max-loss to either; vecino explain
shows single queries.

Examples:
  vecino recall sift.vecino --vectors base.bvecs --queries query.bvecs \
    --nprobe 4,8,16,32
  vecino recall sift.vecino --queries query.bvecs --truth truth.ivecs -k 100`;

export function registerRecall(program: Command): void {
	addCommand(program, 'recall <index>', 'measure recall and speed of an index file')
		.option('--vectors <file>', 'the vectors in the index')
		.requiredOption(
			'--queries <n|file>',
			'a file of queries, or how many of the vectors to draw',
			countOrFile(1_000_000),
		)
		.option('--truth <file>', 'the true neighbours of each query (.ivecs), instead of computing them')
		.addOption(kOption())
		.option(
			'--nprobe <list>',
			'cells opened per query, one or more (default: as measured in training)',
			integers(1, 2 ** 24),
		)
		.option('--k-factor <x>', 'candidates re-ranked per result (default: as built)', number(1, 1e6))
		.option('--ef-search <n>', 'hnsw: vectors kept in view, not less than k (default: 64)', integer(1, 2 ** 24))
		.option('--limit <n>', 'only the first n queries of the file', integer(1, 2 ** 32 - 1))
		.option(
			'--max-loss <share>',
			'what each stage may lose of the true neighbours, for the suggestion',
			number(0, 1),
			0.01,
		)
		.addOption(seedOption('seed of the draw of queries'))
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, indexPath: string, options: RecallOptions): Promise<object> {
	const { k, kFactor, efSearch } = options;
	checkSources(options);
	using index = await openIndexFile(indexPath, context);
	checkSearchOptions(index, { nprobe: options.nprobe, kFactor, efSearch });
	if (index.ntotal === 0) throw new Failure(`${indexPath}: the index is empty`);
	const { queries, truth, own } = await prepare(context, index, indexPath, options);
	const { ivf } = partsOf(index);
	const nprobes =
		ivf === undefined ? [null] : [...new Set((options.nprobe ?? [ivf.nprobe]).map((n) => Math.min(n, ivf.nlist)))];

	const rows: RecallRow[] = [];
	let suggestion: Suggestion | undefined;
	for (const nprobe of nprobes) {
		const params: RefineSearchParams = {
			...(nprobe && { nprobe }),
			...(kFactor && { kFactor }),
			...(efSearch && { efSearch }),
		};
		const width = own === undefined ? k : k + 1;
		const { found, ms } = await searchEach(context, queries, width, (q) => index.search(q, width, params));
		const stats = { nq: 0, ndis: 0, nlistsVisited: 0 };
		await index.searchAsync(queries, width, { ...params, stats, signal: context.signal });
		const mine = own === undefined ? found : withoutOwn(found, own, k);
		const { losses, ...report } = await measureRecallAsync(index, {
			...params,
			...context.run,
			queries,
			truth,
			k,
			maxLoss: options.maxLoss,
			suggest: rows.length === 0,
			...(own && { own }),
		});
		suggestion ??= report.suggestion;
		rows.push({
			nprobe,
			recall: recallInterval(mine, truth, k),
			oneRecall: [1, 10, 100].filter((r) => r <= k).map((r) => ({ r, value: oneRecallAtR(mine, truth, r) })),
			ms,
			scanned: stats.ndis / stats.nq / index.ntotal,
			losses,
		});
	}
	const from = own === undefined ? `of ${basename(String(options.queries))}` : 'drawn from the vectors';
	context.say(
		`${identify(index).type}, ${count(index.ntotal)} vectors, ${bytes(index.byteLength)}; ${plural(queries.n, 'query', 'queries')} ${from}\n`,
	);
	context.say(render(rows, k));
	context.say(`\n${renderLosses(rows)}`);
	const advice = renderSuggestion(suggestion!, k, options.maxLoss);
	if (advice !== '') context.say(`\n${advice}`);
	return {
		command: 'recall',
		index: { ...identify(index), residentBytes: index.byteLength },
		queries: { source: own === undefined ? basename(String(options.queries)) : 'drawn', count: queries.n },
		k,
		results: rows,
		maxLoss: options.maxLoss,
		suggestion: { ...suggestion!, nprobe: suggestion!.nprobe ?? null, kFactor: suggestion!.kFactor ?? null },
	};
}

function checkSources({ vectors, queries, truth, k }: RecallOptions): void {
	if (typeof queries === 'number' && k > 65535) throw new UsageError('--k must be less than 65536 for drawn queries');
	if (typeof queries === 'number' && vectors === undefined) {
		throw new UsageError('--queries with a number draws from --vectors: give the file the index was built from');
	}
	if (typeof queries === 'number' && truth !== undefined) {
		throw new UsageError('--truth belongs to a file of queries, not to drawn ones');
	}
	if (vectors === undefined && truth === undefined) {
		throw new UsageError('what is the truth? Give --vectors, the file the index was built from, or --truth');
	}
}

interface Prepared {
	readonly queries: VectorSet;
	readonly truth: LabelMatrix;
	/** For queries drawn from the index: the label of each. */
	readonly own?: Float64Array;
}

async function prepare(context: Context, index: Index, indexPath: string, options: RecallOptions): Promise<Prepared> {
	const { k } = options;
	if (typeof options.queries === 'string' && options.truth !== undefined) {
		const queries = await readQueries(context, index, indexPath, options);
		return { queries, truth: await readTruth(context, options.truth, queries.n, k) };
	}
	await using source = await openFile(options.vectors!, context);
	checkSameDimension(options.vectors!, source.d, indexPath, index.d);
	checkSameRows(indexPath, index, options.vectors!, source);
	const labelOf = labelsOf(index);
	const exact = (queries: VectorSet, width: number) =>
		exactNeighborsOfParts(parts(context, source), source.d, queries, width, {
			metric: index.metric,
			signal: context.signal,
		}).then(({ nq, labels }) => ({ nq, k: width, labels: labels.map(labelOf) }));
	if (typeof options.queries === 'string') {
		const queries = await readQueries(context, index, indexPath, options);
		return { queries, truth: await exact(queries, k) };
	}
	const rows = new Random(options.seed).sample(source.n, options.queries);
	const [queries] = await pick(context, source, [rows], 'draw queries');
	const own = Float64Array.from(rows, labelOf);
	return { queries: queries!, truth: withoutOwn(await exact(queries!, k + 1), own, k), own };
}

async function* parts(context: Context, source: Awaited<ReturnType<typeof openFile>>) {
	for await (const { start, data } of source.chunks()) {
		yield { start, data };
		context.progress.report({ phase: 'exact neighbours', done: start + data.length / source.d, total: source.n });
	}
}

async function readQueries(context: Context, index: Index, indexPath: string, options: RecallOptions) {
	const queries = await readFirst(context, options.queries as string, options.limit);
	checkSameDimension(options.queries as string, queries.d, indexPath, index.d);
	return queries;
}

async function readTruth(context: Context, path: string, nq: number, k: number): Promise<LabelMatrix> {
	const { signal } = context;
	const file = await openVectors(path, { signal });
	try {
		if (file.n < nq)
			throw new Failure(`${path} has the neighbours of ${count(file.n)} queries, ${count(nq)} are asked`);
		if (file.d < k) throw new UsageError(`${path} has ${file.d} neighbours per query, too few for k = ${k}`);
		return { nq, k: file.d, labels: await file.readInts(0, nq, { signal }) };
	} finally {
		await file.close();
	}
}

/** The first k of each row that are not the query itself. */
function withoutOwn({ nq, k: width, labels }: LabelMatrix, own: Float64Array, k: number): LabelMatrix {
	const out = new Float64Array(nq * k).fill(-1);
	for (let i = 0; i < nq; i++) {
		let at = i * k;
		for (let j = i * width; j < (i + 1) * width && at < (i + 1) * k; j++) {
			if (labels[j] !== own[i]) out[at++] = labels[j]!;
		}
	}
	return { nq, k, labels: out };
}

function render(rows: readonly RecallRow[], k: number): string {
	const cells = rows[0]!.nprobe !== null;
	const ranks = rows[0]!.oneRecall.map(({ r }) => `1R@${r}`);
	const head = [...(cells ? ['nprobe'] : []), `recall@${k} (95 % interval)`, ...ranks, 'ms per query', 'scanned'];
	const body = rows.map((row) => [
		...(cells ? [String(row.nprobe)] : []),
		interval(row.recall),
		...row.oneRecall.map(({ value }) => recall(value)),
		millis(row.ms.median),
		percent(row.scanned),
	]);
	return table(head, body, 0);
}

/** Where recall was lost, one line for each nprobe. */
function renderLosses(rows: readonly RecallRow[]): string {
	const cells = rows[0]!.nprobe !== null;
	const walks = rows.some(({ losses }) => losses.notReached > 0);
	const head = [...(cells ? ['nprobe', 'lost: cell not probed'] : []), ...(walks ? ['lost: not reached'] : [])];
	const body = rows.map(({ nprobe, losses }) => [
		...(cells ? [String(nprobe), percent(losses.cellNotProbed)] : []),
		...(walks ? [percent(losses.notReached)] : []),
		percent(losses.codeTooCoarse),
	]);
	return table([...head, cells || walks ? 'code too coarse' : 'lost: code too coarse'], body, 0);
}

function renderSuggestion({ nprobe, kFactor, needsStore, recall }: Suggestion, k: number, maxLoss: number): string {
	const change = [
		...(nprobe === undefined ? [] : [`--nprobe ${nprobe}`]),
		...(kFactor === undefined || (kFactor === 1 && !needsStore) ? [] : [`--k-factor ${roundUp(kFactor)}`]),
	];
	if (change.length === 0) return '';
	const result = needsStore ? ', after build --refine' : `: recall@${k} ${interval(recall)}`;
	return `to lose no more than ${percent(maxLoss)} to each: ${change.join(' ')}${result}`;
}
