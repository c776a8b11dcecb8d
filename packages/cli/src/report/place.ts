/**
 * Where in a picture labels fit beside their points without covering one another.
 */

export type Side = 'right' | 'left' | 'above' | 'below';

/** A point in pixels with the width of its label. */
export interface Labelled {
	readonly x: number;
	readonly y: number;
	readonly width: number;
}

interface Box {
	readonly x0: number;
	readonly x1: number;
	readonly y0: number;
	readonly y1: number;
}

/** Height of a label, its distance from the middle of the point, and half the size of a point. */
const HEIGHT = 12;
const GAP = 8;
const DOT = 5;
const SIDES: readonly Side[] = ['right', 'left', 'above', 'below'];

/**
 * For each point the side on which its label stands, null where there is room on none. Earlier points are served first.
 *
 * @param points - What gets labels. @param dots - All points that are drawn, which labels keep clear of.
 */
export function placeLabels(
	points: readonly Labelled[],
	dots: readonly { readonly x: number; readonly y: number }[],
	area: { readonly width: number; readonly height: number },
): (Side | null)[] {
	const taken: Box[] = dots.map(({ x, y }) => ({ x0: x - DOT, x1: x + DOT, y0: y - DOT, y1: y + DOT }));
	return points.map((point) => {
		for (const side of SIDES) {
			const box = boxOf(point, side);
			const inside = box.x0 >= 0 && box.x1 <= area.width + 12 && box.y0 >= -8 && box.y1 <= area.height;
			if (!inside || taken.some((other) => overlap(box, other))) continue;
			taken.push(box);
			return side;
		}
		return null;
	});
}

function boxOf({ x, y, width }: Labelled, side: Side): Box {
	const at = {
		right: [x + GAP, y - HEIGHT / 2],
		left: [x - GAP - width, y - HEIGHT / 2],
		above: [x - width / 2, y - GAP - HEIGHT],
		below: [x - width / 2, y + GAP],
	} as const;
	const [x0, y0] = at[side];
	return { x0, x1: x0 + width, y0, y1: y0 + HEIGHT };
}

function overlap(a: Box, b: Box): boolean {
	return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
}
