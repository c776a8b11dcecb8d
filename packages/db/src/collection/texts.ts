/**
 * Texts to vectors: the embedder of a collection, the model that is recorded, and what a fitted embedder has learnt.
 *
 * A fitted embedder is cloned, because what it learns belongs to one collection, and the clone that queries are made with
 * is never fitted itself: refit.ts fits another and puts it in its place together with the vectors that it made.
 */

import { VecinoError } from 'vecino';
import { EmbeddingTable } from '../rows/embedding-table.ts';
import { cachedEmbedder } from '../text/cache.ts';
import { type Embedder, type FittedEmbedder, isFittedEmbedder } from '../text/embedder.ts';
import type { Core } from './core.ts';

/** Queries whose vectors are kept in memory. */
const RECENT = 64;

/** Vectors of texts, and the version of the embedder that made them. */
export interface MadeVectors {
	readonly vectors: readonly Float32Array[];
	readonly version: number;
}

export class Texts {
	readonly #core: Core;
	readonly #given: Embedder | undefined;
	/** Makes the vectors of queries. */
	#embedder: Embedder | undefined;
	/** Makes the vectors that are kept: the same, behind the cache where there is one. */
	#documents: Embedder | undefined;
	/** Vectors of the latest queries, oldest first. */
	#recent = new Map<string, Float32Array>();

	constructor(core: Core, embedder: Embedder | undefined, cache: boolean) {
		this.#core = core;
		this.#given = embedder;
		this.#embedder = embedder;
		this.#documents = embedder;
		if (embedder === undefined || !cache || core.readOnly) return;
		const table = new EmbeddingTable(core.store);
		this.#documents = cachedEmbedder(embedder, {
			getMany: (space, hashes) => table.getMany(space, hashes),
			putMany: (space, hashes, vectors) => core.turns.take(() => table.putMany(space, hashes, vectors)),
		});
	}

	/** The embedder that learns, if it is one. */
	get fitted(): FittedEmbedder | undefined {
		const embedder = this.#embedder;
		return embedder !== undefined && isFittedEmbedder(embedder) ? embedder : undefined;
	}

	/** Version of the embedder that vectors are made with now. */
	get version(): number {
		return this.fitted?.version ?? 0;
	}

	/** Takes over the state that is kept of a fitted embedder. */
	load(): void {
		const given = this.#given;
		if (given === undefined || !isFittedEmbedder(given)) return;
		const own = given.clone();
		const state = this.#core.store.reader.sql('SELECT state FROM embedder').get()?.['state'];
		if (state instanceof Uint8Array) own.load(state);
		this.replace(own);
	}

	/** Puts an embedder that has learnt more in the place of the one there is. */
	replace(embedder: FittedEmbedder): void {
		this.#embedder = embedder;
		this.#documents = embedder;
		this.#recent.clear();
	}

	/** Vectors of texts that are kept. */
	async embedDocuments(where: string, texts: readonly string[], signal?: AbortSignal): Promise<MadeVectors> {
		const embedder = this.#need(where, this.#documents);
		const { version } = this;
		return { vectors: await embed(where, embedder, texts, 'document', signal), version };
	}

	/** The vector of a text that is searched with. */
	async embedQuery(where: string, text: string, signal?: AbortSignal): Promise<Float32Array> {
		const embedder = this.#need(where, this.#embedder);
		const known = this.#recent.get(text);
		if (known !== undefined) return known;
		const [vector] = await embed(where, embedder, [text], 'query', signal);
		if (embedder !== this.#embedder) return vector!;
		this.#recent.set(text, vector!);
		if (this.#recent.size > RECENT) this.#recent.delete(this.#recent.keys().next().value!);
		return vector!;
	}

	/** Within a turn: records the model with the first texts; throws where another model has made vectors. */
	recordModel(where: string): void {
		const { settings, store } = this.#core;
		const model = this.#given?.model;
		if (model === undefined || settings.model === model) return;
		if (settings.model !== undefined) {
			throw new VecinoError('embedder', `${where}: texts were embedded with ${settings.model}, not with ${model}`, {
				expected: settings.model,
				found: model,
			});
		}
		store.transaction(() => store.setInfo('model', model));
		settings.model = model;
	}

	#need(where: string, embedder: Embedder | undefined): Embedder {
		if (embedder !== undefined) return embedder;
		const { model } = this.#core.settings;
		const which = model === undefined ? '' : ` for ${model}, which its texts were embedded with`;
		throw new VecinoError(
			'embedder',
			`${where}: a text needs an embedder, and the collection was opened without one. Open it with an embedder${which}, give vectors, or search by words alone with hybrid: 'words'`,
			model === undefined ? {} : { expected: model },
		);
	}
}

async function embed(
	where: string,
	embedder: Embedder,
	texts: readonly string[],
	kind: 'query' | 'document',
	signal: AbortSignal | undefined,
): Promise<Float32Array[]> {
	const vectors = await embedder.embed(texts, { kind, signal });
	if (vectors.length === texts.length) return vectors;
	const message = `${where}: ${embedder.model} gave ${vectors.length} vectors for ${texts.length} texts`;
	throw new VecinoError('embedder', message, { expected: texts.length, found: vectors.length });
}
