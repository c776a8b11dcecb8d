/**
 * What was measured with a model, and the search parameters that follow from it.
 */

import type { RecallSetting } from 'vecino';
import type { LiveSearchParams } from './contract.ts';
import type { SearchSetting } from './parts.ts';
import type { Traits } from './traits.ts';

/** Kept as JSON in the manifest. */
export interface Measured {
	/** Rows of the model when it was measured. */
	readonly rows: number;
	/** Neighbours per query. */
	readonly k: number;
	/** From the cheapest to the dearest; recall grows from one to the next. */
	readonly settings: readonly RecallSetting[];
}

export function parseMeasured(text: string | undefined): Measured | undefined {
	if (text === undefined) return undefined;
	try {
		const value = JSON.parse(text) as Measured;
		return Array.isArray(value.settings) ? value : undefined;
	} catch {
		return undefined;
	}
}

export interface SettingSource {
	readonly traits: Traits;
	readonly nlist: number;
	/** Cells that training found to be needed. */
	readonly trainedNprobe: number;
	readonly measured: Measured | undefined;
}

/** Recall that a search is to have when nobody says. */
export const DEFAULT_RECALL = 0.95;
/**
 * Rows of the collection served as queries, and have copies and kin in it, which real queries have not: where the former
 * missed 2.3 to 2.7 % of their neighbours, the latter missed 6.2 to 7.9 % (text-lsa-50k). So a fifth of what may be missed.
 */
const OWN_ROWS = 5;
/** Less recall than the best is enough where what is wanted is not to be had. */
const NEARLY = 0.002;

/** Where nothing was measured: more than is needed. */
const GENEROUS_CELLS = 2;
const GENEROUS_FACTOR = 16;
const GENEROUS_EF = 256;
const BASE_K = 10;

export function settingFor(source: SettingSource, k: number, asked: LiveSearchParams): SearchSetting {
	const { traits, nlist } = source;
	const chosen = measuredSetting(source, asked.recall ?? DEFAULT_RECALL);
	// More neighbours lie in more cells, and the share of candidates that are among them grows.
	const wider = k <= BASE_K ? 1 : (k / BASE_K) ** 0.25;
	const nprobe = asked.nprobe ?? Math.ceil(chosen.nprobe * wider);
	const kFactor = asked.kFactor ?? Math.max(Math.min(chosen.kFactor, 3), chosen.kFactor / wider ** 2);
	return {
		...(nlist > 0 && { nprobe: Math.max(1, Math.min(nlist, nprobe)) }),
		...(traits.refines && { kFactor: Math.max(1, kFactor) }),
		...(traits.graph && { efSearch: Math.max(chosen.efSearch, 2 * k) }),
	};
}

function measuredSetting(
	{ measured, trainedNprobe, nlist }: SettingSource,
	recall: number,
): { nprobe: number; kFactor: number; efSearch: number } {
	if (recall >= 1) return { nprobe: Math.max(1, nlist), kFactor: 4 * GENEROUS_FACTOR, efSearch: 16 * GENEROUS_EF };
	const target = 1 - (1 - recall) / OWN_ROWS;
	const settings = measured?.settings ?? [];
	const best = settings.at(-1)?.recall ?? 0;
	const found = settings.find((setting) => setting.recall >= Math.min(target, best - NEARLY));
	if (found === undefined || (recall > DEFAULT_RECALL && found.recall < target)) {
		const more = recall > DEFAULT_RECALL ? 4 : GENEROUS_CELLS;
		return {
			nprobe: Math.min(nlist, Math.max(8, more * trainedNprobe, more * (found?.nprobe ?? 0))),
			kFactor: recall > DEFAULT_RECALL ? 4 * GENEROUS_FACTOR : GENEROUS_FACTOR,
			efSearch: recall > DEFAULT_RECALL ? 2 * GENEROUS_EF : GENEROUS_EF,
		};
	}
	return { nprobe: found.nprobe ?? 1, kFactor: found.kFactor ?? 1, efSearch: found.efSearch ?? GENEROUS_EF };
}
