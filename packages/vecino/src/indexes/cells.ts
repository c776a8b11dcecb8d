/**
 * Ranking of cells: the centroids nearest to a query.
 */

import { PackedCentroids } from '../cluster/packed.ts';
import type { Engine } from '../kernels/engine.ts';
import { rankScratchBytes, topkCapacity } from '../kernels/kernels.ts';
import type { SearchScratch } from './batch.ts';
import type { IndexFlat } from './flat.ts';

/** From so many cells on they are ranked in int16 first, for half the memory of the centroids again. */
export const PACK_CELLS = 256;
/** And only where at most this part of them is opened: the exact second look costs as much as it saves beyond. */
const PACK_PROBES = 16;

export class CellRanker implements Disposable {
	readonly #engine: Engine;
	readonly #quantizer: IndexFlat;
	readonly #nlist: number;
	readonly #packed: PackedCentroids | undefined;

	/** @param quantizer - Holds the nlist centroids, in one segment; metric 'l2' or 'ip'. */
	constructor(engine: Engine, quantizer: IndexFlat, nlist: number) {
		this.#engine = engine;
		this.#quantizer = quantizer;
		this.#nlist = nlist;
		if (nlist >= PACK_CELLS) this.#packed = new PackedCentroids(engine, quantizer.d, quantizer.codes.at(0), nlist);
	}

	/** Resident bytes beside the centroids themselves. */
	get byteLength(): number {
		return this.#packed?.byteLength ?? 0;
	}

	/** The `nprobe` nearest cells of the query at `q`, nearest first, at coarse.labels and coarse.distances. */
	rank(coarse: SearchScratch, q: number, nprobe: number): void {
		if (this.#packed !== undefined && nprobe * PACK_PROBES <= this.#nlist) {
			this.#rankPacked(this.#packed, q, nprobe, coarse.topk(0));
		} else {
			this.#rankAll(coarse, q, nprobe);
		}
		coarse.finish(0);
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
