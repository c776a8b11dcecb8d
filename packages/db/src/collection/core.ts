/**
 * The inside of an open collection, which the public classes and the functions behind them share: the store, the rows, the
 * vector index that follows them, and the order of writes.
 *
 * A write is one transaction; what it did is told to the vector index in the same tick, so that no query sees one without
 * the other. The index exists from when the dimension is known.
 */

import { type Engine, VecinoError } from 'vecino';
import { Docs, Rows } from '../rows/rows.ts';
import type { Store } from '../rows/store.ts';
import { emptyLog, RowWriter, type WriteLog } from '../rows/writer.ts';
import type { SegmentFiles } from '../segments/contract.ts';
import type { Thresholds } from '../segments/growth.ts';
import { LiveIndex } from '../segments/live-index.ts';
import type { Driver } from '../storage/driver.ts';
import type { WriterLock } from '../storage/lock.ts';
import type { Embedder } from '../text/embedder.ts';
import { RidSets } from '../where/rid-sets.ts';
import { TouchedRids } from '../where/touched.ts';
import { FieldNames } from './field-names.ts';
import { readSettings, type Settings } from './options.ts';
import { isRefitDue, type RefitOptions, refit } from './refit.ts';
import { Texts } from './texts.ts';
import { Slice, Turns } from './turns.ts';

export interface CoreOptions {
	/** As given to `open`. */
	readonly path: string;
	/** undefined in memory. */
	readonly folder: string | undefined;
	readonly store: Store;
	readonly files: SegmentFiles;
	readonly driver: Driver;
	readonly lock: WriterLock | undefined;
	readonly settings: Settings;
	readonly embedder: Embedder | undefined;
	readonly cacheEmbeddings: boolean;
	readonly engine: Engine | undefined;
	/** Sizes at which things happen in the background; tests take small ones. */
	readonly thresholds?: Partial<Thresholds> | undefined;
}

/** Deaths that are kept for readers from one opening to the next. */
const MOST_DEAD = 10_000;

/** How often a reader begins again when files go while it reads about them. */
const MOST_ATTEMPTS = 5;

/** The vector side of a collection: rows of a dimension, and the index over them. */
export interface VectorSide {
	readonly rows: Rows;
	readonly live: LiveIndex;
}

export class Core {
	readonly path: string;
	readonly folder: string | undefined;
	readonly store: Store;
	readonly files: SegmentFiles;
	readonly driver: Driver;
	readonly docs: Docs;
	readonly writer: RowWriter;
	readonly fields: FieldNames;
	readonly texts: Texts;
	/** Rows whose metadata was changed in place, for `sets`. */
	readonly #touched = new TouchedRids();
	/** Which rows filters let through. */
	readonly sets: RidSets;
	readonly turns: Turns = new Turns();
	readonly #slice = new Slice();
	readonly #engine: Engine | undefined;
	readonly #thresholds: Partial<Thresholds> | undefined;
	readonly #lock: WriterLock | undefined;
	#settings: Settings;
	#vectors: VectorSide | undefined;
	#generation = 0;
	/** For readers: changes up to this version were seen. */
	#seenVer: number;
	#closed = false;
	#refit: Promise<void> | undefined;
	readonly #stop = new AbortController();
	/** Why the embedder could not be fitted. */
	refitError: string | undefined;

	constructor(options: CoreOptions) {
		this.path = options.path;
		this.folder = options.folder;
		this.store = options.store;
		this.files = options.files;
		this.driver = options.driver;
		this.docs = new Docs(this.store);
		this.writer = new RowWriter(this.store);
		this.fields = new FieldNames(this.store, options.settings.schema);
		const { store } = this;
		this.sets = new RidSets({
			db: store.reader.db,
			lastRid: () => store.counters.lastRid,
			touched: this.#touched,
		});
		this.#settings = options.settings;
		this.#seenVer = store.counters.ver;
		this.#engine = options.engine;
		this.#thresholds = options.thresholds;
		this.#lock = options.lock;
		this.texts = new Texts(this, options.embedder, options.cacheEmbeddings);
	}

	get settings(): Settings {
		return this.#settings;
	}

	get readOnly(): boolean {
		return this.store.readOnly;
	}

	/** undefined until the dimension is known. */
	get vectors(): VectorSide | undefined {
		return this.#vectors;
	}

	get isClosed(): boolean {
		return this.#closed;
	}

	/** Opens the vector side where the dimension is known. */
	async start(): Promise<void> {
		if (this.readOnly) {
			this.texts.load();
			return this.#catchUp();
		}
		this.#generation = Number(this.store.info('generation') ?? 0);
		this.texts.load();
		await this.forgetDead(MOST_DEAD);
		if (this.#settings.dimension !== undefined) this.#vectors = await this.openVectors(this.#settings.dimension);
	}

	/**
	 * Forgets deaths of rows that were in no segment yet, where there are more than `most`: sealing forgets them, but few rows
	 * are never sealed, however often they are replaced. Readers begin anew, since they could not catch up by the others.
	 */
	async forgetDead(most: number): Promise<void> {
		const { store } = this;
		await this.turns.take(() => {
			const { sealedUpTo } = store.counters;
			const dead = store.reader.sql('SELECT count(*) AS n FROM dead WHERE rid > ?').get(sealedUpTo)?.['n'] as number;
			if (dead <= most || this.#closed) return;
			// A segment that is being made may have rows that have died since: it needs to hear of them.
			if (this.#vectors !== undefined && this.#vectors.live.stats().background !== 'idle') return;
			store.transaction(() => {
				store.writer.sql('DELETE FROM dead WHERE rid > ?').run(sealedUpTo);
				store.setInfo('generation', this.#generation + 1);
			});
			this.#generation++;
		});
	}

	/** The vector side, made for dimension d where there is none yet. Only in a turn. */
	async vectorsFor(d: number): Promise<VectorSide> {
		if (this.#vectors === undefined) {
			this.store.transaction(() => this.store.setInfo('dimension', d));
			this.#settings.dimension = d;
			this.#vectors = await this.openVectors(d);
		}
		return this.#vectors;
	}

	async openVectors(d: number): Promise<VectorSide> {
		const rows = new Rows(this.store, d, this.#settings.originals);
		const live = await LiveIndex.open({
			rows,
			files: this.files,
			metric: this.#settings.metric,
			spec: this.#settings.index,
			engine: this.#engine,
			readOnly: this.readOnly,
			thresholds: this.#thresholds,
		});
		return { rows, live };
	}

	/** Puts another vector side in the place of the one there is, at once; the caller closes the old one. */
	replaceVectors(side: VectorSide, generation: number): void {
		this.#vectors = side;
		this.#generation = generation;
	}

	get generation(): number {
		return this.#generation;
	}

	/**
	 * Runs a transaction, and tells the vector index about it in the same tick.
	 *
	 * @param vectors - Those of the rows that `work` puts, in order.
	 */
	write<T>(work: (log: WriteLog) => T, vectors?: Float32Array): T {
		const log = emptyLog();
		const { store, fields } = this;
		try {
			const result = store.transaction(() => work(log));
			fields.committed();
			this.#follow(log, vectors);
			return result;
		} catch (error) {
			fields.rolledBack();
			throw error;
		}
	}

	/**
	 * As `write`, in slices between which queries go on with what was there before, where the store can do that.
	 *
	 * @param work - Gives way between any two rows.
	 */
	async writeInSlices(
		work: (log: WriteLog) => Iterable<unknown>,
		vectors: Float32Array,
		check: () => void,
	): Promise<WriteLog> {
		const log = emptyLog();
		const { store, fields } = this;
		if (!store.isConcurrent) {
			return this.write((own) => {
				for (const _ of work(own));
				return own;
			}, vectors);
		}
		const slice = new Slice();
		try {
			await store.slicedTransaction(work(log), async () => {
				if (!slice.isOver) return;
				await slice.next();
				check();
			});
			fields.committed();
			this.#follow(log, vectors);
			return log;
		} catch (error) {
			fields.rolledBack();
			throw error;
		}
	}

	#follow(log: WriteLog, vectors: Float32Array | undefined): void {
		this.#touched.add(log.touched);
		const live = this.#vectors?.live;
		if (live === undefined) return;
		if (vectors !== undefined && log.rids.length > 0) live.add(Float64Array.from(log.rids), vectors);
		if (log.dead.length > 0) live.remove(log.dead);
	}

	/** For readers: takes in what the writer has committed. */
	async catchUp(): Promise<void> {
		if (this.readOnly && this.store.isBehind) await this.turns.take(() => this.#catchUp());
	}

	async #catchUp(): Promise<void> {
		const { store } = this;
		for (let attempt = 1; store.isBehind; attempt++) {
			try {
				await store.asOfNow(() => this.#readAgain());
			} catch (error) {
				// Files that were read about a moment ago may have gone since, and others have taken their place.
				if (attempt === MOST_ATTEMPTS || !store.isBehind) throw error;
			}
		}
	}

	async #readAgain(): Promise<void> {
		this.#settings = readSettings(this.store);
		this.fields.reload(this.#settings.schema);
		const { ver } = this.store.counters;
		this.#touched.add(this.docs.touchedSince(this.#seenVer));
		this.#seenVer = ver;
		const generation = Number(this.store.info('generation') ?? 0);
		const { dimension } = this.#settings;
		if (dimension === undefined) return;
		if (this.#vectors !== undefined && generation === this.#generation) return this.#vectors.live.refresh();
		const side = await this.openVectors(dimension);
		const old = this.#vectors;
		this.texts.load();
		this.replaceVectors(side, generation);
		await old?.live.close();
	}

	/**
	 * Lets the event loop turn now and then: queries and writes have nothing to wait for, and a loop of them would keep
	 * everything else of the process waiting, work in the background too.
	 */
	async breathe(): Promise<void> {
		if (this.#slice.isOver) await this.#slice.next();
	}

	checkOpen(where: string): void {
		if (this.#closed) throw new VecinoError('disposed', `${where}: the collection ${this.path} was closed`);
	}

	checkWritable(where: string): void {
		this.checkOpen(where);
		if (this.readOnly) {
			throw new VecinoError(
				'read-only',
				`${where}: the collection ${this.path} was opened with readOnly: true; open it without to write`,
			);
		}
	}

	/** Fits the embedder again where that is due, in the background. A failure is kept for `stats`. */
	refitWhenDue(): void {
		if (this.#refit !== undefined || this.#closed || !isRefitDue(this)) return;
		this.refit({}).catch(() => {});
	}

	/** Fits the embedder again; one fit at a time. */
	async refit(options: RefitOptions): Promise<void> {
		while (this.#refit !== undefined) await this.#refit.catch(() => {});
		const { signal } = this.#stop;
		const either = options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]);
		this.#refit = refit(this, { ...options, signal: either });
		try {
			await this.#refit;
			this.refitError = undefined;
		} catch (error) {
			this.refitError = (error as Error).message;
			throw error;
		} finally {
			this.#refit = undefined;
		}
	}

	/** Settles when no fit is under way; undefined where none is. */
	get refitting(): Promise<void> | undefined {
		return this.#refit;
	}

	async close(): Promise<void> {
		if (this.#closed) return;
		this.#closed = true;
		this.#stop.abort();
		await this.#refit?.catch(() => {});
		await this.turns.idle();
		try {
			await this.#vectors?.live.close();
		} finally {
			this.#vectors = undefined;
			this.store.close();
			this.#lock?.release();
		}
	}
}
