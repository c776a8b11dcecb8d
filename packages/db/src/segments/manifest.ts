/**
 * Bringing what is in memory in line with the manifest: when a collection is opened, and when a reader finds that a writer
 * has committed something. Rows are taken in before they are let go of elsewhere, so that searches in between find all.
 */

import { isVecinoError } from 'vecino';
import type { SegmentRecord } from './contract.ts';
import { loadFile, ModelGroup } from './group.ts';
import { newDelta, Part } from './parts.ts';
import { holds, modelNumber, type State } from './state.ts';

/** Searches for files that a writer removed meanwhile. */
const ATTEMPTS = 5;

/**
 * Loads models and segments that are new, lets go of those that are gone, and reads the rows that are in none.
 *
 * @param rebuild - Rows of damaged files are read to be sealed again.
 */
export async function follow(state: State, rebuild: boolean): Promise<void> {
	for (let attempt = 1; ; attempt++) {
		try {
			return await followOnce(state, rebuild);
		} catch (error) {
			// What a writer has replaced since is no damage.
			if (!isVecinoError(error, 'corrupt-data') || attempt === ATTEMPTS) throw error;
			const missing = error.found;
			const known = [...state.rows.segments(), ...state.rows.models()];
			if (known.some(({ name }) => name === missing)) throw error;
		}
	}
}

async function followOnce(state: State, rebuild: boolean): Promise<void> {
	const { rows, deltas } = state;
	// In this order: what is committed in between is seen twice, not missed.
	const sealedUpTo = rows.sealedUpTo();
	const [segments, models, dead] = [rows.segments(), rows.models(), rows.deadRids()];
	await loadModels(state, models, rebuild);
	segments.sort((a, b) => a.rids[0]! - b.rids[0]!);
	for (const segment of segments) await loadSegment(state, segment, dead, rebuild);
	dropSegments(state, segments);
	const kept = new Set(models.map(({ name }) => name));
	for (const group of state.groups) if (!kept.has(group.name)) group[Symbol.dispose]();
	state.groups = state.groups.filter(({ name }) => kept.has(name));
	for (const { name, measured } of models) state.groupOf(name)?.remeasured(measured);
	await dropSealed(state, sealedUpTo);
	await loadDelta(state, Math.max(sealedUpTo, deltas.lastRid));
	state.remove(rows.deadRids());
	for (const segment of segments) if (state.groupOf(segment.model) !== undefined) state.countDead(segment, dead);
}

async function loadModels(state: State, models: ReturnType<State['rows']['models']>, rebuild: boolean): Promise<void> {
	for (const record of models) {
		if (state.groupOf(record.name) !== undefined) continue;
		try {
			const expected = { bytes: record.bytes, rows: 0, d: state.d };
			const index = await loadFile(state.files, record.name, expected, state.engine, state.rows.keepsOriginals);
			state.groups.push(new ModelGroup(record, index));
			state.checkOpen();
		} catch (error) {
			if (!canRebuild(state, rebuild, error)) throw error;
		}
	}
	state.groups.sort((a, b) => modelNumber(a.name) - modelNumber(b.name));
}

async function loadSegment(state: State, record: SegmentRecord, dead: Float64Array, rebuild: boolean): Promise<void> {
	if (state.lost.some((lost) => lost.record.name === record.name)) return;
	const group = state.groupOf(record.model);
	if (group === undefined) return recover(state, record, dead);
	if (group.segments.has(record.name)) return;
	const alive = record.rids.filter((rid) => !holds(dead, rid));
	if (group.mergeable && alive.length > 0 && group.count > 0 && alive.every((rid) => group.has(rid))) {
		// Segments that are here already were made one.
		group.segments.set(record.name, record);
		return;
	}
	try {
		const expected = { bytes: record.bytes, rows: record.rows, d: state.d };
		const index = await loadFile(state.files, record.name, expected, state.engine, state.rows.keepsOriginals);
		if (state.closed) {
			index[Symbol.dispose]();
			state.checkOpen();
		}
		group.merged?.remove(record.rids);
		if (group.mergeable && group.labels === 0) {
			const part = new Part(index, false);
			part.map.append(record.rids);
			part.prepareRemoval();
			group.swap(part);
		} else {
			group.take(record.name, index, record.rids);
		}
		group.segments.set(record.name, record);
		const died = record.rids.filter((rid) => holds(dead, rid));
		for (const part of group.parts) part.remove(died);
		await state.pause();
	} catch (error) {
		if (!canRebuild(state, rebuild, error)) throw error;
		await recover(state, record, dead);
	}
}

function canRebuild(state: State, rebuild: boolean, error: unknown): boolean {
	return rebuild && state.rows.keepsOriginals && isVecinoError(error, 'corrupt-data');
}

/** Reads the rows of a segment whose file is damaged; they are searched exactly until another file holds them. */
async function recover(state: State, record: SegmentRecord, dead: Float64Array): Promise<void> {
	const { d, metric, engine, limits, rows } = state;
	const parts: Part[] = [];
	const lost = { record, parts };
	state.lost.push(lost);
	const alive = record.rids.filter((rid) => !holds(dead, rid));
	const piece = Math.min(limits.pieceRows, limits.sealRows);
	for (let start = 0; start < alive.length; start += piece) {
		if (start % limits.sealRows === 0) parts.push(newDelta(d, metric, engine));
		const rids = alive.subarray(start, start + piece);
		const vectors = rows.vectorsOf(rids);
		const there = [...rids.keys()].filter((i) => !Number.isNaN(vectors[i * d]!));
		const x = new Float32Array(there.length * d);
		for (const [to, i] of there.entries()) x.set(vectors.subarray(i * d, (i + 1) * d), to * d);
		if (there.length > 0) {
			parts.at(-1)!.add(
				there.map((i) => rids[i]!),
				x,
			);
		}
		await state.pause();
	}
}

/** Lets go of segments that the manifest has no more, and of rows that no other segment has. */
function dropSegments(state: State, segments: readonly SegmentRecord[]): void {
	const names = new Set(segments.map(({ name }) => name));
	for (const group of state.groups) {
		for (const old of [...group.segments.values()]) {
			if (names.has(old.name)) continue;
			group.segments.delete(old.name);
			state.deadOf.delete(old.name);
			group.dropPart(old.name);
			const held = segments.filter(({ model }) => model === group.name);
			const gone = old.rids.filter((rid) => !held.some(({ rids }) => holds(rids, rid)));
			for (const part of group.parts) part.remove(gone);
		}
	}
}

/** Lets go of deltas that were sealed. */
async function dropSealed(state: State, sealedUpTo: number): Promise<void> {
	const { deltas } = state;
	for (const part of deltas.parts) {
		if (part.labels === 0 || part.map.ridOf(0) > sealedUpTo) continue;
		const sealed = part.map.rids.filter((rid) => rid <= sealedUpTo);
		const all = sealed.length === part.labels;
		if (all && part === deltas.active) deltas.freeze();
		if (all) deltas.drop(part);
		else await state.removeSlowly(part, sealed);
	}
}

/** Reads rows behind `after`, a piece at a time. */
async function loadDelta(state: State, from: number): Promise<void> {
	const { rows, deltas, limits } = state;
	const upTo = rows.lastRid();
	let after = from;
	while (after < upTo) {
		const { rids, vectors } = rows.vectorsAfter(after, upTo, limits.pieceRows);
		if (rids.length > 0) deltas.add(rids, vectors);
		if (rids.length < limits.pieceRows) return;
		after = rids.at(-1)!;
		await state.pause();
	}
}

/** Removes files that the manifest does not know: what a process that was killed has left. */
export async function sweep(state: State): Promise<void> {
	await state.files.sweep();
	const known = new Set([...state.rows.segments(), ...state.rows.models()].map(({ name }) => name));
	for (const name of await state.files.list()) if (!known.has(name)) await state.files.remove(name);
}
