/**
 * RaBitQ codes: rotation, encoding, decoding (assembly/rabitq.ts).
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { f, ip, reduce8, roundHalfEven } from './arithmetic.ts';

/** Sums and differences of x[a + i] and x[b + i], i below `count`. */
function butterflies(x: Float32Array, a: number, b: number, count: number): void {
	for (let i = 0; i < count; i++) {
		const [p, q] = [x[a + i]!, x[b + i]!];
		x[a + i] = p + q;
		x[b + i] = p - q;
	}
}

/** Walsh-Hadamard transform of the n values from `start` on, not scaled. */
function hadamard(x: Float32Array, start: number, n: number): void {
	for (let h = 1; h < n; h *= 2) {
		for (let block = start; block < start + n; block += 2 * h) butterflies(x, block, block + h, h);
	}
}

function multiply(x: Float32Array, signs: Float32Array): void {
	for (let t = 0; t < x.length; t++) x[t] = x[t]! * signs[t]!;
}

/** Rotates x in place, or back; `signs` has layout (4, size). */
function rotate(x: Float32Array, signs: Float32Array, back: boolean): void {
	const size = x.length;
	const n = 2 ** (31 - Math.clz32(size));
	for (const round of back ? [3, 2, 1, 0] : [0, 1, 2, 3]) {
		const row = signs.subarray(round * size, (round + 1) * size);
		if (!back) multiply(x, row);
		if (back && n < size) butterflies(x, 0, size / 2, size / 2);
		hadamard(x, round % 2 === 0 ? 0 : size - n, n);
		if (!back && n < size) butterflies(x, 0, size / 2, size / 2);
		if (back) multiply(x, row);
	}
}

/** The upper half of the float32 nearest to x, halves to even. */
function bfloat16(x: number): number {
	const bits = new Uint32Array(Float32Array.of(x).buffer)[0]!;
	return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The upper half of the largest float32 with an empty lower half that is not above x. */
function bfloat16Below(x: number): number {
	const bits = new Uint32Array(Float32Array.of(x).buffer)[0]!;
	return ((bits + (bits >>> 31) * 0xffff) >>> 16) & 0xffff;
}

/** The float32 whose upper half is given. */
export function fromBfloat16(half: number): number {
	return new Float32Array(Uint32Array.of(half << 16).buffer)[0]!;
}

/** Sum of size terms in eight lanes. */
function sum(size: number, term: (t: number) => number): number {
	const lanes = new Float32Array(8);
	for (let t = 0; t < size; t++) lanes[t & 7] = lanes[t & 7]! + f(term(t));
	return reduce8(lanes);
}

/** The whole number nearest to scale |x| - 0.5 (halves to even) in 0..most; 0 where that is no number. */
function magnitude(x: number, scale: number, most: number): number {
	const value = f(f(Math.abs(x) * scale) - 0.5);
	return value > 0 ? roundHalfEven(Math.min(value, most)) : 0;
}

/** How well Y = 2a + 1 follows |x|: <Y, |x|>^2 / |Y|^2, put together in float64. */
function fit(x: Float32Array, scale: number, most: number): number {
	const y = (t: number): number => 2 * magnitude(x[t]!, scale, most) + 1;
	const dot = sum(x.length, (t) => y(t) * Math.abs(x[t]!));
	return (dot * dot) / sum(x.length, (t) => y(t) ** 2);
}

function bestScale(x: Float32Array, first: number, most: number): number {
	let [start, best, score] = [first, first, fit(x, first, most)];
	for (const [i, factor] of [0.8, 0.9, 1.1, 1.2, 1.35, 1.5, 0.95, 1.05].entries()) {
		if (i === 6) start = best;
		const scale = f(start * f(factor));
		const other = fit(x, scale, most);
		if (other > score) [score, best] = [other, scale];
	}
	return best;
}

export function rabitqKernels(arena: Arena): Pick<KernelFunctions, 'rabitqRotate' | 'rabitqEncode' | 'rabitqDecode'> {
	const floats = (ptr: number, n: number): Float32Array => arena.f32.subarray(ptr >>> 2, (ptr >>> 2) + n);

	function rabitqRotate(x: number, y: number, d: number, size: number, signs: number, out: number): void {
		const row = floats(out, size);
		row.fill(0, d);
		for (let t = 0; t < d; t++) row[t] = arena.f32[(x >>> 2) + t]! - (y === 0 ? 0 : arena.f32[(y >>> 2) + t]!);
		rotate(row, floats(signs, 4 * size), false);
	}

	return {
		rabitqRotate,

		rabitqEncode(x, n, d, size, nbits, step, metric, labels, centroids, centre, signs, scratch, codes, codeSize) {
			const bytes = new DataView(arena.memory.buffer);
			const r = floats(scratch, size);
			const u = floats(scratch + size * 4, size);
			const factor = metric === 0 ? -2 : -1;
			for (let i = 0; i < n; i++) {
				const c = labels === 0 ? centre : centroids + arena.u32[(labels >>> 2) + i]! * d * 4;
				const row = x + i * d * 4;
				// Residual before the rotation, for the inner product with the centroid.
				r.fill(0, d);
				for (let t = 0; t < d; t++)
					r[t] = arena.f32[(row >>> 2) + t]! - (labels === 0 ? arena.f32[(centre >>> 2) + t]! : 0);
				let base = metric === 0 ? 0 : -ip(arena, c >>> 2, scratch >>> 2, d);
				rotate(r, floats(signs, 4 * size), false);
				if (labels === 0) u.fill(0);
				else rabitqRotate(c, centre, d, size, signs, scratch + size * 4);
				const code = codes + i * codeSize;
				arena.u8.fill(0, code, code + codeSize);
				for (let t = 0; t < size; t++) arena.u8[code + (t >> 3)]! |= (r[t]! >= 0 ? 1 : 0) << (t & 7);
				const norm = sum(size, (t) => r[t]! * r[t]!);
				const length = sum(size, (t) => Math.abs(r[t]!));
				if (metric === 0) base = norm;
				const scale = bfloat16(length > 0 ? f(f(norm / length) * factor) : 0);
				const su = sum(size, (t) => (r[t]! >= 0 ? u[t]! : -u[t]!));
				const record = code + size / 8;
				bytes.setUint16(record, scale, true);
				const add = f(base - f(fromBfloat16(scale) * su));
				bytes.setUint16(record + 2, nbits === 1 ? bfloat16(add) : bfloat16Below(add), true);
				if (nbits === 1) continue;
				const extra = nbits - 1;
				const most = 2 ** extra - 1;
				const best = norm > 0 ? bestScale(r, f(f(Math.sqrt(f(size / norm))) / f(step)), most) : 0;
				const y = (t: number): number => (2 * magnitude(r[t]!, best, most) + 1) * (r[t]! < 0 ? -1 : 1);
				const dot = sum(size, (t) => y(t) * r[t]!);
				const yu = labels === 0 ? 0 : sum(size, (t) => y(t) * u[t]!);
				const finer = dot > 0 ? f(f(norm / dot) * factor) : 0;
				bytes.setFloat32(record + 4, base - f(finer * yu), true);
				bytes.setFloat32(record + 8, finer, true);
				for (let t = 0; t < size; t++) {
					const a = magnitude(r[t]!, best, most);
					const bits = r[t]! < 0 ? most - a : a;
					const planes = record + 12 + (t >> 4) * extra * 2 + ((t >> 3) & 1);
					for (let p = 0; p < extra; p++) arena.u8[planes + 2 * p]! |= ((bits >> (extra - 1 - p)) & 1) << (t & 7);
				}
			}
		},

		rabitqDecode(codes, n, codeSize, d, size, nbits, gain, signs, scratch, out) {
			const { u8 } = arena;
			const bytes = new DataView(arena.memory.buffer);
			const y = floats(scratch, size);
			for (let i = 0; i < n; i++) {
				const code = codes + i * codeSize;
				const record = code + size / 8;
				const factor = nbits === 1 ? fromBfloat16(bytes.getUint16(record, true)) : bytes.getFloat32(record + 8, true);
				const scale = f(factor * f(gain));
				for (let t = 0; t < size; t++) {
					let bits = (u8[code + (t >> 3)]! >> (t & 7)) & 1;
					const planes = record + 12 + (t >> 4) * (nbits - 1) * 2 + ((t >> 3) & 1);
					for (let p = 0; p < nbits - 1; p++) bits = 2 * bits + ((u8[planes + 2 * p]! >> (t & 7)) & 1);
					y[t] = (2 * bits - 2 ** nbits + 1) * scale;
				}
				rotate(y, floats(signs, 4 * size), true);
				floats(out + i * d * 4, d).set(y.subarray(0, d));
			}
		},
	};
}
