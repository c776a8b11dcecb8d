/** CRC-32C: the check value, the test vectors of RFC 3720, and pieces against the whole. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c, crc32cCombine } from '../../src/util/crc32c.ts';

describe('crc32c', () => {
	it('gives the check value and the vectors of RFC 3720, B.4', () => {
		expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
		expect(crc32c(new Uint8Array(0))).toBe(0);
		expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
		expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
		expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
		expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113fdb5c);
	});

	it('is that of one bit at a time, at any alignment', () => {
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (data, skip) => {
				const bytes = data.subarray(Math.min(skip, data.length));
				expect(crc32c(bytes)).toBe(slow(bytes));
				expect(crc32c(data, 0, Math.min(skip, data.length))).toBe(slow(bytes));
			}),
		);
	});

	it('goes on where it stopped, and puts pieces together', () => {
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (a, b) => {
				const whole = crc32c(Uint8Array.of(...a, ...b));
				expect(crc32c(b, crc32c(a))).toBe(whole);
				expect(crc32cCombine(crc32c(a), crc32c(b), b.length)).toBe(whole);
			}),
		);
	});

	it('puts long pieces together', () => {
		const zeros = new Uint8Array(2 ** 20);
		const a = crc32c(Uint8Array.of(1, 2, 3));
		let long = crc32cCombine(a, crc32c(zeros), 2 ** 20);
		expect(long).toBe(crc32c(zeros, a));
		// 2^52 zeros in 32 doublings: x^(8n) for lengths beyond 32 bits.
		let ofZeros = crc32c(zeros);
		for (let length = 2 ** 20; length < 2 ** 52; length *= 2) ofZeros = crc32cCombine(ofZeros, ofZeros, length);
		long = crc32cCombine(a, ofZeros, 2 ** 52);
		const half = crc32cCombine(a, halfOf(crc32c(zeros)), 2 ** 51);
		expect(crc32cCombine(half, halfOf(crc32c(zeros)), 2 ** 51)).toBe(long);
	});
});

/** CRC of 2^51 zeros from that of 2^20. */
function halfOf(crc: number): number {
	let out = crc;
	for (let length = 2 ** 20; length < 2 ** 51; length *= 2) out = crc32cCombine(out, out, length);
	return out;
}

function slow(bytes: Uint8Array): number {
	let crc = 0xffffffff;
	for (const byte of bytes) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
	}
	return ~crc >>> 0;
}
