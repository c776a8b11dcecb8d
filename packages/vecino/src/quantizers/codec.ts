/**
 * A codec turns rows into codes of a fixed size and back, and can scan codes. Indexes are made of a
 * codec and a place where codes live (a growing array, inverted lists).
 *
 * encodeRows, decodeRows and scan are taken down as kernel calls and run on other threads (kernels/pool/tape.ts): what
 * they do must not depend on what a kernel returns or writes inside the same call. setQuery may do anything.
 */

import type { KMeansOptions } from '../cluster/kmeans.ts';
import type { TrainingRows } from '../cluster/rows.ts';
import type { Engine } from '../kernels/engine.ts';
import { type Call, SCAN_LISTS, type ScanArgs } from '../kernels/kernels.ts';
import type { Steps } from '../util/steps.ts';

/** Bytes behind fast-scan tables: 1 / scale, offset, term scale. */
export const TABLE_PARAMS_BYTES: number = 16;

/** How the distance is put together: squared L2, inner product, or squared L2 of coarse centroid + residual code. */
export type ScanKind = 'l2' | 'ip' | 'residual-l2';

/**
 * Scans codes for one query. Work per query is done once in setQuery, work per list is the `biases`
 * and `terms` of the kernel, work per code is the kernel's loop.
 */
/** Kernel calls for a block of queries, which are a program that any thread can run (indexes/ivf-search.ts). */
export interface BlockScanner {
	/** Bytes of a prepared query, a multiple of 16. */
	readonly stateBytes: number;
	/** Bytes of scratch that `prepare` needs. */
	readonly workBytes: number;
	/** Prepares n queries of d values at `q` into states, stateBytes apart. */
	prepare(q: number, n: number, states: number, work: number): Call;
	/**
	 * What a scan leaves depends on the order of codes: the lists of a query are scanned nearest first, by one thread.
	 */
	readonly inOrder?: boolean;
	/** Kind and arguments of scanLists. */
	scan(): readonly [kind: number, a: number, b: number, c: number];
}

/** Scans the same codes for several prepared queries at once; what is found is the same. */
export interface ManyScanner {
	/** Queries at once, at most. */
	readonly ways: number;
	/** Bytes of tables for so many, a multiple of 16. */
	readonly tableBytes: number;
	/** Tables of nq prepared queries, stride bytes apart. */
	prepare(states: number, stride: number, nq: number, tables: number): void;
	/** Offers n codes, labels base + i, to nq top-k states. */
	scan(
		states: number,
		stride: number,
		nq: number,
		tables: number,
		codes: number,
		n: number,
		base: number,
		topks: number,
		topkStride: number,
		tile: number,
	): void;
}

export interface CodeScanner {
	/** Bytes of arena that hold a prepared query. */
	readonly stateBytes: number;
	/** Prepares the query of d values at `q`. */
	setQuery(q: number, state: number): void;
	/** Scans lists for the prepared query; returns the number of codes scanned (kernels.ts). */
	scan(state: number, args: ScanArgs): number;
	/** The same for a block of queries at a time, in cells. */
	readonly block: BlockScanner;
	/** The same for several queries at once, where there are kernels for that. */
	readonly many?: ManyScanner | undefined;
}

/** Rounds up to a multiple of 16. */
export function align16(bytes: number): number {
	return Math.ceil(bytes / 16) * 16;
}

/** Records of codes in blocks of 32 (RaBitQ, assembly/rabitqscan.ts). */
export interface RecordLayout {
	/** Bytes per code in the order of fastSlot, behind the sub-codes: bfloat16 values. */
	readonly slotBytes: number;
	/** Bytes per code in the order of codes: `floats` float32 values, then bits. 0 for none. */
	readonly rowBytes: number;
	/** Rows lie in place of terms, not behind the rest of the block. */
	readonly aside: boolean;
	readonly floats: number;
}

export interface Codec extends Disposable {
	readonly d: number;
	/** Bytes of one code. */
	readonly codeSize: number;
	readonly isTrained: boolean;
	/** Most rows that training can use; 0 when there is nothing to train. */
	trainingLimit(options: KMeansOptions): number;
	trainSteps(rows: TrainingRows, options: KMeansOptions): Steps<void>;
	/** Scratch bytes that encode needs. */
	readonly encodeScratchBytes: number;
	/**
	 * Codes of n rows of d values, all pointers into the arena. For rows that are residuals: the number of the centroid of
	 * each (u32), and the centroids.
	 */
	encodeRows(x: number, n: number, codes: number, scratch: number, labels?: number, centroids?: number): void;
	/** Rows of d values from n codes. */
	decodeRows(codes: number, n: number, out: number): void;
	scanner(kind: ScanKind): CodeScanner;
	/** Resident bytes by component. */
	bytes(): Record<string, number>;

	// Where codes lie (invlists/layout.ts): one after the other, or in blocks.

	/** Codes in a block. */
	readonly blockSize: number;
	/** Bytes of a term, where codes carry one. */
	readonly termBytes: number;
	/** Puts the code at `code` at position `at` of codes, and what belongs there of terms. */
	place(codes: number, at: number, code: number, terms?: number): void;
	/** Takes the code at position `at` out again, to `code`, with what it has among terms: the opposite of place. */
	fetch(codes: number, at: number, code: number, terms?: number): void;
	/** Puts a term at position `at` of terms. */
	placeTerm(terms: number, at: number, term: number): void;
	/** The row of d values of the code at position `at`. */
	decodeAt(codes: number, at: number, out: number, terms?: number): void;
	/** What a block holds beside 4-bit sub-codes. */
	readonly records?: RecordLayout | undefined;
	/** Bytes of a code that inverted lists keep in place of a term; they are part of codeSize, and its last. */
	readonly asideBytes?: number;
	/**
	 * Takes in nlist * d values of centroids, whenever an IVF index has new ones, before it encodes or searches, and what
	 * codes are relative to if that is not their mean.
	 */
	learnCells?(centroids: number, nlist: number, centre?: Float32Array): void;
	/** Takes in the range of the terms of training rows, if the codec rounds terms. */
	learnTerms?(min: number, max: number): void;
}

/** Codes one after the other, terms of float32. */
export abstract class RowCodec {
	/** @internal */
	readonly blockSize: number = 1;
	/** @internal */
	readonly termBytes: number = 4;
	/** Bytes of a code. */
	abstract readonly codeSize: number;
	/** @internal */
	protected abstract readonly engine: Engine;
	/** @internal */
	abstract decodeRows(codes: number, n: number, out: number): void;

	/** @internal */
	place(codes: number, at: number, code: number): void {
		this.engine.arena.u8.copyWithin(codes + at * this.codeSize, code, code + this.codeSize);
	}

	/** @internal */
	fetch(codes: number, at: number, code: number): void {
		const from = codes + at * this.codeSize;
		this.engine.arena.u8.copyWithin(code, from, from + this.codeSize);
	}

	/** @internal */
	placeTerm(terms: number, at: number, term: number): void {
		this.engine.arena.f32[(terms >>> 2) + at] = term;
	}

	/** @internal */
	decodeAt(codes: number, at: number, out: number): void {
		this.decodeRows(codes + at * this.codeSize, 1, out);
	}
}

/** Rows stored as they are: 4 * d bytes. */
export class FlatCodec extends RowCodec implements Codec {
	readonly d: number;
	readonly codeSize: number;
	readonly isTrained = true;
	readonly encodeScratchBytes = 0;
	/** @internal */
	protected readonly engine: Engine;

	constructor(engine: Engine, d: number) {
		super();
		this.engine = engine;
		this.d = d;
		this.codeSize = 4 * d;
	}

	trainingLimit(): number {
		return 0;
	}

	*trainSteps(): Steps<void> {}

	encodeRows(x: number, n: number, codes: number): void {
		this.engine.arena.u8.copyWithin(codes, x, x + n * this.codeSize);
	}

	decodeRows(codes: number, n: number, out: number): void {
		this.engine.arena.u8.copyWithin(out, codes, codes + n * this.codeSize);
	}

	scanner(kind: ScanKind): CodeScanner {
		if (kind === 'residual-l2') throw new Error('internal: flat codes are never residuals');
		const { arena, kernels } = this.engine;
		const { d } = this;
		return {
			stateBytes: 4 * d,
			setQuery: (q, state) => void arena.u8.copyWithin(state, q, q + 4 * d),
			scan: (state, args) => (kind === 'l2' ? kernels.scanL2(...args, state, d) : kernels.scanIp(...args, state, d)),
			block: {
				stateBytes: align16(4 * d),
				workBytes: 0,
				prepare: (q, n, states) => ['floatPrepare', q, n, d, d, states, align16(4 * d)],
				scan: () => [kind === 'l2' ? SCAN_LISTS.flatL2 : SCAN_LISTS.flatIp, d, 0, 0],
			},
		};
	}

	bytes(): Record<string, number> {
		return {};
	}

	[Symbol.dispose](): void {}
}
