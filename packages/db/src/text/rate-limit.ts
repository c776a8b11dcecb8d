/**
 * Requests and tokens per minute, spent evenly: each request moves the time of the next by what it uses up, so that a long
 * run goes without bursts. Who waits, waits in order.
 */
import { sleep } from './wait.ts';

export class RateLimit {
	readonly #requestMs: number;
	readonly #tokenMs: number;
	/** When the next request may go, in milliseconds of performance.now(). */
	#next = 0;

	/** @param requestsPerMinute - Infinity for no limit. */
	constructor(requestsPerMinute: number, tokensPerMinute: number) {
		this.#requestMs = 60_000 / requestsPerMinute;
		this.#tokenMs = 60_000 / tokensPerMinute;
	}

	/** Waits until a request of about `tokens` tokens may go. */
	async take(tokens: number, signal: AbortSignal | undefined): Promise<void> {
		const now = performance.now();
		const start = Math.max(now, this.#next);
		this.#next = start + Math.max(this.#requestMs, tokens * this.#tokenMs);
		if (start > now) await sleep(start - now, signal);
	}

	/** Lets nothing go for `ms` milliseconds: the server asked for it. */
	pause(ms: number): void {
		this.#next = Math.max(this.#next, performance.now() + ms);
	}
}
