/**
 * Work of the background. Each job writes files first, commits, and then changes what is in memory; when one fails before
 * its commit nothing has changed but files that nobody knows, which it removes, or the next opening does.
 */

import { readIndex } from 'vecino';
import type { Builder } from './build-thread.ts';
import { commitWhenFree } from './commit.ts';
import type { ManifestChange, ModelRecord, SegmentRecord } from './contract.ts';
import { ModelGroup } from './group.ts';
import { type ModelPlan, sampleRows } from './growth.ts';
import type { Part } from './parts.ts';
import { holds, type State, type Unadopted } from './state.ts';
import { originalsOf, type RowVectors, sampleOf, vectorsOfPart, vectorsOfSegment } from './vectors.ts';

/** A segment file that was written, and is not committed yet. */
interface Written {
	readonly record: SegmentRecord;
	/** To be merged one by one. */
	readonly pieces: readonly Uint8Array[];
}

/** Removes files of work that was not committed; if that fails too, the next opening sweeps them. */
async function discard(state: State, names: readonly string[]): Promise<void> {
	for (const name of names) await state.files.remove(name).catch(() => {});
}

/** Codes rows and writes them as segments. */
async function writeSegments(
	state: State,
	builder: Builder,
	group: ModelGroup,
	{ rids, vectors }: RowVectors,
): Promise<Written[]> {
	const { d, limits } = state;
	const written: Written[] = [];
	const bytes = await state.files.read(group.name);
	try {
		for (let start = 0; start < rids.length; start += limits.sealRows) {
			state.checkOpen();
			const some = rids.slice(start, start + limits.sealRows);
			const whole = some.length === rids.length;
			const x = whole ? vectors : vectors.slice(start * d, start * d + some.length * d);
			const task = {
				model: { name: group.name, bytes },
				vectors: x,
				pieceRows: group.mergeable ? pieceRows(state, group) : 0,
			};
			const { file, pieces } = await builder.encode(task);
			state.checkOpen();
			const name = state.newName('s');
			const size = await state.files.write(name, [file]);
			const record = { name, model: group.name, rows: some.length, bytes: size, rids: some };
			written.push({ record, pieces: pieces.length === 0 ? [file] : pieces });
		}
		return written;
	} catch (error) {
		await discard(
			state,
			written.map(({ record }) => record.name),
		);
		throw error;
	}
}

/** Rows merged between two turns of the event loop: what touches each cell costs as much for one row as for a few. */
function pieceRows({ limits }: State, { traits }: ModelGroup): number {
	const cells = traits.nlist === 'auto' ? 1024 : traits.nlist;
	return cells > 1024 ? Math.max(1, limits.pieceRows >> 1) : limits.pieceRows;
}

async function commit(state: State, change: ManifestChange): Promise<void> {
	try {
		await commitWhenFree(state, () => change);
	} catch (error) {
		const added = [...(change.addSegments ?? []), ...(change.addModels ?? [])];
		await discard(
			state,
			added.map(({ name }) => name),
		);
		throw error;
	}
}

/** The oldest delta that waits to be sealed. */
export function nextFrozen({ deltas, sealed }: State): Part | undefined {
	return deltas.frozen.find((part) => !sealed.has(part));
}

/**
 * Makes a segment of the oldest frozen delta. While that comes into memory the builder can be at the next one: the delta is
 * searched until then.
 */
export async function seal(state: State, group: ModelGroup): Promise<void> {
	state.sealingInto = group;
	try {
		await sealOldest(state, group);
	} finally {
		state.sealingInto = undefined;
	}
}

async function sealOldest(state: State, group: ModelGroup): Promise<void> {
	const part = nextFrozen(state)!;
	const upTo = part.map.ridOf(part.labels - 1);
	const rows = await vectorsOfPart(state, part);
	const sealedUpTo = { sealedUpTo: upTo };
	if (rows.rids.length === 0) {
		const forgetDead = state.deadBetween(state.rows.sealedUpTo(), upTo, rows.rids);
		await commit(state, { ...sealedUpTo, forgetDead });
		state.deltas.drop(part);
		return;
	}
	const written = await writeSegments(state, state.sealer, group, rows);
	const forgetDead = state.deadBetween(state.rows.sealedUpTo(), upTo, rows.rids);
	await commit(state, { addSegments: written.map(({ record }) => record), ...sealedUpTo, forgetDead });
	state.sealed.add(part);
	const done = once(written.length, () => {
		state.sealed.delete(part);
		state.deltas.drop(part);
	});
	// One that fails is taken in from its file, by a job of its own.
	const arriving: Promise<void> = adoptAll(state, group, written, [part], done)
		.catch(() => {})
		.then(() => {
			state.arriving.delete(arriving);
			state.arrived();
		});
	state.arriving.add(arriving);
	// Two at most: what is sealed must not come faster than it is taken in.
	if (state.arriving.size > 1) await Promise.race(state.arriving);
}

/** Takes committed segments in, and tells `done` after each. */
async function adoptAll(
	state: State,
	group: ModelGroup,
	written: readonly Written[],
	from: readonly Part[],
	done: () => Promise<void> | void,
): Promise<void> {
	const entries = written.map(({ record, pieces }) => {
		group.segments.set(record.name, record);
		return { entry: { group, record, from, done } satisfies Unadopted, pieces };
	});
	for (const { entry } of entries) {
		state.unadopted.push(entry);
		state.adopting.add(entry);
	}
	try {
		for (const { entry, pieces } of entries) await state.adopt(entry, pieces);
	} finally {
		// Those that it did not come to are taken in from their files.
		for (const { entry } of entries) state.adopting.delete(entry);
	}
}

/** Calls `last` the n-th time that it is called. */
function once(n: number, last: () => Promise<void> | void): () => Promise<void> | void {
	let left = n;
	return () => (--left === 0 ? last() : undefined);
}

/** Trains a model; new segments are made with it from then on. */
export async function train(state: State, plan: ModelPlan): Promise<void> {
	const { d, metric } = state;
	const n = state.rows.count();
	const sample = await sampleOf(state, sampleRows(plan.spec, n, d, plan.n), false);
	const bytes = await state.maker.train({ spec: plan.spec, d, metric, n: plan.n, sample: sample.vectors });
	state.checkOpen();
	const name = state.newName('m');
	const size = await state.files.write(name, [bytes]);
	const record: ModelRecord = { name, spec: plan.spec, trainedAt: n, bytes: size, measured: undefined };
	await commit(state, { addModels: [record] });
	state.groups.push(new ModelGroup(record, readIndex(bytes, { engine: state.engine, verify: false })));
}

/** Makes the oldest segment of an older model anew with the newest one. */
export async function move(state: State, old: ModelGroup, group: ModelGroup): Promise<void> {
	const segment = oldest(old.segments.values());
	if (segment === undefined) return canRetire(state, old) ? retire(state, old) : undefined;
	const rows = await vectorsOfSegment(state, segment, (rid) => old.has(rid));
	const written = await writeSegments(state, state.maker, group, rows);
	await commit(state, {
		addSegments: written.map(({ record }) => record),
		removeSegments: [segment.name],
		forgetDead: goneFrom(state, [segment], written),
	});
	old.segments.delete(segment.name);
	state.deadOf.delete(segment.name);
	const leave = async (): Promise<void> => {
		if (canRetire(state, old)) await retire(state, old);
		else if (!old.mergeable) old.dropPart(segment.name);
		else for (const part of old.parts) await state.removeSlowly(part, segment.rids);
		await discard(state, [segment.name]);
	};
	if (written.length === 0) return leave();
	await adoptAll(state, group, written, old.parts, once(written.length, leave));
}

/** Rids of old segments that are dead and in none of the new ones. */
function goneFrom(state: State, old: readonly SegmentRecord[], written: readonly Written[]): Float64Array {
	const gone: number[] = [];
	for (const rid of state.rows.deadRids()) {
		if (!old.some(({ rids }) => holds(rids, rid))) continue;
		if (!written.some(({ record }) => holds(record.rids, rid))) gone.push(rid);
	}
	return Float64Array.from(gone);
}

/** Nothing is of that model any more, nor will be. */
export function canRetire(state: State, group: ModelGroup): boolean {
	const waiting = state.unadopted.some((entry) => entry.group === group);
	return group !== state.current && group.segments.size === 0 && state.sealingInto !== group && !waiting;
}

/** Lets go of a model. */
async function retire(state: State, group: ModelGroup): Promise<void> {
	await commitWhenFree(state, () => ({ removeModels: [group.name] }));
	state.groups = state.groups.filter((other) => other !== group);
	group[Symbol.dispose]();
	await discard(state, [group.name]);
}

export function oldest(segments: Iterable<SegmentRecord>): SegmentRecord | undefined {
	let found: SegmentRecord | undefined;
	for (const segment of segments) if (found === undefined || segment.rids[0]! < found.rids[0]!) found = segment;
	return found;
}

/** Makes segments whose file was damaged again. */
export async function rebuild(state: State, group: ModelGroup): Promise<void> {
	const { record, parts } = state.lost[0]!;
	const alive = record.rids.filter((rid) => parts.some((part) => part.has(rid)));
	const rows = await originalsOf(state, alive);
	const written = await writeSegments(state, state.sealer, group, rows);
	const others = [...state.rows.segments()].some(({ name, model }) => name !== record.name && model === record.model);
	const unused = !others && state.groupOf(record.model) === undefined && record.model !== '';
	await commit(state, {
		addSegments: written.map((w) => w.record),
		removeSegments: [record.name],
		...(unused && { removeModels: [record.model] }),
		forgetDead: goneFrom(state, [record], written),
	});
	const leave = async (): Promise<void> => {
		state.lost = state.lost.filter((lost) => lost.record !== record);
		for (const part of parts) part[Symbol.dispose]();
		await discard(state, [record.name]);
		if (unused) await discard(state, [record.model]);
	};
	if (written.length === 0) return leave();
	await adoptAll(state, group, written, parts, once(written.length, leave));
}
