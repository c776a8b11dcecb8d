/**
 * vecino explain: why a query finds its true neighbours, or does not.
 */

import type { Command } from 'commander';
import {
	type Explanation,
	exactNeighborsOfParts,
	explain,
	type Fix,
	type Index,
	type RefineSearchParams,
	type VectorSet,
} from 'vecino';
import { loadIndex } from 'vecino/node';
import { addCommand, type Context, withContext } from '../context.ts';
import { checkSameDimension, checkSameRows, labelsOf, openFile, pick, type RowSource, readFirst } from '../data.ts';
import { identify } from '../describe.ts';
import { Failure } from '../errors.ts';
import { checkSearchOptions } from '../measure.ts';
import { integer, kOption, number } from '../options.ts';
import { count, distance, plural, roundUp, table } from '../output.ts';

interface ExplainOptions {
	readonly query: number;
	readonly queries?: string;
	readonly label?: number;
	readonly k: number;
	readonly nprobe?: number;
	readonly kFactor?: number;
	readonly efSearch?: number;
}

const HELP = `
<vectors> is the file the index was built from: the true neighbours are computed
from it. --query is a row of it, which is then its own nearest neighbour, or with
--queries a row of that file.

For each true neighbour: its place in the result or why it is missing, the rank of
its cell for the query and of its code among those scanned, what its code makes of
the distance, and the parameters that find it.

Examples:
  vecino explain sift.vecino base.bvecs --queries query.bvecs --query 7 --nprobe 8
  vecino explain sift.vecino base.bvecs --query 12 --label 4711`;

export function registerExplain(program: Command): void {
	addCommand(program, 'explain <index> <vectors>', 'show why a query finds its true neighbours, or misses them')
		.requiredOption('--query <i>', 'row of the query, counted from 0', integer(0, 2 ** 32 - 1))
		.option('--queries <file>', 'the file that --query counts in (default: <vectors>)')
		.option('--label <id>', 'only this vector, a true neighbour or not', integer(0, Number.MAX_SAFE_INTEGER))
		.addOption(kOption())
		.option('--nprobe <n>', 'cells opened (default: as measured in training)', integer(1, 2 ** 24))
		.option('--k-factor <x>', 'candidates re-ranked per result (default: as built)', number(1, 1e6))
		.option('--ef-search <n>', 'hnsw: vectors kept in view, not less than k (default: 64)', integer(1, 2 ** 24))
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, indexPath: string, vectorPath: string, options: ExplainOptions): Promise<object> {
	const { k, label, nprobe, kFactor, efSearch } = options;
	using index = await loadIndex(indexPath, context.run);
	checkSearchOptions(index, { nprobe, kFactor, efSearch });
	await using source = await openFile(vectorPath, context);
	checkSameDimension(vectorPath, source.d, indexPath, index.d);
	checkSameRows(indexPath, index, vectorPath, source);
	const query = await readQuery(context, source, vectorPath, index, indexPath, options);
	const params: RefineSearchParams = {
		...(nprobe !== undefined && { nprobe }),
		...(kFactor !== undefined && { kFactor }),
		...(efSearch !== undefined && { efSearch }),
	};
	const reports =
		label === undefined
			? await ofNeighbours(context, index, source, query, k, params)
			: [await ofLabel(context, index, vectorPath, query, label, k, params)];
	const found = reports.filter(({ verdict }) => verdict === 'found').length;
	const whole = label === undefined ? `, ${found} of ${plural(reports.length, 'true neighbour')} found` : '';
	context.say(`${identify(index).type}, ${count(index.ntotal)} vectors: query ${options.query}, k ${k}${whole}\n`);
	context.say(label === undefined ? render(reports) : reports[0]!.text);
	return {
		command: 'explain',
		index: identify(index),
		query: options.query,
		k,
		results: reports.map(toJson),
	};
}

async function readQuery(
	context: Context,
	source: RowSource,
	vectorPath: string,
	index: Index,
	indexPath: string,
	{ query, queries }: ExplainOptions,
): Promise<VectorSet> {
	if (queries === undefined) {
		checkRow(query, source.n, vectorPath);
		const [row] = await pick(context, source, [Uint32Array.of(query)], 'read the query');
		return row!;
	}
	const given = await readFirst(context, queries, query + 1);
	checkSameDimension(queries, given.d, indexPath, index.d);
	checkRow(query, given.n, queries);
	return given.slice(query, query + 1);
}

function checkRow(row: number, n: number, path: string): void {
	if (row >= n) throw new Failure(`${path} has ${plural(n, 'row')}, counted from 0: there is no row ${count(row)}`);
}

/** The k true neighbours, nearest first. */
async function ofNeighbours(
	context: Context,
	index: Index,
	source: RowSource,
	query: VectorSet,
	k: number,
	params: RefineSearchParams,
): Promise<Explanation[]> {
	const { signal } = context;
	const truth = await exactNeighborsOfParts(source.chunks(), source.d, query, k, { metric: index.metric, signal });
	const rows = truth.hits().map(({ label }) => label);
	const sorted = Uint32Array.from(rows).sort();
	const [vectors] = await pick(context, source, [sorted], 'read the neighbours');
	const labelOf = labelsOf(index);
	const byLabel = new Map([...sorted].map((row, i) => [labelOf(row), vectors!.row(i)]));
	return explain(index, query, rows.map(labelOf), { ...params, k, vectors: (label) => byLabel.get(label) });
}

/** One vector; all are read, to know how many are nearer. */
async function ofLabel(
	context: Context,
	index: Index,
	vectorPath: string,
	query: VectorSet,
	label: number,
	k: number,
	params: RefineSearchParams,
): Promise<Explanation> {
	return explain(index, query, label, { ...params, k, vectors: await readFirst(context, vectorPath) });
}

function render(reports: readonly Explanation[]): string {
	const has = (name: keyof Explanation): boolean => reports.some((one) => one[name] !== undefined);
	const cells = has('cellRank');
	const fixes = has('fix');
	const number = (value: number | undefined, show: (value: number) => string = String): string =>
		value === undefined ? '' : show(value);
	const head = [
		'#',
		'label',
		'result',
		...(cells ? ['cell rank'] : []),
		'code rank',
		'by code',
		'exact',
		'error',
		...(fixes ? ['finds it'] : []),
	];
	const body = reports.map((one, i) => [
		String(i + 1),
		String(one.label),
		one.position === undefined ? one.verdict : `found at ${one.position}`,
		...(cells ? [number(one.cellRank)] : []),
		number(one.estimatedRank),
		number(one.estimated, distance),
		number(one.exact, distance),
		number(one.relativeError, (share) => `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`),
		...(fixes ? [fixText(one.fix)] : []),
	]);
	return table(head, body, 0);
}

const FLAGS: Readonly<Record<string, string>> = {
	nprobe: '--nprobe',
	kFactor: '--k-factor',
	efSearch: '--ef-search',
	k: '-k',
};

function fixText(fix: Fix | undefined): string {
	if (fix === undefined) return '';
	return Object.entries(fix)
		.map(([name, value]) => `${FLAGS[name]} ${roundUp(value)}`)
		.join(' ');
}

/** Every field, null for what is not known. */
function toJson(report: Explanation): object {
	return Object.fromEntries(Object.entries(report).map(([name, value]) => [name, value ?? null]));
}
