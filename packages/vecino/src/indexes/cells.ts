/**
 * Ranking of cells: the centroids nearest to a query.
 *
 * Exactly, all centroids in int16 first where there are many; or by walking a graph over them, which looks at a few
 * hundred and misses some in a thousand of the nearest. Where a walk ends with fewer cells than asked for, that query is
 * ranked exactly: there are always nprobe cells, and no cell comes twice.
 */

import { PackedCentroids } from '../cluster/packed.ts';
import type { Engine } from '../kernels/engine.ts';
import { type Call, graphScratchBytes, rankManyScratchBytes, topkBytes, topkCapacity } from '../kernels/kernels.ts';
import { align16 } from '../quantizers/codec.ts';
import type { Steps } from '../util/steps.ts';
import { IndexFlat } from './flat.ts';
import { HnswGraph } from './hnsw-graph.ts';

/** From so many cells on they are ranked in int16 first, for half the memory of the centroids again. */
export const PACK_CELLS = 256;
/** And only where at most this part of them is opened: the exact second look costs as much as it saves beyond. */
const PACK_PROBES = 16;
/** A graph ranks where at most this part of the cells is opened: beyond, int16 over all is as fast and exact. */
const GRAPH_PROBES = 512;
/**
 * From so many cells on a walk over a graph ranks them faster than int16 over all, with 0.5 % of the nearest missed at most.
 * 65,536 x 128: 2.5 times for 1 cell, 2.1 for 16, 1.4 for 64; 16,384: 1.5, 1, 0.9. For one query at a
 * time: many at once are ranked four by four by all centroids, and the walk is about as fast for up to 16 cells.
 */
export const GRAPH_CELLS = 32_768;
/** Links and width of the graph, as in FAISS's IVF..._HNSW32. */
export const CELL_M = 32;
export const CELL_EF_CONSTRUCTION = 64;

/**
 * Nodes in view for `nprobe` of `nlist` cells, so that about 0.5 % of the nearest are missed at most (rows of SIFT as
 * centroids; 16,384 of them: 40 and twice nprobe, 65,536: 88).
 */
function efFor(nprobe: number, nlist: number): number {
	const doublings = Math.max(0, 17 - Math.clz32(nlist));
	return 2 * nprobe + 40 + 24 * doublings;
}

/** How `nlist` cells are ranked. */
export function coarseFor(nlist: number, asked: 'flat' | 'hnsw' | 'auto'): 'flat' | 'hnsw' {
	if (asked !== 'auto') return asked;
	return nlist >= GRAPH_CELLS ? 'hnsw' : 'flat';
}

/** A graph over `nlist` centroids that the caller gives values. */
export function makeCellGraph(
	quantizer: IndexFlat,
	M: number = CELL_M,
	efConstruction: number = CELL_EF_CONSTRUCTION,
): HnswGraph {
	const { engine, d, codes, metric } = quantizer;
	const store = { codes, d, metric: metric === 'l2' ? 'l2' : 'ip', fixed: true } as const;
	return new HnswGraph(engine, store, M, efConstruction);
}

/** The graph over k centroids of d values at `ptr`. It keeps no pointer to them: moveTo is to follow. */
export function* cellGraphSteps(
	engine: Engine,
	d: number,
	metric: 'l2' | 'ip',
	ptr: number,
	k: number,
): Steps<HnswGraph> {
	using quantizer = new IndexFlat({ d, metric, engine, pruned: false });
	quantizer.codes.reserve(k);
	engine.arena.u8.copyWithin(quantizer.codes.tail(0).ptr, ptr, ptr + k * d * 4);
	quantizer.codes.commit(k);
	const graph = makeCellGraph(quantizer);
	let done = false;
	try {
		yield* graph.addSteps(k, 'coarse graph');
		done = true;
		return graph;
	} finally {
		if (!done) graph[Symbol.dispose]();
	}
}

export class CellRanker implements Disposable {
	readonly #quantizer: IndexFlat;
	readonly #nlist: number;
	readonly #packed: PackedCentroids | undefined;
	readonly #graph: HnswGraph | undefined;

	/**
	 * @param quantizer - Holds the nlist centroids, in one segment; metric 'l2' or 'ip'.
	 * @param graph - Over the centroids, by makeCellGraph; owned by the caller.
	 */
	constructor(engine: Engine, quantizer: IndexFlat, nlist: number, graph?: HnswGraph) {
		this.#quantizer = quantizer;
		this.#nlist = nlist;
		this.#graph = graph;
		if (nlist >= PACK_CELLS) this.#packed = new PackedCentroids(engine, quantizer.d, quantizer.codes.at(0), nlist);
	}

	/** Resident bytes beside the centroids themselves. */
	get byteLength(): number {
		return this.#packed?.byteLength ?? 0;
	}

	/** From so many cells on they are ranked without a graph, and none is missed. */
	get exactFrom(): number {
		return this.#graph === undefined ? 1 : Math.floor(this.#nlist / GRAPH_PROBES) + 1;
	}

	/** Bytes of scratch that a call needs. */
	workBytes(nprobe: number): number {
		const { d } = this.#quantizer;
		const nlist = this.#nlist;
		const values = this.#usesPacked(nprobe) ? rankManyScratchBytes(nlist, d) : nlist * 4 + 64;
		const graph = this.#graphFor(nprobe);
		const walk = graph === undefined ? 0 : graphScratchBytes(graph.M, d, nlist, efFor(nprobe, nlist));
		return align16(Math.max(values, walk)) + topkBytes(nprobe);
	}

	/** Ranks the cells for n queries: distances and numbers of the nprobe nearest, nearest first, layout (n, nprobe). */
	call(q: number, n: number, nprobe: number, work: number, distances: number, labels: number): Call {
		const { d, codes, metric } = this.#quantizer;
		const state = work + this.workBytes(nprobe) - topkBytes(nprobe);
		const kind = metric === 'l2' ? 0 : 1;
		const packed = this.#usesPacked(nprobe) ? this.#packed : undefined;
		const found = [packed?.ptr ?? 0, packed?.magnitude ?? 0, packed?.halfNorms ?? 0, packed?.norm ?? 0] as const;
		const top = [work, nprobe, topkCapacity(nprobe), state] as const;
		const rank = [q, n, d, codes.at(0), this.#nlist, kind, ...found, ...top, distances, labels] as const;
		const graph = this.#graphFor(nprobe);
		return graph === undefined ? ['rankMany', ...rank] : ['hnswRank', graph.ptr, efFor(nprobe, this.#nlist), ...rank];
	}

	#usesPacked(nprobe: number): boolean {
		return this.#packed !== undefined && nprobe * PACK_PROBES <= this.#nlist;
	}

	#graphFor(nprobe: number): HnswGraph | undefined {
		return nprobe * GRAPH_PROBES <= this.#nlist ? this.#graph : undefined;
	}

	[Symbol.dispose](): void {
		this.#packed?.[Symbol.dispose]();
	}
}
