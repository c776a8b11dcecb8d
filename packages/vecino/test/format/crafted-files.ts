/** Small indexes of every kind in parts, and what reading a crafted file comes to. */
import { expect } from 'vitest';
import { VectorSet } from '../../src/core/vectors.ts';
import { isVecinoError, type VecinoError } from '../../src/errors.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexIVFPQFastScan, IndexPQFastScan } from '../../src/indexes/fast-scan.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexIVFScalarQuantizer } from '../../src/indexes/ivf-scalar-quantizer.ts';
import { IndexPQ } from '../../src/indexes/pq.ts';
import { IndexPreTransform } from '../../src/indexes/pre-transform.ts';
import { IndexIVFRaBitQ, IndexRaBitQ } from '../../src/indexes/rabitq.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { IndexScalarQuantizer } from '../../src/indexes/scalar-quantizer.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { createEngineSync } from '../../src/kernels/engine.ts';
import { LinearTransform } from '../../src/transforms/linear.ts';
import { NormalizeTransform } from '../../src/transforms/normalize.ts';
import { OPQTransform } from '../../src/transforms/opq.ts';
import { PCATransform } from '../../src/transforms/pca.ts';
import { RandomRotation } from '../../src/transforms/rotation.ts';
import { clustered } from '../support/data.ts';
import { type Lies, type Parts, putTogether, takeApart } from './craft.ts';

const engine = createEngineSync();
const rows = clustered(11, 4, { rank: 2 });

function partsOf(index: Index): Parts {
	using owned = index;
	return takeApart(writeIndex(owned.train(rows, { niter: 2 }).add(rows)));
}

/** The same, labels 2 and 5 removed. */
function removedFrom(index: Index): Parts {
	using owned = index;
	owned.train(rows, { niter: 2 }).add(rows).remove([2, 5]);
	return takeApart(writeIndex(owned));
}

/** Each of 11 vectors of d = 4, fresh on every call. */
export const flat = (): Parts => partsOf(new IndexFlat({ d: 4 }));
export const pq = (): Parts => partsOf(new IndexPQ({ d: 4, m: 2, nbits: 4 }));
export const sq8 = (): Parts => partsOf(new IndexScalarQuantizer({ d: 4 }));
export const sq4 = (): Parts => partsOf(new IndexScalarQuantizer({ d: 4, type: 'sq4' }));
export const f16 = (): Parts => partsOf(new IndexScalarQuantizer({ d: 4, type: 'f16' }));
export const bf16 = (): Parts => partsOf(new IndexScalarQuantizer({ d: 4, type: 'bf16' }));
export const ivfFlat = (): Parts => partsOf(new IndexIVFFlat({ d: 4, nlist: 3 }));
/** With a graph over its cells. Sections: centroids, coarseLinks, coarseSlots, coarseUpperLinks, directory, lists. */
export const ivfHnsw = (): Parts => partsOf(new IndexIVFFlat({ d: 4, nlist: 3, coarse: 'hnsw' }));
export const ivfSq8 = (): Parts => partsOf(new IndexIVFScalarQuantizer({ d: 4, nlist: 3 }));
export const ivfF16 = (): Parts => partsOf(new IndexIVFScalarQuantizer({ d: 4, nlist: 3, type: 'f16' }));
/** Codes of 3 * 4 bits, with terms. Sections: centroids, codebook, directory, lists. */
export const ivfpq = (): Parts => partsOf(new IndexIVFPQ({ d: 4, m: 3, nbits: 4, nlist: 3, pad: true }));
/** Blocks of 32 codes; the list also has 16-bit terms. */
export const pqFastScan = (): Parts => partsOf(new IndexPQFastScan({ d: 4, m: 2 }));
export const ivfpqFastScan = (): Parts => partsOf(new IndexIVFPQFastScan({ d: 4, m: 2, nlist: 2 }));
/** Sections: links, slots, upperLinks, codes. Two rows are above level 0, one of them on level 2. */
export const hnsw = (): Parts => partsOf(new IndexHNSW({ d: 4, M: 2 }));
/** Blocks of 32 codes with bfloat16 factors, and from 2 bits on float32 ones. */
export const rabitq = (): Parts => partsOf(new IndexRaBitQ({ d: 4, nbits: 3, metric: 'ip' }));
export const ivfRabitq = (): Parts => partsOf(new IndexIVFRaBitQ({ d: 4, nlist: 2 }));
export const ivfRabitq4 = (): Parts => partsOf(new IndexIVFRaBitQ({ d: 4, nlist: 2, nbits: 4 }));
export const refine = (): Parts =>
	partsOf(new IndexRefine({ base: new IndexPQ({ d: 4, m: 2, nbits: 4 }), store: 'sq8' }));
export const refinePq = (): Parts =>
	partsOf(new IndexRefine({ base: new IndexPQ({ d: 4, m: 2, nbits: 4 }), store: { pq: { m: 4, nbits: 5 } } }));
export const idMap = (): Parts => partsOf(new IndexIDMap({ index: new IndexFlat({ d: 4 }) }));
export const nested = (): Parts =>
	partsOf(new IndexIDMap({ index: new IndexRefine({ base: new IndexIVFPQ({ d: 4, m: 2, nbits: 4, nlist: 2 }) }) }));

/** Sections: matrix, mean, variances, codes. */
export const pca = (): Parts =>
	partsOf(
		new IndexPreTransform({ transforms: [new PCATransform({ dIn: 4, dOut: 3 })], index: new IndexFlat({ d: 3 }) }),
	);
/** Sections: matrix and bias, matrix, matrix, codes. */
export const chain = (): Parts =>
	partsOf(
		new IndexPreTransform({
			transforms: [
				new NormalizeTransform({ d: 4 }),
				new LinearTransform({ dIn: 4, dOut: 2, matrix: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) }),
				new RandomRotation({ dIn: 2 }),
				new OPQTransform({ d: 2, m: 2, dOut: 4, nbits: 4, niter: 2 }),
			],
			index: new IndexFlat({ d: 4 }),
		}),
	);

/** With labels 2 and 5 removed. Sections: codes, live. */
export const flatRemoved = (): Parts => removedFrom(new IndexFlat({ d: 4 }));
export const fastScanRemoved = (): Parts => removedFrom(new IndexPQFastScan({ d: 4, m: 2 }));
/** Sections: centroids, directory, lists. */
export const ivfRemoved = (): Parts => removedFrom(new IndexIVFFlat({ d: 4, nlist: 3 }));
/** Sections: links, slots, upperLinks, live, codes. */
export const hnswRemoved = (): Parts => removedFrom(new IndexHNSW({ d: 4, M: 2 }));
/** Sections: codebook, codes, live of base, ranges, codes of refine. */
export const refineRemoved = (): Parts =>
	removedFrom(new IndexRefine({ base: new IndexPQ({ d: 4, m: 2, nbits: 4 }), store: 'sq8' }));
/** Sections: ids, centroids, directory, lists. */
export const idMapRemoved = (): Parts => removedFrom(new IndexIDMap({ index: new IndexIVFFlat({ d: 4, nlist: 3 }) }));

export const ALL: readonly (() => Parts)[] = [
	flat,
	pq,
	sq8,
	sq4,
	f16,
	bf16,
	ivfF16,
	refinePq,
	pqFastScan,
	ivfFlat,
	ivfHnsw,
	ivfSq8,
	ivfpq,
	ivfpqFastScan,
	hnsw,
	rabitq,
	ivfRabitq,
	ivfRabitq4,
	refine,
	idMap,
	nested,
	pca,
	chain,
	flatRemoved,
	fastScanRemoved,
	ivfRemoved,
	hnswRemoved,
	refineRemoved,
	idMapRemoved,
];

/** What a file holds, whether it is true or not. */
export interface Claims {
	readonly json: unknown;
	readonly sections: Uint8Array[];
}

/** The error of reading, which must be a VecinoError and leave nothing behind; undefined when there is none. */
export function errorOf(parts: Claims, lies?: Lies): VecinoError | undefined {
	const error = read(putTogether(parts, lies));
	expect(engine.arena.allocatedBytes).toBe(0);
	if (error === undefined || isVecinoError(error)) return error;
	throw error;
}

/** Reads, searches and gives back. */
function read(file: Uint8Array): unknown {
	try {
		using index = readIndex(file, { engine });
		if (index.isTrained) index.search(new VectorSet(new Float32Array(index.d), index.d), 3);
		return undefined;
	} catch (error) {
		return error;
	}
}

/** Reading fails with corrupt-data, an offset and these words. */
export function expectCorrupt(parts: Claims, message: string | RegExp, lies?: Lies): void {
	const error = errorOf(parts, lies);
	expect(error?.message).toMatch(message);
	expect(error?.code).toBe('corrupt-data');
	expect(error?.offset).toBeTypeOf('number');
}
