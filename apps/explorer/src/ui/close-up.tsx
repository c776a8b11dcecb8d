/** The surroundings of the query, so near that its neighbours lie apart. Drawn anew for each place of the query. */

import { useEffect, useRef } from 'preact/hooks';
import { type BaseLayer, cellsOf, drawBase, drawQuery, type QueryLayer } from '../draw/map.ts';
import { prepareCanvas, readTheme } from '../draw/theme.ts';
import { fitView, inBounds } from '../draw/view.ts';
import { useDark, useWidth } from './use-size.ts';

interface CloseUpProps {
	readonly base: BaseLayer;
	readonly query: Omit<QueryLayer, 'focused'>;
}

const HEIGHT = 220;
/** Points drawn. */
const MOST = 3000;

export function CloseUp({ base, query }: CloseUpProps) {
	const frame = useRef<HTMLDivElement>(null);
	const canvas = useRef<HTMLCanvasElement>(null);
	const width = useWidth(frame);
	const dark = useDark();
	useEffect(() => {
		if (width === 0 || canvas.current === null) return;
		const context = prepareCanvas(canvas.current, width, HEIGHT);
		const view = fitView(around(query, width / HEIGHT), width, HEIGHT);
		const cells = cellsOf(view, base.centroids);
		const theme = readTheme();
		const rows = thinned(inBounds(view, base.points));
		const points = new Float32Array(2 * rows.length);
		rows.forEach((row, i) => {
			points[2 * i] = base.points[2 * row]!;
			points[2 * i + 1] = base.points[2 * row + 1]!;
		});
		const cellOf = base.cellOf && Uint32Array.from(rows, (row) => base.cellOf![row]!);
		drawBase(context, view, cells, { points, cellOf, centroids: base.centroids }, theme);
		drawQuery(context, view, cells, { ...query, focused: false }, theme);
	}, [base, query, width, dark]);
	const size = { width: `${width}px`, height: `${HEIGHT}px` };
	return (
		<figure class="close-up">
			<div ref={frame} class="picture" style={{ height: size.height }}>
				<canvas ref={canvas} style={size} role="img" aria-label="The query and its neighbours, enlarged" />
			</div>
			<figcaption>Close up</figcaption>
		</figure>
	);
}

/** Every second or third of them and so on, where there are more than can be drawn sixty times a second. */
function thinned(rows: readonly number[]): readonly number[] {
	const every = Math.ceil(rows.length / MOST);
	return every > 1 ? rows.filter((_, i) => i % every === 0) : rows;
}

/** Left, top, right, bottom of the query in the middle and all its neighbours, in the shape of the picture. */
function around({ x, y, neighbours }: CloseUpProps['query'], ratio: number): [number, number, number, number] {
	let reach = 0;
	for (const neighbour of neighbours) {
		reach = Math.max(reach, Math.abs(neighbour.x - x) / ratio, Math.abs(neighbour.y - y));
	}
	if (reach === 0) reach = 1;
	return [x - reach * ratio, y - reach, x + reach * ratio, y + reach];
}
