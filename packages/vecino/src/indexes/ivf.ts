/**
 * Inverted files (IVF): k-means cuts space into nlist cells, each vector goes to the list of its cell,
 * a search opens the nprobe cells nearest to the query.
 *
 * Search is two steps, as in FAISS: rank the cells (coarse quantizer), then scan their lists. Cells are
 * ranked by the index's own metric.
 *
 * Residual codes under l2 (IVFADC): with centroid c and decoded residual r,
 *   |q - (c + r)|^2 = |q - c|^2  +  r . (r + 2 (c - o))  -  2 (q - o) . r
 * for any o; with the mean of the centroids the two last parts are small. The first part is the coarse distance
 * of the list, the second does not depend on the query and is stored as one float32 per vector (`terms`), the
 * third is a table look-up with one table per query. FAISS keeps the second part as a table of nlist * m * ksub
 * floats instead.
 */

import { Assigner, kmeansSteps } from '../cluster/kmeans.ts';
import { CHUNK, sampledRows, sampleRows } from '../cluster/rows.ts';
import { twoLevelSteps } from '../cluster/two-level.ts';
import { IVF_SEARCH_PARAMS, type IVFSearchParams, type OptionTable } from '../core/options.ts';
import type { IndexStats, SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { ArrayInvertedLists } from '../invlists/array-lists.ts';
import type { Codec, CodeScanner } from '../quantizers/codec.ts';
import { checkInt } from '../util/check.ts';
import type { Steps } from '../util/steps.ts';
import { Index, type IndexOptions, type TrainOptions } from './base.ts';
import { chunks, kernelMetric, loadRows, SearchScratch } from './batch.ts';
import { CellRanker } from './cells.ts';
import { IndexFlat } from './flat.ts';
import { measureNprobe } from './nprobe.ts';
import { meanRow, termRange } from './terms.ts';

export interface IndexIVFOptions extends IndexOptions {
	/** Cells, 1..2^24; training on fewer vectors makes fewer. */
	readonly nlist: number;
}

/** Iterations for coarse centroids, as in FAISS: more barely change recall. */
export const COARSE_ITERATIONS = 10;
/** Cells from which they are found on two levels (cluster/two-level.ts): lists about as good in a half to a fifth of the time. */
export const TWO_LEVEL_FROM = 512;
/** Cells from which they are balanced: 2 to 8 % fewer codes scanned for equal recall. Of fewer, most are opened anyway. */
const BALANCE_FROM = 64;

export abstract class IndexIVF extends Index<IVFSearchParams> {
	/** @internal */
	readonly codec: Codec;
	/** Codes are of x - centroid. */
	readonly byResidual: boolean;
	/** Holds the centroids; ranks cells. */
	#quantizer: IndexFlat | undefined;
	/** Mean of the centroids (d values), where codes carry terms; 0 elsewhere. */
	#centre = 0;
	#centreKnown = false;
	#ranker: CellRanker | undefined;
	#lists: ArrayInvertedLists | undefined;
	#nlist: number;
	#nprobe = 1;
	#ntotal = 0;
	readonly #scanner: CodeScanner;

	protected constructor(
		where: string,
		options: IndexIVFOptions,
		byResidual: boolean,
		makeCodec: (index: Index) => Codec,
	) {
		super(where, options);
		this.#nlist = checkInt(where, 'nlist', options.nlist, 1, 2 ** 24);
		this.codec = makeCodec(this);
		this.byResidual = byResidual;
		const kind = kernelMetric(this.metric);
		this.#scanner = this.codec.scanner(this.byResidual && kind === 'l2' ? 'residual-l2' : kind);
	}

	get ntotal(): number {
		return this.#ntotal;
	}

	get isTrained(): boolean {
		return this.#quantizer !== undefined;
	}

	/** Cells; after training on fewer vectors than asked, as many as there are. */
	get nlist(): number {
		return this.#nlist;
	}

	/** Cells a search opens by default, measured in training. */
	get nprobe(): number {
		return this.#nprobe;
	}

	/** Bytes per code, without label (4) and term (4, of fast-scan 2; residual l2 only). */
	get codeSize(): number {
		return this.codec.codeSize;
	}

	/** A copy of the centroids, size nlist * d. */
	get centroids(): Float32Array<ArrayBuffer> {
		this.checkTrained('centroids');
		return this.engine.arena.readF32(this.quantizer.codes.at(0), this.#nlist * this.d);
	}

	get byteLength(): number {
		return Object.values(this.stats().bytes).reduce((a, b) => a + b, 0);
	}

	stats(): IndexStats {
		const base = { type: this.type, ntotal: this.#ntotal, d: this.d };
		if (this.#lists === undefined) return { ...base, bytes: this.codec.bytes() };
		const packed = this.#ranker?.byteLength ?? 0;
		const centroids = this.quantizer.byteLength + this.engine.arena.sizeOf(this.#centre) + packed;
		const bytes = { ...this.#lists.bytes(), centroids, ...this.codec.bytes() };
		return { ...base, bytes, lists: this.#lists.stats(this.#nprobe) };
	}

	/** @internal */
	get quantizer(): IndexFlat {
		if (this.#quantizer === undefined) throw new Error('internal: not trained');
		return this.#quantizer;
	}

	/** @internal */
	get lists(): ArrayInvertedLists {
		if (this.#lists === undefined) throw new Error('internal: not trained');
		return this.#lists;
	}

	/** Whether codes carry a term (see the head of this file). @internal */
	get hasTerms(): boolean {
		return this.byResidual && this.metric === 'l2';
	}

	/** @internal */
	get searchTable(): OptionTable {
		return IVF_SEARCH_PARAMS;
	}

	/** Number of the nearest cell of each vector, size n. */
	assign(x: Parameters<Index['add']>[0]): Uint32Array<ArrayBuffer> {
		this.checkTrained('assign');
		const nearest = this.quantizer.search(x, 1);
		return Uint32Array.from(nearest.labels);
	}

	// ── Training ───────────────────────────────────────────────────────────────────────────────

	/** @internal */
	*trainSteps(x: VectorSet, options: TrainOptions): Steps<void> {
		const { engine, metric } = this;
		const { arena } = engine;
		const seed = options.seed ?? 1234;
		const k = Math.min(this.#nlist, x.n);
		const sample = sampleRows(x.n, k * (options.maxPointsPerCentroid ?? 256), seed);
		using rows = sampledRows(engine, x, sample, metric === 'cosine');
		const { coarse = 'auto', ...rest } = options;
		const twoLevels = coarse === 'two-level' || (coarse === 'auto' && k >= TWO_LEVEL_FROM);
		const steps = twoLevels ? twoLevelSteps : kmeansSteps;
		const balance = k >= BALANCE_FROM;
		const asked = { ...rest, niter: options.niter ?? COARSE_ITERATIONS, spherical: metric !== 'l2', balance };
		const trained = yield* steps(engine, rows, k, asked, 'coarse k-means');
		try {
			const nprobe = yield* measureNprobe(engine, x, metric, trained.ptr, k, seed);
			// Last, because it takes effect at once: an abort before leaves the index as it was.
			yield* this.#trainCodec(x, trained.ptr, k, options);
			this.setTrained(arena.readF32(trained.ptr, k * this.d), nprobe);
		} finally {
			arena.free(trained.ptr);
		}
	}

	*#trainCodec(x: VectorSet, centroids: number, k: number, options: TrainOptions): Steps<void> {
		const { engine, d, metric } = this;
		const limit = this.codec.trainingLimit(options);
		if (limit === 0) return;
		const sample = sampleRows(x.n, limit, ((options.seed ?? 1234) + 1) >>> 0);
		using rows = sampledRows(engine, x, sample, metric === 'cosine');
		if (!this.byResidual) {
			yield* this.codec.trainSteps(rows, options);
			return;
		}
		using assigner = new Assigner(engine, d, centroids, k, kernelMetric(metric), rows.n);
		const residuals = (start: number, count: number): number => {
			const ptr = rows.chunk(start, count);
			assigner.assignChunk(ptr, count);
			engine.kernels.residuals(ptr, count, d, assigner.labels, centroids, ptr);
			return ptr;
		};
		yield* this.codec.trainSteps({ n: rows.n, d, chunk: residuals }, options);
		if (!this.hasTerms || this.codec.learnTerms === undefined) return;
		const { min, max } = termRange(
			engine,
			this.codec,
			{ n: rows.n, d, chunk: residuals },
			assigner.labels,
			centroids,
			k,
		);
		this.codec.learnTerms(min, max);
	}

	/** Takes centroids (nlist * d values) and makes empty lists. @internal */
	setTrained(centroids: Float32Array, nprobe: number): void {
		this.engine.arena.writeF32(this.makeTrained(centroids.length / this.d, nprobe), centroids);
		this.#makeRanker();
	}

	/** Makes empty lists and room for nlist * d values of centroids, which the caller writes to the pointer returned. @internal */
	makeTrained(nlist: number, nprobe: number): number {
		const { engine, d, metric } = this;
		const quantizer = new IndexFlat({ d, metric: kernelMetric(metric), engine });
		let lists: ArrayInvertedLists | undefined;
		try {
			quantizer.codes.reserve(nlist);
			quantizer.codes.commit(nlist);
			if (this.hasTerms && this.#centre === 0) this.#centre = engine.arena.alloc(d * 4);
			const { codeSize, blockSize, termBytes } = this.codec;
			const layout = { codeSize, blockSize, termBytes: this.hasTerms ? termBytes : 0 };
			lists = new ArrayInvertedLists(engine.arena, nlist, layout);
		} finally {
			if (lists === undefined) quantizer[Symbol.dispose]();
		}
		this.#lists?.[Symbol.dispose]();
		this.#quantizer?.[Symbol.dispose]();
		this.#centreKnown = false;
		this.#ranker?.[Symbol.dispose]();
		this.#ranker = undefined;
		this.#nlist = nlist;
		this.#nprobe = nprobe;
		this.#quantizer = quantizer;
		this.#lists = lists;
		return quantizer.codes.at(0);
	}

	// ── Adding ─────────────────────────────────────────────────────────────────────────────────

	/** @internal */
	*addSteps(x: VectorSet): Steps<void> {
		const { engine, lists, quantizer, d, metric } = this;
		const { arena, kernels } = engine;
		if (x.n === 0) return;
		const centroids = quantizer.codes.at(0);
		const assigned = new Uint32Array(x.n);
		{
			using assigner = new Assigner(engine, d, centroids, this.#nlist, kernelMetric(metric), x.n);
			using rows = sampledRows(engine, x, sampleRows(x.n, x.n, 0), metric === 'cosine');
			yield* assigner.run(rows, assigned, 'assign');
		}
		const counts = new Uint32Array(this.#nlist);
		for (const listNo of assigned) counts[listNo] = counts[listNo]! + 1;
		for (const [listNo, count] of counts.entries()) if (count > 0) lists.reserve(listNo, count);

		const written = new Uint32Array(this.#nlist);
		const { codeSize, encodeScratchBytes } = this.codec;
		const align = (bytes: number): number => Math.ceil(bytes / 16) * 16;
		const sizes = [CHUNK * d * 4, CHUNK * codeSize + 8, CHUNK * 4, CHUNK * 4, encodeScratchBytes].map(align);
		const block = arena.alloc(sizes.reduce((a, b) => a + b));
		try {
			const codes = block + sizes[0]!;
			const labels = codes + sizes[1]!;
			const terms = labels + sizes[2]!;
			const scratch = terms + sizes[3]!;
			for (const [start, count] of chunks(x.n)) {
				loadRows(engine, metric, x, start, count, block);
				arena.u32.set(assigned.subarray(start, start + count), labels >>> 2);
				if (this.byResidual) kernels.residuals(block, count, d, labels, centroids, block);
				this.codec.encodeRows(block, count, codes, scratch);
				if (this.hasTerms) {
					this.codec.decodeRows(codes, count, block);
					kernels.residualTerms(block, count, d, labels, centroids, this.#centreOf(), terms);
				}
				this.#place(assigned, written, start, count, codes, terms);
				yield { phase: 'add', done: start + count, total: x.n };
			}
			// Only now do the vectors count: an abort before leaves the lists as they were.
			for (const [listNo, count] of counts.entries()) if (count > 0) lists.commit(listNo, count);
			this.#ntotal += x.n;
		} finally {
			arena.free(block);
		}
	}

	/** Copies a chunk of codes, terms and labels behind what each list holds and what was written before. */
	#place(
		assigned: Uint32Array,
		written: Uint32Array,
		start: number,
		count: number,
		codes: number,
		terms: number,
	): void {
		const { codec, hasTerms } = this;
		const { u32, f32 } = this.engine.arena;
		const { codeSize } = codec;
		const directory = this.lists.directory >>> 2;
		for (let i = 0; i < count; i++) {
			const listNo = assigned[start + i]!;
			const entry = directory + listNo * 4;
			const at = u32[entry + 3]! + written[listNo]!;
			written[listNo] = written[listNo]! + 1;
			codec.place(u32[entry]!, at, codes + i * codeSize);
			if (hasTerms) codec.placeTerm(u32[entry + 1]!, at, f32[(terms >>> 2) + i]!);
			u32[(u32[entry + 2]! >>> 2) + at] = this.#ntotal + start + i;
		}
	}

	/** Counts vectors that a reader has put into the lists; its last step. @internal */
	setTotal(ntotal: number): void {
		this.#ntotal = ntotal;
		this.#makeRanker();
	}

	/** The centroids are in their place. */
	#makeRanker(): void {
		this.#ranker?.[Symbol.dispose]();
		this.#ranker = undefined;
		this.#ranker = new CellRanker(this.engine, this.quantizer, this.#nlist);
	}

	// ── Searching ──────────────────────────────────────────────────────────────────────────────

	/** @internal */
	*searchSteps(q: VectorSet, k: number, params: IVFSearchParams, result: SearchResult): Steps<void> {
		const { engine, metric } = this;
		const wanted = Math.min(params.nprobe ?? this.#nprobe, this.#nlist);
		using scratch = new SearchScratch(engine, this.d, k, 1, this.#scanner.stateBytes);
		let coarse = new SearchScratch(engine, this.d, wanted, 1, this.quantizer.scanner.stateBytes);
		try {
			for (let i = 0; i < q.n; i++) {
				loadRows(engine, metric, q, i, 1, scratch.query);
				let nprobe = wanted;
				this.#ranker!.rank(coarse, scratch.query, nprobe);
				this.#prepareQuery(scratch);
				this.#scanLists(scratch, coarse, 0, nprobe, params);
				// Short of k: open further cells, nearest first, until there are k or no more.
				let wide = coarse;
				while (nprobe < this.#nlist && this.#found(scratch) < Math.min(k, this.#ntotal)) {
					const next = Math.min(nprobe * 2, this.#nlist);
					if (wide !== coarse) wide[Symbol.dispose]();
					wide = new SearchScratch(engine, this.d, next, 1, this.quantizer.scanner.stateBytes);
					loadRows(engine, metric, q, i, 1, scratch.query);
					this.#ranker!.rank(wide, scratch.query, next);
					this.#scanLists(scratch, wide, nprobe, next, params);
					nprobe = next;
				}
				if (wide !== coarse) {
					coarse[Symbol.dispose]();
					coarse = wide;
				}
				scratch.emit(0, i, metric, result);
				yield { phase: 'search', done: i + 1, total: q.n };
			}
		} finally {
			coarse[Symbol.dispose]();
		}
	}

	/** Pointer to the mean of the centroids, found when it is first needed, because a reader fills centroids in late. */
	#centreOf(): number {
		if (this.#centreKnown) return this.#centre;
		this.engine.arena.writeF32(this.#centre, meanRow(this.centroids, this.d));
		this.#centreKnown = true;
		return this.#centre;
	}

	/** Prepares the query for scanning: less the centre where codes carry terms, which replaces scratch.query. */
	#prepareQuery(scratch: SearchScratch): void {
		const { f32 } = this.engine.arena;
		const q = scratch.query >>> 2;
		const centre = this.hasTerms ? this.#centreOf() >>> 2 : 0;
		for (let t = 0; centre !== 0 && t < this.d; t++) f32[q + t] = f32[q + t]! - f32[centre + t]!;
		this.#scanner.setQuery(scratch.query, scratch.state(0));
		scratch.initTopk(0);
	}

	/** Scans the cells ranked from..to - 1. */
	#scanLists(
		scratch: SearchScratch,
		coarse: SearchScratch,
		from: number,
		to: number,
		{ stats }: IVFSearchParams,
	): void {
		const biases = this.byResidual ? coarse.distances + from * 4 : 0;
		const listNos = coarse.labels + from * 4;
		const { directory } = this.lists;
		const scanned = this.#scanner.scan(scratch.state(0), [
			directory,
			listNos,
			biases,
			to - from,
			0,
			scratch.tile,
			scratch.topk(0),
		]);
		if (stats === undefined) return;
		stats.ndis += scanned;
		stats.nlistsVisited += to - from;
	}

	/** Neighbours found so far; after a shrink exactly k. */
	#found(scratch: SearchScratch): number {
		return this.engine.arena.u32[(scratch.topk(0) >>> 2) + 2]!;
	}

	// ── The rest ───────────────────────────────────────────────────────────────────────────────

	/** @internal */
	reconstructRow(row: number): Float32Array<ArrayBuffer> {
		const { arena } = this.engine;
		const found = this.lists.find(row);
		if (found === undefined) throw new Error(`internal: label ${row} is in no list`);
		const { codes } = this.lists.list(found.listNo);
		const out = arena.alloc(this.d * 4);
		try {
			this.codec.decodeAt(codes, found.position, out);
			const vector = arena.readF32(out, this.d);
			if (!this.byResidual) return vector;
			const centroid = arena.readF32(this.quantizer.codes.at(found.listNo), this.d);
			return vector.map((value, t) => value + centroid[t]!);
		} finally {
			arena.free(out);
		}
	}

	/** @internal */
	reserveRows(): void {}

	/** @internal */
	override shrinkRows(): void {
		this.#lists?.shrink();
	}

	/** @internal */
	resetRows(): void {
		this.#lists?.clear();
		this.#ntotal = 0;
	}

	/** @internal */
	release(): void {
		this.#lists?.[Symbol.dispose]();
		this.#quantizer?.[Symbol.dispose]();
		this.engine.arena.free(this.#centre);
		this.#ranker?.[Symbol.dispose]();
		this.codec[Symbol.dispose]();
	}
}
