/**
 * Blocks of queries side by side, on threads: while some are at work, the results of the ones before are taken and the next
 * are brought in.
 */

import type { Engine } from '../kernels/engine.ts';
import { inWindows } from '../kernels/pool/parallel.ts';
import type { Steps } from '../util/steps.ts';

/** Blocks side by side for each thread: threads differ in how fast they are. */
const BLOCKS_PER_THREAD = 2;

/** What is done with a block of queries first..first + n - 1, in scratch of its own. */
export interface BlockStages<B> {
	load(block: B, first: number, n: number): void;
	/** Nothing but kernel calls. */
	run(block: B, n: number): void;
	settle(block: B, first: number, n: number): void;
}

/**
 * nq queries through blocks of at most `most`.
 *
 * @param make - Makes the scratch of a block of `size` queries.
 */
export function* sideBySide<B extends Disposable>(
	engine: Engine,
	phase: string,
	nq: number,
	most: number,
	make: (size: number) => B,
	{ load, run, settle }: BlockStages<B>,
): Steps<void> {
	const side = engine.threads * BLOCKS_PER_THREAD;
	const size = Math.min(most, Math.ceil(nq / side));
	const blocks: B[] = [];
	try {
		while (blocks.length < 2 * side) blocks.push(make(size));
		const each = (
			start: number,
			count: number,
			set: number,
			work: (block: B, first: number, n: number) => void,
		): void => {
			for (let i = 0; i * size < count; i++)
				work(blocks[set * side + i]!, start + i * size, Math.min(size, count - i * size));
		};
		yield* inWindows(engine, phase, nq, side * size, 2, {
			load: (start, count, set) => each(start, count, set, load),
			pieces: (start, count, set) => {
				const pieces: (() => void)[] = [];
				each(start, count, set, (block, _, n) => pieces.push(() => run(block, n)));
				return pieces;
			},
			settle: (start, count, set) => each(start, count, set, settle),
		});
	} finally {
		for (const block of blocks) block[Symbol.dispose]();
	}
}
