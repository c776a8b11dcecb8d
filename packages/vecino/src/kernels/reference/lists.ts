/**
 * Search of inverted lists for a block of queries.
 */

import type { Arena } from '../arena.ts';
import { type KernelFunctions, SCAN_LISTS, type ScanArgs } from '../kernels.ts';
import { f } from './arithmetic.ts';
import { fastScanKernels } from './fast-scan.ts';
import { halfKernels } from './half.ts';
import { pqKernels } from './pq.ts';
import { rabitqScanKernels } from './rabitq-scan.ts';
import { scanKernels } from './scan.ts';
import { sq4Kernels } from './sq4.ts';
import { topkKernels } from './topk.ts';

type Names =
	| 'subtractRow'
	| 'floatPrepare'
	| 'pqPrepare'
	| 'fastPrepare'
	| 'topkInitMany'
	| 'topkFinishMany'
	| 'orderByList'
	| 'scanLists';

export function listKernels(arena: Arena): Pick<KernelFunctions, Names> {
	const pq = pqKernels(arena);
	const fast = fastScanKernels(arena);
	const scans = scanKernels(arena);
	const sq4 = sq4Kernels(arena);
	const half = halfKernels(arena);
	const rabitq = rabitqScanKernels(arena);
	const topk = topkKernels(arena);

	/** Copies a query of d values and fills it up with zeros to `length` values. */
	function padQuery(q: number, d: number, length: number, out: number): void {
		const { f32 } = arena;
		for (let t = 0; t < length; t++) f32[(out >>> 2) + t] = t < d ? f32[(q >>> 2) + t]! : 0;
	}

	function scanKind(kind: number, head: ScanArgs, state: number, a: number, b: number, c: number): number {
		const { f32 } = arena;
		if (kind === SCAN_LISTS.fast) {
			const params = (state >>> 2) + a * 8;
			return fast.scanFast(...head, state, a, f32[params]!, f32[params + 1]!, f32[params + 2]!);
		}
		if (kind === SCAN_LISTS.pq) return scans.scanPq(...head, state, a, b, c);
		if (kind === SCAN_LISTS.flatL2) return scans.scanL2(...head, state, a);
		if (kind === SCAN_LISTS.flatIp) return scans.scanIp(...head, state, a);
		if (kind === SCAN_LISTS.sq8L2) return scans.scanSq8L2(...head, state, b, a);
		if (kind === SCAN_LISTS.sq8Ip) return scans.scanSq8Ip(...head, state, f32[(state >>> 2) + b]!, a);
		if (kind === SCAN_LISTS.sq4L2) return sq4.scanSq4L2(...head, state, b, a);
		if (kind === SCAN_LISTS.sq4Ip) return sq4.scanSq4Ip(...head, state, f32[(state >>> 2) + b]!, a);
		if (kind === SCAN_LISTS.rabitq) return rabitq.scanRabitq(...head, state, a, b);
		return half.scanHalf(...head, b, c, state, a);
	}

	return {
		subtractRow(x, n, d, row) {
			const { f32 } = arena;
			for (let i = 0; i < n * d; i++) f32[(x >>> 2) + i] = f32[(x >>> 2) + i]! - f32[(row >>> 2) + (i % d)]!;
		},

		floatPrepare(q, n, d, padded, states, stride) {
			for (let i = 0; i < n; i++) padQuery(q + i * d * 4, d, padded, states + i * stride);
		},

		pqPrepare(q, n, d, m, dsub, nbits, panels, scale, states, stride) {
			for (let i = 0; i < n; i++) {
				const state = states + i * stride;
				const padded = state + m * (4 << nbits);
				padQuery(q + i * d * 4, d, m * dsub, padded);
				pq.pqTable(padded, m, dsub, nbits, panels, scale, state);
			}
		},

		fastPrepare(q, n, d, m, dsub, panels, scale, maxScale, mid, step, work, states, stride) {
			const { f32 } = arena;
			for (let i = 0; i < n; i++) {
				const state = states + i * stride;
				const params = (state >>> 2) + Math.ceil(m / 2) * 8;
				padQuery(q + i * d * 4, d, m * dsub, work + m * 64);
				pq.pqTable(work + m * 64, m, dsub, 4, panels, scale, work);
				const used = fast.fastTables(work, m, maxScale, state, params * 4);
				f32[params + 1] = f32[params + 1]! + f(mid);
				f32[params + 2] = Math.min(32767, Math.floor(used * f(step) * 32768 + 0.5));
			}
		},

		topkInitMany(states, n, stride, k, capacity, filter, filterBits, limit) {
			for (let i = 0; i < n; i++) topk.topkInit(states + i * stride, k, capacity, filter, filterBits, limit);
		},

		topkFinishMany(states, n, stride, k, outDistances, outLabels, counts) {
			for (let i = 0; i < n; i++) {
				const count = topk.topkFinish(states + i * stride, outDistances + i * k * 4, outLabels + i * k * 4);
				arena.u32[(counts >>> 2) + i] = count;
			}
		},

		orderByList(listNos, n, nlist, counts, order) {
			const { u32 } = arena;
			const starts = u32.subarray(counts >>> 2, (counts >>> 2) + nlist + 1).fill(0);
			const cells = u32.subarray(listNos >>> 2, (listNos >>> 2) + n);
			for (const cell of cells) starts[cell + 1] = starts[cell + 1]! + 1;
			for (let cell = 0; cell < nlist; cell++) starts[cell + 1] = starts[cell + 1]! + starts[cell]!;
			for (const [i, cell] of cells.entries()) {
				u32[(order >>> 2) + starts[cell]!] = i;
				starts[cell] = starts[cell]! + 1;
			}
		},

		scanLists(kind, directory, listNos, biases, order, n, nprobe, states, stride, topks, topkStride, tile, a, b, c) {
			let scanned = 0;
			const some = order === 0 ? nprobe : 1;
			for (let t = 0; t < n * nprobe; t += some) {
				const pair = order === 0 ? t : arena.u32[(order >>> 2) + t]!;
				const i = Math.floor(pair / nprobe);
				const bias = biases === 0 ? 0 : biases + pair * 4;
				const head: ScanArgs = [directory, listNos + pair * 4, bias, some, 0, tile, topks + i * topkStride];
				scanned += scanKind(kind, head, states + i * stride, a, b, c);
			}
			return scanned;
		},
	};
}
