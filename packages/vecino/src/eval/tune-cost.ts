/**
 * What a search takes, in microseconds, by the work it does: some settings are timed, the others follow.
 *
 *   microseconds = fixed + perCode * codes scanned + perCandidate * candidates re-ranked
 *
 * Ranking the centroids is in `fixed`, opening a list in `perCode`: lists of an index are about as long as each other.
 */

import { SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { IndexIVF } from '../indexes/ivf.ts';
import { runSync, type Steps } from '../util/steps.ts';
import { rankCells } from './parts.ts';
import { type CostModel, meanOf, type Point, pointsOf, reaching } from './tune-choose.ts';
import { type Counts, type Subject, searchSubject, subjectOf } from './tune-count.ts';

/** A setting to time. */
export interface Setting {
	readonly subject: Subject;
	readonly nprobe: number;
	readonly wide: number;
	/** Neighbours asked for. */
	readonly k: number;
}

/** Microseconds between two turns of the event loop, about. */
const SLICE = 4000;
/** Queries and rounds of a calibration. */
const QUERIES = 24;
const ROUNDS = 4;

/**
 * Microseconds per query of each setting, one query at a time: settings take turns, and of each query the least of all
 * rounds is taken, because whatever else the machine does only adds to it.
 */
export function* timeSteps(
	settings: readonly Setting[],
	queries: VectorSet,
	rounds: number,
	phase: string,
): Steps<number[]> {
	const best = settings.map(() => new Float64Array(queries.n).fill(Number.POSITIVE_INFINITY));
	const total = rounds * settings.length;
	// The first round warms up.
	for (let round = 0; round <= rounds; round++) {
		for (const [i, setting] of settings.entries()) {
			const least = best[i]!;
			let slice = 0;
			for (let j = 0; j < queries.n; j++) {
				const took = timeOne(setting, queries.slice(j, j + 1));
				if (round > 0 && took < least[j]!) least[j] = took;
				slice += took;
				if (slice < SLICE) continue;
				slice = 0;
				yield { phase, done: Math.max(0, round - 1) * settings.length + i, total };
			}
			yield { phase, done: Math.max(0, round - 1) * settings.length + i, total };
		}
	}
	return best.map(meanOf);
}

/** Microseconds of one search. */
function timeOne({ subject, nprobe, wide, k }: Setting, query: VectorSet): number {
	const { index } = subject.parts;
	const start = performance.now();
	runSync(searchSubject(subject, query, k, nprobe, wide, new SearchResult(1, k, index.metric)));
	return (performance.now() - start) * 1000;
}

/** Candidates to re-rank that take as long as this many codes to scan, about. */
const CODES_PER_CANDIDATE = 30;

/** Times settings about the one that reaches `recall`, and fits the model to them. */
export function* calibrateSteps(
	subject: Subject,
	counts: Counts,
	queries: VectorSet,
	recall: number,
): Steps<CostModel> {
	const { nprobes, wides, k, codes } = counts;
	const some = queries.slice(0, Math.min(QUERIES, queries.n));
	const [p, w] = usual(counts, recall);
	const few = Math.floor(0.6 * p);
	const many = Math.min(nprobes.length - 1, p + 3);
	const wider = Math.min(wides.length - 1, w + 3);
	const all = [
		[p, w],
		[few, w],
		[many, w],
		[few, wider],
		[many, wider],
		[p, Math.max(0, w - 3)],
	] as const;
	const pairs = [...new Set(all.map(([i, j]) => i * wides.length + j))];
	const settings = pairs.map((pair) => ({
		...{ subject, k },
		nprobe: nprobes[Math.floor(pair / wides.length)]!,
		wide: wides[pair % wides.length]!,
	}));
	const times = yield* timeSteps(settings, some, ROUNDS, 'calibrate');
	const rows = pairs.map((pair) => [1, codes[pair]!, wides.length > 1 ? wides[pair % wides.length]! : 0]);
	const [fixed, perCode, perCandidate] = fit(rows, times);
	return { fixed: fixed!, perCode: perCode!, perCandidate: perCandidate! };
}

/** Numbers of the pair that reaches a recall with about the least work, or of the largest. */
function usual(counts: Counts, recall: number): readonly [p: number, w: number] {
	const { nprobes, wides, codes } = counts;
	const work = ({ pair, wide }: Point): number => codes[pair]! + CODES_PER_CANDIDATE * wide;
	const points = reaching(pointsOf(counts, { fixed: 0, perCode: 1, perCandidate: CODES_PER_CANDIDATE }), recall);
	const best = points.sort((a, b) => work(a) - work(b))[0];
	if (best === undefined) return [nprobes.length - 1, wides.length - 1];
	return [Math.floor(best.pair / wides.length), best.pair % wides.length];
}

/** Microseconds of scanning a code in lists as long as those of this index. */
export function* perCodeSteps(ivf: IndexIVF, queries: VectorSet, k: number): Steps<number> {
	const some = queries.slice(0, Math.min(QUERIES, queries.n));
	const subject = subjectOf(ivf);
	const nprobes = [...new Set([0.05, 0.15, 0.3].map((share) => Math.max(1, Math.round(share * ivf.nlist))))];
	const codes = nprobes.map((nprobe) => {
		let sum = 0;
		for (let i = 0; i < some.n; i++) {
			for (const cell of rankCells(ivf, some.slice(i, i + 1), nprobe).cells) sum += ivf.lists.listSize(cell);
		}
		return sum / some.n;
	});
	const settings = nprobes.map((nprobe) => ({ subject, nprobe, wide: k, k }));
	const times = yield* timeSteps(settings, some, ROUNDS, 'calibrate');
	const rows = codes.map((count) => [1, count]);
	return fit(rows, times)[1]!;
}

/** Least squares of relative errors with coefficients of at least 0: what comes out below is left out, and the rest fitted again. */
function fit(rows: readonly (readonly number[])[], times: readonly number[]): number[] {
	const width = rows[0]!.length;
	let used = Array.from({ length: width }, (_, i) => i).filter((i) => rows.some((row) => row[i] !== 0));
	for (;;) {
		const solved = solve(rows, times, used);
		const worst = used.reduce((a, b) => (solved[b]! < solved[a]! ? b : a), used[0]!);
		if (used.length === 1 || solved[worst]! >= 0) return solved;
		used = used.filter((i) => i !== worst);
	}
}

/** Normal equations, by elimination. */
function solve(rows: readonly (readonly number[])[], times: readonly number[], used: readonly number[]): number[] {
	const m = used.length;
	const a = Array.from({ length: m }, () => new Float64Array(m + 1));
	const scale = used.map((i) => Math.max(...rows.map((row) => Math.abs(row[i]!))));
	for (const [r, row] of rows.entries()) {
		const weight = 1 / (times[r]! * times[r]!);
		for (let i = 0; i < m; i++) {
			const x = row[used[i]!]! / scale[i]!;
			for (let j = 0; j < m; j++) a[i]![j]! += (weight * x * row[used[j]!]!) / scale[j]!;
			a[i]![m]! += weight * x * times[r]!;
		}
	}
	for (let i = 0; i < m; i++) a[i]![i]! += 1e-9 * a[i]![i]! + 1e-300;
	for (let i = 0; i < m; i++) {
		for (let r = 0; r < m; r++) {
			if (r === i) continue;
			const factor = a[r]![i]! / a[i]![i]!;
			for (let j = i; j <= m; j++) a[r]![j]! -= factor * a[i]![j]!;
		}
	}
	const out: number[] = rows[0]!.map(() => 0);
	for (const [i, to] of used.entries()) out[to] = a[i]![m]! / a[i]![i]! / scale[i]!;
	return out;
}
