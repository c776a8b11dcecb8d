/**
 * Long work as a generator: it yields its progress every few milliseconds, and a driver decides
 * whether to run through (sync) or to let the event loop breathe between slices (async). Work that can be
 * shared out is yielded as a Parallel step, which the async driver gives to other threads where there are any.
 */

import { VecinoError } from '../errors.ts';

/** How far a piece of work has come. `total` is 0 when it is not known. */
export interface Progress {
	/** What is being done, in a word or two: 'k-means', 'add', 'search', ... */
	readonly phase: string;
	/** How much is done, in the units of `total`. */
	readonly done: number;
	/** How much there is to do; 0 when it is not known. */
	readonly total: number;
}

/** Options of everything that can take long. */
export interface RunOptions {
	/** Stops the work at the next slice; a VecinoError with code 'aborted' is thrown and nothing is left half done. */
	readonly signal?: AbortSignal | undefined;
	/** Called as the work goes on, every few milliseconds. */
	readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Options of the async forms. */
export interface AsyncRunOptions extends RunOptions {
	/** Longest time in milliseconds between two turns of the event loop. Default: 12. */
	readonly sliceMs?: number | undefined;
}

/**
 * Pieces of work that do not depend on each other: they read and write different memory, and may run in any order or at
 * the same time. The generator goes on when all are done.
 */
export interface Parallel {
	readonly parallel: {
		readonly count: number;
		/** Runs piece i on this thread. */
		runHere(i: number): void;
		/**
		 * Runs all pieces on other threads, if there are any. Settles when none of them is at work any more; true when
		 * something was waited for, so that the event loop has turned.
		 */
		readonly runAll?: ((signal: AbortSignal | undefined) => Promise<boolean>) | undefined;
	};
}

export type Steps<T> = Generator<Progress | Parallel, T, void>;

export function isParallel(step: Progress | Parallel): step is Parallel {
	return 'parallel' in step;
}

/** Progress of a part as progress of the whole. */
export function* within(steps: Steps<void>, before: number, total: number): Steps<void> {
	try {
		for (;;) {
			const step = steps.next();
			if (step.done) return;
			if (isParallel(step.value)) {
				yield step.value;
				continue;
			}
			const { phase, done } = step.value;
			yield { phase, done: before + done, total };
		}
	} finally {
		steps.return();
	}
}

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
			if (!isParallel(step.value)) {
				options.onProgress?.(step.value);
				continue;
			}
			const { parallel } = step.value;
			for (let i = 0; i < parallel.count; i++) {
				if (i > 0) checkAborted(options.signal);
				parallel.runHere(i);
			}
		}
	} finally {
		steps.return(undefined as T);
	}
}

/** Runs to the end, giving way to the event loop at least every `sliceMs` milliseconds; parallel pieces go to other threads. */
export async function runAsync<T>(steps: Steps<T>, options: AsyncRunOptions = {}): Promise<T> {
	const sliceMs = options.sliceMs ?? 12;
	let sliceEnd = performance.now() + sliceMs;
	const giveWay = async (): Promise<void> => {
		await new Promise((resolve) => setTimeout(resolve, 0));
		sliceEnd = performance.now() + sliceMs;
	};
	try {
		for (;;) {
			checkAborted(options.signal);
			const step = steps.next();
			if (step.done) return step.value;
			if (!isParallel(step.value)) {
				options.onProgress?.(step.value);
			} else if (step.value.parallel.runAll !== undefined) {
				if (await step.value.parallel.runAll(options.signal)) sliceEnd = performance.now() + sliceMs;
			} else {
				const { parallel } = step.value;
				for (let i = 0; i < parallel.count; i++) {
					checkAborted(options.signal);
					parallel.runHere(i);
					if (performance.now() >= sliceEnd) await giveWay();
				}
			}
			if (performance.now() >= sliceEnd) await giveWay();
		}
	} finally {
		steps.return(undefined as T);
	}
}
