/** The suite's results as markdown. Single queries and batches never share a table. */
import { type Machine, machineLines } from './machine.ts';
import { micros, ratio, show, table } from './markdown.ts';
import type { ConfigResult, Point, Side, SideResult } from './measure.ts';
import type { Mode, Params } from './protocol.ts';
import type { BenchSet, Hardness } from './sets.ts';
import { bestRecall, paretoFront, qpsAtRecall } from './stats.ts';

export interface SuiteResult {
	readonly machine: Machine;
	readonly sides: readonly Pick<Side, 'name' | 'info'>[];
	readonly data: {
		readonly name: string;
		readonly n: number;
		readonly d: number;
		readonly nq: number;
		readonly metric: string;
	} & Hardness;
	readonly settings: {
		readonly k: number;
		readonly rounds: number;
		readonly batch: number;
		readonly core: string | undefined;
		readonly clock: 'wall' | 'cpu';
		readonly command: string;
	};
	readonly configs: readonly ConfigResult[];
}

/** Recalls that speeds are compared at. */
const LEVELS = [0.9, 0.95] as const;
const MODES: readonly Mode[] = ['single', 'batch'];
const TITLES: Readonly<Record<Mode, string>> = {
	single: 'Single queries: one call each',
	batch: 'Batch: all queries in one call',
};

export function describeData(name: string, { base, queries, metric }: BenchSet, hard: Hardness): SuiteResult['data'] {
	return { name, n: base.n, d: base.d, nq: queries.n, metric, ...hard };
}

export function head({ machine, sides, data, settings }: Omit<SuiteResult, 'configs'>): string {
	const engines = sides.map(({ name, info }) => {
		const blas = info.blas && info.blas.length > 0 ? `, BLAS ${info.blas.join(' ')}` : '';
		return `- ${name}: ${info.engine}, ${info.build}, ${info.runtime}${blas}`;
	});
	const core = settings.core === undefined ? 'on any core' : `pinned to core ${settings.core}`;
	const clock = settings.clock === 'cpu' ? 'speeds by processor time' : 'speeds by wall time';
	const lines = [
		`# ${data.name}: ${data.n.toLocaleString('en-US')} x ${data.d}, ${data.metric}, ${data.nq} queries`,
		'',
		`Local intrinsic dimension ${data.lid.toFixed(1)}, relative contrast at 10 ${data.contrast.toFixed(2)} (medians).`,
		`One thread each, ${core}, in turns; medians of ${settings.rounds} rounds, ${clock}. recall@${settings.k}, ties counted.`,
		'',
		...machineLines(machine).map((line) => `- ${line}`),
		...engines,
		`- \`${settings.command}\``,
	];
	const generic = sides.some(({ info }) => /GENERIC/.test(info.build));
	if (generic)
		lines.push('', 'This FAISS is a **generic build**, without SIMD of its own: fair for recall, not for speed.');
	return lines.join('\n');
}

export function markdown(result: SuiteResult): string {
	const parts = [head(result), memoryTable(result)];
	for (const mode of MODES) {
		if (result.configs.every(({ sides }) => sides.every(({ points }) => points[mode].length === 0))) continue;
		parts.push(`## ${TITLES[mode]}`, overheadNote(result, mode), atEqualRecall(result, mode), pointTable(result, mode));
	}
	return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** What the calls themselves cost, and that it was taken off. */
function overheadNote({ configs }: SuiteResult, mode: Mode): string {
	if (mode === 'batch') return '';
	const found = configs.flatMap(({ sides }) =>
		sides.flatMap(({ side, overheadNs }) => (overheadNs ? [{ side, overheadNs }] : [])),
	);
	if (found.length === 0)
		return 'Times of vecino are of the public call, checks and result included; nothing is taken off.';
	const each = found.map(({ overheadNs }) => overheadNs / 1000);
	const range = `${Math.min(...each).toFixed(1)} to ${Math.max(...each).toFixed(1)} µs`;
	return `From FAISS's times that of the same call on an index of one vector is taken off (${range}, measured in every round): calling from Python is not FAISS's work. From vecino's nothing is: they are of the public call, checks and result included.`;
}

function memoryTable({ configs }: SuiteResult): string {
	const rows = configs.flatMap(({ config, sides }) =>
		sides.map(({ side, built, bytesPerVector, error }) => {
			if (built === undefined) return [config, side, error ?? '', '', '', ''];
			const parts = Object.entries(built.bytes).filter(([, bytes]) => bytes > 0);
			const text = parts.map(([name, bytes]) => `${name} ${(bytes / built.ntotal).toFixed(1)}`).join(', ');
			return [config, side, bytesPerVector!.toFixed(1), text, show(built.trainS), show(built.addS)];
		}),
	);
	return `## Memory and build\n\nBytes per vector, everything that stays resident counted.\n\n${table(
		['configuration', 'engine', 'bytes', 'of these', 'train, s', 'add, s'],
		rows,
	)}`;
}

function atEqualRecall(result: SuiteResult, mode: Mode): string {
	const names = result.sides.map(({ name }) => name);
	const [first] = names;
	const others = names.slice(1);
	const rows: string[][] = [];
	const all = { config: '**any of them**', sides: result.configs.flatMap(({ sides }) => sides) };
	for (const { config, sides } of result.configs.length > 1 ? [...result.configs, all] : result.configs) {
		const of = (name: string): readonly Point[] =>
			sides.filter(({ side }) => side === name).flatMap(({ points }) => points[mode]);
		const reached = names.map((name) => bestRecall(of(name))).filter((recall) => recall > 0);
		const common = 0.95 * Math.min(...reached);
		// Where the two are about the same, once is enough.
		const near = LEVELS.some((level) => Math.abs(level - common) < 0.005);
		for (const level of near ? LEVELS : [...LEVELS, common]) {
			const qps = new Map(names.map((name) => [name, qpsAtRecall(of(name), level)]));
			if ([...qps.values()].every((value) => value === undefined)) continue;
			const title = level === common ? `${common.toFixed(3)} (95 % of the most)` : level.toFixed(2);
			const ratios = others.map((name) => ratio(qps.get(first!), qps.get(name)));
			rows.push([config, title, ...names.map((name) => show(qps.get(name))), ...ratios]);
		}
	}
	const heads = ['configuration', 'recall', ...names, ...others.map((name) => `${first} / ${name}`)];
	const title = `### At equal recall\n\nQueries per second, interpolated along each one's Pareto front; a dash where it does not get there. *Any of them* lets each engine pick\nthe configuration that suits it best, whatever its memory.`;
	return `${title}\n\n${table(heads, rows)}`;
}

function pointTable({ configs, settings }: SuiteResult, mode: Mode): string {
	const rows = configs.flatMap(({ config, sides }) => sides.flatMap((side) => front(config, side, mode)));
	const columns = mode === 'single' ? ['p50, µs', 'p95', 'p99'] : [];
	const heads = [
		'configuration',
		'engine',
		'parameters',
		`recall@${settings.k}`,
		'95 % interval',
		'queries per s',
		'quartiles',
	];
	return `### The Pareto fronts\n\n${table([...heads, ...columns], rows)}`;
}

function front(config: string, { side, points }: SideResult, mode: Mode): string[][] {
	return paretoFront(points[mode]).map(({ params, interval, qps, ns, latency }) => {
		const range = `${interval.low.toFixed(3)}–${interval.high.toFixed(3)}`;
		const times = latency ? [latency.p50, latency.p95, latency.p99].map(micros) : [];
		const spread = `${show(1e9 / ns.q3)}–${show(1e9 / ns.q1)}`;
		return [config, side, showParams(params), interval.mean.toFixed(4), range, show(qps), spread, ...times];
	});
}

export function showParams({ nprobe, kFactor }: Params): string {
	const parts = [nprobe && `nprobe ${nprobe}`, kFactor && `kFactor ${kFactor}`].filter(Boolean);
	return parts.join(', ') || '–';
}
