/**
 * Indexes that hold one code per row and scan them all: IndexFlat, IndexPQ, IndexScalarQuantizer.
 */

import { CHUNK, sampledRows, sampleRows } from '../cluster/rows.ts';
import { type OptionTable, SEARCH_PARAMS, type SearchParams } from '../core/options.ts';
import type { IndexStats, SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { CodeArray } from '../invlists/code-array.ts';
import type { Codec, CodeScanner } from '../quantizers/codec.ts';
import type { Steps } from '../util/steps.ts';
import { Index, type IndexOptions, type TrainOptions } from './base.ts';
import { chunks, kernelMetric, loadRows, SearchScratch } from './batch.ts';

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
		const { codeSize, blockSize } = this.codec;
		this.codes = new CodeArray(this.engine.arena, { codeSize, blockSize, termBytes: 0 });
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
		const { codec, codes, codeSize } = this;
		const { arena } = this.engine;
		if (x.n === 0) return;
		codes.reserve(x.n);
		const rowBytes = CHUNK * this.d * 4;
		const codeBytes = Math.ceil((CHUNK * codeSize + 8) / 16) * 16;
		const rows = arena.alloc(rowBytes + codeBytes + codec.encodeScratchBytes);
		const chunk = rows + rowBytes;
		const scratch = chunk + codeBytes;
		try {
			for (let done = 0; done < x.n; ) {
				const { ptr, at, room } = codes.tail(done);
				const count = Math.min(CHUNK, room, x.n - done);
				loadRows(this.engine, this.metric, x, done, count, rows);
				if (codec.blockSize === 1) codec.encodeRows(rows, count, ptr + at * codeSize, scratch);
				else {
					codec.encodeRows(rows, count, chunk, scratch);
					for (let i = 0; i < count; i++) codec.place(ptr, at + i, chunk + i * codeSize);
				}
				done += count;
				yield { phase: 'add', done, total: x.n };
			}
			codes.commit(x.n);
		} finally {
			arena.free(rows);
		}
	}

	/** @internal */
	*searchSteps(q: VectorSet, k: number, params: SearchParams, result: SearchResult): Steps<void> {
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

	/**
	 * Scans the rows named only: `count` u32 labels at `labels`. Used by IndexRefine and, with all rows, by the
	 * coarse step of IVF. `gathered` has room for count codes + 8 bytes and, behind them, count addresses.
	 * @internal
	 */
	scanRows(labels: Uint32Array, gathered: number, scratch: SearchScratch, i: number): void {
		const { arena, kernels } = this.engine;
		const count = labels.length;
		const ids = gathered + Math.ceil((count * this.codeSize + 8) / 16) * 16;
		const addresses = ids + count * 4;
		const { u32 } = arena;
		for (let j = 0; j < count; j++) {
			u32[(ids >>> 2) + j] = labels[j]!;
			u32[(addresses >>> 2) + j] = this.codes.at(labels[j]!);
		}
		kernels.gatherRows(addresses, this.codeSize, count, gathered);
		u32.set([gathered, 0, ids, count], scratch.entry >>> 2);
		this.#scan(scratch, i, 0);
	}

	/** Bytes that scanRows needs for `count` rows. @internal */
	gatherBytes(count: number): number {
		return Math.ceil((count * this.codeSize + 8) / 16) * 16 + count * 8;
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
	resetRows(): void {
		this.codes.clear();
	}

	/** @internal */
	release(): void {
		this.codes[Symbol.dispose]();
		this.codec[Symbol.dispose]();
	}
}
