/**
 * One index over several, each with an engine of its own. A WebAssembly memory ends at 4 GiB; this does not: vectors go to
 * the last shard until it is full, then an index trained alike is opened in a new engine. A search goes through all
 * shards and merges what they find.
 *
 * Labels run through all shards: those of a shard begin where the one before ended when it was filled, and stay when
 * vectors are removed.
 */

import type { OptionTable, RefineSearchParams } from '../core/options.ts';
import { type IndexStats, mergeResults, SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import { isVecinoError, VecinoError } from '../errors.ts';
import { LabelBitmap } from '../invlists/label-bitmap.ts';
import { createEngineSync, type Engine } from '../kernels/engine.ts';
import { checkInt, checkKeys, show } from '../util/check.ts';
import { type Steps, within } from '../util/steps.ts';
import { checkAlike, Index, MAX_NTOTAL, type StagedRows, type TrainOptions } from './base.ts';
import type { LabelSpace } from './filter.ts';
import type { CellMeasures } from './health.ts';

/** Options of IndexShards. */
export interface IndexShardsOptions {
	/**
	 * One index or more of one class, d, metric and training, each best in an engine of its own. Those after the first that
	 * holds no vectors must be empty. Owned by the IndexShards from now on.
	 */
	readonly shards: readonly Index[];
	/** Labels after which a shard is full, those of removed vectors included. Default: as many as its engine has memory for. */
	readonly rowsPerShard?: number | undefined;
	/** Makes the engine of a further shard. Default: createEngineSync with the kernels of the first shard, on one thread. */
	readonly makeEngine?: (() => Engine) | undefined;
}

/** Bytes of rows added at a time: where memory ends, fewer than that could have gone to the shard that is left. */
const PART_BYTES = 2 ** 24;
/** An empty shard that cannot take so few rows is no use. */
const LEAST_ROWS = 256;

/**
 * A search finds what one index over the same vectors with the same training finds, labels and distances, save where more
 * is looked at: each shard opens more cells until it has k vectors of its own, and re-ranks k * kFactor candidates of its own
 * (IndexRefine); and RaBitQ of several bits passes over a few others. Filters, range searches, pages and changes by label go
 * through all shards as well. An add that fails or is aborted leaves no shard behind.
 *
 * No file holds an IndexShards: write its shards one by one (saveShards and loadShards of vecino/node, or writeIndex) and
 * make an IndexShards of what was read. For ids put the IndexIDMap outside: new IndexIDMap({ index: shards }).
 *
 * @example
 * using index = new IndexShards({ shards: [new IndexIVFPQ({ d: 64, nlist: 100, m: 16 })], rowsPerShard: 10_000_000 });
 * index.train(vectors).add(vectors);
 * const files = index.shards.map((shard) => writeIndex(shard));
 * using again = new IndexShards({ shards: files.map((file) => readIndex(file, { engine: createEngineSync() })) });
 */
export class IndexShards extends Index {
	readonly type = 'IndexShards';
	/** Labels after which a shard is full. */
	readonly rowsPerShard: number;
	readonly #makeEngine: () => Engine;
	readonly #shards: Index[];
	/** Label of the first vector of each shard that has been filled or begun. */
	#starts: number[] = [0];
	/** Labels that are in the index, where some are not: made when a filter needs it. */
	#present: LabelBitmap | undefined;
	/** Engines made for shards. */
	readonly #engines = new Map<Index, Engine>();

	constructor(options: IndexShardsOptions) {
		const where = 'IndexShards';
		checkKeys(where, options, ['shards', 'rowsPerShard', 'makeEngine']);
		const { shards, rowsPerShard = MAX_NTOTAL, makeEngine } = options;
		checkShards(where, shards);
		const { d, metric, engine } = shards[0]!;
		super(where, { d, metric, engine });
		this.rowsPerShard = checkInt(where, 'rowsPerShard', rowsPerShard, 1, MAX_NTOTAL);
		if (makeEngine !== undefined && typeof makeEngine !== 'function') {
			throw new TypeError(`${where}: makeEngine must be a function, got ${show(makeEngine)}`);
		}
		this.#makeEngine = makeEngine ?? (() => createEngineSync({ kernels: engine.backend }));
		this.#shards = [...shards];
		for (const shard of shards.slice(1)) if (shards[0]!.isTrained && !shard.isTrained) shard.teach(shards[0]!);
		this.#startAll();
	}

	/** The indexes inside, in the order of labels. */
	get shards(): readonly Index[] {
		return [...this.#shards];
	}

	get ntotal(): number {
		return this.#shards.reduce((sum, shard) => sum + shard.ntotal, 0);
	}

	get isTrained(): boolean {
		return this.#shards.every((shard) => shard.isTrained);
	}

	get byteLength(): number {
		return this.#shards.reduce((sum, shard) => sum + shard.byteLength, this.#present?.byteLength ?? 0);
	}

	/** Bytes of all shards by component. */
	stats(): IndexStats {
		const bytes: Record<string, number> = {};
		for (const shard of this.#shards) {
			for (const [name, count] of Object.entries(shard.stats().bytes)) bytes[name] = (bytes[name] ?? 0) + count;
		}
		if (this.#present !== undefined) bytes['live'] = (bytes['live'] ?? 0) + this.#present.byteLength;
		return { type: this.type, ntotal: this.ntotal, d: this.d, bytes };
	}

	override get labelEnd(): number {
		return this.#starts.at(-1)! + this.#current.labelEnd;
	}

	/** @internal */
	get searchTable(): OptionTable {
		return this.#shards[0]!.searchTable;
	}

	/** Cells are the same in all shards. @internal */
	override measureCells(): CellMeasures {
		const all = this.#shards.map((shard) => shard.measureCells());
		const sizes = all[0]!.sizes.map((_, listNo) => all.reduce((sum, one) => sum + one.sizes[listNo]!, 0));
		const known = all.flatMap(({ spread }) => spread ?? []);
		const sums = known
			.map(({ sum, n }) => ({ sum, n }))
			.reduce((a, b) => ({ sum: a.sum + b.sum, n: a.n + b.n }), { sum: 0, n: 0 });
		const spread = known.length < all.length ? undefined : { trained: known[0]!.trained, ...sums };
		const errors = all.flatMap(({ codeError }) => codeError ?? []);
		const codeError = errors.length === 0 ? undefined : errors.reduce((a, b) => a + b) / errors.length;
		return { sizes, spread, codeError, hasExact: all[0]!.hasExact };
	}

	/** @internal */
	override rebalanceSteps(): never {
		throw this.#keepsCells('rebalance');
	}

	/** @internal */
	override retrainSteps(): never {
		throw this.#keepsCells('retrain');
	}

	#keepsCells(method: string): VecinoError {
		const message = `IndexShards.${method}: shards share their cells, which stay as they are; train another index and add the vectors to it`;
		return new VecinoError('unsupported', message);
	}

	/** The shard that takes what is added. */
	get #current(): Index {
		return this.#shards[this.#starts.length - 1]!;
	}

	/** Trains the first shard; the others learn from it. @internal */
	*trainSteps(x: VectorSet, options: TrainOptions): Steps<void> {
		yield* this.#shards[0]!.trainSteps(x, options);
		for (const shard of this.#shards.slice(1)) shard.teach(this.#shards[0]!);
	}

	/** @internal */
	override trainingLimit(options: TrainOptions): number {
		return this.#shards[0]!.trainingLimit(options);
	}

	/** @internal */
	*addSteps(x: VectorSet): Steps<void> {
		const { labelEnd } = this;
		let size = Math.max(LEAST_ROWS, Math.floor(PART_BYTES / (4 * this.d)));
		let done = false;
		try {
			for (let start = 0; start < x.n; ) {
				const room = this.rowsPerShard - this.#current.labelEnd;
				if (room <= 0) {
					this.#next();
					continue;
				}
				const part = x.slice(start, Math.min(x.n, start + size, start + room));
				try {
					yield* within(this.#current.addSteps(part), start, x.n);
					start += part.n;
				} catch (error) {
					if (!isVecinoError(error, 'out-of-memory')) throw error;
					giveBack(this.#current);
					if (this.#current.labelEnd > 0) this.#next();
					else if (part.n > LEAST_ROWS) size = part.n >> 1;
					else throw error;
				}
			}
			done = true;
		} finally {
			if (!done) this.truncateRows(labelEnd);
		}
	}

	/** Goes on with the shard after the current one, a new one if there is none. */
	#next(): void {
		const end = this.labelEnd;
		if (this.#starts.length === this.#shards.length) {
			const engine = this.#makeEngine();
			const shard = this.#shards[0]!.cloneTrained({ engine });
			this.#shards.push(shard);
			this.#engines.set(shard, engine);
		}
		this.#starts.push(end);
	}

	// ── Changing ───────────────────────────────────────────────────────────────────────────────

	/** Number of the shard that has a label, or would have it. */
	#shardOf(label: number): number {
		return this.#starts.findLastIndex((start) => start <= label);
	}

	/** @internal */
	override hasLabel(label: number): boolean {
		const i = this.#shardOf(label);
		return this.#shards[i]!.hasLabel(label - this.#starts[i]!);
	}

	/** @internal */
	override *liveLabels(): Generator<number> {
		for (const [i, start] of this.#starts.entries()) {
			for (const label of this.#shards[i]!.liveLabels()) yield start + label;
		}
	}

	/** @internal */
	override get labelSpace(): LabelSpace {
		return { span: this.labelEnd, live: this.#known() };
	}

	/** Labels that are in the index, undefined when all below labelEnd are. */
	#known(): LabelBitmap | undefined {
		const { labelEnd, ntotal } = this;
		if (ntotal === labelEnd) return undefined;
		// Somebody may have changed a shard.
		if (this.#present?.bits !== labelEnd || this.#present.count !== ntotal) this.#forget();
		if (this.#present !== undefined) return this.#present;
		const present = new LabelBitmap(this.engine.arena, labelEnd);
		this.#present = present;
		for (const [i, start] of this.#starts.entries()) {
			const { span, live } = this.#shards[i]!.labelSpace;
			if (live === undefined) present.setRange(start, start + span);
			else present.setFrom(live, start);
		}
		return present;
	}

	#forget(): void {
		this.#present?.[Symbol.dispose]();
		this.#present = undefined;
	}

	/** @internal */
	override prepareRemoval(): void {
		for (const shard of this.#shards.slice(0, this.#starts.length)) shard.prepareRemoval();
	}

	/** @internal */
	override removeLabel(label: number): void {
		const i = this.#shardOf(label);
		const shard = this.#shards[i]!;
		this.#forget();
		// It may have been opened since.
		shard.prepareRemoval();
		shard.removeLabel(label - this.#starts[i]!);
	}

	/** @internal */
	override noteSpread(): () => void {
		const all = this.#shards.map((shard) => shard.noteSpread());
		return () => {
			for (const bringBack of all) bringBack();
		};
	}

	/** @internal */
	override get canUpdate(): boolean {
		return this.#shards[0]!.canUpdate;
	}

	/** @internal */
	override *stageSteps(x: VectorSet, labels: Uint32Array): Steps<StagedRows> {
		const rows: number[][] = this.#starts.map(() => []);
		for (const [row, label] of labels.entries()) rows[this.#shardOf(label)]!.push(row);
		const staged: StagedRows[] = [];
		const dispose = (): void => {
			for (const part of staged) part[Symbol.dispose]();
		};
		let done = false;
		try {
			for (const [i, some] of rows.entries()) {
				if (some.length === 0) continue;
				const own = Uint32Array.from(some, (row) => labels[row]! - this.#starts[i]!);
				staged.push(yield* this.#shards[i]!.stageSteps(x.take(some), own));
			}
			done = true;
		} finally {
			if (!done) dispose();
		}
		const commit = (): void => {
			this.#forget();
			for (const part of staged) part.commit();
		};
		return { commit, [Symbol.dispose]: dispose };
	}

	// ── Searching ──────────────────────────────────────────────────────────────────────────────

	/** @internal */
	*searchSteps(
		q: VectorSet,
		k: number,
		params: RefineSearchParams,
		result: SearchResult,
		admitted?: LabelBitmap,
	): Steps<void> {
		const { metric } = this;
		let best = result;
		for (const [i, start] of this.#starts.entries()) {
			const shard = this.#shards[i]!;
			const { live, labelEnd } = shard;
			using part = admitted?.part(shard.engine.arena, start, start + labelEnd);
			const rows = part?.count === labelEnd ? undefined : (part ?? live);
			if ((rows?.count ?? shard.ntotal) === 0) continue;
			const found = new SearchResult(q.n, k, metric);
			yield* shard.searchSteps(q, k, params, found, rows);
			const { labels } = found;
			for (let at = 0; at < labels.length; at++) if (labels[at] !== -1) labels[at] = labels[at]! + start;
			// In the order of labels: ties go to the lower one.
			best = mergeResults(best, found, metric);
		}
		result.labels.set(best.labels);
		result.distances.set(best.distances);
	}

	/** @internal */
	override widened(params: RefineSearchParams, k: number): RefineSearchParams {
		return this.#shards[0]!.widened(params, k);
	}

	/** @internal */
	override isExhaustive(params: RefineSearchParams, k: number): boolean {
		return this.#shards.every((shard) => shard.isExhaustive(params, k));
	}

	/** @internal */
	reconstructRow(row: number): Float32Array<ArrayBuffer> {
		const i = this.#shardOf(row);
		return this.#shards[i]!.reconstruct(row - this.#starts[i]!);
	}

	/** Room in the current shard; further ones are opened when they are needed. @internal */
	reserveRows(n: number): void {
		this.#current.reserveRows(Math.min(n, Math.max(0, this.rowsPerShard - this.#current.labelEnd)));
	}

	/** @internal */
	override shrinkRows(): void {
		for (const shard of this.#shards) shard.shrinkRows();
	}

	/** @internal */
	override get canTruncate(): boolean {
		return true;
	}

	/** Shards that were opened for rows that are gone are closed. @internal */
	override truncateRows(n: number): void {
		this.#forget();
		while (this.#starts.length > 1 && this.#starts.at(-1)! >= n) {
			const shard = this.#current;
			if (this.#engines.has(shard)) this.#close();
			else shard.truncateRows(0);
			this.#starts.pop();
		}
		this.#current.truncateRows(n - this.#starts.at(-1)!);
	}

	/** Closes the last shard, which this index has opened. */
	#close(): void {
		const shard = this.#shards.pop()!;
		shard[Symbol.dispose]();
		this.#engines.get(shard)?.[Symbol.dispose]();
		this.#engines.delete(shard);
	}

	/** @internal */
	resetRows(): void {
		this.#forget();
		while (this.#engines.has(this.#shards.at(-1)!)) this.#close();
		for (const shard of this.#shards) shard.resetRows();
		this.#starts = [0];
	}

	/** @internal */
	release(): void {
		this.#forget();
		while (this.#shards.length > 0) this.#close();
	}

	/** Numbers the vectors of all shards. */
	#startAll(): void {
		const last = Math.max(
			0,
			this.#shards.findLastIndex((shard) => shard.labelEnd > 0),
		);
		let start = 0;
		this.#starts = this.#shards.slice(0, last + 1).map((shard) => {
			start += shard.labelEnd;
			return start - shard.labelEnd;
		});
	}

	/** @internal */
	override checkTrained(method: string): void {
		super.checkTrained(method);
		const wrong = this.#starts.findIndex((start, i) => {
			const next = this.#starts[i + 1];
			return next !== undefined && start + this.#shards[i]!.labelEnd !== next;
		});
		if (wrong < 0) return;
		const message = `IndexShards.${method}: vectors were added to shard ${wrong} behind its back`;
		throw new VecinoError('unsupported', message);
	}
}

/** Gives back room that an add which failed has taken, as far as there is memory to do it. */
function giveBack(shard: Index): void {
	try {
		shard.shrinkRows();
	} catch (error) {
		if (!isVecinoError(error, 'out-of-memory')) throw error;
	}
}

function checkShards(where: string, shards: readonly Index[]): void {
	if (!Array.isArray(shards) || shards.length === 0) {
		throw new TypeError(`${where}: shards must be an array of one index or more, got ${show(shards)}`);
	}
	for (const [i, shard] of (shards as readonly unknown[]).entries()) {
		if (!(shard instanceof Index)) throw new TypeError(`${where}: shards[${i}] must be an index, got ${show(shard)}`);
		if (shards.indexOf(shard) < i) throw new RangeError(`${where}: shards[${i}] is there twice`);
		if (!shard.canTruncate || shard.type === 'IndexShards') {
			const hint = shard.type === 'IndexIDMap' ? '; put it outside: new IndexIDMap({ index: shards })' : '';
			throw new TypeError(`${where}: shards[${i}] cannot be an ${shard.type}${hint}`);
		}
		const first = shards[0]!;
		if (i === 0) continue;
		if (shard.isTrained && first.isTrained) checkAlike(`${where}: shards[${i}]`, first, shard);
		else if (shard.isTrained) throw new RangeError(`${where}: shards[0] must be trained where shards[${i}] is`);
		for (const key of ['type', 'd', 'metric'] as const) {
			if (shard[key] === first[key]) continue;
			throw new RangeError(`${where}: shards[${i}].${key} must be ${first[key]} as in shards[0], got ${shard[key]}`);
		}
	}
}
