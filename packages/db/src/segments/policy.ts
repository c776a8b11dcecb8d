/**
 * What the state of an index calls for (growth.ts decides, from numbers).
 */

import type { Job } from './background.ts';
import { compact, renew } from './compact.ts';
import type { ModelGroup } from './group.ts';
import {
	grows,
	isHollow,
	isMeasureDue,
	type ModelPlan,
	plannedCompaction,
	plannedModel,
	type SegmentSize,
} from './growth.ts';
import { canRetire, move, nextFrozen, rebuild, seal, train } from './jobs.ts';
import { measure } from './measure.ts';
import type { State } from './state.ts';
import type { Traits } from './traits.ts';

/** The lane that seals. */
export function nextSeal(state: State): Job | undefined {
	const waiting = state.unadopted.find((entry) => !state.adopting.has(entry));
	if (waiting !== undefined) {
		return { kind: 'sealing', run: () => state.adoptAgain(waiting) };
	}
	const { current } = state;
	if (current === undefined) return undefined;
	if (state.lost.length > 0) return { kind: 'sealing', run: () => rebuild(state, current) };
	if (nextFrozen(state) !== undefined) return { kind: 'sealing', run: () => seal(state, current) };
	return undefined;
}

/** The lane that does everything else. */
export function nextMaking(state: State): Job | undefined {
	const { current, wishes } = state;
	const plan = dueModel(state);
	if (plan !== undefined)
		return { kind: current === undefined ? 'training' : 'growing', run: () => trained(state, plan) };
	// While rows come in faster than they are sealed, sealing has the processor.
	if (current === undefined || state.deltas.frozen.length > state.limits.maxBacklog / 2) return undefined;
	for (const old of state.groups) {
		if (old === current) break;
		if (old.segments.size === 0 && !canRetire(state, old)) continue;
		if ([...old.segments.keys()].some((name) => isWaiting(state, name))) continue;
		return { kind: 'growing', run: () => move(state, old, current) };
	}
	const hollow = current.mergeable && isHollow(current.labels, current.count, current.rows, state.limits);
	const renewal: Job = { kind: 'compacting', run: () => renew(state, current) };
	// While rows come and go without end there is always a file to compact: what is in memory has its turn as well.
	if (hollow && current.labels > 4 * current.count) return renewal;
	const chosen = plannedCompaction(sizesOf(state, current), state.limits, wishes.compact);
	if (chosen !== undefined) return { kind: 'compacting', run: () => compact(state, current, chosen) };
	if (hollow) return renewal;
	const measured = wishes.measure ? undefined : current.measured?.rows;
	const isDue = wishes.measure || isMeasureDue(current.count, current.record.trainedAt, measured);
	if (isDue && hasSettings(current.traits) && state.groups.length === 1 && current.count > 0) {
		const run = async (): Promise<void> => {
			await measure(state, current);
			wishes.measure = false;
		};
		return { kind: 'measuring', run };
	}
	return undefined;
}

/** Whether there is anything to choose when searching. */
function hasSettings({ nlist, refines, graph }: Traits): boolean {
	return nlist !== 0 || refines || graph;
}

async function trained(state: State, plan: ModelPlan): Promise<void> {
	await train(state, plan);
	state.wishes.retrain = false;
}

/** The model that is due. */
export function dueModel(state: State): ModelPlan | undefined {
	const { current, spec, d, metric, limits, wishes, deltas, lost } = state;
	const n = state.count;
	if (current === undefined) {
		// Rows of a model that was lost are sealed again, few as they may be.
		const few = lost.length > 0 ? { ...limits, flatRows: 1 } : limits;
		return plannedModel(spec, n, deltas.frozen.length + lost.length > 0, d, metric, few);
	}
	if (wishes.retrain) return plannedModel(spec, Math.max(n, limits.flatRows + 1), true, d, metric, limits);
	if (!grows(spec) || n <= limits.growth * current.record.trainedAt) return undefined;
	const plan = plannedModel(spec, n, true, d, metric, limits);
	// Where the number of cells is left to the training the text stays the same.
	return plan !== undefined && (plan.spec !== current.record.spec || spec !== 'auto') ? plan : undefined;
}

function isWaiting(state: State, name: string): boolean {
	return state.unadopted.some(({ record }) => record.name === name);
}

/** Segments of a group in the order of their rids, those left out that are not in memory yet. */
export function sizesOf(state: State, group: ModelGroup): SegmentSize[] {
	const segments = [...group.segments.values()].filter(({ name }) => !isWaiting(state, name));
	segments.sort((a, b) => a.rids[0]! - b.rids[0]!);
	return segments.map(({ name, rows }) => ({ name, rows, dead: state.deadOf.get(name) ?? 0 }));
}
