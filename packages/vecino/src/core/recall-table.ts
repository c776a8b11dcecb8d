/**
 * Search parameters by the recall that they were measured to reach, so that a search can ask for `recall: 0.95`.
 */

import { VecinoError } from '../errors.ts';
import { checkInt, checkKeys, checkNumber, show } from '../util/check.ts';

/** Parameters and the recall measured with them; those that the index does not have are absent. */
export interface RecallSetting {
	/** Mean recall@k of the queries that were tried. */
	readonly recall: number;
	readonly nprobe?: number | undefined;
	readonly kFactor?: number | undefined;
	readonly efSearch?: number | undefined;
}

export interface RecallTable {
	/** Neighbours per query when it was measured. */
	readonly k: number;
	/** From the cheapest to the dearest; recall grows from row to row. */
	readonly settings: readonly RecallSetting[];
}

const KEYS = ['recall', 'nprobe', 'kFactor', 'efSearch'] as const;
export const MAX_SETTINGS = 1000;

/** A frozen copy. @throws RangeError or TypeError naming the row that is wrong. */
export function checkRecallTable(where: string, table: RecallTable): RecallTable {
	checkKeys(where, table, ['k', 'settings']);
	const { k, settings } = table;
	checkInt(where, 'k', k, 1, 65_536);
	if (!Array.isArray(settings) || settings.length === 0 || settings.length > MAX_SETTINGS) {
		throw new TypeError(`${where}: settings must be 1 to ${MAX_SETTINGS} objects, got ${show(settings)}`);
	}
	let before = -1;
	const copies = settings.map((setting: RecallSetting, i) => {
		const at = `settings[${i}]`;
		checkKeys(`${where}: ${at}`, setting, KEYS);
		const { recall, nprobe, kFactor, efSearch } = setting;
		checkNumber(where, `${at}.recall`, recall, 0, 1);
		if (recall <= before) throw new RangeError(`${where}: ${at}.recall must be more than ${before}, got ${recall}`);
		before = recall;
		return Object.freeze({
			recall,
			...(nprobe !== undefined && { nprobe: checkInt(where, `${at}.nprobe`, nprobe, 1, 2 ** 31) }),
			...(kFactor !== undefined && { kFactor: checkNumber(where, `${at}.kFactor`, kFactor, 1, 1e6) }),
			...(efSearch !== undefined && { efSearch: checkInt(where, `${at}.efSearch`, efSearch, 1, 2 ** 31) }),
		});
	});
	return Object.freeze({ k, settings: Object.freeze(copies) });
}

/** The cheapest parameters measured to reach a recall. @throws {VecinoError} `unsupported` when there are none. */
export function settingFor(
	where: string,
	table: RecallTable | undefined,
	recall: number,
): Omit<RecallSetting, 'recall'> {
	if (table === undefined) {
		const message = `${where}: recall needs a table of what recall each setting reaches: index.recallTable = measureRecallTable(index, queries)`;
		throw new VecinoError('unsupported', message);
	}
	const found = table.settings.find((setting) => setting.recall >= recall);
	if (found === undefined) {
		const best = table.settings.at(-1)!.recall;
		const message = `${where}: no setting in the index's table reaches a recall of ${recall}; the best is ${best}`;
		throw new VecinoError('unsupported', message);
	}
	const { recall: _, ...parameters } = found;
	return parameters;
}
