/**
 * All that a LiveIndex holds: deltas, the groups of models, what is being made again; and how rows get from one of them to
 * another. Jobs (seal.ts, train.ts, ...) change it in steps, each of which leaves it right.
 */

import { type Engine, type Metric, readIndex, VecinoError } from 'vecino';
import type { Builder } from './build-thread.ts';
import type { RowSource, SegmentFiles, SegmentRecord } from './contract.ts';
import { Deltas } from './deltas.ts';
import { loadFile, type ModelGroup } from './group.ts';
import type { Thresholds } from './growth.ts';
import type { Part } from './parts.ts';
import { lowerBound } from './rid-map.ts';

/** A segment whose file is damaged; its rows, searched exactly until another file holds them. */
export interface LostSegment {
	readonly record: SegmentRecord;
	readonly parts: readonly Part[];
}

/** A segment that is committed and not yet (all) in memory. */
export interface Unadopted {
	readonly group: ModelGroup;
	readonly record: SegmentRecord;
	/** Lets go of where the rows were before. */
	readonly done: () => Promise<void> | void;
	/** Where the rows are meanwhile. */
	readonly from: readonly Part[];
}

/** Optimize's wishes. */
export interface Wishes {
	compact: boolean;
	retrain: boolean;
	measure: boolean;
}

export interface StateOptions {
	readonly rows: RowSource;
	readonly files: SegmentFiles;
	readonly metric: Metric;
	readonly spec: string;
	readonly engine: Engine;
	readonly limits: Thresholds;
	readonly pause: () => Promise<void>;
	/** Seals; and everything else. */
	readonly sealer: Builder;
	readonly maker: Builder;
}

export class State {
	readonly rows: RowSource;
	readonly files: SegmentFiles;
	readonly metric: Metric;
	readonly spec: string;
	readonly d: number;
	readonly engine: Engine;
	readonly limits: Thresholds;
	readonly sealer: Builder;
	readonly maker: Builder;
	readonly deltas: Deltas;
	/** In the order of their training; the last one takes new segments. */
	groups: ModelGroup[] = [];
	/** Dead rows of each segment file, by name. */
	readonly deadOf: Map<string, number> = new Map();
	lost: LostSegment[] = [];
	/** The group that a delta is being sealed with. */
	sealingInto: ModelGroup | undefined;
	/** Frozen deltas whose segment is committed, and on its way into memory. */
	readonly sealed: Set<Part> = new Set();
	/** That, under way. */
	readonly arriving: Set<Promise<void>> = new Set();
	/** Told of rows that are let go of. */
	readonly watchers: Set<(rids: ArrayLike<number>) => void> = new Set();
	unadopted: Unadopted[] = [];
	/** Those of them that are on their way. */
	readonly adopting: Set<Unadopted> = new Set();
	readonly wishes: Wishes = { compact: false, retrain: false, measure: false };
	closed = false;
	/** Called when a segment has come into memory, or has failed to. */
	arrived: () => void = () => {};
	readonly #pause: () => Promise<void>;
	#locks = new WeakMap<ModelGroup, Promise<void>>();
	/** Segments named by this process. Names are random as well: files of one name would be taken for the same. */
	#segments = 0;

	constructor({ rows, files, metric, spec, engine, limits, pause, sealer, maker }: StateOptions) {
		this.rows = rows;
		this.d = rows.d;
		this.files = files;
		this.metric = metric;
		this.spec = spec;
		this.engine = engine;
		this.limits = limits;
		this.sealer = sealer;
		this.maker = maker;
		this.#pause = pause;
		this.deltas = new Deltas({ d: rows.d, metric, engine, rows: limits.sealRows });
	}

	/** The group that new segments go to. */
	get current(): ModelGroup | undefined {
		return this.groups.at(-1);
	}

	/** All parts, those with newer rows last. */
	*parts(): Generator<Part, void, undefined> {
		for (const group of this.groups) yield* group.parts;
		for (const { parts } of this.lost) yield* parts;
		yield* this.deltas.parts;
	}

	/** Rows alive; those that are in two parts count twice. */
	get count(): number {
		let count = 0;
		for (const part of this.parts()) count += part.count;
		return count;
	}

	/** The group of a model, undefined where there is none. */
	groupOf(model: string): ModelGroup | undefined {
		return this.groups.find(({ name }) => name === model);
	}

	/** Lets the event loop turn. @throws {VecinoError} `aborted` once the index is closed. */
	async pause(): Promise<void> {
		await this.#pause();
		this.checkOpen();
	}

	checkOpen(): void {
		if (this.closed) throw new VecinoError('aborted', 'the collection was closed');
	}

	/** A name that no file ever had; those of models are in the order in which they were made. */
	newName(kind: 's' | 'm'): string {
		const number = kind === 's' ? ++this.#segments : 1 + this.#newestModel();
		const random = crypto.getRandomValues(new Uint32Array(2));
		const tail = [...random].map((x) => x.toString(36).padStart(7, '0')).join('');
		return `${kind}${String(number).padStart(6, '0')}-${tail}`;
	}

	#newestModel(): number {
		let newest = 0;
		for (const { name } of this.rows.models()) newest = Math.max(newest, modelNumber(name));
		return newest;
	}

	/** Runs work that no other work on the group may come between. */
	async alone<T>(group: ModelGroup, work: () => Promise<T>): Promise<T> {
		const before = this.#locks.get(group) ?? Promise.resolve();
		let release = (): void => {};
		this.#locks.set(group, new Promise((resolve) => (release = resolve)));
		await before;
		try {
			this.checkOpen();
			return await work();
		} finally {
			release();
		}
	}

	/** Lets go of rows. @returns How many there were. */
	remove(rids: ArrayLike<number>): number {
		let removed = 0;
		for (const watch of this.watchers) watch(rids);
		for (const group of this.groups) {
			for (const part of group.parts) {
				if (part.count === 0) continue;
				removed += part.remove(rids, (rid) => this.#noteDead(group, rid));
			}
		}
		for (const { parts } of this.lost) for (const part of parts) removed += part.remove(rids);
		for (const part of this.deltas.parts) if (part.count > 0) removed += part.remove(rids);
		return removed;
	}

	/** Counts the rows of each segment that are none any more. */
	countDead(segment: SegmentRecord, dead: Float64Array): void {
		let count = 0;
		const { rids } = segment;
		if (rids.length > 0) {
			const from = lowerBound(dead, rids[0]!, 0, dead.length);
			const to = lowerBound(dead, rids.at(-1)! + 1, from, dead.length);
			for (let i = from; i < to; i++) if (holds(rids, dead[i]!)) count++;
		}
		this.deadOf.set(segment.name, count);
	}

	/** Dead rids after one rid, up to another, that are not in `kept` (ascending): no segment holds them. */
	deadBetween(after: number, upTo: number, kept: Float64Array): Float64Array {
		const dead = this.rows.deadRids();
		const from = lowerBound(dead, after + 1, 0, dead.length);
		const to = lowerBound(dead, upTo + 1, from, dead.length);
		return dead.slice(from, to).filter((rid) => !holds(kept, rid));
	}

	/**
	 * Takes a committed segment into memory, piece by piece. Rows that are in none of `from` any more have died since.
	 *
	 * @param pieces - Files, one after the other what the segment holds.
	 */
	async adopt(entry: Unadopted, pieces: readonly Uint8Array[]): Promise<void> {
		const { group, record, from } = entry;
		await this.#adopting(entry, async () => {
			let at = 0;
			for (const bytes of pieces) {
				const index = readIndex(bytes, { engine: this.engine, verify: false });
				try {
					await this.pause();
				} catch (error) {
					index[Symbol.dispose]();
					throw error;
				}
				const rids = record.rids.subarray(at, at + index.labelEnd);
				at += rids.length;
				this.#take(group, record, index, rids, from);
				await this.pause();
			}
		});
	}

	/** adopt, for a segment where it failed before: from its file, in one go. */
	async adoptAgain(entry: Unadopted): Promise<void> {
		const { group, record, from } = entry;
		await this.#adopting(entry, async () => {
			const expected = { bytes: record.bytes, rows: record.rows, d: this.d };
			const index = await loadFile(this.files, record.name, expected, this.engine, this.rows.keepsOriginals);
			if (this.closed) {
				index[Symbol.dispose]();
				this.checkOpen();
			}
			// What came in before it failed comes again.
			group.merged?.remove(record.rids);
			this.deadOf.delete(record.name);
			this.#take(group, record, index, record.rids, from);
		});
	}

	async #adopting(entry: Unadopted, work: () => Promise<void>): Promise<void> {
		this.adopting.add(entry);
		try {
			await this.alone(entry.group, work);
			this.unadopted = this.unadopted.filter((other) => other !== entry);
		} finally {
			this.adopting.delete(entry);
		}
		await entry.done();
	}

	#take(
		group: ModelGroup,
		record: SegmentRecord,
		index: ReturnType<typeof readIndex>,
		rids: Float64Array,
		from: readonly Part[],
	): void {
		group.take(record.name, index, rids);
		const died = rids.filter((rid) => !from.some((part) => part.has(rid)));
		if (died.length === 0) return;
		for (const part of group.parts) part.remove(died);
		this.deadOf.set(record.name, (this.deadOf.get(record.name) ?? 0) + died.length);
	}

	/** Takes rows out of a part, a few at a time. */
	async removeSlowly(part: Part, rids: Float64Array): Promise<void> {
		const { removedRows } = this.limits;
		for (let start = 0; start < rids.length; start += removedRows) {
			part.remove(rids.subarray(start, start + removedRows));
			await this.pause();
		}
	}

	#noteDead(group: ModelGroup, rid: number): void {
		for (const { name, rids } of group.segments.values()) {
			if (!holds(rids, rid)) continue;
			this.deadOf.set(name, (this.deadOf.get(name) ?? 0) + 1);
			return;
		}
	}

	dispose(): void {
		this.closed = true;
		for (const group of this.groups) group[Symbol.dispose]();
		for (const { parts } of this.lost) for (const part of parts) part[Symbol.dispose]();
		this.groups = [];
		this.lost = [];
		this.deltas[Symbol.dispose]();
	}
}

/** Models are numbered in the order of their training. */
export function modelNumber(name: string): number {
	return Number.parseInt(name.slice(1), 10) || 0;
}

/** Whether ascending rids have one. */
export function holds(rids: Float64Array, rid: number): boolean {
	const { length } = rids;
	if (length === 0 || rid < rids[0]! || rid > rids[length - 1]!) return false;
	return rids[lowerBound(rids, rid, 0, length)] === rid;
}
