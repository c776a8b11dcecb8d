/**
 * What the tuner found, for people: the choice, the Pareto table, why the others lost, how to make it again.
 */

import type { TunedParams, TuneReport, TuneRow } from 'vecino';
import { facts, indent, interval, millis, recall, roundUp, seconds, table } from './output.ts';
import { shellQuote } from './report/escape.ts';

/** nprobe 16, kFactor 5 */
export function paramsText({ nprobe, kFactor, efSearch }: TunedParams): string {
	const words = [
		...(nprobe === undefined ? [] : [`nprobe ${nprobe}`]),
		...(kFactor === undefined ? [] : [`kFactor ${roundUp(kFactor)}`]),
		...(efSearch === undefined ? [] : [`efSearch ${efSearch}`]),
	];
	return words.join(', ');
}

/** Rows are shown from so much below the recall asked for. */
const SHOWN = 0.12;

export function renderTune(report: TuneReport): string {
	const parts = [renderChosen(report)];
	const front = report.rows.filter((row) => row.pareto && row.recall.mean > report.target.recall - SHOWN);
	if (front.length > 0) parts.push(`Pareto front (all settings of it: --json)\n${indent(renderRows(front, report.k))}`);
	if (report.candidates.length > 1) parts.push(`Why the others lost\n${indent(renderLosers(report))}`);
	const { actual, forecast, grid } = report.seconds;
	const cost = `took ${seconds(actual)} (forecast ${seconds(forecast)}); building and timing every setting: about ${seconds(grid)}`;
	parts.push(report.complete ? cost : `stopped: what was known by then; ${cost}`);
	return parts.join('\n\n');
}

function renderChosen({ chosen, k, target, queries, n }: TuneReport): string {
	if (chosen === null) return 'nothing could be chosen';
	const over = chosen.measured
		? `${queries.verify} queries that did not choose`
		: 'the queries that chose; not verified';
	const rows: [string, string][] = [
		['index', chosen.factory],
		['search with', paramsText(chosen.params) || 'no parameters'],
		[`recall@${k}`, `${interval(chosen.recall)} over ${over}; worst 5 %: ${recall(chosen.worst)}`],
		['time', `${millis(chosen.microseconds / 1000)} ms per query, one thread`],
		[
			'memory',
			`${chosen.bytesPerVector.toFixed(1)} bytes per vector, ${((chosen.bytesPerVector * n) / 1e6).toFixed(1)} MB`,
		],
	];
	if (!chosen.met)
		rows.push([
			'but',
			`recall ${target.recall}${target.latencyMs === null ? '' : ` in ${target.latencyMs} ms`} was asked for: no candidate does that`,
		]);
	return facts(rows);
}

function renderRows(rows: readonly TuneRow[], k: number): string {
	const head = ['index', 'parameters', `recall@${k}`, 'worst 5 %', 'ms per query', 'bytes per vector', ''];
	const body = rows.map((row) => [
		row.factory,
		paramsText(row.params),
		recall(row.recall.mean),
		recall(row.worst),
		millis(row.microseconds / 1000),
		row.bytesPerVector.toFixed(1),
		row.measured ? 'measured' : 'forecast',
	]);
	return table(head, body, 2);
}

function renderLosers({ candidates }: TuneReport): string {
	const lost = candidates.filter(({ outcome }) => outcome !== 'chosen');
	return facts(lost.map(({ factory, why }) => [factory, why]));
}

/** The commands that make the index chosen and search it. */
export function buildCommand(report: TuneReport, vectors: string, output: string | undefined): string[] | undefined {
	const { chosen, metric, seed } = report;
	if (chosen === null) return undefined;
	const { nprobe, kFactor, efSearch } = chosen.params;
	const metricFlag = metric === 'l2' ? '' : ` --metric ${metric}`;
	const seedFlag = seed === 1234 ? '' : ` --seed ${seed}`;
	const name = output ?? 'tuned.vecino';
	const search = [
		...(nprobe === undefined ? [] : [` --nprobe ${nprobe}`]),
		...(kFactor === undefined ? [] : [` --k-factor ${roundUp(kFactor)}`]),
		...(efSearch === undefined ? [] : [` --ef-search ${efSearch}`]),
	];
	return [
		`vecino build ${quoted(vectors)} -o ${quoted(name)} --index "${chosen.factory}"${metricFlag}${seedFlag}`,
		`vecino recall ${quoted(name)} --vectors ${quoted(vectors)} --queries 100${search.join('')}`,
	];
}

/** As a shell takes it; placeholders such as <vectors> stand as they are. */
function quoted(path: string): string {
	return /^<[\w ]+>$/.test(path) ? path : shellQuote(path);
}
