/**
 * A graph in which every vector is linked to some near ones (HNSW, Malkov and Yashunin, 2018). A search walks from
 * neighbour to neighbour and looks at a few hundred vectors or thousand, however many there are: more memory than cells
 * and slower to build, but the fastest at high recall.
 */

import { HNSW_SEARCH_PARAMS, type HNSWSearchParams, type OptionTable } from '../core/options.ts';
import { type IndexStats, SearchResult } from '../core/result.ts';
import { VectorSet } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { Engine } from '../kernels/engine.ts';
import { graphScratchBytes } from '../kernels/kernels.ts';
import type { ScalarQuantizer } from '../quantizers/scalar.ts';
import { hasRanges, SCALAR_TYPES, type ScalarType } from '../quantizers/scalar-types.ts';
import { checkInt, checkKeys, checkOneOf } from '../util/check.ts';
import type { Steps } from '../util/steps.ts';
import { Index, type IndexOptions, type TrainOptions } from './base.ts';
import { kernelMetric, loadRows } from './batch.ts';
import { IndexFlat } from './flat.ts';
import type { IndexFlatCodes } from './flat-codes.ts';
import { type GraphStore, HnswGraph } from './hnsw-graph.ts';
import { IndexScalarQuantizer } from './scalar-quantizer.ts';
import type { TrainedState } from './trained.ts';

/** Options of IndexHNSW. */
export interface IndexHNSWOptions extends IndexOptions {
	/** Links of a vector on upper levels; twice as many on the lowest. 2..512. Default: 32. */
	readonly M?: number | undefined;
	/** Nodes that adding a vector keeps in view: more make a better graph, slower. 1..65536. Default: 64. */
	readonly efConstruction?: number | undefined;
	/**
	 * How vectors are held: exact ('flat', 4 * d bytes), as 16-bit floats ('f16', 'bf16': 2 * d bytes), or in 8 or 4 bits a
	 * dimension ('sq8', 'sq4': d or d / 2 bytes; need train). As IndexScalarQuantizer holds them. Default: 'flat'.
	 */
	readonly store?: 'flat' | ScalarType | undefined;
}

export const MAX_HNSW_M: number = 512;
export const MAX_EF: number = 65536;
const STORES: readonly ('flat' | ScalarType)[] = ['flat', ...SCALAR_TYPES];
const DEFAULT_M = 32;
const DEFAULT_EF_CONSTRUCTION = 64;
/** With a filter: rows that are scanned in the time that a walk takes per node in view. */
const ROWS_PER_NODE = 16;

/**
 * Takes 8 * M + about 4 bytes per vector beside the vector itself. Vectors can be added at any time.
 *
 * @example
 * using index = new IndexHNSW({ d: 64, M: 16 });
 * index.add(vectors);
 * const found = index.search(queries, 10, { efSearch: 64 });
 * console.log(recallAtK(found, exactNeighbors(vectors, queries, 10)) > 0.9); // true
 */
export class IndexHNSW extends Index<HNSWSearchParams> {
	readonly type = 'IndexHNSW';
	/** Links of a vector on upper levels; twice as many on the lowest. */
	readonly M: number;
	/** Nodes that adding a vector keeps in view. */
	readonly efConstruction: number;
	/** How vectors are held. */
	readonly store: 'flat' | ScalarType;
	/** Holds the vectors. @internal */
	readonly storage: IndexFlatCodes;
	#graph: HnswGraph | undefined;
	/** Rows that were not removed; made at the first removal. */
	#live: LabelBitmap | undefined;

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
		this.store = checkOneOf(where, 'store', options.store ?? 'flat', STORES);
		const { d, metric, engine } = this;
		this.storage =
			this.store === 'flat'
				? new IndexFlat({ d, metric, engine, pruned: false })
				: new IndexScalarQuantizer({ d, metric, engine, type: this.store });
	}

	get ntotal(): number {
		return this.#live?.count ?? this.storage.ntotal;
	}

	override get labelEnd(): number {
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
		return this.storage.byteLength + (this.#graph?.byteLength ?? 0) + (this.#live?.byteLength ?? 0);
	}

	stats(): IndexStats {
		const { bytes } = this.storage.stats();
		const removed = this.labelEnd - this.ntotal;
		return {
			type: this.type,
			ntotal: this.ntotal,
			...(removed > 0 && { removed }),
			d: this.d,
			bytes: {
				...bytes,
				links: this.#graph?.byteLength ?? 0,
				...(this.#live && { live: this.#live.byteLength }),
			},
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
		const coded = this.store !== 'flat' && {
			type: this.store,
			...(hasRanges(this.store) && { ranges: () => (codec as ScalarQuantizer).pointers }),
		};
		this.#graph = new HnswGraph(this.engine, { ...store, ...coded }, this.M, this.efConstruction);
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

	/** Codes are copied, links made anew; through rows that were removed, too. @internal */
	override *mergeSteps(other: Index): Steps<void> {
		const { storage, live, labelEnd } = other as IndexHNSW;
		if (labelEnd > 0) yield* this.#link(this.storage.mergeSteps(storage), labelEnd, live);
	}

	/** @internal */
	*trainSteps(x: VectorSet, options: TrainOptions): Steps<void> {
		yield* this.storage.trainSteps(x, options);
	}

	/** @internal */
	*addSteps(x: VectorSet): Steps<void> {
		if (x.n > 0) yield* this.#link(this.storage.addSteps(x), x.n);
	}

	/** Stores n vectors and links them; `live`: those of them that may be found, if not all. */
	*#link(rows: Steps<void>, n: number, live?: LabelBitmap): Steps<void> {
		const { graph, storage } = this;
		const before = this.labelEnd;
		graph.reserve(n);
		if (live !== undefined) this.prepareRemoval();
		yield* rows;
		let done = false;
		try {
			this.#live?.grow(before + n);
			yield* graph.addSteps(before + n, 'link');
			if (live === undefined) this.#live?.setRange(before, before + n);
			else this.#live?.setFrom(live, before);
			done = true;
		} finally {
			if (!done) {
				storage.truncateRows(before);
				this.#live?.truncate(before);
			}
		}
	}

	// ── Removing: a row stays in the graph, as a way to others, and is not found ───────────────

	/** @internal */
	override get live(): LabelBitmap | undefined {
		return this.ntotal < this.labelEnd ? this.#live : undefined;
	}

	/** Takes the rows that are alive from a file. @internal */
	setLive(bitmap: LabelBitmap): void {
		this.#live = bitmap;
	}

	/** @internal */
	override hasLabel(label: number): boolean {
		return label < this.labelEnd && (this.#live?.has(label) ?? true);
	}

	/** @internal */
	override prepareRemoval(): void {
		this.#live ??= new LabelBitmap(this.engine.arena, this.labelEnd, true);
	}

	/** @internal */
	override removeLabel(label: number): void {
		this.#live!.clear(label);
	}

	/** Links belong to the vector that they were made for. @internal */
	override get canUpdate(): boolean {
		return false;
	}

	/** @internal */
	*searchSteps(
		q: VectorSet,
		k: number,
		params: HNSWSearchParams,
		result: SearchResult,
		admitted?: LabelBitmap,
	): Steps<void> {
		const { d, metric, M, storage, engine } = this;
		const rows = this.rowSpan;
		const { arena, kernels } = engine;
		const graph = this.#graph;
		if (rows === 0 || graph === undefined) return;
		const matches = admitted?.count ?? rows;
		const wanted = Math.min(k, matches);
		const asked = Math.min(rows, Math.max(k, params.efSearch!));
		// The walk goes over all nodes, of which a share of matches / rows counts.
		const ef = admitted === undefined ? asked : Math.min(rows, Math.ceil((asked * rows) / Math.max(1, matches)));
		if (admitted !== undefined && ef * ROWS_PER_NODE >= matches) {
			yield* storage.searchSteps(q, k, params, result, admitted);
			return;
		}
		const most = admitted === undefined ? wanted : ef;
		const parts = [4 * d, storage.scanner.stateBytes, 4 * most, 4 * most].map((n) => Math.ceil(n / 16) * 16 + 16);
		const bytes = parts.reduce((a, b) => a + b) + graphScratchBytes(M, d, rows, ef);
		const query = arena.allocScratch(bytes);
		/** Queries for which the walk came past too few rows: many are asked for, few are admitted, or no link leads to some. */
		const short: number[] = [];
		try {
			const state = query + parts[0]!;
			const distances = state + parts[1]!;
			const labels = distances + parts[2]!;
			const scratch = labels + parts[3]!;
			for (let i = 0; i < q.n; i++) {
				loadRows(engine, metric, q, i, 1, query);
				storage.scanner.setQuery(query, state);
				const found = kernels.hnswSearch(graph.ptr, state, most, ef, scratch, distances, labels);
				const { f32, u32 } = arena;
				let at = 0;
				for (let j = 0; j < found && at < wanted; j++) {
					const label = u32[(labels >>> 2) + j]!;
					if (admitted !== undefined && !admitted.has(label)) continue;
					const distance = f32[(distances >>> 2) + j]!;
					result.distances[i * k + at] = metric === 'l2' ? distance : 0 - distance;
					result.labels[i * k + at] = label;
					at++;
				}
				if (at < wanted) short.push(i);
				if (params.stats !== undefined) params.stats.ndis += u32[scratch >>> 2]!;
				yield { phase: 'search', done: i + 1, total: q.n };
			}
		} finally {
			arena.freeScratch(query, bytes);
		}
		if (short.length > 0) yield* this.#scanFor(short, q, k, params, result, admitted);
	}

	/** Scans all rows that are admitted for some of the queries. */
	*#scanFor(
		rows: readonly number[],
		q: VectorSet,
		k: number,
		params: HNSWSearchParams,
		result: SearchResult,
		admitted: LabelBitmap | undefined,
	): Steps<void> {
		const some = new VectorSet(new Float32Array(rows.length * q.d), q.d);
		for (const [i, row] of rows.entries()) some.data.set(q.row(row), i * q.d);
		const found = new SearchResult(rows.length, k, this.metric);
		yield* this.storage.searchSteps(some, k, params, found, admitted);
		for (const [i, row] of rows.entries()) {
			result.labels.set(found.labels.subarray(i * k, (i + 1) * k), row * k);
			result.distances.set(found.distances.subarray(i * k, (i + 1) * k), row * k);
		}
	}

	/** @internal */
	reconstructRow(row: number): Float32Array<ArrayBuffer> {
		return this.storage.reconstructRow(row);
	}

	/** @internal */
	override reconstructRows(rows: Uint32Array, out: Float32Array): void {
		this.storage.reconstructRows(rows, out);
	}

	/** @internal */
	override isExhaustive(): boolean {
		return false;
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
		this.#live?.[Symbol.dispose]();
		this.#live = undefined;
	}

	/** @internal */
	override checkTrained(method: string): void {
		super.checkTrained(method);
		if (this.labelEnd === (this.#graph?.n ?? 0)) return;
		throw new VecinoError('unsupported', `IndexHNSW.${method}: vectors were added to its storage behind its back`);
	}
}
