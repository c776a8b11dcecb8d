/** Pictures of a product quantizer at work: the vector and its reconstruction, the palettes, and the table. */

import type { CodesView } from '../protocol.ts';
import { cellColour, type Theme } from './theme.ts';

const PAD = 8;

/** The vector as a line, its reconstruction over it, and the parts as bands with their ids below. */
export function drawReconstruction(
	context: CanvasRenderingContext2D,
	width: number,
	height: number,
	view: CodesView,
	theme: Theme,
): void {
	const { d, m, dsub, vector, reconstruction, ids } = view;
	const bottom = height - 22;
	let [low, high] = [Infinity, -Infinity];
	for (let t = 0; t < d; t++) {
		low = Math.min(low, vector[t]!, reconstruction[t]!);
		high = Math.max(high, vector[t]!, reconstruction[t]!);
	}
	const span = Math.max(high - low, 1e-12);
	const slot = (width - 2 * PAD) / d;
	const x = (t: number): number => PAD + t * slot;
	const y = (value: number): number => bottom - PAD - ((value - low) / span) * (bottom - 2 * PAD);
	for (let j = 0; j < m; j++) {
		const left = x(Math.min(d, j * dsub));
		const right = x(Math.min(d, (j + 1) * dsub));
		context.fillStyle = cellColour(j, theme, theme.dark ? 0.16 : 0.12);
		context.fillRect(left, 0, right - left, bottom);
		if (right - left < 16) continue;
		context.fillStyle = theme.ink;
		context.font = '12px system-ui, sans-serif';
		context.textAlign = 'center';
		context.fillText(String(ids[j]), (left + right) / 2, height - 7);
	}
	context.lineJoin = 'round';
	steps(context, vector, d, x, y);
	context.strokeStyle = theme.soft;
	context.lineWidth = 3;
	context.stroke();
	steps(context, reconstruction, d, x, y);
	context.strokeStyle = theme.accent;
	context.lineWidth = 1.75;
	context.stroke();
}

/** One tread for each number. */
function steps(
	context: CanvasRenderingContext2D,
	values: Float32Array,
	d: number,
	x: (t: number) => number,
	y: (value: number) => number,
): void {
	context.beginPath();
	for (let t = 0; t < d; t++) {
		context.lineTo(x(t), y(values[t]!));
		context.lineTo(x(t + 1), y(values[t]!));
	}
}

/** The palettes: one column for each part, one row for each id, each centroid as a strip of shades; the one used is framed. */
export function drawPalettes(
	context: CanvasRenderingContext2D,
	width: number,
	height: number,
	{ m, ksub, dsub, codebook, ids }: CodesView,
	theme: Theme,
): void {
	let [low, high] = [Infinity, -Infinity];
	for (const value of codebook) {
		low = Math.min(low, value);
		high = Math.max(high, value);
	}
	const span = Math.max(high - low, 1e-12);
	const column = (width - 2 * PAD) / m;
	const row = (height - 2 * PAD) / ksub;
	const gap = Math.min(4, column * 0.15);
	for (let j = 0; j < m; j++) {
		const strip = (column - gap) / dsub;
		for (let id = 0; id < ksub; id++) {
			for (let t = 0; t < dsub; t++) {
				const shade = (codebook[(j * ksub + id) * dsub + t]! - low) / span;
				context.fillStyle = shadeOf(j, shade, theme);
				context.fillRect(
					PAD + j * column + t * strip,
					PAD + id * row,
					strip + 0.3,
					Math.max(1, row - (row > 4 ? 1 : 0)),
				);
			}
		}
	}
	for (let j = 0; j < m; j++) frame(context, PAD + j * column, PAD + ids[j]! * row, column - gap, row, theme);
}

/** The table: one row for each part, one column for each id, darker for farther; the cell of the code is framed. */
export function drawTable(
	context: CanvasRenderingContext2D,
	width: number,
	height: number,
	{ m, ksub, table, ids }: CodesView,
	theme: Theme,
): void {
	const column = (width - 2 * PAD) / ksub;
	const row = (height - 2 * PAD) / m;
	for (let j = 0; j < m; j++) {
		const values = table.subarray(j * ksub, (j + 1) * ksub);
		const high = values.reduce((a, b) => Math.max(a, b), 1e-12);
		for (let id = 0; id < ksub; id++) {
			context.fillStyle = shadeOf(j, values[id]! / high, theme);
			context.fillRect(PAD + id * column, PAD + j * row, column + 0.3, row - (row > 5 ? 1 : 0));
		}
	}
	for (let j = 0; j < m; j++) frame(context, PAD + ids[j]! * column, PAD + j * row, column, row, theme);
}

/** A vector of side * side numbers as an image, its parts outlined in their colours. */
export function drawImage(
	context: CanvasRenderingContext2D,
	size: number,
	values: Float32Array,
	{ d, dsub }: CodesView,
	high: number,
	theme: Theme,
): void {
	const side = Math.round(Math.sqrt(d));
	const pixel = (size - 2 * PAD) / side;
	for (let t = 0; t < d; t++) {
		const share = Math.max(0, Math.min(1, values[t]! / high));
		const x = PAD + (t % side) * pixel;
		const y = PAD + Math.floor(t / side) * pixel;
		context.fillStyle = theme.ink;
		context.globalAlpha = share;
		context.fillRect(x, y, pixel + 0.3, pixel + 0.3);
		// Below each pixel its part, so that the cut is seen.
		context.globalAlpha = 1;
		context.fillStyle = cellColour(Math.floor(t / dsub), theme);
		context.fillRect(x, y + pixel - 1.5, pixel - 1, 1.5);
	}
}

function shadeOf(part: number, share: number, { dark }: Theme): string {
	const hue = (part * 137.508) % 360;
	const light = dark ? 16 + 62 * share : 96 - 62 * share;
	return `hsl(${hue.toFixed(1)} 45% ${light.toFixed(1)}%)`;
}

function frame(
	context: CanvasRenderingContext2D,
	x: number,
	y: number,
	width: number,
	height: number,
	theme: Theme,
): void {
	const grow = Math.max(0, 6 - Math.min(width, height)) / 2;
	context.lineWidth = 3.5;
	context.strokeStyle = theme.ground;
	context.strokeRect(x - grow - 1, y - grow - 1, width + 2 * grow + 2, height + 2 * grow + 2);
	context.lineWidth = 2;
	context.strokeStyle = theme.ink;
	context.strokeRect(x - grow - 1, y - grow - 1, width + 2 * grow + 2, height + 2 * grow + 2);
}
