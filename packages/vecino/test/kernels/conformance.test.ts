/**
 * Every kernel against its scalar TypeScript twin, bit for bit: fixed and relaxed SIMD.
 * The three engines allocate in the same order, so pointers are equal and whole blocks can be compared.
 */
import { describe, expect, it } from 'vitest';
import { createEngineSync, type Engine } from '../../src/kernels/engine.ts';
import {
	ADMIT_ALL,
	NEAREST_LENGTH,
	nearestPackedBytes,
	nearestScratchBytes,
	pqEncodeScratchBytes,
	rankScratchBytes,
	TILE,
	topkBytes,
	topkCapacity,
} from '../../src/kernels/kernels.ts';
import { Rng } from '../../src/util/rng.ts';
import { admissions, BUILDS, DIMENSIONS, read, same, values } from './compare.ts';

const FEW = [1, 3, 4, 7, 8, 13, 16, 33, 64, 100];

/** Runs nearestRows as the engine does, on data that is hard in some way. */
function nearest(
	engine: Engine,
	rng: Rng,
	{ n, k, d, kind, metric }: { n: number; k: number; d: number; kind: string; metric: number },
): Uint8Array[] {
	const { arena, kernels } = engine;
	const scale = kind === 'tiny' ? 1e-18 : kind === 'huge' ? 1e17 : 1;
	const shape = (count: number, rows: boolean): Float32Array =>
		values(rng, count * d).map((value, i) => {
			if (kind === 'zero') return rows && i % 3 === 0 ? value : 0;
			if (kind === 'outlier') return rows && i < d ? value * 1e6 : value;
			// Far from the origin: distances are small differences of large numbers.
			if (kind === 'shifted') return 1000 + value / 100;
			if (kind === 'close') return Math.round(value);
			return value * scale;
		});
	const x = arena.allocCopy(shape(n, true));
	const c = arena.allocCopy(shape(k, false));
	// The last centroid repeats the first: a tie that must go to the lower number.
	arena.u8.copyWithin(c + (k - 1) * d * 4, c, c + d * 4);
	const halfNorms = arena.alloc(Math.ceil(k / 8) * 32);
	kernels.normsSquared(c, k, d, halfNorms);
	for (let i = 0; i < k; i++) arena.f32[(halfNorms >>> 2) + i] = arena.f32[(halfNorms >>> 2) + i]! / 2;
	const norm = kernels.largestNorm(c, k, d);
	const packed = arena.alloc(nearestPackedBytes(k, d));
	const scratch = arena.alloc(nearestScratchBytes(k, d));
	const out = arena.alloc(n * 8);
	const magnitude = kernels.nearestPack(c, k, d, 8, NEAREST_LENGTH / norm, packed);
	kernels.nearestRows(x, n, d, c, k, metric, packed, magnitude, halfNorms, norm, scratch, out, out + n * 4);
	const ranks: Uint8Array[] = [];
	for (const nprobe of [1, 3, Math.floor(k / 2)]) {
		if (nprobe < 1 || nprobe >= k) continue;
		const state = arena.alloc(topkBytes(nprobe));
		const ranked = arena.allocZeroed(nprobe * 8);
		const room = arena.alloc(rankScratchBytes(k, d));
		const args = [
			x,
			d,
			c,
			k,
			metric,
			packed,
			magnitude,
			halfNorms,
			norm,
			room,
			nprobe,
			topkCapacity(nprobe),
			state,
		] as const;
		kernels.rankCells(...args);
		kernels.topkFinish(state, ranked, ranked + nprobe * 4);
		ranks.push(read(engine, ranked, nprobe * 8));
	}
	return [read(engine, out, n * 8), ...ranks];
}

describe.each(BUILDS)('kernels %s = reference', (build) => {
	it('exports the same kernels as the reference', () => {
		const names = (kernels: 'reference' | typeof build) => Object.keys(createEngineSync({ kernels }).kernels).sort();
		expect(names(build)).toEqual(names('reference'));
	});

	it.each(['l2Many', 'ipMany'] as const)('%s for every d, tails and rows not 16-byte aligned', (name) => {
		for (const d of DIMENSIONS) {
			for (const [n, skew] of [
				[1, 0],
				[7, 4],
				[12, 8],
			] as const) {
				same(build, ({ arena, kernels }) => {
					const rng = new Rng(d);
					const q = arena.allocCopy(values(rng, d));
					const x = arena.alloc((n * d + 8) * 4) + skew;
					arena.writeF32(x, values(rng, n * d + 4));
					const out = arena.alloc(n * 4);
					kernels[name](q, x, n, d, out);
					return arena.u8.slice(out, out + n * 4);
				});
			}
		}
	});

	it('top-k: any k, ties, NaN, infinities, labels out of order', () => {
		for (const k of [1, 2, 3, 10, 64, 100, 1000]) {
			for (const kind of ['random', 'equal', 'few values', 'hostile'] as const) {
				for (const n of [0, 1, 15, 16, 17, 700, 5000]) {
					same(build, (engine) => {
						const { arena, kernels } = engine;
						const rng = new Rng(k * 31 + n);
						const x = new Float32Array(n + 16);
						for (let i = 0; i < n; i++) {
							if (kind === 'random') x[i] = rng.float() * 10 - 5;
							else if (kind === 'equal') x[i] = 3;
							else if (kind === 'few values') x[i] = rng.below(5) - 2;
							else
								x[i] = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 1e-40, 7][rng.below(7)]!;
						}
						const distances = arena.allocCopy(x);
						const ids = arena.allocCopy(Uint32Array.from({ length: n + 1 }, (_, i) => (i * 7919) % (n + 1)));
						const state = arena.alloc(topkBytes(k));
						const out = arena.allocZeroed(k * 8);
						const outputs: Uint8Array[] = [];
						for (const admission of admissions(engine, n + 7, 1)) {
							kernels.topkInit(state, k, topkCapacity(k), ...admission);
							kernels.topkPush(state, distances, n, ids, 0);
							kernels.topkPush(state, distances, Math.floor(n / 2), 0, 5);
							kernels.topkPush(state, distances, Math.floor(n / 2), 0, 4_000_000_000);
							const count = kernels.topkFinish(state, out, out + k * 4);
							outputs.push(Uint8Array.of(count & 255, count >> 8), read(engine, out, k * 8));
						}
						return outputs;
					});
				}
			}
		}
	});

	it('packPanel', () => {
		for (const d of FEW) {
			same(build, (engine) => {
				const c = engine.arena.allocCopy(values(new Rng(d), 8 * d));
				const panels = engine.arena.alloc(d * 64);
				engine.kernels.packPanel(c, 8, d, panels);
				engine.kernels.packPanel(c, 5, d, panels + d * 32);
				return read(engine, panels, d * 64);
			});
		}
	});

	it('nearest centroid: any magnitude, ties, duplicates, zeros, outliers, few and many rows', () => {
		for (const d of [...FEW, 128]) {
			for (const [n, k] of [
				[1, 1],
				[5, 9],
				[70, 16],
				[130, 67],
			] as const) {
				for (const kind of ['plain', 'close', 'tiny', 'huge', 'zero', 'outlier', 'shifted'] as const) {
					for (const metric of [0, 1]) {
						same(build, (engine) => nearest(engine, new Rng(d * n), { n, k, d, kind, metric }));
					}
				}
			}
		}
	});

	it('row kernels: norms, normalise, sums, residuals, terms, gather', () => {
		for (const d of [...FEW, 2, 5, 6, 128]) {
			same(build, (engine) => {
				const { arena, kernels } = engine;
				const rng = new Rng(d);
				const n = 9;
				const k = 4;
				const x = arena.allocCopy(values(rng, n * d));
				arena.u8.fill(0, x + d * 4, x + 2 * d * 4);
				const c = arena.allocCopy(values(rng, k * d));
				const labels = arena.allocCopy(Uint32Array.from({ length: n }, () => rng.below(k)));
				const out = arena.allocZeroed(n * d * 4);
				const terms = arena.alloc(n * 8);
				const sums = arena.allocZeroed(k * d * 8);
				const counts = arena.allocZeroed(k * 4);
				const gathered = arena.alloc(n * d * 4);
				kernels.normsSquared(x, n, d, terms);
				kernels.sumRows(x, n, d, labels, sums, counts);
				kernels.residuals(x, n, d, labels, c, out);
				const centre = arena.allocCopy(values(rng, d));
				kernels.residualTerms(out, n, d, labels, c, centre, terms + n * 4);
				const rows = Uint32Array.from({ length: n }, () => x + rng.below(n) * d * 4);
				kernels.gatherRows(arena.allocCopy(rows), d * 4, n, gathered);
				kernels.normalizeRows(x, n, d);
				return [
					read(engine, x, n * d * 4),
					read(engine, out, n * d * 4),
					read(engine, terms, n * 8),
					read(engine, sums, k * d * 8),
					read(engine, counts, k * 4),
					read(engine, gathered, n * d * 4),
				];
			});
		}
	});

	it('product quantizer: encode, decode, tables, ADC for every nbits, and d short of m * dsub', () => {
		for (let nbits = 4; nbits <= 12; nbits++) {
			for (const [m, dsub, missing] of [
				[1, 1, 0],
				[3, 2, 1],
				[8, 4, 0],
				[16, 3, 2],
				[5, 8, 0],
				[32, 1, 0],
			] as const) {
				if (nbits > 10 && m > 8) continue;
				same(build, (engine) => {
					const { arena, kernels } = engine;
					const rng = new Rng(nbits * 100 + m);
					const d = m * dsub - missing;
					const ksub = 1 << nbits;
					const n = nbits > 9 ? 6 : 21;
					const codeSize = Math.ceil((m * nbits) / 8);
					const x = arena.allocCopy(values(rng, n * d));
					const panels = arena.allocCopy(values(rng, m * ksub * dsub));
					const halfNorms = arena.allocCopy(values(rng, m * ksub));
					const scratch = arena.alloc(pqEncodeScratchBytes(dsub));
					const codes = arena.alloc(n * codeSize + 4);
					const decoded = arena.allocZeroed(n * d * 4);
					const query = arena.allocCopy(values(rng, m * dsub));
					const tables = arena.alloc(3 * m * ksub * 4);
					const out = arena.alloc(n * 8);
					kernels.pqEncode(x, n, d, m, dsub, nbits, panels, halfNorms, scratch, codes, codeSize);
					kernels.pqDecode(codes, n, codeSize, d, m, dsub, nbits, panels, decoded);
					kernels.pqTable(query, m, dsub, nbits, panels, 0, tables);
					kernels.pqTable(query, m, dsub, nbits, panels, -2, tables + m * ksub * 4);
					kernels.pqTable(query, m, dsub, nbits, panels, -1, tables + m * ksub * 8);
					kernels.adcBits(codes, n, m, nbits, codeSize, tables, out);
					if (nbits === 8) kernels.adc8(codes, n, m, tables, out + n * 4);
					else kernels.adcBits(codes, n, m, nbits, codeSize, tables + m * ksub * 4, out + n * 4);
					return [
						read(engine, codes, n * codeSize),
						read(engine, decoded, n * d * 4),
						read(engine, tables, 3 * m * ksub * 4),
						read(engine, out, n * 8),
					];
				});
			}
		}
	});

	it('scalar quantizer: encode, decode, distances', () => {
		for (const d of [...FEW, 2, 5, 128]) {
			same(build, (engine) => {
				const { arena, kernels } = engine;
				const rng = new Rng(d);
				const n = 11;
				const padded = Math.ceil(d / 8) * 8;
				const pad = (v: Float32Array): Float32Array => {
					const out = new Float32Array(padded);
					out.set(v.subarray(0, d));
					return out;
				};
				const x = arena.allocCopy(values(rng, n * d));
				const mins = arena.allocCopy(values(rng, d));
				const steps = arena.allocCopy(pad(values(rng, d)));
				const inverse = arena.allocCopy(values(rng, d));
				const q = arena.allocCopy(pad(values(rng, d)));
				const codes = arena.alloc(n * d + 8);
				const decoded = arena.alloc(n * d * 4);
				const out = arena.alloc(n * 8);
				kernels.sq8Encode(x, n, d, mins, inverse, codes);
				kernels.sq8Decode(codes, n, d, mins, steps, decoded);
				kernels.sq8L2Many(q, steps, codes, n, d, out);
				kernels.sq8IpMany(q, codes, n, d, out + n * 4);
				return [read(engine, codes, n * d), read(engine, decoded, n * d * 4), read(engine, out, n * 8)];
			});
		}
	});

	it('scans: several lists, chosen lists, terms, ids, biases, tiles and tails', () => {
		for (const kind of ['scanL2', 'scanIp', 'scanPq', 'scanPq5', 'scanSq8L2', 'scanSq8Ip'] as const) {
			same(build, (engine) => {
				const { arena, kernels } = engine;
				const rng = new Rng(77);
				const d = 12;
				const m = 6;
				const sizes = [3, 0, TILE + 5, 40, 16];
				const rowBytes = kind === 'scanPq' ? m : kind === 'scanPq5' ? 4 : kind.startsWith('scanSq8') ? d : d * 4;
				const directory = arena.alloc(sizes.length * 16);
				for (const [i, n] of sizes.entries()) {
					const codes = arena.alloc(n * rowBytes + 16);
					if (rowBytes === d * 4) arena.writeF32(codes, values(rng, n * d));
					else for (let b = 0; b < n * rowBytes; b++) arena.u8[codes + b] = rng.below(256);
					const terms = i % 2 === 0 ? arena.allocCopy(values(rng, n)) : 0;
					const ids = i === 3 ? 0 : arena.allocCopy(Uint32Array.from({ length: n }, () => rng.below(1e6)));
					arena.u32.set([codes, terms, ids, n], (directory >>> 2) + i * 4);
				}
				const listNos = arena.allocCopy(Uint32Array.of(4, 2, 3, 1));
				const biases = arena.allocCopy(Float32Array.of(0.5, 0, -3, 1));
				const tile = arena.alloc(TILE * 4);
				const vector = arena.allocCopy(values(rng, 16));
				const second = arena.allocCopy(values(rng, 16));
				arena.f32.fill(0, (second >>> 2) + d, (second >>> 2) + 16);
				arena.f32.fill(0, (vector >>> 2) + d, (vector >>> 2) + 16);
				const table = arena.allocCopy(values(rng, m * 256));
				const k = 25;
				const state = arena.alloc(topkBytes(k));
				const out = arena.allocZeroed(k * 8);
				const outputs: Uint8Array[] = [];
				for (const [list, bias, count] of [
					[listNos, biases, 4],
					[0, 0, 5],
					[listNos, 0, 2],
				] as const) {
					kernels.topkInit(state, k, topkCapacity(k), ...ADMIT_ALL);
					const head = [directory, list, bias, count, 1000, tile, state] as const;
					let scanned: number;
					if (kind === 'scanL2') scanned = kernels.scanL2(...head, vector, d);
					else if (kind === 'scanIp') scanned = kernels.scanIp(...head, vector, d);
					else if (kind === 'scanPq') scanned = kernels.scanPq(...head, table, m, 8, m);
					else if (kind === 'scanPq5') scanned = kernels.scanPq(...head, table, m, 5, 4);
					else if (kind === 'scanSq8L2') scanned = kernels.scanSq8L2(...head, vector, second, d);
					else scanned = kernels.scanSq8Ip(...head, vector, 0.25, d);
					const found = kernels.topkFinish(state, out, out + k * 4);
					outputs.push(Uint8Array.of(found, scanned & 255, scanned >> 8), read(engine, out, k * 8));
				}
				return outputs;
			});
		}
	});

	it('fast-scan: place, fetch, tables, scan with and without terms, ids and biases, tails of every length', () => {
		for (const m of [1, 2, 3, 8, 16, 33, 64, 256]) {
			same(build, (engine) => fastScan(engine, new Rng(m), m));
		}
	});
});

function fastScan(engine: Engine, rng: Rng, m: number): Uint8Array[] {
	const { arena, kernels } = engine;
	const pairs = Math.ceil(m / 2);
	const sizes = [1, 0, 31, 32, 33, 64, 65, 200];
	const directory = arena.alloc(sizes.length * 16);
	const code = arena.alloc(pairs);
	const outputs: Uint8Array[] = [];
	for (const [list, n] of sizes.entries()) {
		const blocks = arena.allocZeroed(Math.ceil(n / 32) * pairs * 32 + 64);
		for (let i = 0; i < n; i++) {
			for (let j = 0; j < pairs; j++) arena.u8[code + j] = rng.below(2 * j + 1 === m ? 16 : 256);
			kernels.fastPlace(blocks, i, code, pairs);
			const placed = read(engine, code, pairs);
			kernels.fastFetch(blocks, i, code, pairs);
			expect(read(engine, code, pairs)).toEqual(placed);
		}
		const terms = arena.alloc(Math.ceil(n / 32) * 64 + 64);
		for (let i = 0; i < Math.ceil(n / 32) * 64; i++) arena.u8[terms + i] = rng.below(256);
		const ids = list === 3 ? 0 : arena.allocCopy(Uint32Array.from({ length: n + 1 }, () => rng.below(1e9)));
		arena.u32.set([blocks, list % 3 === 0 ? 0 : terms, ids, n], (directory >>> 2) + list * 4);
		outputs.push(read(engine, blocks, Math.ceil(n / 32) * pairs * 32));
	}
	const table = arena.allocCopy(values(rng, m * 16));
	const tables = arena.alloc(pairs * 32);
	const params = arena.alloc(8);
	const scale = kernels.fastTables(table, m, 1e6, tables, params);
	outputs.push(read(engine, tables, pairs * 32), read(engine, params, 8), Uint8Array.of(scale & 255));
	const [inverse, offset] = arena.readF32(params, 2) as unknown as [number, number];
	const scratch = arena.alloc(128);
	const biases = arena.allocCopy(values(rng, sizes.length));
	const listNos = arena.allocCopy(Uint32Array.of(7, 4, 6, 0, 1, 2));
	for (const k of [1, 10, 300]) {
		for (const [lists, bias, count, termScale] of [
			[0, 0, sizes.length, 0],
			[listNos, biases, 6, 32767],
			[listNos, biases, 3, 1234],
		] as const) {
			const state = arena.alloc(topkBytes(k));
			const out = arena.allocZeroed(k * 8);
			for (const admission of admissions(engine, 5_150, 0)) {
				kernels.topkInit(state, k, topkCapacity(k), ...admission);
				const head = [directory, lists, bias, count, 5_000, scratch, state] as const;
				const scanned = kernels.scanFast(...head, tables, pairs, inverse, offset, termScale);
				const found = kernels.topkFinish(state, out, out + k * 4);
				outputs.push(Uint8Array.of(found & 255, found >> 8, scanned & 255, scanned >> 8), read(engine, out, k * 8));
			}
		}
	}
	return outputs;
}
