/**
 * Which index, and which search parameters, reach a recall in the least time or memory.
 *
 * Not by trying every setting: each candidate is built once (on a sample with the neighbours planted, where there are many
 * rows: tune-sample.ts), one instrumented pass counts the recall of every pair of parameters (tune-count.ts), and a model
 * fitted to a few timed settings says what each pair takes (tune-cost.ts). The cheapest few are timed for real and
 * searched with queries that had no part in the choice.
 */

import { VectorSet } from '../core/vectors.ts';
import type { VectorFile } from '../io/vectors.ts';
import { show } from '../util/check.ts';
import { Rng } from '../util/rng.ts';
import { runAsync, runSync } from '../util/steps.ts';
import { makeTunePlan, type TuneOptions } from './tune-plan.ts';
import { Run, type Tuned } from './tune-run.ts';

/** Rows of a file that are held at most, bytes of float32. */
const FILE_BYTES = 2 ** 30;

/**
 * The index and the search parameters that reach a recall in the least time, within a limit of memory; with a limit of
 * time, in the least memory. Takes a tenth of what building and timing everything would, which for 100,000 vectors still is
 * ten seconds or so.
 *
 * @returns The report, which says of every candidate why it lost, and with `build` the index.
 * @throws {RangeError} for too few vectors or queries. @throws {VecinoError} `bad-spec` where nothing fits the limit of bytes;
 * `aborted` before the first candidate was measured, later the report of what is known (`complete` false).
 *
 * @example
 * const { report, index } = tune(vectors, { recall: 0.9, sample: 100, candidates: ['IVF40,Flat', 'IVF40,SQ8'], build: true });
 * using tuned = index!;
 * console.log(report.chosen!.recall.mean > 0.85, report.candidates.length); // true 2
 * tuned.search(queries, 10, { recall: 0.9 });
 */
export function tune(x: VectorSet, options: TuneOptions = {}): Tuned {
	const run = new Run(makeTunePlan('tune', x, options));
	try {
		return runSync(run.steps(), options);
	} catch (error) {
		return run.stopped(error);
	}
}

/**
 * The same in slices; takes an open vector file too, of which at most 1 GiB of rows is held, drawn at random from a larger
 * one (then `build` is refused).
 *
 * @example
 * const known: string[] = [];
 * const { report } = await tuneAsync(vectors, {
 *   candidates: ['Flat', 'IVF20,SQ8'],
 *   sample: 60,
 *   signal: AbortSignal.timeout(60_000),
 *   onCandidate: ({ factory }) => known.push(factory),
 * });
 * console.log(report.complete, known); // true ['Flat', 'IVF20,SQ8']
 */
export async function tuneAsync(vectors: VectorSet | VectorFile, options: TuneOptions = {}): Promise<Tuned> {
	const where = 'tuneAsync';
	const x = vectors instanceof VectorSet ? vectors : await readSome(where, vectors, options);
	const run = new Run(makeTunePlan(where, x, options));
	try {
		return await runAsync(run.steps(), options);
	} catch (error) {
		return run.stopped(error);
	}
}

/** All rows of a file, or as many as may be held, drawn at random. */
async function readSome(
	where: string,
	file: VectorFile,
	{ build, seed = 1234, signal }: TuneOptions,
): Promise<VectorSet> {
	if (typeof file?.chunks !== 'function') {
		throw new TypeError(`${where}: vectors must be a VectorSet or an open vector file, got ${show(file)}`);
	}
	const { n, d } = file;
	const most = Math.floor(FILE_BYTES / (4 * d));
	if (n <= most) return new VectorSet(await file.read(0, n, { signal }), d);
	if (build === true) {
		throw new RangeError(
			`${where}: build needs all ${n} vectors in memory (a VectorSet); from a file ${most} are held`,
		);
	}
	const rows = new Rng(seed).sample(n, most);
	const out = new VectorSet(new Float32Array(rows.length * d), d);
	let at = 0;
	for await (const { start, data } of file.chunks({ signal })) {
		for (; at < rows.length && rows[at]! < start + data.length / d; at++) {
			out.row(at).set(data.subarray((rows[at]! - start) * d, (rows[at]! - start + 1) * d));
		}
	}
	return out;
}
