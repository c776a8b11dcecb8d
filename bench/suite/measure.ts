/**
 * One configuration on every side: built once, then searched with many parameters, in rounds.
 *
 * First each setting is searched once, for its recall and a rough time; settings that
 * others beat by far are dropped. Then come the rounds: in each, every setting is timed on every side in turn, and the
 * side that goes first changes. Medians and quartiles are over rounds.
 */
import type { Interval } from '../../packages/vecino/src/index.ts';
import { isRefined, nlistOf } from './configs.ts';
import { type Built, type EngineInfo, type Mode, type Params, Refused, type Round, type Worker } from './protocol.ts';
import type { Judge } from './recall.ts';
import { median, type Quartiles, quantile, quartiles, worthwhile } from './stats.ts';

export interface Side {
	readonly name: string;
	readonly worker: Worker;
	readonly info: EngineInfo;
}

export interface Point {
	readonly params: Params;
	/** recall@k, with its 95 % interval. */
	readonly interval: Interval;
	/** interval.mean */
	readonly recall: number;
	/** Queries per second, from the median round. */
	readonly qps: number;
	/** Nanoseconds per query: over rounds, of the mean over queries. */
	readonly ns: Quartiles;
	/** Single queries: nanoseconds, medians over rounds. */
	readonly latency?: { readonly p50: number; readonly p95: number; readonly p99: number };
	/** Queries per round. */
	readonly count: number;
}

export interface SideResult {
	readonly side: string;
	readonly built?: Built;
	/** Resident bytes per vector, everything counted. */
	readonly bytesPerVector?: number;
	/** Nanoseconds of calling, taken off every single query. */
	readonly overheadNs?: number;
	readonly points: Readonly<Record<Mode, readonly Point[]>>;
	/** Why there is nothing. */
	readonly error?: string;
}

export interface ConfigResult {
	readonly config: string;
	readonly sides: readonly SideResult[];
}

export interface Plan {
	readonly k: number;
	readonly rounds: number;
	readonly modes: readonly Mode[];
	readonly nprobes: readonly number[];
	readonly kFactors: readonly number[];
	/** Queries there are. */
	readonly nq: number;
	/** Queries in one batch; more than there are: repeated. */
	readonly batch: number;
	/** A round of one setting on one side takes about as long at most. */
	readonly roundSeconds: number;
	/** What speeds are taken by. Processor time leaves out what other programs on a busy machine take; latencies are always wall time. */
	readonly clock: 'wall' | 'cpu';
}

/** Settings of one side in one mode while they are measured. */
interface Running {
	readonly side: Side;
	readonly params: Params;
	readonly interval: Interval;
	readonly recall: number;
	readonly qps: number;
	readonly count: number;
	readonly rounds: { ns: number; p50: number; p95: number; p99: number }[];
}

/** A setting that is slower than another of no less recall by this factor is not worth rounds. */
const SLACK = 2;
/** Before that, searches for so long or so many times. */
const [WARM_NS, WARM_CALLS] = [2e8, 60];

export async function measureConfig(
	config: string,
	sides: readonly Side[],
	plan: Plan,
	judge: Judge,
): Promise<ConfigResult> {
	const built = new Map<Side, Built>();
	const errors = new Map<Side, string>();
	for (const side of sides) {
		try {
			built.set(side, await side.worker.ask('build', { config }));
		} catch (error) {
			if (!(error instanceof Refused)) throw error;
			errors.set(side, error.message);
		}
	}
	const able = [...built.keys()];
	const points = new Map<Side, Record<Mode, Point[]>>(sides.map((side) => [side, { single: [], batch: [] }]));
	const overheads = new Map<Side, number>();
	for (const mode of plan.modes) {
		const overhead = async (side: Side): Promise<number> => {
			if (mode === 'batch') return 0;
			const { ns, cpuNs, count } = await side.worker.ask('overhead', { k: plan.k, count: 500 });
			const value = plan.clock === 'cpu' ? cpuNs / count : median(ns);
			overheads.set(side, value);
			return value;
		};
		const running = await scoutAll(config, able, plan, mode, judge);
		for (let round = 0; round < plan.rounds; round++) {
			const order = round % 2 === 0 ? running : [...running].reverse();
			const cost = new Map<Side, number>();
			for (const side of able) cost.set(side, await overhead(side));
			for (const one of order) {
				const { side, params, count } = one;
				const found = await side.worker.ask('search', { ...params, mode, k: plan.k, count });
				one.rounds.push(summary(found, cost.get(side)!, plan.clock));
			}
		}
		for (const one of running) points.get(one.side)![mode].push(finish(one, mode));
	}
	for (const side of able) await side.worker.ask('drop', {});
	return {
		config,
		sides: sides.map((side): SideResult => {
			const of = built.get(side);
			const error = errors.get(side);
			const overheadNs = overheads.get(side);
			return {
				side: side.name,
				...(of && { built: of, bytesPerVector: totalBytes(of) / of.ntotal }),
				...(overheadNs !== undefined && { overheadNs }),
				...(error !== undefined && { error }),
				points: points.get(side)!,
			};
		}),
	};
}

export function totalBytes({ bytes }: Built): number {
	return Object.values(bytes).reduce((a, b) => a + b, 0);
}

/** Every setting once on every side; those worth more, the sides of one setting beside each other. */
async function scoutAll(
	config: string,
	sides: readonly Side[],
	plan: Plan,
	mode: Mode,
	judge: Judge,
): Promise<Running[]> {
	const { k, nq } = plan;
	const all: Running[] = [];
	for (const side of sides) {
		const own: Running[] = [];
		const grid = settings(config, plan);
		// Code that runs for the first time is slow: without this, the first settings would seem not worth measuring.
		const samples = [grid[0]!, grid[grid.length >> 1]!, grid.at(-1)!];
		for (let i = 0, spent = 0; i < WARM_CALLS && spent < WARM_NS; i++) {
			const { ns } = await side.worker.ask('search', { ...samples[i % 3]!, mode, k, count: Math.min(nq, 300) });
			spent += ns.reduce((x, y) => x + y, 0);
		}
		for (const params of grid) {
			const found = await side.worker.ask('search', { ...params, mode, k, count: nq, labels: true });
			const interval = judge.recall(found.labels!);
			// Processor time, because one look may fall into a moment when others are at work.
			const ns = found.cpuNs / found.count;
			const wanted = mode === 'batch' ? plan.batch : nq;
			const count = Math.min(wanted, Math.max(50, Math.floor((plan.roundSeconds * 1e9) / ns)));
			own.push({ side, params, interval, recall: interval.mean, qps: 1e9 / ns, count, rounds: [] });
		}
		all.push(...worthwhile(own, SLACK));
	}
	const key = ({ params }: Running): number => (params.nprobe ?? 0) * 1e6 + (params.kFactor ?? 0);
	return all.sort((a, b) => key(a) - key(b) || sides.indexOf(a.side) - sides.indexOf(b.side));
}

/** The grid of parameters that a configuration has. */
export function settings(config: string, { nprobes, kFactors }: Pick<Plan, 'nprobes' | 'kFactors'>): Params[] {
	const nlist = nlistOf(config);
	const cells: Params[] =
		nlist === undefined ? [{}] : nprobes.filter((nprobe) => nprobe <= nlist).map((nprobe) => ({ nprobe }));
	if (!isRefined(config)) return cells;
	return cells.flatMap((one) => kFactors.map((kFactor) => ({ ...one, kFactor })));
}

function summary({ ns, cpuNs, count }: Round, overhead: number, clock: Plan['clock']): Running['rounds'][number] {
	const total = clock === 'cpu' ? cpuNs : ns.reduce((a, b) => a + b, 0);
	const at = (p: number): number => quantile(ns, p) - overhead;
	return { ns: total / count - overhead, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function finish({ params, interval, recall, rounds, count }: Running, mode: Mode): Point {
	const ns = quartiles(rounds.map((round) => round.ns));
	const over = (pick: 'p50' | 'p95' | 'p99'): number => median(rounds.map((round) => round[pick]));
	const latency = { p50: over('p50'), p95: over('p95'), p99: over('p99') };
	return { params, interval, recall, qps: 1e9 / ns.median, ns, count, ...(mode === 'single' && { latency }) };
}
