/** One search, beside the exact answer. */

import { emptySearchStats, type Index } from 'vecino';
import { moveTo } from '../compute/plane.ts';
import type { Looked, Neighbour, QueryPlace, SearchSettings } from '../protocol.ts';
import { type Data, rowOf } from './data.ts';
import type { Ready } from './session.ts';

/** Searches shorter than this are repeated until they have taken as long: clocks in browsers are coarse, milliseconds. */
const LEAST_MS = 1;
const MOST_REPEATS = 20;

/** @param exact - All vectors, uncompressed; its labels are rows. */
export function look(
	data: Data,
	exact: Index,
	{ taken, index, params }: Ready,
	request: QueryPlace & SearchSettings,
): Looked {
	const { ivf, transforms } = taken;
	const query = moveTo(data.x.row(request.row), data.plane, request.x, request.y);
	const k = Math.min(request.k, data.x.n);
	const stats = emptySearchStats();
	const found = index.search(query, k, { ...params, stats }).hits();
	const search = (): unknown => index.search(query, k, params);
	const micros = Math.min(time(search), time(search));
	const truth = exact.search(query, k).hits();

	let cells = new Uint32Array(0);
	if (ivf !== undefined) {
		const inside = transforms.reduce<Float32Array>((q, transform) => transform.apply(q).data, query);
		cells = Uint32Array.from(ivf.rankCells(inside, params.nprobe!).labels);
	}
	const labelOf = (row: number): number => data.labels?.[row] ?? row;
	const place = (label: number, trueRank: number, position: number, distance: number): Neighbour => {
		const row = rowOf(data, label);
		const [x, y] = [data.places[2 * row]!, data.places[2 * row + 1]!];
		return { label, x, y, trueRank, position, distance };
	};
	const positions = new Map(found.map(({ label }, i) => [label, i + 1]));
	const right = truth.map(({ label: row, distance }, i) =>
		place(labelOf(row), i + 1, positions.get(labelOf(row)) ?? 0, distance),
	);
	const known = new Set(right.map(({ label }) => label));
	const wrong = found
		.filter(({ label }) => !known.has(label))
		.map(({ label, distance }) => place(label, 0, positions.get(label)!, distance));
	return {
		cells,
		neighbours: [...right, ...wrong],
		recall: right.filter(({ position }) => position > 0).length / Math.max(1, right.length),
		scanned: stats.ndis,
		micros,
	};
}

function time(search: () => unknown): number {
	const start = performance.now();
	let count = 0;
	let took = 0;
	while (took < LEAST_MS && count < MOST_REPEATS) {
		search();
		count++;
		took = performance.now() - start;
	}
	return (took / count) * 1000;
}
