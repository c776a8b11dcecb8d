/** The part of d3-delaunay that the page uses; the package has no types of its own. */
declare module 'd3-delaunay' {
	/** What paths are drawn into: a canvas context or a Path2D. */
	interface PathLike {
		moveTo(x: number, y: number): void;
		lineTo(x: number, y: number): void;
		closePath(): void;
	}

	export class Voronoi {
		render(context: PathLike): void;
		renderCell(i: number, context: PathLike): void;
		cellPolygon(i: number): [number, number][] | null;
	}

	export class Delaunay {
		/** @param points - Size 2 * n, layout (n, 2). */
		constructor(points: ArrayLike<number>);
		find(x: number, y: number): number;
		voronoi(bounds: readonly [xmin: number, ymin: number, xmax: number, ymax: number]): Voronoi;
	}
}
