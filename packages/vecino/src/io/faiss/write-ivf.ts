import { IndexIVFPQFastScan } from '../../indexes/fast-scan.ts';
import { IndexFlat } from '../../indexes/flat.ts';
import type { IndexIVF } from '../../indexes/ivf.ts';
import { IndexIVFFlat } from '../../indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../indexes/ivf-pq.ts';
import { IndexIVFScalarQuantizer } from '../../indexes/ivf-scalar-quantizer.ts';
import { GROUP } from './fast-blocks.ts';
import { type FaissOut, int64Bytes } from './out.ts';
import { blocks, cannotWrite, putFlat, putGraph, putHeader, putPQ, putSQ, wideD } from './write-parts.ts';

export function putIVF(out: FaissOut, index: IndexIVF): void {
	if (index instanceof IndexIVFFlat) {
		putCells(out, 'IwFl', index);
		putLists(out, index);
	} else if (index instanceof IndexIVFScalarQuantizer) {
		putCells(out, 'IwSq', index);
		putSQ(out, index.scalarType, index.codec);
		out.size(index.codeSize);
		out.bool(false);
		putLists(out, index);
	} else if (index instanceof IndexIVFPQ) {
		putCells(out, 'IwPQ', index);
		out.bool(index.byResidual);
		out.size(index.codeSize);
		putPQ(out, index.pq);
		putLists(out, index);
	} else if (index instanceof IndexIVFPQFastScan) {
		putCells(out, 'IwPf', index);
		out.bool(index.byResidual);
		out.size(index.codeSize);
		// bbs; M2; implem; qbs2.
		out.i32(GROUP);
		out.size(2 * index.codeSize);
		out.i32(0);
		out.size(0);
		putPQ(out, index.pq);
		putBlockLists(out, index);
	} else {
		throw cannotWrite(index.type);
	}
}

/** Header, nlist, nprobe, coarse quantizer, no direct map. */
function putCells(out: FaissOut, code: string, index: IndexIVF): void {
	const { nlist, nprobe, isTrained, cells, coarse, d, engine } = index;
	const { graph: cellGraph } = cells;
	const wide = wideD(index);
	putHeader(out, code, index, wide);
	out.size(nlist, nprobe);
	const byGraph = isTrained ? cellGraph !== undefined : coarse === 'hnsw';
	using empty = isTrained ? undefined : new IndexFlat({ d, metric: index.metric === 'l2' ? 'l2' : 'ip', engine });
	const centroids = empty ?? index.quantizer;
	if (byGraph) {
		putHeader(out, 'IHNf', centroids, wide);
		putGraph(out, engine.arena, cellGraph, cellGraph?.M ?? 32, cellGraph?.efConstruction ?? 64);
	}
	putFlat(out, centroids, wide);
	// No direct map: type, array.
	out.bool(false);
	out.size(0);
}

/** nlist, code_size, sizes, then codes and ids of each list. */
function putLists(out: FaissOut, index: IndexIVF): void {
	const { isTrained, nlist, codeSize, engine } = index;
	const lists = isTrained ? index.lists : undefined;
	out.code('ilar');
	out.size(nlist, codeSize);
	out.code('full');
	const sizes = Float64Array.from({ length: nlist }, (_, listNo) => lists?.listSize(listNo) ?? 0);
	out.array(nlist, 8 * nlist, () => [int64Bytes(sizes)]);
	out.data(index.ntotal * (codeSize + 8), function* () {
		for (let listNo = 0; listNo < nlist; listNo++) {
			const { codes, ids, n } = lists!.list(listNo);
			if (n === 0) continue;
			yield { ptr: codes, byteLength: n * codeSize };
			yield int64Bytes(engine.arena.u32.subarray(ids >>> 2, (ids >>> 2) + n));
		}
	});
}

/** nlist, no code_size, codes and bytes of a block, then ids and blocks of each list. */
function putBlockLists(out: FaissOut, index: IndexIVF): void {
	const { isTrained, nlist, codeSize, engine } = index;
	const lists = isTrained ? index.lists : undefined;
	const { arena } = engine;
	out.code('ilbl');
	out.size(nlist, -1n, GROUP, GROUP * codeSize);
	let byteLength = 16 * nlist;
	for (let listNo = 0; listNo < nlist; listNo++) {
		const n = lists?.listSize(listNo) ?? 0;
		byteLength += 8 * n + Math.ceil(n / GROUP) * GROUP * codeSize;
	}
	out.data(byteLength, function* () {
		for (let listNo = 0; listNo < nlist; listNo++) {
			const { codes, ids, n } = lists?.list(listNo) ?? { codes: 0, ids: 0, n: 0 };
			yield int64Bytes([n]);
			yield int64Bytes(arena.u32.subarray(ids >>> 2, (ids >>> 2) + n));
			const bytes = Math.ceil(n / GROUP) * GROUP * codeSize;
			yield int64Bytes([bytes]);
			yield* blocks(arena, n === 0 ? [] : [{ ptr: codes, byteLength: bytes }]);
		}
	});
}
