/**
 * The graph kernels against their scalar twin, bit for bit: every list, every result, and what an add undone leaves.
 */
import { describe, expect, it } from 'vitest';
import { PackedCentroids } from '../../src/cluster/packed.ts';
import { HnswGraph } from '../../src/indexes/hnsw-graph.ts';
import { CodeArray } from '../../src/invlists/code-array.ts';
import { createEngineSync, type Engine } from '../../src/kernels/engine.ts';
import {
	GRAPH_BYTES,
	graphScratchBytes,
	NO_LINK,
	rankManyScratchBytes,
	topkBytes,
	topkCapacity,
} from '../../src/kernels/kernels.ts';
import { ScalarQuantizer } from '../../src/quantizers/scalar.ts';
import { SCALAR_TYPES, type ScalarType, scalarCodec } from '../../src/quantizers/scalar-types.ts';
import { clustered } from '../support/data.ts';

const BUILDS = (['relaxed', 'simd'] as const).filter((kernels) => {
	try {
		createEngineSync({ kernels });
		return true;
	} catch {
		return false;
	}
});

interface Shape {
	readonly d: number;
	readonly n: number;
	readonly M: number;
	readonly efConstruction: number;
	readonly metric: 'l2' | 'ip';
	/** Codes; float32 rows without. */
	readonly type?: ScalarType;
	/** Values are rounded, so that many distances are equal and rows come twice. */
	readonly ties?: boolean;
}

/** Builds a graph in three adds, the second ended early, searches it, and returns all it holds and finds. */
function outcome(engine: Engine, { d, n, M, efConstruction, metric, type, ties }: Shape): unknown {
	const { arena, kernels } = engine;
	const x = clustered(n + 5, d, { clusters: 4, rank: 3, seed: d + n });
	if (ties) for (const i of x.data.keys()) x.data[i] = Math.round(x.data[i]! / 2);
	using codec = scalarCodec(engine, d, type ?? 'f16');
	const hasRange = codec instanceof ScalarQuantizer;
	if (hasRange) {
		const step = type === 'sq8' ? 0.05 : 0.8;
		codec.setRange(new Float32Array(d).fill(-6), new Float32Array(d).fill(step));
	}
	const codeSize = type === undefined ? 4 * d : codec.codeSize;
	using codes = new CodeArray(arena, { codeSize, blockSize: 1, termBytes: 0 });
	const coded = type !== undefined && { type, ...(hasRange && { ranges: () => codec.pointers }) };
	using graph = new HnswGraph(engine, { codes, d, metric, ...coded }, M, efConstruction);
	const put = (count: number): void => {
		graph.reserve(count);
		for (let i = 0; i < count; i++) {
			const { ptr, at } = codes.tail(i);
			const row = x.row(codes.n + i);
			if (type === undefined) arena.writeF32(ptr + at * codeSize, row);
			else {
				const copy = arena.allocCopy(row);
				codec.encodeRows(copy, 1, ptr + at * codeSize, 0);
				arena.free(copy);
			}
		}
		codes.commit(count);
	};
	const outputs: unknown[] = [];
	const first = Math.floor(n / 3);
	put(first);
	for (const _ of graph.addSteps(first, 'add'));
	const links = (): Uint8Array[] => {
		const parts = [arena.u8.slice(graph.ptr, graph.ptr + GRAPH_BYTES)];
		for (const { ptr, n: rows } of graph.links.segments()) parts.push(arena.u8.slice(ptr, ptr + rows * 8 * M));
		for (let slot = 0; slot < graph.slots; slot++) {
			const { level, record } = graph.slot(slot);
			parts.push(arena.u8.slice(record, record + 4 + level * M * 4));
		}
		return parts;
	};
	graph.reserve(n - first);
	const before = links();
	put(n - first);
	const broken = graph.addSteps(n, 'add');
	for (let i = 0; i < 7 && !broken.next().done; i++);
	broken.return();
	if (n > 40) expect(links()).toEqual(before);
	for (const _ of graph.addSteps(n, 'add'));
	outputs.push(links());
	for (const [k, ef] of [
		[1, 1],
		[3, 8],
		[10, 40],
		[n, n],
	] as const) {
		const scratch = arena.alloc(graphScratchBytes(M, d, n, Math.max(ef, k)));
		const out = arena.allocZeroed((k + 1) * 8);
		const state = arena.allocZeroed(Math.ceil(d / 16) * 64 + 16);
		const q = arena.alloc(4 * d);
		for (let i = n; i < n + 5; i++) {
			arena.writeF32(q, x.row(i));
			if (type === undefined) arena.writeF32(state, x.row(i));
			else codec.scanner(metric).setQuery(q, state);
			const found = kernels.hnswSearch(graph.ptr, state, k, Math.max(ef, k), scratch, out, out + k * 4);
			outputs.push([found, arena.u32[scratch >>> 2], arena.u8.slice(out, out + k * 8)]);
		}
		for (const ptr of [scratch, out, state, q]) arena.free(ptr);
	}
	return outputs;
}

interface Ranked {
	readonly graph: Uint8Array;
	readonly exact: Uint8Array;
	readonly labels: Uint32Array;
}

/** Ranks nq queries by a graph over k centroids, with `cut` one without links on level 0, and by all centroids. */
function ranked(
	engine: Engine,
	[nq, k, d, nprobe, ef]: readonly [nq: number, k: number, d: number, nprobe: number, ef: number],
	metric: 'l2' | 'ip',
	cut: boolean,
): Ranked {
	const { arena, kernels } = engine;
	const x = clustered(k + nq, d, { clusters: 4, rank: 3, seed: d + k });
	using codes = new CodeArray(arena, { codeSize: 4 * d, blockSize: 1, termBytes: 0 });
	codes.reserve(k);
	arena.writeF32(codes.tail(0).ptr, x.data.subarray(0, k * d));
	codes.commit(k);
	using graph = new HnswGraph(engine, { codes, d, metric, fixed: true }, 8, 20);
	for (const _ of graph.addSteps(k, 'add'));
	// Every walk ends on level 0 in a row without links.
	if (cut) for (const { ptr, n } of graph.links.segments()) arena.u32.fill(NO_LINK, ptr >>> 2, (ptr >>> 2) + n * 16);
	using packed = new PackedCentroids(engine, d, codes.at(0), k);
	const work = Math.max(rankManyScratchBytes(k, d) + k * 4, graphScratchBytes(8, d, k, ef));
	const blocks = [x.data.subarray(k * d).length * 4, work, topkBytes(nprobe), nq * nprobe * 8];
	const [q, scratch, state, out] = blocks.map((bytes) => arena.allocZeroed(bytes)) as [number, number, number, number];
	arena.writeF32(q, x.data.subarray(k * d));
	const outputs: Uint8Array[] = [];
	const small = [packed.ptr, packed.magnitude, packed.halfNorms, packed.norm] as const;
	const top = [scratch, nprobe, topkCapacity(nprobe), state, out, out + nq * nprobe * 4] as const;
	const run = (call: () => void): void => {
		arena.u8.fill(0xa5, out, out + nq * nprobe * 8);
		call();
		outputs.push(arena.u8.slice(out, out + nq * nprobe * 8));
	};
	const kind = metric === 'l2' ? 0 : 1;
	run(() => kernels.hnswRank(graph.ptr, ef, q, nq, d, codes.at(0), k, kind, ...small, ...top));
	run(() => kernels.hnswRank(graph.ptr, ef, q, nq, d, codes.at(0), k, kind, 0, 0, 0, 0, ...top));
	expect(outputs[1]).toEqual(outputs[0]);
	const labels = new Uint32Array(outputs[0]!.slice(nq * nprobe * 4).buffer);
	run(() => kernels.rankMany(q, nq, d, codes.at(0), k, kind, 0, 0, 0, 0, ...top));
	for (const ptr of [q, scratch, state, out]) arena.free(ptr);
	return { graph: outputs[0]!, exact: outputs[2]!, labels };
}

describe.each(BUILDS)('kernels %s = reference', (build) => {
	const same = (shape: Shape): void => {
		const expected = outcome(createEngineSync({ kernels: 'reference' }), shape);
		expect(outcome(createEngineSync({ kernels: build }), shape), JSON.stringify(shape)).toEqual(expected);
	};

	it('every d, float32', () => {
		for (const metric of ['l2', 'ip'] as const) {
			for (let d = 1; d <= 67; d++) same({ d, n: d < 34 ? 45 : 20, M: 4, efConstruction: 12, metric });
		}
	});

	it.each(SCALAR_TYPES)('every d, %s', (type) => {
		for (const metric of ['l2', 'ip'] as const) {
			for (let d = 1; d <= 67; d += d < 18 ? 1 : 7) same({ d, n: 45, M: 3, efConstruction: 10, metric, type });
		}
	});

	it('few rows, many rows, narrow and wide lists, ties', () => {
		for (const n of [3, 4, 5, 63, 64, 65, 200, 400]) {
			for (const [M, efConstruction] of [
				[2, 1],
				[2, 20],
				[5, 30],
				[16, 8],
			] as const) {
				for (const ties of [true, false]) same({ d: 6, n, M, efConstruction, metric: 'l2', ties });
			}
		}
	});

	it('hnswRank: full rows of different cells; where the walk finds too few, those of rankMany', () => {
		for (const metric of ['l2', 'ip'] as const) {
			for (const shape of [
				[1, 300, 16, 1, 8],
				[5, 300, 7, 3, 20],
				[0, 40, 3, 2, 4],
				[9, 513, 33, 10, 60],
				[4, 20, 5, 20, 20],
			] as const) {
				const [nq, k, , nprobe, ef] = shape;
				for (const cut of [false, true]) {
					const found = ranked(createEngineSync({ kernels: build }), shape, metric, cut);
					expect(found, `${shape}`).toEqual(ranked(createEngineSync({ kernels: 'reference' }), shape, metric, cut));
					if ((cut && nprobe > 1) || (nprobe === k && ef === k)) expect(found.graph).toEqual(found.exact);
					for (let i = 0; i < nq; i++) {
						const cells = found.labels.subarray(i * nprobe, (i + 1) * nprobe);
						expect(new Set(cells).size).toBe(nprobe);
						expect(Math.max(...cells)).toBeLessThan(k);
					}
				}
			}
		}
	});
});
