/**
 * FAISS's lists hold any ids of 64 bits, vecino's the numbers of rows 0, 1, 2, ...
 */

import { VecinoError } from '../../errors.ts';
import type { IdTable } from '../../util/id-table.ts';
import type { FaissFile } from './file.ts';

/**
 * The row of each id, in the order of ids. Ids that are 0..n - 1 are rows themselves; others get rows in ascending order,
 * and come back in that order as `own`.
 *
 * @throws VecinoError 'duplicate-id'.
 */
export function rowsOfIds(
	file: FaissFile,
	ids: Float64Array<ArrayBuffer>,
): { labels: Uint32Array<ArrayBuffer>; own?: Float64Array<ArrayBuffer> } {
	const n = ids.length;
	const labels = new Uint32Array(n);
	const seen = new Uint8Array(n);
	let isRows = true;
	for (let i = 0; i < n && isRows; i++) {
		const id = ids[i]!;
		isRows = id < n && seen[id] === 0;
		if (!isRows) break;
		seen[id] = 1;
		labels[i] = id;
	}
	if (isRows) return { labels };
	const own = ids.slice().sort();
	const twice = own.findIndex((id, i) => i > 0 && own[i - 1] === id);
	if (twice >= 0) throw duplicate(file, own[twice]!);
	for (let i = 0; i < n; i++) labels[i] = search(own, ids[i]!);
	return { labels, own };
}

/** Position of a value in ascending ones. */
function search(values: Float64Array, value: number): number {
	let [low, high] = [0, values.length - 1];
	while (low < high) {
		const middle = (low + high) >> 1;
		if (values[middle]! < value) low = middle + 1;
		else high = middle;
	}
	return low;
}

/** Ids by row into the table of an IndexIDMap. */
export function fillTable(file: FaissFile, table: IdTable, ids: Float64Array): void {
	table.reserve(ids.length);
	for (const id of ids) {
		if (table.rowOf(id) >= 0) throw duplicate(file, id);
		table.push(id);
	}
}

function duplicate(file: FaissFile, id: number): VecinoError {
	const message = `${file.name}: id ${id} is there twice; every vector here has an id of its own`;
	return new VecinoError('duplicate-id', message, { found: id });
}
