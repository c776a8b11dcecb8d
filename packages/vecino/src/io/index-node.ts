/**
 * The JSON header of a `.vecino` file: a tree with one node per index, spec/format.md. A node says what the index is
 * and which sections hold its arrays; sections are numbered in the order in which the tree, read from the root, names
 * them. Keys and their order are fixed, so that the same index gives the same text. Checked by io/parse-node.ts.
 */

import type { Metric } from '../core/metric.ts';
import type { RecallTable } from '../core/recall-table.ts';
import { type CodeLayout, codesBytes, termsBytes } from '../invlists/layout.ts';
import { rabitqCodeSize } from '../kernels/kernels.ts';
import type { ScalarType } from '../quantizers/scalar-types.ts';

/** What every node says. */
export interface NodeBase {
	readonly d: number;
	readonly metric: Metric;
	readonly ntotal: number;
	/** One more than the highest label given out. Absent when that is ntotal: nothing was removed. */
	readonly labelEnd?: number;
	readonly isTrained: boolean;
	/** Of the outermost index alone; the last key. */
	readonly recallTable?: RecallTable;
}

/** Labels are below this; rows that an index keeps for them, dead ones included. */
export function labelEndOf({ ntotal, labelEnd }: Pick<NodeBase, 'ntotal' | 'labelEnd'>): number {
	return labelEnd ?? ntotal;
}

/** Numbers of sections. Those that only a trained index has are absent in others. */
type Sections<K extends string> = { readonly [key in K]?: number };

export interface FlatNode extends NodeBase {
	readonly type: 'IndexFlat';
	readonly sections: Sections<'codes' | 'live'>;
}

export interface PQNode extends NodeBase {
	readonly type: 'IndexPQ';
	readonly m: number;
	readonly nbits: number;
	readonly sections: Sections<'codebook' | 'codes' | 'live'>;
}

export interface SQNode extends NodeBase {
	readonly type: 'IndexScalarQuantizer';
	/** Absent: sq8. */
	readonly quantizer?: Exclude<ScalarType, 'sq8'>;
	readonly sections: Sections<'ranges' | 'codes' | 'live'>;
}

/** What a graph is, beside its sections. */
export interface GraphShape {
	readonly M: number;
	readonly efConstruction: number;
	/** Rows above level 0, and the lists of these above level 0. */
	readonly slots: number;
	readonly upperLists: number;
}

/** Of an index with cells: what only some have. */
interface Coarse {
	/** Cells are ranked by a graph. */
	readonly coarse?: GraphShape;
	/** How far vectors are from their centroids: training rows on average, those added together, and how many these are. */
	readonly spread?: readonly [trained: number, sum: number, n: number];
}
type CoarseSections = 'centre' | 'coarseLinks' | 'coarseSlots' | 'coarseUpperLinks';

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
	/** Absent: sq8. */
	readonly quantizer?: Exclude<ScalarType, 'sq8'>;
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
	readonly sections: Sections<'codebook' | 'codes' | 'live'>;
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

export interface RaBitQNode extends NodeBase {
	readonly type: 'IndexRaBitQ';
	readonly nbits: number;
	/** Of the rotation. */
	readonly seed: number;
	readonly sections: Sections<'centre' | 'codes' | 'live'>;
}

export interface IVFRaBitQNode extends NodeBase, Coarse {
	readonly type: 'IndexIVFRaBitQ';
	readonly nlist: number;
	/** Absent when not trained. */
	readonly nprobe?: number;
	readonly nbits: number;
	/** Of the rotation. */
	readonly seed: number;
	readonly sections: Sections<'centroids' | CoarseSections | 'directory' | 'lists'>;
}

/** Nodes of indexes with cells. */
export type IVFNode = IVFFlatNode | IVFSQNode | IVFPQNode | IVFPQFastScanNode | IVFRaBitQNode;

export interface RefineNode extends NodeBase {
	readonly type: 'IndexRefine';
	readonly kFactor: number;
	readonly base: IndexNode;
	readonly refine: FlatNode | SQNode | PQNode;
}

export interface IDMapNode extends NodeBase {
	readonly type: 'IndexIDMap';
	/** First row without an id. Absent when there is none. */
	readonly free?: number;
	readonly sections: Sections<'ids'>;
	readonly index: IndexNode;
}

export interface HNSWNode extends NodeBase, GraphShape {
	readonly type: 'IndexHNSW';
	readonly sections: Sections<'links' | 'slots' | 'upperLinks' | 'live'>;
	readonly storage: FlatNode | SQNode;
}

/** What the node of every transform says. */
export interface TransformBase {
	readonly dIn: number;
	readonly dOut: number;
	readonly isTrained: boolean;
}

export type TransformNode = TransformBase &
	(
		| {
				readonly type: 'LinearTransform';
				readonly isOrthonormal: boolean;
				readonly sections: Sections<'matrix' | 'bias'>;
		  }
		| {
				readonly type: 'PCATransform';
				readonly eigenPower: 0 | -0.5;
				readonly randomRotation: boolean;
				readonly sections: Sections<'matrix' | 'mean' | 'variances'>;
		  }
		| { readonly type: 'RandomRotation'; readonly seed: number; readonly sections: Sections<'matrix'> }
		| {
				readonly type: 'OPQTransform';
				readonly m: number;
				readonly nbits: number;
				readonly niter: number;
				readonly sections: Sections<'matrix'>;
		  }
		| { readonly type: 'NormalizeTransform' }
	);

export interface PreTransformNode extends NodeBase {
	readonly type: 'IndexPreTransform';
	readonly transforms: readonly TransformNode[];
	readonly index: IndexNode;
}

export type IndexNode =
	| FlatNode
	| PQNode
	| SQNode
	| PQFastScanNode
	| RaBitQNode
	| IVFFlatNode
	| IVFSQNode
	| IVFPQNode
	| IVFPQFastScanNode
	| HNSWNode
	| IVFRaBitQNode
	| RefineNode
	| PreTransformNode
	| IDMapNode;

/** Lowest minor version of the format that can hold an index. */
export function minorOf(node: IndexNode): number {
	// Indexes around others have the key as well.
	if (node.labelEnd !== undefined || node.recallTable !== undefined) return 2;
	if (node.type === 'IndexPreTransform') return Math.max(1, minorOf(node.index));
	if (node.type === 'IndexRefine') return minorOf(node.base);
	if (node.type === 'IndexIDMap') return minorOf(node.index);
	if (node.type === 'IndexHNSW') return 'quantizer' in node.storage ? 2 : 0;
	return 'nlist' in node && (node.spread !== undefined || node.sections.centre !== undefined) ? 2 : 0;
}

/** Bytes of a PQ code. */
export function pqCodeSize(m: number, nbits: number): number {
	return Math.ceil((m * nbits) / 8);
}

/** Blocks of RaBitQ codes; in lists further bits stand in place of terms. */
export function rabitqLayout(d: number, nbits: number, isList: boolean): CodeLayout {
	const size = Math.ceil(d / 16) * 16;
	const codeSize = rabitqCodeSize(size, isList ? 1 : nbits);
	return { codeSize, blockSize: 32, termBytes: rabitqCodeSize(size, nbits) - codeSize };
}

/** Bytes of a codebook, layout (m, ksub, dsub) of float32. */
export function codebookBytes(d: number, m: number, nbits: number): number {
	return m * 2 ** nbits * Math.ceil(d / m) * 4;
}

/** Bytes of a bit for each of n rows, in whole words. */
export function liveBytes(n: number): number {
	return Math.ceil(n / 32) * 4;
}

/** Bytes of a list of n codes: codes, padded to 4, terms, labels (u32). */
export function listBytes(n: number, layout: CodeLayout): number {
	return Math.ceil(codesBytes(layout, n) / 4) * 4 + termsBytes(layout, n) + n * 4;
}
