import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRids, encodeRids, vectorCodec } from '../../src/rows/encode.ts';
import { randomVectors } from '../support/collections.ts';

describe('vectors as bytes', () => {
	it.each(['f32', 'none'] as const)('%s keeps them as they are', (originals) => {
		const [vector] = randomVectors(1, 13);
		const codec = vectorCodec(originals, 13);
		const out = new Float32Array(14);
		codec.decode(Uint8Array.from(codec.encode(vector!)), out, 1);
		expect(out.subarray(1)).toEqual(vector);
	});

	it('f16 rounds to the nearest half, as Python does', () => {
		// numpy: np.float32(x).astype(np.float16)
		const values = [0, -0, 1, -2.5, 65504, 65519, 6.1e-5, 5.96e-8, 2.9e-8, 3e-8, 0.1, 1 / 3, 2049, 2051, 1e-40];
		const halves = [
			0x0000, 0x8000, 0x3c00, 0xc100, 0x7bff, 0x7bff, 0x03ff, 0x0001, 0x0000, 0x0001, 0x2e66, 0x3555, 0x6800, 0x6802,
			0x0000,
		];
		const codec = vectorCodec('f16', values.length);
		const bytes = codec.encode(Float32Array.from(values));
		expect([...new Uint16Array(bytes.slice().buffer)]).toEqual(halves);
		const out = new Float32Array(values.length);
		codec.decode(bytes, out, 0);
		for (const [j, x] of values.entries())
			expect(Math.abs(out[j]! - x)).toBeLessThanOrEqual(Math.max(2 ** -11 * Math.abs(x), 2 ** -25));
	});

	it('every half comes back as itself', () => {
		const codec = vectorCodec('f16', 1);
		const out = new Float32Array(1);
		for (let bits = 0; bits < 0xffff; bits += 7) {
			if ((bits & 0x7c00) === 0x7c00) continue;
			codec.decode(Uint8Array.of(bits & 255, bits >> 8), out, 0);
			const again = codec.encode(out);
			expect(again[0]! | (again[1]! << 8)).toBe(bits);
		}
	});

	it('sq8 is off by half a step at most', () => {
		fc.assert(
			fc.property(
				fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e30), max: Math.fround(1e30) }), {
					minLength: 1,
					maxLength: 40,
				}),
				(values) => {
					const vector = Float32Array.from(values);
					const codec = vectorCodec('sq8', vector.length);
					const out = new Float32Array(vector.length);
					codec.decode(codec.encode(vector), out, 0);
					const step = (Math.max(...vector) - Math.min(...vector)) / 255;
					for (const [j, x] of vector.entries())
						expect(Math.abs(out[j]! - x)).toBeLessThanOrEqual(step * 0.51 + Math.abs(x) * 1e-5 + 1e-37);
				},
			),
			{ numRuns: 200 },
		);
	});
});

it('rids come back from their differences', () => {
	fc.assert(
		fc.property(fc.uniqueArray(fc.nat({ max: Number.MAX_SAFE_INTEGER }), { maxLength: 50 }), (values) => {
			const rids = Float64Array.from(values).sort();
			expect(decodeRids(encodeRids(rids), rids.length)).toEqual(rids);
		}),
	);
	const many = Float64Array.from({ length: 100_000 }, (_, j) => 5 + j);
	expect(encodeRids(many).length).toBe(100_000);
});
