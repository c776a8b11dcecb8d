/**
 * Vectors that were paid for are kept: an embedder around an embedder and a store. Equal texts of one call, or of
 * several at the same time, are embedded once. Each batch is stored as soon as it is answered, so that an abort or a failure later loses nothing.
 *
 * A vector is found again by (space, hash): what changes the vectors of a model (dimension, prefixes; `cacheKey`) and, where
 * the model tells them apart, the kind; and SHA-256 of the text.
 */
import { VecinoError } from 'vecino';
import { checkTexts, show } from '../check.ts';
import {
	type Embedder,
	type EmbeddingStore,
	type EmbedOptions,
	type EmbedUsage,
	isFittedEmbedder,
} from './embedder.ts';
import { Pace } from './offline/pace.ts';
import { sha256 } from './sha256.ts';
import { abortable } from './wait.ts';

/** Hashes that the store is asked for at a time. */
const STORE_BATCH = 1024;

/**
 * An embedder that asks `embedder` only for texts that `store` does not know. An embedder that learns from a collection
 * costs nothing, and comes back as it is.
 *
 * @example
 * const paid = openAIEmbedder({ model: 'text-embedding-3-small', apiKey: 'key' });
 * const embedder = cachedEmbedder(paid, memoryEmbeddingStore());
 * console.log(embedder.model); // openai/text-embedding-3-small
 */
export function cachedEmbedder(embedder: Embedder, store: EmbeddingStore): Embedder {
	const where = 'cachedEmbedder';
	if (typeof embedder?.embed !== 'function') {
		throw new TypeError(`${where}: embedder must be an Embedder, got ${show(embedder)}`);
	}
	if (typeof store?.getMany !== 'function' || typeof store.putMany !== 'function') {
		throw new TypeError(`${where}: store must have getMany and putMany, got ${show(store)}`);
	}
	return isFittedEmbedder(embedder) ? embedder : new CachedEmbedder(embedder, store);
}

/**
 * A store in memory, for one run.
 *
 * @example
 * const store = memoryEmbeddingStore();
 * await store.putMany('model', ['00'], [Float32Array.of(1, 2)]);
 * console.log(await store.getMany('model', ['00', '01'])); // [ Float32Array(2) [ 1, 2 ], undefined ]
 */
export function memoryEmbeddingStore(): EmbeddingStore {
	const spaces = new Map<string, Map<string, Float32Array>>();
	return {
		getMany: (space, hashes) => hashes.map((hash) => spaces.get(space)?.get(hash)?.slice()),
		putMany: (space, hashes, vectors) => {
			const known = spaces.get(space) ?? new Map<string, Float32Array>();
			spaces.set(space, known);
			for (const [i, hash] of hashes.entries()) known.set(hash, vectors[i]!.slice());
		},
	};
}

/** One call of `embed`. */
interface Call {
	readonly space: string;
	readonly options: EmbedOptions;
	readonly textOf: (hash: string) => string;
	/** Gives a vector to the rows that have the hash. */
	readonly take: (hash: string, vector: Float32Array) => Promise<void>;
	/** Tells how far it has come. */
	readonly report: () => void;
	/** Rows that have a vector. */
	readonly done: () => number;
}

class CachedEmbedder implements Embedder {
	readonly #embedder: Embedder;
	readonly #store: EmbeddingStore;
	/** Settles when the call that looks for (space; hash) is done with it. */
	readonly #underWay = new Map<string, Promise<void>>();
	#dimension: number | undefined;
	#cached = 0;

	constructor(embedder: Embedder, store: EmbeddingStore) {
		this.#embedder = embedder;
		this.#store = store;
	}

	get model(): string {
		return this.#embedder.model;
	}

	get dimension(): number | undefined {
		return this.#embedder.dimension ?? this.#dimension;
	}

	get distinguishesKinds(): boolean | undefined {
		return this.#embedder.distinguishesKinds;
	}

	get cacheKey(): string {
		return this.#embedder.cacheKey ?? this.#embedder.model;
	}

	get usage(): EmbedUsage {
		const none = { texts: 0, requests: 0, tokens: 0, cost: undefined, cached: 0, retries: 0 };
		const usage = this.#embedder.usage ?? none;
		return { ...usage, cached: usage.cached + this.#cached };
	}

	async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
		checkTexts('Embedder.embed', texts);
		const { kind = 'document', onProgress, onVectors, signal } = options;
		const pace = new Pace({ signal });
		const space = this.distinguishesKinds ? `${this.cacheKey};${kind}` : this.cacheKey;
		/** Rows of each different text. */
		const rows = new Map<string, number[]>();
		for (const [row, text] of texts.entries()) {
			if (pace.due()) await pace.rest('hash', row, texts.length);
			const hash = sha256(text);
			const alike = rows.get(hash);
			if (alike === undefined) rows.set(hash, [row]);
			else alike.push(row);
		}
		const vectors = new Array<Float32Array>(texts.length);
		let done = 0;
		const call: Call = {
			space,
			options,
			textOf: (hash) => texts[rows.get(hash)![0]!]!,
			take: async (hash, vector) => {
				this.#checkDimension(vector.length);
				for (const row of rows.get(hash)!) {
					vectors[row] = vector.slice();
					done++;
					await onVectors?.(row, [vectors[row]]);
				}
			},
			report: () => onProgress?.({ done, total: texts.length }),
			done: () => done,
		};
		// What another call has under way is waited for, and asked for only if that call failed.
		for (let open = [...rows.keys()]; open.length > 0; ) {
			const theirs = open.filter((hash) => this.#underWay.has(`${space};${hash}`));
			const ours = open.filter((hash) => !this.#underWay.has(`${space};${hash}`));
			const turns = new Set(theirs.map((hash) => this.#underWay.get(`${space};${hash}`)!));
			await this.#resolve(call, ours);
			await abortable(Promise.all(turns), signal);
			open = theirs;
		}
		return vectors;
	}

	/** From the store, else from the embedder; meanwhile no other call looks for these. */
	async #resolve(call: Call, hashes: readonly string[]): Promise<void> {
		let finish = (): void => {};
		const turn = new Promise<void>((resolve) => {
			finish = resolve;
		});
		for (const hash of hashes) this.#underWay.set(`${call.space};${hash}`, turn);
		try {
			const before = call.done();
			const missing = await this.#fromStore(call.space, hashes, call.take);
			this.#cached += call.done() - before;
			if (call.done() > before) call.report();
			if (missing.length > 0) await this.#ask(call, missing);
		} finally {
			for (const hash of hashes) this.#underWay.delete(`${call.space};${hash}`);
			finish();
		}
	}

	async #ask({ space, options, textOf, take, report }: Call, missing: readonly string[]): Promise<void> {
		const stored = new Set<string>();
		const keep = async (start: number, found: readonly Float32Array[]): Promise<void> => {
			const hashes = missing.slice(start, start + found.length);
			await this.#store.putMany(space, hashes, found);
			for (const [i, hash] of hashes.entries()) {
				stored.add(hash);
				await take(hash, found[i]!);
			}
			report();
		};
		const found = await this.#embedder.embed(missing.map(textOf), {
			...options,
			onProgress: undefined,
			onVectors: keep,
		});
		// Of embedders that do not tell as they go.
		if (stored.size < missing.length) await this.#keepLate(missing, found, stored, keep);
	}

	#checkDimension(found: number): void {
		const expected = this.dimension ?? found;
		this.#dimension ??= found;
		if (found === expected) return;
		const message = `cachedEmbedder: ${this.model} gives vectors of dimension ${found}, the store has some of ${expected}; was the model changed? Use another store`;
		throw new VecinoError('embedder', message, { expected, found });
	}

	/** Takes what the store has; the hashes that it has not. */
	async #fromStore(
		space: string,
		hashes: readonly string[],
		take: (hash: string, vector: Float32Array) => Promise<void>,
	): Promise<string[]> {
		const missing: string[] = [];
		for (let start = 0; start < hashes.length; start += STORE_BATCH) {
			const batch = hashes.slice(start, start + STORE_BATCH);
			const known = await this.#store.getMany(space, batch);
			for (const [i, hash] of batch.entries()) {
				const vector = known[i];
				// A vector of another dimension is of another model by the same name.
				if (vector === undefined || vector.length !== (this.dimension ?? vector.length)) missing.push(hash);
				else await take(hash, vector);
			}
		}
		return missing;
	}

	async #keepLate(
		missing: readonly string[],
		found: readonly Float32Array[],
		stored: ReadonlySet<string>,
		keep: (start: number, vectors: readonly Float32Array[]) => Promise<void>,
	): Promise<void> {
		for (let start = 0; start < missing.length; start++) {
			if (stored.has(missing[start]!)) continue;
			let end = start + 1;
			while (end < missing.length && !stored.has(missing[end]!)) end++;
			await keep(start, found.slice(start, end));
		}
	}
}
