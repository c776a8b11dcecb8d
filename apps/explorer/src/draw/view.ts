/** From the plane to the screen and back: one scale for both directions, y upwards. */

export interface View {
	readonly width: number;
	readonly height: number;
	/** Pixels per unit. */
	readonly scale: number;
	/** Where the plane's (0, 0) is on the screen. */
	readonly x0: number;
	readonly y0: number;
}

const MARGIN = 14;

export function fitView(bounds: readonly [number, number, number, number], width: number, height: number): View {
	const [left, top, right, bottom] = bounds;
	const spanX = Math.max(right - left, 1e-12);
	const spanY = Math.max(bottom - top, 1e-12);
	const scale = Math.min(Math.max(width - 2 * MARGIN, 1) / spanX, Math.max(height - 2 * MARGIN, 1) / spanY);
	const x0 = width / 2 - (scale * (left + right)) / 2;
	const y0 = height / 2 + (scale * (top + bottom)) / 2;
	return { width, height, scale, x0, y0 };
}

export function toScreen({ scale, x0, y0 }: View, x: number, y: number): [number, number] {
	return [x0 + scale * x, y0 - scale * y];
}

export function toPlane({ scale, x0, y0 }: View, x: number, y: number): [number, number] {
	return [(x - x0) / scale, (y0 - y) / scale];
}

/** All of them, layout (n, 2). */
export function allToScreen(view: View, points: Float32Array): Float32Array<ArrayBuffer> {
	const out = new Float32Array(points.length);
	for (let i = 0; i < points.length; i += 2) {
		out[i] = view.x0 + view.scale * points[i]!;
		out[i + 1] = view.y0 - view.scale * points[i + 1]!;
	}
	return out;
}

/** The points that are on the screen. */
export function inBounds(view: View, points: Float32Array): number[] {
	const [left, bottom] = toPlane(view, 0, view.height);
	const [right, top] = toPlane(view, view.width, 0);
	const rows: number[] = [];
	for (let i = 0; i < points.length; i += 2) {
		const x = points[i]!;
		const y = points[i + 1]!;
		if (x >= left && x <= right && y >= bottom && y <= top) rows.push(i / 2);
	}
	return rows;
}

/** Left, top, right, bottom of points, layout (n, 2). */
export function boundsOf(points: Float32Array): [number, number, number, number] {
	let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
	for (let i = 0; i < points.length; i += 2) {
		left = Math.min(left, points[i]!);
		right = Math.max(right, points[i]!);
		top = Math.min(top, points[i + 1]!);
		bottom = Math.max(bottom, points[i + 1]!);
	}
	return [left, top, right, bottom];
}
