/**
 * Indexes that hold one code per row and scan them all: IndexFlat, IndexPQ, IndexScalarQuantizer.
 */

import { sampledRows, sampleRows } from '../cluster/rows.ts';
import { type OptionTable, SEARCH_PARAMS, type SearchParams } from '../core/options.ts';
import type { IndexStats, SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { CodeArray } from '../invlists/code-array.ts';
import { LabelBitmap } from '../invlists/label-bitmap.ts';
import { appendCodes, type HeldCodes } from '../invlists/transfer.ts';
import type { Codec, CodeScanner } from '../quantizers/codec.ts';
import type { Steps } from '../util/steps.ts';
import { Index, type IndexOptions, type StagedRows, type TrainOptions } from './base.ts';
import { chunks, kernelMetric, loadRows, SearchScratch } from './batch.ts';
import { encodeApart, encodeBehind, replaceCode } from './flat-add.ts';
import { ManyScan, manyBlock } from './many-scan.ts';
import { blockShare, MatchedCodes } from './matched-codes.ts';
import { sharedScan } from './shared-scan.ts';
import { codecState, type TrainedState, teachCodec } from './trained.ts';

/** Codes scanned for a block of queries before the next codes are read: they stay in L2. */
const SCAN_BYTES = 256 * 1024;
/** Prepared queries of a block stay in L2 too. */
const QUERY_BYTES = 256 * 1024;
const MAX_BLOCK = 64;
/** Share of the codes, in whole blocks, up to which those that match are copied together (bench/engine/filters.ts). */
const GATHERED_SHARE = 1 / 6;

export abstract class IndexFlatCodes extends Index<SearchParams> {
	/** @internal */
	readonly codec: Codec;
	/** @internal */
	readonly codes: CodeArray;
	readonly #scanner: CodeScanner;
	/** Rows that were not removed; made at the first removal. */
	#live: LabelBitmap | undefined;

	protected constructor(where: string, options: IndexOptions, makeCodec: (index: Index) => Codec) {
		super(where, options);
		this.codec = makeCodec(this);
		const { codeSize, blockSize, records } = this.codec;
		this.codes = new CodeArray(this.engine.arena, { codeSize, blockSize, termBytes: 0, records });
		this.#scanner = this.codec.scanner(kernelMetric(this.metric));
	}

	get ntotal(): number {
		return this.#live?.count ?? this.codes.n;
	}

	override get labelEnd(): number {
		return this.codes.n;
	}

	get isTrained(): boolean {
		return this.codec.isTrained;
	}

	/** Bytes per code. */
	get codeSize(): number {
		return this.codec.codeSize;
	}

	get byteLength(): number {
		return Object.values(this.stats().bytes).reduce((a, b) => a + b, 0);
	}

	stats(): IndexStats {
		const live = this.#live && { live: this.#live.byteLength };
		const bytes = { codes: this.codes.byteLength, ...live, ...this.codec.bytes() };
		const removed = this.codes.n - this.ntotal;
		return { type: this.type, ntotal: this.ntotal, ...(removed > 0 && { removed }), d: this.d, bytes };
	}

	/** @internal */
	get searchTable(): OptionTable {
		return SEARCH_PARAMS;
	}

	/** @internal */
	*trainSteps(x: VectorSet, options: TrainOptions): Steps<void> {
		const limit = this.codec.trainingLimit(options);
		if (limit === 0) return;
		const sample = sampleRows(x.n, limit, options.seed ?? 1234);
		using rows = sampledRows(this.engine, x, sample, this.metric === 'cosine');
		yield* this.codec.trainSteps(rows, options);
	}

	/** @internal */
	*addSteps(x: VectorSet): Steps<void> {
		const { codes } = this;
		if (x.n === 0) return;
		const before = codes.n;
		let done = false;
		codes.reserve(x.n);
		try {
			this.#live?.grow(before + x.n);
			yield* encodeBehind(this, x);
			codes.commit(x.n);
			this.#live?.setRange(before, codes.n);
			done = true;
		} finally {
			if (!done) this.truncateRows(before);
		}
	}

	// ── Changing: rows that were removed stay where they are, wiped ────────────────────────────

	/** @internal */
	override get live(): LabelBitmap | undefined {
		return this.ntotal < this.codes.n ? this.#live : undefined;
	}

	/** Takes the rows that are alive from a file. @internal */
	setLive(bitmap: LabelBitmap): void {
		this.#live = bitmap;
	}

	/** @internal */
	override hasLabel(label: number): boolean {
		return label < this.codes.n && (this.#live?.has(label) ?? true);
	}

	/** @internal */
	override prepareRemoval(): void {
		this.#live ??= new LabelBitmap(this.engine.arena, this.codes.n, true);
	}

	/** @internal */
	override removeLabel(label: number): void {
		this.#live!.clear(label);
		this.codes.wipe(label);
		this.rowChanged(label);
	}

	/** @internal */
	override *stageSteps(x: VectorSet, labels: Uint32Array): Steps<StagedRows> {
		const block = yield* encodeApart(this, x);
		const commit = (): void => {
			for (const [i, label] of labels.entries()) {
				replaceCode(this, label, block + i * this.codeSize);
				this.#live?.set(label);
				this.rowChanged(label);
			}
		};
		return { commit, [Symbol.dispose]: () => this.engine.arena.free(block) };
	}

	/** The code of a row is another one now. @internal */
	rowChanged(_row: number): void {}

	// ── Indexes alike ──────────────────────────────────────────────────────────────────────────

	/** @internal */
	override trainedState(): TrainedState {
		return codecState(this.codec);
	}

	/** @internal */
	override teach(from: Index): void {
		teachCodec(this.codec, from.trainedState());
	}

	/** @internal */
	override *mergeSteps(other: Index): Steps<void> {
		const { held, live, labelEnd } = other as IndexFlatCodes;
		const before = this.codes.n;
		let done = false;
		try {
			// Rows that are gone keep their places, wiped as they are.
			if (live !== undefined) this.prepareRemoval();
			this.#live?.grow(before + labelEnd);
			yield* appendCodes(held, this.held);
			if (live === undefined) this.#live?.setRange(before, before + labelEnd);
			else this.#live?.setFrom(live, before);
			done = true;
		} finally {
			if (!done) this.truncateRows(before);
		}
	}

	/** @internal */
	get held(): HeldCodes {
		return { arena: this.engine.arena, codec: this.codec, codes: this.codes };
	}

	/** @internal */
	*searchSteps(
		q: VectorSet,
		k: number,
		params: SearchParams,
		result: SearchResult,
		admitted?: LabelBitmap,
	): Steps<void> {
		if (admitted !== undefined && blockShare(this.codes, admitted) < GATHERED_SHARE / this.#side) {
			yield* this.gatheredSteps(q, k, params, result, admitted);
			return;
		}
		const shared = sharedScan(this, q, k, result, admitted);
		if (shared !== undefined) {
			yield* shared;
			if (params.stats !== undefined) params.stats.ndis += q.n * this.codes.n;
			return;
		}
		const { stateBytes } = this.#scanner;
		const atOnce = manyBlock(this.#scanner, q.n, k, this.codes.n, admitted?.count);
		const most = atOnce > 0 ? atOnce : Math.max(1, Math.floor(QUERY_BYTES / stateBytes));
		const block = Math.min(MAX_BLOCK, most, Math.max(1, q.n));
		using scratch = new SearchScratch(this.engine, this.d, k, block, stateBytes, admitted?.admission);
		using many = atOnce > 0 ? new ManyScan(this.engine, this.#scanner, block) : null;
		// A multiple of 64: whole pairs of blocks.
		const rowsPerScan = Math.max(1, Math.floor(SCAN_BYTES / this.codeSize / 64)) * 64;
		for (const [first, nq] of chunks(q.n, block)) {
			for (let i = 0; i < nq; i++) {
				loadRows(this.engine, this.metric, q, first + i, 1, scratch.query);
				this.#scanner.setQuery(scratch.query, scratch.state(i));
				scratch.initTopk(i);
			}
			many?.prepare(scratch, nq);
			for (const { ptr, start, n } of this.codes.segments()) {
				for (const [from, count] of chunks(n, rowsPerScan)) {
					this.engine.arena.u32.set([ptr + from * this.codeSize, 0, 0, count], scratch.entry >>> 2);
					if (many === null) for (let i = 0; i < nq; i++) this.#scan(scratch, i, start + from);
					else many.scan(scratch, scratch, nq, scratch.entry, start + from);
					yield { phase: 'search', done: first, total: q.n };
				}
			}
			for (let i = 0; i < nq; i++) scratch.emit(i, first + i, this.metric, result);
			if (params.stats !== undefined) params.stats.ndis += nq * this.codes.n;
			yield { phase: 'search', done: first + nq, total: q.n };
		}
	}

	/** Threads that share a scan of all codes; where they must be scanned in order, none do. */
	get #side(): number {
		return this.#scanner.block.inOrder ? 1 : this.engine.threads;
	}

	/** Scans only blocks of codes that hold a row that is admitted, copied together. */
	protected *gatheredSteps(
		q: VectorSet,
		k: number,
		params: SearchParams,
		result: SearchResult,
		rows: LabelBitmap,
	): Steps<void> {
		const { engine, d, metric } = this;
		const { stateBytes } = this.#scanner;
		const block = Math.min(MAX_BLOCK, Math.max(1, Math.floor(QUERY_BYTES / stateBytes)), Math.max(1, q.n));
		using matched = new MatchedCodes(engine, this.codes, rows);
		using scratch = new SearchScratch(engine, d, k, block, stateBytes, rows.admission);
		for (const [first, nq] of chunks(q.n, block)) {
			for (let i = 0; i < nq; i++) {
				loadRows(engine, metric, q, first + i, 1, scratch.query);
				this.#scanner.setQuery(scratch.query, scratch.state(i));
				scratch.initTopk(i);
			}
			for (const piece of matched.pieces()) {
				engine.arena.u32.set(piece, scratch.entry >>> 2);
				for (let i = 0; i < nq; i++) this.#scan(scratch, i, 0);
				if (params.stats !== undefined) params.stats.ndis += nq * piece[3];
				yield { phase: 'search', done: first, total: q.n };
			}
			for (let i = 0; i < nq; i++) scratch.emit(i, first + i, metric, result);
			yield { phase: 'search', done: first + nq, total: q.n };
		}
	}

	#scan(scratch: SearchScratch, i: number, base: number): void {
		this.#scanner.scan(scratch.state(i), [scratch.entry, 0, 0, 1, base, scratch.tile, scratch.topk(i)]);
	}

	/** @internal */
	get scanner(): CodeScanner {
		return this.#scanner;
	}

	/** @internal */
	reconstructRow(row: number): Float32Array<ArrayBuffer> {
		const { arena } = this.engine;
		const out = arena.alloc(this.d * 4);
		try {
			const { ptr, at } = this.codes.where(row);
			this.codec.decodeAt(ptr, at, out);
			return arena.readF32(out, this.d);
		} finally {
			arena.free(out);
		}
	}

	/** @internal */
	reserveRows(n: number): void {
		this.codes.reserve(n, true);
	}

	/** @internal */
	override shrinkRows(): void {
		this.codes.shrink();
	}

	/** @internal */
	override trainingLimit(options: TrainOptions): number {
		return this.codec.trainingLimit(options);
	}

	/** @internal */
	override get canTruncate(): boolean {
		return true;
	}

	/** @internal */
	override truncateRows(n: number): void {
		this.codes.truncate(n);
		this.#live?.truncate(n);
	}

	/** @internal */
	resetRows(): void {
		this.codes.clear();
		this.#live?.[Symbol.dispose]();
		this.#live = undefined;
	}

	/** @internal */
	release(): void {
		this.#live?.[Symbol.dispose]();
		this.codes[Symbol.dispose]();
		this.codec[Symbol.dispose]();
	}
}
