/**
 * Texts to vectors: the embedder of a collection, the model that is recorded, and what a fitted embedder has learnt.
 *
 * A fitted embedder is cloned, because what it learns belongs to one collection, and the clone that queries are made with
 * is never fitted itself: refit.ts fits another and puts it in its place together with the vectors that it made.
 */

import { VecinoError } from 'vecino';
import { EmbeddingTable } from '../rows/embedding-table.ts';
import { type Embedder, type FittedEmbedder, isFittedEmbedder } from '../text/embedder.ts';
import type { Core } from './core.ts';

export class Texts {
	readonly #core: Core;
	readonly #given: Embedder | undefined;
	readonly #cache: EmbeddingTable | undefined;
	#embedder: Embedder | undefined;

	constructor(core: Core, embedder: Embedder | undefined, cache: boolean) {
		this.#core = core;
		this.#given = embedder;
		this.#embedder = embedder;
		this.#cache = cache && !core.readOnly ? new EmbeddingTable(core.store) : undefined;
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
		this.#embedder = own;
	}

	/** Puts an embedder that has learnt more in the place of the one there is. */
	replace(embedder: FittedEmbedder): void {
		this.#embedder = embedder;
	}

	/** Vectors of texts that are kept, and the version of the embedder that made them. */
	async embedDocuments(
		where: string,
		texts: readonly string[],
		signal?: AbortSignal,
	): Promise<{ readonly vectors: readonly Float32Array[]; readonly version: number }> {
		const embedder = this.#need(where);
		this.#checkModel(where, embedder);
		const version = this.version;
		const cached = this.#cache !== undefined && this.fitted === undefined;
		const vectors = cached
			? await this.#embedCached(where, embedder, this.#cache, texts, signal)
			: await embed(where, embedder, texts, 'document', signal);
		return { vectors, version };
	}

	/** The vector of a text that is searched with. */
	async embedQuery(where: string, text: string, signal?: AbortSignal): Promise<Float32Array> {
		const embedder = this.#need(where);
		const [vector] = await embed(where, embedder, [text], 'query', signal);
		return vector!;
	}

	/** Asks the model for texts only that the cache does not know. */
	async #embedCached(
		where: string,
		embedder: Embedder,
		cache: EmbeddingTable,
		texts: readonly string[],
		signal: AbortSignal | undefined,
	): Promise<readonly Float32Array[]> {
		const { dimension } = this.#core.settings;
		const space = `${embedder.cacheKey ?? embedder.model}/document`;
		const hashes = await Promise.all(texts.map(hashOf));
		const known = cache.getMany(space, hashes, dimension);
		const missing = new Map<string, string>();
		for (let i = 0; i < texts.length; i++) if (known[i] === undefined) missing.set(hashes[i]!, texts[i]!);
		if (missing.size === 0) return known as Float32Array[];
		const made = await embed(where, embedder, [...missing.values()], 'document', signal);
		const fresh = new Map([...missing.keys()].map((hash, i) => [hash, made[i]!]));
		await this.#core.turns.take(() => cache.putMany(space, [...fresh.keys()], [...fresh.values()]));
		return known.map((vector, i) => vector ?? fresh.get(hashes[i]!)!);
	}

	/** Records the model with the first texts, and refuses another one. */
	#checkModel(where: string, embedder: Embedder): void {
		const { settings, store } = this.#core;
		if (settings.model === embedder.model) return;
		if (settings.model !== undefined) {
			throw new VecinoError(
				'embedder',
				`${where}: texts were embedded with ${settings.model}, not with ${embedder.model}`,
				{
					expected: settings.model,
					found: embedder.model,
				},
			);
		}
		store.transaction(() => store.setInfo('model', embedder.model));
		settings.model = embedder.model;
	}

	#need(where: string): Embedder {
		if (this.#embedder !== undefined) return this.#embedder;
		const { model } = this.#core.settings;
		const which = model === undefined ? '' : ` for ${model}, which its texts were embedded with`;
		throw new VecinoError(
			'embedder',
			`${where}: a text needs an embedder, and the collection was opened without one. Open it with an embedder${which}, or give vectors`,
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
	throw new VecinoError(
		'embedder',
		`${where}: ${embedder.model} gave ${vectors.length} vectors for ${texts.length} texts`,
		{ expected: texts.length, found: vectors.length },
	);
}

/** SHA-256 of the UTF-8 bytes, as 64 hexadecimal digits. */
async function hashOf(text: string): Promise<string> {
	const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
	return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
