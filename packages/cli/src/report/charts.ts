/**
 * The pictures of a report as Vega-Lite specifications. Each is drawn twice, wide and narrow, because a picture that is
 * shrunk to a telephone cannot be read.
 */

import { percent, recall as showRecall } from '../output.ts';
import type { ReportPoint } from './points.ts';
import type { Chart } from './svg.ts';
import { CELLS, CODES, INK, PAPER } from './theme.ts';

/** A picture for a width. */
export type Drawing = (width: number) => Chart;

export const WIDE = 760;
export const NARROW = 350;

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
