/**
 * Sizes chosen where the user gives none, and the check of m that names the values there are.
 */

import { UsageError } from './errors.ts';

/** All divisors of d, ascending: the values of m that need no padding. */
export function divisors(d: number): number[] {
	const out: number[] = [];
	for (let m = 1; m <= d; m++) if (d % m === 0) out.push(m);
	return out;
}

/** The divisor of d nearest to `target` in proportion; of two equally near the larger. */
export function nearestDivisor(d: number, target: number): number {
	const offBy = (m: number): number => Math.max(m / target, target / m);
	return divisors(d).reduce((best, m) => (offBy(m) <= offBy(best) ? m : best));
}

/** Sub-vectors: one byte for each 8 dimensions or so, which makes codes 32 times smaller than float32. */
export function defaultM(d: number, nbits: 4 | 8 = 8): number {
	return nearestDivisor(d, Math.max(1, nbits === 8 ? d / 8 : Math.min(d / 4, 256)));
}

/** Cells: 4 * sqrt(n), but not more than leaves 39 training vectors to each. */
export function defaultNlist(n: number): number {
	return Math.max(1, Math.min(Math.round(4 * Math.sqrt(n)), Math.floor(n / 39), 65_536));
}

/** Queries held out: 5 % of the vectors, at most 1000. */
export function defaultQueries(n: number): number {
	return Math.max(1, Math.min(1000, Math.floor(n / 20)));
}

/** Refuses an m that does not divide d, unless vectors are to be padded. */
export function checkM(m: number, d: number, pad: boolean): void {
	if (d % m === 0 || (pad && m <= d)) return;
	const most = pad ? `it must be at most d = ${d}` : `it must divide d = ${d}: ${divisors(d).join(', ')}`;
	const advice = pad || m > d ? '' : ' (or --pad fills vectors up with zeros)';
	throw new UsageError(`--m ${m} does not fit: ${most}${advice}`);
}
