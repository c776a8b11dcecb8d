/** Recall against work: one line for each index, one point for each setting tried. */

import { useEffect, useMemo, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { chartData } from '../compute/chart-data.ts';
import { cellColour, readTheme } from '../draw/theme.ts';
import type { Axis, Tried } from './trade-tab.tsx';
import { useDark, useWidth } from './use-size.ts';

interface ChartProps {
	readonly tried: readonly Tried[];
	readonly axis: Axis;
	/** The setting that is on. */
	readonly now: Pick<Tried, 'spec' | 'nprobe' | 'kFactor'>;
}

const HEIGHT = 300;

export function Chart({ tried, axis, now }: ChartProps) {
	const frame = useRef<HTMLDivElement>(null);
	const width = useWidth(frame);
	const dark = useDark();
	const { names, data, mark } = useMemo(() => chartData(tried, axis, now), [tried, axis, now]);
	const key = names.join('|');

	// A new line, another axis or other colours: another chart. Points alone are given to the one there is.
	const chart = useRef<uPlot>(undefined);
	const latest = useRef({ data, mark });
	latest.current = { data, mark };
	useEffect(() => {
		if (width === 0 || frame.current === null || names.length === 0) return;
		const made = new uPlot(
			options(width, names, axis, () => latest.current.mark),
			data as uPlot.AlignedData,
			frame.current,
		);
		chart.current = made;
		return () => {
			made.destroy();
			chart.current = undefined;
		};
	}, [width, dark, key, axis]);
	useEffect(() => chart.current?.setData(data as uPlot.AlignedData), [data]);

	return (
		<div
			ref={frame}
			class="chart"
			role="img"
			aria-label={`Recall against ${axis === 'scanned' ? 'the share scanned' : 'time per query'}, ${tried.length} points; the table below has the numbers`}
		/>
	);
}

function options(
	width: number,
	names: readonly string[],
	axis: Axis,
	mark: () => readonly [number, number] | undefined,
): uPlot.Options {
	const theme = readTheme();
	const axisStyle = {
		stroke: theme.soft,
		grid: { stroke: theme.line, width: 1 },
		ticks: { stroke: theme.line, width: 1 },
		font: '12px system-ui, sans-serif',
		labelFont: '12px system-ui, sans-serif',
	};
	return {
		width,
		height: HEIGHT,
		legend: { show: true, live: false },
		cursor: { show: false },
		// One line lies as the other does: logarithmic in the work, from 0 to 1 in what is found.
		scales: { x: { time: false, distr: 3 }, y: { range: [0, 1.02] } },
		series: [
			{ label: axis },
			...names.map((label, i) => ({
				label,
				stroke: cellColour(i, theme),
				width: 2,
				spanGaps: true,
				points: { show: true, size: 7, fill: cellColour(i, theme) },
			})),
		],
		axes: [
			{
				...axisStyle,
				label: axis === 'scanned' ? 'share scanned, %' : 'µs per query',
				values: (_, values) => values.map((value) => (value === null ? '' : String(Number(value.toPrecision(3))))),
			},
			{ ...axisStyle, label: 'recall', size: 48 },
		],
		hooks: {
			draw: [
				(plot) => {
					const at = mark();
					if (at === undefined) return;
					const { ctx } = plot;
					ctx.save();
					ctx.strokeStyle = theme.ink;
					ctx.lineWidth = 2 * devicePixelRatio;
					ctx.beginPath();
					const x = plot.valToPos(at[0], 'x', true);
					const y = plot.valToPos(at[1], 'y', true);
					ctx.arc(x, y, 8 * devicePixelRatio, 0, 2 * Math.PI);
					ctx.stroke();
					ctx.restore();
				},
			],
		},
	};
}
