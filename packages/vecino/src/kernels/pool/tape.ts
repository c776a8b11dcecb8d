/**
 * Kernel calls as data. A task is a straight-line program: kernels with their arguments, one after the other. Kernels
 * are functions of the shared memory and nothing else, so any thread can run any task.
 *
 * Tasks are recorded, not written: `record(work)` runs `work` with kernels that note down what they are called with.
 * What `work` does must therefore not depend on what kernels return or write, which has not happened yet.
 */

import type { KernelFunctions } from '../kernels.ts';

/** Calls one after the other: number of the kernel, number of arguments, arguments. */
export type Task = Float64Array<ArrayBuffer>;

type Kernel = (...args: number[]) => number;

export class Tape {
	/** The kernels: they run at once, except inside `record`. */
	readonly kernels: KernelFunctions;
	/** Calls recorded so far; undefined when calls are to run. */
	#calls: number[] | undefined;

	/** @param kernels - In the order in which the module exports them: their place in it is their number. */
	constructor(kernels: KernelFunctions) {
		const wrapped = Object.entries(kernels).map(([name, kernel], i) => [name, this.#wrap(kernel as Kernel, i)]);
		this.kernels = Object.freeze(Object.fromEntries(wrapped)) as KernelFunctions;
	}

	/** The kernel calls of `work`, none of which has run; what else it does has. */
	record(work: () => void): Task {
		const calls: number[] = [];
		this.#calls = calls;
		try {
			work();
		} finally {
			this.#calls = undefined;
		}
		return Float64Array.from(calls);
	}

	#wrap(kernel: Kernel, number: number): Kernel {
		return (...args) => {
			if (this.#calls === undefined) return kernel(...args);
			this.#calls.push(number, args.length, ...args);
			return 0;
		};
	}
}
