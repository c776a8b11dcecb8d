/**
 * Rows on their way through a chain of transforms, in blocks: vectors that are added, trained on or searched with.
 */

import { CHUNK, sampledRows, type TrainingRows } from '../cluster/rows.ts';
import type { Metric } from '../core/metric.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Transform } from '../transforms/transform.ts';
import type { Steps } from '../util/steps.ts';
import { chunks, loadRows } from './batch.ts';
import type { RowSource } from './health.ts';

/** Transforms that follow each other. */
export interface TransformChain {
	readonly engine: Engine;
	/** Under 'cosine' rows are normalised first. */
	readonly metric: Metric;
	/** Applied first to last. */
	readonly transforms: readonly Transform[];
	/** Dimension of the rows that go in. */
	readonly d: number;
	/** Of the rows that come out. */
	readonly dOut: number;
	/** Largest dimension of a row on its way. */
	readonly widest: number;
}

export function chainOf({ engine, metric, transforms, d }: Omit<TransformChain, 'dOut' | 'widest'>): TransformChain {
	const widest = Math.max(d, ...transforms.map((transform) => transform.dOut));
	return { engine, metric, transforms, d, dOut: transforms.at(-1)!.dOut, widest };
}

/** Rows start.. of x through all transforms, as many as `out` has. */
export function* transformSteps(
	{ engine, metric, transforms, widest }: TransformChain,
	x: VectorSet,
	start: number,
	out: VectorSet,
	phase: string,
	total: number,
): Steps<void> {
	const { arena } = engine;
	const size = Math.min(CHUNK, out.n);
	const rowBytes = size * widest * 4;
	const rows = arena.allocScratch(2 * rowBytes);
	try {
		for (const [at, count] of chunks(out.n)) {
			loadRows(engine, metric, x, start + at, count, rows);
			const made = through(transforms, rows, rows + rowBytes, count) >>> 2;
			out.data.set(arena.f32.subarray(made, made + count * out.d), at * out.d);
			// The index counts what it has added; this only gives way.
			if (at + count < out.n) yield { phase, done: start, total };
		}
	} finally {
		arena.freeScratch(rows, 2 * rowBytes);
	}
}

/** Training rows behind the first `count` transforms. */
export function rowsBehind(
	chain: TransformChain,
	x: VectorSet,
	sample: Uint32Array,
	count: number,
): TrainingRows & Disposable {
	const { engine, metric } = chain;
	const { arena } = engine;
	const transforms = chain.transforms.slice(0, count);
	const source = sampledRows(engine, x, sample, metric === 'cosine');
	const rowBytes = CHUNK * chain.widest * 4;
	let block = 0;
	try {
		block = arena.alloc(2 * rowBytes);
	} finally {
		if (block === 0) source[Symbol.dispose]();
	}
	return {
		n: source.n,
		d: transforms.at(-1)?.dOut ?? chain.d,
		chunk: (start, n) => {
			const rows = source.chunk(start, n);
			if (count === 0) return rows;
			arena.u8.copyWithin(block, rows, rows + n * chain.d * 4);
			return through(transforms, block, block + rowBytes, n);
		},
		[Symbol.dispose]: () => {
			source[Symbol.dispose]();
			arena.free(block);
		},
	};
}

/** Rows of a source led through all transforms. */
export function transformedSource(
	{ engine, metric, transforms, d, dOut, widest }: TransformChain,
	exact: RowSource,
): RowSource {
	return (label) => {
		const rowBytes = widest * 4;
		const { arena } = engine;
		const rows = arena.alloc(2 * rowBytes);
		try {
			arena.writeF32(rows, exact(label));
			if (metric === 'cosine') engine.kernels.normalizeRows(rows, 1, d);
			return arena.readF32(through(transforms, rows, rows + rowBytes, 1), dOut);
		} finally {
			arena.free(rows);
		}
	};
}

/** n rows at `from` through transforms, to and fro between two blocks; returns where they are. */
function through(transforms: readonly Transform[], from: number, to: number, n: number): number {
	let [here, there] = [from, to];
	for (const transform of transforms) {
		transform.applyRows(here, n, there);
		[here, there] = [there, here];
	}
	return here;
}
