/** Texts to vectors: the embedder of a collection, the model that is recorded, and what a fitted embedder has learnt. */

import { VecinoError } from 'vecino';
import { type Embedder, isFittedEmbedder } from '../text/embedder.ts';
import type { Core } from './core.ts';

export class Texts {
	readonly #core: Core;
	readonly #embedder: Embedder | undefined;

	constructor(core: Core, embedder: Embedder | undefined, _cache: boolean) {
		this.#core = core;
		this.#embedder = embedder;
	}

	/** Version of the embedder that vectors are made with now. */
	get version(): number {
		return this.#embedder !== undefined && isFittedEmbedder(this.#embedder) ? this.#embedder.version : 0;
	}

	/** Takes over the state that is kept of a fitted embedder. */
	load(): void {}

	stop(): void {}

	/** Vectors of texts that are kept. @param kind - Whether they are searched for or with. */
	async embed(
		where: string,
		texts: readonly string[],
		kind: 'query' | 'document',
		signal?: AbortSignal,
	): Promise<Float32Array[]> {
		const embedder = this.#need(where);
		const vectors = await embedder.embed(texts, { kind, signal });
		if (vectors.length !== texts.length) {
			throw new VecinoError(
				'embedder',
				`${where}: ${embedder.model} gave ${vectors.length} vectors for ${texts.length} texts`,
				{ expected: texts.length, found: vectors.length },
			);
		}
		return vectors;
	}

	#need(where: string): Embedder {
		if (this.#embedder !== undefined) return this.#embedder;
		const { model } = this.#core.settings;
		const with_ = model === undefined ? '' : ` for ${model}, which its texts were embedded with`;
		throw new VecinoError(
			'embedder',
			`${where}: a text needs an embedder, and the collection was opened without one. Open it with an embedder${with_}, or give vectors`,
		);
	}
}
