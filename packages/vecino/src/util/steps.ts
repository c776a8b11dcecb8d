/**
 * Long work as a generator: it yields its progress every few milliseconds, and a driver decides
 * whether to run through (sync) or to let the event loop breathe between slices (async).
 */

import { VecinoError } from '../errors.ts';

/** How far a piece of work has come. `total` is 0 when it is not known. */
export interface Progress {
	/** What is being done, in a word or two: 'k-means', 'add', 'search', ... */
	readonly phase: string;
	readonly done: number;
	readonly total: number;
}

/** Options of everything that can take long. */
export interface RunOptions {
	/** Stops the work at the next slice; a VecinoError with code 'aborted' is thrown and nothing is left half done. */
	readonly signal?: AbortSignal | undefined;
	readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Options of the async forms. */
export interface AsyncRunOptions extends RunOptions {
	/** Longest time in milliseconds between two turns of the event loop. Default: 12. */
	readonly sliceMs?: number | undefined;
}

export type Steps<T> = Generator<Progress, T, void>;

/** Throws a VecinoError 'aborted' when the signal has fired. */
export function checkAborted(signal: AbortSignal | undefined): void {
	if (!signal?.aborted) return;
	throw new VecinoError('aborted', 'the operation was aborted', { cause: signal.reason });
}

/** Runs to the end without giving way. */
export function runSync<T>(steps: Steps<T>, options: RunOptions = {}): T {
	try {
		for (;;) {
			checkAborted(options.signal);
			const step = steps.next();
			if (step.done) return step.value;
			options.onProgress?.(step.value);
		}
	} finally {
		steps.return(undefined as T);
	}
}

/** Runs to the end, giving way to the event loop at least every `sliceMs` milliseconds. */
export async function runAsync<T>(steps: Steps<T>, options: AsyncRunOptions = {}): Promise<T> {
	const sliceMs = options.sliceMs ?? 12;
	try {
		let sliceEnd = performance.now() + sliceMs;
		for (;;) {
			checkAborted(options.signal);
			const step = steps.next();
			if (step.done) return step.value;
			options.onProgress?.(step.value);
			if (performance.now() < sliceEnd) continue;
			await new Promise((resolve) => setTimeout(resolve, 0));
			sliceEnd = performance.now() + sliceMs;
		}
	} finally {
		steps.return(undefined as T);
	}
}
