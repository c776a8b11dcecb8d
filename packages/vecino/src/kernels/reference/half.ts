/**
 * 16-bit floats: IEEE binary16 (kind 0) and bfloat16 (kind 1), rounded to nearest, ties to even, and held to the
 * largest finite value.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions, ScanArgs } from '../kernels.ts';
import { f, reduce8, roundHalfEven } from './arithmetic.ts';
import { scan } from './scan.ts';

type HalfKernels = Pick<
	KernelFunctions,
	'halfEncode' | 'halfDecode' | 'f16L2Many' | 'f16IpMany' | 'bf16L2Many' | 'bf16IpMany' | 'scanHalf'
>;

/** A 16-bit float: bits of the mantissa, smallest and largest exponent of a normal number. */
interface Format {
	readonly mantissa: number;
	readonly minExponent: number;
	readonly maxExponent: number;
}

const FORMATS: readonly Format[] = [
	{ mantissa: 10, minExponent: -14, maxExponent: 15 },
	{ mantissa: 7, minExponent: -126, maxExponent: 127 },
];

/** The float32 numbers are binary64 here, in which all of this is exact. */
function encode(value: number, { mantissa, minExponent, maxExponent }: Format): number {
	const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
	const size = Math.abs(value);
	let exponent = minExponent;
	while (exponent < maxExponent && size >= 2 ** (exponent + 1)) exponent++;
	// Units of the last place; one more bit in front for normal numbers, which carries into the exponent as it should.
	const units = roundHalfEven(size / 2 ** (exponent - mantissa));
	const code = (exponent - minExponent) * 2 ** mantissa + units;
	return sign | Math.min(code, (maxExponent - minExponent + 2) * 2 ** mantissa - 1);
}

function decode(code: number, { mantissa, minExponent }: Format): number {
	const sign = code >= 0x8000 ? -1 : 1;
	const field = (code & 0x7fff) >> mantissa;
	const fraction = code & (2 ** mantissa - 1);
	if (field === 0) return sign * fraction * 2 ** (minExponent - mantissa);
	return sign * (2 ** mantissa + fraction) * 2 ** (field - 1 + minExponent - mantissa);
}

export function halfKernels(arena: Arena): HalfKernels {
	const codeAt = (ptr: number): number => arena.u8[ptr]! | (arena.u8[ptr + 1]! << 8);

	/** Distances of n rows of d codes of one kind; term i goes to partial sum i mod 8. */
	const many =
		(kind: number, metric: number): HalfKernels['f16L2Many'] =>
		(q, codes, n, d, out) => {
			const { f32 } = arena;
			for (let i = 0; i < n; i++) {
				const lanes = new Float32Array(8);
				for (let t = 0; t < d; t++) {
					const x = decode(codeAt(codes + (i * d + t) * 2), FORMATS[kind]!);
					const v = f(x - f32[(q >>> 2) + t]!);
					lanes[t & 7] = lanes[t & 7]! + (metric === 0 ? f(v * v) : f(x * f32[(q >>> 2) + t]!));
				}
				f32[(out >>> 2) + i] = metric === 0 ? reduce8(lanes) : -reduce8(lanes);
			}
		};

	return {
		halfEncode(kind, x, n, codes) {
			const { f32, u8 } = arena;
			for (let i = 0; i < n; i++) {
				const code = encode(f32[(x >>> 2) + i]!, FORMATS[kind]!);
				u8[codes + i * 2] = code & 255;
				u8[codes + i * 2 + 1] = code >> 8;
			}
		},

		halfDecode(kind, codes, n, out) {
			const { f32 } = arena;
			for (let i = 0; i < n; i++) f32[(out >>> 2) + i] = decode(codeAt(codes + i * 2), FORMATS[kind]!);
		},

		f16L2Many: many(0, 0),
		f16IpMany: many(0, 1),
		bf16L2Many: many(1, 0),
		bf16IpMany: many(1, 1),

		scanHalf(...args) {
			const [, , , , , tile, , kind, metric, q, d] = args;
			return scan(arena, args.slice(0, 7) as ScanArgs, 0, (codes, start, count) =>
				many(kind, metric)(q, codes + start * d * 2, count, d, tile),
			);
		},
	};
}
