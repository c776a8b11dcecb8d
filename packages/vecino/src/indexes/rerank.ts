/**
 * A block of queries whose candidates are ranked again, as a straight line of kernel calls.
 *
 * The line stands alone, behind candidates that another index has found (RerankBlock), or it follows the line of a search
 * of inverted lists (ivf-search.ts): then candidates stay where that leaves them.
 *
 * Stores of float32 are read where their rows lie, all queries of a block in one call (assembly/refine.ts). Of other
 * stores the candidates' codes are copied together, then scanned as any list of codes is (assembly/rerank.ts).
 */

import type { SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { bindCalls, type Call, TILE, topkBytes, topkCapacity } from '../kernels/kernels.ts';
import { align16, FlatCodec } from '../quantizers/codec.ts';
import { kernelMetric, loadRows } from './batch.ts';
import type { IndexFlatCodes } from './flat-codes.ts';

const MAX_QUERIES = 64;
/** Queries, candidates and results of a block stay in L2. */
const BLOCK_BYTES = 256 * 1024;
/** Prepared queries that lie side by side, and codes copied together at a time. */
const STATE_BYTES = 128 * 1024;
const GATHERED = 1024;

/**
 * Keys that the top-k holds before it shrinks. Candidates come best first: a short list soon has a threshold that the
 * rest do not pass.
 */
function shortCapacity(k: number): number {
	return Math.min(topkCapacity(k), k + 32 + (k >> 2));
}

/** Queries of a block, at most. @param wide - Candidates per query. */
export function mostQueries(d: number, k: number, wide: number): number {
	const each = d * 4 + wide * 8 + k * 8 + 4;
	return Math.max(1, Math.min(MAX_QUERIES, Math.floor(BLOCK_BYTES / each)));
}

type Part =
	| 'addresses'
	| 'counts'
	| 'outDistances'
	| 'outLabels'
	| 'segments'
	| 'topk'
	| 'tile'
	| 'entry'
	| 'states'
	| 'work'
	| 'gathered';

/** The line of calls for blocks of at most `size` queries, and what scratch it needs. The scratch is the caller's. */
export class Reranker {
	readonly store: IndexFlatCodes;
	readonly k: number;
	/** Candidates per query, at most. */
	readonly wide: number;
	/** Bytes of scratch. */
	readonly byteLength: number;
	/** Codes of other than float32: queries prepared at a time. */
	readonly #group: number;
	readonly #gathered: number;
	/** Address and first row of each segment of the store. */
	readonly #segments: Uint32Array;
	/** Where in the scratch the parts are. */
	readonly #at: Readonly<Record<Part, number>>;

	constructor(store: IndexFlatCodes, k: number, wide: number, size: number) {
		const { codec, scanner } = store;
		const exact = codec instanceof FlatCodec;
		const { stateBytes, workBytes } = scanner.block;
		this.store = store;
		this.k = k;
		this.wide = wide;
		this.#group = exact ? 0 : Math.max(1, Math.min(size, Math.floor(STATE_BYTES / stateBytes)));
		this.#gathered = exact ? 0 : Math.min(wide, GATHERED);
		this.#segments = segmentsOf(store);
		const sizes: Record<Part, number> = {
			addresses: size * wide * 4,
			counts: size * 4,
			outDistances: size * k * 4,
			outLabels: size * k * 4,
			segments: this.#segments.byteLength,
			topk: topkBytes(k),
			tile: exact ? 64 : TILE * 4,
			entry: 16,
			states: this.#group * stateBytes,
			work: exact ? 0 : workBytes,
			gathered: exact ? 0 : this.#gathered * codec.codeSize + 16,
		};
		let end = 0;
		const at = {} as Record<Part, number>;
		for (const part of Object.keys(sizes) as Part[]) {
			at[part] = end;
			end += align16(sizes[part]);
		}
		this.#at = at;
		this.byteLength = end;
	}

	/** Whether the codes of the store still lie where they did. */
	get isCurrent(): boolean {
		const now = segmentsOf(this.store);
		return now.length === this.#segments.length && now.every((value, i) => value === this.#segments[i]);
	}

	/** Writes what does not depend on queries to fresh scratch. */
	init(scratch: number): void {
		this.store.engine.arena.u32.set(this.#segments, (scratch + this.#at.segments) >>> 2);
	}

	/**
	 * The calls for n queries of d values.
	 *
	 * @param labels - Candidates, layout (n, wide): as many as `limits` says (n values; 0: no limits), or up to 2^32 - 1.
	 */
	calls(scratch: number, n: number, queries: number, labels: number, limits: number): Call[] {
		const { metric, codeSize, d, scanner } = this.store;
		const { k, wide } = this;
		const at = (part: Part): number => scratch + this.#at[part];
		const segments = [at('segments'), this.#segments.length / 2] as const;
		const found = [at('addresses'), at('counts')] as const;
		const calls: Call[] = [['rowAddresses', ...segments, codeSize, labels, n, wide, limits, ...found]];
		if (this.#group === 0) {
			const kind = kernelMetric(metric) === 'l2' ? 0 : 1;
			const kept = [k, shortCapacity(k), at('topk'), at('tile'), at('outDistances'), at('outLabels')] as const;
			calls.push(['refineRows', kind, queries, n, d, labels, ...found, wide, ...kept]);
			return calls;
		}
		const { block } = scanner;
		const scan = block.scan();
		for (let i = 0; i < n; i += this.#group) {
			const some = Math.min(this.#group, n - i);
			calls.push(block.prepare(queries + i * d * 4, some, at('states'), at('work')));
			const head = [...scan, at('states'), block.stateBytes, some, codeSize] as const;
			const from = [labels + i * wide * 4, found[0] + i * wide * 4, found[1] + i * 4, wide] as const;
			const kept = [k, shortCapacity(k), at('topk'), at('tile'), at('entry'), at('gathered'), this.#gathered] as const;
			const to = [at('outDistances') + i * k * 4, at('outLabels') + i * k * 4] as const;
			calls.push(['rerankCodes', ...head, ...from, ...kept, ...to]);
		}
		return calls;
	}

	/** Writes what was found for query i as a row of the result; inner products lose their minus. */
	emit(scratch: number, i: number, row: number, { distances, labels }: SearchResult): void {
		const { engine, metric } = this.store;
		const { f32, u32 } = engine.arena;
		const { k } = this;
		const from = ((scratch + this.#at.outDistances) >>> 2) + i * k;
		const ids = ((scratch + this.#at.outLabels) >>> 2) + i * k;
		const count = u32[((scratch + this.#at.counts) >>> 2) + i]!;
		for (let j = 0; j < count; j++) {
			const distance = f32[from + j]!;
			// Sums of parts can end a rounding below zero; squared distances do not. 0 - 0 is 0, not -0.
			distances[row * k + j] = metric === 'l2' ? Math.max(0, distance) : 0 - distance;
			labels[row * k + j] = u32[ids + j]!;
		}
	}
}

function segmentsOf({ codes }: IndexFlatCodes): Uint32Array {
	return Uint32Array.from([...codes.segments()].flatMap(({ ptr, start }) => [ptr, start]));
}

/** Ranks the candidates again that any index has found. */
export class RerankBlock implements Disposable {
	readonly #line: Reranker;
	readonly #n: number;
	readonly #byteLength: number;
	readonly #queries: number;
	readonly #labels: number;
	readonly #scratch: number;
	/** The line for n queries. */
	readonly #calls: readonly (() => unknown)[];

	/** @param wide - Candidates per query, at most. @param n - Queries of a block, at most. */
	constructor(store: IndexFlatCodes, k: number, wide: number, n: number) {
		const { arena } = store.engine;
		const [queryBytes, labelBytes] = [align16(n * store.d * 4), align16(n * wide * 4)];
		this.#line = new Reranker(store, k, wide, n);
		this.#n = n;
		this.#byteLength = queryBytes + labelBytes + this.#line.byteLength;
		this.#queries = arena.allocScratch(this.#byteLength);
		this.#labels = this.#queries + queryBytes;
		this.#scratch = this.#labels + labelBytes;
		this.#line.init(this.#scratch);
		this.#calls = this.#bind(n);
	}

	/** Takes in nq queries and their candidates, from number `first` on. Padding (-1) becomes 2^32 - 1. */
	load(q: VectorSet, candidates: SearchResult, first: number, nq: number): void {
		const { store, wide } = this.#line;
		loadRows(store.engine, store.metric, q, first, nq, this.#queries);
		store.engine.arena.u32.set(candidates.labels.subarray(first * wide, (first + nq) * wide), this.#labels >>> 2);
	}

	/** Ranks the candidates of nq queries: nothing but kernel calls. */
	run(nq: number): void {
		for (const call of nq === this.#n ? this.#calls : this.#bind(nq)) call();
	}

	/** Writes the results of nq queries as rows first .. of the result. */
	emit(first: number, nq: number, result: SearchResult): void {
		for (let i = 0; i < nq; i++) this.#line.emit(this.#scratch, i, first + i, result);
	}

	#bind(n: number): readonly (() => unknown)[] {
		const { kernels } = this.#line.store.engine;
		return bindCalls(kernels, this.#line.calls(this.#scratch, n, this.#queries, this.#labels, 0));
	}

	[Symbol.dispose](): void {
		this.#line.store.engine.arena.freeScratch(this.#queries, this.#byteLength);
	}
}
