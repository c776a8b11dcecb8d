/**
 * Parallel steps (util/steps.ts) of kernel calls.
 */

import { isParallel, type Parallel, type Progress, type Steps } from '../../util/steps.ts';
import type { Engine } from '../engine.ts';

/**
 * A step of pieces that may run at the same time. A piece only calls kernels, whose arguments do not depend on what
 * kernels of this step return or write; it may be taken down first and run later, on another thread.
 *
 * @param pieces - They read and write different memory.
 * @param meanwhile - Runs on this thread, beside them.
 */
export function together(engine: Engine, pieces: readonly (() => void)[], meanwhile?: () => void): TogetherStep {
	return { parallel: new Together(engine, pieces, meanwhile) };
}

export interface TogetherStep extends Parallel {
	readonly parallel: Together;
}

/** What is done with a window of rows. */
export interface Stages {
	/** Brings rows start..start + count - 1 in, to the buffers of `set`. */
	load(start: number, count: number, set: number): void;
	/** Pieces of the work on them, for `together`. */
	pieces(start: number, count: number, set: number): (() => void)[];
	/** Takes the results. Windows are settled in order. */
	settle(start: number, count: number, set: number): void;
}

/**
 * n rows in windows of `size`. With two sets of buffers this thread loads the next window and settles the one before
 * while others work on one; with one set it does one thing after the other.
 */
export function* inWindows(
	engine: Engine,
	phase: string,
	n: number,
	size: number,
	sets: 1 | 2,
	{ load, pieces, settle }: Stages,
): Steps<void> {
	const rowsFrom = (start: number): number => Math.min(size, n - start);
	const last = Math.floor((n - 1) / size) * size;
	if (sets === 2 && n > 0) load(0, rowsFrom(0), 0);
	for (let start = 0, set = 0; start < n; start += size, set = (set + 1) % sets) {
		const count = rowsFrom(start);
		if (sets === 1) {
			load(start, count, 0);
			yield together(engine, pieces(start, count, 0));
			settle(start, count, 0);
		} else {
			yield together(engine, pieces(start, count, set), () => {
				if (start > 0) settle(start - size, size, 1 - set);
				if (start < last) load(start + size, rowsFrom(start + size), 1 - set);
			});
			if (start === last) settle(start, count, set);
		}
		yield { phase, done: start + count, total: n };
	}
}

/**
 * Generators that do not touch each other's memory, side by side: their parallel steps, which must be made by `together`,
 * become one. With threads there are two groups: this thread goes on with one while others work for the other.
 */
export function* interleaved<T>(engine: Engine, all: readonly Steps<T>[]): Steps<T[]> {
	const results: T[] = [];
	const reports: Progress[] = [];
	const live = new Set(all.keys());
	/** Takes every second generator, or all, to its next parallel step. */
	const advance = (group: number, groups: number): Together[] => {
		const steps: Together[] = [];
		for (const i of live) {
			if (i % groups !== group) continue;
			let step = all[i]!.next();
			for (; !step.done && !isParallel(step.value); step = all[i]!.next()) reports.push(step.value);
			if (!step.done) steps.push((step.value as TogetherStep).parallel);
			else {
				results[i] = step.value;
				live.delete(i);
			}
		}
		return steps;
	};
	const groups = engine.pool === undefined ? 1 : 2;
	try {
		let steps = advance(0, groups);
		for (let next = 1 % groups; live.size > 0; next = (next + 1) % groups) {
			let following: Together[] | undefined;
			const pieces = steps.flatMap((step) => step.pieces);
			yield together(engine, pieces, () => {
				for (const step of steps) step.meanwhile?.();
				if (groups === 2) following = advance(next, groups);
			});
			steps = following ?? advance(next, groups);
			yield* reports.splice(0);
		}
		return results;
	} finally {
		for (const steps of all) steps.return(undefined as T);
	}
}

class Together {
	readonly engine: Engine;
	readonly pieces: readonly (() => void)[];
	readonly meanwhile: (() => void) | undefined;
	readonly runAll: ((signal: AbortSignal | undefined) => Promise<boolean>) | undefined;

	constructor(engine: Engine, pieces: readonly (() => void)[], meanwhile: (() => void) | undefined) {
		this.engine = engine;
		this.pieces = pieces;
		this.meanwhile = meanwhile;
		const { pool } = engine;
		if (pool === undefined) return;
		this.runAll = async (signal) => {
			const tasks = pieces.map((piece) => pool.tape.record(piece)).filter((task) => task.length > 0);
			const done = pool.run(tasks, signal);
			try {
				meanwhile?.();
			} catch (error) {
				// Nothing may be freed while threads are at work.
				await done.catch(() => {});
				throw error;
			}
			await done;
			return tasks.length > 0;
		};
	}

	get count(): number {
		return this.pieces.length + (this.meanwhile === undefined ? 0 : 1);
	}

	runHere(i: number): void {
		if (i < this.pieces.length) this.pieces[i]!();
		else this.meanwhile?.();
	}
}
