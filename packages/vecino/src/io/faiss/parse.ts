/**
 * FAISS files, first pass: which indexes there are, and where their arrays stand (spec/faiss.md).
 */

import type { Metric } from '../../core/metric.ts';
import type { IndexFlat } from '../../indexes/flat.ts';
import type { IndexFlatCodes } from '../../indexes/flat-codes.ts';
import type { IndexHNSW } from '../../indexes/hnsw.ts';
import type { IndexIVF } from '../../indexes/ivf.ts';
import { MAX_TRANSFORMS } from '../../indexes/pre-transform.ts';
import { MAX_FAST_M } from '../../quantizers/fast-scan.ts';
import type { ProductQuantizer } from '../../quantizers/product.ts';
import { ScalarQuantizer } from '../../quantizers/scalar.ts';
import { type ScalarType, scalarCodec } from '../../quantizers/scalar-types.ts';
import type { IndexNode, IVFNode } from '../index-node.ts';
import type { FloatKind } from '../read-sections.ts';
import type { Reading } from '../reading.ts';
import type { Block, FaissFile } from './file.ts';
import { type FillListsOptions, fillCodebook, fillCodes, fillFastCodes, fillLists } from './fill.ts';
import { fillGraph } from './graph.ts';
import { cannotRead } from './kinds.ts';
import {
	type GraphPart,
	type ListsPart,
	MAX_NLIST,
	type PQPart,
	passDirectMap,
	readGraphPart,
	readListsPart,
	readPQ,
	readShape,
	readSQ,
	type SQPart,
} from './parts.ts';
import { readTransform } from './transforms.ts';
import type { Chain, Fill, Leaf, Parsed, ParsedTransform, Refine, Shape } from './tree.ts';

/** Indexes inside each other. */
const MAX_DEPTH = 8;
const MAX_K_FACTOR = 1e6;

/** The index that begins here. */
export function* parseIndex(file: FaissFile, depth = 1): Reading<Parsed> {
	const start = file.at;
	if (depth > MAX_DEPTH) throw file.unsupported(`indexes are nested more than ${MAX_DEPTH} deep`);
	const code = yield* file.code();
	switch (code) {
		case 'IxFI':
		case 'IxF2':
		case 'IxFl':
			return yield* parseFlat(file, code);
		case 'IxPq':
		case 'IxPo':
		case 'IxPQ':
			return yield* parsePQ(file, code);
		case 'IxSQ':
			return yield* parseSQ(file);
		case 'IPfs':
			return yield* parseFastScan(file);
		case 'IHNf':
		case 'IHNs':
			return yield* parseHNSW(file, depth);
		case 'IwFl':
		case 'IwSq':
		case 'IwSQ':
		case 'IwPQ':
		case 'IwPf':
			return yield* parseIVF(file, code, depth);
		case 'IxPT':
			return yield* parseChain(file, depth);
		case 'IxRF':
			return yield* parseRefine(file, depth);
		case 'IxMp':
		case 'IxM2': {
			const shape = yield* readShape(file);
			const inner = yield* parseIndex(file, depth + 1);
			agree(file, shape, inner, start);
			const ids = yield* file.block('the ids', 8, shape.ntotal);
			return { kind: 'ids', ...shape, metric: inner.metric, ids, inner };
		}
		default:
			throw cannotRead(file.name, code, start);
	}
}

/** An index and what is inside it have as many rows, of the same d. */
function agree(file: FaissFile, outer: Shape, inner: Shape, start: number, d: number = outer.d): void {
	if (inner.d !== d) throw file.fault(`an index of d = ${inner.d} where d is ${d}`, start);
	if (inner.ntotal !== outer.ntotal) {
		throw file.fault(`an index of ${inner.ntotal} rows inside one of ${outer.ntotal}`, start);
	}
}

/** Rows that are distances by other metrics would be misunderstood. */
function sameMetric(file: FaissFile, outer: Shape, inner: Shape, start: number): void {
	if (outer.metric === inner.metric) return;
	throw file.unsupported(`an index by ${inner.metric} inside one by ${outer.metric}; vecino has one metric`, start);
}

function leaf(shape: Shape, node: (metric: Metric) => IndexNode, fill: Fill): Leaf {
	return {
		kind: 'leaf',
		...shape,
		node,
		*fill(index) {
			return shape.isTrained ? yield* fill(index) : undefined;
		},
	};
}

interface FlatLeaf extends Leaf {
	readonly codes: Block;
}

/** Header, vectors. */
function* parseFlat(file: FaissFile, code: string): Reading<FlatLeaf> {
	const start = file.at;
	const shape = yield* readShape(file);
	const own = code === 'IxFI' ? 'ip' : code === 'IxF2' ? 'l2' : shape.metric;
	if (shape.metric !== own) throw file.fault(`a ${code} by ${shape.metric}`, start);
	if (!shape.isTrained) throw file.fault('vectors that are not trained', start);
	const { d, ntotal } = shape;
	const codes = yield* file.block('the vectors', 4, d * ntotal);
	const fill: Fill = function* (index) {
		const flat = index as IndexFlat;
		const after = (): void => flat.followRows(ntotal, ntotal);
		yield* fillCodes(file, index.engine.arena, codes, flat.codes, ntotal, 'f32', after);
		return undefined;
	};
	const node = (metric: Metric): IndexNode => ({ type: 'IndexFlat', ...shape, metric, sections: {} });
	return { ...leaf(shape, node, fill), codes };
}

/** Header, quantizer, codes; then, but in the oldest form, what only other kinds of search use. */
function* parsePQ(file: FaissFile, code: string): Reading<Leaf> {
	let shape = yield* readShape(file);
	// Files of these forms say inner product, and mean L2.
	if (code !== 'IxPq') shape = { ...shape, metric: 'l2' };
	const { m, nbits, codeSize, codebook } = yield* readPQ(file, shape.d);
	const codes = yield* file.block('the codes', 1, shape.ntotal * codeSize);
	if (code !== 'IxPQ') {
		file.pass(1, 4);
		yield* file.bool('encode_signs');
		file.pass(1, 4);
	}
	const fill: Fill = function* (index) {
		const { codec, codes: to, engine } = index as IndexFlatCodes;
		yield* fillCodebook(file, engine.arena, codebook, codec as ProductQuantizer);
		yield* fillCodes(file, engine.arena, codes, to, shape.ntotal);
		return undefined;
	};
	return leaf(shape, (metric) => ({ type: 'IndexPQ', ...shape, metric, m, nbits, sections: {} }), fill);
}

/** Header, quantizer, codes. */
function* parseSQ(file: FaissFile): Reading<Leaf> {
	const shape = yield* readShape(file);
	const part = yield* readSQ(file, shape);
	const codes = yield* file.block('the codes', 1, shape.ntotal * part.codeSize);
	const fill: Fill = function* (index) {
		const { codec, codes: to, engine } = index as IndexFlatCodes;
		setRanges(codec, part);
		yield* fillCodes(file, engine.arena, codes, to, shape.ntotal, floatsOf(part.type));
		return undefined;
	};
	const node = (metric: Metric): IndexNode => {
		return { type: 'IndexScalarQuantizer', ...shape, metric, ...quantizerKey(part.type), sections: {} };
	};
	return leaf(shape, node, fill);
}

function setRanges(codec: unknown, { mins, steps }: SQPart): void {
	if (codec instanceof ScalarQuantizer && mins !== undefined) codec.setRange(mins, steps!);
}

function floatsOf(type: ScalarType): FloatKind | undefined {
	return type === 'f16' || type === 'bf16' ? type : undefined;
}

function quantizerKey(type: ScalarType): { quantizer?: Exclude<ScalarType, 'sq8'> } {
	return type === 'sq8' ? {} : { quantizer: type };
}

/** Header, quantizer, implem, bbs, qbs, ntotal2, M2, codes in blocks of bbs. */
function* parseFastScan(file: FaissFile): Reading<Leaf> {
	const shape = yield* readShape(file);
	const pq = yield* readPQ(file, shape.d);
	const m = fastM(file, pq);
	file.pass(1, 4);
	const bbs = yield* readBbs(file);
	file.pass(1, 4);
	const ntotal2 = Math.ceil(shape.ntotal / bbs) * bbs;
	yield* file.size('ntotal2', ntotal2, ntotal2);
	yield* file.size('M2', 2 * pq.codeSize, 2 * pq.codeSize);
	const codes = yield* file.block('the codes', 1, ntotal2 * pq.codeSize);
	const fill: Fill = function* (index) {
		const { codes: to, engine } = index as IndexFlatCodes;
		yield* fillCodebook(file, engine.arena, pq.codebook, (index as unknown as { pq: ProductQuantizer }).pq);
		yield* fillFastCodes(file, engine.arena, codes, bbs, m, to, shape.ntotal);
		return undefined;
	};
	return leaf(shape, (metric) => ({ type: 'IndexPQFastScan', ...shape, metric, m, sections: {} }), fill);
}

function fastM(file: FaissFile, { m, nbits }: PQPart): number {
	if (nbits !== 4) throw file.fault(`fast-scan codes of ${nbits} bits`);
	if (m > MAX_FAST_M) throw file.unsupported(`fast-scan codes of M = ${m}; vecino has ${MAX_FAST_M}`);
	return m;
}

function* readBbs(file: FaissFile): Reading<number> {
	const bbs = yield* file.i32();
	if (bbs >= 32 && bbs % 32 === 0 && bbs <= 65536) return bbs;
	throw file.fault(`blocks of ${bbs} codes`, file.at - 4);
}

/** Header, graph, storage. */
function* parseHNSW(file: FaissFile, depth: number): Reading<Leaf> {
	const start = file.at;
	const shape = yield* readShape(file);
	const { ntotal } = shape;
	if (ntotal >= 2 ** 31) throw file.fault(`a graph over ${ntotal} rows`, start);
	const graph = yield* readGraphPart(file, ntotal);
	const storage = yield* parseStorage(file, shape, depth, start);
	const stored = storage.node(shape.metric);
	if (stored.type !== 'IndexFlat' && (stored.type !== 'IndexScalarQuantizer' || stored.quantizer !== undefined)) {
		throw file.unsupported(`an HNSW graph over another index than IndexFlat or 8-bit IndexScalarQuantizer`, start);
	}
	const node = (metric: Metric): IndexNode => ({
		type: 'IndexHNSW',
		...shape,
		isTrained: storage.isTrained,
		metric,
		...graphShape(graph),
		sections: {},
		storage: { ...stored, metric },
	});
	const fill: Fill = function* (index) {
		const { engine, graph: to, storage: inner } = index as IndexHNSW;
		yield* fillGraph(file, engine.arena, graph, to);
		yield* storage.fill(inner);
		to.finish();
		return undefined;
	};
	return leaf({ ...shape, isTrained: storage.isTrained }, node, fill);
}

function* parseStorage(file: FaissFile, shape: Shape, depth: number, start: number): Reading<Leaf> {
	const storage = yield* parseIndex(file, depth + 1);
	agree(file, shape, storage, start);
	sameMetric(file, shape, storage, start);
	if (storage.kind === 'leaf') return storage;
	throw file.unsupported('an HNSW graph over another index than IndexFlat or 8-bit IndexScalarQuantizer', start);
}

/** The counts are those of the graph once it is read. */
function graphShape({ M, efConstruction }: GraphPart) {
	return { M, efConstruction, slots: 0, upperLists: 0 };
}

interface Coarse {
	readonly centroids: Block;
	readonly graph: GraphPart | undefined;
}

/** The index that ranks cells: IndexFlat, or a graph over one. Its vectors are the centroids. */
function* parseCoarse(file: FaissFile, shape: Shape, nlist: number, depth: number): Reading<Coarse> {
	const start = file.at;
	const code = yield* file.code();
	let graph: GraphPart | undefined;
	let found: Shape;
	let flat: FlatLeaf;
	if (code === 'IHNf') {
		found = yield* readShape(file);
		if (found.ntotal > MAX_NLIST) throw file.fault(`${found.ntotal} cells`, start);
		graph = yield* readGraphPart(file, found.ntotal);
		const inside = yield* file.code();
		if (!isFlat(inside)) throw file.unsupported(`cells ranked by a graph over ${JSON.stringify(inside)}`, start);
		flat = yield* parseFlat(file, inside);
		agree(file, found, flat, start);
		sameMetric(file, found, flat, start);
	} else if (isFlat(code)) {
		flat = yield* parseFlat(file, code);
		found = flat;
	} else {
		// What it is instead, in the words of the error for it.
		file.at = start;
		const other = yield* parseIndex(file, depth + 1);
		throw file.unsupported(
			`cells ranked by ${other.kind === 'leaf' ? other.node('l2').type : 'a chain'} (${code})`,
			start,
		);
	}
	if (found.d !== shape.d) throw file.fault(`centroids of d = ${found.d} where d is ${shape.d}`, start);
	if (shape.isTrained && flat.ntotal !== nlist) throw file.fault(`${flat.ntotal} centroids of ${nlist} cells`, start);
	if (found.metric !== shape.metric) {
		const message = `cells ranked by ${found.metric} in an index by ${shape.metric}; vecino ranks them by the metric of the index`;
		throw file.unsupported(message, start);
	}
	return { centroids: flat.codes, graph };
}

function isFlat(code: string): boolean {
	return code === 'IxFI' || code === 'IxF2' || code === 'IxFl';
}

/** What the kinds with cells have beside cells and lists. */
interface CellCodes {
	readonly byResidual: boolean;
	readonly codeSize: number;
	readonly pq?: PQPart;
	readonly sq?: SQPart;
	readonly bbs?: number;
}

/** Header, nlist, nprobe, coarse quantizer, direct map, then by kind: quantizer, lists. */
function* parseIVF(file: FaissFile, code: string, depth: number): Reading<Leaf> {
	const start = file.at;
	const shape = yield* readShape(file);
	const nlist = yield* file.size('nlist', 1);
	if (nlist > MAX_NLIST) throw file.unsupported(`nlist = ${nlist}; vecino has ${MAX_NLIST}`, start);
	const nprobe = Math.min(nlist, yield* file.size('nprobe', 1));
	const { centroids, graph } = yield* parseCoarse(file, shape, nlist, depth);
	yield* passDirectMap(file);
	const codes = yield* readCellCodes(file, code, shape);
	const lists = yield* readListsPart(file, shape, nlist, codes.codeSize, codes.bbs);
	const coarse = graph && { coarse: graphShape(graph) };
	const base = { ...shape, nlist, ...(shape.isTrained && { nprobe }), ...coarse, sections: {} };
	const node = (metric: Metric): IndexNode => ({ ...base, metric, ...typeOf(codes) }) as IVFNode;
	return leaf(shape, node, (index) =>
		fillIVF(file, index as IndexIVF, { nlist, nprobe, centroids, graph, codes, lists }),
	);
}

function* readCellCodes(file: FaissFile, code: string, shape: Shape): Reading<CellCodes> {
	const { d } = shape;
	if (code === 'IwFl') return { byResidual: false, codeSize: 4 * d };
	if (code === 'IwSq' || code === 'IwSQ') {
		const sq = yield* readSQ(file, shape);
		yield* file.size('the code size', sq.codeSize, sq.codeSize);
		const byResidual = code === 'IwSQ' || (yield* file.bool('by_residual'));
		return { byResidual, codeSize: sq.codeSize, sq };
	}
	const byResidual = yield* file.bool('by_residual');
	const at = file.at;
	const codeSize = yield* file.size('the code size');
	if (code === 'IwPQ') {
		const pq = yield* readPQ(file, d);
		if (codeSize !== pq.codeSize) throw file.fault(`codes of ${codeSize} bytes, not ${pq.codeSize}`, at);
		return { byResidual, codeSize, pq };
	}
	const bbs = yield* readBbs(file);
	const m2 = yield* file.size('M2');
	// implem, qbs2: how to search.
	file.pass(3, 4);
	const pq = yield* readPQ(file, d);
	fastM(file, pq);
	if (m2 !== 2 * pq.codeSize) throw file.fault(`M2 = ${m2}, not ${2 * pq.codeSize}`, at);
	return { byResidual, codeSize: pq.codeSize, pq, bbs };
}

/** Codes of residuals by scalar quantization are not among vecino's: the vectors they stand for are kept. */
function typeOf({ byResidual, pq, sq, bbs }: CellCodes): object {
	if (bbs !== undefined) return { type: 'IndexIVFPQFastScan', m: pq!.m, byResidual };
	if (pq !== undefined) return { type: 'IndexIVFPQ', m: pq.m, nbits: pq.nbits, byResidual };
	if (sq === undefined || byResidual) return { type: 'IndexIVFFlat' };
	return { type: 'IndexIVFScalarQuantizer', ...quantizerKey(sq.type) };
}

interface IVFContent {
	readonly nlist: number;
	readonly nprobe: number;
	readonly centroids: Block;
	readonly graph: GraphPart | undefined;
	readonly codes: CellCodes;
	readonly lists: ListsPart;
}

function* fillIVF(
	file: FaissFile,
	index: IndexIVF,
	{ nlist, nprobe, centroids, graph, codes, lists }: IVFContent,
): Reading<Float64Array<ArrayBuffer> | undefined> {
	const { arena } = index.engine;
	const ntotal = lists.entries.reduce((sum, { n }) => sum + n, 0);
	yield* file.intoArena(arena, centroids, index.makeTrained(nlist, nprobe), 'f32');
	if (graph !== undefined) {
		const to = index.makeCellGraph(graph.M, graph.efConstruction);
		yield* fillGraph(file, arena, graph, to);
		to.finish();
	}
	const { pq, sq, bbs, byResidual } = codes;
	if (pq !== undefined)
		yield* fillCodebook(file, arena, pq.codebook, (index as unknown as { pq: ProductQuantizer }).pq);
	const decode = sq !== undefined && byResidual ? scalarCodec(index.engine, index.d, sq.type) : undefined;
	try {
		if (sq !== undefined) setRanges(decode ?? index.codec, sq);
		const floats = sq === undefined ? (pq === undefined ? 'f32' : undefined) : floatsOf(sq.type);
		const options: FillListsOptions = { floats, decode, fastM: bbs === undefined ? undefined : pq!.m };
		const own = yield* fillLists(file, index, lists, ntotal, options);
		index.setTotal(ntotal);
		return own;
	} finally {
		decode?.[Symbol.dispose]();
	}
}

/** Header, transforms, index. */
function* parseChain(file: FaissFile, depth: number): Reading<Parsed> {
	const start = file.at;
	const shape = yield* readShape(file);
	const count = yield* file.i32();
	if (count < 0) throw file.fault(`${count} transforms`, file.at - 4);
	if (count > MAX_TRANSFORMS + 2) throw file.unsupported(`${count} transforms; vecino has ${MAX_TRANSFORMS}`, start);
	const transforms: ParsedTransform[] = [];
	let { d } = shape;
	for (let i = 0; i < count; i++) {
		const at = file.at;
		const one = yield* readTransform(file);
		if (one.node.dIn !== d) throw file.fault(`a transform of ${one.node.dIn} values where ${d} come`, at);
		d = one.node.dOut;
		transforms.push(one);
	}
	const inner = yield* parseIndex(file, depth + 1);
	agree(file, shape, inner, start, d);
	const { metric, isTrained } = inner;
	const chain: Chain = { kind: 'chain', ...shape, metric, isTrained, transforms, inner };
	return chain;
}

/** Header, base, store, k_factor. */
function* parseRefine(file: FaissFile, depth: number): Reading<Refine> {
	const start = file.at;
	const shape = yield* readShape(file);
	const base = yield* parseIndex(file, depth + 1);
	const store = yield* parseIndex(file, depth + 1);
	const at = file.at;
	const kFactor = yield* file.f32();
	if (!(kFactor >= 1 && kFactor <= MAX_K_FACTOR)) throw file.fault(`k_factor = ${kFactor}`, at);
	for (const inner of [base, store]) {
		agree(file, shape, inner, start);
		sameMetric(file, base, inner, start);
	}
	const kind = store.kind === 'leaf' ? store.node('l2').type : store.kind;
	if (store.kind !== 'leaf' || !['IndexFlat', 'IndexPQ', 'IndexScalarQuantizer'].includes(kind)) {
		throw file.unsupported(
			`candidates re-ranked by ${kind}; vecino has IndexFlat, IndexPQ, IndexScalarQuantizer`,
			start,
		);
	}
	return { kind: 'refine', ...shape, metric: base.metric, kFactor, base, store };
}
