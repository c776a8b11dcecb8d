/**
 * What a LiveIndex has to say of itself.
 */

import type { LiveStats } from './contract.ts';
import type { State } from './state.ts';

const NO_CELLS = { nlist: 0, mean: 0, min: 0, max: 0, empty: 0 };

export function statsOf(state: State, background: string, backgroundError: string | undefined): LiveStats {
	const { groups, lost, deltas, deadOf } = state;
	let [dead, segments, fileBytes, deadFileBytes, memoryBytes] = [0, 0, 0, 0, 0];
	for (const group of groups) {
		fileBytes += group.fileBytes;
		memoryBytes += group.byteLength;
		for (const segment of group.segments.values()) {
			segments++;
			const gone = deadOf.get(segment.name) ?? 0;
			dead += gone;
			deadFileBytes += (segment.bytes * gone) / segment.rows;
			memoryBytes += segment.rids.byteLength;
		}
	}
	const exact = [...lost.flatMap(({ parts }) => parts), ...deltas.parts];
	for (const part of exact) memoryBytes += part.byteLength;
	const current = groups.at(-1);
	const cells = current?.cells;
	const lists = cells?.stats().lists;
	return {
		sealed: groups.reduce((sum, { count }) => sum + count, 0),
		delta: exact.reduce((sum, { count }) => sum + count, 0),
		dead,
		segments,
		indexes: groups.map(({ record }) => record.spec),
		cells: lists === undefined ? NO_CELLS : pick(lists),
		nprobe: current?.setting(10, {}).nprobe ?? 0,
		memoryBytes,
		fileBytes,
		deadFileBytes: Math.round(deadFileBytes),
		drift: current?.drift,
		background,
		backgroundError,
	};
}

function pick({ nlist, mean, min, max, empty }: typeof NO_CELLS): typeof NO_CELLS {
	return { nlist, mean, min, max, empty };
}
