/**
 * Indexes that hold one code per row and scan them all: IndexFlat, IndexPQ, IndexScalarQuantizer.
 */

import { ENCODE_COST, planWindows, sampledRows, sampleRows } from '../cluster/rows.ts';
import { type OptionTable, SEARCH_PARAMS, type SearchParams } from '../core/options.ts';
import type { IndexStats, SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { CodeArray } from '../invlists/code-array.ts';
import { appendCodes, type HeldCodes } from '../invlists/transfer.ts';
import { inWindows } from '../kernels/pool/parallel.ts';
import type { Codec, CodeScanner } from '../quantizers/codec.ts';
import type { Steps } from '../util/steps.ts';
import { Index, type IndexOptions, type TrainOptions } from './base.ts';
import { chunks, kernelMetric, loadRows, SearchScratch } from './batch.ts';
import { sharedScan } from './shared-scan.ts';
import { codecState, type TrainedState, teachCodec } from './trained.ts';

/** Codes scanned for a block of queries before the next codes are read: they stay in L2. */
const SCAN_BYTES = 256 * 1024;
/** Prepared queries of a block stay in L2 too. */
const QUERY_BYTES = 256 * 1024;
const MAX_BLOCK = 64;

export abstract class IndexFlatCodes extends Index<SearchParams> {
	/** @internal */
	readonly codec: Codec;
	/** @internal */
	readonly codes: CodeArray;
	readonly #scanner: CodeScanner;

	protected constructor(where: string, options: IndexOptions, makeCodec: (index: Index) => Codec) {
		super(where, options);
		this.codec = makeCodec(this);
		const { codeSize, blockSize, records } = this.codec;
		this.codes = new CodeArray(this.engine.arena, { codeSize, blockSize, termBytes: 0, records });
		this.#scanner = this.codec.scanner(kernelMetric(this.metric));
	}

	get ntotal(): number {
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
		const bytes = { codes: this.codes.byteLength, ...this.codec.bytes() };
		return { type: this.type, ntotal: this.ntotal, d: this.d, bytes };
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
		const { codec, codes, codeSize, d, engine } = this;
		const { arena } = engine;
		if (x.n === 0) return;
		const before = codes.n;
		codes.reserve(x.n);
		const { window, piece, sets } = planWindows(engine, x.n, ENCODE_COST * d, d * 4 + codeSize);
		const align = (bytes: number): number => Math.ceil(bytes / 16) * 16;
		const rowBytes = window * d * 4;
		const setBytes = rowBytes + align(window * codeSize + 8);
		const scratchBytes = align(codec.encodeScratchBytes);
		// Pieces end where a segment of the codes does.
		const block = arena.alloc(sets * setBytes + (Math.ceil(window / piece) + 2) * scratchBytes);
		try {
			yield* inWindows(engine, 'add', x.n, window, sets, {
				load: (start, count, set) => loadRows(engine, this.metric, x, start, count, block + set * setBytes),
				pieces: (start, count, set) => {
					const pieces: (() => void)[] = [];
					for (let from = 0, now = 0; from < count; from += now) {
						const { ptr, at, room } = codes.tail(start + from);
						now = Math.min(piece, room, count - from);
						const rows = block + set * setBytes + from * d * 4;
						const to =
							codec.blockSize === 1 ? ptr + at * codeSize : block + set * setBytes + rowBytes + from * codeSize;
						const scratch = block + sets * setBytes + pieces.length * scratchBytes;
						const some = now;
						pieces.push(() => codec.encodeRows(rows, some, to, scratch));
					}
					return pieces;
				},
				settle: (start, count, set) => {
					const code = block + set * setBytes + rowBytes;
					for (let i = 0; codec.blockSize > 1 && i < count; i++) {
						const { ptr, at } = codes.tail(start + i);
						codec.place(ptr, at, code + i * codeSize);
					}
				},
			});
			codes.commit(x.n);
		} finally {
			if (codes.n === before) codes.truncate(before);
			arena.free(block);
		}
	}

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
		yield* appendCodes((other as IndexFlatCodes).held, this.held);
	}

	/** @internal */
	get held(): HeldCodes {
		return { arena: this.engine.arena, codec: this.codec, codes: this.codes };
	}

	/** @internal */
	*searchSteps(q: VectorSet, k: number, params: SearchParams, result: SearchResult): Steps<void> {
		const shared = sharedScan(this, q, k, result);
		if (shared !== undefined) {
			yield* shared;
			if (params.stats !== undefined) params.stats.ndis += q.n * this.ntotal;
			return;
		}
		const { stateBytes } = this.#scanner;
		const block = Math.min(MAX_BLOCK, Math.max(1, Math.floor(QUERY_BYTES / stateBytes)), Math.max(1, q.n));
		using scratch = new SearchScratch(this.engine, this.d, k, block, stateBytes);
		// A multiple of 64: whole pairs of blocks.
		const rowsPerScan = Math.max(1, Math.floor(SCAN_BYTES / this.codeSize / 64)) * 64;
		for (const [first, nq] of chunks(q.n, block)) {
			for (let i = 0; i < nq; i++) {
				loadRows(this.engine, this.metric, q, first + i, 1, scratch.query);
				this.#scanner.setQuery(scratch.query, scratch.state(i));
				scratch.initTopk(i);
			}
			for (const { ptr, start, n } of this.codes.segments()) {
				for (const [from, count] of chunks(n, rowsPerScan)) {
					this.engine.arena.u32.set([ptr + from * this.codeSize, 0, 0, count], scratch.entry >>> 2);
					for (let i = 0; i < nq; i++) this.#scan(scratch, i, start + from);
					yield { phase: 'search', done: first, total: q.n };
				}
			}
			for (let i = 0; i < nq; i++) scratch.emit(i, first + i, this.metric, result);
			if (params.stats !== undefined) params.stats.ndis += nq * this.ntotal;
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
	}

	/** @internal */
	resetRows(): void {
		this.codes.clear();
	}

	/** @internal */
	release(): void {
		this.codes[Symbol.dispose]();
		this.codec[Symbol.dispose]();
	}
}
