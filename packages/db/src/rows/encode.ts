/**
 * Vectors as bytes, the way a collection keeps its originals.
 *
 *   f32   4 d bytes, little endian: as they were given
 *   f16   2 d bytes: 11 bits of precision, up to 65,504
 *   sq8   8 + d bytes: least value and step as f32, then one byte per component: step = (max - min) / 255
 *
 * 'none' keeps f32 until a row is sealed, and nothing then.
 */

/** How originals are kept. */
export type Originals = 'f32' | 'f16' | 'sq8' | 'none';

/** Turns vectors into bytes and back. */
export interface VectorCodec {
	readonly bytes: number;
	/** d numbers; f32 gives a view of them. */
	encode(vector: Float32Array): Uint8Array;
	/** Writes d numbers to `out` from `at` on. */
	decode(bytes: Uint8Array, out: Float32Array, at: number): void;
}

/** Largest magnitude that f16 has. */
export const F16_MAX = 65_504;

/** The codec of a collection of dimension d. */
export function vectorCodec(originals: Originals, d: number): VectorCodec {
	if (originals === 'f16') return f16Codec(d);
	if (originals === 'sq8') return sq8Codec(d);
	return f32Codec(d);
}

function f32Codec(d: number): VectorCodec {
	return {
		bytes: 4 * d,
		encode: (vector) => new Uint8Array(vector.buffer, vector.byteOffset, 4 * d),
		decode(bytes, out, at) {
			new Uint8Array(out.buffer, out.byteOffset + 4 * at, 4 * d).set(bytes);
		},
	};
}

function f16Codec(d: number): VectorCodec {
	return {
		bytes: 2 * d,
		encode(vector) {
			const halves = new Uint16Array(d);
			for (let j = 0; j < d; j++) halves[j] = toHalf(vector[j]!);
			return new Uint8Array(halves.buffer);
		},
		decode(bytes, out, at) {
			for (let j = 0; j < d; j++) out[at + j] = HALVES[bytes[2 * j]! | (bytes[2 * j + 1]! << 8)]!;
		},
	};
}

function sq8Codec(d: number): VectorCodec {
	const head = new Float32Array(2);
	const headBytes = new Uint8Array(head.buffer);
	return {
		bytes: 8 + d,
		encode(vector) {
			let min = Infinity;
			let max = -Infinity;
			for (let j = 0; j < d; j++) {
				const x = vector[j]!;
				if (x < min) min = x;
				if (x > max) max = x;
			}
			head[0] = min;
			// Halved first: the span of two finite numbers need not be finite.
			head[1] = max / 255 - min / 255;
			const step = head[1]! || 1;
			const bytes = new Uint8Array(8 + d);
			bytes.set(headBytes);
			for (let j = 0; j < d; j++) bytes[8 + j] = Math.min(255, Math.round((vector[j]! - min) / step));
			return bytes;
		},
		decode(bytes, out, at) {
			headBytes.set(bytes.subarray(0, 8));
			const min = head[0]!;
			const step = head[1]!;
			for (let j = 0; j < d; j++) out[at + j] = min + step * bytes[8 + j]!;
		},
	};
}

const word = new Float32Array(1);
const wordBits = new Uint32Array(word.buffer);

/** Rounds to the nearest half, ties to even (IEEE 754 binary16). */
function toHalf(x: number): number {
	word[0] = x;
	const bits = wordBits[0]!;
	const sign = (bits >>> 16) & 0x8000;
	const exponent = (bits >>> 23) & 255;
	let fraction = bits & 0x7fffff;
	if (exponent > 142) return sign | 0x7c00;
	if (exponent < 103 - 1) return sign;
	if (exponent < 113) {
		// Subnormal: the hidden bit comes to light and everything moves right.
		fraction |= 0x800000;
		const shift = 126 - exponent;
		const half = fraction >>> shift;
		const rest = fraction & ((1 << shift) - 1);
		const tie = 1 << (shift - 1);
		return sign | (half + (rest > tie || (rest === tie && (half & 1) === 1) ? 1 : 0));
	}
	const half = ((exponent - 112) << 10) | (fraction >>> 13);
	const rest = fraction & 0x1fff;
	return sign | (half + (rest > 0x1000 || (rest === 0x1000 && (half & 1) === 1) ? 1 : 0));
}

/** Values of all halves, size 65,536. */
const HALVES: Float32Array = /* @__PURE__ */ (() => {
	const values = new Float32Array(65_536);
	for (let bits = 0; bits < 65_536; bits++) {
		const exponent = (bits >>> 10) & 31;
		const fraction = bits & 1023;
		const magnitude =
			exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? Infinity : (1024 + fraction) * 2 ** (exponent - 25);
		values[bits] = bits & 0x8000 ? -magnitude : magnitude;
	}
	return values;
})();

/** Ascending rids as differences, 7 bits a byte, low bits first, the high bit set where more follow. */
export function encodeRids(rids: Float64Array): Uint8Array {
	let bytes = new Uint8Array(rids.length * 2 + 16);
	let at = 0;
	let last = 0;
	for (const rid of rids) {
		if (at + 10 > bytes.length) {
			const more = new Uint8Array(bytes.length * 2);
			more.set(bytes);
			bytes = more;
		}
		let gap = rid - last;
		last = rid;
		for (; gap >= 128; gap = Math.floor(gap / 128)) bytes[at++] = (gap % 128) | 128;
		bytes[at++] = gap;
	}
	return bytes.slice(0, at);
}

/** What `encodeRids` took; `rows` of them. */
export function decodeRids(bytes: Uint8Array, rows: number): Float64Array {
	const rids = new Float64Array(rows);
	let at = 0;
	let last = 0;
	for (let j = 0; j < rows; j++) {
		let scale = 1;
		let byte = bytes[at++]!;
		while (byte >= 128) {
			last += (byte - 128) * scale;
			scale *= 128;
			byte = bytes[at++]!;
		}
		last += byte * scale;
		rids[j] = last;
	}
	return rids;
}
