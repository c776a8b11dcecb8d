/**
 * Resident bytes of an index before it is built, by component as stats() names them, and those of its file. They follow
 * from the layout: exactly, except for the lengths of inverted lists and the levels of a graph, of which
 * means are taken: off by 1 % at most, and by up to 3 % where lists hold about one block of 32 codes.
 */

import type { Metric } from '../core/metric.ts';
import { PACK_CELLS } from '../indexes/cells.ts';
import { PRUNED_D } from '../indexes/flat.ts';
import { directoryBytes, listBlock } from '../invlists/array-lists.ts';
import { type CodeLayout, codesBytes, termsBytes, wholeBlocks } from '../invlists/layout.ts';
import { flatBoundBytes, GRAPH_BYTES, GRAPH_PAGE, nearestPackedBytes, rabitqCodeSize } from '../kernels/kernels.ts';
import { scalarCodeSize } from '../quantizers/scalar-types.ts';
import { panelsBytes } from '../transforms/linear.ts';
import { dimensionBehind } from './fit.ts';
import type { CodecSpec, IndexSpec, TransformSpec } from './spec.ts';

/** One code per vector, in cells or not, and perhaps a graph over them. */
export interface Coded {
	readonly d: number;
	readonly n: number;
	readonly metric: Metric;
	readonly codec: CodecSpec;
	/** 0: no cells. */
	readonly nlist: number;
	readonly byResidual: boolean;
	/** Links of the graph over the cells; 0: none. */
	readonly coarseM: number;
	/** Links of the graph over the vectors; 0: none. */
	readonly graphM: number;
	/** Bounds beside flat codes. */
	readonly pruned: boolean;
}

/** What a tree of specs comes down to: the part with codes, and what stands around it. */
export interface Parts {
	readonly transforms: readonly { readonly spec: TransformSpec; readonly dIn: number; readonly dOut: number }[];
	readonly coded: Coded;
	/** Outermost last. */
	readonly stores: readonly Coded[];
	readonly isMap: boolean;
	/** Nodes of the file. */
	readonly nodes: number;
}

/** `nlist` and Auto must be settled. */
export function partsOf(d: number, n: number, spec: IndexSpec, metric: Metric): Parts {
	if (spec.kind === 'idmap') {
		const parts = partsOf(d, n, spec.index, metric);
		return { ...parts, isMap: true, nodes: parts.nodes + 1 };
	}
	if (spec.kind === 'refine') {
		const parts = partsOf(d, n, spec.base, metric);
		const store = { ...plain(d, n, metric), codec: spec.store };
		return { ...parts, stores: [...parts.stores, store], nodes: parts.nodes + 2 };
	}
	if (spec.kind === 'pretransform') {
		let dIn = d;
		const transforms = spec.transforms.map((one) => {
			const dOut = dimensionBehind(dIn, one);
			const step = { spec: one, dIn, dOut };
			dIn = dOut;
			return step;
		});
		const parts = partsOf(dIn, n, spec.index, metric);
		return {
			...parts,
			transforms: [...transforms, ...parts.transforms],
			nodes: parts.nodes + 1 + transforms.length,
		};
	}
	const rest = { transforms: [], stores: [], isMap: false, nodes: 1 };
	const base = plain(d, n, metric);
	if (spec.kind === 'hnsw') return { ...rest, coded: { ...base, codec: spec.codec, graphM: spec.M }, nodes: 2 };
	if (spec.kind === 'ivf') {
		const { nlist, coarse, codec, byResidual } = spec;
		if (nlist === 'auto') throw new Error('internal: nlist is settled');
		const coarseM = coarse.kind === 'hnsw' ? coarse.M : 0;
		return { ...rest, coded: { ...base, codec, nlist, byResidual, coarseM } };
	}
	if (spec.kind === 'auto') throw new Error('internal: Auto is settled');
	return { ...rest, coded: { ...base, codec: spec, pruned: spec.kind === 'flat' && d >= PRUNED_D } };
}

function plain(d: number, n: number, metric: Metric): Omit<Coded, 'codec'> {
	return { d, n, metric, nlist: 0, byResidual: false, coarseM: 0, graphM: 0, pruned: false };
}

/** Bytes of the code of one vector, without label and term. */
export function codeBytes(codec: CodecSpec, d: number): number {
	switch (codec.kind) {
		case 'flat':
			return 4 * d;
		case 'sq':
			return scalarCodeSize(d, codec.type);
		case 'pq':
			return Math.ceil((codec.m * codec.nbits) / 8);
		case 'pqfs':
			return Math.ceil(codec.m / 2);
		case 'rabitq':
			return rabitqCodeSize(Math.ceil(d / 16) * 16, codec.nbits);
	}
}

/** Whether codes carry a term of their residual. */
export function hasTerms({ codec, nlist, byResidual, metric }: Coded): boolean {
	return nlist > 0 && byResidual && metric === 'l2' && (codec.kind === 'pq' || codec.kind === 'pqfs');
}

/** How the codes lie in memory. */
export function layoutOf(coded: Coded): CodeLayout {
	const { codec, d, nlist } = coded;
	const codeSize = codeBytes(codec, d);
	if (codec.kind === 'pqfs') return { codeSize, blockSize: 32, termBytes: hasTerms(coded) ? 2 : 0 };
	if (codec.kind !== 'rabitq') return { codeSize, blockSize: 1, termBytes: hasTerms(coded) ? 4 : 0 };
	// In lists further bits stand in place of terms.
	const signs = nlist > 0 ? rabitqCodeSize(Math.ceil(d / 16) * 16, 1) : codeSize;
	return { codeSize: signs, blockSize: 32, termBytes: codeSize - signs };
}

/** Resident bytes of codes, cells and graphs by component. */
export function codedBytes(coded: Coded): Record<string, number> {
	const { n, nlist, d, pruned, graphM, coarseM } = coded;
	const layout = layoutOf(coded);
	if (nlist === 0) {
		const rows = (bytes: number): number => (n === 0 ? 0 : block(bytes + 8));
		const held = graphM > 0 ? pages(n) : n;
		return {
			codes: rows(codesBytes(layout, held)),
			...codecBytes(coded),
			...(pruned && { bounds: rows(n * flatBoundBytes(d)) }),
			...(graphM > 0 && { links: graphBytes(n, graphM) }),
		};
	}
	const { codeSize, termBytes } = layout;
	const packed = nlist < PACK_CELLS ? 0 : block(packedBytes(nlist, d));
	const graph = coarseM > 0 ? graphBytes(nlist, coarseM) : 0;
	const resident = sumOverLists(layout, n, nlist, (size) =>
		block(listBlock(layout, wholeBlocks(layout, size)).byteLength),
	);
	return {
		codes: n * codeSize,
		...(termBytes > 0 && { terms: n * termBytes }),
		labels: n * 4,
		spare: Math.max(0, Math.round(resident - n * (codeSize + termBytes + 4))),
		directory: block(nlist * 16) + directoryBytes(nlist) - nlist * 16,
		centroids: block(nlist * d * 4 + 8) + (hasTerms(coded) ? block(d * 4) : 0) + packed + graph,
		...codecBytes(coded),
	};
}

function codecBytes({ codec, d }: Coded): Record<string, number> {
	switch (codec.kind) {
		case 'pq':
		case 'pqfs': {
			const ksub = codec.kind === 'pq' ? 2 ** codec.nbits : 16;
			const { m } = codec;
			return { codebook: block(m * ksub * Math.ceil(d / m) * 4) + block(m * ksub * 4) };
		}
		case 'sq':
			if (codec.type === 'sq8') return { ranges: 3 * block(Math.ceil(d / 8) * 32) };
			return codec.type === 'sq4' ? { ranges: 3 * block(Math.ceil(d / 16) * 64) } : {};
		case 'rabitq':
			return { rotation: block(Math.ceil(d / 16) * 16 * 16) + block(d * 4) };
		case 'flat':
			return {};
	}
}

/** Rows of a graph lie in whole pages. */
function pages(rows: number): number {
	return Math.ceil(rows / GRAPH_PAGE) * GRAPH_PAGE;
}

/** Rows above level 0, and the lists of these: each next level with probability 1 / M. */
function upperLevels(rows: number, M: number): { slots: number; lists: number } {
	return { slots: Math.round(rows / M), lists: Math.round(rows / (M - 1)) };
}

function graphBytes(rows: number, M: number): number {
	if (rows === 0) return 0;
	const { slots, lists } = upperLevels(rows, M);
	const links = block(pages(rows) * 8 * M + 8) + block((pages(rows) / GRAPH_PAGE) * 8);
	return GRAPH_BYTES + links + block((slots + 1) * 4) + block((slots + lists * M) * 4);
}

/** Bytes of a matrix and its bias, and what PCA keeps beside them. */
export function transformBytes({ spec, dIn, dOut }: Parts['transforms'][number]): number {
	if (spec.kind === 'l2norm') return 0;
	const matrix = block(panelsBytes(dOut, dIn) + Math.ceil(dOut / 8) * 32);
	return matrix + (spec.kind === 'pca' ? 8 * dIn : 0);
}

/** Resident bytes of the whole tree by component. */
export function partsBytes({ transforms, coded, stores, isMap }: Parts): Record<string, number> {
	const refine = stores.map((store) => total(codedBytes(store)));
	return {
		...codedBytes(coded),
		...(transforms.length > 0 && { transforms: total(transforms.map(transformBytes)) }),
		...(stores.length > 0 && { refine: total(refine) }),
		...(isMap && { ids: idBytes(coded.n) }),
	};
}

/** Ids and a hash table at most three quarters full. */
function idBytes(n: number): number {
	let slots = 16;
	while (n * 4 > slots * 3) slots *= 2;
	return 8 * n + 4 * slots;
}

/** Bytes of a file of the index, to within some hundred for its JSON. */
export function fileBytes(parts: Parts): number {
	const { transforms, coded, stores, isMap, nodes } = parts;
	const sections = [coded, ...stores].flatMap(codedSections);
	for (const { spec, dIn, dOut } of transforms) {
		if (spec.kind !== 'l2norm') sections.push(4 * dIn * dOut);
		if (spec.kind === 'pca') sections.push(4 * dIn, 4 * dIn);
	}
	if (isMap) sections.push(8 * coded.n);
	return total(sections.map(align64)) + align64(64 + 200 * nodes + 24 * sections.length);
}

function codedSections(coded: Coded): number[] {
	const { codec, d, n, nlist, coarseM, graphM } = coded;
	const layout = layoutOf(coded);
	const learnt =
		codec.kind === 'pq' || codec.kind === 'pqfs'
			? [codec.m * (codec.kind === 'pq' ? 2 ** codec.nbits : 16) * Math.ceil(d / codec.m) * 4]
			: codec.kind === 'sq' && (codec.type === 'sq8' || codec.type === 'sq4')
				? [8 * d]
				: [];
	if (nlist === 0) {
		const centre = codec.kind === 'rabitq' ? [4 * d] : [];
		return [...(graphM > 0 ? graphSections(n, graphM) : []), ...learnt, ...centre, codesBytes(layout, n)];
	}
	const list = (size: number): number =>
		Math.ceil(codesBytes(layout, size) / 4) * 4 + termsBytes(layout, size) + size * 4;
	const lists = Math.round(sumOverLists(layout, n, nlist, list));
	return [4 * nlist * d, ...(coarseM > 0 ? graphSections(nlist, coarseM) : []), ...learnt, 8 * nlist, lists];
}

function graphSections(rows: number, M: number): number[] {
	const { slots, lists } = upperLevels(rows, M);
	return [rows * 8 * M, slots * 8, lists * 4 * M];
}

/** Sizes of lists differ by about a quarter (standard deviation), balanced as training leaves them: a bell from 0.19 to 1.81 times the mean. */
const HALF_WIDTH = 0.81;
const SIZES = 65;

/** The sum of `bytesOf` over nlist lists of about n / nlist codes. */
function sumOverLists(layout: CodeLayout, n: number, nlist: number, bytesOf: (size: number) => number): number {
	let sum = 0;
	let codes = 0;
	let weights = 0;
	for (let i = 0; i < SIZES; i++) {
		const u = (2 * i) / (SIZES - 1) - 1;
		const weight = (1 - u * u) ** 3;
		const size = Math.max(1, Math.round((n / nlist) * (1 + HALF_WIDTH * u)));
		sum += weight * bytesOf(size);
		codes += weight * size;
		weights += weight;
	}
	const unit = layout.codeSize + layout.termBytes + 4;
	return n * unit + Math.min(nlist, n) * ((sum - codes * unit) / weights);
}

/** Bytes of centroids packed for assignment. */
export function packedBytes(k: number, d: number): number {
	return nearestPackedBytes(k, d) + Math.ceil(k / 8) * 32;
}

export function total(parts: Readonly<Record<string, number>> | readonly number[]): number {
	return Object.values(parts).reduce((a, b) => a + b, 0);
}

/** What the arena gives for a block. */
function block(bytes: number): number {
	return Math.max(64, align64(bytes));
}

function align64(bytes: number): number {
	return Math.ceil(bytes / 64) * 64;
}
