/**
 * The map of vectors, in two layers: what changes with the index (points, cells) and what changes with the query. Only the
 * second is drawn while the query moves.
 */

import { Delaunay, type Voronoi } from 'd3-delaunay';
import type { Neighbour } from '../protocol.ts';
import { cellColour, type Theme } from './theme.ts';
import { allToScreen, toScreen, type View } from './view.ts';

export interface BaseLayer {
	/** Places in the plane, layout (n, 2). */
	readonly points: Float32Array;
	/** Cell of each point, size n; undefined without cells. */
	readonly cellOf: Uint32Array | undefined;
	/** Layout (nlist, 2). */
	readonly centroids: Float32Array;
	/** Where centroids were before, for the tails of those that moved. */
	readonly before?: Float32Array | undefined;
}

/** Cells on the screen; undefined for fewer than two. */
export function cellsOf(view: View, centroids: Float32Array): Voronoi | undefined {
	if (centroids.length < 4) return undefined;
	return new Delaunay(allToScreen(view, centroids)).voronoi([0, 0, view.width, view.height]);
}

export function drawBase(
	context: CanvasRenderingContext2D,
	view: View,
	cells: Voronoi | undefined,
	{ points, cellOf, centroids, before }: BaseLayer,
	theme: Theme,
): void {
	const n = points.length / 2;
	const size = n <= 3000 ? 3 : n <= 12_000 ? 2 : 1.5;
	const screen = allToScreen(view, points);
	context.globalAlpha = n <= 12_000 ? 0.75 : 0.6;
	for (const [cell, rows] of byCell(cellOf, n)) {
		context.fillStyle = cellOf === undefined ? theme.soft : cellColour(cell, theme);
		for (const row of rows) context.fillRect(screen[2 * row]! - size / 2, screen[2 * row + 1]! - size / 2, size, size);
	}
	context.globalAlpha = 1;
	if (cells !== undefined) {
		const path = new Path2D();
		cells.render(path);
		context.strokeStyle = theme.line;
		context.lineWidth = 1;
		context.stroke(path);
	}
	drawCentroids(context, view, centroids, before, theme);
}

function drawCentroids(
	context: CanvasRenderingContext2D,
	view: View,
	centroids: Float32Array,
	before: Float32Array | undefined,
	theme: Theme,
): void {
	const many = centroids.length > 800;
	context.strokeStyle = theme.ink;
	context.lineWidth = 1.5;
	for (let i = 0; i < centroids.length; i += 2) {
		const [x, y] = toScreen(view, centroids[i]!, centroids[i + 1]!);
		if (before !== undefined) {
			context.beginPath();
			context.moveTo(...toScreen(view, before[i]!, before[i + 1]!));
			context.lineTo(x, y);
			context.stroke();
		}
		context.fillStyle = theme.ink;
		const size = many ? 2 : before === undefined ? 4 : 6;
		context.fillRect(x - size / 2, y - size / 2, size, size);
	}
}

/** Rows of each cell, so that a colour is set once. */
function byCell(cellOf: Uint32Array | undefined, n: number): Map<number, number[]> {
	const rows = new Map<number, number[]>();
	for (let row = 0; row < n; row++) {
		const cell = cellOf?.[row] ?? 0;
		const list = rows.get(cell);
		if (list === undefined) rows.set(cell, [row]);
		else list.push(row);
	}
	return rows;
}

export interface QueryLayer {
	readonly x: number;
	readonly y: number;
	/** Cells opened, nearest first. */
	readonly opened: Uint32Array;
	readonly neighbours: readonly Neighbour[];
	/** Label looked at. */
	readonly chosen: number | undefined;
	/** True when the query has the keyboard. */
	readonly focused: boolean;
}

export function drawQuery(
	context: CanvasRenderingContext2D,
	view: View,
	cells: Voronoi | undefined,
	{ x, y, opened, neighbours, chosen, focused }: QueryLayer,
	theme: Theme,
): void {
	if (cells !== undefined) drawOpened(context, cells, opened, theme);
	for (const neighbour of neighbours) drawNeighbour(context, view, neighbour, neighbour.label === chosen, theme);
	const [qx, qy] = toScreen(view, x, y);
	context.lineWidth = 6;
	context.strokeStyle = theme.ground;
	cross(context, qx, qy, 11);
	context.lineWidth = 3;
	context.strokeStyle = theme.accent;
	cross(context, qx, qy, 11);
	if (!focused) return;
	context.lineWidth = 2;
	context.beginPath();
	context.arc(qx, qy, 16, 0, 2 * Math.PI);
	context.stroke();
}

/** The nearest cell is the strongest. */
function drawOpened(context: CanvasRenderingContext2D, cells: Voronoi, opened: Uint32Array, theme: Theme): void {
	const outline = new Path2D();
	context.fillStyle = theme.accent;
	opened.forEach((cell, rank) => {
		const path = new Path2D();
		cells.renderCell(cell, path);
		cells.renderCell(cell, outline);
		context.globalAlpha = 0.1 + 0.22 / (1 + 0.35 * rank);
		context.fill(path);
	});
	context.globalAlpha = 1;
	context.strokeStyle = theme.accent;
	context.lineWidth = 1.5;
	context.stroke(outline);
}

/** Found: a disc. Missed: a ring with a cross in it. Returned instead: a small square. */
function drawNeighbour(
	context: CanvasRenderingContext2D,
	view: View,
	{ x, y, trueRank, position }: Neighbour,
	chosen: boolean,
	theme: Theme,
): void {
	const [px, py] = toScreen(view, x, y);
	const radius = 5;
	context.lineWidth = 2;
	context.strokeStyle = theme.ground;
	if (trueRank === 0) {
		context.fillStyle = theme.soft;
		context.fillRect(px - 4, py - 4, 8, 8);
		context.strokeRect(px - 4, py - 4, 8, 8);
	} else if (position > 0) {
		context.fillStyle = theme.good;
		disc(context, px, py, radius);
		context.fill();
		context.stroke();
	} else {
		context.fillStyle = theme.ground;
		context.strokeStyle = theme.bad;
		disc(context, px, py, radius);
		context.fill();
		context.stroke();
		context.lineWidth = 1.5;
		cross(context, px, py, 3, true);
	}
	if (!chosen) return;
	context.strokeStyle = theme.ink;
	context.lineWidth = 2;
	disc(context, px, py, radius + 5);
	context.stroke();
}

function disc(context: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
	context.beginPath();
	context.arc(x, y, radius, 0, 2 * Math.PI);
}

function cross(context: CanvasRenderingContext2D, x: number, y: number, reach: number, slanted = false): void {
	const [a, b] = slanted ? [reach, reach] : [reach, 0];
	context.beginPath();
	context.moveTo(x - a, y - b);
	context.lineTo(x + a, y + b);
	context.moveTo(x + b, y - a);
	context.lineTo(x - b, y + a);
	context.stroke();
}
