/**
 * Ranking of cells: the centroids nearest to a query.
 */

import { PackedCentroids } from '../cluster/packed.ts';
import type { Engine } from '../kernels/engine.ts';
import { type Call, rankManyScratchBytes, topkBytes, topkCapacity } from '../kernels/kernels.ts';
import { align16 } from '../quantizers/codec.ts';
import type { IndexFlat } from './flat.ts';

/** From so many cells on they are ranked in int16 first, for half the memory of the centroids again. */
export const PACK_CELLS = 256;
/** And only where at most this part of them is opened: the exact second look costs as much as it saves beyond. */
const PACK_PROBES = 16;

export class CellRanker implements Disposable {
	readonly #quantizer: IndexFlat;
	readonly #nlist: number;
	readonly #packed: PackedCentroids | undefined;

	/** @param quantizer - Holds the nlist centroids, in one segment; metric 'l2' or 'ip'. */
	constructor(engine: Engine, quantizer: IndexFlat, nlist: number) {
		this.#quantizer = quantizer;
		this.#nlist = nlist;
		if (nlist >= PACK_CELLS) this.#packed = new PackedCentroids(engine, quantizer.d, quantizer.codes.at(0), nlist);
	}

	/** Resident bytes beside the centroids themselves. */
	get byteLength(): number {
		return this.#packed?.byteLength ?? 0;
	}

	/** Bytes of scratch that a call needs. */
	workBytes(nprobe: number): number {
		const { d } = this.#quantizer;
		const values = this.#usesPacked(nprobe) ? rankManyScratchBytes(this.#nlist, d) : this.#nlist * 4 + 64;
		return align16(values) + topkBytes(nprobe);
	}

	/** Ranks the cells for n queries: distances and numbers of the nprobe nearest, nearest first, layout (n, nprobe). */
	call(q: number, n: number, nprobe: number, work: number, distances: number, labels: number): Call {
		const { d, codes, metric } = this.#quantizer;
		const state = work + this.workBytes(nprobe) - topkBytes(nprobe);
		const kind = metric === 'l2' ? 0 : 1;
		const packed = this.#usesPacked(nprobe) ? this.#packed : undefined;
		const found = [packed?.ptr ?? 0, packed?.magnitude ?? 0, packed?.halfNorms ?? 0, packed?.norm ?? 0] as const;
		const top = [work, nprobe, topkCapacity(nprobe), state] as const;
		return ['rankMany', q, n, d, codes.at(0), this.#nlist, kind, ...found, ...top, distances, labels];
	}

	#usesPacked(nprobe: number): boolean {
		return this.#packed !== undefined && nprobe * PACK_PROBES <= this.#nlist;
	}

	[Symbol.dispose](): void {
		this.#packed?.[Symbol.dispose]();
	}
}
