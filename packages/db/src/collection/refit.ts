/**
 * Fitting the embedder of a collection again when it has grown, and with it all vectors that it made.
 *
 * Vectors of two versions cannot be compared, so no query may see both. The new ones are made beside the old ones, in a
 * table of their own, in short turns between which writes and queries go on with the old version. Then one transaction
 * puts the table in the place of the old one, empties the manifest and keeps the state of the embedder; queries go on with
 * the old index, which is in memory, until the new one has taken in the new vectors, and both change places in one tick.
 * A crash before that transaction leaves a table that the next fit empties, a crash after it nothing to be done.
 */

import { throwIfAborted } from '../check.ts';
import type { FittedEmbedder } from '../text/embedder.ts';
import type { Core } from './core.ts';
import { Slice } from './turns.ts';

/** Fewer texts teach little. */
const FIRST_FIT = 200;
const GROWTH = 4;

/** Texts embedded at a time. */
const STEP = 256;

/** How a fit goes on. */
export interface RefitOptions {
	readonly signal?: AbortSignal | undefined;
	readonly onProgress?:
		| ((progress: { readonly phase: string; readonly done: number; readonly total: number }) => void)
		| undefined;
}

/** Whether there are so many texts more than at the last fit that another would find more. */
export function isRefitDue(core: Core, growth: number = GROWTH): boolean {
	if (core.readOnly || core.texts.fitted === undefined || core.vectors === undefined) return false;
	const { made, rows } = core.store.counters;
	if (made < FIRST_FIT || made < growth * textsAtLastFit(core)) return false;
	// Vectors that were given could not be brought along.
	return core.vectors.rows.keepsOriginals || made === rows;
}

/** Fits the embedder and embeds all texts again. Only one at a time. */
export async function refit(core: Core, options: RefitOptions = {}): Promise<void> {
	const fitted = core.texts.fitted!;
	const next = fitted.clone();
	const texts = core.store.counters.made;
	await next.fit(textsOf(core), options);
	const staging = new Staging(core, next, options);
	try {
		await staging.begin();
		await staging.fill();
		await core.turns.take(() => staging.replace(texts));
	} finally {
		await staging.end();
	}
}

function textsAtLastFit(core: Core): number {
	return Number(core.store.reader.sql('SELECT texts FROM embedder').get()?.['texts'] ?? 0);
}

async function* textsOf(core: Core): AsyncGenerator<string, void, undefined> {
	const slice = new Slice();
	for (let after = 0; ; ) {
		const docs = core.docs.madeAfter(after, STEP);
		if (docs.length === 0) return;
		after = docs.at(-1)!.rid;
		for (const { text } of docs) yield text;
		if (slice.isOver) await slice.next();
	}
}

class Staging {
	readonly #core: Core;
	readonly #embedder: FittedEmbedder;
	readonly #options: RefitOptions;
	/** Texts up to this rid are done. */
	#upTo = 0;
	#done = 0;

	constructor(core: Core, embedder: FittedEmbedder, options: RefitOptions) {
		this.#core = core;
		this.#embedder = embedder;
		this.#options = options;
	}

	begin(): Promise<void> {
		const { store, writer, turns } = this.#core;
		return turns.take(() => {
			store.transaction(() => {
				store.writer.db.exec('DROP TABLE IF EXISTS vectors_next');
				store.writer.db.exec('CREATE TABLE vectors_next (rid INTEGER PRIMARY KEY, vec BLOB NOT NULL)');
			});
			writer.isStaging = true;
		});
	}

	/** Embeds all texts but the last few, while writes go on. */
	async fill(): Promise<void> {
		const { turns, store } = this.#core;
		while (store.counters.lastRid - this.#upTo > STEP || this.#upTo === 0) {
			throwIfAborted('Collection.optimize', this.#options.signal);
			const made = await this.#embedNext();
			if (made === undefined) return;
			await turns.take(() => this.#keep(made));
			this.#options.onProgress?.({ phase: 'embed', done: this.#done, total: store.counters.made });
			await new Slice().next();
		}
	}

	/** In a turn: embeds what is left, and changes places. @param texts - How many the embedder was fitted on. */
	async replace(texts: number): Promise<void> {
		const core = this.#core;
		core.checkOpen('Collection.optimize');
		for (let made = await this.#embedNext(); made !== undefined; made = await this.#embedNext()) this.#keep(made);
		const { store } = core;
		const { rows, live } = core.vectors!;
		const generation = core.generation + 1;
		const sql = (text: string): void => store.writer.db.exec(text);
		store.transaction(() => {
			sql(
				'INSERT INTO vectors_next SELECT v.rid, v.vec FROM vectors v JOIN docs d ON d.rid = v.rid WHERE d.made IS NULL',
			);
			sql('DROP TABLE vectors');
			sql('ALTER TABLE vectors_next RENAME TO vectors');
			sql('DELETE FROM segments');
			sql('DELETE FROM models');
			sql('DELETE FROM dead');
			store.draft.sealedUpTo = 0;
			store.draft.epoch++;
			store.setInfo('generation', generation);
			store.writer
				.sql('INSERT OR REPLACE INTO embedder VALUES (1, ?, ?, ?)')
				.run(this.#embedder.version, texts, this.#embedder.save());
		});
		core.writer.isStaging = false;
		rows.retire();
		const side = await core.openVectors(rows.d);
		core.texts.replace(this.#embedder);
		core.replaceVectors(side, generation);
		await live.close();
	}

	end(): Promise<void> {
		const { store, writer, turns } = this.#core;
		return turns.take(() => {
			if (!writer.isStaging) return;
			writer.isStaging = false;
			store.transaction(() => store.writer.db.exec('DROP TABLE vectors_next'));
		});
	}

	async #embedNext(): Promise<
		{ readonly rids: readonly number[]; readonly vectors: readonly Float32Array[] } | undefined
	> {
		const docs = this.#core.docs.madeAfter(this.#upTo, STEP);
		if (docs.length === 0) return undefined;
		const vectors = await this.#embedder.embed(
			docs.map(({ text }) => text),
			{ kind: 'document', signal: this.#options.signal },
		);
		return { rids: docs.map(({ rid }) => rid), vectors };
	}

	/** Keeps vectors of rows that are there still. */
	#keep({ rids, vectors }: { readonly rids: readonly number[]; readonly vectors: readonly Float32Array[] }): void {
		const { store, vectors: side } = this.#core;
		const { codec } = side!.rows;
		store.transaction(() => {
			const put = store.writer.sql(
				'INSERT INTO vectors_next SELECT ?, ? WHERE EXISTS (SELECT 1 FROM docs WHERE rid = ?)',
			);
			for (let i = 0; i < rids.length; i++) put.run(rids[i]!, codec.encode(vectors[i]!), rids[i]!);
		});
		this.#upTo = rids.at(-1)!;
		this.#done += rids.length;
	}
}
