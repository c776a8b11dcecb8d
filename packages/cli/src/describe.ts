/**
 * An index in words and numbers, for build, info, search and recall.
 */

import {
	type Index,
	type IndexIDMap,
	IndexIVF,
	IndexIVFPQ,
	IndexIVFPQFastScan,
	IndexPQ,
	IndexPQFastScan,
	IndexPreTransform,
	IndexRefine,
	type Metric,
	printSpec,
	specOf,
} from 'vecino';
import { bytes, count, facts } from './output.ts';

/** The part of every report that identifies the index. */
export interface IndexIdentity {
	/** From the outside in: IndexRefine(IndexIVFPQ, sq8). */
	readonly type: string;
	readonly metric: Metric;
	readonly ntotal: number;
	readonly d: number;
}

export interface IndexReport extends IndexIdentity {
	/** The factory string. */
	readonly factory: string;
	/** Null for indexes of uncompressed or scalar-quantized vectors. */
	readonly pq: { readonly m: number; readonly nbits: number; readonly residual: boolean } | null;
	/** Bytes of one code, without label and terms; for IndexRefine, of its base. */
	readonly codeSize: number;
	/** Sizes are in vectors; nprobe is what a search opens unless told otherwise. */
	readonly cells: {
		readonly nlist: number;
		readonly nprobe: number;
		readonly mean: number;
		readonly min: number;
		readonly max: number;
		readonly empty: number;
		readonly imbalance: number;
	} | null;
	readonly rerank: { readonly store: string; readonly kFactor: number } | null;
	readonly residentBytes: number;
	readonly bytesPerVector: number | null;
	/** Resident bytes by component; which there are depends on the index. */
	readonly components: Readonly<Record<string, number>>;
}

/** What is inside an index: what it wraps, the part with cells and the part that re-ranks, where there are any. */
export function partsOf(index: Index): {
	readonly base: Index;
	readonly ivf: IndexIVF | undefined;
	readonly refine: IndexRefine | undefined;
	readonly pre: IndexPreTransform | undefined;
} {
	let base = index.type === 'IndexIDMap' ? (index as IndexIDMap).index : index;
	let refine: IndexRefine | undefined;
	let pre: IndexPreTransform | undefined;
	// vecino build puts transforms inside what re-ranks; indexes of FAISS may have them around it.
	while (base instanceof IndexRefine || base instanceof IndexPreTransform) {
		if (base instanceof IndexRefine) {
			refine = base;
			base = refine.base;
		} else {
			pre ??= base;
			base = base.index;
		}
	}
	return { base, ivf: base instanceof IndexIVF ? base : undefined, refine, pre };
}

const WITH_PQ = [IndexPQ, IndexPQFastScan, IndexIVFPQ, IndexIVFPQFastScan];

export function identify(index: Index): IndexIdentity {
	const { base, refine, pre } = partsOf(index);
	const steps = pre?.transforms.map(({ type, dOut }) => `${type} to ${dOut}`).join(', ');
	const coded = steps === undefined ? base.type : `IndexPreTransform(${steps}, ${base.type})`;
	const inner = refine === undefined ? coded : `${refine.type}(${coded}, ${refine.store})`;
	const type = index.type === 'IndexIDMap' ? `${index.type}(${inner})` : inner;
	return { type, metric: index.metric, ntotal: index.ntotal, d: index.d };
}

export function describe(index: Index): IndexReport {
	const { base, ivf, refine } = partsOf(index);
	const { bytes: components, lists } = index.stats();
	const residual = ivf?.byResidual ?? false;
	const pq = WITH_PQ.some((kind) => base instanceof kind) ? (base as IndexPQ).pq : undefined;
	return {
		...identify(index),
		factory: printSpec(specOf(index)),
		pq: pq === undefined ? null : { m: pq.m, nbits: pq.nbits, residual },
		codeSize: (base as Index & { readonly codeSize: number }).codeSize,
		cells: lists ?? null,
		rerank: refine === undefined ? null : { store: refine.store, kFactor: refine.kFactor },
		residentBytes: index.byteLength,
		bytesPerVector: index.ntotal === 0 ? null : index.byteLength / index.ntotal,
		components,
	};
}

const COMPONENTS: Readonly<Record<string, string>> = {
	labels: 'row numbers',
	locator: 'where each label is',
	live: 'rows that are alive',
	terms: 'residual terms',
	ranges: 'ranges of components',
	spare: 'spare room',
	directory: 'directory of lists',
	rotation: 'rotation and its centre',
	refine: 'store to re-rank with',
	links: 'links of the graph',
	transforms: 'matrices of transforms',
};

/** The report as lines. */
export function renderIndex(report: IndexReport): string {
	const { type, factory, ntotal, d, metric, pq, codeSize, cells, rerank, residentBytes, bytesPerVector } = report;
	const rows: [string, string][] = [
		['index', type],
		['factory', factory],
		['vectors', `${count(ntotal)} of dimension ${d}, metric ${metric}`],
	];
	const how = pq === null ? '' : ` (m ${pq.m}, nbits ${pq.nbits}${pq.residual ? ', of residuals' : ''})`;
	rows.push(['code', `${count(codeSize)} bytes per vector${how}`]);
	if (cells !== null) {
		const { nlist, nprobe, mean, min, max, empty, imbalance } = cells;
		const sizes = `mean ${mean.toFixed(1)}, min ${count(min)}, max ${count(max)}, ${count(empty)} empty`;
		rows.push(['cells', `nlist ${nlist}; vectors per cell: ${sizes}; imbalance ${imbalance.toFixed(2)}`]);
		rows.push(['', `nprobe ${nprobe} unless a search says otherwise`]);
	}
	if (rerank !== null) rows.push(['re-ranks', `${rerank.kFactor} candidates per result, store ${rerank.store}`]);
	const each = bytesPerVector === null ? '' : `, ${bytesPerVector.toFixed(1)} bytes per vector:`;
	rows.push(['memory', `${bytes(residentBytes)}${each}`]);
	for (const [name, size] of Object.entries(report.components)) {
		rows.push(['', `${bytes(size).padStart(8)}  ${COMPONENTS[name] ?? name}`]);
	}
	return facts(rows);
}
