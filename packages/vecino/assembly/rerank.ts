// Ranking candidates again by codes that lie anywhere: those of one query are copied together, then scanned as a list.
import { gatherRows } from './rows';
import { scanKind } from './lists';
import { topkFinish, topkInit } from './topk';

/**
 * The k best of the candidates of nq queries by their codes. Kind and a, b, c: what is scanned, as for scanLists, by
 * prepared queries stride bytes apart. Labels and addresses: (nq, wide), counts[i] of them (rowAddresses). `gathered`: room
 * for `some` codes and what a scan reads behind them; `entry`: 16 bytes; `tile`: as for a scan; `topk`: a state for k.
 * Out: distances and labels, (nq, k); counts[i] becomes how many there are.
 */
export function rerankCodes(
	kind: i32, a: usize, b: usize, c: usize, states: usize, stride: usize, nq: usize, codeSize: usize,
	labels: usize, addresses: usize, counts: usize, wide: usize, k: u32, capacity: u32,
	topk: usize, tile: usize, entry: usize, gathered: usize, some: usize, outDistances: usize, outLabels: usize,
): void {
	for (let i: usize = 0; i < nq; ++i) {
		const n = <usize>load<u32>(counts + (i << 2)), first = i * wide << 2, out = i * <usize>k << 2;
		topkInit(topk, k, capacity, 0, 0, f32.MAX_VALUE * 2);
		for (let j: usize = 0; j < n; j += some) {
			const at = first + (j << 2), count = min(some, n - j);
			gatherRows(addresses + at, codeSize, count, gathered);
			store<u32>(entry, <u32>gathered);
			store<u32>(entry, 0, 4);
			store<u32>(entry, <u32>(labels + at), 8);
			store<u32>(entry, <u32>count, 12);
			scanKind(kind, entry, 0, 0, 1, tile, topk, states + i * stride, a, b, c);
		}
		store<u32>(counts + (i << 2), topkFinish(topk, outDistances + out, outLabels + out));
	}
}
