/**
 * Cells that a caller chooses for a search (IndexIVF.searchPreassigned), checked and as kernels take them.
 */

import type { Metric } from '../core/metric.ts';
import { show } from '../util/check.ts';
import type { GivenCells } from './searched-cells.ts';

/** Cells for nq queries and, if given, the distances of their centroids; -1 becomes nlist. */
export function givenCells(
	where: string,
	{ nlist, metric }: { readonly nlist: number; readonly metric: Metric },
	nq: number,
	cells: ArrayLike<number>,
	distances: ArrayLike<number> | undefined,
): GivenCells {
	const n = cells?.length;
	if (typeof n !== 'number') throw new TypeError(`${where}: cells must be an array or typed array, got ${show(cells)}`);
	if (nq === 0 ? n > 0 : n % nq !== 0 || n > nq * nlist)
		throw new RangeError(`${where}: cells must be ${nq} x nprobe numbers, nprobe at most ${nlist}, got ${n}`);
	if (distances !== undefined && distances.length !== n)
		throw new RangeError(
			`${where}: centroidDistances must be ${n} numbers, one for each cell, got ${distances.length}`,
		);
	const chosen = new Uint32Array(n);
	/** Query that had a cell last, and 1. */
	const lastOf = new Uint32Array(nlist);
	for (let i = 0; i < n; i++) {
		const query = Math.floor(i / (n / nq));
		const cell = cells[i]!;
		if (!Number.isInteger(cell) || cell < -1 || cell >= nlist)
			throw new RangeError(`${where}: cells must be integers in -1..${nlist - 1}, got ${cell} for query ${query}`);
		chosen[i] = cell < 0 ? nlist : cell;
		if (cell < 0) continue;
		if (lastOf[cell] === query + 1) throw new RangeError(`${where}: cell ${cell} is given twice for query ${query}`);
		lastOf[cell] = query + 1;
	}
	if (distances === undefined) return { cells: chosen, distances: undefined };
	const sign = metric === 'l2' ? 1 : -1;
	const signed = Float32Array.from(distances, (distance) => sign * distance);
	const bad = signed.findIndex((distance, i) => chosen[i] !== nlist && !Number.isFinite(distance));
	if (bad >= 0) throw new RangeError(`${where}: centroidDistances must be finite, got ${distances[bad]} at ${bad}`);
	return { cells: chosen, distances: signed };
}
