/**
 * Sections that every report has: recall against memory and speed, where recall is lost, what to take.
 */

import { count, millis, percent, plural, recall as showRecall } from '../output.ts';
import { lossBars } from './charts.ts';
import { type Column, type Html, type KeyEntry, key, picture, pictured, plain, prose, table } from './page.ts';
import { picks, type ReportPoint } from './points.ts';
import { type Cost, recallAgainst, seriesColours } from './recall-chart.ts';
import { CELLS, CODES, INK, SERIES, SOFT } from './theme.ts';

/** What the sections are about. */
export interface Measured {
	readonly k: number;
	readonly d: number;
	/** Median milliseconds of an exact scan, where it was timed. */
	readonly exactMs: number | null;
	/** What was asked of a tuner. */
	readonly target?: { readonly recall: number; readonly bytesPerVector: number | null; readonly ms: number | null };
}

/** Bars drawn at most: the table has the others. */
const MOST_BARS = 24;

/** For each recall that is often wanted, the smallest and the fastest of what was measured. */
export function choice(points: readonly ReportPoint[], { k, d }: Measured, extra = ''): Html {
	const chosen = picks(points);
	const store = chosen.some(({ smallest, fastest }) => smallest?.reranked || fastest?.reranked)
		? ' Settings that re-rank keep the vectors to re-rank with in memory as well.'
		: '';
	const columns: Column[] = [
		{ head: 'recall' },
		{ head: 'setting', group: 'smallest', text: true },
		{ head: 'bytes per vector', group: 'smallest' },
		{ head: 'ms', group: 'smallest' },
		{ head: 'setting', group: 'fastest', text: true },
		{ head: 'bytes per vector', group: 'fastest' },
		{ head: 'ms', group: 'fastest' },
	];
	const cells = (point: ReportPoint | null) =>
		point === null
			? ['none of these', null, null]
			: [
					`${point.no}: ${point.name}`,
					{ value: point.bytesPerVector, text: point.bytesPerVector.toFixed(1) },
					{ value: point.ms, text: millis(point.ms) },
				];
	const rows = chosen.map(({ target, smallest, fastest }) => ({
		cells: [{ value: target, text: `≥ ${target.toFixed(2)}` }, ...cells(smallest), ...cells(fastest)],
	}));
	const words = `<p>${prose(
		`The fewest bytes, and the least time, with which recall@${k} reached so much. Sizes are of everything that must stay in memory, over the number of vectors; as float32 one takes ${count(d * 4)} bytes.${store} ${extra}`.trim(),
	)}</p>`;
	return plain(
		'choice',
		'What reaches which recall',
		words + table('choice-c', 'Smallest and fastest setting for a recall', columns, rows),
	);
}

/** What finds so much less than was asked for is not drawn, so that the rest can be told apart. */
const BELOW_TARGET = 0.2;
/** Points drawn at most; of more, only the front. */
const MOST_POINTS = 300;

function drawn(points: readonly ReportPoint[], { target }: Measured): readonly ReportPoint[] {
	const low = target === undefined ? 0 : target.recall - BELOW_TARGET;
	const near = points.filter(({ recall }) => recall.mean >= low);
	if (near.length === 0) return points;
	return near.length > MOST_POINTS ? near.filter(({ front, chosen }) => front || chosen) : near;
}

function drawnWords(points: readonly ReportPoint[], measured: Measured): string[] {
	const left = points.length - drawn(points, measured).length;
	const target =
		measured.target === undefined
			? ''
			: 'The long-dashed line is the recall that was asked for; the ring is around what was chosen. ';
	const out =
		left === 0 ? '' : `${plural(left, 'setting')} of less interest ${left === 1 ? 'is' : 'are'} in the table only.`;
	return target + out === '' ? [] : [(target + out).trim()];
}

export async function memorySection(
	points: readonly ReportPoint[],
	measured: Measured,
	extra: readonly string[],
): Promise<Html> {
	const { k, d, target } = measured;
	const shown = drawn(points, measured);
	const most = target?.bytesPerVector ?? null;
	const cost: Cost = {
		title: `Recall@${k} against bytes per vector`,
		desc: `Each point is a setting. ${bestOf(points, ({ bytesPerVector }) => `${bytesPerVector.toFixed(1)} bytes per vector`)} All numbers are in the table of settings.`,
		label: 'bytes per vector, everything resident',
		of: ({ bytesPerVector }) => bytesPerVector,
		reference: { value: d * 4, label: `float32: ${count(d * 4)}` },
		limit: most === null ? null : { value: most, label: `at most ${most}` },
		show: (bytes) => `${bytes.toFixed(1)} bytes per vector`,
	};
	const figure =
		pointKey(shown, 'most recall for the memory') +
		(await picture('memory-c', recallAgainst(shown, cost, target?.recall)));
	return pictured('memory', 'Recall against memory', figure, [
		`Up is better, left is better. Recall@${k} is the share of the ${k} true nearest neighbours that a search returns; the thin bars are 95 % intervals over the queries.`,
		'Filled and numbered: the Pareto front. No other setting has at least that recall with no more memory and no more time. What is hollow can be left out of the choice.',
		...drawnWords(points, measured),
		...extra,
	]);
}

export async function speedSection(points: readonly ReportPoint[], measured: Measured): Promise<Html> {
	const { k, exactMs, target } = measured;
	const shown = drawn(points, measured);
	const most = target?.ms ?? null;
	const cost: Cost = {
		title: `Recall@${k} against milliseconds per query`,
		desc: `Each point is a setting. ${bestOf(points, ({ ms }) => `${millis(ms)} ms`)} All numbers are in the table of settings.`,
		label: 'milliseconds per query (median, one thread)',
		of: ({ ms }) => ms,
		reference: exactMs === null ? null : { value: exactMs, label: `exact scan: ${millis(exactMs)} ms` },
		limit: most === null ? null : { value: most, label: `at most ${millis(most)} ms` },
		show: (ms) => `${millis(ms)} ms per query`,
	};
	const figure =
		pointKey(shown, 'most recall for the time') +
		(await picture('speed-c', recallAgainst(shown, cost, target?.recall)));
	return pictured('speed', 'Recall against speed', figure, [
		`The same settings by the time that one query takes on one thread, alone.${exactMs === null ? '' : ' The dashed line is what comparing with every vector takes.'}`,
		'More cells opened (nprobe) cost time and no memory. Along one index recall rises with them, and then no more: from there on the codes are the limit, and only longer ones or re-ranking help.',
	]);
}

export async function lossSection(points: readonly ReportPoint[], { k }: Measured): Promise<Html> {
	const counted = points.filter(({ losses }) => losses !== null);
	const shown = mostTelling(counted);
	const figure =
		key([
			{ mark: 'box', colour: CELLS, text: 'in cells that were not opened' },
			{ mark: 'box', colour: CODES, text: 'to codes that are too coarse' },
		]) + (await picture('losses-c', lossBars(shown)));
	const all = `${count(shown.length)} of ${count(counted.length)} settings, those of the Pareto front first; the table has the others.`;
	return pictured('losses', 'Where recall is lost', figure, [
		`A true neighbour that is missing was either in a cell that the search did not open, or it was seen and its code put it behind the first ${k}.`,
		'Mostly cells: open more of them (nprobe). Mostly codes: give a code more bytes (m, nbits), or re-rank more candidates.',
		verdict(counted),
		...(shown.length < counted.length ? [all] : []),
	]);
}

/** Which of the two is the larger at the best point without losses to spare. */
function verdict(points: readonly ReportPoint[]): string {
	const best = points.reduce((a, b) => (b.recall.mean > a.recall.mean ? b : a));
	const { cellNotProbed, codeTooCoarse } = best.losses!;
	const told = `The highest recall here, ${showRecall(best.recall.mean)} (setting ${best.no}), loses ${percent(cellNotProbed)} in cells and ${percent(codeTooCoarse)} to codes`;
	if (cellNotProbed + codeTooCoarse < 0.005) return `${told}: next to nothing.`;
	return `${told}: ${cellNotProbed > codeTooCoarse ? 'more cells opened would raise it first' : 'finer codes or more candidates would raise it first'}.`;
}

function mostTelling(points: readonly ReportPoint[]): ReportPoint[] {
	if (points.length <= MOST_BARS) return [...points];
	const first = [...points].sort((a, b) => Number(b.front) - Number(a.front) || a.no - b.no).slice(0, MOST_BARS);
	return first.sort((a, b) => a.no - b.no);
}

function pointKey(points: readonly ReportPoint[], line: string): Html {
	const colours = [...seriesColours(points)];
	const entries: KeyEntry[] = colours.slice(0, SERIES.length).map(([text, colour], i) => {
		const shared = i === SERIES.length - 1 && colours.length > SERIES.length;
		return { mark: 'box', colour, text: shared ? 'others' : text };
	});
	if (entries.length === 1) entries.pop();
	if (points.some(({ reranked }) => !reranked)) entries.push({ mark: 'ring', colour: SOFT, text: 'codes alone' });
	if (points.some(({ reranked }) => reranked)) entries.push({ mark: 'diamond', colour: SOFT, text: 're-ranked' });
	entries.push({ mark: 'circle', colour: SOFT, text: 'filled: Pareto front' });
	if (points.some(({ chosen }) => chosen)) entries.push({ mark: 'ring', colour: INK, text: 'ringed: chosen' });
	entries.push({ mark: 'line', colour: SOFT, text: line });
	return key(entries);
}

/** Ends of the front, in words, for those who do not see the picture. */
function bestOf(points: readonly ReportPoint[], cost: (point: ReportPoint) => string): string {
	const best = points.reduce((a, b) => (b.recall.mean > a.recall.mean ? b : a));
	const front = points.filter(({ front }) => front).length;
	return `The highest recall is ${showRecall(best.recall.mean)} at ${cost(best)} (${best.name}); ${front} of ${points.length} settings are on the Pareto front.`;
}
