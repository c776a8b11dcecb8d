/**
 * Recall against what it costs: every setting a point, the Pareto front filled and numbered.
 */

import { recall as showRecall } from '../output.ts';
import { type Drawing, WIDE, yTitle } from './charts.ts';
import { placeLabels, type Side } from './place.ts';
import { type ReportPoint, seriesOf, staircase } from './points.ts';
import { logScale, recallScale } from './scale.ts';
import { INK, PAPER, SERIES, SOFT } from './theme.ts';

/** What recall is drawn against. */
export interface Cost {
	readonly title: string;
	readonly desc: string;
	readonly label: string;
	readonly of: (point: ReportPoint) => number;
	/** What doing without an index takes, where that is known. */
	readonly reference: Reference | null;
	/** What was asked for at most. */
	readonly limit?: Reference | null;
	/** In tooltips. */
	readonly show: (cost: number) => string;
}

/** A value on an axis with its name. */
export interface Reference {
	readonly value: number;
	readonly label: string;
}

/** Colour of each series; those that colours do not suffice for share the last one. */
export function seriesColours(points: readonly ReportPoint[]): ReadonlyMap<string, string> {
	return new Map(seriesOf(points).map((name, i) => [name, SERIES[Math.min(i, SERIES.length - 1)]!]));
}

/**
 * Recall against a cost on a logarithmic axis. Points on the front are filled and numbered, the one that is chosen is ringed.
 *
 * @param target - A recall that was asked for.
 */
export function recallAgainst(points: readonly ReportPoint[], cost: Cost, target: number | null = null): Drawing {
	return (width) => {
		const height = width >= WIDE ? 420 : 320;
		const padding = { left: 52, right: 28, top: 24, bottom: 48 };
		const area = { width: width - padding.left - padding.right, height: height - padding.top - padding.bottom };
		const lines = [cost.reference, cost.limit ?? null].filter((line) => line !== null);
		const costs = [...points.map(cost.of), ...lines.map(({ value }) => value)];
		const xs = logScale(costs, area.width, width >= WIDE ? 12 : 6);
		const recalls = points.flatMap(({ recall }) => [recall.low, recall.high]);
		const ys = recallScale(target === null ? recalls : [...recalls, target], area.height);
		const colours = seriesColours(points);
		const rows = points.map((point) => ({
			x: cost.of(point),
			y: point.recall.mean,
			low: Math.max(point.recall.low, ys.domain[0]),
			high: Math.min(point.recall.high, ys.domain[1]),
			colour: colours.get(point.series)!,
			front: point.front,
			fill: point.front ? colours.get(point.series)! : PAPER,
			shape: point.reranked ? 'diamond' : 'circle',
			size: point.reranked ? 90 : 75,
			no: String(point.no),
			hint: `${point.no}: ${point.name}. Recall ${showRecall(point.recall.mean)}, ${cost.show(cost.of(point))}`,
		}));
		const pixels = points.map((point) => ({ x: xs.at(cost.of(point)), y: ys.at(point.recall.mean) }));
		const named = points.flatMap((point, i) => {
			return point.front || point.chosen ? [{ ...pixels[i]!, no: point.no, row: rows[i]!, first: point.chosen }] : [];
		});
		const front = [...named.filter(({ first }) => first), ...named.filter(({ first }) => !first)];
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
						data: { values: lines },
						mark: { type: 'rule', stroke: SOFT, strokeDash: [2, 3] },
						encoding: {
							x: {
								...x,
								field: 'value',
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
					...lines.map((line) => ({
						data: { values: [line] },
						mark: { type: 'text', align: sideOf(xs.at(line.value), area.width), fill: SOFT } as const,
						encoding: { x: { ...x, field: 'value' }, y: { value: -10 }, text: { field: 'label' } } as const,
					})),
					{
						data: { values: target === null ? [] : [{ target }] },
						mark: { type: 'rule', stroke: INK, strokeDash: [6, 3], opacity: 0.7 },
						encoding: { y: { ...y, field: 'target' } },
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
						// What is on the front is not to be covered by what is not.
						data: { values: [...rows].sort((a, b) => Number(a.front) - Number(b.front)) },
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
							// A narrow window is mostly touched: nothing hovers there.
							...(width >= WIDE && { description: { field: 'hint' } }),
						},
					},
					{
						data: { values: rows.filter((_, i) => points[i]!.chosen === true) },
						mark: { type: 'point', shape: 'circle', size: 330, stroke: INK, strokeWidth: 2, opacity: 1 },
						encoding: { x, y },
					},
					...(Object.keys(LABEL) as Side[]).map(text),
				],
			},
		};
	};
}

function sideOf(x: number, width: number): 'left' | 'center' | 'right' {
	if (x < width / 4) return 'left';
	return x > (width * 3) / 4 ? 'right' : 'center';
}

const LABEL = {
	right: { align: 'left', baseline: 'middle', dx: 8 },
	left: { align: 'right', baseline: 'middle', dx: -8 },
	above: { align: 'center', baseline: 'bottom', dy: -7 },
	below: { align: 'center', baseline: 'top', dy: 8 },
} as const;
