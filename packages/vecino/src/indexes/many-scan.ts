/**
 * Scans of codes for several queries at once, where the codes have a kernel for that (8-bit PQ): a code is read once, and the
 * top-k of each query is the same.
 */

import type { Engine } from '../kernels/engine.ts';
import type { CodeScanner } from '../quantizers/codec.ts';
import type { SearchScratch } from './batch.ts';

/** A pass over codes for up to eight queries takes as long as two for one. */
const LEAST_QUERIES = 3;
/** Of fewer codes, making tables takes as long as it saves. */
const LEAST_CODES = 10_000;
/** And where more of them are among the nearest than one in so many: each of those is summed twice. */
const CODES_PER_RESULT = 100;
/** Tables of a block of queries stay in L2 and L3, beside the codes. */
const TABLE_BYTES = 1024 * 1024;

/**
 * How many queries a block takes where they are scanned several at once, `nq` of them over n codes for the k nearest of
 * `matches` that may be found; 0: one by one.
 */
export function manyBlock(scanner: CodeScanner, nq: number, k: number, n: number, matches: number = n): number {
	const { many } = scanner;
	if (many === undefined || nq < LEAST_QUERIES || n < LEAST_CODES || matches < k * CODES_PER_RESULT) return 0;
	const groups = Math.max(1, Math.floor(TABLE_BYTES / (many.tableBytes + many.ways * scanner.stateBytes)));
	return many.ways * groups;
}

/** Tables of a block of queries whose states lie in a SearchScratch. */
export class ManyScan implements Disposable {
	readonly #engine: Engine;
	readonly #scanner: CodeScanner;
	readonly #byteLength: number;
	readonly #tables: number;

	/** @param block - Queries, at most. */
	constructor(engine: Engine, scanner: CodeScanner, block: number) {
		const { ways, tableBytes } = scanner.many!;
		this.#engine = engine;
		this.#scanner = scanner;
		this.#byteLength = Math.ceil(block / ways) * tableBytes;
		this.#tables = engine.arena.allocScratch(this.#byteLength);
	}

	/** Takes in the states of nq queries. */
	prepare(queries: SearchScratch, nq: number): void {
		const { ways, tableBytes, prepare } = this.#scanner.many!;
		for (let i = 0, tables = this.#tables; i + LEAST_QUERIES <= nq; i += ways, tables += tableBytes) {
			prepare(queries.state(i), queries.stateStride, Math.min(ways, nq - i), tables);
		}
	}

	/**
	 * Offers the codes of a directory entry (kernels.ts), which is there already, to the top-k states of nq queries in
	 * `found`; their labels start at `base`.
	 */
	scan(queries: SearchScratch, found: SearchScratch, nq: number, entry: number, base: number): void {
		const { many, scan } = this.#scanner;
		const { ways, tableBytes } = many!;
		const { u32 } = this.#engine.arena;
		const [codes, n] = [u32[entry >>> 2]!, u32[(entry >>> 2) + 3]!];
		for (let i = 0, tables = this.#tables; i < nq; i += ways, tables += tableBytes) {
			const some = Math.min(ways, nq - i);
			if (some < LEAST_QUERIES) scan(queries.state(i), [entry, 0, 0, 1, base, found.tile, found.topk(i)]);
			else {
				const from = [queries.state(i), queries.stateStride, some, tables] as const;
				many!.scan(...from, codes, n, base, found.topk(i), found.topkStride, found.tile);
			}
		}
	}

	[Symbol.dispose](): void {
		this.#engine.arena.freeScratch(this.#tables, this.#byteLength);
	}
}
