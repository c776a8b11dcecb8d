/**
 * RaBitQ as a method: estimates are unbiased, errors are as large as stated and no larger, bounds leave out nothing that
 * counts, and more bits find more.
 */
import { describe, expect, it } from 'vitest';
import { squaredL2 } from '../../src/core/metric.ts';
import { emptySearchStats } from '../../src/core/result.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { recallAtK } from '../../src/eval/recall.ts';
import { exactNeighbors } from '../../src/eval/truth.ts';
import { IndexIVFRaBitQ, IndexRaBitQ } from '../../src/indexes/rabitq.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { createEngineSync, type Engine } from '../../src/kernels/engine.ts';
import { ADMIT_ALL, RABITQ_STATE, topkBytes, topkCapacity } from '../../src/kernels/kernels.ts';
import { RabitQuantizer } from '../../src/quantizers/rabitq.ts';
import { Rng } from '../../src/util/rng.ts';
import { clustered, gaussian, split } from '../support/data.ts';

/** Estimated squared distances of q to rows coded with centre 0, with what the error is measured in. */
function estimates(engine: Engine, rows: VectorSet, q: Float32Array, nbits: number, seed: number) {
	const { arena, kernels } = engine;
	const { n, d } = rows;
	using codec = new RabitQuantizer({ engine, d, metric: 'l2', nbits, seed, cells: false });
	codec.setCentre(new Float32Array(d));
	const { codeSize } = codec;
	const scanner = codec.scanner();
	const x = arena.allocCopy(rows.data);
	const query = arena.allocCopy(q);
	const codes = arena.alloc(n * codeSize);
	const scratch = arena.alloc(codec.encodeScratchBytes);
	const blocks = arena.allocZeroed(Math.ceil(n / 32) * 32 * codeSize);
	const entry = arena.allocCopy(Uint32Array.of(blocks, 0, 0, n));
	const state = arena.alloc(scanner.stateBytes);
	const topk = arena.alloc(topkBytes(n));
	const tile = arena.alloc(4096);
	const out = arena.alloc(n * 8);
	codec.encodeRows(x, n, codes, scratch);
	for (let i = 0; i < n; i++) codec.place(blocks, i, codes + i * codeSize);
	scanner.setQuery(query, state);
	const parameter = (name: keyof typeof RABITQ_STATE): number => arena.f32[(state + RABITQ_STATE[name]) >>> 2]!;
	const error = parameter('spread') * Math.hypot(...q) + parameter('slack');
	arena.f32[(state + RABITQ_STATE.spread) >>> 2] = 1e20; // look at all bits of all codes
	kernels.topkInit(topk, n, topkCapacity(n), ...ADMIT_ALL);
	scanner.scan(state, [entry, 0, 0, 1, 0, tile, topk]);
	kernels.topkFinish(topk, out, out + n * 4);
	const distances = new Float64Array(n);
	for (let j = 0; j < n; j++) distances[arena.u32[(out >>> 2) + n + j]!] = arena.f32[(out >>> 2) + j]!;
	// |B| of the signs is twice |r|^2 / <s, r>, in the lower half of the record.
	const scales = Float64Array.from({ length: n }, (_, i) => {
		const at = codes + i * codeSize + Math.ceil(d / 16) * 2;
		return -new Float32Array(Uint32Array.of((arena.u8[at]! << 16) | (arena.u8[at + 1]! << 24)).buffer)[0]!;
	});
	for (const ptr of [x, query, codes, scratch, blocks, entry, state, topk, tile, out]) arena.free(ptr);
	return { distances, errors: scales.map((scale) => scale * error) };
}

function normals(n: number, d: number, seed: number): VectorSet {
	const rng = new Rng(seed);
	return new VectorSet(
		Float32Array.from({ length: n * d }, () => gaussian(rng)),
		d,
	);
}

const engine = createEngineSync();

describe('estimates', () => {
	it.each([
		[64, 1],
		[100, 1],
		[64, 2],
		[48, 4],
	])('are unbiased over rotations: d = %d, %d bits', (d, nbits) => {
		const rows = normals(4, d, 1);
		const [q] = [normals(1, d, 2).row(0)];
		const rounds = 800;
		for (let i = 0; i < rows.n; i++) {
			// Near the row, so that a bias along it would show.
			const near = Float32Array.from(rows.row(i), (value, t) => value + 0.5 * q![t]!);
			const one = new VectorSet(rows.row(i).slice(), d);
			const found = Array.from(
				{ length: rounds },
				(_, seed) => estimates(engine, one, near, nbits, seed).distances[0]!,
			);
			const mean = found.reduce((a, b) => a + b) / rounds;
			const deviation = Math.sqrt(found.reduce((sum, x) => sum + (x - mean) ** 2, 0) / rounds);
			const exact = squaredL2(one.row(0), near);
			expect(Math.abs(mean - exact)).toBeLessThan((4 * deviation) / Math.sqrt(rounds) + 2e-3 * exact);
		}
	});

	it.each([64, 100, 128, 768])('true distances fall below the bound as rarely as stated: d = %d', (d) => {
		const rows = normals(1000, d, 3);
		let below = 0;
		let above = 0;
		for (const seed of [1, 2, 3]) {
			const q = normals(1, d, 10 + seed).row(0);
			const { distances, errors } = estimates(engine, rows, q, 1, seed);
			for (let i = 0; i < rows.n; i++) {
				const exact = squaredL2(rows.row(i), q);
				if (exact < distances[i]! - errors[i]!) below++;
				if (exact > distances[i]! + errors[i]!) above++;
			}
		}
		// 2.9 % beyond 1.9 deviations on one side. Recorded: 1.1 to 2.2 %.
		expect(below / 3000).toBeLessThan(0.029);
		expect(above / 3000).toBeLessThan(0.029);
		expect(below + above).toBeGreaterThan(30);
	});

	it('errors halve, more or less, with every bit', () => {
		const rows = normals(500, 128, 3);
		const q = normals(1, 128, 4).row(0);
		const deviations = [1, 2, 3, 4, 5, 6, 7, 8].map((nbits) => {
			const { distances } = estimates(engine, rows, q, nbits, 5);
			return Math.sqrt(distances.reduce((sum, x, i) => sum + (x - squaredL2(rows.row(i), q)) ** 2, 0) / rows.n);
		});
		for (let b = 1; b < 8; b++) expect(deviations[b]! / deviations[b - 1]!).toBeLessThan(0.65);
		// Squared distances are about 256. Recorded: 16.1, 8.0, 4.4, 2.3, 1.14, 0.59, 0.29, 0.15.
		expect(deviations[0]).toBeLessThan(18);
		expect(deviations[7]).toBeLessThan(0.2);
	});

	it('are exact at the centre, and for equal rows equal', () => {
		const index = new IndexRaBitQ({ d: 24, nbits: 8 });
		using owned = index;
		const rows = clustered(40, 24);
		for (const i of [1, 2, 3, 35]) rows.data.copyWithin(i * 24, 0, 24);
		owned.train(rows).add(rows);
		const found = owned.search(rows.row(0), 40);
		expect([...found.labels.subarray(0, 5)]).toEqual([0, 1, 2, 3, 35]);
		expect(new Set(found.distances.subarray(0, 5)).size).toBe(1);
		const centre = new Float32Array(24);
		using alone = new IndexRaBitQ({ d: 24 });
		alone.train(VectorSet.from([centre])).add(VectorSet.from([centre, new Float32Array(24).fill(1)]));
		const { distances, labels } = alone.search(centre, 2);
		expect([...labels]).toEqual([0, 1]);
		expect(distances[0]).toBe(0);
		// The query is the centre: what is left is |r|^2, to 8 bits.
		expect(Math.abs(distances[1]! - 24)).toBeLessThan(24 / 256);
	});
});

/** An engine whose scans look at all bits of all codes, and count the looks. */
function unbounded(kernels: 'auto' | 'reference', bound: boolean): { engine: Engine; looks: () => number } {
	const inner = createEngineSync({ kernels });
	const { arena } = inner;
	let looks = 0;
	const rabitqPrepare: Engine['kernels']['rabitqPrepare'] = (...args) => {
		inner.kernels.rabitqPrepare(...args);
		const [n, states, stride] = [args[1], args[11], args[12]];
		for (let i = 0; i < n && !bound; i++) arena.f32[(states + i * stride + RABITQ_STATE.slack) >>> 2] = 1e20;
	};
	const scanLists: Engine['kernels']['scanLists'] = (...args) => {
		const scanned = inner.kernels.scanLists(...args);
		const [n, states, stride] = [args[5], args[7], args[8]];
		for (let i = 0; i < n; i++) looks += arena.u32[(states + i * stride + RABITQ_STATE.looks) >>> 2]!;
		return scanned;
	};
	return { engine: { ...inner, kernels: { ...inner.kernels, rabitqPrepare, scanLists } }, looks: () => looks };
}

describe.each(['l2', 'ip', 'cosine'] as const)('search, %s', (metric) => {
	const d = 96;
	const { base, queries } = split(clustered(2040, d, { clusters: 30, rank: 20 }), 40);
	const truth = exactNeighbors(base, queries, 10, { metric });

	it.each(['auto', 'reference'] as const)('the bound leaves out nothing that counts (%s kernels)', (kernels) => {
		const few = kernels === 'reference' ? queries.slice(0, 8) : queries;
		const [pruned, whole] = [true, false].map((bound) => {
			const { engine, looks } = unbounded(kernels, bound);
			using index = new IndexIVFRaBitQ({ d, metric, nlist: 12, nbits: 4, engine });
			index.train(base, { niter: 2 }).add(base);
			const stats = emptySearchStats();
			const result = index.search(few, 10, { nprobe: 6, stats });
			return { result, share: looks() / stats.ndis };
		});
		expect(whole!.share).toBe(1);
		expect(pruned!.share).toBeLessThan(0.25);
		// Recorded: 8 % (l2), 12 % (ip), 18 % (cosine) of 1,000 codes for k = 10: few codes, so that most of it is the start.
		const [a, b] = [pruned!.result, whole!.result];
		const differing = a.labels.filter((label, i) => label !== b.labels[i] || a.distances[i] !== b.distances[i]);
		// Recorded: none.
		expect(differing.length).toBeLessThanOrEqual(Math.ceil(a.labels.length / 200));
	});

	// Recorded, 1 to 8 bits: l2 .76 .89 .93 .96 .98 .99 .99 1; ip .69 .86 .93 .95 .98 .99 1 1; cosine .68 .83 .91 .94 .98 .98 .99 1.
	it('more bits find more, and re-ranking finds the rest', () => {
		const recalls = [1, 2, 3, 4, 5, 6, 7, 8].map((nbits) => {
			using index = new IndexRefine({ base: new IndexIVFRaBitQ({ d, metric, nlist: 12, nbits }) });
			index.train(base).add(base);
			expect(recallAtK(index.search(queries, 10, { nprobe: 12, kFactor: 10 }), truth, 10)).toBeGreaterThan(0.98);
			return recallAtK(index.base.search(queries, 10, { nprobe: 12 }), truth, 10);
		});
		for (let b = 1; b < 8; b++) expect(recalls[b]).toBeGreaterThanOrEqual(recalls[b - 1]! - 0.01);
		expect(recalls[7]).toBeGreaterThan(0.97);
	});

	it('without cells finds about the same', () => {
		using index = new IndexRaBitQ({ d, metric, nbits: 6 });
		index.train(base).add(base.slice(0, 777)).add(base.slice(777));
		expect(recallAtK(index.search(queries, 10), truth, 10)).toBeGreaterThan(0.85);
	});
});

it('options are checked, seeds change the code and nothing else', () => {
	expect(() => new IndexIVFRaBitQ({ d: 8, nlist: 2, nbits: 9 })).toThrow('IndexIVFRaBitQ: nbits must be');
	expect(() => new IndexRaBitQ({ d: 8, nbits: 0 })).toThrow('IndexRaBitQ: nbits must be');
	expect(() => new IndexRaBitQ({ d: 8, seed: -1 })).toThrow('IndexRaBitQ: seed must be');
	const x = clustered(200, 32);
	const sizes = [1, 2].map((seed) => {
		using index = new IndexIVFRaBitQ({ d: 32, nlist: 4, nbits: 2, seed });
		index.train(x).add(x);
		expect(index.rabitq.seed).toBe(seed);
		return [index.byteLength, index.codeSize];
	});
	expect(sizes[0]).toEqual(sizes[1]);
	expect(sizes[0]![1]).toBe(32 / 4 + 4 + 8);
});

it('an add that is aborted leaves the records of those before in their block', async () => {
	const x = clustered(6000, 24);
	for (const nbits of [1, 4]) {
		using index = new IndexIVFRaBitQ({ d: 24, nlist: 4, nbits });
		index.train(x.slice(0, 200)).add(x.slice(0, 75));
		const before = writeIndex(index);
		const controller = new AbortController();
		const onProgress = ({ phase, done }: { phase: string; done: number }): void => {
			if (phase === 'add' && done > 2000) controller.abort();
		};
		await expect(index.addAsync(x, { signal: controller.signal, onProgress })).rejects.toMatchObject({
			code: 'aborted',
		});
		expect(writeIndex(index)).toEqual(before);
	}
});
