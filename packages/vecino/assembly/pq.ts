// Product quantization: encode, decode and the ADC table (its sums: adc.ts).
//
// The codebook is kept in panels, layout (m, ksub / 8, dsub, 8): what encoding and tables read.
// Codes of nbits = 8 are bytes; others are a little-endian bit string, first sub-code in the lowest
// bits, as FAISS packs them: codeSize = ceil(m * nbits / 8). Reading a sub-code may touch 3 bytes
// past the code.
import { packRows, resetMinima, panelMinima, bestLane, ROW_CHUNK } from './panels';

/**
 * Codes of n rows of d values (m * dsub >= d; what is missing counts as zero). `halfNorms`, layout
 * (m, ksub): |c|^2 / 2. Each sub-code is the nearest reproduction value in L2, by the arithmetic of panels.ts.
 */
export function pqEncode(
	x: usize, n: usize, d: usize, m: usize, dsub: usize, nbits: usize,
	panels: usize, halfNorms: usize, scratch: usize, codes: usize, codeSize: usize,
): void {
	const ksub: usize = 1 << nbits;
	const minima = scratch + (ROW_CHUNK * dsub << 2);
	memory.fill(codes, 0, n * codeSize);
	for (let start: usize = 0; start < n; start += ROW_CHUNK) {
		const count = min(ROW_CHUNK, n - start);
		const rows = x + (start * d << 2);
		const out = codes + start * codeSize;
		for (let j: usize = 0; j < m; ++j) {
			const from = j * dsub;
			const have = from >= d ? <usize>0 : min(dsub, d - from);
			packRows(rows + (from << 2), count, d, have, dsub, scratch);
			resetMinima(minima, count);
			const bias = halfNorms + (j * ksub << 2);
			const book = panels + (j * ksub * dsub << 2);
			for (let c: usize = 0; c < ksub; c += 8) {
				panelMinima(scratch, count, book + (c * dsub << 2), bias + (c << 2), dsub, <i32>c, minima);
			}
			for (let i: usize = 0; i < count; ++i) {
				const p = minima + (i << 5);
				putCode(out + i * codeSize, j, nbits, load<u32>(p + bestLane(p), 16));
			}
		}
	}
}

// @ts-ignore: decorator
@inline function putCode(code: usize, j: usize, nbits: usize, value: u32): void {
	if (nbits == 8) { store<u8>(code + j, <u8>value); return; }
	const bit = j * nbits;
	let p = code + (bit >> 3);
	let v = value << <u32>(bit & 7);
	while (v != 0) { store<u8>(p, load<u8>(p) | <u8>v); v >>= 8; ++p; }
}

// @ts-ignore: decorator
@inline export function getCode(code: usize, j: usize, nbits: usize, mask: u32): usize {
	const bit = j * nbits;
	return <usize>((load<u32>(code + (bit >> 3)) >> <u32>(bit & 7)) & mask);
}

/** Reconstructs n codes as rows of d values. */
export function pqDecode(codes: usize, n: usize, codeSize: usize, d: usize, m: usize, dsub: usize, nbits: usize, panels: usize, out: usize): void {
	const ksub: usize = 1 << nbits;
	const mask: u32 = (1 << <u32>nbits) - 1;
	for (let i: usize = 0; i < n; ++i) {
		for (let j: usize = 0; j < m; ++j) {
			const from = j * dsub;
			if (from >= d) break;
			const c = getCode(codes, j, nbits, mask);
			let p = panels + (j * ksub * dsub << 2) + ((c >> 3) * dsub << 5) + ((c & 7) << 2);
			const end = out + (min(from + dsub, d) << 2);
			for (let o = out + (from << 2); o < end; o += 4) { store<f32>(o, load<f32>(p)); p += 32; }
		}
		codes += codeSize;
		out += d << 2;
	}
}

/**
 * The ADC table of one query of m * dsub values, layout (m, ksub). scale = 0: squared L2 to each
 * reproduction value; otherwise scale times the inner product. Summed one dimension after the other.
 */
export function pqTable(q: usize, m: usize, dsub: usize, nbits: usize, panels: usize, scale: f32, out: usize): void {
	const groups = m << (nbits - 3);
	const perSub: usize = 1 << (nbits - 3);
	const factor = f32x4.splat(scale);
	let left = perSub;
	for (let g: usize = 0; g < groups; ++g) {
		let a = f32x4.splat(0), b = a, p = q;
		const end = q + (dsub << 2);
		if (scale == 0) {
			do {
				const v = v128.load32_splat(p);
				const s = f32x4.sub(v, v128.load(panels)), t = f32x4.sub(v, v128.load(panels, 16));
				a = f32x4.add(a, f32x4.mul(s, s)); b = f32x4.add(b, f32x4.mul(t, t));
				p += 4; panels += 32;
			} while (p < end);
		} else {
			do {
				const v = v128.load32_splat(p);
				a = f32x4.add(a, f32x4.mul(v, v128.load(panels))); b = f32x4.add(b, f32x4.mul(v, v128.load(panels, 16)));
				p += 4; panels += 32;
			} while (p < end);
			// Adding 0 turns -0 into 0: a table never holds -0, so sums may start from any entry.
			a = f32x4.add(f32x4.mul(a, factor), f32x4.splat(0)); b = f32x4.add(f32x4.mul(b, factor), f32x4.splat(0));
		}
		v128.store(out, a); v128.store(out, b, 16);
		out += 32;
		if (--left == 0) { left = perSub; q = end; }
	}
}
