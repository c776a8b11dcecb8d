/**
 * What graphs find with more and more nodes in view: by searching, because a walk with fewer is not part of one with more.
 */

import { SearchResult } from '../core/result.ts';
import { runSync, type Steps } from '../util/steps.ts';
import type { CostModel } from './tune-choose.ts';
import { timeSteps } from './tune-cost.ts';
import { type Asked, type Counts, type Subject, searchSubject } from './tune-count.ts';

const EF_SEARCH = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
const TIMED = 24;
const ROUNDS = 3;

/** Counts with efSearch in place of nprobe and microseconds in place of codes, and the model that makes these the forecast. */
export function* countGraphSteps(
	subject: Subject,
	asked: Asked,
	phase: string,
): Steps<{ counts: Counts; cost: CostModel }> {
	const { queries, k, truth, own } = asked;
	const nq = queries.n;
	const values = EF_SEARCH.filter((ef) => ef >= k);
	const nprobes = values.length === 0 ? [k] : values;
	const hits = new Uint16Array(nq * nprobes.length);
	const most = new Uint16Array(nq);
	const { index } = subject.parts;
	for (let i = 0; i < nq; i++) {
		const near = new Set(truth.subarray(i * k, (i + 1) * k));
		near.delete(-1);
		most[i] = near.size;
		const q = queries.slice(i, i + 1);
		for (const [e, ef] of nprobes.entries()) {
			const result = new SearchResult(1, k + 1, index.metric);
			runSync(searchSubject(subject, q, k + 1, ef, k + 1, result));
			const found = Array.from(result.labels).filter((label) => label !== own[i] && label !== -1);
			hits[i * nprobes.length + e] = found.slice(0, k).filter((label) => near.has(label)).length;
		}
		yield { phase, done: i + 1, total: nq };
	}
	const settings = nprobes.map((nprobe) => ({ subject, nprobe, wide: k, k }));
	const times = yield* timeSteps(settings, queries.slice(0, Math.min(TIMED, nq)), ROUNDS, 'calibrate');
	const counts = { nprobes, wides: [k], nq, k, hits, most, codes: Float64Array.from(times) };
	return { counts, cost: { fixed: 0, perCode: 1, perCandidate: 0 } };
}
