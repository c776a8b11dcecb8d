/** What FAISS answered, and how alike answers have to be. */
import { expect } from 'vitest';
import type { SearchResult } from '../../src/core/result.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexPreTransform } from '../../src/indexes/pre-transform.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';

export interface Answer {
	readonly type: string;
	readonly metric: number;
	readonly ntotal: number;
	readonly d: number;
	/** Of each query, -1 where there are too few. */
	readonly ids: readonly (readonly number[])[];
	readonly distances: readonly (readonly (number | null)[])[];
	readonly decoded?: readonly (readonly number[])[];
}

/** Graphs look at everything, so that how they are walked makes no difference. */
export const EF = 1000;

/** The index that holds the codes. */
export function innermost(index: Index): Index {
	if (index instanceof IndexIDMap || index instanceof IndexPreTransform) return innermost(index.index);
	if (index instanceof IndexRefine) return innermost(index.base);
	return index instanceof IndexHNSW ? index : index;
}

/** Same distances, and same ids where no two distances are so near that rounding may change their order. */
export function compareAnswers(answer: Answer, result: SearchResult, name: string, tolerance = 2e-5): void {
	const fast = name.includes('fs') && !name.includes('refine');
	for (const [query, ids] of answer.ids.entries()) {
		const hits = result.hits(query);
		expect(hits.length, name).toBe(ids.filter((id) => id >= 0).length);
		const expected = answer.distances[query]!;
		const scale = Math.max(1, ...expected.map((x) => Math.abs(x ?? 0)));
		if (fast) {
			// Tables are rounded, to 8 bits there and to 7 here: near, not the same.
			const same = hits.filter(({ label }) => ids.includes(label)).length;
			expect(same, `${name}, query ${query}`).toBeGreaterThanOrEqual(Math.floor(hits.length * 0.5));
			for (const [i, { distance }] of hits.entries()) {
				expect(Math.abs(distance - expected[i]!) / scale, `${name}, query ${query}, hit ${i}`).toBeLessThan(0.25);
			}
			continue;
		}
		for (const [i, { label, distance }] of hits.entries()) {
			const where = `${name}, query ${query}, hit ${i}`;
			expect(Math.abs(distance - expected[i]!), where).toBeLessThan(tolerance * scale);
			if (label === ids[i]) continue;
			const near = [i - 1, i + 1].some(
				(j) => Math.abs((expected[j] ?? expected[i]!) - expected[i]!) < 2 * tolerance * scale,
			);
			expect(near, `${where}: ${label} for ${ids[i]}`).toBe(true);
		}
	}
}
