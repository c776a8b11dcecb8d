/** The half of a collection that writes rows. */

import { VecinoError } from 'vecino';
import { checkId, checkKeys, isPlainObject, show, throwIfAborted } from '../check.ts';
import type { WriteLog } from '../rows/writer.ts';
import type { Entry, Id, MetadataOf, Schema } from '../types.ts';
import { type CompiledWhere, compileWhere } from '../where/compile.ts';
import type { Where } from '../where/types.ts';
import { compileFilter, ridsWhere } from './filter.ts';
import { type PreparedBatch, prepareEntries, prepareMetadata } from './prepare.ts';
import { Reading } from './reading.ts';
import { Slice } from './turns.ts';

/** Options of `add` and `upsert`. */
export interface WriteOptions {
	/** Stops the work; what was committed stays. */
	readonly signal?: AbortSignal | undefined;
	/** Called after each transaction with the rows written so far. */
	readonly onProgress?: ((progress: { readonly done: number }) => void) | undefined;
}

/** Options of methods that change all rows that match. */
export interface WhereOptions {
	/** Stops the work; what was committed stays. */
	readonly signal?: AbortSignal | undefined;
}

/** Options of `update` and `updateWhere`. */
export interface UpdateOptions {
	/** Whether what is given is all of the metadata from then on. Default: false, fields that are not given stay. */
	readonly replace?: boolean | undefined;
}

/** Fields of metadata to be changed; undefined takes a field away. */
export type MetadataPatch<M> = { readonly [K in keyof M]?: M[K] | undefined };

const EVERY_ROW: CompiledWhere = compileWhere({}, {});
const MOST_ROWS = 1000;
/** Rows that are written in one go; more let the event loop turn in between, in one transaction all the same. */
const FEW_ROWS = 200;
const MOST_BYTES = 4 << 20;

/** Writes: new rows, rows in the place of others, rows that go. */
export abstract class Writing<S extends Schema | undefined> extends Reading<S> {
	/**
	 * Adds rows; an id that is there already is an error.
	 *
	 * @param entry - One entry; or an array, of which all or nothing is added; or anything that can be iterated, which is added
	 *   in transactions of up to 1000 rows.
	 * @returns The id; the ids, in order; how many there were.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * console.log(await rows.add({ id: 'a', vector: [1, 0], metadata: { year: 2001 } })); // a
	 * console.log(await rows.add([{ vector: [0, 1] }, { id: 7, vector: [1, 1] }])); // [ 2, 7 ]
	 * function* many() {
	 *   for (let i = 0; i < 5000; i++) yield { id: `row ${i}`, vector: [i, 1] };
	 * }
	 * console.log(await rows.add(many())); // 5000
	 */
	add(entry: Entry<MetadataOf<S>>, options?: WriteOptions): Promise<Id>;
	add(entries: readonly Entry<MetadataOf<S>>[], options?: WriteOptions): Promise<Id[]>;
	add(
		entries: Iterable<Entry<MetadataOf<S>>> | AsyncIterable<Entry<MetadataOf<S>>>,
		options?: WriteOptions,
	): Promise<number>;
	async add(entries: unknown, options: WriteOptions = {}): Promise<Id | Id[] | number> {
		return this.#put('Collection.add', entries, options, false);
	}

	/**
	 * Adds rows, in the place of those that have the same ids. As `add` in everything else.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.upsert({ id: 'a', vector: [1, 0] });
	 * await rows.upsert({ id: 'a', vector: [0, 1], metadata: { changed: true } });
	 * console.log(await rows.count()); // 1
	 */
	upsert(entry: Entry<MetadataOf<S>>, options?: WriteOptions): Promise<Id>;
	upsert(entries: readonly Entry<MetadataOf<S>>[], options?: WriteOptions): Promise<Id[]>;
	upsert(
		entries: Iterable<Entry<MetadataOf<S>>> | AsyncIterable<Entry<MetadataOf<S>>>,
		options?: WriteOptions,
	): Promise<number>;
	async upsert(entries: unknown, options: WriteOptions = {}): Promise<Id | Id[] | number> {
		return this.#put('Collection.upsert', entries, options, true);
	}

	/**
	 * Deletes the rows of one id or of some; ids that are not there are passed over.
	 *
	 * @returns How many rows went.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * console.log(await rows.delete('a'), await rows.delete(['a', 'b'])); // 1 1
	 */
	async delete(ids: Id | readonly Id[]): Promise<number> {
		const where = 'Collection.delete';
		const { core } = this;
		core.checkWritable(where);
		const list = (Array.isArray(ids) ? ids : [ids]).map((id) => checkId(where, id));
		const gone = await core.turns.take(() => {
			core.checkWritable(where);
			return core.write((log) => {
				for (const id of list) core.writer.delete(id, log);
				return log.dead.length;
			});
		});
		await core.breathe();
		return gone;
	}

	/**
	 * Deletes the rows that match, in transactions of up to 1000; `{}` is every row.
	 *
	 * @returns How many rows went.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * console.log(await rows.deleteWhere({ year: { $lt: 2002 } })); // 1
	 */
	async deleteWhere(condition: Where<MetadataOf<S>>, options: WhereOptions = {}): Promise<number> {
		const where = 'Collection.deleteWhere';
		return this.#eachWhere(where, condition, options, (rid, log) => this.core.writer.deleteRid(rid, log));
	}

	/**
	 * Changes the metadata of a row and leaves its vector alone: fields that are given take the place of those that are there,
	 * those given as undefined go, others stay.
	 *
	 * @returns false where there is no row of that id.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * await rows.update('a', { seen: true });
	 * console.log((await rows.get('a'))?.metadata); // { year: 2001, seen: true }
	 */
	async update(id: Id, metadata: MetadataPatch<MetadataOf<S>>, options: UpdateOptions = {}): Promise<boolean> {
		const where = 'Collection.update';
		const { core } = this;
		core.checkWritable(where);
		checkKeys(where, options, ['replace']);
		const key = checkId(where, id);
		checkPatch(where, metadata);
		const there = await core.turns.take(() => {
			core.checkWritable(where);
			const rid = core.docs.ridOf(key);
			if (rid === undefined) return false;
			return core.write((log) => this.#patch(where, rid, metadata, options.replace === true, log));
		});
		await core.breathe();
		return there;
	}

	/**
	 * Changes the metadata of all rows that match, as `update` does, in transactions of up to 1000.
	 *
	 * @returns How many rows there were.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * console.log(await rows.updateWhere({ year: 2001 }, { year: 1999 })); // 1
	 */
	async updateWhere(
		condition: Where<MetadataOf<S>>,
		metadata: MetadataPatch<MetadataOf<S>>,
		options: UpdateOptions & WhereOptions = {},
	): Promise<number> {
		const where = 'Collection.updateWhere';
		checkKeys(where, options, ['replace', 'signal']);
		checkPatch(where, metadata);
		const { signal } = options;
		return this.#eachWhere(where, condition, { signal }, (rid, log) =>
			this.#patch(where, rid, metadata, options.replace === true, log),
		);
	}

	/** Does something to each row that matches, within transactions. */
	async #eachWhere(
		where: string,
		condition: unknown,
		options: WhereOptions,
		change: (rid: number, log: WriteLog) => boolean,
	): Promise<number> {
		const { core } = this;
		core.checkWritable(where);
		checkKeys(where, options, ['signal']);
		if (!isPlainObject(condition)) {
			throw new TypeError(`${where}: where must be an object of conditions ({} is every row), got ${show(condition)}`);
		}
		const { signal } = options;
		return core.turns.take(async () => {
			core.checkWritable(where);
			const compiled = compileFilter(core, where, condition) ?? EVERY_ROW;
			const rids = await ridsWhere(core, where, compiled, signal);
			const slice = new Slice();
			let done = 0;
			for (let at = 0; at < rids.length; at += MOST_ROWS) {
				throwIfAborted(where, signal);
				done += core.write((log) => rids.slice(at, at + MOST_ROWS).filter((rid) => change(rid, log)).length);
				if (slice.isOver) await slice.next();
			}
			return done;
		});
	}

	/** Changes the metadata of a row that is there. */
	#patch(where: string, rid: number, patch: object, replace: boolean, log: WriteLog): boolean {
		const { core } = this;
		const doc = core.docs.ofRid(rid);
		if (doc === undefined) return false;
		const before = replace || doc.meta === null ? {} : (JSON.parse(doc.meta) as object);
		const { json, metadata, values } = prepareMetadata(core, `${where}: id ${show(doc.id)}`, { ...before, ...patch });
		core.writer.putMeta(rid, json, values, log);
		core.fields.note(metadata);
		return true;
	}

	async #put(where: string, given: unknown, options: WriteOptions, replace: boolean): Promise<Id | Id[] | number> {
		this.core.checkWritable(where);
		checkKeys(where, options, ['signal', 'onProgress']);
		if (Array.isArray(given)) return this.#putBatch(where, given as Entry[], 0, options, replace);
		if (typeof given === 'object' && given !== null && (Symbol.iterator in given || Symbol.asyncIterator in given)) {
			return this.#putMany(where, given as AsyncIterable<Entry>, options, replace);
		}
		if (typeof given !== 'object' || given === null) {
			throw new TypeError(
				`${where}: expected an entry, an array of entries or an iterable of them, got ${show(given)}`,
			);
		}
		return (await this.#putBatch(where, [given as Entry], 0, options, replace))[0]!;
	}

	/** Takes entries as they come, a transaction at a time. */
	async #putMany(
		where: string,
		entries: AsyncIterable<Entry>,
		options: WriteOptions,
		replace: boolean,
	): Promise<number> {
		let batch: Entry[] = [];
		let bytes = 0;
		let done = 0;
		const slice = new Slice();
		const flush = async (): Promise<void> => {
			await this.#putBatch(where, batch, done, options, replace);
			done += batch.length;
			batch = [];
			bytes = 0;
			options.onProgress?.({ done });
			if (slice.isOver) await slice.next();
		};
		for await (const entry of entries) {
			batch.push(entry);
			bytes += 4 * (entry?.vector?.length ?? 256) + 2 * (entry?.text?.length ?? 0);
			if (batch.length >= MOST_ROWS || bytes >= MOST_BYTES) await flush();
		}
		if (batch.length > 0) await flush();
		return done;
	}

	async #putBatch(
		where: string,
		entries: readonly Entry[],
		first: number,
		options: WriteOptions,
		replace: boolean,
	): Promise<Id[]> {
		const { core } = this;
		if (entries.length === 0) return [];
		const { signal } = options;
		throwIfAborted(where, signal);
		const prepared = await prepareEntries(core, where, entries, first, signal);
		await core.breathe();
		const ids = await core.turns.take(async () => {
			core.checkWritable(where);
			throwIfAborted(where, signal);
			let batch = prepared;
			if (batch.version !== undefined) {
				core.texts.recordModel(where);
				// The embedder was fitted meanwhile.
				if (batch.version !== core.texts.version) batch = await prepareEntries(core, where, entries, first, signal);
			}
			const { rows } = await core.vectorsFor(batch.d);
			if (rows.d !== batch.d) {
				throw new VecinoError(
					'dimension-mismatch',
					`${where}: entry ${first} has ${batch.d} numbers, the collection is of ${rows.d} dimensions`,
					{ row: first, expected: rows.d, found: batch.d },
				);
			}
			return this.#write(where, batch, first, replace, signal);
		});
		core.refitWhenDue();
		if (!core.isClosed) await core.vectors?.live.whenRoom();
		await core.breathe();
		return ids;
	}

	async #write(
		where: string,
		batch: PreparedBatch,
		first: number,
		replace: boolean,
		signal: AbortSignal | undefined,
	): Promise<Id[]> {
		const { core } = this;
		const { rows, metadata, vectors } = batch;
		function* putAll(log: WriteLog): Generator<void, void, undefined> {
			for (let i = 0; i < rows.length; i++) {
				core.writer.put(rows[i]!, replace, log, where, first + i);
				core.fields.note(metadata[i]);
				if ((i & 63) === 63) yield;
			}
		}
		// Few rows are over sooner than a slice.
		if (rows.length <= FEW_ROWS) {
			return core.write((log) => {
				for (const _ of putAll(log));
				return log.ids;
			}, vectors);
		}
		const check = (): void => {
			throwIfAborted(where, signal);
			core.checkOpen(where);
		};
		return (await core.writeInSlices(putAll, vectors, check)).ids;
	}
}

function checkPatch(where: string, metadata: unknown): void {
	if (!isPlainObject(metadata))
		throw new TypeError(`${where}: metadata must be an object of fields, got ${show(metadata)}`);
}
