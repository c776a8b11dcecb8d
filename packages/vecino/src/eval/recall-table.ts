/**
 * Measures what recall each setting of an index reaches, for searches that ask for a recall.
 */

import type { RefineSearchParams } from '../core/options.ts';
import type { RecallSetting, RecallTable } from '../core/recall-table.ts';
import { toVectorSet, type Vectors } from '../core/vectors.ts';
import type { Index } from '../indexes/base.ts';
import { checkInt, checkKeys } from '../util/check.ts';
import { type LabelMatrix, recallAtK } from './recall.ts';

export interface RecallTableOptions {
	/** The true neighbours of the queries, at least k of each: exactNeighbors. */
	readonly truth: LabelMatrix;
	/** Default: 10. */
	readonly k?: number | undefined;
	/** Default: 1, 2, 4, ... up to all cells. */
	readonly nprobe?: readonly number[] | undefined;
	/** Default: 1, 2, 4, 10, 20, 50. */
	readonly kFactor?: readonly number[] | undefined;
	/** Default: 16, 32, 64, ... up to 512. */
	readonly efSearch?: readonly number[] | undefined;
}

/**
 * Searches with every combination of the parameters that the index has, and keeps those that no quicker one reaches the
 * recall of. Time is the least of three runs of the whole batch of queries.
 *
 * @param queries - Some hundred, of the kind that will be asked, none of them in the index.
 * @example
 * using index = new IndexIVFFlat({ d: 64, nlist: 100 });
 * index.train(vectors).add(vectors);
 * const truth = exactNeighbors(vectors, queries, 10);
 * index.recallTable = measureRecallTable(index, queries, { truth });
 * index.search(queries, 10, { recall: 0.95 });
 */
export function measureRecallTable(index: Index, queries: Vectors, options: RecallTableOptions): RecallTable {
	const where = 'measureRecallTable';
	checkKeys(where, options, ['truth', 'k', 'nprobe', 'kFactor', 'efSearch']);
	const q = toVectorSet(where, 'queries', queries, index.d);
	const k = checkInt(where, 'k', options.k ?? 10, 1, 65_536);
	if (options.truth?.nq !== q.n || options.truth.k < k) {
		throw new RangeError(`${where}: truth must have ${k} neighbours of each of ${q.n} queries`);
	}
	const measured = combinations(index, options).map((params) => {
		let seconds = Number.POSITIVE_INFINITY;
		let recall = 0;
		for (let run = 0; run < RUNS; run++) {
			const start = performance.now();
			const found = index.search(q, k, params);
			seconds = Math.min(seconds, performance.now() - start);
			if (run === 0) recall = recallAtK(found, options.truth, k);
		}
		return { seconds, setting: { recall, ...params } };
	});
	measured.sort((a, b) => a.seconds - b.seconds);
	const settings: RecallSetting[] = [];
	for (const { setting } of measured) if (setting.recall > (settings.at(-1)?.recall ?? -1)) settings.push(setting);
	return { k, settings };
}

const RUNS = 3;

type Parameters = Pick<RefineSearchParams, 'nprobe' | 'kFactor' | 'efSearch'>;

function combinations(index: Index, options: RecallTableOptions): Parameters[] {
	const nlist = index.stats().lists?.nlist ?? 1;
	const doublings = Array.from({ length: Math.ceil(Math.log2(nlist)) + 1 }, (_, i) => Math.min(2 ** i, nlist));
	const values = {
		nprobe: options.nprobe ?? doublings,
		kFactor: options.kFactor ?? [1, 2, 4, 10, 20, 50],
		efSearch: options.efSearch ?? [16, 32, 64, 128, 256, 512],
	};
	let all: Parameters[] = [{}];
	for (const key of ['nprobe', 'kFactor', 'efSearch'] as const) {
		if (!(key in index.searchTable)) continue;
		all = all.flatMap((params) => values[key].map((value) => ({ ...params, [key]: value })));
	}
	return all;
}
