// Inverted lists under a filter: which of them to open, how much of them matches, and the codes that match put together.
//
// The filter is a bitmap of labels as in topk.ts: u32 words, lowest bit first, labels from `bits` on are out; 0 stands for
// none. Directory entries as in scan.ts. A directory has an entry more than lists, empty, for "no list": number nlist.
import { ipMany, l2Many } from './distances';

/** Matches of a list that were not counted yet. */
const UNKNOWN: u32 = 0xffffffff;

// @ts-ignore: decorator
@inline function passes(filter: usize, bits: u32, label: u32): u32 {
	// Without a branch: byte 0 of the bitmap is there in any case.
	const inside = <u32>(label < bits);
	return (<u32>load<u8>(filter + <usize>((label >> 3) & (0 - inside))) >> (label & 7)) & inside;
}

/** Labels among n that pass. */
function countIds(ids: usize, n: usize, filter: usize, bits: u32): u32 {
	let a: u32 = 0, b: u32 = 0, c: u32 = 0, d: u32 = 0;
	const end = ids + (n << 2), end4 = ids + ((n & ~3) << 2);
	for (; ids < end4; ids += 16) {
		a += passes(filter, bits, load<u32>(ids));
		b += passes(filter, bits, load<u32>(ids, 4));
		c += passes(filter, bits, load<u32>(ids, 8));
		d += passes(filter, bits, load<u32>(ids, 12));
	}
	for (; ids < end; ids += 4) a += passes(filter, bits, load<u32>(ids));
	return a + b + c + d;
}

/**
 * Keeps of the ranked lists of n queries, layout (n, width), those to open, nearest first; the others become `nlist`. A
 * list of which a share s matches counts as s^(3/8) lists, for the neighbours among fewer vectors are further away. Goes on until `least` lists
 * were gone through that count as `wanted` and hold `k` matches, or until the lists opened hold maxCodes codes (0: no
 * limit). counts: matches of each list, UNKNOWN where they are to be counted first. out[2 i]: lists gone through; out[2 i + 1]:
 * 0 when more of them were needed, 1 when not, 2 when maxCodes ended it.
 */
export function chooseLists(
	directory: usize, nlist: u32, filter: usize, bits: u32, counts: usize, listNos: usize, n: usize, width: u32,
	least: u32, wanted: f32, k: u32, maxCodes: u32, out: usize,
): void {
	for (let i: usize = 0; i < n; ++i) {
		let matches: u32 = 0, codes: u32 = 0, p: u32 = 0, enough: u32 = 0;
		let progress: f32 = 0;
		for (; ; ++p, listNos += 4) {
			enough = maxCodes != 0 && codes >= maxCodes ? 2 : <u32>(p >= least && progress >= wanted && matches >= k);
			if (enough != 0 || p == width) break;
			const c = load<u32>(listNos);
			if (c >= nlist) continue;
			const entry = directory + (<usize>c << 4), size = load<u32>(entry, 12);
			let m = size;
			if (filter != 0) {
				m = load<u32>(counts + (<usize>c << 2));
				if (m == UNKNOWN) {
					m = countIds(<usize>load<u32>(entry, 8), size, filter, bits);
					store<u32>(counts + (<usize>c << 2), m);
				}
			}
			if (m == 0) {
				store<u32>(listNos, nlist);
				continue;
			}
			codes += size;
			matches += m;
			const root = sqrt<f32>(sqrt<f32>(<f32>m / <f32>size));
			progress += root * sqrt<f32>(root);
		}
		store<u32>(out + (i << 3), p);
		store<u32>(out + (i << 3), enough, 4);
		for (; p < width; ++p, listNos += 4) store<u32>(listNos, nlist);
	}
}

/** Of each of n lists the labels that match, and the blocks of `unit` codes that hold one: out, layout (n, 2). */
export function countMatches(directory: usize, n: usize, filter: usize, bits: u32, unit: usize, out: usize): void {
	for (let t: usize = 0; t < n; ++t, directory += 16, out += 8) {
		const size = <usize>load<u32>(directory, 12);
		let ids = <usize>load<u32>(directory, 8);
		let matches: u32 = 0, units: u32 = 0;
		if (unit == 1) {
			matches = units = countIds(ids, size, filter, bits);
		} else {
			for (let i: usize = 0; i < size; i += unit, ids += unit << 2) {
				const count = countIds(ids, min(unit, size - i), filter, bits);
				matches += count;
				units += <u32>(count != 0);
			}
		}
		store<u32>(out, matches);
		store<u32>(out, units, 4);
	}
}

function copyBytes(to: usize, from: usize, n: usize): void {
	const end = from + n;
	for (; from + 16 <= end; from += 16, to += 16) v128.store(to, v128.load(from));
	for (; from < end; ++from, ++to) store<u8>(to, load<u8>(from));
}

/**
 * Copies the blocks of `unit` codes that hold a match, of the n lists numbered in listNos: `codeBytes` and `termBytes` a
 * block, and its labels. `out` is a directory of n entries whose pointers say where to; the number of codes is filled in.
 */
export function gatherMatches(
	directory: usize, listNos: usize, n: usize, filter: usize, bits: u32, unit: usize, codeBytes: usize, termBytes: usize, out: usize,
): void {
	for (let t: usize = 0; t < n; ++t, out += 16) {
		const list = directory + (<usize>load<u32>(listNos + (t << 2)) << 4), size = <usize>load<u32>(list, 12);
		const codes = <usize>load<u32>(list), terms = <usize>load<u32>(list, 4), ids = <usize>load<u32>(list, 8);
		let toCodes = <usize>load<u32>(out), toTerms = <usize>load<u32>(out, 4), toIds = <usize>load<u32>(out, 8);
		let gathered: usize = 0;
		// Looked at so many at a time: most hold no match, and each look is a branch.
		const step = max<usize>(unit, 8);
		for (let i: usize = 0; i < size; i += step) {
			const some = min(step, size - i);
			if (countIds(ids + (i << 2), some, filter, bits) == 0) continue;
			for (let j = i; j < i + some; j += unit) {
				if (unit == 1 && passes(filter, bits, load<u32>(ids + (j << 2))) == 0) continue;
				const block = j / unit, n = unit == 1 ? 1 : some;
				copyBytes(toCodes, codes + block * codeBytes, codeBytes);
				copyBytes(toTerms, terms + block * termBytes, termBytes);
				copyBytes(toIds, ids + (j << 2), n << 2);
				toCodes += codeBytes; toTerms += termBytes; toIds += n << 2;
				gathered += n;
			}
		}
		store<u32>(out, <u32>gathered, 12);
	}
}

/** All k centroids for each of n queries, in their own order: distances and numbers, layout (n, k). Same bits as rankMany. */
export function rankAll(q: usize, n: usize, d: usize, centroids: usize, k: usize, metric: u32, outDistances: usize, outLabels: usize): void {
	for (let i: usize = 0; i < n; ++i, q += d << 2, outDistances += k << 2) {
		if (metric == 0) l2Many(q, centroids, k, d, outDistances);
		else ipMany(q, centroids, k, d, outDistances);
		for (let c: usize = 0; c < k; ++c, outLabels += 4) store<u32>(outLabels, <u32>c);
	}
}
