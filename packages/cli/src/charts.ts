/**
 * Charts in the terminal.
 */

import { plot } from 'simple-ascii-chart';

/** A named point. */
export interface Mark {
	readonly name: string;
	readonly x: number;
	readonly y: number;
}

const WIDTH = 56;
const HEIGHT = 13;

/** Recall against nprobe, both given in ascending order; the nprobe axis is logarithmic. */
export function recallCurve(title: string, points: readonly { nprobe: number; recall: number }[]): string {
	if (points.length < 2) return '';
	const line = points.map(({ nprobe, recall }): [number, number] => [Math.log2(nprobe), recall]);
	const last = line.at(-1)![0];
	const step = last > 9 ? 2 : 1;
	const ticks = Array.from({ length: Math.floor(last / step) + 1 }, (_, i) => i * step);
	return draw(title, [line], { ticks, show: (x) => String(Math.round(2 ** x)), label: 'nprobe' });
}

/** Recall against a cost on a logarithmic axis: one letter per point, explained below. */
export function recallAgainst(
	title: string,
	label: string,
	points: readonly Mark[],
	show: (x: number) => string,
): string {
	const series = points.map(({ x, y }): [number, number][] => [[Math.log2(x), y]]);
	const xs = points.map(({ x }) => x);
	const ticks = roundNumbers(Math.min(...xs), Math.max(...xs)).map(Math.log2);
	const letter = (i: number): string => String.fromCharCode(65 + i);
	const chart = draw(title, series, {
		ticks,
		show: (x) => show(Math.round(2 ** x)),
		label,
		symbol: (x, y) => letter(series.findIndex(([own]) => own![0] === x && own![1] === y)),
	});
	return `${chart}\n\n${points.map(({ name }, i) => `  ${letter(i)}  ${name}`).join('\n')}`;
}

/** 1, 2, 5, 10, 20, ... within low..high, some seven at most; the ends where there are none. */
function roundNumbers(low: number, high: number): number[] {
	const out: number[] = [];
	for (let power = 1; power <= high; power *= 10) {
		for (const digit of [1, 2, 5]) if (digit * power >= low && digit * power <= high) out.push(digit * power);
	}
	if (out.length < 2) return [low, high];
	return out.length <= 7 ? out : out.filter((value) => Number.isInteger(Math.log10(value)));
}

interface Axis {
	readonly ticks: readonly number[];
	readonly show: (x: number) => string;
	readonly label: string;
	/** Draws points of their own instead of a line. */
	readonly symbol?: (x: number, y: number) => string;
}

function draw(title: string, series: [number, number][][], { ticks, show, label, symbol }: Axis): string {
	const recalls = series.flat().map(([, y]) => y);
	const low = Math.max(0, Math.floor(Math.min(...recalls) * 10 - 1e-9) / 10);
	const high = Math.min(1, Math.ceil(Math.max(...recalls) * 10 + 1e-9) / 10);
	const step = high - low > 0.55 ? 0.2 : high - low > 0.25 ? 0.1 : 0.05;
	const levels = Array.from({ length: Math.floor((high - low) / step + 1e-9) + 1 }, (_, i) => high - i * step);
	const chart = plot(series, {
		title,
		xLabel: label,
		width: WIDTH,
		height: HEIGHT,
		yRange: [low, high],
		customXAxisTicks: [...ticks],
		customYAxisTicks: levels,
		formatter: (value, { axis }) => (axis === 'x' ? show(value) : value.toFixed(2)),
		...(symbol && { lineFormatter: ({ x, y, plotX, plotY }) => ({ x: plotX, y: plotY, symbol: symbol(x, y) }) }),
	});
	return chart.replace(/[ \t]+$/gm, '').replace(/^\n+|\n+$/g, '');
}
