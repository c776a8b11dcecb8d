/** Vectors that a model made, kept in the collection by the hash of their text, so that no text is paid for twice. */

import type { EmbeddingStore } from '../text/embedder.ts';
import type { Store } from './store.ts';

export class EmbeddingTable implements EmbeddingStore {
	readonly #store: Store;

	constructor(store: Store) {
		this.#store = store;
	}

	getMany(space: string, hashes: readonly string[]): (Float32Array | undefined)[] {
		const statement = this.#store.reader.sql('SELECT vec FROM embeddings WHERE space = ? AND hash = ?');
		return hashes.map((hash) => {
			const vec = statement.get(space, fromHex(hash))?.['vec'];
			// A copy: floats have to begin at a multiple of 4.
			return vec instanceof Uint8Array ? new Float32Array(Uint8Array.from(vec).buffer) : undefined;
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
