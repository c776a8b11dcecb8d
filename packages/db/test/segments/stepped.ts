/** A scheduler of tests: every wait of background work ends when, and in the order that, the test wants. */

import { createEngineSync, type Engine } from 'vecino';
import type { BuildWork } from '../../src/segments/build-task.ts';
import { Workbench } from '../../src/segments/build-task.ts';
import type { Builder } from '../../src/segments/build-thread.ts';

/** Serves all indexes and builders of a test file: making one takes longer than many a test. */
export const engine: Engine = createEngineSync();

/** Bytes held in the memory of the engine. */
export function allocated(): number {
	return (engine as unknown as { arena: { allocatedBytes: number } }).arena.allocatedBytes;
}

export class Steps {
	#waiting: (() => void)[] = [];
	readonly pause = (): Promise<void> => new Promise((resolve) => this.#waiting.push(resolve));

	get size(): number {
		return this.#waiting.length;
	}

	/** Ends one wait; whatever follows on it has run when this settles. */
	async step(which: number): Promise<void> {
		await turn();
		const [resolve] = this.#waiting.splice(which % Math.max(1, this.#waiting.length), 1);
		resolve?.();
		await turn();
	}

	/** Ends all waits there are and will be, until `done` is settled. */
	async drain<T>(done: Promise<T>): Promise<T> {
		let settled = false;
		const watched = done.finally(() => {
			settled = true;
		});
		watched.catch(() => {});
		while (!settled) await this.step(0);
		return watched;
	}

	/** A builder whose answers come when the test lets them. */
	builder(fail?: (method: keyof BuildWork) => void): Builder {
		const bench = new Workbench(1000, engine);
		const later = async <T>(method: keyof BuildWork, work: () => Promise<T>): Promise<T> => {
			await this.pause();
			fail?.(method);
			return work();
		};
		return {
			train: (task) => later('train', () => bench.train(task)),
			encode: (task) => later('encode', () => bench.encode(task)),
			compact: (task) => later('compact', () => bench.compact(task)),
			decode: (task) => later('decode', () => bench.decode(task)),
			truth: (task) => later('truth', () => bench.truth(task)),
			hold: () => {},
			close: async () => {
				for (const resolve of this.#waiting.splice(0)) resolve();
				await turn();
				bench[Symbol.dispose]();
			},
		};
	}
}

/** The event loop turns a few times: engine slices and promises in between come to their end. */
export async function turn(): Promise<void> {
	for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
