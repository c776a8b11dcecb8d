/**
 * Product quantization of one vector of 12 numbers, step by step: split, nearest reproduction values, ids,
 * reconstruction. Small enough to follow with pencil and paper, so everything is computed right here.
 */

import { squaredL2 } from 'vecino';
import { indent, table } from '../output.ts';
import { Random } from '../synthetic.ts';

const D = 12;
const M = 4;
const KSUB = 8;
const DSUB = D / M;
/** Numbers are drawn from 0..9, one digit each. */
const RANGE = 10;
const SEED = 95;

export interface ToyResult {
	/** Size 12. */
	readonly vector: readonly number[];
	/** Layout (m, ksub, dsub) = (4, 8, 3). */
	readonly reproductionValues: readonly (readonly (readonly number[])[])[];
	/** Squared distances of each sub-vector to its 8 reproduction values. */
	readonly distances: readonly (readonly number[])[];
	/** One id per sub-vector, 0..7. */
	readonly ids: readonly number[];
	/** Size 12. */
	readonly reconstruction: readonly number[];
	readonly squaredError: number;
	/** Bits of the vector as float32, and of its ids. */
	readonly bits: { readonly vector: number; readonly code: number };
}

/** The vector and the reproduction values are fixed; a real codebook comes from k-means on the data. */
export function runToy(): ToyResult {
	const random = new Random(SEED);
	const digits = (count: number): number[] => Array.from({ length: count }, () => random.below(RANGE));
	const reproductionValues = Array.from({ length: M }, () => Array.from({ length: KSUB }, () => digits(DSUB)));
	const vector = digits(D);
	const pieces = Array.from({ length: M }, (_, j) => vector.slice(j * DSUB, (j + 1) * DSUB));
	const distances = pieces.map((piece, j) => reproductionValues[j]!.map((value) => squaredL2(piece, value)));
	const ids = distances.map((row) => row.indexOf(Math.min(...row)));
	const reconstruction = ids.flatMap((id, j) => reproductionValues[j]![id]!);
	const squaredError = squaredL2(vector, reconstruction);
	const bits = { vector: D * 32, code: M * Math.log2(KSUB) };
	return { vector, reproductionValues, distances, ids, reconstruction, squaredError, bits };
}

export function renderToy(toy: ToyResult): string {
	const { vector, reproductionValues, distances, ids, reconstruction, squaredError, bits } = toy;
	const pieces = Array.from({ length: M }, (_, j) => vector.slice(j * DSUB, (j + 1) * DSUB));
	const split = pieces.map((piece) => piece.join(' ')).join('  |  ');
	const head = ['id', ...pieces.map((piece) => `[${piece.join(' ')}]`)];
	const rows = Array.from({ length: KSUB }, (_, id) => [
		String(id),
		...reproductionValues.map((values, j) => {
			const distance = String(distances[j]![id]).padStart(3);
			return `${values[id]!.join(' ')}  ${distance}${ids[j] === id ? ' <' : '  '}`;
		}),
	]);
	return `1. A vector of ${D} numbers:
   ${vector.join(' ')}
2. Split into m = ${M} sub-vectors of ${DSUB}:
   ${split}
3. Each sub-vector has its own ${KSUB} reproduction values (k-means would learn them from
   data; these are fixed). Beside each its squared distance to the sub-vector; the
   nearest is marked:

${indent(table(head, rows), 3)}

4. The code is the ids of the nearest: ${ids.join(' ')}
   ${bits.vector} bits have become ${M} x ${Math.log2(KSUB)} = ${bits.code}.
5. Put together again, the code stands for:
   ${ids.map((id, j) => reproductionValues[j]![id]!.join(' ')).join('  |  ')}
   Squared error: ${pieces.map((_, j) => distances[j]![ids[j]!]).join(' + ')} = ${squaredError} (${reconstruction.length} numbers).
   ${M} lists of ${KSUB} values name ${KSUB}^${M} = ${KSUB ** M} different vectors.`;
}
