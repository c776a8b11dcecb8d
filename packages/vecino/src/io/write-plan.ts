/**
 * What a `.vecino` file of an index will hold: the JSON tree and the sections, in order, as pieces of memory that are
 * looked up when they are copied. Planning allocates next to nothing and copies nothing.
 */

import { VecinoError } from '../errors.ts';
import type { Index } from '../indexes/base.ts';
import { CELL_EF_CONSTRUCTION, CELL_M } from '../indexes/cells.ts';
import { IndexIVFPQFastScan, IndexPQFastScan } from '../indexes/fast-scan.ts';
import { IndexFlat } from '../indexes/flat.ts';
import { IndexHNSW } from '../indexes/hnsw.ts';
import type { HnswGraph } from '../indexes/hnsw-graph.ts';
import { IndexIDMap } from '../indexes/id-map.ts';
import { IndexIVF } from '../indexes/ivf.ts';
import { IndexIVFFlat } from '../indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../indexes/ivf-pq.ts';
import { IndexIVFScalarQuantizer } from '../indexes/ivf-scalar-quantizer.ts';
import { IndexPQ } from '../indexes/pq.ts';
import { IndexPreTransform } from '../indexes/pre-transform.ts';
import { IndexIVFRaBitQ, IndexRaBitQ } from '../indexes/rabitq.ts';
import { IndexRefine } from '../indexes/refine.ts';
import { IndexScalarQuantizer } from '../indexes/scalar-quantizer.ts';
import type { ArrayInvertedLists } from '../invlists/array-lists.ts';
import type { CodeArray } from '../invlists/code-array.ts';
import { codesBytes, termsBytes } from '../invlists/layout.ts';
import type { Arena } from '../kernels/arena.ts';
import type { FastScanQuantizer } from '../quantizers/fast-scan.ts';
import type { ProductQuantizer } from '../quantizers/product.ts';
import { ScalarQuantizer } from '../quantizers/scalar.ts';
import type { ScalarType } from '../quantizers/scalar-types.ts';
import { LinearTransform, type MatrixTransform } from '../transforms/linear.ts';
import { NormalizeTransform } from '../transforms/normalize.ts';
import { OPQTransform } from '../transforms/opq.ts';
import { PCATransform } from '../transforms/pca.ts';
import { RandomRotation } from '../transforms/rotation.ts';
import type { Transform } from '../transforms/transform.ts';
import { crc32c, crc32cCombine } from '../util/crc32c.ts';
import {
	codebookBytes,
	type FlatNode,
	type GraphShape,
	type IndexNode,
	type IVFNode,
	listBytes,
	type NodeBase,
	type RefineNode,
	type SQNode,
	type TransformNode,
} from './index-node.ts';

/** Some bytes: an array of their own, or a range of the arena, whose views do not last. */
export type Piece = Uint8Array | { readonly ptr: number; readonly byteLength: number };

export interface PlannedSection {
	readonly byteLength: number;
	/** The content, afresh each time it is called. */
	pieces(): Iterable<Piece>;
	/** CRC-32C of the content; it yields now and then, for callers that must give way. */
	checksum(): Generator<undefined, number>;
}

export interface FilePlan {
	readonly root: IndexNode;
	readonly sections: readonly PlannedSection[];
}

/** Bytes that a checksum looks at before it yields. */
const SLICE_BYTES = 4 * 2 ** 20;
/** Codebooks are brought into rows in parts of about this many bytes. */
const CODEBOOK_BYTES = 2 ** 18;

/**
 * The plan for an index and those inside it.
 *
 * @throws VecinoError 'unsupported' for kinds of index that no file can hold, and for indexes out of step with those inside.
 */
export function planFile(index: Index): FilePlan {
	const sections: PlannedSection[] = [];
	const { recallTable } = index;
	const root = planNode(index, sections);
	return { root: recallTable === undefined ? root : { ...root, recallTable }, sections };
}

/** The bytes of a piece, for use at once. */
export function bytesOfPiece(arena: Arena, piece: Piece): Uint8Array {
	return piece instanceof Uint8Array ? piece : arena.u8.subarray(piece.ptr, piece.ptr + piece.byteLength);
}

/** Adds the sections of an index and returns its node. The order of keys is that of the file. */
function planNode(index: Index, sections: PlannedSection[]): IndexNode {
	if (index instanceof IndexRefine) return planRefine(index, sections);
	if (index instanceof IndexPreTransform) return planPreTransform(index, sections);
	if (index instanceof IndexIDMap) return planIDMap(index, sections);
	const base = shapeOf(index);
	const { d, isTrained } = base;
	const { arena } = index.engine;
	const add = (section: PlannedSection): number => sections.push(section) - 1;
	if (index instanceof IndexFlat) {
		return {
			type: 'IndexFlat',
			...base,
			sections: { codes: add(planCodes(arena, index.codes)), ...planLive(index, sections) },
		};
	}
	if (index instanceof IndexScalarQuantizer) {
		const { codec, codes, scalarType } = index;
		const numbers = isTrained && {
			...(codec instanceof ScalarQuantizer && { ranges: add(planRanges(arena, codec)) }),
			codes: add(planCodes(arena, codes)),
			...planLive(index, sections),
		};
		return { type: 'IndexScalarQuantizer', ...base, ...quantizerKey(scalarType), sections: { ...numbers } };
	}
	if (index instanceof IndexPQ) {
		const { m, nbits } = index.pq;
		const numbers = isTrained && {
			codebook: add(planCodebook(arena, index.pq)),
			codes: add(planCodes(arena, index.codes)),
			...planLive(index, sections),
		};
		return { type: 'IndexPQ', ...base, m, nbits, sections: { ...numbers } };
	}
	if (index instanceof IndexPQFastScan) {
		const numbers = isTrained && {
			codebook: add(planCodebook(arena, index.pq)),
			codes: add(planCodes(arena, index.codes)),
			...planLive(index, sections),
		};
		return { type: 'IndexPQFastScan', ...base, m: index.pq.m, sections: { ...numbers } };
	}
	if (index instanceof IndexHNSW) return planHNSW(index, sections);
	if (index instanceof IndexRaBitQ) {
		const { nbits, seed } = index.rabitq;
		const centre = (): Piece[] => [bytesOf(index.rabitq.centre)];
		const numbers = isTrained && {
			centre: add(planned(arena, d * 4, centre)),
			codes: add(planCodes(arena, index.codes)),
			...planLive(index, sections),
		};
		return { type: 'IndexRaBitQ', ...base, nbits, seed, sections: { ...numbers } };
	}
	if (index instanceof IndexIVF) return planIVF(index, base, add);
	throw cannotWrite(index);
}

/** What every node says. */
function shapeOf({ d, metric, ntotal, labelEnd, isTrained }: Index): NodeBase {
	return { d, metric, ntotal, ...(labelEnd > ntotal && { labelEnd }), isTrained };
}

/** A bit for each row, where some are dead. */
function planLive(index: Index, sections: PlannedSection[]): { live?: number } {
	const { live, engine } = index;
	if (live === undefined) return {};
	const words = live.words().slice();
	return { live: sections.push(planned(engine.arena, words.byteLength, () => [bytesOf(words)])) - 1 };
}

/** Files of SQ8, the first scalar quantizer there was, have no such key. */
function quantizerKey(type: ScalarType): Pick<SQNode, 'quantizer'> {
	return type === 'sq8' ? {} : { quantizer: type };
}

function cannotWrite(index: Index): VecinoError {
	const hint = index.type === 'IndexShards' ? '; write each of its shards (saveShards)' : '';
	return new VecinoError('unsupported', `an index of type ${index.type} cannot be written to a file${hint}`);
}

function planIVF(index: IndexIVF, shape: NodeBase, add: (section: PlannedSection) => number): IVFNode {
	const { nlist, nprobe, isTrained } = index;
	const { arena } = index.engine;
	const { coarse, cells } = index;
	const { graph: cellGraph } = cells;
	const byGraph = isTrained ? cellGraph !== undefined : coarse === 'hnsw';
	const graph = byGraph
		? planGraph(arena, cellGraph, cellGraph?.M ?? CELL_M, cellGraph?.efConstruction ?? CELL_EF_CONSTRUCTION)
		: undefined;
	const { spread } = index;
	const { fixedCentre } = cells;
	const base = {
		...shape,
		nlist,
		...(graph && { coarse: graph.shape }),
		...(isTrained && { nprobe }),
		...(spread && { spread: [spread.trained, spread.sum, spread.n] as const }),
	};
	const first = (): {
		centroids: number;
		centre?: number;
		coarseLinks?: number;
		coarseSlots?: number;
		coarseUpperLinks?: number;
	} => {
		const centroids = add(planCentroids(arena, index));
		const row = fixedCentre && planned(arena, fixedCentre.byteLength, () => [bytesOf(fixedCentre)]);
		const centre = row && { centre: add(row) };
		if (graph === undefined) return { centroids, ...centre };
		const [coarseLinks, coarseSlots, coarseUpperLinks] = graph.planned.map(add) as [number, number, number];
		return { centroids, ...centre, coarseLinks, coarseSlots, coarseUpperLinks };
	};
	if (index instanceof IndexIVFFlat) {
		const numbers = isTrained && { ...first(), ...planLists(arena, index.lists, add) };
		return { type: 'IndexIVFFlat', ...base, sections: { ...numbers } };
	}
	if (index instanceof IndexIVFScalarQuantizer) {
		const { codec, scalarType } = index;
		const numbers = isTrained && {
			...first(),
			...(codec instanceof ScalarQuantizer && { ranges: add(planRanges(arena, codec)) }),
			...planLists(arena, index.lists, add),
		};
		return { type: 'IndexIVFScalarQuantizer', ...base, ...quantizerKey(scalarType), sections: { ...numbers } };
	}
	if (index instanceof IndexIVFRaBitQ) {
		const { nbits, seed } = index.rabitq;
		const numbers = isTrained && { ...first(), ...planLists(arena, index.lists, add) };
		return { type: 'IndexIVFRaBitQ', ...base, nbits, seed, sections: { ...numbers } };
	}
	if (!(index instanceof IndexIVFPQ || index instanceof IndexIVFPQFastScan)) throw cannotWrite(index);
	const { m, nbits } = index.pq;
	const numbers = isTrained && {
		...first(),
		codebook: add(planCodebook(arena, index.pq)),
		...planLists(arena, index.lists, add),
	};
	const { byResidual } = index;
	if (index instanceof IndexIVFPQ)
		return { type: 'IndexIVFPQ', ...base, m, nbits, byResidual, sections: { ...numbers } };
	const terms = isTrained && index.cells.hasTerms && { terms: (index.codec as FastScanQuantizer).termRange };
	return { type: 'IndexIVFPQFastScan', ...base, m, byResidual, ...terms, sections: { ...numbers } };
}

function planHNSW(index: IndexHNSW, sections: PlannedSection[]): IndexNode {
	const { isTrained, M, efConstruction, linked, engine, storage } = index;
	checkInStep(index, 'linked', linked?.n ?? 0);
	checkInStep(index, 'stored', storage.ntotal);
	const { shape, planned } = planGraph(engine.arena, linked, M, efConstruction);
	const [links, slots, upperLinks] = planned.map((section) => (isTrained ? sections.push(section) - 1 : -1));
	const live = planLive(index, sections);
	const numbers = isTrained && { links: links!, slots: slots!, upperLinks: upperLinks!, ...live };
	const node = { ...shapeOf(index), ...shape, sections: { ...numbers } };
	return { type: 'IndexHNSW', ...node, storage: planNode(storage, sections) as FlatNode | SQNode };
}

/** A graph, if there is one: what it is, and its links, slots and upper links. */
function planGraph(
	arena: Arena,
	graph: HnswGraph | undefined,
	M: number,
	efConstruction: number,
): { shape: GraphShape; planned: PlannedSection[] } {
	const slots = graph?.slots ?? 0;
	const rows = new Uint32Array(2 * slots);
	let upperLists = 0;
	for (let slot = 0; slot < slots; slot++) {
		const { row, level } = graph!.slot(slot);
		rows.set([row, level], 2 * slot);
		upperLists += level;
	}
	const shape = { M, efConstruction, slots, upperLists };
	const links = planned(arena, (graph?.n ?? 0) * 8 * M, function* () {
		for (const { ptr, n } of graph?.links.segments() ?? []) yield { ptr, byteLength: n * 8 * M };
	});
	const upperLinks = planned(arena, upperLists * 4 * M, function* () {
		for (let slot = 0; slot < slots; slot++) {
			const { record, level } = graph!.slot(slot);
			yield { ptr: record + 4, byteLength: level * 4 * M };
		}
	});
	return { shape, planned: [links, planned(arena, rows.byteLength, () => [bytesOf(rows)]), upperLinks] };
}
/** What a file can hold as the store of an IndexRefine. */
const STORES = [IndexFlat, IndexScalarQuantizer, IndexPQ];

function planRefine(index: IndexRefine, sections: PlannedSection[]): IndexNode {
	const { kFactor } = index;
	checkInStep(index, 'stored', index.refine.ntotal);
	const base = planNode(index.base, sections);
	if (!STORES.some((kind) => index.refine instanceof kind)) throw cannotWrite(index.refine);
	const refine = planNode(index.refine, sections) as RefineNode['refine'];
	return { type: 'IndexRefine', ...shapeOf(index), kFactor, base, refine };
}

function planPreTransform(index: IndexPreTransform, sections: PlannedSection[]): IndexNode {
	const transforms = index.transforms.map((transform) => planTransform(transform, sections));
	const inner = planNode(index.index, sections);
	return { type: 'IndexPreTransform', ...shapeOf(index), transforms, index: inner };
}

function planTransform(transform: Transform, sections: PlannedSection[]): TransformNode {
	const { dIn, dOut, isTrained } = transform;
	const { arena } = transform.engine;
	const base = { dIn, dOut, isTrained };
	const matrix = (from: MatrixTransform) => isTrained && { matrix: sections.push(planMatrix(arena, from)) - 1 };
	/** A few float32 values. */
	const row = (byteLength: number, values: () => Float32Array): number =>
		sections.push(planned(arena, byteLength, () => [bytesOf(values())])) - 1;
	if (transform instanceof LinearTransform) {
		const numbers = isTrained && { ...matrix(transform), bias: row(4 * dOut, () => transform.bias) };
		return { type: 'LinearTransform', ...base, isOrthonormal: transform.isReversible, sections: { ...numbers } };
	}
	if (transform instanceof PCATransform) {
		const { eigenPower, randomRotation } = transform;
		const numbers = isTrained && {
			...matrix(transform),
			mean: row(4 * dIn, () => transform.mean),
			variances: row(4 * dIn, () => transform.variances),
		};
		return { type: 'PCATransform', ...base, eigenPower, randomRotation, sections: { ...numbers } };
	}
	if (transform instanceof RandomRotation) {
		return { type: 'RandomRotation', ...base, seed: transform.seed, sections: { ...matrix(transform) } };
	}
	if (transform instanceof OPQTransform) {
		const { m, nbits, niter } = transform;
		return { type: 'OPQTransform', ...base, m, nbits, niter, sections: { ...matrix(transform) } };
	}
	if (transform instanceof NormalizeTransform) return { type: 'NormalizeTransform', ...base };
	throw new VecinoError('unsupported', `a transform of type ${transform.type} cannot be written to a file`);
}

/** Layout (dOut, dIn), float32, brought into rows in parts. */
function planMatrix(arena: Arena, transform: MatrixTransform): PlannedSection {
	const { dIn, dOut } = transform;
	const rows = Math.max(1, Math.floor(CODEBOOK_BYTES / (4 * dIn)));
	return planned(arena, 4 * dOut * dIn, function* () {
		for (let first = 0; first < dOut; first += rows) {
			yield bytesOf(transform.matrixRows(first, Math.min(rows, dOut - first)));
		}
	});
}

function planIDMap(index: IndexIDMap, sections: PlannedSection[]): IndexNode {
	const { table, engine } = index;
	checkInStep(index, 'ids', table.n, table.n - table.freeCount);
	const ids = (): Piece[] => [bytesOf(table.ids)];
	const numbers = { ids: sections.push(planned(engine.arena, table.n * 8, ids)) - 1 };
	const free = table.freeCount > 0 && { free: table.free };
	const inner = planNode(index.index, sections);
	return { type: 'IndexIDMap', ...shapeOf(index), ...free, sections: numbers, index: inner };
}

/** Somebody may have added to the index inside, or removed from it. */
function checkInStep(index: Index, what: string, rows: number, live?: number): void {
	if (index.labelEnd === rows && (live ?? index.ntotal) === index.ntotal) return;
	const found = `${index.ntotal} vectors in ${index.labelEnd} rows, ${live ?? rows} ${what}`;
	const message = `${index.type}: the index inside was changed behind its back (${found})`;
	throw new VecinoError('unsupported', message);
}

function planned(arena: Arena, byteLength: number, pieces: () => Iterable<Piece>): PlannedSection {
	return { byteLength, pieces, checksum: () => checksumOf(arena, pieces()) };
}

function* checksumOf(arena: Arena, pieces: Iterable<Piece>): Generator<undefined, number> {
	let crc = 0;
	let slice = 0;
	for (const piece of pieces) {
		for (let at = 0; at < piece.byteLength; at += SLICE_BYTES) {
			const end = Math.min(piece.byteLength, at + SLICE_BYTES);
			crc = crc32c(bytesOfPiece(arena, piece), crc, at, end);
			slice += end - at;
			if (slice < SLICE_BYTES) continue;
			slice = 0;
			yield;
		}
	}
	return crc;
}

function planCodes(arena: Arena, codes: CodeArray): PlannedSection {
	return planned(arena, codesBytes(codes.layout, codes.n), function* () {
		for (const { ptr, n } of codes.segments()) yield { ptr, byteLength: codesBytes(codes.layout, n) };
	});
}

/** Layout (m, ksub, dsub), float32. */
function planCodebook(arena: Arena, pq: ProductQuantizer): PlannedSection {
	const { d, m, nbits, ksub, dsub } = pq;
	const rows = Math.ceil(CODEBOOK_BYTES / (4 * dsub) / 8) * 8;
	return planned(arena, codebookBytes(d, m, nbits), function* () {
		for (let first = 0; first < m * ksub; first += rows) {
			yield bytesOf(pq.codebookRows(first, Math.min(rows, m * ksub - first)));
		}
	});
}

/** d smallest values, then d steps, float32. */
function planRanges(arena: Arena, quantizer: ScalarQuantizer): PlannedSection {
	return planned(arena, quantizer.d * 8, () => {
		const { mins, steps } = quantizer.range;
		return [bytesOf(mins), bytesOf(steps)];
	});
}

/** Layout (nlist, d), float32. */
function planCentroids(arena: Arena, index: IndexIVF): PlannedSection {
	const byteLength = index.nlist * index.d * 4;
	return planned(arena, byteLength, () => [{ ptr: index.quantizer.codes.at(0), byteLength }]);
}

/**
 * The lists, and before them their directory: size and CRC-32C of each. The directory is made when its checksum is
 * asked for; the checksum of the lists then follows from it, so that every byte of them is looked at once.
 */
function planLists(
	arena: Arena,
	lists: ArrayInvertedLists,
	add: (section: PlannedSection) => number,
): { directory: number; lists: number } {
	const { nlist, layout } = lists;
	const directory = new Uint32Array(2 * nlist);
	let byteLength = 0;
	for (let listNo = 0; listNo < nlist; listNo++) {
		const n = lists.listSize(listNo);
		directory[2 * listNo] = n;
		byteLength += listBytes(n, layout);
	}
	const bytes = bytesOf(directory);
	return {
		directory: add({
			byteLength: bytes.byteLength,
			pieces: () => [bytes],
			*checksum() {
				for (let listNo = 0, slice = 0; listNo < nlist; listNo++) {
					directory[2 * listNo + 1] = yield* checksumOf(arena, listPieces(lists, listNo));
					slice += 64 + listBytes(directory[2 * listNo]!, layout);
					if (slice < SLICE_BYTES) continue;
					slice = 0;
					yield;
				}
				return crc32c(bytes);
			},
		}),
		lists: add({
			byteLength,
			*pieces() {
				for (let listNo = 0; listNo < nlist; listNo++) yield* listPieces(lists, listNo);
			},
			*checksum() {
				let crc = 0;
				for (let listNo = 0; listNo < nlist; listNo++) {
					const n = directory[2 * listNo]!;
					if (n > 0) crc = crc32cCombine(crc, directory[2 * listNo + 1]!, listBytes(n, layout));
					if (listNo % 4096 === 4095) yield;
				}
				return crc;
			},
		}),
	};
}

const ZEROS: Uint8Array<ArrayBuffer> = new Uint8Array(4);

/** Codes padded to 4, terms, labels of one list. */
function listPieces(lists: ArrayInvertedLists, listNo: number): Piece[] {
	const { codes, terms, ids, n } = lists.list(listNo);
	if (n === 0) return [];
	const byteLength = codesBytes(lists.layout, n);
	const pieces: Piece[] = [{ ptr: codes, byteLength }];
	if (byteLength % 4 !== 0) pieces.push(ZEROS.subarray(byteLength % 4));
	if (terms !== 0) pieces.push({ ptr: terms, byteLength: termsBytes(lists.layout, n) });
	pieces.push({ ptr: ids, byteLength: n * 4 });
	return pieces;
}

function bytesOf(values: Float32Array | Float64Array | Uint32Array): Uint8Array {
	return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
