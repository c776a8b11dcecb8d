/**
 * What a kind of index can do, read off its factory string.
 */

import { type IndexSpec, parseSpec } from 'vecino';

/** What the search, the policy and the builder need to know of a kind of index. */
export interface Traits {
	/** Cells; 0: none; 'auto': by the number of vectors. */
	readonly nlist: number | 'auto';
	/** Candidates are put in order by a second look: kFactor. */
	readonly refines: boolean;
	/** A graph: efSearch; merging two would link all rows anew. */
	readonly graph: boolean;
	/** Rows that training should have at least. */
	readonly trainRows: number;
}

/** Rows for each cell below which k-means finds nothing worth having. */
const ROWS_PER_CELL = 30;
/** Rows for each entry of a codebook. */
const ROWS_PER_CODE = 8;
/** Rows from which ranges of scalars and principal components are known well enough. */
const LEAST_ROWS = 256;

export function traitsOf(spec: string | IndexSpec): Traits {
	const node = typeof spec === 'string' ? parseSpec(spec) : spec;
	switch (node.kind) {
		case 'flat':
			return { nlist: 0, refines: false, graph: false, trainRows: 1 };
		case 'sq':
		case 'rabitq':
			return { nlist: 0, refines: false, graph: false, trainRows: LEAST_ROWS };
		case 'pq':
			return { nlist: 0, refines: false, graph: false, trainRows: ROWS_PER_CODE * 2 ** node.nbits };
		case 'pqfs':
			return { nlist: 0, refines: false, graph: false, trainRows: LEAST_ROWS };
		case 'ivf': {
			const codec = traitsOf(node.codec);
			const cells = node.nlist === 'auto' ? 0 : node.nlist * ROWS_PER_CELL;
			return { ...codec, nlist: node.nlist, trainRows: Math.max(codec.trainRows, cells, LEAST_ROWS) };
		}
		case 'hnsw':
			return { ...traitsOf(node.codec), graph: true };
		case 'pretransform': {
			const inner = traitsOf(node.index);
			return { ...inner, trainRows: Math.max(inner.trainRows, LEAST_ROWS) };
		}
		case 'refine': {
			const [base, store] = [traitsOf(node.base), traitsOf(node.store)];
			return { ...base, refines: true, trainRows: Math.max(base.trainRows, store.trainRows) };
		}
		case 'idmap':
			return traitsOf(node.index);
		default:
			return { nlist: 'auto', refines: true, graph: false, trainRows: LEAST_ROWS };
	}
}
