/**
 * Fewer and fuller segments: files are made anew without rows that are gone, and so is what is in memory.
 */

import { readIndex } from 'vecino';
import type { CompactSource } from './build-task.ts';
import { commitWhenFree } from './commit.ts';
import type { SegmentRecord } from './contract.ts';
import type { ModelGroup } from './group.ts';
import { loadFile } from './group.ts';
import type { SegmentSize } from './growth.ts';
import { Part } from './parts.ts';
import { holds, type State } from './state.ts';
import { liveLabels, originalsOf } from './vectors.ts';

/** Makes one segment of several of a model. */
export async function compact(state: State, group: ModelGroup, chosen: readonly SegmentSize[]): Promise<void> {
	const old = chosen.map(({ name }) => group.segments.get(name)!);
	const sources: CompactSource[] = [];
	const kept: Float64Array[] = [];
	for (const segment of old) {
		const { source, rids } = await sourceOf(state, group, segment);
		sources.push(source);
		kept.push(rids);
	}
	const rids = joined(kept);
	const forgetDead = (): Float64Array =>
		state.rows.deadRids().filter((rid) => old.some((segment) => holds(segment.rids, rid)) && !holds(rids, rid));
	const removeSegments = old.map(({ name }) => name);
	const addSegments: SegmentRecord[] = [];
	let file: Uint8Array | undefined;
	if (rids.length > 0) {
		const model = { name: group.name, bytes: await state.files.read(group.name) };
		file = await state.maker.compact({ model, sources });
		state.checkOpen();
		const name = state.newName('s');
		const bytes = await state.files.write(name, [file]);
		addSegments.push({ name, model: group.name, rows: rids.length, bytes, rids });
	}
	try {
		await commitWhenFree(state, () => ({ addSegments, removeSegments, forgetDead: forgetDead() }));
	} catch (error) {
		for (const { name } of addSegments) await state.files.remove(name).catch(() => {});
		throw error;
	}
	for (const { name } of old) {
		group.segments.delete(name);
		state.deadOf.delete(name);
	}
	const leave = async (): Promise<void> => {
		for (const { name } of old) {
			group.dropPart(name);
			await state.files.remove(name).catch(() => {});
		}
	};
	const [record] = addSegments;
	if (record === undefined) return leave();
	group.segments.set(record.name, record);
	state.countDead(record, state.rows.deadRids());
	if (group.mergeable) return leave();
	// Where each segment has its own index, the new one takes the place of the old ones.
	const entry = { group, record, from: group.parts, done: leave };
	state.deadOf.delete(record.name);
	state.unadopted.push(entry);
	await state.adopt(entry, [file!]);
}

async function sourceOf(
	state: State,
	group: ModelGroup,
	segment: SegmentRecord,
): Promise<{ source: CompactSource; rids: Float64Array }> {
	const file = await state.files.read(segment.name);
	state.checkOpen();
	if ((state.deadOf.get(segment.name) ?? 0) === 0) return { source: { file }, rids: segment.rids };
	const alive = await liveLabels(state, segment, (rid) => group.has(rid));
	const rids = Float64Array.from(alive, (label) => segment.rids[label]!);
	if (!state.rows.keepsOriginals) return { source: { file, alive }, rids };
	const rows = await originalsOf(state, rids);
	const labels = new Uint32Array(rows.rids.length);
	return { source: { file, alive: labels, vectors: rows.vectors }, rids: rows.rids };
}

function joined(arrays: readonly Float64Array[]): Float64Array {
	const out = new Float64Array(arrays.reduce((sum, { length }) => sum + length, 0));
	let at = 0;
	for (const array of arrays) {
		out.set(array, at);
		at += array.length;
	}
	return out;
}

/**
 * Makes the index in memory anew from its segments, beside the one that is searched, and puts it in its place: labels of
 * rows that are gone go.
 */
export async function renew(state: State, group: ModelGroup): Promise<void> {
	await state.alone(group, async () => {
		const bytes = await state.files.read(group.name);
		state.checkOpen();
		const fresh = new Part(readIndex(bytes, { engine: state.engine, verify: false }), false);
		const died = new Set<number>();
		const watch = (rids: ArrayLike<number>): void => {
			for (let i = 0; i < rids.length; i++) died.add(rids[i]!);
		};
		state.watchers.add(watch);
		let swapped = false;
		try {
			const waiting = new Set(state.unadopted.map(({ record }) => record.name));
			const segments = [...group.segments.values()].filter(({ name }) => !waiting.has(name));
			segments.sort((a, b) => a.rids[0]! - b.rids[0]!);
			for (const segment of segments) {
				const expected = { bytes: segment.bytes, rows: segment.rows, d: state.d };
				using index = await loadFile(state.files, segment.name, expected, state.engine, state.rows.keepsOriginals);
				state.checkOpen();
				await fresh.index.mergeFromAsync(index, { sliceMs: 4 });
				state.checkOpen();
				fresh.map.append(segment.rids);
				if (fresh.labels === segment.rids.length) fresh.prepareRemoval();
			}
			const { pieceRows } = state.limits;
			for (let start = 0; start < fresh.labels; start += pieceRows) {
				const rids = fresh.map.rids.subarray(start, start + pieceRows);
				fresh.remove(rids.filter((rid) => !group.has(rid)));
				await state.pause();
			}
			fresh.remove([...died]);
			group.swap(fresh);
			swapped = true;
		} finally {
			state.watchers.delete(watch);
			if (!swapped) fresh[Symbol.dispose]();
		}
	});
}
