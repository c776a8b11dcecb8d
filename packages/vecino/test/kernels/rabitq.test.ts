/**
 * RaBitQ kernels against their scalar twins, bit for bit; and what the codes are: rotations that keep lengths, nearest
 * whole numbers.
 */
import { describe, expect, it } from 'vitest';
import { createEngineSync, type Engine } from '../../src/kernels/engine.ts';
import {
	RABITQ_STATE,
	rabitqCodeSize,
	rabitqStateBytes,
	TILE,
	topkBytes,
	topkCapacity,
} from '../../src/kernels/kernels.ts';
import { RabitQuantizer } from '../../src/quantizers/rabitq.ts';
import { Rng } from '../../src/util/rng.ts';
import { admissions, BUILDS, read, same } from './compare.ts';

const SHAPES = [1, 2, 3, 7, 15, 16, 17, 31, 33, 48, 67, 100, 128, 144, 384, 768].map(
	(d) => [d, ((d * 5) % 8) + 1] as const,
);

function values(rng: Rng, n: number, scale = 1): Float32Array {
	return Float32Array.from({ length: n }, () => (rng.below(20) === 0 ? 0 : (rng.float() + rng.float() - 1) * scale));
}

/** Rotates, encodes (residuals and whole rows, both metrics), decodes. */
function codes(engine: Engine, d: number, nbits: number): Uint8Array[] {
	const { arena, kernels } = engine;
	const rng = new Rng(d * 8 + nbits);
	const size = Math.ceil(d / 16) * 16;
	const n = 9;
	const rows = values(rng, n * d);
	rows.fill(0, 0, d); // no residual at all
	rows.fill(0.25, d, 2 * d); // constant
	rows.copyWithin(2 * d, 3 * d, 4 * d); // duplicates
	rows.set(values(rng, d, 1e15), 4 * d);
	rows.set(values(rng, d, 1e-20), 5 * d);
	const x = arena.allocCopy(rows);
	const centroids = arena.allocCopy(values(rng, 3 * d, 3));
	const centre = arena.allocCopy(values(rng, d));
	const labels = arena.allocCopy(Uint32Array.of(0, 1, 2, 0, 1, 2, 0, 1, 2));
	const signs = arena.allocCopy(Float32Array.from({ length: 4 * size }, () => (rng.below(2) ? 1 : -1) / 8));
	const codeSize = rabitqCodeSize(size, nbits);
	const out = arena.allocZeroed(n * codeSize);
	const scratch = arena.allocZeroed((2 * size + 4) * 4);
	const decoded = arena.allocZeroed(n * d * 4);
	const outputs: Uint8Array[] = [];
	kernels.rabitqRotate(x + 6 * d * 4, centre, d, size, signs, scratch);
	outputs.push(read(engine, scratch, size * 4));
	kernels.rabitqRotate(x + 6 * d * 4, 0, d, size, signs, scratch);
	outputs.push(read(engine, scratch, size * 4));
	for (const metric of [0, 1]) {
		for (const residual of [labels, 0]) {
			const head = [x, n, d, size, nbits, 0.3, metric, residual, centroids, centre, signs] as const;
			kernels.rabitqEncode(...head, scratch, out, codeSize);
			outputs.push(read(engine, out, n * codeSize));
			kernels.rabitqDecode(out, n, codeSize, d, size, nbits, -0.4, signs, scratch, decoded);
			outputs.push(read(engine, decoded, n * d * 4));
		}
	}
	return outputs;
}

/** Prepares queries and scans lists of all lengths, with and without ids, biases and chosen lists. */
function scans(engine: Engine, d: number, nbits: number, cells: boolean): Uint8Array[] {
	const { arena, kernels } = engine;
	const rng = new Rng(d * 8 + nbits);
	const size = Math.ceil(d / 16) * 16;
	const sizes = [1, 0, 31, 32, 33, 64, 65, 200];
	using codec = new RabitQuantizer({ engine, d, metric: 'l2', nbits, seed: 5, cells });
	const { codeSize } = codec;
	const centroids = arena.allocCopy(values(rng, sizes.length * d));
	codec.learnCells(centroids, sizes.length);
	const directory = arena.alloc(sizes.length * 16);
	const scratch = arena.alloc(codec.encodeScratchBytes);
	const row = arena.alloc(d * 4);
	const label = arena.alloc(4);
	const code = arena.alloc(codeSize);
	for (const [list, n] of sizes.entries()) {
		const blocks = arena.allocZeroed(Math.ceil(n / 32) * 32 * codeSize + 64);
		const terms = cells && nbits > 1 ? arena.allocZeroed(Math.ceil(n / 32) * 32 * codeSize + 64) : 0;
		for (let i = 0; i < n; i++) {
			arena.writeF32(row, values(rng, d));
			arena.u32[label >>> 2] = list;
			codec.encodeRows(row, 1, code, scratch, label, centroids);
			codec.place(blocks, i, code, terms);
		}
		const ids = list === 3 ? 0 : arena.allocCopy(Uint32Array.from({ length: n + 1 }, () => rng.below(1e9)));
		arena.u32.set([blocks, terms, ids, n], (directory >>> 2) + list * 4);
	}
	const stateBytes = rabitqStateBytes(size);
	const state = arena.allocZeroed(stateBytes + size * 4);
	const tile = arena.alloc(TILE * 4);
	const listNos = arena.allocCopy(Uint32Array.of(7, 4, 6, 0, 1, 2, 3, 5));
	const outputs: Uint8Array[] = [];
	const scanner = codec.scanner();
	for (const scale of [1, 0, 1e-30, 50]) {
		const q = values(rng, d, scale);
		arena.writeF32(row, q);
		scanner.setQuery(row, state);
		outputs.push(read(engine, state, stateBytes));
		const biases = arena.allocCopy(
			Float32Array.from({ length: sizes.length }, (_, t) => {
				const c = arena.readF32(centroids + arena.u32[(listNos >>> 2) + t]! * d * 4, d);
				return c.reduce((sum, value, j) => sum + (value - q[j]!) ** 2, 0);
			}),
		);
		for (const k of [1, 10, 150]) {
			for (const [lists, bias, count] of [
				[0, 0, sizes.length],
				[listNos, biases, 8],
				[listNos, biases, 3],
			] as const) {
				const topk = arena.alloc(topkBytes(k));
				const out = arena.allocZeroed(k * 8);
				for (const admission of admissions(engine, 5_100, 1)) {
					kernels.topkInit(topk, k, topkCapacity(k), ...admission);
					// In two calls, as a search that opens further cells does.
					const first = [directory, lists, bias, count - 1, 5_000, tile, topk] as const;
					const last = [directory, lists === 0 ? listNos : lists, bias, 1, 5_000, tile, topk] as const;
					const scanned = scanner.scan(state, [...first]) + scanner.scan(state, [...last]);
					const looks = arena.u32[(state + RABITQ_STATE.looks) >>> 2]!;
					const found = kernels.topkFinish(topk, out, out + k * 4);
					outputs.push(Uint8Array.of(found & 255, scanned & 255, scanned >> 8, looks & 255, looks >> 8));
					outputs.push(read(engine, out, k * 8));
				}
			}
		}
	}
	return outputs;
}

describe.each(BUILDS)('%s', (build) => {
	it.each(SHAPES)('rotate, encode, decode: d = %d, %d bits', (d, nbits) => {
		same(build, (engine) => codes(engine, d, nbits));
	});

	it.each([
		[5, 1],
		[16, 2],
		[40, 1],
		[40, 3],
		[64, 8],
		[100, 4],
		[128, 1],
		[200, 7],
		[768, 5],
	] as const)('query, scan: d = %d, %d bits', (d, nbits) => {
		for (const cells of [true, false]) same(build, (engine) => scans(engine, d, nbits, cells));
	});
});

it.each([1, 16, 20, 48, 96, 100, 128, 384, 500, 768, 1016])('a rotation of d = %d keeps lengths and mixes', (d) => {
	const engine = createEngineSync();
	const { arena } = engine;
	const size = Math.ceil(d / 16) * 16;
	using codec = new RabitQuantizer({ engine, d, metric: 'l2', nbits: 8, seed: 3, cells: false });
	codec.setCentre(new Float32Array(d));
	const state = arena.alloc(codec.scanner().stateBytes);
	const rotated = state + rabitqStateBytes(size);
	for (const axis of [0, d >> 1, d - 1]) {
		const row = new Float32Array(d);
		row[axis] = 3;
		const q = arena.allocCopy(row);
		codec.scanner().setQuery(q, state);
		const y = arena.readF32(rotated, size);
		expect(Math.hypot(...y)).toBeCloseTo(3, 4);
		// Of one value becomes something everywhere: no more than 6 deviations.
		for (const value of y) expect(Math.abs(value)).toBeLessThan((6 * 3) / Math.sqrt(size));
		// Encoded with 8 bits and decoded it is nearly what it was.
		const code = arena.alloc(codec.codeSize);
		const scratch = arena.alloc(codec.encodeScratchBytes);
		codec.encodeRows(q, 1, code, scratch);
		codec.decodeRows(code, 1, q);
		const back = arena.readF32(q, d);
		expect(Math.hypot(...back.map((value, t) => value - row[t]!))).toBeLessThan(0.06);
	}
});
