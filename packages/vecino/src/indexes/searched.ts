/**
 * What range search and paging need of an index, which searchable.ts gives them: it makes use of both.
 */

import type { Metric } from '../core/metric.ts';
import type { SearchParams } from '../core/options.ts';
import type { SearchResult } from '../core/result.ts';
import type { VectorSet } from '../core/vectors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { Steps } from '../util/steps.ts';

export interface Searched<P extends SearchParams> {
	readonly metric: Metric;
	readonly ntotal: number;
	searchSteps(q: VectorSet, k: number, params: P, result: SearchResult, admitted?: LabelBitmap): Steps<void>;
	widened(params: P, k: number): P;
	isExhaustive(params: P, k: number): boolean;
}
