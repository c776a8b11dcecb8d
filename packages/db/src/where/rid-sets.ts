/**
 * Which rows a filter lets through, as rids, kept between queries and brought up to date instead of made again.
 *
 * Rids only grow, so rows that were written since are `rid > upTo`, and are asked on their own; rows whose metadata was
 * changed keep their rid, and are in the log of touched rids. Rows that were deleted stay in a set until it is made again:
 * no part of the index has them any more, so nothing finds them.
 *
 * A set is made in steps of a few milliseconds, between which the event loop turns: over ranges of rids, but for
 * conditions on an index that few rows match, which are one statement.
 *
 * A million documents of 137 bytes (node:sqlite, Node 24, one core of a busy EPYC 9004), medians in milliseconds:
 *
 *   condition              matches    new  after 1,000 new rows  after 100 updates
 *   equality, index         10,037      8                   1.5                3.5
 *   equality, index        514,791    213                   1.5                8
 *   range, index            68,433     28                   2.1                1.1
 *   range, index           488,968  1,440                   2.1               18
 *   array has, kv           22,803     58                   1.9                1.5
 *   number, no index        10,130  1,400                   5                  2.6
 *   text inside, no index    8,959  1,870                   0.7                1.3
 *   nested JSON, no index      789  3,380                   2.2                0.7
 *
 * Asked again with nothing changed: 0.002 ms. Steps take 8 ms, where the machine has nothing else to do.
 */

import { VecinoError } from 'vecino';
import type { RidSet } from '../segments/contract.ts';
import type { Database, SqlValue, Statement } from '../storage/driver.ts';
import type { CompiledWhere } from './compile.ts';
import { type TouchedLog, TouchedRids } from './touched.ts';

/** Milliseconds that a step should take; its range of rids grows and shrinks with what the last one took. */
const STEP_MS = 8;
const [FIRST_STEP, SHORTEST_STEP, LONGEST_STEP] = [4_000, 500, 200_000];

/** New rows and changed rows that a query waits for without giving way. */
const [NEW_AT_ONCE, CHANGED_AT_ONCE] = [10_000, 5_000];

/**
 * So many matches of an indexed condition are read at once, in some 30 ms; where there are more, rows are read in order.
 * Fewer where the index has them in order of rids.
 */
const [AT_ONCE, AT_ONCE_BY_EQUALITY] = [100_000, 20_000];

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

/** What a set takes beside its rids, about. */
const ENTRY_BYTES = 500;

export interface RidSetsOptions {
	/** The connection that reads: it must see what was committed. */
	readonly db: Database;
	/** The highest rid ever given. */
	readonly lastRid: () => number;
	/** Rows whose metadata changed. Default: none ever. */
	readonly touched?: TouchedLog | undefined;
	/** Bytes that sets may take; the one used last is always kept. Default: 64 MiB. */
	readonly maxBytes?: number | undefined;
}

/** A set, and how far it has come. */
interface Entry {
	set: GrowingRidSet;
	upTo: number;
	version: number;
}

/**
 * Sets of rids by filter.
 *
 * @example
 * const sets = new RidSets({ db, lastRid: () => rows.lastRid() });
 * const compiled = compileWhere({ genre: 'Sports' }, { schema });
 * const filter = sets.peek(compiled) ?? (await sets.get(compiled));
 * live.search(query, 10, { filter });
 */
export class RidSets {
	readonly #db: Database;
	readonly #lastRid: () => number;
	readonly #touched: TouchedLog;
	readonly #maxBytes: number;
	/** From the least to the most recently used. */
	readonly #entries = new Map<string, Entry>();
	readonly #pending = new Map<string, Promise<void>>();
	/** Grows with `clear`: what was begun before is not kept. */
	#epoch = 0;

	constructor({ db, lastRid, touched = new TouchedRids(), maxBytes = DEFAULT_MAX_BYTES }: RidSetsOptions) {
		this.#db = db;
		this.#lastRid = lastRid;
		this.#touched = touched;
		this.#maxBytes = maxBytes;
	}

	/** Sets kept. */
	get size(): number {
		return this.#entries.size;
	}

	/** Bytes of the sets kept. */
	get bytes(): number {
		let bytes = 0;
		for (const { set } of this.#entries.values()) bytes += set.rids.byteLength + ENTRY_BYTES;
		return bytes;
	}

	/** Forgets all sets: the database was changed by another process, or rows are others. */
	clear(): void {
		this.#entries.clear();
		this.#epoch++;
	}

	/**
	 * The set as of now, when there is one that a step brings up to date (some milliseconds); undefined where `get` is
	 * needed.
	 */
	peek(where: CompiledWhere): RidSet | undefined {
		const entry = this.#entries.get(where.key);
		if (entry === undefined || this.#lastRid() - entry.upTo > NEW_AT_ONCE) return undefined;
		const changed = this.#touched.since(entry.version);
		if (changed === undefined || changed.size > CHANGED_AT_ONCE) return undefined;
		for (const _ of this.#update(where, entry)) {
			// One step.
		}
		this.#keep(where, entry);
		return entry.set;
	}

	/**
	 * The set as of when it settles, nothing older.
	 * @param signal - Stops the waiting; the set goes on being made for whoever asks next.
	 */
	async get(where: CompiledWhere, signal?: AbortSignal): Promise<RidSet> {
		for (;;) {
			if (signal?.aborted) throw aborted(signal);
			const set = this.peek(where);
			if (set !== undefined) return set;
			let pending = this.#pending.get(where.key);
			if (pending === undefined) {
				pending = this.#make(where).finally(() => this.#pending.delete(where.key));
				this.#pending.set(where.key, pending);
				// Its failure is told to those who wait for it.
				pending.catch(() => {});
			}
			await (signal === undefined ? pending : abortable(pending, signal));
		}
	}

	/** As `get`, without giving way. */
	getSync(where: CompiledWhere): RidSet {
		const entry = this.#entry(where);
		for (const _ of this.#update(where, entry)) {
			// All steps.
		}
		this.#keep(where, entry);
		return entry.set;
	}

	async #make(where: CompiledWhere): Promise<void> {
		const epoch = this.#epoch;
		const entry = this.#entry(where);
		for (const _ of this.#update(where, entry)) {
			await nextTurn();
			if (this.#epoch !== epoch) return;
		}
		this.#keep(where, entry);
	}

	/** The entry of a filter; a new one where there is none, or it cannot catch up. */
	#entry(where: CompiledWhere): Entry {
		const entry = this.#entries.get(where.key);
		if (entry !== undefined && this.#touched.since(entry.version) !== undefined) return entry;
		return { set: new GrowingRidSet(), upTo: 0, version: this.#touched.version };
	}

	/** Brings an entry up to date. What it has is right for rids up to `upTo` as of `version`, after each step. */
	*#update(where: CompiledWhere, entry: Entry): Generator<void, void, void> {
		const lastRid = this.#lastRid;
		if (entry.upTo === 0 && where.indexed) this.#atOnce(where, entry);
		if (entry.upTo < lastRid()) {
			const from = where.byEquality ? 'docs d' : 'docs d NOT INDEXED';
			const statement = this.#db.prepare(
				`SELECT json_group_array(d.rid) AS rids FROM ${from} WHERE d.rid > ? AND d.rid <= ? AND (${where.scanSql})`,
			);
			let step = FIRST_STEP;
			for (;;) {
				const started = performance.now();
				const upTo = Math.min(entry.upTo + step, lastRid());
				entry.set.append(ridsOf(statement, [entry.upTo, upTo, ...where.params]));
				entry.upTo = upTo;
				if (upTo >= lastRid()) break;
				const factor = Math.min(4, STEP_MS / Math.max(0.1, performance.now() - started));
				step = Math.min(LONGEST_STEP, Math.max(SHORTEST_STEP, Math.round(step * factor)));
				yield;
			}
		}
		const version = this.#touched.version;
		const changed = this.#touched.since(entry.version);
		if (changed === undefined) {
			// More was changed in the meantime than the log keeps.
			Object.assign(entry, { set: new GrowingRidSet(), upTo: 0, version });
			yield* this.#update(where, entry);
			return;
		}
		this.#again(where, entry, changed);
		entry.version = version;
	}

	/** Few rows by an index: all of them. Many: none, they are read in order. */
	#atOnce(where: CompiledWhere, entry: Entry): void {
		const lastRid = this.#lastRid();
		const limit = where.byEquality ? AT_ONCE_BY_EQUALITY : AT_ONCE;
		const some = `SELECT d.rid FROM docs d WHERE ${where.sql} LIMIT ${limit + 1}`;
		const rids = ridsOf(this.#db.prepare(`SELECT json_group_array(rid) AS rids FROM (${some})`), where.params);
		if (rids.length > limit) return;
		entry.set.append(rids);
		entry.upTo = lastRid;
	}

	/** Asks of rows that were changed once more; another set where one has come or gone. */
	#again(where: CompiledWhere, entry: Entry, changed: ReadonlySet<number>): void {
		const rids = [...changed].filter((rid) => rid <= entry.upTo);
		if (rids.length === 0) return;
		const statement = this.#db.prepare(
			`SELECT json_group_array(d.rid) AS rids FROM docs d WHERE d.rid IN (SELECT value FROM json_each(?)) AND (${where.scanSql})`,
		);
		const matching = new Set(ridsOf(statement, [JSON.stringify(rids), ...where.params]));
		const flips = rids.filter((rid) => matching.has(rid) !== entry.set.has(rid));
		if (flips.length > 0) entry.set = entry.set.changed(flips.sort((a, b) => a - b));
	}

	#keep(where: CompiledWhere, entry: Entry): void {
		const entries = this.#entries;
		entries.delete(where.key);
		entries.set(where.key, entry);
		let { bytes } = this;
		for (const [key, { set }] of entries) {
			if (bytes <= this.#maxBytes || entries.size === 1) return;
			entries.delete(key);
			bytes -= set.rids.byteLength + ENTRY_BYTES;
		}
	}
}

/** A set that rids are appended to. */
class GrowingRidSet implements RidSet {
	/** Ascending, in the first `size` places; made anew when it is full. */
	rids: Float64Array;
	size = 0;

	constructor(rids: Float64Array = new Float64Array(0)) {
		this.rids = rids;
		this.size = rids.length;
	}

	has(rid: number): boolean {
		const at = this.#place(rid);
		return at < this.size && this.rids[at] === rid;
	}

	/** @param more - Ascending, above all that there are. */
	append(more: ArrayLike<number>): void {
		const size = this.size + more.length;
		if (size > this.rids.length) {
			const grown = new Float64Array(Math.max(size, Math.ceil(this.rids.length * 1.5)));
			grown.set(this.rids.subarray(0, this.size));
			this.rids = grown;
		}
		this.rids.set(more, this.size);
		this.size = size;
	}

	/** Another set: `flips` that are in this one left out, the others put in. Ascending. */
	changed(flips: readonly number[]): GrowingRidSet {
		const gone = flips.filter((rid) => this.has(rid)).length;
		const rids = new Float64Array(this.size + flips.length - 2 * gone);
		let [from, to] = [0, 0];
		for (const rid of flips) {
			const at = this.#place(rid);
			rids.set(this.rids.subarray(from, at), to);
			to += at - from;
			from = at;
			if (at < this.size && this.rids[at] === rid) from++;
			else rids[to++] = rid;
		}
		rids.set(this.rids.subarray(from, this.size), to);
		return new GrowingRidSet(rids);
	}

	/** Where a rid is, or would be. */
	#place(rid: number): number {
		let [low, high] = [0, this.size];
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (this.rids[middle]! < rid) low = middle + 1;
			else high = middle;
		}
		return low;
	}
}

/** Ascending. One row of JSON comes out of SQLite four times as fast as a row for each rid. */
function ridsOf(statement: Statement, params: readonly SqlValue[]): Float64Array {
	const rids = Float64Array.from(JSON.parse(statement.get(...params)?.['rids'] as string) as number[]);
	return isAscending(rids) ? rids : rids.sort();
}

function isAscending(rids: Float64Array): boolean {
	for (let i = 1; i < rids.length; i++) if (rids[i]! < rids[i - 1]!) return false;
	return true;
}

function nextTurn(): Promise<void> {
	return new Promise((resolve) => {
		if (typeof setImmediate === 'function') setImmediate(resolve);
		else setTimeout(resolve, 0);
	});
}

function aborted(signal: AbortSignal): VecinoError {
	return new VecinoError('aborted', 'where: aborted', { cause: signal.reason });
}

function abortable(work: Promise<void>, signal: AbortSignal): Promise<void> {
	return new Promise((resolve, reject) => {
		const abort = (): void => reject(aborted(signal));
		signal.addEventListener('abort', abort, { once: true });
		work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
	});
}
