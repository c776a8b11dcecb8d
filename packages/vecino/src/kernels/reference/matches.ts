/**
 * Inverted lists under a filter: which to open, how much of them matches, and what matches put together.
 */

import type { Arena } from '../arena.ts';
import type { KernelFunctions } from '../kernels.ts';
import { f, ip, l2 } from './arithmetic.ts';

const UNKNOWN = 0xffffffff;

export function matchKernels(
	arena: Arena,
): Pick<KernelFunctions, 'chooseLists' | 'countMatches' | 'gatherMatches' | 'rankAll'> {
	const passes = (filter: number, bits: number, label: number): boolean =>
		label < bits && ((arena.u32[(filter >>> 2) + (label >>> 5)]! >>> (label & 31)) & 1) === 1;
	const list = (directory: number, listNo: number) => {
		const [codes, terms, ids, n] = arena.u32.subarray(
			(directory >>> 2) + 4 * listNo,
			(directory >>> 2) + 4 * listNo + 4,
		);
		return { codes: codes!, terms: terms!, ids: ids!, n: n! };
	};
	/** Numbers of matching labels of each block of a list. */
	const blocks = (directory: number, listNo: number, unit: number, filter: number, bits: number): number[] => {
		const { ids, n } = list(directory, listNo);
		const counts = new Array<number>(Math.ceil(n / unit)).fill(0);
		for (let i = 0; i < n; i++) {
			const at = Math.floor(i / unit);
			if (passes(filter, bits, arena.u32[(ids >>> 2) + i]!)) counts[at] = counts[at]! + 1;
		}
		return counts;
	};
	const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
	return {
		chooseLists(directory, nlist, filter, bits, counts, listNos, n, width, least, wanted, k, maxCodes, out) {
			const { u32 } = arena;
			for (let i = 0; i < n; i++) {
				let [matches, codes, p, progress, enough] = [0, 0, 0, 0, 0];
				const row = (listNos >>> 2) + i * width;
				for (; ; p++) {
					enough = p >= least && progress >= wanted && matches >= k ? 1 : 0;
					if (maxCodes !== 0 && codes >= maxCodes) enough = 2;
					if (enough > 0 || p === width) break;
					const listNo = u32[row + p]!;
					if (listNo >= nlist) continue;
					const { n: size } = list(directory, listNo);
					let count = size;
					if (filter !== 0) {
						const known = (counts >>> 2) + listNo;
						if (u32[known] === UNKNOWN) u32[known] = sum(blocks(directory, listNo, 1, filter, bits));
						count = u32[known]!;
					}
					if (count === 0) {
						u32[row + p] = nlist;
						continue;
					}
					codes += size;
					matches += count;
					const root = f(Math.sqrt(f(Math.sqrt(f(f(count) / f(size))))));
					progress = f(progress + f(root * f(Math.sqrt(root))));
				}
				u32[(out >>> 2) + 2 * i] = p;
				u32[(out >>> 2) + 2 * i + 1] = enough;
				u32.fill(nlist, row + p, row + width);
			}
		},

		countMatches(directory, n, filter, bits, unit, out) {
			for (let t = 0; t < n; t++) {
				const counts = blocks(directory, t, unit, filter, bits);
				arena.u32[(out >>> 2) + 2 * t] = sum(counts);
				arena.u32[(out >>> 2) + 2 * t + 1] = counts.filter((count) => count > 0).length;
			}
		},

		gatherMatches(directory, listNos, n, filter, bits, unit, codeBytes, termBytes, out) {
			const { u8, u32 } = arena;
			for (let t = 0; t < n; t++) {
				const listNo = u32[(listNos >>> 2) + t]!;
				const from = list(directory, listNo);
				const to = list(out, t);
				let gathered = 0;
				for (const [b, count] of blocks(directory, listNo, unit, filter, bits).entries()) {
					if (count === 0) continue;
					const some = Math.min(unit, from.n - b * unit);
					const at = gathered / unit;
					const copy = (source: number, target: number, bytes: number, length: number): void =>
						void u8.copyWithin(target + at * bytes, source + b * bytes, source + b * bytes + length);
					copy(from.codes, to.codes, codeBytes, codeBytes);
					copy(from.terms, to.terms, termBytes, termBytes);
					copy(from.ids, to.ids, unit * 4, some * 4);
					gathered += some;
				}
				u32[(out >>> 2) + 4 * t + 3] = gathered;
			}
		},

		rankAll(q, n, d, centroids, k, metric, outDistances, outLabels) {
			for (let i = 0; i < n * k; i++) {
				const [query, row] = [(q >>> 2) + Math.floor(i / k) * d, (centroids >>> 2) + (i % k) * d];
				arena.f32[(outDistances >>> 2) + i] = metric === 0 ? l2(arena, query, row, d) : -ip(arena, query, row, d);
				arena.u32[(outLabels >>> 2) + i] = i % k;
			}
		},
	};
}
