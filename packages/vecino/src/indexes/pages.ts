/**
 * The neighbours of one query page by page, without repeats and without end before all have come.
 *
 * Behind the pages is one sequence: the 64 nearest by a search for 64, then what a search for 256 finds beside them, then
 * one for 1,024, and so on. It does not depend on the size of pages, so that reading can go on later from an offset. With
 * cells or a graph a later search may find a vector nearer than some that came before: it comes late rather than never.
 */

import type { SearchParams } from '../core/options.ts';
import { SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import { type AsyncRunOptions, runAsync, runSync, type Steps } from '../util/steps.ts';
import type { Searched } from './searched.ts';

const FIRST_K = 64;
const GROWTH = 4;

export class PageReader<P extends SearchParams> {
	readonly #index: Searched<P>;
	readonly #q: VectorSet;
	readonly #params: P;
	/** Labels that came. */
	readonly #seen = new Set<number>();
	/** What the last search found that did not come yet, from #at on. */
	#distances: number[] = [];
	#labels: number[] = [];
	#at = 0;
	#k = 0;

	constructor(index: Searched<P>, q: VectorSet, params: P) {
		this.#index = index;
		this.#q = q;
		this.#params = params;
	}

	/** The next n neighbours; fewer at the end, then none. */
	*next(n: number, admitted: LabelBitmap | undefined, matches: number): Steps<SearchResult> {
		const distances: number[] = [];
		const labels: number[] = [];
		while (labels.length < n) {
			if (this.#at === this.#labels.length && !(yield* this.#further(admitted, matches))) break;
			const label = this.#labels[this.#at]!;
			distances.push(this.#distances[this.#at]!);
			labels.push(label);
			this.#seen.add(label);
			this.#at++;
		}
		const page = new SearchResult(1, labels.length, this.#index.metric);
		page.distances.set(distances);
		page.labels.set(labels);
		return page;
	}

	/** Searches for more; false when there is nothing that did not come yet. */
	*#further(admitted: LabelBitmap | undefined, matches: number): Steps<boolean> {
		const index = this.#index;
		for (;;) {
			const before = this.#k;
			this.#k = Math.min(before === 0 ? FIRST_K : before * GROWTH, matches);
			// All were asked for before; when the index has lost some since, there may be others.
			if (this.#k === 0 || (this.#k <= before && this.#seen.size >= matches)) return false;
			const result = new SearchResult(1, this.#k, index.metric);
			yield* index.searchSteps(this.#q, this.#k, index.widened(this.#params, this.#k), result, admitted);
			this.#labels = [];
			this.#distances = [];
			this.#at = 0;
			for (const { label, distance } of result.hits()) {
				if (this.#seen.has(label)) continue;
				this.#labels.push(label);
				this.#distances.push(distance);
			}
			if (this.#labels.length > 0) return true;
			if (this.#k === matches) return false;
		}
	}
}

/** Pages that are being read. */
export interface Paging {
	readonly read: (n: number) => Steps<SearchResult>;
	readonly pageSize: number;
	readonly offset: number;
	readonly resolved: AsyncRunOptions;
}

/** All pages from the offset on. */
export function* readPages({ read, offset, pageSize, resolved }: Paging): Generator<SearchResult, void, undefined> {
	if (offset > 0) runSync(read(offset), resolved);
	for (let last = false; !last; ) {
		const page = runSync(read(pageSize), resolved);
		last = page.k < pageSize;
		if (page.k > 0) yield page;
	}
}

/** readPages in slices. */
export async function* readPagesAsync({
	read,
	offset,
	pageSize,
	resolved,
}: Paging): AsyncGenerator<SearchResult, void, undefined> {
	if (offset > 0) await runAsync(read(offset), resolved);
	for (let last = false; !last; ) {
		const page = await runAsync(read(pageSize), resolved);
		last = page.k < pageSize;
		if (page.k > 0) yield page;
	}
}
