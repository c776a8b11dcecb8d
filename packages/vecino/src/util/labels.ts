/**
 * Labels (or ids) as callers give them: one number or many.
 */

import { VecinoError } from '../errors.ts';
import { show } from './check.ts';
import { IdTable } from './id-table.ts';

/** One label, or as many as there are to go through. */
export type Labels = number | Iterable<number>;

/** The labels as an array: integers in 0..2^53 - 1, in the order given. */
export function toLabels(where: string, labels: Labels): Float64Array<ArrayBuffer> {
	const isMany = typeof labels === 'object' && labels !== null && Symbol.iterator in labels;
	if (!isMany && typeof labels !== 'number') {
		throw new TypeError(`${where}: labels must be a number or an iterable of numbers, got ${show(labels)}`);
	}
	const out = isMany ? Float64Array.from(labels) : Float64Array.of(labels);
	for (const [i, label] of out.entries()) {
		if (Number.isSafeInteger(label) && label >= 0) continue;
		const which = isMany ? ` at position ${i}` : '';
		throw new RangeError(`${where}: labels must be integers in 0..${Number.MAX_SAFE_INTEGER}, got ${label}${which}`);
	}
	return out;
}

/** Refuses a label that is given twice. */
export function checkDistinct(where: string, labels: Float64Array): void {
	if (labels.length < 2) return;
	const seen = new IdTable();
	seen.reserve(labels.length);
	for (const [i, label] of labels.entries()) {
		if (seen.rowOf(label) >= 0) {
			const message = `${where}: label ${label} is given twice, at positions ${seen.rowOf(label)} and ${i}`;
			throw new VecinoError('duplicate-id', message, { row: i, found: label });
		}
		seen.push(label);
	}
}
