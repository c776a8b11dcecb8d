/**
 * Indexes of FAISS files with cells.
 */

import type { Metric } from '../../core/metric.ts';
import type { IndexIVF } from '../../indexes/ivf.ts';
import type { ProductQuantizer } from '../../quantizers/product.ts';
import { scalarCodec } from '../../quantizers/scalar-types.ts';
import type { IndexNode, IVFNode } from '../index-node.ts';
import type { Reading } from '../reading.ts';
import type { Block, FaissFile } from './file.ts';
import { type FillListsOptions, fillCodebook, fillLists } from './fill.ts';
import { fillGraph } from './graph.ts';
import { cannotRead, faissClass } from './kinds.ts';
import {
	agree,
	type FlatLeaf,
	fastM,
	floatsOf,
	graphShape,
	isFlat,
	leaf,
	parseFlat,
	quantizerKey,
	readBbs,
	sameMetric,
	setRanges,
} from './parse-rows.ts';
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
import type { Leaf, Shape } from './tree.ts';

interface Coarse {
	readonly centroids: Block;
	readonly graph: GraphPart | undefined;
}

/** The index that ranks cells: IndexFlat, or a graph over one. Its vectors are the centroids. */
function* parseCoarse(file: FaissFile, shape: Shape, nlist: number): Reading<Coarse> {
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
		const known = faissClass(code);
		if (known === undefined) throw cannotRead(file.name, code, start);
		throw file.unsupported(`cells ranked by an ${known} (${code}); vecino has IndexFlat and IndexHNSWFlat`, start);
	}
	if (found.d !== shape.d) throw file.fault(`centroids of d = ${found.d} where d is ${shape.d}`, start);
	if (shape.isTrained && flat.ntotal !== nlist) throw file.fault(`${flat.ntotal} centroids of ${nlist} cells`, start);
	if (found.metric !== shape.metric) {
		const message = `cells ranked by ${found.metric} in an index by ${shape.metric}; vecino ranks them by the metric of the index`;
		throw file.unsupported(message, start);
	}
	return { centroids: flat.codes, graph };
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
export function* parseIVF(file: FaissFile, code: string): Reading<Leaf> {
	const start = file.at;
	const shape = yield* readShape(file);
	const nlist = yield* file.size('nlist', 1);
	if (nlist > MAX_NLIST) throw file.unsupported(`nlist = ${nlist}; vecino has ${MAX_NLIST}`, start);
	const nprobe = Math.min(nlist, yield* file.size('nprobe', 1));
	const { centroids, graph } = yield* parseCoarse(file, shape, nlist);
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
	yield* file.intoArena(arena, centroids, index.cells.makeTrained(nlist, nprobe), 'f32');
	if (graph !== undefined) {
		const to = index.cells.makeGraph(graph.M, graph.efConstruction);
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
		index.rows.setTotal(ntotal);
		return own;
	} finally {
		decode?.[Symbol.dispose]();
	}
}
