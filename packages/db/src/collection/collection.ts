/** A collection: what `open` gives. */

import type { Schema } from '../types.ts';
import { Writing } from './writing.ts';

/** Vectors and texts with ids and metadata, in a folder or in memory. Made by `open`. */
export class Collection<S extends Schema | undefined = Schema | undefined>
	extends Writing<S>
	implements AsyncDisposable
{
	/** Waits for writes that are under way, stops background work and gives everything back. More than once is no error. */
	async close(): Promise<void> {
		await this.core.close();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close();
	}
}
