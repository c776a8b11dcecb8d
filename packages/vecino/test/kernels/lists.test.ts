/** Search of inverted lists by blocks of queries, against the scalar twins, bit for bit. */
import { describe, expect, it } from 'vitest';
import { createEngineSync, type Engine } from '../../src/kernels/engine.ts';
import {
	ADMIT_ALL,
	NEAREST_LENGTH,
	nearestPackedBytes,
	rabitqStateBytes,
	rankManyScratchBytes,
	SCAN_LISTS,
	type ScanLists,
	TILE,
	topkBytes,
	topkCapacity,
} from '../../src/kernels/kernels.ts';
import { Rng } from '../../src/util/rng.ts';
import { admissions, BUILDS, read, same, values } from './compare.ts';

/** RaBitQ has a layout of its own, and tests of its own. */
type Kind = Exclude<ScanLists, 'rabitq'>;
const KINDS = (Object.keys(SCAN_LISTS) as ScanLists[]).filter((kind): kind is Kind => kind !== 'rabitq');

/** rankMany on queries and centroids that are hard in some way; with the packed centroids or without. */
function rank(engine: Engine, kind: string, n: number, k: number, d: number, nprobe: number): Uint8Array[] {
	const { arena, kernels } = engine;
	const rng = new Rng(n * 1000 + k + d);
	const scale = kind === 'tiny' ? 1e-18 : kind === 'huge' ? 1e17 : 1;
	const shape = (count: number, isQuery: boolean): Float32Array =>
		values(rng, count * d).map((value, i) => {
			if (kind === 'zero') return isQuery && i % 3 === 0 ? value : 0;
			if (kind === 'outlier') return isQuery && i < d ? value * 1e6 : value;
			if (kind === 'shifted') return 1000 + value / 100;
			if (kind === 'close') return Math.round(value);
			return value * scale;
		});
	const q = arena.allocCopy(shape(n, true));
	const c = arena.allocCopy(shape(k, false));
	arena.u8.copyWithin(c + (k - 1) * d * 4, c, c + d * 4);
	const halfNorms = arena.allocZeroed(Math.ceil(k / 8) * 32);
	kernels.normsSquared(c, k, d, halfNorms);
	for (let i = 0; i < k; i++) arena.f32[(halfNorms >>> 2) + i] = arena.f32[(halfNorms >>> 2) + i]! / 2;
	const norm = kernels.largestNorm(c, k, d);
	const packed = arena.alloc(nearestPackedBytes(k, d));
	const magnitude = kernels.nearestPack(c, k, d, 8, NEAREST_LENGTH / norm, packed);
	const scratch = arena.alloc(rankManyScratchBytes(k, d) + k * 4);
	const state = arena.alloc(topkBytes(nprobe));
	const out = arena.alloc(n * nprobe * 8);
	const outputs: Uint8Array[] = [];
	for (const metric of [0, 1]) {
		for (const found of [
			[packed, magnitude, halfNorms, norm],
			[0, 0, 0, 0],
		] as [number, number, number, number][]) {
			if (found[0] !== 0 && nprobe === k) continue;
			const top = [scratch, nprobe, topkCapacity(nprobe), state, out, out + n * nprobe * 4] as const;
			kernels.rankMany(q, n, d, c, k, metric, ...found, ...top);
			outputs.push(read(engine, out, n * nprobe * 8));
		}
	}
	return outputs;
}

/** Lists of codes, prepared queries and results of one kind of scanLists, with and without order and biases. */
function scanAll(engine: Engine, kind: Kind): Uint8Array[] {
	const { arena, kernels } = engine;
	const rng = new Rng(SCAN_LISTS[kind]! + 5);
	const [d, m, dsub, n, nprobe, nlist, k] = [12, 6, 2, 5, 3, 5, 21];
	const nbits = kind === 'fast' ? 4 : 8;
	const codeSize =
		kind === 'pq'
			? m
			: kind === 'fast'
				? m / 2
				: kind.startsWith('sq8')
					? d
					: kind.startsWith('sq4')
						? d / 2
						: kind === 'half'
							? d * 2
							: d * 4;
	const directory = arena.alloc(nlist * 16);
	for (const [i, size] of [3, 0, TILE + 5, 40, 64].entries()) {
		const blocks = Math.ceil(size / 32) * 32;
		const codes = arena.alloc(blocks * codeSize + 16);
		if (codeSize === d * 4) arena.writeF32(codes, values(rng, size * d));
		else for (let b = 0; b < blocks * codeSize; b++) arena.u8[codes + b] = rng.below(kind === 'half' ? 64 : 256);
		const terms = i % 2 === 1 ? 0 : arena.alloc(blocks * 4);
		if (terms !== 0 && kind === 'fast') for (let b = 0; b < blocks * 2; b++) arena.u8[terms + b] = rng.below(256);
		else if (terms !== 0) arena.writeF32(terms, values(rng, size));
		const ids = i === 3 ? 0 : arena.allocCopy(Uint32Array.from({ length: size }, () => rng.below(1e6)));
		arena.u32.set([codes, terms, ids, size], (directory >>> 2) + i * 4);
	}
	const queries = arena.allocCopy(values(rng, n * d));
	const panels = arena.allocCopy(values(rng, (m << nbits) * dsub));
	const mins = arena.allocCopy(values(rng, 16));
	const steps = arena.allocCopy(values(rng, 16).map(Math.abs));
	for (const row of [mins, steps]) arena.f32.fill(0, (row >>> 2) + d, (row >>> 2) + 16);
	const stride = Math.ceil(((m << (nbits + 2)) + 256) / 16) * 16;
	const states = arena.allocZeroed(n * stride);
	const work = arena.allocZeroed(TILE * 4);
	if (kind === 'pq') kernels.pqPrepare(queries, n, d, m, dsub, nbits, panels, -2, states, stride);
	else if (kind === 'fast') {
		kernels.fastPrepare(queries, n, d, m, dsub, panels, -2, 40, 0.75, 1 / 4096, work, states, stride);
	} else if (kind.startsWith('sq')) {
		kernels.scalarPrepare(queries, n, d, kind.endsWith('L2') ? 0 : 1, mins, steps, 16, states, stride);
	} else kernels.floatPrepare(queries, n, d, 16, states, stride);
	const [a, b, c] = {
		flatL2: [d, 0, 0],
		flatIp: [d, 0, 0],
		pq: [m, nbits, m],
		fast: [m / 2, 0, 0],
		sq8L2: [d, steps, 0],
		sq8Ip: [d, 16, 0],
		sq4L2: [d, steps, 0],
		sq4Ip: [d, 16, 0],
		half: [d, 0, 1],
	}[kind];
	const cells = arena.allocCopy(Uint32Array.of(4, 2, 3, 0, 1, 2, 2, 4, 0, 3, 4, 2, 1, 0, 3));
	const biases = arena.allocCopy(values(rng, n * nprobe));
	const order = arena.alloc(n * nprobe * 4);
	kernels.orderByList(cells, n * nprobe, nlist, arena.alloc((nlist + 1) * 4), order);
	const topkStride = Math.ceil(topkBytes(k) / 16) * 16;
	const topks = arena.alloc(n * topkStride);
	const out = arena.allocZeroed(n * k * 8 + n * 4);
	const outputs = [read(engine, states, n * stride), read(engine, order, n * nprobe * 4)];
	for (const [bias, by] of [
		[biases, 0],
		[0, 0],
		[biases, order],
	] as const) {
		for (const admission of admissions(engine, 900_000, 50)) {
			kernels.topkInitMany(topks, n, topkStride, k, topkCapacity(k), ...admission);
			const head = [SCAN_LISTS[kind]!, directory, cells, bias, by, n, nprobe] as const;
			const scanned = kernels.scanLists(...head, states, stride, topks, topkStride, work, a!, b!, c!);
			kernels.topkFinishMany(topks, n, topkStride, k, out, out + n * k * 4, out + n * k * 8);
			outputs.push(Uint8Array.of(scanned & 255, (scanned >> 8) & 255), read(engine, out, n * k * 8 + n * 4));
		}
	}
	return outputs;
}

describe.each(BUILDS)('kernels %s = reference', (build) => {
	it('rankMany: blocks and tails of queries, any magnitude, ties, zeros, outliers', () => {
		for (const kind of ['plain', 'tiny', 'huge', 'zero', 'outlier', 'shifted', 'close']) {
			for (const [n, k, d, nprobe] of [
				[1, 40, 16, 3],
				[3, 41, 7, 1],
				[4, 300, 9, 18],
				[37, 65, 33, 4],
				[70, 256, 12, 16],
				[5, 8, 3, 7],
				[6, 3, 4, 3],
				[33, 17, 1, 16],
			] as const) {
				same(build, (engine) => rank(engine, kind, n, k, d, nprobe));
			}
		}
	});

	it.each(KINDS)('scanLists %s: states, list order, biases, terms', (kind) => {
		same(build, (engine) => scanAll(engine, kind));
	});

	it('subtractRow, every tail', () => {
		for (const d of [1, 2, 3, 4, 5, 8, 13, 67]) {
			same(build, (engine) => {
				const rng = new Rng(d);
				const x = engine.arena.allocCopy(values(rng, 3 * d));
				engine.kernels.subtractRow(x, 3, d, engine.arena.allocCopy(values(rng, d)));
				return read(engine, x, 3 * d * 4);
			});
		}
	});

	it('rabitqPrepare, several queries', () => {
		for (const [d, metric, nbits] of [
			[5, 0, 1],
			[16, 1, 4],
			[40, 0, 8],
		] as const) {
			same(build, (engine) => {
				const { arena, kernels } = engine;
				const rng = new Rng(d);
				const [n, size] = [3, Math.ceil(d / 16) * 16];
				const stride = Math.ceil((rabitqStateBytes(size) + 4 * size) / 16) * 16;
				const [q, centre] = [arena.allocCopy(values(rng, n * d)), arena.allocCopy(values(rng, d))];
				const signs = arena.allocCopy(values(rng, 4 * size));
				const states = arena.allocZeroed(n * stride);
				kernels.rabitqPrepare(q, n, d, size, nbits, metric, centre, signs, 0.3, 0.7, 2.5, states, stride);
				return Array.from({ length: n }, (_, i) => read(engine, states + i * stride, rabitqStateBytes(size)));
			});
		}
	});

	it('top-k: sorted results of every length, with many ties', () => {
		for (const k of [1, 2, 31, 63, 64, 65, 127, 128, 129, 200, 1000, 2048]) {
			for (const n of [k - 1, k, k + 1, 3 * k + 7, 9 * k + 500]) {
				same(build, (engine) => {
					const { arena, kernels } = engine;
					const rng = new Rng(k + n);
					const coarse = Float32Array.from({ length: n + 16 }, () => rng.below(1 + (n >> 2)) - 3);
					const distances = arena.allocCopy(coarse);
					const state = arena.alloc(topkBytes(k));
					const out = arena.allocZeroed(k * 8);
					kernels.topkInit(state, k, topkCapacity(k), ...ADMIT_ALL);
					kernels.topkPush(state, distances, n, 0, 7);
					const found = kernels.topkFinish(state, out, out + k * 4);
					return [Uint8Array.of(found & 255, found >> 8), read(engine, out, k * 8)];
				});
			}
		}
	});
});

describe('list by list', () => {
	it('finds what query by query finds', () => {
		const engine = createEngineSync();
		for (const kind of KINDS) {
			const outputs = scanAll(engine, kind);
			// Two outputs for each of four admissions: of queries by themselves, without biases, list by list.
			const results = outputs.slice(2);
			expect(results.slice(16)).toEqual(results.slice(0, 8));
		}
	});
});
