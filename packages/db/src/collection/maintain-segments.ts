/** What can be wrong with the manifest and with index files. */

import { isVecinoError } from 'vecino';
import { Rows } from '../rows/rows.ts';
import { isFileName } from '../segments/files-fs.ts';
import { loadFile } from '../segments/group.ts';
import type { Inspection } from './maintain-report.ts';

/** What the manifest says about a rid. */
const ROW = 1;
const HELD = 2;
const TWICE = 4;
const DEAD = 8;

/** Rids beyond are nobody's: a collection does not live that long. */
const MOST_RIDS = 2 ** 32;

/** Rids by what is wrong with them. */
export interface ManifestFaults {
	/** Rows that no index file has, though they were sealed; that two have; that are listed as dead. */
	readonly rows: number[];
	/** Rids in index files that are neither rows nor dead. */
	readonly unknown: number[];
	/** Dead rids that no file has, though they were sealed: no harm, and there is no need to keep them. */
	readonly stale: number[];
}

/** Compares the manifest with the rows. @param rids - Those of all rows, ascending. */
export async function checkManifest(inspection: Inspection, rids: Float64Array): Promise<void> {
	const { store, found } = inspection;
	const models = new Set(
		rowsOf(inspection)
			.models()
			.map(({ name }) => name),
	);
	for (const { name, model } of rowsOf(inspection).segments()) {
		if (!isFileName(name))
			found('bad-manifest', `an index file is named '${name}', which is no name`, canRebuild(inspection));
		if (model !== '' && !models.has(model))
			found('bad-manifest', `the model ${model} of index file ${name} is not in the manifest`, canRebuild(inspection));
	}
	const faults = await manifestFaults(inspection, rids);
	const { rows, unknown } = faults;
	if (rows.length > 0)
		found(
			'bad-manifest',
			`${rows.length} rows are not where searches find them once (rids ${rows.slice(0, 3).join(', ')})`,
			canRebuild(inspection),
		);
	if (unknown.length > 0)
		found(
			'bad-manifest',
			`index files have ${unknown.length} rows that never were (rids ${unknown.slice(0, 3).join(', ')})`,
			true,
		);
	const last = Math.max(
		0,
		...rowsOf(inspection)
			.segments()
			.map(({ rids: held }) => held.at(-1) ?? 0),
	);
	if (last > store.counters.sealedUpTo) {
		found(
			'bad-counter',
			`rows up to rid ${store.counters.sealedUpTo} are said to be sealed, index files have some up to ${last}`,
			true,
		);
	}
}

/** Compares what the manifest holds with the rows, a byte per rid. */
export async function manifestFaults(
	{ store, settings, pause }: Pick<Inspection, 'store' | 'settings' | 'pause'>,
	rids: Float64Array,
): Promise<ManifestFaults> {
	const { sealedUpTo } = store.counters;
	const source = rowsOf({ store, settings });
	const segments = source.segments();
	const held = segments.map(({ rids: some }) => some.at(-1) ?? 0);
	const dead = source.deadRids();
	const end = Math.min(MOST_RIDS, Math.max(rids.at(-1) ?? 0, dead.at(-1) ?? 0, ...held) + 1);
	const states = new Uint8Array(end);
	const faults: ManifestFaults = { rows: [], unknown: [], stale: [] };
	for (const rid of rids) states[rid]! |= ROW;
	for (const rid of dead) states[rid]! |= DEAD;
	for (const { rids: some } of segments) {
		for (const rid of some) {
			if (rid >= end || !Number.isInteger(rid)) faults.unknown.push(rid);
			else states[rid]! |= states[rid]! & HELD ? TWICE : HELD;
		}
		await pause('manifest', 0, 0);
	}
	for (let rid = 0; rid < end; rid++) {
		const state = states[rid]!;
		if (state === 0 || state === (ROW | HELD) || state === (DEAD | HELD)) continue;
		if (!(state & ROW)) {
			if (!(state & DEAD)) faults.unknown.push(rid);
			else if (!(state & HELD) && rid <= sealedUpTo) faults.stale.push(rid);
		} else if (state & (DEAD | TWICE) || (rid <= sealedUpTo && !(state & HELD))) faults.rows.push(rid);
	}
	return faults;
}

/** Loads each index file, which checks its sizes and checksums; with `quick` only whether it is there and how large. */
export async function checkSegments(inspection: Inspection): Promise<void> {
	const { files, settings, engine, checked, found, quick, fileNames } = inspection;
	if (settings.dimension === undefined) return;
	const source = rowsOf(inspection);
	const expected = [
		...source.models().map(({ name, bytes }) => ({ name, bytes, rows: 0 })),
		...source.segments().map(({ name, bytes, rows }) => ({ name, bytes, rows })),
	];
	const rebuilds = canRebuild(inspection);
	for (const [i, { name, bytes, rows }] of expected.entries()) {
		if (!isFileName(name)) continue;
		checked.files++;
		checked.fileBytes += bytes;
		try {
			if (quick && fileNames.includes(`${name}.vecino`)) continue;
			const index = await loadFile(files, name, { bytes, rows, d: settings.dimension }, engine, rebuilds);
			index[Symbol.dispose]();
		} catch (error) {
			if (!isVecinoError(error, 'corrupt-data')) throw error;
			found('bad-segment', error.message, rebuilds);
		}
		await inspection.pause('index files', i, expected.length);
	}
}

/** Files that the manifest does not know. A writer's are on their way into it. */
export function checkFiles(inspection: Inspection): void {
	if (inspection.live) return;
	const source = rowsOf(inspection);
	const known = new Set([...source.segments(), ...source.models()].map(({ name }) => `${name}.vecino`));
	const orphans = inspection.fileNames.filter(
		(name) => !known.has(name) && (name.endsWith('.vecino') || name.endsWith('.tmp')),
	);
	if (orphans.length > 0) {
		inspection.found(
			'leftover',
			`${orphans.length} files in seg/ belong to nothing (${orphans.slice(0, 3).join(', ')})`,
			true,
		);
	}
}

function canRebuild({ settings }: Inspection): boolean {
	return settings.originals !== 'none';
}

function rowsOf({ store, settings }: Pick<Inspection, 'store' | 'settings'>): Rows {
	return new Rows(store, settings.dimension ?? 1, settings.originals);
}
