/** Points of the trade-off picture: lines by index, sorted along x, in the layout that uPlot takes. */

/** What of a measured setting the picture needs. */
export interface ChartPoint {
	readonly spec: string;
	readonly nprobe: number;
	readonly kFactor: number;
	readonly recall: number;
	readonly scanned: number;
	readonly micros: number;
}

export interface ChartData {
	/** One for each line. */
	readonly names: readonly string[];
	/** The x of all points, ascending, then one array of recalls for each line, null where it has no point. */
	readonly data: readonly (readonly (number | null)[])[];
	/** The setting that is on: x and recall. */
	readonly mark: readonly [number, number] | undefined;
}

export function chartData(
	points: readonly ChartPoint[],
	axis: 'scanned' | 'micros',
	now: Pick<ChartPoint, 'spec' | 'nprobe' | 'kFactor'>,
): ChartData {
	const xOf = (point: ChartPoint): number => (axis === 'scanned' ? 100 * point.scanned : point.micros);
	const sorted = points.toSorted((a, b) => xOf(a) - xOf(b) || a.recall - b.recall);
	const names = [...new Set(points.map(lineOf))];
	const lines = names.map((name) => sorted.map((point) => (lineOf(point) === name ? point.recall : null)));
	const on = points.find(
		({ spec, nprobe, kFactor }) => spec === now.spec && nprobe === now.nprobe && kFactor === now.kFactor,
	);
	return { names, data: [sorted.map(xOf), ...lines], mark: on && [xOf(on), on.recall] };
}

function lineOf({ spec, kFactor }: ChartPoint): string {
	return kFactor === 0 ? spec : `${spec}, kFactor ${kFactor}`;
}
