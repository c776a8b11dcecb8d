/** The kernel that ranks candidates again by codes against its scalar TypeScript twin, bit for bit. */
import { describe, expect, it } from 'vitest';
import { SCAN_LISTS, TILE, topkBytes, topkCapacity } from '../../src/kernels/kernels.ts';
import { Rng } from '../../src/util/rng.ts';
import { BUILDS, read, same, values } from './compare.ts';

const N = 40;

/** What is scanned: code size and arguments of d, m = d. */
const KINDS: readonly [name: string, codeSize: (d: number) => number, args: (d: number, steps: number) => number[]][] =
	[
		['sq8L2', (d) => d, (d, steps) => [SCAN_LISTS.sq8L2, d, steps, 0]],
		['sq8Ip', (d) => d, (d) => [SCAN_LISTS.sq8Ip, d, Math.ceil(d / 8) * 8, 0]],
		['sq4L2', (d) => Math.ceil(d / 2), (d, steps) => [SCAN_LISTS.sq4L2, d, steps, 0]],
		['bf16', (d) => 2 * d, (d) => [SCAN_LISTS.half, d, 1, 0]],
		['f16 ip', (d) => 2 * d, (d) => [SCAN_LISTS.half, d, 0, 1]],
		['pq', (d) => d, (d) => [SCAN_LISTS.pq, d, 8, d]],
	];

describe.each(BUILDS)('kernels %s = reference', (build) => {
	it.each(KINDS)('rerankCodes, %s: any number of candidates, a few codes at a time or all', (_, codeSizeOf, argsOf) => {
		for (const d of [1, 2, 7, 16, 33, 67]) {
			for (const [nq, wide, k, some] of [
				[1, 1, 1, 1],
				[3, 5, 2, 5],
				[2, 37, 10, 16],
				[4, 33, 50, 7],
			] as const) {
				same(build, (engine) => {
					const { arena, kernels } = engine;
					const rng = new Rng(d * 100 + wide);
					const codeSize = codeSizeOf(d);
					const codes = arena.alloc(N * codeSize + 16);
					for (let i = 0; i < N * codeSize; i++) arena.u8[codes + i] = rng.below(120);
					// A repeated code: a tie that must go to the lower label.
					arena.u8.copyWithin(codes + 7 * codeSize, codes + 3 * codeSize, codes + 4 * codeSize);
					// Zeros behind d values.
					const steps = arena.allocZeroed((d + 40) * 4);
					arena.writeF32(steps, values(rng, d));
					// The largest of all states: the table of a PQ.
					const stride = d * 1024 + 64;
					const states = arena.allocCopy(values(rng, (nq * stride) / 4));
					const isPq = argsOf(d, steps)[0] === SCAN_LISTS.pq;
					for (let i = 0; i < nq && !isPq; i++) {
						const from = (states + i * stride) >>> 2;
						arena.f32.fill(0, from + d, from + stride / 4);
					}
					const labels = arena.allocCopy(Uint32Array.from({ length: nq * wide }, () => rng.below(N)));
					const limits = Uint32Array.from({ length: nq }, (_, i) => (i === 1 ? 0 : i === 2 ? wide - 1 : wide));
					const [addresses, counts] = [arena.alloc(nq * wide * 4), arena.alloc(nq * 4)];
					const segments = arena.allocCopy(Uint32Array.of(codes, 0));
					const given = arena.allocCopy(limits);
					kernels.rowAddresses(segments, 1, codeSize, labels, nq, wide, given, addresses, counts);
					expect(arena.u32.slice(counts >>> 2, (counts >>> 2) + nq)).toEqual(limits);
					const out = arena.allocZeroed(nq * k * 8);
					const [topk, tile, entry] = [arena.alloc(topkBytes(k)), arena.alloc(TILE * 4), arena.alloc(16)];
					const gathered = arena.alloc(some * codeSize + 16);
					const [kind, a, b, c] = argsOf(d, steps) as [number, number, number, number];
					const from = [labels, addresses, counts, wide, k, topkCapacity(k)] as const;
					const work = [topk, tile, entry, gathered, some] as const;
					const head = [kind, a, b, c, states, stride, nq, codeSize] as const;
					kernels.rerankCodes(...head, ...from, ...work, out, out + nq * k * 4);
					expect(arena.u32[counts >>> 2]).toBe(Math.min(k, wide));
					return [read(engine, out, nq * k * 8), read(engine, counts, nq * 4)];
				});
			}
		}
	});
});
