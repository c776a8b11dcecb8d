// Scans: distances of one query to the codes of many lists, a tile at a time, offered to a top-k.
// One call covers all probed lists, so JavaScript is entered once per query and not once per list.
//
// Directory entry of a list, 16 bytes: u32 codes, u32 terms (f32 per code, or 0), u32 ids (u32 per
// code, or 0 for base + position), u32 n. List t of a scan is entry listNos[t] (or entry t when
// listNos is 0), its bias biases[t] (or 0). Distance = (code distance + term) + bias.
import { l2Many, ipMany } from './distances';
import { adc8, adcBits } from './adc';
import { sq8L2Many, sq8IpMany } from './sq8';
import { topkPush } from './topk';

/** Codes per tile: distances of one tile are 4 KiB and stay in L1. */
export const TILE: usize = 1024;

// @ts-ignore: decorator
@inline export function listAt(directory: usize, listNos: usize, t: usize): usize {
	return directory + ((listNos != 0 ? <usize>load<u32>(listNos + (t << 2)) : t) << 4);
}

// @ts-ignore: decorator
@inline export function biasAt(biases: usize, t: usize): f32 {
	return biases != 0 ? load<f32>(biases + (t << 2)) : 0;
}

/** Adds terms and bias to a tile, then offers it. */
// @ts-ignore: decorator
@inline export function offer(list: usize, start: usize, n: usize, bias: f32, tile: usize, base: u32, topk: usize): void {
	const terms = <usize>load<u32>(list, 4), ids = <usize>load<u32>(list, 8);
	if (terms != 0) addTerms(tile, n, terms + (start << 2), bias);
	else if (bias != 0) addBias(tile, n, bias);
	topkPush(topk, tile, n, ids != 0 ? ids + (start << 2) : 0, base + <u32>start);
}

function addTerms(tile: usize, n: usize, terms: usize, bias: f32): void {
	const b = f32x4.splat(bias);
	const end = tile + (n << 2);
	for (; tile + 16 <= end; tile += 16, terms += 16) v128.store(tile, f32x4.add(f32x4.add(v128.load(tile), v128.load(terms)), b));
	for (; tile < end; tile += 4, terms += 4) store<f32>(tile, (load<f32>(tile) + load<f32>(terms)) + bias);
}

function addBias(tile: usize, n: usize, bias: f32): void {
	const b = f32x4.splat(bias);
	const end = tile + (n << 2);
	for (; tile + 16 <= end; tile += 16) v128.store(tile, f32x4.add(v128.load(tile), b));
	for (; tile < end; tile += 4) store<f32>(tile, load<f32>(tile) + bias);
}

/** float32 rows, squared L2. Returns the number of codes scanned; so do the others. */
export function scanL2(directory: usize, listNos: usize, biases: usize, nLists: usize, base: u32, tile: usize, topk: usize, q: usize, d: usize): u32 {
	let scanned: u32 = 0;
	for (let t: usize = 0; t < nLists; ++t) {
		const list = listAt(directory, listNos, t), codes = <usize>load<u32>(list), n = <usize>load<u32>(list, 12);
		for (let i: usize = 0; i < n; i += TILE) {
			const count = min(TILE, n - i);
			l2Many(q, codes + (i * d << 2), count, d, tile);
			offer(list, i, count, biasAt(biases, t), tile, base, topk);
		}
		scanned += <u32>n;
	}
	return scanned;
}

/** float32 rows, negated inner product. */
export function scanIp(directory: usize, listNos: usize, biases: usize, nLists: usize, base: u32, tile: usize, topk: usize, q: usize, d: usize): u32 {
	let scanned: u32 = 0;
	for (let t: usize = 0; t < nLists; ++t) {
		const list = listAt(directory, listNos, t), codes = <usize>load<u32>(list), n = <usize>load<u32>(list, 12);
		for (let i: usize = 0; i < n; i += TILE) {
			const count = min(TILE, n - i);
			ipMany(q, codes + (i * d << 2), count, d, tile);
			offer(list, i, count, biasAt(biases, t), tile, base, topk);
		}
		scanned += <u32>n;
	}
	return scanned;
}

/** PQ codes against an ADC table, layout (m, ksub). */
export function scanPq(
	directory: usize, listNos: usize, biases: usize, nLists: usize, base: u32, tile: usize, topk: usize,
	table: usize, m: usize, nbits: usize, codeSize: usize,
): u32 {
	let scanned: u32 = 0;
	for (let t: usize = 0; t < nLists; ++t) {
		const list = listAt(directory, listNos, t), codes = <usize>load<u32>(list), n = <usize>load<u32>(list, 12);
		for (let i: usize = 0; i < n; i += TILE) {
			const count = min(TILE, n - i), p = codes + i * codeSize;
			if (nbits == 8) adc8(p, count, m, table, tile);
			else adcBits(p, count, m, nbits, codeSize, table, tile);
			offer(list, i, count, biasAt(biases, t), tile, base, topk);
		}
		scanned += <u32>n;
	}
	return scanned;
}

/** SQ8 codes, squared L2: q = query - min, steps; both padded to a multiple of 8. */
export function scanSq8L2(
	directory: usize, listNos: usize, biases: usize, nLists: usize, base: u32, tile: usize, topk: usize,
	q: usize, steps: usize, d: usize,
): u32 {
	let scanned: u32 = 0;
	for (let t: usize = 0; t < nLists; ++t) {
		const list = listAt(directory, listNos, t), codes = <usize>load<u32>(list), n = <usize>load<u32>(list, 12);
		for (let i: usize = 0; i < n; i += TILE) {
			const count = min(TILE, n - i);
			sq8L2Many(q, steps, codes + i * d, count, d, tile);
			offer(list, i, count, biasAt(biases, t), tile, base, topk);
		}
		scanned += <u32>n;
	}
	return scanned;
}

/** SQ8 codes, negated inner product with `weights` = query * step, padded to a multiple of 8; `shift` = -(query . min). */
export function scanSq8Ip(
	directory: usize, listNos: usize, biases: usize, nLists: usize, base: u32, tile: usize, topk: usize,
	weights: usize, shift: f32, d: usize,
): u32 {
	let scanned: u32 = 0;
	for (let t: usize = 0; t < nLists; ++t) {
		const list = listAt(directory, listNos, t), codes = <usize>load<u32>(list), n = <usize>load<u32>(list, 12);
		for (let i: usize = 0; i < n; i += TILE) {
			const count = min(TILE, n - i);
			sq8IpMany(weights, codes + i * d, count, d, tile);
			offer(list, i, count, shift + biasAt(biases, t), tile, base, topk);
		}
		scanned += <u32>n;
	}
	return scanned;
}
