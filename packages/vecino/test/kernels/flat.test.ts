/**
 * Exact search that skips rows: what it leaves is what comparing every row leaves, bit for bit, on data chosen to be hard;
 * and the terms beside the integers are true bounds.
 */
import { describe, expect, it } from 'vitest';
import { createEngineSync, type Engine } from '../../src/kernels/engine.ts';
import {
	ADMIT_ALL,
	type Admission,
	flatBoundBytes,
	flatScratchBytes,
	flatStateBytes,
	topkBytes,
	topkCapacity,
} from '../../src/kernels/kernels.ts';
import { Rng } from '../../src/util/rng.ts';
import { gaussian } from '../support/data.ts';
import { admissions } from './compare.ts';

const DIMENSIONS = [...Array.from({ length: 67 }, (_, i) => i + 1), 96, 128, 384, 768, 1536];
const SOME = [1, 3, 8, 13, 33, 64, 100, 384];
const DATA = [
	'bell',
	'one direction',
	'duplicated',
	'zero',
	'far away',
	'tiny',
	'huge',
	'beyond',
	'magnitudes',
	'lattice',
];
const ENGINES = (['relaxed', 'simd', 'reference'] as const).flatMap((kernels) => {
	try {
		return [createEngineSync({ kernels })];
	} catch {
		return [];
	}
});

/** n rows of d values that are hard in some way. */
function hard(kind: string, n: number, d: number, seed: number): Float32Array {
	const rng = new Rng(seed);
	const x = Float32Array.from({ length: n * d }, () => gaussian(rng));
	const direction = Float32Array.from({ length: d }, (_, t) => Math.sin(t + 1));
	return x.map((value, i) => {
		const [row, t] = [Math.floor(i / d), i % d];
		if (kind === 'one direction') return direction[t]! * x[row * d]! + value * 1e-4;
		if (kind === 'duplicated') return x[(row % 5) * d + t]!;
		if (kind === 'zero') return row % 3 === 0 ? value : 0;
		if (kind === 'far away') return 1000 + value / 100;
		if (kind === 'tiny') return value * 1e-18;
		if (kind === 'huge') return value * 1e17;
		// Squares of these overflow.
		if (kind === 'beyond') return row % 4 === 0 ? value * 1e19 : value;
		if (kind === 'magnitudes') return value * 10 ** ((row % 12) - 6) * (t % 7 === 0 ? 100 : 1);
		if (kind === 'lattice') return Math.round(value);
		return value;
	});
}

interface Shape {
	readonly x: Float32Array;
	readonly q: Float32Array;
	readonly d: number;
	readonly k: number;
	readonly metric: number;
}

/** Labels and distances of every query, as bits, by each way. */
function ways(
	{ arena, kernels }: Engine,
	{ x, q, d, k, metric }: Shape,
	admission: Admission = ADMIT_ALL,
): { plain: number[]; block: number[]; pruned: number[] } {
	const [n, nq] = [x.length / d, q.length / d];
	const stride = Math.ceil(topkBytes(k) / 16) * 16;
	const rows = arena.allocCopy(x);
	const queries = arena.allocCopy(q);
	const topks = arena.alloc(nq * stride);
	const state = arena.alloc(flatStateBytes(nq, d));
	const room = arena.alloc(flatScratchBytes(d) + n * 4 + 64);
	const bounds = arena.alloc(n * flatBoundBytes(d) + 8);
	const out = arena.alloc(k * 8);
	const blocks = [rows, queries, topks, state, room, bounds, out];
	const run = (body: () => void): number[] => {
		for (let i = 0; i < nq; i++) kernels.topkInit(topks + i * stride, k, topkCapacity(k), ...admission);
		body();
		const found: number[] = [];
		for (let i = 0; i < nq; i++) {
			const count = kernels.topkFinish(topks + i * stride, out, out + k * 4);
			found.push(...arena.u32.slice(out >>> 2, (out >>> 2) + count));
			found.push(...arena.u32.slice((out >>> 2) + k, (out >>> 2) + k + count));
		}
		return found;
	};
	kernels.flatBounds(rows, n, d, metric, bounds);
	const half = Math.floor(n / 2);
	const result = {
		plain: run(() => {
			for (let i = 0; i < nq; i++) {
				(metric === 0 ? kernels.l2Many : kernels.ipMany)(queries + i * d * 4, rows, n, d, room);
				kernels.topkPush(topks + i * stride, room, n, 0, 0);
			}
		}),
		// The second half first: the order does not matter.
		block: run(() => {
			kernels.flatQueries(queries, nq, d, metric, state, topks, stride);
			const scan = (from: number, count: number) =>
				kernels.flatScan(queries, nq, d, metric, state, topks, stride, rows + from * d * 4, count, from, room);
			scan(half, n - half);
			scan(0, half);
		}),
		pruned: run(() => {
			for (let i = 0; i < nq; i++) {
				const [query, topk] = [queries + i * d * 4, topks + i * stride];
				kernels.flatQueries(query, 1, d, metric, state, topk, stride);
				const scan = (from: number, count: number) => {
					const bound = bounds + from * flatBoundBytes(d);
					kernels.flatPruned(query, d, metric, state, topk, bound, rows + from * d * 4, count, from);
				};
				scan(half, n - half);
				scan(0, half);
			}
		}),
	};
	for (const block of blocks) arena.free(block);
	return result;
}

describe.each(ENGINES.map((engine) => [engine.backend, engine] as const))('exact search, %s', (backend, engine) => {
	const check = (shape: Shape, what: string): void => {
		const { plain, block, pruned } = ways(engine, shape);
		expect(block, `block ${what}`).toEqual(plain);
		expect(pruned, `pruned ${what}`).toEqual(plain);
		if (backend === 'reference') return;
		expect(ways(ENGINES.at(-1)!, shape).plain, `reference ${what}`).toEqual(plain);
	};

	it.each(['l2', 'ip'])('%s: finds what comparing all finds, for every d', (name) => {
		const metric = name === 'l2' ? 0 : 1;
		for (const d of DIMENSIONS) {
			const n = d > 300 ? 101 : 203;
			const shape = { x: hard('bell', n, d, d), q: hard('bell', 5, d, d + 100), d, metric };
			check({ ...shape, k: 1 + (d % 11) }, `d = ${d}`);
		}
	});

	it.each(DATA)('on data of the kind "%s"', (kind) => {
		for (const d of SOME) {
			for (const metric of [0, 1]) {
				const x = hard(kind, 203, d, 7);
				// Queries like the rows, one that is a row, and one of quite another length.
				const q = hard(kind, 6, d, 8);
				q.set(x.subarray(9 * d, 10 * d), 0);
				q.set(hard('bell', 1, d, 9), d);
				for (const k of [1, 10, 203]) check({ x, q, d, k, metric }, `d = ${d}, k = ${k}, metric ${metric}`);
			}
		}
	});

	it('takes few rows and few queries', () => {
		for (const n of [1, 2, 7, 8, 9, 17]) {
			for (const nq of [1, 2, 3, 4, 5, 9]) {
				for (const metric of [0, 1]) {
					// One query alone is prepared for flatPruned.
					const shape = { x: hard('bell', n, 11, n), q: hard('bell', Math.max(2, nq), 11, nq), d: 11, k: 3, metric };
					check(shape, `n = ${n}, nq = ${nq}`);
				}
			}
		}
	});

	it('lets in what filter and limit say', () => {
		const blocks: number[] = [];
		for (const metric of [0, 1]) {
			const shape = { x: hard('bell', 300, 20, 1), q: hard('bell', 6, 20, 2), d: 20, k: 9, metric };
			for (const admission of admissions(engine, 290, metric === 0 ? 30 : -1)) {
				blocks.push(admission[0]);
				const { plain, block, pruned } = ways(engine, shape, admission);
				expect(block).toEqual(plain);
				expect(pruned).toEqual(plain);
				const labels = plain.filter((_, i) => i % 18 >= 9);
				expect(labels.length).toBeGreaterThan(10);
			}
		}
		for (const block of new Set(blocks)) engine.arena.free(block);
	});

	it('skips most rows', () => {
		if (backend === 'reference') return;
		const [n, d, k] = [4000, 64, 5];
		const { arena, kernels } = engine;
		const rows = arena.allocCopy(hard('bell', n, d, 1));
		const bounds = arena.alloc(n * flatBoundBytes(d) + 8);
		const state = arena.alloc(flatStateBytes(1, d));
		const topk = arena.alloc(topkBytes(k));
		const counts: number[] = [];
		for (const metric of [0, 1]) {
			kernels.flatBounds(rows, n, d, metric, bounds);
			kernels.topkInit(topk, k, topkCapacity(k), ...ADMIT_ALL);
			kernels.flatQueries(rows, 1, d, metric, state, topk, 0);
			counts.push(kernels.flatPruned(rows, d, metric, state, topk, bounds, rows, n, 0));
		}
		for (const block of [rows, bounds, state, topk]) arena.free(block);
		// 68 and 65 when this was written.
		expect(Math.max(...counts)).toBeLessThan(100);
	});

	it('keeps terms that bound what rounding lost', () => {
		if (backend === 'reference') return;
		const { arena, kernels } = engine;
		for (const d of [1, 2, 7, 8, 9, 31, 64, 100, 768]) {
			for (const kind of DATA) {
				const n = 40;
				const x = hard(kind, n, d, d);
				const rows = arena.allocCopy(x);
				const size = flatBoundBytes(d);
				const bounds = arena.alloc(n * size + 8);
				for (const metric of [0, 1]) {
					kernels.flatBounds(rows, n, d, metric, bounds);
					const view = new DataView(arena.memory.buffer);
					for (let i = 0; i < n; i++) {
						const at = bounds + i * size;
						const [s, e, h] = [0, 4, 8].map((offset) => view.getFloat32(at + offset, true)) as [number, number, number];
						let off = 0;
						let square = 0;
						for (let t = 0; t < d; t++) {
							const c = s * view.getInt8(at + 12 + t);
							off += (x[i * d + t]! - c) ** 2;
							square += c * c;
						}
						expect(Math.sqrt(off)).toBeLessThanOrEqual(e);
						if (metric === 0) expect(h).toBeLessThanOrEqual(square);
						else expect(h).toBeGreaterThanOrEqual(Math.sqrt(square));
						if (kind === 'bell') expect(e).toBeLessThanOrEqual(Math.sqrt(off) * 1.02 + 1e-4 * s * Math.sqrt(d));
					}
				}
				arena.free(rows);
				arena.free(bounds);
			}
		}
	});
});
