/**
 * The pictures of a report as Vega-Lite specifications. Each is drawn twice, wide and narrow, because a picture that is
 * shrunk to a telephone cannot be read.
 */

import { percent, recall as showRecall } from '../output.ts';
import { placeLabels, type Side } from './place.ts';
import { type ReportPoint, seriesOf, staircase } from './points.ts';
import type { Chart } from './svg.ts';
import { CELLS, CODES, INK, PAPER, SERIES, SOFT } from './theme.ts';

/** A picture for a width. */
export type Drawing = (width: number) => Chart;

export const WIDE = 760;
export const NARROW = 350;

/** What recall is drawn against. */
export interface Cost {
	readonly title: string;
	readonly desc: string;
	readonly label: string;
	readonly of: (point: ReportPoint) => number;
	/** What doing without an index takes. */
	readonly reference: { readonly value: number; readonly label: string };
	/** In tooltips. */
	readonly show: (cost: number) => string;
}

/** Colour of each series; all are alike where there are more than colours. */
export function seriesColours(points: readonly ReportPoint[]): ReadonlyMap<string, string> {
	const all = seriesOf(points);
	return new Map(all.map((name, i) => [name, all.length > SERIES.length ? SERIES[0]! : SERIES[i]!]));
}

/** Recall against a cost on a logarithmic axis. Points on the front are filled and numbered. */
export function recallAgainst(points: readonly ReportPoint[], cost: Cost): Drawing {
	return (width) => {
		const height = width >= WIDE ? 420 : 320;
		const padding = { left: 52, right: 28, top: 24, bottom: 48 };
		const area = { width: width - padding.left - padding.right, height: height - padding.top - padding.bottom };
		const costs = [...points.map(cost.of), cost.reference.value];
		const xs = logScale(costs, area.width, width >= WIDE ? 12 : 6);
		const ys = recallScale(points, area.height);
		const colours = seriesColours(points);
		const rows = points.map((point) => ({
			x: cost.of(point),
			y: point.recall.mean,
			low: Math.max(point.recall.low, ys.domain[0]),
			high: Math.min(point.recall.high, ys.domain[1]),
			colour: colours.get(point.series)!,
			fill: point.front ? colours.get(point.series)! : PAPER,
			shape: point.reranked ? 'diamond' : 'circle',
			size: point.reranked ? 90 : 75,
			no: String(point.no),
			hint: `${point.no}: ${point.name}. Recall ${showRecall(point.recall.mean)}, ${cost.show(cost.of(point))}`,
		}));
		const pixels = points.map((point) => ({ x: xs.at(cost.of(point)), y: ys.at(point.recall.mean) }));
		const front = points.flatMap((point, i) => (point.front ? [{ ...pixels[i]!, no: point.no, row: rows[i]! }] : []));
		const sides = placeLabels(
			front.map(({ x, y, no }) => ({ x, y, width: 7 * String(no).length })),
			pixels,
			area,
		);
		const labels = front.map(({ row }, i) => ({ ...row, side: sides[i]! }));
		const steps = staircase(points, cost.of);
		if (steps.length > 0) steps.push({ x: xs.domain[1], y: steps.at(-1)!.y });
		const x = { field: 'x', type: 'quantitative', scale: { type: 'log', domain: xs.domain, nice: false } } as const;
		const y = { field: 'y', type: 'quantitative', scale: { domain: ys.domain, nice: false } } as const;
		const colour = { field: 'colour', type: 'nominal', scale: null } as const;
		const text = (side: Side) => ({
			data: { values: labels.filter((label) => label.side === side) },
			mark: { type: 'text', ...LABEL[side], fill: INK, stroke: PAPER, strokeWidth: 3 } as const,
			encoding: { x, y, text: { field: 'no' } } as const,
		});
		return {
			...{ title: cost.title, desc: cost.desc, width, height, padding },
			body: {
				layer: [
					{
						data: { values: [{ x: cost.reference.value }] },
						mark: { type: 'rule', stroke: SOFT, strokeDash: [2, 3] },
						encoding: {
							x: {
								...x,
								axis: {
									title: cost.label,
									values: xs.ticks,
									tickCount: xs.ticks.length,
									format: '~g',
									labelFlush: false,
									tickSize: 4,
								},
							},
						},
					},
					{
						data: { values: [{ x: cost.reference.value, label: cost.reference.label }] },
						mark: { type: 'text', align: xs.at(cost.reference.value) > area.width / 2 ? 'right' : 'left', fill: SOFT },
						encoding: { x, y: { value: -10 }, text: { field: 'label' } },
					},
					{
						data: { values: steps },
						mark: { type: 'line', interpolate: 'step-after', stroke: SOFT, strokeWidth: 1.2, opacity: 0.75 },
						encoding: { x, y },
					},
					{
						data: { values: rows },
						mark: { type: 'rule', strokeWidth: 1.2, opacity: 0.6 },
						encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, stroke: colour },
					},
					{
						data: { values: rows },
						mark: { type: 'point', strokeWidth: 1.6, opacity: 1 },
						encoding: {
							x,
							y: {
								...y,
								axis: {
									...yTitle('recall'),
									format: ys.format,
									values: ys.ticks,
									tickCount: ys.ticks.length,
									tickSize: 4,
								},
							},
							stroke: colour,
							fill: { field: 'fill', type: 'nominal', scale: null },
							shape: { field: 'shape', type: 'nominal', scale: null },
							size: { field: 'size', type: 'quantitative', scale: null },
							description: { field: 'hint' },
						},
					},
					...(Object.keys(LABEL) as Side[]).map(text),
				],
			},
		};
	};
}

const LABEL = {
	right: { align: 'left', baseline: 'middle', dx: 8 },
	left: { align: 'right', baseline: 'middle', dx: -8 },
	above: { align: 'center', baseline: 'bottom', dy: -7 },
	below: { align: 'center', baseline: 'top', dy: 8 },
} as const;

/** Where each point loses recall: bars of the two shares. */
export function lossBars(points: readonly ReportPoint[]): Drawing {
	return (width) => {
		const rows = points.map((point) => ({
			...point.losses!,
			name: `${point.no}: ${point.name}`,
			end: point.losses!.cellNotProbed + point.losses!.codeTooCoarse,
			recall: `recall ${showRecall(point.recall.mean)}`,
		}));
		const parts = rows.flatMap(({ name, cellNotProbed, codeTooCoarse, end }) => [
			{
				name,
				from: 0,
				to: cellNotProbed,
				fill: CELLS,
				hint: `${name}. In cells not opened: ${percent(cellNotProbed)}`,
			},
			{ name, from: cellNotProbed, to: end, fill: CODES, hint: `${name}. To coarse codes: ${percent(codeTooCoarse)}` },
		]);
		const most = Math.max(0.01, ...rows.map(({ end }) => end));
		const { frame, y, names } = barRows(
			rows.map(({ name }) => name),
			width,
			{ right: 84, bottom: 44 },
		);
		const x = linear(0, most);
		const axis = { title: 'share of the true neighbours lost', format: '~%', tickCount: 5, tickSize: 4 } as const;
		return {
			title: 'Where recall is lost',
			desc: `Two stacked bars for each setting: the share of the true neighbours lost in cells that were not opened and the share lost to codes that are too coarse. The most that is lost is ${percent(most)}.`,
			...frame,
			body: {
				layer: [
					{
						data: { values: parts },
						mark: { type: 'bar', stroke: PAPER, strokeWidth: 1, height: BAR_HEIGHT },
						encoding: {
							x: { ...x, field: 'from', axis },
							x2: { field: 'to' },
							y,
							fill: { field: 'fill', type: 'nominal', scale: null },
							description: { field: 'hint' },
						},
					},
					{
						data: { values: rows },
						mark: { type: 'text', align: 'left', dx: 6, fill: INK },
						encoding: { x: { ...x, field: 'end' }, y, text: { field: 'recall' } },
					},
					...names,
				],
			},
		};
	};
}

/** The title of a vertical axis, level and above it, as it is read. */
export function yTitle(title: string): {
	readonly title: string;
	readonly titleAngle: 0;
	readonly titleAlign: 'left';
	readonly titleAnchor: 'end';
	readonly titleX: number;
	readonly titleY: number;
} {
	return { title, titleAngle: 0, titleAlign: 'left', titleAnchor: 'end', titleX: -44, titleY: -10 };
}

export const BAR_HEIGHT = 13;

export interface BarRows {
	readonly frame: Pick<Chart, 'width' | 'height' | 'padding'>;
	/** The encoding of y. */
	readonly y: RowEncoding;
	/** Layers with the names, where these stand above the bars. */
	readonly names: Chart['body']['layer'];
}

interface RowEncoding {
	readonly field: 'name';
	readonly type: 'nominal';
	readonly scale: { readonly domain: string[]; readonly padding: 0 };
	readonly axis: {
		readonly title: null;
		readonly labelLimit: 0;
		readonly labelPadding: 6;
		readonly ticks: false;
		readonly labelColor: string;
		readonly domain: false;
	} | null;
}

/** The encoding of a place along an axis from `low` to `high`. */
export function linear(
	low: number,
	high: number,
): { readonly type: 'quantitative'; readonly scale: { readonly domain: [number, number]; readonly nice: false } } {
	return { type: 'quantitative', scale: { domain: [low, high], nice: false } };
}

/** Letters of a name that stands beside its bar. */
const LONGEST = 44;

/** Rows of a bar chart: names stand to the left where there is room, else above the bars. */
export function barRows(rows: readonly string[], width: number, space: { right: number; bottom: number }): BarRows {
	const beside = width >= WIDE;
	const step = beside ? 25 : 40;
	const longest = Math.max(...rows.map((name) => name.length));
	const left = beside ? Math.min(LONGEST, longest) * 6.5 + 16 : 12;
	const padding = { left, right: space.right, top: 10, bottom: space.bottom };
	const height = rows.length * step + padding.top + padding.bottom;
	const y: RowEncoding = {
		field: 'name',
		type: 'nominal',
		scale: { domain: [...rows], padding: 0 },
		axis: beside ? { title: null, labelLimit: 0, labelPadding: 6, ticks: false, labelColor: INK, domain: false } : null,
	};
	const above = {
		data: { values: rows.map((name) => ({ name })) },
		mark: { type: 'text', align: 'left', baseline: 'bottom', dy: -9, fill: INK },
		encoding: { x: { value: 0 }, y, text: { field: 'name' } },
	} as const;
	return { frame: { width, height, padding }, y, names: beside ? [] : [above] };
}

export interface Scale {
	readonly domain: [number, number];
	readonly ticks: number[];
	/** Pixels from the left, or from the top. */
	readonly at: (value: number) => number;
}

export function logScale(values: readonly number[], pixels: number, most: number): Scale {
	const low = Math.min(...values) / 1.2;
	const high = Math.max(...values) * 1.2;
	const ticks: number[] = [];
	for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
		for (const digit of [1, 2, 5]) {
			const value = Number(`${digit}e${power}`);
			if (value >= low && value <= high) ticks.push(value);
		}
	}
	const tens = ticks.filter((value) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9);
	const at = (value: number): number => (pixels * Math.log(value / low)) / Math.log(high / low);
	return { domain: [low, high], ticks: ticks.length > most && tens.length > 1 ? tens : ticks, at };
}

/** From a round number below the lowest recall to 1, or to one above the highest where that is far from 1. */
function recallScale(points: readonly ReportPoint[], pixels: number): Scale & { readonly format: string } {
	const lowest = Math.min(...points.map(({ recall }) => recall.mean));
	const highest = Math.max(...points.map(({ recall }) => recall.mean));
	const spread = Math.max(highest - lowest, 0.02);
	const step = spread > 0.5 ? 0.1 : spread > 0.2 ? 0.05 : spread > 0.08 ? 0.02 : 0.005;
	const low = Math.max(0, Math.floor((lowest - step / 4) / step) * step);
	const high = Math.min(1, Math.ceil((highest + step / 4) / step) * step);
	const ticks = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step);
	const at = (value: number): number => (pixels * (high - value)) / (high - low);
	return { domain: [low, high], ticks, at, format: step < 0.01 ? '.3f' : '.2f' };
}
