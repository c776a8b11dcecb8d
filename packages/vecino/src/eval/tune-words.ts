/**
 * The report of a tuner from what it knows, at the end or when it was stopped: rows, Pareto front, and why each
 * candidate is not the one.
 */

import { kFactorOf } from './parts.ts';
import { type CostModel, type Point, reaching, recallsOf, type Score, scoreOf } from './tune-choose.ts';
import type { Counts, Subject } from './tune-count.ts';
import type { TuneCandidate, TunedParams, TuneReport, TuneRow } from './tune-report.ts';
import type { Shape } from './tune-shapes.ts';

/** A candidate that was measured. */
export interface Tried {
	readonly shape: Shape;
	readonly subject: Subject;
	readonly counts: Counts;
	readonly cost: CostModel;
	readonly points: readonly Point[];
	readonly seconds: number;
}

/** A setting that was timed and searched with. */
export interface Verified {
	readonly tried: Tried;
	readonly point: Point;
	readonly microseconds: number;
	readonly bytesPerVector: number;
	readonly perQuery: Float64Array;
	readonly score: Score;
}

/** Recall of the rows that a report shows of a candidate. */
const SHOWN = [0.5, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995, 1];

export function paramsOf({ parts, store }: Subject, { nprobe, wide }: Point, k: number): TunedParams {
	if (parts.hnsw !== undefined) return { efSearch: nprobe };
	return {
		...(parts.ivf !== undefined && { nprobe }),
		...(store !== undefined && { kFactor: kFactorOf(wide, k) }),
	};
}

export function rowOf(tried: Tried, point: Point, k: number): TuneRow {
	const { shape, counts } = tried;
	const { recall, worst } = scoreOf(recallsOf(counts, point.pair));
	return {
		factory: shape.factory,
		params: paramsOf(tried.subject, point, k),
		...{ recall, worst, microseconds: point.microseconds, bytesPerVector: shape.bytesPerVector },
		...{ measured: false, pareto: false },
	};
}

export function verifiedRow({ tried, point, microseconds, bytesPerVector, score }: Verified, k: number): TuneRow {
	const { factory } = tried.shape;
	const params = paramsOf(tried.subject, point, k);
	return { factory, params, ...score, microseconds, bytesPerVector, measured: true, pareto: false };
}

/** Rows worth showing, by recall, with the Pareto front marked. */
export function rowsOf(all: readonly Tried[], verified: readonly Verified[], k: number): TuneRow[] {
	const rows = verified.map((one) => verifiedRow(one, k));
	const known = new Set(rows.map(keyOf));
	for (const tried of all) {
		for (const recall of SHOWN) {
			const point = reaching(tried.points, recall)[0];
			if (point === undefined) break;
			const row = rowOf(tried, point, k);
			if (known.has(keyOf(row))) continue;
			known.add(keyOf(row));
			rows.push(row);
		}
	}
	rows.sort((a, b) => a.recall.mean - b.recall.mean || a.microseconds - b.microseconds);
	const front = rows.filter((row) => !rows.some((other) => dominates(other, row)));
	// Better by less than can be measured is no better.
	const kept: TuneRow[] = [];
	for (const row of [...front].sort((a, b) => Number(b.measured) - Number(a.measured) || cost(a) - cost(b))) {
		if (!kept.some((other) => dominates(other, worsened(row)))) kept.push(row);
	}
	return rows.map((row) => ({ ...row, pareto: kept.includes(row) }));
}

const cost = ({ microseconds, bytesPerVector }: TuneRow): number => microseconds * bytesPerVector;

function worsened(row: TuneRow): TuneRow {
	const { recall, microseconds, bytesPerVector } = row;
	const mean = recall.mean - 0.003;
	return {
		...row,
		recall: { ...recall, mean },
		microseconds: 1.05 * microseconds,
		bytesPerVector: 1.02 * bytesPerVector,
	};
}

function keyOf({ factory, params }: TuneRow): string {
	return JSON.stringify([factory, params]);
}

/** Whether a finds as much for no more of anything, and does better in something. */
export function dominates(a: TuneRow, b: TuneRow): boolean {
	const [x, y] = [a.recall.mean - b.recall.mean, b.microseconds - a.microseconds];
	const z = b.bytesPerVector - a.bytesPerVector;
	return x >= 0 && y >= 0 && z >= 0 && (x > 0 || y > 0 || z > 0);
}

const micros = (us: number): string => `${us < 10 ? us.toFixed(1) : Math.round(us)} µs`;
const times = (ratio: number): string => `${ratio.toFixed(ratio < 10 ? 1 : 0)} times`;
const bytes = (count: number): string => `${count.toFixed(count < 100 ? 1 : 0)} bytes per vector`;

export function sayParams({ nprobe, kFactor, efSearch }: TunedParams): string {
	const words = [
		...(nprobe === undefined ? [] : [`nprobe ${nprobe}`]),
		...(kFactor === undefined ? [] : [`kFactor ${Math.ceil(kFactor * 100 - 1e-6) / 100}`]),
		...(efSearch === undefined ? [] : [`efSearch ${efSearch}`]),
	];
	return words.length === 0 ? 'no parameters' : words.join(', ');
}

type Target = TuneReport['target'];

/** What became of a candidate that was measured. `chosen`: undefined while there is none. */
export function judgeTried(
	tried: Tried,
	target: Target,
	chosen: (TuneRow & { readonly met?: boolean }) | undefined,
	best: TuneRow | undefined,
): TuneCandidate {
	const { shape, points, seconds, counts } = tried;
	const base = { factory: shape.factory, bytesPerVector: shape.bytesPerVector, seconds };
	const most = points.reduce((a, b) => (b.recall > a.recall ? b : a));
	if (chosen?.factory === shape.factory) {
		const { recall, microseconds, bytesPerVector, params } = chosen;
		const why = `Chosen: recall ${recall.mean.toFixed(3)} in ${micros(microseconds)} with ${sayParams(params)}, ${bytes(bytesPerVector)}.`;
		return { ...base, outcome: 'chosen', best: chosen, why };
	}
	if (best === undefined) {
		const row = rowOf(tried, most, counts.k);
		const why = `Finds ${row.recall.mean.toFixed(3)} at most, ${target.recall} is asked for: ${tried.subject.store === undefined ? 'its codes are' : 'its codes or its store are'} too coarse.`;
		return { ...base, outcome: 'recall', best: row, why };
	}
	const found = `Reaches ${target.recall} in ${micros(best.microseconds)} with ${sayParams(best.params)}`;
	if (target.latencyMs !== null && best.microseconds > target.latencyMs * 1000) {
		return { ...base, outcome: 'latency', best, why: `${found}, longer than the ${target.latencyMs} ms allowed.` };
	}
	if (chosen === undefined)
		return { ...base, outcome: 'slower', best, why: `${found}, ${bytes(shape.bytesPerVector)}.` };
	const slower = best.microseconds / chosen.microseconds;
	const larger = shape.bytesPerVector / chosen.bytesPerVector;
	if (target.latencyMs !== null || (slower < 1.1 && larger > 1.005)) {
		return {
			...base,
			outcome: 'larger',
			best,
			why: `${found}; takes ${bytes(shape.bytesPerVector)}, ${times(larger)} as much.`,
		};
	}
	const long = slower < 1.1 ? 'about as long' : `${times(slower)} as long`;
	return { ...base, outcome: 'slower', best, why: `${found}, ${long} as the one chosen.` };
}

export function reportText(report: Omit<TuneReport, 'text'>): string {
	const { chosen, target, k, candidates, queries, complete, seconds } = report;
	const tried = candidates.filter(({ best }) => best !== null).length;
	const lines: string[] = [];
	if (!complete) lines.push(`Stopped after ${tried} of ${candidates.length} candidates.`);
	if (chosen === null) lines.push('Nothing could be chosen.');
	else {
		const { low, high, mean } = chosen.recall;
		const from = chosen.measured
			? `${queries.verify} queries that had no part in the choice`
			: 'the queries of the choice';
		lines.push(
			`${chosen.factory} with ${sayParams(chosen.params)}: recall@${k} ${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}) over ${from}, the worst 5 % of them ${chosen.worst.toFixed(3)}; ${micros(chosen.microseconds)} per query, ${bytes(chosen.bytesPerVector)}.`,
		);
		if (!chosen.met) lines.push(`That is not what was asked for (recall ${target.recall}): nothing tried does better.`);
		if (queries.source === 'rows') lines.push('The queries are rows of the data: other queries may be harder.');
	}
	lines.push(
		`Took ${seconds.actual.toFixed(1)} s; building all and timing every setting would take about ${seconds.grid.toFixed(0)} s.`,
	);
	return lines.join('\n');
}
