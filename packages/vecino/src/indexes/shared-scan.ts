/**
 * Search on several threads, of indexes that scan all their codes (flat-codes.ts): blocks of queries side by side. When
 * there are fewer blocks than threads, each is scanned in parts that keep their own k nearest; these are put together at
 * the end, and since equal distances go to the lower label, the result is the same.
 */

import type { Metric } from '../core/metric.ts';
import type { SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { CodeArray } from '../invlists/code-array.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { Engine } from '../kernels/engine.ts';
import { together } from '../kernels/pool/parallel.ts';
import type { Pool } from '../kernels/pool/pool.ts';
import type { CodeScanner } from '../quantizers/codec.ts';
import type { Steps } from '../util/steps.ts';
import { chunks, loadRows, SearchScratch } from './batch.ts';
import { ManyScan, manyBlock } from './many-scan.ts';

/** Codes scanned for a block of queries before the next codes are read: they stay in L2. */
const SPAN_BYTES = 256 * 1024;
/** Prepared queries of a block stay in L2 too. */
const QUERY_BYTES = 256 * 1024;
const MAX_BLOCK = 64;
/** Each code takes as long as reading so many bytes more. */
const CODE_BYTES = 64;
/** Parts or blocks for each thread: threads differ in how fast they are. */
const UNITS_PER_THREAD = 2;

export interface ScannedCodes {
	readonly engine: Engine;
	readonly d: number;
	readonly metric: Metric;
	readonly codes: CodeArray;
	readonly scanner: CodeScanner;
}

/** Some queries and some spans of codes. */
interface Unit {
	/** Holds the prepared queries. */
	readonly queries: SearchScratch;
	/** Their tables, where several are scanned at once. */
	readonly many: ManyScan | undefined;
	/** Holds the nearest of this unit. */
	readonly found: SearchScratch;
	readonly nq: number;
	/** The next span, and the one after the last. */
	next: number;
	readonly end: number;
}

/** Fills `result` with the k nearest of each query; undefined when threads are not there, not worth it, or of no
 * use because codes must be scanned in order. */
export function sharedScan(
	index: ScannedCodes,
	q: VectorSet,
	k: number,
	result: SearchResult,
	admitted?: LabelBitmap,
): Steps<void> | undefined {
	const { pool } = index.engine;
	const { n, codeSize } = index.codes;
	if (pool === undefined || index.scanner.block.inOrder || q.n * n * (codeSize + CODE_BYTES) < pool.grain / 8)
		return undefined;
	return scanSteps(index, pool, q, k, result, admitted);
}

function* scanSteps(
	index: ScannedCodes,
	pool: Pool,
	q: VectorSet,
	k: number,
	result: SearchResult,
	admitted: LabelBitmap | undefined,
): Steps<void> {
	const { engine, d, metric, codes, scanner } = index;
	const spans = new Spans(engine, codes, Math.min(SPAN_BYTES, pool.grain / 16));
	const plan = planUnits(pool, q.n, k, spans.n, codes, scanner, admitted?.count);
	const blocks: SearchScratch[][] = [];
	const tables: ManyScan[] = [];
	try {
		const group = Math.min(plan.group, Math.ceil(q.n / plan.block));
		for (let i = 0; i < group; i++) {
			const parts: SearchScratch[] = [];
			blocks.push(parts);
			for (let part = 0; part < plan.parts; part++)
				parts.push(
					new SearchScratch(engine, d, k, plan.block, part === 0 ? scanner.stateBytes : 0, admitted?.admission),
				);
			if (plan.atOnce) tables.push(new ManyScan(engine, scanner, plan.block));
		}
		for (const [first, many] of chunks(q.n, group * plan.block)) {
			const units: Unit[] = [];
			for (const [from, nq] of chunks(many, plan.block)) {
				const parts = blocks[from / plan.block]!;
				const queries = parts[0]!;
				for (let i = 0; i < nq; i++) {
					loadRows(engine, metric, q, first + from + i, 1, queries.query);
					scanner.setQuery(queries.query, queries.state(i));
				}
				const many = tables[from / plan.block];
				many?.prepare(queries, nq);
				for (const [part, found] of parts.entries()) {
					for (let i = 0; i < nq; i++) found.initTopk(i);
					const share = (at: number): number => Math.floor((at * spans.n) / parts.length);
					units.push({ queries, many, found, nq, next: share(part), end: share(part + 1) });
				}
			}
			for (;;) {
				const pieces = units
					.filter((unit) => unit.next < unit.end)
					.map((unit) => {
						const { next } = unit;
						unit.next = Math.min(unit.end, next + plan.spans);
						const end = unit.next;
						return () => spans.scan(scanner, unit, next, end);
					});
				if (pieces.length === 0) break;
				yield together(engine, pieces);
				yield { phase: 'search', done: first, total: q.n };
			}
			for (const [from, nq] of chunks(many, plan.block)) {
				const [nearest, ...others] = blocks[from / plan.block]!;
				for (let i = 0; i < nq; i++) {
					for (const other of others) {
						const count = other.finish(i);
						engine.kernels.topkPush(nearest!.topk(i), other.distances, count, other.labels, 0);
					}
					nearest!.emit(i, first + from + i, metric, result);
				}
			}
			yield { phase: 'search', done: first + many, total: q.n };
		}
	} finally {
		for (const scratch of [...tables, ...blocks.flat()]) scratch[Symbol.dispose]();
		spans[Symbol.dispose]();
	}
}

/** How work is cut: queries of a block, blocks at a time, parts of each, spans of a piece. */
function planUnits(
	{ threads, grain }: Pool,
	nq: number,
	k: number,
	nSpans: number,
	{ n, codeSize }: CodeArray,
	scanner: CodeScanner,
	matches?: number,
) {
	const bytes = n * (codeSize + CODE_BYTES);
	const atOnce = manyBlock(scanner, Math.ceil(nq / threads), k, n, matches);
	const most = Math.min(MAX_BLOCK, atOnce > 0 ? atOnce : Math.max(1, Math.floor(QUERY_BYTES / scanner.stateBytes)));
	const block = Math.min(most, Math.ceil(nq / threads));
	const blocks = Math.ceil(nq / block);
	const units = threads * UNITS_PER_THREAD;
	const parts = blocks >= threads ? 1 : Math.max(1, Math.min(nSpans, Math.ceil(units / blocks)));
	const spans = Math.max(1, Math.floor((grain * nSpans) / bytes / block));
	return { block, atOnce: atOnce > 0, group: Math.min(blocks, units), parts, spans };
}

/** The codes as spans: a directory entry of each (kernels.ts), made once for all queries. */
class Spans implements Disposable {
	readonly n: number;
	readonly #engine: Engine;
	readonly #directory: number;
	readonly #byteLength: number;
	readonly #bases: number[] = [];

	/** @param bytes - Of codes in a span. */
	constructor(engine: Engine, codes: CodeArray, bytes: number) {
		this.#engine = engine;
		const { codeSize } = codes;
		// A multiple of 64: whole pairs of blocks.
		const rows = Math.max(1, Math.floor(bytes / codeSize / 64)) * 64;
		const entries: number[] = [];
		for (const { ptr, start, n } of codes.segments()) {
			for (const [from, count] of chunks(n, rows)) {
				entries.push(ptr + from * codeSize, 0, 0, count);
				this.#bases.push(start + from);
			}
		}
		this.n = this.#bases.length;
		this.#byteLength = entries.length * 4;
		this.#directory = engine.arena.allocScratch(this.#byteLength);
		engine.arena.u32.set(entries, this.#directory >>> 2);
	}

	/** Offers the codes of spans from..to - 1 to every query of the unit. */
	scan(scanner: CodeScanner, { queries, many, found, nq }: Unit, from: number, to: number): void {
		for (let span = from; span < to; span++) {
			const entry = this.#directory + span * 16;
			if (many !== undefined) {
				many.scan(queries, found, nq, entry, this.#bases[span]!);
				continue;
			}
			for (let i = 0; i < nq; i++)
				scanner.scan(queries.state(i), [entry, 0, 0, 1, this.#bases[span]!, found.tile, found.topk(i)]);
		}
	}

	[Symbol.dispose](): void {
		this.#engine.arena.freeScratch(this.#directory, this.#byteLength);
	}
}
