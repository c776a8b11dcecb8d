/**
 * Ranking of cells: the centroids nearest to a query.
 *
 * Exactly, all centroids in int16 first where there are many; or by walking a graph over them, which looks at a few
 * hundred and misses some in a thousand of the nearest.
 */

import { PackedCentroids } from '../cluster/packed.ts';
import type { Engine } from '../kernels/engine.ts';
import { graphScratchBytes, rankScratchBytes, topkCapacity } from '../kernels/kernels.ts';
import type { Steps } from '../util/steps.ts';
import type { SearchScratch } from './batch.ts';
import { IndexFlat } from './flat.ts';
import { HnswGraph } from './hnsw-graph.ts';

/** From so many cells on they are ranked in int16 first, for half the memory of the centroids again. */
const PACK_CELLS = 256;
/** And only where at most this part of them is opened: the exact second look costs as much as it saves beyond. */
const PACK_PROBES = 16;
/** A graph ranks where at most this part of the cells is opened: beyond, int16 over all is as fast and exact. */
const GRAPH_PROBES = 512;
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
	using quantizer = new IndexFlat({ d, metric, engine });
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
	readonly #engine: Engine;
	readonly #quantizer: IndexFlat;
	readonly #nlist: number;
	readonly #packed: PackedCentroids | undefined;
	readonly #graph: HnswGraph | undefined;

	/**
	 * @param quantizer - Holds the nlist centroids, in one segment; metric 'l2' or 'ip'.
	 * @param graph - Over the centroids, by makeCellGraph; owned by the caller.
	 */
	constructor(engine: Engine, quantizer: IndexFlat, nlist: number, graph?: HnswGraph) {
		this.#engine = engine;
		this.#quantizer = quantizer;
		this.#nlist = nlist;
		this.#graph = graph;
		if (nlist >= PACK_CELLS) this.#packed = new PackedCentroids(engine, quantizer.d, quantizer.codes.at(0), nlist);
	}

	/** Resident bytes beside the centroids themselves. */
	get byteLength(): number {
		return this.#packed?.byteLength ?? 0;
	}

	/** Whether rank(nprobe) gives the very nearest cells, unless told to anyway. */
	isExact(nprobe: number): boolean {
		return this.#graph === undefined || nprobe * GRAPH_PROBES > this.#nlist;
	}

	/**
	 * The `nprobe` nearest cells of the query at `q`, nearest first, at coarse.labels and coarse.distances. Returns how
	 * many: fewer only where a graph leads to no more.
	 */
	rank(coarse: SearchScratch, q: number, nprobe: number, exactly = false): number {
		if (this.#graph !== undefined && !exactly && !this.isExact(nprobe)) {
			return this.#rankGraph(this.#graph, coarse, q, nprobe);
		}
		if (this.#packed !== undefined && nprobe * PACK_PROBES <= this.#nlist) {
			this.#rankPacked(this.#packed, q, nprobe, coarse.topk(0));
		} else {
			this.#rankAll(coarse, q, nprobe);
		}
		return coarse.finish(0);
	}

	#rankGraph(graph: HnswGraph, coarse: SearchScratch, q: number, nprobe: number): number {
		const { arena, kernels } = this.#engine;
		const ef = efFor(nprobe, this.#nlist);
		const bytes = graphScratchBytes(graph.M, this.#quantizer.d, this.#nlist, ef);
		const room = arena.allocScratch(bytes);
		const found = kernels.hnswSearch(graph.ptr, q, nprobe, ef, room, coarse.distances, coarse.labels);
		arena.freeScratch(room, bytes);
		return found;
	}

	/** In int16 first, then exactly: the same result. */
	#rankPacked({ ptr, magnitude, halfNorms, norm }: PackedCentroids, q: number, nprobe: number, topk: number): void {
		const { arena, kernels } = this.#engine;
		const { d, codes, metric } = this.#quantizer;
		const k = this.#nlist;
		const bytes = rankScratchBytes(k, d);
		const room = arena.allocScratch(bytes);
		const kind = metric === 'l2' ? 0 : 1;
		const packed = [ptr, magnitude, halfNorms, norm] as const;
		kernels.rankCells(q, d, codes.at(0), k, kind, ...packed, room, nprobe, topkCapacity(nprobe), topk);
		arena.freeScratch(room, bytes);
	}

	#rankAll(coarse: SearchScratch, q: number, nprobe: number): void {
		const { arena, kernels } = this.#engine;
		const { scanner, codes } = this.#quantizer;
		kernels.topkInit(coarse.topk(0), nprobe, topkCapacity(nprobe));
		scanner.setQuery(q, coarse.state(0));
		arena.u32.set([codes.at(0), 0, 0, this.#nlist], coarse.entry >>> 2);
		scanner.scan(coarse.state(0), [coarse.entry, 0, 0, 1, 0, coarse.tile, coarse.topk(0)]);
	}

	[Symbol.dispose](): void {
		this.#packed?.[Symbol.dispose]();
	}
}
