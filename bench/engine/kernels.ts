/**
 * Nanoseconds of the hot kernels, for each build: relaxed SIMD, fixed SIMD, and the scalar reference.
 *
 *   taskset -c 1 node bench/engine/kernels.ts [--rounds 15] [--json]
 *
 * Rounds are interleaved over cases and builds; the table holds medians and, beside them, the best. The reference, which is the
 * specification and not meant to be fast, runs three rounds on smaller inputs.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Assigner } from '../../packages/vecino/src/cluster/kmeans.ts';
import {
	createEngineSync,
	type Engine,
	IndexFlat,
	type KernelBackend,
	ProductQuantizer,
	VectorSet,
} from '../../packages/vecino/src/index.ts';
import { ADMIT_ALL, type ScanArgs, TILE, topkBytes, topkCapacity } from '../../packages/vecino/src/kernels/kernels.ts';
import { Rng } from '../../packages/vecino/src/util/rng.ts';
import { table } from '../suite/markdown.ts';
import { median } from '../suite/stats.ts';

interface Case {
	readonly name: string;
	readonly unit: string;
	/** From milliseconds per run and units of work per run to the unit. */
	readonly convert: (ms: number, work: number) => number;
	/** Prepares inputs and returns one run and its units of work. `small`: less work, for the reference. */
	readonly setup: (engine: Engine, small: boolean) => { run: () => void; work: number };
}

const { values: options } = parseArgs({
	options: { rounds: { type: 'string', default: '15' }, json: { type: 'boolean', default: false } },
});
const rounds = Number(options.rounds);
const BACKENDS: readonly KernelBackend[] = ['relaxed', 'simd', 'reference'];
const D = 128;
const K = 10;
/** Repeated until it lasts this long, milliseconds. */
const LEAST_MS = 10;

const nsEach = (ms: number, work: number): number => (ms * 1e6) / work;
const usEach = (ms: number, work: number): number => (ms * 1e3) / work;
const gflops = (ms: number, work: number): number => (2 * work) / (ms * 1e6);

/** Bell-shaped values around 0. */
function gaussian(engine: Engine, n: number, seed: number): number {
	const rng = new Rng(seed);
	const ptr = engine.arena.alloc(n * 4);
	const { f32 } = engine.arena;
	for (let i = 0; i < n; i++) f32[(ptr >>> 2) + i] = rng.float() + rng.float() + rng.float() - 1.5;
	return ptr;
}

function randomBytes(engine: Engine, n: number, seed: number): number {
	const rng = new Rng(seed);
	const ptr = engine.arena.alloc(n + 8);
	const { u8 } = engine.arena;
	for (let i = 0; i < n; i++) u8[ptr + i] = rng.uint32() >>> 24;
	return ptr;
}

/** Codes of m bytes in `lists` lists, one table, the best ten kept. */
function adc(name: string, m: number, n: number, lists: number, terms: boolean): Case {
	const setup: Case['setup'] = ({ arena, kernels, ...engine }, small) => {
		const each = Math.floor((small ? Math.min(n, 20_000) : n) / lists);
		const full = { arena, kernels, ...engine };
		const codes = randomBytes(full, lists * each * m, 1);
		const lookup = gaussian(full, m * 256, 2);
		const term = gaussian(full, lists * each, 3);
		const biases = gaussian(full, lists, 4);
		const ids = arena.alloc(lists * each * 4);
		const directory = arena.alloc(lists * 16);
		const tile = arena.alloc(TILE * 4);
		const topk = arena.alloc(topkBytes(K));
		for (let i = 0; i < lists * each; i++) arena.u32[(ids >>> 2) + i] = i;
		for (let i = 0; i < lists; i++) {
			const first = i * each * 4;
			arena.u32.set([codes + i * each * m, terms ? term + first : 0, ids + first, each], (directory >>> 2) + i * 4);
		}
		const args: ScanArgs = [directory, 0, terms ? biases : 0, lists, 0, tile, topk];
		const run = (): void => {
			kernels.topkInit(topk, K, topkCapacity(K), ...ADMIT_ALL);
			kernels.scanPq(...args, lookup, m, 8, m);
		};
		return { run, work: lists * each };
	};
	return { name, unit: 'ns per code', convert: nsEach, setup };
}

/** Squared L2 of one query to n rows. */
function l2(name: string, n: number): Case {
	const setup: Case['setup'] = (engine, small) => {
		const rows = small ? Math.min(n, 1024) : n;
		const [q, x] = [gaussian(engine, D, 1), gaussian(engine, rows * D, 2)];
		const out = engine.arena.alloc(rows * 4);
		return { run: () => engine.kernels.l2Many(q, x, rows, D, out), work: rows };
	};
	return { name, unit: 'ns per vector', convert: nsEach, setup };
}

const assign: Case = {
	name: 'assign, k = 1024, d = 128 (1024 rows)',
	unit: 'GFLOP/s',
	convert: gflops,
	setup(engine, small) {
		const [n, k] = small ? [64, 256] : [1024, 1024];
		const [x, centroids] = [gaussian(engine, n * D, 1), gaussian(engine, k * D, 2)];
		const assigner = new Assigner(engine, D, centroids, k, 'l2', n);
		return { run: () => assigner.assignChunk(x, n), work: n * k * D };
	},
};

function quantizer(engine: Engine, m: number): ProductQuantizer {
	const pq = new ProductQuantizer({ d: D, m, engine });
	pq.setCodebook(engine.arena.readF32(gaussian(engine, 256 * D, 5), 256 * D));
	return pq;
}

const encode: Case = {
	name: 'PQ encode, m = 16, d = 128 (1024 rows)',
	unit: 'us per vector',
	convert: usEach,
	setup(engine, small) {
		const n = small ? 64 : 1024;
		const pq = quantizer(engine, 16);
		const x = gaussian(engine, n * D, 1);
		const codes = engine.arena.alloc(n * 16);
		const scratch = engine.arena.alloc(pq.encodeScratchBytes);
		return { run: () => pq.encodeRows(x, n, codes, scratch), work: n };
	},
};

function lookupTable(m: number): Case {
	const setup: Case['setup'] = (engine) => {
		const scanner = quantizer(engine, m).scanner('l2');
		const q = gaussian(engine, D, 1);
		const state = engine.arena.alloc(scanner.stateBytes);
		return { run: () => scanner.setQuery(q, state), work: 1 };
	};
	return { name: `table, m = ${m}, d = 128`, unit: 'us', convert: usEach, setup };
}

/** A whole search of an IndexFlat over clustered rows: by plain scan, by bounds, or as a batch. */
function exact(name: string, d: number, n: number, nq: number, pruned: boolean): Case {
	const setup: Case['setup'] = (engine, small) => {
		const rows = small ? 1000 : n;
		const rng = new Rng(1);
		const centres = Float32Array.from({ length: 50 * d }, () => rng.float() - 0.5);
		const data = new Float32Array((rows + nq) * d);
		for (let i = 0; i < rows + nq; i++) {
			const centre = rng.below(50) * d;
			for (let t = 0; t < d; t++) data[i * d + t] = centres[centre + t]! + 0.5 * (rng.float() - 0.5);
		}
		const index = new IndexFlat({ d, engine, pruned }).add(new VectorSet(data.slice(0, rows * d), d));
		const queries = new VectorSet(data.slice(rows * d), d);
		return { run: () => void index.search(queries, K), work: rows * nq };
	};
	return { name, unit: 'ns per row and query', convert: nsEach, setup };
}

const CASES: readonly Case[] = [
	adc('ADC m = 8, top-10, in cache (40,000 codes)', 8, 40_000, 1, false),
	adc('ADC m = 16, top-10, in cache (40,000 codes)', 16, 40_000, 1, false),
	adc('ADC m = 32, top-10, in cache (40,000 codes)', 32, 40_000, 1, false),
	adc('ADC m = 16, top-10, from memory (1,000,000 codes)', 16, 1_000_000, 1, false),
	adc('ADC m = 16, top-10, 64 lists of 100 with terms', 16, 6400, 64, true),
	l2('l2Many d = 128, in cache (1024 rows)', 1024),
	l2('l2Many d = 128, from memory (400,000 rows)', 400_000),
	exact('exact search d = 128, 100,000 rows, one query, plain', 128, 100_000, 1, false),
	exact('exact search d = 128, 100,000 rows, one query, pruned', 128, 100_000, 1, true),
	exact('exact search d = 768, 40,000 rows, one query, plain', 768, 40_000, 1, false),
	exact('exact search d = 768, 40,000 rows, one query, pruned', 768, 40_000, 1, true),
	exact('exact search d = 128, 10,000 rows, 128 queries', 128, 10_000, 128, false),
	exact('exact search d = 768, 2000 rows, 128 queries', 768, 2000, 128, false),
	assign,
	encode,
	lookupTable(8),
	lookupTable(16),
	lookupTable(32),
];

/** Milliseconds per run, over enough runs to be measurable, after one that brings its data as near as they fit. */
function time(run: () => void): number {
	run();
	let runs = 0;
	const start = performance.now();
	let now = start;
	while (now - start < LEAST_MS) {
		run();
		runs++;
		now = performance.now();
	}
	return (now - start) / runs;
}

const prepared = CASES.flatMap((one) =>
	BACKENDS.map((backend) => {
		// An engine each: memory is given back as a whole, and cases do not share it.
		const { run, work } = one.setup(createEngineSync({ kernels: backend }), backend === 'reference');
		for (let i = 0; i < 3; i++) time(run);
		return { one, backend, run, work, found: [] as number[] };
	}),
);
for (let round = 0; round < rounds; round++) {
	for (const { one, backend, run, work, found } of prepared) {
		if (backend !== 'reference' || round < 3) found.push(one.convert(time(run), work));
	}
}

const results = CASES.map((one) => {
	const of = (backend: KernelBackend): { median: number; best: number } => {
		const { found } = prepared.find((other) => other.one === one && other.backend === backend)!;
		return { median: median(found), best: one.unit === 'GFLOP/s' ? Math.max(...found) : Math.min(...found) };
	};
	return { name: one.name, unit: one.unit, relaxed: of('relaxed'), simd: of('simd'), reference: of('reference') };
});
const machine = { cpu: cpus()[0]?.model, node: process.versions.node, rounds };
if (options.json) {
	console.log(JSON.stringify({ machine, results }, null, '\t'));
} else {
	const show = (value: number): string => value.toPrecision(3);
	const rows = results.map(({ name, unit, relaxed, simd, reference }) => {
		const wasm = [relaxed.median, relaxed.best, simd.median, simd.best].map(show);
		return [name, unit, ...wasm, show(reference.median)];
	});
	console.log(`One core of ${machine.cpu}, Node ${machine.node}, ${rounds} rounds.\n`);
	console.log(table(['kernel', 'unit', 'relaxed', 'best', 'fixed', 'best', 'reference'], rows));
}
