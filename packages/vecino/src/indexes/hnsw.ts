/**
 * A graph in which every vector is linked to some near ones (HNSW, Malkov and Yashunin, 2018). A search walks from
 * neighbour to neighbour and looks at a few hundred vectors or thousand, however many there are: more memory than cells
 * and slower to build, but the fastest at high recall.
 */

import { HNSW_SEARCH_PARAMS, type HNSWSearchParams, type OptionTable } from '../core/options.ts';
import type { IndexStats, SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import type { Engine } from '../kernels/engine.ts';
import { graphScratchBytes } from '../kernels/kernels.ts';
import type { ScalarQuantizer } from '../quantizers/scalar.ts';
import { checkInt, checkKeys, checkOneOf } from '../util/check.ts';
import type { Steps } from '../util/steps.ts';
import { Index, type IndexOptions, type TrainOptions } from './base.ts';
import { kernelMetric, loadRows } from './batch.ts';
import { IndexFlat } from './flat.ts';
import type { IndexFlatCodes } from './flat-codes.ts';
import { type GraphStore, HnswGraph } from './hnsw-graph.ts';
import { IndexScalarQuantizer } from './scalar-quantizer.ts';
import type { TrainedState } from './trained.ts';

export interface IndexHNSWOptions extends IndexOptions {
	/** Links of a vector on upper levels; twice as many on the lowest. 2..512. Default: 32. */
	readonly M?: number | undefined;
	/** Nodes that adding a vector keeps in view: more make a better graph, slower. 1..65536. Default: 64. */
	readonly efConstruction?: number | undefined;
	/** How vectors are held: exact (4 * d bytes) or as SQ8 codes (d bytes; needs train). Default: 'flat'. */
	readonly store?: 'flat' | 'sq8' | undefined;
}

export const MAX_HNSW_M: number = 512;
export const MAX_EF: number = 65536;
const DEFAULT_M = 32;
const DEFAULT_EF_CONSTRUCTION = 64;

/**
 * Takes 8 * M + about 4 bytes per vector beside the vector itself. Vectors can be added at any time.
 *
 * @example
 * using index = new IndexHNSW({ d: 64, M: 16 });
 * index.add(vectors);
 * index.search(queries, 10, { efSearch: 64 });
 */
export class IndexHNSW extends Index<HNSWSearchParams> {
	readonly type = 'IndexHNSW';
	readonly M: number;
	readonly efConstruction: number;
	readonly store: 'flat' | 'sq8';
	/** Holds the vectors. @internal */
	readonly storage: IndexFlatCodes;
	#graph: HnswGraph | undefined;

	constructor(options: IndexHNSWOptions) {
		const where = 'IndexHNSW';
		checkKeys(where, options, ['d', 'metric', 'engine', 'M', 'efConstruction', 'store']);
		super(where, options);
		this.M = checkInt(where, 'M', options.M ?? DEFAULT_M, 2, MAX_HNSW_M);
		this.efConstruction = checkInt(
			where,
			'efConstruction',
			options.efConstruction ?? DEFAULT_EF_CONSTRUCTION,
			1,
			MAX_EF,
		);
		this.store = checkOneOf(where, 'store', options.store ?? 'flat', ['flat', 'sq8']);
		const { d, metric, engine } = this;
		this.storage =
			this.store === 'flat'
				? new IndexFlat({ d, metric, engine, pruned: false })
				: new IndexScalarQuantizer({ d, metric, engine });
	}

	get ntotal(): number {
		return this.storage.ntotal;
	}

	get isTrained(): boolean {
		return this.storage.isTrained;
	}

	/** Bytes per vector, without links. */
	get codeSize(): number {
		return this.storage.codeSize;
	}

	get byteLength(): number {
		return this.storage.byteLength + (this.#graph?.byteLength ?? 0);
	}

	stats(): IndexStats {
		const { bytes } = this.storage.stats();
		return {
			type: this.type,
			ntotal: this.ntotal,
			d: this.d,
			bytes: { ...bytes, links: this.#graph?.byteLength ?? 0 },
		};
	}

	/** @internal */
	get searchTable(): OptionTable {
		return HNSW_SEARCH_PARAMS;
	}

	/** The graph, once there was something to link. @internal */
	get linked(): HnswGraph | undefined {
		return this.#graph;
	}

	/** Made when it is first needed. @internal */
	get graph(): HnswGraph {
		const { d, codes, codec } = this.storage;
		if (this.#graph !== undefined) return this.#graph;
		const store: GraphStore = { d, codes, metric: kernelMetric(this.metric) };
		const ranges = this.store === 'sq8' ? { ranges: () => (codec as ScalarQuantizer).pointers } : {};
		this.#graph = new HnswGraph(this.engine, { ...store, ...ranges }, this.M, this.efConstruction);
		return this.#graph;
	}

	/** @internal */
	override alike(engine: Engine): IndexHNSW {
		const { d, metric, M, efConstruction, store } = this;
		return new IndexHNSW({ d, metric, engine, M, efConstruction, store });
	}

	/** @internal */
	override trainedState(): TrainedState {
		const { M, efConstruction, store } = this;
		return new Map([...this.storage.trainedState(), ['M', M], ['efConstruction', efConstruction], ['store', store]]);
	}

	/** @internal */
	override teach(from: Index): void {
		this.storage.teach((from as IndexHNSW).storage);
	}

	/** Codes are copied, links made anew. @internal */
	override *mergeSteps(other: Index): Steps<void> {
		if (other.ntotal === 0) return;
		yield* this.#link(this.storage.mergeSteps((other as IndexHNSW).storage), other.ntotal);
	}

	/** @internal */
	*trainSteps(x: VectorSet, options: TrainOptions): Steps<void> {
		yield* this.storage.trainSteps(x, options);
	}

	/** @internal */
	*addSteps(x: VectorSet): Steps<void> {
		if (x.n > 0) yield* this.#link(this.storage.addSteps(x), x.n);
	}

	/** Stores n vectors and links them. */
	*#link(rows: Steps<void>, n: number): Steps<void> {
		const { graph, storage } = this;
		const before = this.ntotal;
		graph.reserve(n);
		yield* rows;
		let done = false;
		try {
			yield* graph.addSteps(before + n, 'link');
			done = true;
		} finally {
			if (!done) storage.codes.truncate(before);
		}
	}

	/** @internal */
	*searchSteps(q: VectorSet, k: number, params: HNSWSearchParams, result: SearchResult): Steps<void> {
		const { d, metric, ntotal, M, storage, engine } = this;
		const { arena, kernels } = engine;
		const graph = this.#graph;
		if (ntotal === 0 || graph === undefined) return;
		const wanted = Math.min(k, ntotal);
		const ef = Math.min(ntotal, Math.max(k, params.efSearch!));
		const parts = [4 * d, storage.scanner.stateBytes, 4 * wanted, 4 * wanted].map((n) => Math.ceil(n / 16) * 16 + 16);
		const bytes = parts.reduce((a, b) => a + b) + graphScratchBytes(M, d, ntotal, ef);
		const query = arena.allocScratch(bytes);
		try {
			const state = query + parts[0]!;
			const distances = state + parts[1]!;
			const labels = distances + parts[2]!;
			const scratch = labels + parts[3]!;
			for (let i = 0; i < q.n; i++) {
				loadRows(engine, metric, q, i, 1, query);
				storage.scanner.setQuery(query, state);
				const found = kernels.hnswSearch(graph.ptr, state, wanted, ef, scratch, distances, labels);
				const { f32, u32 } = arena;
				for (let j = 0; j < found; j++) {
					const distance = f32[(distances >>> 2) + j]!;
					result.distances[i * k + j] = metric === 'l2' ? distance : 0 - distance;
					result.labels[i * k + j] = u32[(labels >>> 2) + j]!;
				}
				if (params.stats !== undefined) params.stats.ndis += u32[scratch >>> 2]!;
				yield { phase: 'search', done: i + 1, total: q.n };
			}
		} finally {
			arena.freeScratch(query, bytes);
		}
	}

	/** @internal */
	reconstructRow(row: number): Float32Array<ArrayBuffer> {
		return this.storage.reconstructRow(row);
	}

	/** @internal */
	reserveRows(n: number): void {
		this.graph.reserve(n, true);
	}

	/** @internal */
	resetRows(): void {
		this.storage.resetRows();
		this.#dropGraph();
	}

	/** @internal */
	release(): void {
		this.#dropGraph();
		this.storage[Symbol.dispose]();
	}

	#dropGraph(): void {
		this.#graph?.[Symbol.dispose]();
		this.#graph = undefined;
	}

	/** @internal */
	override checkTrained(method: string): void {
		super.checkTrained(method);
		if (this.ntotal === (this.#graph?.n ?? 0)) return;
		throw new VecinoError('unsupported', `IndexHNSW.${method}: vectors were added to its storage behind its back`);
	}
}
