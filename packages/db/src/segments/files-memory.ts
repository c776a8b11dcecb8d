/**
 * Segment and model files of a collection that is in memory alone.
 */

import { VecinoError } from 'vecino';
import type { SegmentFiles } from './contract.ts';

export class MemoryFiles implements SegmentFiles {
	readonly #files = new Map<string, Uint8Array>();

	path(): undefined {
		return undefined;
	}

	async write(name: string, chunks: Iterable<Uint8Array>): Promise<number> {
		const bytes = joined([...chunks]);
		this.#files.set(name, bytes);
		return bytes.length;
	}

	async read(name: string): Promise<Uint8Array> {
		const bytes = this.#files.get(name);
		if (bytes === undefined) throw new VecinoError('storage', `there is no segment file ${name} in memory`);
		return bytes;
	}

	async remove(name: string): Promise<void> {
		this.#files.delete(name);
	}

	async list(): Promise<string[]> {
		return [...this.#files.keys()];
	}

	async sweep(): Promise<void> {}
}

/** A copy of all chunks, one behind the other. */
function joined(chunks: readonly Uint8Array[]): Uint8Array {
	const out = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
	let at = 0;
	for (const chunk of chunks) {
		out.set(chunk, at);
		at += chunk.length;
	}
	return out;
}
