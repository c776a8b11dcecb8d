/**
 * The report of `vecino tune`: what was chosen for a target, what else there was, and what became of each candidate.
 */

import type { ChosenSetting, TuneCandidate, TunedParams, TuneReport, TuneRow } from 'vecino';
import { bytes, count, millis, percent, plural, recall, seconds } from '../output.ts';
import { escapeHtml } from './escape.ts';
import { commandLine, machineFacts, version } from './machine.ts';
import { type Cell, type Column, type Html, plain, prose, renderPage, table } from './page.ts';
import type { ReportPoint } from './points.ts';
import { choice, type Measured, memorySection, speedSection } from './sections.ts';

/** The page. @param name - Of the vectors. @param reproduce - Commands that build and measure the index chosen. */
export async function tuneReport(
	report: TuneReport,
	name: string,
	reproduce: readonly string[] = [],
	command: readonly string[] = commandLine(),
): Promise<string> {
	const { n, d, k, metric, target, chosen, candidates, rows } = report;
	const points = rows.map((row, i) => pointOf(row, i, chosen));
	const measured: Measured = {
		k,
		d,
		exactMs: null,
		target: { recall: target.recall, bytesPerVector: target.bytesPerVector, ms: target.latencyMs },
	};
	const pictures =
		points.length === 0 ? [] : [await memorySection(points, measured, [COUNTED]), await speedSection(points, measured)];
	const sections: Html[] = [
		plain(
			'chosen',
			chosen === null ? 'Nothing could be chosen' : `Chosen: ${chosen.factory}`,
			chosenBody(report, reproduce),
		),
		...(points.length === 0
			? []
			: [choice(points, measured, 'Settings that were counted, not searched, are here with their forecast of time.')]),
		...pictures,
		...(candidates.length === 0
			? []
			: [plain('candidates', 'What became of each index', candidateTable(candidates), true)]),
		...(points.length === 0 ? [] : [plain('settings', 'All settings', settingsTable(rows, points, k), true)]),
	];
	return renderPage({
		title: `${name}: an index for recall@${k} of ${target.recall}`,
		lead: report.text,
		facts: [
			['vectors', `${name}: ${count(n)}, d = ${d}; ${bytes(n * d * 4)} as float32`],
			['asked for', askedFor(report)],
			['queries', queriesText(report)],
			['measured', `recall@${k}, metric ${metric}, seed ${report.seed}${sampleText(report)}`],
			[
				'took',
				`${seconds(report.seconds.actual)} (forecast ${seconds(report.seconds.forecast)}); a grid of builds and searches: ${seconds(report.seconds.grid)}, forecast`,
			],
			...machineFacts(),
		],
		command,
		sections,
		made: `vecino ${version()}`,
	});
}

const COUNTED =
	'Most points were not searched one by one: recall is counted from one instrumented pass over the queries, and time is forecast. The table says which were measured by real searches.';

function pointOf(row: TuneRow, i: number, chosen: ChosenSetting | null): ReportPoint {
	return {
		no: i + 1,
		name: nameOf(row),
		series: familyOf(row.factory),
		reranked: /(?:^|,)(?:RFlat|Refine\()/.test(row.factory),
		recall: row.recall,
		bytesPerVector: row.bytesPerVector,
		ms: row.microseconds / 1000,
		front: row.pareto,
		losses: null,
		chosen: chosen !== null && nameOf(chosen) === nameOf(row),
	};
}

function nameOf({ factory, params }: TuneRow): string {
	const said = paramsText(params);
	return said === '' ? factory : `${factory}, ${said}`;
}

export function paramsText({ nprobe, kFactor, efSearch }: TunedParams): string {
	return [
		...(nprobe === undefined ? [] : [`nprobe ${nprobe}`]),
		...(kFactor === undefined ? [] : [`kFactor ${shortest(kFactor)}`]),
		...(efSearch === undefined ? [] : [`efSearch ${efSearch}`]),
	].join(', ');
}

const shortest = (value: number): string => String(Number(value.toPrecision(4)));

/** What kind of code an index has, whatever the sizes: IVF1024,PQ32x4fsr,RFlat is of the family IVF PQ x4fsr. */
export function familyOf(factory: string): string {
	const parts = factory
		.replace(/,?(?:RFlat|Refine\(.*\))$/, '')
		.split(/,(?![^(]*\))/)
		.filter((part) => !/^(?:L2norm|PCA|OPQ|RR|Pad|IDMap)/.test(part));
	return parts.map((part) => part.replace(/^(IVF|HNSW|PQ)\d+(_HNSW\d+)?/, '$1').replace(/^PQx/, 'PQ x')).join(' ');
}

function askedFor({ k, target: { recall, bytesPerVector, latencyMs } }: TuneReport): string {
	return [
		`recall@${k} of at least ${recall}`,
		...(bytesPerVector === null ? [] : [`at most ${bytesPerVector} bytes per vector`]),
		...(latencyMs === null ? [] : [`at most ${millis(latencyMs)} ms per query`]),
	].join(', ');
}

function queriesText({ queries: { source, choose, verify } }: TuneReport): string {
	const from = source === 'given' ? 'given' : 'drawn from the vectors, each left out of its own answer';
	return `${count(choose)} to choose with, ${count(verify)} others to verify; ${from}`;
}

function sampleText({ sampleRows, n }: TuneReport): string {
	return sampleRows === null ? '' : `; candidates were compared on ${count(sampleRows)} of the ${count(n)} vectors`;
}

function chosenBody({ chosen, complete, k, n }: TuneReport, reproduce: readonly string[]): Html {
	const early = complete ? '' : `<p>${prose('The run was interrupted: this is what was known by then.')}</p>`;
	if (chosen === null)
		return `${early}<p>${prose('No index reached what was asked for; see what became of each below.')}</p>`;
	const { met, recall: mean, wilson } = chosen;
	const how = chosen.measured
		? 'measured by real searches with queries that had no part in choosing'
		: 'counted over the queries that it was chosen with, time forecast: nothing was verified yet';
	const said = met
		? `Recall, memory and time are what was asked for, ${how}.`
		: `It falls short of what was asked for, ${how}.`;
	const facts: [string, string][] = [
		['search with', paramsText(chosen.params) || 'no parameters'],
		[
			`recall@${k}`,
			`${recall(mean.mean)} (${recall(mean.low)} to ${recall(mean.high)}); taking each neighbour as a trial, ${recall(wilson.low)} to ${recall(wilson.high)}`,
		],
		['worst 5 % of queries', recall(chosen.worst)],
		[
			'time',
			`${millis(chosen.microseconds / 1000)} ms per query (forecast ${millis(chosen.forecastMicroseconds / 1000)})`,
		],
		[
			'memory',
			`${chosen.bytesPerVector.toFixed(1)} bytes per vector, ${bytes(chosen.bytesPerVector * n)} for ${plural(n, 'vector')}`,
		],
	];
	const list = facts.map(([name, value]) => `<dt>${prose(name)}</dt><dd>${prose(value)}</dd>`).join('\n');
	const lines = reproduce.length === 0 ? '' : `\n<pre><code>${escapeHtml(reproduce.join('\n'))}</code></pre>`;
	return `${early}<p>${prose(said)}</p>\n<dl>\n${list}\n</dl>${lines}`;
}

const number = (value: number, text: string): Cell => ({ value, text });

function candidateTable(candidates: readonly TuneCandidate[]): Html {
	const columns: Column[] = [
		{ head: 'index', text: true },
		{ head: 'outcome', text: true },
		{ head: 'bytes per vector' },
		{ head: 'recall', group: 'best setting' },
		{ head: 'ms', group: 'best setting' },
		{ head: 'parameters', group: 'best setting', text: true },
		{ head: 'took' },
		{ head: 'why', text: 'wrap' },
	];
	const rows = candidates.map(({ factory, outcome, bytesPerVector, best, seconds: took, why }) => ({
		front: outcome === 'chosen',
		cells: [
			factory,
			outcome,
			number(bytesPerVector, bytesPerVector.toFixed(1)),
			best && number(best.recall.mean, recall(best.recall.mean)),
			best && number(best.microseconds / 1000, millis(best.microseconds / 1000)),
			best && paramsText(best.params),
			took === 0 ? null : number(took, seconds(took)),
			why,
		],
	}));
	return table(
		'candidates-c',
		'Every index that came into question. The best setting is the cheapest that reaches the recall, else the one that finds most.',
		columns,
		rows,
	);
}

function settingsTable(rows: readonly TuneRow[], points: readonly ReportPoint[], k: number): Html {
	const columns: Column[] = [
		{ head: '#' },
		{ head: 'front', text: true },
		{ head: 'index', text: true },
		{ head: 'parameters', text: true },
		{ head: 'mean', group: `recall@${k}` },
		{ head: 'low', group: `recall@${k}` },
		{ head: 'high', group: `recall@${k}` },
		{ head: 'worst 5 %', group: `recall@${k}` },
		{ head: 'ms' },
		{ head: 'bytes per vector' },
		{ head: 'how', text: true },
	];
	const body = rows.map((row, i) => ({
		front: row.pareto,
		cells: [
			number(i + 1, String(i + 1)),
			`${row.pareto ? '★' : ''}${points[i]!.chosen ? ' chosen' : ''}`.trim(),
			row.factory,
			paramsText(row.params),
			number(row.recall.mean, recall(row.recall.mean)),
			number(row.recall.low, recall(row.recall.low)),
			number(row.recall.high, recall(row.recall.high)),
			number(row.worst, recall(row.worst)),
			number(row.microseconds / 1000, millis(row.microseconds / 1000)),
			number(row.bytesPerVector, row.bytesPerVector.toFixed(1)),
			row.measured ? 'measured' : 'counted',
		],
	}));
	const share = rows.filter(({ measured }) => measured).length / Math.max(1, rows.length);
	const note = `★ Pareto front. low and high: 95 % interval. ${percent(share)} of the rows were measured by real searches; of the others recall is counted and time is forecast.`;
	return table('settings-c', note, columns, body);
}
