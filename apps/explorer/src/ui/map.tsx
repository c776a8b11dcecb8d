/** The map: points and cells, drawn once for an index, and over them a layer that follows the query. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type BaseLayer, cellsOf, drawBase, drawQuery, type QueryLayer } from '../draw/map.ts';
import { prepareCanvas, readTheme } from '../draw/theme.ts';
import { fitView, toPlane, toScreen, type View } from '../draw/view.ts';
import { useDark, useWidth } from './use-size.ts';

interface MapProps {
	readonly bounds: readonly [number, number, number, number];
	readonly base: BaseLayer;
	/** Absent: the map has no query. */
	readonly query?: Omit<QueryLayer, 'focused'> | undefined;
	readonly label: string;
	/** Absent: the query stays where it is. */
	readonly onMove?: (x: number, y: number) => void;
	/** A marked neighbour was clicked. */
	readonly onChoose?: (label: number) => void;
}

/** Part of the width that an arrow key moves the query by; with Shift, five times that. */
const KEY_STEP = 0.01;
/** A click this near to a neighbour, in pixels, is meant for it. */
const NEAR = 9;

export function VectorMap({ bounds, base, query, label, onMove, onChoose }: MapProps) {
	const frame = useRef<HTMLDivElement>(null);
	const handle = useRef<HTMLDivElement>(null);
	const baseCanvas = useRef<HTMLCanvasElement>(null);
	const queryCanvas = useRef<HTMLCanvasElement>(null);
	const width = useWidth(frame);
	const height = Math.round(Math.min(width, Math.max(280, width * 0.72)));
	const dark = useDark();
	const [focused, setFocused] = useState(false);
	const view = useMemo(() => fitView(bounds, width, height), [bounds, width, height]);
	const cells = useMemo(() => (width > 0 ? cellsOf(view, base.centroids) : undefined), [view, width, base.centroids]);

	useEffect(() => {
		if (width === 0 || baseCanvas.current === null) return;
		drawBase(prepareCanvas(baseCanvas.current, width, height), view, cells, base, themeFor(dark));
	}, [view, cells, base, dark, width, height]);

	useEffect(() => {
		if (width === 0 || queryCanvas.current === null) return;
		const context = prepareCanvas(queryCanvas.current, width, height);
		if (query !== undefined) drawQuery(context, view, cells, { ...query, focused }, themeFor(dark));
	}, [view, cells, query, focused, dark, width, height]);

	const place = (event: PointerEvent): [number, number] => {
		const box = handle.current!.getBoundingClientRect();
		return [event.clientX - box.left, event.clientY - box.top];
	};
	const onPointerDown = (event: PointerEvent): void => {
		if (query === undefined || event.button !== 0) return;
		const [x, y] = place(event);
		const hit = neighbourAt(view, query, x, y);
		if (hit !== undefined) {
			onChoose?.(hit);
			return;
		}
		handle.current!.setPointerCapture(event.pointerId);
		onMove?.(...toPlane(view, x, y));
	};
	const onPointerMove = (event: PointerEvent): void => {
		if (!handle.current!.hasPointerCapture(event.pointerId)) return;
		const [x, y] = place(event);
		onMove?.(...toPlane(view, Math.max(0, Math.min(width, x)), Math.max(0, Math.min(height, y))));
	};
	const onKeyDown = (event: KeyboardEvent): void => {
		const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
		if (step === undefined || query === undefined) return;
		event.preventDefault();
		const reach = ((event.shiftKey ? 5 : 1) * KEY_STEP * width) / view.scale;
		onMove?.(query.x + step[0]! * reach, query.y + step[1]! * reach);
	};
	const size = { width: `${width}px`, height: `${height}px` };
	const layers = (
		<>
			<canvas ref={baseCanvas} style={size} />
			<canvas ref={queryCanvas} style={size} />
		</>
	);
	return (
		<div class="map" ref={frame} style={{ height: `${height}px` }}>
			{query === undefined || onMove === undefined ? (
				<div role="img" aria-label={label} style={size}>
					{layers}
				</div>
			) : (
				<div
					ref={handle}
					class="movable"
					role="application"
					aria-label={label}
					// biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move the query
					tabIndex={0}
					style={size}
					onPointerDown={onPointerDown}
					onPointerMove={onPointerMove}
					onKeyDown={onKeyDown}
					onFocus={() => setFocused(true)}
					onBlur={() => setFocused(false)}
				>
					{layers}
				</div>
			)}
		</div>
	);
}

/** The colours, read again when the light changes. */
function themeFor(_dark: boolean): ReturnType<typeof readTheme> {
	return readTheme();
}

function neighbourAt(view: View, query: Omit<QueryLayer, 'focused'>, x: number, y: number): number | undefined {
	let best: number | undefined;
	let nearest = NEAR;
	for (const neighbour of query.neighbours) {
		const [px, py] = toScreen(view, neighbour.x, neighbour.y);
		const distance = Math.hypot(px - x, py - y);
		if (distance > nearest) continue;
		nearest = distance;
		best = neighbour.label;
	}
	const [qx, qy] = toScreen(view, query.x, query.y);
	return best !== undefined && Math.hypot(qx - x, qy - y) < nearest ? undefined : best;
}
