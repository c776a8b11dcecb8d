/** A collection: what `open` gives. */

import { checkKeys, throwIfAborted } from '../check.ts';
import type { Schema } from '../types.ts';
import { Exchanging } from './exchanging.ts';
import { type CopyOptions, type CopyReport, snapshot } from './maintain-copy.ts';
import type { VerifyOptions, VerifyReport } from './maintain-report.ts';
import { verifyOpen } from './maintain-verify.ts';
import { isRefitDue } from './refit.ts';

/** Options of long work. */
export interface OptimizeOptions {
	/** Stops it; what was done stays. */
	readonly signal?: AbortSignal | undefined;
	/** Called as the work goes on. `total` is 0 where it is not known. */
	readonly onProgress?:
		| ((progress: { readonly phase: string; readonly done: number; readonly total: number }) => void)
		| undefined;
}

/**
 * Vectors and texts with ids and metadata, in a folder or in memory. Made by `open`.
 *
 * A method that writes has settled when what it wrote is safe; queries of the same process see it from then on, and readers
 * in other processes with their next query. Writes wait for each other, queries for nothing.
 *
 * @example
 * const films = await open(':memory:', { dimension: 3, schema: { title: 'string', year: 'integer' } });
 * await films.upsert({ id: 'alien', vector: [0.9, 0.1, 0], metadata: { title: 'Alien', year: 1979 } });
 * await films.upsert({ id: 'heat', vector: [0, 1, 0.2], metadata: { title: 'Heat', year: 1995 } });
 * const hits = await films.query({ vector: [1, 0, 0], k: 5, where: { year: { $lt: 1990 } } });
 * console.log(hits.map(({ id, score }) => [id, score.toFixed(2)])); // [ [ 'alien', '0.99' ] ]
 * await films.close();
 */
export class Collection<S extends Schema | undefined = Schema | undefined>
	extends Exchanging<S>
	implements AsyncDisposable
{
	/**
	 * Makes everything as good as it gets, where background work would take its time: the embedder fitted, rows sealed, the
	 * space of rows that are gone given back, a new model where the vectors have changed, recall measured. Queries and writes go on meanwhile.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * await rows.optimize();
	 * console.log((await rows.stats()).dead); // 0
	 */
	async optimize(options: OptimizeOptions = {}): Promise<void> {
		const where = 'Collection.optimize';
		const { core } = this;
		core.checkWritable(where);
		checkKeys(where, options, ['signal', 'onProgress']);
		throwIfAborted(where, options.signal);
		await core.refitting?.catch(() => {});
		if (isRefitDue(core, 1.1)) await core.refit(options);
		throwIfAborted(where, options.signal);
		options.onProgress?.({ phase: 'index', done: 0, total: 0 });
		await core.vectors?.live.optimize();
		await core.forgetDead(0);
		while (await core.turns.take(() => !core.isClosed && core.store.shrink())) throwIfAborted(where, options.signal);
		core.checkWritable(where);
		await core.turns.take(() => core.store.optimize());
	}

	/**
	 * Copies everything, as of one commit, into a new folder that `open` takes; queries and writes go on meanwhile. Index
	 * files are linked, not copied, where the file system can: that takes no space, and both folders may change and go.
	 *
	 * @param path - A folder that is not there yet. It appears when it is whole.
	 *
	 * @example
	 * import { mkdtempSync } from 'node:fs';
	 * import { tmpdir } from 'node:os';
	 *
	 * const books = await open(':memory:', { dimension: 2 });
	 * await books.add({ id: 'north', vector: [0, 1] });
	 * const { rows } = await books.snapshot(`${mkdtempSync(`${tmpdir()}/books-`)}/backup`);
	 * console.log(rows); // 1
	 * await books.close();
	 */
	async snapshot(path: string, options: CopyOptions = {}): Promise<CopyReport> {
		return snapshot(this.core, path, options);
	}

	/**
	 * Looks for damage, and changes nothing: the database, whether every row has its vector, words and values, whether every
	 * index file is whole and has the rows that it should. `repair(path)` mends what can be mended.
	 *
	 * @example
	 * const books = await open(':memory:', { dimension: 2 });
	 * await books.add({ id: 'north', vector: [0, 1] });
	 * const { ok, checked } = await books.verify();
	 * console.log(ok, checked.rows); // true 1
	 * await books.close();
	 */
	async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
		return verifyOpen(this.core, options);
	}

	/**
	 * Settles when nothing goes on in the background; throws why background work failed, if it did. For tests and benchmarks.
	 *
	 * @example
	 * await using rows = await open(':memory:', { dimension: 2 });
	 * await rows.add([{ id: 'a', vector: [1, 0], metadata: { year: 2001 } }, { id: 'b', vector: [0, 1], metadata: { year: 2002 } }]);
	 * await rows.settle();
	 * console.log((await rows.stats()).background); // idle
	 */
	async settle(): Promise<void> {
		const { core } = this;
		core.checkOpen('Collection.settle');
		await core.turns.idle();
		await core.refitting?.catch(() => {});
		await core.vectors?.live.settle();
	}

	/**
	 * Waits for writes that are under way, stops background work and gives everything back. More than once is no error.
	 *
	 * @example
	 * const rows = await open(':memory:', { dimension: 2 });
	 * await rows.close();
	 */
	async close(): Promise<void> {
		await this.core.close();
	}

	/** As `close`, for `await using`. */
	async [Symbol.asyncDispose](): Promise<void> {
		await this.close();
	}
}
