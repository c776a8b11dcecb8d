/** Lists under a filter: the WebAssembly builds do what the scalar twins do. */
import { describe, expect, it } from 'vitest';
import { createEngineSync, type Engine } from '../../src/kernels/engine.ts';
import { Rng } from '../../src/util/rng.ts';
import { BUILDS, DIMENSIONS, read, same, values } from './compare.ts';

const NLIST = 13;
const UNKNOWN = 0xffffffff;

interface Lists {
	readonly directory: number;
	readonly filter: number;
	readonly bits: number;
	/** Labels of each list. */
	readonly ids: number[][];
}

/** Lists of 0..70 codes of codeSize bytes in blocks, with terms, and an empty one behind them. */
function makeLists({ arena }: Engine, rng: Rng, unit: number, codeSize: number, termBytes: number): Lists {
	const sizes = [0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 70, 5, 0];
	const total = sizes.reduce((a, b) => a + b);
	const order = Uint32Array.from({ length: total }, (_, i) => (i * 101) % total);
	const directory = arena.allocZeroed((NLIST + 1) * 16);
	const ids: number[][] = [];
	let taken = 0;
	for (const [t, n] of sizes.entries()) {
		const own = order.slice(taken, taken + n).sort();
		taken += n;
		ids.push([...own]);
		const codes = Math.ceil(n / unit) * unit;
		const random = (length: number): number =>
			arena.allocCopy(Uint8Array.from({ length: length + 8 }, () => rng.below(256)));
		const at = [random(codes * codeSize), termBytes === 0 ? 0 : random(codes * termBytes), arena.allocCopy(own), n];
		arena.u32.set(at, (directory >>> 2) + 4 * t);
	}
	const bits = total - 3;
	// List 4 has no match at all.
	const words = new Uint32Array(Math.ceil(bits / 32));
	for (let label = 0; label < bits; label++)
		if (rng.below(3) === 0 && !ids[4]!.includes(label)) words[label >>> 5]! |= 1 << (label & 31);
	return { directory, filter: arena.allocCopy(words), bits, ids };
}

function chosen(engine: Engine): Uint8Array[] {
	const { arena, kernels } = engine;
	const rng = new Rng(5);
	const { directory, filter, bits } = makeLists(engine, rng, 1, 4, 0);
	const outputs: Uint8Array[] = [];
	const [n, width] = [4, NLIST];
	for (const [with_, least, wanted, k, maxCodes] of [
		[filter, 1, 1, 1, 0],
		[filter, 3, 3, 1, 0],
		[filter, 3, 6.5, 30, 0],
		[filter, 1, 1, 1000, 0],
		[filter, 5, 5, 1, 40],
		[0, 0, 0, 1, 1],
		[0, 0, 0, 100, 64],
		[0, 0, 0, 1000, 200],
	] as const) {
		const rows = Array.from({ length: n }, (_, i) =>
			Array.from({ length: width }, (_, p) => ((p * (i + 2)) % NLIST === 7 && i === 1 ? NLIST : (p * (i + 2)) % NLIST)),
		);
		const listNos = arena.allocCopy(Uint32Array.from(rows.flat()));
		const counts = arena.allocCopy(new Uint32Array(NLIST).fill(UNKNOWN));
		const out = arena.allocZeroed(n * 8);
		kernels.chooseLists(directory, NLIST, with_, bits, counts, listNos, n, width, least, wanted, k, maxCodes, out);
		outputs.push(read(engine, listNos, n * width * 4), read(engine, counts, NLIST * 4), read(engine, out, n * 8));
	}
	return outputs;
}

function gathered(engine: Engine, unit: number, codeSize: number, termBytes: number): Uint8Array[] {
	const { arena, kernels } = engine;
	const { directory, filter, bits } = makeLists(engine, new Rng(unit * 1000 + codeSize), unit, codeSize, termBytes);
	const counts = arena.allocZeroed(NLIST * 8);
	kernels.countMatches(directory, NLIST, filter, bits, unit, counts);
	const listNos = arena.allocCopy(Uint32Array.of(2, 4, 5, 6, 8, 9, 10));
	const out = arena.allocZeroed(7 * 16);
	const blocks: [number, number][] = [];
	for (let t = 0; t < 7; t++) {
		const sizes = [96 * codeSize, 96 * termBytes, 96 * 4];
		const at = sizes.map((size) => arena.allocZeroed(size + 16));
		arena.u32.set(at, (out >>> 2) + 4 * t);
		for (const [i, ptr] of at.entries()) blocks.push([ptr, sizes[i]! + 16]);
	}
	const bytes = [unit * codeSize, unit * termBytes] as const;
	kernels.gatherMatches(directory, listNos, 7, filter, bits, unit, ...bytes, out);
	return [
		read(engine, counts, NLIST * 8),
		read(engine, out, 7 * 16),
		...blocks.map(([ptr, size]) => read(engine, ptr, size)),
	];
}

describe.each(BUILDS)('kernels %s = reference', (build) => {
	it('chooseLists', () => {
		same(build, chosen);
	});

	it('countMatches, gatherMatches', () => {
		for (const codeSize of [1, 3, 4, 15, 16, 17, 48, 100]) {
			same(build, (engine) =>
				[0, 2, 4, 24].flatMap((termBytes) => [1, 32].flatMap((unit) => gathered(engine, unit, codeSize, termBytes))),
			);
		}
	});

	it('rankAll', () => {
		for (const d of DIMENSIONS) {
			same(build, (engine) => {
				const { arena, kernels } = engine;
				const rng = new Rng(d);
				const q = arena.allocCopy(values(rng, 3 * d));
				const x = arena.allocCopy(values(rng, 9 * d));
				const outputs: Uint8Array[] = [];
				for (const [n, k, metric] of [
					[0, 3, 0],
					[1, 1, 0],
					[3, 9, 0],
					[3, 9, 1],
				] as const) {
					const out = arena.allocZeroed(n * k * 8 + 64);
					kernels.rankAll(q, n, d, x, k, metric, out, out + n * k * 4);
					outputs.push(read(engine, out, n * k * 8));
				}
				return outputs;
			});
		}
	});
});

describe('lists under a filter', () => {
	const engine = createEngineSync({ kernels: 'reference' });

	it('counts and copies what matches', () => {
		const { arena, kernels } = engine;
		const { directory, filter, bits, ids } = makeLists(engine, new Rng(1), 1, 4, 4);
		const has = (id: number): boolean =>
			id < bits && ((arena.u32[(filter >>> 2) + (id >>> 5)]! >>> (id & 31)) & 1) === 1;
		const counts = arena.allocZeroed(NLIST * 8);
		kernels.countMatches(directory, NLIST, filter, bits, 1, counts);
		for (const [t, own] of ids.entries()) {
			const matching = own.filter(has);
			expect(arena.u32[(counts >>> 2) + 2 * t]).toBe(matching.length);
			const out = arena.allocZeroed(16);
			const at = [arena.alloc(1000), arena.alloc(1000), arena.alloc(1000)] as const;
			arena.u32.set(at, out >>> 2);
			kernels.gatherMatches(directory, arena.allocCopy(Uint32Array.of(t)), 1, filter, bits, 1, 4, 4, out);
			expect(arena.u32[(out >>> 2) + 3]).toBe(matching.length);
			const [codes, terms] = arena.u32.subarray((directory >>> 2) + 4 * t, (directory >>> 2) + 4 * t + 2);
			for (const [i, id] of matching.entries()) {
				expect(arena.u32[(at[2] >>> 2) + i]).toBe(id);
				expect(arena.u32[(at[0] >>> 2) + i]).toBe(arena.u32[(codes! >>> 2) + own.indexOf(id)]);
				expect(arena.u32[(at[1] >>> 2) + i]).toBe(arena.u32[(terms! >>> 2) + own.indexOf(id)]);
			}
		}
	});
});
