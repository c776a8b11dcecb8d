/**
 * The JSON header of a `.vecino` file: a tree with one node per index, spec/format.md. A node says what the index is
 * and which sections hold its arrays; sections are numbered in the order in which the tree, read from the root, names
 * them. Keys and their order are fixed, so that the same index gives the same text. Checked by io/parse-node.ts.
 */

import type { Metric } from '../core/metric.ts';
import { type CodeLayout, codesBytes, termsBytes } from '../invlists/layout.ts';

/** What every node says. */
export interface NodeBase {
	readonly d: number;
	readonly metric: Metric;
	readonly ntotal: number;
	readonly isTrained: boolean;
}

/** Numbers of sections. Those that only a trained index has are absent in others. */
type Sections<K extends string> = { readonly [key in K]?: number };

export interface FlatNode extends NodeBase {
	readonly type: 'IndexFlat';
	readonly sections: Sections<'codes'>;
}

export interface PQNode extends NodeBase {
	readonly type: 'IndexPQ';
	readonly m: number;
	readonly nbits: number;
	readonly sections: Sections<'codebook' | 'codes'>;
}

export interface SQNode extends NodeBase {
	readonly type: 'IndexScalarQuantizer';
	readonly sections: Sections<'ranges' | 'codes'>;
}

/** What a graph is, beside its sections. */
export interface GraphShape {
	readonly M: number;
	readonly efConstruction: number;
	/** Rows above level 0, and the lists of these above level 0. */
	readonly slots: number;
	readonly upperLists: number;
}

/** Of an index with cells that a graph ranks. */
interface Coarse {
	readonly coarse?: GraphShape;
}
type CoarseSections = 'coarseLinks' | 'coarseSlots' | 'coarseUpperLinks';

export interface IVFFlatNode extends NodeBase, Coarse {
	readonly type: 'IndexIVFFlat';
	readonly nlist: number;
	/** Absent when not trained. */
	readonly nprobe?: number;
	readonly sections: Sections<'centroids' | CoarseSections | 'directory' | 'lists'>;
}

export interface IVFSQNode extends NodeBase, Coarse {
	readonly type: 'IndexIVFScalarQuantizer';
	readonly nlist: number;
	/** Absent when not trained. */
	readonly nprobe?: number;
	readonly sections: Sections<'centroids' | CoarseSections | 'ranges' | 'directory' | 'lists'>;
}

export interface IVFPQNode extends NodeBase, Coarse {
	readonly type: 'IndexIVFPQ';
	readonly nlist: number;
	/** Absent when not trained. */
	readonly nprobe?: number;
	readonly m: number;
	readonly nbits: number;
	readonly byResidual: boolean;
	readonly sections: Sections<'centroids' | CoarseSections | 'codebook' | 'directory' | 'lists'>;
}

export interface PQFastScanNode extends NodeBase {
	readonly type: 'IndexPQFastScan';
	readonly m: number;
	readonly sections: Sections<'codebook' | 'codes'>;
}

export interface IVFPQFastScanNode extends NodeBase, Coarse {
	readonly type: 'IndexIVFPQFastScan';
	readonly nlist: number;
	/** Absent when not trained. */
	readonly nprobe?: number;
	readonly m: number;
	readonly byResidual: boolean;
	/** Middle and step of the terms. Absent when there are none, or not trained. */
	readonly terms?: readonly [mid: number, step: number];
	readonly sections: Sections<'centroids' | CoarseSections | 'codebook' | 'directory' | 'lists'>;
}

/** Nodes of indexes with cells. */
export type IVFNode = IVFFlatNode | IVFSQNode | IVFPQNode | IVFPQFastScanNode;

export interface RefineNode extends NodeBase {
	readonly type: 'IndexRefine';
	readonly kFactor: number;
	readonly base: IndexNode;
	readonly refine: FlatNode | SQNode;
}

export interface IDMapNode extends NodeBase {
	readonly type: 'IndexIDMap';
	readonly sections: Sections<'ids'>;
	readonly index: IndexNode;
}

export interface HNSWNode extends NodeBase, GraphShape {
	readonly type: 'IndexHNSW';
	readonly sections: Sections<'links' | 'slots' | 'upperLinks'>;
	readonly storage: FlatNode | SQNode;
}

export type IndexNode =
	| FlatNode
	| PQNode
	| SQNode
	| PQFastScanNode
	| IVFFlatNode
	| IVFSQNode
	| IVFPQNode
	| IVFPQFastScanNode
	| HNSWNode
	| RefineNode
	| IDMapNode;

/** Bytes of a PQ code. */
export function pqCodeSize(m: number, nbits: number): number {
	return Math.ceil((m * nbits) / 8);
}

/** Bytes of a codebook, layout (m, ksub, dsub) of float32. */
export function codebookBytes(d: number, m: number, nbits: number): number {
	return m * 2 ** nbits * Math.ceil(d / m) * 4;
}

/** Bytes of a list of n codes: codes, padded to 4, terms, labels (u32). */
export function listBytes(n: number, layout: CodeLayout): number {
	return Math.ceil(codesBytes(layout, n) / 4) * 4 + termsBytes(layout, n) + n * 4;
}
