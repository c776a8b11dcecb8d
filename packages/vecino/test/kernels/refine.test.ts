/** The kernels that rank candidates again against their scalar TypeScript twins, bit for bit. */
import { describe, expect, it } from 'vitest';
import { topkBytes, topkCapacity } from '../../src/kernels/kernels.ts';
import { Rng } from '../../src/util/rng.ts';
import { BUILDS, DIMENSIONS, read, same, values } from './compare.ts';

const NONE = 2 ** 32 - 1;

describe.each(BUILDS)('kernels %s = reference', (build) => {
	it('addresses: one segment and many, lists of labels that end early', () => {
		for (const sizes of [[50], [1, 49], [7, 1, 20, 22], Array.from({ length: 50 }, () => 1)]) {
			same(build, (engine) => {
				const { arena, kernels } = engine;
				const rng = new Rng(sizes.length);
				const table: number[] = [];
				let first = 0;
				for (const [s, size] of sizes.entries()) {
					table.push(1000 * (s + 1), first);
					first += size;
				}
				const [nq, wide] = [6, 9];
				const labels = Uint32Array.from({ length: nq * wide }, () => rng.below(50));
				labels.set([NONE], wide * 2);
				labels.set([0, 49, NONE, 5], wide * 3);
				labels.set([NONE, NONE], wide * 5 + 7);
				const ptr = arena.allocCopy(labels);
				const addresses = arena.allocZeroed(nq * wide * 4);
				const counts = arena.alloc(nq * 4);
				kernels.rowAddresses(
					arena.allocCopy(Uint32Array.from(table)),
					sizes.length,
					12,
					ptr,
					nq,
					wide,
					0,
					addresses,
					counts,
				);
				expect([...new Uint32Array(read(engine, counts, nq * 4).buffer)]).toEqual([9, 9, 0, 2, 9, 7]);
				return [read(engine, addresses, nq * wide * 4), read(engine, counts, nq * 4)];
			});
		}
	});

	it('refineRows: every d, any number of candidates, rows not 16-byte aligned, the bits of l2Many and ipMany', () => {
		for (const d of DIMENSIONS) {
			for (const [nq, wide, k, skew] of [
				[1, 1, 1, 0],
				[2, 5, 3, 4],
				[3, 37, 10, 8],
				[2, 70, 100, 0],
			] as const) {
				if (d > 100 && wide > 40) continue;
				same(build, (engine) => {
					const { arena, kernels } = engine;
					const rng = new Rng(d * 100 + wide);
					const n = 40;
					const x = arena.alloc((n * d + 8) * 4) + skew;
					arena.writeF32(x, values(rng, n * d));
					// A repeated row: a tie that must go to the lower label.
					arena.u8.copyWithin(x + 7 * d * 4, x + 3 * d * 4, x + 4 * d * 4);
					const queries = arena.allocCopy(values(rng, nq * d));
					const labels = arena.allocCopy(Uint32Array.from({ length: nq * wide }, () => rng.below(n)));
					if (wide > 30) arena.u32[(labels >>> 2) + wide + 21] = NONE;
					const addresses = arena.alloc(nq * wide * 4);
					const counts = arena.alloc(nq * 4);
					const segments = arena.allocCopy(Uint32Array.of(x, 0));
					kernels.rowAddresses(segments, 1, d * 4, labels, nq, wide, 0, addresses, counts);
					const state = arena.alloc(topkBytes(k));
					const tile = arena.alloc(64);
					const out = arena.allocZeroed(nq * k * 8);
					const outputs: Uint8Array[] = [];
					for (const metric of [0, 1]) {
						const before = arena.u32.slice(counts >>> 2, (counts >>> 2) + nq);
						const target = [topkCapacity(k), state, tile, out, out + nq * k * 4] as const;
						kernels.refineRows(metric, queries, nq, d, labels, addresses, counts, wide, k, ...target);
						outputs.push(read(engine, out, nq * k * 8), read(engine, counts, nq * 4));
						const best = arena.f32[out >>> 2];
						kernels[metric === 0 ? 'l2Many' : 'ipMany'](
							queries,
							x + arena.u32[(out >>> 2) + nq * k]! * d * 4,
							1,
							d,
							tile,
						);
						// A top-k makes 0 of -0.
						expect(arena.f32[tile >>> 2]! + 0).toBe(best);
						arena.u32.set(before, counts >>> 2);
					}
					return outputs;
				});
			}
		}
	});
});
