/**
 * The kernels of SQ4 and of 16-bit floats against their scalar TypeScript twins, bit for bit; and 16-bit floats
 * against what they must be, value by value.
 */
import { describe, expect, it } from 'vitest';
import { createEngineSync, type Engine } from '../../src/kernels/engine.ts';
import { ADMIT_ALL, TILE, topkBytes, topkCapacity } from '../../src/kernels/kernels.ts';
import { Rng } from '../../src/util/rng.ts';
import { BUILDS, DIMENSIONS, read, same, values } from './compare.ts';

const reference = createEngineSync({ kernels: 'reference' });

/** `count` values followed by zeros up to a multiple of 16. */
function padded({ arena }: Engine, rng: Rng, count: number): number {
	const ptr = arena.allocZeroed(Math.ceil(count / 16) * 64);
	arena.writeF32(ptr, values(rng, count));
	return ptr;
}

describe.each(BUILDS)('kernels %s = reference', (build) => {
	it('a query made ready, for either metric', () => {
		for (const d of DIMENSIONS) {
			same(build, (engine) => {
				const { arena, kernels } = engine;
				const rng = new Rng(d);
				const [q, mins, steps] = [padded(engine, rng, d), padded(engine, rng, d), padded(engine, rng, d)];
				const room = Math.ceil(d / 16) * 16;
				const state = arena.alloc(room * 4 + 4);
				kernels.scalarPrepare(q, 1, d, 0, mins, steps, room, state, 0);
				const l2 = read(engine, state, room * 4 + 4);
				kernels.scalarPrepare(q, 1, d, 1, mins, steps, room, state, 0);
				return [l2, read(engine, state, room * 4 + 4)];
			});
		}
	});

	it('SQ4: encode, decode, distances for every d, rows anywhere', () => {
		for (const d of DIMENSIONS) {
			for (const [n, skew] of [
				[1, 0],
				[11, 1],
			] as const) {
				same(build, (engine) => {
					const { arena, kernels } = engine;
					const rng = new Rng(d);
					const codeSize = (d + 1) >> 1;
					const x = arena.allocCopy(values(rng, n * d));
					const mins = padded(engine, rng, d);
					const steps = padded(engine, rng, d);
					const inverse = padded(engine, rng, d);
					const q = padded(engine, rng, d);
					const codes = arena.alloc(n * codeSize + 16) + skew;
					const decoded = arena.alloc(n * d * 4);
					const out = arena.alloc(n * 8);
					kernels.sq4Encode(x, n, d, mins, inverse, codes);
					arena.u8.fill(0xa7, codes + n * codeSize, codes + n * codeSize + 8);
					kernels.sq4Decode(codes, n, d, mins, steps, decoded);
					kernels.sq4L2Many(q, steps, codes, n, d, out);
					kernels.sq4IpMany(q, codes, n, d, out + n * 4);
					return [read(engine, codes, n * codeSize), read(engine, decoded, n * d * 4), read(engine, out, n * 8)];
				});
			}
		}
	});

	it('16-bit floats: distances for every d, rows anywhere, whatever lies behind them', () => {
		for (const d of DIMENSIONS) {
			for (const [n, skew] of [
				[1, 0],
				[11, 2],
			] as const) {
				same(build, (engine) => {
					const { arena, kernels } = engine;
					const rng = new Rng(d);
					const x = arena.allocCopy(values(rng, n * d));
					const q = padded(engine, rng, d);
					const codes = arena.alloc(n * d * 2 + 32) + skew;
					const decoded = arena.alloc(n * d * 4);
					const out = arena.alloc(n * 8);
					const outputs: Uint8Array[] = [];
					for (const kind of [0, 1]) {
						kernels.halfEncode(kind, x, n * d, codes);
						arena.u8.fill(0x7c, codes + n * d * 2, codes + n * d * 2 + 16);
						kernels.halfDecode(kind, codes, n * d, decoded);
						kernels[kind === 0 ? 'f16L2Many' : 'bf16L2Many'](q, codes, n, d, out);
						kernels[kind === 0 ? 'f16IpMany' : 'bf16IpMany'](q, codes, n, d, out + n * 4);
						outputs.push(read(engine, codes, n * d * 2), read(engine, decoded, n * d * 4), read(engine, out, n * 8));
					}
					return outputs;
				});
			}
		}
	});

	it('16-bit floats: every code there is decodes alike, in distances too', () => {
		for (const kind of [0, 1]) {
			same(build, (engine) => {
				const { arena, kernels } = engine;
				const finite = finiteCodes(kind);
				const n = finite.length / 8;
				const codes = arena.allocCopy(new Uint8Array(finite.buffer));
				const q = arena.allocZeroed(32);
				arena.f32[(q >>> 2) + 3] = 1;
				const decoded = arena.alloc(finite.length * 4);
				const out = arena.alloc(n * 8);
				kernels.halfDecode(kind, codes, finite.length, decoded);
				kernels[kind === 0 ? 'f16L2Many' : 'bf16L2Many'](q, codes, n, 8, out);
				kernels[kind === 0 ? 'f16IpMany' : 'bf16IpMany'](q, codes, n, 8, out + n * 4);
				return [read(engine, decoded, finite.length * 4), read(engine, out, n * 8)];
			});
		}
	});

	it('16-bit floats: rounding of float32 values of every exponent, ties, the largest and the smallest', () => {
		same(build, (engine) => {
			const { arena, kernels } = engine;
			const x = arena.allocCopy(new Uint8Array(hardBits().buffer));
			const n = hardBits().length;
			const codes = arena.alloc(n * 4);
			kernels.halfEncode(0, x, n, codes);
			kernels.halfEncode(1, x, n, codes + n * 2);
			return read(engine, codes, n * 4);
		});
	});

	it('scans: several lists, chosen lists, terms, ids, biases, tiles and tails', () => {
		for (const kind of ['sq4 l2', 'sq4 ip', 'f16 l2', 'f16 ip', 'bf16 l2', 'bf16 ip'] as const) {
			for (const d of [12, 13]) same(build, (engine) => scanLists(engine, kind, d));
		}
	});
});

function scanLists(engine: Engine, kind: string, d: number): Uint8Array[] {
	const { arena, kernels } = engine;
	const rng = new Rng(77);
	const codeSize = kind.startsWith('sq4') ? (d + 1) >> 1 : d * 2;
	const sizes = [3, 0, TILE + 5, 40, 16];
	const directory = arena.alloc(sizes.length * 16);
	for (const [i, n] of sizes.entries()) {
		const codes = arena.alloc(n * codeSize + 16);
		if (kind.startsWith('sq4')) for (let b = 0; b < n * codeSize; b++) arena.u8[codes + b] = rng.below(256);
		else kernels.halfEncode(kind.startsWith('f16') ? 0 : 1, arena.allocCopy(values(rng, n * d)), n * d, codes);
		const terms = i % 2 === 0 ? arena.allocCopy(values(rng, n)) : 0;
		const ids = i === 3 ? 0 : arena.allocCopy(Uint32Array.from({ length: n }, () => rng.below(1e6)));
		arena.u32.set([codes, terms, ids, n], (directory >>> 2) + i * 4);
	}
	const listNos = arena.allocCopy(Uint32Array.of(4, 2, 3, 1));
	const biases = arena.allocCopy(Float32Array.of(0.5, 0, -3, 1));
	const tile = arena.alloc(TILE * 4);
	const q = padded(engine, rng, d);
	const steps = padded(engine, rng, d);
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
		if (kind === 'sq4 l2') scanned = kernels.scanSq4L2(...head, q, steps, d);
		else if (kind === 'sq4 ip') scanned = kernels.scanSq4Ip(...head, q, 0.25, d);
		else scanned = kernels.scanHalf(...head, kind.startsWith('f16') ? 0 : 1, kind.endsWith('l2') ? 0 : 1, q, d);
		const found = kernels.topkFinish(state, out, out + k * 4);
		outputs.push(Uint8Array.of(found, scanned & 255, scanned >> 8), read(engine, out, k * 8));
	}
	return outputs;
}

/** All codes but those of NaN and infinity. */
function finiteCodes(kind: number): Uint16Array<ArrayBuffer> {
	const field = kind === 0 ? 0x7c00 : 0x7f80;
	return Uint16Array.from(Array.from({ length: 65536 }, (_, code) => code).filter((code) => (code & field) !== field));
}

/** Bits of finite float32 values: every exponent and sign, mantissas around the ties of both formats. */
function hardBits(): Uint32Array<ArrayBuffer> {
	const out: number[] = [];
	const mantissas = [0, 1, 0xfff, 0x1000, 0x1001, 0x2fff, 0x3000, 0x3001, 0x7fff, 0x8000, 0x8001, 0x17fff, 0x18000];
	for (let exponent = 0; exponent < 255; exponent++) {
		for (const mantissa of [...mantissas, 0x7fdfff, 0x7fefff, 0x7ff000, 0x7fffff]) {
			out.push((exponent << 23) | mantissa, ((exponent << 23) | mantissa | 0x80000000) >>> 0);
		}
	}
	return Uint32Array.from(out);
}

/** What the reference, and so every build, makes of float32 values. */
function encoded(kind: number, x: Float32Array<ArrayBuffer>): Uint16Array {
	const { arena, kernels } = reference;
	const ptr = arena.allocCopy(x);
	const codes = arena.alloc(x.length * 2);
	kernels.halfEncode(kind, ptr, x.length, codes);
	const bytes = arena.u8.slice(codes, codes + x.length * 2);
	arena.free(ptr);
	arena.free(codes);
	return new Uint16Array(bytes.buffer);
}

function decoded(kind: number, codes: Uint16Array<ArrayBuffer>): Float32Array {
	const { arena, kernels } = reference;
	const ptr = arena.allocCopy(new Uint8Array(codes.buffer));
	const out = arena.alloc(codes.length * 4);
	kernels.halfDecode(kind, ptr, codes.length, out);
	const values = arena.readF32(out, codes.length);
	arena.free(ptr);
	arena.free(out);
	return values;
}

describe('16-bit floats', () => {
	it('known values', () => {
		const x = Float32Array.of(
			0,
			-0,
			1,
			-2,
			65504,
			65519,
			65520,
			3e38,
			-7e4,
			2 ** -14,
			2 ** -24,
			2 ** -25,
			3 * 2 ** -25,
		);
		const f16 = [0, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x7bff, 0x7bff, 0x7bff, 0xfbff, 0x0400, 1, 0, 2];
		expect([...encoded(0, x)]).toEqual(f16);
		const y = Float32Array.of(0, -0, 1, -2, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, -3.4e38, 2 ** -149);
		expect([...encoded(1, y)]).toEqual([0, 0x8000, 0x3f80, 0xc000, 0x3f80, 0x3f82, 0x7f7f, 0xff7f, 0]);
	});

	it('decode then encode gives the codes back', () => {
		for (const kind of [0, 1]) {
			const codes = finiteCodes(kind);
			expect(encoded(kind, decoded(kind, codes) as Float32Array<ArrayBuffer>)).toEqual(codes);
		}
	});

	it('f16 is what DataView makes of it, where the runtime has it', () => {
		const view = new DataView(new ArrayBuffer(2)) as DataView & {
			setFloat16?(at: number, value: number): void;
			getFloat16?(at: number): number;
		};
		if (view.setFloat16 === undefined || view.getFloat16 === undefined) return;
		const codes = finiteCodes(0);
		for (const [i, value] of decoded(0, codes).entries()) {
			view.setUint16(0, codes[i]!);
			expect(Object.is(value, view.getFloat16(0))).toBe(true);
		}
		const x = new Float32Array(hardBits().buffer);
		for (const [i, code] of encoded(0, x).entries()) {
			view.setFloat16(0, Math.max(-65504, Math.min(65504, x[i]!)));
			expect(code).toBe(view.getUint16(0));
		}
	});
});
