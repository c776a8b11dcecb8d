/** Recall and explanations of an index from which vectors were removed: as of one that never held them. */
import { expect, it } from 'vitest';
import { explain, measureRecall } from '../../src/index.ts';
import { fresh, isGraph, lookEverywhere, POOL, QUERIES } from '../support/changes.ts';
import { KINDS } from '../support/indexes.ts';

const gone = (label: number): boolean => label % 3 === 0;
const left = Array.from({ length: POOL.n }, (_, i) => i).filter((label) => !gone(label));

it.each(KINDS.filter((kind) => !isGraph(kind)).map((kind) => [kind.name, kind] as const))('%s', (_, kind) => {
	using index = fresh(kind, 'l2');
	using twin = fresh(kind, 'l2');
	index.add(POOL).remove(gone);
	twin.add(POOL.take(left));
	const params = kind.hasCells ? { nprobe: 2 } : {};
	const mine = measureRecall(index, { queries: QUERIES, vectors: POOL, ...params });
	const its = measureRecall(twin, { queries: QUERIES, vectors: POOL.take(left), ...params });
	expect([mine.recall, mine.losses, mine.perQuery]).toEqual([its.recall, its.losses, its.perQuery]);
	const drawn = measureRecall(index, { sample: 20, ...params });
	expect(drawn.drawn!.every((label) => !gone(label))).toBe(true);
	expect(drawn.recall).toEqual(measureRecall(twin, { sample: 20, ...params }).recall);
	expect(index.search(QUERIES, 3, lookEverywhere(kind)).labels.some(gone)).toBe(false);
	const label = left[50]!;
	const why = explain(index, QUERIES.row(0), label, { k: 5, vectors: POOL, ...params });
	const its50 = explain(twin, QUERIES.row(0), 50, { k: 5, vectors: POOL.take(left), ...params });
	expect({ ...why, label: 50, text: '' }).toEqual({ ...its50, label: 50, text: '' });
	expect(() => explain(index, QUERIES.row(0), 3, { k: 5 })).toThrow(/no vector has label 3/);
});
