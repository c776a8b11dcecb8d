/**
 * The vecino side of the suite: one JSON command a line on stdin, one JSON reply a line on stdout (protocol.ts).
 *
 *   node bench/suite/worker.ts [auto|relaxed|simd|reference]
 */
import { createInterface } from 'node:readline';
import {
	createEngineSync,
	emptySearchStats,
	type Index,
	IndexIVF,
	IndexRefine,
	indexChunks,
	type KernelBackend,
	type Metric,
	VectorSet,
} from '../../packages/vecino/src/index.ts';
import { makeIndex } from './configs.ts';
import { readFloats } from './files.ts';
import type { Commands, Mode, Params, Round, Size } from './protocol.ts';

const [kernels = 'auto'] = process.argv.slice(2);
const engine = createEngineSync({ kernels: kernels as 'auto' | KernelBackend });
let base = new VectorSet(new Float32Array(0), 1);
let queries = base;
let rows: readonly Float32Array[] = [];
let metric: Metric = 'l2';
let index: Index | undefined;

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Below it, wall time is the better estimate: Node sees processor time in steps of some milliseconds. */
const COARSE_NS = 2e7;

const handlers: { [K in keyof Commands]: (args: Commands[K][0]) => Commands[K][1] } = {
	info: () => {
		const runtime = `Node ${process.versions.node}, V8 ${process.versions.v8}`;
		return { engine: 'vecino', build: `${engine.backend} kernels`, runtime };
	},
	load: (args) => {
		base = new VectorSet(readFloats(args.base), args.d);
		queries = new VectorSet(readFloats(args.queries), args.d);
		rows = Array.from({ length: queries.n }, (_, i) => queries.row(i));
		metric = args.metric;
		return {};
	},
	build: ({ config, rows: count = base.n, trainRows = base.n }) => {
		handlers.drop({});
		const before = process.memoryUsage().rss;
		const used = process.cpuUsage();
		const made = makeIndex(config, { d: base.d, metric, engine });
		index = made;
		const trainS = seconds(() => made.train(base.slice(0, trainRows)));
		const addS = seconds(() => made.add(base.slice(0, count)));
		return { trainS, addS, cpuS: cpuSince(used) / 1e9, rss: process.memoryUsage().rss - before, ...size(made) };
	},
	add: () => {
		const made = built();
		const addS = seconds(() => made.add(base.slice(made.ntotal)));
		return { addS, ...size(made) };
	},
	drop: () => {
		index?.[Symbol.dispose]();
		index = undefined;
		return {};
	},
	search: ({ mode, k, count, nprobe, kFactor, labels }) => {
		const made = built();
		const params = accepted(made, { ...(nprobe && { nprobe }), ...(kFactor && { kFactor }) });
		return timed((q) => made.search(q, k, params).labels, mode, count, labels === true);
	},
	// Calling the engine is part of it.
	overhead: () => ({ ns: [0], cpuNs: 0, count: 1 }),
	coarse: ({ count }) => {
		const { quantizer, nlist } = cells(built()) ?? fail('no cells');
		return timed((q) => quantizer.search(q, nlist).labels, 'single', count, false);
	},
	scanned: ({ nprobe }) => {
		const made = built();
		const stats = emptySearchStats();
		made.search(queries, 1, accepted(made, { nprobe, kFactor: 1, stats }));
		return { codes: stats.ndis / queries.n };
	},
	file: () => {
		let bytes = 0;
		for (const chunk of indexChunks(built())) bytes += chunk.length;
		return { bytes };
	},
};

for await (const line of createInterface({ input: process.stdin })) {
	const { do: command, ...args } = JSON.parse(line) as { do: keyof Commands };
	console.log(JSON.stringify(reply(command, args)));
}

function reply(command: keyof Commands, args: object): object {
	try {
		return handlers[command](args as never);
	} catch (error) {
		return { error: error instanceof Error ? error.message : String(error) };
	}
}

function fail(message: string): never {
	throw new Error(message);
}

function built(): Index {
	return index ?? fail('no index was built');
}

function cells(of: Index): IndexIVF | undefined {
	const inner = of instanceof IndexRefine ? of.base : of;
	return inner instanceof IndexIVF ? inner : undefined;
}

/** Those parameters that the index takes. */
function accepted(of: Index, params: Params & { stats?: object }): object {
	return Object.fromEntries(Object.entries(params).filter(([name]) => name in of.searchTable));
}

function size(of: Index): Size {
	const { bytes } = of.stats();
	const counted = Object.values(bytes).reduce((a, b) => a + b, 0);
	const rest = of.byteLength - counted;
	return { ntotal: of.ntotal, bytes: rest === 0 ? bytes : { ...bytes, rest } };
}

function seconds(work: () => unknown): number {
	const start = performance.now();
	work();
	return (performance.now() - start) / 1000;
}

function timed(
	search: (q: VectorSet | Float32Array) => ArrayLike<number>,
	mode: Mode,
	count: number,
	labels: boolean,
): Round {
	const n = rows.length;
	const found: number[] = [];
	if (mode === 'batch') {
		const batch = count <= n ? queries.slice(0, count) : repeated(count);
		const used = process.cpuUsage();
		const start = performance.now();
		const all = search(batch);
		const ns = [(performance.now() - start) * 1e6];
		const cpuNs = processorTime(ns[0]!, used);
		if (labels) found.push(...Array.from(all).slice(0, (all.length / count) * Math.min(n, count)));
		return { ns, cpuNs, count, ...(labels && { labels: found }) };
	}
	const ns: number[] = new Array<number>(count).fill(0);
	const used = process.cpuUsage();
	for (let i = 0; i < count; i++) {
		const row = rows[i % n]!;
		const start = performance.now();
		const nearest = search(row);
		ns[i] = Math.round((performance.now() - start) * 1e6);
		if (labels) for (let j = 0; j < nearest.length; j++) found.push(nearest[j]!);
	}
	return { ns, cpuNs: processorTime(sum(ns), used), count, ...(labels && { labels: found }) };
}

function processorTime(wallNs: number, before: NodeJS.CpuUsage): number {
	return wallNs < COARSE_NS ? wallNs : cpuSince(before);
}

/** Nanoseconds of processor time, of all threads of this process. */
function cpuSince(before: NodeJS.CpuUsage): number {
	const { user, system } = process.cpuUsage(before);
	return (user + system) * 1000;
}

let tiled: VectorSet | undefined;

/** The queries over and over. */
function repeated(count: number): VectorSet {
	if (tiled?.n === count && tiled.d === queries.d) return tiled;
	const data = new Float32Array(count * queries.d);
	for (let i = 0; i < count; i++) data.set(rows[i % rows.length]!, i * queries.d);
	tiled = new VectorSet(data, queries.d);
	return tiled;
}
