/**
 * Pictures of indexes rather than of searches: how long their lists are, and what building them took against the forecast.
 */

import { count, plural } from '../output.ts';
import { BAR_HEIGHT, barRows, type Drawing, linear, WIDE, yTitle } from './charts.ts';
import { BAR, INK, PAPER, SOFT } from './theme.ts';

const BINS = 32;

/** How many cells hold how many vectors. @param sizes - Of each list. */
export function listHistogram(sizes: ArrayLike<number>, nlist: number): Drawing {
	const all = Array.from(sizes);
	const most = all.reduce((a, b) => Math.max(a, b), 0);
	const mean = all.reduce((a, b) => a + b, 0) / Math.max(1, all.length);
	const width = Math.max(1, Math.ceil((most + 1) / BINS));
	const bins = Array.from({ length: Math.ceil((most + 1) / width) }, (_, i) => ({
		from: i * width,
		to: (i + 1) * width,
		cells: 0,
	}));
	for (const size of all) bins[Math.floor(size / width)]!.cells++;
	const filled = bins.filter(({ cells }) => cells > 0);
	const rows = filled.map((bin) => ({
		...bin,
		hint: `${count(bin.from)}${width > 1 ? ` to ${count(bin.to - 1)}` : ''} vectors: ${plural(bin.cells, 'cell')}`,
	}));
	const side = mean > most / 2 ? ({ align: 'right', dx: -5 } as const) : ({ align: 'left', dx: 5 } as const);
	return (outer) => {
		const padding = { left: 52, right: 24, top: 26, bottom: 48 };
		const x = linear(0, bins.at(-1)!.to);
		const axis = {
			title: 'vectors in a cell',
			format: ',d',
			tickCount: outer >= WIDE ? 10 : 5,
			tickMinStep: 1,
		} as const;
		return {
			title: `Sizes of ${plural(nlist, 'cell')}`,
			desc: `Histogram of the number of vectors in each of ${plural(nlist, 'cell')}: from ${count(all.reduce((a, b) => Math.min(a, b), most))} to ${count(most)}, ${mean.toFixed(1)} on average.`,
			...{ width: outer, height: outer >= WIDE ? 260 : 220, padding },
			body: {
				layer: [
					{
						data: { values: rows },
						mark: { type: 'bar', fill: BAR, stroke: PAPER, strokeWidth: 1 },
						encoding: {
							x: { ...x, field: 'from', bin: 'binned', axis },
							x2: { field: 'to' },
							y: {
								field: 'cells',
								type: 'quantitative',
								axis: { ...yTitle('cells'), format: ',d', tickCount: 5, tickMinStep: 1 },
							},
							description: { field: 'hint' },
						},
					},
					{
						data: { values: [{ mean, label: `mean ${mean.toFixed(1)}` }] },
						mark: { type: 'rule', stroke: INK, strokeDash: [4, 3] },
						encoding: { x: { ...x, field: 'mean' } },
					},
					{
						data: { values: [{ mean, label: `mean ${mean.toFixed(1)}` }] },
						mark: { type: 'text', ...side, fill: INK },
						encoding: { x: { ...x, field: 'mean' }, y: { value: -9 }, text: { field: 'label' } },
					},
				],
			},
		};
	};
}

/** A quantity that was foretold. */
export interface Foretold {
	readonly name: string;
	readonly measured: number;
	readonly forecast: number;
}

/** Bars of what was measured, each with a tick where the forecast stood. */
export function forecastBars(
	rows: readonly Foretold[],
	{ title, label, show, unit = '' }: { title: string; label: string; show: (value: number) => string; unit?: string },
): Drawing {
	return (width) => {
		const { frame, y, names } = barRows(
			rows.map(({ name }) => name),
			width,
			{ right: 96, bottom: 44 },
		);
		const most = Math.max(...rows.flatMap(({ measured, forecast }) => [measured, forecast]));
		const values = rows.map((row) => ({
			...row,
			end: Math.max(row.measured, row.forecast),
			text: show(row.measured),
			hint: `${row.name}: measured ${show(row.measured)}, forecast ${show(row.forecast)}`,
		}));
		const x = linear(0, most || 1);
		const axis = {
			title: label,
			tickCount: width >= WIDE ? 6 : 4,
			tickSize: 4,
			labelExpr: `format(datum.value, '~s') + '${unit}'`,
		} as const;
		return {
			...{ title, desc: `For each index a bar of what was measured and a tick at the forecast: ${label}.`, ...frame },
			body: {
				data: { values },
				layer: [
					{
						mark: { type: 'bar', fill: BAR, height: BAR_HEIGHT },
						encoding: { x: { ...x, field: 'measured', axis }, y, description: { field: 'hint' } },
					},
					{
						mark: { type: 'tick', color: INK, thickness: 3, size: 20, opacity: 1 },
						encoding: { x: { ...x, field: 'forecast' }, y, description: { field: 'hint' } },
					},
					{
						mark: { type: 'text', align: 'left', dx: 8, fill: SOFT },
						encoding: { x: { ...x, field: 'end' }, y, text: { field: 'text' } },
					},
					...names,
				],
			},
		};
	};
}
