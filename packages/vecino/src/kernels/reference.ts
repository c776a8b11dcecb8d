/**
 * The kernels in plain scalar TypeScript: the specification of their arithmetic.
 *
 * Every operation on float32 is rounded with Math.fround, sums run in the stated order, and nothing
 * is fused, so the SIMD builds return the same bits. Written to be read; the tests run it against
 * the WebAssembly kernels on every shape. It is also the fallback where WebAssembly SIMD is missing.
 */

import type { Arena } from './arena.ts';
import { fastSlot, type KernelFunctions, type ScanArgs, TILE, TOPK_HEADER } from './kernels.ts';

const f = Math.fround;

/** Eight partial sums reduced as the SIMD lanes are: lanes 0..3 plus 4..7, then (s0 + s2) + (s1 + s3). */
function reduce8(s: Float32Array): number {
	const s0 = f(s[0]! + s[4]!);
	const s1 = f(s[1]! + s[5]!);
	const s2 = f(s[2]! + s[6]!);
	const s3 = f(s[3]! + s[7]!);
	return f(f(s0 + s2) + f(s1 + s3));
}

/** Byte and shift of sub-code j of the code at position `at` of a list in blocks of 32 (assembly/fastscan.ts). */
function fastPosition(blocks: number, at: number, j: number, pairs: number): [byte: number, shift: number] {
	const i = at & 31;
	return [blocks + (at >> 5) * pairs * 32 + j * 16 + (i & 15), (i >> 4) * 4];
}

function roundHalfEven(value: number): number {
	const floor = Math.floor(value);
	if (value - floor !== 0.5) return Math.round(value);
	return floor + (floor & 1);
}

export function referenceKernels(arena: Arena): KernelFunctions {
	const lanes = new Float32Array(8);

	/** Squared L2 of two rows; term i goes to partial sum i mod 8. */
	function l2(q: number, x: number, d: number): number {
		const { f32 } = arena;
		lanes.fill(0);
		for (let i = 0; i < d; i++) {
			const t = f(f32[x + i]! - f32[q + i]!);
			lanes[i & 7] = lanes[i & 7]! + f(t * t);
		}
		return reduce8(lanes);
	}

	function ip(q: number, x: number, d: number): number {
		const { f32 } = arena;
		lanes.fill(0);
		for (let i = 0; i < d; i++) lanes[i & 7] = lanes[i & 7]! + f(f32[x + i]! * f32[q + i]!);
		return reduce8(lanes);
	}

	/** Reads sub-code j of a bit string, first sub-code in the lowest bits. */
	function getCode(code: number, j: number, nbits: number): number {
		const { u8 } = arena;
		const bit = j * nbits;
		const p = code + (bit >> 3);
		const word = (u8[p]! | (u8[p + 1]! << 8) | (u8[p + 2]! << 16)) >>> (bit & 7);
		return word & ((1 << nbits) - 1);
	}

	/** Index of a codebook value in the panel layout (m, ksub / 8, dsub, 8). */
	function panelIndex(panels: number, j: number, c: number, t: number, ksub: number, dsub: number): number {
		return (panels >>> 2) + j * ksub * dsub + (c >> 3) * dsub * 8 + t * 8 + (c & 7);
	}

	/** The four partial sums of ADC: entry j goes to sum j mod 4. */
	function adcSum(codes: number, m: number, nbits: number, table: number): number {
		const { f32 } = arena;
		const s = [0, 0, 0, 0];
		for (let j = 0; j < m; j++) {
			s[j & 3] = f(s[j & 3]! + f32[(table >>> 2) + (j << nbits) + getCode(codes, j, nbits)]!);
		}
		return f(f(s[0]! + s[1]!) + f(s[2]! + s[3]!));
	}

	/** Lists of a scan, tile by tile: `distances(codes, start, count, out)` fills the tile. */
	function scan(
		[directory, listNos, biases, nLists, base, tile, topk]: ScanArgs,
		shift: number,
		distances: (codes: number, start: number, count: number) => void,
	): number {
		let scanned = 0;
		for (let t = 0; t < nLists; t++) {
			const { u32, f32 } = arena;
			const listNo = listNos === 0 ? t : u32[(listNos >>> 2) + t]!;
			const entry = (directory >>> 2) + listNo * 4;
			const codes = u32[entry]!;
			const terms = u32[entry + 1]!;
			const ids = u32[entry + 2]!;
			const n = u32[entry + 3]!;
			const bias = f(shift + (biases === 0 ? 0 : f32[(biases >>> 2) + t]!));
			for (let start = 0; start < n; start += TILE) {
				const count = Math.min(TILE, n - start);
				distances(codes, start, count);
				for (let i = 0; i < count; i++) {
					const at = (tile >>> 2) + i;
					if (terms !== 0) f32[at] = f(f32[at]! + f32[(terms >>> 2) + start + i]!);
					if (terms !== 0 || bias !== 0) f32[at] = f32[at]! + bias;
				}
				kernels.topkPush(topk, tile, count, ids === 0 ? 0 : ids + start * 4, base + start);
			}
			scanned += n;
		}
		return scanned;
	}

	const kernels: KernelFunctions = {
		l2Many(q, x, n, d, out) {
			for (let i = 0; i < n; i++) arena.f32[(out >>> 2) + i] = l2(q >>> 2, (x >>> 2) + i * d, d);
		},

		ipMany(q, x, n, d, out) {
			for (let i = 0; i < n; i++) arena.f32[(out >>> 2) + i] = -ip(q >>> 2, (x >>> 2) + i * d, d);
		},

		// Same state layout as the WebAssembly kernel, kept as a sorted list of at most k entries:
		// what comes out is defined by the order (distance, label) alone.
		topkInit(state, k, capacity) {
			arena.u32.set([k, capacity, 0], state >>> 2);
			arena.f32[(state >>> 2) + 3] = Number.POSITIVE_INFINITY;
		},

		topkPush(state, distances, n, ids, base) {
			const { u32, f32 } = arena;
			const k = u32[state >>> 2]!;
			const keys = (state + TOPK_HEADER) >>> 2;
			let count = u32[(state >>> 2) + 2]!;
			for (let i = 0; i < n; i++) {
				const distance = f32[(distances >>> 2) + i]! + 0;
				if (Number.isNaN(distance)) continue;
				const label = ids === 0 ? base + i : u32[(ids >>> 2) + i]!;
				let at = count;
				while (at > 0) {
					const d = f32[keys + 2 * at - 1]!;
					if (d < distance || (d === distance && u32[keys + 2 * at - 2]! <= label)) break;
					at--;
				}
				if (at >= k) continue;
				if (count < k) count++;
				u32.copyWithin(keys + 2 * at + 2, keys + 2 * at, keys + 2 * count - 2);
				u32[keys + 2 * at] = label;
				f32[keys + 2 * at + 1] = distance;
			}
			u32[(state >>> 2) + 2] = count;
		},

		topkFinish(state, outDistances, outLabels) {
			const { u32, f32 } = arena;
			const count = u32[(state >>> 2) + 2]!;
			const keys = (state + TOPK_HEADER) >>> 2;
			for (let i = 0; i < count; i++) {
				u32[(outLabels >>> 2) + i] = u32[keys + 2 * i]!;
				f32[(outDistances >>> 2) + i] = f32[keys + 2 * i + 1]!;
			}
			return count;
		},

		packPanel(c, count, d, out) {
			const { f32 } = arena;
			for (let t = 0; t < d; t++) {
				for (let r = 0; r < 8; r++) f32[(out >>> 2) + t * 8 + r] = r < count ? f32[(c >>> 2) + r * d + t]! : 0;
			}
		},

		// The packed form only serves the SIMD kernel to find candidates; its bits are part of no result.
		nearestPack() {
			return 0;
		},

		largestNorm() {
			return 0;
		},

		// The argmin of l2Many or ipMany, ties to the lower centroid.
		nearestRows(x, n, d, centroids, k, metric, ...rest) {
			const { f32, u32 } = arena;
			const [outLabels, outDistances] = rest.slice(-2) as [number, number];
			for (let i = 0; i < n; i++) {
				let best = Number.POSITIVE_INFINITY;
				let label = 0;
				for (let c = 0; c < k; c++) {
					const [row, centroid] = [(x >>> 2) + i * d, (centroids >>> 2) + c * d];
					const value = metric === 0 ? l2(row, centroid, d) : -ip(row, centroid, d);
					if (value < best) {
						best = value;
						label = c;
					}
				}
				u32[(outLabels >>> 2) + i] = label;
				f32[(outDistances >>> 2) + i] = best;
			}
		},

		// The nprobe nearest of all centroids by l2Many or ipMany.
		rankCells(q, d, centroids, k, metric, ...rest) {
			const [scratch, nprobe, capacity, state] = rest.slice(-4) as [number, number, number, number];
			kernels.topkInit(state, nprobe, capacity);
			const many = metric === 0 ? kernels.l2Many : kernels.ipMany;
			for (let c = 0; c < k; c++) {
				many(q, centroids + c * d * 4, 1, d, scratch);
				kernels.topkPush(state, scratch, 1, 0, c);
			}
		},

		normsSquared(x, n, d, out) {
			for (let i = 0; i < n; i++) {
				const row = (x >>> 2) + i * d;
				arena.f32[(out >>> 2) + i] = ip(row, row, d);
			}
		},

		normalizeRows(x, n, d) {
			const { f32 } = arena;
			for (let row = x >>> 2; row < (x >>> 2) + n * d; row += d) {
				let sum = 0;
				for (let t = 0; t < d; t++) sum += f32[row + t]! * f32[row + t]!;
				if (!(sum > 0)) continue;
				const norm = Math.sqrt(sum);
				for (let t = 0; t < d; t++) f32[row + t] = f32[row + t]! / norm;
			}
		},

		sumRows(x, n, d, labels, sums, counts) {
			const { f32, f64, u32 } = arena;
			for (let i = 0; i < n; i++) {
				const label = u32[(labels >>> 2) + i]!;
				u32[(counts >>> 2) + label] = u32[(counts >>> 2) + label]! + 1;
				const sum = sums / 8 + label * d;
				for (let t = 0; t < d; t++) f64[sum + t] = f64[sum + t]! + f32[(x >>> 2) + i * d + t]!;
			}
		},

		residuals(x, n, d, labels, centroids, out) {
			const { f32, u32 } = arena;
			for (let i = 0; i < n; i++) {
				const c = (centroids >>> 2) + u32[(labels >>> 2) + i]! * d;
				for (let t = 0; t < d; t++) f32[(out >>> 2) + i * d + t] = f32[(x >>> 2) + i * d + t]! - f32[c + t]!;
			}
		},

		residualTerms(r, n, d, labels, centroids, centre, out) {
			const { f32, u32 } = arena;
			for (let i = 0; i < n; i++) {
				const c = (centroids >>> 2) + u32[(labels >>> 2) + i]! * d;
				lanes.fill(0);
				for (let t = 0; t < d; t++) {
					const v = f32[(r >>> 2) + i * d + t]!;
					const w = f(f32[c + t]! - f32[(centre >>> 2) + t]!);
					lanes[t & 7] = lanes[t & 7]! + f(v * f(v + f(w + w)));
				}
				f32[(out >>> 2) + i] = reduce8(lanes);
			}
		},

		gatherRows(addresses, bytes, n, dst) {
			const { u8, u32 } = arena;
			for (let i = 0; i < n; i++) {
				const from = u32[(addresses >>> 2) + i]!;
				u8.copyWithin(dst + i * bytes, from, from + bytes);
			}
		},

		// Each sub-code is the argmin of |c|^2 / 2 - x . c, one dimension after the other, ties to the lower
		// value; dimensions past d count as zero.
		pqEncode(x, n, d, m, dsub, nbits, panels, halfNorms, _scratch, codes, codeSize) {
			const { f32, u8 } = arena;
			const ksub = 1 << nbits;
			u8.fill(0, codes, codes + n * codeSize);
			for (let i = 0; i < n; i++) {
				for (let j = 0; j < m; j++) {
					let best = Number.POSITIVE_INFINITY;
					let code = 0;
					for (let c = 0; c < ksub; c++) {
						let value = f32[(halfNorms >>> 2) + j * ksub + c]!;
						for (let t = 0; t < dsub; t++) {
							const at = j * dsub + t;
							const v = at < d ? f32[(x >>> 2) + i * d + at]! : 0;
							value = f(value - f(v * f32[panelIndex(panels, j, c, t, ksub, dsub)]!));
						}
						if (value < best) {
							best = value;
							code = c;
						}
					}
					const bit = j * nbits;
					let p = codes + i * codeSize + (bit >> 3);
					for (let v = code << (bit & 7); v !== 0; v >>>= 8) u8[p] = u8[p++]! | (v & 255);
				}
			}
		},

		pqDecode(codes, n, codeSize, d, m, dsub, nbits, panels, out) {
			const { f32 } = arena;
			for (let i = 0; i < n; i++) {
				for (let at = 0; at < d && at < m * dsub; at++) {
					const j = Math.floor(at / dsub);
					const c = getCode(codes + i * codeSize, j, nbits);
					f32[(out >>> 2) + i * d + at] = f32[panelIndex(panels, j, c, at % dsub, 1 << nbits, dsub)]!;
				}
			}
		},

		pqTable(q, m, dsub, nbits, panels, scale, out) {
			const { f32 } = arena;
			const ksub = 1 << nbits;
			for (let j = 0; j < m; j++) {
				for (let c = 0; c < ksub; c++) {
					let sum = 0;
					for (let t = 0; t < dsub; t++) {
						const v = f32[(q >>> 2) + j * dsub + t]!;
						const w = f32[panelIndex(panels, j, c, t, ksub, dsub)]!;
						const diff = f(v - w);
						sum = f(sum + (scale === 0 ? f(diff * diff) : f(v * w)));
					}
					f32[(out >>> 2) + j * ksub + c] = scale === 0 ? sum : f(sum * f(scale)) + 0;
				}
			}
		},

		adc8(codes, n, m, table, out) {
			for (let i = 0; i < n; i++) arena.f32[(out >>> 2) + i] = adcSum(codes + i * m, m, 8, table);
		},

		adcBits(codes, n, m, nbits, codeSize, table, out) {
			for (let i = 0; i < n; i++) arena.f32[(out >>> 2) + i] = adcSum(codes + i * codeSize, m, nbits, table);
		},

		sq8Encode(x, n, d, mins, inverse, codes) {
			const { f32, u8 } = arena;
			for (let i = 0; i < n; i++) {
				for (let t = 0; t < d; t++) {
					const v = f(f(f32[(x >>> 2) + i * d + t]! - f32[(mins >>> 2) + t]!) * f32[(inverse >>> 2) + t]!);
					u8[codes + i * d + t] = Math.floor(f(Math.min(Math.max(v, 0), 255) + 0.5));
				}
			}
		},

		sq8Decode(codes, n, d, mins, steps, out) {
			const { f32, u8 } = arena;
			for (let i = 0; i < n; i++) {
				for (let t = 0; t < d; t++) {
					const scaled = f(u8[codes + i * d + t]! * f32[(steps >>> 2) + t]!);
					f32[(out >>> 2) + i * d + t] = f32[(mins >>> 2) + t]! + scaled;
				}
			}
		},

		sq8L2Many(shifted, steps, codes, n, d, out) {
			const { f32, u8 } = arena;
			for (let i = 0; i < n; i++) {
				lanes.fill(0);
				for (let t = 0; t < d; t++) {
					const v = f(f32[(shifted >>> 2) + t]! - f(u8[codes + i * d + t]! * f32[(steps >>> 2) + t]!));
					lanes[t & 7] = lanes[t & 7]! + f(v * v);
				}
				f32[(out >>> 2) + i] = reduce8(lanes);
			}
		},

		sq8IpMany(weights, codes, n, d, out) {
			const { f32, u8 } = arena;
			for (let i = 0; i < n; i++) {
				lanes.fill(0);
				for (let t = 0; t < d; t++) {
					lanes[t & 7] = lanes[t & 7]! + f(u8[codes + i * d + t]! * f32[(weights >>> 2) + t]!);
				}
				f32[(out >>> 2) + i] = -reduce8(lanes);
			}
		},

		fastPlace(blocks, at, code, pairs) {
			const { u8 } = arena;
			for (let j = 0; j < 2 * pairs; j++) {
				const nibble = (u8[code + (j >> 1)]! >> (4 * (j & 1))) & 15;
				const [p, shift] = fastPosition(blocks, at, j, pairs);
				u8[p] = (u8[p]! & ~(15 << shift)) | (nibble << shift);
			}
		},

		fastFetch(blocks, at, code, pairs) {
			const { u8 } = arena;
			for (let j = 0; j < 2 * pairs; j += 2) {
				const [p, shift] = fastPosition(blocks, at, j, pairs);
				u8[code + (j >> 1)] = ((u8[p]! >> shift) & 15) | (((u8[p + 16]! >> shift) & 15) << 4);
			}
		},

		// entry = round((value - smallest of the row) * scale), half to even; returns scale, writes 1 / scale and the sum of minima.
		fastTables(table, m, maxScale, out, params) {
			const { f32, u8 } = arena;
			const row = (j: number): Float32Array => f32.subarray((table >>> 2) + j * 16, (table >>> 2) + j * 16 + 16);
			let widest = 0;
			let base = 0;
			for (let j = 0; j < m; j++) {
				const low = Math.min(...row(j));
				widest = Math.max(widest, f(Math.max(...row(j)) - low));
				base = f(base + low);
			}
			const scale = f(widest * f(maxScale)) > 127 ? f(127 / widest) : f(maxScale);
			u8.fill(0, out, out + Math.ceil(m / 2) * 32);
			for (let j = 0; j < m; j++) {
				const low = Math.min(...row(j));
				for (let c = 0; c < 16; c++)
					u8[out + j * 16 + c] = Math.min(127, roundHalfEven(f(f(row(j)[c]! - low) * scale)));
			}
			f32[params >>> 2] = 1 / scale;
			f32[(params >>> 2) + 1] = base;
			return scale;
		},

		// V = sum of entries + rounded(term * termScale / 2^15), held to i16; distance = V * inverse + (offset + bias).
		scanFast(directory, listNos, biases, nLists, base, values, topk, tables, pairs, inverse, offset, termScale) {
			const { u8, u32, f32 } = arena;
			const i16 = new Int16Array(arena.memory.buffer);
			let scanned = 0;
			for (let t = 0; t < nLists; t++) {
				const listNo = listNos === 0 ? t : u32[(listNos >>> 2) + t]!;
				const [codes, terms, ids, n] = u32.subarray((directory >>> 2) + listNo * 4, (directory >>> 2) + listNo * 4 + 4);
				const shift = f(f(offset) + (biases === 0 ? 0 : f32[(biases >>> 2) + t]!));
				for (let i = 0; i < n!; i++) {
					let value = 0;
					for (let j = 0; j < 2 * pairs; j++) {
						const [p, bits] = fastPosition(codes!, i, j, pairs);
						value += u8[tables + j * 16 + ((u8[p]! >> bits) & 15)]!;
					}
					if (terms !== 0) {
						const term = i16[(terms! >>> 1) + (i & ~31) + fastSlot(i & 31)]!;
						value = Math.max(-32768, Math.min(32767, value + ((term * termScale + 16384) >> 15)));
					}
					f32[values >>> 2] = f(value * f(inverse)) + shift;
					kernels.topkPush(topk, values, 1, ids === 0 ? 0 : ids! + i * 4, base + i);
				}
				scanned += n!;
			}
			return scanned;
		},

		scanL2(...args) {
			const [, , , , , tile, , q, d] = args;
			const head = args.slice(0, 7) as ScanArgs;
			return scan(head, 0, (codes, start, count) => kernels.l2Many(q, codes + start * d * 4, count, d, tile));
		},

		scanIp(...args) {
			const [, , , , , tile, , q, d] = args;
			const head = args.slice(0, 7) as ScanArgs;
			return scan(head, 0, (codes, start, count) => kernels.ipMany(q, codes + start * d * 4, count, d, tile));
		},

		scanPq(...args) {
			const [, , , , , tile, , table, m, nbits, codeSize] = args;
			const head = args.slice(0, 7) as ScanArgs;
			return scan(head, 0, (codes, start, count) =>
				kernels.adcBits(codes + start * codeSize, count, m, nbits, codeSize, table, tile),
			);
		},

		scanSq8L2(...args) {
			const [, , , , , tile, , q, steps, d] = args;
			const head = args.slice(0, 7) as ScanArgs;
			return scan(head, 0, (codes, start, count) => kernels.sq8L2Many(q, steps, codes + start * d, count, d, tile));
		},

		scanSq8Ip(...args) {
			const [, , , , , tile, , weights, shift, d] = args;
			const head = args.slice(0, 7) as ScanArgs;
			return scan(head, f(shift), (codes, start, count) =>
				kernels.sq8IpMany(weights, codes + start * d, count, d, tile),
			);
		},
	};
	return kernels;
}
