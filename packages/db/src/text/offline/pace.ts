/**
 * Long work in slices: asks the clock, and lets the event loop turn when a slice is over.
 *
 *     if (pace.due()) await pace.rest('count', done, total);
 */
import type { FitProgress } from '../embedder.ts';
import { checkAborted } from '../wait.ts';

/** Who may stop the work, and who wants to know of it. */
export interface PaceOptions {
	readonly signal?: AbortSignal | undefined;
	readonly onProgress?: ((progress: FitProgress) => void) | undefined;
	readonly sliceMs?: number | undefined;
}

export class Pace {
	readonly #options: PaceOptions;
	readonly #sliceMs: number;
	#end: number;

	constructor(options: PaceOptions = {}) {
		this.#options = options;
		this.#sliceMs = options.sliceMs ?? 8;
		this.#end = performance.now() + this.#sliceMs;
		checkAborted(options.signal);
	}

	/** Whether the slice is over. */
	due(): boolean {
		return performance.now() >= this.#end;
	}

	/** Lets the event loop turn once; throws VecinoError 'aborted' when the signal fired. */
	async rest(phase: string, done: number, total: number): Promise<void> {
		this.#options.onProgress?.({ phase, done, total });
		await new Promise((resolve) => setTimeout(resolve, 0));
		checkAborted(this.#options.signal);
		this.#end = performance.now() + this.#sliceMs;
	}
}
