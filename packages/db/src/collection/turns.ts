/** Work that waits for other work: writes one after another, and long work that lets the event loop turn. */

/** Runs asynchronous work one piece after another, in the order in which it was asked for. */
export class Turns {
	#last: Promise<unknown> = Promise.resolve();

	/** Runs `work` when everything that was asked for earlier has ended, well or not. */
	take<T>(work: () => T | Promise<T>): Promise<T> {
		const turn = this.#last.then(work);
		this.#last = turn.catch(() => undefined);
		return turn;
	}

	/** Settles when everything has ended. */
	async idle(): Promise<void> {
		let seen: unknown;
		while (seen !== this.#last) {
			seen = this.#last;
			await seen;
		}
	}
}

/** Says when a slice of time is used up. */
export class Slice {
	readonly #ms: number;
	#until: number;

	constructor(ms = 8) {
		this.#ms = ms;
		this.#until = performance.now() + ms;
	}

	get isOver(): boolean {
		return performance.now() >= this.#until;
	}

	/** Lets timers, input and output have their turn, and begins another slice. */
	async next(): Promise<void> {
		await new Promise<void>((resolve) =>
			typeof setImmediate === 'function' ? setImmediate(resolve) : setTimeout(resolve, 0),
		);
		this.#until = performance.now() + this.#ms;
	}
}
