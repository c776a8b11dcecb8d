/** Vectors that a model made, kept in the collection by the hash of their text, so that no text is paid for twice. */

import type { EmbeddingStore } from '../text/embedder.ts';
import type { Store } from './store.ts';

export class EmbeddingTable implements EmbeddingStore {
	readonly #store: Store;

	constructor(store: Store) {
		this.#store = store;
	}

	/** @param d - Where it is known: vectors of another dimension are passed over. */
	getMany(space: string, hashes: readonly string[], d?: number): (Float32Array | undefined)[] {
		const statement = this.#store.reader.sql('SELECT vec FROM embeddings WHERE space = ? AND hash = ?');
		return hashes.map((hash) => {
			const vec = statement.get(space, fromHex(hash))?.['vec'];
			if (!(vec instanceof Uint8Array)) return undefined;
			const vector = new Float32Array(vec.slice().buffer);
			return d === undefined || vector.length === d ? vector : undefined;
		});
	}

	putMany(space: string, hashes: readonly string[], vectors: readonly Float32Array[]): void {
		this.#store.transaction(() => {
			const statement = this.#store.writer.sql('INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)');
			for (let i = 0; i < hashes.length; i++) {
				const { buffer, byteOffset, byteLength } = vectors[i]!;
				statement.run(space, fromHex(hashes[i]!), new Uint8Array(buffer, byteOffset, byteLength));
			}
		});
	}
}

function fromHex(text: string): Uint8Array {
	const bytes = new Uint8Array(text.length / 2);
	for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
	return bytes;
}
