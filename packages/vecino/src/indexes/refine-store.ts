/**
 * What an IndexRefine re-ranks candidates with: one code per row, named by a word or given as an index.
 */

import { SCALAR_TYPES, type ScalarType } from '../quantizers/scalar-types.ts';
import { checkKeys, checkOneOf, show } from '../util/check.ts';
import { Index, type IndexOptions } from './base.ts';
import { IndexFlat } from './flat.ts';
import { IndexFlatCodes } from './flat-codes.ts';
import { IndexPQ } from './pq.ts';
import { IndexScalarQuantizer } from './scalar-quantizer.ts';

/**
 * What candidates are re-ranked with, and its bytes per vector: exact vectors (4 * d), 16-bit floats (2 * d), SQ8 (d),
 * SQ4 (d / 2), or product-quantized vectors (m * nbits / 8; nbits 4..12, 8 when absent).
 */
export type RefineStore = 'flat' | ScalarType | { readonly pq: { readonly m: number; readonly nbits?: number } };

const STORE_WORDS = ['flat', ...SCALAR_TYPES] as const;

/** Of the options of IndexRefine, those that say which store. */
interface StoreOptions {
	readonly base: Index;
	readonly store?: RefineStore | undefined;
	readonly refine?: Index | undefined;
}

/** The store that is asked for, or the one that is given, of the shape of the base. */
export function makeStore(
	where: string,
	{ base, store = 'flat', refine }: StoreOptions,
	shape: IndexOptions,
): IndexFlatCodes {
	if (refine !== undefined) return checkStore(where, refine, base);
	if (typeof store === 'object' && store !== null) {
		checkKeys(`${where}: store`, store, ['pq']);
		checkKeys(`${where}: store.pq`, store.pq, ['m', 'nbits']);
		if (store.pq === undefined) throw new TypeError(`${where}: store.pq must be { m, nbits }, got undefined`);
		return new IndexPQ({ ...shape, m: store.pq.m, nbits: store.pq.nbits, pad: true });
	}
	const word = checkOneOf(where, 'store', store, STORE_WORDS);
	// Rows are fetched by label, so bounds would be of no use.
	return word === 'flat'
		? new IndexFlat({ ...shape, pruned: false })
		: new IndexScalarQuantizer({ ...shape, type: word });
}

/** An index given as store: codes of rows one after the other, nothing in it yet, of the shape of the base. */
function checkStore(where: string, refine: Index, base: Index): IndexFlatCodes {
	if (!(refine instanceof IndexFlatCodes) || refine.codec.blockSize !== 1) {
		const got = refine instanceof Index ? `an ${refine.type}` : show(refine);
		throw new TypeError(`${where}: refine must be an IndexFlat, IndexScalarQuantizer or IndexPQ, got ${got}`);
	}
	if (refine === base) throw new RangeError(`${where}: refine must be another index than base`);
	for (const key of ['d', 'metric'] as const) {
		if (refine[key] === base[key]) continue;
		throw new RangeError(`${where}: refine.${key} must be ${base[key]} as in base, got ${refine[key]}`);
	}
	if (refine.engine !== base.engine) throw new RangeError(`${where}: refine must be of the same engine as base`);
	if (refine.labelEnd > 0) throw new RangeError(`${where}: refine must be empty, it holds ${refine.ntotal} vectors`);
	return refine;
}
