/**
 * Searches that verify settings, and what is tried next where one does not keep what was counted.
 */

import { SearchResult } from '../core/result.ts';
import type { Steps } from '../util/steps.ts';
import type { Point } from './tune-choose.ts';
import { type Asked, type Subject, searchSubject } from './tune-count.ts';

/** Steps whose progress is that of another phase. */
export function* relabelled(steps: Steps<void>, phase: string): Steps<void> {
	try {
		for (;;) {
			const step = steps.next();
			if (step.done) return;
			yield 'parallel' in step.value ? step.value : { ...step.value, phase };
		}
	} finally {
		steps.return();
	}
}

/** The quickest of those that find about as much as any. */
export function cheapestOfBest(points: readonly Point[]): Point {
	const most = Math.max(...points.map(({ recall }) => recall)) - 0.001;
	return points.filter(({ recall }) => recall >= most).reduce((a, b) => (b.microseconds < a.microseconds ? b : a));
}

/** The next more cells with as many candidates, else more candidates. */
export function nextPoint(points: readonly Point[], { nprobe, wide, recall }: Point): Point | undefined {
	const more = points.filter((one) => one.wide === wide && one.nprobe > nprobe);
	const wider = points.filter((one) => one.nprobe === nprobe && one.wide > wide && one.recall > recall);
	return more[0] ?? wider[0];
}

export function part({ queries, k, truth, own }: Asked, from: number, to: number): Asked {
	return {
		k,
		queries: queries.slice(from, to),
		truth: truth.subarray(from * k, to * k),
		own: own.subarray(from, to),
	};
}

/** recall@k of each query by a real search. */
export function* searchedSteps(
	subject: Subject,
	{ queries, k, truth, own }: Asked,
	{ nprobe, wide }: Point,
): Steps<Float64Array<ArrayBuffer>> {
	const { metric } = subject.parts.index;
	// The query itself takes the place of one result and one candidate.
	const more = own[0]! >= 0 ? 1 : 0;
	const result = new SearchResult(queries.n, k + more, metric);
	yield* relabelled(searchSubject(subject, queries, k + more, nprobe, wide + more, result), 'verify');
	return Float64Array.from({ length: queries.n }, (_, i) => {
		const near = new Set(truth.subarray(i * k, (i + 1) * k));
		near.delete(-1);
		let hits = 0;
		let seen = 0;
		for (let j = 0; j < k + more && seen < k; j++) {
			const label = result.labels[i * (k + more) + j]!;
			if (label === own[i]) continue;
			seen++;
			if (near.has(label)) hits++;
		}
		return near.size === 0 ? 1 : hits / near.size;
	});
}
