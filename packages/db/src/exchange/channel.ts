/**
 * Hands values from one async function to another that iterates over them, a few at a time.
 */

/** Values that wait at most. */
const CAPACITY = 4;

export class Channel<T> implements AsyncIterable<T> {
	readonly #values: T[] = [];
	#ended = false;
	#stopped = false;
	#failure: { readonly error: unknown } | undefined;
	#wake: () => void = () => {};
	#drained: () => void = () => {};

	/** Resolves when there is room for another; false when nobody takes any more. */
	async push(value: T): Promise<boolean> {
		this.#values.push(value);
		this.#wake();
		while (this.#values.length >= CAPACITY && !this.#stopped) {
			await new Promise<void>((resolve) => {
				this.#drained = resolve;
			});
		}
		return !this.#stopped;
	}

	/** No more values come. */
	end(): void {
		this.#ended = true;
		this.#wake();
	}

	/** No more values come, and whoever takes them is to fail with this. */
	fail(error: unknown): void {
		this.#failure = { error };
		this.#wake();
	}

	async *[Symbol.asyncIterator](): AsyncGenerator<T> {
		try {
			for (;;) {
				if (this.#failure !== undefined) throw this.#failure.error;
				if (this.#values.length > 0) {
					const value = this.#values.shift()!;
					this.#drained();
					yield value;
				} else if (this.#ended) {
					return;
				} else {
					await new Promise<void>((resolve) => {
						this.#wake = resolve;
					});
				}
			}
		} finally {
			this.#stopped = true;
			this.#drained();
		}
	}
}
