/**
 * A block of queries whose candidates are ranked again: queries, labels, addresses and results lie in one block of
 * the arena, and what happens to them is a straight line of kernel calls.
 *
 * Stores of float32 are read where their rows lie, all queries of a block in one call (assembly/refine.ts). Of other
 * stores the candidates' codes are copied together, then scanned as any list of codes is.
 */

import type { SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { ADMIT_ALL, TILE, topkBytes, topkCapacity } from '../kernels/kernels.ts';
import { FlatCodec } from '../quantizers/codec.ts';
import { kernelMetric, loadRows } from './batch.ts';
import type { IndexFlatCodes } from './flat-codes.ts';

const MAX_QUERIES = 64;
/** Queries, candidates and results of a block stay in L2. */
const BLOCK_BYTES = 256 * 1024;
/** Codes copied together at a time. */
const GATHERED = 1024;

/**
 * Keys that the top-k of float32 rows holds before it shrinks. Candidates come best first: a short list soon has a
 * threshold that the rest do not pass.
 */
function shortCapacity(k: number): number {
	return Math.min(topkCapacity(k), k + 32 + (k >> 2));
}

/** Queries of a block, at most. @param wide - Candidates per query. */
export function mostQueries(d: number, k: number, wide: number): number {
	const each = d * 4 + wide * 8 + k * 8 + 4;
	return Math.max(1, Math.min(MAX_QUERIES, Math.floor(BLOCK_BYTES / each)));
}

export class RerankBlock implements Disposable {
	/** Queries of a block. */
	readonly size: number;
	readonly #store: IndexFlatCodes;
	readonly #k: number;
	readonly #wide: number;
	readonly #exact: boolean;
	readonly #nSegments: number;
	readonly #ptr: number;
	readonly #byteLength: number;
	// Where the parts are.
	readonly #queries: number;
	readonly #labels: number;
	readonly #addresses: number;
	readonly #counts: number;
	readonly #outDistances: number;
	readonly #outLabels: number;
	readonly #segments: number;
	readonly #topk: number;
	readonly #tile: number;
	readonly #state: number;
	readonly #entry: number;
	readonly #gathered: number;

	/** @param wide - Candidates per query, at most. @param nq - Queries there will be. */
	constructor(store: IndexFlatCodes, k: number, wide: number, nq: number) {
		const { engine, d, codes, codec } = store;
		const segments = [...codes.segments()];
		this.size = Math.max(1, Math.min(nq, mostQueries(d, k, wide)));
		this.#store = store;
		this.#k = k;
		this.#wide = wide;
		this.#exact = codec instanceof FlatCodec;
		this.#nSegments = segments.length;
		let end = 0;
		const room = (bytes: number): number => {
			const at = end;
			end += Math.ceil(bytes / 16) * 16;
			return at;
		};
		const { size } = this;
		const scanned = this.#exact ? 0 : 1;
		const at = {
			queries: room(size * d * 4),
			labels: room(size * wide * 4),
			addresses: room(size * wide * 4),
			counts: room(size * 4),
			outDistances: room(size * k * 4),
			outLabels: room(size * k * 4),
			segments: room(segments.length * 8),
			topk: room(topkBytes(k)),
			tile: room(this.#exact ? 64 : TILE * 4),
			state: room(scanned * store.scanner.stateBytes),
			entry: room(16),
			gathered: room(scanned * (Math.min(wide, GATHERED) * codec.codeSize + 16)),
		};
		this.#byteLength = end;
		this.#ptr = engine.arena.allocScratch(end);
		this.#queries = this.#ptr + at.queries;
		this.#labels = this.#ptr + at.labels;
		this.#addresses = this.#ptr + at.addresses;
		this.#counts = this.#ptr + at.counts;
		this.#outDistances = this.#ptr + at.outDistances;
		this.#outLabels = this.#ptr + at.outLabels;
		this.#segments = this.#ptr + at.segments;
		this.#topk = this.#ptr + at.topk;
		this.#tile = this.#ptr + at.tile;
		this.#state = this.#ptr + at.state;
		this.#entry = this.#ptr + at.entry;
		this.#gathered = this.#ptr + at.gathered;
		const { u32 } = engine.arena;
		for (const [i, { ptr, start }] of segments.entries()) u32.set([ptr, start], (this.#segments >>> 2) + 2 * i);
	}

	/** Takes in nq queries and their candidates, from number `first` on. Padding (-1) becomes 2^32 - 1. */
	load(q: VectorSet, candidates: SearchResult, first: number, nq: number): void {
		const { engine, metric } = this.#store;
		const wide = this.#wide;
		loadRows(engine, metric, q, first, nq, this.#queries);
		engine.arena.u32.set(candidates.labels.subarray(first * wide, (first + nq) * wide), this.#labels >>> 2);
	}

	/** Ranks the candidates of nq queries. */
	run(nq: number): void {
		const { engine, metric, codeSize, d } = this.#store;
		const { kernels } = engine;
		const [labels, addresses, counts, wide, k] = [
			this.#labels,
			this.#addresses,
			this.#counts,
			this.#wide,
			this.#k,
		] as const;
		kernels.rowAddresses(this.#segments, this.#nSegments, codeSize, labels, nq, wide, addresses, counts);
		if (!this.#exact) {
			for (let i = 0; i < nq; i++) this.#scan(i);
			return;
		}
		kernels.refineRows(
			kernelMetric(metric) === 'l2' ? 0 : 1,
			this.#queries,
			nq,
			d,
			labels,
			addresses,
			counts,
			wide,
			k,
			shortCapacity(k),
			this.#topk,
			this.#tile,
			this.#outDistances,
			this.#outLabels,
		);
	}

	/** Ranks the candidates of query i by their codes. */
	#scan(i: number): void {
		const { engine, codeSize, d, scanner } = this.#store;
		const { kernels, arena } = engine;
		const k = this.#k;
		const count = (this.#counts >>> 2) + i;
		scanner.setQuery(this.#queries + i * d * 4, this.#state);
		kernels.topkInit(this.#topk, k, topkCapacity(k), ...ADMIT_ALL);
		const n = arena.u32[count]!;
		for (let start = 0; start < n; start += GATHERED) {
			const first = (i * this.#wide + start) * 4;
			const some = Math.min(GATHERED, n - start);
			kernels.gatherRows(this.#addresses + first, codeSize, some, this.#gathered);
			arena.u32.set([this.#gathered, 0, this.#labels + first, some], this.#entry >>> 2);
			scanner.scan(this.#state, [this.#entry, 0, 0, 1, 0, this.#tile, this.#topk]);
		}
		const out = i * k * 4;
		arena.u32[count] = kernels.topkFinish(this.#topk, this.#outDistances + out, this.#outLabels + out);
	}

	/** Writes the results of nq queries as rows first .. of the result; inner products lose their minus. */
	emit(first: number, nq: number, { distances, labels }: SearchResult): void {
		const { engine, metric } = this.#store;
		const { f32, u32 } = engine.arena;
		const k = this.#k;
		for (let i = 0; i < nq; i++) {
			const from = (this.#outDistances >>> 2) + i * k;
			const ids = (this.#outLabels >>> 2) + i * k;
			const to = (first + i) * k;
			const count = u32[(this.#counts >>> 2) + i]!;
			for (let j = 0; j < count; j++) {
				const distance = f32[from + j]!;
				// Sums of parts can end a rounding below zero; squared distances do not. 0 - 0 is 0, not -0.
				distances[to + j] = metric === 'l2' ? Math.max(0, distance) : 0 - distance;
				labels[to + j] = u32[ids + j]!;
			}
		}
	}

	[Symbol.dispose](): void {
		this.#store.engine.arena.freeScratch(this.#ptr, this.#byteLength);
	}
}
