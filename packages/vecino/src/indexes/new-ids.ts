/**
 * Ids that come with vectors for an IndexIDMap: the caller's, checked, or the next ones.
 */

import { VecinoError } from '../errors.ts';
import { IdTable } from '../util/id-table.ts';

/** A copy of ids: safe integers >= 0, none twice and, unless they replace, none that is in the table. */
export function checkIds(where: string, ids: ArrayLike<number>, table: IdTable, replace: boolean): Float64Array {
	const out = Float64Array.from(ids);
	const fresh = new IdTable();
	fresh.reserve(out.length);
	for (const [i, id] of out.entries()) {
		if (!Number.isSafeInteger(id) || id < 0) {
			throw new RangeError(`${where}: ids must be integers in 0..${Number.MAX_SAFE_INTEGER}, got ${id} at row ${i}`);
		}
		if (fresh.rowOf(id) >= 0 || (!replace && table.rowOf(id) >= 0)) {
			const which =
				fresh.rowOf(id) >= 0 ? `is given twice, at rows ${fresh.rowOf(id)} and ${i}` : 'is in the index already';
			throw new VecinoError('duplicate-id', `${where}: id ${id} ${which}`, { row: i, found: id });
		}
		fresh.push(id);
	}
	return out;
}

/** The n ids after the largest so far. */
export function nextIds(largest: number, n: number): Float64Array {
	return Float64Array.from({ length: n }, (_, i) => largest + 1 + i);
}
