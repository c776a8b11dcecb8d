/**
 * One run of the tuner (tune.ts): candidates, the choice, the report.
 */

import type { RecallSetting, RecallTable } from '../core/recall-table.ts';
import { SearchResult } from '../core/result.ts';
import { isVecinoError, VecinoError } from '../errors.ts';
import type { Index } from '../indexes/base.ts';
import { IndexFlat } from '../indexes/flat.ts';
import type { Steps } from '../util/steps.ts';
import { wilsonInterval } from './recall.ts';
import { type CostModel, frontOf, meanOf, type Point, pointsOf, reaching, recallsOf, scoreOf } from './tune-choose.ts';
import { calibrateSteps, perCodeSteps, timeSteps } from './tune-cost.ts';
import { type Asked, type Counts, countSteps, named, type Subject, subjectOf, type Weights } from './tune-count.ts';
import { countGraphSteps } from './tune-graph.ts';
import { forecastTune, type TunePlan } from './tune-plan.ts';
import type { ChosenSetting, TuneCandidate, TuneReport } from './tune-report.ts';
import { drawSample, PLANTED } from './tune-sample.ts';
import type { Shape } from './tune-shapes.ts';
import { cheapestOfBest, nextPoint, part, relabelled, searchedSteps } from './tune-verify.ts';
import {
	judgeTried,
	paramsOf,
	reportText,
	rowOf,
	rowsOf,
	type Tried,
	type Verified,
	verifiedRow,
} from './tune-words.ts';
import { Workshop } from './tune-workshop.ts';

/** What tune hands over. */
export interface Tuned {
	/** Plain data. */
	readonly report: TuneReport;
	/** The index chosen, its recallTable set, for the caller to dispose of; undefined unless asked for with `build`. */
	readonly index: Index | undefined;
}

/** Within this of the quickest the one of the least time times memory is taken. */
const ABOUT = 1.1;
/** Standard errors by which the mean over all queries is to be above the recall asked for: other queries are to reach it too. */
const MARGIN = 0.5;
/** Settings that are timed for real, of one candidate at most, and how far from the quickest by forecast. */
const FINALISTS = 8;
const PER_CANDIDATE = 3;
const NEAR = 1.35;
/** Queries and rounds of the timing that decides. */
const TIMED = 128;
const ROUNDS = 6;
/** Settings that are tried in place of one that did not keep its promise, at most. */
const REPAIRS = 12;
/** Recall of neighbouring rows of a table differs by this much at least. */
const STEP = 0.0005;

/** One run: what it does, and what it knows when it is stopped. */
export class Run {
	readonly #plan: TunePlan;
	readonly #started = performance.now();
	readonly #forecast: { readonly seconds: number; readonly gridSeconds: number };
	readonly #tried: Tried[] = [];
	readonly #failed = new Map<string, string>();
	readonly #verified: Verified[] = [];
	#chosen: Verified | undefined;
	#table: RecallTable | null = null;
	#sampled: number | undefined;

	constructor(plan: TunePlan) {
		this.#plan = plan;
		const { n, d } = plan.x;
		this.#forecast = forecastTune({ ...plan, n, d, nq: plan.queries.n });
	}

	*steps(): Steps<Tuned> {
		const { x, compareOn, build, seed } = this.#plan;
		const { all, nearest } = yield* this.#truth();
		const choose = part(all, 0, this.#plan.choose);
		if (compareOn >= x.n) {
			using workshop = new Workshop(this.#plan, x);
			yield* this.#compare(workshop, choose, undefined);
			const winner = yield* this.#settle(this.#tried, all);
			this.#table = winner === undefined ? null : yield* this.#tableOf(winner, all);
			const index = winner && build ? yield* workshop.finished(winner.tried.shape.factory) : undefined;
			return this.#done(index);
		}
		{
			const sample = drawSample(x, choose, nearest, compareOn, seed);
			this.#sampled = sample.x.n;
			using workshop = new Workshop(this.#plan, sample.x);
			yield* this.#compare(workshop, sample.asked, sample.weights);
		}
		return yield* this.#whole(all, choose);
	}

	/** The report of what is known, unless it is nothing or the error another one. */
	stopped(error: unknown): Tuned {
		if (!isVecinoError(error, 'aborted') || this.#tried.length === 0) throw error;
		return { report: this.#report(false), index: undefined };
	}

	/** The true neighbours of all queries, and as many behind them as a sample is to have. */
	*#truth(): Steps<{ all: Asked; nearest: Int32Array }> {
		const { x, queries, own, metric, engine, k, compareOn } = this.#plan;
		const width = Math.min(compareOn < x.n ? PLANTED * k : k, x.n - 1);
		using flat = new IndexFlat({ d: x.d, metric, engine, pruned: false });
		yield* named(flat.addSteps(x), 'truth', 0, queries.n);
		const result = new SearchResult(queries.n, width + 1, metric);
		yield* relabelled(flat.searchSteps(queries, width + 1, {}, result), 'truth');
		const nearest = new Int32Array(queries.n * width).fill(-1);
		const truth = new Int32Array(queries.n * k).fill(-1);
		for (let i = 0; i < queries.n; i++) {
			const rows = result.labels.subarray(i * (width + 1), (i + 1) * (width + 1)).filter((row) => row !== own[i]);
			nearest.set(rows.subarray(0, width), i * width);
			truth.set(rows.subarray(0, Math.min(k, width)), i * k);
		}
		return { all: { queries, k, truth, own }, nearest };
	}

	/** Builds and measures every candidate that fits. */
	*#compare(workshop: Workshop, asked: Asked, weights: Weights | undefined): Steps<void> {
		const { shapes, onCandidate } = this.#plan;
		const fitting = shapes.filter(({ fits }) => fits);
		for (const [i, shape] of fitting.entries()) {
			const phase = `candidate ${i + 1} of ${fitting.length}`;
			const base = Workshop.baseOf(shape.factory);
			workshop.keep(weights === undefined ? this.#worthKeeping(base) : new Set([base]));
			const start = performance.now();
			try {
				const subject = yield* named(workshop.make(shape.factory), phase, 0, asked.queries.n);
				const { counts, cost } = yield* this.#measure(workshop, subject, asked, weights, phase);
				const seconds = (performance.now() - start) / 1000;
				this.#tried.push({ shape, subject, counts, cost, points: pointsOf(counts, cost), seconds });
			} catch (error) {
				if (!(error instanceof VecinoError) || error.code === 'aborted') throw error;
				this.#failed.set(shape.factory, error.message);
			}
			onCandidate?.(this.#candidate(shape));
		}
	}

	*#measure(
		workshop: Workshop | undefined,
		subject: Subject,
		asked: Asked,
		weights: Weights | undefined,
		phase: string,
	): Steps<{ counts: Counts; cost: CostModel }> {
		const { recall, x, k } = this.#plan;
		if (subject.parts.hnsw !== undefined) return yield* countGraphSteps(subject, asked, phase);
		const counts = yield* countSteps(subject, asked, this.#loss, weights, phase);
		const { n } = asked.queries;
		const cost = yield* named(calibrateSteps(subject, counts, asked.queries, recall), phase, n, n);
		if (weights === undefined) return { counts, cost };
		using long = yield* named(workshop!.rescaled(subject, subject.parts.leaf.ntotal / x.n), phase, n, n);
		return {
			counts,
			cost:
				long === undefined
					? cost
					: { ...cost, perCode: yield* named(perCodeSteps(long, asked.queries, k), phase, n, n) },
		};
	}

	/** Share of the true neighbours that counting leaves in cells not opened. */
	get #loss(): number {
		return Math.min(0.01, (1 - this.#plan.recall) / 4);
	}

	/** Bases of candidates that may be among the last, and the one that is next. */
	#worthKeeping(next: string): Set<string> {
		const ranked = this.#ranked();
		const limit = NEAR * Math.min(...ranked.map(({ point }) => point.microseconds));
		const some =
			this.#plan.latencyMs === undefined ? ranked.filter(({ point }) => point.microseconds <= limit) : ranked;
		// Where nothing reaches the recall, the one that finds most is the last.
		const last = [...some.slice(0, FINALISTS).map(({ tried }) => tried), ...this.#byRecall().slice(0, 1)];
		return new Set([next, ...last.map(({ shape }) => Workshop.baseOf(shape.factory))]);
	}

	/** Settings that reach the recall by count, best first by forecast. */
	#ranked(all: readonly Tried[] = this.#tried): { tried: Tried; point: Point }[] {
		const { recall, latencyMs } = this.#plan;
		const settings = all.flatMap((tried) =>
			reaching(tried.points, recall)
				.slice(0, PER_CANDIDATE)
				.map((point) => ({ tried, point })),
		);
		const limit = latencyMs === undefined ? 0 : 1000 * latencyMs;
		return settings.sort((a, b) => {
			const [late, other] = [a.point.microseconds > limit, b.point.microseconds > limit];
			if (late !== other) return late ? 1 : -1;
			const bytes = late ? 0 : a.tried.shape.bytesPerVector - b.tried.shape.bytesPerVector;
			return bytes || a.point.microseconds - b.point.microseconds;
		});
	}

	/** Builds the best of all rows, and what comes next where that does not keep what the sample promised. */
	*#whole(all: Asked, choose: Asked): Steps<Tuned> {
		const { build, x } = this.#plan;
		const order = [...new Set([...this.#ranked().map(({ tried }) => tried), ...this.#byRecall()])];
		for (const [i, before] of order.entries()) {
			using workshop = new Workshop(this.#plan, x);
			const start = performance.now();
			const index = yield* workshop.finished(before.shape.factory);
			let handed = false;
			try {
				const subject = subjectOf(index);
				const { counts, cost } = yield* this.#measure(undefined, subject, choose, undefined, 'whole');
				const seconds = before.seconds + (performance.now() - start) / 1000;
				const tried = { shape: before.shape, subject, counts, cost, points: pointsOf(counts, cost), seconds };
				this.#tried[this.#tried.indexOf(before)] = tried;
				const reaches = reaching(tried.points, this.#plan.recall).length > 0;
				if (!reaches && i < 1 && i < order.length - 1) continue;
				const winner = yield* this.#settle([tried], all);
				this.#table = winner === undefined ? null : yield* this.#tableOf(winner, all);
				handed = build;
				return this.#done(build ? index : undefined);
			} finally {
				if (!handed) index[Symbol.dispose]();
			}
		}
		return this.#done(undefined);
	}

	/** Candidates by the most that they find. */
	#byRecall(): Tried[] {
		const most = ({ points }: Tried): number => Math.max(...points.map(({ recall }) => recall));
		return [...this.#tried].sort((a, b) => most(b) - most(a));
	}

	/** Times and verifies the best settings, and chooses. */
	*#settle(among: readonly Tried[], all: Asked): Steps<Verified | undefined> {
		const { latencyMs } = this.#plan;
		let some = this.#ranked(among);
		if (some.length === 0) {
			const [tried] = this.#byRecall();
			if (tried === undefined) return undefined;
			some = [{ tried, point: cheapestOfBest(tried.points) }];
		}
		const limit = NEAR * some[0]!.point.microseconds;
		if (latencyMs === undefined) some = some.filter(({ point }) => point.microseconds <= limit);
		const pool = yield* this.#verify(some.slice(0, FINALISTS), all);
		for (let repairs = 0; ; repairs++) {
			const best = this.#bestOf(pool);
			this.#chosen = best;
			if (this.#keeps(best) || repairs === REPAIRS) return best;
			const next = nextPoint(best.tried.points, best.point);
			if (next === undefined) return best;
			pool.splice(pool.indexOf(best), 1);
			pool.push(...(yield* this.#verify([{ tried: best.tried, point: next }], all)));
		}
	}

	/** Whether the mean recall over the queries that chose and those that verify is enough above the one asked for. */
	#keeps({ tried, point, perQuery }: Verified): boolean {
		const all = Float64Array.from([...recallsOf(tried.counts, point.pair), ...perQuery]);
		const mean = meanOf(all);
		const error = Math.sqrt(meanOf(all.map((value) => (value - mean) ** 2)) / all.length);
		return mean >= Math.min(1, this.#plan.recall + MARGIN * error);
	}

	#bestOf(pool: readonly Verified[]): Verified {
		const { latencyMs } = this.#plan;
		const least = (some: readonly Verified[], of: (one: Verified) => number): Verified =>
			some.reduce((a, b) => (of(b) < of(a) ? b : a));
		const quickest = least(pool, ({ microseconds }) => microseconds);
		const limit = latencyMs === undefined ? ABOUT * quickest.microseconds : 1000 * latencyMs;
		const some = pool.filter(({ microseconds }) => microseconds <= limit);
		if (some.length === 0) return quickest;
		if (latencyMs === undefined) return least(some, (one) => one.bytesPerVector * one.microseconds);
		const smallest = least(some, ({ bytesPerVector }) => bytesPerVector).bytesPerVector;
		const small = some.filter(({ bytesPerVector }) => bytesPerVector <= smallest * 1.001);
		return least(small, ({ microseconds }) => microseconds);
	}

	/** Searches with settings for real, with the queries that have not chosen them. */
	*#verify(some: readonly { tried: Tried; point: Point }[], all: Asked): Steps<Verified[]> {
		const { choose, k, x } = this.#plan;
		const asked = part(all, choose, all.queries.n);
		const settings = some.map(({ tried: { subject }, point: { nprobe, wide } }) => ({ subject, nprobe, wide, k }));
		const microseconds = yield* timeSteps(
			settings,
			asked.queries.slice(0, Math.min(TIMED, asked.queries.n)),
			ROUNDS,
			'verify',
		);
		const out: Verified[] = [];
		for (const [i, { tried, point }] of some.entries()) {
			const perQuery = yield* searchedSteps(tried.subject, asked, point);
			const { shape, subject } = tried;
			const bytesPerVector = this.#sampled === undefined ? shape.bytesPerVector : subject.parts.index.byteLength / x.n;
			out.push({ tried, point, microseconds: microseconds[i]!, bytesPerVector, perQuery, score: scoreOf(perQuery) });
		}
		this.#verified.push(...out);
		return out;
	}

	/** What each setting of the index chosen reaches, over all queries. */
	*#tableOf({ tried, point, microseconds }: Verified, all: Asked): Steps<RecallTable | null> {
		const { recall, k } = this.#plan;
		const graph = tried.subject.parts.hnsw !== undefined;
		const loss = this.#loss / 2;
		const { counts, cost } = graph
			? yield* countGraphSteps(tried.subject, all, 'table')
			: { counts: yield* countSteps(tried.subject, all, loss, undefined, 'table'), cost: tried.cost };
		const points = pointsOf(counts, cost);
		const mine = points.find(({ nprobe, wide }) => nprobe === point.nprobe && wide === point.wide);
		const front = frontOf(points);
		const settings: RecallSetting[] = [];
		const add = (one: Point): void => {
			if (one.recall < (settings.at(-1)?.recall ?? 0) + STEP) return;
			settings.push({ recall: one.recall, ...paramsOf(tried.subject, one, k) });
		};
		// What was timed stands where the model would have another.
		if (mine === undefined || mine.recall < recall) for (const one of front) add(one);
		else {
			for (const one of front) if (one.recall < Math.min(recall, mine.recall)) add(one);
			settings.push({ recall: mine.recall, ...paramsOf(tried.subject, mine, k) });
			for (const one of front) if (one.microseconds > Math.min(microseconds, mine.microseconds)) add(one);
		}
		if (settings.length === 0 || Object.keys(settings[0]!).length === 1) return null;
		return { k, settings };
	}

	#done(index: Index | undefined): Tuned {
		if (index !== undefined && this.#table !== null) index.recallTable = this.#table;
		return { report: this.#report(true), index };
	}

	#report(complete: boolean): TuneReport {
		const { x, metric, k, seed, recall, limit, latencyMs, shapes, queries, choose, own } = this.#plan;
		const facts = {
			...{ complete, n: x.n, d: x.d, metric, k, seed },
			target: { recall, bytesPerVector: limit ?? null, latencyMs: latencyMs ?? null },
			queries: { source: own[0]! >= 0 ? 'rows' : 'given', choose, verify: queries.n - choose },
			sampleRows: this.#sampled ?? null,
			chosen: this.#chosenSetting() ?? null,
			rows: rowsOf(this.#tried, this.#verified, k),
			candidates: shapes.map((shape) => this.#candidate(shape)),
			recallTable: this.#table,
			seconds: {
				forecast: this.#forecast.seconds,
				actual: (performance.now() - this.#started) / 1000,
				grid: this.#forecast.gridSeconds,
			},
		} as const;
		return { ...facts, text: reportText(facts) };
	}

	get #target(): TuneReport['target'] {
		const { recall, limit, latencyMs } = this.#plan;
		return { recall, bytesPerVector: limit ?? null, latencyMs: latencyMs ?? null };
	}

	/** The setting chosen; before anything was verified the best by forecast. */
	#chosenSetting(): ChosenSetting | undefined {
		const { k, recall, latencyMs } = this.#plan;
		const inTime = (us: number): boolean => latencyMs === undefined || us <= 1000 * latencyMs;
		if (this.#chosen !== undefined) {
			const row = verifiedRow(this.#chosen, k);
			const hits = meanOf(this.#chosen.perQuery) * this.#chosen.perQuery.length * k;
			const trials = this.#chosen.perQuery.length * k;
			const met = row.recall.high >= recall && this.#chosen.point.recall >= recall && inTime(row.microseconds);
			const forecastMicroseconds = this.#chosen.point.microseconds;
			return {
				...row,
				pareto: true,
				wilson: wilsonInterval(Math.min(trials, hits), trials),
				forecastMicroseconds,
				met,
			};
		}
		const best = this.#ranked()[0];
		if (best === undefined) return undefined;
		const row = rowOf(best.tried, best.point, k);
		const trials = best.tried.counts.nq * k;
		const wilson = wilsonInterval(Math.min(trials, row.recall.mean * trials), trials);
		return { ...row, wilson, forecastMicroseconds: row.microseconds, met: inTime(row.microseconds) };
	}

	#candidate(shape: Shape): TuneCandidate {
		const { factory, bytesPerVector, fits } = shape;
		const { limit, recall, k } = this.#plan;
		const none = { factory, bytesPerVector, best: null, seconds: 0 };
		if (!fits) {
			const why = `Takes ${bytesPerVector.toFixed(1)} bytes per vector, ${limit} are allowed: not tried.`;
			return { ...none, outcome: 'bytes', why };
		}
		const failed = this.#failed.get(factory);
		if (failed !== undefined) return { ...none, outcome: 'failed', why: failed };
		const tried = this.#tried.find((one) => one.shape.factory === factory);
		if (tried === undefined) return { ...none, outcome: 'untried', why: 'Not tried: stopped before.' };
		const measured = this.#verified.filter((one) => one.tried === tried && this.#keeps(one));
		const point = reaching(tried.points, recall)[0];
		const best = measured.length > 0 ? verifiedRow(this.#bestOf(measured), k) : point && rowOf(tried, point, k);
		return judgeTried(tried, this.#target, this.#chosen && this.#chosenSetting(), point && best);
	}
}
