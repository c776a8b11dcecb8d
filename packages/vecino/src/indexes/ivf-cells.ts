/**
 * What an index with cells has learnt and keeps resident: centroids and what ranks them, the lists, what codes are
 * relative to. Which labels the lists hold: cell-rows.ts.
 */

import type { Metric } from '../core/metric.ts';
import { ArrayInvertedLists } from '../invlists/array-lists.ts';
import type { Engine } from '../kernels/engine.ts';
import type { BlockScanner, Codec } from '../quantizers/codec.ts';
import type { Steps } from '../util/steps.ts';
import { kernelMetric } from './batch.ts';
import { CellRanker, cellGraphSteps, makeCellGraph } from './cells.ts';
import { IndexFlat } from './flat.ts';
import type { HeldCells } from './held-rows.ts';
import type { HnswGraph } from './hnsw-graph.ts';
import type { BlockSearch } from './ivf-search.ts';
import type { SearchedCells } from './searched-cells.ts';
import { type Spread, SpreadSum } from './spread.ts';
import { meanRow } from './terms.ts';
import { codecState, type TrainedState, teachCodec } from './trained.ts';

/** What cells are made for; the codec is theirs from now on. */
export interface CellOptions {
	readonly engine: Engine;
	readonly d: number;
	readonly metric: Metric;
	readonly codec: Codec;
	/** Codes are of x - centroid. */
	readonly byResidual: boolean;
	/** Cells that training is to make. */
	readonly nlist: number;
}

export class TrainedCells implements Disposable {
	readonly engine: Engine;
	readonly d: number;
	readonly metric: Metric;
	readonly codec: Codec;
	/** Codes are of x - centroid. */
	readonly byResidual: boolean;
	readonly scanner: BlockScanner;
	nlist: number;
	/** Cells a search opens by default. */
	nprobe = 1;
	/** Over the centroids, with coarse 'hnsw'. */
	graph: HnswGraph | undefined;
	/** What codes are relative to once centroids have moved, d values; undefined: the mean of the centroids. */
	fixedCentre: Float32Array | undefined;
	/** How far vectors are from their centroids; undefined for files that do not say. */
	spread: SpreadSum | undefined;
	/** What searches know of the index, and the last of them; gone when it changes. */
	searched: SearchedCells | undefined;
	idle: BlockSearch | undefined;
	/** Holds the centroids; ranks cells. */
	#quantizer: IndexFlat | undefined;
	#ranker: CellRanker | undefined;
	#lists: ArrayInvertedLists | undefined;
	/** Mean of the centroids (d values), or fixedCentre, where codes carry terms; 0 elsewhere. */
	#centre = 0;
	#centreKnown = false;

	constructor({ engine, d, metric, codec, byResidual, nlist }: CellOptions) {
		this.engine = engine;
		this.d = d;
		this.metric = metric;
		this.codec = codec;
		this.byResidual = byResidual;
		this.nlist = nlist;
		const kind = kernelMetric(metric);
		this.scanner = codec.scanner(byResidual && kind === 'l2' ? 'residual-l2' : kind).block;
	}

	get isTrained(): boolean {
		return this.#quantizer !== undefined;
	}

	get quantizer(): IndexFlat {
		if (this.#quantizer === undefined) throw new Error('internal: not trained');
		return this.#quantizer;
	}

	/** Ranks cells as searches do. */
	get ranker(): CellRanker {
		if (this.#ranker === undefined) throw new Error('internal: not trained');
		return this.#ranker;
	}

	get lists(): ArrayInvertedLists {
		if (this.#lists === undefined) throw new Error('internal: not trained');
		return this.#lists;
	}

	/** Whether codes carry a term (indexes/ivf.ts). */
	get hasTerms(): boolean {
		return this.byResidual && this.metric === 'l2' && this.codec.termBytes > 0;
	}

	/** Pointer to nlist * d values. */
	get centroids(): number {
		return this.quantizer.codes.at(0);
	}

	/** A copy of the centroids, size nlist * d. */
	readCentroids(): Float32Array<ArrayBuffer> {
		return this.engine.arena.readF32(this.centroids, this.nlist * this.d);
	}

	/** Bytes of centroids, of what ranks them and of their mean. */
	get centroidBytes(): number {
		const packed = (this.#ranker?.byteLength ?? 0) + (this.graph?.byteLength ?? 0);
		return this.quantizer.byteLength + this.engine.arena.sizeOf(this.#centre) + packed;
	}

	/** The lists, and what their codes mean, as they are now. */
	get held(): HeldCells {
		const { engine, d, metric, codec, lists, byResidual, hasTerms, centroids } = this;
		return { arena: engine.arena, engine, d, metric, codec, lists, byResidual, hasTerms, centroids };
	}

	/**
	 * Pointer to what terms are relative to, 0 without terms. The mean of the centroids is found when it is first needed,
	 * because a reader fills centroids in late.
	 */
	centre(): number {
		if (!this.hasTerms) return 0;
		if (this.#centreKnown) return this.#centre;
		this.engine.arena.writeF32(this.#centre, this.fixedCentre ?? meanRow(this.readCentroids(), this.d));
		this.#centreKnown = true;
		return this.#centre;
	}

	/** What searches know of the index is out of date. */
	changed(): void {
		this.searched = undefined;
		this.idle = undefined;
	}

	/** Takes centroids (nlist * d values), and a graph over them, and makes empty lists. */
	setTrained(centroids: Float32Array, nprobe: number, graph?: HnswGraph): void {
		this.engine.arena.writeF32(this.makeTrained(centroids.length / this.d, nprobe), centroids);
		if (graph !== undefined) this.#bind(graph);
		this.graph = graph;
		this.makeRanker();
	}

	/** Makes empty lists and room for nlist * d values of centroids, which the caller writes to the pointer returned. */
	makeTrained(nlist: number, nprobe: number): number {
		const { engine, d, metric } = this;
		const quantizer = new IndexFlat({ d, metric: kernelMetric(metric), engine, pruned: false });
		let lists: ArrayInvertedLists | undefined;
		try {
			quantizer.codes.reserve(nlist);
			quantizer.codes.commit(nlist);
			if (this.hasTerms && this.#centre === 0) this.#centre = engine.arena.alloc(d * 4);
			const { codeSize, blockSize, termBytes, records, asideBytes = 0 } = this.codec;
			const beside = this.hasTerms ? termBytes : asideBytes;
			const layout = { codeSize: codeSize - asideBytes, blockSize, termBytes: beside, records };
			lists = new ArrayInvertedLists(engine.arena, nlist, layout);
		} finally {
			if (lists === undefined) quantizer[Symbol.dispose]();
		}
		this.#lists?.[Symbol.dispose]();
		this.#quantizer?.[Symbol.dispose]();
		this.#centreKnown = false;
		this.fixedCentre = undefined;
		this.spread = undefined;
		this.#ranker?.[Symbol.dispose]();
		this.#ranker = undefined;
		this.graph?.[Symbol.dispose]();
		this.graph = undefined;
		this.nlist = nlist;
		this.nprobe = nprobe;
		this.#quantizer = quantizer;
		this.#lists = lists;
		this.changed();
		return quantizer.codes.at(0);
	}

	/** An empty graph for a reader to fill. */
	makeGraph(M: number, efConstruction: number): HnswGraph {
		this.graph = makeCellGraph(this.quantizer, M, efConstruction);
		return this.graph;
	}

	/** Links the centroids as they are now. Until it is done the old links lead, which miss a few more. */
	*newGraph(): Steps<void> {
		const { engine, d, nlist, metric, centroids } = this;
		const graph = yield* cellGraphSteps(engine, d, kernelMetric(metric), centroids, nlist);
		this.#bind(graph);
		this.graph?.[Symbol.dispose]();
		this.graph = graph;
	}

	#bind(graph: HnswGraph): void {
		const { codes, d, metric } = this.quantizer;
		graph.moveTo({ codes, d, metric: kernelMetric(metric), fixed: true });
	}

	/** The centroids are in their place. */
	makeRanker(): void {
		this.#ranker?.[Symbol.dispose]();
		this.#ranker = undefined;
		this.#ranker = new CellRanker(this.engine, this.quantizer, this.nlist, this.graph);
		this.#tellCodec();
		this.changed();
	}

	#tellCodec(): void {
		this.codec.learnCells?.(this.centroids, this.nlist, this.fixedCentre);
	}

	setSpread(spread: Spread | undefined): void {
		this.spread = spread && new SpreadSum(spread);
	}

	/** Remembers what is known of the spread; what it returns brings it back. */
	noteSpread(): () => void {
		const before = this.spread?.now;
		return () => this.setSpread(before);
	}

	/** Options that codes depend on, and what was learnt, by name. */
	state(): TrainedState {
		const { byResidual, fixedCentre } = this;
		const centre: [string, Float32Array][] = fixedCentre === undefined ? [] : [['centre', fixedCentre]];
		const centroids = this.readCentroids();
		return new Map([...codecState(this.codec), ['byResidual', byResidual], ['centroids', centroids], ...centre]);
	}

	/** Learns what others alike know, not necessarily of this engine; lists are empty then. */
	teach(from: TrainedCells): void {
		const { nlist, nprobe, graph } = from;
		const centroids = from.readCentroids();
		teachCodec(this.codec, codecState(from.codec));
		this.engine.arena.writeF32(this.makeTrained(nlist, nprobe), centroids);
		this.fixedCentre = from.fixedCentre;
		this.setSpread(from.spread && { ...from.spread.now, sum: 0, n: 0 });
		if (graph !== undefined) this.makeGraph(graph.M, graph.efConstruction).copyFrom(graph);
		this.makeRanker();
	}

	/** Takes what others alike have, of the same engine, and gives them what was here. */
	exchange(other: TrainedCells): void {
		teachCodec(this.codec, codecState(other.codec));
		[this.#quantizer, other.#quantizer] = [other.#quantizer, this.#quantizer];
		[this.#lists, other.#lists] = [other.#lists, this.#lists];
		[this.#centre, other.#centre] = [other.#centre, this.#centre];
		[this.#ranker, other.#ranker] = [other.#ranker, this.#ranker];
		[this.graph, other.graph] = [other.graph, this.graph];
		[this.nlist, this.nprobe, this.spread] = [other.nlist, other.nprobe, other.spread];
		[this.fixedCentre, this.#centreKnown] = [other.fixedCentre, other.#centreKnown];
		this.#tellCodec();
		this.changed();
	}

	[Symbol.dispose](): void {
		this.#lists?.[Symbol.dispose]();
		this.#quantizer?.[Symbol.dispose]();
		this.engine.arena.free(this.#centre);
		this.#ranker?.[Symbol.dispose]();
		this.graph?.[Symbol.dispose]();
		this.codec[Symbol.dispose]();
	}
}
