/**
 * Cheap facts about the vectors of a file, from one pass over it.
 */

import type { Context } from './context.ts';
import type { RowSource } from './data.ts';

export interface VectorSurvey {
	/** Euclidean lengths. */
	readonly norms: { readonly min: number; readonly mean: number; readonly max: number };
	/** Every length is 1, to a thousandth. */
	readonly normalized: boolean;
	/** Of all components. */
	readonly values: { readonly min: number; readonly max: number };
	readonly zeroVectors: number;
	/** Rows that repeat an earlier one, by a 53-bit hash. */
	readonly duplicates: number;
}

/** Undefined when there are no rows. */
export async function surveyVectors(context: Context, source: RowSource): Promise<VectorSurvey | undefined> {
	const { n, d, name } = source;
	if (n === 0) return undefined;
	const hashes = new Float64Array(n);
	const norms = { min: Number.POSITIVE_INFINITY, sum: 0, max: 0 };
	const values = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };
	let zeroVectors = 0;
	for await (const { start, data } of source.chunks()) {
		const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
		const rows = data.length / d;
		for (let i = 0; i < rows; i++) {
			let squares = 0;
			for (let t = i * d; t < (i + 1) * d; t++) {
				const value = data[t]!;
				squares += value * value;
				if (value < values.min) values.min = value;
				if (value > values.max) values.max = value;
			}
			const norm = Math.sqrt(squares);
			if (norm === 0) zeroVectors++;
			norms.sum += norm;
			norms.min = Math.min(norms.min, norm);
			norms.max = Math.max(norms.max, norm);
			hashes[start + i] = hashRow(bits, i * d, (i + 1) * d);
		}
		context.progress.report({ phase: `read ${name}`, done: start + rows, total: n });
		await context.breathe();
	}
	hashes.sort();
	let duplicates = 0;
	for (let i = 1; i < n; i++) if (hashes[i] === hashes[i - 1]) duplicates++;
	const normalized = norms.min > 0.999 && norms.max < 1.001;
	const { min, max, sum } = norms;
	return { norms: { min, mean: sum / n, max }, normalized, values, zeroVectors, duplicates };
}

/** Two 32-bit multiplicative hashes (FNV and another prime), joined to 53 bits. -0 and 0 differ, which is rare enough. */
function hashRow(bits: Uint32Array, from: number, to: number): number {
	let a = 0x811c9dc5;
	let b = 0x9e3779b9;
	for (let t = from; t < to; t++) {
		const word = bits[t]!;
		a = Math.imul(a ^ word, 0x01000193);
		a ^= a >>> 15;
		b = Math.imul(b ^ word, 0x85ebca6b);
		b ^= b >>> 13;
	}
	return (a >>> 0) * 2 ** 21 + (b >>> 11);
}
