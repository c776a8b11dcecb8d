/** Headlines as vectors: what a text search with cells does. Kept beside the vectors that the other tabs look at. */

import { type Engine, exactNeighbors, type IndexIVF, indexFactory, VectorSet } from 'vecino';
// Parts of @vecino/db that need no database, so that none comes into the page.
import { HEADLINES } from '../../../../packages/db/src/text/headlines.ts';
import { offlineEmbedder } from '../../../../packages/db/src/text/offline/offline.ts';
import { fitPlane, type Plane, project } from '../compute/plane.ts';
import type { TextAnswer, TextInfo, TextRequest } from '../protocol.ts';

/** As many cells as there are genres. */
const NLIST = 8;
const DIMENSION = 256;
/** Words that name a cell. */
const WORDS = 3;

export class TextLab implements Disposable {
	readonly #embedder = offlineEmbedder({ dimension: DIMENSION });
	readonly #engine: Engine;
	#index: IndexIVF | undefined;
	#x = new VectorSet(new Float32Array(0), DIMENSION);
	#plane: Plane | undefined;
	#places = new Float32Array(0);

	constructor(engine: Engine) {
		this.#engine = engine;
	}

	[Symbol.dispose](): void {
		this.#index?.[Symbol.dispose]();
		this.#index = undefined;
	}

	/** Vectors of texts, layout (texts, 256), each of length 1. */
	async embed(texts: readonly string[]): Promise<Float32Array<ArrayBuffer>> {
		const out = new Float32Array(texts.length * DIMENSION);
		(await this.#embedder.embed(texts)).forEach((vector, i) => {
			out.set(vector, i * DIMENSION);
		});
		return out;
	}

	/** Embeds the headlines and builds an index over them. */
	async open(): Promise<TextInfo> {
		const texts = HEADLINES.map(({ headline }) => headline);
		if (this.#index === undefined) {
			await this.#embedder.fit(texts);
			this.#x = new VectorSet(await this.embed(texts), DIMENSION);
			const index = indexFactory(DIMENSION, `IVF${NLIST},Flat`, { metric: 'cosine', engine: this.#engine }) as IndexIVF;
			this.#index = index.train(this.#x).add(this.#x);
			this.#plane = fitPlane(this.#x);
			this.#places = project(this.#x, this.#plane);
		}
		const cellOf = this.#index.assign(this.#x);
		return {
			headlines: HEADLINES,
			points: this.#places,
			cellOf,
			centroids: project(new VectorSet(this.#index.centroids, DIMENSION), this.#plane!),
			topics: Array.from({ length: NLIST }, (_, cell) => topicOf(texts, cellOf, cell)),
		};
	}

	async search({ text, k, nprobe }: TextRequest): Promise<TextAnswer> {
		const index = this.#index;
		if (index === undefined) throw new RangeError('the headlines are not open');
		const start = performance.now();
		const query = await this.embed([text]);
		const embedded = performance.now();
		const found = index.search(query, k, { nprobe }).hits();
		const searched = performance.now();
		const truth = exactNeighbors(this.#x, query, k, { metric: 'cosine', engine: this.#engine }).hits();
		const place = project(new VectorSet(query, DIMENSION), this.#plane!);
		return {
			x: place[0]!,
			y: place[1]!,
			cells: Uint32Array.from(index.rankCells(query, nprobe).labels),
			// A text that shares nothing with a headline is as near to it as to any other.
			found: found.filter(({ distance }) => distance > 0),
			truth: truth.filter(({ distance }) => distance > 0),
			embedMs: embedded - start,
			searchMs: searched - embedded,
		};
	}
}

/** The words that are commoner in a cell than elsewhere. */
function topicOf(texts: readonly string[], cellOf: Uint32Array, cell: number): string {
	const inside = new Map<string, number>();
	const all = new Map<string, number>();
	texts.forEach((text, row) => {
		for (const word of new Set(text.toLowerCase().match(/[a-z]{4,}/g) ?? [])) {
			all.set(word, (all.get(word) ?? 0) + 1);
			if (cellOf[row] === cell) inside.set(word, (inside.get(word) ?? 0) + 1);
		}
	});
	const score = (word: string): number => inside.get(word)! ** 2 / all.get(word)!;
	return [...inside.keys()]
		.filter((word) => inside.get(word)! > 1)
		.sort((a, b) => score(b) - score(a) || (a < b ? -1 : 1))
		.slice(0, WORDS)
		.join(', ');
}
