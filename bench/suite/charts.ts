/** The suite's curves as SVG files: recall against speed for each mode, recall against memory. */
import { init } from 'echarts';
import type { ConfigResult } from './measure.ts';
import type { Mode } from './protocol.ts';
import { bestRecall, paretoFront } from './stats.ts';

interface Line {
	readonly name: string;
	readonly side: string;
	readonly config: string;
	/** x, y */
	readonly points: readonly (readonly [number, number])[];
}

const SIZE = { width: 960, height: 600 } as const;
/** Told apart by colour-blind eyes too (Okabe and Ito, 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#999900'] as const;
const DASHES = ['solid', 'dashed', 'dotted'] as const;
const SYMBOLS = ['circle', 'triangle', 'rect'] as const;

/** Pareto fronts, recall to the right, queries per second (logarithmic) upwards; nothing to draw: undefined. */
export function speedChart(title: string, configs: readonly ConfigResult[], mode: Mode): string | undefined {
	const lines = configs.flatMap(({ config, sides }) =>
		sides.map(({ side, points }): Line => {
			const front = paretoFront(points[mode]).map(({ recall, qps }) => [recall, qps] as const);
			return { name: `${config}, ${side}`, side, config, points: front };
		}),
	);
	return draw(title, lines, 'recall@10', 'queries per second', 'line');
}

/** The best recall of each configuration over its bytes per vector (logarithmic). */
export function memoryChart(title: string, configs: readonly ConfigResult[]): string | undefined {
	const lines = configs.flatMap(({ config, sides }) =>
		sides.flatMap(({ side, points, bytesPerVector }): Line[] => {
			if (bytesPerVector === undefined) return [];
			const recall = bestRecall([...points.single, ...points.batch]);
			return [{ name: `${config}, ${side}`, side, config, points: [[recall, bytesPerVector]] }];
		}),
	);
	return draw(title, lines, 'highest recall@10 measured', 'bytes per vector', 'scatter');
}

function draw(
	title: string,
	lines: readonly Line[],
	x: string,
	y: string,
	type: 'line' | 'scatter',
): string | undefined {
	const drawn = lines.filter(({ points }) => points.length > 0);
	if (drawn.length === 0) return undefined;
	const configs = [...new Set(drawn.map(({ config }) => config))];
	const sides = [...new Set(drawn.map(({ side }) => side))];
	const least = Math.min(...drawn.flatMap(({ points }) => points.map(([recall]) => recall)));
	const chart = init(null, null, { renderer: 'svg', ssr: true, ...SIZE });
	chart.setOption({
		animation: false,
		backgroundColor: '#ffffff',
		title: { text: title, left: 'center', top: 8, textStyle: { fontSize: 15 } },
		grid: { left: 80, right: 330, top: 60, bottom: 60 },
		legend: { orient: 'vertical', right: 10, top: 60, textStyle: { fontSize: 11 } },
		xAxis: { type: 'value', name: x, nameLocation: 'middle', nameGap: 32, min: Math.floor(least * 20) / 20, max: 1 },
		yAxis: { type: 'log', name: y, nameLocation: 'middle', nameGap: 56 },
		series: drawn.map(({ name, side, config, points }) => {
			const colour = COLOURS[configs.indexOf(config) % COLOURS.length]!;
			const which = sides.indexOf(side);
			return {
				name,
				type,
				data: points.map((point) => [...point]),
				symbol: SYMBOLS[which % SYMBOLS.length],
				symbolSize: type === 'line' ? 6 : 12,
				itemStyle: { color: colour },
				lineStyle: { color: colour, width: 2, type: DASHES[which % DASHES.length] },
			};
		}),
	});
	const svg = chart.renderToSVGString();
	chart.dispose();
	return svg;
}
